//! Upper bounds of sizes that depend on data.
//!
//! An upper bound stands for every shape of the same rank whose dimensions are not larger. A rule computes
//! with one shape. Applied to upper bounds, it returns an upper bound if its operator is monotone: no
//! dimension of an output becomes smaller when a dimension of an input becomes larger. The tables name the
//! operators for which this holds; for all others, a bounded input is a reason to infer no shape.

use super::call::{CallInput, NodeCall};
use super::value::{Inferred, Value, axes, axis, broadcast};
use crate::error::short;

/// Monotone operators. The rules of `Reshape`, `Slice` and `Split` handle bounded inputs themselves.
#[rustfmt::skip]
const MONOTONE: &[&str] = &[
    "ArgMax", "ArgMin", "AveragePool", "BatchNormalization", "Compress", "Concat", "DynamicQuantizeLinear",
    "Expand", "Flatten", "GRU", "GatherElements", "GatherND", "Gemm", "GlobalAveragePool", "GlobalLpPool",
    "GlobalMaxPool", "LSTM", "LayerNormalization", "LpPool", "MatMul", "MatMulInteger", "MaxPool", "MaxRoiPool",
    "NonMaxSuppression", "NonZero", "OneHot", "Pad", "QLinearAdd", "QLinearMatMul", "QLinearMul",
    "RMSNormalization", "RNN", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Reshape", "RoiAlign",
    "SimplifiedLayerNormalization", "Split", "Tile", "TopK", "Unique", "Upsample",
];

/// Operators that are monotone in the first input only: a larger kernel fits at fewer positions.
const MONOTONE_IN_FIRST_INPUT: &[&str] = &["Conv", "ConvInteger", "QLinearConv"];

/// Operators whose outputs have the shape of the first input.
#[rustfmt::skip]
const SAME_SHAPE: &[&str] = &[
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Bernoulli", "BiasGelu", "BitCast", "BitwiseNot",
    "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Cosh", "CumProd", "CumSum", "DequantizeLinear",
    "Dropout", "Elu", "Erf", "Exp", "FastGelu", "Floor", "Gelu", "GroupNormalization", "HardSigmoid",
    "HardSwish", "Hardmax", "Identity", "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LeakyRelu", "Log",
    "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "Mish", "Neg", "Not", "PRelu",
    "QLinearSigmoid", "QLinearSoftmax", "QuantizeLinear", "QuickGelu", "RandomNormalLike", "RandomUniformLike",
    "Reciprocal", "Relu", "ReverseSequence", "Round", "Scatter", "ScatterElements", "ScatterND", "Selu",
    "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Slice", "Softmax", "Softplus", "Softsign", "Sqrt", "Swish",
    "Tan", "Tanh", "TensorScatter", "ThresholdedRelu", "Trilu",
];

/// Operators whose inputs are broadcast to the shape of the output.
#[rustfmt::skip]
const BROADCAST: &[&str] = &[
    "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater",
    "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Sum",
    "Where", "Xor",
];

/// Marks the outputs of a rule as upper bounds if an input is one.
pub(super) fn of(call: &NodeCall, outputs: Vec<Value>) -> Inferred<Vec<Value>> {
    let bounded = |slot: &CallInput| matches!(slot, CallInput::Known(value) if value.is_upper());
    let Some(number) = call.inputs.iter().position(bounded) else { return Ok(outputs) };
    let op_type = call.node.op_type();
    if matches!(op_type, "Shape" | "Size") {
        // The output has a fixed shape, but its elements depend on data.
        return Ok(outputs.into_iter().map(|value| value.like(value.data_type)).collect());
    }
    if let Some(upper) = axes_of(call, number)? {
        let bounded = |value: Value| {
            let marked = value.upper();
            value.at_most_along(upper | marked)
        };
        return Ok(outputs.into_iter().map(bounded).collect());
    }
    let name = call.node.input().get(number).unwrap_or("");
    Err(format!(
        "the size of its input `{}` depends on data, and no upper bound of its output follows",
        short(name)
    ))
}

/// A bit for each axis of the outputs whose dimension is an upper bound; none if no bound follows. `number`
/// is the first bounded input.
fn axes_of(call: &NodeCall, number: usize) -> Inferred<Option<u32>> {
    let op_type = call.node.op_type();
    let first = call.input(0)?;
    let along = |numbers: Option<&[i64]>, rank| numbers.map(|numbers| axes(numbers, rank)).transpose();
    Ok(match op_type {
        "Transpose" => {
            let order = along(call.ints("perm").filter(|order| !order.is_empty()), first.rank())?;
            let order = order.unwrap_or_else(|| (0..first.rank()).rev().collect());
            Some(collected(order.iter().map(|&axis| first.upper() >> axis & 1 == 1)))
        }
        "Unsqueeze" => {
            let new = call.numbers_since(13, "axes", 1)?.unwrap_or(&[]);
            let rank = first.rank() + new.len();
            let new = axes(new, rank)?;
            let mut old = (0..first.rank()).map(|axis| first.upper() >> axis & 1 == 1);
            Some(collected((0..rank).map(|axis| !new.contains(&axis) && old.next().unwrap_or(false))))
        }
        // Without a list of axes, those of size 1 are removed, and a dimension below its bound may be 1.
        "Squeeze" => along(call.numbers_since(13, "axes", 1)?, first.rank())?.map(|gone| {
            let kept = (0..first.rank()).filter(|axis| !gone.contains(axis));
            collected(kept.map(|axis| first.upper() >> axis & 1 == 1))
        }),
        "Gather" => {
            let (along, indices) = (axis(call.int("axis", 0), first.rank())?, call.input(1)?);
            let of = |value: &Value, axis: usize| value.upper() >> axis & 1 == 1;
            let before = (0..along).map(|axis| of(first, axis));
            let within = (0..indices.rank()).map(|axis| of(indices, axis));
            Some(collected(before.chain(within).chain((along + 1..first.rank()).map(|axis| of(first, axis)))))
        }
        // The last dimension of the indices determines the rank of the output, so it must be exact.
        "GatherND" => {
            let indices = call.input(1)?;
            let last = indices.rank().saturating_sub(1);
            (indices.upper() >> last & 1 == 0).then_some(u32::MAX)
        }
        _ if SAME_SHAPE.contains(&op_type) => Some(if number == 0 { first.upper() } else { 0 }),
        _ if BROADCAST.contains(&op_type) => Some(broadcast_axes(&call.all()?)),
        _ if MONOTONE.contains(&op_type) || (number == 0 && MONOTONE_IN_FIRST_INPUT.contains(&op_type)) => {
            Some(u32::MAX)
        }
        _ => None,
    })
}

/// A bit for each axis that is an upper bound.
fn collected(axes: impl Iterator<Item = bool>) -> u32 {
    axes.take(32).enumerate().fold(0, |all, (axis, is_upper)| all | u32::from(is_upper) << axis)
}

/// Bounded axes of the shape to which tensors broadcast, aligned at the last axis.
fn broadcast_axes(values: &[&Value]) -> u32 {
    let rank = values.iter().map(|value| value.rank()).max().unwrap_or(0);
    values
        .iter()
        .fold(0, |all, value| all | value.upper().checked_shl((rank - value.rank()) as u32).unwrap_or(0))
}

/// The shape to which tensors broadcast, as [`broadcast`]. If one is an upper bound, two different dimensions
/// are no contradiction: they are equal or 1 at run time, so the larger one bounds the result.
pub(super) fn broadcast_of(values: &[&Value]) -> Inferred<Vec<u64>> {
    let shapes: Vec<&[u64]> = values.iter().map(|value| value.dims.as_slice()).collect();
    let together = broadcast(&shapes);
    if together.is_ok() || !values.iter().any(|value| value.is_upper()) {
        return together;
    }
    let rank = shapes.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let largest = |axis: usize| {
        let from_end = rank - axis;
        let along = shapes.iter().filter_map(|dims| Some(dims[dims.len().checked_sub(from_end)?]));
        along.max().unwrap_or(1)
    };
    Ok((0..rank).map(largest).collect())
}

/// The upper bound of two tensors, one of which is chosen at run time: the larger dimension along each axis.
/// None if their types or ranks differ.
pub(super) fn either(left: &Value, right: &Value) -> Option<Value> {
    if left.data_type != right.data_type || left.rank() != right.rank() {
        return None;
    }
    let differ = collected(left.dims.iter().zip(&right.dims).map(|(left, right)| left != right));
    let dims: Vec<u64> = left.dims.iter().zip(&right.dims).map(|(left, right)| *left.max(right)).collect();
    let value = Value { dims, ..left.like(left.data_type) };
    Some(value.at_most_along(differ | left.upper() | right.upper()))
}
