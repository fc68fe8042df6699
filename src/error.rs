//! Errors. A plan that does not fit the capacity is an outcome, not an error: see
//! [`Status`](crate::Status).

use std::borrow::Cow;

use crate::support::ids::{OperatorId, TensorId};

/// An error in the input or in a strategy. Messages name the operator, tensor or buffer concerned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Operators depend on each other in a cycle.
    #[error("operators depend on each other in a cycle: {}", cycle_text(.operators))]
    Cycle {
        /// Names along the cycle, each once.
        operators: Vec<String>,
    },

    /// Two operators, or one operator twice, write the same tensor.
    #[error("tensor `{}` has two producers: operator `{}` and operator `{}`", short(.tensor), short(.first), short(.second))]
    TwoProducers {
        /// The tensor's name.
        tensor: String,
        /// The first writer.
        first: String,
        /// The second writer.
        second: String,
    },

    /// An operator writes an input or a constant.
    #[error("operator `{}` writes tensor `{}`, which is {kind}", short(.operator), short(.tensor))]
    NotWritable {
        /// The operator's name.
        operator: String,
        /// The tensor's name.
        tensor: String,
        /// `an input` or `a constant`.
        kind: &'static str,
    },

    /// An intermediate that is read or is an output has no producer.
    #[error("tensor `{}` has no producer, but {} it; \
         is it an input, a constant or a variable?", short(.tensor), cut(.needed_by))]
    NoProducer {
        /// The tensor's name.
        tensor: String,
        /// The operator that reads the tensor, or the graph outputs, with a verb.
        needed_by: String,
    },

    /// The memory order of a tensor does not name each of its axes once.
    #[error("tensor `{}` has {rank} axes, but its memory order is {}", short(.tensor), cut(&format!("{:?}", .order)))]
    MemoryOrder {
        /// The tensor's name.
        tensor: String,
        /// The order.
        order: Vec<u32>,
        /// Number of axes; 0 without a shape.
        rank: usize,
    },

    /// A graph is invalid as the body of an operator.
    #[error("operator `{}` has an invalid body: {}", short(.operator), cut(.problem))]
    Body {
        /// The operator's name.
        operator: String,
        /// The reason, and what to do.
        problem: String,
    },

    /// An invalid permission to share memory.
    #[error("operator `{}` has an invalid permission: {}", short(.operator), cut(.problem))]
    Permit {
        /// The operator's name.
        operator: String,
        /// The reason.
        problem: String,
    },

    /// An access map that contradicts its operator or tensors.
    #[error("operator `{}` has an invalid access map: {}", short(.operator), cut(.problem))]
    Access {
        /// The operator's name.
        operator: String,
        /// The reason.
        problem: String,
    },

    /// A tiling that does not belong to its graph, or whose tiles read rows that do not exist.
    #[error("invalid tiling: {}", cut(.problem))]
    Tiling {
        /// The reason.
        problem: String,
    },

    /// A constraint on the relative placement of tensors that cannot be satisfied.
    #[error("{} cannot be satisfied: {}", cut(.place), cut(.problem))]
    Constraint {
        /// The constraint in words.
        place: String,
        /// The reason, with the tensors concerned.
        problem: String,
    },

    /// A tensor id that the graph does not have.
    #[error("{} names tensor {tensor}, but the graph has {count} tensors", cut(.place))]
    UnknownTensor {
        /// The list or operator that contains the id.
        place: String,
        /// The id.
        tensor: TensorId,
        /// Number of tensors.
        count: usize,
    },

    /// An operator id that the graph does not have.
    #[error("{} names operator {operator}, but the graph has {count} operators", cut(.place))]
    UnknownOperator {
        /// The list or operator that contains the id.
        place: String,
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
    #[error("tensor `{}`: {element_type} of shape {} is more than 2^64-1 bytes", short(.tensor), cut(&format!("{shape:?}")))]
    SizeOverflow {
        /// The tensor's name.
        tensor: String,
        /// The element type's name.
        element_type: &'static str,
        /// The shape.
        shape: Vec<u64>,
    },

    /// A tensor of elements without a fixed width.
    #[error("tensor `{}` holds strings, whose size is not known before the run", short(.tensor))]
    Unsized {
        /// The tensor's name.
        tensor: String,
    },

    /// A replacement for floating-point elements that has no width.
    #[error("elements cannot be counted as `{element_type}`, which has no width")]
    NoWidth {
        /// The element type's name.
        element_type: &'static str,
    },

    /// The sum of all sizes, with padding for alignment, does not fit 64 bits.
    #[error("the sizes add up to more than 2^64-1 bytes at buffer `{}` ({bytes} bytes)", short(.buffer))]
    TotalOverflow {
        /// The buffer at which the sum overflows.
        buffer: String,
        /// Size of the buffer in bytes.
        bytes: u64,
        /// Alignment of the buffer.
        alignment: u64,
    },

    /// An alignment that is zero or not a power of two.
    #[error("{}: alignment {alignment} is not a power of two", cut(.place))]
    Alignment {
        /// The tensor, buffer or option with the alignment.
        place: String,
        /// The alignment.
        alignment: u64,
    },

    /// A live range that does not end after its start.
    #[error("buffer `{}`: live range {start}..{end} is empty (ranges are half-open)", short(.buffer))]
    EmptyLiveRange {
        /// The buffer's name.
        buffer: String,
        /// The first step.
        start: u32,
        /// The step after the last one.
        end: u32,
    },

    /// A gap that is empty, not inside of the buffer's live range, or adjacent to another gap.
    #[error("buffer `{}`: gap {} must lie inside of the live range {live}, leave a step at either end, \
         and be apart from other gaps", short(.buffer), cut(.gap))]
    Gap {
        /// The buffer's name.
        buffer: String,
        /// The gap.
        gap: String,
        /// The live range.
        live: String,
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
    #[error("buffer {} is fixed inside of the reserved range {start}..{end}", cut(.buffer))]
    FixedReserved {
        /// Name, size, offset and live range.
        buffer: String,
        /// The first byte of the range.
        start: u64,
        /// The byte after the last one of the range.
        end: u64,
    },

    /// A fixed offset that is not a multiple of the buffer's alignment.
    #[error("buffer `{}` is fixed at {offset}, which is not a multiple of its alignment {alignment}", short(.buffer))]
    FixedMisaligned {
        /// The buffer's name.
        buffer: String,
        /// The fixed offset.
        offset: u64,
        /// The requested alignment.
        alignment: u64,
    },

    /// Two buffers whose fixed offsets overlap while both are live.
    #[error("buffer {} is fixed over buffer {}", cut(.first), cut(.second))]
    FixedOverlap {
        /// Name, size, offset and live range of one buffer.
        first: String,
        /// Name, size, offset and live range of the other buffer.
        second: String,
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
    #[error("pools: {}", cut(.0))]
    Pools(String),

    /// A pool is too small for tensors that must be in it.
    #[error("does not fit: {}", cut(.0))]
    DoesNotFit(String),

    /// An invalid order of operators.
    #[error("order: {}", cut(.0))]
    Order(String),

    /// A strategy name that does not exist.
    #[error("no strategy is called `{}`; the strategies are {}", short(.name), cut(.known))]
    UnknownStrategy {
        /// The name given.
        name: String,
        /// The existing names.
        known: String,
    },

    /// A strategy does not support the problem.
    #[error("strategy `{}`: {}", short(.strategy), cut(.reason))]
    Refused {
        /// The strategy's name.
        strategy: String,
        /// The reason.
        reason: String,
    },

    /// The caller cancelled the call, by its token or its progress callback, before it had a verified
    /// plan, or before an import had read the whole graph.
    #[error("cancelled before there was a result")]
    Cancelled,

    /// A strategy returned an invalid plan, which the library withholds.
    #[error("strategy `{}` returned an invalid plan: {}", short(.strategy), cut(.violation))]
    WrongPlan {
        /// The strategy's name.
        strategy: String,
        /// The first rule that the plan violates, and the buffers concerned.
        violation: String,
    },
}

/// The names along a cycle, at most 12 of them, with the first name repeated at the end.
fn cycle_text(operators: &[String]) -> String {
    const SHOWN: usize = 12;
    let quoted = |name: &String| format!("`{}`", short(name));
    let mut text: Vec<String> = operators.iter().take(SHOWN).map(quoted).collect();
    if operators.len() > SHOWN {
        text.push(format!("({} more)", operators.len() - SHOWN));
    }
    text.extend(operators.first().map(quoted));
    text.join(" -> ")
}

/// Shortens a name for a message: files may contain names of megabytes.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    cut_to(name, 100)
}

/// Shortens a message that contains names to a length that fits a log.
pub(crate) fn cut(message: &str) -> Cow<'_, str> {
    cut_within(message, 900)
}

/// Shortens a message to about `bytes` bytes, at most about 100 more. Shortens names, which are in
/// backquotes, first, so that the rest of the message stays complete.
pub(crate) fn cut_within(message: &str, bytes: usize) -> Cow<'_, str> {
    if message.len() <= bytes {
        return Cow::Borrowed(message);
    }
    let parts: Vec<_> = message.split('`').map(|part| cut_to(part, 200)).collect();
    Cow::Owned(cut_to(&parts.join("`"), bytes).into_owned())
}

/// Shortens the middle of a text: a message starts with its subject and ends with the advice to the user.
fn cut_to(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return Cow::Borrowed(text);
    }
    let is_boundary = |&at: &usize| text.is_char_boundary(at);
    let head = &text[..(0..=bytes / 2).rev().find(is_boundary).unwrap_or(0)];
    let tail = &text[(text.len() - bytes / 3..text.len()).find(is_boundary).unwrap_or(text.len())..];
    Cow::Owned(format!("{head} .. ({} bytes in all) .. {tail}", text.len()))
}

/// [`Result`](std::result::Result) with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
