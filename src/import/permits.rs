//! What an operator's type says of sharing memory. Only what its definition says: whether a
//! target's kernels do it so is for its owner to say, so a plan shares nothing unless asked.
#![allow(dead_code)] // not every set of features has a graph importer

use crate::error::Result;
use crate::graph::{Graph, Operator, Permit, Tensor, TensorKind};
use crate::support::ids::{OperatorId, TensorId};

/// The contents of the first output are those of the first input. Of ONNX, then of
/// TensorFlow Lite.
const RESHAPES: [&str; 9] = [
    "Dropout",
    "Flatten",
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "EXPAND_DIMS",
    "RESHAPE",
    "SQUEEZE",
];

/// Each element of the output depends on no later element of an input of its size.
const ELEMENTWISE: [&str; 40] = [
    "Add",
    "BatchNormalization",
    "Clip",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "Relu",
    "Sigmoid",
    "Softplus",
    "Sqrt",
    "Sub",
    "Sum",
    "Tanh",
    "Where",
    "ADD",
    "DEQUANTIZE",
    "DIV",
    "EXP",
    "GELU",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOGISTIC",
    "MUL",
    "NEG",
    "PRELU",
    "QUANTIZE",
    "RELU",
    "RELU6",
    "RSQRT",
    "SUB",
    "SQUARED_DIFFERENCE",
];

/// Each element of the output depends on all elements of a row. A kernel that reads a row in full before
/// it writes it may write in place; the definitions of these operators do not promise such a kernel.
const ROWWISE: [&str; 14] = [
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "LogSoftmax",
    "LpNormalization",
    "MeanVarianceNormalization",
    "RMSNormalization",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "Softmax",
    "L2_NORMALIZATION",
    "LOG_SOFTMAX",
    "SOFTMAX",
];

/// Their output is the first input with some elements replaced: a copy, and updates from the other
/// inputs.
const UPDATES: [&str; 5] =
    ["Scatter", "ScatterElements", "ScatterND", "TensorScatter", "DYNAMIC_UPDATE_SLICE"];

/// Their inputs follow each other in the output, along some axis.
const CONCATENATIONS: [&str; 2] = ["Concat", "CONCATENATION"];

/// Their outputs follow each other in the first or the last input, along some axis.
const SPLITS: [&str; 3] = ["Split", "SPLIT", "SPLIT_V"];

/// Their output is a part of the first input.
const SLICES: [&str; 2] = ["Slice", "SLICE"];

/// What these do depends on more than their type: a fused activation, training.
const DEPENDENT: [&str; 4] = ["BatchNormalization", "Concat", "CONCATENATION", "Dropout"];

/// Permits what the types of operators say; `multi_pass` lets row-wise ones be in place, `is_plain` tells
/// which of the dependent ones do nothing else, `is_whole` which operators have all of their inputs in
/// the graph, `begin` where a slice begins along each axis.
pub(super) fn add(
    graph: &mut Graph,
    multi_pass: bool,
    is_plain: impl Fn(OperatorId) -> bool,
    is_whole: impl Fn(OperatorId) -> bool,
    begin: impl Fn(&Graph, OperatorId) -> Option<Vec<u64>>,
) -> Result<()> {
    for id in graph.operator_ids() {
        let operator = graph.operator(id);
        let op_type = operator.op_type();
        let permits =
            if operator.is_folded() || !is_whole(id) || (DEPENDENT.contains(&op_type) && !is_plain(id)) {
                Vec::new()
            } else if RESHAPES.contains(&op_type) {
                reshape(graph, operator)
            } else if ELEMENTWISE.contains(&op_type) || (multi_pass && ROWWISE.contains(&op_type)) {
                in_place(graph, operator)
            } else if UPDATES.contains(&op_type) {
                update(graph, operator).into_iter().collect()
            } else if CONCATENATIONS.contains(&op_type) {
                concatenation(graph, operator)
            } else if SPLITS.contains(&op_type) {
                split(graph, operator)
            } else if SLICES.contains(&op_type) {
                begin(graph, id).and_then(|begin| slice(graph, operator, &begin)).into_iter().collect()
            } else {
                Vec::new()
            };
        graph.permit(id, permits)?;
    }
    Ok(())
}

fn reshape(graph: &Graph, operator: &Operator) -> Vec<Permit> {
    let ends = operator.inputs().first().zip(operator.outputs().first());
    let view = ends.filter(|&(&input, &output)| {
        let (from, to) = (graph.tensor(input), graph.tensor(output));
        from.bytes() == to.bytes() && from.element_type() == to.element_type() && is_data(from) && is_data(to)
    });
    view.map(|(&input, &output)| Permit::View { input, output, at: 0 }).into_iter().collect()
}

/// Variables change, and so are no contents.
fn is_data(tensor: &Tensor) -> bool {
    tensor.kind() != TensorKind::Variable
}

/// The first output over each input of as many elements, none of them smaller.
fn in_place(graph: &Graph, operator: &Operator) -> Vec<Permit> {
    let Some(&output) = operator.outputs().first() else { return Vec::new() };
    let written = graph.tensor(output);
    let fits = |id: &TensorId| {
        let read = graph.tensor(*id);
        let bits = |tensor: &Tensor| tensor.element_type().and_then(crate::graph::ElementType::bits);
        read.kind().is_activation()
            && is_data(written)
            && elements(read).is_some_and(|count| elements(written) == Some(count))
            && bits(read) >= bits(written)
    };
    let mut inputs: Vec<TensorId> = operator.inputs().iter().copied().filter(fits).collect();
    inputs.dedup();
    inputs.into_iter().map(|input| Permit::InPlace { input, output }).collect()
}

/// The output over the first input, which no other input repeats: updates are read while elements
/// are replaced.
fn update(graph: &Graph, operator: &Operator) -> Option<Permit> {
    let (&input, rest) = operator.inputs().split_first()?;
    let &[output] = operator.outputs() else { return None };
    let (old, new) = (graph.tensor(input), graph.tensor(output));
    let is_update = old.kind().is_activation()
        && is_data(new)
        && old.bytes() == new.bytes()
        && old.element_type() == new.element_type()
        && !rest.contains(&input);
    is_update.then_some(Permit::InPlace { input, output })
}

/// How many elements a tensor has; none without a shape, or beyond 64 bits. With a dimension of 0 it
/// has none, however large the others are.
fn elements(tensor: &Tensor) -> Option<u64> {
    let shape = tensor.shape()?;
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1, |count: u64, &dim| count.checked_mul(dim))
}

fn concatenation(graph: &Graph, operator: &Operator) -> Vec<Permit> {
    let &[output] = operator.outputs() else { return Vec::new() };
    let places = stacked(graph, output, operator.inputs()).unwrap_or_default().into_iter();
    let mut sorted = operator.inputs().to_vec();
    sorted.sort_unstable();
    let once = |input: TensorId| {
        let first = sorted.partition_point(|&other| other < input);
        sorted.get(first + 1) != Some(&input)
    };
    let free = |input: TensorId| graph.tensor(input).kind().is_activation();
    let pieces = places.filter(|&(input, _)| once(input) && free(input) && is_data(graph.tensor(output)));
    pieces.map(|(input, at)| Permit::Piece { input, output, at }).collect()
}

fn split(graph: &Graph, operator: &Operator) -> Vec<Permit> {
    // `SPLIT` has its axis before what it splits.
    let whole = operator.inputs().iter().copied().max_by_key(|&id| graph.tensor(id).bytes());
    let whole = whole.filter(|&id| graph.tensor(id).kind().is_activation());
    let Some(input) = whole else { return Vec::new() };
    let places = stacked(graph, input, operator.outputs()).unwrap_or_default().into_iter();
    let views = places.filter(|&(output, _)| is_data(graph.tensor(output)));
    views.map(|(output, at)| Permit::View { input, output, at }).collect()
}

/// If what is cut out is in one piece: nothing is before the axis that is cut, and all that is
/// behind it is kept.
fn slice(graph: &Graph, operator: &Operator, begin: &[u64]) -> Option<Permit> {
    let (&input, &output) = operator.inputs().first().zip(operator.outputs().first())?;
    let (whole, part) = (graph.tensor(input), graph.tensor(output));
    let (from, to) = (whole.shape()?, part.shape()?);
    let element = whole.element_type()?.bits().filter(|bits| bits.is_multiple_of(8))? / 8;
    let are_data = [whole, part].iter().all(|tensor| tensor.kind().is_activation());
    let fit =
        from.len() == to.len() && from.len() == begin.len() && whole.element_type() == part.element_type();
    let within = || begin.iter().zip(to).zip(from).all(|((&at, &own), &dim)| at.saturating_add(own) <= dim);
    if !are_data || !fit || part.bytes() == 0 || !within() {
        return None;
    }
    let cut = to.iter().position(|&dim| dim != 1).unwrap_or(to.len());
    let is_whole = (cut + 1..to.len()).all(|axis| to[axis] == from[axis]);
    // No overflow: the first element is within the tensor, which has some.
    let place = begin.iter().zip(from).fold(0, |place, (&at, &dim)| place * dim + at);
    is_whole.then_some(Permit::View { input, output, at: place * element })
}

/// Where parts lie in a whole that they make up along one axis, if no dimension before it
/// is more than 1: else they are interleaved.
fn stacked(graph: &Graph, whole: TensorId, parts: &[TensorId]) -> Option<Vec<(TensorId, u64)>> {
    let tensor = graph.tensor(whole);
    let shape = tensor.shape()?;
    let mut axis = None;
    let mut at = 0;
    let mut places = Vec::new();
    for &id in parts {
        let part = graph.tensor(id);
        let own = part.shape()?;
        if own.len() != shape.len() || part.element_type() != tensor.element_type() {
            return None;
        }
        let mut different = (0..shape.len()).filter(|&axis| own[axis] != shape[axis]);
        let here = different.next();
        if different.next().is_some() || axis.is_some_and(|axis| here.is_some_and(|here| here != axis)) {
            return None;
        }
        axis = axis.or(here);
        places.push((id, at));
        at = part.bytes().checked_add(at)?;
    }
    let outermost = axis.is_none_or(|axis| shape[..axis].iter().all(|&dim| dim == 1));
    // Parts of a byte do not add up.
    let whole_bytes = tensor.element_type()?.bits()?.is_multiple_of(8);
    (outermost && whole_bytes && at == tensor.bytes()).then_some(places)
}
