//! Access maps of operators, from their options, the shapes of their tensors, and constants.

use super::operator_types;
use super::operators::Read;
use super::options::Options;
use super::rules::call::OperatorCall;
use super::rules::fact::TensorFact;
use super::rules::strided;
use super::schema::{Operator, SubGraph};
use crate::graph::{ElementType, GraphBuilder, Outside, RowMap, TileAxis};
use crate::import::access::{
    AccessMaps, AccessWindow, ConvolutionAccess, Coordinates, Interpolation, MatrixProduct, OperatorShapes,
    Resampling, Rounding, Scale, blocks_to_depth, concatenation, convolution, depth_to_blocks, flattened,
    has_small_ranks, is_small, joined, kept, matrix_product, packed, padded, permuted, pooling, resampled,
    reshaped, same_padding, selected, sliced, split,
};
use crate::import::dims::axis;
use crate::support::ids::OperatorId;

/// The cost of an output element, and the axes by position in the file.
type Stated = (u64, Vec<TileAxis>);

/// States the access maps of the operators of a subgraph.
pub(super) struct OperatorAccess<'a, 'f> {
    bytes: &'a [u8],
    facts: &'f [TensorFact<'a>],
    operators: Vec<Operator<'a>>,
    maps: AccessMaps,
}

impl<'a, 'f> OperatorAccess<'a, 'f> {
    /// `bytes` are the tables of the file.
    pub(super) fn new(bytes: &'a [u8], subgraph: SubGraph<'a>, facts: &'f [TensorFact<'a>]) -> Self {
        let operators = subgraph.operators().into_iter().flatten().collect();
        Self { bytes, facts, operators, maps: AccessMaps::default() }
    }

    /// States the access map of an operator, if its meaning is known.
    pub(super) fn state(&mut self, builder: &mut GraphBuilder, id: OperatorId, read: &Read, number: usize) {
        let Some(&operator) = self.operators.get(number) else { return };
        let listed = operator.inputs().map_or(0, |inputs| inputs.len());
        if !is_small(listed, read.outputs.len()) {
            return;
        }
        let known = |id: i32| usize::try_from(id).ok().filter(|&id| id < self.facts.len());
        let inputs: Vec<Option<usize>> = operator.inputs().into_iter().flatten().map(known).collect();
        let shape = |id: usize| self.facts[id].dims.as_deref().filter(|_| !self.facts[id].upper);
        let shapes = OperatorShapes {
            inputs: inputs.iter().map(|id| shape((*id)?)).collect(),
            outputs: read.outputs.iter().map(|id| shape(id.index())).collect(),
            channels_last: true,
        };
        let present: Vec<bool> = inputs.iter().map(Option::is_some).collect();
        if shapes.outputs.iter().any(Option::is_none) || !has_small_ranks(&shapes) {
            return;
        }
        let facts = self.facts;
        let call = OperatorCall {
            facts,
            inputs,
            output_count: read.outputs.len(),
            declared: None,
            options: Options { operator, bytes: self.bytes, fields: operator_types::options(&read.op_type) },
        };
        if let Some(stated) = access(&read.op_type, &call, &shapes) {
            let all = vec![true; read.outputs.len()];
            self.maps.state(builder, id, stated, [&present, &all]);
        }
    }
}

/// The access map of an operator; none for operators without a rule, and for those that a rule does not understand.
#[rustfmt::skip]
fn access(op_type: &str, call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>) -> Option<Stated> {
    let axes = match op_type {
        "ABS" | "BUCKETIZE" | "CAST" | "CEIL" | "COS" | "DEQUANTIZE" | "ELU" | "EXP" | "FAKE_QUANT" | "FLOOR" | "GELU"
        | "HARD_SWISH" | "LEAKY_RELU" | "LOG" | "LOGICAL_NOT" | "LOGISTIC" | "NEG" | "QUANTIZE" | "RELU" | "RELU6"
        | "RELU_0_TO_1" | "RELU_N1_TO_1" | "ROUND" | "RSQRT" | "SIGN" | "SIN" | "SQRT" | "SQUARE" | "TANH"
        | "BROADCAST_TO" => shapes.elementwise([0]),
        "ADD" | "ATAN2" | "BITWISE_XOR" | "DIV" | "EQUAL" | "FLOOR_DIV" | "FLOOR_MOD" | "GREATER" | "GREATER_EQUAL"
        | "LESS" | "LESS_EQUAL" | "LOGICAL_AND" | "LOGICAL_OR" | "MAXIMUM" | "MINIMUM" | "MUL" | "NOT_EQUAL" | "POW"
        | "PRELU" | "RIGHT_SHIFT" | "SQUARED_DIFFERENCE" | "SUB" => shapes.elementwise([0, 1]),
        "ADD_N" | "SELECT_V2" => shapes.elementwise(0..shapes.inputs.len()),
        // The condition may choose whole rows.
        "SELECT" if shapes.input(0)?.len() == shapes.input(1)?.len() => shapes.elementwise(0..3),
        "SELECT" => shapes.elementwise(1..3),
        "SOFTMAX" | "LOG_SOFTMAX" | "L2_NORMALIZATION" | "LOCAL_RESPONSE_NORMALIZATION" => {
            let last = shapes.output()?.len().checked_sub(1)?;
            shapes.broadcast_along(|axis| axis != last, [0])
        }

        "CONV_2D" | "DEPTHWISE_CONV_2D" | "CONV_3D" => return convolved(op_type, call, shapes),
        "TRANSPOSE_CONV" => return transposed(call, shapes),
        "AVERAGE_POOL_2D" | "L2_POOL_2D" | "MAX_POOL_2D" => pooled(call, shapes)?,
        "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" => resized(op_type, call, shapes),
        "FULLY_CONNECTED" => return fully_connected(shapes),
        "BATCH_MATMUL" => {
            let swapped = [call.options.flag(0), call.options.flag(1)];
            return matrix_product(shapes, &MatrixProduct { operands: [0, 1], swapped, sum: None });
        }

        "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => reshaped(shapes),
        "TRANSPOSE" => {
            let rank = shapes.input(0)?.len();
            let order = call.integers(1).ok()?.into_iter().map(|number| axis(number, rank).ok());
            permuted(shapes, &order.collect::<Option<Vec<_>>>()?)
        }
        "CONCATENATION" => {
            let along = call.axis_option(0, shapes.output()?.len()).ok()?;
            concatenation(shapes, along, &(0..shapes.inputs.len()).collect::<Vec<_>>())
        }
        "SPLIT" => split(shapes, call.axis_at(0, shapes.output()?.len()).ok()?, 1),
        "SPLIT_V" => split(shapes, call.axis_at(2, shapes.output()?.len()).ok()?, 0),
        "PACK" => {
            let along = call.axis_option(1, shapes.output()?.len()).ok()?;
            packed(shapes, along, shapes.inputs.len())
        }
        "UNPACK" => {
            let along = call.axis_option(1, shapes.input(0)?.len()).ok()?;
            kept(shapes, 0, |axis| Some(if axis < along { axis } else { axis + 1 }))
        }
        "SLICE" => {
            let begins = call.integers(1).ok()?;
            sliced(shapes, &begins.into_iter().map(|begin| Some((u64::try_from(begin).ok()?, 1))).collect::<Vec<_>>())
        }
        "STRIDED_SLICE" => selected(shapes, &strided::ranges(call).filter(|ranges| Some(ranges.len()) == rank(shapes))?),
        "PAD" | "PADV2" | "MIRROR_PAD" => pad(op_type, call, shapes)?,
        "TILE" => {
            let times = call.integers(1).ok()?;
            kept(shapes, 0, |axis| (times.get(axis) == Some(&1)).then_some(axis))
        }
        "GATHER" => gather(call, shapes)?,
        "DEPTH_TO_SPACE" => blocks(shapes, depth_to_blocks(block(call)?, 0)),
        "SPACE_TO_DEPTH" => blocks(shapes, blocks_to_depth(block(call)?, 0)),
        "BATCH_TO_SPACE_ND" => batch_blocks(call, shapes, depth_to_blocks)?,
        "SPACE_TO_BATCH_ND" => batch_blocks(call, shapes, blocks_to_depth)?,

        "MEAN" | "REDUCE_ALL" | "REDUCE_ANY" | "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD" | "SUM" => {
            reduced(call, shapes, call.options.flag(0))?
        }
        "ARG_MAX" | "ARG_MIN" => reduced(call, shapes, false)?,
        _ => return None,
    };
    Some((1, axes))
}

fn rank(shapes: &OperatorShapes<'_>) -> Option<usize> {
    Some(shapes.output()?.len())
}

/// The window along a spatial axis of a convolution or pooling; `kernel` is its size if a filter determines it. Padding
/// makes `input` rows into `output` rows.
fn window(
    call: &OperatorCall<'_>,
    axis: usize,
    kernel: Option<u64>,
    [input, output]: [u64; 2],
) -> Option<AccessWindow> {
    let [stride, dilation, size] = call.options.window_along(axis)?;
    let kernel = kernel.or(u64::try_from(size).ok())?;
    let (stride, dilation) = (u64::try_from(stride).ok()?, u64::try_from(dilation).ok()?);
    let mut window = AccessWindow { kernel, stride, dilation, before: [0; 2] };
    if !call.options.has_valid_padding() {
        window.before = [same_padding(&window, input, output)[0]; 2];
    }
    Some(window)
}

fn convolved(op_type: &str, call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>) -> Option<Stated> {
    let (input, weights, output) = (shapes.input(0)?, shapes.input(1)?, shapes.output()?);
    let spatial = call.options.fields.window?.stride.len();
    if [input, weights, output].iter().any(|shape| shape.len() != spatial + 2) {
        return None;
    }
    // The kernel comes after the filters, or first in three dimensions.
    let first = usize::from(op_type != "CONV_3D");
    let kernel = &weights[first..first + spatial];
    let windows = kernel
        .iter()
        .enumerate()
        .map(|(axis, &size)| window(call, axis, Some(size), [input[1 + axis], output[1 + axis]]));
    let windows: Vec<AccessWindow> = windows.collect::<Option<_>>()?;
    let area = kernel.iter().try_fold(1_u64, |all, &dim| all.checked_mul(dim))?;
    let (channels, outputs) = (*input.last()?, *output.last()?);
    let (filters, depth, group) = match op_type {
        "CONV_2D" => {
            let groups = channels.checked_div(weights[3])?;
            (0, weights[3], (groups > 1).then(|| [weights[3], outputs / groups]))
        }
        "DEPTHWISE_CONV_2D" => (3, 1, Some([1, outputs.checked_div(channels)?])),
        _ => (4, channels, None),
    };
    let of = ConvolutionAccess {
        input: 0,
        weights: 1,
        bias: 2,
        filters: Some(filters),
        windows: &windows,
        group,
        is_transposed: false,
        sum: None,
    };
    Some((area.checked_mul(depth)?.max(1), convolution(shapes, &of)))
}

/// `TRANSPOSE_CONV`: output shape, weights, input, bias.
fn transposed(call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>) -> Option<Stated> {
    let (&[filters, rows, columns, _], output) = (shapes.input(1)?, shapes.output()?) else {
        return None;
    };
    let along = |axis, kernel, length: u64| {
        let [stride, ..] = call.options.window_along(axis)?;
        let positions = length.div_ceil(u64::try_from(stride).ok().filter(|&stride| stride > 0)?);
        window(call, axis, Some(kernel), [length, positions])
    };
    let windows = [along(0, rows, *output.get(1)?)?, along(1, columns, *output.get(2)?)?];
    let of = ConvolutionAccess {
        input: 2,
        weights: 1,
        bias: 3,
        filters: Some(0),
        windows: &windows,
        group: None,
        is_transposed: true,
        sum: None,
    };
    let product = |dims: &[u64]| dims.iter().try_fold(1_u128, |all, &dim| all.checked_mul(dim.into()));
    let all = product(shapes.input(2)?)?.checked_mul(product(&[filters, rows, columns])?)?;
    let cost = u64::try_from(all.checked_div(product(output)?)?).ok()?;
    Some((cost.max(1), convolution(shapes, &of)))
}

fn pooled(call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>) -> Option<Vec<TileAxis>> {
    let (&[_, height, width, _], &[_, rows, columns, _]) = (shapes.input(0)?, shapes.output()?) else {
        return None;
    };
    let windows = [window(call, 0, None, [height, rows])?, window(call, 1, None, [width, columns])?];
    Some(pooling(shapes, &windows))
}

/// Resizing of height and width.
fn resized(op_type: &str, call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>) -> Vec<TileAxis> {
    let is_linear = op_type == "RESIZE_BILINEAR";
    let fields = if is_linear { [2, 3] } else { [0, 1] };
    let [corners, centres] = fields.map(|field| call.options.flag(field));
    let is_float = call.input(0).is_some_and(|fact| fact.element_type == Some(ElementType::Float32));
    let coordinates = match (corners, centres) {
        (false, false) => Coordinates::Asymmetric,
        (false, true) if is_linear => Coordinates::HalfPixel,
        (false, true) => Coordinates::HalfPixelForNearest,
        (true, false) => Coordinates::AlignCorners,
        (true, true) => return Vec::new(),
    };
    let interpolation = match (is_linear, corners) {
        (true, _) => Interpolation::Linear,
        (false, true) => Interpolation::Nearest(Rounding::HalfUp),
        (false, false) => Interpolation::Nearest(Rounding::Floor),
    };
    let map = |axis: usize| {
        let (input, output) = (*shapes.input(0)?.get(axis)?, *shapes.output()?.get(axis)?);
        let scale = Scale::of_sizes(input, output, true)?;
        let is_coarse = is_linear && !is_float;
        resampled(&Resampling {
            input,
            output,
            scale,
            coordinates,
            interpolation,
            antialias: false,
            is_coarse,
        })
    };
    joined(shapes, [(1, map(1)), (2, map(2)), (0, Some(RowMap::SAME)), (3, Some(RowMap::SAME))])
}

/// `FULLY_CONNECTED`: rows of as many elements as the weights have columns.
fn fully_connected(shapes: &OperatorShapes<'_>) -> Option<Stated> {
    let (input, &[_, depth], output) = (shapes.input(0)?, shapes.input(1)?, shapes.output()?) else {
        return None;
    };
    let last = output.len().checked_sub(1)?;
    let rows = [&output[..last], &[depth]].concat();
    let axes = shapes.order(output.len()).into_iter().filter_map(|axis| {
        if axis == last {
            return Some(shapes.axis(axis, [(1, 0, RowMap::SAME), (2, 0, RowMap::SAME)]));
        }
        let (own, map) = flattened(input, &rows, axis)?;
        Some(shapes.axis(axis, [(0, own, map)]))
    });
    Some((depth.max(1), axes.collect()))
}

/// Padding with a constant. Mirrored rows come in descending order.
fn pad(op_type: &str, call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>) -> Option<Vec<TileAxis>> {
    let pads = call.integers(1).ok()?;
    let by_axis = pads.chunks(2).map(|pads| {
        let is_plain = op_type != "MIRROR_PAD" || pads.iter().all(|&pad| pad == 0);
        is_plain.then_some((pads[0], Outside::Padding))
    });
    Some(padded(shapes, &by_axis.collect::<Vec<_>>()))
}

/// `GATHER`: the axes of the data other than the gathered one, and those of the indices.
fn gather(call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>) -> Option<Vec<TileAxis>> {
    let (data, indices) = (shapes.input(0)?, shapes.input(1)?);
    let along = call.axis_option(0, data.len()).ok()?;
    let batch = match call.options.number(1, 0) {
        0 => 0,
        number => axis(number.into(), indices.len() + 1).ok()?,
    };
    let new = indices.len().checked_sub(batch)?;
    let axes = shapes.order(rank(shapes)?).into_iter().map(|axis| {
        let own = |input: usize, own: usize| (input, own, RowMap::SAME);
        let rows = match axis {
            _ if axis < batch => vec![own(0, axis), own(1, axis)],
            _ if axis < along => vec![own(0, axis)],
            _ if axis < along + new => vec![own(1, axis - along + batch)],
            _ => vec![own(0, axis + 1 - new)],
        };
        shapes.axis(axis, rows)
    });
    Some(axes.collect())
}

fn block(call: &OperatorCall<'_>) -> Option<u64> {
    u64::try_from(call.options.number(0, 0)).ok().filter(|&block| block > 0)
}

/// Blocks of pixels: height, width and batch.
fn blocks(shapes: &OperatorShapes<'_>, map: Option<RowMap>) -> Vec<TileAxis> {
    joined(shapes, [(1, map), (2, map), (0, Some(RowMap::SAME))])
}

/// Blocks of pixels in the batch: spatial axes by `map` of block and pads, and the axes after them.
fn batch_blocks(
    call: &OperatorCall<'_>,
    shapes: &OperatorShapes<'_>,
    map: fn(u64, u64) -> Option<RowMap>,
) -> Option<Vec<TileAxis>> {
    let (sizes, pads) = (call.target_shape(1).ok()?, call.target_shape(2).ok()?);
    if pads.len() != 2 * sizes.len() || sizes.contains(&0) {
        return None;
    }
    let spatial = sizes.iter().zip(pads.chunks(2)).enumerate();
    let spatial = spatial.map(|(number, (&block, pads))| (1 + number, map(block, pads[0])));
    let others = (1 + sizes.len()..rank(shapes)?).map(|axis| (axis, Some(RowMap::SAME)));
    Some(joined(shapes, spatial.chain(others)))
}

/// Reductions, whose axes are an input: the axes that are not reduced.
fn reduced(call: &OperatorCall<'_>, shapes: &OperatorShapes<'_>, keeps: bool) -> Option<Vec<TileAxis>> {
    let rank = shapes.input(0)?.len();
    let gone = call.integers(1).ok()?.into_iter().map(|number| axis(number, rank).ok());
    let gone: Vec<usize> = gone.collect::<Option<_>>()?;
    let remaining: Vec<usize> = (0..rank).filter(|axis| !gone.contains(axis)).collect();
    Some(kept(shapes, 0, |axis| {
        if keeps { remaining.contains(&axis).then_some(axis) } else { remaining.get(axis).copied() }
    }))
}
