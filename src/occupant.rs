//! What can lie in the arena.

use crate::ids::{OperatorId, TensorId};

/// Where variables live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Variables {
    /// In the arena, throughout the run.
    #[default]
    Arena,
    /// In memory of their own, which this plan does not count.
    Outside,
}

/// What a buffer of the arena holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Occupant {
    /// A tensor.
    Tensor(TensorId),
    /// The workspace of an operator.
    Scratch(OperatorId),
}
