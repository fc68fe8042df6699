//! Operators that concatenate, split, slice, gather and select.

use super::call::{OperatorCall, axis, product, single, too_large};
use super::{NoShape, OutputShape, RuleResult};
use crate::graph::ElementType;

pub(super) fn concatenation(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 10;
    let mut dims = call.dims(0)?.to_vec();
    let axis = axis(call.number(OPTIONS, 0, 0), dims.len())?;
    for position in 1..call.inputs.len() {
        let other = call.dims(position)?;
        let upper = call.is_upper(position) || call.is_upper(0);
        if other.len() != dims.len() {
            return Err(NoShape::Invalid(format!("{dims:?} and {other:?} have different ranks")));
        }
        for (index, dim) in dims.iter_mut().enumerate() {
            if index == axis {
                *dim = dim.checked_add(other[index]).ok_or_else(too_large)?;
            } else if *dim != other[index] && !upper {
                return Err(NoShape::Invalid(format!(
                    "its inputs have sizes {} and {} on axis {index}",
                    dim, other[index]
                )));
            } else {
                *dim = (*dim).max(other[index]);
            }
        }
    }
    single(dims)
}

pub(super) fn pack(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 59;
    let mut dims = call.dims(0)?.to_vec();
    for position in 1..call.inputs.len() {
        let other = call.dims(position)?;
        if other != dims {
            return Err(NoShape::Invalid(format!(
                "its inputs have different shapes: {dims:?} and {other:?}"
            )));
        }
    }
    let axis = axis(call.number(OPTIONS, 1, 0), dims.len() + 1)?;
    dims.insert(axis, call.inputs.len() as u64);
    single(dims)
}

pub(super) fn unpack(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 64;
    let mut dims = call.dims(0)?.to_vec();
    let axis = axis(call.number(OPTIONS, 1, 0), dims.len())?;
    let count = dims.remove(axis);
    if count != call.output_count as u64 {
        return Err(NoShape::Invalid(format!(
            "an axis of size {count} cannot be unpacked into {} outputs",
            call.output_count
        )));
    }
    Ok(vec![OutputShape { dims, upper: false }; call.output_count])
}

pub(super) fn split(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(1)?.to_vec();
    let axis = call.axis_at(0, dims.len())?;
    let count = call.output_count as u64;
    if count == 0 || (dims[axis] % count != 0 && !call.is_upper(1)) {
        return Err(NoShape::Invalid(format!(
            "an axis of size {} cannot be split into {count} equal outputs",
            dims[axis]
        )));
    }
    dims[axis] = dims[axis].div_ceil(count);
    Ok(vec![OutputShape { dims, upper: false }; call.output_count])
}

/// `SPLIT_V`: sizes are an input; a size of -1 follows from the others.
pub(super) fn split_v(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let axis = call.axis_at(2, dims.len())?;
    let sizes = match call.integers(1) {
        // No part is larger than the whole axis.
        Err(NoShape::DataDependent(_)) => {
            return Ok(vec![OutputShape { dims: dims.to_vec(), upper: true }; call.output_count]);
        }
        sizes => sizes?,
    };
    let given = sizes.iter().filter_map(|&size| u64::try_from(size).ok());
    let sum = given.fold(0u64, u64::saturating_add);
    let wrong = || NoShape::Invalid(format!("an axis of size {} cannot be split into {sizes:?}", dims[axis]));
    let is_right = match sizes.iter().filter(|&&size| size < 0).count() {
        0 => sum == dims[axis],
        1 => sizes.contains(&-1) && sum <= dims[axis],
        _ => false,
    };
    if sizes.len() != call.output_count || !(is_right || call.is_upper(0)) {
        return Err(wrong());
    }
    let piece = |&size: &i64| {
        let mut dims = dims.to_vec();
        dims[axis] = u64::try_from(size).unwrap_or(dims[axis].saturating_sub(sum));
        OutputShape { dims, upper: false }
    };
    Ok(sizes.iter().map(piece).collect())
}

/// SLICE: starts and sizes are inputs; a size of -1 extends to the end.
pub(super) fn slice(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let (begins, sizes) = match (call.integers(1), call.integers(2)) {
        (Ok(begins), Ok(sizes)) => (begins, sizes),
        // With known sizes, the output has exactly these, or the run fails.
        (Err(NoShape::DataDependent(_)), Ok(sizes)) if sizes.iter().all(|&size| size >= 0) => {
            (vec![0; dims.len()], sizes)
        }
        (Err(NoShape::DataDependent(_)), _) | (_, Err(NoShape::DataDependent(_))) => {
            return at_most(dims.to_vec());
        }
        (Err(reason), _) | (_, Err(reason)) => return Err(reason),
    };
    if begins.len() != dims.len() || sizes.len() != dims.len() {
        return Err(NoShape::Invalid(format!("shape {dims:?} has no slice at {begins:?} of size {sizes:?}")));
    }
    let axes = dims.iter().zip(begins.iter().zip(&sizes)).map(|(&dim, (&begin, &size))| {
        let rest = u64::try_from(begin).ok().and_then(|begin| dim.checked_sub(begin));
        match (rest, u64::try_from(size)) {
            (Some(rest), Err(_)) if size == -1 => Some(rest),
            (Some(rest), Ok(size)) if size <= rest => Some(size),
            (_, Ok(size)) if call.is_upper(0) => Some(size.min(dim)),
            _ => None,
        }
    });
    let wrong = || NoShape::Invalid(format!("shape {dims:?} has no slice at {begins:?} of size {sizes:?}"));
    single(axes.collect::<Option<_>>().ok_or_else(wrong)?)
}

/// A single output whose size depends on data, with this upper bound.
#[allow(clippy::unnecessary_wraps)] // the return type of rules
pub(super) fn at_most(dims: Vec<u64>) -> RuleResult {
    Ok(vec![OutputShape { dims, upper: true }])
}

pub(super) fn gather(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 23;
    let (dims, indices) = (call.dims(0)?, call.dims(1)?);
    let at = axis(call.number(OPTIONS, 0, 0), dims.len())?;
    let batch = call.number(OPTIONS, 1, 0);
    let batch = if batch == 0 { 0 } else { axis(batch, indices.len() + 1)? };
    if batch > at || dims[..batch] != indices[..batch] {
        return Err(NoShape::Invalid(format!(
            "indices of shape {indices:?} do not match {dims:?} on axis {at} with {batch} batch axes"
        )));
    }
    single([&dims[..at], &indices[batch..], &dims[at + 1..]].concat())
}

pub(super) fn gather_nd(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, indices) = (call.dims(0)?, call.dims(1)?);
    let wrong = || NoShape::Invalid(format!("indices of shape {indices:?} do not match {dims:?}"));
    let (&depth, rows) = indices.split_last().ok_or_else(wrong)?;
    let rest = usize::try_from(depth).ok().and_then(|depth| dims.get(depth..)).ok_or_else(wrong)?;
    single([rows, rest].concat())
}

/// `EMBEDDING_LOOKUP`: selects rows of the second input.
pub(super) fn embedding_lookup(call: &OperatorCall<'_>) -> RuleResult {
    let (rows, table) = (call.dims(0)?, call.dims(1)?);
    let (_, row) = table.split_first().ok_or(NoShape::NoRule)?;
    single([rows, row].concat())
}

pub(super) fn one_hot(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 61;
    let (mut dims, depth) = (call.dims(0)?.to_vec(), call.integer(1)?);
    let axis = match call.number(OPTIONS, 0, 0) {
        -1 => dims.len(),
        number => axis(number, dims.len() + 1)?,
    };
    dims.insert(axis, u64::try_from(depth).map_err(|_| NoShape::Invalid(format!("its depth is {depth}")))?);
    single(dims)
}

pub(super) fn top_k(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    let wrong = |text: String| NoShape::Invalid(text);
    let last = dims.last_mut().ok_or_else(|| wrong("its input is a scalar".to_owned()))?;
    let upper = match call.integer(1) {
        Err(NoShape::DataDependent(_)) => true,
        count => {
            let count = count?;
            let count = u64::try_from(count).map_err(|_| wrong(format!("its k of {count} is negative")))?;
            if count > *last && !call.is_upper(0) {
                return Err(wrong(format!("its k of {count} exceeds the axis of size {last}")));
            }
            *last = count;
            false
        }
    };
    Ok(vec![OutputShape { dims, upper }; call.output_count])
}

/// WHERE: a row for each element that is true, at most one for each element.
pub(super) fn indices_where(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    at_most(vec![product(dims)?, dims.len() as u64])
}

/// UNIQUE: distinct elements, at most all of them, and an index for each element.
pub(super) fn unique(call: &OperatorCall<'_>) -> RuleResult {
    let [count] = call.ranked(0)?;
    let distinct = OutputShape { dims: vec![count], upper: true };
    Ok(vec![distinct, OutputShape { dims: vec![count], upper: false }])
}

/// `NON_MAX_SUPPRESSION`: lists whose length is an input, and the number of valid entries.
pub(super) fn non_max_suppression(call: &OperatorCall<'_>) -> RuleResult {
    let max_boxes = call.integer(2)?;
    let max_boxes = u64::try_from(max_boxes)
        .map_err(|_| NoShape::Invalid(format!("its limit of {max_boxes} boxes is negative")))?;
    let list = || OutputShape { dims: vec![max_boxes], upper: false };
    let count = OutputShape { dims: Vec::new(), upper: false };
    match call.output_count {
        2 => Ok(vec![list(), count]),
        3 => Ok(vec![list(), list(), count]),
        _ => Err(NoShape::NoRule),
    }
}

/// RANGE: numbers from a start to before an end by a step.
pub(super) fn range(call: &OperatorCall<'_>) -> RuleResult {
    let [start, end, step] = [call.values(0)?, call.values(1)?, call.values(2)?];
    let (&[start], &[end], &[step]) = (&*start, &*end, &*step) else { return Err(NoShape::NoRule) };
    let is_float = call.input(0).and_then(|fact| fact.element_type) == Some(ElementType::Float32);
    // In the precision of the kernel, as rounding affects the count.
    let count =
        if is_float { f64::from((end as f32 - start as f32) / step as f32) } else { (end - start) / step };
    if step == 0.0 || !count.is_finite() || (end - start) * step < 0.0 {
        return Err(NoShape::Invalid(format!("the range from {start} to {end} by {step} is not finite")));
    }
    #[allow(clippy::cast_sign_loss)] // checked above
    single(vec![count.ceil() as u64])
}

/// MULTINOMIAL: a number of samples for each row.
pub(super) fn multinomial(call: &OperatorCall<'_>) -> RuleResult {
    let ([rows, _], draws) = (call.ranked(0)?, call.integer(1)?);
    single(vec![
        rows,
        u64::try_from(draws)
            .map_err(|_| NoShape::Invalid(format!("its number of draws {draws} is negative")))?,
    ])
}

/// `UNSORTED_SEGMENT_*`: the third input is the number of segments.
pub(super) fn unsorted_segments(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, ids, count) = (call.dims(0)?, call.dims(1)?, call.integer(2)?);
    let count = u64::try_from(count)
        .map_err(|_| NoShape::Invalid(format!("its number of segments {count} is negative")))?;
    let rest = dims
        .strip_prefix(ids)
        .ok_or_else(|| NoShape::Invalid(format!("its segment ids of shape {ids:?} do not match {dims:?}")))?;
    single([&[count], rest].concat())
}

/// `SEGMENT_SUM`: the last segment id determines the number of segments.
pub(super) fn segment_sum(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, ids) = (call.dims(0)?, call.integers(1)?);
    let (_, rest) = dims.split_first().ok_or(NoShape::NoRule)?;
    let count = ids.last().map_or(Some(0), |&last| u64::try_from(last).ok()?.checked_add(1));
    let count = count.ok_or_else(|| NoShape::Invalid(format!("its segment ids {ids:?} are invalid")))?;
    single([&[count], rest].concat())
}
