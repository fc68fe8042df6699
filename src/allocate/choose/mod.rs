//! What goes on chip when not all fits: the 0-1 form of shared objects.

mod bound;
mod fill;
mod improve;
mod search;

use super::Allocation;
use super::knapsack;
use super::sharing::ObjectProblem;
use crate::choice::Choice;
use crate::error::{Error, Result};
use crate::ids::BufferId;
use crate::limits::{Limits, Meter};
use crate::objects::Objects;
use crate::problem::{Buffer, Problem};
use search::ChoiceSearch;

/// Nodes where the limits name no number.
const DEFAULT_NODES: u64 = 8_000_000;

const NAME: &str = "knapsack";

/// Keeps as much value as fits `capacity`: of `values` by buffer id, or bytes.
///
/// Branch and bound: as long as what is not decided on cannot all be kept, some
/// buffer of the most crowded section stays outside or is kept. Exponential in
/// the worst case; stopped early, `bound` says how much more there may be.
///
/// # Errors
/// [`Error::Refused`] for buffers with fixed offsets, and values that are not one
/// for each buffer or that exceed 64 bits together.
pub(crate) fn choose(
    problem: &Problem,
    capacity: u64,
    values: Option<&[u64]>,
    limits: &Limits,
) -> Result<Choice> {
    let shared = ObjectProblem::new(NAME, problem)?;
    let bytes: Vec<u64>;
    let values = if let Some(values) = values {
        values
    } else {
        bytes = problem.buffers().iter().map(Buffer::size).collect();
        &bytes
    };
    check(problem, values)?;
    let item_values: Vec<u64> = shared.ids.iter().map(|id| values[id.index()]).collect();
    let mut meter = Meter::new(limits, DEFAULT_NODES);
    let mut search = ChoiceSearch::new(&shared, &item_values, capacity);
    let (bound, stop) = search.run(&mut meter);
    // What takes no room is kept for nothing.
    let free = values.iter().sum::<u64>() - item_values.iter().sum::<u64>();
    let sharing = &search.best.sharing;
    let Allocation { offsets, objects, .. } = shared.lay_out(sharing);
    let mut objects = objects.unwrap_or_else(|| Objects::new(Vec::new(), Vec::new(), Vec::new()));
    objects.lower_bound = knapsack::least_total(&shared, sharing);
    let keeps = |id: BufferId| problem.buffer(id).size() == 0 || objects.of_buffer[id.index()].is_some();
    let offsets: Vec<_> = problem.ids().map(|id| keeps(id).then(|| offsets[id.index()])).collect();
    Ok(Choice {
        offsets,
        height: shared.height(sharing),
        value: search.best.value + free,
        bound: bound + free,
        nodes: meter.nodes(),
        stop,
        objects,
    })
}

fn check(problem: &Problem, values: &[u64]) -> Result<()> {
    let refused = |reason| Err(Error::Refused { strategy: NAME.to_owned(), reason });
    if let Some(range) = problem.reserved().first() {
        return refused(format!(
            "the range {}..{} is reserved, but the strategy does not support reserved ranges",
            range.start, range.end
        ));
    }
    let (got, expected) = (values.len(), problem.buffers().len());
    if got != expected {
        return refused(format!("got {got} values for {expected} buffers"));
    }
    if values.iter().try_fold(0u64, |sum, &value| sum.checked_add(value)).is_none() {
        return refused("the values exceed 2^64-1 together".to_owned());
    }
    Ok(())
}
