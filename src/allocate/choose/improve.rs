//! A better choice from a good one.

use super::fill::Filling;
use crate::allocate::sharing::OUTSIDE;
use crate::limits::{Meter, Stop};
use crate::random::Random;
use crate::sorting::sort_by_keys;

/// Shrinks a few objects, so that tensors go outside, and fills again what has
/// become free; keeps what is not worse. A large-neighbourhood search.
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
        let kept = filling.sharing.object.iter().zip(self.values).filter(|(object, _)| **object != OUTSIDE);
        kept.map(|(_, value)| value).sum()
    }

    /// # Errors
    /// Why it must stop.
    pub(super) fn step(&mut self, best: &mut Filling<'_>, meter: &mut Meter<'_>) -> Result<(), Stop> {
        if best.sharing.sizes.is_empty() {
            return meter.spend(1);
        }
        meter.spend(1 + best.sharing.object.len() as u64 / 8)?;
        let mut next = best.clone();
        for _ in 0..=self.random.below(3) {
            let objects = next.sharing.sizes.len();
            if objects > 0 {
                let object = self.random.below(objects);
                let size = next.sharing.sizes[object];
                // To nothing, or to somewhere below.
                let size = if self.random.below(3) == 0 { 0 } else { size / 8 * self.random.below(8) as u64 };
                next.shrink(object, size);
            }
        }
        let order = self.order();
        next.fill(order.into_iter(), meter)?;
        if self.value(&next) >= self.value(best) {
            *best = next;
        }
        Ok(())
    }

    /// One of the orders, in which each is up to some places from where it belongs.
    fn order(&mut self) -> Vec<usize> {
        let order = &self.orders[self.random.below(self.orders.len())];
        let spread = [1, 4, 16, order.len()][self.random.below(4)];
        let mut keyed: Vec<(usize, usize)> =
            order.iter().enumerate().map(|(place, &i)| (place + self.random.below(spread), i)).collect();
        sort_by_keys(&mut keyed, |&(place, i)| [place as u64, i as u64]);
        keyed.into_iter().map(|(_, i)| i).collect()
    }
}
