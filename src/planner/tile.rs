//! Plans with tiling: tilings of several orders, each judged by the plan of its graph.
//!
//! For each level of extra cost up to the goal's, each order and three measures, the search gives the path of
//! least memory, improved where it needs the most. A draft plan of its graph decides; if the draft is
//! above the estimate, a path of the memory between them is tried as well. At the end of a level, the graphs with the
//! smallest drafts are planned in full. Levels come in ascending order and each has its own limit of work, so that a
//! larger budget begins with the plans of a smaller one: its arena is no larger.

use super::{Planner, pipeline};
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::{Plan, TiledPlan};
use crate::schedule::ScheduleMode;
use crate::support::effort::Effort;
use crate::support::ids::OperatorId;
use crate::tiling::measure::Measure;
use crate::tiling::orders::{Late, late_order};
use crate::tiling::search::{Found, TilingPath, TilingSearch};
use crate::tiling::segment_cuts::Halos;
use crate::tiling::{AxisChoice, OrderedGraph, TiledGraph, Tiling, TilingGoal, apply, parts_of};
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

/// Number of tilings that are planned in full at each level, and the part of the best arena by which their drafts
/// may exceed it.
const MAX_FULL_PLANS: usize = 2;
const MAX_SECOND_PLANS: u32 = 8;
const SECOND_PART: u64 = 16;

/// Once the drafts of a level have this many tensors together, no other tiling is tried at that level; at the first
/// level, and at each later one.
const MAX_FIRST_WORK: usize = 20_000;
const MAX_LEVEL_WORK: usize = 7_000;

/// The choices of axes; a graph of more operators than [`MAX_OPERATORS_FOR_ALL_AXES`] is searched without the last one.
const AXIS_CHOICES: [AxisChoice; 3] = [AxisChoice::Agreeing, AxisChoice::First, AxisChoice::Read];
const MAX_OPERATORS_FOR_ALL_AXES: usize = 300;

/// A graph of more operators is not tiled: each search keeps the cuts of up to 160 segments for each operator.
const MAX_OPERATORS: usize = 10_000;

/// Number of searches, those with the least expected memory, that go on with levels above the first one.
const MAX_LATER_SEARCHES: usize = 4;

/// A tiling that is expected to save less than this part of the best arena is not planned.
const LEAST_SAVING: u64 = 256;

impl Planner {
    /// Plans a graph with regions that run stripe by stripe, if that takes less memory than `untiled`, the
    /// plan of the graph as it is. None if no tiling within the goal's cost does, or if the graph has more than 10 000
    /// operators.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn tile(&self, graph: &Graph, untiled: &Plan, goal: &TilingGoal) -> Result<Option<TiledPlan>> {
        if graph.operators().len() > MAX_OPERATORS {
            return Ok(None);
        }
        let best = self.search_tilings(graph, untiled, goal, CapacityPaths::Tried)?;
        let Some(capacity) = goal.capacity else { return Ok(best) };
        if best.as_ref().is_some_and(|best| best.plan.arena_bytes <= capacity) {
            return Ok(best);
        }
        // Paths for the capacity take work of each level from paths of least memory, which may fit.
        let least = self.search_tilings(graph, untiled, goal, CapacityPaths::LeftOut)?;
        Ok([best, least].into_iter().flatten().min_by_key(|tiled| tiled.plan.arena_bytes))
    }

    /// One pass over the levels of extra cost, up to the goal's or the first one whose best plan fits the capacity.
    fn search_tilings(
        &self,
        graph: &Graph,
        untiled: &Plan,
        goal: &TilingGoal,
        capacity_paths: CapacityPaths,
    ) -> Result<Option<TiledPlan>> {
        let mut nets: Vec<OrderedGraph<'_>> = Vec::new();
        let is_large = graph.operators().len() > MAX_OPERATORS_FOR_ALL_AXES;
        let choices = if is_large { 2 } else { AXIS_CHOICES.len() };
        for order in orders(graph, untiled) {
            for &choice in &AXIS_CHOICES[..choices] {
                let net = OrderedGraph::new(graph, &order, choice);
                if !nets.iter().any(|other| other.is_same(&net)) {
                    nets.push(net);
                }
            }
        }
        let total = nets[0].total_cost();
        let mut searches: Vec<TilingSearch<'_, '_>> =
            nets.iter().map(|net| TilingSearch::new(net, &self.limits)).collect();
        let most = untiled.arena_bytes;
        let mut judge = Judge {
            planner: self,
            graph,
            goal,
            capacity_paths,
            most,
            most_planned: most,
            best: None,
            drafts: Vec::new(),
            tried: Vec::new(),
            second_plans: 0,
            work: 0,
            most_work: MAX_FIRST_WORK,
        };
        let mut active = searches.len();
        for &level in LEVELS.iter().filter(|&&level| level <= goal.max_extra_ppm) {
            let max_extra = parts_of(total, level);
            let mut expected = Vec::with_capacity(searches.len());
            for search in searches.iter_mut().take(active) {
                expected.push(judge.measures(search, Halos::All, max_extra)?);
            }
            // Without extra cost, hardly any halo is recomputed.
            if level > LEVELS[0] {
                for search in searches.iter_mut().take(active) {
                    judge.measures(search, Halos::Recomputed, max_extra)?;
                }
            }
            judge.finish_level()?;
            if level == LEVELS[0] {
                sort_by_expected(&mut searches, &expected);
                active = MAX_LATER_SEARCHES;
            }
            if judge.is_done() {
                break;
            }
        }
        let Some(mut best) = judge.best else { return Ok(None) };
        let is_of_best = |search: &&mut TilingSearch<'_, '_>| search.order() == best.tiling.order;
        if let Some(search) = searches.iter_mut().find(is_of_best) {
            let family = (Measure::LiveBytes, Halos::All);
            let least = search.least_bytes(family, goal.max_extra(total), u64::MAX)?;
            let bytes = least.map_or(search.untiled_bytes(), |path| path.bytes);
            best.family_bound = search.is_complete().then_some(bytes);
        }
        Ok(Some(best))
    }
}

/// Puts the searches with the least expected memory first.
fn sort_by_expected(searches: &mut Vec<TilingSearch<'_, '_>>, expected: &[u64]) {
    let mut ranked: Vec<_> = expected.iter().zip(searches.drain(..)).collect();
    ranked.sort_by_key(|(bytes, _)| **bytes);
    searches.extend(ranked.into_iter().map(|(_, search)| search));
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

/// The use of a capacity: a search tries the paths of least cost that are expected to fit it before those of least
/// memory, or leaves them out.
#[derive(Clone, Copy, PartialEq)]
enum CapacityPaths {
    Tried,
    LeftOut,
}

/// Plans tilings and keeps the best one.
struct Judge<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    goal: &'a TilingGoal,
    capacity_paths: CapacityPaths,
    /// The arena of the best plan or draft so far.
    most: u64,
    /// The arena of the best plan so far.
    most_planned: u64,
    best: Option<TiledPlan>,
    /// Tilings of the level with the smallest drafts, the best one first.
    drafts: Vec<Draft>,
    tried: Vec<Tiling>,
    /// Number of full plans so far whose draft was not below the best plan.
    second_plans: u32,
    /// Work of the level so far, in tensors of drafts.
    work: usize,
    /// The work that the level may take.
    most_work: usize,
}

/// A tiling and the arena of its draft plan.
struct Draft {
    found: Found,
    tiled: TiledGraph,
    bytes: u64,
}

impl Judge<'_> {
    /// True if a plan fits the goal's capacity.
    fn is_done(&self) -> bool {
        self.goal.capacity.is_some_and(|capacity| self.most_planned <= capacity) && self.best.is_some()
    }

    fn is_spent(&self) -> bool {
        self.work >= self.most_work
    }

    /// Plans the best drafts of a level in full.
    fn finish_level(&mut self) -> Result<()> {
        for draft in std::mem::take(&mut self.drafts) {
            if draft.bytes >= self.most_planned {
                if self.second_plans == MAX_SECOND_PLANS {
                    continue;
                }
                self.second_plans += 1;
            }
            self.plan(draft)?;
        }
        self.most = self.most_planned;
        (self.work, self.most_work) = (0, MAX_LEVEL_WORK);
        Ok(())
    }

    /// Tries the paths of one search within a budget by each measure; returns the memory that the best one is expected
    /// to need. Graphs with carried rows are seldom planned as tightly as the search expects, so those with recomputed
    /// rows only are searched as well, by the measures of which plans seldom need more.
    fn measures(&mut self, search: &mut TilingSearch<'_, '_>, halos: Halos, max_extra: u64) -> Result<u64> {
        let measures = [Measure::WholeEnds, Measure::FixedPlaces, Measure::LiveBytes];
        let count = if halos == Halos::All { 3 } else { 2 };
        let mut least = u64::MAX;
        for &measure in &measures[..count] {
            least = least.min(self.level(search, (measure, halos), max_extra)?.unwrap_or(u64::MAX));
        }
        Ok(least)
    }

    /// Tries the paths of one search within a budget; returns the memory that the best one is expected to need.
    fn level(
        &mut self,
        search: &mut TilingSearch<'_, '_>,
        family: (Measure, Halos),
        max_extra: u64,
    ) -> Result<Option<u64>> {
        if self.is_done() {
            return Ok(None);
        }
        let capacity = self.goal.capacity.filter(|_| self.capacity_paths == CapacityPaths::Tried);
        if let Some(capacity) = capacity.filter(|&capacity| capacity < self.most) {
            if let Some(path) = search.cheapest_path(family, capacity, max_extra)? {
                self.offer(search, path)?;
            }
            if self.most <= capacity {
                self.finish_level()?;
                return Ok(None);
            }
        }
        // A path above the best plan may be improved to be below it.
        let below = self.most.saturating_add(self.most / 8);
        let Some(mut path) = search.least_bytes(family, max_extra, below)? else { return Ok(None) };
        search.improve(&mut path, family.0, max_extra);
        let expected = path.bytes;
        let drafted = self.offer(search, path)?.min(self.most);
        if drafted > expected.saturating_add(expected / 32) {
            let between = expected + (drafted - expected) / 2;
            if let Some(path) = search.cheapest_path(family, between, max_extra)? {
                self.offer(search, path)?;
            }
        }
        Ok(Some(expected))
    }

    /// Drafts the plan of a tiling if it may be better than the best one; returns the arena of the draft.
    fn offer(&mut self, search: &TilingSearch<'_, '_>, path: TilingPath) -> Result<u64> {
        if path.bytes >= self.most - self.most / LEAST_SAVING || self.is_spent() {
            return Ok(0);
        }
        let found = search.found(path);
        if found.tiling.regions.is_empty() || self.tried.contains(&found.tiling) {
            return Ok(0);
        }
        self.tried.push(found.tiling.clone());
        let tiled = apply(self.graph, &found.tiling)?;
        let bytes = pipeline::draft(&self.quick_planner(), &tiled.graph)?;
        self.work += tiled.graph.tensors().len();
        // Searches with other axes often find a twin of the same sizes.
        let is_twin = |draft: &Draft| {
            (draft.bytes, draft.found.bytes) == (bytes, found.bytes)
                && draft.tiled.graph.tensors().len() == tiled.graph.tensors().len()
        };
        // The full plan may be smaller than its draft.
        if bytes < self.most + self.most / SECOND_PART && !self.drafts.iter().any(is_twin) {
            self.most = self.most.min(bytes);
            let at = self.drafts.partition_point(|draft| draft.bytes <= bytes);
            self.drafts.insert(at, Draft { found, tiled, bytes });
            self.drafts.truncate(MAX_FULL_PLANS);
        }
        Ok(bytes)
    }

    /// Plans a tiling in full and keeps it if it is better than the best one.
    fn plan(&mut self, draft: Draft) -> Result<()> {
        let Draft { found: Found { tiling, bytes, cost }, tiled, .. } = draft;
        let plan = self.quick_planner().plan(&tiled.graph)?;
        let counted = tiled.cost(self.graph);
        // The goal's budget is a promise about the graph, not about the estimate.
        if plan.arena_bytes < self.most_planned && counted.extra <= cost.extra {
            let best =
                TiledPlan { tiling, tiled, plan, cost: counted, expected_bytes: bytes, family_bound: None };
            verify_tiles(self.graph, &best).map_err(|violations| self.planner.wrong_plan(violations))?;
            self.most_planned = best.plan.arena_bytes;
            self.best = Some(best);
        }
        Ok(())
    }

    fn quick_planner(&self) -> Planner {
        self.planner.clone().effort(Effort::Quick).order(ScheduleMode::Program)
    }
}
