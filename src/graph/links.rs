//! Links: tensors of bodies that hold the values of tensors around them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::placement_constraints::PlacementConstraints;
use super::{Graph, InputContents, Operator, Permit, RelativePlacement, Tensor, TensorKind, TensorSpec};
use crate::error::{Error, LinkProblem, Named, Result};
use crate::support::ids::{OperatorId, TensorId};

/// A tensor of a body that holds the value of an input or an output of the operator that runs the body.
///
/// A link states what a plan may use:
///
/// - `tensor` is an output of the operator: when the body has run for the last time, its output `inner` is
///   the value of `tensor`. For a loop, `inner` is the input of the body that holds the state between
///   iterations.
/// - `tensor` is an input of the operator: the body reads `inner` instead of it, and runs at most once.
///   `inner` is a constant of the body, so that it takes no memory there unless a plan uses the link.
///
/// Plans use links of tensors of one size only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyLink {
    /// The input or output of the operator.
    pub tensor: TensorId,
    /// Position of the body in [`Operator::bodies`].
    pub body: usize,
    /// The tensor of the body.
    pub inner: TensorId,
}

/// A block of bytes that a plan reserves for one operator: the parts lie one behind the other.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) operator: OperatorId,
    /// Tensors in front of the scratch buffer.
    pub(crate) below: Vec<TensorId>,
    /// Size of the scratch buffer in bytes; may be 0.
    pub(crate) scratch_bytes: u64,
    /// Tensors behind the scratch buffer.
    pub(crate) above: Vec<TensorId>,
}

/// Checks the links of an operator.
///
/// # Errors
/// The reason why a link is invalid.
pub(super) fn check(operator: &Operator, tensors: &[Tensor]) -> std::result::Result<(), LinkProblem> {
    let mut seen: Vec<(usize, TensorId, bool)> = Vec::new();
    for link in operator.links() {
        check_link(operator, link, tensors)?;
        let keys = [(link.body, link.tensor, false), (link.body, link.inner, true)];
        if keys.iter().any(|key| seen.contains(key)) {
            let body = &operator.bodies()[link.body];
            let tensor = Named::new(link.tensor, &*tensors[link.tensor.index()].name);
            return Err(LinkProblem::Repeated { tensor, inner: body.named_tensor(link.inner) });
        }
        seen.extend(keys);
    }
    Ok(())
}

fn check_link(
    operator: &Operator,
    link: &BodyLink,
    tensors: &[Tensor],
) -> std::result::Result<(), LinkProblem> {
    let Some(body) = operator.bodies().get(link.body) else {
        return Err(LinkProblem::UnknownBody { body: link.body });
    };
    let Some(inner) = body.tensors.get(link.inner.index()) else {
        return Err(LinkProblem::UnknownTensor { body: link.body, inner: link.inner });
    };
    let is_input = operator.inputs.contains(&link.tensor);
    let is_output = operator.outputs.contains(&link.tensor);
    let tensor = || Named::new(link.tensor, &*tensors[link.tensor.index()].name);
    let named = || body.named_tensor(link.inner);
    if is_input == is_output {
        return Err(LinkProblem::NotOfOperator { tensor: link.tensor });
    }
    if is_input && inner.kind != TensorKind::Constant {
        return Err(LinkProblem::NotConstant { tensor: tensor(), inner: named() });
    }
    // Its value is not known at compile time.
    if is_input && inner.readers.iter().any(|reader| body.operator(*reader).foldable) {
        return Err(LinkProblem::FoldableReader { tensor: tensor(), inner: named() });
    }
    if is_output && (inner.kind == TensorKind::Constant || !inner.is_output) {
        return Err(LinkProblem::NotOutput { tensor: tensor(), inner: named() });
    }
    Ok(())
}

impl Operator {
    /// Links of tensors of the bodies to inputs and outputs of the operator.
    #[must_use]
    pub fn links(&self) -> &[BodyLink] {
        self.extras.as_ref().map_or(&[], |extras| &extras.links)
    }

    /// The graph of a body in a plan that uses the links of these inputs and outputs of the operator: inputs are
    /// inputs of the body that may be overwritten. None if there is no such body.
    #[must_use]
    pub fn linked_body(&self, body: usize, linked: &[TensorId]) -> Option<Arc<Graph>> {
        let graph = self.bodies().get(body)?;
        let of_body = self.links().iter().filter(|link| link.body == body && linked.contains(&link.tensor));
        let mut changed = Cow::Borrowed(&**graph);
        for link in of_body.filter(|link| graph.tensor(link.inner).kind == TensorKind::Constant) {
            let inner = &mut changed.to_mut().tensors[link.inner.index()];
            (inner.kind, inner.contents) = (TensorKind::Input, InputContents::Overwritable);
        }
        Some(match changed {
            Cow::Borrowed(_) => Arc::clone(graph),
            Cow::Owned(changed) => Arc::new(changed),
        })
    }
}

impl Graph {
    /// The same graph with tensors at fixed offsets.
    pub(crate) fn fixed_at(&self, offsets: impl IntoIterator<Item = (TensorId, u64)>) -> Self {
        let mut fixed = self.clone();
        for (tensor, offset) in offsets {
            let spec = &mut fixed.tensors[tensor.index()].spec;
            *spec = spec.clone().at(offset);
        }
        fixed
    }

    /// The same graph with tensors at fixed offsets, and others at fixed distances from them. The dependencies stay:
    /// the caller has chosen an order.
    ///
    /// # Errors
    /// [`Error::Constraint`] if the distances contradict relative placements.
    pub(crate) fn held_at(
        &self,
        offsets: impl IntoIterator<Item = (TensorId, u64)>,
        tied: &[RelativePlacement],
    ) -> Result<Self> {
        let mut held = self.fixed_at(offsets);
        if !tied.is_empty() {
            let list = held.constraints.list.iter().chain(tied).copied().collect();
            held.constraints =
                PlacementConstraints::new(list, held.constraints.apart.clone(), &held.tensors)?;
        }
        Ok(held)
    }

    /// The graph with one more output for each block: the scratch buffer of the operator, as a tensor at a
    /// fixed distance from the other tensors of the block. A block without scratch has no tensor. Tensors of
    /// blocks have no aliases. Returns the new tensors by block.
    ///
    /// # Errors
    /// [`Error::Constraint`] if the blocks contradict relative placements, and [`Error::TooMany`].
    pub(crate) fn with_blocks(&self, blocks: &[Block]) -> Result<(Self, Vec<Option<TensorId>>)> {
        let mut graph = self.clone();
        let mut placements = graph.constraints.list.clone();
        let mut scratch = Vec::with_capacity(blocks.len());
        for block in blocks {
            if let Some(extras) = graph.operators[block.operator.index()].extras.as_deref_mut() {
                extras.scratch_bytes = 0;
            }
            let tensor = (block.scratch_bytes > 0).then(|| graph.add_scratch_tensor(block)).transpose()?;
            let parts = block.below.iter().copied().chain(tensor).chain(block.above.iter().copied());
            let parts: Vec<TensorId> = parts.collect();
            for pair in parts.windows(2) {
                let at = graph.tensors[pair[0].index()].bytes;
                placements.push(RelativePlacement { tensor: pair[1], of: pair[0], at });
            }
            scratch.push(tensor);
        }
        let linked = blocks.iter().flat_map(|block| block.below.iter().chain(&block.above).copied());
        let linked: HashSet<TensorId> = linked.collect();
        let is_linked = |id: TensorId| linked.contains(&id);
        for operator in graph.operators.iter_mut().filter(|operator| !operator.permits.is_empty()) {
            let keeps = |permit: &&Permit| !is_linked(permit.input()) && !is_linked(permit.output());
            operator.permits = operator.permits.iter().filter(keeps).copied().collect();
        }
        let apart = graph.constraints.apart.clone();
        // The dependencies stay: the caller has chosen an order.
        graph.constraints = PlacementConstraints::new(placements, apart, &graph.tensors)?;
        Ok((graph, scratch))
    }

    fn add_scratch_tensor(&mut self, block: &Block) -> Result<TensorId> {
        if self.tensors.len() + 1 >= TensorId::MAX_COUNT {
            return Err(Error::TooMany { what: "tensors", max: TensorId::MAX_COUNT - 1 });
        }
        let id = TensorId::new(self.tensors.len());
        let operator = &mut self.operators[block.operator.index()];
        operator.outputs.push(id);
        self.tensors.push(Tensor {
            name: format!("scratch of {}", operator.name).into(),
            kind: TensorKind::Intermediate,
            is_output: false,
            contents: InputContents::default(),
            spec: TensorSpec::bytes(block.scratch_bytes),
            bytes: block.scratch_bytes,
            producer: Some(block.operator),
            readers: smallvec::SmallVec::new(),
        });
        Ok(id)
    }
}
