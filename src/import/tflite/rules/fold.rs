//! Constant folding for short tensors: results of SHAPE, and of the arithmetic on them that models have before
//! RESHAPE and similar operators.

use std::borrow::Cow;

use super::call::OperatorCall;
use super::strided;
use crate::graph::ElementType;
use crate::import::dims::axis;

/// Limit of elements of a result that are kept, so that memory stays in proportion to the file.
const MAX_VALUES: usize = 64;

/// Elements of each output; an empty list if they are unknown.
pub(crate) fn outputs(
    op_type: &str,
    call: &OperatorCall<'_>,
    element_type: Option<ElementType>,
) -> Vec<Vec<f64>> {
    let outputs = match op_type {
        "UNPACK" => call.values(0).ok().map(|values| values.iter().map(|&value| vec![value]).collect()),
        _ => only_output(op_type, call).map(|values| vec![values]),
    };
    let mut outputs: Vec<Vec<f64>> = outputs.unwrap_or_default();
    if !outputs.iter_mut().all(|values| values.len() <= MAX_VALUES && convert(values, element_type)) {
        outputs.clear();
    }
    outputs
}

/// Converts elements to the type of their tensor; false if that is not exact.
fn convert(values: &mut [f64], element_type: Option<ElementType>) -> bool {
    /// 2^53: up to here, floating-point numbers hold integers exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let max = match element_type {
        Some(ElementType::Int32) => f64::from(i32::MAX),
        Some(ElementType::Int64) => EXACT,
        Some(ElementType::Bool) => 1.0,
        Some(ElementType::Float32) => {
            for value in values.iter_mut() {
                *value = f64::from(*value as f32);
            }
            return values.iter().all(|value| value.is_finite());
        }
        _ => return false,
    };
    for value in values.iter_mut() {
        *value = value.trunc();
    }
    values.iter().all(|value| value.abs() <= max)
}

/// Elements of the only output of an operator, before they are converted to its type.
fn only_output(op_type: &str, call: &OperatorCall<'_>) -> Option<Vec<f64>> {
    let values = |position: usize| call.values(position).ok();
    match op_type {
        "SHAPE" if !call.is_upper(0) => Some(call.dims(0).ok()?.iter().map(|&dim| dim as f64).collect()),
        "RANK" => Some(vec![call.dims(0).ok()?.len() as f64]),
        "CAST" | "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => values(0).map(Cow::into_owned),
        "PACK" => joined(call, 0),
        "CONCATENATION" => joined(call, 1),
        "STRIDED_SLICE" => strided::elements(call),
        "SLICE" => sliced(call),
        "GATHER" => gathered(call),
        "FILL" => {
            let count = call.target_shape(0).ok()?.into_iter().try_fold(1, u64::checked_mul)?;
            (count <= MAX_VALUES as u64).then_some(vec![*values(1)?.first()?; count as usize])
        }
        "REDUCE_PROD" | "SUM" | "REDUCE_MAX" | "REDUCE_MIN" => reduced(op_type, call),
        "NEG" => mapped(&values(0)?, |value| -value),
        "ABS" => mapped(&values(0)?, f64::abs),
        "FLOOR" => mapped(&values(0)?, f64::floor),
        "CEIL" => mapped(&values(0)?, f64::ceil),
        "SELECT" | "SELECT_V2" => selected(&values(0)?, &values(1)?, &values(2)?),
        _ => paired(&values(0)?, &values(1)?, arithmetic(op_type)?),
    }
}

fn truth(holds: bool) -> f64 {
    u8::from(holds).into()
}

#[allow(clippy::float_cmp)] // whole numbers, exact in this precision
fn arithmetic(op_type: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match op_type {
        "ADD" => |a, b| a + b,
        "SUB" => |a, b| a - b,
        "MUL" => |a, b| a * b,
        // Integers are truncated later. A division by 0 is not finite and therefore dropped.
        "DIV" => |a, b| a / b,
        "FLOOR_DIV" => |a, b| (a / b).floor(),
        "FLOOR_MOD" => |a, b| a - (a / b).floor() * b,
        "MAXIMUM" => f64::max,
        "MINIMUM" => f64::min,
        "EQUAL" => |a, b| truth(a == b),
        "NOT_EQUAL" => |a, b| truth(a != b),
        "LESS" => |a, b| truth(a < b),
        "LESS_EQUAL" => |a, b| truth(a <= b),
        "GREATER" => |a, b| truth(a > b),
        "GREATER_EQUAL" => |a, b| truth(a >= b),
        _ => return None,
    })
}

#[allow(clippy::unnecessary_wraps)] // as other functions of elements
fn mapped(values: &[f64], compute: fn(f64) -> f64) -> Option<Vec<f64>> {
    Some(values.iter().map(|&value| compute(value)).collect())
}

/// Applies a function to pairs of elements; a single element is paired with all others.
fn paired(left: &[f64], right: &[f64], compute: fn(f64, f64) -> f64) -> Option<Vec<f64>> {
    let count = common_length(&[left.len(), right.len()])?;
    let result = (0..count).map(|index| compute(left[index % left.len()], right[index % right.len()]));
    let result: Vec<f64> = result.collect();
    result.iter().all(|value| value.is_finite()).then_some(result)
}

fn selected(condition: &[f64], yes: &[f64], no: &[f64]) -> Option<Vec<f64>> {
    let count = common_length(&[condition.len(), yes.len(), no.len()])?;
    let at = |list: &[f64], index: usize| list[index % list.len()];
    let chosen = |index| at(if at(condition, index) == 0.0 { no } else { yes }, index);
    Some((0..count).map(chosen).collect())
}

fn common_length(lengths: &[usize]) -> Option<usize> {
    let count = *lengths.iter().max()?;
    lengths.iter().all(|&length| length == count || length == 1).then_some(count)
}

/// The elements of all inputs, which must have this rank, one input after the other.
fn joined(call: &OperatorCall<'_>, rank: usize) -> Option<Vec<f64>> {
    let mut all = Vec::new();
    for position in 0..call.inputs.len() {
        let has_rank = call.dims(position).ok()?.len() == rank && all.len() <= MAX_VALUES;
        all.extend_from_slice(&has_rank.then(|| call.values(position).ok()).flatten()?);
    }
    Some(all)
}

fn sliced(call: &OperatorCall<'_>) -> Option<Vec<f64>> {
    let (values, begin, size) = (call.values(0).ok()?, call.integer(1).ok()?, call.integer(2).ok()?);
    let [_] = call.ranked(0).ok()?;
    let rest = values.get(usize::try_from(begin).ok()?..)?;
    if size == -1 { Some(rest.to_vec()) } else { Some(rest.get(..usize::try_from(size).ok()?)?.to_vec()) }
}

fn gathered(call: &OperatorCall<'_>) -> Option<Vec<f64>> {
    let (values, indices, [_]) = (call.values(0).ok()?, call.integers(1).ok()?, call.ranked(0).ok()?);
    indices.iter().map(|&index| values.get(usize::try_from(index).ok()?).copied()).collect()
}

/// Reduces a vector to one element.
fn reduced(op_type: &str, call: &OperatorCall<'_>) -> Option<Vec<f64>> {
    let (values, [_], axes) = (call.values(0).ok()?, call.ranked(0).ok()?, call.integers(1).ok()?);
    let &[only] = axes.as_slice() else { return None };
    axis(only, 1).ok()?;
    let value = match op_type {
        "REDUCE_PROD" => values.iter().product(),
        "SUM" => values.iter().sum(),
        "REDUCE_MAX" => values.iter().copied().reduce(f64::max)?,
        _ => values.iter().copied().reduce(f64::min)?,
    };
    Some(vec![value])
}
