//! What an operator does with its operands, where some of them share memory.

use crate::graph::{Graph, Operator};
use crate::ids::TensorId;
use crate::plan::Share;
use crate::sharing::How;

/// Bytes of an operand.
pub(super) type Ranges = Vec<(u64, u64)>;

/// The inputs that an operator reads, each once. It need not read what all of its outputs are
/// views of, nor what was made right where its output has it.
pub(super) fn reads(operator: &Operator, shares: &[Share]) -> Vec<TensorId> {
    let (inputs, outputs) = (operator.inputs(), operator.outputs());
    let mut read: Vec<TensorId> = Vec::new();
    for &input in inputs.iter().filter(|&&input| !is_there(outputs, inputs, input, shares)) {
        if !read.contains(&input) {
            read.push(input);
        }
    }
    read
}

fn is_there(outputs: &[TensorId], inputs: &[TensorId], input: TensorId, shares: &[Share]) -> bool {
    let pieces = shares.iter().filter(|share| share.how == How::Concat && share.tensor == input).count();
    if pieces > 0 {
        return pieces >= inputs.iter().filter(|&&one| one == input).count();
    }
    let is_view = |output: &TensorId| shares.iter().any(|one| is_view(one, *output) && one.of == input);
    !outputs.is_empty() && outputs.iter().all(is_view)
}

/// The bytes of an output that an operator writes, ascending: all but those that are there.
pub(super) fn written(graph: &Graph, output: TensorId, shares: &[Share]) -> Ranges {
    if shares.iter().any(|share| is_view(share, output)) {
        return Vec::new();
    }
    let end = graph.tensor(output).bytes();
    let pieces = shares.iter().filter(|share| share.how == How::Concat && share.of == output);
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

pub(super) fn is_view(share: &Share, output: TensorId) -> bool {
    share.tensor == output && matches!(share.how, How::View | How::Slice)
}
