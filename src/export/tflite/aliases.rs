//! Aliases: tensors that may have the same address, as the sources of the kernels allow.
//!
//! | operator | kernel | alias |
//! | --- | --- | --- |
//! | `RESHAPE` | calls `memcpy` only if its input and its output have different addresses | output on input |
//! | `EXPAND_DIMS`, `SLICE`, `SPLIT`, `SPLIT_V` | copies element by element, in ascending order | output on the same elements of the input |
//! | `SQUEEZE` | calls `memcpy` for the whole tensor | output on input |
//! | `CONCATENATION` | calls `memcpy` for each input, once for each index of the axes before its own | input on its part of the output |
//! | `DYNAMIC_UPDATE_SLICE` | copies its operand only if operand and output have different addresses, then writes the update | output on an operand that no later operator reads |
//!
//! C does not define `memcpy` for equal addresses, although common libraries bear it. So the aliases of `SQUEEZE`
//! and `CONCATENATION` need [`SharingLevel::All`]; the other kernels are defined for equal addresses. All kernels above are
//! reference kernels; CMSIS-NN and ESP-NN do not replace them.
//!
//! Parts of tensors are contiguous along the outermost axis only: all axes before it have length 1. A part starts at a
//! multiple of 16 bytes, as every tensor does. Only tensors of the first subgraph are aliased: operators that run
//! bodies copy data to and from the tensors of the bodies.

use super::runtime_network::{ALIGNMENT, Memory, RuntimeOperator, RuntimeSubgraph, RuntimeTensor};
use crate::import::contiguous::{PartAxis, slice_start};
use crate::{SharingLevel, TensorId};

/// Relation of the two tensors of an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The output holds bytes of the input.
    View,
    /// The operator replaces some bytes of the input.
    Update,
    /// The input holds bytes of the output.
    Piece,
}

/// An input and an output that may share bytes, as tensor positions in the subgraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InferredAlias {
    pub(super) kind: Kind,
    pub(super) input: usize,
    pub(super) output: usize,
    /// Distance in bytes of the part from the start of the tensor that contains it.
    pub(super) at: u64,
}

impl InferredAlias {
    /// Returns whether an output that starts at its input's first byte does so with these offsets.
    pub(super) fn is_at_its_place(&self, offsets: &[Option<u64>]) -> bool {
        offsets[self.input].is_some() && offsets[self.input] == offsets[self.output]
    }
}

/// The aliases that the kernel of an operator bears at a level of sharing. O(operands).
pub(super) fn aliases(
    subgraph: &RuntimeSubgraph,
    operator: &RuntimeOperator,
    level: SharingLevel,
) -> Vec<InferredAlias> {
    let mut found = match operator.read.op_type.as_str() {
        _ if level == SharingLevel::None => Vec::new(),
        "RESHAPE" | "EXPAND_DIMS" => same(subgraph, operator, Kind::View),
        "DYNAMIC_UPDATE_SLICE" => same(subgraph, operator, Kind::Update),
        "SLICE" => slice(subgraph, operator).into_iter().collect(),
        "SPLIT" => split(subgraph, operator, 1),
        "SPLIT_V" => split(subgraph, operator, 0),
        "SQUEEZE" if level == SharingLevel::All => same(subgraph, operator, Kind::View),
        "CONCATENATION" if level == SharingLevel::All => concatenation(subgraph, operator),
        _ => Vec::new(),
    };
    found.retain(|alias| {
        let (from, to) = (&subgraph.tensors[alias.input], &subgraph.tensors[alias.output]);
        let is_placed = |tensor: &RuntimeTensor| tensor.memory == Memory::Head && tensor.bytes > 0;
        // The runtime rounds the size of a piece up, so it must end at a multiple of 16 or with the whole tensor.
        let ends_aligned = alias.kind != Kind::Piece || {
            let bytes = from.elements().zip(width(from)).and_then(|(count, width)| count.checked_mul(width));
            bytes == Some(from.bytes) || alias.at.checked_add(from.bytes) == Some(to.bytes)
        };
        alias.input != alias.output
            && alias.at.is_multiple_of(ALIGNMENT)
            && is_placed(from)
            && is_placed(to)
            && from.element_type == to.element_type
            && ends_aligned
    });
    found
}

/// The output at the address of the first input.
fn same(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator, kind: Kind) -> Vec<InferredAlias> {
    let ends = operator.inputs.split_first().zip(operator.read.outputs.first());
    let Some(((&Some(input), rest), &output)) = ends else { return Vec::new() };
    // The kernel reads the update while it writes the output, so the two must not be the same tensor.
    let is_apart = kind == Kind::View || !rest.contains(&Some(input));
    let (input, output) = (input.index(), output.index());
    let fits = is_apart && subgraph.tensors[input].bytes == subgraph.tensors[output].bytes;
    fits.then_some(InferredAlias { kind, input, output, at: 0 }).into_iter().collect()
}

/// The output on the elements of the input that it holds, if they are contiguous.
fn slice(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> Option<InferredAlias> {
    let input = (*operator.inputs.first()?)?.index();
    let output = operator.read.outputs.first()?.index();
    let (whole, part) = (&subgraph.tensors[input], &subgraph.tensors[output]);
    let (from, to) = (whole.shape.as_ref()?, part.shape.as_ref()?);
    let first = slice_start(from, to, operator.slice_begin.as_ref()?)?;
    let at = first.checked_mul(width(whole)?)?;
    Some(InferredAlias { kind: Kind::View, input, output, at })
}

/// Each output on its part of the input at position `split`.
fn split(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator, split: usize) -> Vec<InferredAlias> {
    let Some(&Some(input)) = operator.inputs.get(split) else { return Vec::new() };
    let starts = starts(subgraph, input, &operator.read.outputs).unwrap_or_default();
    let view = |(output, at): (&TensorId, u64)| InferredAlias {
        kind: Kind::View,
        input: input.index(),
        output: output.index(),
        at,
    };
    operator.read.outputs.iter().zip(starts).map(view).collect()
}

/// Each input on its part of the output; of an input that occurs several times, the first part.
fn concatenation(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> Vec<InferredAlias> {
    let &[output] = operator.read.outputs.as_slice() else { return Vec::new() };
    let inputs: Option<Vec<TensorId>> = operator.inputs.iter().copied().collect();
    let Some(inputs) = inputs else { return Vec::new() };
    let starts = starts(subgraph, output, &inputs).unwrap_or_default();
    let piece = |(input, at): (&TensorId, u64)| InferredAlias {
        kind: Kind::Piece,
        input: input.index(),
        output: output.index(),
        at,
    };
    let mut pieces: Vec<InferredAlias> = inputs.iter().zip(starts).map(piece).collect();
    pieces.sort_by_key(|piece| (piece.input, piece.at));
    pieces.dedup_by_key(|piece| piece.input);
    pieces
}

/// The first byte of each part of a tensor, if the parts follow one another along its outermost axis.
fn starts(subgraph: &RuntimeSubgraph, whole: TensorId, parts: &[TensorId]) -> Option<Vec<u64>> {
    let tensor = &subgraph.tensors[whole.index()];
    let shape = tensor.shape.as_ref()?;
    let mut axis = PartAxis::default();
    let mut starts = Vec::with_capacity(parts.len());
    let mut elements = 0u64;
    for part in parts {
        let part = &subgraph.tensors[part.index()];
        if !axis.admits(shape, part.shape.as_ref()?) {
            return None;
        }
        starts.push(elements.checked_mul(width(tensor)?)?);
        elements = elements.checked_add(part.elements()?)?;
    }
    (axis.is_outermost(shape) && tensor.elements() == Some(elements)).then_some(starts)
}

/// Bytes of an element.
fn width(tensor: &RuntimeTensor) -> Option<u64> {
    let bits = tensor.element_type?.bits()?;
    bits.is_multiple_of(8).then_some(bits / 8)
}
