//! Arena sizes for comparison with a plan: in program order, and with all memory sharing.

use plimsoll::allocate::by_name_with;
use plimsoll::{Effort, Graph, Limits, Plan, Planner, ScheduleMode, SharingLevel};

use crate::arguments::PlanArguments;

/// Operator limit of graphs that are planned with sharing: for larger ones, the comparison would take
/// longer than the plan.
const MAX_SHARED_OPERATORS: usize = 500;

/// Tensor limit of graphs that are planned with sharing.
const MAX_SHARED_TENSORS: usize = 10_000;

/// Search node limit of each comparison: about 20 ms.
const COMPARISON_NODES: u64 = 20_000;

/// Operator limit of graphs that are planned in program order.
const MAX_PROGRAM_ORDER_OPERATORS: usize = 10_000;

/// Computes arena sizes for comparison with little effort: each belongs to a plan, but need not be
/// minimal. A failure to find one is ignored.
pub struct Comparison<'a> {
    pub arguments: &'a PlanArguments,
    pub limits: &'a Limits,
    pub graph: &'a Graph,
    pub plan: &'a Plan,
}

impl Comparison<'_> {
    /// Arena size in bytes in program order; none if the plan was made for this order, or for large
    /// graphs.
    pub fn program_order_arena(&self) -> Option<u64> {
        if self.arguments.order == ScheduleMode::Program {
            return None;
        }
        if self.plan.order == self.graph.program_order() {
            return Some(self.plan.arena_bytes);
        }
        if self.graph.operators().len() > MAX_PROGRAM_ORDER_OPERATORS {
            return None;
        }
        Some(self.planner()?.plan_in_order(self.graph, self.graph.program_order()).ok()?.arena_bytes)
    }

    /// Arena size in bytes with all sharing in the plan's order; none if the plan shares memory, for
    /// large graphs, or if no operator permits sharing.
    pub fn shared_arena(&self) -> Option<u64> {
        let operators = self.graph.operators();
        let is_large =
            operators.len() > MAX_SHARED_OPERATORS || self.graph.tensors().len() > MAX_SHARED_TENSORS;
        let can_share = operators.iter().any(|operator| !operator.permits().is_empty());
        if self.arguments.share != SharingLevel::None || is_large || !can_share {
            return None;
        }
        let planner = self.planner()?.share(SharingLevel::All);
        Some(planner.plan_in_order(self.graph, &self.plan.order).ok()?.arena_bytes)
    }

    fn planner(&self) -> Option<Planner> {
        // The plan has used up a node limit of the user's.
        let nodes = if self.arguments.searching.node_limit.is_some() { 0 } else { COMPARISON_NODES };
        let limits = self.limits.clone().nodes(nodes);
        let planner = self.arguments.planner(&limits).ok()?.effort(Effort::Quick);
        let strategy = by_name_with("auto", self.arguments.searching.settings(Effort::Quick)).ok()?;
        Some(planner.strategy(strategy))
    }
}
