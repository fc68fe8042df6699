//! The state of an execution: the set of operators that have run, and the bytes live after them.

use bitvec::vec::BitVec;

use super::network::Network;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::unique;

/// The executed set and its live bytes. The state depends on the set alone, not on the order in which
/// its operators ran. So the searches may add and remove operators in any order, and a set that
/// is reached by two orders needs to be expanded only once.
#[derive(Clone, Debug)]
pub(super) struct ExecutionState<'a> {
    pub(super) network: &'a Network,
    pub(super) done: BitVec,
    /// Number of operators in `done`.
    pub(super) done_count: u32,
    /// Bytes live between steps.
    pub(super) live: u64,
    /// By operator: the number of predecessors that have not run.
    predecessors_left: Vec<u32>,
    /// By tensor: the number of readers that have not run.
    pub(super) readers_left: Vec<u32>,
    /// By tensor: true if its writer has run, or if it is an input.
    written: Vec<bool>,
    /// The distinct paddings in ascending order, each with the number of live tensors that have it.
    paddings: Vec<(u64, u32)>,
}

/// The bytes live at a step and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepBytes {
    /// Bytes live at the step.
    pub(super) bytes: u64,
    /// Bytes live after it.
    pub(super) after: u64,
}

impl<'a> ExecutionState<'a> {
    /// The state before the first operator.
    pub(super) fn new(network: &'a Network) -> Self {
        let operators = network.operator_count();
        let mut state = Self {
            network,
            done: BitVec::repeat(false, operators as usize),
            done_count: 0,
            live: network.base,
            predecessors_left: (0..operators)
                .map(|operator| network.before.row(operator).len() as u32)
                .collect(),
            readers_left: (0..network.tensor_count())
                .map(|tensor| network.readers.row(tensor).len() as u32)
                .collect(),
            written: vec![false; network.sizes.len()],
            paddings: Vec::new(),
        };
        if network.paddings.any {
            let all = unique(network.paddings.tensors.iter().copied());
            state.paddings = all.into_iter().map(|padding| (padding, 0)).collect();
        }
        for &tensor in &network.live_at_start {
            state.written[tensor as usize] = true;
            state.add_live(tensor);
        }
        state
    }

    pub(super) fn is_done(&self, operator: u32) -> bool {
        self.done[operator as usize]
    }

    /// Returns true if an operator has not run and all of its predecessors have.
    #[inline]
    pub(super) fn is_ready(&self, operator: u32) -> bool {
        self.predecessors_left[operator as usize] == 0 && !self.done[operator as usize]
    }

    fn is_live(&self, tensor: usize) -> bool {
        self.written[tensor] && (self.readers_left[tensor] > 0 || self.network.live_at_end[tensor])
    }

    /// Counts a tensor as live from now on.
    fn add_live(&mut self, tensor: u32) {
        self.live += self.network.sizes[tensor as usize];
        self.count_padding(tensor, 1);
    }

    /// Counts a tensor as dead from now on.
    fn remove_live(&mut self, tensor: u32) {
        self.live -= self.network.sizes[tensor as usize];
        self.count_padding(tensor, u32::MAX);
    }

    /// Adds or removes (`u32::MAX`, modulo 2^32) one live tensor with the padding of `tensor`.
    fn count_padding(&mut self, tensor: u32, change: u32) {
        if self.network.paddings.any {
            let padding = self.network.paddings.tensors[tensor as usize];
            if let Ok(position) = self.paddings.binary_search_by_key(&padding, |entry| entry.0) {
                self.paddings[position].1 = self.paddings[position].1.wrapping_add(change);
            }
        }
    }

    /// Toggles whether an operator has run. Calls `changed` for all operators that become ready or
    /// cease to be ready, among them the operator itself. O(degree of the operator).
    pub(super) fn toggle(&mut self, operator: u32, mut changed: impl FnMut(u32)) {
        let network = self.network;
        let runs = !self.done[operator as usize];
        // An output appears when its writer runs, and a tensor vanishes when its last reader has run.
        // Undoing an operator applies the same changes in reverse.
        self.done.set(operator as usize, runs);
        changed(operator);
        if runs {
            self.done_count += 1;
            for &tensor in network.writes.row(operator) {
                self.written[tensor as usize] = true;
                if self.is_live(tensor as usize) {
                    self.add_live(tensor);
                }
            }
            for &tensor in network.reads.row(operator) {
                let was_live = self.is_live(tensor as usize);
                self.readers_left[tensor as usize] -= 1;
                if was_live && !self.is_live(tensor as usize) {
                    self.remove_live(tensor);
                }
            }
            for &next in network.after.row(operator) {
                self.predecessors_left[next as usize] -= 1;
                if self.predecessors_left[next as usize] == 0 {
                    changed(next);
                }
            }
        } else {
            self.done_count -= 1;
            for &tensor in network.reads.row(operator) {
                let was_live = self.is_live(tensor as usize);
                self.readers_left[tensor as usize] += 1;
                if !was_live && self.is_live(tensor as usize) {
                    self.add_live(tensor);
                }
            }
            for &tensor in network.writes.row(operator) {
                if self.is_live(tensor as usize) {
                    self.remove_live(tensor);
                }
                self.written[tensor as usize] = false;
            }
            for &next in network.after.row(operator) {
                self.predecessors_left[next as usize] += 1;
                if self.predecessors_left[next as usize] == 1 {
                    changed(next);
                }
            }
        }
    }

    /// Computes the step of a ready operator without running it. O(degree of the operator).
    #[inline]
    pub(super) fn step(&self, operator: u32) -> StepBytes {
        let network = self.network;
        let written: u64 =
            network.writes.row(operator).iter().map(|&tensor| network.sizes[tensor as usize]).sum();
        let dies = |&&tensor: &&u32| {
            self.readers_left[tensor as usize] == 1 && !network.live_at_end[tensor as usize]
        };
        let dying =
            |row: &[u32]| row.iter().filter(dies).map(|&tensor| network.sizes[tensor as usize]).sum::<u64>();
        let freed = dying(network.reads.row(operator));
        let first = if self.done_count == 0 { network.first } else { 0 };
        let added = network.added_bytes(operator, written, |tensor| dies(&&tensor));
        // Inputs without a reader are live at the first step only, whichever operator runs there.
        let bytes = self.live + first + added - dying(network.early.row(operator));
        StepBytes { bytes: bytes - self.padding(operator), after: self.live + written - freed }
    }

    /// The largest padding among the tensors live at the step of an operator.
    fn padding(&self, operator: u32) -> u64 {
        let paddings = &self.network.paddings;
        if !paddings.any {
            return 0;
        }
        let live = self.paddings.iter().rev().find(|entry| entry.1 > 0).map_or(0, |entry| entry.0);
        let written =
            self.network.writes.row(operator).iter().map(|&tensor| paddings.tensors[tensor as usize]);
        let first = if self.done_count == 0 { paddings.first } else { 0 };
        let padding_added = written.max().unwrap_or(0).max(paddings.transient[operator as usize]);
        live.max(padding_added).max(paddings.base).max(first)
    }
}

/// By operator: the bytes live at its step in an order.
pub(super) fn step_bytes(network: &Network, order: &[u32]) -> Vec<u64> {
    let mut state = ExecutionState::new(network);
    let mut bytes = vec![0; order.len()];
    for &operator in order {
        bytes[operator as usize] = state.step(operator).bytes;
        state.toggle(operator, |_| {});
    }
    bytes
}

/// The peak of an order: the maximum of the bytes live at a step. For callers whose orders are short.
pub(super) fn peak(network: &Network, order: &[u32]) -> u64 {
    peak_within(network, order, &mut Budget::new(&Limits::new(), u64::MAX)).expect("nothing stops it")
}

/// [`peak`] for orders of any length.
///
/// # Errors
/// The reason to stop.
pub(super) fn peak_within(network: &Network, order: &[u32], budget: &mut Budget<'_>) -> Result<u64, Stop> {
    /// Steps of inner loops for an operator with its tensors.
    const WORK_PER_OPERATOR: usize = 64;
    let mut state = ExecutionState::new(network);
    // Inputs are live even if the graph has no operators.
    let padding = network.paddings.base.max(network.paddings.first);
    let mut peak = if order.is_empty() { network.base + network.first - padding } else { 0 };
    for &operator in order {
        debug_assert!(state.is_ready(operator), "operator {operator} cannot run yet");
        budget.work(WORK_PER_OPERATOR)?;
        peak = peak.max(state.step(operator).bytes);
        state.toggle(operator, |_| {});
    }
    Ok(peak)
}
