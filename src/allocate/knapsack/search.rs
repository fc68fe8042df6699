//! Best-first search over the sizes of the objects.
//!
//! A node is a vector of sizes that any solution below it reaches or exceeds,
//! place by place when sorted; its cost is their sum. The root holds the
//! positional maxima. A node whose objects do is optimal, as all others cost at
//! least as much. Otherwise a conflict says of larger vectors, too, that they
//! fail, and a solution must exceed its ceiling at some place: a child for each
//! place. Conflicts are kept: later nodes that run into one need no probing.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::conflict::{Conflict, Finding, Prober};
use crate::allocate::sharing::{Interval, Sharing};
use crate::limits::{Meter, Stop};
use crate::sorting::{descend, sort_by_keys};

/// What the search may choose.
#[derive(Clone, Debug, Default)]
pub(super) struct Freedom {
    /// Objects that are there at no cost, descending.
    pub(super) given: Vec<u64>,
    /// The most objects there may be, the given ones included.
    pub(super) most_objects: Option<usize>,
}

pub(super) struct Found {
    /// None if nothing below the incumbent was found.
    pub(super) best: Option<Sharing>,
    /// No sharing opens objects of a smaller sum.
    pub(super) bound: u64,
    pub(super) stop: Stop,
}

pub(super) struct Search<'a> {
    pub(super) intervals: &'a [Interval],
    pub(super) sections: u32,
    pub(super) freedom: &'a Freedom,
}

impl Search<'_> {
    /// Looks for less than `incumbent`, the sum of opened objects of a known
    /// sharing.
    pub(super) fn run(&self, maxima: &[u64], incumbent: u64, meter: &mut Meter<'_>) -> Found {
        let mut open = Open::default();
        let root = self.opened_for(maxima);
        if self.allows(root.len()) {
            open.push(root);
        }
        let mut conflicts: Vec<Conflict> = Vec::new();
        let mut bound = 0;
        let prober = Prober { intervals: self.intervals, sections: self.sections, most: incumbent };
        while let Some((cost, opened)) = open.pop() {
            bound = cost;
            (meter.best, meter.bound) = (incumbent, bound);
            if cost >= incumbent {
                return Found { best: None, bound: incumbent, stop: Stop::Finished };
            }
            // Each may take some ten microseconds, whatever nodes it counts.
            if let Err(stop) = meter.work(1 << 13) {
                return Found { best: None, bound, stop };
            }
            let sizes = self.with_given(&opened);
            let known = conflicts.iter().position(|conflict| conflict.refutes(&sizes));
            let conflict = match known {
                Some(index) => {
                    if let Err(stop) = meter.spend(1 + conflicts.len() as u64 / 64) {
                        return Found { best: None, bound, stop };
                    }
                    &conflicts[index]
                }
                None => match prober.probe(&sizes, meter) {
                    Ok(Finding::Fits(object)) => {
                        let best = Some(self.with_given_first(&object, &opened));
                        return Found { best, bound, stop: Stop::Finished };
                    }
                    Ok(Finding::Refuted(conflict)) => {
                        conflicts.push(conflict);
                        &conflicts[conflicts.len() - 1]
                    }
                    Ok(Finding::Open) => return Found { best: None, bound, stop: Stop::Nodes },
                    Err(stop) => return Found { best: None, bound, stop },
                },
            };
            for child in self.children(&opened, conflict) {
                open.push(child);
            }
        }
        // Only a limit on the number of objects can close every way.
        Found { best: None, bound: bound.max(incumbent), stop: Stop::Finished }
    }

    /// The sum of what must be opened at least so that the objects reach
    /// `maxima`.
    pub(super) fn least(&self, maxima: &[u64]) -> u64 {
        self.opened_for(maxima).iter().sum()
    }

    /// The least that must be opened so that the objects reach `least`, which
    /// descends: of the places that given objects do not cover.
    fn opened_for(&self, least: &[u64]) -> Vec<u64> {
        let mut opened: Vec<u64> = Vec::new();
        for (place, &size) in least.iter().enumerate() {
            let given = self.freedom.given.partition_point(|&given| given >= size);
            if place >= given + opened.len() {
                opened.push(size);
            }
        }
        opened
    }

    /// The ways out of a conflict: at some place the objects exceed its
    /// ceiling, so as many of them as that place counts are at least as large
    /// as the next step, and those that are not given have to be opened.
    fn children(&self, opened: &[u64], conflict: &Conflict) -> Vec<Vec<u64>> {
        let given = &self.freedom.given;
        let child = |place: usize| {
            let least = conflict.way_out(place)?;
            let covered = given.partition_point(|&given| given >= least);
            let count = (place + 1).checked_sub(covered)?;
            if !self.allows(count) {
                return None;
            }
            let mut child = opened.to_vec();
            child.resize(child.len().max(count), 0);
            child[..count].iter_mut().for_each(|size| *size = least.max(*size));
            (child != opened).then_some(child)
        };
        (0..conflict.places()).filter_map(child).collect()
    }

    fn allows(&self, opened: usize) -> bool {
        self.freedom.most_objects.is_none_or(|most| self.freedom.given.len() + opened <= most)
    }

    fn with_given(&self, opened: &[u64]) -> Vec<u64> {
        let mut sizes = [&self.freedom.given, opened].concat();
        descend(&mut sizes);
        sizes
    }

    /// Objects numbered with the given ones first, instead of by size.
    fn with_given_first(&self, object: &[u32], opened: &[u64]) -> Sharing {
        let sizes = [&self.freedom.given, opened].concat();
        let mut by_size: Vec<u32> = (0..sizes.len() as u32).collect();
        sort_by_keys(&mut by_size, |&number| [!sizes[number as usize], 0]);
        Sharing { object: object.iter().map(|&place| by_size[place as usize]).collect(), sizes }
    }
}

/// Nodes to be visited, cheapest first, each once.
#[derive(Default)]
struct Open {
    heap: BinaryHeap<Reverse<(u64, Vec<u64>)>>,
    seen: HashSet<Vec<u64>>,
}

impl Open {
    fn push(&mut self, opened: Vec<u64>) {
        if self.seen.insert(opened.clone()) {
            self.heap.push(Reverse((opened.iter().sum(), opened)));
        }
    }

    fn pop(&mut self) -> Option<(u64, Vec<u64>)> {
        self.heap.pop().map(|Reverse(node)| node)
    }
}
