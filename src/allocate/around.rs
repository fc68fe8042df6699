//! Around what is reserved.

use std::ops::Range;

use super::first_fit::first_allocation;
use super::{Allocation, Strategy, height};
use crate::bound::lower_bound;
use crate::error::Result;
use crate::ids::BufferId;
use crate::limits::{Limits, Stop};
use crate::objects::Objects;
use crate::problem::{Buffer, Problem};

/// So many of the reserved ranges are tried as the ceiling.
const MOST_CEILINGS: usize = 8;

/// Lets a strategy plan around the reserved ranges of a problem, of which it knows
/// nothing: those that the arena reaches are buffers with fixed offsets, live
/// throughout, after all others; the next one is the ceiling.
///
/// The ceilings are tried from below. What is shown of a problem with some of the
/// ranges holds for that with all of them, so bounds stay sound.
///
/// Stopped by the deadline, it tries no further ceiling: what the strategy has then, around
/// all ranges, is the answer. Cancelled, it returns first fit.
///
/// Runs the strategy up to nine times.
pub(crate) fn allocate_around(
    problem: &Problem,
    strategy: &dyn Strategy,
    limits: &Limits,
) -> Result<Allocation> {
    let ranges = problem.reserved();
    if ranges.is_empty() {
        return strategy.allocate(problem, limits);
    }
    // Strategies that are cancelled before they have a plan would return one without reuse.
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
            // Nothing ends in what is reserved.
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

/// What is not proven least may be for the reason that an earlier attempt was stopped.
fn stopped_by(problem: &Problem, found: Allocation, worst: Stop) -> Allocation {
    let is_least = height(problem, &found.offsets) <= found.proven;
    let stop = if is_least { found.stop } else { found.stop.max(worst) };
    Allocation { stop, ..found }
}

/// With so many of the ranges as obstacles, after so many nodes, and what was shown by
/// those.
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

/// What is shown of a problem with these obstacles, if it is more than where they
/// end.
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

/// Without what was found for the obstacles.
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
