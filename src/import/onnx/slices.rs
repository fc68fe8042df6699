//! Where slices begin, if that is constant.

use std::collections::HashMap;

use super::messages::{Graph, Node, Tensor};
use crate::ids::OperatorId;

/// Constants by name; none where no node is a slice.
pub(super) struct Slices<'m>(HashMap<&'m str, &'m Tensor>);

impl<'m> Slices<'m> {
    pub(super) fn new(graph: &'m Graph) -> Self {
        if graph.node.iter().all(|node| node.op_type() != "Slice") {
            return Self(HashMap::new());
        }
        let initializers = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor));
        let constants = graph.node.iter().filter(|node| node.op_type() == "Constant").filter_map(|node| {
            let value = node.attribute.iter().find_map(|attribute| attribute.t.as_deref());
            Some((node.output().first()?, value?))
        });
        Self(initializers.chain(constants).collect())
    }

    /// By axis of what is cut: where the slice begins. None if that is not known, or if it
    /// leaves out elements in between.
    pub(super) fn begin(&self, node: &Node, graph: &crate::graph::Graph, id: OperatorId) -> Option<Vec<u64>> {
        if node.op_type() != "Slice" {
            return None;
        }
        let shape = graph.tensor(*graph.operator(id).inputs().first()?).shape()?;
        let rank = i64::try_from(shape.len()).ok()?;
        let given = |number: usize, name: &str| match node.input().get(number).filter(|name| !name.is_empty())
        {
            Some(name) => Some(Some(self.0.get(name)?.numbers()?)),
            None => Some(attribute(node, name)),
        };
        let starts = given(1, "starts")??;
        let axes = given(3, "axes")?.unwrap_or_else(|| (0..rank).take(starts.len()).collect());
        let steps = given(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
        if axes.len() != starts.len() || steps.iter().any(|&step| step != 1) {
            return None;
        }
        let mut begin = vec![0; shape.len()];
        for (&start, along) in starts.iter().zip(axes) {
            let place = usize::try_from(if along < 0 { along + rank } else { along }).ok()?;
            let dim = i64::try_from(*shape.get(place)?).ok()?;
            let start = if start < 0 { start.saturating_add(dim) } else { start };
            begin[place] = u64::try_from(start.clamp(0, dim)).ok()?;
        }
        Some(begin)
    }
}

/// Before version 10 of the operators, these were attributes.
fn attribute(node: &Node, name: &str) -> Option<Vec<i64>> {
    let found = node.attribute.iter().find(|attribute| *attribute.name == *name);
    found.map(|attribute| attribute.ints.clone())
}
