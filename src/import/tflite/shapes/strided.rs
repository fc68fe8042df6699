//! `STRIDED_SLICE`. Its masks have a bit for each position of the specification.

use super::call::{MAX_AXES, OperatorCall, single};
use super::pieces::at_most;
use super::{NoShape, RuleResult};

const OPTIONS: u8 = 32;

/// Effect of one position of the specification.
enum SliceDimension {
    /// Slices an axis by the bounds at this position.
    Axis(usize),
    /// Keeps this number of axes whole (the ellipsis).
    Whole(usize),
    /// Inserts an axis of size 1.
    New,
}

pub(super) fn strided_slice(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let strides = call.integers(3)?;
    let parts = parts(call, strides.len(), dims.len())?;
    let shrinks = |position: usize| call.number(OPTIONS, 4, 0) >> position & 1 == 1;
    let bounds = match (call.integers(1), call.integers(2)) {
        (Ok(begins), Ok(ends)) => Some((begins, ends)),
        (Err(NoShape::DataDependent(_)), _) | (_, Err(NoShape::DataDependent(_))) => None,
        (Err(reason), _) | (_, Err(reason)) => return Err(reason),
    };
    // If the input is an upper bound, bounds that count from its end are unknown, too.
    let upper = bounds.is_none() || call.is_upper(0);
    let mut output = Vec::new();
    let mut axes = dims.iter().copied();
    for part in parts {
        match part {
            SliceDimension::New => output.push(1),
            SliceDimension::Whole(count) => output.extend(axes.by_ref().take(count)),
            SliceDimension::Axis(position) => {
                let dim = axes.next().ok_or_else(|| {
                    NoShape::Invalid("its specification has more axes than its input".to_owned())
                })?;
                let stride = strides[position];
                if stride == 0 {
                    return Err(NoShape::Invalid("its stride is 0".to_owned()));
                }
                if shrinks(position) {
                    continue;
                }
                output.push(match &bounds {
                    Some((begins, ends)) if !upper => {
                        let range = begins.get(position).copied().zip(ends.get(position).copied());
                        let range = range.ok_or_else(|| {
                            NoShape::Invalid("its specification has too few bounds".to_owned())
                        })?;
                        axis_slice(call, dim, range, stride, position).1
                    }
                    _ => dim.div_ceil(stride.unsigned_abs()),
                });
            }
        }
    }
    output.extend(axes);
    if upper { at_most(output) } else { single(output) }
}

/// The effect of each position of the specification.
fn parts(call: &OperatorCall<'_>, count: usize, rank: usize) -> Result<Vec<SliceDimension>, NoShape> {
    if count > MAX_AXES {
        return Err(NoShape::NoRule);
    }
    let has = |slot: u16, position: usize| call.number(OPTIONS, slot, 0) >> position & 1 == 1;
    let is_ellipsis = |&position: &usize| has(2, position);
    let ellipsis = (0..count).find(is_ellipsis);
    let is_new = |&position: &usize| has(3, position) && ellipsis != Some(position);
    let used = (0..count).filter(|position| !is_new(position) && ellipsis != Some(*position)).count();
    let whole = rank.checked_sub(used);
    let whole = whole.ok_or_else(|| {
        NoShape::Invalid(format!("its specification has {used} axes, but its input only {rank}"))
    })?;
    let part = |position: usize| {
        if ellipsis == Some(position) {
            SliceDimension::Whole(whole)
        } else if is_new(&position) {
            SliceDimension::New
        } else {
            SliceDimension::Axis(position)
        }
    };
    Ok((0..count).map(part).collect())
}

/// Start and number of elements of the slice of one axis, by the rules of Python.
fn axis_slice(
    call: &OperatorCall<'_>,
    dim: u64,
    (begin, end): (i64, i64),
    stride: i64,
    position: usize,
) -> (i64, u64) {
    let masked = |slot: u16| call.number(OPTIONS, slot, 0) >> position & 1 == 1;
    let dim = i64::try_from(dim).unwrap_or(i64::MAX);
    let (low, high) = if stride > 0 { (0, dim) } else { (-1, dim - 1) };
    let (first, last) = if stride > 0 { (low, high) } else { (high, low) };
    let from_start = |bound: i64| if bound < 0 { bound.saturating_add(dim) } else { bound };
    let end_counts_from_begin = call.flag(OPTIONS, 5);
    let end = if end_counts_from_begin { from_start(begin).saturating_add(end) } else { from_start(end) };
    let begin = if masked(0) { first } else { from_start(begin).clamp(low, high) };
    let end = if masked(1) { last } else { end.clamp(low, high) };
    let span = if stride > 0 { end.saturating_sub(begin) } else { begin.saturating_sub(end) };
    (begin, u64::try_from(span).unwrap_or(0).div_ceil(stride.unsigned_abs()))
}

/// By output axis: the axis of the input, the first row and the step; none for new axes, unknown bounds and negative
/// steps.
pub(super) fn ranges(call: &OperatorCall<'_>) -> Option<Vec<Option<(usize, u64, u64)>>> {
    let (dims, strides) = (call.dims(0).ok()?, call.integers(3).ok()?);
    let bounds = call.integers(1).ok().zip(call.integers(2).ok());
    let (mut ranges, mut axis) = (Vec::new(), 0);
    for part in parts(call, strides.len(), dims.len()).ok()? {
        match part {
            SliceDimension::New => ranges.push(None),
            SliceDimension::Whole(count) => {
                ranges.extend((axis..axis + count).map(|axis| Some((axis, 0, 1))));
                axis += count;
            }
            SliceDimension::Axis(position) => {
                let (&dim, stride) = (dims.get(axis)?, *strides.get(position)?);
                if call.number(OPTIONS, 4, 0) >> position & 1 == 0 {
                    let range = || {
                        let (begins, ends) = bounds.as_ref()?;
                        let range = (*begins.get(position)?, *ends.get(position)?);
                        let (begin, _) = axis_slice(call, dim, range, stride, position);
                        Some((axis, u64::try_from(begin).ok()?, u64::try_from(stride).ok()?))
                    };
                    ranges.push(range());
                }
                axis += 1;
            }
        }
    }
    ranges.extend((axis..dims.len()).map(|axis| Some((axis, 0, 1))));
    Some(ranges)
}

/// The elements of a slice of a vector, if bounds and elements are known.
pub(super) fn elements(call: &OperatorCall<'_>) -> Option<Vec<f64>> {
    let (values, [dim]) = (call.values(0).ok()?, call.ranked(0).ok()?);
    let (&[begin], &[end], &[stride]) =
        (&call.integers(1).ok()?[..], &call.integers(2).ok()?[..], &call.integers(3).ok()?[..])
    else {
        return None;
    };
    if stride == 0 || call.number(OPTIONS, 2, 0) & 1 == 1 || call.number(OPTIONS, 3, 0) & 1 == 1 {
        return None;
    }
    let (first, count) = if call.number(OPTIONS, 4, 0) & 1 == 1 {
        (if begin < 0 { begin.saturating_add_unsigned(dim) } else { begin }, 1)
    } else {
        axis_slice(call, dim, (begin, end), stride, 0)
    };
    let index = |step: u64| usize::try_from(first.checked_add(stride.checked_mul(step.cast_signed())?)?).ok();
    (0..count.min(dim)).map(|step| values.get(index(step)?).copied()).collect()
}
