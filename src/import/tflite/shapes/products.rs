//! Products of matrices, reductions, and layers with state.

use super::call::{Call, axis, one, product};
use super::{Outcome, Shape, Why};

pub(super) fn fully_connected(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 8;
    const SHUFFLED: u8 = 1;
    let (dims, [units, depth]) = (call.dims(0)?, call.ranked(1)?);
    let count = product(dims)?;
    if call.byte(OPTIONS, 1, 0) == SHUFFLED {
        return Err(Why::NoRule);
    }
    if call.flag(OPTIONS, 2) {
        let (last, rows) = dims.split_last().ok_or(Why::NoRule)?;
        if *last != depth {
            return Err(Why::Wrong(format!("weights over {depth} do not go with {dims:?}")));
        }
        return one([rows, &[units]].concat());
    }
    if depth == 0 || (count % depth != 0 && !call.is_upper(0)) {
        return Err(Why::Wrong(format!("weights over {depth} do not go with {count} elements ({dims:?})")));
    }
    one(vec![count.div_ceil(depth), units])
}

pub(super) fn batch_matmul(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 101;
    let (left, right) = (call.dims(0)?, call.dims(1)?);
    let upper = call.is_upper(0) || call.is_upper(1);
    let wrong = || Why::Wrong(format!("it multiplies {left:?} and {right:?}"));
    let matrix = |dims: &[u64], turned: bool| -> Result<(u64, u64), Why> {
        let (&rows, &columns) = (dims.iter().rev().nth(1).ok_or_else(wrong)?, dims.last().ok_or_else(wrong)?);
        Ok(if turned { (columns, rows) } else { (rows, columns) })
    };
    let ((rows, inner), (other, columns)) =
        (matrix(left, call.flag(OPTIONS, 0))?, matrix(right, call.flag(OPTIONS, 1))?);
    if inner != other && !upper {
        return Err(wrong());
    }
    let batch = super::elementwise::together(&left[..left.len() - 2], &right[..right.len() - 2], upper)?;
    one([&batch[..], &[rows, columns]].concat())
}

/// Axes are an input.
pub(super) fn reduce(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 27;
    let (dims, keeps) = (call.dims(0)?, call.flag(OPTIONS, 0));
    let axes = call.integers(1)?.into_iter().map(|own| axis(own, dims.len().max(1)));
    let axes: Vec<usize> = axes.collect::<Result<_, _>>()?;
    let kept = dims.iter().enumerate().filter_map(|(place, &dim)| match (axes.contains(&place), keeps) {
        (false, _) => Some(dim),
        (true, true) => Some(1),
        (true, false) => None,
    });
    one(kept.collect())
}

/// `ARG_MAX`, `ARG_MIN`: one axis goes.
pub(super) fn arg(call: &Call<'_>) -> Outcome {
    let mut dims = call.dims(0)?.to_vec();
    let place = call.axis_at(1, dims.len())?;
    dims.remove(place);
    one(dims)
}

/// SVDF: as many results as filters of a rank.
pub(super) fn svdf(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 6;
    let ([batch, _], [filters, _]) = (call.ranked(0)?, call.ranked(1)?);
    check_state(call, 4, batch, None)?;
    let rank = u64::try_from(call.number(OPTIONS, 0, 0)).ok().filter(|&rank| rank > 0 && filters % rank == 0);
    one(vec![
        batch,
        filters / rank.ok_or_else(|| Why::Wrong("its rank does not go with its filters".to_owned()))?,
    ])
}

/// Whether a variable that keeps state is of this batch, and of so many elements for each: runtimes
/// refuse another.
fn check_state(call: &Call<'_>, position: usize, batch: u64, width: Option<u64>) -> Result<(), Why> {
    let Some(dims) = call.input(position).and_then(|fact| fact.dims.as_ref()) else { return Ok(()) };
    let fits = match width {
        Some(width) => batch.checked_mul(width) == Some(product(dims)?),
        None => dims.first() == Some(&batch),
    };
    let state = || Why::Wrong(format!("its state {dims:?} is not for a batch of {batch}"));
    if fits { Ok(()) } else { Err(state()) }
}

/// Of a layer with gates, how many results a step has: the projection's rows, or else the gates'.
fn width(call: &Call<'_>, gate: usize, projection: usize) -> Result<u64, Why> {
    let position = if call.input(projection).is_some() { projection } else { gate };
    let [rows, _] = call.ranked(position)?;
    Ok(rows)
}

/// The position of the last output among an LSTM's inputs.
const OUTPUT_STATE: usize = 18;

/// LSTM: one step, or the old kernel with four inputs and results.
pub(super) fn lstm(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 14;
    const BASIC: u8 = 1;
    if call.byte(OPTIONS, 3, 0) != BASIC {
        let ([batch, _], width) = (call.ranked(0)?, width(call, 2, 16)?);
        check_state(call, OUTPUT_STATE, batch, Some(width))?;
        return one(vec![batch, width]);
    }
    let ([batch, inputs], [_, depth]) = (call.ranked(0)?, call.ranked(1)?);
    let [gates, joined] = call.ranked(2)?;
    if joined != inputs.saturating_add(depth) {
        return Err(Why::Wrong(format!("weights over {joined} for {inputs} inputs and {depth} states")));
    }
    let sizes = [depth, depth, joined, gates];
    Ok(sizes
        .into_iter()
        .take(call.output_count)
        .map(|size| Shape { dims: vec![batch, size], upper: false })
        .collect())
}

/// `UNIDIRECTIONAL_SEQUENCE_LSTM`: a result for each step.
pub(super) fn sequence_lstm(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 71;
    let ([first, second, _], width) = (call.ranked(0)?, width(call, 2, 16)?);
    let batch = if call.flag(OPTIONS, 3) { second } else { first };
    check_state(call, OUTPUT_STATE, batch, Some(width))?;
    one(vec![first, second, width])
}

/// RNN: one step.
pub(super) fn rnn(call: &Call<'_>) -> Outcome {
    let ([batch, _], [units, _]) = (call.ranked(0)?, call.ranked(1)?);
    one(vec![batch, units])
}

pub(super) fn sequence_rnn(call: &Call<'_>) -> Outcome {
    let ([first, second, _], [units, _]) = (call.ranked(0)?, call.ranked(1)?);
    one(vec![first, second, units])
}

/// Forwards and backwards, as one result or two.
fn both(call: &Call<'_>, merged: bool, (forward, backward): (u64, u64)) -> Outcome {
    let [first, second, _] = call.ranked(0)?;
    let shape = |width: u64| Shape { dims: vec![first, second, width], upper: false };
    Ok(if merged {
        vec![shape(forward.saturating_add(backward))]
    } else {
        vec![shape(forward), shape(backward)]
    })
}

pub(super) fn bidirectional_lstm(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 69;
    both(call, call.flag(OPTIONS, 3), (width(call, 2, 16)?, width(call, 19, 33)?))
}

pub(super) fn bidirectional_rnn(call: &Call<'_>) -> Outcome {
    const OPTIONS: u8 = 70;
    let ([forward, _], [backward, _]) = (call.ranked(1)?, call.ranked(5)?);
    both(call, call.flag(OPTIONS, 2), (forward, backward))
}
