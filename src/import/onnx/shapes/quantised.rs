//! Quantization and dequantization.

use super::call::NodeCall;
use super::value::{Inferred, Value, broadcast, types};

pub(super) fn quantize(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let given = call.data_type("output_dtype", 0)?;
    let data_type = match call.optional(2)? {
        Some(zero_point) if given != 0 && zero_point.data_type != given => {
            return Err(format!("its zero point has element type {}, not {given}", zero_point.data_type));
        }
        Some(zero_point) => zero_point.data_type,
        None if given != 0 => given,
        None => types::UINT8,
    };
    Ok(vec![input.like(data_type)])
}

pub(super) fn dequantize(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let scale = call.input(1)?.data_type;
    let given = call.data_type("output_dtype", 0)?;
    Ok(vec![input.like(if given == 0 { scale } else { given })])
}

/// `DynamicQuantizeLinear`: output, scale and zero point.
pub(super) fn dynamic_quantize(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    Ok(vec![input.like(types::UINT8), Value::new(types::FLOAT, [])?, Value::new(types::UINT8, [])?])
}

/// `QLinearAdd` and `QLinearMul`: two tensors, each followed by its scale and zero point.
pub(super) fn qlinear_binary(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (left, right) = (call.input(0)?, call.input(3)?);
    Ok(vec![Value::new(left.data_type, broadcast(&[&left.dims, &right.dims])?)?])
}
