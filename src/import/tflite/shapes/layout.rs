//! Operators that give elements another shape.

use super::call::{Call, axis, one, product, too_large};
use super::{Outcome, Shape, Why};

/// The shape is an input or an option; -1 takes what is left.
pub(super) fn reshape(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 17;
    let target = match call.input(1) {
        Some(_) => match call.integers(1) {
            // Whatever the shape is, the number of elements stays.
            Err(Why::Data(name)) => return same_count(call).ok_or(Why::Data(name)),
            target => target?,
        },
        None => call.numbers(OPTIONS, 0).ok_or(Why::NoRule)?,
    };
    // Old files write scalars so.
    let target = if target == [0] && product(call.dims(0)?)? == 1 { Vec::new() } else { target };
    reshaped(call.dims(0)?, &target, call.is_upper(0)).map(|shape| vec![shape])
}

/// The shape in the file if it has as many elements as the input.
fn same_count(call: &Call<'_>) -> Option<Vec<Shape>> {
    let count = product(call.dims(0).ok()?).ok()?;
    let declared = call.declared.filter(|dims| product(dims).ok() == Some(count))?;
    Some(vec![Shape { dims: declared.to_vec(), upper: false }])
}

fn reshaped(dims: &[u64], target: &[i64], upper: bool) -> Result<Shape, Why> {
    let count = product(dims)?;
    let known: Vec<u64> = target.iter().filter_map(|&dim| u64::try_from(dim).ok()).collect();
    let rest = product(&known)?;
    let wrong = || Why::Wrong(format!("{count} elements ({dims:?}) do not go into shape {target:?}"));
    let left = match target.len() - known.len() {
        0 if count == rest || upper => 0,
        1 if target.contains(&-1) && rest > 0 && (count % rest == 0 || upper) => count.div_ceil(rest),
        1 if target.contains(&-1) && rest == 0 && count == 0 => 0,
        _ => return Err(wrong()),
    };
    let dims = target.iter().map(|&dim| u64::try_from(dim).unwrap_or(left)).collect();
    // Without -1 the run has just this shape, or fails.
    Ok(Shape { dims, upper: upper && target.contains(&-1) })
}

pub(super) fn squeeze(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 30;
    let dims = call.dims(0)?;
    let axes = call.numbers(OPTIONS, 0).unwrap_or_default();
    let axes: Vec<usize> = axes.into_iter().map(|own| axis(own, dims.len())).collect::<Result<_, _>>()?;
    if let Some(&long) = axes.iter().find(|&&axis| dims[axis] != 1) {
        return Err(Why::Wrong(format!("axis {long} of {dims:?} is not 1")));
    }
    let goes = |place: usize| if axes.is_empty() { dims[place] == 1 } else { axes.contains(&place) };
    one((0..dims.len()).filter(|&place| !goes(place)).map(|place| dims[place]).collect())
}

pub(super) fn expand_dims(call: &Call<'_>) -> Outcome {
    let mut dims = call.dims(0)?.to_vec();
    let place = call.axis_at(1, dims.len() + 1)?;
    dims.insert(place, 1);
    one(dims)
}

pub(super) fn transpose(call: &Call<'_>) -> Outcome {
    let (dims, order) = (call.dims(0)?, call.integers(1)?);
    let order: Vec<usize> = order.into_iter().map(|own| axis(own, dims.len())).collect::<Result<_, _>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..dims.len()) {
        return Err(Why::Wrong(format!("{order:?} is no order of {} axes", dims.len())));
    }
    one(order.into_iter().map(|axis| dims[axis]).collect())
}

/// SHAPE: a number for each axis.
pub(super) fn shape(call: &Call<'_>) -> Outcome {
    one(vec![call.dims(0)?.len() as u64])
}

pub(super) fn scalar(_: &Call<'_>) -> Outcome {
    one(Vec::new())
}

/// The first input states the shape: FILL and random numbers.
pub(super) fn stated_first(call: &Call<'_>) -> Outcome {
    one(call.stated(0)?)
}

/// The second input states the shape: `SPARSE_TO_DENSE`.
pub(super) fn stated_second(call: &Call<'_>) -> Outcome {
    one(call.stated(1)?)
}

/// The third input states the shape: `SCATTER_ND`.
pub(super) fn stated_third(call: &Call<'_>) -> Outcome {
    one(call.stated(2)?)
}

pub(super) fn broadcast_to(call: &Call<'_>) -> Outcome {
    let stated = call.stated(1)?;
    let found = super::elementwise::together(call.dims(0)?, &stated, call.is_upper(0))?;
    if found.len() == stated.len() && (found == stated || call.is_upper(0)) {
        return one(stated);
    }
    Err(Why::Wrong(format!("{:?} does not broadcast to {stated:?}", call.dims(0)?)))
}

/// PAD, PADV2, `MIRROR_PAD`.
pub(super) fn pad(call: &Call<'_>) -> Outcome {
    let (dims, pads) = (call.dims(0)?, call.stated(1)?);
    if pads.len() != 2 * dims.len() {
        return Err(Why::Wrong(format!("{} paddings for {} axes", pads.len(), dims.len())));
    }
    let padded =
        dims.iter().zip(pads.chunks(2)).map(|(dim, pads)| dim.checked_add(pads[0])?.checked_add(pads[1]));
    one(padded.collect::<Option<_>>().ok_or_else(too_large)?)
}

pub(super) fn tile(call: &Call<'_>) -> Outcome {
    let (dims, times) = (call.dims(0)?, call.stated(1)?);
    if times.len() != dims.len() {
        return Err(Why::Wrong(format!("{} repetitions for {} axes", times.len(), dims.len())));
    }
    let tiled = dims.iter().zip(times).map(|(dim, times)| dim.checked_mul(times));
    one(tiled.collect::<Option<_>>().ok_or_else(too_large)?)
}

/// `MATRIX_DIAG`: the last axis twice.
pub(super) fn matrix_diag(call: &Call<'_>) -> Outcome {
    let mut dims = call.dims(0)?.to_vec();
    dims.extend(dims.last().copied());
    one(dims)
}
