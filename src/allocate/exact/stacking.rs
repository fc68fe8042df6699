//! The vertical order of the items, from which offsets follow.

use std::ops::Range;

use super::heights::divisor;
use super::instance::ExactInstance;
use crate::support::sorting::{Keyed, sort_by_keys, sort_keyed};

/// No item: the neighbour below the lowest item of a section and above its highest.
const NONE: u32 = u32::MAX;

/// Limit of all numbers in units, so that sums of two fit `i32`.
const LARGEST: u128 = 1 << 29;

/// A total order of the items from the bottom up, with the offsets that follow from it.
///
/// Of two conflicting items, the later one lies above the earlier one. So each item has a
/// *lowest* offset, on top of the items before it, and a *highest* offset, such that the items
/// after it still end within the capacity. Its *excess* is the lowest minus the highest offset,
/// if positive. If no item has an excess, the lowest offsets are a packing.
///
/// This is the disjunctive graph of job-shop scheduling (Roy & Sussmann, 1964): items are
/// jobs, sections are machines, lowest and highest offsets are heads and tails.
///
/// A move takes an item out of the order and inserts it elsewhere. Changes propagate along
/// neighbours in the sections; most items have two or three neighbours below.
#[derive(Clone, Debug)]
pub(super) struct Stacking {
    /// Bytes per unit; divides all sizes, alignments and fixed offsets.
    unit: u64,
    items: Vec<StackedItem>,
    /// Items from the bottom up.
    order: Vec<u32>,
    /// Neighbour of each item below and above it in each of its sections, in the layout of
    /// [`ExactInstance::sections`].
    below: Vec<u32>,
    above: Vec<u32>,
    /// The same without `NONE` and consecutive repetitions, at the start of each row.
    lower: Vec<u32>,
    upper: Vec<u32>,
    /// Lowest item of each section.
    bottoms: Vec<u32>,
    /// Sum of the excesses of all items.
    excess: i64,
    /// One bit per position in the order: whether the item must be recomputed.
    touched: Vec<u64>,
    /// State before an item was taken out.
    record: MoveRecord,
    /// Of the item that is out: its conflicts from the bottom up, and its excess in each slot
    /// (below each of them, and above all).
    conflicting: Vec<u32>,
    excesses: Vec<i32>,
    /// For each section: the entry of the item being inserted, plus one; 0 if its neighbours
    /// are known.
    unlinked: Vec<u32>,
    keyed: Vec<Keyed>,
}

#[derive(Clone, Copy, Debug, Default)]
struct StackedItem {
    /// End of the item at its lowest offset.
    top: i32,
    highest: i32,
    size: i32,
    /// Position in the order.
    position: u32,
    /// Start of the item's row in the neighbour arrays.
    start: u32,
    lowers: u32,
    uppers: u32,
    alignment: i32,
    /// Smallest and largest offset allowed by a fixed offset and the capacity.
    min_offset: i32,
    max_offset: i32,
}

impl StackedItem {
    fn lowest(&self) -> i32 {
        self.top - self.size
    }

    /// Lowest minus highest offset, if positive.
    fn excess(&self) -> i64 {
        i64::from((self.lowest() - self.highest).max(0))
    }

    fn aligned(&self, offset: i32) -> i32 {
        (offset.max(self.min_offset) + self.alignment - 1) & -self.alignment
    }

    fn aligned_down(&self, offset: i32) -> i32 {
        offset.min(self.max_offset) & -self.alignment
    }
}

#[derive(Clone, Debug, Default)]
struct MoveRecord {
    excess: i64,
    position: u32,
    /// Changed items with their previous tops.
    tops: Vec<(u32, i32)>,
    /// Changed items with their previous highest offsets.
    highest: Vec<(u32, i32)>,
    /// Slot of the item in `conflicting`.
    slot: usize,
}

impl Stacking {
    /// The order of the given offsets; `None` if some number exceeds `LARGEST`.
    pub(super) fn new(instance: &ExactInstance, offsets: &[u64], capacity: u64) -> Option<Self> {
        // Units make the numbers small enough for `i32`. The sum of all sizes and alignments bounds
        // every top, since an item lies on a chain of items.
        let unit = divisor(instance);
        let rooms = instance.sizes.iter().zip(&instance.alignments);
        let sum: u128 = rooms.map(|(&size, &alignment)| u128::from(size) + u128::from(alignment)).sum();
        let fixed = instance.fixed.iter().filter(|&&offset| offset < u64::MAX).max();
        let largest = sum + u128::from(capacity) + u128::from(fixed.copied().unwrap_or(0));
        if largest / u128::from(unit) > LARGEST {
            return None;
        }
        let entries = instance.sections.len();
        let mut stacking = Self {
            unit,
            items: (0..instance.item_count()).map(|item| node(instance, unit, item)).collect(),
            order: (0..instance.item_count()).collect(),
            below: vec![NONE; entries],
            above: vec![NONE; entries],
            lower: vec![NONE; entries],
            upper: vec![NONE; entries],
            bottoms: vec![NONE; instance.section_count() as usize],
            excess: 0,
            touched: vec![0; offsets.len().div_ceil(64)],
            record: MoveRecord::default(),
            conflicting: Vec::new(),
            excesses: Vec::new(),
            unlinked: vec![0; instance.section_count() as usize],
            keyed: Vec::new(),
        };
        stacking.restart(instance, offsets, capacity);
        Some(stacking)
    }

    /// Restarts from the order of other offsets, with another capacity.
    pub(super) fn restart(&mut self, instance: &ExactInstance, offsets: &[u64], capacity: u64) {
        // The order is by offset, so each item lies above those that it lies above in the given
        // packing. Two passes compute all offsets: lowest ones from the bottom up, highest ones from
        // the top down.
        for (item, node) in (0..).zip(&mut self.items) {
            let max_offset = instance.last_offset(item, capacity).unwrap_or(0);
            node.max_offset = (max_offset.min(instance.fixed[item as usize]) / self.unit) as i32;
        }
        sort_by_keys(&mut self.order, |&item| [offsets[item as usize], 0]);
        self.renumber(0, self.order.len());
        self.link_all(instance);
        for position in 0..self.order.len() {
            let item = self.order[position];
            self.items[item as usize].top = self.lowest_of(item) + self.items[item as usize].size;
        }
        for position in (0..self.order.len()).rev() {
            let item = self.order[position];
            self.items[item as usize].highest = self.highest_of(item);
        }
        self.excess = self.items.iter().map(StackedItem::excess).sum();
    }

    pub(super) fn item_count(&self) -> usize {
        self.items.len()
    }

    /// Bytes per unit.
    pub(super) fn unit(&self) -> u64 {
        self.unit
    }

    /// Returns whether the lowest offsets are a packing within the capacity.
    pub(super) fn is_solved(&self) -> bool {
        self.excess == 0
    }

    pub(super) fn has_excess(&self, item: u32) -> bool {
        self.items[item as usize].excess() > 0
    }

    /// Sum of the excesses of all items, in units.
    pub(super) fn excess(&self) -> i64 {
        self.excess
    }

    /// Height of the lowest offsets in bytes, with rounded sizes.
    pub(super) fn height(&self) -> u64 {
        self.bytes(self.items.iter().map(|node| node.top).max().unwrap_or(0))
    }

    /// Lowest offset of each item in bytes.
    pub(super) fn offsets(&self) -> Vec<u64> {
        self.items.iter().map(|node| self.bytes(node.lowest())).collect()
    }

    /// Converts units to bytes. Offsets are never negative.
    #[expect(clippy::cast_sign_loss)]
    fn bytes(&self, units: i32) -> u64 {
        units as u64 * self.unit
    }

    /// Changes the order without changing the neighbours: sorts by lowest offset, by highest
    /// offset, or by a weighted mean, in sixteenths. Sizes are positive, so both keys ascend
    /// from neighbour to neighbour and the order stays consistent.
    pub(super) fn reorder(&mut self, sixteenths: u32) {
        let (low, high) = (i64::from(16 - sixteenths), i64::from(sixteenths));
        self.keyed.clear();
        self.keyed.extend((0..).zip(&self.items).map(|(item, node)| {
            let key = low * i64::from(node.lowest()) + high * i64::from(node.highest);
            // Flips the sign bit, so that negative keys come first as unsigned numbers.
            ([key.wrapping_sub(i64::MIN).cast_unsigned(), item], item)
        }));
        sort_keyed(&mut self.keyed);
        for (position, &(_, item)) in self.order.iter_mut().zip(&self.keyed) {
            *position = item as u32;
        }
        self.renumber(0, self.order.len());
    }

    /// Takes an item out and computes its excess in every slot.
    pub(super) fn remove_item(&mut self, instance: &ExactInstance, item: u32) {
        let node = &self.items[item as usize];
        (self.record.excess, self.record.position) = (self.excess, node.position);
        self.record.tops.clear();
        self.record.highest.clear();
        self.record.tops.push((item, node.top));
        self.record.highest.push((item, node.highest));
        // The neighbours of the item become neighbours of each other. Their offsets can only improve,
        // so the propagation has no limit. Then each slot is evaluated: the excess of the item there is
        // exact, the changes that it causes elsewhere are not included.
        self.excess -= node.excess();
        self.unlink(instance, item);
        self.propagate(item, i64::MAX);
        self.collect_conflicting(instance, item);
        self.compute_excesses(item);
    }

    /// Excess of the item that is out in each slot: below its first conflict, below the second,
    /// and so on, and above all.
    pub(super) fn excesses(&self) -> &[i32] {
        &self.excesses
    }

    /// Slot that the item was taken out of.
    pub(super) fn slot(&self) -> usize {
        self.record.slot
    }

    /// Inserts the item in another slot. Returns whether the total excess is at most `limit`; if
    /// not, the caller must call `restore_item`.
    pub(super) fn insert_item(
        &mut self,
        instance: &ExactInstance,
        item: u32,
        slot: usize,
        limit: i64,
    ) -> bool {
        // A slot is a position among the conflicts of the item. In the order, the item goes right below
        // the conflict at that slot; its position relative to other items is irrelevant.
        let position = |&above: &u32| self.items[above as usize].position;
        let end = self.conflicting.get(slot).map_or(self.order.len() as u32, position);
        // When the item moves up, the items that it passes move down by one position.
        let here = self.items[item as usize].position;
        self.move_to(item, if end > here { end - 1 } else { end });
        self.link(instance, item, slot);
        let (lowest, highest) = (self.lowest_of(item), self.highest_of(item));
        let node = &mut self.items[item as usize];
        (node.top, node.highest) = (lowest + node.size, highest);
        self.excess += node.excess();
        self.propagate(item, limit)
    }

    /// Restores the state before the item was taken out. `is_in` says whether it was inserted
    /// elsewhere.
    pub(super) fn restore_item(&mut self, instance: &ExactInstance, item: u32, is_in: bool) {
        // Links are restored from the slot; tops and highest offsets from the record of changes, which
        // is shorter than a new propagation.
        if is_in {
            self.unlink(instance, item);
            self.move_to(item, self.record.position);
        }
        self.link(instance, item, self.record.slot);
        // Undone in reverse, so that an item changed twice gets its first value.
        for &(item, top) in self.record.tops.iter().rev() {
            self.items[item as usize].top = top;
        }
        for &(item, highest) in self.record.highest.iter().rev() {
            self.items[item as usize].highest = highest;
        }
        self.excess = self.record.excess;
    }

    fn renumber(&mut self, from: usize, end: usize) {
        for position in from..end {
            self.items[self.order[position] as usize].position = position as u32;
        }
    }

    fn move_to(&mut self, item: u32, to: u32) {
        let (from, to) = (self.items[item as usize].position as usize, to as usize);
        if to > from {
            self.order[from..=to].rotate_left(1);
        } else {
            self.order[to..=from].rotate_right(1);
        }
        self.renumber(from.min(to), from.max(to) + 1);
    }

    fn row(&self, item: u32) -> Range<usize> {
        let start = self.items[item as usize].start as usize;
        let end = self.items.get(item as usize + 1).map_or(self.below.len(), |node| node.start as usize);
        start..end
    }

    fn link_all(&mut self, instance: &ExactInstance) {
        self.bottoms.fill(NONE);
        let mut tops = vec![NONE; self.bottoms.len()];
        for position in 0..self.order.len() {
            let item = self.order[position];
            for (entry, &section) in self.row(item).zip(instance.sections.row(item)) {
                let below = std::mem::replace(&mut tops[section as usize], item);
                self.connect(instance, section, below, item);
                self.above[entry] = NONE;
            }
        }
        for item in 0..self.order.len() as u32 {
            self.list_lower(item);
            self.list_upper(item);
        }
    }

    /// Makes two items neighbours in a section; either may be `NONE`.
    #[inline]
    fn connect(&mut self, instance: &ExactInstance, section: u32, below: u32, above: u32) {
        if below == NONE {
            self.bottoms[section as usize] = above;
        } else {
            self.above[instance.entry(below, section)] = above;
        }
        if above != NONE {
            self.below[instance.entry(above, section)] = below;
        }
    }

    fn unlink(&mut self, instance: &ExactInstance, item: u32) {
        for (entry, &section) in self.row(item).zip(instance.sections.row(item)) {
            self.connect(instance, section, self.below[entry], self.above[entry]);
        }
        self.list_around(item);
    }

    /// Links the item to its neighbours in each section.
    fn link(&mut self, instance: &ExactInstance, item: u32, slot: usize) {
        self.find_neighbours(instance, item, slot);
        self.list_lower(item);
        self.list_upper(item);
        self.list_around(item);
    }

    fn find_neighbours(&mut self, instance: &ExactInstance, item: u32, slot: usize) {
        // Sections of the item look for their neighbour below: conflicts are visited from the slot
        // downwards, and the first that shares a section is the neighbour there. Sections without any
        // are left to the bottom.
        let row = self.row(item);
        let mut left = row.len();
        for (entry, &section) in row.zip(instance.sections.row(item)) {
            self.unlinked[section as usize] = entry as u32 + 1;
        }
        for position in (0..slot).rev() {
            let below = self.conflicting[position];
            for section in instance.shared_sections(item, below) {
                left -= usize::from(self.link_above(instance, section, below, item));
            }
            if left == 0 {
                return;
            }
        }
        for &section in instance.sections.row(item) {
            self.link_above(instance, section, NONE, item);
        }
    }

    /// Inserts the item right above `below` in a section if it is not linked there yet. Returns
    /// whether it was inserted.
    #[inline]
    fn link_above(&mut self, instance: &ExactInstance, section: u32, below: u32, item: u32) -> bool {
        if std::mem::take(&mut self.unlinked[section as usize]) == 0 {
            return false;
        }
        let above = match below {
            NONE => self.bottoms[section as usize],
            _ => self.above[instance.entry(below, section)],
        };
        self.connect(instance, section, below, item);
        self.connect(instance, section, item, above);
        true
    }

    fn list_lower(&mut self, item: u32) {
        let row = self.row(item);
        let count = list(&self.below[row.clone()], &mut self.lower[row]);
        self.items[item as usize].lowers = count;
    }

    fn list_upper(&mut self, item: u32) {
        let row = self.row(item);
        let count = list(&self.above[row.clone()], &mut self.upper[row]);
        self.items[item as usize].uppers = count;
    }

    /// Updates the lists of the neighbours of an item that was inserted or removed.
    fn list_around(&mut self, item: u32) {
        for entry in self.upper_row(item) {
            self.list_lower(self.upper[entry]);
        }
        for entry in self.lower_row(item) {
            self.list_upper(self.lower[entry]);
        }
    }

    #[inline]
    fn lower_row(&self, item: u32) -> Range<usize> {
        let StackedItem { start, lowers, .. } = self.items[item as usize];
        start as usize..(start + lowers) as usize
    }

    #[inline]
    fn upper_row(&self, item: u32) -> Range<usize> {
        let StackedItem { start, uppers, .. } = self.items[item as usize];
        start as usize..(start + uppers) as usize
    }

    #[inline]
    fn lowest_of(&self, item: u32) -> i32 {
        let below = &self.lower[self.lower_row(item)];
        let floor = below.iter().fold(0, |floor, &below| floor.max(self.items[below as usize].top));
        self.items[item as usize].aligned(floor)
    }

    #[inline]
    fn highest_of(&self, item: u32) -> i32 {
        let above = &self.upper[self.upper_row(item)];
        let roof = above.iter().fold(i32::MAX, |roof, &above| roof.min(self.items[above as usize].highest));
        let node = &self.items[item as usize];
        node.aligned_down(roof - node.size)
    }

    /// Propagates the effects of an item that was inserted or removed. Stops early and returns
    /// false if the total excess exceeds `limit`.
    fn propagate(&mut self, item: u32, limit: i64) -> bool {
        // Positions are processed in order, each at most once per direction: changes of lowest offsets
        // travel upwards only, changes of highest offsets downwards only. Inserting an item never
        // reduces the excess of others, so stopping above the limit is final.
        let position = self.items[item as usize].position;
        self.touch_upper(item);
        self.propagate_up(position, limit);
        self.touch_lower(item);
        self.propagate_down(position, limit);
        if self.excess > limit {
            self.touched.fill(0);
        }
        self.excess <= limit
    }

    #[inline]
    fn touch(&mut self, item: u32) {
        let position = self.items[item as usize].position;
        self.touched[position as usize / 64] |= 1 << (position % 64);
    }

    #[inline]
    fn touch_upper(&mut self, item: u32) {
        for entry in self.upper_row(item) {
            self.touch(self.upper[entry]);
        }
    }

    #[inline]
    fn touch_lower(&mut self, item: u32) {
        for entry in self.lower_row(item) {
            self.touch(self.lower[entry]);
        }
    }

    /// Recomputes the tops of touched items above a position, from the bottom up.
    fn propagate_up(&mut self, position: u32, limit: i64) {
        let mut word = position as usize / 64;
        while let Some(&bits) = self.touched.get(word)
            && self.excess <= limit
        {
            if bits == 0 {
                word += 1;
                continue;
            }
            self.touched[word] = bits & (bits - 1);
            let item = self.order[word * 64 + bits.trailing_zeros() as usize];
            let lowest = self.lowest_of(item);
            let node = &mut self.items[item as usize];
            if lowest != node.lowest() {
                let before = node.excess();
                self.record.tops.push((item, node.top));
                node.top = lowest + node.size;
                self.excess += node.excess() - before;
                self.touch_upper(item);
            }
        }
    }

    /// Recomputes the highest offsets of touched items below a position, from the top down.
    fn propagate_down(&mut self, position: u32, limit: i64) {
        let mut words = position as usize / 64 + 1;
        while words > 0 && self.excess <= limit {
            let bits = self.touched[words - 1];
            if bits == 0 {
                words -= 1;
                continue;
            }
            let bit = bits.ilog2();
            self.touched[words - 1] = bits & !(1 << bit);
            let item = self.order[(words - 1) * 64 + bit as usize];
            let highest = self.highest_of(item);
            let node = &mut self.items[item as usize];
            if highest != node.highest {
                let before = node.excess();
                self.record.highest.push((item, node.highest));
                node.highest = highest;
                self.excess += node.excess() - before;
                self.touch_lower(item);
            }
        }
    }

    /// Collects the conflicts of the item that is out, from the bottom up.
    fn collect_conflicting(&mut self, instance: &ExactInstance, item: u32) {
        // Marking the positions and scanning the bits sorts the conflicts by position, in O(d + n /
        // 64).
        for conflict in instance.conflicts.row(item) {
            self.touch(conflict.item);
        }
        let here = self.items[item as usize].position;
        self.conflicting.clear();
        for (word, touched) in self.touched.iter_mut().enumerate() {
            let mut bits = std::mem::take(touched);
            while bits != 0 {
                let position = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.conflicting.push(self.order[position]);
            }
        }
        self.record.slot =
            self.conflicting.partition_point(|&conflicting| self.items[conflicting as usize].position < here);
    }

    fn compute_excesses(&mut self, item: u32) {
        let node = self.items[item as usize];
        // A pass from the bottom computes the lowest offset in each slot, a pass from the top the
        // highest one. O(d) for d conflicts.
        let (mut floor, mut roof) = (0, i32::MAX);
        self.excesses.clear();
        for &conflicting in &self.conflicting {
            self.excesses.push(node.aligned(floor));
            floor = floor.max(self.items[conflicting as usize].top);
        }
        self.excesses.push(node.aligned(floor));
        let above =
            self.conflicting.iter().rev().map(|&conflicting| self.items[conflicting as usize].highest);
        for (excess, highest) in self.excesses.iter_mut().rev().zip(std::iter::once(i32::MAX).chain(above)) {
            roof = roof.min(highest);
            *excess = (*excess - node.aligned_down(roof - node.size)).max(0);
        }
    }
}

fn node(instance: &ExactInstance, unit: u64, item: u32) -> StackedItem {
    let at = item as usize;
    let units = |bytes: u64| (bytes / unit) as i32;
    let fixed = instance.fixed[at];
    StackedItem {
        size: units(instance.sizes[at]),
        start: instance.sections.start(item),
        // An alignment below one unit needs no rounding.
        alignment: units(instance.alignments[at]).max(1),
        min_offset: if fixed < u64::MAX { units(fixed) } else { 0 },
        ..StackedItem::default()
    }
}

/// Copies neighbours without `NONE` and consecutive repetitions. Returns their number.
fn list(neighbours: &[u32], target: &mut [u32]) -> u32 {
    let (mut last, mut count) = (NONE, 0);
    for &neighbour in neighbours {
        if neighbour != last && neighbour != NONE {
            target[count] = neighbour;
            count += 1;
        }
        last = neighbour;
    }
    count as u32
}

#[cfg(test)]
mod tests;
