//! Sizes that depend on data, where an upper bound follows from the inputs.
//!
//! An upper bound stands for every shape that is in no dimension larger. A rule, which computes
//! with one shape, computes an upper bound from upper bounds if its operator's output grows with
//! its inputs, or stays as it is. Only the operators named here are trusted to do so.

use super::call::{Call, Slot};
use super::value::{Told, Value, axes, axis, broadcast};
use crate::error::short;

/// Operators whose outputs do not become smaller in any dimension when an input becomes larger in one.
/// The rules of `Reshape`, `Slice` and `Split` see to that themselves.
#[rustfmt::skip]
const GROWING: &[&str] = &[
    "ArgMax", "ArgMin", "AveragePool", "BatchNormalization", "Compress", "Concat", "DynamicQuantizeLinear",
    "Expand", "Flatten", "GRU", "GatherElements", "GatherND", "Gemm", "GlobalAveragePool", "GlobalLpPool",
    "GlobalMaxPool", "LSTM", "LayerNormalization", "LpPool", "MatMul", "MatMulInteger", "MaxPool", "MaxRoiPool",
    "NonMaxSuppression", "NonZero", "OneHot", "Pad", "QLinearAdd", "QLinearMatMul", "QLinearMul",
    "RMSNormalization", "RNN", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Reshape", "RoiAlign",
    "SimplifiedLayerNormalization", "Split", "Tile", "TopK", "Unique", "Upsample",
];

/// The same, but only in the first input: a larger kernel has fewer places.
const GROWING_IN_THE_FIRST: &[&str] = &["Conv", "ConvInteger", "QLinearConv"];

/// Outputs of the shape of the first input.
#[rustfmt::skip]
const SAME: &[&str] = &[
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

/// Outputs of the shape to which all inputs are broadcast.
#[rustfmt::skip]
const BROADCAST: &[&str] = &[
    "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater",
    "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Sum",
    "Where", "Xor",
];

/// The outputs of a node, where one of its inputs may be an upper bound.
pub(super) fn of(call: &Call, outputs: Vec<Value>) -> Told<Vec<Value>> {
    let bounded = |slot: &Slot| matches!(slot, Slot::Known(value) if value.is_upper());
    let Some(number) = call.inputs.iter().position(bounded) else { return Ok(outputs) };
    let op_type = call.node.op_type();
    if matches!(op_type, "Shape" | "Size") {
        // Of known shape, with numbers that are not known.
        return Ok(outputs.into_iter().map(|value| value.like(value.data_type)).collect());
    }
    if let Some(upper) = axes_of(call, number)? {
        let bounded = |value: Value| {
            let own = value.upper();
            value.at_most_along(upper | own)
        };
        return Ok(outputs.into_iter().map(bounded).collect());
    }
    let name = call.node.input().get(number).unwrap_or("");
    Err(format!(
        "the size of its input `{}` depends on data, and that of its output does not follow from the upper bound",
        short(name)
    ))
}

/// Axes of the outputs along which the dimensions are upper bounds; none if no bound follows. `number` is
/// the first bounded input.
fn axes_of(call: &Call, number: usize) -> Told<Option<u32>> {
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
        // Without a list of axes, those of size 1 go, and a bound does not tell which these are.
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
        // How long an index is decides on the rank.
        "GatherND" => {
            let indices = call.input(1)?;
            let last = indices.rank().saturating_sub(1);
            (indices.upper() >> last & 1 == 0).then_some(u32::MAX)
        }
        _ if SAME.contains(&op_type) => Some(if number == 0 { first.upper() } else { 0 }),
        _ if BROADCAST.contains(&op_type) => Some(broadcast_axes(&call.all()?)),
        _ if GROWING.contains(&op_type) || (number == 0 && GROWING_IN_THE_FIRST.contains(&op_type)) => {
            Some(u32::MAX)
        }
        _ => None,
    })
}

fn collected(axes: impl Iterator<Item = bool>) -> u32 {
    axes.take(32).enumerate().fold(0, |all, (axis, is_upper)| all | u32::from(is_upper) << axis)
}

fn broadcast_axes(values: &[&Value]) -> u32 {
    let rank = values.iter().map(|value| value.rank()).max().unwrap_or(0);
    values
        .iter()
        .fold(0, |all, value| all | value.upper().checked_shl((rank - value.rank()) as u32).unwrap_or(0))
}

/// As [`broadcast`]. Where a shape is an upper bound, two different dimensions do not contradict each
/// other, and the larger one bounds both.
pub(super) fn broadcast_of(values: &[&Value]) -> Told<Vec<u64>> {
    let shapes: Vec<&[u64]> = values.iter().map(|value| value.dims.as_slice()).collect();
    let together = broadcast(&shapes);
    if together.is_ok() || !values.iter().any(|value| value.is_upper()) {
        return together;
    }
    let rank = shapes.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let largest = |axis: usize| {
        let from_end = rank - axis;
        let own = shapes.iter().filter_map(|dims| Some(dims[dims.len().checked_sub(from_end)?]));
        own.max().unwrap_or(1)
    };
    Ok((0..rank).map(largest).collect())
}

/// The upper bound of two shapes, one of which data chooses: the larger dimension along each axis.
pub(super) fn either(one: &Value, other: &Value) -> Option<Value> {
    if one.data_type != other.data_type || one.rank() != other.rank() {
        return None;
    }
    let differ = collected(one.dims.iter().zip(&other.dims).map(|(one, other)| one != other));
    let dims: Vec<u64> = one.dims.iter().zip(&other.dims).map(|(one, other)| *one.max(other)).collect();
    let value = Value { dims, ..one.like(one.data_type) };
    Some(value.at_most_along(differ | one.upper() | other.upper()))
}
