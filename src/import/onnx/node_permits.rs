//! Permission rules of the nodes of a graph, which may depend on attributes and constants: starts of slices, and
//! training modes.

use std::collections::HashMap;

use super::graph::{OnnxGraph, OnnxNode};
use super::operator_sets::OperatorSets;
use super::operator_types;
use super::tensor::OnnxTensor;
use super::value::{Elements, types};
use crate::graph::Graph;
use crate::import::permits::{self, PermitRule};
use crate::support::ids::OperatorId;

/// Limit of axes of a slice that is recorded.
const MAX_AXES: usize = 32;

/// Permission rules of all nodes of a graph. Borrows nothing from the messages.
pub(super) struct NodePermits {
    /// By operator; empty if no operator has a rule, as a small file may have a million nodes.
    rules: Vec<PermitRule>,
    /// Starts of slices with constant bounds and steps of 1.
    slices: HashMap<OperatorId, SliceStart>,
}

/// Starts of one slice.
struct SliceStart {
    /// For each entry of `axes`, as in the file: negative ones count from the end.
    starts: Vec<i64>,
    /// None for the first axes.
    axes: Option<Vec<i64>>,
}

impl NodePermits {
    pub(super) fn new(graph: &OnnxGraph, sets: &OperatorSets<'_>) -> Self {
        let reads_constants = |node: &OnnxNode| matches!(node.op_type(), "Slice" | "Dropout");
        let has_readers = graph.node.iter().any(reads_constants);
        let constants = if has_readers { constants(graph) } else { HashMap::new() };
        let rule = |node: &OnnxNode| match operator_types::find(node.domain(), node.op_type()) {
            Some(row) if !may_train(node, sets.standard(node), &constants) => row.permits,
            _ => PermitRule::Nothing,
        };
        let has_rules = graph.node.iter().any(|node| rule(node) != PermitRule::Nothing);
        let nodes = if has_rules { graph.node.as_slice() } else { &[] };
        let rules: Vec<PermitRule> = nodes.iter().map(rule).collect();
        let nodes = rules.iter().zip(&graph.node).enumerate();
        let slices = nodes.filter(|(_, (rule, _))| **rule == PermitRule::Slice);
        let slices = slices.filter_map(|(number, (_, node))| {
            Some((OperatorId::new(number), SliceStart::new(node, &constants)?))
        });
        Self { slices: slices.collect(), rules }
    }

    /// Removes the rule of an operator.
    pub(super) fn remove(&mut self, number: usize) {
        if let Some(rule) = self.rules.get_mut(number) {
            *rule = PermitRule::Nothing;
        }
    }

    /// Adds the permissions to the graph of the nodes.
    pub(super) fn add(&self, graph: &mut Graph, multi_pass: bool) -> crate::error::Result<()> {
        let rule = |id: OperatorId| self.rules.get(id.index()).copied().unwrap_or(PermitRule::Nothing);
        permits::add(graph, multi_pass, rule, |graph, id| self.begin(graph, id))
    }

    /// The start of a slice along each axis of its input; none if it is not constant or a step is not 1.
    fn begin(&self, graph: &Graph, id: OperatorId) -> Option<Vec<u64>> {
        let SliceStart { starts, axes } = self.slices.get(&id)?;
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
        // Before operator set 10, starts and axes were attributes.
        let given = |number: usize, name: &str| match node.input().get(number).unwrap_or("") {
            "" => Some(node.attribute(name).map(|attribute| attribute.ints.clone())),
            name => {
                let tensor = constants.get(name).filter(|tensor| tensor.data_type == types::INT64)?;
                Some(Some(tensor.contents()?.integers()?.to_vec()))
            }
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

/// Returns whether a node may be in training mode, which an attribute or an input sets. An input that is not constant
/// may set it. In that mode, an output is neither a view of the input nor computed in place.
fn may_train(node: &OnnxNode, version: i64, constants: &HashMap<&str, &OnnxTensor>) -> bool {
    let attribute = |name: &str| node.attribute(name).map_or(0, |attribute| attribute.i);
    match (node.op_type(), version) {
        ("Dropout" | "BatchNormalization", ..7) => attribute("is_test") == 0,
        ("Dropout", 7..12) => false,
        ("Dropout", _) => match node.input().get(2) {
            None | Some("") => false,
            Some(name) => {
                let numbers = constants.get(name).and_then(|tensor| tensor.contents());
                numbers.as_ref().and_then(Elements::integers) != Some(&[0])
            }
        },
        // Only training returns further outputs: the statistics of the batch.
        ("BatchNormalization", 7..14) => node.output().len() > 1,
        ("BatchNormalization", _) => attribute("training_mode") != 0,
        _ => false,
    }
}
