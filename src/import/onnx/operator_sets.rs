//! Versions of the operator sets that a model and its functions import.

use std::collections::HashMap;

use super::graph::OnnxModel;
use super::messages::{OperatorSet, domain};
use super::node::NodeText;

/// Versions by importer (`NodeText::imports`) and domain.
pub(super) struct OperatorSets<'m>(HashMap<(u32, &'m str), i64>);

impl<'m> OperatorSets<'m> {
    pub(super) fn new(model: &'m OnnxModel) -> Self {
        let functions = model.functions.iter().map(|function| function.opset_import.as_slice());
        let importers = std::iter::once(model.opset_import.as_slice()).chain(functions);
        let sets = importers.zip(0_u32..).flat_map(|(sets, importer): (&[OperatorSet], u32)| {
            sets.iter().map(move |set| ((importer, domain(&set.domain)), set.version))
        });
        Self(sets.collect())
    }

    /// The version for a node of a domain; none if its model or function does not import the domain.
    pub(super) fn version(&self, node: &NodeText, domain: &str) -> Option<i64> {
        self.0.get(&(node.imports, domain)).copied()
    }

    /// The version of the standard domain for a node; 1, the oldest, if it is not imported.
    pub(super) fn standard(&self, node: &NodeText) -> i64 {
        self.version(node, "").unwrap_or(1)
    }
}

/// The version of the standard operators that a model imports; 0 if it imports none. Other fields are not decoded.
#[cfg(feature = "json")] // models with plans need both features
pub fn standard_version(bytes: &[u8]) -> Result<i64, crate::import::ImportError> {
    use prost::Message;

    #[derive(Message)]
    struct ImportedSets {
        #[prost(message, repeated, tag = "8")]
        opset_import: Vec<OperatorSet>,
    }

    let model = ImportedSets::decode(bytes).map_err(super::messages::malformed)?;
    let standard = model.opset_import.iter().rfind(|set| domain(&set.domain).is_empty());
    Ok(standard.map_or(0, |set| set.version))
}
