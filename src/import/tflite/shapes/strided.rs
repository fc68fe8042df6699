//! `STRIDED_SLICE`, with masks as bits by position.

use super::call::{Call, MOST_AXES, one};
use super::pieces::at_most;
use super::{Outcome, Why};

const OPTIONS: u8 = 32;

/// What one position of the specification does.
enum Part {
    /// An axis, by its position in the specification.
    Axis(usize),
    /// Axes that are taken whole.
    Whole(usize),
    /// A new axis of 1.
    New,
}

pub(super) fn strided_slice(call: &Call<'_>) -> Outcome {
    let dims = call.dims(0)?;
    let strides = call.integers(3)?;
    let parts = parts(call, strides.len(), dims.len())?;
    let shrinks = |position: usize| call.number(OPTIONS, 4, 0) >> position & 1 == 1;
    let bounds = match (call.integers(1), call.integers(2)) {
        (Ok(begins), Ok(ends)) => Some((begins, ends)),
        (Err(Why::Data(_)), _) | (_, Err(Why::Data(_))) => None,
        (Err(why), _) | (_, Err(why)) => return Err(why),
    };
    // Where the input's length is open, so are begins and ends that count from its end.
    let upper = bounds.is_none() || call.is_upper(0);
    let mut taken = Vec::new();
    let mut axes = dims.iter().copied();
    for part in parts {
        match part {
            Part::New => taken.push(1),
            Part::Whole(count) => taken.extend(axes.by_ref().take(count)),
            Part::Axis(position) => {
                let dim =
                    axes.next().ok_or_else(|| Why::Wrong("it has more axes than its input".to_owned()))?;
                let stride = strides[position];
                if stride == 0 {
                    return Err(Why::Wrong("its stride is 0".to_owned()));
                }
                if shrinks(position) {
                    continue;
                }
                taken.push(match &bounds {
                    Some((begins, ends)) if !upper => {
                        let range = begins.get(position).copied().zip(ends.get(position).copied());
                        let range = range.ok_or_else(|| Why::Wrong("it has too few bounds".to_owned()))?;
                        self::taken(call, dim, range, stride, position).1
                    }
                    _ => dim.div_ceil(stride.unsigned_abs()),
                });
            }
        }
    }
    taken.extend(axes);
    if upper { at_most(taken) } else { one(taken) }
}

/// The specification's positions in the order of the output's axes.
fn parts(call: &Call<'_>, count: usize, rank: usize) -> Result<Vec<Part>, Why> {
    if count > MOST_AXES {
        return Err(Why::NoRule);
    }
    let has = |slot: u16, position: usize| call.number(OPTIONS, slot, 0) >> position & 1 == 1;
    let is_ellipsis = |&position: &usize| has(2, position);
    let ellipsis = (0..count).find(is_ellipsis);
    let is_new = |&position: &usize| has(3, position) && ellipsis != Some(position);
    let used = (0..count).filter(|position| !is_new(position) && ellipsis != Some(*position)).count();
    let whole = rank.checked_sub(used);
    let whole = whole.ok_or_else(|| Why::Wrong(format!("it slices {used} axes of {rank}")))?;
    let part = |position: usize| {
        if ellipsis == Some(position) {
            Part::Whole(whole)
        } else if is_new(&position) {
            Part::New
        } else {
            Part::Axis(position)
        }
    };
    Ok((0..count).map(part).collect())
}

/// Where the slice of one axis begins and how many elements it takes, by Python's rules.
pub(super) fn taken(
    call: &Call<'_>,
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

/// The elements that a slice of a vector takes, if all of that is known.
pub(super) fn elements(call: &Call<'_>) -> Option<Vec<f64>> {
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
        taken(call, dim, (begin, end), stride, 0)
    };
    let place = |step: u64| usize::try_from(first.checked_add(stride.checked_mul(step.cast_signed())?)?).ok();
    (0..count.min(dim)).map(|step| values.get(place(step)?).copied()).collect()
}
