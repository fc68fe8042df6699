//! Greedy heuristics: intervals are kept one after the other while there is room.

use std::collections::BTreeSet;

use crate::allocate::greedy_objects::idle;
use crate::allocate::object_intervals::{OUTSIDE, ObjectInterval, ObjectSharing};
use crate::support::limits::{Meter, Stop};
use crate::support::sorting::sort_by_keys;

/// A partial choice: objects with the times at which they are busy.
#[derive(Clone)]
pub(super) struct Filling<'a> {
    intervals: &'a [ObjectInterval],
    pub(super) sharing: ObjectSharing,
    busy: Vec<BTreeSet<(u32, u32)>>,
    /// Bytes by which objects may grow or new ones may be opened.
    room: u64,
}

impl<'a> Filling<'a> {
    pub(super) fn empty(intervals: &'a [ObjectInterval], capacity: u64) -> Self {
        let sharing = ObjectSharing { object: vec![OUTSIDE; intervals.len()], sizes: Vec::new() };
        Self { intervals, sharing, busy: Vec::new(), room: capacity }
    }

    /// Starts from a sharing that may exceed the capacity, and shrinks objects until it fits:
    /// each step leaves the largest tensors of an object outside, where the value lost per byte
    /// saved is lowest.
    pub(super) fn shrunk(
        intervals: &'a [ObjectInterval],
        sharing: ObjectSharing,
        values: &[u64],
        capacity: u64,
    ) -> Self {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); sharing.sizes.len()];
        for (i, &object) in sharing.object.iter().enumerate() {
            if object != OUTSIDE {
                members[object as usize].push(i);
            }
        }
        for members in &mut members {
            sort_by_keys(members, |&i| [intervals[i].size, i as u64]);
        }
        let mut filling = Self { intervals, sharing, busy: Vec::new(), room: 0 };
        let mut total: u64 = filling.sharing.sizes.iter().sum();
        while total > capacity {
            let steps = (0..members.len()).filter_map(|k| filling.best_step(&members[k], values, k));
            let Some(step) = steps.min_by(ShrinkStep::compare_loss_per_byte) else { break };
            for i in members[step.object].drain(step.keep..) {
                filling.sharing.object[i] = OUTSIDE;
            }
            filling.sharing.sizes[step.object] -= step.saved;
            total -= step.saved;
        }
        filling.room = capacity.saturating_sub(total);
        let busy = members.iter().map(|members| members.iter().map(|&i| filling.span(i)).collect());
        filling.busy = busy.collect();
        filling
    }

    fn span(&self, i: usize) -> (u32, u32) {
        (self.intervals[i].first, self.intervals[i].end)
    }

    /// The step for one object with the lowest value lost per byte saved.
    fn best_step(&self, members: &[usize], values: &[u64], object: usize) -> Option<ShrinkStep> {
        let mut lost = 0;
        let mut best: Option<ShrinkStep> = None;
        for keep in (0..members.len()).rev() {
            lost += u128::from(values[members[keep]]);
            let size = keep.checked_sub(1).map_or(0, |last| self.intervals[members[last]].size);
            let saved = self.sharing.sizes[object] - size;
            let step = ShrinkStep { object, keep, saved, lost };
            if saved > 0 && best.as_ref().is_none_or(|best| step.compare_loss_per_byte(best).is_lt()) {
                best = Some(step);
            }
        }
        best
    }

    /// Adds the intervals that are outside, in the given order. Each takes the free object that
    /// has to grow least, of these the smallest, or else a new one, as far as there is room.
    ///
    /// # Errors
    /// The reason to stop, if a limit was reached; the remaining intervals stay outside.
    pub(super) fn fill(
        &mut self,
        order: impl Iterator<Item = usize>,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        for i in order {
            if self.sharing.object[i] != OUTSIDE {
                continue;
            }
            meter.spend(1 + self.busy.len() as u64 / 8)?;
            let interval = self.intervals[i];
            let sizes = &self.sharing.sizes;
            let growth = |k: usize| interval.size.saturating_sub(sizes[k]);
            let takes = |&k: &usize| growth(k) <= self.room && idle(&self.busy[k], &interval).is_some();
            let best = (0..sizes.len()).filter(takes).min_by_key(|&k| (growth(k), sizes[k], k));
            match best {
                Some(k) => self.put(i, k),
                None if interval.size <= self.room => {
                    self.busy.push(BTreeSet::new());
                    self.sharing.sizes.push(0);
                    self.put(i, self.busy.len() - 1);
                }
                None => {}
            }
        }
        Ok(())
    }

    fn put(&mut self, i: usize, object: usize) {
        let size = &mut self.sharing.sizes[object];
        let growth = self.intervals[i].size.saturating_sub(*size);
        *size += growth;
        self.room -= growth;
        let span = self.span(i);
        self.busy[object].insert(span);
        self.sharing.object[i] = object as u32;
    }

    /// Moves the intervals of an object that are larger than `size` outside, and removes the
    /// object if it is empty then.
    pub(super) fn shrink(&mut self, object: usize, size: u64) {
        for i in 0..self.intervals.len() {
            if self.sharing.object[i] as usize == object && self.intervals[i].size > size {
                self.sharing.object[i] = OUTSIDE;
                let span = self.span(i);
                self.busy[object].remove(&span);
            }
        }
        let largest = (0..self.intervals.len()).filter(|&i| self.sharing.object[i] as usize == object);
        let size = largest.map(|i| self.intervals[i].size).max().unwrap_or(0);
        self.room += self.sharing.sizes[object] - size;
        self.sharing.sizes[object] = size;
        if size == 0 {
            self.remove(object);
        }
    }

    fn remove(&mut self, object: usize) {
        let last = self.sharing.sizes.len() - 1;
        self.sharing.sizes.swap_remove(object);
        self.busy.swap_remove(object);
        for index in &mut self.sharing.object {
            if *index as usize == last {
                *index = object as u32;
            }
        }
    }
}

struct ShrinkStep {
    object: usize,
    /// Number of members that remain, the smallest ones.
    keep: usize,
    saved: u64,
    lost: u128,
}

impl ShrinkStep {
    fn compare_loss_per_byte(&self, other: &ShrinkStep) -> std::cmp::Ordering {
        // Values and sizes fit 64 bits, so the products fit 128.
        (self.lost * u128::from(other.saved)).cmp(&(other.lost * u128::from(self.saved)))
    }
}
