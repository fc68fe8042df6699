//! Elementwise operators, with and without broadcasting.

use super::arithmetic;
use super::bounds::broadcast_of;
use super::call::NodeCall;
use super::value::{Inferred, Value, broadcast_source, types};

/// The output has the shape and the type of the first input.
pub(super) fn same(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    Ok(vec![input.like(input.data_type)])
}

/// The output is the first input, elements included.
pub(super) fn identity(call: &NodeCall) -> Inferred<Vec<Value>> {
    Ok(vec![call.input(0)?.clone()])
}

/// One input, with elements if the operator is in [`arithmetic::unary`].
pub(super) fn unary(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let data =
        input.data.as_ref().and_then(|data| arithmetic::unary(call.node.op_type(), input.data_type, data));
    Ok(vec![Value::with(input.data_type, input.dims.clone(), data)?])
}

/// The output has the shape of the first input and boolean elements.
pub(super) fn test(call: &NodeCall) -> Inferred<Vec<Value>> {
    Ok(vec![call.input(0)?.like(types::BOOL)])
}

/// Two inputs of the same type.
pub(super) fn binary(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (left, right) = (call.input(0)?, call.input(1)?);
    if left.data_type != right.data_type && call.node.op_type() != "Pow" {
        return Err(format!("its inputs have element types {} and {}", left.data_type, right.data_type));
    }
    paired(call, left, right, left.data_type)
}

/// Two inputs, boolean elements.
pub(super) fn comparison(call: &NodeCall) -> Inferred<Vec<Value>> {
    paired(call, call.input(0)?, call.input(1)?, types::BOOL)
}

/// Two inputs, broadcast to each other.
fn paired(call: &NodeCall, left: &Value, right: &Value, data_type: i32) -> Inferred<Vec<Value>> {
    // Before version 7, the second input was broadcast to the shape of the first.
    if call.version < 7 {
        return Ok(vec![left.like(data_type)]);
    }
    let dims = broadcast_of(&[left, right])?;
    let spread = |value: &Value| value.rearranged(dims.clone(), |at| broadcast_source(&value.dims, at));
    let (left, right) = (spread(left)?, spread(right)?);
    let data = match (&left.data, &right.data) {
        (Some(numbers), Some(others)) if left.data_type == right.data_type => {
            arithmetic::binary(call.node.op_type(), call.flag("fmod", false), left.data_type, numbers, others)
        }
        _ => None,
    };
    Ok(vec![Value::with(data_type, dims, data)?])
}

/// Any number of inputs of the same type, broadcast to each other.
pub(super) fn variadic(call: &NodeCall) -> Inferred<Vec<Value>> {
    let inputs = call.all()?;
    let Some(first) = inputs.first() else { return Err("it has no inputs".to_owned()) };
    if let Some(other) = inputs.iter().find(|other| other.data_type != first.data_type) {
        return Err(format!("its inputs have element types {} and {}", first.data_type, other.data_type));
    }
    if call.version < 8 && inputs.iter().any(|other| other.dims != first.dims) {
        return Err("its inputs have different shapes".to_owned());
    }
    if let [left, right] = inputs[..] {
        return paired(call, left, right, left.data_type);
    }
    Ok(vec![Value::new(first.data_type, broadcast_of(&inputs)?)?])
}

/// `Where`: a condition and two inputs, broadcast to each other.
pub(super) fn choose(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (condition, yes, no) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let dims = broadcast_of(&[condition, yes, no])?;
    let spread = |value: &Value| value.rearranged(dims.clone(), |at| broadcast_source(&value.dims, at));
    let (condition, yes, no) = (spread(condition)?, spread(yes)?, spread(no)?);
    let data = match (condition.data, yes.data, no.data) {
        (Some(condition), Some(yes), Some(no)) => arithmetic::choose(&condition, &yes, &no),
        _ => None,
    };
    Ok(vec![Value::with(yes.data_type, dims, data)?])
}

pub(super) fn cast(call: &NodeCall) -> Inferred<Vec<Value>> {
    call.required_int("to")?;
    to_type(call, call.data_type("to", 0)?)
}

/// `BitCast`: the bits of the input as another type of the same width.
pub(super) fn bit_cast(call: &NodeCall) -> Inferred<Vec<Value>> {
    call.required_int("to")?;
    Ok(vec![call.input(0)?.like(call.data_type("to", 0)?)])
}

pub(super) fn cast_like(call: &NodeCall) -> Inferred<Vec<Value>> {
    to_type(call, call.input(1)?.data_type)
}

fn to_type(call: &NodeCall, data_type: i32) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let data = input.data.as_ref().and_then(|data| arithmetic::cast(data, data_type));
    Ok(vec![Value::with(data_type, input.dims.clone(), data)?])
}

/// Random elements in the shape of the input, with the type that an attribute may give.
pub(super) fn drawn_like(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    Ok(vec![input.like(call.data_type("dtype", input.data_type)?)])
}

/// `Dropout`: output and mask.
pub(super) fn dropout(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let mask = if call.version < 10 { input.data_type } else { types::BOOL };
    Ok(vec![input.like(input.data_type), input.like(mask)])
}
