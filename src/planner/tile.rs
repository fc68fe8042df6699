//! Plans with tiling: tilings of several orders, each judged by the plan of its graph.
//!
//! For each order, two measures and each level of extra cost up to the goal's, the search gives the path of
//! least memory, improved where it needs the most. A draft plan of its graph decides whether it is planned in full; if the draft is
//! above the estimate, a path of the memory between them is tried as well. Levels come in ascending
//! order, so that a larger budget repeats the plans of a smaller one, unless a search meets its work limit.

use super::{Planner, pipeline};
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::{Plan, TiledPlan};
use crate::schedule::ScheduleMode;
use crate::support::effort::Effort;
use crate::support::ids::OperatorId;
use crate::tiling::cost::Measure;
use crate::tiling::orders::{Late, late_order};
use crate::tiling::search::{Found, TilingSearch};
use crate::tiling::{AxisChoice, OrderedGraph, Tiling, TilingGoal, apply};
use crate::verify::verify_tiles;

/// Levels of extra cost, in parts per million. A goal's budget is rounded down to one of them.
const LEVELS: [u64; 14] = [
    0,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    300_000,
    500_000,
    750_000,
    1_000_000,
    2_000_000,
    5_000_000,
    u64::MAX,
];

/// Number of full plans in a call although the draft is above the best plan, and the most tensors of
/// their graphs.
const MAX_SECOND_PLANS: u32 = 6;
const MAX_SECOND_TENSORS: usize = 1_000;

/// Once the drafts and plans of a call have this many tensors together, no other tiling is tried.
const MAX_PLANNED_TENSORS: usize = 40_000;

/// A tiling that is expected to save less than this part of the best arena is not planned.
const LEAST_SAVING: u64 = 256;

impl Planner {
    /// Plans a graph with regions that run stripe by stripe, if that takes less memory than `untiled`, the
    /// plan of the graph as it is. None if no tiling within the goal's cost does.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn tile(&self, graph: &Graph, untiled: &Plan, goal: &TilingGoal) -> Result<Option<TiledPlan>> {
        let mut nets: Vec<OrderedGraph<'_>> = Vec::new();
        for order in orders(graph, untiled) {
            for choice in [AxisChoice::Agreeing, AxisChoice::First] {
                let net = OrderedGraph::new(graph, &order, choice);
                if !nets.iter().any(|other| other.is_same(&net)) {
                    nets.push(net);
                }
            }
        }
        let total = nets[0].total_cost();
        let search = |net| TilingSearch::new(net, goal.max_extra(total), &self.limits);
        let mut searches: Vec<TilingSearch<'_, '_>> = nets.iter().map(search).collect();
        let most = untiled.arena_bytes;
        let mut judge = Judge {
            planner: self,
            graph,
            goal,
            most,
            best: None,
            tried: Vec::new(),
            second_plans: 0,
            planned: 0,
        };
        for &level in LEVELS.iter().filter(|&&level| level <= goal.max_extra_ppm) {
            let max_extra = TilingGoal::default().max_extra_ppm(level).max_extra(total);
            for search in &mut searches {
                for measure in [Measure::FixedPlaces, Measure::LiveBytes] {
                    judge.level(search, measure, max_extra)?;
                }
            }
            if judge.is_done() {
                break;
            }
        }
        let Some(mut best) = judge.best else { return Ok(None) };
        let is_of_best = |search: &&mut TilingSearch<'_, '_>| search.order() == best.tiling.order;
        if let Some(search) = searches.iter_mut().find(is_of_best) {
            let least = search.least_bytes(Measure::LiveBytes, goal.max_extra(total), u64::MAX)?;
            let bytes = least.map_or(search.untiled_bytes(), |path| path.bytes);
            best.family_bound = search.is_complete().then_some(bytes);
        }
        Ok(Some(best))
    }
}

/// The orders that are searched, each once.
fn orders(graph: &Graph, untiled: &Plan) -> Vec<Vec<OperatorId>> {
    let program = graph.program_order();
    let candidates = [
        Some(untiled.order.clone()),
        Some(program.to_vec()),
        late_order(graph, &untiled.order, Late::Expanding),
        late_order(graph, program, Late::Expanding),
        late_order(graph, program, Late::All),
    ];
    let mut orders: Vec<Vec<OperatorId>> = Vec::new();
    for order in candidates.into_iter().flatten() {
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    orders
}

/// Plans tilings and keeps the best one.
struct Judge<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    goal: &'a TilingGoal,
    /// The arena of the best plan so far.
    most: u64,
    best: Option<TiledPlan>,
    tried: Vec<Tiling>,
    second_plans: u32,
    /// Tensors of all drafts and plans.
    planned: usize,
}

impl Judge<'_> {
    /// True if a plan fits the goal's capacity, or if the work is spent.
    fn is_done(&self) -> bool {
        let fits = self.goal.capacity.is_some_and(|capacity| self.most <= capacity) && self.best.is_some();
        fits || self.is_spent()
    }

    fn is_spent(&self) -> bool {
        self.planned >= MAX_PLANNED_TENSORS
    }

    /// Tries the paths of one search within a budget.
    fn level(&mut self, search: &mut TilingSearch<'_, '_>, measure: Measure, max_extra: u64) -> Result<()> {
        if let Some(capacity) = self.goal.capacity.filter(|&capacity| capacity < self.most) {
            let path = search.cheapest_path(measure, capacity)?;
            if let Some(path) = path.filter(|path| path.cost.extra <= max_extra) {
                self.offer(search.found(path))?;
            }
            if self.is_done() {
                return Ok(());
            }
        }
        // A path above the best plan may be improved to be below it.
        let below = self.most.saturating_add(self.most / 8);
        let Some(mut path) = search.least_bytes(measure, max_extra, below)? else { return Ok(()) };
        search.improve(&mut path, measure, max_extra);
        let expected = path.bytes;
        let drafted = self.offer(search.found(path))?.min(self.most);
        if drafted > expected.saturating_add(expected / 32) {
            let between = search.cheapest_path(measure, expected + (drafted - expected) / 2)?;
            if let Some(path) = between.filter(|path| path.cost.extra <= max_extra) {
                self.offer(search.found(path))?;
            }
        }
        Ok(())
    }

    /// Plans a tiling if it may be better than the best plan; returns the arena of the plan or draft.
    fn offer(&mut self, found: Found) -> Result<u64> {
        let is_of_use =
            found.bytes < self.most - self.most / LEAST_SAVING && !found.tiling.regions.is_empty();
        if !is_of_use || self.is_spent() || self.tried.contains(&found.tiling) {
            return Ok(0);
        }
        self.tried.push(found.tiling.clone());
        let tiled = apply(self.graph, &found.tiling)?;
        let planner = self.planner.clone().effort(Effort::Quick).order(ScheduleMode::Program);
        let drafted = pipeline::draft(&planner, &tiled.graph)?;
        self.planned += tiled.graph.tensors().len();
        if drafted >= self.most {
            // The full plan of a small graph may be smaller than its draft.
            let is_small = tiled.graph.tensors().len() <= MAX_SECOND_TENSORS;
            if !is_small || self.second_plans == MAX_SECOND_PLANS {
                return Ok(drafted);
            }
            self.second_plans += 1;
        }
        let plan = planner.plan(&tiled.graph)?;
        self.planned += tiled.graph.tensors().len();
        let counted = tiled.cost(self.graph);
        // The goal's budget is a promise about the graph, not about the estimate.
        if plan.arena_bytes < self.most && counted.extra <= found.cost.extra {
            let (cost, Found { tiling, bytes, .. }) = (counted, found);
            let best = TiledPlan { tiling, tiled, plan, cost, expected_bytes: bytes, family_bound: None };
            verify_tiles(self.graph, &best).map_err(|violations| planner.wrong_plan(violations))?;
            self.most = best.plan.arena_bytes;
            self.best = Some(best);
        }
        Ok(drafted)
    }
}
