//! Table of operators with an access map, and the rules that need no windows.

use super::node::{NodeFacts, axes, axis};
use super::windows;
use crate::graph::{Outside, RowMap, TileAxis};
use crate::import::access::{
    MatrixProduct, blocks_to_depth, concatenation, depth_to_blocks, joined, kept, matrix_product, padded,
    permuted, reshaped, sliced, split,
};

/// The cost of an output element, and the axes by position in the file.
pub(super) type Stated = (u64, Vec<TileAxis>);

/// The access map of a node; none for operators without a rule, and for nodes that a rule does not understand.
pub(super) fn access(facts: &NodeFacts<'_>) -> Option<Stated> {
    match facts.node.domain() {
        "" | "ai.onnx" => standard(facts),
        "com.microsoft" => runtime(facts),
        _ => None,
    }
}

#[rustfmt::skip]
fn standard(facts: &NodeFacts<'_>) -> Option<Stated> {
    let stated = match facts.node.op_type() {
        "Abs" | "Acos" | "Acosh" | "Asin" | "Asinh" | "Atan" | "Atanh" | "Cast" | "Ceil" | "Celu" | "Cos" | "Cosh"
        | "Elu" | "Erf" | "Exp" | "Floor" | "Gelu" | "HardSigmoid" | "HardSwish" | "Identity" | "IsInf" | "IsNaN"
        | "LeakyRelu" | "Log" | "Mish" | "Neg" | "Not" | "Reciprocal" | "Relu" | "Round" | "Selu" | "Shrink"
        | "Sigmoid" | "Sign" | "Sin" | "Sinh" | "Softplus" | "Softsign" | "Sqrt" | "Swish" | "Tan" | "Tanh"
        | "ThresholdedRelu" | "BitwiseNot" | "CastLike" | "Clip" | "Expand" => facts.shapes.elementwise([0]),
        "Add" | "And" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "Div" | "Equal" | "Greater"
        | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Mod" | "Mul" | "Or" | "PRelu" | "Pow" | "Sub" | "Xor" =>
            binary(facts)?,
        "Max" | "Mean" | "Min" | "Sum" | "Where" => facts.shapes.elementwise(0..facts.shapes.inputs.len()),
        "Dropout" => dropout(facts)?,
        "BatchNormalization" => batch_normalization(facts)?,
        "InstanceNormalization" => by_channel(facts, [1, 2], |axis| axis < 2)?,
        "GroupNormalization" => facts.shapes.broadcast_along(|axis| axis == 0, [0]),
        "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization" => {
            let begin = facts.axis(-1, facts.rank()?)?;
            facts.shapes.broadcast_along(|axis| axis < begin, 0..3)
        }
        "MeanVarianceNormalization" => {
            let gone = axes(facts.ints("axes").unwrap_or(&[0, 2, 3]), facts.rank()?)?;
            facts.shapes.broadcast_along(|axis| !gone.contains(&axis), [0])
        }
        "LpNormalization" | "TopK" => without_axis(facts, -1)?,
        "LRN" => facts.shapes.broadcast_along(|axis| axis != 1, [0]),
        "Softmax" | "LogSoftmax" | "Hardmax" => softmax(facts)?,
        "CumSum" | "CumProd" => {
            let &[along] = facts.integers(1)? else { return None };
            let along = axis(along, facts.rank()?)?;
            facts.shapes.broadcast_along(|axis| axis != along, [0])
        }
        "QuantizeLinear" | "DequantizeLinear" => quantized(facts)?,

        "Conv" => return windows::conv(facts, [1, 2], None),
        "ConvInteger" => return windows::conv(facts, [1, usize::MAX], None),
        "QLinearConv" => return windows::conv(facts, [3, 8], None),
        "ConvTranspose" => return windows::conv_transpose(facts),
        "AveragePool" | "LpPool" | "MaxPool" => return windows::pool(facts),
        "Resize" | "Upsample" => return windows::resize(facts),
        "GlobalAveragePool" | "GlobalLpPool" | "GlobalMaxPool" => kept(&facts.shapes, 0, |axis| (axis < 2).then_some(axis)),
        "MatMul" | "MatMulInteger" => return product(facts, [0, 1], [false; 2], None),
        "QLinearMatMul" => return product(facts, [0, 3], [false; 2], None),
        "Gemm" => {
            let swapped = ["transA", "transB"].map(|name| facts.int(name, 0) != 0);
            return product(facts, [0, 1], swapped, Some(2));
        }

        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => reshaped(&facts.shapes),
        "Transpose" => transpose(facts)?,
        "Concat" => {
            let all: Vec<usize> = (0..facts.shapes.inputs.len()).collect();
            concatenation(&facts.shapes, facts.axis(1, facts.rank()?)?, &all)
        }
        "Split" => split(&facts.shapes, facts.axis(0, facts.rank()?)?, 0),
        "Slice" => slice(facts)?,
        "Pad" => pad(facts)?,
        "Tile" => tile(facts)?,
        "Gather" => gather(facts)?,
        "GatherElements" => {
            let along = facts.axis(0, facts.rank()?)?;
            facts.shapes.broadcast_along(|axis| axis != along, [0, 1])
        }
        "GridSample" => kept(&facts.shapes, 1, |axis| match axis { 0 | 1 => None, axis => Some(axis - 1) }),
        "DepthToSpace" | "SpaceToDepth" => blocks(facts)?,

        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean" | "ReduceMin"
        | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" => reduce(facts)?,
        "ArgMax" | "ArgMin" => reduced(facts, &[facts.axis(0, facts.rank()?)?]),
        _ => return None,
    };
    Some((1, stated))
}

/// Operators of ONNX Runtime.
fn runtime(facts: &NodeFacts<'_>) -> Option<Stated> {
    let stated = match facts.node.op_type() {
        "Gelu" | "QuickGelu" | "QLinearLeakyRelu" | "QLinearSigmoid" => facts.shapes.elementwise([0]),
        "BiasAdd" | "BiasGelu" | "FastGelu" => facts.shapes.elementwise([0, 1]),
        "QLinearAdd" | "QLinearMul" => facts.shapes.elementwise([0, 3]),
        "QuantizeLinear" | "DequantizeLinear" => quantized(facts)?,
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => {
            let last = facts.rank()?.checked_sub(1)?;
            facts.shapes.broadcast_along(|axis| axis != last, [0, 1])
        }
        "FusedConv" => return windows::conv(facts, [1, 2], Some(3)),
        "QLinearConv" => return windows::conv(facts, [3, 8], None),
        "QLinearAveragePool" => return windows::pool(facts),
        "QLinearGlobalAveragePool" if facts.int("channels_last", 0) == 0 => {
            kept(&facts.shapes, 0, |axis| (axis < 2).then_some(axis))
        }
        "QLinearConcat" => {
            let all: Vec<usize> = (2..facts.shapes.inputs.len()).step_by(3).collect();
            concatenation(&facts.shapes, facts.axis(1, facts.input(2)?.len())?, &all)
        }
        "FusedGemm" => {
            let swapped = ["transA", "transB"].map(|name| facts.int(name, 0) != 0);
            return product(facts, [0, 1], swapped, Some(2));
        }
        _ => return None,
    };
    Some((1, stated))
}

/// Two operands that broadcast. Before version 7, the attribute `axis` could align the second one elsewhere: it then
/// counts as read as a whole.
fn binary(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let is_aligned = facts.version >= 7 || facts.input(0)?.len() == facts.input(1)?.len();
    Some(facts.shapes.elementwise(if is_aligned { 0..2 } else { 0..1 }))
}

/// `Dropout`, unless it may be in training mode: there, elements depend on random numbers.
fn dropout(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let may_train = match facts.version {
        ..7 => facts.int("is_test", 0) == 0,
        7..12 => false,
        _ => facts.has(2),
    };
    (!may_train).then(|| facts.shapes.elementwise([0]))
}

/// `BatchNormalization`, unless it computes statistics of the batch.
fn batch_normalization(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let trains = match facts.version {
        ..7 => facts.int("is_test", 0) == 0,
        _ => facts.int("training_mode", 0) != 0,
    };
    if trains || facts.has_output(1) {
        return None;
    }
    by_channel(facts, [1, 2, 3, 4], |_| true)
}

/// An operator with parameters for each channel, along some axes.
fn by_channel<const N: usize>(
    facts: &NodeFacts<'_>,
    parameters: [usize; N],
    is_split: impl Fn(usize) -> bool,
) -> Option<Vec<TileAxis>> {
    let rank = facts.rank()?;
    let axes = facts.shapes.order(rank).into_iter().filter(|&axis| is_split(axis)).map(|axis| {
        let rows = parameters.iter().filter(|_| axis == 1).map(|&input| (input, 0, RowMap::SAME));
        facts.shapes.axis(axis, rows.chain([(0, axis, RowMap::SAME)]))
    });
    Some(axes.collect())
}

/// Operators that read whole rows along the attribute `axis`, which is `default` if absent.
fn without_axis(facts: &NodeFacts<'_>, default: i64) -> Option<Vec<TileAxis>> {
    let along = facts.axis(default, facts.rank()?)?;
    Some(kept(&facts.shapes, 0, |axis| (axis != along).then_some(axis)))
}

/// `Softmax` and its relatives. Before version 13, all axes from `axis` on are one row.
fn softmax(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    if facts.version >= 13 {
        return without_axis(facts, -1);
    }
    let begin = facts.axis(1, facts.rank()?)?;
    Some(facts.shapes.broadcast_along(|axis| axis < begin, [0]))
}

/// Quantization: scales and zero points are one number, one for each row of an axis, or one for each block of rows.
fn quantized(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let (shape, scale) = (facts.input(0)?, facts.input(1)?);
    let block = facts.int("block_size", 0);
    if scale.iter().all(|&dim| dim == 1) || block == 0 && scale.len() == 1 {
        let along = if scale.iter().all(|&dim| dim == 1) { None } else { Some(facts.axis(1, shape.len())?) };
        let parameters = |axis: usize| {
            [1, 2].into_iter().filter(move |_| Some(axis) == along).map(|input| (input, 0, RowMap::SAME))
        };
        let axes = facts.shapes.order(shape.len()).into_iter();
        let rows = |axis: usize| parameters(axis).chain([(0, axis, RowMap::SAME)]);
        return Some(axes.map(|axis| facts.shapes.axis(axis, rows(axis))).collect());
    }
    // Blocks: the parameters of the other axes are those of the same rows.
    let along = facts.axis(1, shape.len())?;
    let (is_blocked, same_rank) = (block > 0, scale.len() == shape.len());
    (is_blocked && same_rank).then(|| facts.shapes.broadcast_along(|axis| axis != along, 0..3))
}

fn product(
    facts: &NodeFacts<'_>,
    operands: [usize; 2],
    swapped: [bool; 2],
    sum: Option<usize>,
) -> Option<Stated> {
    matrix_product(&facts.shapes, &MatrixProduct { operands, swapped, sum })
}

fn transpose(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let rank = facts.rank()?;
    let order = match facts.ints("perm") {
        Some(order) => axes(order, rank)?,
        None => (0..rank).rev().collect(),
    };
    Some(permuted(&facts.shapes, &order))
}

fn slice(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let shape = facts.input(0)?;
    let starts = facts.integers_or(1, "starts");
    let listed = facts.integers_or(3, "axes")?;
    let steps = facts.integers_or(4, "steps")?;
    let along = match starts {
        _ if !listed.is_empty() => axes(listed, shape.len())?,
        Some(starts) => (0..starts.len()).collect(),
        None => return None,
    };
    let mut ranges = vec![Some((0, 1)); shape.len()];
    for (entry, axis) in along.into_iter().enumerate() {
        *ranges.get_mut(axis)? = starts.and_then(|starts| {
            let (start, dim) = (*starts.get(entry)?, i64::try_from(shape[axis]).ok()?);
            let step = if steps.is_empty() { 1 } else { *steps.get(entry)? };
            let start = if start < 0 { start.saturating_add(dim) } else { start };
            Some((start.clamp(0, dim).unsigned_abs(), u64::try_from(step).ok()?))
        });
    }
    Some(sliced(&facts.shapes, &ranges))
}

/// `Pad`: with a constant or with the nearest row. Other modes read rows in descending order.
fn pad(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let rank = facts.rank()?;
    let name = if facts.version < 2 { "paddings" } else { "pads" };
    let pads = if facts.version < 11 { facts.ints(name)? } else { facts.integers(1)? };
    let outside = match facts.text("mode", "constant")? {
        "constant" => Some(Outside::Padding),
        "edge" => Some(Outside::Edge),
        _ => None,
    };
    let along: Vec<usize> = if facts.has(3) { axes(facts.integers(3)?, rank)? } else { (0..rank).collect() };
    if pads.len() != 2 * along.len() {
        return None;
    }
    let mut by_axis = vec![Some((0, Outside::Padding)); rank];
    for (entry, &axis) in along.iter().enumerate() {
        let (before, after) = (pads[entry], pads[entry + along.len()]);
        // Rows that are cut off are no longer there to be repeated.
        let plain = before <= 0 && after <= 0;
        by_axis[axis] = match outside {
            _ if plain => Some((before, Outside::Padding)),
            Some(Outside::Edge) if before < 0 || after < 0 => None,
            outside => outside.map(|outside| (before, outside)),
        };
    }
    Some(padded(&facts.shapes, &by_axis))
}

/// `Tile`: the axes that are not repeated.
fn tile(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let repeats = facts.integers(1)?;
    Some(kept(&facts.shapes, 0, |axis| (repeats.get(axis) == Some(&1)).then_some(axis)))
}

/// `Gather`: the axes of the data other than the gathered one, and the axes of the indices.
fn gather(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let (rank, indices) = (facts.rank()?, facts.input(1)?.len());
    let along = facts.axis(0, rank)?;
    let output = facts.output()?.len();
    let axes = facts.shapes.order(output).into_iter().map(|axis| {
        let source = match axis {
            _ if axis < along => (0, axis),
            _ if axis < along + indices => (1, axis - along),
            _ => (0, axis + 1 - indices),
        };
        facts.shapes.axis(axis, [(source.0, source.1, RowMap::SAME)])
    });
    Some(axes.collect())
}

/// `DepthToSpace` and `SpaceToDepth`: height, width and batch.
fn blocks(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let block = u64::try_from(facts.attribute("blocksize")?.i).ok().filter(|&block| block > 0)?;
    let map = match facts.node.op_type() {
        "DepthToSpace" => depth_to_blocks(block, 0),
        _ => blocks_to_depth(block, 0),
    };
    Some(joined(&facts.shapes, [(2, map), (3, map), (0, Some(RowMap::SAME))]))
}

/// Reductions: the axes that are not reduced.
fn reduce(facts: &NodeFacts<'_>) -> Option<Vec<TileAxis>> {
    let rank = facts.rank()?;
    let gone = match facts.integers_or(1, "axes")? {
        numbers if !numbers.is_empty() => axes(numbers, rank)?,
        _ if facts.int("noop_with_empty_axes", 0) != 0 => Vec::new(),
        _ => return Some(Vec::new()),
    };
    Some(reduced(facts, &gone))
}

/// The axes of the output that remain when the axes `gone` are reduced.
fn reduced(facts: &NodeFacts<'_>, gone: &[usize]) -> Vec<TileAxis> {
    let rank = facts.input(0).map_or(0, <[u64]>::len);
    let remaining: Vec<usize> = (0..rank).filter(|axis| !gone.contains(axis)).collect();
    let keeps = facts.int("keepdims", 1) != 0;
    kept(&facts.shapes, 0, |axis| {
        if keeps { remaining.contains(&axis).then_some(axis) } else { remaining.get(axis).copied() }
    })
}
