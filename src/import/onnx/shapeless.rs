//! Replaces shape inference in builds without the feature `onnx-shapes`: declared shapes are used as they are.

use super::descriptions::Descriptions;
use super::graph::OnnxGraph;
use super::inferred::{BodyShapes, InferredShape};
use super::operator_sets::OperatorSets;
use super::tensor::Elements;
use crate::import::{ImportError, ImportOptions};

/// Without an inferred shape for any tensor.
pub(super) struct InferredShapes<'m> {
    pub(super) bodies: BodyShapes<'m>,
    pub(super) notes: Vec<String>,
}

impl InferredShapes<'_> {
    #[expect(clippy::unused_self, reason = "same signature as with inference")]
    pub(super) fn elements(&self, _: usize) -> Option<Elements> {
        None
    }

    #[expect(clippy::unused_self, reason = "same signature as with inference")]
    pub(super) fn take(&mut self, _: usize) -> InferredShape {
        InferredShape::NotInferred
    }
}

/// Infers nothing and returns a note about it.
///
/// # Errors
/// [`ImportError::Value`] if `options` has values, which only inference uses.
pub(super) fn infer<'m>(
    _: &OperatorSets<'m>,
    _: &'m OnnxGraph,
    _: &Descriptions,
    options: &ImportOptions,
) -> Result<InferredShapes<'m>, ImportError> {
    if let Some(name) = options.values.keys().next() {
        let reason = "this build lacks the feature `onnx-shapes`".to_owned();
        return Err(ImportError::Value { name: name.clone(), reason });
    }
    let note = "declared shapes are used unchecked, as this build lacks the feature `onnx-shapes`";
    Ok(InferredShapes { bodies: BodyShapes::default(), notes: vec![note.to_owned()] })
}
