//! Sharing permissions that follow from the definitions of operators. Whether the kernels of a target support
//! them is up to the user, so a plan shares no memory unless it is asked to.

use super::contiguous::{PartAxis, slice_start};
use crate::error::Result;
use crate::graph::{ElementType, Graph, Operator, Permit, Tensor, TensorKind};
use crate::support::ids::{OperatorId, TensorId};

/// The memory that outputs of an operator may share with inputs: a column of the tables of operator types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermitRule {
    /// None.
    Nothing,
    /// The first output has the contents of the first input.
    View,
    /// The output has the elements of the first input, with the axes in another order.
    Transpose,
    /// Elements of the output depend on no later element of an input of the same size.
    InPlace,
    /// Elements of the output depend on all elements of a row. A kernel that reads a whole row before it writes the row
    /// may run in place, but the definition of the operator does not require such a kernel.
    InPlaceByRow,
    /// The output is a copy of the first input with some elements replaced.
    Update,
    /// The inputs are concatenated along an axis.
    Concatenation,
    /// An input, the first or the last one, is split along an axis.
    Split,
    /// The output is a slice of the first input.
    Slice,
}

/// Adds permissions to all operators. `multi_pass` permits row-wise operators in place. `rule` returns the rule of an
/// operator, and `begin` the start of a slice along each axis.
pub(super) fn add(
    graph: &mut Graph,
    multi_pass: bool,
    rule: impl Fn(OperatorId) -> PermitRule,
    begin: impl Fn(&Graph, OperatorId) -> Option<Vec<u64>>,
) -> Result<()> {
    for id in graph.operator_ids() {
        let operator = graph.operator(id);
        let permits = match rule(id) {
            _ if operator.is_folded() => Vec::new(),
            PermitRule::InPlaceByRow if !multi_pass => Vec::new(),
            PermitRule::Nothing => Vec::new(),
            PermitRule::View => view(graph, operator),
            PermitRule::Transpose => transpose(graph, operator).into_iter().collect(),
            PermitRule::InPlace | PermitRule::InPlaceByRow => in_place(graph, operator),
            PermitRule::Update => update(graph, operator).into_iter().collect(),
            PermitRule::Concatenation => concatenation(graph, operator),
            PermitRule::Split => split(graph, operator),
            PermitRule::Slice => {
                begin(graph, id).and_then(|begin| slice(graph, operator, &begin)).into_iter().collect()
            }
        };
        graph.permit(id, permits)?;
    }
    Ok(())
}

fn view(graph: &Graph, operator: &Operator) -> Vec<Permit> {
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
        let bits = |tensor: &Tensor| tensor.element_type().and_then(ElementType::bits);
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

/// A view, if the slice is contiguous.
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
    if !are_data || part.bytes() == 0 {
        return None;
    }
    let begin: Vec<u64> = order.iter().map(|&axis| begin[axis]).collect();
    let first = slice_start(&from, &to, &begin)?;
    Some(Permit::View { input, output, at: first * element })
}

/// Byte offsets of parts in the tensor that they form along one axis. None if a dimension outside of this axis in memory
/// is more than 1, as the parts are interleaved then.
fn contiguous_parts(graph: &Graph, whole: TensorId, parts: &[TensorId]) -> Option<Vec<(TensorId, u64)>> {
    let tensor = graph.tensor(whole);
    let (order, shape) = (tensor.memory_order()?, tensor.stored_shape()?);
    let mut axis = PartAxis::default();
    let mut at = 0;
    let mut offsets = Vec::new();
    for &id in parts {
        let part = graph.tensor(id);
        let is_same =
            part.memory_order().as_ref() == Some(&order) && part.element_type() == tensor.element_type();
        if !is_same || !axis.admits(&shape, &part.stored_shape()?) {
            return None;
        }
        offsets.push((id, at));
        at = part.bytes().checked_add(at)?;
    }
    // Elements of less than a byte: a part may end within a byte.
    let whole_bytes = tensor.element_type()?.bits()?.is_multiple_of(8);
    (axis.is_outermost(&shape) && whole_bytes && at == tensor.bytes()).then_some(offsets)
}
