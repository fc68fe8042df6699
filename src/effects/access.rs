//! Bytes that an operator reads and writes under the sharing of a plan.

use std::collections::BTreeMap;

use super::level::{How, Share};
use crate::graph::Graph;
use crate::ids::{OperatorId, TensorId};
use crate::occupant::Occupant;

/// Bytes that an operator reads and writes of a tensor or its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The tensor, or the workspace of the operator.
    pub occupant: Occupant,
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
}

/// What an operator reads and writes, given what it shares: inputs, then outputs, each once,
/// then its workspace.
///
/// An input is not read if everything that the operator would make of it is there already: if
/// all outputs are views of it, or if it lies in the place that each concatenation of it has for
/// it. An output that is a view is not written, and of a concatenation only what is not there.
/// Other shares, as those of other operators, have no effect here. O(n log n) for n inputs,
/// outputs and shares.
#[must_use]
pub fn accesses(graph: &Graph, operator: OperatorId, shares: &[Share]) -> Vec<Access> {
    let node = graph.operator(operator);
    let aliases = Aliases::new(graph, operator, shares);
    let mut accesses = Vec::new();
    for input in each_once(node.inputs()) {
        if aliases.reads(input) {
            let read = graph.tensor(input).bytes();
            accesses.push(Access { occupant: Occupant::Tensor(input), read, written: 0 });
        }
    }
    for &output in node.outputs() {
        if let Some(written) = aliases.written(graph.tensor(output).bytes(), output) {
            accesses.push(Access { occupant: Occupant::Tensor(output), read: 0, written });
        }
    }
    let scratch = node.scratch_bytes();
    if scratch > 0 {
        accesses.push(Access { occupant: Occupant::Scratch(operator), read: scratch, written: scratch });
    }
    accesses
}

/// Tensors without those that are there before, in their order. O(n log n).
fn each_once(tensors: &[TensorId]) -> impl Iterator<Item = TensorId> {
    let mut by_id: Vec<(TensorId, usize)> = tensors.iter().copied().zip(0..).collect();
    by_id.sort_unstable();
    by_id.dedup_by_key(|one| one.0);
    let mut is_first = vec![false; tensors.len()];
    for (_, place) in by_id {
        is_first[place] = true;
    }
    tensors.iter().zip(is_first).filter(|(_, is_first)| *is_first).map(|(&id, _)| id)
}

/// What the inputs and outputs of one operator have in common.
struct Aliases {
    /// By output: the input that it is a view of.
    views: BTreeMap<TensorId, TensorId>,
    /// By input that lies at places of concatenations: how many of these, less how often the
    /// operator has it as an input.
    pieces: BTreeMap<TensorId, isize>,
    /// By output: what lies there already, from where to where.
    filled: BTreeMap<TensorId, Vec<(u64, u64)>>,
    /// The input that all outputs are views of.
    viewed_by_all: Option<TensorId>,
}

impl Aliases {
    fn new(graph: &Graph, operator: OperatorId, shares: &[Share]) -> Self {
        let (mut views, mut pieces, mut filled) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for share in shares.iter().filter(|share| share.operator == operator) {
            match share.how {
                How::View | How::Slice => {
                    views.insert(share.tensor, share.of);
                }
                How::Concat => {
                    let end = share.at.saturating_add(graph.tensor(share.tensor).bytes());
                    *pieces.entry(share.tensor).or_insert(0isize) += 1;
                    let ranges: &mut Vec<(u64, u64)> = filled.entry(share.of).or_default();
                    ranges.push((share.at, end));
                }
                How::InPlace | How::Overlap => {}
            }
        }
        if !pieces.is_empty() {
            for input in graph.operator(operator).inputs() {
                pieces.entry(*input).and_modify(|count| *count -= 1);
            }
        }
        let outputs = graph.operator(operator).outputs();
        let viewed = outputs.first().and_then(|output| views.get(output).copied());
        let viewed_by_all =
            viewed.filter(|input| outputs.iter().all(|output| views.get(output) == Some(input)));
        Self { views, pieces, filled, viewed_by_all }
    }

    fn reads(&self, input: TensorId) -> bool {
        // A tensor that is concatenated with itself lies at one of its places only.
        let is_there = self.pieces.get(&input).is_some_and(|&count| count >= 0);
        !is_there && self.viewed_by_all != Some(input)
    }

    /// Bytes of an output that are written; none if all are there already.
    fn written(&self, bytes: u64, output: TensorId) -> Option<u64> {
        if self.views.contains_key(&output) {
            return None;
        }
        let Some(filled) = self.filled.get(&output) else { return Some(bytes) };
        let mut filled = filled.clone();
        filled.sort_unstable();
        let (mut left, mut next) = (bytes, 0);
        for (from, end) in filled {
            let (from, end) = (from.min(bytes).max(next), end.min(bytes).max(next));
            left -= end - from;
            next = end;
        }
        (left > 0).then_some(left)
    }
}
