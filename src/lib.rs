//! Static memory planning.
#![warn(missing_docs)]
#![deny(unsafe_code)]

mod bound;
mod error;
mod graph;
mod ids;
mod liveness;
mod plan;
mod problem;

pub use bound::{LowerBound, lower_bound};
pub use error::{Error, Result};
pub use graph::{
    ElementType, Graph, GraphBuilder, Operator, OperatorBuilder, Shape, Tensor, TensorKind, TensorSpec,
    UnknownElementType,
};
pub use ids::{BufferId, OperatorId, TensorId};
pub use liveness::{Liveness, Occupant, Peak, Variables};
pub use plan::{Placement, Plan, PlanBound, Status};
pub use problem::{Buffer, LiveRange, Problem};
