//! Operators that change the shape of a tensor, pad or repeat it.

use super::call::{OperatorCall, axis, product, single, too_large};
use super::{NoShape, OutputShape, RuleResult};

/// RESHAPE: the target shape is an input or an option; a dimension of -1 follows from the others.
pub(super) fn reshape(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 17;
    let target = match call.input(1) {
        Some(_) => match call.integers(1) {
            // The number of elements does not change, so a declared shape with this number has the right size.
            Err(NoShape::DataDependent(name)) => {
                return same_count(call).ok_or(NoShape::DataDependent(name));
            }
            target => target?,
        },
        None => call.numbers(OPTIONS, 0).ok_or(NoShape::NoRule)?,
    };
    // Old files write the shape of a scalar as [0].
    let target = if target == [0] && product(call.dims(0)?)? == 1 { Vec::new() } else { target };
    reshaped(call.dims(0)?, &target, call.is_upper(0)).map(|shape| vec![shape])
}

/// The declared shape, if it has as many elements as the input.
fn same_count(call: &OperatorCall<'_>) -> Option<Vec<OutputShape>> {
    let count = product(call.dims(0).ok()?).ok()?;
    let declared = call.declared.filter(|dims| product(dims).ok() == Some(count))?;
    Some(vec![OutputShape { dims: declared.to_vec(), upper: false }])
}

fn reshaped(dims: &[u64], target: &[i64], upper: bool) -> Result<OutputShape, NoShape> {
    let count = product(dims)?;
    let fixed: Vec<u64> = target.iter().filter_map(|&dim| u64::try_from(dim).ok()).collect();
    let rest = product(&fixed)?;
    let wrong = || NoShape::Invalid(format!("{count} elements ({dims:?}) cannot be reshaped to {target:?}"));
    let left = match target.len() - fixed.len() {
        0 if count == rest || upper => 0,
        1 if target.contains(&-1) && rest > 0 && (count % rest == 0 || upper) => count.div_ceil(rest),
        1 if target.contains(&-1) && rest == 0 && count == 0 => 0,
        _ => return Err(wrong()),
    };
    let dims = target.iter().map(|&dim| u64::try_from(dim).unwrap_or(left)).collect();
    // Without -1, the output has exactly the target shape, or the run fails.
    Ok(OutputShape { dims, upper: upper && target.contains(&-1) })
}

pub(super) fn squeeze(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 30;
    let dims = call.dims(0)?;
    let axes = call.numbers(OPTIONS, 0).unwrap_or_default();
    let axes: Vec<usize> =
        axes.into_iter().map(|number| axis(number, dims.len())).collect::<Result<_, _>>()?;
    if let Some(&long) = axes.iter().find(|&&axis| dims[axis] != 1) {
        return Err(NoShape::Invalid(format!("axis {long} of {dims:?} is not 1")));
    }
    let is_removed = |axis: usize| if axes.is_empty() { dims[axis] == 1 } else { axes.contains(&axis) };
    single((0..dims.len()).filter(|&axis| !is_removed(axis)).map(|axis| dims[axis]).collect())
}

pub(super) fn expand_dims(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    let axis = call.axis_at(1, dims.len() + 1)?;
    dims.insert(axis, 1);
    single(dims)
}

pub(super) fn transpose(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, order) = (call.dims(0)?, call.integers(1)?);
    let order: Vec<usize> =
        order.into_iter().map(|number| axis(number, dims.len())).collect::<Result<_, _>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..dims.len()) {
        return Err(NoShape::Invalid(format!("{order:?} is not a permutation of {} axes", dims.len())));
    }
    single(order.into_iter().map(|axis| dims[axis]).collect())
}

/// SHAPE: an element for each axis.
pub(super) fn shape(call: &OperatorCall<'_>) -> RuleResult {
    single(vec![call.dims(0)?.len() as u64])
}

pub(super) fn scalar(_: &OperatorCall<'_>) -> RuleResult {
    single(Vec::new())
}

/// FILL and random numbers: the first input contains the shape.
pub(super) fn shape_from_first(call: &OperatorCall<'_>) -> RuleResult {
    single(call.target_shape(0)?)
}

/// `SPARSE_TO_DENSE`: the second input contains the shape.
pub(super) fn shape_from_second(call: &OperatorCall<'_>) -> RuleResult {
    single(call.target_shape(1)?)
}

/// `SCATTER_ND`: the third input contains the shape.
pub(super) fn shape_from_third(call: &OperatorCall<'_>) -> RuleResult {
    single(call.target_shape(2)?)
}

pub(super) fn broadcast_to(call: &OperatorCall<'_>) -> RuleResult {
    let target = call.target_shape(1)?;
    let together = super::elementwise::together(call.dims(0)?, &target, call.is_upper(0))?;
    if together.len() == target.len() && (together == target || call.is_upper(0)) {
        return single(target);
    }
    Err(NoShape::Invalid(format!("{:?} does not broadcast to {target:?}", call.dims(0)?)))
}

/// PAD, PADV2, `MIRROR_PAD`.
pub(super) fn pad(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, pads) = (call.dims(0)?, call.target_shape(1)?);
    if pads.len() != 2 * dims.len() {
        return Err(NoShape::Invalid(format!(
            "its {} paddings do not match {} axes",
            pads.len(),
            dims.len()
        )));
    }
    let padded =
        dims.iter().zip(pads.chunks(2)).map(|(dim, pads)| dim.checked_add(pads[0])?.checked_add(pads[1]));
    single(padded.collect::<Option<_>>().ok_or_else(too_large)?)
}

pub(super) fn tile(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, times) = (call.dims(0)?, call.target_shape(1)?);
    if times.len() != dims.len() {
        return Err(NoShape::Invalid(format!(
            "its {} repetitions do not match {} axes",
            times.len(),
            dims.len()
        )));
    }
    let tiled = dims.iter().zip(times).map(|(dim, times)| dim.checked_mul(times));
    single(tiled.collect::<Option<_>>().ok_or_else(too_large)?)
}

/// `MATRIX_DIAG`: repeats the last axis.
pub(super) fn matrix_diag(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    dims.extend(dims.last().copied());
    single(dims)
}
