//! Best-first search over the sizes of the objects.
//!
//! A node is a vector of sizes in descending order. Every sharing in its subtree has sizes that
//! are at least as large, position by position; the cost of a node is the sum of its sizes. The
//! root is the vector of positional maxima. If the tensors can share objects of a node's sizes,
//! the node is optimal, since all other open nodes cost at least as much. Otherwise a conflict
//! refutes the sizes and larger ones up to its ceiling, and every sharing must exceed the
//! ceiling at some position: one child for each position. Conflicts are stored and checked
//! before any further decision.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::conflict::{ProbeResult, Prober, SizeConflict};
use crate::allocate::object_intervals::{ObjectInterval, ObjectSharing};
use crate::support::limits::{Meter, Stop};
use crate::support::sorting::{descend, sort_by_keys};

/// Restrictions on the objects.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectLimits {
    /// Sizes of objects available at no cost, descending.
    pub(super) given: Vec<u64>,
    /// Maximum number of objects, including the given ones.
    pub(super) max_objects: Option<usize>,
}

pub(super) struct SizeSearchResult {
    /// The optimal sharing; `None` if none is better than the incumbent.
    pub(super) best: Option<ObjectSharing>,
    /// Lower bound on the total size of opened objects.
    pub(super) bound: u64,
    pub(super) stop: Stop,
}

pub(super) struct SizeSearch<'a> {
    pub(super) intervals: &'a [ObjectInterval],
    pub(super) sections: u32,
    pub(super) object_limits: &'a ObjectLimits,
}

impl SizeSearch<'_> {
    /// Searches for a sharing that opens less than `incumbent` bytes.
    pub(super) fn run(&self, maxima: &[u64], incumbent: u64, meter: &mut Meter<'_>) -> SizeSearchResult {
        // Invariant: every sharing that opens less than `incumbent` has sizes that reach some open node
        // at every position. So the cheapest open node is a lower bound, and when its sizes suffice
        // they are optimal. Each node costs at most one decision with its conflict; the number of nodes
        // is exponential in the worst case.
        let mut open = OpenNodes::default();
        let root = self.opened_for(maxima);
        if self.allows(root.len()) {
            open.push(root);
        }
        let mut conflicts: Vec<SizeConflict> = Vec::new();
        let mut bound = 0;
        let prober = Prober { intervals: self.intervals, sections: self.sections, limit: incumbent };
        while let Some((cost, opened)) = open.pop() {
            bound = cost;
            (meter.best, meter.bound) = (incumbent, bound);
            if cost >= incumbent {
                return SizeSearchResult { best: None, bound: incumbent, stop: Stop::Finished };
            }
            // A node takes about ten microseconds even if it counts no nodes in a decision.
            if let Err(stop) = meter.work(1 << 13) {
                return SizeSearchResult { best: None, bound, stop };
            }
            let sizes = self.with_given(&opened);
            // A stored conflict refutes a node in a scan over its sizes, without a decision.
            let stored = conflicts.iter().position(|conflict| conflict.refutes(&sizes));
            let conflict = match stored {
                Some(index) => {
                    if let Err(stop) = meter.spend(1 + conflicts.len() as u64 / 64) {
                        return SizeSearchResult { best: None, bound, stop };
                    }
                    &conflicts[index]
                }
                None => match prober.probe(&sizes, meter) {
                    Ok(ProbeResult::Fits(object)) => {
                        let best = Some(self.with_given_first(&object, &opened));
                        return SizeSearchResult { best, bound, stop: Stop::Finished };
                    }
                    Ok(ProbeResult::Refuted(conflict)) => {
                        conflicts.push(conflict);
                        &conflicts[conflicts.len() - 1]
                    }
                    Ok(ProbeResult::Open) => {
                        return SizeSearchResult { best: None, bound, stop: Stop::Nodes };
                    }
                    Err(stop) => return SizeSearchResult { best: None, bound, stop },
                },
            };
            for child in self.children(&opened, conflict) {
                open.push(child);
            }
        }
        // The tree is exhausted without a sharing only if the number of objects is limited.
        SizeSearchResult { best: None, bound: bound.max(incumbent), stop: Stop::Finished }
    }

    /// Minimum total size to open so that the sizes reach `maxima`.
    pub(super) fn min_total(&self, maxima: &[u64]) -> u64 {
        self.opened_for(maxima).iter().sum()
    }

    /// Sizes to open so that the objects reach `minima`, which descends: the positions that given
    /// objects do not cover.
    fn opened_for(&self, minima: &[u64]) -> Vec<u64> {
        let mut opened: Vec<u64> = Vec::new();
        for (position, &size) in minima.iter().enumerate() {
            // Position j is reached if j + 1 objects are at least that large. Given objects count
            // first, then those opened for earlier positions, which are larger.
            let given = self.object_limits.given.partition_point(|&given| given >= size);
            if position >= given + opened.len() {
                opened.push(size);
            }
        }
        opened
    }

    /// Children of a refuted node: one for each position at which the sizes may exceed the
    /// ceiling.
    fn children(&self, opened: &[u64], conflict: &SizeConflict) -> Vec<Vec<u64>> {
        // Soundness: the conflict refutes all sizes below its ceiling at every position, so in a
        // sharing some position exceeds it. There, `position + 1` objects are at least as large as the
        // next step, and those not given must be opened. A step is a size of an interval; sizes between
        // steps are useless.
        let given = &self.object_limits.given;
        let child = |position: usize| {
            let step = conflict.next_step(position)?;
            let covered = given.partition_point(|&given| given >= step);
            let count = (position + 1).checked_sub(covered)?;
            if !self.allows(count) {
                return None;
            }
            let mut child = opened.to_vec();
            child.resize(child.len().max(count), 0);
            child[..count].iter_mut().for_each(|size| *size = step.max(*size));
            (child != opened).then_some(child)
        };
        (0..conflict.positions()).filter_map(child).collect()
    }

    fn allows(&self, opened: usize) -> bool {
        self.object_limits.max_objects.is_none_or(|limit| self.object_limits.given.len() + opened <= limit)
    }

    fn with_given(&self, opened: &[u64]) -> Vec<u64> {
        let mut sizes = [&self.object_limits.given, opened].concat();
        descend(&mut sizes);
        sizes
    }

    /// Renumbers objects: given ones first, then opened ones, instead of by size.
    fn with_given_first(&self, object: &[u32], opened: &[u64]) -> ObjectSharing {
        let sizes = [&self.object_limits.given, opened].concat();
        let mut by_size: Vec<u32> = (0..sizes.len() as u32).collect();
        sort_by_keys(&mut by_size, |&number| [!sizes[number as usize], 0]);
        ObjectSharing { object: object.iter().map(|&position| by_size[position as usize]).collect(), sizes }
    }
}

/// Open nodes in the order of cost, without duplicates.
#[derive(Default)]
struct OpenNodes {
    heap: BinaryHeap<Reverse<(u64, Vec<u64>)>>,
    seen: HashSet<Vec<u64>>,
}

impl OpenNodes {
    fn push(&mut self, opened: Vec<u64>) {
        if self.seen.insert(opened.clone()) {
            self.heap.push(Reverse((opened.iter().sum(), opened)));
        }
    }

    fn pop(&mut self) -> Option<(u64, Vec<u64>)> {
        self.heap.pop().map(|Reverse(node)| node)
    }
}
