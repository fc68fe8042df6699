//! Exact search for an order of minimum peak: best first over executed sets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::charge_nodes;
use super::network::Network;
use super::ready_cursor::{ReadyCursor, path_from_root, zobrist_keys};
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::random::Keys;
use crate::support::sorting::{Keyed, sort_keyed};

/// An executed set with the lowest peak of any order that leads to it: a node of the search.
struct ScheduleState {
    parent: u32,
    /// The operator that ran first since the parent. The others ran for free.
    operator: u32,
    /// Lowest peak of an order that leads to this set.
    peak: u64,
    /// Zobrist key of the set.
    key: u128,
}

/// An entry of the priority queue: peak, insertion number, parent and operator. The lowest peak
/// comes first, then the newest entry, so that ties are resolved depth first.
type QueueEntry = (Reverse<u64>, u64, u32, u32);

/// The result of a search.
pub(super) struct ScheduleSearchResult {
    /// A lower bound on the peak of every order.
    pub(super) bound: u64,
    /// An order with a peak below the given height, and its peak.
    pub(super) found: Option<(u64, Vec<u32>)>,
    pub(super) stop: Stop,
}

/// Maximum memory for executed sets, in bytes.
const MAX_BYTES: usize = 1 << 28;

/// Searches for an order with a peak below `above`, given that no peak is below `bound`.
///
/// Decided: which operator runs next. The bytes live after a set of operators depend on the set
/// alone, so the search runs on sets, not on orders. It is Dijkstra's algorithm with the peak as
/// the length of a path (a bottleneck shortest path): each set is expanded once, by the lowest peak
/// that leads to it. So the lowest peak in the queue is a lower bound for all orders at any time, and
/// a search that is stopped early still returns a valid bound.
///
/// Pruned:
/// - Sets that were expanded before. Sets are compared by 128-bit Zobrist keys; two different
///   sets among 10^9 have the same key with probability 10^-20.
/// - Steps at or above `above`, since the incumbent is at least as good.
/// - Alternatives to a free operator: one that is ready, whose step fits the peak so far, and that
///   leaves no more bytes live. In any order from the set, moving it to the front raises no step, so
///   some optimal order runs it next. This does not hold if the operator frees a rounded-up
///   tensor, whose padding may have been beyond the end of the arena; such operators are not free.
///
/// An expanded set is a node. The number of sets is exponential in the width of the network.
pub(super) fn search(
    network: &Network,
    bound: u64,
    above: u64,
    budget: &mut Budget<'_>,
) -> ScheduleSearchResult {
    let mut search = ScheduleSearch::new(network, bound.max(network.base), above);
    let stop = match search.run(budget) {
        Ok(()) => Stop::Finished,
        Err(stop) => stop,
    };
    let found = search.end.map(|end| (search.states[end as usize].peak, search.order(end)));
    let bound =
        if stop == Stop::Finished { found.as_ref().map_or(above, |found| found.0) } else { search.bound };
    ScheduleSearchResult { bound, found, stop }
}

struct ScheduleSearch<'a> {
    network: &'a Network,
    walk: ReadyCursor<'a>,
    states: Vec<ScheduleState>,
    /// By state: the executed set as bits, after free operators.
    sets: Vec<usize>,
    /// Number of words of a set.
    words: usize,
    /// Zobrist keys of expanded sets, before and after free operators.
    seen: Keys,
    queue: BinaryHeap<QueueEntry>,
    options: Vec<Keyed>,
    zobrist: Vec<u128>,
    bound: u64,
    above: u64,
    end: Option<u32>,
}

impl<'a> ScheduleSearch<'a> {
    fn new(network: &'a Network, bound: u64, above: u64) -> Self {
        let walk = ReadyCursor::new(network);
        Self {
            words: walk.state.done.as_raw_slice().len(),
            walk,
            zobrist: zobrist_keys(network.operator_count()),
            network,
            states: Vec::new(),
            sets: Vec::new(),
            seen: Keys::default(),
            queue: BinaryHeap::new(),
            options: Vec::new(),
            bound,
            above,
            end: None,
        }
    }

    fn run(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        self.seen.insert(0);
        self.expand(
            ScheduleState { parent: u32::MAX, operator: u32::MAX, peak: self.bound, key: 0 },
            budget,
        )?;
        // The first complete order has the lowest peak, as no queue entry has a lower one.
        while self.end.is_none() {
            let Some((Reverse(peak), _, parent, operator)) = self.queue.pop() else { break };
            self.bound = self.bound.max(peak);
            budget.bound = self.bound;
            // The queue holds operators, not sets, so that a set is built only when it is expanded. The key
            // tells whether another path has reached the set by then.
            let key = self.states[parent as usize].key ^ self.zobrist[operator as usize];
            if !self.seen.insert(key) {
                continue;
            }
            let set_bytes = 8 * (self.network.operator_count() as usize).div_ceil(64);
            if self.states.len() * (set_bytes + 80) + self.queue.len() * 32 > MAX_BYTES {
                return Err(Stop::Nodes);
            }
            let first = parent as usize * self.words;
            let work = self.walk.go_to(&self.sets[first..first + self.words]);
            charge_nodes(budget, 0, work)?;
            self.walk.toggle(operator);
            self.expand(ScheduleState { parent, operator, peak, key }, budget)?;
        }
        Ok(())
    }

    /// Expands the current set: runs free operators, stores the state, and queues its successors.
    fn expand(&mut self, mut state: ScheduleState, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let (zobrist, before) = (&self.zobrist, state.key);
        let key = &mut state.key;
        self.walk.run_free_operators(state.peak, budget, |operator, _| *key ^= zobrist[operator as usize])?;
        charge_nodes(budget, 1, self.walk.ready_work)?;
        // Free operators may lead to a set that was expanded before.
        if state.key != before && !self.seen.insert(state.key) {
            return Ok(());
        }
        let (number, peak) = (self.states.len() as u32, state.peak);
        self.states.push(state);
        self.sets.extend_from_slice(self.walk.state.done.as_raw_slice());
        if self.walk.is_at_end() {
            self.end = Some(number);
            return Ok(());
        }
        self.options.clear();
        for &operator in self.walk.ready() {
            let step = self.walk.state.step(operator);
            if step.bytes < self.above {
                self.options.push(([step.after, step.bytes], operator.into()));
            }
        }
        sort_keyed(&mut self.options);
        // Among equal peaks, the entry with the highest number comes first. So the successor with
        // the fewest live bytes gets the highest number.
        for (rank, &([_, bytes], operator)) in self.options.iter().rev().enumerate() {
            let insertion = (u64::from(number) << 32) | rank as u64;
            self.queue.push((Reverse(bytes.max(peak)), insertion, number, operator as u32));
        }
        Ok(())
    }

    /// Reconstructs the order that leads to a state by replaying the free operators of each set.
    fn order(&self, end: u32) -> Vec<u32> {
        let limits = Limits::new();
        let budget = &mut Budget::new(&limits, u64::MAX);
        let (mut walk, mut order) = (ReadyCursor::new(self.network), Vec::new());
        for state in path_from_root(end, |state| self.states[state as usize].parent) {
            let ScheduleState { operator, peak, .. } = self.states[state as usize];
            if operator < u32::MAX {
                walk.toggle(operator);
                order.push(operator);
            }
            let ran = walk.run_free_operators(peak, budget, |operator, _| order.push(operator));
            ran.expect("without limits, nothing stops it");
        }
        order
    }
}
