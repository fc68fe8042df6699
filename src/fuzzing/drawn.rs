//! Graphs drawn from arbitrary bytes, with every kind of tensor, permission and constraint, valid or
//! not.

use super::bytes::FuzzBytes;
use crate::{Graph, GraphBuilder, Permit, Side, TensorId, TensorKind, TensorSpec};

/// Limits on the size of a drawn graph, small enough for exhaustive search.
const MAX_OPERATORS: usize = 6;
const MAX_TENSORS: usize = 10;

/// Draws a graph; `None` if it breaks a rule.
pub(super) fn graph(bytes: &mut FuzzBytes) -> Option<Graph> {
    let mut builder = Graph::builder("fuzzed");
    let tensors = tensors(&mut builder, bytes);
    let mut unwritten: Vec<TensorId> =
        tensors.iter().filter(|(_, kind)| *kind == TensorKind::Intermediate).map(|(id, _)| *id).collect();
    unwritten.reverse();
    let mut readable: Vec<TensorId> = Vec::new();
    readable.extend(tensors.iter().filter(|(_, kind)| *kind != TensorKind::Intermediate).map(|(id, _)| *id));
    for number in 0..=bytes.below(MAX_OPERATORS) {
        add_operator(&mut builder, number, &mut unwritten, &mut readable, bytes);
    }
    add_constraints(&mut builder, tensors.len(), bytes);
    builder.build().ok()
}

fn tensors(builder: &mut GraphBuilder, bytes: &mut FuzzBytes) -> Vec<(TensorId, TensorKind)> {
    let mut all = Vec::new();
    for number in 0..2 + bytes.below(MAX_TENSORS - 1) {
        let kind = match bytes.below(10) {
            0 | 1 => TensorKind::Input,
            2 => TensorKind::Constant,
            3 => TensorKind::Variable,
            _ => TensorKind::Intermediate,
        };
        let mut spec = TensorSpec::bytes(bytes.size());
        if bytes.one_in(8) {
            spec = spec.align(1 << bytes.below(8));
        }
        if bytes.one_in(16) {
            spec = spec.at(bytes.size());
        }
        let id = builder.add_tensor(format!("t{number}"), kind, spec);
        if bytes.one_in(6) {
            builder.output(id);
        }
        if bytes.one_in(4) {
            builder.overwritable(id);
        }
        all.push((id, kind));
    }
    all
}

/// Adds an operator that reads tensors with contents and writes tensors without a producer, so that most
/// graphs are valid.
fn add_operator(
    builder: &mut GraphBuilder,
    number: usize,
    unwritten: &mut Vec<TensorId>,
    readable: &mut Vec<TensorId>,
    bytes: &mut FuzzBytes,
) {
    let mut reads = Vec::new();
    for _ in 0..bytes.below(4) {
        if !readable.is_empty() {
            reads.push(readable[bytes.below(readable.len())]);
        }
    }
    let writes: Vec<TensorId> = (0..bytes.below(3)).filter_map(|_| unwritten.pop()).collect();
    let permits: Vec<Permit> = (0..bytes.below(6)).filter_map(|_| permit(&reads, &writes, bytes)).collect();
    let scratch = if bytes.one_in(4) { bytes.size() } else { 0 };
    let after = bytes.one_in(8).then(|| crate::OperatorId::new(bytes.below(number + 1)));
    readable.extend(&writes);
    let operator = builder.operator(format!("op{number}")).reads(reads).writes(writes);
    let operator = operator.scratch(scratch).after(after.filter(|id| id.index() < number)).permits(permits);
    if bytes.one_in(4) {
        operator.foldable();
    }
}

fn permit(reads: &[TensorId], writes: &[TensorId], bytes: &mut FuzzBytes) -> Option<Permit> {
    if reads.is_empty() || writes.is_empty() {
        return None;
    }
    let (input, output) = (reads[bytes.below(reads.len())], writes[bytes.below(writes.len())]);
    Some(match bytes.below(5) {
        0 => Permit::InPlace { input, output },
        1 => Permit::View { input, output, at: bytes.size() },
        2 => Permit::ConcatSlice { input, output, at: bytes.size() },
        3 => Permit::Overlap { input, output, bytes: bytes.size(), lower: Side::Input },
        _ => Permit::Overlap { input, output, bytes: bytes.size(), lower: Side::Output },
    })
}

fn add_constraints(builder: &mut GraphBuilder, tensors: usize, bytes: &mut FuzzBytes) {
    if !bytes.one_in(8) {
        return;
    }
    for _ in 0..=bytes.below(2) {
        let [first, second] = [0, 1].map(|_| TensorId::new(bytes.below(tensors)));
        if bytes.one_in(3) {
            builder.keep_apart(first, second);
        } else {
            builder.place_at(first, second, bytes.size());
        }
    }
}
