//! Items that are either in one pool throughout or at home: a knapsack.

use std::cell::Cell;

use crate::allocate::gcd;
use crate::support::sorting::sort_by_keys;

/// Items with sizes and what they save on chip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Residents {
    /// Size above 0, saving, item; the most saving for its size first.
    list: Vec<(u64, u64, usize)>,
    /// Sums of sizes and savings of all before.
    sums: Vec<(u64, u64)>,
    /// All savings are multiples of this.
    unit: u64,
    /// Items that searches looked at since this was last asked.
    steps: Cell<u64>,
}

/// Items that one search looks at.
const STEPS: u64 = 100_000;

/// What is best in some room.
#[derive(Clone, Debug)]
pub(crate) struct Best {
    pub(crate) saved: u64,
    /// Nothing that fits saves more than this.
    pub(crate) most: u64,
    pub(crate) items: Vec<usize>,
}

impl Residents {
    pub(crate) fn new(mut list: Vec<(u64, u64, usize)>) -> Self {
        list.retain(|&(_, saving, _)| saving > 0);
        let density = |&(size, saving, item): &(u64, u64, usize)| {
            let density = u128::from(saving) << 40;
            let density = density / u128::from(size.max(1));
            [!u64::try_from(density).unwrap_or(u64::MAX), item as u64]
        };
        sort_by_keys(&mut list, density);
        let mut sums = vec![(0, 0)];
        for &(size, saving, _) in &list {
            let &(sizes, savings) = sums.last().expect("never empty");
            sums.push((sizes + size, savings + saving));
        }
        let unit = list.iter().fold(0, |unit, one| gcd(unit, one.1)).max(1);
        Self { list, sums, unit, steps: Cell::new(0) }
    }

    /// The work done since this was last asked, in items looked at.
    pub(crate) fn take_steps(&self) -> u64 {
        self.steps.take()
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = usize> + '_ {
        self.list.iter().map(|one| one.2)
    }

    /// More than `room` bytes cannot save, parts allowed.
    pub(crate) fn most(&self, room: u64) -> f64 {
        self.most_from(0, room)
    }

    fn most_from(&self, first: usize, room: u64) -> f64 {
        let (sizes, savings) = self.sums[first];
        // As many as fit whole, and a part of the next.
        let fitting = self.sums[first..].partition_point(|sum| sum.0 - sizes <= room) - 1;
        let whole = self.sums[first + fitting];
        let left = room - (whole.0 - sizes);
        let part = self
            .list
            .get(first + fitting)
            .map_or(0.0, |&(size, saving, _)| saving as f64 * left as f64 / size.max(1) as f64);
        (whole.1 - savings) as f64 + part
    }

    /// More than `room` bytes cannot save of items that fit there one by one, parts allowed.
    fn most_of_fitting(&self, room: u64) -> u64 {
        let (mut left, mut saved) = (room, 0);
        for &(size, saving, _) in self.list.iter().filter(|one| one.0 <= room) {
            if size > left {
                let part = u128::from(saving) * u128::from(left) / u128::from(size);
                return saved + part as u64;
            }
            left -= size;
            saved += saving;
        }
        saved
    }

    /// What is best in `room` bytes: depth first, in the order of the list (Horowitz & Sahni,
    /// 1974), within a number of steps.
    pub(crate) fn best(&self, room: u64) -> Best {
        let most = self.most_of_fitting(room);
        let most = most - most % self.unit;
        let mut steps = 0;
        let (mut left, mut saved, mut place) = (room, 0, 0);
        let mut taken: Vec<usize> = Vec::new();
        let mut best = Best { saved: 0, most, items: Vec::new() };
        let mut chosen: Vec<usize> = Vec::new();
        while steps < STEPS {
            // On, as long as more can come of it than is known.
            let enough = best.saved + self.unit;
            while place < self.list.len() && saved + self.most_from(place, left) as u64 >= enough {
                steps += 1;
                let (size, saving, _) = self.list[place];
                if size <= left {
                    taken.push(place);
                    left -= size;
                    saved += saving;
                }
                place += 1;
            }
            if saved > best.saved {
                best.saved = saved;
                chosen.clone_from(&taken);
            }
            // Without the last that was taken.
            let last = if best.saved >= most { None } else { taken.pop() };
            let Some(last) = last else {
                best.most = best.saved;
                break;
            };
            left += self.list[last].0;
            saved -= self.list[last].1;
            place = last + 1;
        }
        self.steps.set(self.steps.get() + steps);
        best.items = chosen.into_iter().map(|place| self.list[place].2).collect();
        best
    }
}

#[cfg(test)]
mod tests {
    use super::{Best, Residents};
    use crate::support::random::Random;

    #[test]
    fn best_is_that_of_all_subsets() {
        let mut random = Random::new(7);
        for _ in 0..500 {
            let count = random.below(10);
            let list: Vec<(u64, u64, usize)> =
                (0..count).map(|item| (1 + random.below(20) as u64, random.below(30) as u64, item)).collect();
            let room = random.below(60) as u64;
            let of = |set: usize| {
                let own = list.iter().filter(|one| set >> one.2 & 1 == 1);
                own.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
            };
            let all = (0..1 << count).map(of).filter(|sum| sum.0 <= room).map(|sum| sum.1).max().unwrap();
            let residents = Residents::new(list.clone());
            let Best { saved, most, items } = residents.best(room);
            assert_eq!((saved, most), (all, all));
            assert!(residents.most_of_fitting(room) >= all);
            assert!(residents.most(room) >= all as f64);
            let set = items.iter().fold(0, |set, item| set | 1 << item);
            assert_eq!((of(set).1, of(set).0 <= room), (saved, true));
        }
    }
}
