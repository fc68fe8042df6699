//! Plans for several memories with tiling: tilings for the fastest memory, each judged by the cost of its placement.
//!
//! A region whose stripes fit the fastest memory keeps its large tensors on chip part by part; only its entries and
//! exits may live in a slower memory. In return, every stripe reads the constants of its operators again. Both are
//! traffic of the tiled graph, so its placement decides: a tiling is kept if its plan costs less than the plan without.

use super::Planner;
use crate::error::{Error, Result};
use crate::graph::{Content, Graph, Pool, Pools};
use crate::plan::{Plan, PoolPlan, TiledPlan, TiledPoolPlan};
use crate::tiling::TilingGoal;
use crate::verify::verify_tiled_pools;

/// Budgets of extra cost, in parts per million, that are tried if no tiling fits the fastest memory.
const BUDGETS: [u64; 3] = [0, 50_000, 300_000];

impl Planner {
    /// Plans a graph for the memories of `untiled`, its plan as it is, with regions that run stripe by stripe; none if
    /// no tiling costs less than `untiled`.
    ///
    /// The tilings are those of [`tile`](Self::tile): of least extra cost under the capacity of the fastest memory
    /// for tensors, or under the capacity of the goal, within the goal's extra cost; and of least memory if none fits. The placement
    /// counts constants in each stripe that reads them. A graph with tensors in [named pools](crate::Storage::Pool) is
    /// not tiled.
    ///
    /// ```
    /// use plimsoll::tiling::TilingGoal;
    /// use plimsoll::{AccessMap, ElementType::Int8, Graph, Planner, Pool, Pools, RowMap, TensorSpec, TileAxis};
    ///
    /// let mut net = Graph::builder("two convolutions");
    /// let shape = |channels| TensorSpec::shaped(Int8, [1, 32, 32, channels]);
    /// let (x, middle, y) = (net.input("x", shape(4)), net.tensor("middle", shape(64)), net.tensor("y", shape(4)));
    /// let rows = || TileAxis::new([1], [Some((1, RowMap::window(3, 1, 1, 1)))]);
    /// net.operator("expand").reads([x]).writes([middle]).access(AccessMap::new(9 * 4, [rows()]));
    /// net.operator("reduce").reads([middle]).writes([y]).access(AccessMap::new(9 * 64, [rows()]));
    /// net.output(y);
    /// let graph = net.build()?;
    ///
    /// let pools = Pools::new([Pool::on_chip("sram", 16 << 10), Pool::off_chip("ddr")])?;
    /// let planner = Planner::new().alignment(1);
    /// let untiled = planner.place(&graph, &pools)?;
    /// let tiled = planner.place_tiles(&graph, &untiled, &TilingGoal::least_memory())?.expect("tiling helps");
    /// assert!(tiled.plan.cost < untiled.cost);
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`place`](Self::place).
    pub fn place_tiles(
        &self,
        graph: &Graph,
        untiled: &PoolPlan,
        goal: &TilingGoal,
    ) -> Result<Option<TiledPoolPlan>> {
        // Larger memories would save nothing, and neither do smaller tensors. Tilings are judged by the arena that they
        // need, which tensors in named pools do not have.
        if untiled.all_fits() || graph.check_one_arena().is_err() {
            return Ok(None);
        }
        let pools = &untiled.pools;
        // The fastest memory may hold scratch or constants only.
        let holds_tiles = |pool: &&Pool| pool.holds.contains(&Content::Activations);
        let fastest = pools.list().iter().find(holds_tiles).and_then(Pool::bytes).unwrap_or(u64::MAX);
        let arena = self.plan(graph)?;
        let fit = TilingGoal { capacity: Some(goal.capacity.unwrap_or(fastest)), ..*goal };
        let mut best = None;
        let fits = self.place_tiling(graph, &arena, (pools, &fit), untiled.cost, &mut best)?;
        for budget in BUDGETS.into_iter().filter(|&budget| !fits && budget <= goal.max_extra_ppm) {
            let least = TilingGoal::least_memory().max_extra_ppm(budget);
            self.place_tiling(graph, &arena, (pools, &least), untiled.cost, &mut best)?;
        }
        Ok(best)
    }

    /// Places the tiling of a goal and keeps it if it costs less than `below` and the best one. Returns whether the
    /// tiling fits the goal's capacity.
    fn place_tiling(
        &self,
        graph: &Graph,
        arena: &Plan,
        (pools, goal): (&Pools, &TilingGoal),
        below: u64,
        best: &mut Option<TiledPoolPlan>,
    ) -> Result<bool> {
        let Some(TiledPlan { tiling, tiled, plan, cost, .. }) = self.tile(graph, arena, goal)? else {
            return Ok(false);
        };
        let fits = goal.capacity.is_some_and(|capacity| plan.arena_bytes <= capacity);
        let placed = match self.place_in_order(&tiled.graph, &plan.order, pools) {
            // Another tiling, or the plan without, may fit.
            Err(Error::DoesNotFit(_)) => return Ok(false),
            placed => placed?,
        };
        let below = best.as_ref().map_or(below, |best| best.plan.cost);
        if placed.cost < below {
            let tiled = TiledPoolPlan { tiling, tiled, plan: placed, cost };
            verify_tiled_pools(graph, &tiled).map_err(|violations| self.wrong_plan(violations))?;
            *best = Some(tiled);
        }
        Ok(fits)
    }
}
