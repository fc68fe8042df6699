//! Where slices begin, if that is constant.

use std::collections::HashMap;

use super::messages::{Graph, Node, Tensor};
use crate::support::ids::OperatorId;

const MOST_AXES: usize = 32;

/// What slices leave out, by operator. Those of which it is not known are not in it.
pub(super) struct Slices(HashMap<OperatorId, Slice>);

/// By axis that is named: where the slice begins.
struct Slice {
    starts: Vec<i64>,
    /// The first ones if none are named.
    axes: Option<Vec<i64>>,
}

impl Slices {
    pub(super) fn new(graph: &Graph) -> Self {
        if graph.node.iter().all(|node| node.op_type() != "Slice") {
            return Self(HashMap::new());
        }
        let constants = constants(graph);
        let nodes = graph.node.iter().enumerate().filter(|(_, node)| node.op_type() == "Slice");
        let slices =
            nodes.filter_map(|(number, node)| Some((OperatorId::new(number), Slice::new(node, &constants)?)));
        Self(slices.collect())
    }

    /// By axis of what is cut: where the slice begins. None if that is not known, or if it
    /// leaves out elements in between.
    pub(super) fn begin(&self, graph: &crate::graph::Graph, id: OperatorId) -> Option<Vec<u64>> {
        let Slice { starts, axes } = self.0.get(&id)?;
        let shape = graph.tensor(*graph.operator(id).inputs().first()?).shape()?;
        let rank = i64::try_from(shape.len()).ok()?;
        let first = || (0..rank).take(starts.len()).collect();
        let axes = axes.clone().unwrap_or_else(first);
        if axes.len() != starts.len() {
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

impl Slice {
    fn new(node: &Node, constants: &HashMap<&str, &Tensor>) -> Option<Self> {
        let given = |number: usize, name: &str| match node.input().get(number).filter(|name| !name.is_empty())
        {
            Some(name) => Some(Some(constants.get(name)?.numbers()?)),
            None => Some(attribute(node, name)),
        };
        let starts = given(1, "starts")??;
        // No tensor has more axes; lists that many slices name would be copied for each.
        if starts.len() > MOST_AXES {
            return None;
        }
        let axes = given(3, "axes")?;
        let steps = given(4, "steps")?.unwrap_or_default();
        steps.iter().all(|&step| step == 1).then_some(Self { starts, axes })
    }
}

/// Constants by name: initializers, and the values of nodes.
pub(super) fn constants(graph: &Graph) -> HashMap<&str, &Tensor> {
    let initializers = graph.initializer.iter().map(|tensor| (&*tensor.name, tensor));
    let nodes = graph.node.iter().filter(|node| node.op_type() == "Constant").filter_map(|node| {
        let value = node.attribute.iter().find_map(|attribute| attribute.t.as_deref());
        Some((node.output().first()?, value?))
    });
    initializers.chain(nodes).collect()
}

/// Before version 10 of the operators, these were attributes.
fn attribute(node: &Node, name: &str) -> Option<Vec<i64>> {
    let found = node.attribute.iter().find(|attribute| *attribute.name == *name);
    found.map(|attribute| attribute.ints.clone())
}
