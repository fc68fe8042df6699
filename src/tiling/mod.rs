//! Spatial tiling: a region of operators runs stripe by stripe, so that its large tensors never exist
//! as a whole.
//!
//! - [`Tiling`] is data: regions of operators, and for each stripe the rows that each operator
//!   computes and the rows that it keeps from the stripe before.
//! - [`apply`] makes an ordinary graph of it, with the origin of every new tensor and operator.
//! - `search` finds tilings; [`Planner::tile`](crate::Planner::tile) plans their graphs and keeps the best.
//!
//! Two ways to supply the rows that two stripes have in common (the halo): the second stripe
//! *recomputes* them, which costs operations, or the first one leaves them for the second, *carried*
//! in memory, which costs bytes. Each tensor has its own choice.

mod apply;
mod boundaries;
pub(crate) mod cost;
mod goal;
pub(crate) mod measure;
mod ordered_graph;
pub(crate) mod orders;
mod region;
mod region_cost;
mod rows;
pub(crate) mod search;
mod segment;
pub(crate) mod segment_cuts;
mod tiled_graph;

pub use apply::apply;
pub use goal::TilingGoal;
pub(crate) use goal::parts_of;
pub(crate) use ordered_graph::{AxisChoice, OrderedGraph};
pub use region::{Region, Tile, Tiling, TilingCost};
pub use tiled_graph::{OperatorOrigin, TensorOrigin, TiledGraph};
#[cfg(test)]
mod tests;
