//! Subproblems: ranges of operators that can be scheduled independently.

use super::Result;
use super::execution_state::ExecutionState;
use super::network::Network;
use super::savings::{Saving, SavingTable};
use crate::support::limits::Limits;
use crate::support::rows::Rows;
use crate::support::sorting::unique;

/// Up to this number of tensors, paddings are computed exactly by a pass over all tensors.
const MAX_EXACT_PADDING: u32 = 4_096;

/// Extracts ranges of operators that every order runs together as networks of their own, each in
/// time linear in the range.
///
/// Tensors that live from before a range to after it become base bytes of the subproblem. So the peak
/// of the whole order is the maximum of the peaks of the subproblems' orders, up to padding.
pub(super) struct SubproblemBuilder<'a> {
    network: &'a Network,
    /// By tensor: the operator that writes it, or none for inputs.
    writer: Vec<Option<u32>>,
    /// By tensor: the last operator that reads it.
    last: Vec<Option<u32>>,
    /// Bytes live before each operator in program order, and after the last one.
    live: Vec<u64>,
    /// The largest padding of any tensor.
    padding: u64,
    /// By tensor: its number in the current subproblem, or `u32::MAX`.
    numbers: Vec<u32>,
}

impl<'a> SubproblemBuilder<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        let mut state = ExecutionState::new(network);
        let mut live = vec![state.live];
        for operator in 0..network.operator_count() {
            state.toggle(operator, |_| {});
            live.push(state.live);
        }
        let padding = network.paddings.tensors.iter().copied().max().unwrap_or(0);
        let last =
            (0..network.tensor_count()).map(|tensor| network.readers.row(tensor).iter().copied().max());
        Self {
            network,
            writer: network.writers(),
            last: last.collect(),
            live,
            padding,
            numbers: vec![u32::MAX; network.sizes.len()],
        }
    }

    /// Builds the subproblem of operators `from..to`, which run after all earlier and before all
    /// later operators.
    ///
    /// # Errors
    /// [`Stop::Cancelled`](crate::Stop::Cancelled). Each pass over a large range takes milliseconds,
    /// so the limits are polled in between.
    pub(super) fn subproblem(&mut self, from: u32, to: u32, limits: &Limits) -> Result<Network> {
        limits.check_cancelled()?;
        let network = self.network;
        let mut part = Network::empty((to - from) as usize);
        part.transient = network.transient[from as usize..to as usize].to_vec();
        part.paddings.transient = network.paddings.transient[from as usize..to as usize].to_vec();
        if from == 0 {
            (part.first, part.paddings.first) = (network.first, network.paddings.first);
        }
        // All bytes live before the range are base bytes at first; tensors that the range frees are
        // subtracted again.
        part.base = self.live[from as usize];
        let touched: Vec<u32> = (from..to)
            .flat_map(|operator| network.reads.row(operator).iter().chain(network.writes.row(operator)))
            .copied()
            .collect();
        let touched = unique(touched);
        limits.check_cancelled()?;
        for &tensor in &touched {
            self.number_tensor(&mut part, tensor, from, to);
        }
        part.paddings.base = self.padding_of_spanning_tensors(&touched, from, to);
        limits.check_cancelled()?;
        let rows = |rows: &Rows| Rows::new((from..to).map(|operator| self.numbered(rows.row(operator))));
        part.reads = rows(&network.reads);
        limits.check_cancelled()?;
        part.writes = rows(&network.writes);
        part.readers = part.reads.transposed(part.sizes.len());
        limits.check_cancelled()?;
        part.savings = SavingTable::new((from..to).map(|operator| self.savings_within(operator)));
        limits.check_cancelled()?;
        let inner = |operator: u32| {
            let row = network.before.row(operator).iter().filter(|&&other| other >= from);
            row.map(|&other| (operator - from, other - from)).collect::<Vec<_>>()
        };
        let dependencies: Vec<(u32, u32)> = (from..to).flat_map(inner).collect();
        limits.check_cancelled()?;
        part.set_dependencies(dependencies);
        part.paddings.compute_totals();
        for tensor in touched {
            self.numbers[tensor as usize] = u32::MAX;
        }
        Ok(part)
    }

    /// The numbers in the subproblem of those tensors that have one.
    fn numbered(&self, tensors: &[u32]) -> Vec<u32> {
        let numbers = tensors.iter().map(|&tensor| self.numbers[tensor as usize]);
        numbers.filter(|&number| number < u32::MAX).collect()
    }

    /// The savings of an operator that overwrite tensors with a number. Tensors that are live throughout the range
    /// have none: they do not die in it, so overwriting them saves nothing.
    fn savings_within(&self, operator: u32) -> Vec<Saving> {
        let mut savings = self.network.savings.of(operator);
        for saving in &mut savings {
            saving.overwritten = self.numbered(&saving.overwritten);
        }
        savings.retain(|saving| !saving.overwritten.is_empty());
        savings
    }

    /// Returns whether a tensor is live before a range, and whether it is live after it.
    fn spans(&self, tensor: u32, from: u32, to: u32) -> (bool, bool) {
        let network = self.network;
        let later =
            network.live_at_end[tensor as usize] || self.last[tensor as usize].is_some_and(|last| last >= to);
        (self.writer[tensor as usize].is_none_or(|writer| writer < from), later)
    }

    /// Gives a number to a tensor that the range reads or writes, unless it is live throughout.
    fn number_tensor(&mut self, part: &mut Network, tensor: u32, from: u32, to: u32) {
        let (earlier, later) = self.spans(tensor, from, to);
        if earlier && later {
            return;
        }
        let (network, number) = (self.network, part.sizes.len() as u32);
        let size = network.sizes[tensor as usize];
        if earlier {
            part.live_at_start.push(number);
            part.base -= size;
        }
        self.numbers[tensor as usize] = number;
        part.sizes.push(size);
        part.live_at_end.push(later);
        part.paddings.tensors.push(network.paddings.tensors[tensor as usize]);
    }

    /// The largest padding of tensors that are live throughout the range.
    fn padding_of_spanning_tensors(&self, touched: &[u32], from: u32, to: u32) -> u64 {
        let network = self.network;
        if !network.paddings.any {
            return 0;
        }
        let spans_range = |&tensor: &u32| self.spans(tensor, from, to) == (true, true);
        let padding = |tensor: u32| network.paddings.tensors[tensor as usize];
        if network.tensor_count() <= MAX_EXACT_PADDING {
            let all = (0..network.tensor_count()).filter(spans_range).map(padding);
            return all.max().unwrap_or(0).max(network.paddings.base);
        }
        // A pass over all tensors for each range would be quadratic. Of tensors that the range does
        // not touch, the largest padding of the network is assumed. Subtracting too much padding
        // only lowers the bound of the subproblem, so it stays valid.
        let (mut padding_seen, mut untouched) =
            (network.paddings.base, self.live[from as usize] - network.base);
        for &tensor in touched {
            let (earlier, later) = self.spans(tensor, from, to);
            if earlier {
                untouched -= network.sizes[tensor as usize];
            }
            if earlier && later {
                padding_seen = padding_seen.max(padding(tensor));
            }
        }
        if untouched > 0 { padding_seen.max(self.padding) } else { padding_seen }
    }
}
