//! The exact search for an order: least peaks first, over sets of operators.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::network::Network;
use super::spend;
use super::walk::{Walk, marks};
use crate::limits::{Limits, Meter, Stop};
use crate::random::Keys;
use crate::sorting::{Keyed, sort_keyed};

/// A set of operators that have run, reached with the least peak.
struct State {
    parent: u32,
    /// What ran first since the parent.
    operator: u32,
    /// Least peak of an order that leads here.
    peak: u64,
    /// Of the set, before what ran at once and with it.
    key: u128,
}

/// What can be run next from a state; the least peak first, then the newest.
type Next = (Reverse<u64>, u64, u32, u32);

/// What came of a search.
pub(super) struct Searched {
    /// No order has a lower peak.
    pub(super) bound: u64,
    /// An order below the height that was to be beaten, and its peak.
    pub(super) found: Option<(u64, Vec<u32>)>,
    pub(super) stop: Stop,
}

/// Room for sets of operators, in bytes.
const MOST_BYTES: usize = 1 << 28;

/// Looks for an order with a peak below `above`, when none is below `bound`, by Dijkstra's
/// algorithm on sets of operators: the length of a path is its peak. Each set is left once,
/// by the lowest peak that leads to it; so the least peak of all sets that are still to be
/// left bounds those of all orders from below, at any time.
///
/// From each set, what is ready, fits the peak so far, and leaves no more live than before
/// is run at once: in any order from there, moving it to the front raises nothing. (Not so
/// where what it frees was rounded up, as that may have hung over the end.)
///
/// A node is a set. Exponential in the width of the network.
pub(super) fn search(network: &Network, bound: u64, above: u64, meter: &mut Meter<'_>) -> Searched {
    let mut search = Search::new(network, bound.max(network.base), above);
    let stop = match search.run(meter) {
        Ok(()) => Stop::Finished,
        Err(stop) => stop,
    };
    let found = search.end.map(|end| (search.states[end as usize].peak, search.order(end)));
    let bound =
        if stop == Stop::Finished { found.as_ref().map_or(above, |found| found.0) } else { search.bound };
    Searched { bound, found, stop }
}

struct Search<'a> {
    network: &'a Network,
    walk: Walk<'a>,
    states: Vec<State>,
    /// Keys of the states, after what ran at once.
    sets: Vec<u64>,
    words: usize,
    /// By set, before and after what ran at once.
    seen: Keys,
    open: BinaryHeap<Next>,
    options: Vec<Keyed>,
    marks: Vec<u128>,
    bound: u64,
    above: u64,
    end: Option<u32>,
}

impl<'a> Search<'a> {
    fn new(network: &'a Network, bound: u64, above: u64) -> Self {
        Self {
            walk: Walk::new(network),
            words: (network.operator_count() as usize).div_ceil(64),
            marks: marks(network.operator_count()),
            network,
            states: Vec::new(),
            sets: Vec::new(),
            seen: Keys::default(),
            open: BinaryHeap::new(),
            options: Vec::new(),
            bound,
            above,
            end: None,
        }
    }

    fn run(&mut self, meter: &mut Meter<'_>) -> Result<(), Stop> {
        self.seen.insert(0);
        self.leave(State { parent: u32::MAX, operator: u32::MAX, peak: self.bound, key: 0 }, meter)?;
        // What ends first does so with the least peak: nothing that is open has a lower one.
        while self.end.is_none() {
            let Some((Reverse(peak), _, parent, operator)) = self.open.pop() else { break };
            self.bound = self.bound.max(peak);
            meter.bound = self.bound;
            let key = self.states[parent as usize].key ^ self.marks[operator as usize];
            if !self.seen.insert(key) {
                continue;
            }
            if self.states.len() * (8 * self.words + 80) + self.open.len() * 32 > MOST_BYTES {
                return Err(Stop::Nodes);
            }
            let first = parent as usize * self.words;
            let work = self.walk.go_to(&self.sets[first..first + self.words]);
            spend(meter, 0, work)?;
            self.walk.flip(operator);
            self.leave(State { parent, operator, peak, key }, meter)?;
        }
        Ok(())
    }

    /// Runs at once what can be, and notes what may come next.
    fn leave(&mut self, mut state: State, meter: &mut Meter<'_>) -> Result<(), Stop> {
        let (marks, before) = (&self.marks, state.key);
        let key = &mut state.key;
        self.walk.run_free(state.peak, meter, |operator, _| *key ^= marks[operator as usize])?;
        spend(meter, 1, self.walk.ready_work)?;
        if state.key != before && !self.seen.insert(state.key) {
            return Ok(());
        }
        let (number, peak) = (self.states.len() as u32, state.peak);
        self.states.push(state);
        self.sets.extend_from_slice(self.walk.cursor.done.as_raw_slice());
        if self.walk.is_at_end() {
            self.end = Some(number);
            return Ok(());
        }
        self.options.clear();
        for &operator in self.walk.ready() {
            let step = self.walk.cursor.step(operator);
            if step.bytes < self.above {
                self.options.push(([step.after, step.bytes], operator.into()));
            }
        }
        sort_keyed(&mut self.options);
        // The last is taken first.
        for (place, &([_, bytes], operator)) in self.options.iter().rev().enumerate() {
            let newest = (u64::from(number) << 32) | place as u64;
            self.open.push((Reverse(bytes.max(peak)), newest, number, operator as u32));
        }
        Ok(())
    }

    /// The order that leads to a state: as much work as one step of the search for each operator.
    fn order(&self, end: u32) -> Vec<u32> {
        let limits = Limits::new();
        let meter = &mut Meter::new(&limits, u64::MAX);
        let mut path = Vec::new();
        let mut state = end;
        while state < u32::MAX {
            path.push(state);
            state = self.states[state as usize].parent;
        }
        let (mut walk, mut order) = (Walk::new(self.network), Vec::new());
        for &state in path.iter().rev() {
            let State { operator, peak, .. } = self.states[state as usize];
            if operator < u32::MAX {
                walk.flip(operator);
                order.push(operator);
            }
            let ran = walk.run_free(peak, meter, |operator, _| order.push(operator));
            ran.expect("without limits, nothing stops it");
        }
        order
    }
}
