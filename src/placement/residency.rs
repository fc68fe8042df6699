//! Residency paths: their residency intervals, copies and cost.
//!
//! A path is a pool for each point of an item. [`ResidencyPath`] derives from it when the item occupies
//! which pool, which copies take place and what the path costs. All searches and the final plan use these
//! functions, so costs cannot differ between them.

use std::ops::Range;

use super::instance::Instance;

/// The item occupies the pool at steps `from..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResidencyInterval {
    pub(crate) pool: usize,
    pub(crate) from: u32,
    pub(crate) end: u32,
}

/// A copy of the live bytes of an item between two pools: it starts with step `step` and is complete before
/// step `due` starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathCopy {
    /// The access that follows the copy, or precedes it if `after` is set.
    pub(crate) number: usize,
    pub(crate) after: bool,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) step: u32,
    pub(crate) due: u32,
}

/// The path of an item: a pool for each of its points.
pub(crate) struct ResidencyPath<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) item: usize,
    pub(crate) path: &'a [u8],
}

impl Instance {
    /// The path of an item, given the paths of all items.
    #[inline]
    pub(crate) fn path_in<'a>(&'a self, paths: &'a [u8], item: usize) -> ResidencyPath<'a> {
        ResidencyPath { instance: self, item, path: &paths[self.points_of(item)] }
    }
}

impl ResidencyPath<'_> {
    /// The pool in which the item is resident from run to run, if any.
    pub(crate) fn resident_pool(&self) -> Option<usize> {
        let pool = self.path[0];
        (self.instance.items[self.item].resident_pools >> pool & 1 == 1).then_some(pool.into())
    }

    /// Calls `visit` for each residency interval on chip, in time order for each pool.
    pub(crate) fn intervals(&self, mut visit: impl FnMut(ResidencyInterval)) {
        self.intervals_with_points(|interval, _| visit(interval));
    }

    /// Calls `visit` for each residency interval on chip with the points that it covers.
    pub(crate) fn intervals_with_points(&self, mut visit: impl FnMut(ResidencyInterval, Range<usize>)) {
        let (instance, store) = (self.instance, self.instance.store());
        if let Some(pool) = self.resident_pool() {
            return visit(ResidencyInterval { pool, from: 0, end: instance.steps }, 0..self.path.len());
        }
        let data = &instance.items[self.item];
        // The open interval: pool, first step and first point.
        let mut open = (self.path[0] as usize, 0, 0);
        for (number, access) in instance.accesses[data.accesses()].iter().enumerate() {
            let step = access.step;
            let (via, after) = (self.path[2 * number + 1] as usize, self.path[2 * number + 2] as usize);
            // At the step of an access in another pool, the item still occupies the pool that it leaves: a
            // copy reads from there.
            if via != open.0 {
                if open.0 != store {
                    let interval = ResidencyInterval { pool: open.0, from: open.1, end: step + 1 };
                    visit(interval, open.2..2 * number + 1);
                }
                // Without live bytes there is no copy, and the pool is occupied from the access on only.
                let arrives = access.before > 0;
                let from = if arrives { instance.arrival(self.item, number) } else { step };
                open = (via, from, 2 * number + 1);
            }
            // An item that moves after the access occupies both pools at the step of the access.
            if after != via {
                if via != store {
                    visit(
                        ResidencyInterval { pool: via, from: open.1, end: step + 1 },
                        open.2..2 * number + 2,
                    );
                }
                open = (after, step, 2 * number + 2);
            }
        }
        if open.0 != store {
            visit(
                ResidencyInterval { pool: open.0, from: open.1, end: instance.steps },
                open.2..self.path.len(),
            );
        }
    }

    /// The steps at which the item needs its offset in the backing store, if it lies there at any point.
    /// The offset is kept from the first such step to the last, since later copies to the store need the
    /// clean bytes to be there.
    pub(crate) fn store_interval(&self) -> Option<ResidencyInterval> {
        let (instance, store) = (self.instance, self.instance.store());
        if self.resident_pool().is_some() {
            return None;
        }
        let data = &instance.items[self.item];
        let mut range: Option<(u32, u32)> = None;
        let mut touch = |from: u32, end: u32| {
            let covered = range.unwrap_or((from, end));
            range = Some((covered.0.min(from), covered.1.max(end)));
        };
        for (number, access) in instance.accesses[data.accesses()].iter().enumerate() {
            let in_store = |point: usize| self.path[point] as usize == store;
            let (before, via, after) =
                (in_store(2 * number), in_store(2 * number + 1), in_store(2 * number + 2));
            if before && access.before > 0 {
                touch(if number == 0 { 0 } else { access.step }, access.step + 1);
            }
            // The store must hold the bytes at every access that reads them there, and after every copy to
            // it.
            let last = number + 1 == data.accesses().len();
            // The last live bytes stay to the end of the run, for the caller or the next run.
            if via || (after && access.after > 0) {
                let kept = last && after && access.after > 0;
                touch(access.step, if kept { instance.steps } else { access.step + 1 });
            }
        }
        range.map(|(from, end)| ResidencyInterval { pool: store, from, end })
    }

    /// Calls `visit` for each copy in time order. A copy to the backing store takes place only if the item
    /// is dirty: clean bytes are still there.
    pub(crate) fn copies(&self, mut visit: impl FnMut(PathCopy)) {
        let (instance, store) = (self.instance, self.instance.store());
        if self.resident_pool().is_some() {
            return;
        }
        let data = &instance.items[self.item];
        let mut dirty = data.dirty;
        for (number, access) in instance.accesses[data.accesses()].iter().enumerate() {
            let pool_at = |point: usize| self.path[point] as usize;
            let (before, via, after) =
                (pool_at(2 * number), pool_at(2 * number + 1), pool_at(2 * number + 2));
            if via != before && access.before > 0 {
                let step = instance.arrival(self.item, number);
                visit(PathCopy { number, after: false, from: before, to: via, step, due: access.step });
            }
            // Bytes that come from the backing store are clean until an access writes them on chip.
            dirty = via != store && ((dirty && before != store) || access.write > 0);
            if after != via && access.after > 0 && (after != store || dirty) {
                let due = access.step + 1;
                visit(PathCopy { number, after: true, from: via, to: after, step: due, due });
            }
            dirty &= after != store;
        }
    }

    /// Bytes of a copy.
    pub(crate) fn bytes(&self, copied: &PathCopy) -> u64 {
        let access = &self.instance.accesses[self.instance.items[self.item].accesses()][copied.number];
        if copied.after { access.after } else { access.before }
    }

    /// Cost of the accesses in place and of the copies.
    pub(crate) fn cost(&self) -> u64 {
        let instance = self.instance;
        let mut cost = 0;
        for (number, access) in instance.accesses[instance.items[self.item].accesses()].iter().enumerate() {
            let spec = &instance.pools[self.path[2 * number + 1] as usize];
            cost += access.read * spec.read + access.write * spec.write;
        }
        self.copies(|copied| {
            let each = instance.pools[copied.from].from + instance.pools[copied.to].to;
            cost += self.bytes(&copied) * each;
        });
        cost
    }
}
