//! Plans as CSV: `id,lower,upper,size,alignment,offset`, and `gaps` if any buffer has gaps. Imported as
//! a problem, the file gives the geometry of the plan with every buffer fixed at its offset. Plans for
//! several memories have a row for each residency interval: `tensor,pool,offset,bytes,start,end`.

use csv::Writer;

use super::items::{self, Item, ResidencyItem};
use super::names::unique_names;
use crate::{Graph, Plan, PoolPlan, Problem, Solution};

/// A row for each tensor in the arena, then for the scratch of each operator.
///
/// ```
/// use plimsoll::{Graph, Planner, TensorSpec, export};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(64));
/// net.operator("sink").reads([x]);
/// let graph = net.build()?;
/// let table = export::csv::of_graph(&graph, &Planner::new().plan(&graph)?);
/// assert!(table.contains("x,"));
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[must_use]
pub fn of_graph(graph: &Graph, plan: &Plan) -> String {
    let mut rows = items::tensors(graph, plan);
    let scratch = items::scratch(graph, plan).into_iter();
    rows.extend(scratch.map(|item| Item { name: format!("scratch of {}", item.name), ..item }));
    table(&rows)
}

/// A row for each buffer.
///
/// Example: [`of_graph`].
#[must_use]
pub fn of_problem(problem: &Problem, solution: &Solution) -> String {
    table(&items::buffers(problem, solution))
}

/// A row for each residency interval of a tensor, by pool and time, then for those of scratch.
///
/// Example: [`of_graph`].
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    let (tensors, scratch) = items::residency(graph, plan);
    let scratch =
        scratch.into_iter().map(|item| ResidencyItem { name: format!("scratch of {}", item.name), ..item });
    let header = ["tensor", "pool", "offset", "bytes", "start", "end"].map(String::from);
    let rows = tensors.into_iter().chain(scratch).map(|ResidencyItem { name, residency, .. }| {
        let numbers =
            [residency.offset, residency.bytes, residency.live.start.into(), residency.live.end.into()];
        let [offset, bytes, start, end] = numbers.map(|number: u64| number.to_string());
        [name, items::pool_name(plan, residency.pool), offset, bytes, start, end]
    });
    written([header].into_iter().chain(rows))
}

fn table(rows: &[Item]) -> String {
    // CSV readers trim fields, and a tensor may have the name `scratch of x`.
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
