//! Reserved ranges: translation to fixed buffers and a capacity.

use std::ops::Range;

use super::first_fit::first_allocation;
use super::{Allocation, Strategy, height};
use crate::bound::lower_bound;
use crate::error::Result;
use crate::ids::BufferId;
use crate::limits::{Limits, Stop};
use crate::objects::Objects;
use crate::problem::{Buffer, Problem};

/// Maximum number of reserved ranges that are tried as a ceiling.
const MOST_CEILINGS: usize = 8;

/// Runs a strategy on a problem with reserved ranges.
///
/// Strategies do not handle reserved ranges. Each range below a ceiling becomes a buffer with a
/// fixed offset that is live at all steps, appended after the other buffers; the range above
/// them is the ceiling, below which the packing must end. Ceilings are tried in ascending
/// order, at most eight of them, and at last the problem with all ranges as buffers.
///
/// A lower bound for some of the ranges is one for all of them, so bounds carry over from
/// one ceiling to the next.
///
/// If the deadline is reached, no further ceiling is tried, and the strategy runs with all
/// ranges until it stops. If the call is cancelled, the result is first fit.
pub(crate) fn allocate_around(
    problem: &Problem,
    strategy: &dyn Strategy,
    limits: &Limits,
) -> Result<Allocation> {
    let ranges = problem.reserved();
    if ranges.is_empty() {
        return strategy.allocate(problem, limits);
    }
    // A strategy that is cancelled before it has a plan would return one without reuse.
    let first = first_allocation(problem, limits)?;
    if first.stop != Stop::Finished {
        return Ok(first);
    }
    let bound = lower_bound(problem).bytes;
    let lowest = ranges.partition_point(|range| range.start < bound);
    let (mut nodes, mut proven, mut worst) = (0, 0, Stop::Finished);
    for below in (lowest..ranges.len()).take(MOST_CEILINGS) {
        let found = attempt(problem, below, strategy, limits, (nodes, proven))?;
        (nodes, proven) = (found.nodes, found.proven);
        let Range { start: ceiling, end } = ranges[below];
        if height(problem, &found.offsets) <= ceiling {
            return Ok(stopped_by(problem, found, worst));
        }
        worst = worst.max(found.stop);
        match found.stop {
            Stop::Cancelled => return Ok(Allocation { nodes, stop: found.stop, proven, ..first }),
            Stop::Deadline => break,
            _ => {}
        }
        if proven > ceiling {
            // No packing ends inside a reserved range.
            proven = proven.max(end + 1);
        }
    }
    let found = attempt(problem, ranges.len(), strategy, limits, (nodes, proven))?;
    let Allocation { nodes, stop, proven, .. } = found;
    let is_above = height(problem, &found.offsets) > height(problem, &first.offsets);
    Ok(match stop {
        Stop::Cancelled if is_above => Allocation { nodes, stop, proven, ..first },
        _ => stopped_by(problem, found, worst),
    })
}

/// If a packing is not proven optimal, the reason may be that an earlier attempt was stopped.
fn stopped_by(problem: &Problem, found: Allocation, worst: Stop) -> Allocation {
    let is_least = height(problem, &found.offsets) <= found.proven;
    let stop = if is_least { found.stop } else { found.stop.max(worst) };
    Allocation { stop, ..found }
}

/// Runs the strategy with the first `below` ranges as obstacles. `nodes` and `proven` are the
/// nodes spent and the bound proven by earlier attempts.
fn attempt(
    problem: &Problem,
    below: usize,
    strategy: &dyn Strategy,
    limits: &Limits,
    (nodes, proven): (u64, u64),
) -> Result<Allocation> {
    let ranges = &problem.reserved()[..below];
    let part = with_obstacles(problem, ranges)?;
    let found = strategy.allocate(&part, &limits.clone().less(nodes))?;
    let proven = shown(&part, ranges, &found).max(proven);
    Ok(Allocation { nodes: nodes + found.nodes, proven, ..own(problem, found) })
}

/// Lower bound proven for a problem with these obstacles; 0 if it is not above the last
/// obstacle, which alone would explain it.
fn shown(part: &Problem, ranges: &[Range<u64>], found: &Allocation) -> u64 {
    let shown = found.proven.max(lower_bound(part).bytes);
    if ranges.last().is_none_or(|range| shown > range.end) { shown } else { 0 }
}

pub(super) fn with_obstacles(problem: &Problem, ranges: &[Range<u64>]) -> Result<Problem> {
    let end = problem.buffers().iter().map(|buffer| buffer.live().end).max().unwrap_or(1);
    let start = problem.buffers().iter().map(|buffer| buffer.live().start).min().unwrap_or(0);
    let alignment = problem.buffers().iter().map(Buffer::alignment).max().unwrap_or(1);
    let obstacle = |range: &Range<u64>| {
        let own = 1 << range.start.trailing_zeros().min(63);
        Buffer::new(range.end - range.start, start..end).align(alignment.min(own)).at(range.start)
    };
    let buffers = problem.buffers().iter().cloned().chain(ranges.iter().map(obstacle));
    let names = problem.ids().map(|id| problem.name(id));
    let obstacles = ranges.iter().map(|range| format!("reserved range {}..{}", range.start, range.end));
    let part = Problem::named(buffers.collect(), names.chain(obstacles).collect())?;
    Ok(part.with_capacity(problem.capacity()))
}

/// Removes the results for the obstacles.
fn own(problem: &Problem, mut found: Allocation) -> Allocation {
    let count = problem.buffers().len();
    found.offsets.truncate(count);
    if let Some(Objects { of_buffer, inside, .. }) = &mut found.objects {
        of_buffer.truncate(count);
        let is_own = |id: BufferId| id.index() < count;
        inside.retain(|one| is_own(one.guest) && is_own(one.host));
    }
    found
}
