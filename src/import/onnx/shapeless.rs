//! Stands where shape inference is not built in.

use super::bodies::BodyShapes;
use super::descriptions::Descriptions;
use super::messages::{Graph, Model};
use super::unshaped::Outcome;
use crate::import::{ImportError, ImportOptions};

/// Nothing of any tensor.
pub(super) struct Inferred<'m> {
    pub(super) bodies: BodyShapes<'m>,
    pub(super) notes: Vec<String>,
}

impl Inferred<'_> {
    #[expect(clippy::unused_self, reason = "as the other one")]
    pub(super) fn take(&mut self, _: usize) -> Outcome {
        Outcome::Nothing
    }
}

/// Infers nothing, and says so.
///
/// # Errors
/// A value is given, which only inference could use.
pub(super) fn infer<'m>(
    _: &'m Model,
    _: &'m Graph,
    _: &Descriptions,
    options: &ImportOptions,
) -> Result<Inferred<'m>, ImportError> {
    if let Some(name) = options.values.keys().next() {
        let reason = "this build lacks the feature `onnx-shapes`".to_owned();
        return Err(ImportError::Value { name: name.clone(), reason });
    }
    let note =
        "shapes are taken as the file declares them, unchecked: this build lacks the feature `onnx-shapes`";
    Ok(Inferred { bodies: BodyShapes::default(), notes: vec![note.to_owned()] })
}
