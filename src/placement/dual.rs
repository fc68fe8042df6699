//! Lower bound by Lagrangian relaxation of the capacities.
//!
//! The relaxation drops the capacities and charges a price for every byte in a pool at a step. At fixed
//! prices the items are independent, and each takes its cheapest path ([`PathFinder`]). The sum of the path
//! costs, prices included, less the price of all capacities is a lower bound for any prices of at least 0:
//! a placement within the capacities pays no more in prices than the capacities are worth. The bound is
//! concave in the prices, with the excess over the capacities as its gradient; the ascent only decides how
//! tight the bound is, never whether it is valid.
//!
//! The best such bound equals that of the linear relaxation over paths. One evaluation costs O(accesses +
//! steps) path steps.

use super::instance::Instance;
use super::path::{PathFinder, PathProblem, Prices};
use super::residency::ResidencyPath;
use crate::support::limits::{Budget, Stop};

/// Below this number of rounds, prices rise in long steps from the first round on.
const FEW_ROUNDS: u32 = 100;

/// Prices and the lower bound that they prove.
#[derive(Clone, Debug)]
pub(crate) struct DualSolution {
    /// By pool and step.
    pub(crate) prices: Vec<f64>,
    /// Lower bound on the cost of every assignment that fits by load.
    pub(crate) bound: f64,
}

/// The relaxed problem: evaluates the dual function at given prices.
pub(crate) struct LagrangianRelaxation<'a> {
    instance: &'a Instance,
    /// Items whose path depends on the prices.
    open: Vec<usize>,
    /// Total cost of all other items.
    fixed: f64,
    /// By item: the cheapest path at the prices of the last evaluation, by point.
    pub(crate) paths: Vec<u8>,
    /// By item: the cost of that path, prices included.
    pub(crate) costs: Vec<f64>,
    /// Gradient of the dual function at those prices: load minus capacity in bytes, by pool and step.
    pub(crate) excess: Vec<f64>,
    prices: Prices,
    finder: PathFinder,
    everywhere: Vec<u8>,
}

impl<'a> LagrangianRelaxation<'a> {
    /// `store_costs` holds the cost of each item in the backing store.
    pub(crate) fn new(instance: &'a Instance, store_costs: &[u64]) -> Self {
        let chips = instance.store();
        let longest = instance.items.iter().map(|item| item.accesses().len()).max().unwrap_or(0);
        let is_open = |&item: &usize| instance.has_choice(item, store_costs[item]);
        let open: Vec<usize> = (0..instance.items.len()).filter(is_open).collect();
        let fixed = store_costs.iter().sum::<u64>() - open.iter().map(|&item| store_costs[item]).sum::<u64>();
        Self {
            instance,
            open,
            fixed: fixed as f64,
            paths: vec![chips as u8; instance.point_pools.len()],
            costs: store_costs.iter().map(|&cost| cost as f64).collect(),
            excess: vec![0.0; chips * instance.steps as usize],
            prices: Prices::none(chips, instance.steps),
            finder: PathFinder::default(),
            everywhere: vec![u8::MAX; longest],
        }
    }

    /// The dual function: the lower bound that these prices prove. Infinite if an item has no path; minus
    /// infinity once the call is cancelled or late.
    ///
    /// O(accesses + steps).
    pub(crate) fn evaluate(&mut self, prices: &[f64]) -> f64 {
        let instance = self.instance;
        let steps = instance.steps as usize;
        self.prices.set(prices);
        self.excess.fill(0.0);
        let mut sum = self.fixed;
        for &item in &self.open {
            if instance.is_stopped_at(item) {
                return f64::NEG_INFINITY;
            }
            let points = instance.points_of(item);
            let path = &mut self.paths[points.clone()];
            let (point_pools, resident_pools) =
                (&instance.point_pools[points], instance.items[item].resident_pools);
            let (prices, arrivals) = (&self.prices, self.everywhere.as_slice());
            let problem = PathProblem { instance, item, prices, point_pools, arrivals, resident_pools };
            let cost = self.finder.best(&problem, path);
            self.costs[item] = cost;
            sum += cost;
            if cost == f64::INFINITY {
                return cost;
            }
            let excess = &mut self.excess;
            ResidencyPath { instance, item, path }.intervals(|interval| {
                let bytes = instance.padded_size(item, interval.pool) as f64;
                let row = &mut excess[interval.pool * steps..(interval.pool + 1) * steps];
                row[interval.from as usize] += bytes;
                if let Some(end) = row.get_mut(interval.end as usize) {
                    *end -= bytes;
                }
            });
        }
        for (pool, row) in self.excess.chunks_mut(steps).enumerate() {
            let capacity = instance.pools[pool].capacity as f64;
            let mut load = 0.0;
            for (excess, price) in row.iter_mut().zip(&prices[pool * steps..]) {
                load += *excess;
                *excess = load - capacity;
                sum -= price * capacity;
            }
        }
        sum
    }

    /// Raises the bound of `best` by the volume algorithm (Barahona & Anbil, 2000), for a number of rounds
    /// or until the bound is sufficient. Each round moves the prices from the best point along a running
    /// mean of gradients, which damps the oscillation of plain subgradient ascent. `observe` is called
    /// after each evaluation and may lower the target.
    ///
    /// # Errors
    /// The reason to stop; `best` then holds the best point so far.
    pub(crate) fn ascend(
        &mut self,
        best: &mut DualSolution,
        limits: AscentLimits,
        budget: &mut Budget<'_>,
        mut observe: impl FnMut(&mut Self, f64, &mut f64),
    ) -> Result<(), Stop> {
        let work = self.instance.accesses.len() + self.instance.steps as usize;
        best.bound = self.evaluate(&best.prices);
        let mut mean = self.excess.clone();
        let mut prices = best.prices.clone();
        let (mut weight, mut failures) = (0.1, 0u32);
        let mut factor: f64 = if limits.rounds < FEW_ROUNDS { 1.0 } else { 0.1 };
        let mut target = limits.target;
        let mut checked = best.bound;
        for round in 1..=limits.rounds {
            if best.bound >= limits.sufficient || best.bound == f64::INFINITY {
                break;
            }
            budget.spend_on(1, 8 * work as u64)?;
            // A price of 0 cannot fall, so a negative component there adds no length to the step.
            let mut length = 0.0;
            for (mean, price) in mean.iter().zip(&best.prices) {
                if *mean > 0.0 || *price > 0.0 {
                    length += mean * mean;
                }
            }
            if length == 0.0 {
                break;
            }
            let stride = factor * (target * 1.0 - best.bound).max(1.0) / length;
            for ((price, best), mean) in prices.iter_mut().zip(&best.prices).zip(&mean) {
                *price = (best + stride * mean).max(0.0);
            }
            let bound = self.evaluate(&prices);
            let (mut along, mut difference) = (0.0, 0.0);
            for (mean, excess) in mean.iter().zip(&self.excess) {
                along += mean * (excess - mean);
                difference += (excess - mean) * (excess - mean);
            }
            // The share of the new gradient that minimises the norm of the mean, within a range that
            // shrinks as the bound converges.
            let line_minimum = if difference > 0.0 { -along / difference } else { weight };
            let share = line_minimum.clamp(weight / 10.0, weight);
            for (mean, excess) in mean.iter_mut().zip(&self.excess) {
                *mean += share * (excess - *mean);
            }
            // Longer steps while the new gradient still agrees with the mean, shorter ones after ten
            // rounds without gain.
            if bound > best.bound {
                best.bound = bound;
                best.prices.copy_from_slice(&prices);
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
                if best.bound - checked < 1e-3 * checked.abs() {
                    weight = f64::max(weight * 0.5, 1e-4);
                }
                checked = best.bound;
            }
            observe(self, bound, &mut target);
        }
        Ok(())
    }
}

/// Parameters of the dual ascent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AscentLimits {
    pub(crate) rounds: u32,
    /// Estimate of the optimum; it scales the step length.
    pub(crate) target: f64,
    /// A bound at which the ascent ends.
    pub(crate) sufficient: f64,
}
