//! Bodies: graphs that an operator runs.

use std::sync::Arc;

use super::{Graph, Operator, Tensor, TensorKind};
use crate::error::{Error, Result, short};
use crate::ids::OperatorId;

/// Operators and tensors of a graph and of its bodies, each counted as often as an operator runs it: a
/// plan places them all.
const MOST_IN_ALL: u64 = 1 << 20;

/// Bodies in bodies. Plans are made and checked by recursion over them.
const DEEPEST: u32 = 32;

/// What bodies add to a graph.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// How deep bodies nest: 0 without bodies.
    nesting: u32,
    /// Operators and tensors in all bodies.
    inner: u64,
}

/// Checks the bodies of all operators, and remembers their alignments.
pub(super) fn check(operators: &mut [Operator]) -> Result<Extent> {
    let mut extent = Extent::default();
    for operator in operators {
        let name = &operator.name;
        let invalid = |problem: String| Error::Body { operator: name.to_string(), problem };
        let Some(rare) = operator.rare.as_deref_mut().filter(|rare| !rare.bodies.is_empty()) else {
            continue;
        };
        for body in &rare.bodies {
            extent.nesting = extent.nesting.max(body.extent.nesting + 1);
            let own = body.operators.len() + body.tensors.len();
            extent.inner = extent.inner.saturating_add(own as u64).saturating_add(body.extent.inner);
            if extent.inner > MOST_IN_ALL {
                let most = format!("more than {MOST_IN_ALL} operators and tensors");
                return Err(invalid(format!("all bodies together, as often as they are run, have {most}")));
            }
            if extent.nesting > DEEPEST {
                return Err(invalid(format!("bodies nest more than {DEEPEST} deep")));
            }
            let mut tensors = body.tensors.iter();
            if let Some(variable) = tensors.find(|tensor| tensor.kind == TensorKind::Variable) {
                let name = short(&variable.name);
                return Err(invalid(format!(
                    "its tensor `{name}` is a variable, which outlives the operator; make it a variable of the \
                     graph around it, and an input of the operator"
                )));
            }
        }
        let alignments = rare.bodies.iter().map(|body| body.largest_alignment());
        rare.body_alignment = alignments.max().unwrap_or(0);
    }
    Ok(extent)
}

impl Graph {
    /// Whether operators of this graph run bodies.
    #[must_use]
    pub fn has_bodies(&self) -> bool {
        self.extent.nesting > 0
    }

    /// The largest alignment that a tensor asks for, bodies included; 0 if none does.
    fn largest_alignment(&self) -> u64 {
        let own = self.tensors.iter().filter_map(Tensor::alignment);
        let inner = self.operators.iter().map(|operator| operator.scratch_alignment(0));
        own.chain(inner).max().unwrap_or(0)
    }

    /// Changes every body.
    pub(super) fn each_body(&mut self, mut change: impl FnMut(&mut Self)) {
        if !self.has_bodies() {
            return;
        }
        for rare in self.operators.iter_mut().filter_map(|operator| operator.rare.as_deref_mut()) {
            rare.bodies.iter_mut().for_each(|body| change(Arc::make_mut(body)));
        }
    }

    /// Operators that run and have bodies, by id.
    pub(crate) fn operators_with_bodies(&self) -> impl Iterator<Item = (OperatorId, &Operator)> {
        let list: &[Operator] = if self.has_bodies() { &self.operators } else { &[] };
        let all = list.iter().enumerate().map(|(index, operator)| (OperatorId::new(index), operator));
        all.filter(|(_, operator)| !operator.is_folded() && !operator.bodies().is_empty())
    }

    /// The same graph with workspaces of these sizes instead of bodies. `bytes` is asked for the
    /// workspace of each operator that runs and has bodies.
    pub(crate) fn without_bodies(&self, mut bytes: impl FnMut(OperatorId) -> u64) -> Self {
        let mut flat = self.clone();
        for (id, _) in self.operators_with_bodies() {
            if let Some(rare) = flat.operators[id.index()].rare.as_deref_mut() {
                rare.scratch_bytes = bytes(id);
            }
        }
        for rare in flat.operators.iter_mut().filter_map(|operator| operator.rare.as_deref_mut()) {
            rare.bodies.clear();
        }
        flat.extent = Extent::default();
        flat
    }
}
