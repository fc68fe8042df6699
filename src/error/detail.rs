//! The reasons that errors carry, with the ids and the numbers.

use super::Named;
use super::subject::Subject;
use super::text::{cut, short};
use crate::support::ids::{BufferId, OperatorId, PoolId, TensorId};
use crate::support::limits::Stop;

/// The reason why an order of operators is invalid.
///
/// ```
/// use plimsoll::error::OrderProblem;
/// use plimsoll::{Error, Graph};
///
/// let mut net = Graph::builder("net");
/// let only = net.operator("only").id();
/// let graph = net.build()?;
/// assert!(matches!(
///     graph.check_order(&[]),
///     Err(Error::Order(OrderProblem::Missing { operator })) if operator.id == only
/// ));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderProblem {
    /// An operator id that the graph does not have.
    #[error("step {step} names operator {operator}, but the graph has {count} operators")]
    UnknownOperator {
        /// The step.
        step: usize,
        /// The id.
        operator: OperatorId,
        /// Number of operators.
        count: usize,
    },
    /// An operator that runs at compile time.
    #[error("operator {operator} at step {step} is folded and does not run")]
    Folded {
        /// The operator.
        operator: Named<OperatorId>,
        /// The step.
        step: usize,
    },
    /// An operator that occurs twice.
    #[error("operator {operator} occurs at step {first} and again at step {second}")]
    Repeated {
        /// The operator.
        operator: Named<OperatorId>,
        /// The first step.
        first: usize,
        /// The second step.
        second: usize,
    },
    /// An operator that does not occur.
    #[error("operator {operator} is missing")]
    Missing {
        /// The operator.
        operator: Named<OperatorId>,
    },
    /// An operator that runs before an operator that it depends on.
    #[error("operator {operator} at step {step} needs operator {needs}, which runs at step {needs_step}")]
    TooEarly {
        /// The operator.
        operator: Named<OperatorId>,
        /// Its step.
        step: usize,
        /// The operator that it depends on.
        needs: Named<OperatorId>,
        /// The step of that operator.
        needs_step: usize,
    },
}

/// The reason why no placement in the pools exists.
///
/// Example: [`Error`](super::Error) and [`OrderProblem`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// Graph inputs and outputs that must be in a pool at the same time exceed its capacity.
    #[error("{pool} has {capacity} bytes, but inputs and outputs that must be there {} need {needed}", moment(.operator.as_ref()))]
    InputsAndOutputs {
        /// The pool.
        pool: Named<PoolId>,
        /// Its capacity in bytes.
        capacity: u64,
        /// The operator that runs at the time; none after the last operator.
        operator: Option<Named<OperatorId>>,
        /// The required bytes.
        needed: u64,
    },
    /// No offsets were found for graph inputs and outputs, though their bytes fit.
    #[error("inputs and outputs have no offsets where they must be, though their bytes fit")]
    Offsets,
    /// The contents of the backing store exceed its capacity.
    #[error("{pool} has {capacity} bytes, but what lives there needs {needed}")]
    BackingStore {
        /// The backing store.
        pool: Named<PoolId>,
        /// Its capacity in bytes.
        capacity: u64,
        /// The required bytes.
        needed: u64,
    },
    /// A tensor or scratch buffer must be in a pool that cannot hold its size or kind.
    #[error("{subject} ({bytes} bytes) must be in {pool}, which cannot take it")]
    NotTaken {
        /// The tensor or scratch buffer.
        subject: Subject,
        /// Size in bytes, of all tensors at fixed distances together.
        bytes: u64,
        /// The pool.
        pool: Named<PoolId>,
    },
    /// The sizes exceed the limit of the placement.
    #[error("the sizes sum to {bytes} bytes, above the limit of 2^61")]
    TotalSize {
        /// The sum; 2^64-1 if it is larger.
        bytes: u64,
    },
}

fn moment(operator: Option<&Named<OperatorId>>) -> String {
    operator
        .map_or_else(|| "after the last operator".to_owned(), |operator| format!("at operator {operator}"))
}

/// The reason why a list of pools is invalid, or contradicts a graph.
///
/// Example: [`Error`](super::Error) and [`OrderProblem`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolsProblem {
    /// An empty list.
    #[error("no pool is given; give at least one")]
    Empty,
    /// Too many pools.
    #[error("more than {max} pools are given; give at most {max}")]
    TooMany {
        /// The maximum number.
        max: usize,
    },
    /// Two pools with one name.
    #[error("two pools are called `{}`; give each its own name", short(.name))]
    RepeatedName {
        /// The name.
        name: String,
    },
    /// The last pool refuses a kind or size of content.
    #[error("the last pool, {pool}, must accept every kind and size of content")]
    BackingStore {
        /// The last pool.
        pool: Named<PoolId>,
    },
    /// A name that no pool has.
    #[error("no pool is called `{}`; the pools are {}", short(.name), names(.known, ", "))]
    UnknownName {
        /// The name.
        name: String,
        /// The pools.
        known: Vec<Named<PoolId>>,
    },
    /// A tensor with a fixed offset.
    #[error("tensor {tensor} has a fixed offset, which does not say in which pool")]
    FixedOffset {
        /// The tensor.
        tensor: Named<TensorId>,
    },
    /// A variable that is a graph output, if outputs are not in the backing store.
    #[error("{subject} is a variable and an output: outputs are in {outputs}, variables in {variables}")]
    VariableOutput {
        /// The variable.
        subject: Subject,
        /// The pool of outputs.
        outputs: Named<PoolId>,
        /// The pool of variables.
        variables: Named<PoolId>,
    },
    /// Tensors that share memory must be in different pools at the same time.
    #[error("{subject} and the tensors that share its memory must be in {} at once", names(.pools, " and "))]
    Contradiction {
        /// The first of the tensors.
        subject: Subject,
        /// The pools.
        pools: Vec<Named<PoolId>>,
    },
    /// The costs exceed the limit of the placement.
    #[error("the costs sum to {cost}, above the limit of 2^61")]
    TotalCost {
        /// The sum; 2^64-1 if it is larger.
        cost: u64,
    },
}

fn names(pools: &[Named<PoolId>], separator: &str) -> String {
    let all: Vec<String> = pools.iter().map(ToString::to_string).collect();
    all.join(separator)
}

/// The reason why a permission to share memory is invalid.
///
/// Example: [`OrderProblem`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermitProblem {
    /// The permission names a tensor that the operator does not read.
    #[error("{tensor} is not one of its inputs")]
    NotAnInput {
        /// The tensor.
        tensor: Subject,
    },
    /// The permission names a tensor that the operator does not write.
    #[error("{tensor} is not one of its outputs")]
    NotAnOutput {
        /// The tensor.
        tensor: Subject,
    },
    /// The permission names a variable.
    #[error("tensor {tensor} is a variable, which may not share memory")]
    Variable {
        /// The tensor.
        tensor: Named<TensorId>,
    },
    /// The bytes of one tensor do not lie within those of the other.
    #[error("tensor {inner} ({bytes} bytes at {at}) does not fit in tensor {outer} ({capacity} bytes)")]
    OutOfRange {
        /// The tensor that should lie within the other one.
        inner: Named<TensorId>,
        /// Its size in bytes.
        bytes: u64,
        /// Its offset in the other tensor.
        at: u64,
        /// The other tensor.
        outer: Named<TensorId>,
        /// The size of the other tensor in bytes.
        capacity: u64,
    },
}

/// The reason why an access map is invalid.
///
/// Example: [`OrderProblem`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessProblem {
    /// The number of stated axes differs from the number of outputs.
    #[error("it has {outputs} outputs, {axes} axes are stated")]
    OutputCount {
        /// Number of outputs.
        outputs: usize,
        /// Number of stated axes.
        axes: usize,
    },
    /// More row maps are stated than the operator has inputs.
    #[error("it has {inputs} inputs, {maps} row maps are stated")]
    InputCount {
        /// Number of inputs.
        inputs: usize,
        /// Number of stated row maps.
        maps: usize,
    },
    /// A tensor does not have the stated axis.
    #[error("tensor {tensor} has {rank} axes, none with number {axis}")]
    NoAxis {
        /// The tensor.
        tensor: Named<TensorId>,
        /// Number of axes; 0 without a shape.
        rank: usize,
        /// The stated axis.
        axis: usize,
    },
    /// A tensor has too many rows along the stated axis.
    #[error("tensor {tensor} has {rows} rows, more than {max}")]
    TooManyRows {
        /// The tensor.
        tensor: Named<TensorId>,
        /// Number of rows.
        rows: u64,
        /// The maximum number.
        max: u64,
    },
    /// The outputs have different numbers of rows.
    #[error("its outputs have different numbers of rows along the axis")]
    UnequalRows,
    /// A number of a row map is beyond its limit, or the first row read is after the last one.
    #[error("the row map of its input {input} is beyond its limits, or its first row is after its last")]
    RowMap {
        /// Position of the input.
        input: usize,
    },
}

/// The reason why a graph is invalid as the body of an operator.
///
/// Example: [`OrderProblem`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyProblem {
    /// The bodies have too many operators and tensors.
    #[error("all bodies together, as often as they are run, have more than {max} operators and tensors")]
    TooLarge {
        /// The maximum number.
        max: u64,
    },
    /// Bodies contain bodies at too many levels.
    #[error("bodies nest more than {max} deep")]
    TooDeep {
        /// The maximum number of levels.
        max: u32,
    },
    /// A body has a variable.
    #[error(
        "its tensor {tensor} is a variable, which outlives the operator; make it a variable of the graph around it, and an input of the operator"
    )]
    Variable {
        /// The variable.
        tensor: Named<TensorId>,
    },
    /// A tensor of the body requests a memory other than that of its operator.
    #[error("tensor {tensor} requests a storage; tensors of bodies are in the memory of their operator")]
    Storage {
        /// The tensor.
        tensor: Named<TensorId>,
    },
    /// A link is invalid.
    #[error("{0}")]
    Link(LinkProblem),
}

/// The reason why a link between a body's tensor and an input or output of its operator is invalid.
///
/// Example: [`OrderProblem`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkProblem {
    /// The operator has no such body.
    #[error("a link names body {body}, which does not exist")]
    UnknownBody {
        /// Position of the body.
        body: usize,
    },
    /// The body has no such tensor.
    #[error("a link names tensor {inner} of body {body}, which does not exist")]
    UnknownTensor {
        /// Position of the body.
        body: usize,
        /// The tensor of the body.
        inner: TensorId,
    },
    /// The tensor is not an input or an output of the operator, or is both.
    #[error("a link names tensor {tensor}, which is not an input or an output of the operator")]
    NotOfOperator {
        /// The id, which the graph around the body may lack.
        tensor: TensorId,
    },
    /// An input of the operator is linked to a tensor that is not a constant of the body.
    #[error("the link of {tensor} to {inner} needs a constant of the body, as an input of the operator")]
    NotConstant {
        /// The input of the operator.
        tensor: Named<TensorId>,
        /// The tensor of the body.
        inner: Named<TensorId>,
    },
    /// A foldable operator of the body reads a linked constant, whose value is not known at compile time.
    #[error("the link of {tensor} to {inner} needs readers that are not foldable")]
    FoldableReader {
        /// The input of the operator.
        tensor: Named<TensorId>,
        /// The tensor of the body.
        inner: Named<TensorId>,
    },
    /// An output of the operator is linked to a tensor that is not an output of the body.
    #[error("the link of {tensor} to {inner} needs an output of the body")]
    NotOutput {
        /// The output of the operator.
        tensor: Named<TensorId>,
        /// The tensor of the body.
        inner: Named<TensorId>,
    },
    /// Two links of one body name the same tensor.
    #[error("the link of {tensor} to {inner} repeats a tensor of another link of this body")]
    Repeated {
        /// The tensor of the graph around the body.
        tensor: Named<TensorId>,
        /// The tensor of the body.
        inner: Named<TensorId>,
    },
}

/// The reason why a strategy does not support a problem.
///
/// A strategy of your own makes [`Other`](Self::Other) from a text, for example by
/// [`Error::refused`](super::Error::refused).
///
/// Example: [`OrderProblem`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A buffer has a fixed offset.
    #[error(
        "buffer {buffer} has a fixed offset, but the strategy places shared objects freely; use another strategy"
    )]
    FixedOffset {
        /// The buffer.
        buffer: Named<BufferId>,
    },
    /// A buffer has gaps in its live range.
    #[error(
        "buffer {buffer} has gaps, but would occupy its shared object from start to end; use another strategy"
    )]
    Gaps {
        /// The buffer.
        buffer: Named<BufferId>,
    },
    /// A range of the arena is reserved.
    #[error("the range {start}..{end} is reserved, but the strategy does not support reserved ranges")]
    Reserved {
        /// The first byte.
        start: u64,
        /// The byte after the last one.
        end: u64,
    },
    /// The number of values differs from the number of buffers.
    #[error("got {got} values for {expected} buffers")]
    ValueCount {
        /// Number of buffers.
        expected: usize,
        /// Number of values.
        got: usize,
    },
    /// More buffers are live at the same time than objects are allowed.
    #[error(
        "{live} buffers are live at the same time, but at most {max} objects are allowed; allow {live} or more"
    )]
    TooFewObjects {
        /// The number of buffers.
        live: usize,
        /// The maximum number of objects.
        max: usize,
    },
    /// No assignment of buffers to the allowed objects exists, or none was found.
    #[error(
        "{} with at most {max} objects, {given} of them given ({stop}); allow more objects", outcome(*.stop)
    )]
    NoSharing {
        /// The maximum number of objects.
        max: usize,
        /// Number of given objects among them.
        given: usize,
        /// The reason why the search stopped; finished if it proved that none exists.
        stop: Stop,
    },
    /// Another reason.
    #[error("{}", cut(.0))]
    Other(String),
}

/// Text about the result of the search for a sharing.
fn outcome(stop: Stop) -> &'static str {
    match stop {
        Stop::Finished => "no sharing exists",
        _ => "found no sharing",
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}
