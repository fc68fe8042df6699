//! The tables of a plan's C code.

use std::borrow::Cow;

use super::text::{number_of, string};
use crate::support::text_list::TextList;
use crate::{Alias, Occupant, PlanView, Route, Use, ViewRow, ViewedPlan};

/// A table and the structure of its rows.
#[derive(Clone, Debug)]
pub(super) struct CTable {
    pub comment: &'static str,
    /// Macro with the number of rows.
    pub count: &'static str,
    pub rows: TextList,
    /// Name of the structure; empty if the rows are numbers.
    pub structure: &'static str,
    /// Type and name of each field.
    pub fields: Vec<&'static str>,
    pub name: &'static str,
}

impl CTable {
    /// An additional last row, as neither C nor C++ has arrays of length zero.
    pub fn last(&self) -> String {
        let value = |(position, field): (usize, &&str)| match field.split_once(' ') {
            Some(("uint32_t", _)) if position == 0 => "0xFFFFFFFFU",
            Some(("uint32_t", _)) => "0U",
            Some(("uint64_t", _)) => "0ULL",
            Some(("int64_t", _)) => "-1",
            _ => "0",
        };
        if self.fields.is_empty() {
            return "0xFFFFFFFFU".to_owned();
        }
        let values: Vec<&str> = self.fields.iter().enumerate().map(value).collect();
        format!("{{{}}}", values.join(", "))
    }
}

/// A row of a view with its unique name.
pub(super) type NamedRow<'v> = (&'v ViewRow<'v>, Cow<'v, str>);

/// The tables of all plans but for their pools.
pub(super) fn of_plan(
    view: &PlanView<'_>,
    tensors: &[NamedRow<'_>],
    scratch: &[NamedRow<'_>],
) -> Vec<CTable> {
    let mut tables = vec![tensor_table(view, tensors)];
    if view.graph.is_some() {
        tables.push(scratch_table(view, scratch));
        if let ViewedPlan::Pools(plan) = &view.plan {
            tables.extend([transfer_table(&plan.routes()), use_table(&plan.uses)]);
        }
        tables.extend([alias_table(view.aliases()), order_table(view)]);
    }
    tables
}

/// Name, used bytes and alignment of each pool.
pub(super) fn pool_table(pools: &[(&str, u64, u64)]) -> CTable {
    let row = |&(name, used, alignment): &(&str, u64, u64)| {
        format!("{{{}, {used}ULL, {alignment}ULL}}", string(name))
    };
    CTable {
        comment: "Pools by number, fast ones first: the bytes used, not the capacity.",
        count: "POOL_COUNT",
        rows: pools.iter().map(row).collect(),
        structure: "pool",
        fields: vec!["const char *name", "uint64_t bytes", "uint64_t alignment"],
        name: "pools",
    }
}

/// The fields that say where a row is: in the arena, or in which pool and when.
fn place_fields(view: &PlanView<'_>) -> &'static [&'static str] {
    match view.plan {
        ViewedPlan::Arena(_) => &["uint64_t offset", "uint64_t bytes", "int64_t object"],
        ViewedPlan::Pools(_) => {
            &["uint32_t pool", "uint64_t offset", "uint64_t bytes", "uint32_t start", "uint32_t end"]
        }
    }
}

/// The values of [`place_fields`].
fn place(view: &PlanView<'_>, row: &ViewRow<'_>) -> String {
    let (place, live) = (row.place, row.place.live);
    match view.plan {
        ViewedPlan::Arena(_) => {
            let object = row.object.map_or(-1, i64::from);
            format!("{}ULL, {}ULL, {object}", place.offset, place.bytes)
        }
        ViewedPlan::Pools(_) => {
            format!(
                "{}U, {}ULL, {}ULL, {}U, {}U",
                row.memory, place.offset, place.bytes, live.start, live.end
            )
        }
    }
}

fn tensor_table(view: &PlanView<'_>, tensors: &[NamedRow<'_>]) -> CTable {
    let row =
        |(row, name): &NamedRow<'_>| format!("{{{}U, {}, {}}}", row.index(), string(name), place(view, row));
    let (comment, count, structure, name) = match view.plan {
        ViewedPlan::Arena(_) => (
            "Tensors in the arena. `index` is the tensor's number in the model, `object` the number\n * of the shared object that contains it, or -1.",
            "TENSOR_COUNT",
            "tensor",
            "tensors",
        ),
        ViewedPlan::Pools(_) => (
            "Residency intervals of tensors, by tensor, pool and time. `index` is the tensor's number in\n * the model.",
            "PLACE_COUNT",
            "place",
            "places",
        ),
    };
    let fields = [&["uint32_t index", "const char *name"], place_fields(view)].concat();
    CTable { comment, count, rows: tensors.iter().map(row).collect(), structure, fields, name }
}

fn scratch_table(view: &PlanView<'_>, scratch: &[NamedRow<'_>]) -> CTable {
    let row = |(row, _): &NamedRow<'_>| format!("{{{}U, {}}}", row.index(), place(view, row));
    CTable {
        comment: "Scratch memory, in use only while its operator runs.",
        count: "SCRATCH_COUNT",
        rows: scratch.iter().map(row).collect(),
        structure: "scratch",
        fields: [&["uint32_t operator_index"], place_fields(view)].concat(),
        name: "scratches",
    }
}

/// The table of shares: copies that operators can omit, and input bytes that they may overwrite.
fn alias_table(aliases: &[Alias]) -> CTable {
    let row = |Alias { operator, tensor, of, at, kind }: &Alias| {
        format!("{{{tensor}U, {of}U, {operator}U, {}U, {at}ULL}}", number_of(*kind))
    };
    CTable {
        comment: "Tensors that share memory while both are live: `index` starts `at` bytes after the start\n * of `of`, as `operator_index` permits. `how`: 0 it is the whole of `of`, 1 it is a part of it,\n * 2 it is written as a part of it and need not be copied there, 3 it is written over it, 4 it\n * starts within it.",
        count: "SHARE_COUNT",
        rows: aliases.iter().map(row).collect(),
        structure: "share",
        fields: vec![
            "uint32_t index",
            "uint32_t of",
            "uint32_t operator_index",
            "uint32_t how",
            "uint64_t at",
        ],
        name: "shares",
    }
}

fn order_table(view: &PlanView<'_>) -> CTable {
    CTable {
        comment: "Operators by their number in the model, in the order of execution.",
        count: "STEP_COUNT",
        rows: view.order().iter().map(|operator| format!("{operator}U")).collect(),
        structure: "",
        fields: Vec::new(),
        name: "order",
    }
}

fn transfer_table(routes: &[Route]) -> CTable {
    let row = |Route { transfer, from_offset, to_offset, is_late }: &Route| {
        let [from, to] = [from_offset, to_offset].map(|offset| offset.unwrap_or(u64::MAX));
        let late = u32::from(*is_late);
        let crate::Transfer { tensor, step, due, from: source, to: target, bytes } = transfer;
        format!(
            "{{{tensor}U, {step}U, {due}U, {late}U, {source}U, {target}U, {from}ULL, {to}ULL, {bytes}ULL}}"
        )
    };
    CTable {
        comment: "Transfers in the order to make them: they may begin at the start of `step` and must be\n * complete before the operator of `due`; `late` ones follow all others of the same `due`. `due`\n * may be the number of steps: after the last operator.",
        count: "TRANSFER_COUNT",
        rows: routes.iter().map(row).collect(),
        structure: "transfer",
        fields: vec![
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
        name: "transfers",
    }
}

fn use_table(uses: &[Use]) -> CTable {
    // Scratch is left out, as it is in one pool only.
    let row = |entry: &Use| match entry.occupant {
        Occupant::Tensor(tensor) => Some(format!("{{{}U, {tensor}U, {}U}}", entry.step, entry.pool)),
        Occupant::Scratch(_) => None,
    };
    CTable {
        comment: "The pool in which an operator accesses a tensor that is in several pools at its step, if it\n * is not the first of them.",
        count: "USE_COUNT",
        rows: uses.iter().filter_map(row).collect(),
        structure: "use",
        fields: vec!["uint32_t step", "uint32_t index", "uint32_t pool"],
        name: "uses",
    }
}
