//! Operators that concatenate, split, slice, gather and select.

use super::call::{NoShape, OperatorCall, OutputShape, RuleResult, all, at_most, single};
use crate::graph::ElementType;
use crate::import::dims::{axis, concatenated, ensure, product};

pub(crate) fn concatenation(call: &OperatorCall<'_>) -> RuleResult {
    let shapes = call.all_dims()?;
    let axis = call.axis_option(0, shapes[0].len())?;
    single(concatenated(&shapes, axis, call.is_any_upper())?)
}

pub(crate) fn pack(call: &OperatorCall<'_>) -> RuleResult {
    let shapes = call.all_dims()?;
    let mut dims = shapes[0].to_vec();
    let other = shapes.iter().find(|&&other| other != dims);
    ensure!(
        other.is_none(),
        "its inputs have different shapes: {dims:?} and {:?}",
        other.unwrap_or(&shapes[0])
    );
    let axis = call.axis_option(1, dims.len() + 1)?;
    dims.insert(axis, shapes.len() as u64);
    single(dims)
}

pub(crate) fn unpack(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    let axis = call.axis_option(1, dims.len())?;
    let (size, count) = (dims.remove(axis), call.output_count);
    ensure!(size == count as u64, "an axis of size {size} cannot be unpacked into {count} outputs");
    call.each(dims)
}

pub(crate) fn split(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(1)?.to_vec();
    let axis = call.axis_at(0, dims.len())?;
    let (size, count) = (dims[axis], call.output_count as u64);
    ensure!(
        count != 0 && (size % count == 0 || call.is_upper(1)),
        "an axis of size {size} cannot be split into {count} equal outputs"
    );
    dims[axis] = size.div_ceil(count);
    call.each(dims)
}

/// `SPLIT_V`: sizes are an input; a size of -1 follows from the others.
pub(crate) fn split_v(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let axis = call.axis_at(2, dims.len())?;
    let Some(sizes) = call.known_integers(1)? else {
        // No part is larger than the whole axis.
        return Ok(vec![OutputShape { dims: dims.to_vec(), upper: true }; call.output_count]);
    };
    let given = sizes.iter().filter_map(|&size| u64::try_from(size).ok());
    let sum = given.fold(0u64, u64::saturating_add);
    let is_right = match sizes.iter().filter(|&&size| size < 0).count() {
        0 => sum == dims[axis],
        1 => sizes.contains(&-1) && sum <= dims[axis],
        _ => false,
    };
    ensure!(
        sizes.len() == call.output_count && (is_right || call.is_upper(0)),
        "an axis of size {} cannot be split into {sizes:?}",
        dims[axis]
    );
    all(sizes.iter().map(|&size| {
        let mut dims = dims.to_vec();
        dims[axis] = u64::try_from(size).unwrap_or(dims[axis].saturating_sub(sum));
        dims
    }))
}

/// SLICE: starts and sizes are inputs; a size of -1 extends to the end.
pub(crate) fn slice(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let (begins, sizes) = match (call.known_integers(1)?, call.known_integers(2)?) {
        (Some(begins), Some(sizes)) => (begins, sizes),
        // With known sizes, the output has exactly these, or the run fails.
        (None, Some(sizes)) if sizes.iter().all(|&size| size >= 0) => (vec![0; dims.len()], sizes),
        _ => return at_most(dims.to_vec()),
    };
    let axes = dims.iter().zip(begins.iter().zip(&sizes)).map(|(&dim, (&begin, &size))| {
        let rest = u64::try_from(begin).ok().and_then(|begin| dim.checked_sub(begin));
        match (rest, u64::try_from(size)) {
            (Some(rest), Err(_)) if size == -1 => Some(rest),
            (Some(rest), Ok(size)) if size <= rest => Some(size),
            (_, Ok(size)) if call.is_upper(0) => Some(size.min(dim)),
            _ => None,
        }
    });
    let fits = begins.len() == dims.len() && sizes.len() == dims.len();
    let sliced = axes.collect::<Option<_>>().filter(|_| fits);
    single(sliced.ok_or_else(|| format!("shape {dims:?} has no slice at {begins:?} of size {sizes:?}"))?)
}

pub(crate) fn gather(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, indices) = (call.dims(0)?, call.dims(1)?);
    let at = call.axis_option(0, dims.len())?;
    let batch = call.options.number(1, 0);
    let batch = if batch == 0 { 0 } else { axis(batch.into(), indices.len() + 1)? };
    ensure!(
        batch <= at && dims[..batch] == indices[..batch],
        "indices of shape {indices:?} do not match {dims:?} on axis {at} with {batch} batch axes"
    );
    single([&dims[..at], &indices[batch..], &dims[at + 1..]].concat())
}

pub(crate) fn gather_nd(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, indices) = (call.dims(0)?, call.dims(1)?);
    let split = indices.split_last();
    let rest = split.and_then(|(&depth, _)| dims.get(usize::try_from(depth).ok()?..));
    let parts = split.map(|(_, rows)| rows).zip(rest);
    let (rows, rest) = parts.ok_or_else(|| format!("indices of shape {indices:?} do not match {dims:?}"))?;
    single([rows, rest].concat())
}

/// `EMBEDDING_LOOKUP`: selects rows of the second input.
pub(crate) fn embedding_lookup(call: &OperatorCall<'_>) -> RuleResult {
    let (rows, table) = (call.dims(0)?, call.dims(1)?);
    let (_, row) = table.split_first().ok_or(NoShape::NoRule)?;
    single([rows, row].concat())
}

pub(crate) fn one_hot(call: &OperatorCall<'_>) -> RuleResult {
    let (mut dims, depth) = (call.dims(0)?.to_vec(), call.size(1, "depth")?);
    // -1 stands for a new last axis.
    let axis = call.axis_option(0, dims.len() + 1)?;
    dims.insert(axis, depth);
    single(dims)
}

pub(crate) fn top_k(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    let last = dims.last_mut().ok_or_else(|| "its input is a scalar".to_owned())?;
    let is_computed = call.known_integers(1)?.is_none();
    if !is_computed {
        let count = call.size(1, "k of")?;
        ensure!(count <= *last || call.is_upper(0), "its k of {count} exceeds the axis of size {last}");
        *last = count;
    }
    Ok(vec![OutputShape { dims, upper: is_computed }; call.output_count])
}

/// WHERE: a row for each element that is true, at most one for each element.
pub(crate) fn indices_where(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    at_most(vec![product(dims)?, dims.len() as u64])
}

/// UNIQUE: distinct elements, at most all of them, and an index for each element.
pub(crate) fn unique(call: &OperatorCall<'_>) -> RuleResult {
    let [count] = call.ranked(0)?;
    Ok([true, false].map(|upper| OutputShape { dims: vec![count], upper }).into())
}

/// `NON_MAX_SUPPRESSION`: lists whose length is an input, and the number of valid entries.
pub(crate) fn non_max_suppression(call: &OperatorCall<'_>) -> RuleResult {
    let list = vec![call.size(2, "limit of boxes")?];
    match call.output_count {
        2 => all([list, Vec::new()]),
        3 => all([list.clone(), list, Vec::new()]),
        _ => Err(NoShape::NoRule),
    }
}

/// RANGE: numbers from a start to before an end by a step.
pub(crate) fn range(call: &OperatorCall<'_>) -> RuleResult {
    let [start, end, step] = [call.values(0)?, call.values(1)?, call.values(2)?];
    let (&[start], &[end], &[step]) = (&*start, &*end, &*step) else { return Err(NoShape::NoRule) };
    let is_float = call.input(0).and_then(|fact| fact.element_type) == Some(ElementType::Float32);
    // In the precision of the kernel, as rounding affects the count.
    let count =
        if is_float { f64::from((end as f32 - start as f32) / step as f32) } else { (end - start) / step };
    ensure!(
        step != 0.0 && count.is_finite() && (end - start) * step >= 0.0,
        "the range from {start} to {end} by {step} is not finite"
    );
    #[allow(clippy::cast_sign_loss)] // checked above
    single(vec![count.ceil() as u64])
}

/// MULTINOMIAL: a number of samples for each row.
pub(crate) fn multinomial(call: &OperatorCall<'_>) -> RuleResult {
    let [rows, _] = call.ranked(0)?;
    single(vec![rows, call.size(1, "number of draws")?])
}

/// `UNSORTED_SEGMENT_*`: the third input is the number of segments.
pub(crate) fn unsorted_segments(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, ids, count) = (call.dims(0)?, call.dims(1)?, call.size(2, "number of segments")?);
    let rest = dims.strip_prefix(ids);
    let rest = rest.ok_or_else(|| format!("its segment ids of shape {ids:?} do not match {dims:?}"))?;
    single([&[count], rest].concat())
}

/// `SEGMENT_SUM`: the last segment id determines the number of segments.
pub(crate) fn segment_sum(call: &OperatorCall<'_>) -> RuleResult {
    let (dims, ids) = (call.dims(0)?, call.integers(1)?);
    let (_, rest) = dims.split_first().ok_or(NoShape::NoRule)?;
    let count = ids.last().map_or(Some(0), |&last| u64::try_from(last).ok()?.checked_add(1));
    let count = count.ok_or_else(|| format!("its segment ids {ids:?} are invalid"))?;
    single([&[count], rest].concat())
}
