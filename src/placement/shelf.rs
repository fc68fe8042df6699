//! Occupancy of one pool: placed intervals by step, and searches for holes between them.

use std::cell::Cell;

use super::pack::PlacedInterval;
use crate::sorting::sort_keyed;

/// The placed intervals of a pool, indexed by step.
#[derive(Debug)]
pub(crate) struct PoolOccupancy {
    bytes: u64,
    alignment: u64,
    /// By step: the intervals that are present, and those of them that start there.
    present: Vec<Vec<u32>>,
    starts: Vec<Vec<u32>>,
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

impl PoolOccupancy {
    pub(crate) fn new(steps: u32, bytes: u64, alignment: u64) -> Self {
        let rows = vec![Vec::new(); steps as usize];
        Self {
            bytes,
            alignment,
            present: rows.clone(),
            starts: rows,
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
    /// O(steps of the interval).
    pub(crate) fn insert(&mut self, placed: PlacedInterval, size: u64) -> u32 {
        let number = self.unused.pop().unwrap_or(self.intervals.len() as u32);
        match self.intervals.get_mut(number as usize) {
            Some(interval) => *interval = (placed, size),
            None => self.intervals.push((placed, size)),
        }
        let interval = placed.interval;
        self.spend(u64::from(interval.end - interval.from));
        self.starts[interval.from as usize].push(number);
        for row in &mut self.present[interval.from as usize..interval.end as usize] {
            row.push(number);
        }
        number
    }

    /// Removes an interval.
    ///
    /// O(steps of the interval times the intervals present).
    pub(crate) fn remove(&mut self, number: u32) -> PlacedInterval {
        let placed = self.intervals[number as usize].0;
        let interval = placed.interval;
        let mut work = 0;
        let mut for_each_transition = |row: &mut Vec<u32>| {
            work += 1 + row.len() as u64 / 8;
            let index = row.iter().position(|&entry| entry == number).expect("the interval is present");
            row.swap_remove(index);
        };
        for_each_transition(&mut self.starts[interval.from as usize]);
        self.present[interval.from as usize..interval.end as usize].iter_mut().for_each(for_each_transition);
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
    fn below(&self, index: u64) -> f64 {
        self.sums[self.positions.partition_point(|&position| position < index)]
    }
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
    /// each item; none if every offset has infinite weight. The sum of displaced weights changes only at
    /// ends of intervals, so it suffices to try the aligned offsets next to them.
    ///
    /// O(t + k log k) for k intervals that are present at these t steps.
    pub(crate) fn cheapest_window(
        &self,
        (size, alignment): (u64, u64),
        (from, end): (u32, u32),
        weight: impl Fn(usize) -> f64,
    ) -> Option<EvictionWindow> {
        let alignment = alignment.max(self.alignment);
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
        for offset in positions.into_iter().filter(|&index| index <= highest) {
            let weight = starts.below(offset + size) - ends.below(offset + 1);
            if weight < f64::INFINITY && best.is_none_or(|best| weight < best.weight) {
                best = Some(EvictionWindow { offset, weight });
            }
        }
        best
    }

    /// Numbers of the intervals that are present at steps `from..end`.
    fn overlapping(&self, from: u32, end: u32) -> impl Iterator<Item = u32> + '_ {
        let started = self.starts[from as usize + 1..end as usize].iter().flatten();
        self.present[from as usize].iter().chain(started).copied()
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
    use crate::placement::way::ResidencyInterval;
    use crate::random::Random;

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
