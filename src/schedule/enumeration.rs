//! Enumeration of all orders of a few operators.

use super::Scheduler;
use super::execution_state::ExecutionState;
use crate::graph::Graph;
use crate::support::ids::OperatorId;
use crate::support::limits::{Budget, Stop};

/// Callback for each order. Returns the height below which further orders must stay.
type OrderVisitor<'v, E> = &'v mut dyn FnMut(&[OperatorId], &mut Budget<'_>) -> Result<u64, E>;

impl Scheduler<'_> {
    /// Visits all orders in which every step takes less than `height` bytes. The callback may lower
    /// the height. The number of orders is exponential in the number of operators.
    ///
    /// Pruned: prefixes with a step at or above the height. This is sound because the bytes of a
    /// step are a lower bound for the arena under any choice of aliases.
    ///
    /// # Errors
    /// The reason for stopping, or an error of the callback.
    pub(crate) fn all_orders<E: From<Stop>>(
        &self,
        height: u64,
        budget: &mut Budget<'_>,
        visit: OrderVisitor<'_, E>,
    ) -> Result<(), E> {
        let network = self.network()?;
        let state = ExecutionState::new(&network);
        OrderEnumeration { graph: self.graph, state, order: Vec::new(), height, visit }.descend(budget)
    }
}

struct OrderEnumeration<'a, E> {
    graph: &'a Graph,
    state: ExecutionState<'a>,
    order: Vec<OperatorId>,
    height: u64,
    visit: OrderVisitor<'a, E>,
}

impl<E: From<Stop>> OrderEnumeration<'_, E> {
    fn descend(&mut self, budget: &mut Budget<'_>) -> Result<(), E> {
        budget.spend(1)?;
        let count = self.state.network.operator_count();
        if self.order.len() == count as usize {
            self.height = (self.visit)(&self.order, budget)?;
            return Ok(());
        }
        for operator in 0..count {
            // Depth first, in ascending order of operators. Toggling twice restores the state.
            if self.state.is_ready(operator) && self.state.step(operator).bytes < self.height {
                self.state.toggle(operator, |_| {});
                self.order.push(self.graph.program_order()[operator as usize]);
                self.descend(budget)?;
                self.order.pop();
                self.state.toggle(operator, |_| {});
            }
        }
        Ok(())
    }
}
