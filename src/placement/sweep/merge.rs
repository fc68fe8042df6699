//! Fewer states: one stands for another if it can do whatever the other does for so much
//! more.
//!
//! Where one has an item at store and the other has it on chip, it may read it from there once
//! more, and has spec for it then. What it has on chip and the other has not is another matter:
//! that keeps its spec. If it has paid less by more than that simulation_cost, the other is of no use. If
//! not, the other may still be left out: the one that stays then bears a debt, by which paths on
//! from the other might be cheaper.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use smallvec::SmallVec;

use super::{RESIDENT, StateSweep, SweepEvent, SweepState, code_hash, order_key};
use crate::random::AsItIs;
use crate::sorting::sort_by_keys;

/// What the item of a slot costs if it has to come back, go, or be processed without.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotCosts {
    /// The item, by its index in the list, and its class.
    index: u32,
    class: u32,
    in_use: bool,
    /// Its bytes, to be copied from store.
    before: f64,
    /// Its bytes, to be copied store at a later access, at limit.
    max_copy: f64,
    /// All accesses that are left, at store.
    rest: f64,
}

/// Slots whose items are alike.
pub(super) type SlotGroup = SmallVec<[usize; 4]>;

/// Memory of buffers, used again and again.
#[derive(Debug, Default)]
pub(super) struct MergeBuffers {
    heavy: Vec<usize>,
    order: Vec<(u64, u32)>,
    /// By what heavy items do: states that are kept.
    kept: HashMap<u128, Vec<u32>, BuildHasherDefault<AsItIs>>,
    assignment: Vec<u32>,
}

/// Whether all accesses of a step are processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeTime {
    WithinStep,
    BetweenSteps,
}

/// States are told apart by so many items, those that cost limit to move.
const HEAVY: usize = 10;

/// A state is compared with so many others.
const COMPARED: usize = 12;

impl StateSweep<'_> {
    /// An item of which so many accesses are processed.
    pub(super) fn update_slot(&mut self, event: SweepEvent, number: usize) {
        let instance = self.problem.instance;
        let item = self.problem.items[event.index as usize];
        let accesses = &instance.accesses[instance.items[item].accesses()];
        let store = &instance.pools[instance.store()];
        let left = &accesses[number..];
        let rest =
            left.iter().map(|access| access.read * store.read + access.write * store.write).sum::<u64>();
        let before = left.first().map_or(0, |next| next.before);
        self.slot_costs[event.slot as usize] = SlotCosts {
            index: event.index,
            class: self.classes.of(event.index as usize, number),
            in_use: number < accesses.len(),
            before: before as f64,
            max_copy: left.iter().map(|access| access.before.max(access.after)).max().unwrap_or(0) as f64,
            rest: rest as f64,
        };
    }

    /// What it costs a state with this code of a slot to do as another with that one does;
    /// infinite if it can not.
    fn substitution_cost(&self, slot: usize, own: u8, other: u8) -> f64 {
        if own == other {
            return 0.0;
        }
        let slot_costs = &self.slot_costs[slot];
        let instance = self.problem.instance;
        let pools = &instance.pools;
        let store = instance.store();
        let code = |code: u8| if code == u8::MAX { self.starts[slot_costs.index as usize] } else { code };
        let is_resident = |code: u8| code != u8::MAX && code & RESIDENT > 0;
        if is_resident(own) {
            return f64::INFINITY;
        }
        let (own, is_dirty) = (code(own) as usize / 2, code(own) % 2 == 1);
        if is_resident(other) {
            return if own == store { slot_costs.rest } else { f64::INFINITY };
        }
        let (other, stays_dirty) = (code(other) as usize / 2, code(other) % 2 == 1);
        if own == other {
            let copies_later = is_dirty && !stays_dirty;
            return if copies_later {
                slot_costs.max_copy * (pools[own].from + pools[store].to) as f64
            } else {
                0.0
            };
        }
        // What is on chip keeps its spec until its next access: it can not be given up.
        if own == store {
            slot_costs.before * (pools[store].from + pools[other].to) as f64
        } else {
            f64::INFINITY
        }
    }

    /// By how much a state may cost more that does as another one does, up to a limit.
    fn simulation_cost(&self, own: usize, other: usize, limit: f64, when: MergeTime) -> f64 {
        if when == MergeTime::WithinStep && !self.has_space_for(own, other) {
            return f64::INFINITY;
        }
        let slots = self.slots;
        let [own, other] = [own, other].map(|state| &self.codes[state * slots..(state + 1) * slots]);
        let mut sum = 0.0;
        for group in &self.groups {
            sum += match **group {
                [slot] if own[slot] == other[slot] => 0.0,
                [slot] => self.substitution_cost(slot, own[slot], other[slot]),
                _ => self.group_substitution_cost(group, own, other),
            };
            if sum > limit {
                return f64::INFINITY;
            }
        }
        sum
    }

    /// Whether a state has spec at this step for all that another has on chip, besides what it
    /// has there itself: what was accessed at this step keeps its spec until the end of it.
    fn has_space_for(&self, own: usize, other: usize) -> bool {
        let instance = self.problem.instance;
        let codes = |state: usize| &self.codes[state * self.slots..(state + 1) * self.slots];
        let mut needed = self.states[own].load;
        for (slot, (&one, &two)) in codes(own).iter().zip(codes(other)).enumerate() {
            // Most slots of two states are alike.
            if one == two {
                continue;
            }
            let (one, two) = (self.pool_of(slot, one), self.pool_of(slot, two));
            if one != two && two != instance.store() {
                let item = self.problem.items[self.slot_costs[slot].index as usize];
                needed[two] += instance.padded_size(item, two);
            }
        }
        (0..instance.store()).all(|pool| needed[pool] <= self.states[other].load[pool])
    }

    /// The pool that the item of a slot is in, by its code.
    fn pool_of(&self, slot: usize, code: u8) -> usize {
        let slot_costs = &self.slot_costs[slot];
        let code =
            if code == u8::MAX && slot_costs.in_use { self.starts[slot_costs.index as usize] } else { code };
        if code == u8::MAX {
            self.problem.instance.store()
        } else if code & RESIDENT > 0 {
            (code & !RESIDENT).into()
        } else {
            code as usize / 2
        }
    }

    /// What it costs substitution_cost, for slots whose items are alike, of which each may do as any other.
    fn group_substitution_cost(&self, group: &[usize], own: &[u8], other: &[u8]) -> f64 {
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
            sum += f64::from(times) * self.substitution_cost(group[0], more[from].0, more[to].0);
            (more[from].1, more[to].1) = (more[from].1 - times, more[to].1 + times);
        }
        sum
    }

    /// Slots whose items are alike are one group; what is not in use is each by itself.
    fn find_groups(&mut self) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.clear();
        let mut slots: Vec<usize> = (0..self.slots).collect();
        let class = |slot: usize| if self.slot_costs[slot].in_use { self.slot_costs[slot].class } else { 0 };
        sort_by_keys(&mut slots, |&slot| [class(slot).into(), 0]);
        for slot in slots {
            match groups.last_mut() {
                Some(group) if class(slot) > 0 && class(group[0]) == class(slot) => group.push(slot),
                _ => groups.push(SmallVec::from_slice(&[slot])),
            }
        }
        self.groups = groups;
    }

    /// Slots whose items cost limit to move.
    fn find_heavy(&mut self) {
        let pools = &self.problem.instance.pools;
        let each = pools.iter().map(|spec| spec.from + spec.to).max().unwrap_or(0) as f64;
        let weight = |slot_costs: &SlotCosts| f64::max(slot_costs.before, slot_costs.max_copy) * each;
        let low = self.states.iter().map(SweepState::bound).fold(f64::INFINITY, f64::min);
        let least = (self.limit - low) / 64.0;
        let is_heavy = |&slot: &usize| self.slot_costs[slot].in_use && weight(&self.slot_costs[slot]) > least;
        let mut heavy: Vec<usize> = (0..self.slots).filter(is_heavy).collect();
        sort_by_keys(&mut heavy, |&slot| [!order_key(weight(&self.slot_costs[slot])), 0]);
        heavy.truncate(HEAVY);
        self.buffers.heavy = heavy;
    }

    /// Leaves out states that others stand for, and as many more that the width is kept.
    pub(super) fn merge(&mut self, when: MergeTime) {
        let width = self.problem.width;
        self.find_heavy();
        self.find_groups();
        let mut work = std::mem::take(&mut self.buffers);
        work.order.clear();
        work.order.extend(self.states.iter().zip(0..).map(|(state, index)| (order_key(state.cost), index)));
        work.order.sort_unstable();
        work.kept.clear();
        work.assignment.clear();
        for &(_, index) in &work.order {
            let state = index as usize;
            let codes = &self.codes[state * self.slots..(state + 1) * self.slots];
            let key = work.heavy.iter().fold(0u128, |key, &slot| {
                key.wrapping_add(code_hash(self.slot_costs[slot].class, codes[slot]))
            });
            let kept = work.kept.entry(key).or_default();
            let is_full = work.assignment.len() >= width;
            if self.is_dominated(state, kept, is_full, when) {
                continue;
            }
            if is_full {
                self.dropped_bound = self.dropped_bound.min(self.states[state].bound());
                continue;
            }
            kept.push(index);
            work.assignment.push(index);
        }
        work.assignment.sort_unstable();
        self.keep(&work.assignment);
        self.buffers = work;
    }

    /// Whether one of those kept stands for a state; if there is no spec for it, at the price
    /// of a debt.
    fn is_dominated(&mut self, state: usize, kept: &[u32], is_full: bool, when: MergeTime) -> bool {
        let other = self.states[state];
        let paid = other.paid - other.debt;
        let slack = self.limit - other.bound();
        let allowed = if is_full { slack / 2.0 } else { 0.0 };
        let mut best: Option<(f64, usize)> = None;
        for &one in kept.iter().rev().take(COMPARED) {
            let own = self.states[one as usize];
            let limit = paid - own.paid + own.debt + allowed;
            self.compared += self.slots;
            let simulation_cost = self.simulation_cost(one as usize, state, limit, when);
            if simulation_cost <= limit {
                let debt = own.paid - paid + simulation_cost;
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

    fn keep(&mut self, assignment: &[u32]) {
        for &index in assignment {
            let from = index as usize * self.slots;
            self.new_states.push(self.states[index as usize]);
            self.new_codes.extend_from_slice(&self.codes[from..from + self.slots]);
        }
        std::mem::swap(&mut self.states, &mut self.new_states);
        std::mem::swap(&mut self.codes, &mut self.new_codes);
        self.new_states.clear();
        self.new_codes.clear();
    }
}
