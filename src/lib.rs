//! Static memory planning.
#![warn(missing_docs)]
#![deny(unsafe_code)]

pub mod allocate;
mod bound;
mod error;
pub mod export;
mod graph;
mod ids;
pub mod import;
mod liveness;
mod occupant;
mod plan;
mod planner;
mod problem;
#[cfg(feature = "report")]
pub mod report;
mod solution;
pub mod verify;

pub use bound::{LowerBound, lower_bound};
pub use error::{Error, Result};
pub use graph::{
    ElementType, Graph, GraphBuilder, Operator, OperatorBuilder, Shape, Tensor, TensorKind, TensorSpec,
    UnknownElementType,
};
pub use ids::{BufferId, OperatorId, TensorId};
pub use liveness::{Liveness, Peak};
pub use occupant::{Occupant, Variables};
pub use plan::{Placement, Plan, PlanBound, Status};
pub use planner::Planner;
pub use problem::{Buffer, LiveRange, Problem};
pub use solution::Solution;
