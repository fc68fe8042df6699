//! Plans for several memories.

use super::super::items::{self, Place};
use super::{Header, comment, string};
use crate::{Graph, LiveRange, Occupant, PoolPlan, Route, TensorId, Use};

/// Pools, places of tensors and workspaces, copies, and the order to run in.
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    let mut header = Header::new(graph.name());
    let (tensors, workspaces) = items::places(graph, plan);
    header.begin_pools(graph, plan);
    header.tensor_places(&tensors);
    header.scratch_places(&workspaces);
    header.transfers(&plan.routes());
    header.uses(&plan.uses);
    header.order(&plan.order);
    header.end()
}

/// What the start of a pool must be a multiple of.
fn alignment(graph: &Graph, plan: &PoolPlan, pool: usize) -> u64 {
    let own = plan.pools.list()[pool].alignment.max(plan.alignment);
    let there = plan.stays.iter().filter(|stay| stay.pool.index() == pool);
    let asked = there.filter_map(|stay| match stay.occupant {
        Occupant::Tensor(id) => graph.tensors().get(id.index())?.alignment(),
        Occupant::Scratch(_) => None,
    });
    asked.fold(own, u64::max)
}

impl Header {
    fn begin_pools(&mut self, graph: &Graph, plan: &PoolPlan) {
        let model = comment(&self.model);
        self.line(format!("/* Memory plan of {model}, made by plimsoll. Offsets count from the start of"));
        self.line(" * each pool, in bytes; the pools themselves must be aligned as said below. Steps count");
        self.line(" * operators in the order to run, from 0; those from `start` up to and without `end`. */");
        self.guard();
        self.define("POOL_COUNT", plan.pools.list().len().to_string());
        self.define("HOME", format!("{}U", plan.pools.home_id()));
        self.define("INPUTS_IN", format!("{}U", plan.pools.inputs_in()));
        self.define("OUTPUTS_IN", format!("{}U", plan.pools.outputs_in()));
        let mut rows = Vec::new();
        for (number, pool) in plan.pools.list().iter().enumerate() {
            let (used, alignment) =
                (plan.used.get(number).copied().unwrap_or(0), alignment(graph, plan, number));
            self.define(&format!("POOL_{number}_BYTES"), format!("{used}ULL"));
            self.define(&format!("POOL_{number}_ALIGNMENT"), format!("{alignment}ULL"));
            rows.push(format!("{{{}, {used}ULL, {alignment}ULL}}", string(pool.name())));
        }
        self.unused();
        self.line("\n/* Pools by number, fast ones first: what is used of them, not what there is. */");
        self.structure("pool", &["const char *name", "uint64_t bytes", "uint64_t alignment"]);
        let element = format!("struct {}_pool", self.lower);
        self.table(&element, "pools", "POOL_COUNT", rows.into_iter(), "{0, 0ULL, 0ULL}");
    }

    fn tensor_places(&mut self, places: &[Place]) {
        self.line("\n/* Places of tensors, by tensor, pool and time. `index` is the tensor's number in the model. */");
        self.define("PLACE_COUNT", places.len().to_string());
        self.structure(
            "place",
            &[
                "uint32_t index",
                "const char *name",
                "uint32_t pool",
                "uint64_t offset",
                "uint64_t bytes",
                "uint32_t start",
                "uint32_t end",
            ],
        );
        let rows =
            places.iter().map(|one| format!("{{{}U, {}, {}}}", one.index, string(&one.name), columns(one)));
        let element = format!("struct {}_place", self.lower);
        self.table(&element, "places", "PLACE_COUNT", rows, "{0xFFFFFFFFU, 0, 0U, 0ULL, 0ULL, 0U, 0U}");
    }

    fn scratch_places(&mut self, places: &[Place]) {
        self.line("\n/* Workspaces, each in use only while its operator runs. */");
        self.define("SCRATCH_COUNT", places.len().to_string());
        self.structure(
            "scratch",
            &[
                "uint32_t operator_index",
                "uint32_t pool",
                "uint64_t offset",
                "uint64_t bytes",
                "uint32_t start",
                "uint32_t end",
            ],
        );
        let rows = places.iter().map(|one| format!("{{{}U, {}}}", one.index, columns(one)));
        let element = format!("struct {}_scratch", self.lower);
        self.table(&element, "scratches", "SCRATCH_COUNT", rows, "{0xFFFFFFFFU, 0U, 0ULL, 0ULL, 0U, 0U}");
    }

    fn transfers(&mut self, routes: &[Route]) {
        self.line(
            "\n/* Copies in the order to do them: from the start of `step` on, done before the operator of",
        );
        self.line(
            " * `due`; those that are `late` after all others of the same `due`. `due` may be the number",
        );
        self.line(" * of steps: after the last operator. */");
        self.define("TRANSFER_COUNT", routes.len().to_string());
        self.structure(
            "transfer",
            &[
                "uint32_t index",
                "uint32_t step",
                "uint32_t due",
                "uint32_t late",
                "uint32_t from",
                "uint32_t to",
                "uint64_t from_offset",
                "uint64_t to_offset",
                "uint64_t bytes",
            ],
        );
        let rows = routes.iter().map(|Route { transfer, from_offset, to_offset, is_late }| {
            let [from, to] = [from_offset, to_offset].map(|offset| offset.unwrap_or(u64::MAX));
            format!(
                "{{{}U, {}U, {}U, {}U, {}U, {}U, {from}ULL, {to}ULL, {}ULL}}",
                transfer.tensor,
                transfer.step,
                transfer.due,
                u32::from(*is_late),
                transfer.from,
                transfer.to,
                transfer.bytes
            )
        });
        let element = format!("struct {}_transfer", self.lower);
        let last = "{0xFFFFFFFFU, 0U, 0U, 0U, 0U, 0U, 0ULL, 0ULL, 0ULL}";
        self.table(&element, "transfers", "TRANSFER_COUNT", rows, last);
    }

    fn uses(&mut self, uses: &[Use]) {
        self.line(
            "\n/* Where operators find a tensor that has several places at their step, if that is not the",
        );
        self.line(" * one in the first of the pools. */");
        self.define("USE_COUNT", uses.iter().filter_map(used_tensor).count().to_string());
        self.structure("use", &["uint32_t step", "uint32_t index", "uint32_t pool"]);
        let rows = uses.iter().filter_map(|one| Some((one, used_tensor(one)?)));
        let rows = rows.map(|(one, tensor)| format!("{{{}U, {tensor}U, {}U}}", one.step, one.pool));
        let element = format!("struct {}_use", self.lower);
        self.table(&element, "uses", "USE_COUNT", rows, "{0xFFFFFFFFU, 0U, 0U}");
    }
}

/// Workspaces have one place only.
fn used_tensor(one: &Use) -> Option<TensorId> {
    match one.occupant {
        Occupant::Tensor(id) => Some(id),
        Occupant::Scratch(_) => None,
    }
}

/// Pool, offset, bytes and steps.
fn columns(place: &Place) -> String {
    let (stay, LiveRange { start, end }) = (place.stay, place.stay.live);
    format!("{}U, {}ULL, {}ULL, {start}U, {end}U", stay.pool, stay.offset, stay.bytes)
}
