//! A set of operators that have run, and what is live after them.

use bitvec::vec::BitVec;

use super::network::Network;

/// What depends on the set alone: operators may be added and taken out in any order.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) network: &'a Network,
    pub(super) done: BitVec<u64>,
    pub(super) done_count: u32,
    /// Bytes live between steps.
    pub(super) live: u64,
    /// By operator: how many it still waits for.
    missing: Vec<u32>,
    /// By tensor: readers that have not run.
    pub(super) left: Vec<u32>,
    /// By tensor: whether its writer has run, or it was present.
    written: Vec<bool>,
    /// Paddings of what is live, ascending, and how often.
    paddings: Vec<(u64, u32)>,
}

/// What a step takes, and what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes at the step.
    pub(super) bytes: u64,
    /// Bytes live after it.
    pub(super) after: u64,
}

impl<'a> Cursor<'a> {
    /// Nothing has run.
    pub(super) fn new(network: &'a Network) -> Self {
        let operators = network.operator_count();
        let mut cursor = Self {
            network,
            done: BitVec::repeat(false, operators as usize),
            done_count: 0,
            live: network.base,
            missing: (0..operators).map(|operator| network.before.row(operator).len() as u32).collect(),
            left: (0..network.tensor_count())
                .map(|tensor| network.readers.row(tensor).len() as u32)
                .collect(),
            written: vec![false; network.sizes.len()],
            paddings: Vec::new(),
        };
        if network.paddings.any {
            let mut all = network.paddings.tensors.clone();
            all.sort_unstable();
            all.dedup();
            cursor.paddings = all.into_iter().map(|padding| (padding, 0)).collect();
        }
        for &tensor in &network.present {
            cursor.written[tensor as usize] = true;
            cursor.appear(tensor);
        }
        cursor
    }

    pub(super) fn is_done(&self, operator: u32) -> bool {
        self.done[operator as usize]
    }

    /// Whether it has not run, and may.
    #[inline]
    pub(super) fn is_ready(&self, operator: u32) -> bool {
        self.missing[operator as usize] == 0 && !self.done[operator as usize]
    }

    fn is_live(&self, tensor: usize) -> bool {
        self.written[tensor] && (self.left[tensor] > 0 || self.network.stays[tensor])
    }

    fn appear(&mut self, tensor: u32) {
        self.live += self.network.sizes[tensor as usize];
        self.count_padding(tensor, 1);
    }

    fn vanish(&mut self, tensor: u32) {
        self.live -= self.network.sizes[tensor as usize];
        self.count_padding(tensor, u32::MAX);
    }

    fn count_padding(&mut self, tensor: u32, change: u32) {
        if self.network.paddings.any {
            let padding = self.network.paddings.tensors[tensor as usize];
            if let Ok(place) = self.paddings.binary_search_by_key(&padding, |entry| entry.0) {
                self.paddings[place].1 = self.paddings[place].1.wrapping_add(change);
            }
        }
    }

    /// Whether an operator has run is told the other way round from now on, `became`
    /// hears of those that may run since, or no longer.
    pub(super) fn flip(&mut self, operator: u32, mut changed: impl FnMut(u32)) {
        let network = self.network;
        let runs = !self.done[operator as usize];
        self.done.set(operator as usize, runs);
        changed(operator);
        if runs {
            self.done_count += 1;
            for &tensor in network.writes.row(operator) {
                self.written[tensor as usize] = true;
                if self.is_live(tensor as usize) {
                    self.appear(tensor);
                }
            }
            for &tensor in network.reads.row(operator) {
                let was = self.is_live(tensor as usize);
                self.left[tensor as usize] -= 1;
                if was && !self.is_live(tensor as usize) {
                    self.vanish(tensor);
                }
            }
            for &next in network.after.row(operator) {
                self.missing[next as usize] -= 1;
                if self.missing[next as usize] == 0 {
                    changed(next);
                }
            }
        } else {
            self.done_count -= 1;
            for &tensor in network.reads.row(operator) {
                let was = self.is_live(tensor as usize);
                self.left[tensor as usize] += 1;
                if !was && self.is_live(tensor as usize) {
                    self.appear(tensor);
                }
            }
            for &tensor in network.writes.row(operator) {
                if self.is_live(tensor as usize) {
                    self.vanish(tensor);
                }
                self.written[tensor as usize] = false;
            }
            for &next in network.after.row(operator) {
                self.missing[next as usize] += 1;
                if self.missing[next as usize] == 1 {
                    changed(next);
                }
            }
        }
    }

    /// What it would take to run an operator that is ready.
    #[inline]
    pub(super) fn step(&self, operator: u32) -> Step {
        let network = self.network;
        let written: u64 = network.writes.row(operator).iter().map(|&t| network.sizes[t as usize]).sum();
        let dies = |&&tensor: &&u32| self.left[tensor as usize] == 1 && !network.stays[tensor as usize];
        let dying =
            |row: &[u32]| row.iter().filter(dies).map(|&tensor| network.sizes[tensor as usize]).sum::<u64>();
        let freed = dying(network.reads.row(operator));
        let first = if self.done_count == 0 { network.first } else { 0 };
        let own = network.own_bytes(operator, written, |tensor| dies(&&tensor));
        let bytes = self.live + first + own - dying(network.early.row(operator));
        Step { bytes: bytes - self.padding(operator), after: self.live + written - freed }
    }

    /// The most that rounding added to something live at the step of an operator.
    fn padding(&self, operator: u32) -> u64 {
        let paddings = &self.network.paddings;
        if !paddings.any {
            return 0;
        }
        let live = self.paddings.iter().rev().find(|entry| entry.1 > 0).map_or(0, |entry| entry.0);
        let written =
            self.network.writes.row(operator).iter().map(|&tensor| paddings.tensors[tensor as usize]);
        let first = if self.done_count == 0 { paddings.first } else { 0 };
        let own = written.max().unwrap_or(0).max(paddings.transient[operator as usize]);
        live.max(own).max(paddings.base).max(first)
    }
}

/// By operator: the bytes of its step in an order.
pub(super) fn step_bytes(network: &Network, order: &[u32]) -> Vec<u64> {
    let mut cursor = Cursor::new(network);
    let mut bytes = vec![0; order.len()];
    for &operator in order {
        bytes[operator as usize] = cursor.step(operator).bytes;
        cursor.flip(operator, |_| {});
    }
    bytes
}

/// The most bytes that any step of an order takes.
pub(super) fn peak(network: &Network, order: &[u32]) -> u64 {
    let mut cursor = Cursor::new(network);
    // Inputs are there even if nothing runs.
    let padding = network.paddings.base.max(network.paddings.first);
    let mut peak = if order.is_empty() { network.base + network.first - padding } else { 0 };
    for &operator in order {
        debug_assert!(cursor.is_ready(operator), "operator {operator} cannot run yet");
        peak = peak.max(cursor.step(operator).bytes);
        cursor.flip(operator, |_| {});
    }
    peak
}
