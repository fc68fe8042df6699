//! What lies on what: one vertical order for all sections.

use std::ops::Range;

use super::heights::divisor;
use super::instance::Instance;
use crate::sorting::{Keyed, sort_by_keys, sort_keyed};

/// No item: what is below the lowest of a section, and above its highest.
const NONE: u32 = u32::MAX;

/// No number in units is larger than this, so that sums of two are none too large.
const LARGEST: u128 = 1 << 29;

/// An order of the items from the bottom up. In each section, every item lies somewhere
/// above those that come before it. So it has a *lowest* offset, on top of them, and a
/// *highest*, from which those after it stay below the capacity. It is *over* by as much
/// as its lowest is above its highest; if none is over, the lowest offsets are a solution.
///
/// This is the disjunctive graph of job shops (Roy & Sussmann, 1964): items are jobs,
/// sections machines, lowest and highest come from heads and tails.
///
/// An item is taken out and put back elsewhere; what that changes is followed from item
/// to item next above, and next below. Most items lie on two or three.
#[derive(Clone, Debug)]
pub(super) struct Stacking {
    /// Bytes; divides all sizes, alignments and fixed offsets. All else is in units.
    unit: u64,
    nodes: Vec<Node>,
    /// Items from the bottom up.
    order: Vec<u32>,
    /// By item and section, as rows of [`Instance::sections`]: the next below and above.
    below: Vec<u32>,
    above: Vec<u32>,
    /// The same without `NONE` and repetitions, at the beginning of each row.
    lower: Vec<u32>,
    upper: Vec<u32>,
    /// By section.
    bottoms: Vec<u32>,
    /// By how much all items are over, together.
    excess: i64,
    /// A bit for each place of the order that is to be looked at.
    touched: Vec<u64>,
    /// What was before an item was taken out.
    before: Before,
    /// Of the item that is out: what conflicts with it, from the bottom up; and how much
    /// it would be over below each of them, and above all.
    near: Vec<u32>,
    excesses: Vec<i32>,
    /// By section: its entry in the row of the item that is put in, and one more; 0 if
    /// its neighbours are known.
    sought: Vec<u32>,
    keyed: Vec<Keyed>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// Where it ends at its lowest.
    top: i32,
    highest: i32,
    size: i32,
    /// In the order.
    place: u32,
    /// Of its row.
    start: u32,
    lowers: u32,
    uppers: u32,
    alignment: i32,
    /// No offset is lower, or higher.
    least: i32,
    last: i32,
}

impl Node {
    fn lowest(&self) -> i32 {
        self.top - self.size
    }

    /// How much it is over.
    fn excess(&self) -> i64 {
        i64::from((self.lowest() - self.highest).max(0))
    }

    fn aligned(&self, offset: i32) -> i32 {
        (offset.max(self.least) + self.alignment - 1) & -self.alignment
    }

    fn aligned_down(&self, offset: i32) -> i32 {
        offset.min(self.last) & -self.alignment
    }
}

#[derive(Clone, Debug, Default)]
struct Before {
    excess: i64,
    place: u32,
    /// Items that have changed, and their tops.
    tops: Vec<(u32, i32)>,
    /// Items that have changed, and their highest offsets.
    highest: Vec<(u32, i32)>,
    /// Where the item was in `near`.
    slot: usize,
}

impl Stacking {
    /// From these offsets on; none if numbers are too large.
    pub(super) fn new(instance: &Instance, offsets: &[u64], capacity: u64) -> Option<Self> {
        let unit = divisor(instance);
        let rooms = instance.sizes.iter().zip(&instance.alignments);
        let sum: u128 = rooms.map(|(&size, &alignment)| u128::from(size) + u128::from(alignment)).sum();
        let fixed = instance.fixed.iter().filter(|&&offset| offset < u64::MAX).max();
        let largest = sum + u128::from(capacity) + u128::from(fixed.copied().unwrap_or(0));
        if largest / u128::from(unit) > LARGEST {
            return None;
        }
        let entries = instance.sections.entry_count();
        let mut stacking = Self {
            unit,
            nodes: (0..instance.item_count()).map(|item| node(instance, unit, item)).collect(),
            order: (0..instance.item_count()).collect(),
            below: vec![NONE; entries],
            above: vec![NONE; entries],
            lower: vec![NONE; entries],
            upper: vec![NONE; entries],
            bottoms: vec![NONE; instance.section_count() as usize],
            excess: 0,
            touched: vec![0; offsets.len().div_ceil(64)],
            before: Before::default(),
            near: Vec::new(),
            excesses: Vec::new(),
            sought: vec![0; instance.section_count() as usize],
            keyed: Vec::new(),
        };
        stacking.restart(instance, offsets, capacity);
        Some(stacking)
    }

    /// From other offsets on, below another capacity.
    pub(super) fn restart(&mut self, instance: &Instance, offsets: &[u64], capacity: u64) {
        for (item, node) in (0..).zip(&mut self.nodes) {
            let last = instance.last_offset(item, capacity).unwrap_or(0);
            node.last = (last.min(instance.fixed[item as usize]) / self.unit) as i32;
        }
        sort_by_keys(&mut self.order, |&item| [offsets[item as usize], 0]);
        self.number_places(0, self.order.len());
        self.link_all(instance);
        for place in 0..self.order.len() {
            let item = self.order[place];
            self.nodes[item as usize].top = self.lowest_of(item) + self.nodes[item as usize].size;
        }
        for place in (0..self.order.len()).rev() {
            let item = self.order[place];
            self.nodes[item as usize].highest = self.highest_of(item);
        }
        self.excess = self.nodes.iter().map(Node::excess).sum();
    }

    pub(super) fn item_count(&self) -> usize {
        self.nodes.len()
    }

    /// In bytes.
    pub(super) fn unit(&self) -> u64 {
        self.unit
    }

    /// Whether the lowest offsets are a solution.
    pub(super) fn is_solved(&self) -> bool {
        self.excess == 0
    }

    pub(super) fn is_over(&self, item: u32) -> bool {
        self.nodes[item as usize].excess() > 0
    }

    /// By how much all items are over, together, in units.
    pub(super) fn excess(&self) -> i64 {
        self.excess
    }

    /// Where the lowest offsets reach to, in bytes: rounded sizes count.
    pub(super) fn height(&self) -> u64 {
        self.bytes(self.nodes.iter().map(|node| node.top).max().unwrap_or(0))
    }

    /// The lowest offset of each item, in bytes.
    pub(super) fn offsets(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| self.bytes(node.lowest())).collect()
    }

    /// None is negative.
    #[expect(clippy::cast_sign_loss)]
    fn bytes(&self, units: i32) -> u64 {
        units as u64 * self.unit
    }

    /// Another order with the same neighbours: by lowest offsets, by highest ones, or
    /// something between, so many sixteenths of the way. Sizes are positive, so both
    /// ascend from neighbour to neighbour.
    pub(super) fn reorder(&mut self, sixteenths: u32) {
        let (low, high) = (i64::from(16 - sixteenths), i64::from(sixteenths));
        self.keyed.clear();
        self.keyed.extend((0..).zip(&self.nodes).map(|(item, node)| {
            let key = low * i64::from(node.lowest()) + high * i64::from(node.highest);
            // Negative ones come first.
            ([key.wrapping_sub(i64::MIN).cast_unsigned(), item], item)
        }));
        sort_keyed(&mut self.keyed);
        for (place, &(_, item)) in self.order.iter_mut().zip(&self.keyed) {
            *place = item as u32;
        }
        self.number_places(0, self.order.len());
    }

    /// Takes an item out, so that `excesses` tells where it may go.
    pub(super) fn take_out(&mut self, instance: &Instance, item: u32) {
        let node = &self.nodes[item as usize];
        (self.before.excess, self.before.place) = (self.excess, node.place);
        self.before.tops.clear();
        self.before.highest.clear();
        self.before.tops.push((item, node.top));
        self.before.highest.push((item, node.highest));
        self.excess -= node.excess();
        self.unlink(instance, item);
        self.follow(item, i64::MAX);
        self.find_near(instance, item);
        self.find_excesses(item);
    }

    /// What the item that is out would be over in each slot: below the first that conflicts
    /// with it, below the second, and so on, and above all.
    pub(super) fn excesses(&self) -> &[i32] {
        &self.excesses
    }

    /// The slot that it was taken out of.
    pub(super) fn slot(&self) -> usize {
        self.before.slot
    }

    /// Puts it in again, in a slot other than that. Returns whether all are over by at most
    /// so much then; if not, it must be put back.
    pub(super) fn put_in(&mut self, instance: &Instance, item: u32, slot: usize, most: i64) -> bool {
        let place = |&above: &u32| self.nodes[above as usize].place;
        let end = self.near.get(slot).map_or(self.order.len() as u32, place);
        // It is itself no longer below those that it moves up past.
        let here = self.nodes[item as usize].place;
        self.move_to(item, if end > here { end - 1 } else { end });
        self.link(instance, item, slot);
        let (lowest, highest) = (self.lowest_of(item), self.highest_of(item));
        let node = &mut self.nodes[item as usize];
        (node.top, node.highest) = (lowest + node.size, highest);
        self.excess += node.excess();
        self.follow(item, most)
    }

    /// Puts it back where it was before it was taken out, wherever it is now.
    pub(super) fn put_back(&mut self, instance: &Instance, item: u32, is_in: bool) {
        if is_in {
            self.unlink(instance, item);
            self.move_to(item, self.before.place);
        }
        self.link(instance, item, self.before.slot);
        // What changed twice was first what it was before.
        for &(item, top) in self.before.tops.iter().rev() {
            self.nodes[item as usize].top = top;
        }
        for &(item, highest) in self.before.highest.iter().rev() {
            self.nodes[item as usize].highest = highest;
        }
        self.excess = self.before.excess;
    }

    fn number_places(&mut self, from: usize, end: usize) {
        for place in from..end {
            self.nodes[self.order[place] as usize].place = place as u32;
        }
    }

    fn move_to(&mut self, item: u32, to: u32) {
        let (from, to) = (self.nodes[item as usize].place as usize, to as usize);
        if to > from {
            self.order[from..=to].rotate_left(1);
        } else {
            self.order[to..=from].rotate_right(1);
        }
        self.number_places(from.min(to), from.max(to) + 1);
    }

    fn row(&self, item: u32) -> Range<usize> {
        let start = self.nodes[item as usize].start as usize;
        let end = self.nodes.get(item as usize + 1).map_or(self.below.len(), |node| node.start as usize);
        start..end
    }

    fn link_all(&mut self, instance: &Instance) {
        self.bottoms.fill(NONE);
        let mut tops = vec![NONE; self.bottoms.len()];
        for place in 0..self.order.len() {
            let item = self.order[place];
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

    /// Next to each other in a section; either may be `NONE`.
    #[inline]
    fn connect(&mut self, instance: &Instance, section: u32, below: u32, above: u32) {
        if below == NONE {
            self.bottoms[section as usize] = above;
        } else {
            self.above[instance.entry(below, section)] = above;
        }
        if above != NONE {
            self.below[instance.entry(above, section)] = below;
        }
    }

    fn unlink(&mut self, instance: &Instance, item: u32) {
        for (entry, &section) in self.row(item).zip(instance.sections.row(item)) {
            self.connect(instance, section, self.below[entry], self.above[entry]);
        }
        self.list_around(item);
    }

    /// Between its neighbours in each section: looks down from the slot until it has met
    /// the next below in each.
    fn link(&mut self, instance: &Instance, item: u32, slot: usize) {
        self.find_neighbours(instance, item, slot);
        self.list_lower(item);
        self.list_upper(item);
        self.list_around(item);
    }

    fn find_neighbours(&mut self, instance: &Instance, item: u32, slot: usize) {
        let row = self.row(item);
        let mut left = row.len();
        for (entry, &section) in row.zip(instance.sections.row(item)) {
            self.sought[section as usize] = entry as u32 + 1;
        }
        for place in (0..slot).rev() {
            let below = self.near[place];
            for section in instance.shared_sections(item, below) {
                left -= usize::from(self.link_in(instance, section, below, item));
            }
            if left == 0 {
                return;
            }
        }
        for &section in instance.sections.row(item) {
            self.link_in(instance, section, NONE, item);
        }
    }

    /// Right above another, if that is sought. Returns whether it was.
    #[inline]
    fn link_in(&mut self, instance: &Instance, section: u32, below: u32, item: u32) -> bool {
        if std::mem::take(&mut self.sought[section as usize]) == 0 {
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
        self.nodes[item as usize].lowers = count;
    }

    fn list_upper(&mut self, item: u32) {
        let row = self.row(item);
        let count = list(&self.above[row.clone()], &mut self.upper[row]);
        self.nodes[item as usize].uppers = count;
    }

    /// Lists of the neighbours of an item, which has come or gone.
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
        let Node { start, lowers, .. } = self.nodes[item as usize];
        start as usize..(start + lowers) as usize
    }

    #[inline]
    fn upper_row(&self, item: u32) -> Range<usize> {
        let Node { start, uppers, .. } = self.nodes[item as usize];
        start as usize..(start + uppers) as usize
    }

    #[inline]
    fn lowest_of(&self, item: u32) -> i32 {
        let below = &self.lower[self.lower_row(item)];
        let floor = below.iter().fold(0, |floor, &below| floor.max(self.nodes[below as usize].top));
        self.nodes[item as usize].aligned(floor)
    }

    #[inline]
    fn highest_of(&self, item: u32) -> i32 {
        let above = &self.upper[self.upper_row(item)];
        let roof = above.iter().fold(i32::MAX, |roof, &above| roof.min(self.nodes[above as usize].highest));
        let node = &self.nodes[item as usize];
        node.aligned_down(roof - node.size)
    }

    /// Computes again what an item that has come or gone may have changed, unless that
    /// makes all be over by more than so much: what comes only adds to it.
    fn follow(&mut self, item: u32, most: i64) -> bool {
        let place = self.nodes[item as usize].place;
        self.touch_upper(item);
        self.follow_up(place, most);
        self.touch_lower(item);
        self.follow_down(place, most);
        if self.excess > most {
            self.touched.fill(0);
        }
        self.excess <= most
    }

    #[inline]
    fn touch(&mut self, item: u32) {
        let place = self.nodes[item as usize].place;
        self.touched[place as usize / 64] |= 1 << (place % 64);
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

    /// Tops of what is touched, all above this place, from the bottom up.
    fn follow_up(&mut self, place: u32, most: i64) {
        let mut word = place as usize / 64;
        while let Some(&bits) = self.touched.get(word)
            && self.excess <= most
        {
            if bits == 0 {
                word += 1;
                continue;
            }
            self.touched[word] = bits & (bits - 1);
            let item = self.order[word * 64 + bits.trailing_zeros() as usize];
            let lowest = self.lowest_of(item);
            let node = &mut self.nodes[item as usize];
            if lowest != node.lowest() {
                let before = node.excess();
                self.before.tops.push((item, node.top));
                node.top = lowest + node.size;
                self.excess += node.excess() - before;
                self.touch_upper(item);
            }
        }
    }

    /// The highest offsets of what is touched, all below this place, from the top down.
    fn follow_down(&mut self, place: u32, most: i64) {
        let mut words = place as usize / 64 + 1;
        while words > 0 && self.excess <= most {
            let bits = self.touched[words - 1];
            if bits == 0 {
                words -= 1;
                continue;
            }
            let bit = bits.ilog2();
            self.touched[words - 1] = bits & !(1 << bit);
            let item = self.order[(words - 1) * 64 + bit as usize];
            let highest = self.highest_of(item);
            let node = &mut self.nodes[item as usize];
            if highest != node.highest {
                let before = node.excess();
                self.before.highest.push((item, node.highest));
                node.highest = highest;
                self.excess += node.excess() - before;
                self.touch_lower(item);
            }
        }
    }

    /// What conflicts with an item that is out, from the bottom up.
    fn find_near(&mut self, instance: &Instance, item: u32) {
        for conflict in instance.conflicts.row(item) {
            self.touch(conflict.item);
        }
        let here = self.nodes[item as usize].place;
        self.near.clear();
        for (word, touched) in self.touched.iter_mut().enumerate() {
            let mut bits = std::mem::take(touched);
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.near.push(self.order[place]);
            }
        }
        self.before.slot = self.near.partition_point(|&near| self.nodes[near as usize].place < here);
    }

    fn find_excesses(&mut self, item: u32) {
        let node = self.nodes[item as usize];
        let (mut floor, mut roof) = (0, i32::MAX);
        self.excesses.clear();
        for &near in &self.near {
            self.excesses.push(node.aligned(floor));
            floor = floor.max(self.nodes[near as usize].top);
        }
        self.excesses.push(node.aligned(floor));
        let above = self.near.iter().rev().map(|&near| self.nodes[near as usize].highest);
        for (excess, highest) in self.excesses.iter_mut().rev().zip(std::iter::once(i32::MAX).chain(above)) {
            roof = roof.min(highest);
            *excess = (*excess - node.aligned_down(roof - node.size)).max(0);
        }
    }
}

fn node(instance: &Instance, unit: u64, item: u32) -> Node {
    let at = item as usize;
    let units = |bytes: u64| (bytes / unit) as i32;
    let fixed = instance.fixed[at];
    Node {
        size: units(instance.sizes[at]),
        start: instance.sections.start(item),
        // What is aligned to the unit is so without rounding.
        alignment: units(instance.alignments[at]).max(1),
        least: if fixed < u64::MAX { units(fixed) } else { 0 },
        ..Node::default()
    }
}

/// Without `NONE`, nor the same twice in a row. Returns how many there are.
fn list(neighbours: &[u32], into: &mut [u32]) -> u32 {
    let (mut last, mut count) = (NONE, 0);
    for &neighbour in neighbours {
        if neighbour != last && neighbour != NONE {
            into[count] = neighbour;
            count += 1;
        }
        last = neighbour;
    }
    count as u32
}

#[cfg(test)]
mod tests;
