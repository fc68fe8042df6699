//! Operators that select elements by value. The size of the output depends on data, within an upper bound.

use super::call::NodeCall;
use crate::import::dims::{axis, ensure, product, size};
use crate::import::onnx::value::{Elements, Inferred, Outputs, Value, types};

/// `Compress`: slices along an axis for which the condition is true; without an axis, elements. At most the
/// length of the condition.
pub(crate) fn compress(call: &NodeCall) -> Outputs {
    let (input, condition) = (call.input(0)?, call.input(1)?);
    let (mut dims, along) = slices_or_elements(call)?;
    let Some(conditions) = condition.data.as_ref().and_then(Elements::integers) else {
        dims[along] = dims[along].min(product(&condition.dims)?);
        return Ok(vec![Value::new(input.data_type, dims)?.at_most_along(1 << along)]);
    };
    let length = usize::try_from(dims[along]).unwrap_or(usize::MAX);
    dims[along] = conditions.iter().take(length).filter(|&&condition| condition != 0).count() as u64;
    Value::single(input.data_type, dims)
}

/// The shape of the first input and the attribute `axis`; without the attribute, that of a list of its elements.
fn slices_or_elements(call: &NodeCall) -> Inferred<(Vec<u64>, usize)> {
    let input = call.input(0)?;
    match call.attribute("axis") {
        Some(attribute) => Ok((input.dims.clone(), axis(attribute.i, input.rank())?)),
        None => Ok((vec![product(&input.dims)?], 0)),
    }
}

/// `NonZero`: a column for each element that is not 0, at most one for each element.
pub(crate) fn non_zero(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    // Before version 13 the standard did not define the output for a scalar.
    ensure!(input.rank() > 0, "runtimes differ for a scalar input");
    let count = match input.data.as_ref() {
        Some(Elements::Integers(numbers)) => numbers.iter().filter(|&&number| number != 0).count() as u64,
        Some(Elements::Floats(numbers)) => numbers.iter().filter(|&&number| number != 0.0).count() as u64,
        Some(Elements::Tensors(_)) | None => product(&input.dims)?,
    };
    let indices = Value::new(types::INT64, [input.rank() as u64, count])?;
    Ok(vec![if input.data.is_some() { indices } else { indices.at_most_along(1 << 1) }])
}

/// `NonMaxSuppression`: for each batch and class, at most `max_output_boxes_per_class` boxes, or all boxes.
pub(crate) fn non_max_suppression(call: &NodeCall) -> Outputs {
    let (boxes, scores) = (call.input(0)?, call.input(1)?);
    let ([batches, classes, count], 3) = (scores.dims.as_slice(), boxes.rank()) else {
        return Err(format!(
            "its boxes of shape {:?} do not match its scores of shape {:?}",
            boxes.dims, scores.dims
        ));
    };
    let max_boxes = match call.optional(2)? {
        None => 0,
        Some(Value { data: Some(_), .. }) => size(call.number(2)?.max(0))?,
        Some(_) => *count,
    };
    let selected = product(&[*batches, *classes, max_boxes.min(*count)])?;
    Ok(vec![Value::new(types::INT64, [selected, 3])?.at_most_along(1)])
}

/// `Unique`: distinct elements, or slices along an axis, at most all of them; their first indices; for each
/// element, its index among the distinct ones; and counts.
pub(crate) fn unique(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let (dims, along) = slices_or_elements(call)?;
    let count = dims[along];
    let list = || Value::new(types::INT64, [count]);
    Ok(vec![
        Value::new(input.data_type, dims)?.at_most_along(1 << along),
        list()?.at_most(),
        list()?,
        list()?.at_most(),
    ])
}
