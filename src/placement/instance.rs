//! The placement instance: items that are accessed at steps, and pools with capacities and costs. It has no
//! graph, so tests can build one directly.
//!
//! # Points of an item
//!
//! An item with `k` accesses has `2 k + 1` points in time order: before the first access, at it, after it,
//! at the second access, after it, and so on. So the point after an access is also the point before the
//! next one. A residency path assigns a pool to each point:
//!
//! - `2 i` (even): the pool in which the item lies between access `i - 1` and access `i`; point 0 is the
//!   start of the run, point `2 k` its end.
//! - `2 i + 1` (odd): the pool in which access `i` takes place.
//!
//! Two neighbouring points in different pools mean a copy between them, unless no live byte or only clean
//! bytes would be copied. A path may leave the chip between two accesses and return for the second: three
//! points, two copies.
//!
//! [`Instance::point_pools`] holds a mask of allowed pools for each point of all items, one item after the
//! other; [`Instance::points_of`] is the range of an item. The masks encode all constraints: the pools of
//! the first and last point are fixed, and a point with no live byte allows the backing store only.

use crate::support::ids::PoolId;
use crate::support::limits::Limits;

/// Maximum number of pools; the last pool is the backing store.
pub(crate) const MAX_POOLS: usize = crate::graph::Pools::MAX_COUNT;

/// Above this number of accesses and steps, orders are compared with less effort than the best one gets.
const MEDIUM: usize = 10_000;

/// Above this number of accesses, the searches use greedy choices only.
const LARGE: usize = 30_000;

/// Capacity, alignment and costs of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSpec {
    /// Bytes, rounded up to the alignment; [`MAX_BYTES`](super::MAX_BYTES) in a backing store without a
    /// limit.
    pub(crate) capacity: u64,
    /// Bytes without rounding.
    pub(crate) bytes: u64,
    pub(crate) alignment: u64,
    /// Cost of a byte that an operator reads or writes in place.
    pub(crate) read: u64,
    pub(crate) write: u64,
    /// Cost of a byte that is copied from this pool or to it.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// A unit that lies in one pool at a time: a tensor, a rigid group of tensors that share memory, or scratch
/// memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstanceItem {
    pub(crate) size: u64,
    pub(crate) alignment: u64,
    /// Range of its accesses; it has at least one.
    pub(crate) first: u32,
    pub(crate) end: u32,
    /// Pools before the first access and after the last.
    pub(crate) start: u8,
    pub(crate) finish: u8,
    /// Mask of pools in which the item may be resident, that is, from run to run.
    pub(crate) resident_pools: u8,
    /// True if the pool at the start holds the only copy of its contents.
    pub(crate) dirty: bool,
}

impl InstanceItem {
    pub(crate) fn accesses(&self) -> std::ops::Range<usize> {
        self.first as usize..self.end as usize
    }
}

/// The use of an item by the operator of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemAccess {
    pub(crate) step: u32,
    /// Bytes that the operator reads and writes.
    pub(crate) read: u64,
    pub(crate) write: u64,
    /// Live bytes just before the access that exist since the previous access or the start.
    pub(crate) before: u64,
    /// Live bytes just after the access, until the next access or the end.
    pub(crate) after: u64,
}

/// Items, accesses and pools. Masks of pools have bit `p` for pool `p`.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) pools: Vec<PoolSpec>,
    pub(crate) items: Vec<InstanceItem>,
    pub(crate) accesses: Vec<ItemAccess>,
    /// Mask of allowed pools by point, see the module documentation.
    pub(crate) point_pools: Vec<u8>,
    /// Number of steps, at least 1.
    pub(crate) steps: u32,
    pub(crate) prefetch: u32,
    /// By item: the least cost of a path if capacities are ignored.
    pub(crate) min_costs: Vec<u64>,
    /// Items that are larger than a pool that would take them otherwise.
    pub(crate) oversize: Vec<Oversize>,
    /// The cost of all items if every pool were large enough.
    pub(crate) unavoidable_cost: u64,
    /// Deadline and cancellation token, for phases without a meter.
    pub(crate) limits: Limits,
}

/// An item that is larger than a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oversize {
    pub(crate) item: usize,
    /// Mask of pools that would take it at any capacity.
    pub(crate) pools: u8,
    pub(crate) may_be_resident: bool,
}

/// An item to add to an instance.
#[derive(Clone, Copy)]
pub(crate) struct NewItem<'a> {
    pub(crate) size: u64,
    pub(crate) alignment: u64,
    /// Mask of pools that take it.
    pub(crate) pools: u8,
    /// Mask of pools that would take it at any capacity.
    pub(crate) pools_at_any_capacity: u8,
    pub(crate) start: PoolId,
    pub(crate) finish: PoolId,
    pub(crate) may_be_resident: bool,
    pub(crate) accesses: &'a [ItemAccess],
}

impl Instance {
    pub(crate) fn new(pools: Vec<PoolSpec>, steps: u32, prefetch: u32, limits: &Limits) -> Self {
        let (items, accesses, point_pools) = (Vec::new(), Vec::new(), Vec::new());
        let (steps, min_costs, oversize) = (steps.max(1), Vec::new(), Vec::new());
        let limits = limits.clone().without_nodes().without_progress();
        Self {
            pools,
            items,
            accesses,
            point_pools,
            steps,
            prefetch,
            min_costs,
            oversize,
            unavoidable_cost: 0,
            limits,
        }
    }

    /// Returns true once the call is cancelled: the rest of a phase would be wasted work.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.limits.check_cancelled().is_err()
    }

    /// Returns true once the call is cancelled or its deadline has passed, for loops over the items whose
    /// result is valid wherever they end. Most items take much less time than a look at the clock, so only
    /// some of them take one.
    pub(crate) fn is_stopped_at(&self, item: usize) -> bool {
        const ITEMS_BETWEEN_POLLS: usize = 32;
        self.is_cancelled() || (item.is_multiple_of(ITEMS_BETWEEN_POLLS) && self.limits.poll().is_err())
    }

    /// The cost of all items if capacities are ignored: no placement costs less.
    pub(crate) fn total_min_cost(&self) -> u64 {
        self.min_costs.iter().sum()
    }

    /// Index of the backing store.
    pub(crate) fn store(&self) -> usize {
        self.pools.len() - 1
    }

    /// Reserves memory for about as many items and accesses.
    pub(crate) fn reserve(&mut self, items: usize, accesses: usize) {
        self.items.reserve_exact(items);
        self.accesses.reserve_exact(accesses);
        self.point_pools.reserve_exact(items + 2 * accesses);
    }

    /// Frees the memory that was reserved for further items.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.items.shrink_to_fit();
        self.accesses.shrink_to_fit();
        self.point_pools.shrink_to_fit();
    }

    /// Adds an item, its accesses and the masks of its points.
    pub(crate) fn add(&mut self, new: &NewItem<'_>) {
        let store = self.store();
        let (start, finish) = (new.start.index(), new.finish.index());
        if new.pools_at_any_capacity != new.pools {
            let (item, pools) = (self.items.len(), new.pools_at_any_capacity);
            self.oversize.push(Oversize { item, pools, may_be_resident: new.may_be_resident });
        }
        let first = self.accesses.len() as u32;
        self.accesses.extend_from_slice(new.accesses);
        let mut before = 1 << start;
        for (number, access) in new.accesses.iter().enumerate() {
            self.point_pools.extend([before, new.pools]);
            let matters =
                new.accesses.get(number + 1).is_some_and(|next| access.after > 0 || next.before > 0);
            before = if matters { new.pools } else { 1 << store };
        }
        self.point_pools.push(1 << finish);
        self.items.push(InstanceItem {
            size: new.size,
            alignment: new.alignment,
            first,
            end: self.accesses.len() as u32,
            start: start as u8,
            finish: finish as u8,
            resident_pools: if new.may_be_resident { new.pools & !(1 << store) } else { 0 },
            dirty: start != store,
        });
    }

    /// Range of the points of an item.
    #[inline]
    pub(crate) fn points_of(&self, item: usize) -> std::ops::Range<usize> {
        let data = &self.items[item];
        let from = 2 * data.first as usize + item;
        from..from + 2 * (data.end - data.first) as usize + 1
    }

    /// Returns true if the item can be on chip: a path saves cost, or its first or last pool is on chip.
    /// `store_cost` is the cost of its path in the backing store. Other items are constants of every
    /// search.
    pub(crate) fn has_choice(&self, item: usize, store_cost: u64) -> bool {
        let data = &self.items[item];
        let store = self.store();
        store_cost > self.min_costs[item]
            || usize::from(data.start) != store
            || usize::from(data.finish) != store
    }

    /// Size of an item, rounded up to the alignment of a pool: all offsets in the pool are multiples of it,
    /// so loads may count padded sizes.
    #[inline]
    pub(crate) fn padded_size(&self, item: usize, pool: usize) -> u64 {
        self.items[item].size.next_multiple_of(self.pools[pool].alignment)
    }

    /// Steps strictly between the accesses around an even point.
    #[inline]
    pub(crate) fn between(&self, item: usize, point: usize) -> (u32, u32) {
        let data = &self.items[item];
        let number = point / 2;
        let from = match number {
            0 => 0,
            _ => self.accesses[data.first as usize + number - 1].step + 1,
        };
        let next = data.first as usize + number;
        let end = if next < data.end as usize { self.accesses[next].step } else { self.steps };
        (from, end)
    }

    /// The first step at which a copy for an access occupies its destination.
    pub(crate) fn arrival(&self, item: usize, number: usize) -> u32 {
        let data = &self.items[item];
        let step = self.accesses[data.first as usize + number].step;
        let earliest = match number {
            0 => 0,
            _ => self.accesses[data.first as usize + number - 1].step + 1,
        };
        step.saturating_sub(self.prefetch).max(earliest)
    }

    /// Number of steps from the first access of an item to the last.
    pub(crate) fn span(&self, item: usize) -> usize {
        let accesses = &self.accesses[self.items[item].accesses()];
        (accesses[accesses.len() - 1].step - accesses[0].step + 1) as usize
    }

    /// Returns true if the time allows greedy choices only.
    pub(crate) fn is_large(&self) -> bool {
        self.accesses.len() > LARGE
    }

    /// Returns true if the searches take so long that orders are compared with less effort.
    pub(crate) fn is_medium(&self) -> bool {
        self.accesses.len() + self.steps as usize > MEDIUM
    }

    /// Work of an access in a search for paths, relative to that with three pools.
    pub(crate) fn work_of_an_access(&self) -> usize {
        work_of_an_access(self.pools.len())
    }

    /// By item: the saving per byte and step on chip, relative to the cost in the backing store.
    pub(crate) fn priority(&self, store_costs: &[u64]) -> Vec<f64> {
        let priority = |item: usize| {
            let data = &self.items[item];
            let saved = store_costs[item].saturating_sub(self.min_costs[item]) as f64;
            let accesses = &self.accesses[data.accesses()];
            let span = accesses.last().map_or(0, |last| last.step) - accesses[0].step + 1;
            let span = if data.resident_pools > 0 { self.steps } else { span };
            saved / (data.size.max(1) as f64 * f64::from(span))
        };
        (0..self.items.len()).map(priority).collect()
    }
}

/// The cheapest path of an item takes time cubic in the number of pools.
fn work_of_an_access(pools: usize) -> usize {
    pools.pow(3).div_ceil(27)
}

#[cfg(test)]
mod tests {
    use super::work_of_an_access;

    #[test]
    fn many_pools_raise_the_work_of_an_access() {
        assert_eq!([2, 3, 4, 8].map(work_of_an_access), [1, 1, 3, 19]);
    }
}
