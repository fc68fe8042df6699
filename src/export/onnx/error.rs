//! Errors of planned ONNX models.

use crate::export::json::DocumentError;
use crate::import::ImportError;
use crate::verify::Violations;

/// The reason why a model could not be rewritten, or why its plan is refused.
///
/// Example: the [module](crate::export::onnx).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file is not a valid ONNX model.
    #[error(transparent)]
    Import(#[from] ImportError),

    /// The graph of a tiled model cannot be planned.
    #[error(transparent)]
    Plan(#[from] crate::Error),

    /// The planned graph is not the graph of this model with these import options.
    #[error("the plan belongs to another graph than that of this model and these import options")]
    OtherModel,

    /// The plan in the metadata cannot be read, or belongs to another model.
    #[error("metadata `plimsoll.plan`: {0}")]
    Document(#[from] DocumentError),

    /// The format version of the plan is not supported.
    #[error("metadata `plimsoll.format` is `{found}`; this version reads `{expected}`", expected = super::FORMAT)]
    Format {
        /// The format in the metadata.
        found: String,
    },

    /// The file has a structure that cannot be rewritten.
    #[error("{0}; the file cannot be rewritten")]
    File(String),

    /// The plan violates a rule, for example lets live tensors overlap.
    #[error(transparent)]
    Violations(#[from] Violations),

    /// The metadata contradict each other or the file, or a check of a written file failed.
    #[error("{0}")]
    Wrong(String),

    /// The file contains no plan.
    #[error("the model has no metadata `plimsoll.plan`: it is not planned")]
    NotPlanned,
}

impl OnnxError {
    /// Returns whether the file contains a plan that is wrong. For all other errors, the plan could not be checked.
    #[must_use]
    pub fn is_wrong_plan(&self) -> bool {
        matches!(self, Self::Document(_) | Self::Violations(_) | Self::Wrong(_))
    }
}
