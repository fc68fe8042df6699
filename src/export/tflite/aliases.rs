//! Aliases: tensors that may have the same address, as the sources of the kernels allow.
//!
//! - `RESHAPE` calls `memcpy` only if its input and its output have different addresses.
//! - `EXPAND_DIMS` copies element by element, so copying a tensor onto itself is defined and has no effect.
//! - `DYNAMIC_UPDATE_SLICE` copies its operand only if the operand and the output have different addresses,
//!   and then writes the update into the output. An operand that no later operator reads may be updated in
//!   place.
//!
//! `SQUEEZE` and `CONCATENATION` call `memcpy` unconditionally. C does not define `memcpy` for equal
//! addresses, so these operators get no alias. All kernels above are reference kernels; the optimised
//! libraries do not replace them.
//!
//! Only tensors of the first subgraph are aliased: operators that run bodies copy data to and from the
//! tensors of the bodies.

use super::runtime_network::{Memory, RuntimeOperator, RuntimeSubgraph};

/// Relation of an output to the input at the same address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The output holds the bytes of the input.
    View,
    /// The operator replaces some bytes of the input.
    Update,
}

/// An input and an output that may have the same address, as tensor positions in the subgraph.
#[derive(Clone, Copy)]
pub(super) struct InferredAlias {
    pub(super) kind: Kind,
    pub(super) input: usize,
    pub(super) output: usize,
}

/// The alias that the kernel of an operator allows, if any.
pub(super) fn alias(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> Option<InferredAlias> {
    let kind = match operator.read.op_type.as_str() {
        "RESHAPE" | "EXPAND_DIMS" => Kind::View,
        "DYNAMIC_UPDATE_SLICE" => Kind::Update,
        _ => return None,
    };
    let (input, rest) = operator.inputs.split_first()?;
    let (input, output) = ((*input)?, *operator.read.outputs.first()?);
    let (from, to) = (&subgraph.tensors[input.index()], &subgraph.tensors[output.index()]);
    // The kernel reads the update while it writes the output, so the two must not be the same tensor.
    let is_apart = kind == Kind::View || !rest.contains(&Some(input));
    let is_fit = input != output
        && is_apart
        && from.memory == Memory::Head
        && to.memory == Memory::Head
        && from.bytes == to.bytes
        && from.bytes > 0
        && from.element_type == to.element_type;
    is_fit.then_some(InferredAlias { kind, input: input.index(), output: output.index() })
}

/// For each tensor of the first subgraph, the tensor that owns its bytes at these offsets; a tensor that
/// is no alias owns itself. An alias of an alias has the owner of the latter. O(tensors + operands).
pub(super) fn owners(subgraph: &RuntimeSubgraph, offsets: &[Option<u64>]) -> Vec<usize> {
    let mut owners: Vec<usize> = (0..subgraph.tensors.len()).collect();
    // For each owner, the last operator that reads one of its aliases.
    let mut needed = last_readers(subgraph);
    for (number, operator) in subgraph.operators.iter().enumerate() {
        let Some(InferredAlias { kind, input, output }) = alias(subgraph, operator) else { continue };
        let (owner, is_free) = (owners[input], owners[output] == output);
        let is_at_one_address = offsets[input].is_some() && offsets[input] == offsets[output];
        let bears = kind == Kind::View || needed[owner] <= number;
        if is_at_one_address && is_free && bears {
            owners[output] = owner;
            needed[owner] = needed[owner].max(needed[output]);
        }
    }
    owners
}

/// For each tensor, the position of the last operator that reads it; `usize::MAX` for graph outputs.
fn last_readers(subgraph: &RuntimeSubgraph) -> Vec<usize> {
    let mut last = vec![0; subgraph.tensors.len()];
    for (number, operator) in subgraph.operators.iter().enumerate() {
        for input in &operator.read.inputs {
            last[input.index()] = number;
        }
    }
    for output in &subgraph.outputs {
        last[output.index()] = usize::MAX;
    }
    last
}
