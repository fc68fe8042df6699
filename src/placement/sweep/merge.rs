//! Dominance between states, and the beam limit.
//!
//! A state A can imitate a state B if it can reach the same completion at a bounded extra cost. If A has an
//! item in the backing store that B has on chip, A copies it in at its next access and has the bytes for it
//! then. If A is dirty where B is clean, A pays one copy back later. But an item that only A has on chip
//! keeps its bytes until its next access, so A cannot imitate B then. The sum of the extra costs is the
//! *simulation cost*.
//!
//! A dominates B if A has paid less than B by at least the simulation cost: for every completion of B there
//! is one of A that costs no more, so B is dropped without loss. If too many states remain, B may also be
//! dropped for an A that has not paid enough less. A then records the difference as a *debt*: completions
//! of B may be cheaper than those of A by at most the debt. The lower bound of a state is its cost less its
//! debt, so bounds remain valid, only weaker. A state that neither dominance nor debt can drop, beyond the
//! beam width, is dropped with its lower bound recorded in `dropped_bound`.
//!
//! A state is compared with at most [`MAX_COMPARED`] kept states that agree with it on the items that are
//! expensive to move. One merge costs O(states * (log states + [`MAX_COMPARED`] * slots)).

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use smallvec::SmallVec;

use super::{RESIDENT, StateSweep, SweepEvent, SweepState, code_hash};
use crate::support::arithmetic::float_key;
use crate::support::random::AsItIs;
use crate::support::sorting::sort_by_keys;

/// Extra costs of the item of a slot if a state has to imitate another one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotCosts {
    /// The item, by its index in the list, and its class.
    index: u32,
    class: u32,
    in_use: bool,
    /// Bytes of a copy from the backing store at the next access.
    before: f64,
    /// Upper bound on the bytes of a copy to the backing store at a later access.
    max_copy: f64,
    /// Cost of all remaining accesses in the backing store.
    rest: f64,
}

/// Slots whose items are in one class.
pub(super) type SlotGroup = SmallVec<[usize; 4]>;

/// Working memory of merges, reused.
#[derive(Debug, Default)]
pub(super) struct MergeBuffers {
    heavy: Vec<usize>,
    order: Vec<(u64, u32)>,
    /// Kept states by the codes of the heavy items.
    kept: HashMap<u128, Vec<u32>, BuildHasherDefault<AsItIs>>,
    selected: Vec<u32>,
}

/// Time of a merge: before or after the last access of the current step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MergeTime {
    WithinStep,
    BetweenSteps,
}

/// Number of heavy items: states that differ in the code of one are not compared.
const MAX_HEAVY: usize = 10;

/// Maximum number of states with which a state is compared.
const MAX_COMPARED: usize = 12;

impl StateSweep<'_> {
    /// Sets the extra costs of a slot after an access of its item.
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

    /// Upper bound on the extra cost of a state with code `imitator` in a slot that imitates code `imitated`;
    /// infinite if that is impossible.
    fn substitution_cost(&self, slot: usize, imitator: u8, imitated: u8) -> f64 {
        if imitator == imitated {
            return 0.0;
        }
        let slot_costs = &self.slot_costs[slot];
        let instance = self.problem.instance;
        let pools = &instance.pools;
        let store = instance.store();
        let code = |code: u8| if code == u8::MAX { self.starts[slot_costs.index as usize] } else { code };
        // A resident item cannot leave its pool, so it imitates only the same code. The other way round, an
        // item in the backing store can stay there for all accesses that the resident one has on chip.
        let is_resident = |code: u8| code != u8::MAX && code & RESIDENT > 0;
        if is_resident(imitator) {
            return f64::INFINITY;
        }
        let (imitator, is_dirty) = (code(imitator) as usize / 2, code(imitator) % 2 == 1);
        if is_resident(imitated) {
            return if imitator == store { slot_costs.rest } else { f64::INFINITY };
        }
        let (imitated, stays_dirty) = (code(imitated) as usize / 2, code(imitated) % 2 == 1);
        if imitator == imitated {
            let copies_later = is_dirty && !stays_dirty;
            return if copies_later {
                slot_costs.max_copy * (pools[imitator].from + pools[store].to) as f64
            } else {
                0.0
            };
        }
        // An item on chip keeps its bytes until its next access, so the state cannot give them up.
        if imitator == store {
            slot_costs.before * (pools[store].from + pools[imitated].to) as f64
        } else {
            f64::INFINITY
        }
    }

    /// The simulation cost of two states; infinite above `limit`, or if imitation is impossible.
    fn simulation_cost(&self, imitator: usize, imitated: usize, limit: f64, when: MergeTime) -> f64 {
        if when == MergeTime::WithinStep && !self.has_space_for(imitator, imitated) {
            return f64::INFINITY;
        }
        let slots = self.slots;
        let [imitator, imitated] =
            [imitator, imitated].map(|state| &self.codes[state * slots..(state + 1) * slots]);
        let mut sum = 0.0;
        for group in &self.groups {
            sum += match **group {
                [slot] if imitator[slot] == imitated[slot] => 0.0,
                [slot] => self.substitution_cost(slot, imitator[slot], imitated[slot]),
                _ => self.group_substitution_cost(group, imitator, imitated),
            };
            if sum > limit {
                return f64::INFINITY;
            }
        }
        sum
    }

    /// Returns true if the imitator, with every item that only the imitated state has on chip, uses no
    /// more bytes at this step than the imitated state. Then every later access of the step that fits
    /// into the imitated state fits into the imitator as well. Items accessed at this step keep their
    /// bytes to its end, so both loads count them.
    fn has_space_for(&self, imitator: usize, imitated: usize) -> bool {
        let instance = self.problem.instance;
        let codes = |state: usize| &self.codes[state * self.slots..(state + 1) * self.slots];
        let mut needed = self.states[imitator].load;
        for (slot, (&own_code, &other_code)) in codes(imitator).iter().zip(codes(imitated)).enumerate() {
            // Most slots of two states are equal.
            if own_code == other_code {
                continue;
            }
            let (own_pool, other_pool) = (self.pool_of(slot, own_code), self.pool_of(slot, other_code));
            if own_pool != other_pool && other_pool != instance.store() {
                let item = self.problem.items[self.slot_costs[slot].index as usize];
                needed[other_pool] += instance.padded_size(item, other_pool);
            }
        }
        (0..instance.store()).all(|pool| needed[pool] <= self.states[imitated].load[pool])
    }

    /// The pool of the item of a slot, from its code.
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

    /// The substitution cost of a group of slots in one class: the codes are matched as multisets, since
    /// any item can take the part of any other. Equal codes cancel; the rest is matched in order, which is
    /// an upper bound on the best matching and therefore sound.
    fn group_substitution_cost(&self, group: &[usize], imitator: &[u8], imitated: &[u8]) -> f64 {
        if group.iter().all(|&slot| imitator[slot] == imitated[slot]) {
            return 0.0;
        }
        // By code: its count in `imitator` less its count in `imitated`.
        let mut more: SmallVec<[(u8, i32); 8]> = SmallVec::new();
        let mut count = |code: u8, by: i32| match more.iter_mut().find(|entry| entry.0 == code) {
            Some(entry) => entry.1 += by,
            None => more.push((code, by)),
        };
        for &slot in group {
            count(imitator[slot], 1);
            count(imitated[slot], -1);
        }
        let mut sum = 0.0;
        while let Some(from) = more.iter().position(|entry| entry.1 > 0) {
            let to = more.iter().position(|entry| entry.1 < 0).expect("the counts sum to 0");
            let times = more[from].1.min(-more[to].1);
            sum += f64::from(times) * self.substitution_cost(group[0], more[from].0, more[to].0);
            (more[from].1, more[to].1) = (more[from].1 - times, more[to].1 + times);
        }
        sum
    }

    /// Groups the slots by class; an unused slot is a group of its own.
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

    /// Selects the slots whose items are the most expensive to move.
    fn find_heavy(&mut self) {
        let pools = &self.problem.instance.pools;
        let each = pools.iter().map(|spec| spec.from + spec.to).max().unwrap_or(0) as f64;
        let weight = |slot_costs: &SlotCosts| f64::max(slot_costs.before, slot_costs.max_copy) * each;
        let low = self.states.iter().map(SweepState::bound).fold(f64::INFINITY, f64::min);
        // An item is heavy if moving it costs a large part of the gap: then one of two states that differ in
        // it is unlikely to imitate the other within the gap, and the comparison is saved.
        let threshold = (self.limit - low) / 64.0;
        let is_heavy =
            |&slot: &usize| self.slot_costs[slot].in_use && weight(&self.slot_costs[slot]) > threshold;
        let mut heavy: Vec<usize> = (0..self.slots).filter(is_heavy).collect();
        sort_by_keys(&mut heavy, |&slot| [!float_key(weight(&self.slot_costs[slot])), 0]);
        heavy.truncate(MAX_HEAVY);
        self.buffers.heavy = heavy;
    }

    /// Drops dominated states, then states beyond the beam width. States are examined in order of cost, so
    /// that cheap ones are kept.
    pub(super) fn merge(&mut self, when: MergeTime) {
        let width = self.problem.width;
        self.find_heavy();
        self.find_groups();
        let mut buffers = std::mem::take(&mut self.buffers);
        buffers.order.clear();
        buffers
            .order
            .extend(self.states.iter().zip(0..).map(|(state, index)| (float_key(state.cost), index)));
        buffers.order.sort_unstable();
        buffers.kept.clear();
        buffers.selected.clear();
        for &(_, index) in &buffers.order {
            let state = index as usize;
            let codes = &self.codes[state * self.slots..(state + 1) * self.slots];
            let key = buffers.heavy.iter().fold(0u128, |key, &slot| {
                key.wrapping_add(code_hash(self.slot_costs[slot].class, codes[slot]))
            });
            // States with equal codes of all heavy items are candidates for dominance; those kept before cost
            // less.
            let kept = buffers.kept.entry(key).or_default();
            // Only a full beam accepts new debts: they weaken the bound.
            let is_full = buffers.selected.len() >= width;
            if self.is_dominated(state, kept, is_full, when) {
                continue;
            }
            if is_full {
                self.dropped_bound = self.dropped_bound.min(self.states[state].bound());
                continue;
            }
            kept.push(index);
            buffers.selected.push(index);
        }
        buffers.selected.sort_unstable();
        self.retain(&buffers.selected);
        self.buffers = buffers;
    }

    /// Drops a state in favour of a kept one, if one dominates it. If the beam is full, a debt of up to
    /// half of the gap to the limit is accepted. Returns true if the state is dropped.
    fn is_dominated(&mut self, state: usize, kept: &[u32], is_full: bool, when: MergeTime) -> bool {
        let imitated = self.states[state];
        // The imitated state may stand for others that have paid less by its debt, and the imitator has
        // to cover these as well.
        let paid = imitated.paid - imitated.debt;
        let slack = self.limit - imitated.bound();
        let allowed = if is_full { slack / 2.0 } else { 0.0 };
        // The states kept last are closest in cost, so they are compared first, and the comparison ends at
        // one that takes no new debt.
        let mut best: Option<(f64, usize)> = None;
        for &candidate in kept.iter().rev().take(MAX_COMPARED) {
            let imitator = self.states[candidate as usize];
            let limit = paid - imitator.paid + imitator.debt + allowed;
            self.compared += self.slots;
            let simulation_cost = self.simulation_cost(candidate as usize, state, limit, when);
            if simulation_cost <= limit {
                let debt = imitator.paid - paid + simulation_cost;
                if best.is_none_or(|best| debt < best.0) {
                    best = Some((debt, candidate as usize));
                }
                if debt <= imitator.debt {
                    break;
                }
            }
        }
        let Some((debt, imitator)) = best else { return false };
        let imitator = &mut self.states[imitator];
        imitator.debt = imitator.debt.max(debt);
        true
    }

    fn retain(&mut self, selected: &[u32]) {
        for &index in selected {
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
