//! Free ranges of memory, for allocators that walk through time.

use std::collections::{BTreeMap, BTreeSet};

/// Free ranges, disjoint and not adjacent. Every change takes O(log n).
#[derive(Debug, Default)]
pub(crate) struct FreeRanges {
    /// Ends by start.
    ends: BTreeMap<u64, u64>,
    /// Sizes and starts.
    by_size: BTreeSet<(u64, u64)>,
}

impl FreeRanges {
    /// Sizes and starts of the ranges of at least `size` bytes, the smallest first, and of equal ones the
    /// lowest first.
    pub(crate) fn at_least(&self, size: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.by_size.range((size, 0)..).copied()
    }

    /// Takes the last range if it ends at `end`. Returns its start.
    pub(crate) fn take_last(&mut self, end: u64) -> Option<u64> {
        let (&start, _) = self.ends.last_key_value().filter(|&(_, &last)| last == end)?;
        self.remove(start, end);
        Some(start)
    }

    /// Takes the bytes from `offset` to `end` of the range that begins at `start`.
    pub(crate) fn take(&mut self, start: u64, (offset, end): (u64, u64)) {
        if let Some(&last) = self.ends.get(&start) {
            self.remove(start, last);
            self.add(start, offset);
            self.add(end, last);
        }
    }

    /// Frees bytes that are in use, and joins them with adjacent free ranges.
    pub(crate) fn free(&mut self, mut start: u64, mut end: u64) {
        if let Some((&before, &touching)) = self.ends.range(..start).next_back()
            && touching == start
        {
            self.remove(before, touching);
            start = before;
        }
        if let Some(&last) = self.ends.get(&end) {
            self.remove(end, last);
            end = last;
        }
        self.add(start, end);
    }

    /// Adds a range that touches no other; an empty one changes nothing.
    pub(crate) fn add(&mut self, start: u64, end: u64) {
        if start < end {
            self.ends.insert(start, end);
            self.by_size.insert((end - start, start));
        }
    }

    fn remove(&mut self, start: u64, end: u64) {
        self.ends.remove(&start);
        self.by_size.remove(&(end - start, start));
    }
}
