//! Exact search by load: a dynamic program over the steps.
//!
//! The events of the sweep are the accesses of the items in order of their steps; each event decides the
//! pool of one access and the pool after it. Before the first step one event for each item decides whether
//! it is resident. A state records where every item with accesses before and after the current event is
//! (its code, in a slot), and the load of each pool at the current step and from the next step on. Items
//! that have not begun or are finished need no slot, so the number of states depends on the items that are
//! alive at once.
//!
//! Each state carries a lower bound on the cost of every completion: what it has paid, plus the cost-to-go
//! of every item alone at the dual prices, less the price of the capacity at later steps. This is the
//! Lagrangian bound of the remaining problem, so a state whose bound exceeds the limit has no useful
//! completion and is pruned. As events are processed, the bound rises exactly by the reduced cost of the
//! transition and the price of unused capacity.
//!
//! Three more rules keep the number of states small. States with equal codes and loads are merged, because
//! their completions are the same; codes of items with identical futures are interchangeable (`classes`). A
//! state that can imitate another one at no higher cost dominates it (`merge`). And the beam width limits
//! the states of a step; the lowest bound of the states that it drops limits the final bound, so a narrow
//! beam weakens the bound and never invalidates it.
//!
//! Each event costs O(states * transitions * slots).

mod classes;
mod merge;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::instance::{Instance, MAX_POOLS};
use super::path::{AccessTransitions, PathProblem, Prices, STATES, bits};
use crate::support::arithmetic::float_key;
use crate::support::limits::{Budget, Stop};
use crate::support::random::{AsItIs, Random};
use crate::support::sorting::sort_by_keys;
use classes::SuffixClasses;

/// A problem for the sweep.
pub(crate) struct SweepProblem<'a> {
    pub(crate) instance: &'a Instance,
    /// The items to decide; all others are ignored.
    pub(crate) items: &'a [usize],
    /// Capacity for them, by pool on chip.
    pub(crate) capacities: &'a [u64],
    /// Dual prices by pool and step.
    pub(crate) rates: &'a [f64],
    /// Only assignments of lower cost are of use.
    pub(crate) cutoff: f64,
    /// Maximum number of states kept after a step.
    pub(crate) width: usize,
}

/// Result of a sweep.
pub(crate) struct SweepResult {
    /// Lower bound on the cost of every assignment, at most the cutoff: states above it are pruned.
    pub(crate) bound: f64,
    /// The cheapest assignment found.
    pub(crate) best: Option<SweepSolution>,
}

/// An assignment of the items that fits by load.
pub(crate) struct SweepSolution {
    pub(crate) cost: f64,
    /// Paths of the items, concatenated in the order of the list.
    pub(crate) paths: Vec<u8>,
    /// Highest load of each pool.
    pub(crate) peaks: [u64; MAX_POOLS],
}

/// Code of a resident item, combined with its pool.
const RESIDENT: u8 = 0x80;

/// One decision about an item.
#[derive(Clone, Copy)]
struct SweepEvent {
    step: u32,
    /// Index in the list of items.
    index: u32,
    /// The access; none for the decision about residency.
    number: Option<u32>,
    slot: u32,
}

/// Slot of an item, with its class before and after an event.
#[derive(Clone, Copy)]
struct SlotUpdate {
    index: usize,
    class: u32,
    next: u32,
}

/// A state of the dynamic program.
#[derive(Clone, Copy)]
struct SweepState {
    /// Lower bound on the cost of every completion.
    cost: f64,
    /// Cost of the decisions so far, without prices.
    paid: f64,
    /// Completions of dominated states may cost less than those of this state by this much.
    debt: f64,
    /// Bytes in use at the current step and from the next step on, by pool.
    load: [u64; MAX_POOLS],
    next_load: [u64; MAX_POOLS],
    /// Highest load of each pool up to this step.
    peaks: [u64; MAX_POOLS],
    /// Sum of [`code_hash`] over the slots.
    key: u128,
    /// Index of the last decision.
    trace: u32,
}

impl SweepState {
    /// Lower bound on the completions of this state and of all states merged into it.
    fn bound(&self) -> f64 {
        self.cost - self.debt
    }

    /// Merges two states with equal completions: keeps the cheaper one, with a debt that covers both lower
    /// bounds.
    fn join(&mut self, other: &SweepState) {
        let low = self.bound().min(other.bound());
        if other.cost < self.cost {
            *self = *other;
        }
        self.debt = self.cost - low;
    }
}

/// Decision that led to a state, as a linked list to the root.
#[derive(Clone, Copy)]
struct SweepTrace {
    before: u32,
    via: u8,
    to: u8,
}

/// New states by the hash of their codes and loads.
type StateIndex = HashMap<u128, u32, BuildHasherDefault<AsItIs>>;

/// The dynamic program at one event.
struct StateSweep<'a> {
    problem: &'a SweepProblem<'a>,
    prices: Prices,
    everywhere: Vec<u8>,
    /// By index in the list of items.
    costs_to_go: Vec<Vec<f64>>,
    /// Code before the first access, by index in the list of items.
    starts: Vec<u8>,
    classes: SuffixClasses,
    slots: usize,
    states: Vec<SweepState>,
    /// Codes of the items in the slots, `slots` for each state; `u8::MAX` if a slot has no item or its item
    /// has not begun.
    codes: Vec<u8>,
    new_states: Vec<SweepState>,
    new_codes: Vec<u8>,
    state_index: StateIndex,
    slot_costs: Vec<merge::SlotCosts>,
    buffers: merge::MergeBuffers,
    groups: Vec<merge::SlotGroup>,
    traces: Vec<SweepTrace>,
    /// Slots compared since the work was last charged.
    compared: usize,
    /// Lowest bound of the states dropped beyond the beam width.
    dropped_bound: f64,
    limit: f64,
}

/// Maximum number of traces, which bounds the memory.
const MAX_TRACES: usize = 12_000_000;

/// Solves a problem.
pub(crate) fn sweep(problem: &SweepProblem<'_>, budget: &mut Budget<'_>) -> Result<SweepResult, Stop> {
    let mut sweep = StateSweep::new(problem);
    let events = sweep.events();
    sweep.push_root();
    let mut processed = 0;
    let mut step = 0;
    while processed < events.len() {
        let next = events[processed].step;
        sweep.advance_to(step, next);
        step = next;
        while processed < events.len() && events[processed].step == step {
            let work = sweep.states.len() * (8 + sweep.slots / 2) + std::mem::take(&mut sweep.compared);
            budget.spend_on(1 + work as u64 / 512, work as u64)?;
            match events[processed].number {
                Some(number) => sweep.apply_access(events[processed], number as usize),
                None => sweep.branch_resident(events[processed]),
            }
            processed += 1;
            if sweep.states.is_empty() {
                return Ok(SweepResult { bound: sweep.dropped_bound.min(problem.cutoff), best: None });
            }
        }
        if events[processed - 1].number.is_some() {
            sweep.end_step(step);
            step += 1;
        }
        // The states so far still bound every completion.
        if sweep.traces.len() > MAX_TRACES {
            let min_cost = sweep.states.iter().map(SweepState::bound).fold(f64::INFINITY, f64::min);
            return Ok(SweepResult {
                bound: sweep.dropped_bound.min(min_cost).min(problem.cutoff),
                best: None,
            });
        }
    }
    sweep.advance_to(step, problem.instance.steps);
    Ok(sweep.answer(&events))
}

impl<'a> StateSweep<'a> {
    fn new(problem: &'a SweepProblem<'a>) -> Self {
        let instance = problem.instance;
        let mut prices = Prices::none(instance.store(), instance.steps);
        prices.set(problem.rates);
        let longest = problem.items.iter().map(|&item| instance.items[item].accesses().len()).max();
        let everywhere = vec![u8::MAX; longest.unwrap_or(0)];
        let mut sweep = Self {
            problem,
            prices,
            everywhere,
            costs_to_go: Vec::new(),
            starts: Vec::new(),
            classes: SuffixClasses::new(instance, problem.items),
            slots: 0,
            states: Vec::new(),
            codes: Vec::new(),
            new_states: Vec::new(),
            new_codes: Vec::new(),
            state_index: StateIndex::default(),
            slot_costs: Vec::new(),
            buffers: merge::MergeBuffers::default(),
            groups: Vec::new(),
            traces: Vec::new(),
            compared: 0,
            dropped_bound: f64::INFINITY,
            limit: problem.cutoff,
        };
        sweep.costs_to_go = problem.items.iter().map(|&item| sweep.paths_of(item).costs_to_go()).collect();
        sweep.starts = problem.items.iter().map(|&item| sweep.start_state(item).0).collect();
        sweep
    }

    fn paths_of(&self, item: usize) -> PathProblem<'_> {
        let (instance, prices, arrivals) = (self.problem.instance, &self.prices, self.everywhere.as_slice());
        let point_pools = &instance.point_pools[instance.points_of(item)];
        PathProblem { instance, item, prices, point_pools, arrivals, resident_pools: u8::MAX }
    }

    fn start_state(&self, item: usize) -> (u8, f64) {
        self.paths_of(item).start().map_or((0, f64::INFINITY), |(state, cost)| (state as u8, cost))
    }

    /// All events in order of their steps. Each item gets a slot from its first event to its last; slots
    /// are reused.
    fn events(&mut self) -> Vec<SweepEvent> {
        let instance = self.problem.instance;
        let mut events = Vec::new();
        for (index, &item) in self.problem.items.iter().enumerate() {
            let index = index as u32;
            if instance.items[item].resident_pools > 0 {
                events.push(SweepEvent { step: 0, index, number: None, slot: 0 });
            }
            for (number, access) in (0..).zip(&instance.accesses[instance.items[item].accesses()]) {
                events.push(SweepEvent { step: access.step, index, number: Some(number), slot: 0 });
            }
        }
        // Residency is decided before the first step, so these events come first. At one step, the order of
        // the accesses does not matter for soundness; the index makes it deterministic.
        sort_by_keys(&mut events, |event| {
            [u64::from(event.number.is_some()) << 32 | u64::from(event.step), event.index.into()]
        });
        let mut slot_of = vec![u32::MAX; self.problem.items.len()];
        let mut free: Vec<u32> = Vec::new();
        for event in &mut events {
            let index = event.index as usize;
            if slot_of[index] == u32::MAX {
                slot_of[index] = free.pop().unwrap_or_else(|| {
                    self.slots += 1;
                    self.slots as u32 - 1
                });
            }
            event.slot = slot_of[index];
            let item = &instance.items[self.problem.items[index]];
            // An item that may be resident keeps its slot: a resident one occupies its bytes to the end of
            // the run.
            if event.number == Some(item.accesses().len() as u32 - 1) && item.resident_pools == 0 {
                free.push(event.slot);
            }
        }
        events
    }

    /// Creates the root state, before the first step.
    fn push_root(&mut self) {
        let instance = self.problem.instance;
        let mut state = SweepState {
            cost: 0.0,
            paid: 0.0,
            debt: 0.0,
            load: [0; MAX_POOLS],
            next_load: [0; MAX_POOLS],
            peaks: [0; MAX_POOLS],
            key: 0,
            trace: u32::MAX,
        };
        for (index, &item) in self.problem.items.iter().enumerate() {
            // The root's bound counts each item at its least cost, whether it is resident or not.
            let (code, waiting) = self.start_state(item);
            let mut min_cost = waiting + self.costs_to_go[index][code as usize];
            let paths = self.paths_of(item);
            for pool in bits(instance.items[item].resident_pools) {
                min_cost = min_cost.min(paths.resident_cost(pool) + paths.resident_price(pool));
            }
            state.cost += min_cost;
            let pool = code as usize / 2;
            if pool != instance.store() {
                state.next_load[pool] += instance.padded_size(item, pool);
            }
        }
        // The Lagrangian bound subtracts the price of all capacity; steps that pass give the price of the
        // unused part back.
        for pool in 0..instance.store() {
            let capacity = self.problem.capacities[pool] as f64;
            state.cost -= capacity * self.prices.over(pool, (0, instance.steps));
        }
        state.load = state.next_load;
        self.slot_costs.resize(self.slots, merge::SlotCosts::default());
        if self.fits(&state) && state.cost <= self.limit {
            self.states.push(state);
            self.codes.resize(self.slots, u8::MAX);
        }
    }

    fn fits(&self, state: &SweepState) -> bool {
        (0..self.problem.instance.store()).all(|pool| state.load[pool] <= self.problem.capacities[pool])
    }

    /// Moves to step `end` over steps without accesses: unused capacity is charged at its price.
    fn advance_to(&mut self, from: u32, end: u32) {
        for pool in 0..self.problem.instance.store() {
            let price = self.prices.over(pool, (from, end));
            let capacity = self.problem.capacities[pool];
            for state in &mut self.states {
                state.cost += price * (capacity - state.next_load[pool].min(capacity)) as f64;
            }
        }
    }

    /// Branches on the residency of an item.
    fn branch_resident(&mut self, event: SweepEvent) {
        let instance = self.problem.instance;
        let (index, slot) = (event.index as usize, event.slot as usize);
        let item = self.problem.items[index];
        let (code, waiting) = self.start_state(item);
        let transient = waiting + self.costs_to_go[index][code as usize];
        let paths = self.paths_of(item);
        // By pool: the cost of traffic, and the cost with the price of the memory.
        let option =
            |pool| (pool, paths.resident_cost(pool), paths.resident_cost(pool) + paths.resident_price(pool));
        let resident: Vec<(usize, f64, f64)> =
            bits(instance.items[item].resident_pools).map(option).collect();
        let min_cost = resident.iter().map(|option| option.2).fold(transient, f64::min);
        let class = self.classes.of(index, 0);
        let slot = SlotUpdate { index: slot, class, next: class };
        // Each state branches into one state without residency and one for each pool in which the item may be
        // resident. The bound of the parent contains the least of their costs, so the children pay the
        // difference.
        for index in 0..self.states.len() {
            let state = self.states[index];
            let new = SweepState { cost: state.cost + transient - min_cost, ..state };
            self.push(index, new, slot, u8::MAX, (0, u8::MAX));
            for &(pool, traffic, cost) in &resident {
                let paid = state.paid + traffic;
                let mut new = SweepState { cost: state.cost + cost - min_cost, paid, ..state };
                new.next_load[pool] += instance.padded_size(item, pool);
                new.load = new.next_load;
                self.push(index, new, slot, RESIDENT | pool as u8, (pool as u8, RESIDENT));
            }
        }
        self.update_slot(event, 0);
        self.swap_layers();
    }

    /// Branches on the transitions of an item over an access.
    fn apply_access(&mut self, event: SweepEvent, number: usize) {
        let instance = self.problem.instance;
        let (index, slot) = (event.index as usize, event.slot as usize);
        let item = self.problem.items[index];
        let transitions = AccessTransitions::new(&self.paths_of(item), number);
        let prices_around = transitions.prices_around(&self.prices);
        let is_last = number + 1 == instance.items[item].accesses().len();
        // The bound of a state contains the cost-to-go of the item at its code. A transition replaces it
        // by the cost of the transition and the cost-to-go after it; the difference is its reduced cost,
        // which is negative only by rounding.
        let mut moves: Vec<Vec<(super::path::PathTransition, f64)>> = vec![Vec::new(); STATES];
        for (code, moves) in moves.iter_mut().enumerate().take(2 * instance.pools.len()) {
            let before = self.costs_to_go[index][number * STATES + code];
            if before < f64::INFINITY {
                transitions.for_each_transition(code, |transition| {
                    let after = self.costs_to_go[index][(number + 1) * STATES + transition.to as usize];
                    let more = transition.cost + prices_around.of(&transition) + after - before;
                    if more < f64::INFINITY {
                        moves.push((transition, more.max(0.0)));
                    }
                });
            }
        }
        let store = instance.store();
        let (class, next) = (self.classes.of(index, number), self.classes.of(index, number + 1));
        let slot = SlotUpdate { index: slot, class, next };
        for parent in 0..self.states.len() {
            let state = self.states[parent];
            // An item without a recorded code has not begun: it is where it starts.
            let recorded = self.codes[parent * self.slots + slot.index];
            let code = if recorded == u8::MAX { self.starts[index] } else { recorded };
            if code & RESIDENT > 0 {
                // A resident item keeps its bytes and its slot to the end.
                self.push(parent, state, slot, code, (code & !RESIDENT, RESIDENT));
                continue;
            }
            let pool = code as usize / 2;
            for &(transition, more) in &moves[code as usize] {
                let paid = state.paid + transition.cost;
                let mut new = SweepState { cost: state.cost + more, paid, ..state };
                if new.bound() > self.limit {
                    continue;
                }
                // The pool before the access counts at this step already, since the item waited there; the
                // other pools are added for this step, and the pool after the access for the next ones.
                for taken in bits(transition.at_step & !(1 << pool)) {
                    new.load[taken] += instance.padded_size(item, taken);
                }
                let after = transition.to as usize / 2;
                if pool != store {
                    new.next_load[pool] -= instance.padded_size(item, pool);
                }
                if after != store {
                    new.next_load[after] += instance.padded_size(item, after);
                }
                if self.fits(&new) {
                    let code = if is_last { u8::MAX } else { transition.to };
                    self.push(parent, new, slot, code, (transition.via, transition.to));
                }
            }
        }
        self.update_slot(event, number + 1);
        self.swap_layers();
    }

    /// Adds a state, or merges it into an equal one. A state above the limit or the capacity is dropped.
    fn push(
        &mut self,
        parent: usize,
        mut state: SweepState,
        slot: SlotUpdate,
        code: u8,
        (via, to): (u8, u8),
    ) {
        if state.bound() > self.limit || !self.fits(&state) {
            return;
        }
        // The hash is a sum over the slots, so the change of one code updates it in O(1).
        let previous = self.codes[parent * self.slots + slot.index];
        state.key =
            state.key.wrapping_sub(code_hash(slot.class, previous)).wrapping_add(code_hash(slot.next, code));
        let trace = SweepTrace { before: state.trace, via, to };
        // States with equal codes may still differ in the load of the current step, because items that were
        // accessed occupy their bytes to its end.
        let mut key = state.key;
        // Between the accesses of one step the load belongs to the state: what is left of the capacity
        // decides about the next accesses.
        for pool in 0..self.problem.instance.store() {
            key = key.wrapping_add(
                Random::new(state.load[pool].wrapping_mul(MAX_POOLS as u64) + pool as u64).key(),
            );
        }
        match self.state_index.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => {
                let index = *entry.get() as usize;
                let existing = &mut self.new_states[index];
                state.trace = existing.trace;
                if state.cost < existing.cost {
                    self.traces[existing.trace as usize] = trace;
                    // Equal keys do not imply equal codes: items of one class may have exchanged their
                    // codes. The codes must belong to the trace that is kept.
                    let codes = &mut self.new_codes[index * self.slots..(index + 1) * self.slots];
                    codes.copy_from_slice(&self.codes[parent * self.slots..(parent + 1) * self.slots]);
                    codes[slot.index] = code;
                }
                existing.join(&state);
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(self.new_states.len() as u32);
                state.trace = self.traces.len() as u32;
                self.traces.push(trace);
                self.new_states.push(state);
                let from = parent * self.slots;
                let at = self.new_codes.len() + slot.index;
                self.new_codes.extend_from_slice(&self.codes[from..from + self.slots]);
                self.new_codes[at] = code;
            }
        }
    }

    /// Makes the new states the current ones, and merges them if there are too many.
    fn swap_layers(&mut self) {
        std::mem::swap(&mut self.states, &mut self.new_states);
        std::mem::swap(&mut self.codes, &mut self.new_codes);
        self.new_states.clear();
        self.new_codes.clear();
        self.state_index.clear();
        // Within a step, states are merged only if they are far too many: many of them become equal when the
        // step ends.
        if self.states.len() > 4 * self.problem.width {
            self.merge(merge::MergeTime::WithinStep);
        }
    }

    /// Ends a step: charges the unused capacity at its price and frees the bytes that only this step
    /// needed. States that differed only in those become equal.
    fn end_step(&mut self, step: u32) {
        let chips = self.problem.instance.store();
        for index in 0..self.states.len() {
            let mut state = self.states[index];
            for pool in 0..chips {
                let left = self.problem.capacities[pool] - state.load[pool];
                state.cost += self.prices.over(pool, (step, step + 1)) * left as f64;
                state.peaks[pool] = state.peaks[pool].max(state.load[pool]);
            }
            // Bytes of copies and of accesses of this step are free from here on.
            state.load = state.next_load;
            if state.bound() > self.limit {
                continue;
            }
            let from = index * self.slots;
            match self.state_index.entry(state.key) {
                std::collections::hash_map::Entry::Occupied(entry) => {
                    let index = *entry.get() as usize;
                    if state.cost < self.new_states[index].cost {
                        self.new_codes[index * self.slots..(index + 1) * self.slots]
                            .copy_from_slice(&self.codes[from..from + self.slots]);
                    }
                    self.new_states[index].join(&state);
                }
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(self.new_states.len() as u32);
                    self.new_states.push(state);
                    self.new_codes.extend_from_slice(&self.codes[from..from + self.slots]);
                }
            }
        }
        self.swap_layers();
        if self.states.len() > 32 {
            self.merge(merge::MergeTime::BetweenSteps);
        }
    }

    /// The result after the last event.
    fn answer(&self, events: &[SweepEvent]) -> SweepResult {
        let best = self.states.iter().min_by_key(|state| float_key(state.cost));
        let min_cost = self.states.iter().map(SweepState::bound).fold(f64::INFINITY, f64::min);
        let solution = best.map(|state| self.solution(state, events));
        SweepResult { bound: self.dropped_bound.min(min_cost).min(self.problem.cutoff), best: solution }
    }

    /// The assignment of a state, from its trace.
    fn solution(&self, state: &SweepState, events: &[SweepEvent]) -> SweepSolution {
        let SweepProblem { instance, items, .. } = *self.problem;
        let mut from = vec![0; items.len()];
        let mut count = 0;
        for (from, &item) in from.iter_mut().zip(items) {
            *from = count;
            count += instance.points_of(item).len();
        }
        let mut paths = vec![0; count];
        for (index, &item) in items.iter().enumerate() {
            paths[from[index]] = instance.items[item].start;
        }
        // Each event has recorded one decision, so the trace is read from the last event to the first.
        let mut trace = state.trace;
        for event in events.iter().rev() {
            let SweepTrace { before, via, to } = self.traces[trace as usize];
            trace = before;
            let index = event.index as usize;
            let length = instance.points_of(items[index]).len();
            let path = &mut paths[from[index]..from[index] + length];
            match event.number {
                Some(_) if to == RESIDENT => path.fill(via),
                Some(number) => {
                    path[2 * number as usize + 1] = via;
                    path[2 * number as usize + 2] = to / 2;
                }
                None => {}
            }
        }
        SweepSolution { cost: state.cost, paths, peaks: state.peaks }
    }
}

/// Hash of the code of an item of a class; the sum over the slots identifies a state up to permutations
/// within classes.
fn code_hash(class: u32, code: u8) -> u128 {
    if code == u8::MAX { 0 } else { Random::new(u64::from(class) << 8 | u64::from(code)).key() }
}

#[cfg(test)]
mod tests;
