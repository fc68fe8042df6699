//! Tensors that may be at one address: the kernels' promises, read from their sources.
//!
//! `RESHAPE` copies by `memcpy` only where its input and output are at different addresses, and
//! `EXPAND_DIMS` copies element by element, so that a copy onto itself is defined and changes
//! nothing. `SQUEEZE` calls `memcpy` without a test, which C does not define for equal addresses,
//! so it gets no alias. These are the reference kernels; the optimised ones of other libraries do
//! not replace them.
//!
//! Only tensors of the first subgraph are aliased: operators that run bodies copy to and from the
//! tensors of these.

use super::net::{Memory, NetOperator, NetSubgraph};

/// Input and output that may be at one address, by their positions.
pub(super) fn view(subgraph: &NetSubgraph, operator: &NetOperator) -> Option<(usize, usize)> {
    if !matches!(operator.read.op_type.as_str(), "RESHAPE" | "EXPAND_DIMS") {
        return None;
    }
    let (input, output) = (operator.read.inputs.first()?.index(), operator.read.outputs.first()?.index());
    let (from, to) = (&subgraph.tensors[input], &subgraph.tensors[output]);
    let is_fit = input != output
        && from.memory == Memory::Head
        && to.memory == Memory::Head
        && from.bytes == to.bytes
        && from.bytes > 0
        && from.element_type == to.element_type;
    is_fit.then_some((input, output))
}

/// By tensor of the first subgraph, the tensor whose bytes it is, given their places: itself where
/// it is no alias. A view of a view is one of the first.
pub(super) fn owners(subgraph: &NetSubgraph, offsets: &[Option<u64>]) -> Vec<usize> {
    let mut owners: Vec<usize> = (0..subgraph.tensors.len()).collect();
    for (input, output) in subgraph.operators.iter().filter_map(|operator| view(subgraph, operator)) {
        let is_alias = offsets[input].is_some() && offsets[input] == offsets[output];
        if is_alias && owners[output] == output {
            owners[output] = owners[input];
        }
    }
    owners
}
