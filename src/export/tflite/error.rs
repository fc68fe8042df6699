//! Errors of planning and writing TensorFlow Lite models.

use crate::Error;
use crate::import::ImportError;

/// Error of planning, writing or checking a model. On an error, no file is returned.
///
/// Example: the [module](crate::export::tflite).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TfliteError {
    /// The file is not a valid TensorFlow Lite model.
    #[error(transparent)]
    Import(#[from] ImportError),

    /// Error of the planner: the input is invalid, or a strategy returned a wrong plan.
    #[error(transparent)]
    Plan(#[from] Error),

    /// TensorFlow Lite Micro does not support the tensor, or cannot compute its size.
    #[error("subgraph {subgraph}, tensor {tensor} (`{name}`): {reason}")]
    Tensor {
        /// The subgraph's position.
        subgraph: usize,
        /// The tensor's position in the subgraph.
        tensor: usize,
        /// The tensor's name.
        name: String,
        /// Description of the problem.
        reason: String,
    },

    /// Calls between subgraphs that cannot be planned, for instance recursion.
    #[error("operator {operator} of subgraph {subgraph} {reason}")]
    Call {
        /// The subgraph's position.
        subgraph: usize,
        /// The calling operator's position in the subgraph.
        operator: usize,
        /// Description of the problem.
        reason: String,
    },

    /// A measured scratch size that does not belong to this model.
    #[error("scratch of operator {operator} of subgraph {subgraph}: {reason}")]
    Scratch {
        /// The subgraph's position.
        subgraph: usize,
        /// The operator's position in the subgraph.
        operator: usize,
        /// Description of the mismatch.
        reason: String,
    },

    /// The plan is too large: offsets in the file have 31 bits.
    #[error("the plan needs {bytes} bytes; offsets in the file end at {limit}", limit = i32::MAX)]
    TooLarge {
        /// The size of the arena's head in bytes.
        bytes: u64,
    },

    /// A field of a later schema. It may hold an offset from the start of the file, which would have to
    /// be adjusted.
    #[error(
        "the file has a field {slot} in {table} that this version does not know; a rewrite would lose it"
    )]
    UnknownField {
        /// The name of the table.
        table: &'static str,
        /// The field's number in the schema.
        slot: u16,
    },

    /// The file cannot be rewritten, for instance because it would exceed 2 GiB.
    #[error("{0}")]
    File(String),

    /// The plan or the order is wrong, for instance because tensors would overwrite each other.
    #[error("wrong plan: {0}")]
    Wrong(String),

    /// The model has no plan.
    #[error("the model has no `OfflineMemoryAllocation`: it is not planned")]
    NotPlanned,
}
