//! Operators that change the shape or the order of elements, or repeat them.

use super::call::NodeCall;
use crate::import::dims::{
    self, axes, axis, broadcast, ensure, permutation, product, size, sizes, squeezed, tiled,
};
use crate::import::onnx::value::{Inferred, Outputs, Value, broadcast_source, flat_index};

/// `Reshape`: a target dimension of 0 copies that of the input, and one of -1 follows from the others.
pub(crate) fn reshape(call: &NodeCall) -> Outputs {
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
    // If a bounded input has dimensions that the target copies, they cancel out of the quotient. So the quotient
    // bounds the inferred dimension, too.
    let fits = match inferred_axis {
        Some(_) => others != 0 && (count.is_multiple_of(others) || input.is_upper()),
        None => count == others || input.is_upper(),
    };
    ensure!(fits, "shape {:?} cannot be reshaped to {target:?}", input.dims);
    if let Some(axis) = inferred_axis {
        dims[axis] = count / others;
    }
    input.reshaped(dims)
}

pub(crate) fn flatten(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let (number, rank) = (call.int("axis", 1), input.rank());
    let at = if usize::try_from(number) == Ok(rank) { rank } else { axis(number, rank)? };
    let (rows, columns) = input.dims.split_at(at);
    input.reshaped(vec![product(rows)?, product(columns)?])
}

pub(crate) fn squeeze(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let removed = match call.numbers_since(13, "axes", 1)? {
        Some(numbers) => axes(numbers, input.rank())?,
        None => (0..input.rank()).filter(|&axis| input.dims[axis] == 1).collect(),
    };
    input.reshaped(squeezed(&input.dims, &removed)?)
}

pub(crate) fn unsqueeze(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let Some(numbers) = call.numbers_since(13, "axes", 1)? else { return Err("it lacks axes".to_owned()) };
    ensure!(numbers.len() <= 64, "it inserts {} axes, more than the limit of 64", numbers.len());
    let rank = input.rank() + numbers.len();
    let new = axes(numbers, rank)?;
    let mut old = input.dims.iter().copied();
    let dims = (0..rank).map(|axis| if new.contains(&axis) { 1 } else { old.next().unwrap_or(1) });
    input.reshaped(dims.collect())
}

/// The order of axes of a `Transpose`.
pub(crate) fn axis_order(call: &NodeCall) -> Inferred<Vec<usize>> {
    let dims = &call.input(0)?.dims;
    match call.ints("perm") {
        // Some exporters write an empty list for a scalar.
        Some(order) if !order.is_empty() => permutation(order, dims),
        _ => Ok((0..dims.len()).rev().collect()),
    }
}

pub(crate) fn transpose(call: &NodeCall) -> Outputs {
    let (input, order) = (call.input(0)?, axis_order(call)?);
    let dims = order.iter().map(|&axis| input.dims[axis]).collect();
    let source = |at: &[u64]| {
        let mut from = vec![0; at.len()];
        order.iter().zip(at).for_each(|(&axis, &along)| from[axis] = along);
        flat_index(&input.dims, from.into_iter())
    };
    input.rearranged_single(dims, source)
}

pub(crate) fn expand(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let dims = broadcast(&[&input.dims, &sizes(call.numbers(1)?)?], false)?;
    input.rearranged_single(dims, |at| broadcast_source(&input.dims, at))
}

pub(crate) fn tile(call: &NodeCall) -> Outputs {
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
    let source =
        |at: &[u64]| flat_index(&input.dims, at.iter().zip(&input.dims).map(|(along, dim)| along % dim));
    input.rearranged_single(tiled(&input.dims, &repeats)?, source)
}

/// Batch, channels, height and width; and the block size.
fn image<'c>(call: &NodeCall<'c, '_>) -> Inferred<(&'c Value, [u64; 4], u64)> {
    let (input, block) = (call.input(0)?, size(call.required_int("blocksize")?)?);
    ensure!(block != 0, "its block size is 0");
    let dims = input.dims.as_slice().try_into();
    let dims = dims.map_err(|_| format!("its input of shape {:?} does not have four axes", input.dims))?;
    Ok((input, dims, block))
}

pub(crate) fn depth_to_space(call: &NodeCall) -> Outputs {
    let (input, [batch, channels, height, width], block) = image(call)?;
    let [channels, height, width] = dims::depth_to_space(channels, [height, width], block)?;
    Value::single(input.data_type, [batch, channels, height, width])
}

pub(crate) fn space_to_depth(call: &NodeCall) -> Outputs {
    let (input, [batch, channels, height, width], block) = image(call)?;
    let [channels, height, width] = dims::space_to_depth(channels, [height, width], block)?;
    Value::single(input.data_type, [batch, channels, height, width])
}
