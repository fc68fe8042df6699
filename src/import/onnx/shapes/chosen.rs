//! Operators that choose elements by their values: how many they choose depends on data, within bounds.

use super::call::Call;
use super::value::{Data, Told, Value, axis, product, size, types};

/// Those that a condition holds for.
pub(super) fn compress(call: &Call) -> Told<Vec<Value>> {
    let (input, condition) = (call.input(0)?, call.input(1)?);
    let mut dims = input.dims.clone();
    let along = if let Some(attribute) = call.attribute("axis") {
        axis(attribute.i, input.rank())?
    } else {
        dims = vec![product(&dims)?];
        0
    };
    let Some(holds) = condition.data.as_ref().and_then(Data::whole) else {
        dims[along] = dims[along].min(product(&condition.dims)?);
        return Ok(vec![Value::new(input.data_type, dims)?.at_most_along(1 << along)]);
    };
    let most = usize::try_from(dims[along]).unwrap_or(usize::MAX);
    dims[along] = holds.iter().take(most).filter(|&&one| one != 0).count() as u64;
    Ok(vec![Value::new(input.data_type, dims)?])
}

/// At most every element is one.
pub(super) fn non_zero(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    // Before version 13 it was not said for scalars, and runtimes differ.
    if input.rank() == 0 {
        return Err("what it makes of a scalar depends on the runtime".to_owned());
    }
    let count = match input.data.as_ref() {
        Some(Data::Whole(numbers)) => numbers.iter().filter(|&&number| number != 0).count() as u64,
        Some(Data::Real(numbers)) => numbers.iter().filter(|&&number| number != 0.0).count() as u64,
        None => product(&input.dims)?,
    };
    let found = Value::new(types::INT64, [input.rank() as u64, count])?;
    Ok(vec![if input.data.is_some() { found } else { found.at_most_along(1 << 1) }])
}

/// At most so many boxes of each class of each batch as are asked for, or as there are.
pub(super) fn non_max_suppression(call: &Call) -> Told<Vec<Value>> {
    let (boxes, scores) = (call.input(0)?, call.input(1)?);
    let ([batches, classes, count], 3) = (scores.dims.as_slice(), boxes.rank()) else {
        return Err(format!("boxes of shape {:?} with scores of shape {:?}", boxes.dims, scores.dims));
    };
    let most = match call.optional(2)? {
        None => 0,
        Some(Value { data: Some(_), .. }) => size(call.number(2)?.max(0))?,
        Some(_) => *count,
    };
    let found = product(&[*batches, *classes, most.min(*count)])?;
    Ok(vec![Value::new(types::INT64, [found, 3])?.at_most_along(1)])
}

/// At most every element, or every slice along an axis, is another. Each has a place among those found.
pub(super) fn unique(call: &Call) -> Told<Vec<Value>> {
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
