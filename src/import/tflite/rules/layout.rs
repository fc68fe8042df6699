//! Operators that change the shape of a tensor, pad or repeat it.

use super::call::{MAX_AXES, NoShape, OperatorCall, OutputShape, RuleResult, single};
use crate::import::dims::{axis, broadcast, ensure, permutation, plus, product, squeezed, tiled};

/// RESHAPE: the target shape is an input or an option; a dimension of -1 follows from the others.
pub(crate) fn reshape(call: &OperatorCall<'_>) -> RuleResult {
    let target = match call.input(1) {
        Some(_) => match call.integers(1) {
            // The number of elements does not change, so a declared shape with this number has the right size.
            Err(NoShape::DataDependent(name)) => {
                let count = call.dims(0).ok().and_then(|dims| product(dims).ok());
                let declared = call.declared.filter(|dims| count.is_some() && count == product(dims).ok());
                return single(declared.ok_or(NoShape::DataDependent(name))?.to_vec());
            }
            target => target?,
        },
        None => call.options.numbers(0, MAX_AXES).ok_or(NoShape::NoRule)?,
    };
    // Old files write the shape of a scalar as [0].
    let target = if target == [0] && product(call.dims(0)?)? == 1 { Vec::new() } else { target };
    Ok(vec![reshaped(call.dims(0)?, &target, call.is_upper(0))?])
}

fn reshaped(dims: &[u64], target: &[i64], upper: bool) -> Result<OutputShape, NoShape> {
    let count = product(dims)?;
    let fixed: Vec<u64> = target.iter().filter_map(|&dim| u64::try_from(dim).ok()).collect();
    let rest = product(&fixed)?;
    let left = match target.len() - fixed.len() {
        0 if count == rest || upper => Some(0),
        1 if target.contains(&-1) && rest > 0 && (count % rest == 0 || upper) => Some(count.div_ceil(rest)),
        1 if target.contains(&-1) && rest == 0 && count == 0 => Some(0),
        _ => None,
    };
    let left = left.ok_or_else(|| format!("{count} elements ({dims:?}) cannot be reshaped to {target:?}"))?;
    let dims = target.iter().map(|&dim| u64::try_from(dim).unwrap_or(left)).collect();
    // Without -1, the output has exactly the target shape, or the run fails.
    Ok(OutputShape { dims, upper: upper && target.contains(&-1) })
}

pub(crate) fn squeeze(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let numbers = call.options.numbers(0, MAX_AXES).unwrap_or_default();
    let axes: Result<Vec<usize>, String> = if numbers.is_empty() {
        Ok((0..dims.len()).filter(|&axis| dims[axis] == 1).collect())
    } else {
        numbers.into_iter().map(|number| axis(number, dims.len())).collect()
    };
    single(squeezed(dims, &axes?)?)
}

pub(crate) fn expand_dims(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    let axis = call.axis_at(1, dims.len() + 1)?;
    dims.insert(axis, 1);
    single(dims)
}

pub(crate) fn transpose(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    single(permutation(&call.integers(1)?, dims)?.into_iter().map(|axis| dims[axis]).collect())
}

/// SHAPE: an element for each axis.
pub(crate) fn shape(call: &OperatorCall<'_>) -> RuleResult {
    single(vec![call.dims(0)?.len() as u64])
}

pub(crate) fn broadcast_to(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, target) = (call.dims(0)?, call.target_shape(1)?);
    let together = broadcast(&[dims, &target], call.is_upper(0))?;
    ensure!(
        together.len() == target.len() && (together == target || call.is_upper(0)),
        "{dims:?} does not broadcast to {target:?}"
    );
    single(target)
}

/// PAD, PADV2, `MIRROR_PAD`.
pub(crate) fn pad(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, pads) = (call.dims(0)?, call.target_shape(1)?);
    ensure!(pads.len() == 2 * dims.len(), "its {} paddings do not match {} axes", pads.len(), dims.len());
    let padded = dims.iter().zip(pads.chunks(2)).map(|(&dim, pads)| plus(plus(dim, pads[0])?, pads[1]));
    single(padded.collect::<Result<_, String>>()?)
}

pub(crate) fn tile(call: &OperatorCall<'_>) -> RuleResult {
    single(tiled(call.dims(0)?, &call.target_shape(1)?)?)
}

/// `MATRIX_DIAG`: repeats the last axis.
pub(crate) fn matrix_diag(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    dims.extend(dims.last().copied());
    single(dims)
}
