//! Why a model could not be written or has no right plan.

use crate::export::json::DocumentError;
use crate::import::ImportError;
use crate::verify::Violations;

/// Why there is no planned model, or why its plan is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file is no sound ONNX model.
    #[error(transparent)]
    Import(#[from] ImportError),

    /// The graph that was planned is not that of the model with these options.
    #[error("the plan is of another graph than that of this model and these options")]
    OtherModel,

    /// The plan in the metadata cannot be read, or is not of this model.
    #[error("metadata `plimsoll.plan`: {0}")]
    Document(#[from] DocumentError),

    /// A plan in a format of another version.
    #[error("metadata `plimsoll.format` is `{found}`; this version reads `{expected}`", expected = super::FORMAT)]
    Format {
        /// What it says.
        found: String,
    },

    /// What the file has in a way that cannot be written anew.
    #[error("{0}; the file is not written anew")]
    File(String),

    /// A plan that would let tensors overwrite each other.
    #[error(transparent)]
    Violations(#[from] Violations),

    /// Metadata that contradict each other or the file. Nothing of the kind is handed out.
    #[error("{0}")]
    Wrong(String),

    /// The file has no plan.
    #[error("the model has no metadata `plimsoll.plan`: it is not planned")]
    NotPlanned,
}

impl OnnxError {
    /// Whether there is a plan, and it is wrong; all else is a file that cannot be judged.
    #[must_use]
    pub fn is_wrong_plan(&self) -> bool {
        matches!(self, Self::Document(_) | Self::Violations(_) | Self::Wrong(_))
    }
}
