//! Occupants: the tensors and scratch buffers that buffers of the arena hold.

use crate::support::ids::{OperatorId, TensorId};

/// The location of variables.
///
/// ```
/// use plimsoll::{Graph, Planner, TensorSpec, Variables};
///
/// let mut net = Graph::builder("net");
/// let state = net.variable("state", TensorSpec::bytes(64));
/// net.operator("update").reads([state]).writes([state]);
/// let graph = net.build()?;
/// assert_eq!(Planner::new().plan(&graph)?.arena_bytes, 64);
/// assert_eq!(Planner::new().variables(Variables::Outside).plan(&graph)?.arena_bytes, 0);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Variables {
    /// In the arena, throughout the run.
    #[default]
    Arena,
    /// In separate memory, which the plan does not count.
    Outside,
}

/// The content of a buffer in the arena.
///
/// Example: [`Plan`](crate::Plan).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Occupant {
    /// A tensor.
    Tensor(TensorId),
    /// The scratch buffer of an operator.
    Scratch(OperatorId),
}
