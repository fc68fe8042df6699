//! Plans for several memories.

use super::super::items::{self, Place};
use super::text::{identifiers, string};
use super::{CCode, SymbolPrefix, Table, inside, order_table, share_table};
use crate::{Graph, LiveRange, Occupant, PoolPlan, Route, Stay, TensorId, TensorKind, Use};

const INTRO: &str = "Offsets count from the start of\n * each pool, in bytes; the pools themselves must be aligned as said below. Steps count\n * operators in the order to run, from 0; those from `start` up to and without `end`.";

impl CCode {
    /// Pools, places of tensors and workspaces, copies, what shares memory, and the order to
    /// run in; `prefix` as in [`CCode::of_graph`].
    #[must_use]
    pub fn of_pools(graph: &Graph, plan: &PoolPlan, prefix: Option<&SymbolPrefix>) -> Self {
        let mut code = Self::new(graph.name(), prefix, INTRO);
        let (tensors, workspaces) = items::places(graph, plan);
        code.define("HOME", format_args!("{}U", plan.pools.home_id()));
        code.define("INPUTS_IN", format_args!("{}U", plan.pools.inputs_in()));
        code.define("OUTPUTS_IN", format_args!("{}U", plan.pools.outputs_in()));
        code.pools(graph, plan);
        code.single_places("", &tensors);
        code.single_places("SCRATCH_", &workspaces);
        for (kind, places) in [("PLACE", &tensors), ("SCRATCH", &workspaces)] {
            for (number, place) in places.iter().enumerate() {
                code.check_place(
                    format!("{kind}_{number}"),
                    alignment_of(graph, plan, place.stay),
                    place.stay,
                );
            }
        }
        code.tables.extend([place_table(&tensors), scratch_table(&workspaces)]);
        code.tables.extend([transfer_table(&plan.routes()), use_table(&plan.uses)]);
        code.tables.extend([share_table(&plan.shares), order_table(&plan.order)]);
        code
    }

    fn pools(&mut self, graph: &Graph, plan: &PoolPlan) {
        let mut rows = Vec::new();
        for (number, pool) in plan.pools.list().iter().enumerate() {
            let here: Vec<Stay> =
                plan.stays.iter().copied().filter(|stay| stay.pool.index() == number).collect();
            let used = plan.used.get(number).copied().unwrap_or(0);
            let own = pool.alignment.max(plan.alignment);
            let alignment = here.iter().map(|&stay| alignment_of(graph, plan, stay)).fold(own, u64::max);
            let holds_constants = here.iter().any(|stay| is_constant(graph, stay.occupant));
            self.memory(format!("POOL_{number}"), used, alignment, holds_constants);
            rows.push(format!("{{{}, {used}ULL, {alignment}ULL}}", string(pool.name())));
        }
        self.tables.push(Table {
            comment: "Pools by number, fast ones first: what is used of them, not what there is.",
            count: "POOL_COUNT",
            rows,
            structure: Some(("pool", &["const char *name", "uint64_t bytes", "uint64_t alignment"])),
            name: "pools",
            last: "{0, 0ULL, 0ULL}",
        });
    }

    /// Constants for what has one place for good.
    fn single_places(&mut self, kind: &str, places: &[Place]) {
        let same = |one: &Place, other: Option<&Place>| other.is_some_and(|other| other.index == one.index);
        let single = places.iter().enumerate().filter(|&(at, place)| {
            !same(place, places.get(at + 1)) && !same(place, at.checked_sub(1).and_then(|at| places.get(at)))
        });
        let single: Vec<&Place> = single.map(|(_, place)| place).collect();
        let names = identifiers(single.iter().map(|place| (place.index, place.name.as_str())));
        for (place, name) in single.iter().zip(names) {
            let Stay { pool, offset, bytes, .. } = place.stay;
            self.define(&format!("{kind}POOL_OF_{name}"), format_args!("{pool}U"));
            self.define(&format!("{kind}OFFSET_{name}"), format_args!("{offset}ULL"));
            self.define(&format!("{kind}BYTES_{name}"), format_args!("{bytes}ULL"));
        }
    }

    fn check_place(&mut self, label: String, alignment: u64, stay: Stay) {
        let [offset, bytes] = [stay.offset, stay.bytes].map(|number| format!("{number}ULL"));
        let all = format!("{}_POOL_{}_BYTES", self.prefix.upper(), stay.pool);
        self.check(label, inside(&offset, &bytes, &all, alignment));
    }
}

/// What its place must be a multiple of.
fn alignment_of(graph: &Graph, plan: &PoolPlan, stay: Stay) -> u64 {
    let asked = match stay.occupant {
        Occupant::Tensor(id) => graph.tensors().get(id.index()).and_then(crate::Tensor::alignment),
        Occupant::Scratch(id) => {
            graph.operators().get(id.index()).map(|operator| operator.scratch_alignment(plan.alignment))
        }
    };
    let pool = plan.pools.list().get(stay.pool.index());
    asked.unwrap_or(plan.alignment).max(pool.map_or(1, |pool| pool.alignment))
}

fn is_constant(graph: &Graph, occupant: Occupant) -> bool {
    let Occupant::Tensor(id) = occupant else { return false };
    graph.tensors().get(id.index()).is_some_and(|tensor| tensor.kind() == TensorKind::Constant)
}

fn place_table(places: &[Place]) -> Table {
    let row = |one: &Place| format!("{{{}U, {}, {}}}", one.index, string(&one.name), columns(one));
    Table {
        comment: "Places of tensors, by tensor, pool and time. `index` is the tensor's number in the model.",
        count: "PLACE_COUNT",
        rows: places.iter().map(row).collect(),
        structure: Some((
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
        )),
        name: "places",
        last: "{0xFFFFFFFFU, 0, 0U, 0ULL, 0ULL, 0U, 0U}",
    }
}

fn scratch_table(places: &[Place]) -> Table {
    Table {
        comment: "Workspaces, each in use only while its operator runs.",
        count: "SCRATCH_COUNT",
        rows: places.iter().map(|one| format!("{{{}U, {}}}", one.index, columns(one))).collect(),
        structure: Some((
            "scratch",
            &[
                "uint32_t operator_index",
                "uint32_t pool",
                "uint64_t offset",
                "uint64_t bytes",
                "uint32_t start",
                "uint32_t end",
            ],
        )),
        name: "scratches",
        last: "{0xFFFFFFFFU, 0U, 0ULL, 0ULL, 0U, 0U}",
    }
}

fn transfer_table(routes: &[Route]) -> Table {
    let row = |Route { transfer, from_offset, to_offset, is_late }: &Route| {
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
    };
    Table {
        comment: "Copies in the order to do them: from the start of `step` on, done before the operator of\n * `due`; those that are `late` after all others of the same `due`. `due` may be the number\n * of steps: after the last operator.",
        count: "TRANSFER_COUNT",
        rows: routes.iter().map(row).collect(),
        structure: Some((
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
        )),
        name: "transfers",
        last: "{0xFFFFFFFFU, 0U, 0U, 0U, 0U, 0U, 0ULL, 0ULL, 0ULL}",
    }
}

fn use_table(uses: &[Use]) -> Table {
    let rows = uses.iter().filter_map(|one| Some((one, used_tensor(one)?)));
    let rows = rows.map(|(one, tensor)| format!("{{{}U, {tensor}U, {}U}}", one.step, one.pool));
    Table {
        comment: "Where operators find a tensor that has several places at their step, if that is not the\n * one in the first of the pools.",
        count: "USE_COUNT",
        rows: rows.collect(),
        structure: Some(("use", &["uint32_t step", "uint32_t index", "uint32_t pool"])),
        name: "uses",
        last: "{0xFFFFFFFFU, 0U, 0U}",
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
