//! What is placed so far, by time: for many buffers that live shortly.

use smallvec::SmallVec;

/// A segment tree over sections. A rectangle is kept at the few nodes that make up its
/// sections; each node knows the bytes that rectangles take throughout its sections, and the
/// bytes that any rectangle takes at any of them. The bytes that a new buffer must avoid are
/// then the union of O(log n) of these sets.
///
/// A search walks upwards over all of them at once, which is linear in their ranges: these
/// are at most as many as there are rectangles that meet the buffer, and far fewer where
/// they lie close together, since ranges that touch are one. So it is near n log n in
/// all for buffers that meet few others, and quadratic in the worst case, as
/// [`Occupancy`](super::occupancy::Occupancy) always is.
#[derive(Debug)]
pub(super) struct SectionTree {
    /// A power of two.
    leaves: u32,
    throughout: Vec<Taken>,
    sometimes: Vec<Taken>,
    /// No buffer is smaller: a gap that is counts as taken.
    smallest: u64,
    steps: u64,
}

/// Ranges of bytes, ascending and apart. Most nodes have few: to allocate and free each of them
/// takes longer than to fill them.
type Taken = SmallVec<[(u64, u64); 2]>;

/// Sections from the first to before the end.
type Sections = (u32, u32);

impl SectionTree {
    pub(super) fn new(sections: usize, smallest: u64) -> Self {
        let leaves = sections.next_power_of_two() as u32;
        let sets = || vec![Taken::new(); 2 * leaves as usize];
        Self { leaves, throughout: sets(), sometimes: sets(), smallest: smallest.max(1), steps: 0 }
    }

    /// Empties it, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.throughout.iter_mut().chain(&mut self.sometimes).for_each(SmallVec::clear);
    }

    /// Steps of inner loops since it was made.
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

    /// The lowest aligned offset at which so many bytes are free in all of these sections.
    pub(super) fn lowest(&mut self, pieces: &[Sections], size: u64, alignment: u64) -> u64 {
        let mut sets = Vec::new();
        for &piece in pieces {
            self.gather(1, (0, self.leaves), piece, &mut sets);
        }
        // Few ranges are long ones, which raise the offset most; the others are skipped then.
        sets.sort_unstable_by_key(|set| set.len());
        let (mut offset, mut agreed, mut steps) = (0, 0, 0);
        // Each set only raises the offset, by as little as it must.
        while agreed < sets.len() {
            agreed = 0;
            for set in &mut sets {
                steps += 1;
                let before = offset;
                *set = above(set, offset, &mut steps);
                while let Some(&(start, end)) = set.first()
                    && start < offset + size
                {
                    offset = super::occupancy::align_up(end, alignment);
                    *set = above(&set[1..], offset, &mut steps);
                }
                agreed += usize::from(offset == before);
            }
        }
        self.steps += steps;
        offset
    }

    /// The sets of bytes that are taken at some of these sections.
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
            // Where nothing is taken at any time, nothing is below.
            let meets = sections.0 < half.1 && half.0 < sections.1;
            if !covered && meets && !self.sometimes[child].is_empty() {
                self.gather(child, half, sections, sets);
            }
        }
    }
}

/// The ranges that end above an offset, in time that grows with the logarithm of how many do not.
fn above<'s>(set: &'s [(u64, u64)], offset: u64, steps: &mut u64) -> &'s [(u64, u64)] {
    let mut reach = 1;
    while set.get(reach - 1).is_some_and(|range| range.1 <= offset) {
        reach *= 2;
        *steps += 1;
    }
    // The last one that was looked at ends above, the one before it does not.
    let (from, end) = (reach / 2, set.len().min(reach - 1));
    *steps += 1;
    &set[from + set[from..end.max(from)].partition_point(|range| range.1 <= offset)..]
}

/// The children of a node and their sections.
fn halves(node: usize, (first, end): Sections) -> [(usize, Sections); 2] {
    let middle = first + (end - first) / 2;
    [(2 * node, (first, middle)), (2 * node + 1, (middle, end))]
}

/// Adds a range, and what is too small for any buffer between it and others. Returns the steps
/// for moving those above.
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
