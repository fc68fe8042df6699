//! Bodies: graphs that an operator runs, such as the branches of a conditional.

use std::sync::Arc;

use super::{Graph, Operator, Storage, Tensor, TensorKind, links};
use crate::error::{BodyProblem, Error, Named, Result};
use crate::support::ids::{OperatorId, TensorId};

/// Maximum number of operators and tensors in all bodies of a graph. A body counts once for each
/// operator that runs it, because a plan contains a body plan for each of them.
const MAX_SIZE: u64 = 1 << 20;

/// Maximum nesting depth of bodies. Planning and verification recurse over bodies, so the limit
/// bounds the depth of the stack.
const MAX_NESTING: u32 = 32;

/// Depth and size of the bodies of a graph.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BodyExtent {
    /// Nesting depth of bodies: 0 without bodies.
    nesting: u32,
    /// Number of operators and tensors in all bodies.
    size: u64,
}

/// Checks the bodies of all operators, and stores the largest alignment of each operator's bodies: these
/// alignments are needed often, and a body does not change any more.
///
/// # Errors
/// [`Error::Body`] if bodies are too deep or too large, or contain variables, or if a link is invalid.
pub(super) fn check(operators: &mut [Operator], tensors: &[Tensor]) -> Result<BodyExtent> {
    let mut extent = BodyExtent::default();
    for (index, operator) in operators.iter_mut().enumerate() {
        let checked = links::check(operator, tensors)
            .map_err(BodyProblem::Link)
            .and_then(|()| operator.bodies().iter().try_for_each(|body| extent.add(body)));
        checked.map_err(|problem| Error::Body {
            operator: Named::new(OperatorId::new(index), &*operator.name),
            problem,
        })?;
        if let Some(extras) = operator.extras.as_deref_mut() {
            let alignments = extras.bodies.iter().map(|body| body.largest_alignment());
            extras.body_alignment = alignments.max().unwrap_or(0);
        }
    }
    Ok(extent)
}

impl BodyExtent {
    /// Checks a body of an operator, and adds its extent.
    fn add(&mut self, body: &Graph) -> std::result::Result<(), BodyProblem> {
        self.nesting = self.nesting.max(body.extent.nesting + 1);
        let size = body.operators.len() + body.tensors.len();
        self.size = self.size.saturating_add(size as u64).saturating_add(body.extent.size);
        if self.size > MAX_SIZE {
            return Err(BodyProblem::TooLarge { max: MAX_SIZE });
        }
        if self.nesting > MAX_NESTING {
            return Err(BodyProblem::TooDeep { max: MAX_NESTING });
        }
        let is_variable = |id: &TensorId| body.tensor(*id).kind == TensorKind::Variable;
        if let Some(variable) = body.tensor_ids().find(is_variable) {
            return Err(BodyProblem::Variable { tensor: body.named_tensor(variable) });
        }
        let has_storage = |id: &TensorId| *body.tensor(*id).storage() != Storage::Arena;
        match body.tensor_ids().find(has_storage) {
            None => Ok(()),
            Some(tensor) => Err(BodyProblem::Storage { tensor: body.named_tensor(tensor) }),
        }
    }
}

impl Graph {
    /// Returns true if an operator of this graph runs bodies.
    #[must_use]
    pub fn has_bodies(&self) -> bool {
        self.extent.nesting > 0
    }

    /// Nesting depth of bodies: 0 without bodies.
    pub(crate) fn nesting(&self) -> u32 {
        self.extent.nesting
    }

    /// The largest alignment that a tensor requests, bodies included; 0 if none does.
    fn largest_alignment(&self) -> u64 {
        let tensors = self.tensors.iter().filter_map(Tensor::alignment);
        let bodies = self.operators.iter().map(|operator| operator.scratch_alignment(0));
        tensors.chain(bodies).max().unwrap_or(0)
    }

    /// Applies a change to every body.
    pub(super) fn each_body(&mut self, mut change: impl FnMut(&mut Self)) {
        if !self.has_bodies() {
            return;
        }
        for extras in self.operators.iter_mut().filter_map(|operator| operator.extras.as_deref_mut()) {
            extras.bodies.iter_mut().for_each(|body| change(Arc::make_mut(body)));
        }
    }

    /// Operators that run and have bodies, in ascending order of ids.
    pub(crate) fn operators_with_bodies(&self) -> impl Iterator<Item = (OperatorId, &Operator)> {
        let list: &[Operator] = if self.has_bodies() { &self.operators } else { &[] };
        let all = list.iter().enumerate().map(|(index, operator)| (OperatorId::new(index), operator));
        all.filter(|(_, operator)| !operator.is_folded() && !operator.bodies().is_empty())
    }

    /// The same graph with larger scratch buffers instead of bodies. `bytes` returns the scratch size of
    /// each operator that runs and has bodies.
    pub(crate) fn without_bodies(&self, mut bytes: impl FnMut(OperatorId) -> u64) -> Self {
        let mut flat = self.clone();
        for (id, _) in self.operators_with_bodies() {
            if let Some(extras) = flat.operators[id.index()].extras.as_deref_mut() {
                extras.scratch_bytes = bytes(id);
            }
        }
        for extras in flat.operators.iter_mut().filter_map(|operator| operator.extras.as_deref_mut()) {
            extras.bodies.clear();
            extras.links.clear();
        }
        flat.extent = BodyExtent::default();
        flat
    }
}
