//! The plan of a graph whose regions run stripe by stripe.

use super::{Plan, PoolPlan};
use crate::graph::Graph;
use crate::support::ids::OperatorId;
use crate::tiling::{TiledGraph, Tiling, TilingCost};

/// A tiling, its graph and a verified plan of that graph.
///
/// Example: [`Planner::tile`](crate::Planner::tile).
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
    /// The least live bytes, as the search counts them, of all tilings of its family in the order of
    /// [`tiling`](Self::tiling) within the goal's budget; none if the search was cut short. Other orders,
    /// and tilings outside of the family, may need less.
    pub family_bound: Option<u64>,
}

/// A tiling, its graph and a verified plan of that graph for several memories.
///
/// Example: [`Planner::place_tiles`](crate::Planner::place_tiles).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TiledPoolPlan {
    /// Regions and stripes.
    pub tiling: Tiling,
    /// The graph of the tiling.
    pub tiled: TiledGraph,
    /// The plan of that graph. Its cost counts constants in each stripe that reads them; its bounds are about
    /// placements of the tiled graph.
    pub plan: PoolPlan,
    /// The cost of the tiling beyond the untiled graph.
    pub cost: TilingCost,
}

/// The tiling of a [`PlanView`](super::PlanView).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TilingView<'a> {
    /// The graph before tiling.
    pub untiled: &'a Graph,
    /// A plan of the graph before tiling for one arena, for comparison; none if it is not known.
    pub untiled_plan: Option<&'a Plan>,
    /// A plan of the graph before tiling for several memories, for comparison; none if it is not known.
    pub untiled_pools: Option<&'a PoolPlan>,
    /// Regions and stripes.
    pub tiling: &'a Tiling,
    /// The graph of the tiling.
    pub tiled: &'a TiledGraph,
    /// The operators of the tiled graph in the order in which they run.
    pub order: &'a [OperatorId],
    /// The cost of the tiling beyond the untiled graph.
    pub cost: TilingCost,
    /// [`TiledPlan::expected_bytes`]; 0 for several memories.
    pub expected_bytes: u64,
    /// [`TiledPlan::family_bound`]; none for several memories.
    pub family_bound: Option<u64>,
}
