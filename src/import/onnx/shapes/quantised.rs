//! From and to integers with a scale.

use super::call::Call;
use super::value::{Told, Value, broadcast, types};

pub(super) fn quantize(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let named = call.data_type("output_dtype", 0)?;
    let data_type = match call.optional(2)? {
        Some(zero_point) if named != 0 && zero_point.data_type != named => {
            return Err(format!("its zero point has element type {}, not {named}", zero_point.data_type));
        }
        Some(zero_point) => zero_point.data_type,
        None if named != 0 => named,
        None => types::UINT8,
    };
    Ok(vec![input.like(data_type)])
}

pub(super) fn dequantize(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let scale = call.input(1)?.data_type;
    let named = call.data_type("output_dtype", 0)?;
    Ok(vec![input.like(if named == 0 { scale } else { named })])
}

/// With scale and zero point computed.
pub(super) fn dynamic_quantize(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    Ok(vec![input.like(types::UINT8), Value::new(types::FLOAT, [])?, Value::new(types::UINT8, [])?])
}

/// Two inputs, each with scale and zero point.
pub(super) fn qlinear_binary(call: &Call) -> Told<Vec<Value>> {
    let (one, other) = (call.input(0)?, call.input(3)?);
    Ok(vec![Value::new(one.data_type, broadcast(&[&one.dims, &other.dims])?)?])
}
