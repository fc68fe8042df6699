//! Matrix products, reductions and recurrent layers.

use super::call::{NoShape, OperatorCall, RuleResult, all, single};
use crate::import::dims::{axis, ensure, multiplied, product, transposed, without};

pub(crate) fn fully_connected(call: &OperatorCall<'_>) -> RuleResult {
    const SHUFFLED: u8 = 1;
    let (dims, [units, depth]) = (call.dims(0)?, call.ranked(1)?);
    let count = product(dims)?;
    if call.options.byte(1) == SHUFFLED {
        return Err(NoShape::NoRule);
    }
    if call.options.flag(2) {
        let (last, rows) = dims.split_last().ok_or(NoShape::NoRule)?;
        ensure!(*last == depth, "weights of depth {depth} do not match {dims:?}");
        return single([rows, &[units]].concat());
    }
    ensure!(
        depth != 0 && (count % depth == 0 || call.is_upper(0)),
        "weights of depth {depth} do not match {count} elements ({dims:?})"
    );
    single(vec![count.div_ceil(depth), units])
}

pub(crate) fn batch_matmul(call: &OperatorCall<'_>) -> RuleResult {
    let matrices = |position: usize| {
        let dims = call.dims(position)?;
        ensure!(dims.len() > 1, "its input {position} of shape {dims:?} has no matrices");
        let is_transposed = call.options.flag(position as u16);
        Ok::<_, NoShape>(if is_transposed { transposed(dims) } else { dims.to_vec() })
    };
    single(multiplied(&matrices(0)?, &matrices(1)?, call.is_any_upper())?)
}

/// Reductions, whose axes are an input.
pub(crate) fn reduce(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    let axes = call.integers(1)?.into_iter().map(|number| axis(number, dims.len().max(1)));
    single(without(dims, &axes.collect::<Result<Vec<_>, _>>()?, call.options.flag(0)))
}

/// `ARG_MAX`, `ARG_MIN`: removes one axis.
pub(crate) fn arg(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    single(without(dims, &[call.axis_at(1, dims.len())?], false))
}

/// SVDF: one output for each group of `rank` filters.
pub(crate) fn svdf(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, _], [filters, _]) = (call.ranked(0)?, call.ranked(1)?);
    check_state(call, 4, batch, None)?;
    let rank = u64::try_from(call.options.number(0, 0)).unwrap_or(0);
    ensure!(rank > 0 && filters % rank == 0, "its rank does not divide its number of filters");
    single(vec![batch, filters / rank])
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
    ensure!(fits, "its state of shape {dims:?} does not match a batch of {batch}");
    Ok(())
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
pub(crate) fn lstm(call: &OperatorCall<'_>) -> RuleResult {
    const BASIC: u8 = 1;
    if call.options.byte(3) != BASIC {
        let ([batch, _], width) = (call.ranked(0)?, width(call, 2, 16)?);
        check_state(call, OUTPUT_STATE, batch, Some(width))?;
        return single(vec![batch, width]);
    }
    let ([batch, inputs], [_, depth]) = (call.ranked(0)?, call.ranked(1)?);
    let [gates, joined] = call.ranked(2)?;
    ensure!(
        joined == inputs.saturating_add(depth),
        "weights of depth {joined} do not match {inputs} inputs and {depth} states"
    );
    let sizes = [depth, depth, joined, gates];
    all(sizes.into_iter().take(call.output_count).map(|size| vec![batch, size]))
}

/// `UNIDIRECTIONAL_SEQUENCE_LSTM`: an output for each step.
pub(crate) fn sequence_lstm(call: &OperatorCall<'_>) -> RuleResult {
    let ([first, second, _], width) = (call.ranked(0)?, width(call, 2, 16)?);
    let batch = if call.options.flag(3) { second } else { first };
    check_state(call, OUTPUT_STATE, batch, Some(width))?;
    single(vec![first, second, width])
}

/// RNN: one step.
pub(crate) fn rnn(call: &OperatorCall<'_>) -> RuleResult {
    let ([batch, _], [units, _]) = (call.ranked(0)?, call.ranked(1)?);
    single(vec![batch, units])
}

pub(crate) fn sequence_rnn(call: &OperatorCall<'_>) -> RuleResult {
    let ([first, second, _], [units, _]) = (call.ranked(0)?, call.ranked(1)?);
    single(vec![first, second, units])
}

/// Outputs of a bidirectional layer: one merged output or one for each direction.
fn both(call: &OperatorCall<'_>, merged: bool, (forward, backward): (u64, u64)) -> RuleResult {
    let [first, second, _] = call.ranked(0)?;
    let widths = if merged { vec![forward.saturating_add(backward)] } else { vec![forward, backward] };
    all(widths.into_iter().map(|width| vec![first, second, width]))
}

pub(crate) fn bidirectional_lstm(call: &OperatorCall<'_>) -> RuleResult {
    both(call, call.options.flag(3), (width(call, 2, 16)?, width(call, 19, 33)?))
}

pub(crate) fn bidirectional_rnn(call: &OperatorCall<'_>) -> RuleResult {
    let ([forward, _], [backward, _]) = (call.ranked(1)?, call.ranked(5)?);
    both(call, call.options.flag(2), (forward, backward))
}
