//! Resident items as a knapsack. An item that is either resident in the pool or in the backing store
//! occupies its bytes at every step, so the best set of such items for a share of the pool is a 0-1
//! knapsack.

use std::cell::Cell;

use crate::support::arithmetic::gcd;
use crate::support::sorting::sort_by_keys;

/// A knapsack of items with sizes and savings.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResidentItems {
    /// Size above 0, saving and item, in order of descending saving per byte.
    list: Vec<(u64, u64, usize)>,
    /// Prefix sums of sizes and savings.
    sums: Vec<(u64, u64)>,
    /// Greatest common divisor of the savings: every total is a multiple of it, so upper bounds are rounded
    /// down to one.
    unit: u64,
    /// Search steps since the last call of [`take_steps`](Self::take_steps).
    steps: Cell<u64>,
}

/// Maximum number of steps of one search.
const MAX_STEPS: u64 = 100_000;

/// The best set found for a capacity, and an upper bound on the saving of any set.
#[derive(Clone, Debug)]
pub(crate) struct KnapsackBound {
    pub(crate) saved: u64,
    /// Upper bound on the saving; equal to `saved` if the search was complete.
    pub(crate) bound: u64,
    pub(crate) items: Vec<usize>,
}

impl ResidentItems {
    /// Items with size, saving and index; items without saving are left out.
    pub(crate) fn new(mut list: Vec<(u64, u64, usize)>) -> Self {
        list.retain(|&(_, saving, _)| saving > 0);
        let density = |&(size, saving, item): &(u64, u64, usize)| {
            let density = u128::from(saving) << 40;
            let density = density / u128::from(size.max(1));
            [!u64::try_from(density).unwrap_or(u64::MAX), item as u64]
        };
        sort_by_keys(&mut list, density);
        // Prefix sums in order of density give the linear relaxation of any suffix by binary search.
        let mut sums = vec![(0, 0)];
        for &(size, saving, _) in &list {
            let &(sizes, savings) = sums.last().expect("never empty");
            sums.push((sizes + size, savings + saving));
        }
        let unit = list.iter().fold(0, |unit, entry| gcd(unit, entry.1)).max(1);
        Self { list, sums, unit, steps: Cell::new(0) }
    }

    /// Returns and resets the number of search steps.
    pub(crate) fn take_steps(&self) -> u64 {
        self.steps.take()
    }

    /// All items of the knapsack.
    pub(crate) fn items(&self) -> impl Iterator<Item = usize> + '_ {
        self.list.iter().map(|entry| entry.2)
    }

    /// Upper bound on the saving in `capacity` bytes: the linear relaxation (Dantzig bound). Concave in the
    /// capacity. O(log n).
    pub(crate) fn fractional_bound(&self, capacity: u64) -> f64 {
        self.fractional_bound_from(0, capacity)
    }

    fn fractional_bound_from(&self, first: usize, capacity: u64) -> f64 {
        let (sizes, savings) = self.sums[first];
        // The items that fit whole, and a fraction of the next one.
        let fitting = self.sums[first..].partition_point(|sum| sum.0 - sizes <= capacity) - 1;
        let fitted = self.sums[first + fitting];
        let left = capacity - (fitted.0 - sizes);
        let part = self
            .list
            .get(first + fitting)
            .map_or(0.0, |&(size, saving, _)| saving as f64 * left as f64 / size.max(1) as f64);
        (fitted.1 - savings) as f64 + part
    }

    /// The linear relaxation over the items that fit the capacity alone. O(n).
    fn fitting_bound(&self, capacity: u64) -> u64 {
        let (mut left, mut saved) = (capacity, 0);
        for &(size, saving, _) in self.list.iter().filter(|entry| entry.0 <= capacity) {
            if size > left {
                let part = u128::from(saving) * u128::from(left) / u128::from(size);
                return saved + part as u64;
            }
            left -= size;
            saved += saving;
        }
        saved
    }

    /// Solves the knapsack for a capacity by depth-first branch and bound (Horowitz & Sahni, 1974), within
    /// [`MAX_STEPS`] steps. Items are decided in the order of the list, taken first. A branch is pruned if
    /// its linear relaxation does not exceed the incumbent by one unit; that is sound because every total
    /// is a multiple of the unit. If the steps run out, the linear relaxation of the root remains as the
    /// upper bound.
    pub(crate) fn best(&self, capacity: u64) -> KnapsackBound {
        // Every total is a multiple of the unit.
        let bound = self.fitting_bound(capacity);
        let bound = bound - bound % self.unit;
        let mut steps = 0;
        // Depth first without recursion: the stack is the list of items taken, and every item before `index`
        // that is not on it was left out.
        let (mut left, mut saved, mut index) = (capacity, 0, 0);
        let mut selected: Vec<usize> = Vec::new();
        let mut best = KnapsackBound { saved: 0, bound, items: Vec::new() };
        let mut best_indices: Vec<usize> = Vec::new();
        while steps < MAX_STEPS {
            // Forward: take items while the branch can improve on the incumbent.
            let target = best.saved + self.unit;
            while index < self.list.len() && saved + self.fractional_bound_from(index, left) as u64 >= target
            {
                steps += 1;
                let (size, saving, _) = self.list[index];
                if size <= left {
                    selected.push(index);
                    left -= size;
                    saved += saving;
                }
                index += 1;
            }
            if saved > best.saved {
                best.saved = saved;
                best_indices.clone_from(&selected);
            }
            // Backtrack: drop the last item taken, and continue without it.
            let last = if best.saved >= bound { None } else { selected.pop() };
            let Some(last) = last else {
                best.bound = best.saved;
                break;
            };
            left += self.list[last].0;
            saved -= self.list[last].1;
            index = last + 1;
        }
        self.steps.set(self.steps.get() + steps);
        best.items = best_indices.into_iter().map(|index| self.list[index].2).collect();
        best
    }
}

#[cfg(test)]
mod tests {
    use super::{KnapsackBound, ResidentItems};
    use crate::support::random::Random;

    #[test]
    fn best_is_that_of_all_subsets() {
        let mut random = Random::new(7);
        for _ in 0..500 {
            let count = random.below(10);
            let list: Vec<(u64, u64, usize)> =
                (0..count).map(|item| (1 + random.below(20) as u64, random.below(30) as u64, item)).collect();
            let capacity = random.below(60) as u64;
            let of = |set: usize| {
                let members = list.iter().filter(|entry| set >> entry.2 & 1 == 1);
                members.fold((0, 0), |sum, entry| (sum.0 + entry.0, sum.1 + entry.1))
            };
            let all = (0..1 << count).map(of).filter(|sum| sum.0 <= capacity).map(|sum| sum.1).max().unwrap();
            let resident = ResidentItems::new(list.clone());
            let KnapsackBound { saved, bound, items } = resident.best(capacity);
            assert_eq!((saved, bound), (all, all));
            assert!(resident.fitting_bound(capacity) >= all);
            assert!(resident.fractional_bound(capacity) >= all as f64);
            let set = items.iter().fold(0, |set, item| set | 1 << item);
            assert_eq!((of(set).1, of(set).0 <= capacity), (saved, true));
        }
    }
}
