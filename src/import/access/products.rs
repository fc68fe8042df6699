//! Convolutions, pooling and matrix products.

use super::{AccessWindow, InputRows, OperatorShapes, row_map};
use crate::graph::{Outside, RowMap, TileAxis};

/// A convolution, by positions of inputs in the file and by axes.
pub(in crate::import) struct ConvolutionAccess<'w> {
    pub(in crate::import) input: usize,
    pub(in crate::import) weights: usize,
    pub(in crate::import) bias: usize,
    /// The axis of the weights that has an entry for each output channel; none if groups share entries.
    pub(in crate::import) filters: Option<usize>,
    /// By spatial axis.
    pub(in crate::import) windows: &'w [AccessWindow],
    /// Channels of the input and of the output in each group, if there are several groups.
    pub(in crate::import) group: Option<[u64; 2]>,
    pub(in crate::import) is_transposed: bool,
    /// An input that is added to each output.
    pub(in crate::import) sum: Option<usize>,
}

/// The axes of a convolution: spatial ones, batch, output channels.
pub(in crate::import) fn convolution(
    shapes: &OperatorShapes<'_>,
    of: &ConvolutionAccess<'_>,
) -> Vec<TileAxis> {
    let rank = of.windows.len() + 2;
    if [shapes.input(of.input), shapes.output()]
        .iter()
        .any(|shape| shape.is_none_or(|dims| dims.len() != rank))
    {
        return Vec::new();
    }
    let first = if shapes.channels_last { 1 } else { 2 };
    let channels = if shapes.channels_last { rank - 1 } else { 1 };
    let axis = |at: usize, rows: Vec<InputRows>| {
        shapes.axis(at, rows.into_iter().chain(shapes.broadcast(at, of.sum)))
    };
    let spatial = of.windows.iter().enumerate().filter_map(|(number, window)| {
        let rows = if of.is_transposed { window.transposed_rows() } else { window.rows() };
        Some(axis(first + number, vec![(of.input, first + number, rows?)]))
    });
    let batch = axis(0, vec![(of.input, 0, RowMap::SAME)]);
    let mut rows = vec![(of.bias, 0, RowMap::SAME)];
    rows.extend(of.filters.map(|filters| (of.weights, filters, RowMap::SAME)));
    rows.extend(of.group.and_then(channels_of_group).map(|map| (of.input, channels, map)));
    spatial.chain([batch, axis(channels, rows)]).collect()
}

/// The input channels that an output channel reads, if a group has one channel of input or output.
fn channels_of_group([inputs, outputs]: [u64; 2]) -> Option<RowMap> {
    let (inputs, outputs) = (i128::from(inputs), i128::from(outputs));
    if inputs != 1 && outputs != 1 {
        return None;
    }
    row_map([inputs, outputs], [0, inputs - 1], Outside::Padding)
}

/// The axes of pooling over `windows`: spatial ones, batch, channels.
pub(in crate::import) fn pooling(shapes: &OperatorShapes<'_>, windows: &[AccessWindow]) -> Vec<TileAxis> {
    let rank = windows.len() + 2;
    if [shapes.input(0), shapes.output()].iter().any(|shape| shape.is_none_or(|dims| dims.len() != rank)) {
        return Vec::new();
    }
    let (first, channels) = if shapes.channels_last { (1, rank - 1) } else { (2, 1) };
    let spatial = windows.iter().enumerate().filter_map(|(number, window)| {
        Some(shapes.axis(first + number, [(0, first + number, window.rows()?)]))
    });
    let others = [0, channels].map(|axis| shapes.axis(axis, [(0, axis, RowMap::SAME)]));
    spatial.chain(others).collect()
}

/// A product of matrices, which are the last two axes of the operands.
pub(in crate::import) struct MatrixProduct {
    /// Positions of the operands.
    pub(in crate::import) operands: [usize; 2],
    /// True for operands whose last two axes are swapped.
    pub(in crate::import) swapped: [bool; 2],
    /// A further input, which broadcasts to the output.
    pub(in crate::import) sum: Option<usize>,
}

/// The axes of a matrix product: rows of the left operand, batches, columns of the right operand. Also returns the
/// inner dimension.
pub(in crate::import) fn matrix_product(
    shapes: &OperatorShapes<'_>,
    of: &MatrixProduct,
) -> Option<(u64, Vec<TileAxis>)> {
    let [left, right] = of.operands;
    let (left_shape, right_shape, output) = (shapes.input(left)?, shapes.input(right)?, shapes.output()?);
    // An operand with one axis is a vector: the output lacks the axis of its rows.
    let [left_is_matrix, right_is_matrix] = [left_shape, right_shape].map(|shape| shape.len() > 1);
    let matrix_axes = usize::from(left_is_matrix) + usize::from(right_is_matrix);
    let batches = output.len().checked_sub(matrix_axes)?;
    let sum = |at: usize| shapes.broadcast(at, of.sum);
    let mut split = Vec::new();
    if left_is_matrix {
        let row_axis = left_shape.len() - if of.swapped[0] { 1 } else { 2 };
        split.push(shapes.axis(batches, sum(batches).into_iter().chain([(left, row_axis, RowMap::SAME)])));
    }
    for (at, &rows) in output[..batches].iter().enumerate() {
        let of_operand = |operand: usize, shape: &[u64]| {
            let own = shape.len().checked_sub(2)?;
            let axis = at.checked_sub(batches.checked_sub(own)?)?;
            (shape[axis] == rows).then_some((operand, axis, RowMap::SAME))
        };
        let operands = [of_operand(left, left_shape), of_operand(right, right_shape)];
        split.push(shapes.axis(at, operands.into_iter().flatten().chain(sum(at))));
    }
    if right_is_matrix {
        let (at, axis) = (output.len() - 1, right_shape.len() - if of.swapped[1] { 2 } else { 1 });
        split.push(shapes.axis(at, sum(at).into_iter().chain([(right, axis, RowMap::SAME)])));
    }
    let inner = left_shape.len().checked_sub(if left_is_matrix && of.swapped[0] { 2 } else { 1 })?;
    Some((left_shape[inner], split))
}
