//! Where selected items may be on chip throughout: how much of the pool those get, and how much
//! is left for what comes and goes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::dual::LagrangianRelaxation;
use super::instance::{Instance, MAX_POOLS};
use super::path::Prices;
use super::residents::{KnapsackBound, ResidentItems};
use super::state::PlacementState;
use super::sweep::{SweepProblem, SweepSolution, sweep};
use super::way::ResidencyPath;
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

/// Items that are on chip throughout or at store and have no other choice, and sweep_all others
/// that have one.
pub(crate) struct ItemSplit {
    pub(crate) resident: ResidentItems,
    pub(crate) others: Vec<usize>,
    /// What sweep_all items cost that have no choice, and the resident at store.
    pub(crate) fixed: u64,
    /// ResidentItems that come and go instead may cost so much less, and what is at store, sweep_all together.
    pub(crate) slack: u64,
    /// So many others are at store, for how little they cost.
    pub(crate) minor: usize,
}

/// Items that cost little to be without, sweep_all together no more than one in so many of what could
/// be saved, are not looked at one by one, if there are more than a few: those that could be
/// resident as well are nothing else, and those with several reads are at store.
const MINOR_SHARE: u64 = 5000;
const MIN_MINOR: usize = 6;
/// So many accesses are several: fewer are soon over.
const MIN_ACCESSES: usize = 3;

/// What becomes of items that cost little to be without, and could be no resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MinorItems {
    /// They are looked at as sweep_all others are.
    Exact,
    BackingStore,
}

impl ItemSplit {
    /// With several pools on chip there are no resident: each is one of the others.
    pub(crate) fn new(
        instance: &Instance,
        store_costs: &[u64],
        chain_least: &[u64],
        minor: MinorItems,
    ) -> Self {
        let store = instance.store();
        let (mut resident, mut others, mut fixed) = (Vec::new(), Vec::new(), 0);
        let knapsack_entry =
            |item: usize| (instance.padded_size(item, 0), store_costs[item] - instance.min_costs[item], item);
        for (item, one) in instance.items.iter().enumerate() {
            if !instance.has_choice(item, store_costs[item]) {
                fixed += store_costs[item];
            } else if store == 1 && one.resident_pools > 0 && chain_least[item] == store_costs[item] {
                resident.push(knapsack_entry(item));
                fixed += store_costs[item];
            } else {
                others.push(item);
            }
        }
        let max_saving = |item: usize| store_costs[item] - chain_least[item];
        let is_transient = |item: usize| {
            let one = &instance.items[item];
            let in_store = usize::from(one.start) == store && usize::from(one.finish) == store;
            one.resident_pools == 0 && one.accesses().len() >= MIN_ACCESSES && in_store
        };
        let may_be_resident = |item: usize| store == 1 && instance.items[item].resident_pools > 0;
        let max_bytes =
            (store_costs.iter().sum::<u64>() - instance.min_costs.iter().sum::<u64>()) / MINOR_SHARE;
        let mut slack = 0;
        let mut take_minor = |is_candidate: &dyn Fn(usize) -> bool| {
            let mut selected: Vec<usize> =
                others.iter().copied().filter(|&item| is_candidate(item)).collect();
            sort_by_keys(&mut selected, |&item| [max_saving(item), item as u64]);
            selected.truncate(selected.len().saturating_sub(MIN_MINOR));
            selected.retain(|&item| {
                let is_minor = slack + max_saving(item) <= max_bytes;
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

/// The min_bytes cost by load that is below what is upper_bound, if it is found, and what none is below.
/// What stopped it is beside that.
pub(crate) fn optimum_by_load(
    instance: &Instance,
    rates: &[f64],
    (upper_bound, minor): (f64, MinorItems),
    meter: &mut Meter<'_>,
) -> (LoadOptimum, Result<(), Stop>) {
    let paths = PlacementState::all_in_store(instance);
    let cost = |item| ResidencyPath { instance, item, path: &paths[instance.points_of(item)] }.cost();
    let store_costs: Vec<u64> = (0..instance.items.len()).map(cost).collect();
    let free = Prices::none(instance.store(), instance.steps);
    let split = ItemSplit::new(instance, &store_costs, &super::min_transient_costs(instance, &free), minor);
    let tolerance = super::tolerance(store_costs.iter().map(|&cost| cost as f64).sum());
    let (found, result) = if instance.store() == 1 {
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
        .search(meter)
    } else {
        sweep_all(instance, &split, rates, (upper_bound, tolerance, BEAM_WIDTHS.1), meter)
    };
    let best = found.best.map(|(cost, others, resident)| {
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
    (LoadOptimum { bound: found.bound - split.slack as f64 - tolerance, best }, result)
}

/// States of a step, at first and at max_bytes.
pub(super) const BEAM_WIDTHS: (usize, usize) = (500, 16_000);

/// What is upper_bound of sweep_all paths.
pub(crate) struct LoadOptimum {
    /// Nothing costs less.
    pub(crate) bound: f64,
    /// The best below what was upper_bound: what it costs, and its paths.
    pub(crate) best: Option<(u64, Vec<u8>)>,
}

/// What is upper_bound of sweep_all paths to share a pool.
struct PartitionResult {
    /// Nothing costs less.
    bound: f64,
    /// The best below what was upper_bound: cost, the others' paths, the resident.
    best: Option<(u64, Vec<u8>, Vec<usize>)>,
}

/// Bytes for what comes and goes, from `min_bytes` to `max_bytes`, what no such cost less than, and
/// how many states a step may have.
#[derive(Clone, Copy, Debug)]
struct CapacityInterval {
    min_bytes: u64,
    max_bytes: u64,
    bound: f64,
    width: usize,
}

struct CapacityPartition<'a> {
    instance: &'a Instance,
    split: &'a ItemSplit,
    /// By pool and step.
    rates: &'a [f64],
    /// The min_bytes that the others cost at these rates, without the rates' sum.
    priced_cost: f64,
    /// States of a step, at first and at max_bytes.
    beam_widths: (usize, usize),
    /// What is upper_bound to be possible.
    upper_bound: f64,
    /// Numbers this far apart may be the same.
    tolerance: f64,
    /// What resident save at max_bytes, by bytes that are not for them.
    saved: RefCell<BTreeMap<u64, u64>>,
}

impl CapacityPartition<'_> {
    /// Looks at sweep_all paths to share the pool, the max_bytes promising first. What stopped it is
    /// beside what was found.
    fn search(&self, meter: &mut Meter<'_>) -> (PartitionResult, Result<(), Stop>) {
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
        // With so many bytes, the others do not cost less.
        let mut load_bounds: Vec<(u64, f64)> = Vec::new();
        // What intervals cost that were given up.
        let mut undecided = f64::INFINITY;
        while let Some(index) = lowest(&open) {
            let steps = self.split.resident.take_steps();
            if let Err(stop) = meter.spend_on(steps / 128, 4 * steps) {
                let left = open.iter().map(|one| one.bound).fold(undecided, f64::min);
                return (PartitionResult { bound: left.min(upper_bound), best }, Err(stop));
            }
            let CapacityInterval { min_bytes, max_bytes, bound, width } = open.swap_remove(index);
            let enough = upper_bound - 1.0 + self.tolerance;
            if bound > enough.min(undecided) {
                open.push(CapacityInterval { min_bytes, max_bytes, bound, width });
                break;
            }
            let max_saved = self.max_saved(min_bytes);
            let load_bound = load_bounds
                .iter()
                .filter(|load_bound| load_bound.0 >= max_bytes)
                .map(|load_bound| load_bound.1)
                .fold(0.0, f64::max);
            let bound = bound.max(load_bound + fixed - max_saved);
            if bound > enough {
                continue;
            }
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
            // Cheaper than that, the others would help.
            let cutoff = enough - fixed + max_saved;
            let (instance, items, rates) = (self.instance, &self.split.others, self.rates);
            let problem = SweepProblem { instance, items, capacities: &[max_bytes], rates, cutoff, width };
            let answer = match sweep(&problem, meter) {
                Ok(answer) => answer,
                Err(stop) => {
                    let left = open.iter().map(|one| one.bound).fold(undecided.min(bound), f64::min);
                    return (PartitionResult { bound: left.min(upper_bound), best }, Err(stop));
                }
            };
            load_bounds.push((max_bytes, answer.bound));
            let total_bound = answer.bound + fixed;
            let mut is_exhaustive = answer.bound >= cutoff;
            let mut next = min_bytes;
            if let Some(SweepSolution { cost, paths, peaks }) = answer.best {
                // From the first_overfull_pool step up to sweep_all, it is the same.
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
        let left = open.iter().map(|one| one.bound).fold(undecided, f64::min);
        (PartitionResult { bound: left.min(upper_bound), best }, Ok(()))
    }

    /// What resident save at max_bytes if so many bytes are not for them.
    fn max_saved(&self, bytes: u64) -> f64 {
        let capacity = self.instance.pools[0].capacity - bytes;
        let upper_bound = self.saved.borrow().get(&bytes).copied();
        let max_bytes = upper_bound.unwrap_or_else(|| self.split.resident.best(capacity).bound);
        self.saved.borrow_mut().insert(bytes, max_bytes);
        max_bytes as f64
    }

    /// The same, parts of resident allowed: concave in the bytes.
    fn fractional_saving(&self, bytes: u64) -> f64 {
        self.split.resident.fractional_bound(self.instance.pools[0].capacity - bytes)
    }

    /// With `min_bytes..=max_bytes` bytes for what comes and goes, nothing costs less: by the prices.
    fn least_cost(&self, min_bytes: u64, max_bytes: u64) -> f64 {
        let sum: f64 = self.rates.iter().sum();
        let at = |bytes: u64| {
            self.split.fixed as f64 + self.priced_cost - sum * bytes as f64 - self.fractional_saving(bytes)
        };
        // Convex in the bytes.
        let (mut from, mut end) = (min_bytes, max_bytes);
        while end - from > 2 {
            let third = (end - from) / 3;
            let (low, high) = (from + third, end - third);
            if at(low) <= at(high) { end = high } else { from = low }
        }
        let by_parts = (from..=end).map(at).fold(f64::INFINITY, f64::min);
        let resident_pools =
            self.split.fixed as f64 + self.priced_cost - sum * max_bytes as f64 - self.max_saved(min_bytes);
        by_parts.max(resident_pools) - self.tolerance
    }
}

fn lowest(open: &[CapacityInterval]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (index, one) in open.iter().enumerate() {
        if best.is_none_or(|best| one.bound < open[best].bound) {
            best = Some(index);
        }
    }
    best
}

/// All others at once, where there are no resident.
fn sweep_all(
    instance: &Instance,
    split: &ItemSplit,
    rates: &[f64],
    (upper_bound, tolerance, width): (f64, f64, usize),
    meter: &mut Meter<'_>,
) -> (PartitionResult, Result<(), Stop>) {
    let mut capacities = [0; MAX_POOLS];
    for (capacity, spec) in capacities.iter_mut().zip(&instance.pools[..instance.store()]) {
        *capacity = spec.capacity;
    }
    let fixed = split.fixed as f64;
    let cutoff = upper_bound - 1.0 + tolerance - fixed;
    let capacities = &capacities[..instance.store()];
    let problem = SweepProblem { instance, items: &split.others, capacities, rates, cutoff, width };
    match sweep(&problem, meter) {
        Ok(answer) => {
            let better = |one: SweepSolution| ((one.cost + fixed).round() as u64, one.paths, Vec::new());
            let best = answer.best.map(better).filter(|best| (best.0 as f64) < upper_bound - 0.5);
            let total_bound = answer.bound + fixed;
            // What is not below what is upper_bound was dropped.
            let bound = if answer.bound >= cutoff { upper_bound } else { total_bound };
            (PartitionResult { bound: bound.min(upper_bound), best }, Ok(()))
        }
        Err(stop) => (PartitionResult { bound: f64::NEG_INFINITY, best: None }, Err(stop)),
    }
}
