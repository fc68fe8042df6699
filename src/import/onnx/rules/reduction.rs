//! Reductions, `ArgMax`, `TopK` and losses.

use super::arithmetic;
use super::call::NodeCall;
use crate::import::dims::{axis, ensure, size, without};
use crate::import::onnx::value::{Elements, Inferred, Outputs, Value, coordinates, few, flat_index, types};

pub(crate) fn reduce(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let since = if call.node.op_type() == "ReduceSum" { 13 } else { 18 };
    let numbers = match (call.numbers_since(since, "axes", 1), bounded(call, input, since)) {
        (Err(_), Some(bound)) => return Ok(vec![bound?]),
        (numbers, _) => numbers?.filter(|numbers| !numbers.is_empty()),
    };
    if numbers.is_none() && call.version >= since && call.flag("noop_with_empty_axes", false) {
        return Ok(vec![input.like(input.data_type)]);
    }
    let gone = NodeCall::axes_or_all(numbers, input.rank())?;
    let kept = without(&input.dims, &gone, true);
    let data = reduced(call, input, &kept);
    let dims = without(&input.dims, &gone, call.flag("keepdims", true));
    Ok(vec![Value::with(input.data_type, dims, data)?])
}

/// `QLinearReduceMean`, whose axes are an attribute.
pub(crate) fn qlinear_mean(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let gone = NodeCall::axes_or_all(call.ints("axes").filter(|axes| !axes.is_empty()), input.rank())?;
    Value::single(input.data_type, without(&input.dims, &gone, call.flag("keepdims", true)))
}

/// The upper bound of a reduction along axes that data decides on. A reduced axis of an empty tensor becomes 1.
/// Without `keepdims`, an axis of the output is one of the input's that at most all reduced axes precede.
fn bounded(call: &NodeCall, input: &Value, since: i64) -> Option<Inferred<Value>> {
    let axes = call.optional(1).ok()??;
    if call.version < since || call.attribute("axes").is_some() || axes.data.is_some() || axes.is_upper() {
        return None;
    }
    if call.flag("keepdims", true) {
        let dims: Vec<u64> = input.dims.iter().map(|&dim| dim.max(1)).collect();
        return Some(Value::new(input.data_type, dims).map(Value::at_most));
    }
    let count = usize::try_from(*axes.dims.first()?).ok()?.checked_add(1)?;
    if count > input.rank() + 1 {
        return None;
    }
    let dims: Vec<u64> = input.dims.windows(count).filter_map(|dims| dims.iter().max().copied()).collect();
    Some(Value::new(input.data_type, dims).map(Value::at_most))
}

/// The reduced elements, in a shape whose reduced axes are 1.
fn reduced(call: &NodeCall, input: &Value, kept: &[u64]) -> Option<Elements> {
    let numbers = input.data.as_ref()?.integers()?;
    let mut groups = vec![Vec::new(); few(kept)?];
    for (at, &number) in coordinates(&input.dims, numbers.len()).zip(numbers) {
        let along = at.iter().zip(kept).map(|(&along, &dim)| if dim == 1 { 0 } else { along });
        groups.get_mut(usize::try_from(flat_index(kept, along)?).ok()?)?.push(number);
    }
    let reduce = |group: &Vec<i64>| arithmetic::reduce(call.node.op_type(), input.data_type, group);
    Some(Elements::Integers(groups.iter().map(reduce).collect::<Option<_>>()?))
}

/// `ArgMax` and `ArgMin`: indices along one axis.
pub(crate) fn arg(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let gone = axis(call.int("axis", 0), input.rank())?;
    Value::single(types::INT64, without(&input.dims, &[gone], call.flag("keepdims", true)))
}

pub(crate) fn top_k(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let along = axis(call.int("axis", -1), input.rank())?;
    let types = [input.data_type, types::INT64];
    if call.version >= 10 && call.input(1)?.data.is_none() {
        return Ok(types.map(|data_type| input.like(data_type).at_most_along(1 << along)).into());
    }
    let count = size(if call.version < 10 { call.required_int("k")? } else { call.number(1)? })?;
    let mut dims = input.dims.clone();
    ensure!(count <= dims[along], "{count} of {} on axis {along} are asked for", dims[along]);
    dims[along] = count;
    types.into_iter().map(|data_type| Value::new(data_type, dims.clone())).collect()
}

/// Losses: a scalar, or a loss for each label; then the logarithms of the probabilities.
pub(crate) fn loss(call: &NodeCall) -> Outputs {
    let (scores, labels) = (call.input(0)?, call.input(1)?);
    let loss = match call.text("reduction", "mean")? {
        "none" => labels.like(scores.data_type),
        _ => Value::new(scores.data_type, [])?,
    };
    Ok(vec![loss, scores.like(scores.data_type)])
}
