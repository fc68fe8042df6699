//! Reserved ranges: translation to fixed buffers and a capacity.

use std::ops::Range;

use super::first_fit::first_allocation;
use super::{Allocation, Strategy};
use crate::error::Result;
use crate::problem::{Buffer, Objects, Problem, lower_bound};
use crate::support::ids::BufferId;
use crate::support::limits::{Limits, Stop};

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
    for obstacle_count in (lowest..ranges.len()).take(MOST_CEILINGS) {
        let allocation = run_with_obstacles(problem, obstacle_count, strategy, limits, (nodes, proven))?;
        (nodes, proven) = (allocation.nodes, allocation.proven);
        let Range { start: ceiling, end } = ranges[obstacle_count];
        if problem.height(&allocation.offsets) <= ceiling {
            return Ok(with_worst_stop(problem, allocation, worst));
        }
        worst = worst.max(allocation.stop);
        match allocation.stop {
            Stop::Cancelled => return Ok(Allocation { nodes, stop: allocation.stop, proven, ..first }),
            Stop::Deadline => break,
            _ => {}
        }
        if proven > ceiling {
            // No packing ends inside a reserved range.
            proven = proven.max(end + 1);
        }
    }
    let allocation = run_with_obstacles(problem, ranges.len(), strategy, limits, (nodes, proven))?;
    let Allocation { nodes, stop, proven, .. } = allocation;
    let is_above = problem.height(&allocation.offsets) > problem.height(&first.offsets);
    Ok(match stop {
        Stop::Cancelled if is_above => Allocation { nodes, stop, proven, ..first },
        _ => with_worst_stop(problem, allocation, worst),
    })
}

/// If a packing is not proven optimal, the reason may be that an earlier attempt was stopped.
fn with_worst_stop(problem: &Problem, allocation: Allocation, worst: Stop) -> Allocation {
    let is_optimal = problem.height(&allocation.offsets) <= allocation.proven;
    let stop = if is_optimal { allocation.stop } else { allocation.stop.max(worst) };
    Allocation { stop, ..allocation }
}

/// Runs the strategy with the first `obstacle_count` ranges as obstacles. `nodes` and `proven` are the
/// nodes spent and the bound proven by earlier attempts.
fn run_with_obstacles(
    problem: &Problem,
    obstacle_count: usize,
    strategy: &dyn Strategy,
    limits: &Limits,
    (nodes, proven): (u64, u64),
) -> Result<Allocation> {
    let ranges = &problem.reserved()[..obstacle_count];
    let part = with_obstacles(problem, ranges)?;
    let allocation = strategy.allocate(&part, &limits.clone().less(nodes))?;
    let proven = proven_bound(&part, ranges, &allocation).max(proven);
    Ok(Allocation { nodes: nodes + allocation.nodes, proven, ..without_obstacles(problem, allocation) })
}

/// Lower bound proven for a problem with these obstacles; 0 if it is not above the last
/// obstacle, which alone would explain it.
fn proven_bound(part: &Problem, ranges: &[Range<u64>], allocation: &Allocation) -> u64 {
    let proven_bound = allocation.proven.max(lower_bound(part).bytes);
    if ranges.last().is_none_or(|range| proven_bound > range.end) { proven_bound } else { 0 }
}

pub(super) fn with_obstacles(problem: &Problem, ranges: &[Range<u64>]) -> Result<Problem> {
    let end = problem.buffers().iter().map(|buffer| buffer.live().end).max().unwrap_or(1);
    let start = problem.buffers().iter().map(|buffer| buffer.live().start).min().unwrap_or(0);
    let alignment = problem.buffers().iter().map(Buffer::alignment).max().unwrap_or(1);
    let obstacle = |range: &Range<u64>| {
        let start_alignment = 1 << range.start.trailing_zeros().min(63);
        Buffer::new(range.end - range.start, start..end).align(alignment.min(start_alignment)).at(range.start)
    };
    let buffers = problem.buffers().iter().cloned().chain(ranges.iter().map(obstacle));
    let names = problem.ids().map(|id| problem.name(id));
    let obstacles = ranges.iter().map(|range| format!("reserved range {}..{}", range.start, range.end));
    let part = Problem::named(buffers.collect(), names.chain(obstacles).collect())?;
    Ok(part.with_capacity(problem.capacity()))
}

/// Removes the results for the obstacles.
fn without_obstacles(problem: &Problem, mut allocation: Allocation) -> Allocation {
    let count = problem.buffers().len();
    allocation.offsets.truncate(count);
    if let Some(Objects { of_buffer, nestings, .. }) = &mut allocation.objects {
        of_buffer.truncate(count);
        let is_kept = |id: BufferId| id.index() < count;
        nestings.retain(|pair| is_kept(pair.guest) && is_kept(pair.host));
    }
    allocation
}
