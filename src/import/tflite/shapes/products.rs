//! Matrix products, reductions and recurrent layers.

use super::call::{OperatorCall, axis, product, single};
use super::{NoShape, OutputShape, RuleResult};

pub(super) fn fully_connected(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 8;
    const SHUFFLED: u8 = 1;
    let (dims, [units, depth]) = (call.dims(0)?, call.ranked(1)?);
    let count = product(dims)?;
    if call.byte(OPTIONS, 1, 0) == SHUFFLED {
        return Err(NoShape::NoRule);
    }
    if call.flag(OPTIONS, 2) {
        let (last, rows) = dims.split_last().ok_or(NoShape::NoRule)?;
        if *last != depth {
            return Err(NoShape::Invalid(format!("weights of depth {depth} do not match {dims:?}")));
        }
        return single([rows, &[units]].concat());
    }
    if depth == 0 || (count % depth != 0 && !call.is_upper(0)) {
        return Err(NoShape::Invalid(format!(
            "weights of depth {depth} do not match {count} elements ({dims:?})"
        )));
    }
    single(vec![count.div_ceil(depth), units])
}

pub(super) fn batch_matmul(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 101;
    let (left, right) = (call.dims(0)?, call.dims(1)?);
    let upper = call.is_upper(0) || call.is_upper(1);
    let wrong = || NoShape::Invalid(format!("shapes {left:?} and {right:?} do not multiply"));
    let matrix = |dims: &[u64], is_transposed: bool| -> Result<(u64, u64), NoShape> {
        let (&rows, &columns) = (dims.iter().rev().nth(1).ok_or_else(wrong)?, dims.last().ok_or_else(wrong)?);
        Ok(if is_transposed { (columns, rows) } else { (rows, columns) })
    };
    let ((rows, inner), (other, columns)) =
        (matrix(left, call.flag(OPTIONS, 0))?, matrix(right, call.flag(OPTIONS, 1))?);
    if inner != other && !upper {
        return Err(wrong());
    }
    let batch = super::elementwise::together(&left[..left.len() - 2], &right[..right.len() - 2], upper)?;
    single([&batch[..], &[rows, columns]].concat())
}

/// Reductions, whose axes are an input.
pub(super) fn reduce(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 27;
    let (dims, keep_dims) = (call.dims(0)?, call.flag(OPTIONS, 0));
    let axes = call.integers(1)?.into_iter().map(|number| axis(number, dims.len().max(1)));
    let axes: Vec<usize> = axes.collect::<Result<_, _>>()?;
    let kept = dims.iter().enumerate().filter_map(|(index, &dim)| match (axes.contains(&index), keep_dims) {
        (false, _) => Some(dim),
        (true, true) => Some(1),
        (true, false) => None,
    });
    single(kept.collect())
}

/// `ARG_MAX`, `ARG_MIN`: removes one axis.
pub(super) fn arg(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    let axis = call.axis_at(1, dims.len())?;
    dims.remove(axis);
    single(dims)
}

/// SVDF: one output for each group of `rank` filters.
pub(super) fn svdf(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 6;
    let ([batch, _], [filters, _]) = (call.ranked(0)?, call.ranked(1)?);
    check_state(call, 4, batch, None)?;
    let rank = u64::try_from(call.number(OPTIONS, 0, 0)).ok().filter(|&rank| rank > 0 && filters % rank == 0);
    single(vec![
        batch,
        filters
            / rank.ok_or_else(|| {
                NoShape::Invalid("its rank does not divide its number of filters".to_owned())
            })?,
    ])
}

/// Checks that a state variable has this batch size and `width` elements for each entry of the batch, as runtimes
/// require.
fn check_state(
    call: &OperatorCall<'_>,
    position: usize,
    batch: u64,
    width: Option<u64>,
) -> Result<(), NoShape> {
    let Some(dims) = call.input(position).and_then(|fact| fact.dims.as_ref()) else { return Ok(()) };
    let fits = match width {
        Some(width) => batch.checked_mul(width) == Some(product(dims)?),
        None => dims.first() == Some(&batch),
    };
    let mismatch =
        || NoShape::Invalid(format!("its state of shape {dims:?} does not match a batch of {batch}"));
    if fits { Ok(()) } else { Err(mismatch()) }
}

/// Output width of a layer with gates: the number of rows of the projection or, without one, of the gates.
fn width(call: &OperatorCall<'_>, gate: usize, projection: usize) -> Result<u64, NoShape> {
    let position = if call.input(projection).is_some() { projection } else { gate };
    let [rows, _] = call.ranked(position)?;
    Ok(rows)
}

/// Input position of the output state of an LSTM.
const OUTPUT_STATE: usize = 18;

/// LSTM: a full LSTM step, or the basic kernel, which has four outputs.
pub(super) fn lstm(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 14;
    const BASIC: u8 = 1;
    if call.byte(OPTIONS, 3, 0) != BASIC {
        let ([batch, _], width) = (call.ranked(0)?, width(call, 2, 16)?);
        check_state(call, OUTPUT_STATE, batch, Some(width))?;
        return single(vec![batch, width]);
    }
    let ([batch, inputs], [_, depth]) = (call.ranked(0)?, call.ranked(1)?);
    let [gates, joined] = call.ranked(2)?;
    if joined != inputs.saturating_add(depth) {
        return Err(NoShape::Invalid(format!(
            "weights of depth {joined} do not match {inputs} inputs and {depth} states"
        )));
    }
    let sizes = [depth, depth, joined, gates];
    Ok(sizes
        .into_iter()
        .take(call.output_count)
        .map(|size| OutputShape { dims: vec![batch, size], upper: false })
        .collect())
}

/// `UNIDIRECTIONAL_SEQUENCE_LSTM`: an output for each step.
pub(super) fn sequence_lstm(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 71;
    let ([first, second, _], width) = (call.ranked(0)?, width(call, 2, 16)?);
    let batch = if call.flag(OPTIONS, 3) { second } else { first };
    check_state(call, OUTPUT_STATE, batch, Some(width))?;
    single(vec![first, second, width])
}

/// RNN: one step.
pub(super) fn rnn(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, _], [units, _]) = (call.ranked(0)?, call.ranked(1)?);
    single(vec![batch, units])
}

pub(super) fn sequence_rnn(call: &OperatorCall<'_>) -> RuleResult {
    let ([first, second, _], [units, _]) = (call.ranked(0)?, call.ranked(1)?);
    single(vec![first, second, units])
}

/// Outputs of a bidirectional layer: one merged output or one for each direction.
fn both(call: &OperatorCall<'_>, merged: bool, (forward, backward): (u64, u64)) -> RuleResult {
    let [first, second, _] = call.ranked(0)?;
    let shape = |width: u64| OutputShape { dims: vec![first, second, width], upper: false };
    Ok(if merged {
        vec![shape(forward.saturating_add(backward))]
    } else {
        vec![shape(forward), shape(backward)]
    })
}

pub(super) fn bidirectional_lstm(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 69;
    both(call, call.flag(OPTIONS, 3), (width(call, 2, 16)?, width(call, 19, 33)?))
}

pub(super) fn bidirectional_rnn(call: &OperatorCall<'_>) -> RuleResult {
    const OPTIONS: u8 = 70;
    let ([forward, _], [backward, _]) = (call.ranked(1)?, call.ranked(5)?);
    both(call, call.flag(OPTIONS, 2), (forward, backward))
}
