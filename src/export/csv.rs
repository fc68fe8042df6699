//! Plans as CSV: `id,lower,upper,size,alignment,offset`, and `gaps` where there are
//! any. Read as a problem, it
//! is the plan's geometry with every buffer fixed in its place. Of plans for several
//! memories, a row for each place: `tensor,pool,offset,bytes,start,end`.

use csv::Writer;

use super::items::{self, Item, Place};
use super::names::unique_names;
use crate::{Graph, Plan, PoolPlan, Problem, Solution};

/// One row for each tensor in the arena, then for each workspace.
#[must_use]
pub fn of_graph(graph: &Graph, plan: &Plan) -> String {
    let mut rows = items::tensors(graph, plan);
    let workspaces = items::workspaces(graph, plan).into_iter();
    rows.extend(workspaces.map(|item| Item { name: format!("scratch of {}", item.name), ..item }));
    table(&rows)
}

/// One row for each buffer.
#[must_use]
pub fn of_problem(problem: &Problem, solution: &Solution) -> String {
    table(&items::buffers(problem, solution))
}

/// One row for each place of a tensor, by pool and time, then for those of workspaces.
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    let (tensors, workspaces) = items::places(graph, plan);
    let workspaces =
        workspaces.into_iter().map(|one| Place { name: format!("scratch of {}", one.name), ..one });
    let header = ["tensor", "pool", "offset", "bytes", "start", "end"].map(String::from);
    let rows = tensors.into_iter().chain(workspaces).map(|Place { name, stay, .. }| {
        let numbers = [stay.offset, stay.bytes, stay.live.start.into(), stay.live.end.into()];
        let [offset, bytes, start, end] = numbers.map(|number: u64| number.to_string());
        [name, items::pool_name(plan, stay.pool), offset, bytes, start, end]
    });
    written([header].into_iter().chain(rows))
}

fn table(rows: &[Item]) -> String {
    // Readers trim fields, and a tensor may be called `scratch of x`.
    let ids = unique_names(rows.iter().map(|row| row.name.trim()));
    let columns = if rows.iter().any(|row| !row.gaps.is_empty()) { 7 } else { 6 };
    let header = ["id", "lower", "upper", "size", "alignment", "offset", "gaps"].map(String::from);
    let lines = ids.into_iter().zip(rows).map(|(id, Item { alignment, place, gaps, .. })| {
        let numbers = [place.live.start.into(), place.live.end.into(), place.bytes, *alignment, place.offset];
        let [lower, upper, size, alignment, offset] = numbers.map(|number: u64| number.to_string());
        let gaps: Vec<String> = gaps.iter().map(|gap| format!("{}-{}", gap.start, gap.end)).collect();
        [id, lower, upper, size, alignment, offset, gaps.join(" ")]
    });
    written([header].into_iter().chain(lines).map(|line| line.into_iter().take(columns)))
}

fn written<L: IntoIterator<Item = String>>(lines: impl Iterator<Item = L>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    for line in lines {
        let written = writer.write_record(line.into_iter().map(String::into_bytes));
        written.expect("a vector takes every byte, and all rows have as many fields");
    }
    let bytes = writer.into_inner().expect("a vector takes every byte");
    String::from_utf8(bytes).expect("fields are text")
}
