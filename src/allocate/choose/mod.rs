//! Selection of tensors to keep within a capacity: the 0-1 form of shared objects.
//!
//! Each tensor is kept in a shared object or left outside; the kept tensors maximise the total
//! value. `bound` is the relaxation, `fill` and `improve` are heuristics, `search` is the branch
//! and bound.

mod bound;
mod fill;
mod improve;
mod search;

use super::Allocation;
use super::knapsack;
use super::object_intervals::ObjectProblem;
use crate::error::{Error, Result};
use crate::problem::{Buffer, Choice, Objects, Problem};
use crate::support::ids::BufferId;
use crate::support::limits::{Limits, Meter};
use search::ChoiceSearch;

/// Default number of nodes.
const DEFAULT_NODES: u64 = 8_000_000;

const NAME: &str = "knapsack";

/// Chooses the buffers to keep within `capacity`, of maximum total value. `values` are given by
/// buffer id; without them, the value of a buffer is its size.
///
/// Branch and bound: while the undecided buffers of some section do not fit together, the search
/// branches on one of the most crowded section. Exponential in the worst case. If a limit stops
/// the search, `bound` is an upper bound on the value.
///
/// # Errors
/// [`Error::Refused`] for buffers with fixed offsets or gaps, for reserved ranges, and for
/// values whose number differs from that of the buffers or whose sum exceeds 64 bits.
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
    // Buffers of size zero are kept in any case.
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
