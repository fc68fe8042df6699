//! What can be wrong with the input. Not fitting is no error: see [`Status`](crate::Status).

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
    #[error("tensor `{tensor}` has two producers: operator `{first}` and operator `{second}`")]
    TwoProducers {
        /// The tensor's name.
        tensor: String,
        /// The first writer.
        first: String,
        /// The second writer.
        second: String,
    },

    /// An operator writes what only the caller may write.
    #[error("operator `{operator}` writes tensor `{tensor}`, which is {kind}")]
    NotWritable {
        /// The operator's name.
        operator: String,
        /// The tensor's name.
        tensor: String,
        /// `an input` or `a constant`.
        kind: &'static str,
    },

    /// An intermediate that is needed is written by nobody.
    #[error(
        "tensor `{tensor}` has no producer, but {needed_by} it; \
         is it an input, a constant or a variable?"
    )]
    NoProducer {
        /// The tensor's name.
        tensor: String,
        /// Who needs it.
        needed_by: String,
    },

    /// A permission to share memory that cannot be meant.
    #[error("operator `{operator}` permits sharing, but {problem}")]
    Permit {
        /// The operator's name.
        operator: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A demand on where tensors lie in relation to each other that cannot be met.
    #[error("{place} cannot be: {problem}")]
    Constraint {
        /// What it is.
        place: String,
        /// Who is concerned, and what stands in the way.
        problem: String,
    },

    /// A tensor id from elsewhere.
    #[error("{place} names tensor {tensor}, but the graph has {count} tensors")]
    UnknownTensor {
        /// Where the id stands.
        place: String,
        /// The id.
        tensor: TensorId,
        /// How many there are.
        count: usize,
    },

    /// An operator id from elsewhere.
    #[error("{place} names operator {operator}, but the graph has {count} operators")]
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
    #[error("tensor `{tensor}`: {element_type} of shape {shape:?} is more than 2^64-1 bytes")]
    SizeOverflow {
        /// The tensor's name.
        tensor: String,
        /// The element type's name.
        element_type: &'static str,
        /// The shape.
        shape: Vec<u64>,
    },

    /// Elements of no fixed width.
    #[error("tensor `{tensor}` holds strings, whose size is not known before the run")]
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
    #[error("the sizes add up to more than 2^64-1 bytes at buffer `{buffer}` ({bytes} bytes)")]
    TotalOverflow {
        /// The buffer at which the sum overflows.
        buffer: String,
        /// Its size.
        bytes: u64,
        /// Its alignment.
        alignment: u64,
    },

    /// Zero, or not a power of two.
    #[error("{place}: alignment {alignment} is not a power of two")]
    Alignment {
        /// What asked for it.
        place: String,
        /// The number.
        alignment: u64,
    },

    /// A live range that ends where or before it starts.
    #[error("buffer `{buffer}`: live range {start}..{end} is empty (ranges are half-open)")]
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
    #[error(
        "buffer `{buffer}`: gap {gap} must lie inside of the live range {live}, leave a step at either end, \
         and be apart from other gaps"
    )]
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
    #[error("buffer {buffer} is fixed inside of the reserved range {start}..{end}")]
    FixedReserved {
        /// Name, size, offset and live range.
        buffer: String,
        /// First byte of the range.
        start: u64,
        /// Byte after its last.
        end: u64,
    },

    /// A fixed offset that is no multiple of the buffer's alignment.
    #[error("buffer `{buffer}` is fixed at {offset}, which is not a multiple of its alignment {alignment}")]
    FixedMisaligned {
        /// The buffer's name.
        buffer: String,
        /// The offset asked for.
        offset: u64,
        /// The alignment asked for.
        alignment: u64,
    },

    /// Two buffers fixed over each other while both live.
    #[error("buffer {first} is fixed over buffer {second}")]
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
    #[error("pools: {0}")]
    Pools(String),

    /// A pool cannot hold what must live there.
    #[error("does not fit: {0}")]
    DoesNotFit(String),

    /// An order that cannot be run.
    #[error("order: {0}")]
    Order(String),

    /// No strategy of that name.
    #[error("no strategy is called `{name}`; there are {known}")]
    UnknownStrategy {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },

    /// A strategy gave up on a problem that it does not handle.
    #[error("strategy `{strategy}`: {reason}")]
    Refused {
        /// The strategy's name.
        strategy: String,
        /// Why.
        reason: String,
    },

    /// The call was cancelled, by its token or its progress callback, before there was a verified
    /// plan.
    #[error("cancelled before there was a verified plan")]
    Cancelled,

    /// A strategy returned a wrong plan; it was not handed out.
    #[error("strategy `{strategy}` made a wrong plan: {violation}")]
    WrongPlan {
        /// The strategy's name.
        strategy: String,
        /// The first rule that broke, and where.
        violation: String,
    },
}

fn cycle_text(operators: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text: Vec<String> = operators.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if operators.len() > SHOWN {
        text.push(format!("({} more)", operators.len() - SHOWN));
    }
    text.extend(operators.first().map(|name| format!("`{name}`")));
    text.join(" -> ")
}

/// [`Result`](std::result::Result) with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
