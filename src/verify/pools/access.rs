//! What an operator does with its operands, where some of them share memory.

use crate::graph::{Graph, Operator};
use crate::ids::TensorId;
use crate::sharing::How;
use crate::verify::permitted::Shares;

/// Bytes of an operand.
pub(super) type Ranges = Vec<(u64, u64)>;

/// The inputs that an operator reads, each once. It need not read what all of its outputs are
/// views of, nor what was made right where its output has it.
pub(super) fn reads(operator: &Operator, shares: &Shares) -> Vec<TensorId> {
    let outputs = operator.outputs();
    let mut inputs = operator.inputs().to_vec();
    inputs.sort_unstable();
    // With how often the operator reads each.
    let times = inputs.chunk_by(PartialEq::eq).map(|equal| (equal[0], equal.len()));
    times.filter(|&input| !is_there(outputs, input, shares)).map(|(input, _)| input).collect()
}

fn is_there(outputs: &[TensorId], (input, times): (TensorId, usize), shares: &Shares) -> bool {
    let pieces = shares.of_tensor(input).iter().filter(|share| share.how == How::Concat).count();
    if pieces > 0 {
        return pieces >= times;
    }
    let is_view = |&output: &TensorId| shares.views(output).any(|view| view.of == input);
    !outputs.is_empty() && outputs.iter().all(is_view)
}

/// The bytes of an output that an operator writes, ascending: all but those that are there.
pub(super) fn written(graph: &Graph, output: TensorId, shares: &Shares) -> Ranges {
    if shares.view(output).is_some() {
        return Vec::new();
    }
    let end = graph.tensor(output).bytes();
    let pieces = shares.pieces_of(output).iter();
    let mut there: Ranges =
        pieces.map(|share| (share.at, share.at.saturating_add(graph.tensor(share.tensor).bytes()))).collect();
    there.sort_unstable();
    let (mut ranges, mut next) = (Vec::new(), 0);
    for (start, stop) in there.into_iter().chain([(end, end)]) {
        if next < start.min(end) {
            ranges.push((next, start.min(end)));
        }
        next = next.max(stop);
    }
    ranges
}
