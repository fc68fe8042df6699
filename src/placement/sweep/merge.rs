//! Fewer states: one stands for another if it can do whatever the other does for so much
//! more.
//!
//! Where one has an item at home and the other has it on chip, it may read it from there once
//! more, and has room for it then. What it has on chip and the other has not is another matter:
//! that keeps its room. If it has paid less by more than that detour, the other is of no use. If
//! not, the other may still be left out: the one that stays then bears a debt, by which ways on
//! from the other might be cheaper.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use smallvec::SmallVec;

use super::{Event, State, Sweep, WHOLE, mark, rising};
use crate::support::random::AsItIs;
use crate::support::sorting::sort_by_keys;

/// What the item of a slot costs if it has to come back, go, or be done without.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// The item, by its place in the list, and its class.
    place: u32,
    class: u32,
    in_use: bool,
    /// Its bytes, to be copied from home.
    before: f64,
    /// Its bytes, to be copied home at a later access, at most.
    most: f64,
    /// All accesses that are left, at home.
    rest: f64,
}

/// Slots whose items are alike.
pub(super) type Group = SmallVec<[usize; 4]>;

/// Memory of merging, used again and again.
#[derive(Debug, Default)]
pub(super) struct Merging {
    heavy: Vec<usize>,
    order: Vec<(u64, u32)>,
    /// By what heavy items do: states that are kept.
    kept: HashMap<u128, Vec<u32>, BuildHasherDefault<AsItIs>>,
    chosen: Vec<u32>,
}

/// Whether all accesses of a step are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    WithinStep,
    BetweenSteps,
}

/// States are told apart by so many items, those that cost most to move.
const HEAVY: usize = 10;

/// A state is compared with so many others.
const COMPARED: usize = 12;

impl Sweep<'_> {
    /// An item of which so many accesses are done.
    pub(super) fn hold(&mut self, event: Event, number: usize) {
        let instance = self.question.instance;
        let item = self.question.items[event.place as usize];
        let accesses = &instance.accesses[instance.items[item].accesses()];
        let home = &instance.rooms[instance.home()];
        let left = &accesses[number..];
        let rest = left.iter().map(|access| access.read * home.read + access.write * home.write).sum::<u64>();
        let before = left.first().map_or(0, |next| next.before);
        self.held[event.slot as usize] = Held {
            place: event.place,
            class: self.classes.of(event.place as usize, number),
            in_use: number < accesses.len(),
            before: before as f64,
            most: left.iter().map(|access| access.before.max(access.after)).max().unwrap_or(0) as f64,
            rest: rest as f64,
        };
    }

    /// What it costs a state with this code of a slot to do as another with that one does;
    /// infinite if it can not.
    fn instead(&self, slot: usize, own: u8, other: u8) -> f64 {
        if own == other {
            return 0.0;
        }
        let held = &self.held[slot];
        let instance = self.question.instance;
        let rooms = &instance.rooms;
        let home = instance.home();
        let code = |code: u8| if code == u8::MAX { self.starts[held.place as usize] } else { code };
        let is_whole = |code: u8| code != u8::MAX && code & WHOLE > 0;
        if is_whole(own) {
            return f64::INFINITY;
        }
        let (own, is_dirty) = (code(own) as usize / 2, code(own) % 2 == 1);
        if is_whole(other) {
            return if own == home { held.rest } else { f64::INFINITY };
        }
        let (other, stays_dirty) = (code(other) as usize / 2, code(other) % 2 == 1);
        if own == other {
            let copies_later = is_dirty && !stays_dirty;
            return if copies_later { held.most * (rooms[own].from + rooms[home].to) as f64 } else { 0.0 };
        }
        // What is on chip keeps its room until its next access: it can not be given up.
        if own == home { held.before * (rooms[home].from + rooms[other].to) as f64 } else { f64::INFINITY }
    }

    /// By how much a state may cost more that does as another one does, up to a limit.
    fn detour(&self, own: usize, other: usize, most: f64, when: When) -> f64 {
        if when == When::WithinStep && !self.has_room_for(own, other) {
            return f64::INFINITY;
        }
        let slots = self.slots;
        let [own, other] = [own, other].map(|state| &self.codes[state * slots..(state + 1) * slots]);
        let mut sum = 0.0;
        for group in &self.groups {
            sum += match **group {
                [slot] if own[slot] == other[slot] => 0.0,
                [slot] => self.instead(slot, own[slot], other[slot]),
                _ => self.instead_of_all(group, own, other),
            };
            if sum > most {
                return f64::INFINITY;
            }
        }
        sum
    }

    /// Whether a state has room at this step for all that another has on chip, besides what it
    /// has there itself: what was accessed at this step keeps its room until the end of it.
    fn has_room_for(&self, own: usize, other: usize) -> bool {
        let instance = self.question.instance;
        let codes = |state: usize| &self.codes[state * self.slots..(state + 1) * self.slots];
        let mut needed = self.states[own].now;
        for (slot, (&one, &two)) in codes(own).iter().zip(codes(other)).enumerate() {
            // Most slots of two states are alike.
            if one == two {
                continue;
            }
            let (one, two) = (self.pool_of(slot, one), self.pool_of(slot, two));
            if one != two && two != instance.home() {
                let item = self.question.items[self.held[slot].place as usize];
                needed[two] += instance.taken(item, two);
            }
        }
        (0..instance.home()).all(|pool| needed[pool] <= self.states[other].now[pool])
    }

    /// The pool that the item of a slot is in, by its code.
    fn pool_of(&self, slot: usize, code: u8) -> usize {
        let held = &self.held[slot];
        let code = if code == u8::MAX && held.in_use { self.starts[held.place as usize] } else { code };
        if code == u8::MAX {
            self.question.instance.home()
        } else if code & WHOLE > 0 {
            (code & !WHOLE).into()
        } else {
            code as usize / 2
        }
    }

    /// What it costs instead, for slots whose items are alike, of which each may do as any other.
    fn instead_of_all(&self, group: &[usize], own: &[u8], other: &[u8]) -> f64 {
        if group.iter().all(|&slot| own[slot] == other[slot]) {
            return 0.0;
        }
        // By code: how many more have it on one side than on the other.
        let mut more: SmallVec<[(u8, i32); 8]> = SmallVec::new();
        let mut count = |code: u8, by: i32| match more.iter_mut().find(|one| one.0 == code) {
            Some(one) => one.1 += by,
            None => more.push((code, by)),
        };
        for &slot in group {
            count(own[slot], 1);
            count(other[slot], -1);
        }
        let mut sum = 0.0;
        while let Some(from) = more.iter().position(|one| one.1 > 0) {
            let to = more.iter().position(|one| one.1 < 0).expect("as many of one as of the other");
            let times = more[from].1.min(-more[to].1);
            sum += f64::from(times) * self.instead(group[0], more[from].0, more[to].0);
            (more[from].1, more[to].1) = (more[from].1 - times, more[to].1 + times);
        }
        sum
    }

    /// Slots whose items are alike are one group; what is not in use is each by itself.
    fn find_groups(&mut self) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.clear();
        let mut slots: Vec<usize> = (0..self.slots).collect();
        let class = |slot: usize| if self.held[slot].in_use { self.held[slot].class } else { 0 };
        sort_by_keys(&mut slots, |&slot| [class(slot).into(), 0]);
        for slot in slots {
            match groups.last_mut() {
                Some(group) if class(slot) > 0 && class(group[0]) == class(slot) => group.push(slot),
                _ => groups.push(SmallVec::from_slice(&[slot])),
            }
        }
        self.groups = groups;
    }

    /// Slots whose items cost most to move.
    fn find_heavy(&mut self) {
        let rooms = &self.question.instance.rooms;
        let each = rooms.iter().map(|room| room.from + room.to).max().unwrap_or(0) as f64;
        let weight = |held: &Held| f64::max(held.before, held.most) * each;
        let low = self.states.iter().map(State::low).fold(f64::INFINITY, f64::min);
        let least = (self.limit - low) / 64.0;
        let is_heavy = |&slot: &usize| self.held[slot].in_use && weight(&self.held[slot]) > least;
        let mut heavy: Vec<usize> = (0..self.slots).filter(is_heavy).collect();
        sort_by_keys(&mut heavy, |&slot| [!rising(weight(&self.held[slot])), 0]);
        heavy.truncate(HEAVY);
        self.merging.heavy = heavy;
    }

    /// Leaves out states that others stand for, and as many more that the width is kept.
    pub(super) fn merge(&mut self, when: When) {
        let width = self.question.width;
        self.find_heavy();
        self.find_groups();
        let mut work = std::mem::take(&mut self.merging);
        work.order.clear();
        work.order.extend(self.states.iter().zip(0..).map(|(state, place)| (rising(state.cost), place)));
        work.order.sort_unstable();
        work.kept.clear();
        work.chosen.clear();
        for &(_, place) in &work.order {
            let state = place as usize;
            let codes = &self.codes[state * self.slots..(state + 1) * self.slots];
            let key = work
                .heavy
                .iter()
                .fold(0u128, |key, &slot| key.wrapping_add(mark(self.held[slot].class, codes[slot])));
            let kept = work.kept.entry(key).or_default();
            let is_full = work.chosen.len() >= width;
            if self.has_stand_in(state, kept, is_full, when) {
                continue;
            }
            if is_full {
                self.dropped = self.dropped.min(self.states[state].low());
                continue;
            }
            kept.push(place);
            work.chosen.push(place);
        }
        work.chosen.sort_unstable();
        self.keep(&work.chosen);
        self.merging = work;
    }

    /// Whether one of those kept stands for a state; if there is no room for it, at the price
    /// of a debt.
    fn has_stand_in(&mut self, state: usize, kept: &[u32], is_full: bool, when: When) -> bool {
        let other = self.states[state];
        let paid = other.paid - other.debt;
        let slack = self.limit - other.low();
        let allowed = if is_full { slack / 2.0 } else { 0.0 };
        let mut best: Option<(f64, usize)> = None;
        for &one in kept.iter().rev().take(COMPARED) {
            let own = self.states[one as usize];
            let most = paid - own.paid + own.debt + allowed;
            self.compared += self.slots;
            let detour = self.detour(one as usize, state, most, when);
            if detour <= most {
                let debt = own.paid - paid + detour;
                if best.is_none_or(|best| debt < best.0) {
                    best = Some((debt, one as usize));
                }
                if debt <= own.debt {
                    break;
                }
            }
        }
        let Some((debt, one)) = best else { return false };
        let own = &mut self.states[one];
        own.debt = own.debt.max(debt);
        true
    }

    fn keep(&mut self, chosen: &[u32]) {
        for &place in chosen {
            let from = place as usize * self.slots;
            self.new_states.push(self.states[place as usize]);
            self.new_codes.extend_from_slice(&self.codes[from..from + self.slots]);
        }
        std::mem::swap(&mut self.states, &mut self.new_states);
        std::mem::swap(&mut self.codes, &mut self.new_codes);
        self.new_states.clear();
        self.new_codes.clear();
    }
}
