//! Windows of convolutions and pooling along all spatial axes.

use super::node::TileNode;
use crate::{AccessMap, Graph, OperatorId, RowMap};

/// The window of an operator along an axis.
#[derive(Clone, Copy)]
pub(super) struct SpatialWindow {
    pub(super) stride: i64,
    /// Number of rows from the first to the last one that an output row reads.
    pub(super) reach: i64,
    pub(super) before: i64,
    /// Padding after the last row with which the output has its rows without rounding up; negative if rows are left
    /// over.
    pub(super) after: i64,
    /// Rows of the input.
    pub(super) input: i64,
}

/// The windows of a convolution or pooling, by spatial axis; none if they cannot be stated by `pads`.
pub(super) fn windows(
    graph: &Graph,
    id: OperatorId,
    node: &TileNode<'_>,
    access: &AccessMap,
) -> Option<Vec<SpatialWindow>> {
    let operator = graph.operator(id);
    let shape = |tensor| graph.tensor(tensor).shape();
    let (input, output) = (shape(*operator.inputs().first()?)?, shape(*operator.outputs().first()?)?);
    let kernel = kernel(graph, id, node)?;
    let dilations = node.ints("dilations", kernel.len(), 1)?;
    if input.len() != kernel.len() + 2 || output.len() != input.len() {
        return None;
    }
    let window = |at: usize| -> Option<SpatialWindow> {
        let [input, output] = [input, output].map(|shape| i64::try_from(shape[at + 2]).ok());
        let (input, output) = (input?, output?);
        let reach = (kernel[at] - 1).checked_mul(dilations[at])?.checked_add(1)?;
        let (stride, before) = if output == 1 && input == 1 && reach == 1 {
            (1, 0)
        } else {
            along(access, at + 2, node, reach)?
        };
        let after = (output - 1) * stride + reach - before - input;
        (after > -stride).then_some(SpatialWindow { stride, reach, before, after, input })
    };
    let windows: Vec<SpatialWindow> = (0..kernel.len()).map(window).collect::<Option<_>>()?;
    is_expressible(node, &kernel, &windows).then_some(windows)
}

/// Stride and padding before the first row along an axis. The padding is ambiguous if the map has more rows than the
/// window.
fn along(access: &AccessMap, axis: usize, node: &TileNode<'_>, reach: i64) -> Option<(i64, i64)> {
    let Some(axis) = access.axes().iter().find(|entry| entry.outputs().first() == Some(&axis)) else {
        // Axes with one row have no map.
        let spatial = axis - 2;
        let rank = node.attribute("pads").map_or(0, |pads| pads.ints.len() / 2);
        let is_named = !matches!(node.text("auto_pad", "NOTSET"), b"NOTSET" | b"" | b"VALID");
        let pads = node.ints("pads", 2 * rank, 0)?;
        let stride = node.attribute("strides").and_then(|strides| strides.ints.get(spatial).copied());
        return (!is_named).then(|| (stride.unwrap_or(1), pads.get(spatial).copied().unwrap_or(0)));
    };
    let (own, map): (usize, RowMap) = axis.inputs().first().copied().flatten()?;
    let (stride, denominator, first, last) = map.numbers();
    let is_exact = denominator == 1 && stride > 0 && last - first + 1 == reach && first <= 0;
    (is_exact && axis.outputs() == [own]).then_some((i64::from(stride), -first))
}

/// The extent of the window, without dilation.
fn kernel(graph: &Graph, id: OperatorId, node: &TileNode<'_>) -> Option<Vec<i64>> {
    let weights = match node.op_type {
        "Conv" | "FusedConv" | "ConvInteger" | "ConvTranspose" => 1,
        "QLinearConv" => 3,
        _ => return node.attribute("kernel_shape").map(|attribute| attribute.ints.clone()),
    };
    let name = *node.inputs.get(weights)?;
    let mut inputs = graph.operator(id).inputs().iter().map(|&input| graph.tensor(input));
    let shape = inputs.find(|tensor| tensor.name() == name)?.shape()?;
    shape.get(2..)?.iter().map(|&dim| i64::try_from(dim).ok()).collect()
}

/// True if an operator computes the same with these windows as `pads` and without rounding up.
fn is_expressible(node: &TileNode<'_>, kernel: &[i64], windows: &[SpatialWindow]) -> bool {
    if !node.op_type.contains("Pool") {
        return true;
    }
    // Runtimes refuse padding of a whole window.
    let fits =
        windows.iter().zip(kernel).all(|(window, &kernel)| window.before < kernel && window.after < kernel);
    // Rows beyond the padding do not count, while rows of padding may.
    let counts = node.int("count_include_pad", 0) != 0 && node.int("ceil_mode", 0) != 0;
    let ends = node.ints("pads", 2 * windows.len(), 0);
    let is_within = ends.is_some_and(|pads| {
        windows.iter().zip(&pads[windows.len()..]).all(|(window, &end)| window.after <= end)
    });
    fits && (!counts || is_within)
}
