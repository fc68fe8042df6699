//! Operators that split, slice, gather, concatenate and pad tensors.

use super::call::NodeCall;
use super::value::{Elements, Inferred, Reason, Value, axes, axis, flat_index, size, sizes};

pub(super) fn concat(call: &NodeCall) -> Inferred<Vec<Value>> {
    joined(call, &call.all()?)
}

/// `QLinearConcat`: its inputs are scale and zero point of the output, then each tensor with its own.
pub(super) fn qlinear_concat(call: &NodeCall) -> Inferred<Vec<Value>> {
    let inputs =
        (2..call.inputs.len()).step_by(3).map(|number| call.input(number)).collect::<Inferred<Vec<_>>>()?;
    joined(call, &inputs)
}

fn joined(call: &NodeCall, inputs: &[&Value]) -> Inferred<Vec<Value>> {
    let Some(first) = inputs.first() else { return Err("it has no inputs".to_owned()) };
    // Before version 4, the axis had a default.
    let along = if call.version < 4 { call.int("axis", 1) } else { call.required_int("axis")? };
    let along = axis(along, first.rank())?;
    let mut dims = first.dims.clone();
    dims[along] = 0;
    let is_upper = inputs.iter().any(|input| input.is_upper());
    for input in inputs {
        if input.data_type != first.data_type {
            return Err(format!("its inputs have element types {} and {}", first.data_type, input.data_type));
        }
        let is_same = |axis: usize| axis == along || input.dims[axis] == first.dims[axis] || is_upper;
        if input.rank() != first.rank() || !(0..first.rank()).all(is_same) {
            return Err(format!(
                "shapes {:?} and {:?} differ in more than axis {along}",
                first.dims, input.dims
            ));
        }
        // Dimensions that are equal at run time may have different upper bounds.
        for (axis, dim) in dims.iter_mut().enumerate().filter(|(axis, _)| *axis != along) {
            *dim = input.dims[axis].max(*dim);
        }
        dims[along] =
            dims[along].checked_add(input.dims[along]).ok_or("a dimension of its output exceeds 64 bits")?;
    }
    // If all axes before the concatenated one are 1, elements follow each other input by input.
    let is_outermost = dims[..along].iter().all(|&dim| dim == 1);
    let parts: Option<Vec<&Elements>> = inputs.iter().map(|input| input.data.as_ref()).collect();
    let data = parts.filter(|_| is_outermost).and_then(|parts| Elements::joined(&parts));
    Ok(vec![Value::with(first.data_type, dims, data)?])
}

/// `Split`: sizes come from an input, an attribute, or the number of outputs.
pub(super) fn split(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let along = axis(call.int("axis", 0), input.rank())?;
    let dim = input.dims[along];
    if call.version >= 13 && call.has(1) && call.input(1)?.data.is_none() {
        return Ok(vec![input.like(input.data_type).at_most_along(1 << along); call.outputs()]);
    }
    // In version 1, sizes could be an attribute or an input.
    let given = match call.ints("split").filter(|_| call.version < 2) {
        None if call.version < 2 => call.optional_numbers(1)?,
        None => call.numbers_since(13, "split", 1)?,
        given => given,
    };
    let parts = match given {
        Some(parts) => sizes(parts)?,
        // The largest size that a part can have.
        None if input.is_upper() && !call.has(1) => vec![dim.div_ceil(call.outputs() as u64); call.outputs()],
        None => equal_parts(call, dim)?,
    };
    if input.is_upper() {
        let part = |part: u64| {
            let mut dims = input.dims.clone();
            dims[along] = part.min(dim);
            Value::new(input.data_type, dims)
        };
        return parts.into_iter().take(call.outputs()).map(part).collect();
    }
    if parts.iter().try_fold(0, |all: u64, &part| all.checked_add(part)) != Some(dim) {
        return Err(format!("its parts {parts:?} do not add up to {dim}"));
    }
    if parts.len() != call.outputs() {
        return Err(format!("it has {} parts and {} outputs", parts.len(), call.outputs()));
    }
    let mut begin = 0;
    let mut outputs = Vec::new();
    for part in parts {
        let mut dims = input.dims.clone();
        dims[along] = part;
        let source = |at: &[u64]| {
            let moved =
                at.iter().enumerate().map(|(axis, &index)| if axis == along { index + begin } else { index });
            flat_index(&input.dims, moved)
        };
        outputs.push(input.rearranged(dims, source)?);
        begin += part;
    }
    Ok(outputs)
}

fn equal_parts(call: &NodeCall, dim: u64) -> Inferred<Vec<u64>> {
    let outputs = call.outputs() as u64;
    let count = match call.attribute("num_outputs").filter(|_| call.version >= 18) {
        Some(attribute) => size(attribute.i)?,
        None if dim.is_multiple_of(outputs) => outputs,
        None => return Err(format!("{dim} cannot be split into {outputs} equal parts")),
    };
    if count != outputs {
        return Err(format!("it has {count} parts and {outputs} outputs"));
    }
    // The last part may be smaller.
    let part = dim.div_ceil(count);
    let rest = part.checked_mul(count - 1).and_then(|others| dim.checked_sub(others));
    let Some(rest) = rest else { return Err(format!("{dim} cannot be split into {count} parts")) };
    Ok([vec![part; call.outputs() - 1], vec![rest]].concat())
}

/// The slice of one axis: the first index, the step, and the number of elements.
#[derive(Clone, Copy)]
struct AxisSlice {
    start: i64,
    step: i64,
    count: u64,
}

/// `Slice`: if bounds are computed at run time, the input is an upper bound.
pub(super) fn slice(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let is_computed = |number| Ok::<_, Reason>(call.has(number) && call.input(number)?.data.is_none());
    if call.version >= 10 && (is_computed(1)? || is_computed(2)? || is_computed(3)? || is_computed(4)?) {
        return Ok(vec![input.like(input.data_type).at_most()]);
    }
    let given = |name, number| call.numbers_since(10, name, number);
    let (Some(starts), Some(ends)) = (given("starts", 1)?, given("ends", 2)?) else {
        return Err("it lacks starts or ends".to_owned());
    };
    let along = match given("axes", 3)? {
        Some(numbers) => axes(numbers, input.rank())?,
        None => (0..starts.len()).collect(),
    };
    let steps = if call.version < 10 { None } else { call.optional_numbers(4)? };
    let steps = steps.map_or_else(|| vec![1; starts.len()], <[i64]>::to_vec);
    if [ends.len(), along.len(), steps.len()].iter().any(|&length| length != starts.len()) {
        return Err(format!(
            "it has {} starts, {} ends, {} axes and {} steps",
            starts.len(),
            ends.len(),
            along.len(),
            steps.len()
        ));
    }
    let mut slices: Vec<AxisSlice> =
        input.dims.iter().map(|&count| AxisSlice { start: 0, step: 1, count }).collect();
    for (number, &axis) in along.iter().enumerate() {
        let dim = input.dim(axis)?;
        let (start, end, step) = (starts[number], ends[number], steps[number]);
        slices[axis] = axis_slice(dim, start, end, step)?;
        // Not monotone: these slices may become larger as the input becomes smaller, so they are bounded
        // by the largest slice of any input up to this length.
        if input.upper() >> axis & 1 == 1 && (step < 0 || (start < 0 && end >= 0)) {
            let longest = if step < 0 { dim } else { dim.min(start.unsigned_abs()).min(end.unsigned_abs()) };
            slices[axis].count = longest.div_ceil(step.unsigned_abs());
        }
    }
    let dims = slices.iter().map(|slice| slice.count).collect();
    let source = |at: &[u64]| {
        let moved = at.iter().zip(&slices).map(|(&along, slice)| {
            u64::try_from(i128::from(slice.start) + i128::from(along) * i128::from(slice.step))
                .unwrap_or(u64::MAX)
        });
        flat_index(&input.dims, moved)
    };
    Ok(vec![input.rearranged(dims, source)?])
}

/// Negative bounds count from the end; bounds outside the axis are clamped.
fn axis_slice(dim: u64, start: i64, end: i64, step: i64) -> Inferred<AxisSlice> {
    let dim = i64::try_from(dim).map_err(|_| "a dimension of its input exceeds 63 bits")?;
    let from_start = |bound: i64| if bound < 0 { bound.saturating_add(dim) } else { bound };
    let (start, end) = match step {
        0 => return Err("its step is 0".to_owned()),
        1.. => (from_start(start).clamp(0, dim), from_start(end).clamp(0, dim)),
        // ONNX Runtime slices to the first element here, the standard from the last one.
        ..0 if end >= i32::MAX.into() => {
            return Err(format!("runtimes differ for a step of {step} with an end of {end}"));
        }
        ..0 => (from_start(start).clamp(0, (dim - 1).max(0)), from_start(end).clamp(-1, dim - 1)),
    };
    let distance = i128::from(end) - i128::from(start);
    let step_wide = i128::from(step);
    let count = if (distance > 0) == (step > 0) && distance != 0 {
        (distance.abs() + step_wide.abs() - 1) / step_wide.abs()
    } else {
        0
    };
    let count = if dim == 0 {
        0
    } else {
        u64::try_from(count).map_err(|_| "the length of its slice exceeds 64 bits")?
    };
    Ok(AxisSlice { start, step, count })
}

pub(super) fn gather(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    let along = axis(call.int("axis", 0), input.rank())?;
    let (before, after) = (&input.dims[..along], &input.dims[along + 1..]);
    let dims = [before, &indices.dims, after].concat();
    let numbers = indices.data.as_ref().and_then(Elements::integers);
    let source = |at: &[u64]| {
        let (front, rest) = at.split_at(along);
        let (index_at, back) = rest.split_at(indices.rank());
        let index =
            numbers?.get(usize::try_from(flat_index(&indices.dims, index_at.iter().copied())?).ok()?)?;
        let dim = i64::try_from(input.dims[along]).ok()?;
        let index = if *index < 0 { index.checked_add(dim)? } else { *index };
        let index = u64::try_from(index).ok().filter(|_| index < dim)?;
        flat_index(&input.dims, front.iter().copied().chain([index]).chain(back.iter().copied()))
    };
    Ok(vec![input.rearranged(dims, source)?])
}

pub(super) fn gather_elements(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    if input.rank() != indices.rank() {
        return Err(format!("shapes {:?} and {:?} have different ranks", input.dims, indices.dims));
    }
    Ok(vec![indices.like(input.data_type)])
}

pub(super) fn gather_nd(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    let batch =
        usize::try_from(call.int("batch_dims", 0)).map_err(|_| "its attribute `batch_dims` is negative")?;
    let Some((&depth, front)) = indices.dims.split_last() else {
        return Err("its indices are a scalar".to_owned());
    };
    let begin = usize::try_from(depth).ok().and_then(|depth| depth.checked_add(batch));
    let rest = begin.and_then(|begin| input.dims.get(begin..));
    let (Some(rest), true) = (rest, batch <= front.len()) else {
        return Err(format!(
            "its indices of shape {:?} do not match its input of shape {:?}",
            indices.dims, input.dims
        ));
    };
    Ok(vec![Value::new(input.data_type, [front, rest].concat())?])
}

pub(super) fn pad(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let rank = input.rank();
    let name = if call.version < 2 { "paddings" } else { "pads" };
    let Some(pads) = call.numbers_since(11, name, 1)? else { return Err("it lacks pads".to_owned()) };
    let along = match if call.version >= 18 { call.optional_numbers(3)? } else { None } {
        Some(numbers) => axes(numbers, rank)?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * along.len() {
        return Err(format!("its pads {pads:?} do not match {} axes", along.len()));
    }
    let mut dims = input.dims.clone();
    for (number, &axis) in along.iter().enumerate() {
        let padded =
            i128::from(dims[axis]) + i128::from(pads[number]) + i128::from(pads[number + along.len()]);
        dims[axis] = u64::try_from(padded)
            .map_err(|_| format!("the padded axis {axis} has the negative size {padded}"))?;
    }
    Ok(vec![Value::new(input.data_type, dims)?])
}

pub(super) fn center_crop_pad(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let target = sizes(call.numbers(1)?)?;
    let along = match call.ints("axes") {
        Some(numbers) => axes(numbers, input.rank())?,
        None => (0..input.rank()).collect(),
    };
    if target.len() != along.len() {
        return Err(format!("its target shape {target:?} does not match {} axes", along.len()));
    }
    let mut dims = input.dims.clone();
    along.iter().zip(target).for_each(|(&axis, dim)| dims[axis] = dim);
    Ok(vec![Value::new(input.data_type, dims)?])
}
