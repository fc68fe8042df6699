//! How much value can be kept at most.

use super::search::State;
use crate::allocate::sharing::Interval;

/// What is known of a node.
pub(super) struct Bound {
    /// No choice below keeps more.
    pub(super) value: u64,
    /// What to decide on next: of the most crowded section, the undecided
    /// interval of least value a byte; none if no section is crowded.
    pub(super) crowded: Option<usize>,
    /// Work done, in intervals looked at.
    pub(super) looks: u64,
}

/// The relaxation: in each section, the sizes of what is kept are at most the
/// capacity, and a fraction of an interval may be kept.
pub(super) struct Relaxation<'a> {
    intervals: &'a [Interval],
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
    /// `lost[s]`: value lost at least in disjoint sections below `s`.
    lost: Vec<u64>,
}

impl<'a> Relaxation<'a> {
    pub(super) fn new(intervals: &'a [Interval], sections: u32, values: &'a [u64], capacity: u64) -> Self {
        let mut by_start: Vec<u32> = (0..intervals.len() as u32).collect();
        by_start.sort_by_key(|&i| intervals[i as usize].first);
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
            lost: Vec::new(),
        }
    }

    /// Intervals of most value a byte first.
    pub(super) fn densest_first(&self) -> &[u32] {
        &self.by_rank
    }

    /// In one section, what does not fit is at least the value beyond the
    /// fractional knapsack. Sections between which nothing undecided is live in
    /// both lose independently, so the losses of a set of such sections add up;
    /// the best set is found from left to right. None if what is kept already
    /// does not fit.
    ///
    /// O(n log n + the sum of how many are live in each section).
    pub(super) fn of(&mut self, states: &[State]) -> Option<Bound> {
        self.live.clear();
        self.kept.clear();
        self.lost.clear();
        self.lost.push(0);
        let mut value = 0;
        let mut looks = 0;
        let mut worst = (0, None);
        let mut starting = 0;
        for section in 0..self.sections {
            let intervals = self.intervals;
            let by_rank = &self.by_rank;
            self.live.retain(|&rank| intervals[by_rank[rank as usize] as usize].end > section);
            self.kept.retain(|&(end, _)| end > section);
            while let Some(&i) = self.by_start.get(starting).filter(|&&i| self.first(i) == section) {
                starting += 1;
                self.begin(i as usize, states[i as usize], &mut value);
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
        Some(Bound { value: value - lost, crowded: worst.1, looks })
    }

    fn first(&self, i: u32) -> u32 {
        self.intervals[i as usize].first
    }

    fn begin(&mut self, i: usize, state: State, value: &mut u64) {
        let one = &self.intervals[i];
        match state {
            State::Outside => return,
            State::Kept => self.kept.push((one.end, one.size)),
            State::Open => {
                let place = self.live.partition_point(|&rank| rank < self.rank[i]);
                self.live.insert(place, self.rank[i]);
            }
        }
        *value += self.values[i];
    }

    /// The value that does not fit into this room, and since when the undecided
    /// intervals here are live.
    fn loss(&self, mut room: u64) -> (u64, u32) {
        let mut loss = 0;
        let mut since = u32::MAX;
        for &rank in &self.live {
            let i = self.by_rank[rank as usize] as usize;
            let Interval { size, first, .. } = self.intervals[i];
            since = first.min(since);
            if size <= room {
                room -= size;
                continue;
            }
            // What of it fits is rounded down: whole values only are kept.
            let kept = u128::from(self.values[i]) * u128::from(room) / u128::from(size);
            loss += self.values[i] - kept as u64;
            room = 0;
        }
        (loss, since)
    }
}
