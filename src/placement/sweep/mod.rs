//! The least cost by load: all that may be on chip at a step, from the first step to the
//! last. States that cannot lead below what is known are dropped, by what the prices show
//! of the steps that follow.

mod classes;
mod merge;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::instance::{Instance, MOST_POOLS};
use super::path::{Allowed, Crossing, Prices, STATES, bits, start, to_go, whole_cost, whole_price};
use crate::support::limits::{Meter, Stop};
use crate::support::random::{AsItIs, Random};
use crate::support::sorting::sort_by_keys;
use classes::Classes;

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) instance: &'a Instance,
    /// Items to be placed; nothing is known of the others.
    pub(crate) items: &'a [usize],
    /// Bytes for them, by pool on chip.
    pub(crate) capacities: &'a [u64],
    /// By pool and step.
    pub(crate) rates: &'a [f64],
    /// Only what costs less than this is of use.
    pub(crate) below: f64,
    /// The most states of a step.
    pub(crate) width: usize,
}

/// What was found.
pub(crate) struct Answer {
    /// Nothing costs less, unless it is not `below` what was asked for.
    pub(crate) bound: f64,
    /// The best: what it costs, where the items are by cell of the instance, and the fullest
    /// that each pool is.
    pub(crate) best: Option<Swept>,
}

pub(crate) struct Swept {
    pub(crate) cost: f64,
    /// Ways of the items that were asked for, one after the other.
    pub(crate) ways: Vec<u8>,
    pub(crate) peaks: [u64; MOST_POOLS],
}

/// An item that is in one pool throughout has this and the pool for its state.
const WHOLE: u8 = 0x80;

#[derive(Clone, Copy)]
struct Event {
    step: u32,
    /// Its place in the list of items.
    place: u32,
    /// The access; none for the choice whether it is in one pool throughout.
    number: Option<u32>,
    slot: u32,
}

/// An item's slot, and its class before and after an event.
#[derive(Clone, Copy)]
struct Slot {
    place: usize,
    class: u32,
    next: u32,
}

/// What is on chip.
#[derive(Clone, Copy)]
struct State {
    /// No way on costs less.
    cost: f64,
    /// What has been paid of that.
    paid: f64,
    /// Ways on from states that were merged into this one may cost so much less.
    debt: f64,
    /// Bytes at this step and at the next, by pool.
    now: [u64; MOST_POOLS],
    next: [u64; MOST_POOLS],
    peaks: [u64; MOST_POOLS],
    key: u128,
    trace: u32,
}

impl State {
    /// No way on from this, or from what was merged into it, costs less.
    fn low(&self) -> f64 {
        self.cost - self.debt
    }

    /// Becomes the cheaper of the two, which differ in nothing else that matters.
    fn join(&mut self, other: &State) {
        let low = self.low().min(other.low());
        if other.cost < self.cost {
            *self = *other;
        }
        self.debt = self.cost - low;
    }
}

/// How a state came about.
#[derive(Clone, Copy)]
struct Trace {
    before: u32,
    via: u8,
    to: u8,
}

type Index = HashMap<u128, u32, BuildHasherDefault<AsItIs>>;

struct Sweep<'a> {
    question: &'a Question<'a>,
    prices: Prices,
    everywhere: Vec<u8>,
    /// By place in the list of items.
    to_go: Vec<Vec<f64>>,
    starts: Vec<u8>,
    classes: Classes,
    slots: usize,
    states: Vec<State>,
    codes: Vec<u8>,
    new_states: Vec<State>,
    new_codes: Vec<u8>,
    index: Index,
    held: Vec<merge::Held>,
    merging: merge::Merging,
    groups: Vec<merge::Group>,
    traces: Vec<Trace>,
    /// Slots that were compared since this was last counted.
    compared: usize,
    /// The least of what was dropped for want of room.
    dropped: f64,
    limit: f64,
}

/// So many states in all.
const MOST_TRACES: usize = 12_000_000;

/// Answers a question.
///
/// # Errors
/// Why the search must stop.
pub(crate) fn sweep(question: &Question<'_>, meter: &mut Meter<'_>) -> Result<Answer, Stop> {
    let mut sweep = Sweep::new(question);
    let events = sweep.events();
    sweep.begin();
    let mut done = 0;
    let mut step = 0;
    while done < events.len() {
        let next = events[done].step;
        sweep.wait(step, next);
        step = next;
        while done < events.len() && events[done].step == step {
            let work = sweep.states.len() * (8 + sweep.slots / 2) + std::mem::take(&mut sweep.compared);
            meter.spend_on(1 + work as u64 / 512, work as u64)?;
            match events[done].number {
                Some(number) => sweep.cross(events[done], number as usize),
                None => sweep.choose(events[done]),
            }
            done += 1;
            if sweep.states.is_empty() {
                return Ok(Answer { bound: sweep.dropped.min(question.below), best: None });
            }
        }
        if events[done - 1].number.is_some() {
            sweep.close(step);
            step += 1;
        }
        if sweep.traces.len() > MOST_TRACES {
            let least = sweep.states.iter().map(State::low).fold(f64::INFINITY, f64::min);
            return Ok(Answer { bound: sweep.dropped.min(least).min(question.below), best: None });
        }
    }
    sweep.wait(step, question.instance.steps);
    Ok(sweep.answer(&events))
}

impl<'a> Sweep<'a> {
    fn new(question: &'a Question<'a>) -> Self {
        let instance = question.instance;
        let mut prices = Prices::none(instance.home(), instance.steps);
        prices.set(question.rates);
        let longest = question.items.iter().map(|&item| instance.items[item].accesses().len()).max();
        let everywhere = vec![u8::MAX; longest.unwrap_or(0)];
        let mut sweep = Self {
            question,
            prices,
            everywhere,
            to_go: Vec::new(),
            starts: Vec::new(),
            classes: Classes::new(instance, question.items),
            slots: 0,
            states: Vec::new(),
            codes: Vec::new(),
            new_states: Vec::new(),
            new_codes: Vec::new(),
            index: Index::default(),
            held: Vec::new(),
            merging: merge::Merging::default(),
            groups: Vec::new(),
            traces: Vec::new(),
            compared: 0,
            dropped: f64::INFINITY,
            limit: question.below,
        };
        sweep.to_go = question
            .items
            .iter()
            .map(|&item| to_go(instance, item, &sweep.prices, sweep.allowed(item)))
            .collect();
        sweep.starts = question.items.iter().map(|&item| sweep.start_of(item).0).collect();
        sweep
    }

    fn allowed(&self, item: usize) -> Allowed<'_> {
        let instance = self.question.instance;
        let cells = &instance.cells[instance.cells_of(item)];
        Allowed { cells, arrivals: &self.everywhere, whole: u8::MAX }
    }

    fn start_of(&self, item: usize) -> (u8, f64) {
        let start = start(self.question.instance, item, &self.prices, self.allowed(item));
        start.map_or((0, f64::INFINITY), |(state, cost)| (state as u8, cost))
    }

    /// Accesses by step, each with the slot that its item has until its last.
    fn events(&mut self) -> Vec<Event> {
        let instance = self.question.instance;
        let mut events = Vec::new();
        for (place, &item) in self.question.items.iter().enumerate() {
            let place = place as u32;
            if instance.items[item].whole > 0 {
                events.push(Event { step: 0, place, number: None, slot: 0 });
            }
            for (number, access) in (0..).zip(&instance.accesses[instance.items[item].accesses()]) {
                events.push(Event { step: access.step, place, number: Some(number), slot: 0 });
            }
        }
        sort_by_keys(&mut events, |event| {
            [u64::from(event.number.is_some()) << 32 | u64::from(event.step), event.place.into()]
        });
        let mut slot_of = vec![u32::MAX; self.question.items.len()];
        let mut free: Vec<u32> = Vec::new();
        for event in &mut events {
            let place = event.place as usize;
            if slot_of[place] == u32::MAX {
                slot_of[place] = free.pop().unwrap_or_else(|| {
                    self.slots += 1;
                    self.slots as u32 - 1
                });
            }
            event.slot = slot_of[place];
            let item = &instance.items[self.question.items[place]];
            if event.number == Some(item.accesses().len() as u32 - 1) && item.whole == 0 {
                free.push(event.slot);
            }
        }
        events
    }

    /// Before the first step.
    fn begin(&mut self) {
        let instance = self.question.instance;
        let mut state = State {
            cost: 0.0,
            paid: 0.0,
            debt: 0.0,
            now: [0; MOST_POOLS],
            next: [0; MOST_POOLS],
            peaks: [0; MOST_POOLS],
            key: 0,
            trace: u32::MAX,
        };
        for (place, &item) in self.question.items.iter().enumerate() {
            let (code, waiting) = self.start_of(item);
            let mut least = waiting + self.to_go[place][code as usize];
            for pool in bits(instance.items[item].whole) {
                let whole =
                    whole_cost(instance, item, pool) + whole_price(instance, item, &self.prices, pool);
                least = least.min(whole);
            }
            state.cost += least;
            let pool = code as usize / 2;
            if pool != instance.home() {
                state.next[pool] += instance.taken(item, pool);
            }
        }
        for pool in 0..instance.home() {
            let capacity = self.question.capacities[pool] as f64;
            state.cost -= capacity * self.prices.over(pool, (0, instance.steps));
        }
        state.now = state.next;
        self.held.resize(self.slots, merge::Held::default());
        if self.fits(&state) && state.cost <= self.limit {
            self.states.push(state);
            self.codes.resize(self.slots, u8::MAX);
        }
    }

    fn fits(&self, state: &State) -> bool {
        (0..self.question.instance.home()).all(|pool| state.now[pool] <= self.question.capacities[pool])
    }

    /// Steps `from..end` at which nothing is accessed.
    fn wait(&mut self, from: u32, end: u32) {
        for pool in 0..self.question.instance.home() {
            let price = self.prices.over(pool, (from, end));
            let capacity = self.question.capacities[pool];
            for state in &mut self.states {
                state.cost += price * (capacity - state.next[pool].min(capacity)) as f64;
            }
        }
    }

    /// Whether an item is in one pool throughout.
    fn choose(&mut self, event: Event) {
        let instance = self.question.instance;
        let (place, slot) = (event.place as usize, event.slot as usize);
        let item = self.question.items[place];
        let (code, waiting) = self.start_of(item);
        let chain = waiting + self.to_go[place][code as usize];
        let wholes: Vec<(usize, f64)> = bits(instance.items[item].whole)
            .map(|pool| {
                (pool, whole_cost(instance, item, pool) + whole_price(instance, item, &self.prices, pool))
            })
            .collect();
        let least = wholes.iter().map(|whole| whole.1).fold(chain, f64::min);
        let class = self.classes.of(place, 0);
        let slot = Slot { place: slot, class, next: class };
        for place in 0..self.states.len() {
            let state = self.states[place];
            self.push(
                place,
                State { cost: state.cost + chain - least, ..state },
                slot,
                u8::MAX,
                (0, u8::MAX),
            );
            for &(pool, cost) in &wholes {
                let paid = state.paid + whole_cost(instance, item, pool);
                let mut new = State { cost: state.cost + cost - least, paid, ..state };
                new.next[pool] += instance.taken(item, pool);
                new.now = new.next;
                self.push(place, new, slot, WHOLE | pool as u8, (pool as u8, WHOLE));
            }
        }
        self.hold(event, 0);
        self.turn();
    }

    /// An access of an item.
    fn cross(&mut self, event: Event, number: usize) {
        let instance = self.question.instance;
        let (place, slot) = (event.place as usize, event.slot as usize);
        let item = self.question.items[place];
        let cells = &instance.cells[instance.cells_of(item)];
        let everywhere = std::mem::take(&mut self.everywhere);
        let allowed = Allowed { cells, arrivals: &everywhere, whole: u8::MAX };
        let crossing = Crossing::new(instance, item, number, allowed);
        let tolls = crossing.tolls(&self.prices);
        let is_last = number + 1 == instance.items[item].accesses().len();
        let mut moves: Vec<Vec<(super::path::Move, f64)>> = vec![Vec::new(); STATES];
        for (code, moves) in moves.iter_mut().enumerate().take(2 * instance.rooms.len()) {
            let before = self.to_go[place][number * STATES + code];
            if before < f64::INFINITY {
                crossing.leave(code, |one| {
                    let after = self.to_go[place][(number + 1) * STATES + one.to as usize];
                    let more = one.cost + tolls.of(&one) + after - before;
                    if more < f64::INFINITY {
                        moves.push((one, more.max(0.0)));
                    }
                });
            }
        }
        let home = instance.home();
        let (class, next) = (self.classes.of(place, number), self.classes.of(place, number + 1));
        let slot = Slot { place: slot, class, next };
        for parent in 0..self.states.len() {
            let state = self.states[parent];
            let held = self.codes[parent * self.slots + slot.place];
            let code = if held == u8::MAX { self.starts[place] } else { held };
            if code & WHOLE > 0 {
                // It keeps its room, and its slot, to the end.
                self.push(parent, state, slot, code, (code & !WHOLE, WHOLE));
                continue;
            }
            let pool = code as usize / 2;
            for &(one, more) in &moves[code as usize] {
                let paid = state.paid + one.cost;
                let mut new = State { cost: state.cost + more, paid, ..state };
                if new.low() > self.limit {
                    continue;
                }
                for taken in bits(one.at_step & !(1 << pool)) {
                    new.now[taken] += instance.taken(item, taken);
                }
                let after = one.to as usize / 2;
                if pool != home {
                    new.next[pool] -= instance.taken(item, pool);
                }
                if after != home {
                    new.next[after] += instance.taken(item, after);
                }
                if self.fits(&new) {
                    let held = if is_last { u8::MAX } else { one.to };
                    self.push(parent, new, slot, held, (one.via, one.to));
                }
            }
        }
        self.everywhere = everywhere;
        self.hold(event, number + 1);
        self.turn();
    }

    /// Adds a state, unless one that is as good is there.
    fn push(&mut self, parent: usize, mut state: State, slot: Slot, code: u8, (via, to): (u8, u8)) {
        if state.low() > self.limit || !self.fits(&state) {
            return;
        }
        let held = self.codes[parent * self.slots + slot.place];
        state.key = state.key.wrapping_sub(mark(slot.class, held)).wrapping_add(mark(slot.next, code));
        let trace = Trace { before: state.trace, via, to };
        // States that leave other room at this step are apart.
        let mut own = state.key;
        for pool in 0..self.question.instance.home() {
            own = own.wrapping_add(
                Random::new(state.now[pool].wrapping_mul(MOST_POOLS as u64) + pool as u64).key(),
            );
        }
        match self.index.entry(own) {
            std::collections::hash_map::Entry::Occupied(entry) => {
                let place = *entry.get() as usize;
                let known = &mut self.new_states[place];
                state.trace = known.trace;
                if state.cost < known.cost {
                    self.traces[known.trace as usize] = trace;
                    // Of items that are alike, others may be where they are.
                    let codes = &mut self.new_codes[place * self.slots..(place + 1) * self.slots];
                    codes.copy_from_slice(&self.codes[parent * self.slots..(parent + 1) * self.slots]);
                    codes[slot.place] = code;
                }
                known.join(&state);
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(self.new_states.len() as u32);
                state.trace = self.traces.len() as u32;
                self.traces.push(trace);
                self.new_states.push(state);
                let from = parent * self.slots;
                let at = self.new_codes.len() + slot.place;
                self.new_codes.extend_from_slice(&self.codes[from..from + self.slots]);
                self.new_codes[at] = code;
            }
        }
    }

    /// New states are the states.
    fn turn(&mut self) {
        std::mem::swap(&mut self.states, &mut self.new_states);
        std::mem::swap(&mut self.codes, &mut self.new_codes);
        self.new_states.clear();
        self.new_codes.clear();
        self.index.clear();
        if self.states.len() > 4 * self.question.width {
            self.merge(merge::When::WithinStep);
        }
    }

    /// The end of a step: what was left of the pools is lost, and what only this step needed
    /// is free.
    fn close(&mut self, step: u32) {
        let chips = self.question.instance.home();
        for place in 0..self.states.len() {
            let mut state = self.states[place];
            for pool in 0..chips {
                let left = self.question.capacities[pool] - state.now[pool];
                state.cost += self.prices.over(pool, (step, step + 1)) * left as f64;
                state.peaks[pool] = state.peaks[pool].max(state.now[pool]);
            }
            state.now = state.next;
            if state.low() > self.limit {
                continue;
            }
            let from = place * self.slots;
            match self.index.entry(state.key) {
                std::collections::hash_map::Entry::Occupied(entry) => {
                    let known = *entry.get() as usize;
                    if state.cost < self.new_states[known].cost {
                        self.new_codes[known * self.slots..(known + 1) * self.slots]
                            .copy_from_slice(&self.codes[from..from + self.slots]);
                    }
                    self.new_states[known].join(&state);
                }
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(self.new_states.len() as u32);
                    self.new_states.push(state);
                    self.new_codes.extend_from_slice(&self.codes[from..from + self.slots]);
                }
            }
        }
        self.turn();
        if self.states.len() > 32 {
            self.merge(merge::When::BetweenSteps);
        }
    }

    fn answer(&self, events: &[Event]) -> Answer {
        let best = self.states.iter().min_by_key(|state| rising(state.cost));
        let least = self.states.iter().map(State::low).fold(f64::INFINITY, f64::min);
        let swept = best.map(|state| self.swept(state, events));
        Answer { bound: self.dropped.min(least).min(self.question.below), best: swept }
    }

    fn swept(&self, state: &State, events: &[Event]) -> Swept {
        let Question { instance, items, .. } = *self.question;
        let mut from = vec![0; items.len()];
        let mut count = 0;
        for (from, &item) in from.iter_mut().zip(items) {
            *from = count;
            count += instance.cells_of(item).len();
        }
        let mut ways = vec![0; count];
        for (place, &item) in items.iter().enumerate() {
            ways[from[place]] = instance.items[item].start;
        }
        let mut trace = state.trace;
        for event in events.iter().rev() {
            let Trace { before, via, to } = self.traces[trace as usize];
            trace = before;
            let place = event.place as usize;
            let length = instance.cells_of(items[place]).len();
            let way = &mut ways[from[place]..from[place] + length];
            match event.number {
                Some(_) if to == WHOLE => way.fill(via),
                Some(number) => {
                    way[2 * number as usize + 1] = via;
                    way[2 * number as usize + 2] = to / 2;
                }
                None => {}
            }
        }
        Swept { cost: state.cost, ways, peaks: state.peaks }
    }
}

/// What tells the code of an item of a class from others.
fn mark(class: u32, code: u8) -> u128 {
    if code == u8::MAX { 0 } else { Random::new(u64::from(class) << 8 | u64::from(code)).key() }
}

/// Numbers that rise as costs do.
fn rising(cost: f64) -> u64 {
    let bits = cost.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[cfg(test)]
mod tests;
