//! Operators that change the shape or the order of elements, or repeat them.

use super::call::NodeCall;
use super::value::{
    Inferred, Value, axes, axis, broadcast, broadcast_source, count, flat_index, product, size, sizes,
};

/// `Reshape`: a target dimension of 0 copies that of the input, and one of -1 follows from the others.
pub(super) fn reshape(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let Some(target) = call.numbers_since(5, "shape", 1)? else { return Err("it lacks a shape".to_owned()) };
    let mut dims = Vec::new();
    let mut inferred_axis = None;
    for (axis, &wanted) in target.iter().enumerate() {
        dims.push(match wanted {
            0 if !call.flag("allowzero", false) => input.dim(axis)?,
            -1 if inferred_axis.is_none() => {
                inferred_axis = Some(axis);
                1
            }
            _ => size(wanted)?,
        });
    }
    let (count, others) = (product(&input.dims)?, product(&dims)?);
    if let Some(axis) = inferred_axis {
        // If a bounded input has dimensions that the target copies, they cancel out of the quotient. So
        // the quotient bounds the inferred dimension, too.
        if others == 0 || !(count.is_multiple_of(others) || input.is_upper()) {
            return Err(format!("shape {:?} cannot be reshaped to {target:?}", input.dims));
        }
        dims[axis] = count / others;
    } else if count != others && !input.is_upper() {
        return Err(format!("shape {:?} cannot be reshaped to {target:?}", input.dims));
    }
    Ok(vec![input.reshaped(dims)?])
}

pub(super) fn flatten(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let number = call.int("axis", 1);
    let rank = input.rank();
    let at = if number == count(rank) { rank } else { axis(number, rank)? };
    let (rows, columns) = input.dims.split_at(at);
    Ok(vec![input.reshaped(vec![product(rows)?, product(columns)?])?])
}

pub(super) fn squeeze(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let removed = match call.numbers_since(13, "axes", 1)? {
        Some(numbers) => axes(numbers, input.rank())?,
        None => (0..input.rank()).filter(|&axis| input.dims[axis] == 1).collect(),
    };
    if let Some(&wrong) = removed.iter().find(|&&axis| input.dims[axis] != 1) {
        return Err(format!("axis {wrong} of shape {:?} is not 1", input.dims));
    }
    let kept = input.dims.iter().enumerate().filter(|(axis, _)| !removed.contains(axis));
    Ok(vec![input.reshaped(kept.map(|(_, &dim)| dim).collect())?])
}

pub(super) fn unsqueeze(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let Some(numbers) = call.numbers_since(13, "axes", 1)? else { return Err("it lacks axes".to_owned()) };
    let rank = input.rank() + numbers.len();
    if numbers.len() > 64 {
        return Err(format!("it inserts {} axes, more than the limit of 64", numbers.len()));
    }
    let new = axes(numbers, rank)?;
    let mut old = input.dims.iter().copied();
    let dims = (0..rank).map(|axis| if new.contains(&axis) { 1 } else { old.next().unwrap_or(1) });
    Ok(vec![input.reshaped(dims.collect())?])
}

pub(super) fn transpose(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let order = match call.ints("perm") {
        // Some exporters write an empty list for a scalar.
        Some(order) if !(order.is_empty() && input.rank() > 0) => axes(order, input.rank())?,
        _ => (0..input.rank()).rev().collect(),
    };
    if order.len() != input.rank() {
        return Err(format!("its attribute `perm` is {order:?} for shape {:?}", input.dims));
    }
    let dims = order.iter().map(|&axis| input.dims[axis]).collect();
    let source = |at: &[u64]| {
        let mut from = vec![0; at.len()];
        order.iter().zip(at).for_each(|(&axis, &along)| from[axis] = along);
        flat_index(&input.dims, from.into_iter())
    };
    Ok(vec![input.rearranged(dims, source)?])
}

pub(super) fn expand(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let dims = broadcast(&[&input.dims, &sizes(call.numbers(1)?)?])?;
    Ok(vec![input.rearranged(dims, |at| broadcast_source(&input.dims, at))?])
}

pub(super) fn tile(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let repeats = if call.version >= 6 {
        sizes(call.numbers(1)?)?
    } else {
        // Before version 6, inputs gave a number of repeats and one axis.
        let along = axis(call.number(2)?, input.rank())?;
        let mut repeats = vec![1; input.rank()];
        repeats[along] = size(call.number(1)?)?;
        repeats
    };
    if repeats.len() != input.rank() {
        return Err(format!("its repeats {repeats:?} do not match the axes of shape {:?}", input.dims));
    }
    let all = input.dims.iter().zip(repeats).map(|(&dim, times)| dim.checked_mul(times));
    let dims = all.collect::<Option<Vec<_>>>().ok_or("a dimension of its output exceeds 64 bits")?;
    let source =
        |at: &[u64]| flat_index(&input.dims, at.iter().zip(&input.dims).map(|(along, dim)| along % dim));
    Ok(vec![input.rearranged(dims, source)?])
}

/// Batch, channels, height and width.
fn image(input: &Value) -> Inferred<[u64; 4]> {
    let dims = input.dims.as_slice().try_into();
    dims.map_err(|_| format!("its input of shape {:?} does not have four axes", input.dims))
}

fn block(call: &NodeCall) -> Inferred<u64> {
    let block = size(call.required_int("blocksize")?)?;
    if block == 0 { Err("its block size is 0".to_owned()) } else { Ok(block) }
}

pub(super) fn depth_to_space(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, block) = (call.input(0)?, block(call)?);
    let [batch, channels, height, width] = image(input)?;
    let in_block = block.checked_mul(block).ok_or("its blocks exceed 64 bits")?;
    let grown = height.checked_mul(block).zip(width.checked_mul(block));
    let (height, width) = grown.ok_or("a dimension of its output exceeds 64 bits")?;
    if channels % in_block != 0 {
        return Err(format!("{channels} channels are not a multiple of the block size {in_block}"));
    }
    Ok(vec![Value::new(input.data_type, [batch, channels / in_block, height, width])?])
}

pub(super) fn space_to_depth(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (input, block) = (call.input(0)?, block(call)?);
    let [batch, channels, height, width] = image(input)?;
    if height % block != 0 || width % block != 0 {
        return Err(format!("shape {:?} is not a multiple of the block size {block}", input.dims));
    }
    let grown = block.checked_mul(block).and_then(|in_block| channels.checked_mul(in_block));
    let channels = grown.ok_or("a dimension of its output exceeds 64 bits")?;
    Ok(vec![Value::new(input.data_type, [batch, channels, height / block, width / block])?])
}
