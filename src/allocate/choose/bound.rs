//! Upper bound on the value that can be kept.

use crate::allocate::object_intervals::ObjectInterval;
use crate::support::sorting::sort_by_keys;

/// State of an interval in the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    Open,
    Kept,
    Outside,
}

/// Result of the relaxation at a node.
pub(super) struct NodeBound {
    /// Upper bound on the value of all choices in the subtree.
    pub(super) value: u64,
    /// Interval to branch on: the undecided one of the lowest value per byte in the most crowded
    /// section; `None` if all undecided intervals fit in every section.
    pub(super) branching_interval: Option<usize>,
    /// Work, in intervals visited.
    pub(super) looks: u64,
}

/// The relaxation: in each section, the sizes of the kept intervals add up to at most the
/// capacity. It ignores that objects do not move.
pub(super) struct Relaxation<'a> {
    intervals: &'a [ObjectInterval],
    values: &'a [u64],
    capacity: u64,
    sections: u32,
    by_start: Vec<u32>,
    /// Rank of each interval by value per byte, descending.
    rank: Vec<u32>,
    by_rank: Vec<u32>,
    /// Ranks of the live undecided intervals, ascending.
    live: Vec<u32>,
    /// End and size of the live kept intervals.
    kept: Vec<(u32, u64)>,
    /// Sizes and values of the live undecided intervals.
    items: Vec<(u64, u64)>,
    /// Nodes of the knapsacks of the sections.
    nodes: u64,
    /// `lost[s]`: lower bound on the value lost in the sections below `s`.
    lost: Vec<u64>,
}

impl<'a> Relaxation<'a> {
    pub(super) fn new(
        intervals: &'a [ObjectInterval],
        sections: u32,
        values: &'a [u64],
        capacity: u64,
    ) -> Self {
        let mut by_start: Vec<u32> = (0..intervals.len() as u32).collect();
        sort_by_keys(&mut by_start, |&i| [intervals[i as usize].first.into(), 0]);
        let mut by_rank: Vec<u32> = (0..intervals.len() as u32).collect();
        by_rank.sort_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            let denser = u128::from(values[b]) * u128::from(intervals[a].size);
            denser.cmp(&(u128::from(values[a]) * u128::from(intervals[b].size))).then(a.cmp(&b))
        });
        let mut rank = vec![0; intervals.len()];
        for (position, &i) in by_rank.iter().enumerate() {
            rank[i as usize] = position as u32;
        }
        Self {
            intervals,
            values,
            capacity,
            sections,
            by_start,
            rank,
            by_rank,
            live: Vec::new(),
            kept: Vec::new(),
            items: Vec::new(),
            nodes: 0,
            lost: Vec::new(),
        }
    }

    /// Intervals by value per byte, highest first.
    pub(super) fn densest_first(&self) -> &[u32] {
        &self.by_rank
    }

    /// Computes the upper bound; `None` if the kept intervals alone do not fit.
    ///
    /// O(n log n) time plus the sum over sections of their live intervals, plus the knapsacks.
    pub(super) fn of(&mut self, memberships: &[Membership]) -> Option<NodeBound> {
        // A sweep over the sections. In each section, the 0-1 knapsack of the live undecided intervals
        // gives the least value that must be lost there. Losses of two sections add up if no undecided
        // interval is live in both, since they concern different intervals; the best set of such
        // sections is found by dynamic programming from left to right (weighted interval scheduling).
        self.live.clear();
        self.kept.clear();
        self.lost.clear();
        self.lost.push(0);
        let mut value = 0;
        let mut looks = 0;
        self.nodes = 0;
        let mut worst = (0, None);
        let mut starting = 0;
        for section in 0..self.sections {
            let intervals = self.intervals;
            let by_rank = &self.by_rank;
            self.live.retain(|&rank| intervals[by_rank[rank as usize] as usize].end > section);
            self.kept.retain(|&(end, _)| end > section);
            while let Some(&i) = self.by_start.get(starting).filter(|&&i| self.first(i) == section) {
                starting += 1;
                self.begin(i as usize, memberships[i as usize], &mut value);
            }
            looks += (self.live.len() + self.kept.len()) as u64;
            let taken: u64 = self.kept.iter().map(|&(_, size)| size).sum();
            let room = self.capacity.checked_sub(taken)?;
            let before = self.lost[section as usize];
            let (loss, since) = self.loss(room);
            self.lost.push(before.max(loss + self.lost[since.min(section) as usize]));
            if loss > worst.0 {
                worst = (loss, self.live.last().map(|&rank| self.by_rank[rank as usize] as usize));
            }
        }
        let lost = self.lost[self.sections as usize];
        Some(NodeBound { value: value - lost, branching_interval: worst.1, looks: looks + self.nodes * 8 })
    }

    fn first(&self, i: u32) -> u32 {
        self.intervals[i as usize].first
    }

    fn begin(&mut self, i: usize, state: Membership, value: &mut u64) {
        let interval = &self.intervals[i];
        match state {
            Membership::Outside => return,
            Membership::Kept => self.kept.push((interval.end, interval.size)),
            Membership::Open => {
                let position = self.live.partition_point(|&rank| rank < self.rank[i]);
                self.live.insert(position, self.rank[i]);
            }
        }
        *value += self.values[i];
    }

    /// Minimum value that the undecided intervals of the current section lose within `room`
    /// bytes, and the earliest start among them.
    fn loss(&mut self, room: u64) -> (u64, u32) {
        self.items.clear();
        let (mut since, mut size, mut value) = (u32::MAX, 0, 0);
        for &rank in &self.live {
            let i = self.by_rank[rank as usize] as usize;
            self.items.push((self.intervals[i].size, self.values[i]));
            since = self.intervals[i].first.min(since);
            size += self.intervals[i].size;
            value += self.values[i];
        }
        if size <= room {
            return (0, since);
        }
        // The knapsack is bounded in nodes; the fractional bound is an upper bound on it, so the loss
        // stays a lower bound in either case.
        let mut knapsack = ZeroOne { items: &self.items, best: 0, nodes: 0 };
        knapsack.keep(0, room, 0);
        self.nodes += u64::from(knapsack.nodes);
        let kept = if knapsack.nodes < MAX_NODES { knapsack.best } else { fractional(&self.items, room) };
        (value - kept, since)
    }
}

/// Node limit for the knapsack of a section; beyond it, the fractional bound is used.
const MAX_NODES: u32 = 300;

/// The 0-1 knapsack of a section, by branch and bound (Horowitz & Sahni, 1974).
struct ZeroOne<'a> {
    /// Sizes and values, by value per byte, descending.
    items: &'a [(u64, u64)],
    best: u64,
    nodes: u32,
}

impl ZeroOne<'_> {
    fn keep(&mut self, at: usize, room: u64, value: u64) {
        self.best = self.best.max(value);
        self.nodes += 1;
        let rest = &self.items[at.min(self.items.len())..];
        if self.nodes >= MAX_NODES || value + fractional(rest, room) <= self.best {
            return;
        }
        let (size, item_value) = rest[0];
        if size <= room {
            self.keep(at + 1, room - size, value + item_value);
        }
        self.keep(at + 1, room, value);
    }
}

/// Maximum value within `room` bytes if one interval may be kept in part. Rounded down, since
/// values are integers.
fn fractional(items: &[(u64, u64)], mut room: u64) -> u64 {
    let mut kept = 0;
    for &(size, value) in items {
        if size > room {
            return kept + (u128::from(value) * u128::from(room) / u128::from(size)) as u64;
        }
        room -= size;
        kept += value;
    }
    kept
}
