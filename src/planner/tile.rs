//! Plans with tiling: tilings of several orders, each judged by the plan of its graph.

use super::Planner;
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::Plan;
use crate::schedule::ScheduleMode;
use crate::support::effort::Effort;
use crate::support::ids::OperatorId;
use crate::tiling::search::{Found, TilingSearch};
use crate::tiling::{OrderedGraph, TiledGraph, Tiling, TilingCost, TilingGoal, apply};
use crate::verify::verify_tiling;

/// A tiling, its graph and a verified plan of that graph.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TiledPlan {
    /// Regions and stripes.
    pub tiling: Tiling,
    /// The graph of the tiling.
    pub tiled: TiledGraph,
    /// The plan of that graph. Its status and bounds are about orders, sharing and offsets of the tiled graph.
    pub plan: Plan,
    /// The cost of the tiling beyond the untiled graph.
    pub cost: TilingCost,
    /// Live bytes that the search expected.
    pub expected_bytes: u64,
}

impl Planner {
    /// Plans a graph with regions that run stripe by stripe, if that takes less memory than `untiled`, the
    /// plan of the graph as it is. None if no tiling within the goal's cost does.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn tile(&self, graph: &Graph, untiled: &Plan, goal: &TilingGoal) -> Result<Option<TiledPlan>> {
        let mut best: Option<TiledPlan> = None;
        let mut orders = vec![untiled.order.clone()];
        if graph.program_order() != untiled.order.as_slice() {
            orders.push(graph.program_order().to_vec());
        }
        for order in &orders {
            let most = best.as_ref().map_or(untiled.arena_bytes, |best| best.plan.arena_bytes);
            if let Some(found) = self.tile_order(graph, order, most, goal)? {
                best = Some(found);
            }
        }
        Ok(best)
    }

    /// The best tiled plan of one order with an arena below `most` bytes.
    fn tile_order(
        &self,
        graph: &Graph,
        order: &[OperatorId],
        most: u64,
        goal: &TilingGoal,
    ) -> Result<Option<TiledPlan>> {
        let net = OrderedGraph::new(graph, order);
        let max_extra = goal.max_extra(net.total_cost());
        let mut search = TilingSearch::new(&net, max_extra, &self.limits);
        let found = match goal.capacity {
            None => search.least_bytes(max_extra)?,
            Some(capacity) => search.least_cost(capacity)?.filter(|found| found.cost.extra <= max_extra),
        };
        let Some(found) = found.filter(|found| found.bytes < most) else { return Ok(None) };
        let tiled = self.tiled_plan(graph, found)?;
        Ok(Some(tiled).filter(|tiled| tiled.plan.arena_bytes < most))
    }

    fn tiled_plan(&self, graph: &Graph, found: Found) -> Result<TiledPlan> {
        let tiled = apply(graph, &found.tiling)?;
        verify_tiling(graph, &tiled).map_err(|violations| self.wrong_plan(violations))?;
        let plan = self.clone().effort(Effort::Quick).order(ScheduleMode::Program).plan(&tiled.graph)?;
        Ok(TiledPlan { tiling: found.tiling, tiled, plan, cost: found.cost, expected_bytes: found.bytes })
    }
}
