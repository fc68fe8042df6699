//! How much value can be kept at most.

use super::search::Membership;
use crate::allocate::sharing::ObjectInterval;
use crate::sorting::sort_by_keys;

/// What is known of a node.
pub(super) struct NodeBound {
    /// No choice below keeps more.
    pub(super) value: u64,
    /// What to decide on next: of the most crowded section, the undecided
    /// interval of least value a byte; none if no section is crowded.
    pub(super) branching_interval: Option<usize>,
    /// Work done, in intervals looked at.
    pub(super) looks: u64,
}

/// The relaxation: in each section, the sizes of what is kept are at most the
/// capacity.
pub(super) struct Relaxation<'a> {
    intervals: &'a [ObjectInterval],
    values: &'a [u64],
    capacity: u64,
    sections: u32,
    by_start: Vec<u32>,
    /// The place of each interval by value a byte, descending.
    rank: Vec<u32>,
    by_rank: Vec<u32>,
    /// Ranks of what is live and undecided, ascending.
    live: Vec<u32>,
    /// Ends of what is live and decided on, with its size.
    kept: Vec<(u32, u64)>,
    /// Sizes and values of what is live.
    items: Vec<(u64, u64)>,
    /// Nodes of the knapsacks of sections.
    nodes: u64,
    /// `lost[s]`: value lost at least in disjoint sections below `s`.
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
        for (place, &i) in by_rank.iter().enumerate() {
            rank[i as usize] = place as u32;
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

    /// Intervals of most value a byte first.
    pub(super) fn densest_first(&self) -> &[u32] {
        &self.by_rank
    }

    /// In one section, at least what its 0-1 knapsack leaves is lost. Sections between which nothing undecided is live in
    /// both lose independently, so the losses of a set of such sections add up;
    /// the best set is found from left to right. None if what is kept already
    /// does not fit.
    ///
    /// O(n log n + the sum of how many are live in each section).
    pub(super) fn of(&mut self, memberships: &[Membership]) -> Option<NodeBound> {
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
                let place = self.live.partition_point(|&rank| rank < self.rank[i]);
                self.live.insert(place, self.rank[i]);
            }
        }
        *value += self.values[i];
    }

    /// The value that does not fit into this room, and since when the undecided
    /// intervals here are live.
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
        let mut knapsack = ZeroOne { items: &self.items, best: 0, nodes: 0 };
        knapsack.keep(0, room, 0);
        self.nodes += u64::from(knapsack.nodes);
        let kept = if knapsack.nodes < MAX_NODES { knapsack.best } else { fractional(&self.items, room) };
        (value - kept, since)
    }
}

/// Nodes for the knapsack of one section; beyond, the fractional one has to do.
const MAX_NODES: u32 = 300;

/// The 0-1 knapsack of one section by branch and bound (Horowitz & Sahni).
struct ZeroOne<'a> {
    /// Sizes and values, by value a byte, descending.
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

/// The most value in this room if a fraction of one may be kept, rounded down, as
/// values are whole.
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
