//! Shared objects by greedy rules.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::object_intervals::{ObjectInterval, ObjectProblem, ObjectSharing};
use super::section_tree::SectionTree;
use super::{Allocation, Strategy};
use crate::error;
use crate::problem::Problem;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::sort_by_keys;

/// Greedy assignment of tensors to shared objects, as in runtimes with a few fixed buffers. A
/// baseline for [`Knapsack`](super::Knapsack). Refuses buffers with fixed offsets.
///
/// Example: [`by_name`](crate::allocate::by_name) runs all strategies.
#[derive(Clone, Copy, Debug)]
pub struct GreedyObjects {
    name: &'static str,
    by_size: bool,
}

impl GreedyObjects {
    /// Assigns tensors in order of start. Each takes the smallest free object that is large
    /// enough, or else the largest free one, which grows, or else a new one. O(n log n).
    #[must_use]
    pub const fn in_order() -> Self {
        Self { name: "objects-in-order", by_size: false }
    }

    /// Assigns tensors in decreasing order of size. Of the objects that are free during its live
    /// range, each takes the one with the shortest idle time before or after it, or else a new
    /// one (greedy by size improved, Pisarchyk & Lee, arXiv 2001.03288). O(n k log n) for k
    /// objects.
    #[must_use]
    pub const fn by_size() -> Self {
        Self { name: "objects-by-size", by_size: true }
    }
}

impl Strategy for GreedyObjects {
    fn name(&self) -> &str {
        self.name
    }

    /// If a limit stops it, the result shares objects in order of start. Cancellation stops that
    /// as well, and then each buffer has its own object.
    fn allocate(&self, problem: &Problem, limits: &Limits) -> error::Result<Allocation> {
        let shared = ObjectProblem::new(self.name, problem)?;
        let intervals = &shared.intervals;
        let mut budget = Budget::new(limits, u64::MAX);
        let by_size =
            self.by_size.then(|| by_size(intervals, &[], ObjectChoice::Closest, false, &mut budget));
        let stop = match by_size {
            Some(Ok(sharing)) => {
                return Ok(Allocation { nodes: budget.nodes(), ..shared.lay_out(&sharing) });
            }
            Some(Err(stop)) => stop,
            None => Stop::Finished,
        };
        let (sharing, cancelled) = in_order(intervals, &[], &budget);
        let stop = cancelled.err().map_or(stop, |cancelled| cancelled.max(stop));
        Ok(Allocation { nodes: budget.nodes(), stop, ..shared.lay_out(&sharing) })
    }
}

/// Assigns objects in order of start. After cancellation, each tensor has its own object.
pub(super) fn in_order(
    intervals: &[ObjectInterval],
    given: &[u64],
    budget: &Budget<'_>,
) -> (ObjectSharing, Result<(), Stop>) {
    match by_start(intervals, given, true, &mut budget.cancel_only()) {
        Ok(sharing) => (sharing, Ok(())),
        Err(stop) => (each_alone(intervals, given), Err(stop)),
    }
}

#[derive(Clone, Copy)]
pub(super) enum ObjectChoice {
    /// The object opened first.
    First,
    /// The object with the shortest idle time next to the interval.
    Closest,
    /// The object opened last.
    Last,
}

/// Number of object visits that count as one search node.
const LOOKS_A_NODE: u64 = 1024;

/// Work of testing whether an object is free, in steps of inner loops.
const WORK_A_LOOK: u64 = 16;

/// Assigns intervals in decreasing order of size: each joins a free object that is large enough,
/// or opens one of its size.
pub(super) fn by_size(
    intervals: &[ObjectInterval],
    given: &[u64],
    choice: ObjectChoice,
    longest_first: bool,
    budget: &mut Budget<'_>,
) -> Result<ObjectSharing, Stop> {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    sort_by_keys(&mut order, |&i| {
        let interval = &intervals[i];
        let second = if longest_first { u32::MAX - (interval.end - interval.first) } else { interval.first };
        [!interval.size, second.into()]
    });
    let mut sizes = given.to_vec();
    let mut busy: Vec<BTreeSet<(u32, u32)>> = vec![BTreeSet::new(); sizes.len()];
    let mut object = vec![0; intervals.len()];
    let mut looks = LOOKS_A_NODE;
    for i in order {
        looks += sizes.len() as u64;
        budget.spend_on(looks / LOOKS_A_NODE, WORK_A_LOOK * sizes.len() as u64)?;
        looks %= LOOKS_A_NODE;
        let interval = &intervals[i];
        let free = (0..sizes.len())
            .filter(|&k| sizes[k] >= interval.size)
            .filter_map(|k| Some((k, idle(&busy[k], interval)?)));
        let chosen = match choice {
            ObjectChoice::First => free.min_by_key(|&(k, _)| k),
            ObjectChoice::Closest => free.min_by_key(|&(k, time)| (time, k)),
            ObjectChoice::Last => free.max_by_key(|&(k, _)| k),
        };
        let k = chosen.map_or_else(
            || {
                sizes.push(interval.size);
                busy.push(BTreeSet::new());
                sizes.len() - 1
            },
            |(k, _)| k,
        );
        busy[k].insert((interval.first, interval.end));
        object[i] = k as u32;
    }
    Ok(ObjectSharing { object, sizes })
}

/// Computes the result of [`by_size`] with [`ObjectChoice::First`] by placement in space: object
/// k is the byte at offset k, and a tensor takes the lowest free byte. Objects that are busy at once are joined to
/// one range of bytes, so this takes nearly O(n log n).
pub(super) fn by_size_quickly(
    intervals: &[ObjectInterval],
    budget: &mut Budget<'_>,
) -> Result<ObjectSharing, Stop> {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    sort_by_keys(&mut order, |&i| [!intervals[i].size, intervals[i].first.into()]);
    let sections = intervals.iter().map(|interval| interval.end).max().unwrap_or(0);
    let mut taken = SectionTree::new(sections as usize, 1);
    let mut sizes = Vec::new();
    let mut object = vec![0; intervals.len()];
    for i in order {
        let interval = &intervals[i];
        let sections = (interval.first, interval.end);
        let before = taken.steps();
        let k = taken.lowest(&[sections], 1, 1);
        taken.insert(sections, k, 1);
        if k as usize == sizes.len() {
            sizes.push(interval.size);
        }
        object[i] = k as u32;
        budget.charge((16 + taken.steps() - before) as usize)?;
    }
    Ok(ObjectSharing { object, sizes })
}

/// Shortest idle time between the interval and a neighbour in the object; `None` if the object
/// is busy.
pub(super) fn idle(busy: &BTreeSet<(u32, u32)>, interval: &ObjectInterval) -> Option<u32> {
    let before = busy.range(..(interval.end, 0)).next_back();
    let after = busy.range((interval.end, 0)..).next();
    let gap = before.map_or(u32::MAX, |&(_, end)| interval.first.wrapping_sub(end));
    if before.is_some_and(|&(_, end)| end > interval.first) {
        return None;
    }
    Some(gap.min(after.map_or(u32::MAX, |&(first, _)| first - interval.end)))
}

/// Assigns intervals in order of start: each takes the smallest free object that is large enough,
/// or else the largest free opened one, which grows, or else a new one. If `grow` is false, new
/// objects are opened instead. O(n log n).
pub(super) fn by_start(
    intervals: &[ObjectInterval],
    given: &[u64],
    grow: bool,
    budget: &mut Budget<'_>,
) -> Result<ObjectSharing, Stop> {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    sort_by_keys(&mut order, |&i| [intervals[i].first.into(), !intervals[i].size]);
    let mut sizes = given.to_vec();
    let mut free: BTreeSet<(u64, usize)> = sizes.iter().copied().zip(0..).collect();
    let mut busy: BinaryHeap<Reverse<(u32, usize)>> = BinaryHeap::new();
    let mut object = vec![0; intervals.len()];
    for i in order {
        let interval = &intervals[i];
        while let Some(&Reverse((end, k))) = busy.peek()
            && end <= interval.first
        {
            busy.pop();
            free.insert((sizes[k], k));
        }
        let fits = free.range((interval.size, 0)..).next().copied();
        let largest_own = || free.iter().rev().find(|(_, k)| *k >= given.len()).copied();
        let taken = fits.or_else(|| if grow { largest_own() } else { None });
        let k = if let Some(entry) = taken {
            free.remove(&entry);
            entry.1
        } else {
            sizes.push(0);
            sizes.len() - 1
        };
        sizes[k] = sizes[k].max(interval.size);
        busy.push(Reverse((interval.end, k)));
        object[i] = k as u32;
        budget.charge(16)?;
    }
    Ok(ObjectSharing { object, sizes })
}

/// Gives each interval its own object; given objects stay unused.
pub(super) fn each_alone(intervals: &[ObjectInterval], given: &[u64]) -> ObjectSharing {
    let first = given.len() as u32;
    let sizes = given.iter().copied().chain(intervals.iter().map(|interval| interval.size));
    ObjectSharing { object: (first..first + intervals.len() as u32).collect(), sizes: sizes.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_and_plain_share_alike() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..300 {
            let intervals: Vec<ObjectInterval> = (0..random.usize(..300))
                .map(|_| {
                    let first = random.u32(..50);
                    ObjectInterval { size: random.u64(1..60), first, end: first + random.u32(1..30) }
                })
                .collect();
            let limits = Limits::new();
            let mut budget = Budget::new(&limits, u64::MAX);
            let plain = by_size(&intervals, &[], ObjectChoice::First, false, &mut budget).unwrap();
            let quick = by_size_quickly(&intervals, &mut budget).unwrap();
            assert_eq!((quick.object, quick.sizes), (plain.object, plain.sizes));
        }
    }
    #[test]
    fn the_quick_rule_grows_near_linearly() {
        let nodes = |count: u32| {
            // Readers of one tensor whose outputs stay live to the end.
            let live_to_the_end = |first| ObjectInterval { size: 8, first, end: count };
            let intervals: Vec<ObjectInterval> = (0..count).map(live_to_the_end).collect();
            let limits = Limits::new();
            let mut budget = Budget::new(&limits, u64::MAX);
            assert_eq!(by_size_quickly(&intervals, &mut budget).unwrap().sizes.len(), count as usize);
            budget.nodes()
        };
        let (small, large) = (nodes(5_000), nodes(10_000));
        assert!(large < 5 * small / 2, "{small} nodes, then {large}");
    }
}
