use std::sync::Arc;

use smallvec::SmallVec;

use super::text::Text;
use super::{Graph, Permit};
use crate::ids::{OperatorId, TensorId};

/// An operator of a [`Graph`](crate::Graph).
#[derive(Clone, Debug)]
pub struct Operator {
    pub(crate) name: Text,
    pub(crate) op_type: Text,
    pub(crate) inputs: SmallVec<[TensorId; 4]>,
    pub(crate) outputs: SmallVec<[TensorId; 2]>,
    pub(crate) permits: Vec<Permit>,
    pub(crate) foldable: bool,
    pub(crate) folded: bool,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few operators have: apart, so that the others are small.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rare {
    pub(crate) scratch_bytes: u64,
    /// The largest alignment that a tensor of a body asks for.
    pub(crate) body_alignment: u64,
    pub(crate) runs_after: Vec<OperatorId>,
    pub(crate) bodies: Vec<Arc<Graph>>,
}

impl Operator {
    /// The name given; need not be unique.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it computes, as in `Conv` or `CONV_2D`; may be empty.
    #[must_use]
    pub fn op_type(&self) -> &str {
        &self.op_type
    }

    /// The tensors that it reads; one may stand there more than once.
    #[must_use]
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// The tensors that it writes.
    #[must_use]
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// Workspace in bytes, alive only while the operator runs.
    #[must_use]
    pub fn scratch_bytes(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.scratch_bytes)
    }

    /// Alignment of the workspace in a plan whose default alignment is this: no less than what
    /// the bodies' tensors ask for.
    #[must_use]
    pub fn scratch_alignment(&self, default: u64) -> u64 {
        self.rare.as_ref().map_or(default, |rare| default.max(rare.body_alignment))
    }

    /// Graphs that it runs while it runs, one at a time: the branches of a conditional, the
    /// condition and the body of a loop. See [`OperatorBuilder::runs`](super::OperatorBuilder::runs).
    #[must_use]
    pub fn bodies(&self) -> &[Arc<Graph>] {
        self.rare.as_ref().map_or(&[], |rare| &rare.bodies)
    }

    /// Operators that must run before it although it reads nothing of theirs.
    #[must_use]
    pub fn runs_after(&self) -> &[OperatorId] {
        self.rare.as_ref().map_or(&[], |rare| &rare.runs_after)
    }

    /// Memory that its inputs and outputs may share.
    #[must_use]
    pub fn permits(&self) -> &[Permit] {
        &self.permits
    }

    /// Whether it was folded away: it runs at compile time, its outputs are
    /// constants, and no order contains it.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        self.folded
    }
}
