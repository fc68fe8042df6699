//! Fewer states: one stands for another if it can do whatever the other does for so much
//! more.
//!
//! Where one has an item at home and the other has it on chip, it may read it from there once
//! more; what it has on chip and the other has not, it may give up. If it has paid less by
//! more than that, the other is of no use. If not, the other may still be left out: the one
//! that stays then bears a debt, by which ways on from the other might be cheaper.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::{Event, State, Sweep, WHOLE, mark, rising};
use crate::random::AsItIs;

/// What the item of a slot costs if it has to come back, go, or be done without.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// The item, by its place in the list.
    place: u32,
    in_use: bool,
    /// Its bytes, to be copied from home.
    before: f64,
    /// Its bytes, to be copied home.
    after: f64,
    /// All accesses that are left, at home.
    rest: f64,
}

/// Memory of merging, used again and again.
#[derive(Debug, Default)]
pub(super) struct Merging {
    heavy: Vec<usize>,
    order: Vec<(u64, u32)>,
    /// By what heavy items do: states that are kept.
    kept: HashMap<u128, Vec<u32>, BuildHasherDefault<AsItIs>>,
    chosen: Vec<u32>,
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
        let after = number.checked_sub(1).map_or(0, |last| accesses[last].after);
        let before = left.first().map_or(0, |next| next.before);
        self.held[event.slot as usize] = Held {
            place: event.place,
            in_use: number < accesses.len(),
            before: before as f64,
            after: after as f64,
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
        let back = if own != home && is_dirty {
            held.after * (rooms[own].from + rooms[home].to) as f64
        } else {
            0.0
        };
        if is_whole(other) {
            return back + held.rest;
        }
        let (other, stays_dirty) = (code(other) as usize / 2, code(other) % 2 == 1);
        if own == other {
            return if stays_dirty { 0.0 } else { back };
        }
        let again =
            if other == home { 0.0 } else { held.before * (rooms[home].from + rooms[other].to) as f64 };
        back + again
    }

    /// By how much a state may cost more that does as another one does, up to a limit.
    fn detour(&self, own: usize, other: usize, most: f64) -> f64 {
        let chips = self.question.instance.home();
        // Within a step, what an item takes is spent; after it, it may be given up.
        if (0..chips).any(|pool| {
            self.states[own].now[pool] != self.states[own].next[pool]
                && self.states[own].now[pool] > self.states[other].now[pool]
        }) {
            return f64::INFINITY;
        }
        let slots = self.slots;
        let codes = |state: usize| &self.codes[state * slots..(state + 1) * slots];
        let mut sum = 0.0;
        for (slot, (&one, &two)) in codes(own).iter().zip(codes(other)).enumerate() {
            if one != two {
                sum += self.instead(slot, one, two);
                if sum > most {
                    return f64::INFINITY;
                }
            }
        }
        sum
    }

    /// Slots whose items cost most to move.
    fn find_heavy(&mut self) {
        let rooms = &self.question.instance.rooms;
        let each = rooms.iter().map(|room| room.from + room.to).max().unwrap_or(0) as f64;
        let weight = |held: &Held| f64::max(held.before, held.after) * each;
        let low = self.states.iter().map(State::low).fold(f64::INFINITY, f64::min);
        let least = (self.limit - low) / 64.0;
        let is_heavy = |&slot: &usize| self.held[slot].in_use && weight(&self.held[slot]) > least;
        let mut heavy: Vec<usize> = (0..self.slots).filter(is_heavy).collect();
        heavy.sort_by(|&one, &two| {
            weight(&self.held[two]).total_cmp(&weight(&self.held[one])).then(one.cmp(&two))
        });
        heavy.truncate(HEAVY);
        self.merging.heavy = heavy;
    }

    /// Leaves out states that others stand for, and as many more that the width is kept.
    pub(super) fn merge(&mut self) {
        let width = self.question.width;
        self.find_heavy();
        let mut work = std::mem::take(&mut self.merging);
        work.order.clear();
        work.order.extend(self.states.iter().zip(0..).map(|(state, place)| (rising(state.cost), place)));
        work.order.sort_unstable();
        work.kept.clear();
        work.chosen.clear();
        for &(_, place) in &work.order {
            let state = place as usize;
            let codes = &self.codes[state * self.slots..(state + 1) * self.slots];
            let key = work.heavy.iter().fold(0u128, |key, &slot| key.wrapping_add(mark(slot, codes[slot])));
            let kept = work.kept.entry(key).or_default();
            let is_full = work.chosen.len() >= width;
            if self.has_stand_in(state, kept, is_full) {
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
    fn has_stand_in(&mut self, state: usize, kept: &[u32], is_full: bool) -> bool {
        let other = self.states[state];
        let paid = other.paid - other.debt;
        let slack = self.limit - other.low();
        let allowed = if is_full { slack / 2.0 } else { 0.0 };
        let mut best: Option<(f64, usize)> = None;
        for &one in kept.iter().rev().take(COMPARED) {
            let own = self.states[one as usize];
            let most = paid - own.paid + own.debt + allowed;
            let detour = self.detour(one as usize, state, most);
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
