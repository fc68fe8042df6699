//! What is placed so far, with a trail to take it back.
//!
//! Everything is placed from below: a section's floor is the height up to which
//! it is decided, by what lies there or by leaving it empty. An item is placed
//! when all of its sections have their floor at the offset that it can take;
//! floors are raised without placing anything where nothing can lie.

use super::instance::{Conflict, Instance};
use super::lists::Lists;
use super::rules::{Rule, Rules};
use crate::limits::{Meter, Stop};
use crate::random::Random;

/// A step back.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Place { item: u32 },
    Floor { section: u32, floor: u64, hole: u64, view: View },
    Level { item: u32, level: Level },
    View { section: u32, view: View },
}

/// What can be at the floor of a section.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    /// How many open items can lie there.
    pub(super) candidates: u32,
    /// How many are held up by another section that has the same floor. As long
    /// as there are any, this is not the section to branch on.
    pub(super) blocked: u32,
    /// Whether these are to be counted anew, as the floor was raised.
    pub(super) stale: bool,
    /// Where the next floor is if nothing lies at this one.
    pub(super) empty: Empty,
}

impl View {
    /// What is next if the floor stays empty; 0 if that is not known.
    fn next(&self) -> u64 {
        if let Empty::Until(next) = self.empty { next } else { 0 }
    }

    fn count(&mut self, is_flat: bool) -> &mut u32 {
        if is_flat { &mut self.candidates } else { &mut self.blocked }
    }
}

/// What is known of leaving a floor empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Empty {
    #[default]
    Unknown,
    Impossible,
    /// Nothing lies below this height then.
    Until(u64),
}

/// How high an open item is held.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// The highest floor of its sections.
    floor: u64,
    /// How many of its sections have that floor.
    sections: u32,
    /// Whether all have it.
    is_flat: bool,
    /// The lowest offset that it can take, as far as is known: aligned, above the
    /// floors, and not through what is fixed.
    lowest: u64,
}

/// Nothing completes what is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeadEnd;

#[derive(Debug)]
pub(super) struct State<'a> {
    pub(super) instance: &'a Instance,
    pub(super) rules: Rules,
    /// Nothing may end above this.
    pub(super) capacity: u64,
    /// The capacity, rounded up as sizes are.
    pub(super) rounded_capacity: u64,
    pub(super) lists: Lists,
    /// By section: what is below is decided.
    pub(super) floor: Vec<u64>,
    /// By section: nothing lies between this and the floor.
    pub(super) hole: Vec<u64>,
    /// By section: bytes of open items.
    pub(super) open_bytes: Vec<u64>,
    pub(super) views: Vec<View>,
    /// By item: its offset, or `u64::MAX` as long as it is open.
    pub(super) offsets: Vec<u64>,
    levels: Vec<Level>,
    /// By item: the last offset that it can take.
    pub(super) last: Vec<u64>,
    /// By section: open items that are in this one and in the one before.
    pub(super) crossing: Vec<u32>,
    /// Whether something may have come apart since this was last reset.
    pub(super) split: bool,
    trail: Vec<Undo>,
    /// Sections to look at again.
    dirty: Vec<u32>,
    is_dirty: Vec<bool>,
    /// Sections that may have one candidate only.
    pub(super) narrow: Vec<u32>,
    /// Whether something was lifted above the last offset that it can take.
    pub(super) is_dead: bool,
    /// By item: a random number.
    tokens: Vec<u128>,
    /// By section: the tokens of the open items that begin there, with floor and
    /// hole.
    keys: Vec<u128>,
    /// By section: how often it was found to be a dead end.
    pub(super) failures: Vec<u64>,
    /// Steps of inner loops.
    pub(super) work: u64,
}

impl<'a> State<'a> {
    /// Nothing placed. `rank` is the order in which items are tried.
    ///
    /// # Errors
    /// Why it must stop before it is done.
    pub(super) fn new(
        instance: &'a Instance,
        rules: Rules,
        capacity: u64,
        rank: &[u32],
        meter: &mut Meter<'_>,
    ) -> Result<Result<Self, DeadEnd>, Stop> {
        let sections = instance.section_count() as usize;
        let items = instance.item_count();
        let tokens = tokens(instance);
        let level = |item| {
            let sections = instance.sections.row(item).len() as u32;
            Level { floor: 0, sections, is_flat: true, lowest: lowest(instance, item, 0) }
        };
        let mut state = Self {
            instance,
            rules,
            capacity,
            rounded_capacity: capacity,
            lists: Lists::new(instance, rank, meter)?,
            floor: vec![0; sections],
            hole: vec![0; sections],
            open_bytes: instance.loads.clone(),
            views: vec![View { stale: true, ..View::default() }; sections],
            offsets: vec![u64::MAX; items as usize],
            levels: (0..items).map(level).collect(),
            last: vec![0; items as usize],
            crossing: instance.crossing.clone(),
            split: true,
            trail: Vec::new(),
            dirty: (0..sections as u32).rev().collect(),
            is_dirty: vec![true; sections],
            narrow: Vec::new(),
            is_dead: false,
            keys: keys(instance, &tokens),
            tokens,
            failures: vec![1; sections],
            work: 0,
        };
        Ok(state.set_capacity(capacity).map(|()| state))
    }

    /// From now on nothing may end above this.
    pub(super) fn set_capacity(&mut self, capacity: u64) -> Result<(), DeadEnd> {
        let unit = self.instance.unit;
        self.capacity = capacity;
        self.rounded_capacity = capacity.checked_next_multiple_of(unit).unwrap_or(capacity);
        for item in 0..self.instance.item_count() {
            self.last[item as usize] = self.instance.last_offset(item, capacity).ok_or(DeadEnd)?;
        }
        Ok(())
    }

    /// The first step of the trail at which something was placed above the
    /// capacity.
    pub(super) fn first_above_capacity(&self) -> usize {
        let above = |undo: &Undo| match *undo {
            Undo::Place { item } => self.offsets[item as usize] > self.last[item as usize],
            _ => false,
        };
        self.trail.iter().position(above).unwrap_or(self.trail.len())
    }

    /// Takes back everything, to be looked at anew.
    pub(super) fn reset(&mut self) {
        self.undo(0);
        self.split = true;
        (0..self.instance.section_count()).for_each(|section| self.look_again(section));
        self.views.iter_mut().for_each(|view| view.stale = true);
    }

    pub(super) fn mark(&self) -> usize {
        self.trail.len()
    }

    pub(super) fn is_open(&self, item: u32) -> bool {
        self.offsets[item as usize] == u64::MAX
    }

    /// The highest floor of an open item's sections.
    #[inline]
    pub(super) fn level(&self, item: u32) -> u64 {
        self.levels[item as usize].floor
    }

    /// The lowest offset that an open item can take, as far as is known.
    #[inline]
    pub(super) fn lowest(&self, item: u32) -> u64 {
        self.levels[item as usize].lowest
    }

    /// Whether all sections of an open item have the same floor.
    #[inline]
    pub(super) fn is_flat(&self, item: u32) -> bool {
        self.levels[item as usize].is_flat
    }

    /// Whether this open item can lie right at the floor.
    pub(super) fn is_candidate(&self, item: u32, floor: u64) -> bool {
        self.lowest(item) == floor && self.is_flat(item)
    }

    /// Puts an item onto its floor.
    pub(super) fn place(&mut self, item: u32) {
        let instance = self.instance;
        let number = item as usize;
        let offset = self.levels[number].floor;
        let top = offset + instance.sizes[number];
        self.is_dead |= offset > self.last[number];
        self.trail.push(Undo::Place { item });
        self.offsets[number] = offset;
        self.toggle(item);
        let first = instance.sections.start(item) as usize;
        let row = instance.sections.row(item);
        for (place, &section) in row.iter().enumerate() {
            self.lists.remove(first + place);
            let at = section as usize;
            self.set_floor(section, top, top);
            self.open_bytes[at] -= instance.sizes[number];
            self.split |= self.open_bytes[at] == 0;
        }
        for at in row[0] as usize + 1..=row[row.len() - 1] as usize {
            self.crossing[at] -= 1;
            self.split |= self.crossing[at] == 0;
        }
        for &Conflict { item: other, sections } in instance.conflicts.row(item) {
            if self.is_open(other) {
                self.lift(other, top, sections);
            }
        }
        self.work += instance.conflicts.row(item).len() as u64;
    }

    /// Raises a floor, so that what is below stays empty.
    pub(super) fn raise(&mut self, section: u32, to: u64) {
        self.set_floor(section, to, self.hole[section as usize]);
        let mut entry = section;
        while let Some((next, item)) = self.lists.after(entry) {
            self.lift(item, to, 1);
            entry = next;
        }
    }

    fn set_floor(&mut self, section: u32, to: u64, hole_from: u64) {
        let at = section as usize;
        let (floor, hole, view) = (self.floor[at], self.hole[at], self.views[at]);
        self.trail.push(Undo::Floor { section, floor, hole, view });
        self.keys[at] ^= mixed(floor, hole) ^ mixed(to, hole_from);
        (self.floor[at], self.hole[at]) = (to, hole_from);
        self.views[at].stale = true;
        self.look_again(section);
    }

    /// So many sections of an open item have a floor of `to` now.
    #[inline]
    fn lift(&mut self, item: u32, to: u64, sections: u32) {
        let before = self.levels[item as usize];
        if to < before.floor {
            return;
        }
        self.trail.push(Undo::Level { item, level: before });
        let mut after = Level { floor: to, sections, ..before };
        if to == before.floor {
            after.sections += before.sections;
        } else if to > before.lowest {
            after.lowest = lowest(self.instance, item, to);
            self.is_dead |= after.lowest > self.last[item as usize];
        }
        let instance = self.instance;
        let count = instance.sections.row(item).len();
        after.is_flat = after.sections as usize == count;
        self.levels[item as usize] = after;
        if before.lowest != after.lowest || before.is_flat != after.is_flat {
            self.work += count as u64;
            for &(first, end) in instance.runs.row(item) {
                self.recount(first as usize, end as usize, before, after);
            }
        }
    }

    /// Counts an item of these sections as what it is now.
    #[inline]
    fn recount(&mut self, first: usize, end: usize, before: Level, after: Level) {
        let sections = self.views[first..end].iter_mut().zip(&self.floor[first..end]);
        for ((view, &floor), section) in sections.zip(first as u32..) {
            let (was, is) = (before.lowest == floor, after.lowest == floor);
            let was_next = before.lowest <= view.next();
            if view.stale || !(was || is || was_next) {
                continue;
            }
            self.trail.push(Undo::View { section, view: *view });
            view.empty = Empty::Unknown;
            *view.count(before.is_flat) -= u32::from(was);
            *view.count(after.is_flat) += u32::from(is);
            match view.candidates + view.blocked {
                0 if !self.is_dirty[section as usize] => {
                    self.is_dirty[section as usize] = true;
                    self.dirty.push(section);
                }
                1 => self.narrow.push(section),
                _ => {}
            }
        }
    }

    /// Remembers the view of a section, and sets another.
    pub(super) fn set_view(&mut self, section: u32, view: View) {
        self.trail.push(Undo::View { section, view: self.views[section as usize] });
        self.views[section as usize] = view;
    }

    #[inline]
    fn look_again(&mut self, section: u32) {
        if !self.is_dirty[section as usize] {
            self.is_dirty[section as usize] = true;
            self.dirty.push(section);
        }
    }

    /// The next section to look at again.
    #[inline]
    pub(super) fn next_dirty(&mut self) -> Option<u32> {
        let section = self.dirty.pop()?;
        self.is_dirty[section as usize] = false;
        Some(section)
    }

    /// Takes back everything since the mark.
    pub(super) fn undo(&mut self, mark: usize) {
        self.is_dead = false;
        self.narrow.clear();
        while self.next_dirty().is_some() {}
        while self.trail.len() > mark {
            match self.trail.pop() {
                Some(Undo::Place { item }) => self.take_back(item),
                Some(Undo::Floor { section, floor, hole, view }) => {
                    let at = section as usize;
                    self.keys[at] ^= mixed(floor, hole) ^ mixed(self.floor[at], self.hole[at]);
                    (self.floor[at], self.hole[at]) = (floor, hole);
                    self.views[at] = view;
                }
                Some(Undo::Level { item, level }) => self.levels[item as usize] = level,
                Some(Undo::View { section, view }) => self.views[section as usize] = view,
                None => {}
            }
        }
    }

    fn take_back(&mut self, item: u32) {
        self.offsets[item as usize] = u64::MAX;
        self.toggle(item);
        let first = self.instance.sections.start(item) as usize;
        let size = self.instance.sizes[item as usize];
        let row = self.instance.sections.row(item);
        for (place, &section) in row.iter().enumerate().rev() {
            self.lists.restore(first + place);
            self.open_bytes[section as usize] += size;
        }
        for at in row[0] as usize + 1..=row[row.len() - 1] as usize {
            self.crossing[at] += 1;
        }
    }

    fn toggle(&mut self, item: u32) {
        let begin = self.instance.sections.row(item)[0];
        self.keys[begin as usize] ^= self.tokens[item as usize];
    }

    /// 128 bits for what the search for the rest of these sections depends on:
    /// floors, holes and open items.
    pub(super) fn key(&self, first: u32, end: u32) -> u128 {
        let mut key = u128::from(first) << 32 | u128::from(end);
        for part in &self.keys[first as usize..end as usize] {
            key = key.rotate_left(5).wrapping_add(*part);
        }
        key
    }

    pub(super) fn has(&self, rule: Rule) -> bool {
        self.rules.has(rule)
    }
}

fn tokens(instance: &Instance) -> Vec<u128> {
    let mut random = Random::new(instance.item_count().into());
    (0..instance.item_count()).map(|_| random.key()).collect()
}

/// Floor and hole as something that looks random.
#[inline]
fn mixed(floor: u64, hole: u64) -> u128 {
    const MULTIPLIER: u128 = 0x2d35_8dcc_aa6c_78a5_8bb8_4b93_962e_acc9;
    let mixed = (u128::from(floor) << 64 | u128::from(hole)).wrapping_mul(MULTIPLIER);
    (mixed ^ mixed >> 67).wrapping_mul(MULTIPLIER)
}

fn keys(instance: &Instance, tokens: &[u128]) -> Vec<u128> {
    let mut keys = vec![mixed(0, 0); instance.section_count() as usize];
    for (item, token) in (0..instance.item_count()).zip(tokens) {
        keys[instance.sections.row(item)[0] as usize] ^= token;
    }
    keys
}

/// The lowest offset of an item above this height: aligned, and not through what
/// is fixed; `u64::MAX` if it is fixed below.
#[inline]
fn lowest(instance: &Instance, item: u32, height: u64) -> u64 {
    let number = item as usize;
    let alignment = instance.alignments[number];
    let up = |offset: u64| (offset + (alignment - 1)) & !(alignment - 1);
    let fixed = instance.fixed[number];
    let mut offset = up(height);
    if fixed < u64::MAX {
        return if offset <= fixed { fixed } else { u64::MAX };
    }
    for obstacle in instance.obstacles.row(item) {
        if obstacle.top > offset && obstacle.offset < offset + instance.sizes[number] {
            offset = up(obstacle.top);
        }
    }
    offset
}
