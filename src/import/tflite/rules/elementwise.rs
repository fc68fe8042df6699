//! Elementwise operators.

use super::call::{OperatorCall, RuleResult, single};
use crate::import::dims;

/// Every output has the shape of the first input.
pub(crate) fn same(call: &OperatorCall<'_>) -> RuleResult {
    call.each(call.dims(0)?.to_vec())
}

/// SELECT: the condition may have fewer dimensions than the values.
pub(crate) fn select(call: &OperatorCall<'_>) -> RuleResult {
    single(call.dims(1)?.to_vec())
}

/// The output has the shape to which all inputs broadcast.
pub(crate) fn broadcast(call: &OperatorCall<'_>) -> RuleResult {
    single(dims::broadcast(&call.all_dims()?, call.is_any_upper())?)
}

/// `BROADCAST_ARGS`: computes the broadcast shape of two shapes, so the output is as long as the longer one.
pub(crate) fn broadcast_args(call: &OperatorCall<'_>) -> RuleResult {
    let ([first], [second]) = (call.ranked(0)?, call.ranked(1)?);
    single(vec![first.max(second)])
}
