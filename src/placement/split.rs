//! The exact optimum by load: the split of a pool between resident items and all others.
//!
//! Resident items occupy the same bytes at every step, so they interact with the others only through the
//! bytes that they leave. If `b` bytes remain for the others, the best cost is `sweep(b)`, the optimum of
//! the others within `b` bytes, less `saved(capacity - b)`, the knapsack optimum of the resident items
//! ([`ResidentItems`]). Both are expensive, so the search branches on intervals of `b` instead of single
//! values.
//!
//! For an interval `[min, max]`, `sweep(max)` and `saved(capacity - min)` bound all its values from below,
//! since more bytes never cost more. The dual prices give a cheaper bound of the same kind. Intervals are
//! taken in order of their bound; one is split while the difference in resident savings dominates its gap,
//! then it is swept at its maximum. If the optimum there needs only `peak` bytes, it is optimal for all
//! values from `peak` to the maximum as well, and only `[min, peak - 1]` remains. An interval is pruned if
//! its bound does not improve on the incumbent. If the beam width cut the sweep, it is repeated with four
//! times the width, up to the limit; after that its bound limits the result.
//!
//! With several pools on chip there are no resident knapsacks, and one sweep decides all items.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::dual::LagrangianRelaxation;
use super::instance::{Instance, MAX_POOLS};
use super::path::Prices;
use super::resident_items::{KnapsackBound, ResidentItems};
use super::state::PlacementState;
use super::sweep::{SweepProblem, SweepSolution, sweep};
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::sort_by_keys;

/// The partition of the items for the exact search: the resident knapsack, the items that the sweep
/// decides, and constants.
pub(crate) struct ItemSplit {
    pub(crate) resident: ResidentItems,
    pub(crate) others: Vec<usize>,
    /// Cost in the backing store of the items without a choice, of the resident candidates and of the minor
    /// items.
    pub(crate) fixed: u64,
    /// Upper bound on the cost that the restrictions on minor items can hide: the bound of the search is
    /// lowered by it.
    pub(crate) slack: u64,
    /// Number of minor items that stay in the backing store.
    pub(crate) minor: usize,
}

/// Minor items are excluded from the sweep if their savings together are at most this fraction (1 / 5000)
/// of all possible savings. Minor items that may be resident become resident candidates only; minor items
/// with several accesses stay in the backing store. The candidates with the largest savings are always
/// swept.
const MINOR_SHARE: u64 = 5000;
const EXACT_CANDIDATES: usize = 6;
/// Items with fewer accesses are cheap for the sweep: they occupy a slot for a short time.
const MIN_ACCESSES: usize = 3;

/// Treatment of minor items that cannot be resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MinorItems {
    /// The sweep decides them.
    Exact,
    BackingStore,
}

impl ItemSplit {
    /// `transient_costs` holds the least cost of each item without residency. With several pools on chip,
    /// every item with a choice goes to the sweep.
    pub(crate) fn new(
        instance: &Instance,
        store_costs: &[u64],
        transient_costs: &[u64],
        minor: MinorItems,
    ) -> Self {
        let store = instance.store();
        let (mut resident, mut others, mut fixed) = (Vec::new(), Vec::new(), 0);
        let knapsack_entry =
            |item: usize| (instance.padded_size(item, 0), store_costs[item] - instance.min_costs[item], item);
        for (item, data) in instance.items.iter().enumerate() {
            if !instance.has_choice(item, store_costs[item]) {
                fixed += store_costs[item];
            } else if store == 1 && data.resident_pools > 0 && transient_costs[item] == store_costs[item] {
                resident.push(knapsack_entry(item));
                fixed += store_costs[item];
            } else {
                others.push(item);
            }
        }
        // Items that can save little in all are not worth a slot in the sweep. What they could save bounds
        // the error, and the bound of the search is lowered by it.
        let max_saving = |item: usize| store_costs[item] - transient_costs[item];
        let is_transient = |item: usize| {
            let data = &instance.items[item];
            let in_store = usize::from(data.start) == store && usize::from(data.finish) == store;
            data.resident_pools == 0 && data.accesses().len() >= MIN_ACCESSES && in_store
        };
        let may_be_resident = |item: usize| store == 1 && instance.items[item].resident_pools > 0;
        let max_slack = (store_costs.iter().sum::<u64>() - instance.total_min_cost()) / MINOR_SHARE;
        let mut slack = 0;
        let mut take_minor = |is_candidate: &dyn Fn(usize) -> bool| {
            let mut selected: Vec<usize> =
                others.iter().copied().filter(|&item| is_candidate(item)).collect();
            // The smallest savings first, so that as many items as possible fit into the slack.
            sort_by_keys(&mut selected, |&item| [max_saving(item), item as u64]);
            selected.truncate(selected.len().saturating_sub(EXACT_CANDIDATES));
            selected.retain(|&item| {
                let is_minor = slack + max_saving(item) <= max_slack;
                slack += if is_minor { max_saving(item) } else { 0 };
                is_minor
            });
            fixed += selected.iter().map(|&item| store_costs[item]).sum::<u64>();
            let mut is_selected = vec![false; instance.items.len()];
            for &item in &selected {
                is_selected[item] = true;
            }
            others.retain(|&item| !is_selected[item]);
            selected
        };
        resident.extend(take_minor(&may_be_resident).into_iter().map(knapsack_entry));
        let minor = if minor == MinorItems::BackingStore { take_minor(&is_transient).len() } else { 0 };
        Self { resident: ResidentItems::new(resident), others, fixed, slack, minor }
    }
}

/// The cheapest assignment that fits by load and costs less than `upper_bound`, if it is found, a lower
/// bound, and the reason to stop.
pub(crate) fn optimum_by_load(
    instance: &Instance,
    rates: &[f64],
    (upper_bound, minor): (f64, MinorItems),
    budget: &mut Budget<'_>,
) -> (LoadOptimum, Result<(), Stop>) {
    let paths = PlacementState::all_in_store(instance);
    let cost = |item| instance.path_in(&paths, item).cost();
    let store_costs: Vec<u64> = (0..instance.items.len()).map(cost).collect();
    let free = Prices::none(instance.store(), instance.steps);
    let split = ItemSplit::new(instance, &store_costs, &super::min_transient_costs(instance, &free), minor);
    let tolerance = super::tolerance(store_costs.iter().map(|&cost| cost as f64).sum());
    let (result, outcome) = if instance.store() == 1 {
        let mut relaxation = LagrangianRelaxation::new(instance, &store_costs);
        relaxation.evaluate(rates);
        let priced_cost = split.others.iter().map(|&item| relaxation.costs[item]).sum();
        let (split, saved) = (&split, RefCell::default());
        CapacityPartition {
            instance,
            split,
            rates,
            priced_cost,
            beam_widths: BEAM_WIDTHS,
            upper_bound,
            tolerance,
            saved,
        }
        .search(budget)
    } else {
        sweep_all(instance, &split, rates, (upper_bound, tolerance, BEAM_WIDTHS.1), budget)
    };
    // Items without a choice and resident candidates that are not selected keep their paths in the backing
    // store.
    let best = result.best.map(|(cost, others, resident)| {
        let mut paths = paths;
        let mut from = 0;
        for &item in &split.others {
            let points = instance.points_of(item);
            let count = points.len();
            paths[points].copy_from_slice(&others[from..from + count]);
            from += count;
        }
        for item in resident {
            paths[instance.points_of(item)].fill(0);
        }
        (cost, paths)
    });
    (LoadOptimum { bound: result.bound - split.slack as f64 - tolerance, best }, outcome)
}

/// Initial and maximum number of states that the sweep keeps.
pub(super) const BEAM_WIDTHS: (usize, usize) = (500, 16_000);

/// Result of the exact search by load.
pub(crate) struct LoadOptimum {
    /// Lower bound on the cost of all assignments that fit by load.
    pub(crate) bound: f64,
    /// Cost and paths of the best assignment below the upper bound.
    pub(crate) best: Option<(u64, Vec<u8>)>,
}

/// Result over all partitions of the pool.
struct PartitionResult {
    /// Lower bound on the cost.
    bound: f64,
    /// The best solution below the upper bound: cost, paths of the swept items and resident items.
    best: Option<(u64, Vec<u8>, Vec<usize>)>,
}

/// Numbers of bytes for the swept items, from `min_bytes` to `max_bytes`, with a lower bound on the cost of
/// all of them and the beam width of the next sweep.
#[derive(Clone, Copy, Debug)]
struct CapacityInterval {
    min_bytes: u64,
    max_bytes: u64,
    bound: f64,
    width: usize,
}

/// Search over the bytes of the swept items.
struct CapacityPartition<'a> {
    instance: &'a Instance,
    split: &'a ItemSplit,
    /// Dual prices by pool and step.
    rates: &'a [f64],
    /// Sum of the least costs of the swept items at these prices, without the price of the capacity.
    priced_cost: f64,
    /// Initial and maximum beam width.
    beam_widths: (usize, usize),
    /// Cost of the incumbent, or the cutoff.
    upper_bound: f64,
    /// Rounding error of costs.
    tolerance: f64,
    /// Cache of [`max_saved`](Self::max_saved).
    saved: RefCell<BTreeMap<u64, u64>>,
}

impl CapacityPartition<'_> {
    /// Branches on intervals of bytes, the lowest bound first. Returns the result so far with the reason to
    /// stop.
    fn search(&self, budget: &mut Budget<'_>) -> (PartitionResult, Result<(), Stop>) {
        let capacity = self.instance.pools[0].capacity;
        let fixed = self.split.fixed as f64;
        let mut upper_bound = self.upper_bound;
        let mut best = None;
        let width = self.beam_widths.0;
        let mut open = vec![CapacityInterval {
            min_bytes: 0,
            max_bytes: capacity,
            bound: self.least_cost(0, capacity),
            width,
        }];
        // Lower bounds on the cost of the swept items within a number of bytes. A bound also holds for
        // fewer bytes.
        let mut load_bounds: Vec<(u64, f64)> = Vec::new();
        // Lowest bound of the intervals that were given up.
        let mut undecided = f64::INFINITY;
        while let Some(index) = super::lowest(open.iter().map(|interval| interval.bound)) {
            let steps = self.split.resident.take_steps();
            if let Err(stop) = budget.spend_on(steps / 128, 4 * steps) {
                let left = open.iter().map(|interval| interval.bound).fold(undecided, f64::min);
                return (PartitionResult { bound: left.min(upper_bound), best }, Err(stop));
            }
            let CapacityInterval { min_bytes, max_bytes, bound, width } = open.swap_remove(index);
            let improving = upper_bound - 1.0 + self.tolerance;
            if bound > improving.min(undecided) {
                open.push(CapacityInterval { min_bytes, max_bytes, bound, width });
                break;
            }
            let max_saved = self.max_saved(min_bytes);
            let load_bound = load_bounds
                .iter()
                .filter(|load_bound| load_bound.0 >= max_bytes)
                .map(|load_bound| load_bound.1)
                .fold(0.0, f64::max);
            // A sweep with more bytes bounds this interval as well.
            let bound = bound.max(load_bound + fixed - max_saved);
            if bound > improving {
                continue;
            }
            // A sweep at the maximum says little about the minimum while the resident savings differ by a
            // large part of the gap: halve the interval first.
            if max_saved - self.max_saved(max_bytes)
                > f64::max((upper_bound - bound) / 8.0, 1e-4 * upper_bound).max(1.0)
                && min_bytes < max_bytes
            {
                let middle = min_bytes + (max_bytes - min_bytes) / 2;
                for (min_bytes, max_bytes) in [(min_bytes, middle), (middle + 1, max_bytes)] {
                    let bound = self.least_cost(min_bytes, max_bytes).max(bound);
                    open.push(CapacityInterval { min_bytes, max_bytes, bound, width });
                }
                continue;
            }
            // Swept items of this cost or more cannot improve on the incumbent, whatever the resident items
            // save.
            let cutoff = improving - fixed + max_saved;
            let (instance, items, rates) = (self.instance, &self.split.others, self.rates);
            let problem = SweepProblem { instance, items, capacities: &[max_bytes], rates, cutoff, width };
            let answer = match sweep(&problem, budget) {
                Ok(answer) => answer,
                Err(stop) => {
                    let left =
                        open.iter().map(|interval| interval.bound).fold(undecided.min(bound), f64::min);
                    return (PartitionResult { bound: left.min(upper_bound), best }, Err(stop));
                }
            };
            load_bounds.push((max_bytes, answer.bound));
            let total_bound = answer.bound + fixed;
            let mut is_exhaustive = answer.bound >= cutoff;
            let mut next = min_bytes;
            if let Some(SweepSolution { cost, paths, peaks }) = answer.best {
                // With any number of bytes from the peak of the optimum to the maximum, the optimum is the
                // same.
                let peak = peaks[0];
                let KnapsackBound { saved, bound: knapsack_bound, items } =
                    self.split.resident.best(capacity - peak);
                let proven = saved == knapsack_bound;
                let total = (cost + fixed).round() - saved as f64;
                if total < upper_bound - 0.5 {
                    upper_bound = total;
                    best = Some((total as u64, paths, items));
                }
                is_exhaustive = answer.bound >= cost - self.tolerance;
                next = peak.max(min_bytes);
                // The sweep is solved, but the knapsack beside it is not.
                if is_exhaustive && !proven {
                    undecided = undecided.min((total_bound - self.max_saved(next)).max(bound));
                }
                if next > min_bytes {
                    let bound = bound.max(total_bound - max_saved);
                    open.push(CapacityInterval { min_bytes, max_bytes: next - 1, bound, width });
                }
            } else if is_exhaustive {
                continue;
            }
            if !is_exhaustive {
                let bound = bound.max(total_bound - self.max_saved(next));
                if width < self.beam_widths.1 {
                    open.push(CapacityInterval { min_bytes: next, max_bytes, bound, width: 4 * width });
                } else {
                    undecided = undecided.min(bound);
                }
            }
        }
        let left = open.iter().map(|interval| interval.bound).fold(undecided, f64::min);
        (PartitionResult { bound: left.min(upper_bound), best }, Ok(()))
    }

    /// Upper bound on the savings of resident items if `bytes` bytes are not for them.
    fn max_saved(&self, bytes: u64) -> f64 {
        let capacity = self.instance.pools[0].capacity - bytes;
        let cached = self.saved.borrow().get(&bytes).copied();
        let bound = cached.unwrap_or_else(|| self.split.resident.best(capacity).bound);
        self.saved.borrow_mut().insert(bytes, bound);
        bound as f64
    }

    /// The linear relaxation of the same, which is concave in the bytes.
    fn fractional_saving(&self, bytes: u64) -> f64 {
        self.split.resident.fractional_bound(self.instance.pools[0].capacity - bytes)
    }

    /// Lower bound on the cost with `min_bytes..=max_bytes` bytes for the swept items, from the dual
    /// prices.
    fn least_cost(&self, min_bytes: u64, max_bytes: u64) -> f64 {
        let sum: f64 = self.rates.iter().sum();
        let at = |bytes: u64| {
            self.split.fixed as f64 + self.priced_cost - sum * bytes as f64 - self.fractional_saving(bytes)
        };
        // A sum of convex functions of the bytes, so ternary search finds its minimum.
        let (mut from, mut end) = (min_bytes, max_bytes);
        while end - from > 2 {
            let third = (end - from) / 3;
            let (low, high) = (from + third, end - third);
            if at(low) <= at(high) { end = high } else { from = low }
        }
        // Thirds of a shorter range are 0, so its last values are compared directly.
        let by_parts = (from..=end).map(at).fold(f64::INFINITY, f64::min);
        let resident_pools =
            self.split.fixed as f64 + self.priced_cost - sum * max_bytes as f64 - self.max_saved(min_bytes);
        by_parts.max(resident_pools) - self.tolerance
    }
}

/// One sweep over all items, for several pools on chip.
fn sweep_all(
    instance: &Instance,
    split: &ItemSplit,
    rates: &[f64],
    (upper_bound, tolerance, width): (f64, f64, usize),
    budget: &mut Budget<'_>,
) -> (PartitionResult, Result<(), Stop>) {
    let mut capacities = [0; MAX_POOLS];
    for (capacity, spec) in capacities.iter_mut().zip(&instance.pools[..instance.store()]) {
        *capacity = spec.capacity;
    }
    let fixed = split.fixed as f64;
    let cutoff = upper_bound - 1.0 + tolerance - fixed;
    let capacities = &capacities[..instance.store()];
    let problem = SweepProblem { instance, items: &split.others, capacities, rates, cutoff, width };
    match sweep(&problem, budget) {
        Ok(answer) => {
            let better = |solution: SweepSolution| {
                ((solution.cost + fixed).round() as u64, solution.paths, Vec::new())
            };
            let best = answer.best.map(better).filter(|best| (best.0 as f64) < upper_bound - 0.5);
            let total_bound = answer.bound + fixed;
            // The sweep prunes states at the cutoff, so it proves nothing above it.
            let bound = if answer.bound >= cutoff { upper_bound } else { total_bound };
            (PartitionResult { bound: bound.min(upper_bound), best }, Ok(()))
        }
        Err(stop) => (PartitionResult { bound: f64::NEG_INFINITY, best: None }, Err(stop)),
    }
}
