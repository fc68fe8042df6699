//! Operators in training mode, such as `Dropout`. In that mode, an output is neither a view of the input nor
//! computed in place.

use std::collections::HashMap;

use super::messages::{OnnxGraph, OnnxModel, OnnxNode, OnnxTensor};
use super::slices::constants;
use super::tensor::TensorElements;
use crate::support::ids::OperatorId;

/// The operator set version of the standard domain; 1, the oldest, if the file imports none.
pub(super) fn version(model: &OnnxModel) -> i64 {
    let version = model.opset_import.iter().find(|import| matches!(&*import.domain, "" | "ai.onnx"));
    version.map_or(1, |import| import.version)
}

/// Operators that are or may be in training mode, in ascending order.
pub(super) fn operators(graph: &OnnxGraph, version: i64) -> Vec<OperatorId> {
    if graph.node.iter().all(|node| !has_training_mode(node)) {
        return Vec::new();
    }
    let constants = constants(graph);
    let nodes = graph.node.iter().enumerate().filter(|(_, node)| may_train(node, version, &constants));
    nodes.map(|(number, _)| OperatorId::new(number)).collect()
}

fn has_training_mode(node: &OnnxNode) -> bool {
    matches!(node.op_type(), "Dropout" | "BatchNormalization")
}

/// Returns whether a node may be in training mode, which an attribute or an input sets. An input that is not constant
/// may set it.
fn may_train(node: &OnnxNode, version: i64, constants: &HashMap<&str, &OnnxTensor>) -> bool {
    let attribute = |name: &str| {
        node.attribute.iter().find(|attribute| *attribute.name == *name).map_or(0, |attribute| attribute.i)
    };
    match (node.op_type(), version) {
        ("Dropout" | "BatchNormalization", ..7) => attribute("is_test") == 0,
        ("Dropout", 7..12) => false,
        ("Dropout", _) => match node.input().get(2) {
            None | Some("") => false,
            Some(name) => {
                let numbers = constants.get(name).and_then(|tensor| tensor.contents());
                !matches!(numbers, Some(TensorElements::Integers(numbers)) if numbers == [0])
            }
        },
        // Only training returns further outputs: the statistics of the batch.
        ("BatchNormalization", 7..14) => node.output().len() > 1,
        ("BatchNormalization", _) => attribute("training_mode") != 0,
        _ => false,
    }
}
