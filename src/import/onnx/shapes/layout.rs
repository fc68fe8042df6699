//! The same elements in another shape or order, or several times.

use super::call::Call;
use super::value::{
    Told, Value, axes, axis, broadcast, broadcast_source, count, place, product, size, sizes,
};

pub(super) fn reshape(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let Some(target) = call.numbers_since(5, "shape", 1)? else { return Err("it lacks a shape".to_owned()) };
    let mut dims = Vec::new();
    let mut open = None;
    for (axis, &wanted) in target.iter().enumerate() {
        dims.push(match wanted {
            0 if !call.flag("allowzero", false) => input.dim(axis)?,
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            _ => size(wanted)?,
        });
    }
    let (count, others) = (product(&input.dims)?, product(&dims)?);
    if let Some(open) = open {
        // Dimensions that are handed on bound what is left for the open one: their quotient is exact.
        if others == 0 || !(count.is_multiple_of(others) || input.is_upper()) {
            return Err(format!("{:?} cannot be brought to shape {target:?}", input.dims));
        }
        dims[open] = count / others;
    } else if count != others && !input.is_upper() {
        return Err(format!("{:?} cannot be brought to shape {target:?}", input.dims));
    }
    Ok(vec![input.reshaped(dims)?])
}

pub(super) fn flatten(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let number = call.int("axis", 1);
    let rank = input.rank();
    let at = if number == count(rank) { rank } else { axis(number, rank)? };
    let (rows, columns) = input.dims.split_at(at);
    Ok(vec![input.reshaped(vec![product(rows)?, product(columns)?])?])
}

pub(super) fn squeeze(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let gone = match call.numbers_since(13, "axes", 1)? {
        Some(numbers) => axes(numbers, input.rank())?,
        None => (0..input.rank()).filter(|&axis| input.dims[axis] == 1).collect(),
    };
    if let Some(&wrong) = gone.iter().find(|&&axis| input.dims[axis] != 1) {
        return Err(format!("axis {wrong} of {:?} is not 1", input.dims));
    }
    let kept = input.dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
    Ok(vec![input.reshaped(kept.map(|(_, &dim)| dim).collect())?])
}

pub(super) fn unsqueeze(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let Some(numbers) = call.numbers_since(13, "axes", 1)? else { return Err("it lacks axes".to_owned()) };
    let rank = input.rank() + numbers.len();
    if numbers.len() > 64 {
        return Err(format!("{} new axes are too many", numbers.len()));
    }
    let new = axes(numbers, rank)?;
    let mut old = input.dims.iter().copied();
    let dims = (0..rank).map(|axis| if new.contains(&axis) { 1 } else { old.next().unwrap_or(1) });
    Ok(vec![input.reshaped(dims.collect())?])
}

pub(super) fn transpose(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let order = match call.ints("perm") {
        // Some exporters write an empty list for a scalar.
        Some(order) if !(order.is_empty() && input.rank() > 0) => axes(order, input.rank())?,
        _ => (0..input.rank()).rev().collect(),
    };
    if order.len() != input.rank() {
        return Err(format!("its attribute `perm` is {order:?} for {:?}", input.dims));
    }
    let dims = order.iter().map(|&axis| input.dims[axis]).collect();
    let source = |at: &[u64]| {
        let mut from = vec![0; at.len()];
        order.iter().zip(at).for_each(|(&axis, &along)| from[axis] = along);
        place(&input.dims, from.into_iter())
    };
    Ok(vec![input.rearranged(dims, source)?])
}

pub(super) fn expand(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let dims = broadcast(&[&input.dims, &sizes(call.numbers(1)?)?])?;
    Ok(vec![input.rearranged(dims, |at| broadcast_source(&input.dims, at))?])
}

pub(super) fn tile(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let repeats = if call.version >= 6 {
        sizes(call.numbers(1)?)?
    } else {
        // How often, along one axis.
        let along = axis(call.number(2)?, input.rank())?;
        let mut repeats = vec![1; input.rank()];
        repeats[along] = size(call.number(1)?)?;
        repeats
    };
    if repeats.len() != input.rank() {
        return Err(format!("{repeats:?} are not as many repeats as {:?} has axes", input.dims));
    }
    let all = input.dims.iter().zip(repeats).map(|(&dim, times)| dim.checked_mul(times));
    let dims = all.collect::<Option<Vec<_>>>().ok_or("a dimension of its output exceeds 64 bits")?;
    let source = |at: &[u64]| place(&input.dims, at.iter().zip(&input.dims).map(|(along, dim)| along % dim));
    Ok(vec![input.rearranged(dims, source)?])
}

fn image(input: &Value) -> Told<[u64; 4]> {
    let dims = input.dims.as_slice().try_into();
    dims.map_err(|_| format!("its input of shape {:?} is no batch of images", input.dims))
}

fn block(call: &Call) -> Told<u64> {
    let block = size(call.required_int("blocksize")?)?;
    if block == 0 { Err("it has blocks of no size".to_owned()) } else { Ok(block) }
}

pub(super) fn depth_to_space(call: &Call) -> Told<Vec<Value>> {
    let (input, block) = (call.input(0)?, block(call)?);
    let [batch, channels, height, width] = image(input)?;
    let in_block = block.checked_mul(block).ok_or("its blocks exceed 64 bits")?;
    let grown = height.checked_mul(block).zip(width.checked_mul(block));
    let (height, width) = grown.ok_or("a dimension of its output exceeds 64 bits")?;
    if channels % in_block != 0 {
        return Err(format!("{channels} channels are not made of blocks of {in_block}"));
    }
    Ok(vec![Value::new(input.data_type, [batch, channels / in_block, height, width])?])
}

pub(super) fn space_to_depth(call: &Call) -> Told<Vec<Value>> {
    let (input, block) = (call.input(0)?, block(call)?);
    let [batch, channels, height, width] = image(input)?;
    if height % block != 0 || width % block != 0 {
        return Err(format!("{:?} is not made of blocks of {block} by {block}", input.dims));
    }
    let grown = block.checked_mul(block).and_then(|in_block| channels.checked_mul(in_block));
    let channels = grown.ok_or("a dimension of its output exceeds 64 bits")?;
    Ok(vec![Value::new(input.data_type, [batch, channels, height / block, width / block])?])
}
