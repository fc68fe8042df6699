use crate::import::{cut, listing, short};

/// Why a PLAN.json cannot be read, or not for this model. What it claims of
/// sizes, offsets and live ranges is not judged here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// No JSON, or not the fields of a plan.
    #[error("not a plan: {}", cut(.0))]
    Malformed(String),

    /// A document of another kind or of a later version.
    #[error("the plan's format is {}; this version reads `{expected}`", short(.found))]
    Format {
        /// The `format` in the document.
        found: String,
        /// The one that can be read.
        expected: &'static str,
    },

    /// The import options name something unknown.
    #[error("the plan's import options: {}", cut(.0))]
    Options(String),

    /// A plan of buffers, given for a graph.
    #[error("the plan has no order: it is a plan of buffers, not of a graph")]
    NoOrder,

    /// An index that the model does not have.
    #[error("{} names {what} {index}, but the model has {count} {what}s", cut(.place))]
    OutOfRange {
        /// Where in the plan.
        place: String,
        /// `tensor`, `operator`, `buffer` or `body`.
        what: &'static str,
        /// The index.
        index: usize,
        /// How many the model has.
        count: usize,
    },

    /// Two places for one thing.
    #[error("the plan places {} twice", cut(.what))]
    Twice {
        /// The thing.
        what: String,
    },

    /// The tensor of that index is another one.
    #[error("tensor {index} is called `{}` in the plan and `{}` in the model", short(.planned), short(.actual))]
    Name {
        /// The tensor's index.
        index: usize,
        /// Its name in the plan.
        planned: String,
        /// Its unique name in the model.
        actual: String,
    },

    /// Memory other than the arena.
    #[error("tensor `{}` lies in pool `{}`; this version knows `arena` only", short(.tensor), short(.pool))]
    Pool {
        /// The tensor's name.
        tensor: String,
        /// The pool's name.
        pool: String,
    },

    /// Gaps in the live range of a graph's tensor, which only buffers may have.
    #[error("tensor `{}` has gaps in its live range; only plans of buffers may have gaps, so remove `gaps`", short(.tensor))]
    Gaps {
        /// The tensor's name.
        tensor: String,
    },

    /// Memories that cannot be meant.
    #[error("the plan's {}", cut(.0))]
    Pools(String),

    /// A pool that the plan does not have.
    #[error("{} names pool `{}`, which the plan does not have", cut(.place), short(.pool))]
    UnknownPool {
        /// Where it stands.
        place: String,
        /// The pool's name.
        pool: String,
    },

    /// Memory shared with a tensor whose number and name are not of the same one.
    #[error("{} names tensor {index} `{}`, but that is `{}`", cut(.place), short(.tensor), short(.other))]
    Shares {
        /// Where it stands.
        place: String,
        /// The number.
        index: usize,
        /// The name beside it.
        tensor: String,
        /// The name of the tensor of that number.
        other: String,
    },

    /// The fingerprint of the model is another.
    #[error("the plan was made for another model, or one imported with other options: \
         its hash is {}, that of this model is {}", short(.planned), short(.actual))]
    OtherModel {
        /// The hash in the plan.
        planned: String,
        /// The model's.
        actual: String,
    },

    /// Ids that the problem does not have.
    #[error("the plan has buffers that the model lacks: {}", list(.ids))]
    Unknown {
        /// The ids.
        ids: Vec<String>,
    },

    /// Buffers without an offset.
    #[error("the plan has no offset for {}", list(.ids))]
    Missing {
        /// Their ids.
        ids: Vec<String>,
    },

    /// A buffer under another number.
    #[error("buffer `{}` is number {planned} in the plan and {actual} in the model", short(.buffer))]
    Index {
        /// The buffer's id.
        buffer: String,
        /// Its index in the plan.
        planned: usize,
        /// Its position in the model.
        actual: usize,
    },

    /// A buffer of another size or live range.
    #[error("buffer `{}` has {} in the plan and {} in the model", short(.buffer), short(.planned), short(.actual))]
    Geometry {
        /// The buffer's id.
        buffer: String,
        /// Size and live range in the plan.
        planned: String,
        /// The same in the model.
        actual: String,
    },
}

fn list(ids: &[String]) -> String {
    listing(ids.iter().map(|id| format!("`{}`", short(id)))).unwrap_or_default()
}
