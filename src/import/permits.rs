//! Sharing permissions that follow from the definitions of operators. Whether the kernels of a target support
//! them is up to the user, so a plan shares no memory unless it is asked to.
#![allow(dead_code)] // unused without graph importers

use crate::error::Result;
use crate::graph::{Graph, Operator, Permit, Tensor, TensorKind};
use crate::support::ids::{OperatorId, TensorId};

/// Operators whose first output has the contents of the first input, in ONNX and TensorFlow Lite.
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

/// Operators whose output elements depend on no later element of an input of the same size.
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

/// Operators whose output elements depend on all elements of a row. A kernel that reads a whole row before it
/// writes the row may run in place, but the definitions of these operators do not require such a kernel.
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

/// Operators whose output is a copy of the first input with some elements replaced.
const UPDATES: [&str; 5] =
    ["Scatter", "ScatterElements", "ScatterND", "TensorScatter", "DYNAMIC_UPDATE_SLICE"];

/// Operators that concatenate their inputs along an axis.
const CONCATENATIONS: [&str; 2] = ["Concat", "CONCATENATION"];

/// Operators that split an input, the first or the last one, along an axis.
const SPLITS: [&str; 3] = ["Split", "SPLIT", "SPLIT_V"];

/// Operators whose output is a slice of the first input.
const SLICES: [&str; 2] = ["Slice", "SLICE"];

/// Operators of the lists above whose semantics depend on more than the type: a fused activation or a training
/// mode.
const DEPENDENT: [&str; 4] = ["BatchNormalization", "Concat", "CONCATENATION", "Dropout"];

/// Adds permissions to all operators by type. `multi_pass` permits row-wise operators in place. `is_plain`
/// returns whether a [`DEPENDENT`] operator has neither activation nor training mode, `is_whole` whether all
/// inputs of an operator are in the graph (bodies capture others), and `begin` the start of a slice along each
/// axis.
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
            } else if op_type == "Transpose" {
                transpose(graph, operator).into_iter().collect()
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
        from.bytes() == to.bytes()
            && from.element_type() == to.element_type()
            && is_data(from)
            && is_data(to)
            && keeps_addresses(from, to)
    });
    view.map(|(&input, &output)| Permit::View { input, output, at: 0 }).into_iter().collect()
}

/// Returns whether a change of shape leaves every element at its address: the axes of both shapes split into
/// common factors, each with the same distance of neighbours in both tensors.
fn keeps_addresses(from: &Tensor, to: &Tensor) -> bool {
    if [from, to].iter().all(|tensor| tensor.stated_memory_order().is_none()) {
        return true;
    }
    let factors = |tensor: &Tensor| {
        let pairs = tensor.shape()?.iter().copied().zip(tensor.strides()?);
        Some(pairs.filter(|&(dim, _)| dim > 1).collect::<Vec<_>>())
    };
    let (Some(mut from), Some(mut to)) = (factors(from), factors(to)) else { return false };
    while let (Some((from_dim, from_stride)), Some((to_dim, to_stride))) = (from.pop(), to.pop()) {
        let (common, larger) = (from_dim.min(to_dim), from_dim.max(to_dim));
        if common == 0 || larger % common != 0 || from_stride != to_stride {
            return false;
        }
        let rest =
            |dim: u64, stride: u64| (dim > common).then(|| (dim / common, stride.saturating_mul(common)));
        from.extend(rest(from_dim, from_stride));
        to.extend(rest(to_dim, to_stride));
    }
    from.is_empty() && to.is_empty()
}

/// Returns whether elements at the same position, aligned at the last axis, have the same address in both tensors.
fn aligns(read: &Tensor, written: &Tensor) -> bool {
    if [read, written].iter().all(|tensor| tensor.stated_memory_order().is_none()) {
        return true;
    }
    let strides = |tensor: &Tensor| {
        let pairs = tensor.shape()?.iter().copied().zip(tensor.strides()?).rev();
        Some(pairs.map(|(dim, stride)| (dim, if dim == 1 { 0 } else { stride })).collect::<Vec<_>>())
    };
    let (Some(mut read), Some(mut written)) = (strides(read), strides(written)) else { return false };
    let rank = read.len().max(written.len());
    read.resize(rank, (1, 0));
    written.resize(rank, (1, 0));
    read == written
}

/// A transpose that leaves every element at its address, as the two tensors differ in their memory order.
fn transpose(graph: &Graph, operator: &Operator) -> Option<Permit> {
    let (&input, &output) = operator.inputs().first().zip(operator.outputs().first())?;
    let (from, to) = (graph.tensor(input), graph.tensor(output));
    let is_stated = [from, to].iter().any(|tensor| tensor.stated_memory_order().is_some());
    if !is_stated || from.element_type() != to.element_type() || !is_data(from) || !is_data(to) {
        return None;
    }
    let (own, other, shape) = (to.strides()?, from.strides()?, to.shape()?);
    // The access map names the input axis of each output axis with more than one row.
    let mut axes = operator.access()?.axes().iter().filter_map(|axis| {
        let (source, _) = (*axis.inputs().first()?)?;
        Some((*axis.outputs().first()?, source))
    });
    let rows = shape.iter().filter(|&&dim| dim > 1).count();
    let followed = axes.clone().count();
    let same = axes.all(|(at, source)| own.get(at) == other.get(source));
    (same && followed == rows).then_some(Permit::View { input, output, at: 0 })
}

/// Returns whether the contents of a tensor are fixed once written, unlike those of a variable.
fn is_data(tensor: &Tensor) -> bool {
    tensor.kind() != TensorKind::Variable
}

/// The first output in place of each input with the same number of elements, which must not be smaller.
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
            && aligns(read, written)
    };
    let mut inputs: Vec<TensorId> = operator.inputs().iter().copied().filter(fits).collect();
    inputs.dedup();
    inputs.into_iter().map(|input| Permit::InPlace { input, output }).collect()
}

/// The output in place of the first input. No other input may be the same tensor, as updates are read while
/// elements are replaced.
fn update(graph: &Graph, operator: &Operator) -> Option<Permit> {
    let (&input, rest) = operator.inputs().split_first()?;
    let &[output] = operator.outputs() else { return None };
    let (old, new) = (graph.tensor(input), graph.tensor(output));
    let is_update = old.kind().is_activation()
        && is_data(new)
        && old.bytes() == new.bytes()
        && old.element_type() == new.element_type()
        && aligns(old, new)
        && !rest.contains(&input);
    is_update.then_some(Permit::InPlace { input, output })
}

/// The number of elements of a tensor; none without a shape, or if it exceeds 64 bits. It is 0 if a dimension is
/// 0, whatever the others are.
fn elements(tensor: &Tensor) -> Option<u64> {
    let shape = tensor.shape()?;
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1, |count: u64, &dim| count.checked_mul(dim))
}

fn concatenation(graph: &Graph, operator: &Operator) -> Vec<Permit> {
    let &[output] = operator.outputs() else { return Vec::new() };
    let parts = contiguous_parts(graph, output, operator.inputs()).unwrap_or_default().into_iter();
    let mut sorted = operator.inputs().to_vec();
    sorted.sort_unstable();
    let once = |input: TensorId| {
        let first = sorted.partition_point(|&other| other < input);
        sorted.get(first + 1) != Some(&input)
    };
    let free = |input: TensorId| graph.tensor(input).kind().is_activation();
    let pieces = parts.filter(|&(input, _)| once(input) && free(input) && is_data(graph.tensor(output)));
    pieces.map(|(input, at)| Permit::ConcatSlice { input, output, at }).collect()
}

fn split(graph: &Graph, operator: &Operator) -> Vec<Permit> {
    // The first input of `SPLIT` is the axis, so the largest input is the one that is split.
    let whole = operator.inputs().iter().copied().max_by_key(|&id| graph.tensor(id).bytes());
    let whole = whole.filter(|&id| graph.tensor(id).kind().is_activation());
    let Some(input) = whole else { return Vec::new() };
    let parts = contiguous_parts(graph, input, operator.outputs()).unwrap_or_default().into_iter();
    let views = parts.filter(|&(output, _)| is_data(graph.tensor(output)));
    views.map(|(output, at)| Permit::View { input, output, at }).collect()
}

/// A view, if the slice is contiguous: all axes outside of the sliced one in memory are 1 in the output, and all axes
/// inside of it are kept whole.
fn slice(graph: &Graph, operator: &Operator, begin: &[u64]) -> Option<Permit> {
    let (&input, &output) = operator.inputs().first().zip(operator.outputs().first())?;
    let (whole, part) = (graph.tensor(input), graph.tensor(output));
    let order = whole.memory_order()?;
    let (from, to) = (whole.stored_shape()?, part.stored_shape()?);
    let element = whole.element_type()?.bits().filter(|bits| bits.is_multiple_of(8))? / 8;
    let are_data = [whole, part].iter().all(|tensor| tensor.kind().is_activation());
    let fit = Some(&order) == part.memory_order().as_ref()
        && from.len() == begin.len()
        && whole.element_type() == part.element_type();
    if !fit {
        return None;
    }
    let begin: Vec<u64> = order.iter().map(|&axis| begin[axis]).collect();
    let within = || {
        begin.iter().zip(&to).zip(&from).all(|((&start, &length), &dim)| start.saturating_add(length) <= dim)
    };
    if !are_data || part.bytes() == 0 || !within() {
        return None;
    }
    let cut = to.iter().position(|&dim| dim != 1).unwrap_or(to.len());
    let is_whole = (cut + 1..to.len()).all(|axis| to[axis] == from[axis]);
    // No overflow: the index is that of an element of the tensor.
    let first = begin.iter().zip(&from).fold(0, |index, (&start, &dim)| index * dim + start);
    is_whole.then_some(Permit::View { input, output, at: first * element })
}

/// Byte offsets of parts in the tensor that they form along one axis. None if a dimension outside of this axis in memory
/// is more than 1, as the parts are interleaved then.
fn contiguous_parts(graph: &Graph, whole: TensorId, parts: &[TensorId]) -> Option<Vec<(TensorId, u64)>> {
    let tensor = graph.tensor(whole);
    let (order, shape) = (tensor.memory_order()?, tensor.stored_shape()?);
    let mut axis = None;
    let mut at = 0;
    let mut offsets = Vec::new();
    for &id in parts {
        let part = graph.tensor(id);
        let part_shape = part.stored_shape()?;
        if part.memory_order().as_ref() != Some(&order) || part.element_type() != tensor.element_type() {
            return None;
        }
        let mut different = (0..shape.len()).filter(|&axis| part_shape[axis] != shape[axis]);
        let here = different.next();
        if different.next().is_some() || axis.is_some_and(|axis| here.is_some_and(|here| here != axis)) {
            return None;
        }
        axis = axis.or(here);
        offsets.push((id, at));
        at = part.bytes().checked_add(at)?;
    }
    let outermost = axis.is_none_or(|axis| shape[..axis].iter().all(|&dim| dim == 1));
    // Elements of less than a byte: a part may end within a byte.
    let whole_bytes = tensor.element_type()?.bits()?.is_multiple_of(8);
    (outermost && whole_bytes && at == tensor.bytes()).then_some(offsets)
}
