//! Stands where shape inference is not built in.

use super::descriptions::Descriptions;
use super::messages::{Graph, Model};
use super::unshaped::Outcome;

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
pub(super) fn infer(_: &Model, _: &Graph, _: &Descriptions) -> Inferred {
    let note =
        "shapes are taken as the file declares them, unchecked: this build lacks the feature `onnx-shapes`";
    Inferred { notes: vec![note.to_owned()] }
}
