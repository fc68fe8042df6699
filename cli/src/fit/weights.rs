//! Size of a graph's weights.

use plimsoll::{Graph, Tensor, TensorId, TensorKind};

/// Bytes of the constants that operators read, including those of bodies, laid out below an arena.
///
/// Each constant is rounded up to the coarsest alignment in the graph, so that whatever follows it
/// is aligned.
pub fn weight_bytes(graph: &Graph, align: u64) -> u64 {
    weights_without(graph, align, &[])
}

/// As [`weight_bytes`], without these constants: they stand for tensors around the body.
fn weights_without(graph: &Graph, align: u64, captured: &[TensorId]) -> u64 {
    let alignments = graph.tensors().iter().filter_map(Tensor::alignment);
    let coarsest = alignments.fold(align, u64::max);
    let mut is_read = vec![false; graph.tensors().len()];
    for &id in graph.program_order() {
        for input in graph.operator(id).inputs() {
            is_read[input.index()] = true;
        }
    }
    for id in captured {
        is_read[id.index()] = false;
    }
    let read = graph.tensors().iter().zip(is_read).filter(|(_, is_read)| *is_read);
    let constants = read.map(|(tensor, _)| tensor).filter(|tensor| tensor.kind() == TensorKind::Constant);
    let aligned = |tensor: &Tensor| tensor.bytes().checked_next_multiple_of(coarsest).unwrap_or(u64::MAX);
    let operators = graph.operators().iter().filter(|operator| !operator.is_folded());
    let bodies = operators.flat_map(|operator| {
        operator.bodies().iter().enumerate().map(move |(number, body)| {
            let links = operator.links().iter().filter(|link| link.body == number);
            let captured: Vec<TensorId> = links.map(|link| link.inner).collect();
            weights_without(body, coarsest, &captured)
        })
    });
    constants.map(aligned).chain(bodies).fold(0, u64::saturating_add)
}
