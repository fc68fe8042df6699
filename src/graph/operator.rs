use std::sync::Arc;

use smallvec::SmallVec;

use super::text::CompactText;
use super::{AccessMap, BodyLink, Graph, Permit};
use crate::error::Named;
use crate::support::ids::{OperatorId, TensorId};

/// An operator of a [`Graph`](crate::Graph).
///
/// Example: [`GraphBuilder`](crate::GraphBuilder).
#[derive(Clone, Debug)]
pub struct Operator {
    pub(crate) name: CompactText,
    pub(crate) op_type: CompactText,
    pub(crate) inputs: SmallVec<[TensorId; 4]>,
    pub(crate) outputs: SmallVec<[TensorId; 2]>,
    /// Few operators have several, so the list has no spare capacity.
    pub(crate) permits: Box<[Permit]>,
    pub(crate) foldable: bool,
    pub(crate) folded: bool,
    /// Shared, as many operators have equal maps.
    pub(crate) access: Option<Arc<AccessMap>>,
    pub(crate) extras: Option<Box<OperatorExtras>>,
}

/// Properties that few operators have. They are stored separately to keep [`Operator`] small.
#[derive(Clone, Debug, Default)]
pub(crate) struct OperatorExtras {
    /// Size of the scratch buffer in bytes, without bodies.
    pub(crate) scratch_bytes: u64,
    /// The largest alignment that a tensor of a body requests.
    pub(crate) body_alignment: u64,
    pub(crate) runs_after: Vec<OperatorId>,
    pub(crate) bodies: Vec<Arc<Graph>>,
    pub(crate) links: Vec<BodyLink>,
}

impl Operator {
    /// The id and the name, for errors.
    pub(crate) fn named(&self, id: OperatorId) -> Named<OperatorId> {
        Named::new(id, &*self.name)
    }

    /// The name; need not be unique.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the operator, such as `Conv` or `CONV_2D`; may be empty. It is shown, never
    /// interpreted.
    #[must_use]
    pub fn op_type(&self) -> &str {
        &self.op_type
    }

    /// The tensors that the operator reads. A tensor may occur more than once.
    #[must_use]
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// The tensors that the operator writes.
    #[must_use]
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// Size of the scratch buffer in bytes. The scratch buffer is live only while the operator runs.
    #[must_use]
    pub fn scratch_bytes(&self) -> u64 {
        self.extras.as_ref().map_or(0, |extras| extras.scratch_bytes)
    }

    /// Returns true if the operator may run at compile time if all of its inputs are constants.
    #[must_use]
    pub fn is_foldable(&self) -> bool {
        self.foldable
    }

    /// Alignment of the scratch buffer in a plan with this default alignment: the larger of the default
    /// and the alignments that tensors of the bodies request.
    #[must_use]
    pub fn scratch_alignment(&self, default: u64) -> u64 {
        self.extras.as_ref().map_or(default, |extras| default.max(extras.body_alignment))
    }

    /// The graphs that the operator runs, one at a time: the branches of a conditional, or the
    /// condition and the body of a loop. See [`OperatorBuilder::runs`](super::OperatorBuilder::runs).
    #[must_use]
    pub fn bodies(&self) -> &[Arc<Graph>] {
        self.extras.as_ref().map_or(&[], |extras| &extras.bodies)
    }

    /// Operators that must run before this one for reasons other than data flow.
    #[must_use]
    pub fn runs_after(&self) -> &[OperatorId] {
        self.extras.as_ref().map_or(&[], |extras| &extras.runs_after)
    }

    /// Permissions for inputs and outputs to share memory.
    #[must_use]
    pub fn permits(&self) -> &[Permit] {
        &self.permits
    }

    /// The access map; none if the operator must run as a whole.
    #[must_use]
    pub fn access(&self) -> Option<&AccessMap> {
        self.access.as_deref()
    }

    /// Returns true if the operator was folded: it runs at compile time, its outputs are
    /// constants, and no order contains it.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        self.folded
    }
}
