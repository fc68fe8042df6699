//! Levels of sharing, kinds of aliases, and the permissions in force at a level.

use crate::graph::{Graph, Permit};
use crate::ids::{OperatorId, TensorId};

/// How far a [`Planner`](crate::Planner) goes in letting tensors share memory while both
/// are needed. Only what an operator permits ([`Permit`](crate::Permit)) is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sharing {
    /// Not at all.
    #[default]
    None,
    /// Views: reshapes, slices, splits.
    Views,
    /// And outputs written over inputs.
    InPlace,
    /// And concatenation without copies, and partial overlap.
    All,
}

/// How a tensor shares memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// It is all of the other one.
    View,
    /// It is a part of the other one.
    Slice,
    /// It was made as a part of the other one, and is not copied there.
    Concat,
    /// It is written over the other one.
    InPlace,
    /// It starts within the other one, which is below it.
    Overlap,
}

/// A tensor that shares memory with another one while both are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    /// The operator that permits it.
    pub operator: OperatorId,
    /// The tensor.
    pub tensor: TensorId,
    /// The other one.
    pub of: TensorId,
    /// Bytes from the start of the other one.
    pub at: u64,
    /// What is the same, or why it may be overwritten.
    pub how: How,
}

/// The lowest level at which a permission is used.
pub(crate) fn level(permit: &Permit) -> Sharing {
    match permit {
        Permit::View { .. } => Sharing::Views,
        Permit::InPlace { .. } => Sharing::InPlace,
        Permit::Piece { .. } | Permit::Overlap { .. } => Sharing::All,
    }
}

/// Whether a permission is used where it can be: at this level, or as relative placement
/// demands it.
pub(crate) fn in_force(graph: &Graph, permit: &Permit, sharing: Sharing) -> bool {
    sharing >= level(permit) || graph.is_forced(permit)
}

/// Whether a plan of this graph has to look at what is shared.
pub(crate) fn concerns(graph: &Graph, sharing: Sharing) -> bool {
    sharing > Sharing::None || !graph.relative_placements().is_empty()
}
