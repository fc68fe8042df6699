//! Why a model could not be planned or written.

use crate::Error;
use crate::import::ImportError;

/// Why there is no planned model. Nothing has been written then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TfliteError {
    /// The file is no sound TensorFlow Lite model.
    #[error(transparent)]
    Import(#[from] ImportError),

    /// What the planner says: wrong input, or a strategy that made a wrong plan.
    #[error(transparent)]
    Plan(#[from] Error),

    /// TensorFlow Lite Micro has no such tensors, or does not know their sizes.
    #[error("subgraph {subgraph}, tensor {tensor} (`{name}`): {reason}")]
    Tensor {
        /// The subgraph's position.
        subgraph: usize,
        /// The tensor's position in it.
        tensor: usize,
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },

    /// Subgraphs that call each other in a way that has no plan.
    #[error("operator {operator} of subgraph {subgraph} {reason}")]
    Call {
        /// The subgraph's position.
        subgraph: usize,
        /// The calling operator's position in it.
        operator: usize,
        /// What is wrong with it.
        reason: String,
    },

    /// A measured scratch size that is not for this model.
    #[error("scratch of operator {operator} of subgraph {subgraph}: {reason}")]
    Scratch {
        /// The subgraph's position.
        subgraph: usize,
        /// The operator's position in it.
        operator: usize,
        /// What does not fit.
        reason: String,
    },

    /// Offsets are 31 bits wide in the file.
    #[error("the plan needs {bytes} bytes; offsets in the file end at {limit}", limit = i32::MAX)]
    TooLarge {
        /// The size of the arena's head.
        bytes: u64,
    },

    /// Fields of a later schema, which may hold places in the file.
    #[error("the file has a field {slot} in {table} that this version does not know; it is not written anew")]
    UnknownField {
        /// The table.
        table: &'static str,
        /// The field's number in the schema.
        slot: u16,
    },

    /// The file has no room for more.
    #[error("{0}")]
    File(String),

    /// A plan that would let tensors overwrite each other. It is not handed out.
    #[error("wrong plan: {0}")]
    Wrong(String),

    /// The file has no plan.
    #[error("the model has no `OfflineMemoryAllocation`: it is not planned")]
    NotPlanned,
}
