//! Errors, and the items and reasons that they carry. A plan that does not fit the capacity is an
//! outcome, not an error: see [`Status`](crate::Status).
//!
//! Every variant of [`Error`] carries the ids, the names and the numbers of its message:
//!
//! ```
//! use plimsoll::{Error, Graph, TensorSpec};
//!
//! let mut net = Graph::builder("net");
//! let x = net.tensor("x", TensorSpec::bytes(4));
//! net.operator("first").writes([x]);
//! let second = net.operator("second").writes([x]).id();
//! match net.build() {
//!     Err(Error::TwoProducers { tensor, second: writer, .. }) => {
//!         assert_eq!((tensor.id, writer.id), (x, second));
//!     }
//!     other => panic!("{other:?}"),
//! }
//! ```

mod detail;
mod rule;
mod subject;
mod text;
mod violation;

use std::ops::Range;

pub use detail::{
    AccessProblem, BodyProblem, LinkProblem, Misfit, OrderProblem, PermitProblem, PoolsProblem, Refusal,
};
#[doc(hidden)] // documented in `verify`
pub use rule::Rule;
pub use subject::{ConstraintSubject, FixedBuffer, Named, Subject};
pub(crate) use text::{cut, cut_within, short};
#[doc(hidden)]
pub use violation::{MAX_REPORTED, Violation, Violations};

use crate::support::ids::{BufferId, OperatorId, TensorId};

/// An error in the input or in a strategy. Messages name the operator, tensor or buffer concerned.
///
/// Example: the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Operators depend on each other in a cycle.
    #[error("operators depend on each other in a cycle: {}", cycle_text(.operators))]
    Cycle {
        /// The operators along the cycle, each once.
        operators: Vec<Named<OperatorId>>,
    },

    /// Two operators, or one operator twice, write the same tensor.
    #[error("tensor {tensor} has two producers: operator {first} and operator {second}")]
    TwoProducers {
        /// The tensor.
        tensor: Named<TensorId>,
        /// The first writer.
        first: Named<OperatorId>,
        /// The second writer.
        second: Named<OperatorId>,
    },

    /// An operator writes an input or a constant.
    #[error("operator {operator} writes tensor {tensor}, which is {}", if *.is_constant { "a constant" } else { "an input" })]
    NotWritable {
        /// The operator.
        operator: Named<OperatorId>,
        /// The tensor.
        tensor: Named<TensorId>,
        /// True for a constant, false for an input.
        is_constant: bool,
    },

    /// An intermediate that is read or is an output has no producer.
    #[error("tensor {tensor} has no producer, but {} it; is it an input, a constant or a variable?", need(.needed_by))]
    NoProducer {
        /// The tensor.
        tensor: Named<TensorId>,
        /// An operator that reads the tensor, or the list of graph outputs.
        needed_by: Subject,
    },

    /// The memory order of a tensor does not name each of its axes once.
    #[error("tensor {tensor} has {rank} axes, but its memory order is {}", cut(&format!("{order:?}")))]
    MemoryOrder {
        /// The tensor.
        tensor: Named<TensorId>,
        /// The order.
        order: Vec<u32>,
        /// Number of axes; 0 without a shape.
        rank: usize,
    },

    /// A tensor that cannot be in the memory that it requests.
    #[error("tensor {tensor} {}", cut(.problem))]
    Storage {
        /// The tensor.
        tensor: Named<TensorId>,
        /// The reason and the remedies.
        problem: String,
    },

    /// A graph is invalid as the body of an operator.
    #[error("operator {operator} has an invalid body: {problem}")]
    Body {
        /// The operator.
        operator: Named<OperatorId>,
        /// The reason.
        problem: BodyProblem,
    },

    /// An invalid permission to share memory.
    #[error("operator {operator} has an invalid permission: {problem}")]
    Permit {
        /// The operator.
        operator: Named<OperatorId>,
        /// The reason.
        problem: Box<PermitProblem>,
    },

    /// An access map that contradicts its operator or tensors.
    #[error("operator {operator} has an invalid access map: {problem}")]
    Access {
        /// The operator.
        operator: Named<OperatorId>,
        /// The reason.
        problem: AccessProblem,
    },

    /// A tiling that does not belong to its graph, or whose tiles read rows that do not exist.
    #[error("invalid tiling: {}", cut(.problem))]
    Tiling {
        /// The reason.
        problem: String,
    },

    /// A constraint on the relative placement of tensors that cannot be satisfied.
    #[error("{subject} cannot be satisfied: {}", cut(.problem))]
    Constraint {
        /// The constraint.
        subject: ConstraintSubject,
        /// The reason in words, with the tensors concerned and the remedies.
        problem: String,
    },

    /// A tensor id that the graph does not have.
    #[error("{subject} names tensor {tensor}, but the graph has {count} tensors")]
    UnknownTensor {
        /// The list, operator or constraint that contains the id.
        subject: Subject,
        /// The id.
        tensor: TensorId,
        /// Number of tensors.
        count: usize,
    },

    /// An operator id that the graph does not have.
    #[error("{subject} names operator {operator}, but the graph has {count} operators")]
    UnknownOperator {
        /// The operator or permission that contains the id.
        subject: Subject,
        /// The id.
        operator: OperatorId,
        /// Number of operators.
        count: usize,
    },

    /// More tensors, operators, buffers or steps than ids can number.
    #[error("more than {max} {what}")]
    TooMany {
        /// `tensors`, `operators`, `buffers`, `steps`.
        what: &'static str,
        /// The maximum number.
        max: usize,
    },

    /// The size of a tensor in bytes does not fit 64 bits.
    #[error("tensor {tensor}: {element_type} of shape {} is more than 2^64-1 bytes", cut(&format!("{shape:?}")))]
    SizeOverflow {
        /// The tensor.
        tensor: Named<TensorId>,
        /// The element type's name.
        element_type: &'static str,
        /// The shape.
        shape: Vec<u64>,
    },

    /// A tensor of elements without a fixed width.
    #[error("tensor {tensor} holds strings, whose size is not known before the run")]
    Unsized {
        /// The tensor.
        tensor: Named<TensorId>,
    },

    /// A replacement for floating-point elements that has no width.
    #[error("elements cannot be counted as `{element_type}`, which has no width")]
    NoWidth {
        /// The element type's name.
        element_type: &'static str,
    },

    /// The sum of all sizes, with padding for alignment, does not fit 64 bits.
    #[error("the sizes add up to more than 2^64-1 bytes at buffer {buffer} ({bytes} bytes)")]
    TotalOverflow {
        /// The buffer at which the sum overflows.
        buffer: Named<BufferId>,
        /// Size of the buffer in bytes.
        bytes: u64,
        /// Alignment of the buffer.
        alignment: u64,
    },

    /// An alignment that is zero or not a power of two.
    #[error("{subject}: alignment {alignment} is not a power of two")]
    Alignment {
        /// The tensor, buffer, pool or option with the alignment.
        subject: Subject,
        /// The alignment.
        alignment: u64,
    },

    /// A live range that does not end after its start.
    #[error("buffer {buffer}: live range {start}..{end} is empty (ranges are half-open)")]
    EmptyLiveRange {
        /// The buffer.
        buffer: Named<BufferId>,
        /// The first step.
        start: u32,
        /// The step after the last one.
        end: u32,
    },

    /// A gap that is empty, not inside of the buffer's live range, or adjacent to another gap.
    #[error(
        "buffer {buffer}: gap {gap:?} must lie inside of the live range {live:?}, leave a step at either end, \
         and be apart from other gaps"
    )]
    Gap {
        /// The buffer.
        buffer: Named<BufferId>,
        /// The gap, in steps.
        gap: Range<u32>,
        /// The live range, in steps.
        live: Range<u32>,
    },

    /// An empty reserved range.
    #[error("reserved range {start}..{end} is empty (ranges are half-open)")]
    Reserved {
        /// The first byte.
        start: u64,
        /// The byte after the last one.
        end: u64,
    },

    /// A buffer with a fixed offset that overlaps a reserved range.
    #[error("buffer {buffer} is fixed inside of the reserved range {start}..{end}")]
    FixedReserved {
        /// The buffer.
        buffer: FixedBuffer,
        /// The first byte of the range.
        start: u64,
        /// The byte after the last one of the range.
        end: u64,
    },

    /// A fixed offset that is not a multiple of the alignment.
    #[error("{subject} is fixed at {offset}, which is not a multiple of its alignment {alignment}")]
    FixedMisaligned {
        /// The tensor or buffer.
        subject: Subject,
        /// The fixed offset.
        offset: u64,
        /// The requested alignment.
        alignment: u64,
    },

    /// Two buffers whose fixed offsets overlap while both are live.
    #[error("buffer {first} is fixed over buffer {second}")]
    FixedOverlap {
        /// One buffer.
        first: FixedBuffer,
        /// The other buffer.
        second: FixedBuffer,
    },

    /// A tensor that cannot keep the offset of a previous plan.
    #[error("tensor {tensor} cannot keep its offset {offset}: {}", cut(.reason))]
    NotKept {
        /// The first tensor, by id, that cannot keep its offset together with those before it.
        tensor: Named<TensorId>,
        /// The offset.
        offset: u64,
        /// The error of a plan that keeps it.
        reason: String,
    },

    /// The number of names differs from the number of buffers.
    #[error("{got} names for {expected} buffers")]
    NameCount {
        /// Number of buffers.
        expected: usize,
        /// Number of names.
        got: usize,
    },

    /// A request that needs a capacity, without one: the choice of buffers to keep on chip, or the
    /// reason why a problem does not fit.
    #[error("no capacity is given: everything fits")]
    NoCapacity,

    /// An invalid list of pools, or one that contradicts the graph.
    #[error("pools: {0}")]
    Pools(PoolsProblem),

    /// A pool is too small for tensors that must be in it.
    #[error("does not fit: {0}")]
    DoesNotFit(Misfit),

    /// An invalid order of operators.
    #[error("order: {0}")]
    Order(OrderProblem),

    /// A strategy name that does not exist.
    #[error("no strategy is called `{}`; the strategies are {}", short(.name), .known.join(", "))]
    UnknownStrategy {
        /// The name given.
        name: String,
        /// The existing names.
        known: &'static [&'static str],
    },

    /// A strategy does not support the problem.
    #[error("strategy `{}`: {reason}", short(.strategy))]
    Refused {
        /// The strategy's name.
        strategy: String,
        /// The reason.
        reason: Refusal,
    },

    /// A callback strategy of the C ABI returned a failure.
    #[error("strategy `{}`: the callback returned {status}", short(.strategy))]
    StrategyFailed {
        /// The strategy's name.
        strategy: String,
        /// The status that the callback returned; not 0.
        status: i32,
    },

    /// The caller cancelled the call, by its token or its progress callback, before it had a verified
    /// plan, or before an import had read the whole graph.
    #[error("cancelled before there was a result")]
    Cancelled,

    /// A strategy returned an invalid plan, which the library withholds.
    #[error("strategy `{}` returned an invalid plan: {}", short(.strategy), cut(&first(.violations)))]
    WrongPlan {
        /// The strategy's name.
        strategy: String,
        /// The rules that the plan breaks, and where.
        violations: Violations,
    },
}

/// The names along a cycle, at most 12 of them, with the first name repeated at the end.
fn cycle_text(operators: &[Named<OperatorId>]) -> String {
    const SHOWN: usize = 12;
    let mut text: Vec<String> = operators.iter().take(SHOWN).map(ToString::to_string).collect();
    if operators.len() > SHOWN {
        text.push(format!("({} more)", operators.len() - SHOWN));
    }
    text.extend(operators.first().map(ToString::to_string));
    text.join(" -> ")
}

/// The item that needs a tensor, with a verb.
fn need(subject: &Subject) -> String {
    match subject {
        Subject::Outputs => "the graph outputs".to_owned(),
        reader => format!("{reader} reads"),
    }
}

/// The first violation.
fn first(violations: &Violations) -> String {
    violations.list().first().map(ToString::to_string).unwrap_or_default()
}

impl Error {
    /// The refusal of a strategy, for a reason in words.
    ///
    /// ```
    /// use plimsoll::Error;
    ///
    /// let error = Error::refused("mine", "supports at most 10 buffers; use another strategy");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "strategy `mine`: supports at most 10 buffers; use another strategy"
    /// );
    /// ```
    #[must_use]
    pub fn refused(strategy: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { strategy: strategy.into(), reason: Refusal::Other(reason.into()) }
    }
}

/// [`Result`](std::result::Result) with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
