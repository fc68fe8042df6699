//! Greedy orders: list scheduling without look-ahead.

use std::collections::BTreeSet;

use super::execution_state::ExecutionState;
use super::network::Network;
use crate::support::limits::{Budget, Stop};

/// The rule that selects the next operator among those that are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GreedyRule {
    /// The operator that increases the live bytes least.
    MinGrowth,
    /// First operators that do not increase the live bytes, then the operator that became ready
    /// last: depth first.
    Newest,
    /// First operators that do not increase the live bytes, then the first one in program order.
    ProgramOrder,
}

impl GreedyRule {
    pub(super) const ALL: [Self; 3] = [Self::ProgramOrder, Self::Newest, Self::MinGrowth];

    /// Computes an order by this rule. O((n + m) log n) for n operators and m reads.
    pub(super) fn order(self, network: &Network, budget: &mut Budget<'_>) -> Result<Vec<u32>, Stop> {
        let mut state = ExecutionState::new(network);
        let count = network.operator_count();
        let mut keys: Vec<Option<(i128, i128)>> = vec![None; count as usize];
        let mut queue: BTreeSet<(i128, i128, u32)> = BTreeSet::new();
        let mut order = Vec::with_capacity(count as usize);
        let mut changed: Vec<u32> = (0..count).filter(|&operator| state.is_ready(operator)).collect();
        loop {
            // The key of a ready operator changes only if it becomes the last reader of a tensor, so
            // few keys need an update after each step.
            let mut work = 8;
            for operator in changed.drain(..) {
                work += 8 + network.reads.row(operator).len() as u64;
                if let Some((first, then)) = keys[operator as usize].take() {
                    queue.remove(&(first, then, operator));
                }
                if state.is_ready(operator) {
                    let (first, then) = self.key(&state, operator, order.len());
                    keys[operator as usize] = Some((first, then));
                    queue.insert((first, then, operator));
                }
            }
            budget.charge(work as usize)?;
            let Some((.., operator)) = queue.pop_first() else { break };
            keys[operator as usize] = None;
            order.push(operator);
            state.toggle(operator, |other| changed.push(other));
            for &tensor in network.reads.row(operator) {
                if state.readers_left[tensor as usize] == 1 {
                    // One reader is left: it now frees the tensor, so its key changes.
                    let last = network.readers.row(tensor).iter().find(|&&reader| !state.is_done(reader));
                    changed.extend(last.filter(|&&reader| state.is_ready(reader)));
                }
            }
        }
        Ok(order)
    }

    /// The sort key of a ready operator; the lowest key runs first.
    fn key(self, state: &ExecutionState<'_>, operator: u32, step: usize) -> (i128, i128) {
        let growth = i128::from(state.step(operator).after) - i128::from(state.live);
        let raises = i128::from(growth > 0);
        match self {
            Self::MinGrowth => (growth, 0),
            Self::Newest => (raises, -(step as i128)),
            Self::ProgramOrder => (raises, 0),
        }
    }
}
