//! Bytes covered by ranges that come and go and may overlap.

use std::ops::Range;

/// A segment tree over the bytes between all starts and ends of the ranges.
pub struct Covered {
    /// Starts and ends of all ranges, ascending.
    cuts: Vec<u64>,
    /// By node: ranges that cover all of it, but not all of its parent.
    counts: Vec<u32>,
    /// By node: bytes covered of it.
    bytes: Vec<u64>,
}

impl Covered {
    /// Nothing is covered yet; these ranges may come. O(n log n).
    pub fn new(ranges: impl Iterator<Item = Range<u64>>) -> Self {
        let mut cuts: Vec<u64> = ranges.flat_map(|range| [range.start, range.end]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let nodes = 2 * cuts.len().next_power_of_two();
        Self { cuts, counts: vec![0; nodes], bytes: vec![0; nodes] }
    }

    /// Bytes covered.
    pub fn bytes(&self) -> u64 {
        self.bytes[1]
    }

    /// A range comes, or one that came goes. O(log n).
    pub fn change(&mut self, range: Range<u64>, comes: bool) {
        let cell = |cut: u64| self.cuts.partition_point(|&one| one < cut);
        let cells = cell(range.start)..cell(range.end);
        if !cells.is_empty() {
            self.change_under(1, 0..self.cuts.len() - 1, &cells, comes);
        }
    }

    fn change_under(&mut self, node: usize, own: Range<usize>, cells: &Range<usize>, comes: bool) {
        let middle = own.start.midpoint(own.end);
        if cells.start <= own.start && own.end <= cells.end {
            self.counts[node] = if comes { self.counts[node] + 1 } else { self.counts[node] - 1 };
        } else {
            if cells.start < middle {
                self.change_under(2 * node, own.start..middle, cells, comes);
            }
            if middle < cells.end {
                self.change_under(2 * node + 1, middle..own.end, cells, comes);
            }
        }
        self.bytes[node] = if self.counts[node] > 0 {
            self.cuts[own.end] - self.cuts[own.start]
        } else if own.len() == 1 {
            0
        } else {
            self.bytes[2 * node] + self.bytes[2 * node + 1]
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Covered;

    #[test]
    fn bytes_are_counted_once() {
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
            let mut covered = Covered::new(ranges.iter().cloned());
            let mut there = [false; 20];
            for _ in 0..100 {
                let one = below(20) as usize;
                there[one] = !there[one];
                covered.change(ranges[one].clone(), there[one]);
                let is_covered = |byte: &u64| (0..20).any(|one| there[one] && ranges[one].contains(byte));
                assert_eq!(covered.bytes(), (0..50).filter(is_covered).count() as u64);
            }
        }
    }
}
