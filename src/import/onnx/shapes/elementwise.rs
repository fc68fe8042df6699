//! Operators that work on one element, or on elements of the same place.

use super::arithmetic;
use super::bounds::broadcast_of;
use super::call::Call;
use super::value::{Told, Value, broadcast_source, types};

/// The shape and the type of the first input.
pub(super) fn same(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    Ok(vec![input.like(input.data_type)])
}

/// And its numbers.
pub(super) fn identity(call: &Call) -> Told<Vec<Value>> {
    Ok(vec![call.input(0)?.clone()])
}

pub(super) fn unary(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let data =
        input.data.as_ref().and_then(|data| arithmetic::unary(call.node.op_type(), input.data_type, data));
    Ok(vec![Value::with(input.data_type, input.dims.clone(), data)?])
}

/// The shape of the first input, of truth values.
pub(super) fn test(call: &Call) -> Told<Vec<Value>> {
    Ok(vec![call.input(0)?.like(types::BOOL)])
}

pub(super) fn binary(call: &Call) -> Told<Vec<Value>> {
    let (one, other) = (call.input(0)?, call.input(1)?);
    if one.data_type != other.data_type && call.node.op_type() != "Pow" {
        return Err(format!("its inputs have element types {} and {}", one.data_type, other.data_type));
    }
    paired(call, one, other, one.data_type)
}

pub(super) fn comparison(call: &Call) -> Told<Vec<Value>> {
    paired(call, call.input(0)?, call.input(1)?, types::BOOL)
}

fn paired(call: &Call, one: &Value, other: &Value, data_type: i32) -> Told<Vec<Value>> {
    // Then, the second was brought to the shape of the first.
    if call.version < 7 {
        return Ok(vec![one.like(data_type)]);
    }
    let dims = broadcast_of(&[one, other])?;
    let all =
        [one, other].map(|value| value.rearranged(dims.clone(), |at| broadcast_source(&value.dims, at)));
    let [one, other] = all;
    let (one, other) = (one?, other?);
    let data = match (&one.data, &other.data) {
        (Some(left), Some(right)) if one.data_type == other.data_type => {
            arithmetic::binary(call.node.op_type(), call.flag("fmod", false), one.data_type, left, right)
        }
        _ => None,
    };
    Ok(vec![Value::with(data_type, dims, data)?])
}

/// Of any number of inputs.
pub(super) fn variadic(call: &Call) -> Told<Vec<Value>> {
    let inputs = call.all()?;
    let Some(first) = inputs.first() else { return Err("it has no input".to_owned()) };
    if let Some(other) = inputs.iter().find(|other| other.data_type != first.data_type) {
        return Err(format!("its inputs have element types {} and {}", first.data_type, other.data_type));
    }
    if call.version < 8 && inputs.iter().any(|other| other.dims != first.dims) {
        return Err("its inputs have different shapes".to_owned());
    }
    if let [one, other] = inputs[..] {
        return paired(call, one, other, one.data_type);
    }
    Ok(vec![Value::new(first.data_type, broadcast_of(&inputs)?)?])
}

pub(super) fn choose(call: &Call) -> Told<Vec<Value>> {
    let (condition, one, other) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let dims = broadcast_of(&[condition, one, other])?;
    let spread = |value: &Value| value.rearranged(dims.clone(), |at| broadcast_source(&value.dims, at));
    let (condition, one, other) = (spread(condition)?, spread(one)?, spread(other)?);
    let data = match (condition.data, one.data, other.data) {
        (Some(condition), Some(one), Some(other)) => arithmetic::choose(&condition, &one, &other),
        _ => None,
    };
    Ok(vec![Value::with(one.data_type, dims, data)?])
}

pub(super) fn cast(call: &Call) -> Told<Vec<Value>> {
    call.required_int("to")?;
    to_type(call, call.data_type("to", 0)?)
}

/// The same bits as another type of the same width.
pub(super) fn bit_cast(call: &Call) -> Told<Vec<Value>> {
    call.required_int("to")?;
    Ok(vec![call.input(0)?.like(call.data_type("to", 0)?)])
}

pub(super) fn cast_like(call: &Call) -> Told<Vec<Value>> {
    to_type(call, call.input(1)?.data_type)
}

fn to_type(call: &Call, data_type: i32) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let data = input.data.as_ref().and_then(|data| arithmetic::cast(data, data_type));
    Ok(vec![Value::with(data_type, input.dims.clone(), data)?])
}

/// Of the shape of the input; the type may be named.
pub(super) fn drawn_like(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    Ok(vec![input.like(call.data_type("dtype", input.data_type)?)])
}

pub(super) fn dropout(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let mask = if call.version < 10 { input.data_type } else { types::BOOL };
    Ok(vec![input.like(input.data_type), input.like(mask)])
}
