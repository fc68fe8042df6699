//! Elementwise operators, with and without broadcasting, and quantization.

use super::arithmetic;
use super::call::NodeCall;
use crate::import::dims::{broadcast, ensure};
use crate::import::onnx::value::{
    Inferred, Outputs, Value, broadcast_of, broadcast_source, check_types, types,
};

/// The output has the shape and the type of the first input.
pub(crate) fn same(call: &NodeCall) -> Outputs {
    like(call, call.input(0)?.data_type)
}

/// The output has the shape of the first input and this type.
pub(crate) fn like(call: &NodeCall, data_type: i32) -> Outputs {
    Ok(vec![call.input(0)?.like(data_type)])
}

/// The output has the shape of the first input, and its type unless the attribute `dtype` gives another.
pub(crate) fn typed_like(call: &NodeCall) -> Outputs {
    like(call, call.data_type("dtype", call.input(0)?.data_type)?)
}

/// The output is the first input, elements included.
pub(crate) fn identity(call: &NodeCall) -> Outputs {
    Ok(vec![call.input(0)?.clone()])
}

/// One input, with elements if the operator is in [`arithmetic::unary`].
pub(crate) fn unary(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let data = input.data.as_ref();
    let data = data.and_then(|data| arithmetic::unary(call.node.op_type(), input.data_type, data));
    Ok(vec![Value::with(input.data_type, input.dims.clone(), data)?])
}

/// Two inputs of the same type.
pub(crate) fn binary(call: &NodeCall) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(1)?);
    if call.node.op_type() != "Pow" {
        check_types(&[left, right])?;
    }
    paired(call, left, right, left.data_type)
}

/// Two inputs, boolean elements.
pub(crate) fn comparison(call: &NodeCall) -> Outputs {
    paired(call, call.input(0)?, call.input(1)?, types::BOOL)
}

/// Two inputs, broadcast to each other.
fn paired(call: &NodeCall, left: &Value, right: &Value, data_type: i32) -> Outputs {
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
pub(crate) fn variadic(call: &NodeCall) -> Outputs {
    let inputs = call.all()?;
    let Some(first) = inputs.first() else { return Err("it has no inputs".to_owned()) };
    check_types(&inputs)?;
    let are_same = inputs.iter().all(|other| other.dims == first.dims);
    ensure!(call.version >= 8 || are_same, "its inputs have different shapes");
    if let [left, right] = inputs[..] {
        return paired(call, left, right, left.data_type);
    }
    Value::single(first.data_type, broadcast_of(&inputs)?)
}

/// `Where`: a condition and two inputs, broadcast to each other.
pub(crate) fn choose(call: &NodeCall) -> Outputs {
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

/// The type that the required attribute `to` gives.
fn target_type(call: &NodeCall) -> Inferred<i32> {
    call.required_int("to")?;
    call.data_type("to", 0)
}

pub(crate) fn cast(call: &NodeCall) -> Outputs {
    to_type(call, target_type(call)?)
}

/// `BitCast`: the bits of the input as another type of the same width.
pub(crate) fn bit_cast(call: &NodeCall) -> Outputs {
    like(call, target_type(call)?)
}

pub(crate) fn cast_like(call: &NodeCall) -> Outputs {
    to_type(call, call.input(1)?.data_type)
}

fn to_type(call: &NodeCall, data_type: i32) -> Outputs {
    let input = call.input(0)?;
    let data = input.data.as_ref().and_then(|data| arithmetic::cast(data, data_type));
    Ok(vec![Value::with(data_type, input.dims.clone(), data)?])
}

/// `Dropout`: output and mask.
pub(crate) fn dropout(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let mask = if call.version < 10 { input.data_type } else { types::BOOL };
    Ok(vec![input.like(input.data_type), input.like(mask)])
}

pub(crate) fn quantize(call: &NodeCall) -> Outputs {
    let given = call.data_type("output_dtype", 0)?;
    let zero_point = call.optional(2)?.map(|zero_point| zero_point.data_type);
    let data_type = zero_point.unwrap_or(if given == 0 { types::UINT8 } else { given });
    ensure!(given == 0 || data_type == given, "its zero point has element type {data_type}, not {given}");
    like(call, data_type)
}

pub(crate) fn dequantize(call: &NodeCall) -> Outputs {
    let scale = call.input(1)?.data_type;
    let given = call.data_type("output_dtype", 0)?;
    like(call, if given == 0 { scale } else { given })
}

/// `DynamicQuantizeLinear`: output, scale and zero point.
pub(crate) fn dynamic_quantize(call: &NodeCall) -> Outputs {
    let output = call.input(0)?.like(types::UINT8);
    Ok(vec![output, Value::new(types::FLOAT, [])?, Value::new(types::UINT8, [])?])
}

/// `QLinearWhere`: a condition and two tensors, each followed by its scale and zero point.
pub(crate) fn qlinear_choose(call: &NodeCall) -> Outputs {
    let (condition, yes, no) = (call.input(0)?, call.input(1)?, call.input(4)?);
    Value::single(yes.data_type, broadcast_of(&[condition, yes, no])?)
}

/// `BiasSplitGelu` and `SwiGLU` of ONNX Runtime with both halves in one tensor: the last axis becomes half as long.
pub(crate) fn halved(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let mut dims = input.dims.clone();
    let Some(last) = dims.last_mut().filter(|last| last.is_multiple_of(2)) else {
        return Err(format!("the last axis of its input of shape {:?} has no two halves", input.dims));
    };
    *last /= 2;
    Value::single(input.data_type, dims)
}

/// `SwiGLU` of ONNX Runtime: two inputs, or one that consists of both.
pub(crate) fn swiglu(call: &NodeCall) -> Outputs {
    if call.has(1) { same(call) } else { halved(call) }
}

/// `BiasDropout`: the output, and the mask.
pub(crate) fn bias_dropout(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    Ok(vec![input.like(input.data_type), input.like(types::BOOL)])
}

/// `QLinearAdd` and `QLinearMul`: two tensors, each followed by its scale and zero point.
pub(crate) fn qlinear_binary(call: &NodeCall) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(3)?);
    Value::single(left.data_type, broadcast(&[&left.dims, &right.dims], false)?)
}
