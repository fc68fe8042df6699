//! Primal heuristics: assignments that fit by load.
//!
//! All of them insert items one by one with the cheapest path for which the pools have free bytes, so every
//! assignment fits by load by construction. They differ in the order of insertion: by priority, by the
//! prices of the dual, or at random. None prunes, and none proves anything; they only supply incumbents.

use super::path::Prices;
use super::state::PlacementState;
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;
use crate::support::sorting::sort_by_keys;

/// Item insertions in one descent, by the work of an access.
const DESCENT_WORK: usize = 1_000_000;

impl PlacementState<'_> {
    /// Builds a new assignment: inserts the items in this order, each with its cheapest path at these
    /// prices. After a cancellation or the deadline the remaining items stay in the backing store.
    pub(crate) fn rebuild(&mut self, order: &[usize], prices: &Prices) {
        self.adopt(&Self::all_in_store(self.instance));
        for (number, &item) in order.iter().enumerate() {
            if self.instance.is_stopped_at(number) {
                break;
            }
            self.replace(item, prices);
        }
    }

    /// Replaces the path of an item by the cheapest one at these prices. Returns false, and restores the
    /// path, if there is none.
    pub(crate) fn replace(&mut self, item: usize, prices: &Prices) -> bool {
        let points = self.instance.points_of(item);
        let path = self.assignment.paths[points].to_vec();
        self.remove(item);
        let is_inserted = self.insert(item, prices);
        if !is_inserted {
            self.restore(item, &path);
        }
        is_inserted
    }

    /// Descent: replaces the path of each item that costs more than its minimum, in this order, until a
    /// round saves nothing or the work is done. One round costs one shortest path per item.
    pub(crate) fn descend(
        &mut self,
        order: &[usize],
        free: &Prices,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        // With very many items, the first rounds gain most.
        let round = order.len().max(1) * self.instance.work_of_an_access();
        let rounds = (DESCENT_WORK / round).max(2);
        for _ in 0..rounds {
            let before = self.assignment.cost;
            for &item in order {
                if self.assignment.costs[item] > self.instance.min_costs[item] {
                    budget.work(32 * self.instance.points_of(item).len())?;
                    self.replace(item, free);
                }
            }
            if self.assignment.cost >= before {
                break;
            }
        }
        Ok(())
    }

    /// Local search: removes an item that costs more than its minimum, up to eight items that occupy a
    /// random pool at the step of one of its accesses, and a few other costly items, then inserts them
    /// again in another order. A move that raises the cost is undone. Repeats `times` moves; one costs a
    /// shortest path for each removed item and a pass over all items.
    ///
    /// # Errors
    /// The reason to stop; the assignment is complete then.
    pub(crate) fn local_search(
        &mut self,
        times: usize,
        free: &Prices,
        priority: &[f64],
        random: &mut Random,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        let instance = self.instance;
        let open: Vec<usize> = (0..instance.items.len())
            .filter(|&item| {
                instance
                    .points_of(item)
                    .any(|point| instance.point_pools[point] & !(1 << instance.store()) > 0)
            })
            .collect();
        let mut saved: Vec<u8> = Vec::new();
        let mut costly: Vec<usize> = Vec::new();
        for _ in 0..times {
            costly.clear();
            costly.extend(
                open.iter().copied().filter(|&item| self.assignment.costs[item] > instance.min_costs[item]),
            );
            if costly.is_empty() {
                return Ok(());
            }
            budget.spend_on(1, 4 * open.len() as u64)?;
            // An item that could save cost, and the items that occupy a random pool at one of its
            // accesses.
            let target = costly[random.below(costly.len())];
            let data = &instance.items[target];
            let access = data.first as usize + random.below(data.accesses().len());
            let step = instance.accesses[access].step;
            let pool = random.below(instance.store());
            let mut removed: Vec<usize> =
                open.iter().copied().filter(|&item| item != target && self.is_at(item, pool, step)).collect();
            random.shuffle(&mut removed);
            let max_removed = 1 + random.below(8);
            removed.truncate(max_removed);
            let extra = random.below(4);
            for _ in 0..extra {
                let other = costly[random.below(costly.len())];
                if other != target && !removed.contains(&other) {
                    removed.push(other);
                }
            }
            let before = self.assignment.cost;
            saved.clear();
            removed.push(target);
            // The limit is polled before the removal, so that a stop never leaves items without a path.
            let points: usize = removed.iter().map(|&item| instance.points_of(item).len()).sum();
            budget.work(64 * points)?;
            for &item in &removed {
                saved.extend_from_slice(&self.assignment.paths[instance.points_of(item)]);
                self.remove(item);
            }
            // Half of the moves insert the target first, which gives it the memory of the others; the
            // other half insert by priority with noise.
            let mut order_back = removed.clone();
            if random.below(2) == 0 {
                random.shuffle(&mut order_back);
                order_back.retain(|&item| item != target);
                order_back.insert(0, target);
            } else {
                let noise: Vec<f64> =
                    order_back.iter().map(|&item| priority[item] * (0.5 + random.unit())).collect();
                let mut places: Vec<usize> = (0..order_back.len()).collect();
                sort_by_keys(&mut places, |&index| [!noise[index].to_bits(), 0]);
                order_back = places.into_iter().map(|index| removed[index]).collect();
            }
            let mut all = true;
            let mut there = 0;
            for &item in &order_back {
                all = self.insert(item, free);
                if !all {
                    break;
                }
                there += 1;
            }
            if !all || self.assignment.cost > before {
                for &item in &order_back[..there] {
                    self.remove(item);
                }
                let mut from = 0;
                for &item in &removed {
                    let count = instance.points_of(item).len();
                    let path = saved[from..from + count].to_vec();
                    self.restore(item, &path);
                    from += count;
                }
            }
        }
        Ok(())
    }

    /// Adopts the paths of another assignment. After a cancellation the remaining items keep their paths.
    pub(crate) fn adopt(&mut self, paths: &[u8]) {
        for item in 0..self.instance.items.len() {
            if self.instance.is_cancelled() {
                break;
            }
            self.remove(item);
            self.restore(item, &paths[self.instance.points_of(item)]);
        }
    }
}

/// Items in order of descending priority.
pub(crate) fn by_priority(priority: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..priority.len()).collect();
    sort_by_keys(&mut order, |&item| [!priority[item].to_bits(), 0]);
    order
}
