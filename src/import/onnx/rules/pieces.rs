//! Operators that split, slice, gather, concatenate and pad tensors.

use super::call::NodeCall;
use crate::import::dims::{axes, axis, concatenated, ensure, narrowed, size, sizes, times};
use crate::import::onnx::value::{Elements, Inferred, Outputs, Value, check_types, flat_index, types};

pub(crate) fn concat(call: &NodeCall) -> Outputs {
    joined(call, &call.all()?)
}

/// `QLinearConcat`: its inputs are scale and zero point of the output, then each tensor with its own.
pub(crate) fn qlinear_concat(call: &NodeCall) -> Outputs {
    let inputs = (2..call.inputs.len()).step_by(3).map(|number| call.input(number));
    joined(call, &inputs.collect::<Inferred<Vec<_>>>()?)
}

fn joined(call: &NodeCall, inputs: &[&Value]) -> Outputs {
    let Some(first) = inputs.first() else { return Err("it has no inputs".to_owned()) };
    // Before version 4, the axis had a default.
    let along = if call.version < 4 { call.int("axis", 1) } else { call.required_int("axis")? };
    let along = axis(along, first.rank())?;
    check_types(inputs)?;
    let shapes: Vec<&[u64]> = inputs.iter().map(|input| input.dims.as_slice()).collect();
    let dims = concatenated(&shapes, along, inputs.iter().any(|input| input.is_upper()))?;
    // If all axes before the concatenated one are 1, elements follow each other input by input.
    let is_outermost = dims[..along].iter().all(|&dim| dim == 1);
    let parts: Option<Vec<&Elements>> = inputs.iter().map(|input| input.data.as_ref()).collect();
    let data = parts.filter(|_| is_outermost).and_then(|parts| Elements::joined(&parts));
    Ok(vec![Value::with(first.data_type, dims, data)?])
}

/// `Split`: sizes come from an input, an attribute, or the number of outputs.
pub(crate) fn split(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let along = axis(call.int("axis", 0), input.rank())?;
    let dim = input.dims[along];
    if call.version >= 13 && call.is_computed(1)? {
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
    let sum = parts.iter().try_fold(0, |all: u64, &part| all.checked_add(part));
    ensure!(sum == Some(dim), "its parts {parts:?} do not add up to {dim}");
    ensure!(parts.len() == call.outputs(), "it has {} parts and {} outputs", parts.len(), call.outputs());
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
    if let Some(count) = call.attribute("num_outputs").filter(|_| call.version >= 18) {
        ensure!(size(count.i)? == outputs, "it has {} parts and {outputs} outputs", count.i);
    } else {
        ensure!(dim.is_multiple_of(outputs), "{dim} cannot be split into {outputs} equal parts");
    }
    // The last part may be smaller.
    let part = dim.div_ceil(outputs);
    let rest = part.checked_mul(outputs - 1).and_then(|others| dim.checked_sub(others));
    let rest = rest.ok_or_else(|| format!("{dim} cannot be split into {outputs} parts"))?;
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
pub(crate) fn slice(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    for number in 1..=4 {
        if call.version >= 10 && call.is_computed(number)? {
            return Ok(vec![input.like(input.data_type).at_most()]);
        }
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
    let lengths = [starts.len(), ends.len(), along.len(), steps.len()];
    let [starts_length, ends_length, axes_length, steps_length] = lengths;
    ensure!(
        lengths.iter().all(|&length| length == starts.len()),
        "it has {starts_length} starts, {ends_length} ends, {axes_length} axes and {steps_length} steps"
    );
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
    let index = |(&along, slice): (&u64, &AxisSlice)| {
        let index = i128::from(slice.start) + i128::from(along) * i128::from(slice.step);
        u64::try_from(index).unwrap_or(u64::MAX)
    };
    let source = |at: &[u64]| flat_index(&input.dims, at.iter().zip(&slices).map(index));
    input.rearranged_single(dims, source)
}

/// Negative bounds count from the end; bounds outside the axis are clamped.
fn axis_slice(dim: u64, start: i64, end: i64, step: i64) -> Inferred<AxisSlice> {
    let dim = i64::try_from(dim).map_err(|_| "a dimension of its input exceeds 63 bits")?;
    let from_start = |bound: i64| if bound < 0 { bound.saturating_add(dim) } else { bound };
    ensure!(step != 0, "its step is 0");
    // ONNX Runtime slices to the first element here, the standard from the last one.
    ensure!(step > 0 || end < i32::MAX.into(), "runtimes differ for a step of {step} with an end of {end}");
    let (start, end) = if step > 0 {
        (from_start(start).clamp(0, dim), from_start(end).clamp(0, dim))
    } else {
        (from_start(start).clamp(0, (dim - 1).max(0)), from_start(end).clamp(-1, dim - 1))
    };
    // Both are between -1 and the length of the axis.
    let distance = if step > 0 { end - start } else { start - end };
    let count = if dim == 0 { 0 } else { distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs()) };
    Ok(AxisSlice { start, step, count })
}

pub(crate) fn gather(call: &NodeCall) -> Outputs {
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
    input.rearranged_single(dims, source)
}

/// `TorchEmbedding`: a row of the first input for each index of the second.
pub(crate) fn embedding(call: &NodeCall) -> Outputs {
    let (table, indices) = (call.input(0)?, call.input(1)?);
    Value::single(table.data_type, [indices.dims.as_slice(), &[table.dim(1)?]].concat())
}

/// `GatherBlockQuantized`: dequantized slices of a tensor whose elements may be packed in bytes along the last axis.
pub(crate) fn gather_blocks(call: &NodeCall) -> Outputs {
    let (input, indices, scales) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let along = axis(call.int("gather_axis", 0), input.rank())?;
    let mut dims = input.dims.clone();
    let bits = size(call.int("bits", 4))?;
    if let (types::UINT8, Some(last)) = (input.data_type, dims.last_mut()) {
        ensure!(matches!(bits, 2 | 4 | 8), "its attribute `bits` has the unsupported value {bits}");
        *last = times(*last, 8 / bits)?;
    }
    Value::single(scales.data_type, [&dims[..along], &indices.dims, &dims[along + 1..]].concat())
}

/// `CropAndResize`: boxes of an image, each resized to the size that an input gives.
pub(crate) fn crop_and_resize(call: &NodeCall) -> Outputs {
    let (input, boxes) = (call.input(0)?, call.input(1)?);
    let target = sizes(call.numbers(3)?)?;
    ensure!(target.len() == 2, "its size {target:?} does not have two axes");
    Value::single(input.data_type, [&[boxes.dim(0)?, input.dim(1)?], target.as_slice()].concat())
}

pub(crate) fn gather_elements(call: &NodeCall) -> Outputs {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    ensure!(
        input.rank() == indices.rank(),
        "shapes {:?} and {:?} have different ranks",
        input.dims,
        indices.dims
    );
    Ok(vec![indices.like(input.data_type)])
}

pub(crate) fn gather_nd(call: &NodeCall) -> Outputs {
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
    Value::single(input.data_type, [front, rest].concat())
}

pub(crate) fn pad(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let name = if call.version < 2 { "paddings" } else { "pads" };
    let Some(pads) = call.numbers_since(11, name, 1)? else { return Err("it lacks pads".to_owned()) };
    let along = if call.version >= 18 { call.optional_numbers(3)? } else { None };
    let along = NodeCall::axes_or_all(along, input.rank())?;
    ensure!(pads.len() == 2 * along.len(), "its pads {pads:?} do not match {} axes", along.len());
    let mut dims = input.dims.clone();
    for (number, &axis) in along.iter().enumerate() {
        let padded =
            i128::from(dims[axis]) + i128::from(pads[number]) + i128::from(pads[number + along.len()]);
        ensure!(padded >= 0, "the padded axis {axis} has the negative size {padded}");
        dims[axis] = narrowed(padded)?;
    }
    Value::single(input.data_type, dims)
}

pub(crate) fn center_crop_pad(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let target = sizes(call.numbers(1)?)?;
    let along = NodeCall::axes_or_all(call.ints("axes"), input.rank())?;
    ensure!(target.len() == along.len(), "its target shape {target:?} does not match {} axes", along.len());
    let mut dims = input.dims.clone();
    along.iter().zip(target).for_each(|(&axis, dim)| dims[axis] = dim);
    Value::single(input.data_type, dims)
}
