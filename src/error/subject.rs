//! The items that an error concerns, by id and name.

use std::fmt;
use std::ops::Range;

use super::text::short;
use crate::support::ids::{BufferId, OperatorId, PoolId, TensorId};

/// The id and the name of an operator, tensor, buffer or pool. Displayed as the name in backquotes; long
/// names are shortened.
///
/// ```
/// use plimsoll::error::Named;
/// use plimsoll::{Error, Graph, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(4));
/// net.operator("relu").reads([x]).writes([x]);
/// let Err(Error::NotWritable { tensor, .. }) = net.build() else { panic!("an input was written") };
/// assert_eq!((tensor.id, &*tensor.name, tensor.to_string()), (x, "x", "`x`".to_owned()));
/// assert_eq!(tensor, Named { id: x, name: "x".into() });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named<I> {
    /// The id.
    pub id: I,
    /// The name, not shortened. The number of the id if the item has no name.
    pub name: Box<str>,
}

impl<I> Named<I> {
    pub(crate) fn new(id: I, name: impl Into<Box<str>>) -> Self {
        Self { id, name: name.into() }
    }
}

impl<I> fmt::Display for Named<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", short(&self.name))
    }
}

/// The item that an error is about.
///
/// ```
/// use plimsoll::error::Subject;
/// use plimsoll::{Error, Graph, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(4).align(12));
/// let Err(Error::Alignment { subject: Subject::Tensor(tensor), alignment: 12 }) = net.build() else {
///     panic!("12 is no power of two")
/// };
/// assert_eq!(tensor.id, x);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A tensor.
    Tensor(Named<TensorId>),
    /// A tensor id that the graph does not have.
    UnknownTensor(TensorId),
    /// An operator.
    Operator(Named<OperatorId>),
    /// The scratch buffer of an operator.
    Scratch(Named<OperatorId>),
    /// A buffer of a problem.
    Buffer(Named<BufferId>),
    /// A pool.
    Pool(Named<PoolId>),
    /// The list of graph outputs.
    Outputs,
    /// The list of graph inputs with given [contents](crate::InputContents).
    InputContents,
    /// A storage set in a finished graph.
    Storage,
    /// A permission added to a finished graph.
    Permission,
    /// A memory order set in a finished graph.
    MemoryOrder,
    /// A relative placement ([`GraphBuilder::place_at`](crate::GraphBuilder::place_at)).
    RelativePlacement,
    /// A pair of tensors without common bytes ([`GraphBuilder::keep_apart`](crate::GraphBuilder::keep_apart)).
    KeptApart,
    /// The alignment of tensors that request none.
    DefaultAlignment,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tensor(tensor) => write!(f, "tensor {tensor}"),
            Self::UnknownTensor(id) => write!(f, "tensor {id}"),
            Self::Operator(operator) => write!(f, "operator {operator}"),
            Self::Scratch(operator) => write!(f, "scratch of operator {operator}"),
            Self::Buffer(buffer) => write!(f, "buffer {buffer}"),
            Self::Pool(pool) => write!(f, "pool {pool}"),
            Self::Outputs => f.write_str("the list of graph outputs"),
            Self::InputContents => f.write_str("the list of preserved and overwritable inputs"),
            Self::Storage => f.write_str("a storage"),
            Self::Permission => f.write_str("a permission"),
            Self::MemoryOrder => f.write_str("a memory order"),
            Self::RelativePlacement => f.write_str("a relative placement"),
            Self::KeptApart => f.write_str("a keep-apart constraint"),
            Self::DefaultAlignment => f.write_str("default alignment"),
        }
    }
}

/// The constraint that an [`Error::Constraint`](super::Error::Constraint) is about.
///
/// ```
/// use plimsoll::error::ConstraintSubject;
/// use plimsoll::{Error, Graph, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let w = net.constant("w", TensorSpec::bytes(4));
/// let x = net.input("x", TensorSpec::bytes(4));
/// net.place_at(x, w, 0);
/// let Err(Error::Constraint { subject: ConstraintSubject::Placement { of, .. }, .. }) = net.build() else {
///     panic!("a constant has no place in the arena")
/// };
/// assert_eq!(of.id, w);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConstraintSubject {
    /// A relative placement.
    Placement {
        /// The tensor that is placed.
        tensor: Named<TensorId>,
        /// The tensor that it is placed relative to.
        of: Named<TensorId>,
        /// The distance in bytes.
        at: u64,
    },
    /// Two tensors that must be kept apart.
    KeptApart {
        /// The tensor with the lower id.
        first: Named<TensorId>,
        /// The other tensor.
        second: Named<TensorId>,
    },
    /// A graph output that becomes a graph input of the next run
    /// ([`Graph::keep_state`](crate::Graph::keep_state)).
    State {
        /// The graph input.
        input: Named<TensorId>,
        /// The graph output.
        output: Named<TensorId>,
    },
}

impl fmt::Display for ConstraintSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placement { tensor, of, at } => {
                write!(f, "the placement of tensor {tensor} at {at} bytes of tensor {of}")
            }
            Self::KeptApart { first, second } => write!(f, "the separation of tensors {first} and {second}"),
            Self::State { input, output } => write!(f, "the state {input} -> {output}"),
        }
    }
}

/// A buffer with a fixed offset.
///
/// Example: [`Named`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FixedBuffer {
    /// The buffer.
    pub buffer: Named<BufferId>,
    /// Size in bytes.
    pub bytes: u64,
    /// The fixed offset.
    pub offset: u64,
    /// The live range.
    pub live: Range<u32>,
}

impl fmt::Display for FixedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { buffer, bytes, offset, live } = self;
        write!(f, "{buffer} ({bytes} bytes at {offset}, live {live:?})")
    }
}
