//! Partial packings, with a trail to undo changes.
//!
//! The search packs from below. The floor of a section is the height below which the packing
//! is final in that section: everything below is covered by items or stays empty. An item is
//! placed when all of its sections have their floor at its offset. Raising a floor without
//! placing an item leaves a hole.
//!
//! Invariants: an open item lies at or above the floor of each of its sections; `levels`,
//! `floor_options` (unless stale) and `keys` are functions of the floors, holes and open items,
//! updated incrementally and restored by the trail.

use super::instance::{ExactInstance, ItemConflict};
use super::open_items::OpenItems;
use super::rules::{PruningRule, Rules};
use crate::support::arithmetic::align_up;
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;

/// A trail entry: one change to undo.
#[derive(Clone, Copy, Debug)]
enum TrailEntry {
    Place { item: u32 },
    Floor { section: u32, floor: u64, hole: u64, options: FloorOptions },
    ItemLevel { item: u32, level: ItemLevel },
    FloorOptions { section: u32, options: FloorOptions },
}

/// The options at the floor of a section.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FloorOptions {
    /// Number of open items that can lie there (candidates).
    pub(super) candidates: u32,
    /// Number of open items that would fit by their level, but that have another section with
    /// a lower floor. While there are any, the section is not ready for branching.
    pub(super) blocked: u32,
    /// True if the counts are outdated because the floor was raised.
    pub(super) stale: bool,
    /// The result of leaving the floor empty.
    pub(super) empty: EmptyFloor,
}

impl FloorOptions {
    /// Next floor if this one stays empty; 0 if unknown.
    fn next(&self) -> u64 {
        if let EmptyFloor::Until(next) = self.empty { next } else { 0 }
    }

    fn count(&mut self, is_flat: bool) -> &mut u32 {
        if is_flat { &mut self.candidates } else { &mut self.blocked }
    }
}

/// Result of leaving a floor empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EmptyFloor {
    #[default]
    Unknown,
    Impossible,
    /// Nothing can start below this height.
    Until(u64),
}

/// Lower bound on the offset of an open item.
#[derive(Clone, Copy, Debug)]
struct ItemLevel {
    /// Highest floor of its sections.
    floor: u64,
    /// Number of its sections with that floor.
    sections: u32,
    /// True if all of its sections have that floor.
    is_flat: bool,
    /// Lowest offset not excluded by the floors, alignment and fixed items.
    lowest: u64,
}

/// No packing within the capacity extends the current partial packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeadEnd;

#[derive(Debug)]
pub(super) struct PackingState<'a> {
    pub(super) instance: &'a ExactInstance,
    pub(super) rules: Rules,
    /// Capacity in bytes.
    pub(super) capacity: u64,
    /// Capacity, rounded up to the unit like the sizes.
    pub(super) rounded_capacity: u64,
    pub(super) lists: OpenItems,
    /// Floor of each section.
    pub(super) floor: Vec<u64>,
    /// Start of the hole right below the floor of each section; equal to the floor if there is
    /// none.
    pub(super) hole: Vec<u64>,
    /// Total size of the open items of each section.
    pub(super) open_bytes: Vec<u64>,
    pub(super) floor_options: Vec<FloorOptions>,
    /// Offset of each item; `u64::MAX` while it is open.
    pub(super) offsets: Vec<u64>,
    levels: Vec<ItemLevel>,
    /// Last offset of each item within the capacity.
    pub(super) last: Vec<u64>,
    /// For each section: the number of open items that span its boundary with the previous
    /// section.
    pub(super) crossing: Vec<u32>,
    /// True if a subproblem may have come apart since this was last cleared.
    pub(super) may_split: bool,
    trail: Vec<TrailEntry>,
    /// Sections to propagate.
    queue: Vec<u32>,
    is_queued: Vec<bool>,
    /// Sections that may have exactly one option.
    pub(super) single_option: Vec<u32>,
    /// True if some item was placed or lifted above its last offset.
    pub(super) is_dead_end: bool,
    /// Random hash token of each item (Zobrist, 1970).
    tokens: Vec<u128>,
    /// Hash of each section: its floor and hole, with the tokens of the open items whose first
    /// section it is.
    keys: Vec<u128>,
    /// Number of dead ends found in each section, plus one.
    pub(super) failures: Vec<u64>,
    /// Steps of inner loops, the measure of time.
    pub(super) work: u64,
}

impl<'a> PackingState<'a> {
    /// The empty packing. `rank` gives the value order of the items. [`DeadEnd`] means that an
    /// item is larger than the capacity.
    pub(super) fn new(
        instance: &'a ExactInstance,
        rules: Rules,
        capacity: u64,
        rank: &[u32],
        budget: &mut Budget<'_>,
    ) -> Result<Result<Self, DeadEnd>, Stop> {
        let sections = instance.section_count() as usize;
        let items = instance.item_count();
        let tokens = tokens(instance);
        let level = |item| {
            let sections = instance.sections.row(item).len() as u32;
            ItemLevel { floor: 0, sections, is_flat: true, lowest: lowest(instance, item, 0) }
        };
        let mut state = Self {
            instance,
            rules,
            capacity,
            rounded_capacity: capacity,
            lists: OpenItems::new(instance, rank, budget)?,
            floor: vec![0; sections],
            hole: vec![0; sections],
            open_bytes: instance.loads.clone(),
            floor_options: vec![FloorOptions { stale: true, ..FloorOptions::default() }; sections],
            offsets: vec![u64::MAX; items as usize],
            levels: (0..items).map(level).collect(),
            last: vec![0; items as usize],
            crossing: instance.crossing.clone(),
            may_split: true,
            trail: Vec::new(),
            queue: (0..sections as u32).rev().collect(),
            is_queued: vec![true; sections],
            single_option: Vec::new(),
            is_dead_end: false,
            keys: keys(instance, &tokens),
            tokens,
            failures: vec![1; sections],
            work: 0,
        };
        Ok(state.set_capacity(capacity).map(|()| state))
    }

    /// Changes the capacity.
    pub(super) fn set_capacity(&mut self, capacity: u64) -> Result<(), DeadEnd> {
        let unit = self.instance.unit;
        self.capacity = capacity;
        self.rounded_capacity = capacity.checked_next_multiple_of(unit).unwrap_or(capacity);
        for item in 0..self.instance.item_count() {
            self.last[item as usize] = self.instance.last_offset(item, capacity).ok_or(DeadEnd)?;
        }
        Ok(())
    }

    /// Index of the first trail entry that placed an item above the capacity; the length of the
    /// trail if there is none.
    pub(super) fn first_above_capacity(&self) -> usize {
        let above = |undo: &TrailEntry| match *undo {
            TrailEntry::Place { item } => self.offsets[item as usize] > self.last[item as usize],
            _ => false,
        };
        self.trail.iter().position(above).unwrap_or(self.trail.len())
    }

    /// Undoes everything and marks all sections for propagation.
    pub(super) fn reset(&mut self) {
        self.undo(0);
        self.may_split = true;
        (0..self.instance.section_count()).for_each(|section| self.enqueue(section));
        self.floor_options.iter_mut().for_each(|options| options.stale = true);
    }

    pub(super) fn mark(&self) -> usize {
        self.trail.len()
    }

    pub(super) fn is_open(&self, item: u32) -> bool {
        self.offsets[item as usize] == u64::MAX
    }

    /// Highest floor of an open item's sections.
    #[inline]
    pub(super) fn level(&self, item: u32) -> u64 {
        self.levels[item as usize].floor
    }

    /// Lowest offset not excluded for an open item.
    #[inline]
    pub(super) fn lowest(&self, item: u32) -> u64 {
        self.levels[item as usize].lowest
    }

    /// Returns whether all sections of an open item have the same floor.
    #[inline]
    pub(super) fn is_flat(&self, item: u32) -> bool {
        self.levels[item as usize].is_flat
    }

    /// Returns whether an open item can lie right at this floor.
    pub(super) fn is_candidate(&self, item: u32, floor: u64) -> bool {
        self.lowest(item) == floor && self.is_flat(item)
    }

    /// Places an item on the floor of its sections, which must be equal. Linear in its sections
    /// and its conflicts.
    pub(super) fn place(&mut self, item: u32) {
        // The item leaves the lists of its sections, their floors rise to its top, and the levels of
        // all open items in conflict with it rise as well. The conflicts say how many sections are
        // shared, so each item is lifted once, not once for each section.
        let instance = self.instance;
        let number = item as usize;
        let offset = self.levels[number].floor;
        let top = offset + instance.sizes[number];
        self.is_dead_end |= offset > self.last[number];
        self.trail.push(TrailEntry::Place { item });
        self.offsets[number] = offset;
        self.toggle_token(item);
        let first = instance.sections.start(item) as usize;
        let row = instance.sections.row(item);
        for (index, &section) in row.iter().enumerate() {
            self.lists.remove(first + index);
            let at = section as usize;
            self.set_floor(section, top, top);
            self.open_bytes[at] -= instance.sizes[number];
            self.may_split |= self.open_bytes[at] == 0;
        }
        for at in row[0] as usize + 1..=row[row.len() - 1] as usize {
            self.crossing[at] -= 1;
            self.may_split |= self.crossing[at] == 0;
        }
        for &ItemConflict { item: other, sections } in instance.conflicts.row(item) {
            if self.is_open(other) {
                self.raise_level(other, top, sections);
            }
        }
        self.work += instance.conflicts.row(item).len() as u64;
    }

    /// Raises the floor of a section and leaves the bytes below empty.
    pub(super) fn raise(&mut self, section: u32, to: u64) {
        self.set_floor(section, to, self.hole[section as usize]);
        let mut entry = section;
        while let Some((next, item)) = self.lists.after(entry) {
            self.raise_level(item, to, 1);
            entry = next;
        }
    }

    fn set_floor(&mut self, section: u32, to: u64, hole_from: u64) {
        let at = section as usize;
        let (floor, hole, options) = (self.floor[at], self.hole[at], self.floor_options[at]);
        self.trail.push(TrailEntry::Floor { section, floor, hole, options });
        self.keys[at] ^= mixed(floor, hole) ^ mixed(to, hole_from);
        (self.floor[at], self.hole[at]) = (to, hole_from);
        self.floor_options[at].stale = true;
        self.enqueue(section);
    }

    /// Records that `sections` sections of an open item now have the floor `to`.
    #[inline]
    fn raise_level(&mut self, item: u32, to: u64, sections: u32) {
        // A floor below the level changes nothing: the item is held higher by another section. At the
        // level, it is held by more sections than before; above it, by these sections only.
        let before = self.levels[item as usize];
        if to < before.floor {
            return;
        }
        self.trail.push(TrailEntry::ItemLevel { item, level: before });
        let mut after = ItemLevel { floor: to, sections, ..before };
        if to == before.floor {
            after.sections += before.sections;
        } else if to > before.lowest {
            after.lowest = lowest(self.instance, item, to);
            self.is_dead_end |= after.lowest > self.last[item as usize];
        }
        let instance = self.instance;
        let count = instance.sections.row(item).len();
        after.is_flat = after.sections as usize == count;
        self.levels[item as usize] = after;
        if before.lowest != after.lowest || before.is_flat != after.is_flat {
            self.work += count as u64;
            for &(first, end) in instance.runs.row(item) {
                self.update_counts(first as usize, end as usize, before, after);
            }
        }
    }

    /// Updates the option counts of sections for an item whose level changed.
    #[inline]
    fn update_counts(&mut self, first: usize, end: usize, before: ItemLevel, after: ItemLevel) {
        let sections = self.floor_options[first..end].iter_mut().zip(&self.floor[first..end]);
        for ((options, &floor), section) in sections.zip(first as u32..) {
            // Only sections whose floor equals the lowest offset, before or after, count the item among
            // their options. A section whose hole would end at or above the old lowest offset must
            // compute the end of the hole again. Stale sections are counted from scratch later.
            let (was, is) = (before.lowest == floor, after.lowest == floor);
            let was_next = before.lowest <= options.next();
            if options.stale || !(was || is || was_next) {
                continue;
            }
            self.trail.push(TrailEntry::FloorOptions { section, options: *options });
            options.empty = EmptyFloor::Unknown;
            *options.count(before.is_flat) -= u32::from(was);
            *options.count(after.is_flat) += u32::from(is);
            // Without options, the floor must rise. With a single one, the section may be decided
            // without branching.
            match options.candidates + options.blocked {
                0 if !self.is_queued[section as usize] => {
                    self.is_queued[section as usize] = true;
                    self.queue.push(section);
                }
                1 => self.single_option.push(section),
                _ => {}
            }
        }
    }

    /// Replaces the options of a section and records the old ones on the trail.
    pub(super) fn set_options(&mut self, section: u32, options: FloorOptions) {
        self.trail.push(TrailEntry::FloorOptions { section, options: self.floor_options[section as usize] });
        self.floor_options[section as usize] = options;
    }

    #[inline]
    fn enqueue(&mut self, section: u32) {
        if !self.is_queued[section as usize] {
            self.is_queued[section as usize] = true;
            self.queue.push(section);
        }
    }

    /// Takes the next section to propagate.
    #[inline]
    pub(super) fn next_queued(&mut self) -> Option<u32> {
        let section = self.queue.pop()?;
        self.is_queued[section as usize] = false;
        Some(section)
    }

    /// Undoes all changes since the mark.
    pub(super) fn undo(&mut self, mark: usize) {
        // Propagation queues are cleared, not restored: every choice point was created after
        // propagation had emptied them.
        self.is_dead_end = false;
        self.single_option.clear();
        while self.next_queued().is_some() {}
        while self.trail.len() > mark {
            match self.trail.pop() {
                Some(TrailEntry::Place { item }) => self.unplace(item),
                Some(TrailEntry::Floor { section, floor, hole, options }) => {
                    let at = section as usize;
                    self.keys[at] ^= mixed(floor, hole) ^ mixed(self.floor[at], self.hole[at]);
                    (self.floor[at], self.hole[at]) = (floor, hole);
                    self.floor_options[at] = options;
                }
                Some(TrailEntry::ItemLevel { item, level }) => self.levels[item as usize] = level,
                Some(TrailEntry::FloorOptions { section, options }) => {
                    self.floor_options[section as usize] = options;
                }
                None => {}
            }
        }
    }

    fn unplace(&mut self, item: u32) {
        self.offsets[item as usize] = u64::MAX;
        self.toggle_token(item);
        let first = self.instance.sections.start(item) as usize;
        let size = self.instance.sizes[item as usize];
        let row = self.instance.sections.row(item);
        for (index, &section) in row.iter().enumerate().rev() {
            self.lists.restore(first + index);
            self.open_bytes[section as usize] += size;
        }
        for at in row[0] as usize + 1..=row[row.len() - 1] as usize {
            self.crossing[at] += 1;
        }
    }

    fn toggle_token(&mut self, item: u32) {
        let begin = self.instance.sections.row(item)[0];
        self.keys[begin as usize] ^= self.tokens[item as usize];
    }

    /// Hash of all that the search in the given sections depends on: floors, holes and open
    /// items.
    pub(super) fn key(&self, first: u32, end: u32) -> u128 {
        // Floors, holes and open items determine the rest of the search: the offsets of placed items
        // matter through floors only, and the hole matters for dominance. Sections are combined in
        // order, by rotation, so equal contents in different sections give different keys.
        let mut key = u128::from(first) << 32 | u128::from(end);
        for part in &self.keys[first as usize..end as usize] {
            key = key.rotate_left(5).wrapping_add(*part);
        }
        key
    }

    pub(super) fn has(&self, rule: PruningRule) -> bool {
        self.rules.has(rule)
    }
}

fn tokens(instance: &ExactInstance) -> Vec<u128> {
    let mut random = Random::new(instance.item_count().into());
    (0..instance.item_count()).map(|_| random.key()).collect()
}

/// Hashes a floor and the start of its hole.
#[inline]
fn mixed(floor: u64, hole: u64) -> u128 {
    const MULTIPLIER: u128 = 0x2d35_8dcc_aa6c_78a5_8bb8_4b93_962e_acc9;
    let mixed = (u128::from(floor) << 64 | u128::from(hole)).wrapping_mul(MULTIPLIER);
    (mixed ^ mixed >> 67).wrapping_mul(MULTIPLIER)
}

fn keys(instance: &ExactInstance, tokens: &[u128]) -> Vec<u128> {
    let mut keys = vec![mixed(0, 0); instance.section_count() as usize];
    for (item, token) in (0..instance.item_count()).zip(tokens) {
        keys[instance.sections.row(item)[0] as usize] ^= token;
    }
    keys
}

/// Lowest offset of an item at or above `height` that is aligned and avoids the fixed items;
/// `u64::MAX` if the item itself is fixed below `height`.
#[inline]
fn lowest(instance: &ExactInstance, item: u32, height: u64) -> u64 {
    // Obstacles are sorted by offset, so a single pass suffices: a higher offset never overlaps an obstacle
    // that the pass has left behind.
    let number = item as usize;
    let alignment = instance.alignments[number];
    let fixed = instance.fixed[number];
    let mut offset = align_up(height, alignment);
    if fixed < u64::MAX {
        return if offset <= fixed { fixed } else { u64::MAX };
    }
    for obstacle in instance.obstacles.row(item) {
        if obstacle.top > offset && obstacle.offset < offset + instance.sizes[number] {
            offset = align_up(obstacle.top, alignment);
        }
    }
    offset
}
