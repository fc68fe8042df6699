//! Upper bounds of sizes that depend on data.
//!
//! An upper bound stands for every shape of the same rank whose dimensions are not larger. A rule computes
//! with one shape. Applied to upper bounds, it returns an upper bound if its operator is monotone: no
//! dimension of an output becomes smaller when a dimension of an input becomes larger.

use super::call::{CallInput, NodeCall};
use super::layout::axis_order;
use crate::error::short;
use crate::import::dims::{axes, axis, ensure};
use crate::import::onnx::value::{Inferred, Outputs, Value};

/// The effect of bounded inputs on the outputs of an operator.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// No upper bound of the outputs follows, so a bounded input is a reason to infer no shape.
    Unknown,
    /// The operator is monotone, or its rule handles bounded inputs itself.
    Monotone,
    /// The operator is monotone in the first input only: a larger kernel fits at fewer positions.
    MonotoneInFirst,
    /// The outputs have the shape of the first input.
    Same,
    /// The inputs are broadcast to the shape of the output.
    Broadcast,
    /// The output has a fixed shape, but its elements depend on data.
    Elements,
    /// A bit for each axis of the outputs whose dimension is an upper bound; none if no bound follows.
    Axes(fn(&NodeCall) -> Inferred<Option<u32>>),
}

/// Marks the outputs of a rule as upper bounds if an input is one.
pub(crate) fn mark_outputs(call: &NodeCall, bound: Bound, outputs: Vec<Value>) -> Outputs {
    let is_bounded = |slot: &CallInput| matches!(slot, CallInput::Known(value) if value.is_upper());
    let Some(number) = call.inputs.iter().position(is_bounded) else { return Ok(outputs) };
    let upper = match bound {
        Bound::Elements => {
            return Ok(outputs.into_iter().map(|value| value.like(value.data_type)).collect());
        }
        Bound::Axes(axes) => axes(call)?,
        Bound::Same => Some(if number == 0 { call.input(0)?.upper() } else { 0 }),
        Bound::Broadcast => Some(broadcast_axes(&call.all()?)),
        Bound::Monotone => Some(u32::MAX),
        Bound::MonotoneInFirst if number == 0 => Some(u32::MAX),
        Bound::MonotoneInFirst | Bound::Unknown => None,
    };
    let upper = upper.ok_or_else(|| {
        let name = short(call.input_name(number));
        format!("the size of its input `{name}` depends on data, and no upper bound of its output follows")
    })?;
    let mark = |value: Value| {
        // The rules of sequences mark their tensors.
        if value.is_sequence() {
            return value;
        }
        let marked = value.upper();
        value.at_most_along(upper | marked)
    };
    Ok(outputs.into_iter().map(mark).collect())
}

fn is_upper(value: &Value, axis: usize) -> bool {
    value.upper() >> axis & 1 == 1
}

pub(crate) fn transpose(call: &NodeCall) -> Inferred<Option<u32>> {
    let first = call.input(0)?;
    Ok(Some(axis_bits(axis_order(call)?.into_iter().map(|axis| is_upper(first, axis)))))
}

pub(crate) fn unsqueeze(call: &NodeCall) -> Inferred<Option<u32>> {
    let first = call.input(0)?;
    let new = call.numbers_since(13, "axes", 1)?.unwrap_or(&[]);
    let rank = first.rank() + new.len();
    let new = axes(new, rank)?;
    let mut old = (0..first.rank()).map(|axis| is_upper(first, axis));
    Ok(Some(axis_bits((0..rank).map(|axis| !new.contains(&axis) && old.next().unwrap_or(false)))))
}

/// Without a list of axes, those of size 1 are removed, and a dimension below its bound may be 1.
pub(crate) fn squeeze(call: &NodeCall) -> Inferred<Option<u32>> {
    let first = call.input(0)?;
    let Some(numbers) = call.numbers_since(13, "axes", 1)? else { return Ok(None) };
    let gone = axes(numbers, first.rank())?;
    let kept = (0..first.rank()).filter(|axis| !gone.contains(axis));
    Ok(Some(axis_bits(kept.map(|axis| is_upper(first, axis)))))
}

pub(crate) fn gather(call: &NodeCall) -> Inferred<Option<u32>> {
    let (first, indices) = (call.input(0)?, call.input(1)?);
    let along = axis(call.int("axis", 0), first.rank())?;
    let of_first = |axis| is_upper(first, axis);
    let within = (0..indices.rank()).map(|axis| is_upper(indices, axis));
    let after = (along + 1..first.rank()).map(of_first);
    Ok(Some(axis_bits((0..along).map(of_first).chain(within).chain(after))))
}

/// `GatherND`: the last dimension of the indices determines the rank of the output, so it must be exact.
pub(crate) fn gather_nd(call: &NodeCall) -> Inferred<Option<u32>> {
    let indices = call.input(1)?;
    Ok((!is_upper(indices, indices.rank().saturating_sub(1))).then_some(u32::MAX))
}

/// A bit for each axis that is an upper bound.
fn axis_bits(axes: impl Iterator<Item = bool>) -> u32 {
    axes.take(32).enumerate().fold(0, |all, (axis, is_upper)| all | u32::from(is_upper) << axis)
}

/// Bounded axes of the shape to which tensors broadcast, aligned at the last axis.
fn broadcast_axes(values: &[&Value]) -> u32 {
    let rank = values.iter().map(|value| value.rank()).max().unwrap_or(0);
    values
        .iter()
        .fold(0, |all, value| all | value.upper().checked_shl((rank - value.rank()) as u32).unwrap_or(0))
}

/// The upper bound of two tensors, one of which is chosen at run time: the larger dimension along each axis.
pub(crate) fn either(left: &Value, right: &Value) -> Inferred<Value> {
    ensure!(
        left.data_type == right.data_type && left.rank() == right.rank(),
        "the size of its output depends on data: its branches return {:?} of element type {} and {:?} of element type {}",
        left.dims,
        left.data_type,
        right.dims,
        right.data_type
    );
    let differ = axis_bits(left.dims.iter().zip(&right.dims).map(|(left, right)| left != right));
    let dims: Vec<u64> = left.dims.iter().zip(&right.dims).map(|(left, right)| *left.max(right)).collect();
    let value = Value { dims, ..left.like(left.data_type) };
    Ok(value.at_most_along(differ | left.upper() | right.upper()))
}
