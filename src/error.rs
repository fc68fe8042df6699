//! What can be wrong with the input. Not fitting is no error: see [`Status`](crate::Status).

use std::borrow::Cow;

use crate::ids::{OperatorId, TensorId};

/// A mistake in a graph, a problem, an order or a plan. Each names the culprit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Operators wait for each other.
    #[error("operators depend on each other in a cycle: {}", cycle_text(.operators))]
    Cycle {
        /// Names along the cycle, each once.
        operators: Vec<String>,
    },

    /// Two operators, or one twice, write the same tensor.
    #[error("tensor `{}` has two producers: operator `{}` and operator `{}`", short(.tensor), short(.first), short(.second))]
    TwoProducers {
        /// The tensor's name.
        tensor: String,
        /// The first writer.
        first: String,
        /// The second writer.
        second: String,
    },

    /// An operator writes what only the caller may write.
    #[error("operator `{}` writes tensor `{}`, which is {kind}", short(.operator), short(.tensor))]
    NotWritable {
        /// The operator's name.
        operator: String,
        /// The tensor's name.
        tensor: String,
        /// `an input` or `a constant`.
        kind: &'static str,
    },

    /// An intermediate that is needed is written by nobody.
    #[error("tensor `{}` has no producer, but {} it; \
         is it an input, a constant or a variable?", short(.tensor), cut(.needed_by))]
    NoProducer {
        /// The tensor's name.
        tensor: String,
        /// Who needs it.
        needed_by: String,
    },

    /// A graph that cannot be a body of an operator.
    #[error("operator `{}` has an invalid body: {}", short(.operator), cut(.problem))]
    Body {
        /// The operator's name.
        operator: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },

    /// A permission to share memory that cannot be meant.
    #[error("operator `{}` permits sharing, but {}", short(.operator), cut(.problem))]
    Permit {
        /// The operator's name.
        operator: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A demand on where tensors lie in relation to each other that cannot be met.
    #[error("{} cannot be: {}", cut(.place), cut(.problem))]
    Constraint {
        /// What it is.
        place: String,
        /// Who is concerned, and what stands in the way.
        problem: String,
    },

    /// A tensor id from elsewhere.
    #[error("{} names tensor {tensor}, but the graph has {count} tensors", cut(.place))]
    UnknownTensor {
        /// Where the id stands.
        place: String,
        /// The id.
        tensor: TensorId,
        /// How many there are.
        count: usize,
    },

    /// An operator id from elsewhere.
    #[error("{} names operator {operator}, but the graph has {count} operators", cut(.place))]
    UnknownOperator {
        /// Where the id stands.
        place: String,
        /// The id.
        operator: OperatorId,
        /// How many there are.
        count: usize,
    },

    /// More things of one kind than ids.
    #[error("more than {max} {what}")]
    TooMany {
        /// `tensors`, `operators`, `buffers`, `steps`.
        what: &'static str,
        /// The most there may be.
        max: usize,
    },

    /// Shape times element width does not fit 64 bits.
    #[error("tensor `{}`: {element_type} of shape {} is more than 2^64-1 bytes", short(.tensor), cut(&format!("{shape:?}")))]
    SizeOverflow {
        /// The tensor's name.
        tensor: String,
        /// The element type's name.
        element_type: &'static str,
        /// The shape.
        shape: Vec<u64>,
    },

    /// Elements of no fixed width.
    #[error("tensor `{}` holds strings, whose size is not known before the run", short(.tensor))]
    Unsized {
        /// The tensor's name.
        tensor: String,
    },

    /// Floats counted as a type without a width.
    #[error("elements cannot be counted as `{element_type}`, which has no width")]
    NoWidth {
        /// The element type's name.
        element_type: &'static str,
    },

    /// All sizes together, paddings included, do not fit 64 bits.
    #[error("the sizes add up to more than 2^64-1 bytes at buffer `{}` ({bytes} bytes)", short(.buffer))]
    TotalOverflow {
        /// The buffer at which the sum overflows.
        buffer: String,
        /// Its size.
        bytes: u64,
        /// Its alignment.
        alignment: u64,
    },

    /// Zero, or not a power of two.
    #[error("{}: alignment {alignment} is not a power of two", cut(.place))]
    Alignment {
        /// What asked for it.
        place: String,
        /// The number.
        alignment: u64,
    },

    /// A live range that ends where or before it starts.
    #[error("buffer `{}`: live range {start}..{end} is empty (ranges are half-open)", short(.buffer))]
    EmptyLiveRange {
        /// The buffer's name.
        buffer: String,
        /// First step.
        start: u32,
        /// Step after the last.
        end: u32,
    },

    /// A gap that is empty, not inside of the buffer's live range, or not apart from
    /// another gap.
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

    /// A reserved range without bytes.
    #[error("reserved range {start}..{end} is empty (ranges are half-open)")]
    Reserved {
        /// First byte.
        start: u64,
        /// Byte after the last.
        end: u64,
    },

    /// A fixed buffer in a reserved range.
    #[error("buffer {} is fixed inside of the reserved range {start}..{end}", cut(.buffer))]
    FixedReserved {
        /// Name, size, offset and live range.
        buffer: String,
        /// First byte of the range.
        start: u64,
        /// Byte after its last.
        end: u64,
    },

    /// A fixed offset that is no multiple of the buffer's alignment.
    #[error("buffer `{}` is fixed at {offset}, which is not a multiple of its alignment {alignment}", short(.buffer))]
    FixedMisaligned {
        /// The buffer's name.
        buffer: String,
        /// The offset asked for.
        offset: u64,
        /// The alignment asked for.
        alignment: u64,
    },

    /// Two buffers fixed over each other while both live.
    #[error("buffer {} is fixed over buffer {}", cut(.first), cut(.second))]
    FixedOverlap {
        /// Name, size, offset and live range of one.
        first: String,
        /// The same of the other.
        second: String,
    },

    /// A list of names of another length than the list of what it names.
    #[error("{got} names for {expected} buffers")]
    NameCount {
        /// Buffers.
        expected: usize,
        /// Names.
        got: usize,
    },

    /// What goes on chip, or what does not fit, is a question of the capacity.
    #[error("no capacity is given: everything fits")]
    NoCapacity,

    /// Memories that cannot be meant, or that contradict what a graph says.
    #[error("pools: {}", cut(.0))]
    Pools(String),

    /// A pool cannot hold what must live there.
    #[error("does not fit: {}", cut(.0))]
    DoesNotFit(String),

    /// An order that cannot be run.
    #[error("order: {}", cut(.0))]
    Order(String),

    /// No strategy of that name.
    #[error("no strategy is called `{}`; there are {}", short(.name), cut(.known))]
    UnknownStrategy {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },

    /// A strategy gave up on a problem that it does not handle.
    #[error("strategy `{}`: {}", short(.strategy), cut(.reason))]
    Refused {
        /// The strategy's name.
        strategy: String,
        /// Why.
        reason: String,
    },

    /// The call was cancelled, by its token or its progress callback, before there was a verified
    /// plan, or a whole graph where a file is imported.
    #[error("cancelled before there was a result")]
    Cancelled,

    /// A strategy returned a wrong plan; it was not handed out.
    #[error("strategy `{}` made a wrong plan: {}", short(.strategy), cut(.violation))]
    WrongPlan {
        /// The strategy's name.
        strategy: String,
        /// The first rule that broke, and where.
        violation: String,
    },
}

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

/// A name as messages show it: files may have names of megabytes.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    cut_to(name, 100)
}

/// A message that names are part of, short enough for a log.
pub(crate) fn cut(message: &str) -> Cow<'_, str> {
    cut_within(message, 900)
}

/// A message of at most some 100 bytes more than this. Names, which stand in backquotes, are cut
/// first, so that what is said of them stays.
pub(crate) fn cut_within(message: &str, bytes: usize) -> Cow<'_, str> {
    if message.len() <= bytes {
        return Cow::Borrowed(message);
    }
    let parts: Vec<_> = message.split('`').map(|part| cut_to(part, 200)).collect();
    Cow::Owned(cut_to(&parts.join("`"), bytes).into_owned())
}

/// Both ends of a text, as a message names its subject first and what to do last.
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
