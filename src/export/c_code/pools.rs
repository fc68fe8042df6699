//! C code of plans for several memories.

use super::super::items::{self, ResidencyItem};
use super::text::{identifiers, string};
use super::{CCode, CTable, SymbolPrefix, alias_table, inside, order_table};
use crate::{Graph, LiveRange, Occupant, PoolPlan, Residency, Route, TensorId, TensorKind, Use};

const INTRO: &str = "Offsets count from the start of\n * each pool, in bytes; the pools themselves must have the alignments below. Steps count\n * operators in the order of execution, from 0; ranges are from `start` to `end` (exclusive).";

impl CCode {
    /// The code of a plan for several memories: pools, residency intervals of tensors and scratch,
    /// transfers, shared memory and the order of execution; `prefix` as for [`CCode::of_graph`].
    #[must_use]
    pub fn of_pools(graph: &Graph, plan: &PoolPlan, prefix: Option<&SymbolPrefix>) -> Self {
        let mut code = Self::new(graph.name(), prefix, INTRO);
        let (tensors, scratch) = items::residency(graph, plan);
        code.define("HOME", format_args!("{}U", plan.pools.backing_store_id()));
        code.define("INPUTS_IN", format_args!("{}U", plan.pools.inputs_in()));
        code.define("OUTPUTS_IN", format_args!("{}U", plan.pools.outputs_in()));
        code.pools(graph, plan);
        code.single_intervals("", &tensors);
        code.single_intervals("SCRATCH_", &scratch);
        for (kind, intervals) in [("PLACE", &tensors), ("SCRATCH", &scratch)] {
            for (number, interval) in intervals.iter().enumerate() {
                code.check_interval(
                    format!("{kind}_{number}"),
                    alignment_of(graph, plan, interval.residency),
                    interval.residency,
                );
            }
        }
        code.tables.extend([place_table(&tensors), scratch_table(&scratch)]);
        code.tables.extend([transfer_table(&plan.routes()), use_table(&plan.uses)]);
        code.tables.extend([alias_table(&plan.aliases), order_table(&plan.order)]);
        code
    }

    fn pools(&mut self, graph: &Graph, plan: &PoolPlan) {
        let mut rows = Vec::new();
        for (number, pool) in plan.pools.list().iter().enumerate() {
            let residencies: Vec<Residency> = plan
                .residencies
                .iter()
                .copied()
                .filter(|residency| residency.pool.index() == number)
                .collect();
            let used = plan.used.get(number).copied().unwrap_or(0);
            let minimum = pool.alignment.max(plan.alignment);
            let alignment = residencies
                .iter()
                .map(|&residency| alignment_of(graph, plan, residency))
                .fold(minimum, u64::max);
            let holds_constants = residencies.iter().any(|residency| is_constant(graph, residency.occupant));
            self.memory(format!("POOL_{number}"), used, alignment, holds_constants);
            rows.push(format!("{{{}, {used}ULL, {alignment}ULL}}", string(pool.name())));
        }
        self.tables.push(CTable {
            comment: "Pools by number, fast ones first: the bytes used, not the capacity.",
            count: "POOL_COUNT",
            rows,
            structure: Some(("pool", &["const char *name", "uint64_t bytes", "uint64_t alignment"])),
            name: "pools",
            last: "{0, 0ULL, 0ULL}",
        });
    }

    /// Defines constants for tensors and scratch with a single residency interval.
    fn single_intervals(&mut self, kind: &str, intervals: &[ResidencyItem]) {
        let same = |item: &ResidencyItem, neighbor: Option<&ResidencyItem>| {
            neighbor.is_some_and(|neighbor| neighbor.index == item.index)
        };
        let single = intervals.iter().enumerate().filter(|&(at, item)| {
            let before = at.checked_sub(1).and_then(|at| intervals.get(at));
            !same(item, intervals.get(at + 1)) && !same(item, before)
        });
        let single: Vec<&ResidencyItem> = single.map(|(_, item)| item).collect();
        let names = identifiers(single.iter().map(|item| (item.index, item.name.as_str())));
        for (item, name) in single.iter().zip(names) {
            let Residency { pool, offset, bytes, .. } = item.residency;
            self.define(&format!("{kind}POOL_OF_{name}"), format_args!("{pool}U"));
            self.define(&format!("{kind}OFFSET_{name}"), format_args!("{offset}ULL"));
            self.define(&format!("{kind}BYTES_{name}"), format_args!("{bytes}ULL"));
        }
    }

    fn check_interval(&mut self, label: String, alignment: u64, residency: Residency) {
        let [offset, bytes] = [residency.offset, residency.bytes].map(|number| format!("{number}ULL"));
        let all = format!("{}_POOL_{}_BYTES", self.prefix.upper(), residency.pool);
        self.check(label, inside(&offset, &bytes, &all, alignment));
    }
}

/// The required alignment of a residency interval.
fn alignment_of(graph: &Graph, plan: &PoolPlan, residency: Residency) -> u64 {
    let asked = match residency.occupant {
        Occupant::Tensor(id) => graph.tensors().get(id.index()).and_then(crate::Tensor::alignment),
        Occupant::Scratch(id) => {
            graph.operators().get(id.index()).map(|operator| operator.scratch_alignment(plan.alignment))
        }
    };
    let pool = plan.pools.list().get(residency.pool.index());
    asked.unwrap_or(plan.alignment).max(pool.map_or(1, |pool| pool.alignment))
}

fn is_constant(graph: &Graph, occupant: Occupant) -> bool {
    let Occupant::Tensor(id) = occupant else { return false };
    graph.tensors().get(id.index()).is_some_and(|tensor| tensor.kind() == TensorKind::Constant)
}

fn place_table(intervals: &[ResidencyItem]) -> CTable {
    let row =
        |item: &ResidencyItem| format!("{{{}U, {}, {}}}", item.index, string(&item.name), columns(item));
    CTable {
        comment: "Residency intervals of tensors, by tensor, pool and time. `index` is the tensor's number in\n * the model.",
        count: "PLACE_COUNT",
        rows: intervals.iter().map(row).collect(),
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

fn scratch_table(intervals: &[ResidencyItem]) -> CTable {
    CTable {
        comment: "Scratch memory, in use only while its operator runs.",
        count: "SCRATCH_COUNT",
        rows: intervals.iter().map(|item| format!("{{{}U, {}}}", item.index, columns(item))).collect(),
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

fn transfer_table(routes: &[Route]) -> CTable {
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
    CTable {
        comment: "Transfers in the order to make them: they may begin at the start of `step` and must be\n * complete before the operator of `due`; `late` ones follow all others of the same `due`. `due`\n * may be the number of steps: after the last operator.",
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

fn use_table(uses: &[Use]) -> CTable {
    let rows = uses.iter().filter_map(|entry| Some((entry, used_tensor(entry)?)));
    let rows = rows.map(|(entry, tensor)| format!("{{{}U, {tensor}U, {}U}}", entry.step, entry.pool));
    CTable {
        comment: "The pool in which an operator accesses a tensor that is in several pools at its step, if it\n * is not the first of them.",
        count: "USE_COUNT",
        rows: rows.collect(),
        structure: Some(("use", &["uint32_t step", "uint32_t index", "uint32_t pool"])),
        name: "uses",
        last: "{0xFFFFFFFFU, 0U, 0U}",
    }
}

/// The tensor of an access; scratch is left out, as it is in one pool only.
fn used_tensor(entry: &Use) -> Option<TensorId> {
    match entry.occupant {
        Occupant::Tensor(id) => Some(id),
        Occupant::Scratch(_) => None,
    }
}

/// Pool, offset, bytes and steps.
fn columns(item: &ResidencyItem) -> String {
    let (residency, LiveRange { start, end }) = (item.residency, item.residency.live);
    format!("{}U, {}ULL, {}ULL, {start}U, {end}U", residency.pool, residency.offset, residency.bytes)
}
