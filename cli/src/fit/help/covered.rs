//! Number of bytes covered by a changing set of ranges that may overlap.

use std::ops::Range;

/// A segment tree over the bytes between all starts and ends of the ranges.
///
/// A range is stored at the O(log n) nodes that partition it, and a node's `bytes` counts the ranges at
/// it and below it; ranges at its ancestors cover it entirely and are counted there.
pub struct CoveredBytes {
    /// Starts and ends of all ranges, ascending and distinct.
    boundaries: Vec<u64>,
    /// By node: number of ranges stored at it.
    counts: Vec<u32>,
    /// By node: number of its bytes covered by ranges at it or below it.
    bytes: Vec<u64>,
}

impl CoveredBytes {
    /// Empty set that can hold the given ranges. O(n log n).
    pub fn new(ranges: impl Iterator<Item = Range<u64>>) -> Self {
        let mut boundaries: Vec<u64> = ranges.flat_map(|range| [range.start, range.end]).collect();
        boundaries.sort_unstable();
        boundaries.dedup();
        let nodes = 2 * boundaries.len().next_power_of_two();
        Self { boundaries, counts: vec![0; nodes], bytes: vec![0; nodes] }
    }

    /// Number of bytes covered.
    pub fn bytes(&self) -> u64 {
        self.bytes[1]
    }

    /// Adds a range. O(log n).
    pub fn insert(&mut self, range: Range<u64>) {
        self.update(range, true);
    }

    /// Removes a range that was added. O(log n).
    pub fn remove(&mut self, range: Range<u64>) {
        self.update(range, false);
    }

    fn update(&mut self, range: Range<u64>, inserts: bool) {
        let cell = |byte: u64| self.boundaries.partition_point(|&boundary| boundary < byte);
        let cells = cell(range.start)..cell(range.end);
        if !cells.is_empty() {
            self.update_node(1, 0..self.boundaries.len() - 1, &cells, inserts);
        }
    }

    /// Updates a node whose cells are `span` with a range of the cells `cells`.
    fn update_node(&mut self, node: usize, span: Range<usize>, cells: &Range<usize>, inserts: bool) {
        let middle = span.start.midpoint(span.end);
        if cells.start <= span.start && span.end <= cells.end {
            self.counts[node] = if inserts { self.counts[node] + 1 } else { self.counts[node] - 1 };
        } else {
            if cells.start < middle {
                self.update_node(2 * node, span.start..middle, cells, inserts);
            }
            if middle < cells.end {
                self.update_node(2 * node + 1, middle..span.end, cells, inserts);
            }
        }
        self.bytes[node] = if self.counts[node] > 0 {
            self.boundaries[span.end] - self.boundaries[span.start]
        } else if span.len() == 1 {
            0
        } else {
            self.bytes[2 * node] + self.bytes[2 * node + 1]
        };
    }
}

#[cfg(test)]
mod tests {
    use super::CoveredBytes;

    #[test]
    fn overlapping_bytes_count_once() {
        let mut bits = 1u64;
        let mut below = |count: u64| {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (bits >> 33) % count
        };
        for _ in 0..50 {
            let mut range = || {
                let from = below(30);
                from..from + below(12)
            };
            let ranges: Vec<_> = (0..20).map(|_| range()).collect();
            let mut covered = CoveredBytes::new(ranges.iter().cloned());
            let mut is_present = [false; 20];
            for _ in 0..100 {
                let index = below(20) as usize;
                is_present[index] = !is_present[index];
                covered.update(ranges[index].clone(), is_present[index]);
                let is_covered = |byte: &u64| (0..20).any(|k| is_present[k] && ranges[k].contains(byte));
                assert_eq!(covered.bytes(), (0..50).filter(is_covered).count() as u64);
            }
        }
    }
}
