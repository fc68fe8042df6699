//! Operators that select elements by value. The size of the output depends on data, within an upper bound.

use super::call::NodeCall;
use super::value::{Elements, Inferred, Value, axis, product, size, types};

/// `Compress`: slices along an axis for which the condition is true; without an axis, elements. At most the
/// length of the condition.
pub(super) fn compress(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, condition) = (call.input(0)?, call.input(1)?);
    let mut dims = input.dims.clone();
    let along = if let Some(attribute) = call.attribute("axis") {
        axis(attribute.i, input.rank())?
    } else {
        dims = vec![product(&dims)?];
        0
    };
    let Some(conditions) = condition.data.as_ref().and_then(Elements::integers) else {
        dims[along] = dims[along].min(product(&condition.dims)?);
        return Ok(vec![Value::new(input.data_type, dims)?.at_most_along(1 << along)]);
    };
    let length = usize::try_from(dims[along]).unwrap_or(usize::MAX);
    dims[along] = conditions.iter().take(length).filter(|&&condition| condition != 0).count() as u64;
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// `NonZero`: a column for each element that is not 0, at most one for each element.
pub(super) fn non_zero(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    // Before version 13 the standard did not define the output for a scalar.
    if input.rank() == 0 {
        return Err("runtimes differ for a scalar input".to_owned());
    }
    let count = match input.data.as_ref() {
        Some(Elements::Integers(numbers)) => numbers.iter().filter(|&&number| number != 0).count() as u64,
        Some(Elements::Floats(numbers)) => numbers.iter().filter(|&&number| number != 0.0).count() as u64,
        None => product(&input.dims)?,
    };
    let indices = Value::new(types::INT64, [input.rank() as u64, count])?;
    Ok(vec![if input.data.is_some() { indices } else { indices.at_most_along(1 << 1) }])
}

/// `NonMaxSuppression`: for each batch and class, at most `max_output_boxes_per_class` boxes, or all boxes.
pub(super) fn non_max_suppression(call: &NodeCall) -> Inferred<Vec<Value>> {
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
pub(super) fn unique(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let (dims, along) = if let Some(attribute) = call.attribute("axis") {
        (input.dims.clone(), axis(attribute.i, input.rank())?)
    } else {
        (vec![product(&input.dims)?], 0)
    };
    let count = dims[along];
    let list = || Value::new(types::INT64, [count]);
    Ok(vec![
        Value::new(input.data_type, dims)?.at_most_along(1 << along),
        list()?.at_most(),
        list()?,
        list()?.at_most(),
    ])
}
