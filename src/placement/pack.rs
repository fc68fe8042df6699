//! Offsets of the residency intervals on chip.
//!
//! Each pool is a packing problem of its own: the intervals of its items are buffers with a live range, a
//! size and an alignment. The geometric allocators solve it; this module adds no search of its own.

pub(crate) mod best_fit;

use std::ops::Range;

use super::instance::Instance;
use super::residency::ResidencyInterval;
use super::state::PathAssignment;
use crate::allocate::{Allocation, Auto, Strategy, infeasible_core};
use crate::error::Result;
use crate::problem::{Buffer, Problem};
use crate::support::limits::{Limits, Stop};
use crate::support::sorting::sort_by_keys;

/// A residency interval with its offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedInterval {
    pub(crate) item: usize,
    pub(crate) interval: ResidencyInterval,
    pub(crate) offset: u64,
}

/// Offsets of all intervals of an assignment.
pub(crate) struct PackedIntervals {
    /// All intervals.
    pub(crate) placed: Vec<PlacedInterval>,
    /// The intervals that end above the capacity of their pool.
    pub(crate) overflowing: Vec<PlacedInterval>,
    /// Highest end of those, in bytes; 0 if there are none.
    pub(crate) needed: u64,
    /// Mask of pools for which the search proved that no offsets exist within the capacity.
    pub(crate) infeasible_pools: u8,
}

/// Method that chooses offsets.
#[derive(Clone, Copy)]
pub(crate) enum OffsetMethod<'a> {
    /// Best fit in one pass over time (`best_fit`): fast, without proof.
    BestFit,
    /// The packing search within limits.
    Search(&'a Limits),
}

/// Chooses offsets for all intervals on chip, one pool after the other. Returns them with the nodes spent
/// and the reason to stop.
pub(crate) fn pack(
    instance: &Instance,
    assignment: &PathAssignment,
    method: OffsetMethod<'_>,
) -> Result<(PackedIntervals, u64, Stop)> {
    let mut intervals: Vec<Vec<(usize, ResidencyInterval)>> = vec![Vec::new(); instance.store()];
    for item in 0..instance.items.len() {
        instance
            .path_in(&assignment.paths, item)
            .intervals(|interval| intervals[interval.pool].push((item, interval)));
    }
    let (mut placed, mut overflowing) = (Vec::new(), Vec::new());
    let (mut nodes, mut infeasible_pools, mut needed) = (0, 0, 0);
    for (pool, intervals) in intervals.iter().enumerate() {
        let (offsets, (own_nodes, stop), proven) = offsets(instance, pool, intervals, method)?;
        nodes += own_nodes;
        // The node limit of one pool leaves the other pools to their own searches; a deadline or cancellation
        // ends all.
        if matches!(stop, Stop::Cancelled | Stop::Deadline) {
            return Ok((PackedIntervals { placed, overflowing, needed, infeasible_pools }, nodes, stop));
        }
        infeasible_pools |= u8::from(proven) << pool;
        for (&(item, interval), offset) in intervals.iter().zip(offsets) {
            let record = PlacedInterval { item, interval, offset };
            let end = offset + instance.items[item].size;
            if end > instance.pools[pool].bytes {
                needed = needed.max(end);
                overflowing.push(record);
            }
            placed.push(record);
        }
    }
    Ok((PackedIntervals { placed, overflowing, needed, infeasible_pools }, nodes, Stop::Finished))
}

/// Offsets, nodes spent with the reason to stop, and whether infeasibility is proven.
type PoolOffsets = (Vec<u64>, (u64, Stop), bool);

/// Offsets in one pool, and whether it is proven that none fit.
///
/// Intervals that span the run lie at the bottom, one above the other. Without them the remaining live
/// ranges fall apart into independent subproblems.
fn offsets(
    instance: &Instance,
    pool: usize,
    intervals: &[(usize, ResidencyInterval)],
    method: OffsetMethod<'_>,
) -> Result<PoolOffsets> {
    let (mut spanning, mut shorter): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (index, (_, interval)) in intervals.iter().enumerate() {
        let spans_run = interval.from == 0 && interval.end == instance.steps;
        if spans_run { spanning.push(index) } else { shorter.push(index) }
    }
    if !spanning.is_empty() && !shorter.is_empty() {
        let layered = offsets_above_spanning(instance, pool, intervals, (&mut spanning, &shorter), method)?;
        if let Some(offsets) = layered {
            return Ok(offsets);
        }
    }
    solve_offsets(&problem(instance, pool, intervals)?, method, &instance.limits)
}

/// Offsets with the spanning intervals at the bottom. Returns none if the alignment gaps of that layout may
/// be the reason for an overflow: then the whole problem has to be solved.
fn offsets_above_spanning(
    instance: &Instance,
    pool: usize,
    intervals: &[(usize, ResidencyInterval)],
    (spanning, shorter): (&mut [usize], &[usize]),
    method: OffsetMethod<'_>,
) -> Result<Option<PoolOffsets>> {
    let spec = &instance.pools[pool];
    let alignment = |index: usize| instance.items[intervals[index].0].alignment.max(spec.alignment);
    sort_by_keys(spanning, |&index| [!alignment(index), intervals[index].0 as u64]);
    // Large alignments first: if sizes are multiples of their alignments, the stack has no gaps.
    let mut offsets = vec![0; intervals.len()];
    let sizes = spanning.iter().map(|&index| instance.items[intervals[index].0].size);
    let bytes: u64 = sizes.clone().sum();
    let aligned = sizes.zip(spanning.iter().map(|&index| alignment(index)));
    let Some((bottom, top)) = stacked(aligned) else { return Ok(None) };
    for (&index, offset) in spanning.iter().zip(bottom) {
        offsets[index] = offset;
    }
    let coarsest = shorter.iter().map(|&index| alignment(index)).max().unwrap_or(1);
    let base = top.next_multiple_of(coarsest);
    let Some(left) = spec.bytes.checked_sub(base) else { return Ok(None) };
    let rest: Vec<(usize, ResidencyInterval)> = shorter.iter().map(|&index| intervals[index]).collect();
    let above = problem(instance, pool, &rest)?.with_capacity(Some(left));
    let (above_offsets, spent, proven) = solve_offsets(&above, method, &instance.limits)?;
    let mut is_over = false;
    for (&index, offset) in shorter.iter().zip(above_offsets) {
        offsets[index] = base + offset;
        is_over |= offsets[index] + instance.items[intervals[index].0].size > spec.bytes;
    }
    // If alignment leaves gaps between the other intervals, spanning ones might fit into them, so only a
    // layout without gaps carries the proof of the packing search over.
    let is_exact = base == bytes && coarsest == 1;
    Ok((is_exact || !is_over).then_some((offsets, spent, proven)))
}

/// Stacks buffers of the given sizes and alignments from offset 0 in this order. Returns their offsets and
/// the end of the stack; none if that exceeds 64 bits.
pub(crate) fn stacked(sizes: impl Iterator<Item = (u64, u64)>) -> Option<(Vec<u64>, u64)> {
    let mut top = 0u64;
    let offsets = sizes.map(|(size, alignment)| {
        let offset = top.checked_next_multiple_of(alignment)?;
        top = offset.checked_add(size)?;
        Some(offset)
    });
    let offsets = offsets.collect::<Option<Vec<u64>>>()?;
    Some((offsets, top))
}

/// Solves one packing problem with the given method.
fn solve_offsets(problem: &Problem, method: OffsetMethod<'_>, limits: &Limits) -> Result<PoolOffsets> {
    let OffsetMethod::Search(search) = method else {
        return Ok((best_fit::offsets(problem, limits)?, (0, Stop::Finished), false));
    };
    let Allocation { offsets, nodes, stop, proven, .. } = Auto::new().allocate(problem, search)?;
    // The packing search may stop at the load bound without a proof of its own, so both bounds count.
    let lower_bound = proven.max(crate::problem::lower_bound(problem).bytes);
    let is_proven = problem.capacity().is_some_and(|capacity| lower_bound > capacity);
    Ok((offsets, (nodes, stop), is_proven))
}

/// The packing problem of intervals of one pool.
fn problem(instance: &Instance, pool: usize, intervals: &[(usize, ResidencyInterval)]) -> Result<Problem> {
    let spec = &instance.pools[pool];
    let buffer = |&(item, interval): &(usize, ResidencyInterval)| {
        let data = &instance.items[item];
        Buffer::new(data.size, interval.from..interval.end).align(data.alignment.max(spec.alignment))
    };
    Ok(Problem::new(intervals.iter().map(buffer).collect())?.with_capacity(Some(spec.bytes)))
}

/// Maximum number of intervals for which an infeasible core is computed.
const MAX_CORE_SEARCH: usize = 64;

/// Intervals of a pool that have no offsets even without the others (an infeasible core), if one is found
/// within the limits, and else all intervals of the pool. Each comes as an item and the range of its points
/// that the interval covers.
pub(crate) fn conflict(
    instance: &Instance,
    assignment: &PathAssignment,
    pool: usize,
    limits: &Limits,
) -> Result<Vec<(usize, Range<usize>)>> {
    let (mut intervals, mut points) = (Vec::new(), Vec::new());
    for item in 0..instance.items.len() {
        instance.path_in(&assignment.paths, item).intervals_with_points(|interval, range| {
            if interval.pool == pool {
                intervals.push((item, interval));
                points.push((item, range));
            }
        });
    }
    if intervals.len() > MAX_CORE_SEARCH {
        return Ok(points);
    }
    // A small conflict gives few branches, so it pays to remove intervals that are not needed for it.
    let core = infeasible_core(&problem(instance, pool, &intervals)?, limits)?;
    Ok(match core {
        Some(core) => core.members.iter().map(|id| points[id.index()].clone()).collect(),
        None => points,
    })
}
