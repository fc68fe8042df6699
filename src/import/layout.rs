//! The memory order of activations of ONNX files, which have channels before the spatial axes.

use super::Layout;
use crate::error::Result;
use crate::graph::{AccessMap, Graph, Operator, TensorKind};
use crate::support::ids::TensorId;
use crate::support::offset_union_find::OffsetUnionFind;

/// Operators whose first input and first output are images: batch, channels, spatial axes.
const IMAGES: [&str; 24] = [
    "AveragePool",
    "BatchNormalization",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "DeformConv",
    "DepthToSpace",
    "FusedConv",
    "GlobalAveragePool",
    "GlobalLpPool",
    "GlobalMaxPool",
    "GridSample",
    "GroupNormalization",
    "InstanceNormalization",
    "LRN",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "QLinearAveragePool",
    "QLinearConv",
    "QLinearGlobalAveragePool",
    "Resize",
    "SpaceToDepth",
    "Upsample",
];

/// Operators whose axes mean something else in the output than in the input.
const OTHER_AXES: [&str; 9] = [
    "Flatten",
    "Gather",
    "MatMul",
    "MatMulInteger",
    "QLinearMatMul",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Sets the memory order of the activations of a graph. Their shapes stay as they are.
///
/// An image is a tensor of at least three axes that a convolution, pooling or the like reads or writes, or that an
/// operator relates to an image axis by axis: elementwise operators, concatenations, slices, normalizations.
pub(super) fn apply(graph: &mut Graph, layout: Layout) -> Result<()> {
    if layout == Layout::AsStored {
        return Ok(());
    }
    for id in images(graph) {
        let rank = graph.tensor(id).shape().map_or(0, <[u64]>::len);
        graph.set_memory_order(id, [0].into_iter().chain(2..rank).chain([1]))?;
    }
    Ok(())
}

/// Activations that are images.
fn images(graph: &Graph) -> Vec<TensorId> {
    let mut related = OffsetUnionFind::new(graph.tensors().len());
    let mut seeds = Vec::new();
    for operator in graph.operators().iter().filter(|operator| !operator.is_folded()) {
        let ends = [operator.inputs().first(), operator.outputs().first()];
        if IMAGES.contains(&operator.op_type()) {
            seeds.extend(ends.into_iter().flatten().copied());
        }
        let Some(&output) = operator.outputs().first() else { continue };
        for &id in related_tensors(graph, operator) {
            related.tie(id, output, 0);
        }
    }
    let mut is_image = vec![false; graph.tensors().len()];
    for id in seeds.into_iter().filter(|&id| has_channels(graph, id)) {
        is_image[related.find(id.index()).0] = true;
    }
    let all = graph.tensor_ids().filter(|&id| has_channels(graph, id));
    all.filter(|id| is_image[related.find(id.index()).0]).collect()
}

fn has_channels(graph: &Graph, id: TensorId) -> bool {
    let tensor = graph.tensor(id);
    tensor.kind() != TensorKind::Constant && tensor.shape().is_some_and(|shape| shape.len() > 2)
}

/// The tensors of an operator whose axes are those of its first output.
fn related_tensors<'g>(graph: &'g Graph, operator: &'g Operator) -> impl Iterator<Item = &'g TensorId> {
    let rank = |id: &TensorId| graph.tensor(*id).shape().map(<[u64]>::len);
    let output = operator.outputs().first().and_then(rank);
    let is_alike =
        move |id: &TensorId| graph.tensor(*id).kind() != TensorKind::Constant && rank(id) == output;
    // Parameters of fewer axes, such as one number for each channel, relate in another way.
    let keeps_axes = |map: &AccessMap| {
        let rows = map.axes().iter().flat_map(|axis| {
            let at = axis.outputs().first().copied();
            axis.inputs().iter().zip(operator.inputs()).map(move |(rows, id)| (at, rows, id))
        });
        let mut own = rows.filter_map(|(at, rows, id)| is_alike(id).then_some((at, rows.as_ref()?.0)));
        own.all(|(at, axis)| at == Some(axis))
    };
    let keeps_axes = !OTHER_AXES.contains(&operator.op_type()) && operator.access().is_some_and(keeps_axes);
    let all = operator.inputs().iter().chain(operator.outputs());
    all.filter(move |id| keeps_axes && is_alike(id))
}
