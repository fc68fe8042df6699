//! Placement: the pool of every item at every time, and its offset there, at the least cost of traffic
//! within the capacities.
//!
//! An instance ([`Instance`]) is independent of graphs: items have accesses at steps, and pools have
//! capacities and costs per byte. A solution assigns a residency path to each item ([`ResidencyPath`]) and
//! an offset to each residency interval on chip.
//!
//! The search relaxes the problem in two ways. A placement *fits by load* if at every step the padded sizes
//! of the items in a pool sum to at most its capacity; offsets are ignored. The Lagrangian relaxation also
//! drops the capacities and charges a price per byte instead. Each relaxation bounds the one before it from
//! below, so every bound holds for placements with offsets. The phases, in the order of
//! [`PlacementSearch::run`]:
//!
//! - `primal`: greedy insertion of the items by priority; gives the first incumbent.
//! - `dual`: Lagrangian bound by ascent over the prices; the prices give the priorities of further greedy
//!   runs. O(accesses + steps) per round.
//! - `primal` again: descent and local search over paths that fit by load.
//! - `split` and `sweep`: the exact optimum by load, by dynamic programming over the items on chip, pruned
//!   by the dual prices. Exponential in the worst case; a beam width limits the states.
//! - `pack` and `offset_search`: offsets for the incumbent by load, or for paths near it.
//! - `cuts`: branch and bound on sets of intervals that have no offsets together.
//!
//! If two bounds meet, later phases are skipped. A limit that ends one phase leaves the incumbent and the
//! bound of the others valid.

// All sizes and costs sum to less than 2^61: the item builder checks this before it creates an instance.
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod cuts;
mod dual;
mod estimate;
mod free_bytes;
mod instance;
mod occupancy;
mod offset_search;
mod pack;
mod path;
mod primal;
mod residency;
mod resident_items;
mod split;
mod state;
mod sweep;

pub(crate) use estimate::{AccessGap, CostEstimate, estimate};
pub(crate) use free_bytes::MAX_BYTES;
pub(crate) use instance::{Instance, ItemAccess, NewItem, PoolSpec};
use instance::{InstanceItem, Oversize};
pub(crate) use pack::{PlacedInterval, best_fit, stacked};
pub(crate) use residency::{ResidencyInterval, ResidencyPath};

use crate::error::Result;
use crate::support::ids::PoolId;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::random::Random;
use dual::{AscentLimits, DualSolution, LagrangianRelaxation};
use occupancy::WindowTie;
use offset_search::{InitialOffsets, OffsetSearch};
use pack::{OffsetMethod, PackedIntervals, pack};
use path::{PathFinder, PathProblem, Prices};
use primal::by_priority;
use split::{ItemSplit, MinorItems};
use state::{PathAssignment, PlacementState};

/// A placement and its proven bound.
pub(crate) struct PlacementResult {
    /// Pool by point, for all items (see [`Instance`]).
    pub(crate) paths: Vec<u8>,
    pub(crate) cost: u64,
    /// Offsets of all residency intervals on chip.
    pub(crate) placed: Vec<PlacedInterval>,
    /// Lower bound on the cost of every placement of the instance.
    pub(crate) bound: u64,
    /// Cost that no capacity would save.
    pub(crate) unavoidable_cost: u64,
    pub(crate) nodes: u64,
    pub(crate) stop: Stop,
}

/// Node limit of one search for offsets.
const OFFSET_NODES: u64 = 20_000;
/// Maximum number of attempts to assign offsets before paths are chosen together with offsets.
const MAX_EVICTIONS: usize = 20;
/// Maximum number of intervals above the capacity for which evictions are compared. Above it, `offset_search`
/// chooses paths together with offsets.
const MAX_EVICTION_CANDIDATES: usize = 16;

/// Maximum and minimum number of rounds of the dual ascent.
const MAX_ROUNDS: u32 = 3000;
const MIN_ROUNDS: usize = 5;
/// Accesses, by their work, and steps examined in all rounds together, about 60 ns each; large instances get
/// less.
const ROUND_WORK: usize = 25_000_000;
const LARGE_ROUND_WORK: usize = 10_000_000;
/// Divisor of the work of the dual ascent, the local search and the offset search in a comparison of orders.
const COMPARISON_PART: u32 = 4;
/// Items examined in one run of the local search.
const LOCAL_SEARCH_WORK: usize = 4_000_000;
/// Node limit if the caller sets none; large instances get less.
const NODES: u64 = 700_000;
const LARGE_NODES: u64 = 200_000;

/// Effort of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlacementEffort {
    /// A comparison of orders: less work for [medium instances](Instance::is_medium). A full search of the
    /// best order follows.
    Comparison,
    Full,
}

/// Searches for a placement of least cost. Returns none if the items that must be on chip do not fit there.
/// The search stops as soon as the lower bound reaches `cutoff`: the caller has a placement of that cost.
pub(crate) fn solve(
    instance: &Instance,
    (cutoff, effort): (u64, PlacementEffort),
    limits: &Limits,
) -> Result<Option<PlacementResult>> {
    if instance.store() == 0 {
        return Ok(Some(all_in_backing_store(instance)));
    }
    let free = Prices::none(instance.store(), instance.steps);
    let mut budget = Budget::new(limits, if instance.is_large() { LARGE_NODES } else { NODES });
    let mut search = PlacementSearch::new(instance, free, cutoff);
    if effort == PlacementEffort::Comparison && instance.is_medium() {
        search.work_divisor = COMPARISON_PART;
    }
    let stop = search.run(&mut budget, limits)?;
    Ok(search.finish(budget.nodes(), stop))
}

/// The only placement of an instance without pools on chip.
fn all_in_backing_store(instance: &Instance) -> PlacementResult {
    let (paths, cost) = (PlacementState::all_in_store(instance), instance.total_min_cost());
    let stop = if instance.is_cancelled() { Stop::Cancelled } else { Stop::Finished };
    PlacementResult { paths, cost, placed: Vec::new(), bound: cost, unavoidable_cost: cost, nodes: 0, stop }
}

/// Rounding error of sums of costs of this magnitude: costs that differ by less may be equal.
fn tolerance(magnitude: f64) -> f64 {
    (1e-11 * magnitude).max(1e-6)
}

/// Position of the lowest of these bounds, the first of equal ones.
fn lowest(bounds: impl Iterator<Item = f64>) -> Option<usize> {
    let lowest = bounds.enumerate().reduce(|best, next| if next.1 < best.1 { next } else { best });
    lowest.map(|lowest| lowest.0)
}

/// Sums of costs are exact in floating point below this.
const EXACT_SUMS: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;

/// Rounds a bound of a search to a whole cost. Costs are integers, so the bound rounds up. From 2^53
/// on, a sum of costs may itself have been rounded up when it became a float, so the bound is lowered
/// by the rounding error first. The sum of the least costs of all items is an exact bound.
fn integral_bound(bound: f64, magnitude: f64, instance: &Instance) -> u64 {
    let sound = if magnitude < EXACT_SUMS { bound } else { bound - tolerance(magnitude) };
    (sound.ceil().max(0.0) as u64).max(instance.total_min_cost())
}

/// Computes the cost bounds that the searches need, once all items are added.
pub(crate) fn compute_min_costs(instance: &mut Instance) {
    let free = Prices::none(instance.store(), instance.steps);
    instance.min_costs = min_costs(instance, &free, u8::MAX);
    instance.unavoidable_cost = unavoidable_cost(instance, &free);
}

/// The cost of all items if every pool were large enough. An item that is larger than a pool counts as if
/// that pool took it.
fn unavoidable_cost(instance: &Instance, free: &Prices) -> u64 {
    let limits = &instance.limits;
    let mut unlimited = Instance::new(instance.pools.clone(), instance.steps, instance.prefetch, limits);
    let mut unavoidable_cost = instance.total_min_cost();
    for &Oversize { item, pools, may_be_resident } in &instance.oversize {
        unavoidable_cost -= instance.min_costs[item];
        let InstanceItem { size, alignment, start, finish, .. } = instance.items[item];
        let (start, finish) = (PoolId::new(start.into()), PoolId::new(finish.into()));
        let accesses = &instance.accesses[instance.items[item].accesses()];
        unlimited.add(&NewItem {
            size,
            alignment,
            pools,
            pools_at_any_capacity: pools,
            start,
            finish,
            may_be_resident,
            accesses,
        });
    }
    unavoidable_cost + min_costs(&unlimited, free, u8::MAX).iter().sum::<u64>()
}

/// By item: the least cost of a path that is resident in no pool; 0 once the call is cancelled.
fn min_transient_costs(instance: &Instance, free: &Prices) -> Vec<u64> {
    let none_resident = instance.items.iter().all(|item| item.resident_pools == 0);
    if none_resident { instance.min_costs.clone() } else { min_costs(instance, free, 0) }
}

/// By item: the least cost of a path, where residency is allowed in `resident_pools` only; 0 once the call
/// is cancelled. Capacities are ignored, so the costs sum to a lower bound.
fn min_costs(instance: &Instance, free: &Prices, resident_pools: u8) -> Vec<u64> {
    if instance.store() == 0 {
        let paths = PlacementState::all_in_store(instance);
        return (0..instance.items.len()).map(|item| instance.path_in(&paths, item).cost()).collect();
    }
    let mut finder = PathFinder::default();
    let mut path = Vec::new();
    let everywhere = vec![u8::MAX; instance.accesses.len()];
    let mut min_cost = |item: usize| {
        let point_pools = &instance.point_pools[instance.points_of(item)];
        path.clear();
        path.resize(point_pools.len(), 0);
        let (prices, arrivals) = (free, everywhere.as_slice());
        let problem = PathProblem { instance, item, prices, point_pools, arrivals, resident_pools };
        finder.best(&problem, &mut path);
        ResidencyPath { instance, item, path: &path }.cost()
    };
    let items = 0..instance.items.len();
    items.map(|item| if instance.is_cancelled() { 0 } else { min_cost(item) }).collect()
}

/// A pool whose mandatory items exceed its capacity, and the first step of their maximum load.
pub(crate) struct OverfullPool {
    pub(crate) pool: usize,
    pub(crate) step: u32,
    /// Load at that step.
    pub(crate) bytes: u64,
}

/// The first pool that cannot hold its mandatory items even if all others are in the backing store.
pub(crate) fn first_overfull_pool(instance: &Instance) -> Option<OverfullPool> {
    let paths = PlacementState::all_in_store(instance);
    let steps = instance.steps as usize;
    let mut load = vec![0u64; instance.store() * steps];
    for item in 0..instance.items.len() {
        instance.path_in(&paths, item).intervals(|interval| {
            let of_pool = &mut load[interval.pool * steps..(interval.pool + 1) * steps];
            for bytes in &mut of_pool[interval.from as usize..interval.end as usize] {
                *bytes += instance.padded_size(item, interval.pool);
            }
        });
    }
    load.chunks(steps).enumerate().find_map(|(pool, load)| {
        let bytes = load.iter().copied().max()?;
        let step = load.iter().position(|&load| load == bytes)? as u32;
        (bytes > instance.pools[pool].bytes).then_some(OverfullPool { pool, step, bytes })
    })
}

/// An assignment, and the offsets of its intervals.
type Placement = (PathAssignment, Vec<PlacedInterval>);

struct PlacementSearch<'a> {
    instance: &'a Instance,
    free: Prices,
    /// Placements that cost this or more are of no use to the caller.
    cutoff: u64,
    state: PlacementState<'a>,
    /// By item: the cost of its path in the backing store.
    store_costs: Vec<u64>,
    split: ItemSplit,
    /// The incumbent by load: the cheapest assignment found that fits by load.
    load_incumbent: PathAssignment,
    /// The incumbent: the cheapest assignment found that has offsets.
    incumbent: Option<Placement>,
    bound: f64,
    /// Dual prices by pool and step, from the dual solution with the highest bound.
    rates: Vec<f64>,
    magnitude: f64,
    /// Treatment of minor items in the exact search.
    minor: MinorItems,
    /// Divisor of the work of the dual ascent, the local search and the offset search.
    work_divisor: u32,
}

impl<'a> PlacementSearch<'a> {
    fn new(instance: &'a Instance, free: Prices, cutoff: u64) -> Self {
        let state = PlacementState::new(instance);
        let store_costs = state.assignment.costs.clone();
        let load_incumbent = state.assignment.clone();
        let cheapest = instance.total_min_cost();
        let magnitude = store_costs.iter().map(|&cost| cost as f64).sum();
        let split = ItemSplit::new(
            instance,
            &store_costs,
            &min_transient_costs(instance, &free),
            MinorItems::BackingStore,
        );
        let (incumbent, bound) = (None, cheapest as f64);
        let rates = vec![0.0; instance.store() * instance.steps as usize];
        Self {
            instance,
            free,
            cutoff,
            state,
            store_costs,
            split,
            load_incumbent,
            incumbent,
            bound,
            rates,
            magnitude,
            minor: MinorItems::Exact,
            work_divisor: 1,
        }
    }

    /// Runs all phases. Returns the reason why the last one ended.
    fn run(&mut self, budget: &mut Budget<'_>, limits: &Limits) -> Result<Stop> {
        // The assignment with everything in the backing store gets offsets first: whatever limit ends the
        // search later, a placement exists.
        let _ = self.assign_offsets(budget, limits, &limits.clone().cancel_only())?;
        if let Err(stop) = self.instance.limits.poll()
            && (stop == Stop::Cancelled || self.incumbent.is_some())
        {
            return Ok(stop);
        }
        let order = by_priority(&self.instance.priority(&self.store_costs));
        let free = self.free.clone();
        self.state.rebuild(&order, &free);
        self.update_incumbent();
        // The offsets of the result need nodes as well.
        let node_limit = budget.hold_back(8);
        let searched = if self.load_incumbent.cost > self.instance.total_min_cost() {
            self.search(budget)
        } else {
            Ok(())
        };
        budget.allow(node_limit);
        self.reduce_copies();
        if self.bound >= self.cutoff as f64 {
            return Ok(searched.err().unwrap_or(Stop::Finished));
        }
        if self.instance.is_cancelled() && self.incumbent.is_some() {
            return Ok(Stop::Cancelled);
        }
        let end = self.assign_offsets(budget, limits, limits)?;
        if let Err(stop) = searched {
            return Ok(stop);
        }
        match end {
            Stop::Finished => self.cut_off(budget, limits),
            stop => Ok(stop),
        }
    }

    /// Searches by load: the dual bound with greedy runs at its prices, descent and local search, and the
    /// exact search. Updates the incumbent by load and the bound, also if a limit ends it.
    fn search(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let instance = self.instance;
        let free = self.free.clone();
        let order = by_priority(&self.instance.priority(&self.store_costs));
        self.state.descend(&order, &free, budget)?;
        self.update_incumbent();
        let mut relaxation = LagrangianRelaxation::new(instance, &self.store_costs);
        let mut dual =
            DualSolution { prices: vec![0.0; instance.store() * instance.steps as usize], bound: 0.0 };
        let size = instance.accesses.len() * instance.work_of_an_access() + instance.steps as usize;
        let is_large = self.instance.is_large();
        let work = if is_large { LARGE_ROUND_WORK } else { ROUND_WORK };
        let rounds = (work / self.work_divisor as usize / size).clamp(MIN_ROUNDS, MAX_ROUNDS as usize) as u32;
        let upper_bound = self.load_incumbent.cost.min(self.cutoff) as f64;
        let ascent = AscentLimits { rounds, target: upper_bound, sufficient: upper_bound - 0.5 };
        // The prices change little from round to round, so only some of them get a greedy run.
        let (mut round, every) = (0, if is_large { rounds } else { 50 });
        let outcome = relaxation.ascend(&mut dual, ascent, budget, |relaxation, _, target| {
            round += 1;
            if round % every == 0 {
                let priority = self.priority(&relaxation.costs);
                self.state.rebuild(&by_priority(&priority), &free);
                self.update_incumbent();
                *target = self.load_incumbent.cost.min(self.cutoff) as f64;
            }
        });
        // The evaluation sums rounded terms; the margin keeps the bound below the exact sum.
        self.bound = self.bound.max(dual.bound - 1e-11 * self.magnitude);
        self.rates.clone_from(&dual.prices);
        outcome?;
        let best = self.load_incumbent.clone();
        self.state.adopt(&best.paths);
        relaxation.evaluate(&dual.prices);
        let priority = self.priority(&relaxation.costs);
        self.state.descend(&by_priority(&priority), &free, budget)?;
        self.update_incumbent();
        let mut random = Random::new(1);
        for _ in 0..if is_large { 0 } else { 6 } {
            if self.is_proven() {
                break;
            }
            let divisor = self.work_divisor as usize * instance.work_of_an_access();
            let times = (LOCAL_SEARCH_WORK / instance.items.len()).min(1000) / divisor;
            self.state.local_search(times, &free, &priority, &mut random, budget)?;
            self.update_incumbent();
        }
        // The exact search expands every access for each of its states, so it needs about this many nodes
        // at its first beam width.
        let min_nodes = (instance.accesses.len() * split::BEAM_WIDTHS.0 / 64) as u64;
        if !self.is_proven() && instance.prefetch == 0 && min_nodes < budget.remaining() {
            self.solve_exactly(&priority, budget)?;
        }
        Ok(())
    }

    /// Computes the optimum by load. A first attempt treats minor items exactly, within a quarter of the
    /// remaining nodes. If the bound stays open, a second one leaves them in the backing store and lowers
    /// the bound by the cost that this can hide.
    fn solve_exactly(&mut self, priority: &[f64], budget: &mut Budget<'_>) -> Result<(), Stop> {
        if self.split.minor > 0 {
            let mut first = budget.of_question(budget.remaining() / 4);
            let _ = self.solve_by_load(MinorItems::Exact, &mut first);
            budget.spend(first.nodes())?;
            if self.is_proven() {
                return Ok(());
            }
            self.minor = MinorItems::BackingStore;
        }
        let result = self.solve_by_load(self.minor, budget);
        if self.minor == MinorItems::BackingStore {
            // Minor items that were left in the backing store may still fit on chip.
            let best = self.load_incumbent.clone();
            self.state.adopt(&best.paths);
            self.state.descend(&by_priority(priority), &self.free, budget)?;
            self.update_incumbent();
        }
        result
    }

    /// Runs the exact search by load; updates the bound and the incumbent by load.
    fn solve_by_load(&mut self, minor: MinorItems, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let upper_bound = self.load_incumbent.cost.min(self.cutoff) as f64;
        let (optimum, outcome) =
            split::optimum_by_load(self.instance, &self.rates, (upper_bound, minor), budget);
        self.bound = self.bound.max(optimum.bound);
        if let Some((cost, paths)) = optimum.best {
            self.state.adopt(&paths);
            debug_assert!(self.state.assignment.cost == cost || self.instance.is_cancelled());
            self.update_incumbent();
        }
        outcome
    }

    /// Returns true if no placement below the cutoff costs less than the incumbent by load. Costs are
    /// integers, so a gap below 1 is none.
    fn is_proven(&self) -> bool {
        self.load_incumbent.cost.min(self.cutoff) as f64 - 0.999 <= self.bound
    }

    /// By item: the share of its cost in the backing store that it saves on chip, after the price of its
    /// memory.
    fn priority(&self, priced: &[f64]) -> Vec<f64> {
        let priority = |(&store_cost, &priced): (&u64, &f64)| {
            let store_cost = store_cost as f64;
            if store_cost > 0.0 { ((store_cost - priced) / store_cost).max(0.0) } else { 0.0 }
        };
        self.store_costs.iter().zip(priced).map(priority).collect()
    }

    /// Replaces the path of each item by one of equal cost that copies least. The searches compare costs
    /// only, and bytes that move between pools on chip may cost nothing.
    fn reduce_copies(&mut self) {
        if self.instance.store() < 2 {
            return;
        }
        let best = self.load_incumbent.clone();
        self.state.adopt(&best.paths);
        for item in (0..self.instance.items.len()).take_while(|&item| !self.instance.is_stopped_at(item)) {
            let mut copies = false;
            self.state.path_of(item).copies(|_| copies = true);
            if copies {
                self.state.replace(item, &self.free);
            }
        }
        if self.state.assignment.cost <= self.load_incumbent.cost {
            self.load_incumbent = self.state.assignment.clone();
        }
    }

    /// Makes the current state the incumbent by load if it costs less.
    fn update_incumbent(&mut self) {
        if self.state.assignment.cost < self.load_incumbent.cost {
            self.load_incumbent = self.state.assignment.clone();
        }
    }

    /// Assigns offsets to the incumbent by load, or to an assignment near it.
    ///
    /// The packing search tries the assignment as it is. If some intervals remain above their capacity, the
    /// cheapest of them are evicted one by one, or resident items give up memory, and the search runs
    /// again. If too many remain, or after [`MAX_EVICTIONS`], `offset_search` chooses paths together with offsets.
    /// Every assignment tried fits by load, so its cost is an upper bound once it has offsets. Each attempt
    /// costs one packing search of at most [`OFFSET_NODES`] nodes. `limits` end that search, and
    /// `refit_limits` the choice of a start for `refit`.
    fn assign_offsets(
        &mut self,
        budget: &mut Budget<'_>,
        limits: &Limits,
        refit_limits: &Limits,
    ) -> Result<Stop> {
        let quick = limits.clone().at_most(OFFSET_NODES);
        let mut method =
            if self.instance.is_large() { OffsetMethod::BestFit } else { OffsetMethod::Search(&quick) };
        let best = self.load_incumbent.clone();
        self.state.adopt(&best.paths);
        if self.instance.is_cancelled() {
            // Adoption was interrupted: the state may hold paths of two assignments.
            return Ok(Stop::Cancelled);
        }
        let mut end = Stop::Finished;
        for attempt in 0..=MAX_EVICTIONS {
            let cost = self.state.assignment.cost;
            if self.incumbent.as_ref().is_some_and(|incumbent| incumbent.0.cost <= cost) {
                break;
            }
            let (mut packed, _, mut stop) = pack(self.instance, &self.state.assignment, method)?;
            if stop == Stop::Deadline {
                (end, method) = (stop, OffsetMethod::BestFit);
                (packed, _, stop) = pack(self.instance, &self.state.assignment, method)?;
            }
            if stop == Stop::Cancelled {
                end = stop;
                break;
            }
            let ends_evictions = packed.overflowing.len() > MAX_EVICTION_CANDIDATES
                || attempt == MAX_EVICTIONS
                || end == Stop::Deadline;
            if packed.overflowing.is_empty() && attempt == 0 {
                self.incumbent = Some((best, packed.placed));
                break;
            } else if packed.overflowing.is_empty() || ends_evictions {
                self.state.allow_all();
                self.refit(&packed, budget, refit_limits);
                if let Err(stop) = refit_limits.poll() {
                    end = stop;
                }
                break;
            } else if !self.shrink_resident(packed.needed) && !self.evict(&packed.overflowing) {
                break;
            }
        }
        self.state.allow_all();
        Ok(end)
    }

    /// Improves paths and offsets together, from the given offsets or from offsets by size, whichever start
    /// is cheaper, and updates the incumbent. If `limits` end the search before it has a start, the items
    /// above the capacity move to the backing store instead.
    fn refit(&mut self, packed: &PackedIntervals, budget: &mut Budget<'_>, limits: &Limits) {
        let target_cost = self.load_incumbent.cost.min((self.bound + 1.0) as u64);
        let paths = self.state.assignment.paths.clone();
        let given = self.with_offsets(&packed.placed, InitialOffsets::Given, limits);
        self.state.adopt(&paths);
        let by_size = self.with_offsets(&packed.placed, InitialOffsets::BySize, limits);
        self.state.adopt(&paths);
        let starts = [given, by_size].into_iter().flatten();
        let Some(start) = starts.min_by_key(|start| start.0.cost) else {
            if !self.instance.is_cancelled() {
                self.evict_overflowing(packed);
            }
            return;
        };
        self.improve_offsets(start, target_cost, budget);
    }

    /// Runs the offset search from a placement and offers its result as the incumbent. A move has the choice
    /// among many offsets that displace the same saving, and neither the lowest nor the highest is better on
    /// all networks; so except for medium and large instances, a search that prefers the lowest is followed
    /// by one that prefers the highest.
    fn improve_offsets(&mut self, start: Placement, target_cost: u64, budget: &mut Budget<'_>) {
        let ties = [WindowTie::Lowest, WindowTie::Highest];
        let ties = if self.instance.is_medium() { &ties[..1] } else { &ties };
        let (instance, mut best) = (self.instance, start);
        for &tie in ties {
            self.state.adopt(&best.0.paths);
            let costs = (&self.free, self.store_costs.as_slice());
            let (given, limits) = (InitialOffsets::Given, &instance.limits);
            let search = OffsetSearch::new(&mut self.state, costs, &best.1, given, limits);
            let Some(mut search) = search else { break };
            // The caller polls the limits next and returns the reason to stop.
            let outcome = search.improve(target_cost, (tie, self.work_divisor), budget);
            best = search.placement();
            if outcome.is_err() {
                break;
            }
        }
        self.offer(best);
    }

    /// Inserts the items above the capacity elsewhere, so that every interval has an offset.
    fn with_offsets(
        &mut self,
        placed: &[PlacedInterval],
        offsets: InitialOffsets,
        limits: &Limits,
    ) -> Option<Placement> {
        let costs = (&self.free, self.store_costs.as_slice());
        OffsetSearch::new(&mut self.state, costs, placed, offsets, limits).map(|search| search.placement())
    }

    /// Moves all items with an interval above the capacity to the backing store, which frees memory only, so
    /// the other offsets stay valid. Updates the incumbent, unless an item has to be on chip.
    fn evict_overflowing(&mut self, packed: &PackedIntervals) {
        let instance = self.instance;
        let store_paths = PlacementState::all_in_store(instance);
        let mut is_evicted = vec![false; instance.items.len()];
        for item in packed.overflowing.iter().map(|placed| placed.item) {
            let path = &store_paths[instance.points_of(item)];
            let mut is_bound = false;
            ResidencyPath { instance, item, path }.intervals(|_| is_bound = true);
            if is_bound {
                return;
            }
            if !std::mem::replace(&mut is_evicted[item], true) {
                self.state.remove(item);
                self.state.restore(item, path);
            }
        }
        let placed = packed.placed.iter().filter(|placed| !is_evicted[placed.item]).copied().collect();
        self.offer((self.state.assignment.clone(), placed));
    }

    /// Makes a placement the incumbent if it costs less.
    fn offer(&mut self, placement: Placement) {
        if self.incumbent.as_ref().is_none_or(|incumbent| placement.0.cost < incumbent.0.cost) {
            self.incumbent = Some(placement);
        }
    }

    /// Removes resident items until the others have the bytes that they need above the capacity. A knapsack
    /// chooses the resident items that remain. Returns false if that cannot help.
    fn shrink_resident(&mut self, needed: u64) -> bool {
        let instance = self.instance;
        let spec = &instance.pools[0];
        let resident = self.split.resident.items();
        let there: Vec<usize> =
            resident.filter(|&item| self.state.path_of(item).resident_pool().is_some()).collect();
        let taken: u64 = there.iter().map(|&item| instance.padded_size(item, 0)).sum();
        let Some(left) =
            taken.checked_sub(needed.saturating_sub(spec.bytes).next_multiple_of(spec.alignment))
        else {
            return false;
        };
        if there.is_empty() || needed <= spec.bytes {
            return false;
        }
        let items = self.split.resident.best(left).items;
        let store = instance.store() as u8;
        for item in there.iter().copied().chain(items.iter().copied()) {
            let pool = if items.contains(&item) { 0 } else { store };
            let path = vec![pool; instance.points_of(item).len()];
            self.state.remove(item);
            self.state.restore(item, &path);
        }
        true
    }

    /// Evicts the interval whose item loses least from the pool; returns false if no item has another path.
    fn evict(&mut self, over: &[PlacedInterval]) -> bool {
        let mut cheapest: Option<(u64, usize)> = None;
        for (index, placed) in over.iter().enumerate() {
            let path = self.state.assignment.paths[self.instance.points_of(placed.item)].to_vec();
            let cost = self.state.assignment.cost;
            let undo = self.state.forbid(placed.item, placed.interval);
            if self.state.replace(placed.item, &self.free) {
                let more = self.state.assignment.cost.saturating_sub(cost);
                if cheapest.is_none_or(|cheapest| more < cheapest.0) {
                    cheapest = Some((more, index));
                }
                self.state.remove(placed.item);
                self.state.restore(placed.item, &path);
            }
            self.state.undo_forbid(placed.item, &undo);
        }
        let Some((_, index)) = cheapest else { return false };
        self.state.forbid(over[index].item, over[index].interval);
        let is_replaced = self.state.replace(over[index].item, &self.free);
        debug_assert!(is_replaced, "it was replaced before");
        true
    }

    /// The result of the search; none if no assignment has offsets.
    fn finish(self, nodes: u64, stop: Stop) -> Option<PlacementResult> {
        let (assignment, placed) = self.incumbent?;
        let bound = integral_bound(self.bound, self.magnitude, self.instance).min(assignment.cost);
        Some(PlacementResult {
            paths: assignment.paths,
            cost: assignment.cost,
            placed,
            bound,
            unavoidable_cost: self.instance.unavoidable_cost,
            nodes,
            stop,
        })
    }
}
