//! Stands where shape inference is not built in.

use super::descriptions::Descriptions;
use super::messages::{Graph, Model};
use super::unshaped::Outcome;
use crate::import::{ImportError, ImportOptions};

/// Nothing of any tensor.
pub(super) struct Inferred {
    pub(super) notes: Vec<String>,
}

impl Inferred {
    #[expect(clippy::unused_self, reason = "as the other one")]
    pub(super) fn take(&mut self, _: usize) -> Outcome {
        Outcome::Nothing
    }
}

/// Infers nothing, and says so.
///
/// # Errors
/// A value is given, which only inference could use.
pub(super) fn infer(
    _: &Model,
    _: &Graph,
    _: &Descriptions,
    options: &ImportOptions,
) -> Result<Inferred, ImportError> {
    if let Some(name) = options.values.keys().next() {
        let reason = "this build lacks the feature `onnx-shapes`".to_owned();
        return Err(ImportError::Value { name: name.clone(), reason });
    }
    let note =
        "shapes are taken as the file declares them, unchecked: this build lacks the feature `onnx-shapes`";
    Ok(Inferred { notes: vec![note.to_owned()] })
}
