//! The execution state together with the list of ready operators.

use super::charge_nodes;
use super::execution_state::ExecutionState;
use super::network::Network;
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;

/// An execution state that keeps the list of ready operators up to date.
#[derive(Clone, Debug)]
pub(super) struct ReadyCursor<'a> {
    pub(super) state: ExecutionState<'a>,
    /// Operators that are ready, in arbitrary order.
    ready: Vec<u32>,
    /// Work units of visiting all ready operators.
    pub(super) ready_work: u64,
    /// By operator: its position in `ready`, or `u32::MAX`.
    position: Vec<u32>,
    /// By operator: work units of evaluating its step or running it.
    work: Vec<u32>,
    /// Buffer of [`toggle`](Self::toggle).
    changed: Vec<u32>,
}

impl<'a> ReadyCursor<'a> {
    /// The state before the first operator.
    pub(super) fn new(network: &'a Network) -> Self {
        let count = network.operator_count();
        let mut walk = Self {
            state: ExecutionState::new(network),
            ready: Vec::new(),
            ready_work: 0,
            position: vec![u32::MAX; count as usize],
            work: (0..count).map(|operator| work(network, operator)).collect(),
            changed: Vec::new(),
        };
        (0..count).for_each(|operator| walk.update(operator));
        walk
    }

    pub(super) fn ready(&self) -> &[u32] {
        &self.ready
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.state.done_count == self.state.network.operator_count()
    }

    /// Adds an operator to the list of ready operators or removes it. O(1).
    fn update(&mut self, operator: u32) {
        let (position, is_ready) = (self.position[operator as usize], self.state.is_ready(operator));
        if is_ready && position == u32::MAX {
            self.position[operator as usize] = self.ready.len() as u32;
            self.ready.push(operator);
            self.ready_work += u64::from(self.work[operator as usize]);
        } else if !is_ready && position < u32::MAX {
            self.ready.swap_remove(position as usize);
            if let Some(&moved) = self.ready.get(position as usize) {
                self.position[moved as usize] = position;
            }
            self.position[operator as usize] = u32::MAX;
            self.ready_work -= u64::from(self.work[operator as usize]);
        }
    }

    /// Runs an operator, or undoes it.
    pub(super) fn toggle(&mut self, operator: u32) {
        let mut changed = std::mem::take(&mut self.changed);
        self.state.toggle(operator, |other| changed.push(other));
        for other in changed.drain(..) {
            self.update(other);
        }
        self.changed = changed;
    }

    /// Changes the executed set to `set`. Returns the work units spent. Toggles only operators in
    /// which the sets differ, and states that are expanded one after the other tend to be similar.
    pub(super) fn go_to(&mut self, set: &[usize]) -> u64 {
        // Counted in 64 bits on every machine, as limits count work.
        let mut work = u64::from(self.state.network.operator_count().div_ceil(64));
        for (word, &wanted) in set.iter().enumerate() {
            let mut different = wanted ^ self.state.done.as_raw_slice()[word];
            while different != 0 {
                let operator = word as u32 * usize::BITS + different.trailing_zeros();
                self.toggle(operator);
                different &= different - 1;
                work += 2 * u64::from(self.work[operator as usize]);
            }
        }
        work
    }

    /// Runs free operators until none is left, in ascending order of numbers. An operator is free if
    /// its step fits the peak and it leaves no more bytes live than before. Calls `ran` with each
    /// operator and the bytes of its step.
    ///
    /// Sound because moving a free operator to the front of any order from here raises no step.
    /// Operators that free a rounded-up tensor are not free: the padding of that tensor may have
    /// been beyond the end of the arena.
    pub(super) fn run_free_operators(
        &mut self,
        peak: u64,
        budget: &mut Budget<'_>,
        mut ran: impl FnMut(u32, u64),
    ) -> Result<(), Stop> {
        loop {
            let state = &self.state;
            let free = |&operator: &u32| {
                let step = state.step(operator);
                let is_free =
                    step.after <= state.live && step.bytes <= peak && !state.network.reads_padded(operator);
                is_free.then_some((operator, step.bytes))
            };
            // The operator with the lowest number, so that the result does not depend on the order of
            // `ready`.
            let next = self.ready.iter().filter_map(free).min();
            charge_nodes(budget, 0, self.ready_work)?;
            let Some((operator, bytes)) = next else { return Ok(()) };
            self.toggle(operator);
            ran(operator, bytes);
        }
    }
}

/// Work units of evaluating the step of an operator or running it.
fn work(network: &Network, operator: u32) -> u32 {
    let rows = [&network.reads, &network.early, &network.writes, &network.after];
    let tensors = rows.map(|rows| rows.row(operator).len()).iter().sum::<usize>();
    (8 + tensors + network.savings.visited_tensors(operator)) as u32
}

/// A random 128-bit key for each operator. The key of a set is the exclusive or of the keys of its
/// operators (Zobrist hashing), so running an operator updates it in O(1).
pub(super) fn zobrist_keys(count: u32) -> Vec<u128> {
    let mut random = Random::new(0x243f_6a88_85a3_08d3);
    (0..count).map(|_| random.key()).collect()
}

/// The nodes from the root of a search tree to `end`, by their parents; `u32::MAX` stands for none.
pub(super) fn path_from_root(end: u32, parent: impl Fn(u32) -> u32) -> Vec<u32> {
    let above = |&node: &u32| Some(parent(node)).filter(|&parent| parent < u32::MAX);
    let mut path: Vec<u32> = std::iter::successors(Some(end), above).collect();
    path.reverse();
    path
}
