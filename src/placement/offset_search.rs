//! Local search over paths and offsets together, for instances whose optimum by load has no offsets and for
//! those that are too large for a packing search.
//!
//! At any time every residency interval on chip has an offset. A move removes an item, gives it a cheaper
//! path whose intervals displace others, and inserts the displaced items elsewhere. The move is kept if the
//! total cost does not rise; otherwise all removed items are restored exactly. So the search never loses
//! the validity of the offsets, whatever limit ends it. It proves nothing. A move costs O(t + k log k) for
//! each path tried, where t is the number of steps of the intervals and k the number of intervals that
//! overlap them.

#[cfg(test)]
mod tests;

use std::ops::Range;

use smallvec::SmallVec;

use super::instance::Instance;
use super::occupancy::{PoolOccupancy, WindowTie};
use super::pack::PlacedInterval;
use super::path::Prices;
use super::residency::ResidencyInterval;
use super::state::{PathAssignment, PlacementState};
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::random::Random;
use crate::support::sorting::{sort_by_keys, sort_keyed};

/// Paths tried for an item until its intervals have offsets.
const MAX_PATHS: usize = 4;
/// Maximum number of steps of all intervals together; larger assignments are not searched.
const MAX_STEPS: u64 = 100_000_000;
/// Maximum number of moves, and of successive rounds without gain.
const MAX_MOVES: usize = 20_000;
const MAX_IDLE_ROUNDS: usize = 20;
/// Inner-loop steps in the pool occupancies, about half a second; large instances get less.
const MAX_WORK: u64 = 150_000_000;
const LARGE_WORK: u64 = 100_000_000;
/// Work charged for each item examined, besides the steps in the occupancies.
const ITEM_WORK: usize = 512;
/// Weight of an item that may not move, above the sum of all other weights.
const IMMOVABLE: f64 = 1e100;

/// Local search over assignments in which every interval has an offset.
pub(super) struct OffsetSearch<'s, 'a> {
    instance: &'a Instance,
    state: &'s mut PlacementState<'a>,
    /// Prices of 0.
    free: &'s Prices,
    /// By item: the cost of its path in the backing store.
    store_costs: &'s [u64],
    occupancy: Vec<PoolOccupancy>,
    /// By item: the pool and number of each of its placed intervals.
    placed: Vec<SmallVec<[(u8, u32); 2]>>,
    /// Work already charged to a budget.
    charged: u64,
    /// Work after which the search ends.
    max_work: u64,
    /// The offset that a move prefers among those that displace the same saving.
    tie: WindowTie,
}

/// Path and offsets of a removed item, for undo.
struct RemovedItem {
    item: usize,
    path: SmallVec<[u8; 16]>,
    placed: SmallVec<[PlacedInterval; 2]>,
}

/// Source of the initial offsets.
#[derive(Clone, Copy, Debug)]
pub(super) enum InitialOffsets {
    /// The given offsets, if they end within the capacity.
    Given,
    /// Best fit in order of descending size.
    BySize,
}

impl<'s, 'a> OffsetSearch<'s, 'a> {
    /// Starts from the paths of a state and from offsets. Items with an interval above the capacity are
    /// inserted elsewhere. Returns none if an item without an alternative has no hole, if the intervals
    /// have too many steps, or if `limits` end the call; the state then has a path for every item.
    pub(super) fn new(
        state: &'s mut PlacementState<'a>,
        (free, store_costs): (&'s Prices, &'s [u64]),
        intervals: &[PlacedInterval],
        start: InitialOffsets,
        limits: &Limits,
    ) -> Option<Self> {
        // An interrupted call may not have adopted all paths.
        limits.poll().ok()?;
        let instance = state.instance;
        let length = |placed: &PlacedInterval| u64::from(placed.interval.end - placed.interval.from);
        if intervals.iter().map(length).sum::<u64>() > MAX_STEPS {
            return None;
        }
        let new_occupancy =
            |spec: &super::PoolSpec| PoolOccupancy::new(instance.steps, spec.bytes, spec.alignment);
        let occupancy = instance.pools[..instance.store()].iter().map(new_occupancy).collect();
        let placed = vec![SmallVec::new(); instance.items.len()];
        let (charged, max_work, tie) = (0, u64::MAX, WindowTie::Lowest);
        let mut refit =
            Self { instance, state, free, store_costs, occupancy, placed, charged, max_work, tie };
        let mut intervals = intervals.to_vec();
        let size = |placed: &PlacedInterval| instance.items[placed.item].size;
        if matches!(start, InitialOffsets::BySize) {
            sort_by_keys(&mut intervals, |placed| [!size(placed), !length(placed)]);
        }
        let mut is_out = vec![false; instance.items.len()];
        for placed in intervals {
            limits.poll().ok()?;
            let bytes = instance.pools[placed.interval.pool].bytes;
            let offset = match start {
                InitialOffsets::Given => (placed.offset + size(&placed) <= bytes).then_some(placed.offset),
                InitialOffsets::BySize => refit.best_fit_offset(placed.item, placed.interval),
            };
            match offset {
                Some(offset) => refit.place(placed.item, PlacedInterval { offset, ..placed }),
                None => is_out[placed.item] = true,
            }
        }
        let out: Vec<usize> = (0..is_out.len()).filter(|&item| is_out[item]).collect();
        let out: Vec<RemovedItem> = out.into_iter().map(|item| refit.remove(item)).collect();
        let mut has_space = true;
        for removed in out {
            let goes_on = limits.poll().is_ok();
            if !goes_on || !refit.insert(removed.item) {
                // Every item needs a path even so: the caller uses the state further.
                refit.state.restore(removed.item, &removed.path);
                has_space = false;
            }
        }
        has_space.then_some(refit)
    }

    /// Inner-loop steps in all pools.
    fn work(&self) -> u64 {
        self.occupancy.iter().map(PoolOccupancy::work).sum()
    }

    /// Charges the work since the last call to a budget.
    fn charge(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let work = self.work();
        let steps = 4 * (work - self.charged) as usize;
        self.charged = work;
        budget.work(ITEM_WORK + steps)
    }

    fn cost(&self) -> u64 {
        self.state.assignment.cost
    }

    /// The current paths, and all intervals with their offsets.
    pub(super) fn placement(&self) -> (PathAssignment, Vec<PlacedInterval>) {
        (self.state.assignment.clone(), self.all_placed())
    }

    fn all_placed(&self) -> Vec<PlacedInterval> {
        let interval = |&(pool, number): &(u8, u32)| self.occupancy[pool as usize].interval(number);
        self.placed.iter().flatten().map(interval).collect()
    }

    fn best_fit_offset(&mut self, item: usize, interval: ResidencyInterval) -> Option<u64> {
        let data = &self.instance.items[item];
        self.occupancy[interval.pool].best_fit((data.size, data.alignment), (interval.from, interval.end))
    }

    fn place(&mut self, item: usize, placed: PlacedInterval) {
        let pool = placed.interval.pool;
        let number = self.occupancy[pool].insert(placed, self.instance.items[item].size);
        self.placed[item].push((pool as u8, number));
    }

    /// Removes the path and the offsets of an item.
    fn remove(&mut self, item: usize) -> RemovedItem {
        let path = SmallVec::from_slice(&self.state.assignment.paths[self.instance.points_of(item)]);
        self.state.remove(item);
        let intervals = std::mem::take(&mut self.placed[item]);
        let placed =
            intervals.iter().map(|&(pool, number)| self.occupancy[pool as usize].remove(number)).collect();
        RemovedItem { item, path, placed }
    }

    /// Restores a removed item exactly as it was.
    fn restore(&mut self, out: &RemovedItem) {
        self.state.restore(out.item, &out.path);
        for &placed in &out.placed {
            self.place(out.item, placed);
        }
    }

    /// Inserts a removed item with a cheap path whose intervals have offsets. Returns false if none is
    /// found. Points whose interval has no hole are excluded before the next try; the last try allows the
    /// backing store only.
    fn insert(&mut self, item: usize) -> bool {
        // Free bytes do not imply a hole, so a path that fits by load may fail. The points without a hole are
        // excluded, and the next path avoids them.
        self.state.find_free_pools(item);
        for _ in 0..MAX_PATHS {
            if !self.state.find_path(item, 0, self.free) {
                return false;
            }
            match self.place_all(item) {
                Ok(()) => {
                    self.state.commit(item);
                    return true;
                }
                Err((pool, points)) => self.state.exclude(item, pool, points),
            }
        }
        self.state.exclude_on_chip(item);
        let is_found = self.state.find_path(item, 0, self.free) && self.place_all(item).is_ok();
        if is_found {
            self.state.commit(item);
        }
        is_found
    }

    /// Assigns offsets to all intervals of the candidate path. If one has no hole, returns its pool and
    /// points, and places none.
    fn place_all(&mut self, item: usize) -> Result<(), (usize, Range<usize>)> {
        let mut intervals: SmallVec<[(ResidencyInterval, Range<usize>); 4]> = SmallVec::new();
        self.state
            .candidate(item)
            .intervals_with_points(|interval, points| intervals.push((interval, points)));
        for (interval, points) in intervals {
            let Some(offset) = self.best_fit_offset(item, interval) else {
                for (pool, number) in std::mem::take(&mut self.placed[item]) {
                    self.occupancy[pool as usize].remove(number);
                }
                return Err((interval.pool, points));
            };
            self.place(item, PlacedInterval { item, interval, offset });
        }
        Ok(())
    }

    /// Tries to improve every item that costs more than its minimum, in random order, round by round, until
    /// the cost is at most `sufficient` or the limits of moves, idle rounds or work are met.
    ///
    /// # Errors
    /// The reason to stop; all intervals have offsets then.
    pub(super) fn improve(
        &mut self,
        sufficient: u64,
        (tie, work_divisor): (WindowTie, u32),
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        self.tie = tie;
        let random = &mut Random::new(1);
        let (mut moves, mut idle) = (0, 0);
        let max_work = if self.instance.is_large() { LARGE_WORK } else { MAX_WORK };
        self.max_work = self.work() + max_work / u64::from(work_divisor);
        let max_moves = MAX_MOVES / (work_divisor as usize * self.instance.work_of_an_access());
        while moves < max_moves && idle < MAX_IDLE_ROUNDS && self.work() < self.max_work {
            let mut targets: Vec<usize> =
                (0..self.instance.items.len()).filter(|&item| self.is_improvable(item)).collect();
            if targets.is_empty() || self.cost() <= sufficient {
                break;
            }
            random.shuffle(&mut targets);
            let before = self.cost();
            moves += targets.len();
            for item in targets {
                if self.work() < self.max_work && self.is_improvable(item) {
                    self.try_improve(item, random, budget)?;
                }
            }
            idle = if self.cost() < before { 0 } else { idle + 1 };
        }
        Ok(())
    }

    /// Returns true if the item may have a cheaper path.
    fn is_improvable(&self, item: usize) -> bool {
        self.state.assignment.costs[item] > self.instance.min_costs[item] && self.is_movable(item)
    }

    /// Resident items and items that are bound to the backing store do not move.
    fn is_movable(&self, item: usize) -> bool {
        let store = 1 << self.instance.store();
        let points = &self.instance.point_pools[self.instance.points_of(item)];
        points.iter().skip(1).step_by(2).any(|&point| point & !store > 0)
            && self.state.path_of(item).resident_pool().is_none()
    }

    /// One move: gives an item a cheaper path, displaces the items that occupy its offsets, and undoes
    /// everything if the cost rises.
    fn try_improve(
        &mut self,
        target: usize,
        random: &mut Random,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        let before = self.cost();
        // Removed items are recorded with their offsets before anything else changes, so any outcome can be
        // undone exactly.
        let mut out = vec![self.remove(target)];
        let is_better = match self.best_displacement(target, before, random) {
            Some(placement) => self.displace(target, placement, (&mut out, before), random, budget),
            None => Ok(false),
        };
        if is_better != Ok(true) {
            for removed in &out {
                self.restore(removed);
            }
        }
        is_better?;
        self.charge(budget)
    }

    /// Places a removed item at its target offsets and inserts the displaced items elsewhere. Returns true
    /// if the cost is at most `before`. Otherwise (a higher cost, too much work because thousands of items
    /// may be displaced, or a stop) all items are removed again and recorded in `out`, for the caller to
    /// restore.
    fn displace(
        &mut self,
        target: usize,
        (intervals, mut displaced): (TargetIntervals, Displaced),
        (out, before): (&mut Vec<RemovedItem>, u64),
        random: &mut Random,
        budget: &mut Budget<'_>,
    ) -> Result<bool, Stop> {
        for &item in &displaced {
            self.charge(budget)?;
            if self.work() >= self.max_work {
                return Ok(false);
            }
            out.push(self.remove(item));
        }
        for placed in intervals {
            self.place(target, placed);
        }
        self.state.commit(target);
        // Items with large savings choose their holes first.
        self.by_priority(&mut displaced, random);
        let (mut inserted, mut is_inserted) = (0, Ok(true));
        while inserted < displaced.len() && is_inserted == Ok(true) {
            let goes_on = self.charge(budget).map(|()| self.work() < self.max_work);
            is_inserted = goes_on.map(|goes_on| goes_on && self.insert(displaced[inserted]));
            inserted += usize::from(is_inserted == Ok(true));
        }
        let is_better = is_inserted.map(|is_inserted| is_inserted && self.cost() <= before);
        if is_better != Ok(true) {
            for &item in displaced[..inserted].iter().chain([&target]) {
                self.remove(item);
            }
        }
        is_better
    }

    /// The cheapest path of a removed item without regard to capacities, with the offsets that displace the
    /// least saving, and the items to displace. Returns none if it saves nothing or would displace too
    /// much.
    fn best_displacement(
        &mut self,
        target: usize,
        before: u64,
        random: &mut Random,
    ) -> Option<(TargetIntervals, Displaced)> {
        self.state.ignore_capacities(target, random);
        let is_found = self.state.find_path(target, 0, self.free);
        let path = self.state.candidate(target);
        if !is_found || path.cost() + self.cost() >= before {
            return None;
        }
        let saving = (before - self.cost() - path.cost()) as f64;
        // A displaced item weighs what it saves now, with noise: without it, the same items would be
        // displaced again and again.
        let noise = random.next();
        let weigh = |item: usize| {
            let lost = self.store_costs[item].saturating_sub(self.state.assignment.costs[item]) as f64;
            let chance = 0.5 + Random::new(noise ^ item as u64).unit();
            if self.is_movable(item) { lost * chance } else { IMMOVABLE }
        };
        let data = &self.instance.items[target];
        let (mut intervals, mut displaced, mut weight) = (TargetIntervals::new(), Displaced::new(), 0.0);
        // Each interval chooses its window alone. Windows of one pool at different steps may displace an item
        // twice, so the list of displaced items is made unique.
        path.intervals(|interval| {
            let (pool, range) = (&self.occupancy[interval.pool], (interval.from, interval.end));
            let window = pool.cheapest_window((data.size, data.alignment), range, weigh, self.tie);
            weight += window.map_or(IMMOVABLE, |window| window.weight);
            if let Some(window) = window {
                intervals.push(PlacedInterval { item: target, interval, offset: window.offset });
                displaced.extend(pool.items_in((window.offset, data.size), range));
            }
        });
        // Displaced items may find another hole and lose nothing, so the weight may exceed the saving.
        if weight > 4.0 * saving {
            return None;
        }
        displaced.sort_unstable();
        displaced.dedup();
        Some((intervals, displaced))
    }

    /// Sorts items by their saving per byte and step, with random noise.
    fn by_priority(&self, items: &mut Displaced, random: &mut Random) {
        let instance = self.instance;
        let priority = |item: usize| {
            let accesses = &instance.accesses[instance.items[item].accesses()];
            let moved: u64 = accesses.iter().map(|access| access.before.max(access.after)).sum();
            moved as f64 / (instance.items[item].size as f64 * instance.span(item) as f64).max(1.0)
        };
        let mut keyed: SmallVec<[([u64; 2], u64); 16]> = SmallVec::new();
        for &item in items.iter() {
            keyed.push(([!(priority(item) * (0.5 + random.unit())).to_bits(), 0], item as u64));
        }
        sort_keyed(&mut keyed);
        for (item, keyed) in items.iter_mut().zip(keyed) {
            *item = keyed.1 as usize;
        }
    }
}

/// Intervals of an item at the offsets chosen for it.
type TargetIntervals = SmallVec<[PlacedInterval; 4]>;
/// Items displaced by them.
type Displaced = SmallVec<[usize; 16]>;
