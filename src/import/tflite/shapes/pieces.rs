//! Operators that put tensors together or take them apart.

use super::call::{Call, axis, one, product, too_large};
use super::{Outcome, Shape, Why};
use crate::graph::ElementType;

pub(super) fn concatenation(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 10;
    let mut dims = call.dims(0)?.to_vec();
    let axis = axis(call.number(OPTIONS, 0, 0), dims.len())?;
    for position in 1..call.inputs.len() {
        let other = call.dims(position)?;
        let upper = call.is_upper(position) || call.is_upper(0);
        if other.len() != dims.len() {
            return Err(Why::Wrong(format!("{dims:?} and {other:?} have different ranks")));
        }
        for (place, dim) in dims.iter_mut().enumerate() {
            if place == axis {
                *dim = dim.checked_add(other[place]).ok_or_else(too_large)?;
            } else if *dim != other[place] && !upper {
                return Err(Why::Wrong(format!("pieces of {} and {} on axis {place}", dim, other[place])));
            } else {
                *dim = (*dim).max(other[place]);
            }
        }
    }
    one(dims)
}

pub(super) fn pack(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 59;
    let mut dims = call.dims(0)?.to_vec();
    for position in 1..call.inputs.len() {
        let other = call.dims(position)?;
        if other != dims {
            return Err(Why::Wrong(format!("it packs {dims:?} and {other:?}")));
        }
    }
    let place = axis(call.number(OPTIONS, 1, 0), dims.len() + 1)?;
    dims.insert(place, call.inputs.len() as u64);
    one(dims)
}

pub(super) fn unpack(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 64;
    let mut dims = call.dims(0)?.to_vec();
    let place = axis(call.number(OPTIONS, 1, 0), dims.len())?;
    let count = dims.remove(place);
    if count != call.output_count as u64 {
        return Err(Why::Wrong(format!("it unpacks {count} into {} outputs", call.output_count)));
    }
    Ok(vec![Shape { dims, upper: false }; call.output_count])
}

pub(super) fn split(call: &Call<'_>) -> Outcome {
    let mut dims = call.dims(1)?.to_vec();
    let axis = call.axis_at(0, dims.len())?;
    let count = call.output_count as u64;
    if count == 0 || (dims[axis] % count != 0 && !call.is_upper(1)) {
        return Err(Why::Wrong(format!("it splits {} into {count} outputs", dims[axis])));
    }
    dims[axis] = dims[axis].div_ceil(count);
    Ok(vec![Shape { dims, upper: false }; call.output_count])
}

/// Sizes are an input; one may be -1, for what is left.
pub(super) fn split_v(call: &Call<'_>) -> Outcome {
    let dims = call.dims(0)?;
    let axis = call.axis_at(2, dims.len())?;
    let sizes = match call.integers(1) {
        // None is longer than the whole.
        Err(Why::Data(_)) => return Ok(vec![Shape { dims: dims.to_vec(), upper: true }; call.output_count]),
        sizes => sizes?,
    };
    let known = sizes.iter().filter_map(|&size| u64::try_from(size).ok());
    let sum = known.fold(0u64, u64::saturating_add);
    let wrong = || Why::Wrong(format!("it splits {} into {sizes:?}", dims[axis]));
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
        Shape { dims, upper: false }
    };
    Ok(sizes.iter().map(piece).collect())
}

/// Begins and sizes are inputs; a size of -1 takes the rest.
pub(super) fn slice(call: &Call<'_>) -> Outcome {
    let dims = call.dims(0)?;
    let (begins, sizes) = match (call.integers(1), call.integers(2)) {
        (Ok(begins), Ok(sizes)) => (begins, sizes),
        // Where sizes are known, the run has just these or fails.
        (Err(Why::Data(_)), Ok(sizes)) if sizes.iter().all(|&size| size >= 0) => (vec![0; dims.len()], sizes),
        (Err(Why::Data(_)), _) | (_, Err(Why::Data(_))) => return at_most(dims.to_vec()),
        (Err(why), _) | (_, Err(why)) => return Err(why),
    };
    if begins.len() != dims.len() || sizes.len() != dims.len() {
        return Err(Why::Wrong(format!("it slices {dims:?} at {begins:?} by {sizes:?}")));
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
    let wrong = || Why::Wrong(format!("it slices {dims:?} at {begins:?} by {sizes:?}"));
    one(axes.collect::<Option<_>>().ok_or_else(wrong)?)
}

/// The output depends on data, but is no larger than this.
#[allow(clippy::unnecessary_wraps)] // what rules return
pub(super) fn at_most(dims: Vec<u64>) -> Outcome {
    Ok(vec![Shape { dims, upper: true }])
}

pub(super) fn gather(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 23;
    let (dims, indices) = (call.dims(0)?, call.dims(1)?);
    let at = axis(call.number(OPTIONS, 0, 0), dims.len())?;
    let batch = call.number(OPTIONS, 1, 0);
    let batch = if batch == 0 { 0 } else { axis(batch, indices.len() + 1)? };
    if batch > at || dims[..batch] != indices[..batch] {
        return Err(Why::Wrong(format!("it gathers {indices:?} of {dims:?} on axis {at}, batch {batch}")));
    }
    one([&dims[..at], &indices[batch..], &dims[at + 1..]].concat())
}

pub(super) fn gather_nd(call: &Call<'_>) -> Outcome {
    let (dims, indices) = (call.dims(0)?, call.dims(1)?);
    let wrong = || Why::Wrong(format!("it gathers {indices:?} of {dims:?}"));
    let (&depth, rows) = indices.split_last().ok_or_else(wrong)?;
    let rest = usize::try_from(depth).ok().and_then(|depth| dims.get(depth..)).ok_or_else(wrong)?;
    one([rows, rest].concat())
}

/// `EMBEDDING_LOOKUP`: rows of the second input.
pub(super) fn embedding_lookup(call: &Call<'_>) -> Outcome {
    let (rows, table) = (call.dims(0)?, call.dims(1)?);
    let (_, row) = table.split_first().ok_or(Why::NoRule)?;
    one([rows, row].concat())
}

pub(super) fn one_hot(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 61;
    let (mut dims, depth) = (call.dims(0)?.to_vec(), call.integer(1)?);
    let place = match call.number(OPTIONS, 0, 0) {
        -1 => dims.len(),
        place => axis(place, dims.len() + 1)?,
    };
    dims.insert(place, u64::try_from(depth).map_err(|_| Why::Wrong(format!("its depth is {depth}")))?);
    one(dims)
}

pub(super) fn top_k(call: &Call<'_>) -> Outcome {
    let mut dims = call.dims(0)?.to_vec();
    let wrong = |text: String| Why::Wrong(text);
    let last = dims.last_mut().ok_or_else(|| wrong("its input is a scalar".to_owned()))?;
    let upper = match call.integer(1) {
        Err(Why::Data(_)) => true,
        count => {
            let count = count?;
            let count = u64::try_from(count).map_err(|_| wrong(format!("it takes the first {count}")))?;
            if count > *last && !call.is_upper(0) {
                return Err(wrong(format!("it takes the first {count} of {last}")));
            }
            *last = count;
            false
        }
    };
    Ok(vec![Shape { dims, upper }; call.output_count])
}

/// WHERE: a row for each element that is true, and at most every one is.
pub(super) fn indices_where(call: &Call<'_>) -> Outcome {
    let dims = call.dims(0)?;
    at_most(vec![product(dims)?, dims.len() as u64])
}

/// UNIQUE: at most every element is, and each has an index.
pub(super) fn unique(call: &Call<'_>) -> Outcome {
    let [count] = call.ranked(0)?;
    let found = Shape { dims: vec![count], upper: true };
    Ok(vec![found, Shape { dims: vec![count], upper: false }])
}

/// `NON_MAX_SUPPRESSION`: lists as long as an input says, and how many entries count.
pub(super) fn non_max_suppression(call: &Call<'_>) -> Outcome {
    let most = call.integer(2)?;
    let most = u64::try_from(most).map_err(|_| Why::Wrong(format!("at most {most} boxes")))?;
    let list = || Shape { dims: vec![most], upper: false };
    let count = Shape { dims: Vec::new(), upper: false };
    match call.output_count {
        2 => Ok(vec![list(), count]),
        3 => Ok(vec![list(), list(), count]),
        _ => Err(Why::NoRule),
    }
}

/// From a start to before an end by steps.
pub(super) fn range(call: &Call<'_>) -> Outcome {
    let [start, end, step] = [call.values(0)?, call.values(1)?, call.values(2)?];
    let (&[start], &[end], &[step]) = (&*start, &*end, &*step) else { return Err(Why::NoRule) };
    let is_float = call.input(0).and_then(|fact| fact.element_type) == Some(ElementType::Float32);
    // In the precision of the kernel.
    let count =
        if is_float { f64::from((end as f32 - start as f32) / step as f32) } else { (end - start) / step };
    if step == 0.0 || !count.is_finite() || (end - start) * step < 0.0 {
        return Err(Why::Wrong(format!("from {start} to {end} by {step}")));
    }
    #[allow(clippy::cast_sign_loss)] // checked above
    one(vec![count.ceil() as u64])
}

/// MULTINOMIAL: so many draws for each row.
pub(super) fn multinomial(call: &Call<'_>) -> Outcome {
    let ([rows, _], draws) = (call.ranked(0)?, call.integer(1)?);
    one(vec![rows, u64::try_from(draws).map_err(|_| Why::Wrong(format!("it draws {draws}")))?])
}

/// `UNSORTED_SEGMENT_*`: as many segments as the third input says.
pub(super) fn unsorted_segments(call: &Call<'_>) -> Outcome {
    let (dims, ids, count) = (call.dims(0)?, call.dims(1)?, call.integer(2)?);
    let count = u64::try_from(count).map_err(|_| Why::Wrong(format!("it has {count} segments")))?;
    let rest = dims.strip_prefix(ids).ok_or_else(|| Why::Wrong(format!("segments {ids:?} of {dims:?}")))?;
    one([&[count], rest].concat())
}

/// `SEGMENT_SUM`: the last segment's number says how many there are.
pub(super) fn segment_sum(call: &Call<'_>) -> Outcome {
    let (dims, ids) = (call.dims(0)?, call.integers(1)?);
    let (_, rest) = dims.split_first().ok_or(Why::NoRule)?;
    let count = ids.last().map_or(Some(0), |&last| u64::try_from(last).ok()?.checked_add(1));
    let count = count.ok_or_else(|| Why::Wrong(format!("segments {ids:?}")))?;
    one([&[count], rest].concat())
}
