//! Lower bounds on the sizes of objects.

use crate::allocate::object_intervals::ObjectInterval;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::sort_by_keys;

/// Positional maxima: entry j is the maximum over time of the j-th largest live size.
///
/// The j-th largest object is at least that large in every sharing, so the sum is a lower bound
/// on the total size (Pisarchyk & Lee, arXiv 2001.03288). O(n log n) time.
pub(super) fn positional_maxima(intervals: &[ObjectInterval], sections: u32) -> Vec<u64> {
    let limits = Limits::new();
    maxima_until_stopped(intervals, sections, &mut Budget::new(&limits, u64::MAX)).0
}

/// Like [`positional_maxima`], but stops at a limit: then the last entries are missing. Returns the reason for
/// stopping.
pub(super) fn maxima_until_stopped(
    intervals: &[ObjectInterval],
    sections: u32,
    budget: &mut Budget<'_>,
) -> (Vec<u64>, Result<(), Stop>) {
    debug_assert!(intervals.iter().all(|interval| interval.end <= sections));
    // Entry j is the largest size s for which more than j intervals of at least s bytes are live at once. So add
    // the intervals in decreasing order of size, and count the most that are live at once.
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    sort_by_keys(&mut order, |&index| [!intervals[index].size, 0]);
    let mut live = LiveCounts::new(sections);
    let mut maxima: Vec<u64> = Vec::new();
    for index in order {
        let interval = &intervals[index];
        live.add(1, (0, live.leaves), (interval.first, interval.end));
        maxima.resize(maxima.len().max(live.most() as usize), interval.size);
        if let Err(stop) = budget.work(WORK_OF_AN_INTERVAL) {
            return (maxima, Err(stop));
        }
    }
    (maxima, Ok(()))
}

/// Work of adding an interval, in steps of inner loops.
const WORK_OF_AN_INTERVAL: usize = 64;

/// Numbers of intervals by section: a segment tree.
struct LiveCounts {
    leaves: u32,
    /// By node: the intervals that cover the node but not its parent, and the largest count within the node without
    /// those that cover its ancestors.
    nodes: Vec<(u32, u32)>,
}

impl LiveCounts {
    fn new(sections: u32) -> Self {
        let leaves = sections.max(1).next_power_of_two();
        Self { leaves, nodes: vec![(0, 0); 2 * leaves as usize] }
    }

    /// The largest count of any section.
    fn most(&self) -> u32 {
        self.nodes[1].1
    }

    /// Adds an interval to the sections `own` of a node. O(log sections).
    fn add(&mut self, node: usize, own: (u32, u32), interval: (u32, u32)) {
        if interval.0 <= own.0 && own.1 <= interval.1 {
            let (covering, most) = self.nodes[node];
            self.nodes[node] = (covering + 1, most + 1);
            return;
        }
        let middle = own.0 + (own.1 - own.0) / 2;
        for (child, half) in [(2 * node, (own.0, middle)), (2 * node + 1, (middle, own.1))] {
            if interval.0 < half.1 && half.0 < interval.1 {
                self.add(child, half, interval);
            }
        }
        let inner = self.nodes[2 * node].1.max(self.nodes[2 * node + 1].1);
        self.nodes[node].1 = self.nodes[node].0 + inner;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maxima_are_those_of_the_definition() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..500 {
            let sections = random.u32(1..12);
            let interval = |_| {
                let first = random.u32(..sections);
                ObjectInterval { size: random.u64(1..6), first, end: random.u32(first + 1..=sections) }
            };
            let intervals: Vec<ObjectInterval> = (0..20).map(interval).collect();
            let mut expected: Vec<u64> = Vec::new();
            for section in 0..sections {
                let is_live = |interval: &&ObjectInterval| (interval.first..interval.end).contains(&section);
                let mut live: Vec<u64> = intervals.iter().filter(is_live).map(|one| one.size).collect();
                live.sort_unstable_by(|one, other| other.cmp(one));
                expected.resize(expected.len().max(live.len()), 0);
                for (maximum, size) in expected.iter_mut().zip(live) {
                    *maximum = size.max(*maximum);
                }
            }
            assert_eq!(positional_maxima(&intervals, sections), expected, "{intervals:?}");
        }
    }
}
