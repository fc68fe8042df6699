//! Operators that create tensors: constants, shapes, ranges and random elements.

use super::call::NodeCall;
use crate::import::dims::{axis, ensure, product, size, sizes};
use crate::import::onnx::graph::OnnxAttribute;
use crate::import::onnx::value::{Elements, Inferred, Outputs, Value, few, types};

pub(crate) fn constant(call: &NodeCall) -> Outputs {
    let value = call.node.attribute.iter().find_map(|attribute| constant_of(&attribute.name, attribute));
    value.ok_or("it has no value attribute of a supported type")?.map(|value| vec![value])
}

/// The value of an attribute of `Constant`; none for other attributes.
fn constant_of(name: &str, attribute: &OnnxAttribute) -> Option<Inferred<Value>> {
    let floats = |dims: Vec<u64>, numbers: &[f32]| {
        let numbers = numbers.iter().take(2000).map(|&number| number.into()).collect();
        Value::with(types::FLOAT, dims, Some(Elements::Floats(numbers)))
    };
    Some(match (name, &attribute.t, &attribute.sparse_tensor) {
        ("value", Some(tensor), _) => {
            tensor.value().ok_or_else(|| "its value has an invalid shape".to_owned())
        }
        ("sparse_value", _, Some(sparse)) => {
            let data_type = sparse.values.as_ref().map_or(0, |values| values.data_type);
            sizes(&sparse.dims).and_then(|dims| Value::new(data_type, dims))
        }
        ("value_float", ..) => floats(Vec::new(), &[attribute.f]),
        ("value_floats", ..) => floats(vec![attribute.floats.len() as u64], &attribute.floats),
        ("value_int", ..) => Value::of_integers(types::INT64, Vec::new(), vec![attribute.i]),
        ("value_ints", ..) => {
            let numbers = attribute.ints.iter().take(2000).copied().collect();
            Value::of_integers(types::INT64, vec![attribute.ints.len() as u64], numbers)
        }
        ("value_string", ..) => Value::new(types::STRING, Vec::new()),
        _ => return None,
    })
}

pub(crate) fn constant_of_shape(call: &NodeCall) -> Outputs {
    let dims = sizes(call.numbers(0)?)?;
    let element = match call.attribute("value").and_then(|attribute| attribute.t.as_deref()) {
        Some(tensor) => tensor.value().ok_or("its value has an invalid shape")?,
        None => Value::with(types::FLOAT, [1], Some(Elements::Floats([0.0].into())))?,
    };
    let count = few(&dims);
    let data = count.and_then(|count| element.data?.pick(std::iter::repeat_n(Some(0), count)));
    Ok(vec![Value::with(element.data_type, dims, data)?])
}

/// `Shape`: the dimensions, from version 15 on of a range of axes.
pub(crate) fn shape(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let rank = i64::from(input.rank() as u32);
    let bound = |name, default| {
        let number = if call.version < 15 { default } else { call.int(name, default) };
        let from_start = if number < 0 { number.saturating_add(rank) } else { number };
        usize::try_from(from_start.clamp(0, rank)).unwrap_or(0)
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    let numbers: Vec<i64> =
        input.dims.get(start..end).unwrap_or(&[]).iter().map(|&dim| dim.cast_signed()).collect();
    Ok(vec![Value::of_integers(types::INT64, [numbers.len() as u64], numbers)?])
}

/// `Size`: the number of elements.
pub(crate) fn count(call: &NodeCall) -> Outputs {
    let count = product(&call.input(0)?.dims)?;
    let count = i64::try_from(count).map_err(|_| "the number of elements exceeds 63 bits")?;
    Ok(vec![Value::of_integers(types::INT64, Vec::new(), vec![count])?])
}

/// A scalar, whatever the input is.
pub(crate) fn scalar(data_type: i32) -> Outputs {
    Value::single(data_type, Vec::new())
}

/// `Range`: as many elements as steps from the start to before the limit.
pub(crate) fn range(call: &NodeCall) -> Outputs {
    let data_type = call.input(0)?.data_type;
    if call.input(0)?.data.as_ref().is_some_and(|data| data.integers().is_some()) {
        let (start, limit, delta) = (call.number(0)?, call.number(1)?, call.number(2)?);
        let (start, step) = (i128::from(start), i128::from(delta));
        ensure!(step != 0, "its step is 0");
        let distance = (i128::from(limit) - start) * step.signum();
        let count = if distance <= 0 { 0 } else { (distance + step.abs() - 1) / step.abs() };
        let count = u64::try_from(count).map_err(|_| "its length exceeds 64 bits")?;
        let number = |index: u64| i64::try_from(start + i128::from(index) * step).ok();
        let numbers = few(&[count]).and_then(|_| (0..count).map(number).collect::<Option<Vec<_>>>());
        let data = numbers.map(|numbers| Elements::Integers(numbers.into()));
        return Ok(vec![Value::with(data_type, [count], data)?]);
    }
    let number = |input: usize| match call.real_numbers(input)? {
        &[number] => Ok(number),
        numbers => Err(format!("its input {input} should have one element, not {}", numbers.len())),
    };
    let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
    let distance = limit - start;
    let distance = if data_type == types::FLOAT { f64::from(distance as f32) } else { distance };
    let count = (distance / delta).ceil();
    ensure!(count.is_finite(), "the range from {start} to {limit} by {delta} is not finite");
    let is_exact = count < 9e15;
    ensure!(is_exact, "its length exceeds 53 bits");
    Value::single(data_type, [size(count.max(0.0) as i64)?])
}

pub(crate) fn one_hot(call: &NodeCall) -> Outputs {
    let (indices, values) = (call.input(0)?, call.input(2)?);
    // The depth may be a floating-point number.
    let depth = match &call.input(1)?.data {
        Some(Elements::Floats(numbers)) if matches!(numbers[..], [number] if (0.0..1e15).contains(&number)) => {
            numbers[0] as i64
        }
        _ => call.number(1)?,
    };
    let rank = indices.rank() + 1;
    let along = axis(call.int("axis", -1), rank)?;
    let mut dims = indices.dims.clone();
    dims.insert(along, size(depth)?);
    Value::single(values.data_type, dims)
}

/// Random elements of a given shape.
pub(crate) fn drawn(call: &NodeCall) -> Outputs {
    let dims = sizes(call.required_ints("shape")?)?;
    Value::single(call.data_type("dtype", types::FLOAT)?, dims)
}

pub(crate) fn multinomial(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let dims = [input.dim(0)?, size(call.int("sample_size", 1))?];
    Value::single(call.data_type("dtype", types::INT32)?, dims)
}
