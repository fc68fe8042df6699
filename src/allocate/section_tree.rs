//! Placed rectangles by time, for many buffers with short live ranges.

use smallvec::SmallVec;

/// A segment tree over sections.
///
/// A rectangle is stored at the O(log n) nodes that make up its sections. Each node has two sets
/// of byte ranges: those taken in all of its sections by rectangles stored there (`throughout`),
/// and those taken in any of its sections (`sometimes`). A new buffer must avoid the union of
/// O(log n) of these sets.
///
/// A search goes upwards through all sets at once and is linear in their ranges. These are at
/// most as many as the rectangles that meet the buffer in time, and far fewer if these lie close
/// together, since adjacent ranges are joined. So all searches together take nearly O(n log n)
/// time if buffers meet few others, and quadratic time in the worst case, like
/// [`Occupancy`](super::occupancy::Occupancy).
#[derive(Debug)]
pub(super) struct SectionTree {
    /// Number of leaves, a power of two.
    leaves: u32,
    throughout: Vec<Taken>,
    sometimes: Vec<Taken>,
    /// Smallest buffer size: smaller holes count as taken.
    smallest: u64,
    steps: u64,
}

/// Ranges of bytes, ascending and disjoint. Inline, since most nodes have few ranges and
/// allocating each of them takes longer than filling them.
type Taken = SmallVec<[(u64, u64); 2]>;

/// Range of sections, end exclusive.
type Sections = (u32, u32);

impl SectionTree {
    pub(super) fn new(sections: usize, smallest: u64) -> Self {
        let leaves = sections.next_power_of_two() as u32;
        let sets = || vec![Taken::new(); 2 * leaves as usize];
        Self { leaves, throughout: sets(), sometimes: sets(), smallest: smallest.max(1), steps: 0 }
    }

    /// Removes all rectangles and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.throughout.iter_mut().chain(&mut self.sometimes).for_each(SmallVec::clear);
    }

    /// Number of steps of inner loops since construction.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Adds a rectangle.
    pub(super) fn insert(&mut self, sections: Sections, offset: u64, size: u64) {
        self.insert_under(1, (0, self.leaves), sections, (offset, offset + size));
    }

    fn insert_under(&mut self, node: usize, own: Sections, sections: Sections, range: (u64, u64)) {
        self.steps += 16 + take(&mut self.sometimes[node], range, self.smallest);
        if sections.0 <= own.0 && own.1 <= sections.1 {
            self.steps += take(&mut self.throughout[node], range, self.smallest);
            return;
        }
        for (child, half) in halves(node, own) {
            if sections.0 < half.1 && half.0 < sections.1 {
                self.insert_under(child, half, sections, range);
            }
        }
    }

    /// Lowest aligned offset at which `size` bytes are free in all of the given sections.
    pub(super) fn lowest(&mut self, pieces: &[Sections], size: u64, alignment: u64) -> u64 {
        let mut sets = Vec::new();
        for &piece in pieces {
            self.gather(1, (0, self.leaves), piece, &mut sets);
        }
        // Small sets tend to have long ranges, which raise the offset most, so they come first.
        sets.sort_unstable_by_key(|set| set.len());
        let (mut offset, mut agreed, mut steps) = (0, 0, 0);
        // Each set raises the offset only as far as it must, so the result is the lowest.
        while agreed < sets.len() {
            agreed = 0;
            for set in &mut sets {
                steps += 1;
                let before = offset;
                *set = above(set, offset, &mut steps);
                while let Some(&(start, end)) = set.first()
                    && start < offset + size
                {
                    offset = crate::support::arithmetic::align_up(end, alignment);
                    *set = above(&set[1..], offset, &mut steps);
                }
                agreed += usize::from(offset == before);
            }
        }
        self.steps += steps;
        offset
    }

    /// Collects the sets of bytes taken in some of the given sections.
    fn gather<'s>(
        &'s self,
        node: usize,
        own: Sections,
        sections: Sections,
        sets: &mut Vec<&'s [(u64, u64)]>,
    ) {
        let covered = sections.0 <= own.0 && own.1 <= sections.1;
        let set = if covered { &self.sometimes[node] } else { &self.throughout[node] }.as_slice();
        if !set.is_empty() {
            sets.push(set);
        }
        for (child, half) in halves(node, own) {
            // If nothing is taken in a subtree, its nodes are skipped.
            let meets = sections.0 < half.1 && half.0 < sections.1;
            if !covered && meets && !self.sometimes[child].is_empty() {
                self.gather(child, half, sections, sets);
            }
        }
    }
}

/// The ranges that end above an offset, by galloping search: O(log k) for k ranges skipped.
fn above<'s>(set: &'s [(u64, u64)], offset: u64, steps: &mut u64) -> &'s [(u64, u64)] {
    let mut reach = 1;
    while set.get(reach - 1).is_some_and(|range| range.1 <= offset) {
        reach *= 2;
        *steps += 1;
    }
    // The range at `reach - 1` ends above the offset, the one at `reach / 2 - 1` does not.
    let (from, end) = (reach / 2, set.len().min(reach - 1));
    *steps += 1;
    &set[from + set[from..end.max(from)].partition_point(|range| range.1 <= offset)..]
}

/// Children of a node, with their sections.
fn halves(node: usize, (first, end): Sections) -> [(usize, Sections); 2] {
    let middle = first + (end - first) / 2;
    [(2 * node, (first, middle)), (2 * node + 1, (middle, end))]
}

/// Adds a range, joined with ranges that are closer than the smallest buffer. Returns the steps
/// spent on moving later ranges.
fn take(taken: &mut Taken, (mut start, mut end): (u64, u64), smallest: u64) -> u64 {
    if start < smallest {
        start = 0;
    }
    let first = taken.partition_point(|range| range.1.saturating_add(smallest) <= start);
    let meeting = taken[first..].partition_point(|range| range.0 < end.saturating_add(smallest));
    let steps = (taken.len() - first) as u64 / 4;
    if meeting == 0 {
        taken.insert(first, (start, end));
        return steps;
    }
    start = start.min(taken[first].0);
    end = end.max(taken[first + meeting - 1].1);
    taken[first] = (start, end);
    taken.drain(first + 1..first + meeting);
    steps
}
