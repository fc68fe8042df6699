//! Best fit as one sweep over time, for problems too large for other heuristics.

use crate::problem::{LiveRange, Problem};
use crate::support::arithmetic::align_up;
use crate::support::free_ranges::FreeRanges;
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::sort_by_keys;

/// Allocates each buffer when it becomes live, in the smallest hole that fits (of equal ones, the
/// lowest), and frees it when it dies, as a best-fit allocator would at run time. Buffers that
/// start at the same step go by size, largest first. Fixed buffers have the bottom of the arena
/// for themselves. With `backwards`, time runs from the end to the start.
///
/// O(n log n) time, O(n) space.
pub(super) fn sweep(problem: &Problem, backwards: bool, budget: &mut Budget<'_>) -> Result<Vec<u64>, Stop> {
    let live = |id: BufferId| match problem.buffer(id).live() {
        LiveRange { start, end } if backwards => (u32::MAX - end, u32::MAX - start),
        LiveRange { start, end } => (start, end),
    };
    let fixed = problem.buffers().iter().filter_map(|buffer| Some(buffer.fixed_offset()? + buffer.size()));
    let mut memory = FreeMemory { holes: FreeRanges::default(), top: fixed.max().unwrap_or(0) };
    let mut offsets = problem.fixed_offsets();
    let mut births = problem.movable();
    let mut deaths = births.clone();
    sort_by_keys(&mut births, |&id| [live(id).0.into(), !problem.buffer(id).size()]);
    sort_by_keys(&mut deaths, |&id| [live(id).1.into(), 0]);
    let mut deaths = deaths.into_iter().peekable();
    for id in births {
        let buffer = problem.buffer(id);
        while let Some(dead) = deaths.next_if(|&dead| live(dead).1 <= live(id).0) {
            let offset = offsets[dead.index()];
            memory.holes.free(offset, offset + problem.buffer(dead).size());
        }
        offsets[id.index()] = memory.take(buffer.size(), buffer.alignment());
        budget.charge(256)?;
    }
    Ok(offsets)
}

/// Free memory: holes, and all bytes above `top`.
#[derive(Debug)]
struct FreeMemory {
    holes: FreeRanges,
    top: u64,
}

impl FreeMemory {
    fn take(&mut self, size: u64, alignment: u64) -> u64 {
        // If the smallest large hole does not fit with padding, one that fits with any padding
        // is chosen in O(log n) and is nearly the best.
        let fits = |&(hole, start): &(u64, u64)| align_up(start, alignment) - start + size <= hole;
        let best = self.holes.at_least(size).next().filter(fits);
        let padded = size.saturating_add(alignment - 1);
        let chosen = best.or_else(|| self.holes.at_least(padded).next());
        let Some((_, start)) = chosen else { return self.grow(size, alignment) };
        let offset = align_up(start, alignment);
        self.holes.take(start, (offset, offset + size));
        offset
    }

    /// Allocates at the top of the arena, from the topmost hole if that is adjacent.
    fn grow(&mut self, size: u64, alignment: u64) -> u64 {
        let start = self.holes.take_last(self.top).unwrap_or(self.top);
        let offset = align_up(start, alignment);
        self.holes.add(start, offset);
        self.top = offset + size;
        offset
    }
}
