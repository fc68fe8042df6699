//! Arenas that a plan is compared with: in program order, and with all sharing.

use plimsoll::allocate::by_name_with;
use plimsoll::{Effort, Graph, Limits, Plan, Planner, Sharing};

use super::planner::planner;
use crate::arguments::{OrderArgument, PlanArguments, ShareArgument};

/// Graphs with more operators get no hint on sharing: it would take longer than the plan.
const MOST_COMPARED: usize = 500;

/// Search nodes of each comparison: some 20 ms.
const COMPARED_NODES: u64 = 20_000;

/// Graphs with more operators are not planned in program order besides.
const MOST_IN_PROGRAM_ORDER: usize = 10_000;

/// Figures to compare a plan with, made with little effort: they are arenas that exist, not the
/// smallest there are, and a failure to find one is no failure of the command.
pub struct Comparison<'a> {
    pub arguments: &'a PlanArguments,
    pub limits: &'a Limits,
    pub graph: &'a Graph,
    pub plan: &'a Plan,
}

impl Comparison<'_> {
    /// The arena in program order, in bytes; none if no other order was planned, or for large graphs.
    pub fn file_arena(&self) -> Option<u64> {
        if matches!(self.arguments.order, OrderArgument::File) {
            return None;
        }
        if self.plan.order == self.graph.file_order() {
            return Some(self.plan.arena_bytes);
        }
        if self.graph.operators().len() > MOST_IN_PROGRAM_ORDER {
            return None;
        }
        let planner = self.planner()?.share(self.arguments.share.into());
        Some(planner.plan_in_order(self.graph, self.graph.file_order()).ok()?.arena_bytes)
    }

    /// The arena with all sharing in the plan's order, in bytes; none if tensors share already.
    pub fn shared_arena(&self) -> Option<u64> {
        let is_large = self.graph.operators().len() > MOST_COMPARED;
        if self.arguments.share != ShareArgument::None || is_large {
            return None;
        }
        let planner = self.planner()?.share(Sharing::All);
        Some(planner.plan_in_order(self.graph, &self.plan.order).ok()?.arena_bytes)
    }

    fn planner(&self) -> Option<Planner> {
        // Where a limit is given, the plan has had the nodes.
        let nodes = if self.arguments.searching.node_limit.is_some() { 0 } else { COMPARED_NODES };
        let limits = self.limits.clone().nodes(nodes);
        let planner = planner(self.arguments, &limits).ok()?.effort(Effort::Quick);
        let strategy = by_name_with("auto", self.arguments.searching.settings(Effort::Quick)).ok()?;
        Some(planner.strategy(strategy))
    }
}
