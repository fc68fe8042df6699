//! Assignment of paths with the free bytes that they leave, and insertion of one item at a time.

use std::ops::Range;

use super::free_bytes::FreeBytes;
use super::instance::Instance;
use super::path::{PathFinder, PathProblem, Prices, bits};
use super::residency::{ResidencyInterval, ResidencyPath};
use crate::support::random::Random;

/// A path for each item, by point, with its cost.
#[derive(Clone, Debug)]
pub(crate) struct PathAssignment {
    pub(crate) paths: Vec<u8>,
    pub(crate) costs: Vec<u64>,
    pub(crate) cost: u64,
}

/// An assignment that fits by load while every change goes through [`insert`](Self::insert). Restored paths
/// and the initial assignment are not checked.
pub(crate) struct PlacementState<'a> {
    pub(crate) instance: &'a Instance,
    /// Masks of allowed pools by point, a subset of those of the instance: searches forbid some
    /// temporarily.
    pub(crate) point_pools: Vec<u8>,
    pub(crate) resident_pools: Vec<u8>,
    pub(crate) assignment: PathAssignment,
    /// By pool on chip.
    free_bytes: Vec<FreeBytes>,
    finder: PathFinder,
    /// The candidate path of one item, and the pools with enough free bytes for it.
    mask: Vec<u8>,
    arrivals: Vec<u8>,
    path: Vec<u8>,
}

impl<'a> PlacementState<'a> {
    /// All items in the backing store, except where a point is fixed to another pool.
    pub(crate) fn new(instance: &'a Instance) -> Self {
        let on_chip = &instance.pools[..instance.store()];
        let free_bytes = on_chip.iter().map(|spec| FreeBytes::new(instance.steps, spec.capacity));
        let mut state = Self {
            instance,
            point_pools: instance.point_pools.clone(),
            resident_pools: instance.items.iter().map(|item| item.resident_pools).collect(),
            assignment: PathAssignment {
                paths: vec![instance.store() as u8; instance.point_pools.len()],
                costs: vec![0; instance.items.len()],
                cost: 0,
            },
            free_bytes: free_bytes.collect(),
            finder: PathFinder::default(),
            mask: Vec::new(),
            arrivals: Vec::new(),
            path: Vec::new(),
        };
        let paths = Self::all_in_store(instance);
        for item in 0..instance.items.len() {
            state.restore(item, &paths[instance.points_of(item)]);
        }
        state
    }

    /// Paths in the backing store. An item whose first or last pool is on chip has its first or last access
    /// there, and an item that may not be in the backing store is where it may be.
    pub(crate) fn all_in_store(instance: &Instance) -> Vec<u8> {
        let store = instance.store() as u8;
        let mut paths = vec![store; instance.point_pools.len()];
        for (item, data) in instance.items.iter().enumerate() {
            let points = instance.points_of(item);
            let masks = &instance.point_pools[points.clone()];
            let path = &mut paths[points];
            for (pool, mask) in path.iter_mut().zip(masks) {
                if mask >> store & 1 == 0 && *mask > 0 {
                    *pool = mask.trailing_zeros() as u8;
                }
            }
            let last = path.len() - 1;
            (path[0], path[last]) = (data.start, data.finish);
            if data.start != store {
                path[1] = data.start;
            }
            if data.finish != store {
                path[last - 1] = data.finish;
            }
        }
        paths
    }

    /// Assigns the candidate path to an item that was removed.
    pub(super) fn commit(&mut self, item: usize) {
        let points = self.instance.points_of(item);
        self.assignment.paths[points].copy_from_slice(&self.path);
        self.occupy(item, -1);
        let path = self.path_of(item);
        let cost = path.cost();
        self.assignment.costs[item] = cost;
        self.assignment.cost += cost;
    }

    /// The path of an item.
    pub(crate) fn path_of(&self, item: usize) -> ResidencyPath<'_> {
        self.instance.path_in(&self.assignment.paths, item)
    }

    /// Adds the bytes of an item, times `sign`, to the free bytes at the steps of its intervals.
    fn occupy(&mut self, item: usize, sign: i64) {
        let instance = self.instance;
        let free_bytes = &mut self.free_bytes;
        instance.path_in(&self.assignment.paths, item).intervals(|interval| {
            let bytes = instance.padded_size(item, interval.pool) as i64;
            free_bytes[interval.pool].add(interval.from, interval.end, sign * bytes);
        });
    }

    /// Removes an item: frees its bytes and subtracts its cost.
    pub(crate) fn remove(&mut self, item: usize) {
        self.occupy(item, 1);
        self.assignment.cost -= std::mem::take(&mut self.assignment.costs[item]);
    }

    /// Inserts a removed item with the cheapest path for which there are free bytes. Returns false if there
    /// is none.
    pub(crate) fn insert(&mut self, item: usize, prices: &Prices) -> bool {
        self.find_free_pools(item);
        let is_found = self.find_path(item, self.free_resident_pools(item), prices);
        if is_found {
            self.commit(item);
        }
        is_found
    }

    /// Computes the cheapest path within the masks of [`find_free_pools`](Self::find_free_pools) as the
    /// candidate. Returns false if there is none.
    pub(super) fn find_path(&mut self, item: usize, resident_pools: u8, prices: &Prices) -> bool {
        self.path.clear();
        self.path.resize(self.mask.len(), 0);
        let (instance, point_pools, arrivals) = (self.instance, &self.mask, &self.arrivals);
        let problem = PathProblem { instance, item, prices, point_pools, arrivals, resident_pools };
        self.finder.best(&problem, &mut self.path) < f64::INFINITY
    }

    /// The candidate path.
    pub(super) fn candidate(&self, item: usize) -> ResidencyPath<'_> {
        ResidencyPath { instance: self.instance, item, path: &self.path }
    }

    /// Sets the masks of the candidate to all pools that the item may use, whatever their free bytes. At
    /// random, some points between accesses are restricted to the backing store, for variety.
    pub(super) fn ignore_capacities(&mut self, item: usize, random: &mut Random) {
        let store = self.instance.store();
        self.mask.clear();
        self.mask.extend_from_slice(&self.point_pools[self.instance.points_of(item)]);
        self.arrivals.clear();
        self.arrivals.resize(self.mask.len() / 2, u8::MAX);
        let last = self.mask.len() - 1;
        if last > 4 && random.below(2) == 0 {
            for point in (2..last).step_by(2) {
                if self.mask[point] >> store & 1 == 1 && random.below(2) == 0 {
                    self.mask[point] = 1 << store;
                }
            }
        }
    }

    /// Excludes a pool from the candidate: at the longest of the even points given, or if there is none, at
    /// the accesses among the points. Lasts until the masks are computed again.
    pub(super) fn exclude(&mut self, item: usize, pool: usize, points: Range<usize>) {
        let last = self.mask.len() - 1;
        let length = |&point: &usize| {
            let (from, end) = self.instance.between(item, point);
            end - from
        };
        // The longest interval between accesses occupies the pool for most steps, so without it the rest
        // of the path is the most likely to fit.
        let waits = points.clone().filter(|&point| point % 2 == 0 && point > 0 && point < last);
        if let Some(longest) = waits.max_by_key(length) {
            self.mask[longest] &= !(1 << pool);
        } else {
            points.filter(|point| point % 2 == 1).for_each(|point| self.mask[point] &= !(1 << pool));
        }
    }

    /// Restricts the candidate to the backing store wherever the item may be there. Lasts until the masks
    /// are computed again.
    pub(super) fn exclude_on_chip(&mut self, item: usize) {
        let (store, data) = (self.instance.store(), &self.instance.items[item]);
        let last = self.mask.len() - 1;
        let (first, end) = (usize::from(data.start) != store, usize::from(data.finish) != store);
        for (point, mask) in self.mask.iter_mut().enumerate() {
            let is_bound = (first && point <= 1) || (end && point + 1 >= last);
            if point > 0 && point < last && !is_bound && *mask >> store & 1 == 1 {
                *mask &= 1 << store;
            }
        }
    }

    /// Restores the path that a removed item had.
    pub(crate) fn restore(&mut self, item: usize, path: &[u8]) {
        self.path.clear();
        self.path.extend_from_slice(path);
        self.commit(item);
    }

    /// Forbids an item a pool at the steps of an interval. Returns the previous masks, for undo.
    pub(crate) fn forbid(&mut self, item: usize, interval: ResidencyInterval) -> (Vec<u8>, u8) {
        let instance = self.instance;
        let points = instance.points_of(item);
        let before = (self.point_pools[points.clone()].to_vec(), self.resident_pools[item]);
        // A resident item leaves its pool for the whole run or not at all.
        let is_resident = self.path_of(item).resident_pool().is_some();
        if is_resident {
            self.resident_pools[item] &= !(1 << interval.pool);
            return before;
        }
        let data = &instance.items[item];
        for (index, point) in points.enumerate() {
            let (from, end) = if index % 2 == 1 {
                let step = instance.accesses[data.first as usize + index / 2].step;
                (step, step + 1)
            } else {
                instance.between(item, index)
            };
            // The pools of the first and last point are fixed by the instance.
            let is_fixed = index == 0 || index + 1 == before.0.len();
            if !is_fixed
                && from.max(interval.from) < end.min(interval.end).max(from + 1)
                && from < interval.end
            {
                self.point_pools[point] &= !(1 << interval.pool);
            }
        }
        before
    }

    /// Undoes [`forbid`](Self::forbid).
    pub(crate) fn undo_forbid(&mut self, item: usize, (point_pools, resident_pools): &(Vec<u8>, u8)) {
        self.point_pools[self.instance.points_of(item)].copy_from_slice(point_pools);
        self.resident_pools[item] = *resident_pools;
    }

    /// Allows all items all pools of the instance again.
    pub(crate) fn allow_all(&mut self) {
        self.point_pools.copy_from_slice(&self.instance.point_pools);
        for (resident_pools, item) in self.resident_pools.iter_mut().zip(&self.instance.items) {
            *resident_pools = item.resident_pools;
        }
    }

    /// Pools with enough free bytes at every step for the item to be resident there.
    fn free_resident_pools(&self, item: usize) -> u8 {
        let free = |pool: &usize| self.has_space(item, *pool, (0, self.instance.steps));
        bits(self.resident_pools[item]).filter(free).fold(0, |mask, pool| mask | 1 << pool)
    }

    /// Returns true if the pool has enough free bytes at these steps.
    fn has_space(&self, item: usize, pool: usize, (from, end): (u32, u32)) -> bool {
        pool == self.instance.store()
            || self.free_bytes[pool].min(from, end) >= self.instance.padded_size(item, pool) as i64
    }

    /// Computes the masks of the candidate: at each point the allowed pools with enough free bytes, and for
    /// each access those that also have them from the arrival of a copy on.
    pub(super) fn find_free_pools(&mut self, item: usize) {
        let instance = self.instance;
        let data = &instance.items[item];
        let points = instance.points_of(item);
        let mut mask = std::mem::take(&mut self.mask);
        let mut arrivals = std::mem::take(&mut self.arrivals);
        mask.clear();
        arrivals.clear();
        for (point, &allowed) in self.point_pools[points].iter().enumerate() {
            let number = point / 2;
            // An access occupies its pool at one step. A point between accesses occupies its pool at all
            // steps in between, and at the steps of the accesses around it, at which copies take place.
            let is_access = point % 2 == 1;
            let range = if is_access {
                let step = instance.accesses[data.first as usize + number].step;
                (step, step + 1)
            } else {
                let (from, end) = instance.between(item, point);
                // The item occupies both pools at the step of a copy, so the accesses around count as well.
                let last = number == data.accesses().len();
                (from.saturating_sub(u32::from(number > 0)), if last { end } else { end + 1 })
            };
            let free = bits(allowed)
                .filter(|&pool| self.has_space(item, pool, range))
                .fold(0, |mask, pool| mask | 1 << pool);
            mask.push(free);
            if is_access {
                // A copy that is prefetched occupies its destination early, which may be full then although
                // it has free bytes at the access.
                let arrival = instance.arrival(item, number);
                let needs = instance.accesses[data.first as usize + number].before > 0 && arrival < range.0;
                let can_arrive = |pool: &usize| !needs || self.has_space(item, *pool, (arrival, range.0));
                arrivals.push(bits(free).filter(can_arrive).fold(0, |mask, pool| mask | 1 << pool));
            }
        }
        (self.mask, self.arrivals) = (mask, arrivals);
    }

    /// Returns true if the item occupies the pool at a step.
    pub(crate) fn is_at(&self, item: usize, pool: usize, step: u32) -> bool {
        let mut is_present = false;
        self.path_of(item).intervals(|interval| {
            is_present |= interval.pool == pool && interval.from <= step && step < interval.end;
        });
        is_present
    }
}
