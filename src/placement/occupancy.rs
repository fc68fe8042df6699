//! Occupancy of one pool: placed intervals by step, and searches for holes between them.

use std::cell::Cell;
use std::cmp::Ordering;

use smallvec::SmallVec;

use super::pack::PlacedInterval;
use super::residency::ResidencyInterval;
use crate::support::sorting::sort_keyed;

/// The placed intervals of a pool, indexed by step.
#[derive(Debug)]
pub(crate) struct PoolOccupancy {
    bytes: u64,
    alignment: u64,
    present: CoveringIntervals,
    starts: StartingIntervals,
    /// By number: an interval and its size.
    intervals: Vec<(PlacedInterval, u64)>,
    unused: Vec<u32>,
    /// Offsets and ends of the intervals that a search has to avoid.
    taken: Vec<([u64; 2], u64)>,
    /// Inner-loop steps so far, a few nanoseconds each.
    work: Cell<u64>,
}

/// Work charged for each interval that is sorted.
const SORT_WORK: u64 = 16;

/// Intervals of at least this many steps go to the lower end of a hole.
const LONG: u32 = 8;

/// Intervals by the steps that they cover: a segment tree. Each node lists the intervals that cover all of
/// its steps but not all of its parent's. So an interval is in O(log steps) lists, and an interval that
/// covers a step is in exactly one list on the path from the leaf of the step to the root.
#[derive(Debug)]
struct CoveringIntervals {
    leaves: usize,
    lists: Vec<Vec<u32>>,
}

impl CoveringIntervals {
    fn new(steps: u32) -> Self {
        let leaves = (steps as usize).next_power_of_two();
        Self { leaves, lists: vec![Vec::new(); 2 * leaves] }
    }

    /// The nodes that list an interval.
    fn nodes(&self, interval: ResidencyInterval) -> SmallVec<[usize; 32]> {
        let (mut from, mut end) = (self.leaves + interval.from as usize, self.leaves + interval.end as usize);
        let mut nodes = SmallVec::new();
        while from < end {
            if !from.is_multiple_of(2) {
                nodes.push(from);
                from += 1;
            }
            if !end.is_multiple_of(2) {
                end -= 1;
                nodes.push(end);
            }
            (from, end) = (from / 2, end / 2);
        }
        nodes
    }

    /// Adds an interval and returns the work.
    fn insert(&mut self, number: u32, interval: ResidencyInterval) -> u64 {
        // Removal searches these lists, so no positions have to be stored.
        let nodes = self.nodes(interval);
        for &node in &nodes {
            self.lists[node].push(number);
        }
        nodes.len() as u64
    }

    fn remove(&mut self, number: u32, interval: ResidencyInterval) -> u64 {
        let mut work = 0;
        for node in self.nodes(interval) {
            let list = &mut self.lists[node];
            work += 1 + list.len() as u64 / 8;
            let position = list.iter().position(|&entry| entry == number).expect("the interval is listed");
            list.swap_remove(position);
        }
        work
    }

    /// Intervals that cover a step.
    fn at(&self, step: u32) -> impl Iterator<Item = u32> + '_ {
        let parent = |&node: &usize| (node > 1).then_some(node / 2);
        let path = std::iter::successors(Some(self.leaves + step as usize), parent);
        path.flat_map(|node| self.lists[node].iter().copied())
    }
}

/// Intervals by their first step, as linked lists: most steps have none or one.
#[derive(Debug)]
struct StartingIntervals {
    /// By step: the first interval of its list.
    first: Vec<u32>,
    /// By interval: the next one of its list.
    next: Vec<u32>,
}

/// End of a list.
const END_OF_LIST: u32 = u32::MAX;

impl StartingIntervals {
    fn new(steps: u32) -> Self {
        Self { first: vec![END_OF_LIST; steps as usize], next: Vec::new() }
    }

    fn insert(&mut self, number: u32, step: u32) {
        let count = self.next.len().max(number as usize + 1);
        self.next.resize(count, END_OF_LIST);
        self.next[number as usize] = std::mem::replace(&mut self.first[step as usize], number);
    }

    /// Removes an interval and returns the work.
    fn remove(&mut self, number: u32, step: u32) -> u64 {
        let (mut before, mut current, mut work) = (None, self.first[step as usize], 1);
        while current != number {
            work += 1;
            before = Some(current);
            current = self.next[current as usize];
        }
        let next = self.next[current as usize];
        match before {
            None => self.first[step as usize] = next,
            Some(before) => self.next[before as usize] = next,
        }
        work
    }

    /// Intervals that start at steps `from..end`.
    fn within(&self, from: u32, end: u32) -> impl Iterator<Item = u32> + '_ {
        let is_interval = |&number: &u32| number != END_OF_LIST;
        let next = move |&number: &u32| Some(self.next[number as usize]).filter(is_interval);
        let lists = self.first[from as usize..end as usize].iter().copied().filter(is_interval);
        lists.flat_map(move |first| std::iter::successors(Some(first), next))
    }
}

impl PoolOccupancy {
    pub(crate) fn new(steps: u32, bytes: u64, alignment: u64) -> Self {
        Self {
            bytes,
            alignment,
            present: CoveringIntervals::new(steps),
            starts: StartingIntervals::new(steps),
            intervals: Vec::new(),
            unused: Vec::new(),
            taken: Vec::new(),
            work: Cell::new(0),
        }
    }

    /// Inner-loop steps since creation.
    pub(crate) fn work(&self) -> u64 {
        self.work.get()
    }

    fn spend(&self, steps: u64) {
        self.work.set(self.work.get() + steps);
    }

    /// Inserts an interval of `size` bytes at its offset, which must be free, and returns its number.
    ///
    /// O(log steps).
    pub(crate) fn insert(&mut self, placed: PlacedInterval, size: u64) -> u32 {
        let number = self.unused.pop().unwrap_or(self.intervals.len() as u32);
        match self.intervals.get_mut(number as usize) {
            Some(interval) => *interval = (placed, size),
            None => self.intervals.push((placed, size)),
        }
        let interval = placed.interval;
        let work = self.present.insert(number, interval);
        self.starts.insert(number, interval.from);
        self.spend(work);
        number
    }

    /// Removes an interval. Searches O(log steps) lists of intervals that cover the same steps.
    pub(crate) fn remove(&mut self, number: u32) -> PlacedInterval {
        let placed = self.intervals[number as usize].0;
        let work =
            self.present.remove(number, placed.interval) + self.starts.remove(number, placed.interval.from);
        self.spend(work);
        self.unused.push(number);
        placed
    }

    /// The interval of a number.
    pub(crate) fn interval(&self, number: u32) -> PlacedInterval {
        self.intervals[number as usize].0
    }

    /// Best fit: an offset in the smallest hole of `size` bytes at steps `from..end`, if there is a hole.
    /// Long intervals go to the lower end of the hole and short ones to the upper end, so that adjacent
    /// holes merge soon.
    ///
    /// O(t + k log k) for k intervals that are present at these t steps.
    pub(crate) fn best_fit(&mut self, (size, alignment): (u64, u64), (from, end): (u32, u32)) -> Option<u64> {
        let alignment = alignment.max(self.alignment);
        let mut taken = std::mem::take(&mut self.taken);
        taken.clear();
        for number in self.overlapping(from, end) {
            let (placed, size) = self.intervals[number as usize];
            taken.push(([placed.offset, placed.offset + size], 0));
        }
        self.spend(u64::from(end - from) + SORT_WORK * taken.len() as u64);
        sort_keyed(&mut taken);
        // A sweep upwards over the intervals in the way: a hole lies between the highest end so far and the
        // next start, and the capacity ends the last one.
        let mut best: Option<(u64, u64)> = None;
        let mut top = 0u64;
        let roof = ([self.bytes, self.bytes], 0);
        for &([offset, until], _) in taken.iter().chain([&roof]) {
            let low = top.next_multiple_of(alignment);
            if low <= offset && offset - low >= size && best.is_none_or(|best| offset - top < best.0) {
                let high = (offset - size) / alignment * alignment;
                best = Some((offset - top, if end - from >= LONG { low } else { high }));
            }
            top = top.max(until);
        }
        self.taken = taken;
        best.map(|best| best.1)
    }
}

/// Weights by offset with their prefix sums.
struct PrefixSums {
    positions: Vec<u64>,
    sums: Vec<f64>,
}

impl PrefixSums {
    fn new(mut weights: Vec<([u64; 2], u64)>) -> Self {
        sort_keyed(&mut weights);
        let positions = weights.iter().map(|entry| entry.0[0]).collect();
        let mut sums = vec![0.0];
        for entry in weights {
            sums.push(sums[sums.len() - 1] + f64::from_bits(entry.0[1]));
        }
        Self { positions, sums }
    }

    /// Sum of the weights at lower offsets.
    fn below(&self, position: u64) -> f64 {
        self.sums[self.positions.partition_point(|&entry| entry < position)]
    }
}

/// The offset that a search prefers among those of equal weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowTie {
    Lowest,
    Highest,
}

/// An offset and the weight of the intervals that would be displaced there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EvictionWindow {
    pub(crate) offset: u64,
    /// Total weight of the displaced intervals.
    pub(crate) weight: f64,
}

impl PoolOccupancy {
    /// The offset for `size` bytes at steps `from..end` that displaces the least weight, with a weight for
    /// each item, and the preferred one of equal ones; none if every offset has infinite weight. The sum of
    /// displaced weights changes only at ends of intervals, so it suffices to try the aligned offsets next
    /// to them.
    ///
    /// O(t + k log k) for k intervals that are present at these t steps.
    pub(crate) fn cheapest_window(
        &self,
        (size, alignment): (u64, u64),
        (from, end): (u32, u32),
        weight: impl Fn(usize) -> f64,
        tie: WindowTie,
    ) -> Option<EvictionWindow> {
        let alignment = alignment.max(self.alignment);
        // The displaced weight is a step function of the offset: upwards, it falls where an interval ends and
        // rises where one begins to overlap. So a minimum begins at an end and stops below a start, and the
        // aligned offsets next to these suffice, with both ends of the pool.
        let highest = self.bytes.checked_sub(size)? / alignment * alignment;
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        let mut positions = vec![0, highest];
        for number in self.overlapping(from, end) {
            let (placed, placed_size) = self.intervals[number as usize];
            let weight = weight(placed.item);
            starts.push(([placed.offset, weight.to_bits()], 0));
            ends.push(([placed.offset + placed_size, weight.to_bits()], 0));
            positions.push((placed.offset + placed_size).next_multiple_of(alignment));
            positions.push(placed.offset.saturating_sub(size) / alignment * alignment);
        }
        self.spend(u64::from(end - from) + 2 * SORT_WORK * starts.len() as u64);
        let [starts, ends] = [PrefixSums::new(starts), PrefixSums::new(ends)];
        let mut best: Option<EvictionWindow> = None;
        for offset in positions.into_iter().filter(|&offset| offset <= highest) {
            // Intervals that start below the upper end, less those that end at or below the lower one, are
            // those that overlap.
            let weight = starts.below(offset + size) - ends.below(offset + 1);
            let is_preferred = |best: EvictionWindow| match tie {
                WindowTie::Lowest => offset < best.offset,
                WindowTie::Highest => offset > best.offset,
            };
            let is_better = |best: EvictionWindow| match weight.total_cmp(&best.weight) {
                Ordering::Equal => is_preferred(best),
                order => order == Ordering::Less,
            };
            if weight < f64::INFINITY && best.is_none_or(is_better) {
                best = Some(EvictionWindow { offset, weight });
            }
        }
        best
    }

    /// Numbers of the intervals that are present at steps `from..end`.
    fn overlapping(&self, from: u32, end: u32) -> impl Iterator<Item = u32> + '_ {
        // An interval that overlaps the steps covers the first of them or starts at a later one, never both,
        // so none is listed twice.
        self.present.at(from).chain(self.starts.within(from + 1, end))
    }

    /// Items whose intervals overlap these bytes at steps `from..end`.
    pub(crate) fn items_in(
        &self,
        (offset, size): (u64, u64),
        (from, end): (u32, u32),
    ) -> impl Iterator<Item = usize> + '_ {
        let overlaps = move |(placed, placed_size): &(PlacedInterval, u64)| {
            placed.offset < offset + size && offset < placed.offset + placed_size
        };
        self.overlapping(from, end)
            .map(|number| self.intervals[number as usize])
            .filter(overlaps)
            .map(|interval| interval.0.item)
    }
}

#[cfg(test)]
mod tests {
    use super::PoolOccupancy;
    use crate::placement::pack::PlacedInterval;
    use crate::placement::residency::ResidencyInterval;
    use crate::support::random::Random;

    #[test]
    fn what_lies_in_holes_is_apart_and_holes_are_found_if_there_are_any() {
        let mut random = Random::new(5);
        let (steps, bytes) = (20, 32);
        let mut occupancy = PoolOccupancy::new(steps, bytes, 2);
        let mut all_placed: Vec<(u32, PlacedInterval, u64)> = Vec::new();
        let (mut full, mut put) = (0, 0);
        for item in 0..2000 {
            if all_placed.len() > 12 || (!all_placed.is_empty() && random.below(3) == 0) {
                let (number, placed, _) = all_placed.swap_remove(random.below(all_placed.len()));
                assert_eq!(occupancy.remove(number).offset, placed.offset);
            }
            let from = random.below(steps as usize) as u32;
            let end = from + 1 + random.below((steps - from) as usize) as u32;
            let (size, alignment) = (1 + random.below(9) as u64, 1 << random.below(3));
            let is_free = |offset: u64| {
                offset + size <= bytes
                    && all_placed.iter().all(|(_, placed, placed_size)| {
                        let apart = placed.interval.end <= from || end <= placed.interval.from;
                        apart || placed.offset + placed_size <= offset || offset + size <= placed.offset
                    })
            };
            let step = alignment.max(2);
            let any = (0..bytes).step_by(step as usize).any(is_free);
            let found = occupancy.best_fit((size, alignment), (from, end));
            assert_eq!(found.is_some(), any);
            let Some(offset) = found else {
                full += 1;
                continue;
            };
            assert!(is_free(offset) && offset % step == 0);
            let placed = PlacedInterval { item, interval: ResidencyInterval { pool: 0, from, end }, offset };
            all_placed.push((occupancy.insert(placed, size), placed, size));
            put += 1;
        }
        assert!(full > 100 && put > 100, "{full} {put}");
    }
}
