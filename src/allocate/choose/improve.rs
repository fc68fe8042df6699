//! Large-neighbourhood search for better choices.

use super::fill::Filling;
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;
use crate::support::sorting::sort_by_keys;

/// Repeatedly shrinks a few objects, which moves intervals outside, and fills the free room
/// again. A result is accepted unless its value is lower.
pub(super) struct Improver<'a> {
    values: &'a [u64],
    random: Random,
    /// Orders in which to fill.
    orders: Vec<Vec<usize>>,
}

impl<'a> Improver<'a> {
    pub(super) fn new(values: &'a [u64], orders: Vec<Vec<usize>>) -> Self {
        Self { values, random: Random::new(0), orders }
    }

    pub(super) fn value(&self, filling: &Filling<'_>) -> u64 {
        filling.sharing.value(self.values)
    }

    pub(super) fn step(&mut self, best: &mut Filling<'_>, budget: &mut Budget<'_>) -> Result<(), Stop> {
        if best.sharing.sizes.is_empty() {
            return budget.spend(1);
        }
        budget.spend(1 + best.sharing.object.len() as u64 / 8)?;
        let mut next = best.clone();
        for _ in 0..=self.random.below(3) {
            let objects = next.sharing.sizes.len();
            if objects > 0 {
                let object = self.random.below(objects);
                let size = next.sharing.sizes[object];
                // The object is removed, or shrinks to a random fraction of its size.
                let size = if self.random.below(3) == 0 { 0 } else { size / 8 * self.random.below(8) as u64 };
                next.shrink(object, size);
            }
        }
        let order = self.order();
        next.fill(order.into_iter(), budget)?;
        if self.value(&next) >= self.value(best) {
            *best = next;
        }
        Ok(())
    }

    /// One of the orders, with each interval displaced by a random number of positions.
    fn order(&mut self) -> Vec<usize> {
        let order = &self.orders[self.random.below(self.orders.len())];
        let spread = [1, 4, 16, order.len()][self.random.below(4)];
        let mut keyed: Vec<(usize, usize)> = order
            .iter()
            .enumerate()
            .map(|(position, &i)| (position + self.random.below(spread), i))
            .collect();
        sort_by_keys(&mut keyed, |&(position, i)| [position as u64, i as u64]);
        keyed.into_iter().map(|(_, i)| i).collect()
    }
}
