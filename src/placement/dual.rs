//! A lower bound on the cost: what it is when pools may be overfull, and bytes have a price
//! at each step instead (Lagrangian relaxation of the capacities).

use super::instance::Instance;
use super::path::{Allowed, Prices, Ways};
use super::way::Trip;
use crate::support::limits::{Meter, Stop};

/// In fewer rounds, prices have to rise in long strides from the first one on.
const FEW_ROUNDS: u32 = 100;

/// Prices, and what they show.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// By pool and step.
    pub(crate) prices: Vec<f64>,
    /// No ways cost less.
    pub(crate) bound: f64,
}

/// Evaluates prices.
pub(crate) struct Relaxed<'a> {
    instance: &'a Instance,
    /// Items for which prices matter.
    open: Vec<usize>,
    /// What all others cost.
    fixed: f64,
    /// By item: ways at the prices that were evaluated last.
    pub(crate) ways: Vec<u8>,
    /// By item: what those cost, prices included.
    pub(crate) costs: Vec<f64>,
    /// Bytes over the capacity, by pool and step; below it if negative.
    pub(crate) excess: Vec<f64>,
    prices: Prices,
    finder: Ways,
    everywhere: Vec<u8>,
}

impl<'a> Relaxed<'a> {
    /// With what each item costs at home.
    pub(crate) fn new(instance: &'a Instance, at_home: &[u64]) -> Self {
        let chips = instance.home();
        let longest = instance.items.iter().map(|item| item.accesses().len()).max().unwrap_or(0);
        let is_open = |&item: &usize| instance.has_choice(item, at_home[item]);
        let open: Vec<usize> = (0..instance.items.len()).filter(is_open).collect();
        let fixed = at_home.iter().sum::<u64>() - open.iter().map(|&item| at_home[item]).sum::<u64>();
        Self {
            instance,
            open,
            fixed: fixed as f64,
            ways: vec![chips as u8; instance.cells.len()],
            costs: at_home.iter().map(|&cost| cost as f64).collect(),
            excess: vec![0.0; chips * instance.steps as usize],
            prices: Prices::none(chips, instance.steps),
            finder: Ways::default(),
            everywhere: vec![u8::MAX; longest],
        }
    }

    /// The least cost at these prices; infinite if an item has no way, and without any meaning but
    /// that of a bound (minus infinity) once the call is cancelled.
    ///
    /// O(accesses + steps).
    pub(crate) fn evaluate(&mut self, prices: &[f64]) -> f64 {
        let instance = self.instance;
        let steps = instance.steps as usize;
        self.prices.set(prices);
        self.excess.fill(0.0);
        let mut sum = self.fixed;
        for &item in &self.open {
            if instance.is_cancelled() {
                return f64::NEG_INFINITY;
            }
            let cells = instance.cells_of(item);
            let way = &mut self.ways[cells.clone()];
            let (cells, whole) = (&instance.cells[cells], instance.items[item].whole);
            let allowed = Allowed { cells, arrivals: &self.everywhere, whole };
            let cost = self.finder.best(instance, item, &self.prices, allowed, way);
            self.costs[item] = cost;
            sum += cost;
            if cost == f64::INFINITY {
                return cost;
            }
            let excess = &mut self.excess;
            Trip { instance, item, way }.stays(|stay| {
                let bytes = instance.taken(item, stay.pool) as f64;
                let row = &mut excess[stay.pool * steps..(stay.pool + 1) * steps];
                row[stay.from as usize] += bytes;
                if let Some(end) = row.get_mut(stay.end as usize) {
                    *end -= bytes;
                }
            });
        }
        for (pool, row) in self.excess.chunks_mut(steps).enumerate() {
            let capacity = instance.rooms[pool].capacity as f64;
            let mut now = 0.0;
            for (excess, price) in row.iter_mut().zip(&prices[pool * steps..]) {
                now += *excess;
                *excess = now - capacity;
                sum -= price * capacity;
            }
        }
        sum
    }

    /// Better prices from those known, by the volume algorithm (Barahona & Anbil, 2000), in
    /// so many rounds or until the bound is `enough`. `each` sees all that were evaluated.
    ///
    /// # Errors
    /// Why the search must stop; `known` is then as good as it got.
    pub(crate) fn raise(
        &mut self,
        known: &mut Shown,
        aim: Aim,
        meter: &mut Meter<'_>,
        mut each: impl FnMut(&mut Self, f64, &mut f64),
    ) -> Result<(), Stop> {
        let work = self.instance.accesses.len() + self.instance.steps as usize;
        known.bound = self.evaluate(&known.prices);
        let mut mean = self.excess.clone();
        let mut prices = known.prices.clone();
        let (mut weight, mut failures) = (0.1, 0u32);
        let mut factor: f64 = if aim.rounds < FEW_ROUNDS { 1.0 } else { 0.1 };
        let mut target = aim.target;
        let mut checked = known.bound;
        for round in 1..=aim.rounds {
            if known.bound >= aim.enough || known.bound == f64::INFINITY {
                break;
            }
            meter.spend_on(1, 8 * work as u64)?;
            let mut length = 0.0;
            for (mean, price) in mean.iter().zip(&known.prices) {
                if *mean > 0.0 || *price > 0.0 {
                    length += mean * mean;
                }
            }
            if length == 0.0 {
                break;
            }
            let stride = factor * (target * 1.0 - known.bound).max(1.0) / length;
            for ((price, known), mean) in prices.iter_mut().zip(&known.prices).zip(&mean) {
                *price = (known + stride * mean).max(0.0);
            }
            let shown = self.evaluate(&prices);
            let (mut along, mut difference) = (0.0, 0.0);
            for (mean, own) in mean.iter().zip(&self.excess) {
                along += mean * (own - mean);
                difference += (own - mean) * (own - mean);
            }
            let best = if difference > 0.0 { -along / difference } else { weight };
            let share = best.clamp(weight / 10.0, weight);
            for (mean, own) in mean.iter_mut().zip(&self.excess) {
                *mean += share * (own - *mean);
            }
            if shown > known.bound {
                known.bound = shown;
                known.prices.copy_from_slice(&prices);
                failures = 0;
                if along >= -difference {
                    factor = f64::min(factor * 1.1, 2.0);
                }
            } else {
                failures += 1;
                if failures >= 10 {
                    failures = 0;
                    factor = f64::max(factor * 0.66, 1e-4);
                }
            }
            if round % 100 == 0 {
                if known.bound - checked < 1e-3 * checked.abs() {
                    weight = f64::max(weight * 0.5, 1e-4);
                }
                checked = known.bound;
            }
            each(self, shown, &mut target);
        }
        Ok(())
    }
}

/// When prices are good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    pub(crate) rounds: u32,
    /// What the least cost is thought to be.
    pub(crate) target: f64,
    /// Nothing more is asked for.
    pub(crate) enough: f64,
}
