//! Best fit as one sweep over time, for problems too large for other heuristics.

use std::collections::{BTreeMap, BTreeSet};

use super::occupancy::align_up;
use crate::problem::{LiveRange, Problem};
use crate::support::ids::BufferId;
use crate::support::limits::{Meter, Stop};
use crate::support::sorting::sort_by_keys;

/// Allocates each buffer when it becomes live, in the smallest hole that fits (of equal ones, the
/// lowest), and frees it when it dies, as a best-fit allocator would at run time. Buffers that
/// start at the same step go by size, largest first. Fixed buffers have the bottom of the arena
/// for themselves. With `backwards`, time runs from the end to the start.
///
/// O(n log n) time, O(n) space.
pub(super) fn sweep(problem: &Problem, backwards: bool, meter: &mut Meter<'_>) -> Result<Vec<u64>, Stop> {
    let live = |id: BufferId| match problem.buffer(id).live() {
        LiveRange { start, end } if backwards => (u32::MAX - end, u32::MAX - start),
        LiveRange { start, end } => (start, end),
    };
    let fixed = problem.buffers().iter().filter_map(|buffer| Some(buffer.fixed_offset()? + buffer.size()));
    let mut holes = BestFitHoles::above(fixed.max().unwrap_or(0));
    let mut offsets: Vec<u64> =
        problem.buffers().iter().map(|buffer| buffer.fixed_offset().unwrap_or(0)).collect();
    let is_free = |id: &BufferId| {
        let buffer = problem.buffer(*id);
        buffer.size() > 0 && buffer.fixed_offset().is_none()
    };
    let mut births: Vec<BufferId> = problem.ids().filter(is_free).collect();
    let mut deaths = births.clone();
    sort_by_keys(&mut births, |&id| [live(id).0.into(), !problem.buffer(id).size()]);
    sort_by_keys(&mut deaths, |&id| [live(id).1.into(), 0]);
    let mut deaths = deaths.into_iter().peekable();
    for id in births {
        let buffer = problem.buffer(id);
        while let Some(dead) = deaths.next_if(|&dead| live(dead).1 <= live(id).0) {
            holes.give_back(offsets[dead.index()], problem.buffer(dead).size());
        }
        offsets[id.index()] = holes.take(buffer.size(), buffer.alignment());
        meter.charge(256)?;
    }
    Ok(offsets)
}

/// Free memory: holes by offset and by size, and all bytes above `top`.
#[derive(Debug)]
struct BestFitHoles {
    /// Size of each hole, by offset.
    by_offset: BTreeMap<u64, u64>,
    /// Size and offset of each hole.
    by_size: BTreeSet<(u64, u64)>,
    top: u64,
}

impl BestFitHoles {
    fn above(top: u64) -> Self {
        Self { by_offset: BTreeMap::new(), by_size: BTreeSet::new(), top }
    }

    fn take(&mut self, size: u64, alignment: u64) -> u64 {
        // If the smallest large hole does not fit with padding, one that fits with any padding
        // is chosen in O(log n) and is nearly the best.
        let fits = |offset: u64, hole: u64| align_up(offset, alignment) - offset + size <= hole;
        let best =
            self.by_size.range((size, 0)..).next().copied().filter(|&(hole, offset)| fits(offset, hole));
        let padded = size.saturating_add(alignment - 1);
        let chosen = best.or_else(|| self.by_size.range((padded, 0)..).next().copied());
        let Some((hole, start)) = chosen else { return self.grow(size, alignment) };
        self.remove(start, hole);
        let offset = align_up(start, alignment);
        self.add(start, offset - start);
        self.add(offset + size, start + hole - offset - size);
        offset
    }

    /// Allocates at the top of the arena, from the topmost hole if that is adjacent.
    fn grow(&mut self, size: u64, alignment: u64) -> u64 {
        let last = self.by_offset.last_key_value().map(|(&offset, &hole)| (offset, hole));
        let start = match last.filter(|&(offset, hole)| offset + hole == self.top) {
            Some((offset, hole)) => {
                self.remove(offset, hole);
                offset
            }
            None => self.top,
        };
        let offset = align_up(start, alignment);
        self.add(start, offset - start);
        self.top = offset + size;
        offset
    }

    fn give_back(&mut self, offset: u64, size: u64) {
        let (mut start, mut end) = (offset, offset + size);
        if let Some((&below, &hole)) = self.by_offset.range(..start).next_back()
            && below + hole == start
        {
            self.remove(below, hole);
            start = below;
        }
        if let Some(&hole) = self.by_offset.get(&end) {
            self.remove(end, hole);
            end += hole;
        }
        self.add(start, end - start);
    }

    fn add(&mut self, offset: u64, size: u64) {
        if size > 0 {
            self.by_offset.insert(offset, size);
            self.by_size.insert((size, offset));
        }
    }

    fn remove(&mut self, offset: u64, size: u64) {
        self.by_offset.remove(&offset);
        self.by_size.remove(&(size, offset));
    }
}
