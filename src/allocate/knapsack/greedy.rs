//! Sharing by simple rules, for a first solution.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::intervals::Interval;
use super::search::{Freedom, Sharing};

/// Work that rules which look at every object may take, in objects looked at.
const MOST_LOOKS: usize = 20_000_000;

/// The best of several rules; none if a limit on the number of objects is in
/// the way of all of them.
pub(super) fn share(intervals: &[Interval], freedom: &Freedom, live_at_once: usize) -> Option<Sharing> {
    let mut best = by_start(intervals, freedom);
    let looks = intervals.len().saturating_mul(live_at_once + freedom.given.len());
    if looks <= MOST_LOOKS {
        for choice in [Choice::First, Choice::Closest, Choice::Last] {
            for longest_first in [false, true] {
                best.push(by_size(intervals, freedom, choice, longest_first));
            }
        }
    }
    let given = freedom.given.len();
    let most = freedom.most_objects.unwrap_or(usize::MAX);
    best.retain(|sharing| sharing.sizes.len() <= most);
    best.into_iter().min_by_key(|sharing| sharing.sizes[given..].iter().sum::<u64>())
}

#[derive(Clone, Copy)]
enum Choice {
    First,
    /// The least time to a neighbour in the same object.
    Closest,
    Last,
}

/// In decreasing size, each joins an object that is free and large enough at no
/// cost, or opens one of its size.
fn by_size(intervals: &[Interval], freedom: &Freedom, choice: Choice, longest_first: bool) -> Sharing {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    order.sort_by_key(|&i| {
        let one = &intervals[i];
        let second = if longest_first { u32::MAX - (one.end - one.first) } else { one.first };
        (Reverse(one.size), second, i)
    });
    let mut sizes = freedom.given.clone();
    let mut busy: Vec<BTreeSet<(u32, u32)>> = vec![BTreeSet::new(); sizes.len()];
    let mut object = vec![0; intervals.len()];
    for i in order {
        let one = &intervals[i];
        let free = (0..sizes.len())
            .filter(|&k| sizes[k] >= one.size)
            .filter_map(|k| Some((k, idle(&busy[k], one)?)));
        let chosen = match choice {
            Choice::First => free.min_by_key(|&(k, _)| k),
            Choice::Closest => free.min_by_key(|&(k, time)| (time, k)),
            Choice::Last => free.max_by_key(|&(k, _)| k),
        };
        let k = chosen.map_or_else(
            || {
                sizes.push(one.size);
                busy.push(BTreeSet::new());
                sizes.len() - 1
            },
            |(k, _)| k,
        );
        busy[k].insert((one.first, one.end));
        object[i] = k as u32;
    }
    Sharing { object, sizes }
}

/// The least time between the interval and a neighbour, if the object is free.
fn idle(busy: &BTreeSet<(u32, u32)>, one: &Interval) -> Option<u32> {
    let before = busy.range(..(one.end, 0)).next_back();
    let after = busy.range((one.end, 0)..).next();
    let gap = before.map_or(u32::MAX, |&(_, end)| one.first.wrapping_sub(end));
    if before.is_some_and(|&(_, end)| end > one.first) {
        return None;
    }
    Some(gap.min(after.map_or(u32::MAX, |&(first, _)| first - one.end)))
}

/// In order of start, each takes the smallest free object that is large enough,
/// or else the largest free one, which grows, or else a new one. The second way
/// never lets one grow and so opens more. O(n log n).
fn by_start(intervals: &[Interval], freedom: &Freedom) -> Vec<Sharing> {
    [true, false].map(|grow| sweep(intervals, freedom, grow)).into()
}

fn sweep(intervals: &[Interval], freedom: &Freedom, grow: bool) -> Sharing {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    order.sort_by_key(|&i| (intervals[i].first, Reverse(intervals[i].size), i));
    let mut sizes = freedom.given.clone();
    let mut free: BTreeSet<(u64, usize)> = sizes.iter().copied().zip(0..).collect();
    let mut busy: BinaryHeap<Reverse<(u32, usize)>> = BinaryHeap::new();
    let mut object = vec![0; intervals.len()];
    for i in order {
        let one = &intervals[i];
        while let Some(&Reverse((end, k))) = busy.peek()
            && end <= one.first
        {
            busy.pop();
            free.insert((sizes[k], k));
        }
        let fits = free.range((one.size, 0)..).next().copied();
        let largest_own = || free.iter().rev().find(|(_, k)| *k >= freedom.given.len()).copied();
        let taken = fits.or_else(|| if grow { largest_own() } else { None });
        let k = if let Some(entry) = taken {
            free.remove(&entry);
            entry.1
        } else {
            sizes.push(0);
            sizes.len() - 1
        };
        sizes[k] = sizes[k].max(one.size);
        busy.push(Reverse((one.end, k)));
        object[i] = k as u32;
    }
    Sharing { object, sizes }
}
