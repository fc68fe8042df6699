//! Constant starts of `Slice` operators, from which views follow.

use std::collections::HashMap;

use super::messages::{OnnxGraph, OnnxNode, OnnxTensor};
use crate::support::ids::OperatorId;

/// Limit of axes of a slice that is recorded.
const MAX_AXES: usize = 32;

/// Starts of slices with constant bounds and steps of 1, by operator.
pub(super) struct Slices(HashMap<OperatorId, SliceStart>);

/// Starts of one slice.
struct SliceStart {
    /// For each entry of `axes`, as in the file: negative ones count from the end.
    starts: Vec<i64>,
    /// None for the first axes.
    axes: Option<Vec<i64>>,
}

impl Slices {
    pub(super) fn new(graph: &OnnxGraph) -> Self {
        if graph.node.iter().all(|node| node.op_type() != "Slice") {
            return Self(HashMap::new());
        }
        let constants = constants(graph);
        let nodes = graph.node.iter().enumerate().filter(|(_, node)| node.op_type() == "Slice");
        let slices = nodes
            .filter_map(|(number, node)| Some((OperatorId::new(number), SliceStart::new(node, &constants)?)));
        Self(slices.collect())
    }

    /// The start of a slice along each axis of its input; none if it is not constant or a step is not 1.
    pub(super) fn begin(&self, graph: &crate::graph::Graph, id: OperatorId) -> Option<Vec<u64>> {
        let SliceStart { starts, axes } = self.0.get(&id)?;
        let shape = graph.tensor(*graph.operator(id).inputs().first()?).shape()?;
        let rank = i64::try_from(shape.len()).ok()?;
        let first = || (0..rank).take(starts.len()).collect();
        let axes = axes.clone().unwrap_or_else(first);
        if axes.len() != starts.len() {
            return None;
        }
        let mut begin = vec![0; shape.len()];
        for (&start, along) in starts.iter().zip(axes) {
            let position = usize::try_from(if along < 0 { along + rank } else { along }).ok()?;
            let dim = i64::try_from(*shape.get(position)?).ok()?;
            let start = if start < 0 { start.saturating_add(dim) } else { start };
            begin[position] = u64::try_from(start.clamp(0, dim)).ok()?;
        }
        Some(begin)
    }
}

impl SliceStart {
    fn new(node: &OnnxNode, constants: &HashMap<&str, &OnnxTensor>) -> Option<Self> {
        let given = |number: usize, name: &str| match node.input().get(number).filter(|name| !name.is_empty())
        {
            Some(name) => Some(Some(constants.get(name)?.numbers()?)),
            None => Some(attribute(node, name)),
        };
        let starts = given(1, "starts")??;
        // Bounds the memory: many slices may refer to one long list, which is copied for each.
        if starts.len() > MAX_AXES {
            return None;
        }
        let axes = given(3, "axes")?;
        let steps = given(4, "steps")?.unwrap_or_default();
        steps.iter().all(|&step| step == 1).then_some(Self { starts, axes })
    }
}

/// Constants by name: initializers and the values of `Constant` nodes.
pub(super) fn constants(graph: &OnnxGraph) -> HashMap<&str, &OnnxTensor> {
    let initializers = graph.initializer.iter().map(|tensor| (&*tensor.name, tensor));
    let nodes = graph.node.iter().filter(|node| node.op_type() == "Constant").filter_map(|node| {
        let value = node.attribute.iter().find_map(|attribute| attribute.t.as_deref());
        Some((node.output().first()?, value?))
    });
    initializers.chain(nodes).collect()
}

/// A list attribute, which held starts, axes and ends before operator set 10.
fn attribute(node: &OnnxNode, name: &str) -> Option<Vec<i64>> {
    let list = node.attribute.iter().find(|attribute| *attribute.name == *name);
    list.map(|attribute| attribute.ints.clone())
}
