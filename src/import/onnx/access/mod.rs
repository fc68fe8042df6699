//! Access maps of ONNX operators, from their attributes, the shapes of their tensors, and known numbers.

mod node;
mod table;
mod windows;

use std::collections::HashMap;

use super::graph::{OnnxGraph, OnnxNode};
use super::names::NameTable;
use super::node_permits::constants;
use super::operator_sets::OperatorSets;
use super::value::Elements;
use crate::graph::GraphBuilder;
use crate::import::access::{AccessMaps, OperatorShapes, has_small_ranks, is_small};
use crate::support::ids::{OperatorId, TensorId};
use node::NodeFacts;

/// Limit of elements that are kept of a tensor with bounds, axes, scales or the like.
const MAX_NUMBERS: usize = 32;

/// Operators whose access maps depend on the numbers in their inputs.
const WITH_NUMBERS: [&str; 17] = [
    "CumProd",
    "CumSum",
    "Pad",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Resize",
    "Slice",
    "Tile",
    "Upsample",
];

/// States the access maps of the nodes of a graph.
pub(super) struct NodeAccess<'m> {
    numbers: HashMap<&'m str, Elements>,
    sets: &'m OperatorSets<'m>,
    maps: AccessMaps,
}

impl<'m> NodeAccess<'m> {
    /// `known` returns the elements of a tensor by number, if inference knows them.
    pub(super) fn new(
        graph: &'m OnnxGraph,
        names: &NameTable<'m>,
        known: impl Fn(usize) -> Option<Elements>,
        sets: &'m OperatorSets<'m>,
    ) -> Self {
        let mut numbers = HashMap::new();
        let nodes = || graph.node.iter().filter(|node| WITH_NUMBERS.contains(&node.op_type()));
        if nodes().next().is_some() {
            let constants = constants(graph);
            for name in nodes().flat_map(|node| node.input().iter().skip(1)) {
                let inferred = names.get(name).and_then(&known);
                let elements = inferred.or_else(|| constants.get(name)?.contents());
                if let Some(elements) = elements.filter(|elements| elements.len() <= MAX_NUMBERS) {
                    numbers.insert(name, elements);
                }
            }
        }
        Self { numbers, sets, maps: AccessMaps::default() }
    }

    /// States the access map of the operator of a node, if its meaning is known.
    pub(super) fn state(
        &mut self,
        builder: &mut GraphBuilder,
        id: OperatorId,
        node: &OnnxNode,
        names: &NameTable,
    ) {
        if !is_small(node.input().len(), node.output().len()) {
            return;
        }
        let id_of = |name| names.get(name).map(TensorId::new);
        let input_ids: Vec<Option<TensorId>> = node.input().iter().map(id_of).collect();
        let output_ids: Vec<Option<TensorId>> = node.output().iter().map(id_of).collect();
        let shape = |id: &Option<TensorId>| builder.exact_shape((*id)?);
        let shapes = OperatorShapes {
            inputs: input_ids.iter().map(shape).collect(),
            outputs: output_ids.iter().map(shape).collect(),
            channels_last: false,
        };
        let mut outputs = node.output().iter().zip(&shapes.outputs);
        if outputs.any(|(name, shape)| !name.is_empty() && shape.is_none()) || !has_small_ranks(&shapes) {
            return;
        }
        let facts = NodeFacts { node, version: self.sets.standard(node), shapes, numbers: &self.numbers };
        let Some(stated) = table::access(&facts) else { return };
        let inputs: Vec<bool> = input_ids.iter().map(Option::is_some).collect();
        let outputs: Vec<bool> = output_ids.iter().map(Option::is_some).collect();
        self.maps.state(builder, id, stated, [&inputs, &outputs]);
    }
}
