//! Elementwise operators.

use super::call::{OperatorCall, single};
use super::{NoShape, OutputShape, RuleResult};

/// Every output has the shape of the first input.
pub(super) fn same(call: &OperatorCall<'_>) -> RuleResult {
    let dims = call.dims(0)?;
    Ok((0..call.output_count).map(|_| OutputShape { dims: dims.to_vec(), upper: false }).collect())
}

/// SELECT: the condition may have fewer dimensions than the values.
pub(super) fn select(call: &OperatorCall<'_>) -> RuleResult {
    single(call.dims(1)?.to_vec())
}

/// The output has the shape to which all inputs broadcast.
pub(super) fn broadcast(call: &OperatorCall<'_>) -> RuleResult {
    let mut dims = call.dims(0)?.to_vec();
    let mut upper = call.is_upper(0);
    for position in 1..call.inputs.len() {
        dims = together(&dims, call.dims(position)?, upper || call.is_upper(position))?;
        upper |= call.is_upper(position);
    }
    single(dims)
}

/// The shape to which two shapes broadcast. With `upper`, one of them is an upper bound, so different dimensions
/// are no contradiction: they are equal or 1 at run time, and the larger one bounds the result.
pub(super) fn together(first: &[u64], second: &[u64], upper: bool) -> Result<Vec<u64>, NoShape> {
    let (long, short) = if first.len() < second.len() { (second, first) } else { (first, second) };
    let mut dims = long.to_vec();
    for (dim, &other) in dims.iter_mut().rev().zip(short.iter().rev()) {
        *dim = match (*dim, other) {
            (1, other) => other,
            (dim, 1) => dim,
            (dim, other) if dim == other => dim,
            (dim, other) if upper => dim.max(other),
            _ => {
                return Err(NoShape::Invalid(format!("shapes {first:?} and {second:?} do not broadcast")));
            }
        };
    }
    Ok(dims)
}

/// `BROADCAST_ARGS`: computes the broadcast shape of two shapes, so the output is as long as the longer one.
pub(super) fn broadcast_args(call: &OperatorCall<'_>) -> RuleResult {
    let ([first], [second]) = (call.ranked(0)?, call.ranked(1)?);
    single(vec![first.max(second)])
}
