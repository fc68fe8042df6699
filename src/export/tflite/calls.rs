//! Which operators run other subgraphs, and how often each subgraph is run.

use std::collections::VecDeque;

use super::TfliteError;
use super::net::Net;

/// How subgraphs run each other.
pub(super) struct Calls {
    /// Callees before callers.
    pub(super) order: Vec<usize>,
    /// By subgraph: not run by an operator that can be reached from the first one.
    pub(super) is_root: Vec<bool>,
    /// By subgraph: run from more than one place, so that its memory must be its own.
    pub(super) is_repeated: Vec<bool>,
}

impl Calls {
    /// O(subgraphs + operators).
    pub(super) fn new(net: &Net) -> Result<Self, TfliteError> {
        let count = net.subgraphs.len();
        let mut calls = vec![0u32; count];
        for callee in all_calls(net) {
            calls[callee] = calls[callee].saturating_add(1);
        }
        let is_root: Vec<bool> = (0..count).map(|index| index == 0 || calls[index] == 0).collect();
        // The first one is run by the caller of the model.
        let mut is_repeated: Vec<bool> =
            (0..count).map(|index| calls[index] + u32::from(index == 0) > 1).collect();
        let mut waiting = calls.clone();
        let mut ready: VecDeque<usize> = (0..count).filter(|&index| calls[index] == 0).collect();
        let mut order = Vec::with_capacity(count);
        while let Some(caller) = ready.pop_front() {
            order.push(caller);
            for &callee in net.subgraphs[caller].operators.iter().flat_map(|operator| &operator.calls) {
                // What runs more than once runs all that it calls more than once.
                is_repeated[callee] |= is_repeated[caller];
                waiting[callee] -= 1;
                if waiting[callee] == 0 {
                    ready.push_back(callee);
                }
            }
        }
        if order.len() < count {
            return Err(cycle(net, &waiting));
        }
        order.reverse();
        Ok(Self { order, is_root, is_repeated })
    }
}

fn all_calls(net: &Net) -> impl Iterator<Item = usize> + '_ {
    let operators = net.subgraphs.iter().flat_map(|subgraph| &subgraph.operators);
    operators.flat_map(|operator| operator.calls.iter().copied())
}

/// The first operator that runs a subgraph of which some caller never ends.
fn cycle(net: &Net, waiting: &[u32]) -> TfliteError {
    let stuck = |subgraph: usize| {
        let mut operators = net.subgraphs[subgraph].operators.iter();
        let operator =
            operators.position(|operator| operator.calls.iter().any(|&callee| waiting[callee] > 0))?;
        let reason = "runs a subgraph that in the end runs itself".to_owned();
        Some(TfliteError::Call { subgraph, operator, reason })
    };
    let found = (0..net.subgraphs.len()).filter(|&index| waiting[index] > 0).find_map(stuck);
    found.unwrap_or_else(|| TfliteError::File("subgraphs run each other in a circle".to_owned()))
}
