//! `STRIDED_SLICE`. Its masks have a bit for each position of the specification.

use super::call::{MAX_AXES, NoShape, OperatorCall, RuleResult, at_most, single};
use crate::import::dims::ensure;

/// Slots of the masks. The bounds of a masked begin or end are those of the axis.
const BEGIN: u16 = 0;
const END: u16 = 1;
const ELLIPSIS: u16 = 2;
const NEW_AXIS: u16 = 3;
const SHRINK: u16 = 4;

/// Returns whether a mask has the bit of a position.
fn has(call: &OperatorCall<'_>, mask: u16, position: usize) -> bool {
    call.options.number(mask, 0) >> position & 1 == 1
}

/// Effect of one position of the specification.
enum SliceDimension {
    /// Slices an axis by the bounds at this position.
    Axis(usize),
    /// Keeps all other axes whole (the ellipsis).
    Whole,
    /// Inserts an axis of size 1.
    New,
}

pub(crate) fn strided_slice(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let strides = call.integers(3)?;
    let parts = parts(call, strides.len())?;
    let used = parts.iter().filter(|part| matches!(part, SliceDimension::Axis(_))).count();
    let (rank, whole) = (dims.len(), dims.len().saturating_sub(used));
    ensure!(used <= rank, "its specification has {used} axes, but its input only {rank}");
    let bounds = call.known_integers(1)?.zip(call.known_integers(2)?);
    // If the input is an upper bound, bounds that count from its end are unknown, too.
    let upper = bounds.is_none() || call.is_upper(0);
    let mut output = Vec::new();
    let mut axes = dims.iter().copied();
    for part in parts {
        match part {
            SliceDimension::New => output.push(1),
            SliceDimension::Whole => output.extend(axes.by_ref().take(whole)),
            SliceDimension::Axis(position) => {
                // The parts of the specification have as many axes as the input.
                let dim = axes.next().ok_or(NoShape::NoRule)?;
                let stride = strides[position];
                ensure!(stride != 0, "its stride is 0");
                if has(call, SHRINK, position) {
                    continue;
                }
                output.push(match &bounds {
                    Some((begins, ends)) if !upper => {
                        let range = begins.get(position).copied().zip(ends.get(position).copied());
                        ensure!(range.is_some(), "its specification has too few bounds");
                        axis_slice(call, dim, range.unwrap_or_default(), stride, position).1
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
fn parts(call: &OperatorCall<'_>, count: usize) -> Result<Vec<SliceDimension>, NoShape> {
    if count > MAX_AXES {
        return Err(NoShape::NoRule);
    }
    let ellipsis = (0..count).find(|&position| has(call, ELLIPSIS, position));
    let part = |position: usize| match position {
        _ if ellipsis == Some(position) => SliceDimension::Whole,
        _ if has(call, NEW_AXIS, position) => SliceDimension::New,
        _ => SliceDimension::Axis(position),
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
    let dim = i64::try_from(dim).unwrap_or(i64::MAX);
    let (low, high) = if stride > 0 { (0, dim) } else { (-1, dim - 1) };
    let (first, last) = if stride > 0 { (low, high) } else { (high, low) };
    let from_start = |bound: i64| if bound < 0 { bound.saturating_add(dim) } else { bound };
    let end_counts_from_begin = call.options.flag(5);
    let end = if end_counts_from_begin { from_start(begin).saturating_add(end) } else { from_start(end) };
    let begin = if has(call, BEGIN, position) { first } else { from_start(begin).clamp(low, high) };
    let end = if has(call, END, position) { last } else { end.clamp(low, high) };
    let span = if stride > 0 { end.saturating_sub(begin) } else { begin.saturating_sub(end) };
    (begin, u64::try_from(span).unwrap_or(0).div_ceil(stride.unsigned_abs()))
}

/// By output axis: the axis of the input, the first row and the step; none for new axes, unknown bounds and negative
/// steps.
pub(crate) fn ranges(call: &OperatorCall<'_>) -> Option<Vec<Option<(usize, u64, u64)>>> {
    let (dims, strides) = (call.dims(0).ok()?, call.integers(3).ok()?);
    let bounds = call.integers(1).ok().zip(call.integers(2).ok());
    let parts = parts(call, strides.len()).ok()?;
    let used = parts.iter().filter(|part| matches!(part, SliceDimension::Axis(_))).count();
    let whole = dims.len().checked_sub(used)?;
    let mut ranges = Vec::new();
    let mut remaining = dims.iter().copied().enumerate();
    for part in parts {
        match part {
            SliceDimension::New => ranges.push(None),
            SliceDimension::Whole => {
                ranges.extend(remaining.by_ref().take(whole).map(|(axis, _)| Some((axis, 0, 1))));
            }
            SliceDimension::Axis(position) => {
                let ((axis, dim), stride) = (remaining.next()?, *strides.get(position)?);
                if has(call, SHRINK, position) {
                    continue;
                }
                let range = || {
                    let (begins, ends) = bounds.as_ref()?;
                    let range = (*begins.get(position)?, *ends.get(position)?);
                    let step = u64::try_from(stride).ok().filter(|&step| step > 0)?;
                    let (begin, _) = axis_slice(call, dim, range, stride, position);
                    Some((axis, u64::try_from(begin).ok()?, step))
                };
                ranges.push(range());
            }
        }
    }
    ranges.extend(remaining.map(|(axis, _)| Some((axis, 0, 1))));
    Some(ranges)
}

/// The elements of a slice of a vector, if bounds and elements are known.
pub(crate) fn elements(call: &OperatorCall<'_>) -> Option<Vec<f64>> {
    let (values, [dim]) = (call.values(0).ok()?, call.ranked(0).ok()?);
    let (&[begin], &[end], &[stride]) =
        (&call.integers(1).ok()?[..], &call.integers(2).ok()?[..], &call.integers(3).ok()?[..])
    else {
        return None;
    };
    if stride == 0 || has(call, ELLIPSIS, 0) || has(call, NEW_AXIS, 0) {
        return None;
    }
    let (first, count) = if has(call, SHRINK, 0) {
        (if begin < 0 { begin.saturating_add_unsigned(dim) } else { begin }, 1)
    } else {
        axis_slice(call, dim, (begin, end), stride, 0)
    };
    let index = |step: u64| usize::try_from(first.checked_add(stride.checked_mul(step.cast_signed())?)?).ok();
    (0..count.min(dim)).map(|step| values.get(index(step)?).copied()).collect()
}
