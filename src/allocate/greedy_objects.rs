//! Shared objects by greedy rules.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::object_intervals::{ObjectInterval, ObjectProblem, ObjectSharing};
use super::occupancy::{Fit, Occupancy, Request};
use super::{Allocation, Strategy};
use crate::error;
use crate::problem::Problem;
use crate::support::limits::{Limits, Meter, Stop};
use crate::support::sorting::sort_by_keys;

/// Greedy assignment of tensors to shared objects, as in runtimes with a few fixed buffers. A
/// baseline for [`Knapsack`](super::Knapsack). Refuses buffers with fixed offsets.
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
        let mut meter = Meter::new(limits, u64::MAX);
        let by_size = self.by_size.then(|| by_size(intervals, &[], ObjectChoice::Closest, false, &mut meter));
        let stop = match by_size {
            Some(Ok(sharing)) => {
                return Ok(Allocation { nodes: meter.nodes(), ..shared.lay_out(&sharing) });
            }
            Some(Err(stop)) => stop,
            None => Stop::Finished,
        };
        let (sharing, cancelled) = in_order(intervals, &[], &meter);
        let stop = cancelled.err().map_or(stop, |cancelled| cancelled.max(stop));
        Ok(Allocation { nodes: meter.nodes(), stop, ..shared.lay_out(&sharing) })
    }
}

/// Assigns objects in order of start. After cancellation, each tensor has its own object.
pub(super) fn in_order(
    intervals: &[ObjectInterval],
    given: &[u64],
    meter: &Meter<'_>,
) -> (ObjectSharing, Result<(), Stop>) {
    match by_start(intervals, given, true, &mut meter.cancel_only()) {
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
    meter: &mut Meter<'_>,
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
        meter.spend_on(looks / LOOKS_A_NODE, WORK_A_LOOK * sizes.len() as u64)?;
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
/// k is the byte at offset k, and a tensor takes the lowest free byte.
pub(super) fn by_size_quickly(
    intervals: &[ObjectInterval],
    meter: &mut Meter<'_>,
) -> Result<ObjectSharing, Stop> {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    sort_by_keys(&mut order, |&i| [!intervals[i].size, intervals[i].first.into()]);
    let mut occupancy = Occupancy::default();
    let mut sizes = Vec::new();
    let mut object = vec![0; intervals.len()];
    for i in order {
        let interval = &intervals[i];
        let sections = (interval.first, interval.end);
        let before = occupancy.visits();
        let k = occupancy.find(Request { pieces: &[sections], size: 1, alignment: 1 }, Fit::Lowest);
        occupancy.insert(sections, k, 1);
        if k as usize == sizes.len() {
            sizes.push(interval.size);
        }
        object[i] = k as u32;
        meter.charge(64 * (1 + occupancy.visits() - before) as usize)?;
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
    meter: &mut Meter<'_>,
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
        meter.charge(16)?;
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
            let mut meter = Meter::new(&limits, u64::MAX);
            let plain = by_size(&intervals, &[], ObjectChoice::First, false, &mut meter).unwrap();
            let quick = by_size_quickly(&intervals, &mut meter).unwrap();
            assert_eq!((quick.object, quick.sizes), (plain.object, plain.sizes));
        }
    }
}
