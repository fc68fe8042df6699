//! Tensors that may be at one address: the kernels' promises, read from their sources.
//!
//! - `RESHAPE` copies by `memcpy` only where its input and output are at different addresses.
//! - `EXPAND_DIMS` copies element by element, so that a copy onto itself is defined and changes nothing.
//! - `DYNAMIC_UPDATE_SLICE` copies its operand only where that and the output are at different addresses,
//!   and then writes the update into the output. An operand that nobody needs afterwards may be updated
//!   where it is.
//!
//! `SQUEEZE` and `CONCATENATION` call `memcpy` without a test, which C does not define for equal addresses,
//! so they get no alias. These are the reference kernels; the optimised ones of other libraries do not
//! replace them.
//!
//! Only tensors of the first subgraph are aliased: operators that run bodies copy to and from the
//! tensors of these.

use super::net::{Memory, NetOperator, NetSubgraph};

/// What the output of an operator is to an input at the same address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The same bytes.
    View,
    /// Some of the bytes replaced.
    Update,
}

/// An input and an output that may be at one address, by their positions.
#[derive(Clone, Copy)]
pub(super) struct Alias {
    pub(super) kind: Kind,
    pub(super) input: usize,
    pub(super) output: usize,
}

/// What the kernel of an operator bears.
pub(super) fn alias(subgraph: &NetSubgraph, operator: &NetOperator) -> Option<Alias> {
    let kind = match operator.read.op_type.as_str() {
        "RESHAPE" | "EXPAND_DIMS" => Kind::View,
        "DYNAMIC_UPDATE_SLICE" => Kind::Update,
        _ => return None,
    };
    let (input, rest) = operator.inputs.split_first()?;
    let (input, output) = ((*input)?, *operator.read.outputs.first()?);
    let (from, to) = (&subgraph.tensors[input.index()], &subgraph.tensors[output.index()]);
    // The update is read while the output is written.
    let is_apart = kind == Kind::View || !rest.contains(&Some(input));
    let is_fit = input != output
        && is_apart
        && from.memory == Memory::Head
        && to.memory == Memory::Head
        && from.bytes == to.bytes
        && from.bytes > 0
        && from.element_type == to.element_type;
    is_fit.then_some(Alias { kind, input: input.index(), output: output.index() })
}

/// By tensor of the first subgraph, the tensor whose bytes it is, given their places: itself where
/// it is no alias. An alias of an alias is one of the first. O(tensors + operands).
pub(super) fn owners(subgraph: &NetSubgraph, offsets: &[Option<u64>]) -> Vec<usize> {
    let mut owners: Vec<usize> = (0..subgraph.tensors.len()).collect();
    // By owner: the last operator that needs one of its aliases.
    let mut needed = last_readers(subgraph);
    for (number, operator) in subgraph.operators.iter().enumerate() {
        let Some(Alias { kind, input, output }) = alias(subgraph, operator) else { continue };
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

/// By tensor: the position of the last operator that reads it; of outputs, more than any.
fn last_readers(subgraph: &NetSubgraph) -> Vec<usize> {
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
