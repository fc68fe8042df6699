//! The bytes that an operator reads and writes if some of its operands share memory.
//!
//! These sets are part of the transition in `replay` and of the traffic in `figures`; they are no rules of
//! their own. For operator `o` with its permitted aliases:
//!
//! - `reads(o)`: the inputs of `o`, each once, without those whose bytes are already where `o` would copy
//!   them. An input `u` is left out if it is a concat slice of the output as often as `o` reads it, or if it is
//!   no concat slice and all outputs of `o` are views of `u`.
//! - `writes(o, t)`, for an output `t`: no bytes if `t` is a view, otherwise all bytes of `t` without those of
//!   its concat slices.

use crate::graph::{Graph, Operator};
use crate::plan::Alias;
use crate::sharing::AliasKind;
use crate::support::ids::TensorId;
use crate::verify::permitted::OperatorAliases;

/// Half-open ranges of bytes of an operand.
pub(super) type ByteRanges = Vec<(u64, u64)>;

/// `reads(o)`.
pub(super) fn reads(operator: &Operator, aliases: &OperatorAliases) -> Vec<TensorId> {
    let outputs = operator.outputs();
    let mut inputs = operator.inputs().to_vec();
    inputs.sort_unstable();
    let counted = inputs.chunk_by(PartialEq::eq).map(|equal| (equal[0], equal.len()));
    counted.filter(|&input| !is_present(outputs, input, aliases)).map(|(input, _)| input).collect()
}

/// Returns true if the bytes of an input, which the operator reads `count` times, are already where the
/// outputs need them.
fn is_present(outputs: &[TensorId], (input, count): (TensorId, usize), aliases: &OperatorAliases) -> bool {
    let slices = aliases.of_tensor(input).iter().filter(|alias| alias.kind == AliasKind::Concat).count();
    if slices > 0 {
        return slices >= count;
    }
    let is_view = |&output: &TensorId| aliases.views(output).any(|view| view.of == input);
    !outputs.is_empty() && outputs.iter().all(is_view)
}

/// `writes(o, t)`, ascending.
pub(super) fn writes(graph: &Graph, output: TensorId, aliases: &OperatorAliases) -> ByteRanges {
    if aliases.view(output).is_some() {
        return Vec::new();
    }
    let end = graph.tensor(output).bytes();
    let slices = aliases.slices_of(output).iter();
    let slice_range = |alias: &Alias| (alias.at, alias.at.saturating_add(graph.tensor(alias.tensor).bytes()));
    let mut present: ByteRanges = slices.map(slice_range).collect();
    present.sort_unstable();
    let (mut ranges, mut next) = (Vec::new(), 0);
    for (start, stop) in present.into_iter().chain([(end, end)]) {
        if next < start.min(end) {
            ranges.push((next, start.min(end)));
        }
        next = next.max(stop);
    }
    ranges
}
