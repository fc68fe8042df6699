//! Operators that do something else in training: their outputs are then no views of their inputs, and
//! are not written over them.

use std::collections::HashMap;

use super::messages::{Graph, Model, Node, Tensor};
use super::slices::constants;
use super::tensor::Numbers;
use crate::support::ids::OperatorId;

/// Version of the standard operators. Where the file does not say, it may be the oldest.
pub(super) fn version(model: &Model) -> i64 {
    let version = model.opset_import.iter().find(|import| matches!(&*import.domain, "" | "ai.onnx"));
    version.map_or(1, |import| import.version)
}

/// Operators that train, or may, in ascending order; of this version.
pub(super) fn operators(graph: &Graph, version: i64) -> Vec<OperatorId> {
    if graph.node.iter().all(|node| !depends(node)) {
        return Vec::new();
    }
    let constants = constants(graph);
    let nodes = graph.node.iter().enumerate().filter(|(_, node)| trains(node, version, &constants));
    nodes.map(|(number, _)| OperatorId::new(number)).collect()
}

fn depends(node: &Node) -> bool {
    matches!(node.op_type(), "Dropout" | "BatchNormalization")
}

/// Whether an operator trains: by an attribute, or by an input, which may be constant. Of another
/// input, nothing is known.
fn trains(node: &Node, version: i64, constants: &HashMap<&str, &Tensor>) -> bool {
    let attribute = |name: &str| node.attribute.iter().find(|own| *own.name == *name).map_or(0, |own| own.i);
    match (node.op_type(), version) {
        ("Dropout" | "BatchNormalization", ..7) => attribute("is_test") == 0,
        ("Dropout", 7..12) => false,
        ("Dropout", _) => match node.input().get(2) {
            None | Some("") => false,
            Some(name) => {
                let numbers = constants.get(name).and_then(|tensor| tensor.contents());
                !matches!(numbers, Some(Numbers::Whole(numbers)) if numbers == [0])
            }
        },
        // Further outputs are statistics of the batch.
        ("BatchNormalization", 7..14) => node.output().len() > 1,
        ("BatchNormalization", _) => attribute("training_mode") != 0,
        _ => false,
    }
}
