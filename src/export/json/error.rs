//! Errors of reading a plan.

use crate::Error;
use crate::import::{cut, listing, short};

/// Reason for which a PLAN.json cannot be read, or does not refer to this model. Sizes, offsets and live
/// ranges are checked by the verifier, not here.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Invalid JSON, or not the fields of a plan.
    #[error("not a plan: {}", cut(.reason))]
    Malformed {
        /// The fault, with its position.
        reason: String,
        /// The line, from 1; 0 if the fault has no position.
        line: usize,
        /// The column in the line, from 1.
        column: usize,
    },

    /// A document of another kind or of a later version.
    #[error("the plan's format is {}; this version reads `{expected}`", short(.found))]
    Format {
        /// `format` in the document.
        found: String,
        /// The supported format.
        expected: &'static str,
    },

    /// Invalid import options.
    #[error("import options of the plan: {}", cut(.0))]
    Options(String),

    /// A plan of a list of buffers, used for a graph.
    #[error("the plan has no order: it is a plan of a list of buffers, not of a graph")]
    NoOrder,

    /// A tiling that does not belong to the model.
    #[error("the plan's tiling: {}", cut(.0))]
    Tiling(String),

    /// A plan of a tiled graph, read as a plan of the untiled one.
    #[error("the plan is one of a tiled graph; read it as a tiled plan")]
    Tiled,

    /// A plan without a tiling, read as a tiled plan.
    #[error("the plan has no tiling; read it as a plan of the graph")]
    NotTiled,

    /// An index beyond those of the model.
    #[error("{} names {what} {index}, but the model has {count} {what}s", cut(.place))]
    OutOfRange {
        /// Position in the plan.
        place: String,
        /// `tensor`, `operator`, `buffer` or `body`.
        what: &'static str,
        /// The index.
        index: usize,
        /// Number of such items in the model.
        count: usize,
    },

    /// Two entries for one tensor, buffer or scratch.
    #[error("the plan places {} twice", cut(.what))]
    Twice {
        /// Description of the tensor, buffer or scratch.
        what: String,
    },

    /// The tensor of this index has another name.
    #[error("tensor {index} has the name `{}` in the plan and `{}` in the model", short(.planned), short(.actual))]
    Name {
        /// Index of the tensor.
        index: usize,
        /// Name in the plan.
        planned: String,
        /// Unique name in the model.
        actual: String,
    },

    /// A memory other than the arena.
    #[error("tensor `{}` is in pool `{}`; this version supports only `arena`", short(.tensor), short(.pool))]
    Pool {
        /// Name of the tensor.
        tensor: String,
        /// Name of the pool.
        pool: String,
    },

    /// Gaps in the live range of a graph's tensor; only buffers can have gaps.
    #[error("tensor `{}` has gaps in its live range; only plans of buffers may have gaps, so remove `gaps`", short(.tensor))]
    Gaps {
        /// Name of the tensor.
        tensor: String,
    },

    /// Invalid pools.
    #[error("the plan's {0}")]
    Pools(#[source] Error),

    /// A pool that the plan does not define.
    #[error("{} names pool `{}`, which the plan does not define", cut(.place), short(.pool))]
    UnknownPool {
        /// Position in the plan.
        place: String,
        /// Name of the pool.
        pool: String,
    },

    /// An alias whose index and name belong to different tensors.
    #[error("{} names tensor {index} `{}`, but its name is `{}`", cut(.place), short(.tensor), short(.other))]
    Alias {
        /// Position in the plan.
        place: String,
        /// The index.
        index: usize,
        /// The name in the plan.
        tensor: String,
        /// The name of the tensor with this index.
        other: String,
    },

    /// The fingerprint of the model differs.
    #[error("the plan was made for another model, or one imported with other options: \
         its hash is {}, that of this model is {}", short(.planned), short(.actual))]
    OtherModel {
        /// Hash in the plan.
        planned: String,
        /// Hash of the model.
        actual: String,
    },

    /// Ids of buffers that the problem does not have.
    #[error("the plan has buffers that the model lacks: {}", list(.ids))]
    Unknown {
        /// The ids.
        ids: Vec<String>,
    },

    /// Buffers without an offset.
    #[error("the plan has no offset for {}", list(.ids))]
    Missing {
        /// Ids of the buffers.
        ids: Vec<String>,
    },

    /// A buffer with another index.
    #[error("buffer `{}` is number {planned} in the plan and {actual} in the model", short(.buffer))]
    Index {
        /// Id of the buffer.
        buffer: String,
        /// Index in the plan.
        planned: usize,
        /// Index in the model.
        actual: usize,
    },

    /// A buffer with another size or live range.
    #[error("buffer `{}` has {} in the plan and {} in the model", short(.buffer), short(.planned), short(.actual))]
    Geometry {
        /// Id of the buffer.
        buffer: String,
        /// Size and live range in the plan.
        planned: String,
        /// Size and live range in the model.
        actual: String,
    },
}

fn list(ids: &[String]) -> String {
    listing(ids.iter().map(|id| format!("`{}`", short(id)))).unwrap_or_default()
}
