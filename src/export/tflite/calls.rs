//! The call graph of the subgraphs, and the number of calls of each subgraph.

use std::collections::VecDeque;

use super::TfliteError;
use super::runtime_network::RuntimeNetwork;

/// The call graph of the subgraphs.
pub(super) struct Calls {
    /// Callees before callers.
    pub(super) order: Vec<usize>,
    /// For each subgraph, whether it is the first one or no operator calls it.
    pub(super) is_root: Vec<bool>,
    /// For each subgraph, whether it has several callers, so that it needs memory of its own.
    pub(super) is_repeated: Vec<bool>,
}

impl Calls {
    /// Sorts the call graph topologically. O(subgraphs + operators).
    pub(super) fn new(network: &RuntimeNetwork) -> Result<Self, TfliteError> {
        let count = network.subgraphs.len();
        let mut calls = vec![0u32; count];
        for callee in all_calls(network) {
            calls[callee] = calls[callee].saturating_add(1);
        }
        let is_root: Vec<bool> = (0..count).map(|index| index == 0 || calls[index] == 0).collect();
        // The application calls the first subgraph; this is one more call.
        let mut is_repeated: Vec<bool> =
            (0..count).map(|index| calls[index] + u32::from(index == 0) > 1).collect();
        let mut waiting = calls.clone();
        let mut ready: VecDeque<usize> = (0..count).filter(|&index| calls[index] == 0).collect();
        let mut order = Vec::with_capacity(count);
        while let Some(caller) = ready.pop_front() {
            order.push(caller);
            for &callee in network.subgraphs[caller].operators.iter().flat_map(|operator| &operator.calls) {
                // A subgraph with several callers calls each of its callees several times.
                is_repeated[callee] |= is_repeated[caller];
                waiting[callee] -= 1;
                if waiting[callee] == 0 {
                    ready.push_back(callee);
                }
            }
        }
        if order.len() < count {
            return Err(cycle(network, &waiting));
        }
        order.reverse();
        Ok(Self { order, is_root, is_repeated })
    }
}

fn all_calls(network: &RuntimeNetwork) -> impl Iterator<Item = usize> + '_ {
    let operators = network.subgraphs.iter().flat_map(|subgraph| &subgraph.operators);
    operators.flat_map(|operator| operator.calls.iter().copied())
}

/// The error for a cycle: names the first operator that calls a subgraph left over by the sort.
fn cycle(network: &RuntimeNetwork, waiting: &[u32]) -> TfliteError {
    let stuck = |subgraph: usize| {
        let mut operators = network.subgraphs[subgraph].operators.iter();
        let operator =
            operators.position(|operator| operator.calls.iter().any(|&callee| waiting[callee] > 0))?;
        let reason = "runs a subgraph that in the end runs itself".to_owned();
        Some(TfliteError::Call { subgraph, operator, reason })
    };
    let found = (0..network.subgraphs.len()).filter(|&index| waiting[index] > 0).find_map(stuck);
    found.unwrap_or_else(|| TfliteError::File("subgraphs run each other in a circle".to_owned()))
}
