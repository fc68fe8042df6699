use std::fmt;

use smallvec::SmallVec;

use super::ElementType;
use super::text::CompactText;
use crate::error::Named;
use crate::support::ids::{OperatorId, TensorId};

/// The kind of a tensor: the origin of its contents.
///
/// Graph outputs are not a kind of their own: an input, a variable or an intermediate can be an
/// output as well, see [`Tensor::is_output`].
///
/// Example: [`GraphBuilder`](crate::GraphBuilder).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorKind {
    /// Written by the caller before the first step.
    Input,
    /// A weight; outside of the arena.
    Constant,
    /// State that outlives a run.
    Variable,
    /// Written by an operator.
    Intermediate,
}

impl TensorKind {
    /// Returns true for inputs and intermediates, whose contents are new in every run.
    pub(crate) fn is_activation(self) -> bool {
        matches!(self, Self::Input | Self::Intermediate)
    }
}

impl fmt::Display for TensorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TensorKind::Input => "input",
            TensorKind::Constant => "constant",
            TensorKind::Variable => "variable",
            TensorKind::Intermediate => "intermediate",
        })
    }
}

/// A shape: dimensions, outermost first. A scalar has no dimensions.
pub(crate) type Shape = SmallVec<[u64; 4]>;

/// The size and the placement constraints of a tensor.
///
/// ```
/// use plimsoll::{ElementType, TensorSpec};
///
/// let image = TensorSpec::shaped(ElementType::Int8, [1, 96, 96, 3]);
/// let opaque = TensorSpec::bytes(4096).align(64);
/// # let _ = (image, opaque);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    pub(crate) size: Size,
    position: Option<Box<RequestedPosition>>,
    upper_bound: bool,
}

/// The alignment and offset that a tensor requests. Stored separately, as few tensors request
/// either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct RequestedPosition {
    alignment: Option<u64>,
    fixed_offset: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Bytes(u64),
    Shaped(ElementType, Shape),
}

impl TensorSpec {
    /// A tensor of `shape` with elements of `element_type`. Sub-byte elements are packed, and the
    /// total size is rounded up to whole bytes.
    pub fn shaped(element_type: ElementType, shape: impl AsRef<[u64]>) -> Self {
        Self::new(Size::Shaped(element_type, Shape::from_slice(shape.as_ref())))
    }

    /// A tensor of `bytes` bytes without a shape.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self::new(Size::Bytes(bytes))
    }

    /// Element type and shape, if the size is given by them.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn as_shaped(&self) -> Option<(ElementType, &[u64])> {
        match &self.size {
            Size::Shaped(element_type, shape) => Some((*element_type, shape)),
            Size::Bytes(_) => None,
        }
    }

    fn new(size: Size) -> Self {
        Self { size, position: None, upper_bound: false }
    }

    /// Sets the alignment, a power of two. It replaces the planner's default alignment.
    #[must_use]
    pub fn align(mut self, alignment: u64) -> Self {
        self.position.get_or_insert_default().alignment = Some(alignment);
        self
    }

    /// Fixes the offset of the tensor in the arena, in bytes.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.position.get_or_insert_default().fixed_offset = Some(offset);
        self
    }

    /// Marks the size as an upper bound: the size at run time depends on data. Plans treat the
    /// tensor like any other; PLAN.json contains the mark.
    #[must_use]
    pub fn upper_bound(mut self) -> Self {
        self.upper_bound = true;
        self
    }
}

/// A tensor of a [`Graph`](crate::Graph).
///
/// Example: [`GraphBuilder`](crate::GraphBuilder).
#[derive(Clone, Debug)]
pub struct Tensor {
    pub(crate) name: CompactText,
    pub(crate) kind: TensorKind,
    pub(crate) is_output: bool,
    pub(crate) overwritable: bool,
    pub(crate) spec: TensorSpec,
    pub(crate) bytes: u64,
    pub(crate) producer: Option<OperatorId>,
    pub(crate) readers: SmallVec<[OperatorId; 2]>,
}

impl Tensor {
    /// The id and the name, for errors.
    pub(crate) fn named(&self, id: TensorId) -> Named<TensorId> {
        Named::new(id, &*self.name)
    }

    /// The name; need not be unique.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of the tensor.
    #[must_use]
    pub fn kind(&self) -> TensorKind {
        self.kind
    }

    /// Returns true for graph outputs, which the caller reads after the last step.
    #[must_use]
    pub fn is_output(&self) -> bool {
        self.is_output
    }

    /// Returns true for graph inputs that operators may overwrite after the last read.
    #[must_use]
    pub fn is_overwritable(&self) -> bool {
        self.overwritable
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns true if the size is an upper bound, because the size at run time depends on data.
    #[must_use]
    pub fn is_upper_bound(&self) -> bool {
        self.spec.upper_bound
    }

    /// The shape, if the tensor was described by one.
    #[must_use]
    pub fn shape(&self) -> Option<&[u64]> {
        match &self.spec.size {
            Size::Shaped(_, shape) => Some(shape),
            Size::Bytes(_) => None,
        }
    }

    /// The element type, if the tensor was described by one.
    #[must_use]
    pub fn element_type(&self) -> Option<ElementType> {
        match &self.spec.size {
            Size::Shaped(element_type, _) => Some(*element_type),
            Size::Bytes(_) => None,
        }
    }

    /// The requested alignment in bytes; none for the planner's default alignment.
    #[must_use]
    pub fn alignment(&self) -> Option<u64> {
        self.spec.position.as_ref()?.alignment
    }

    /// The fixed offset in bytes, if there is one.
    #[must_use]
    pub fn fixed_offset(&self) -> Option<u64> {
        self.spec.position.as_ref()?.fixed_offset
    }

    /// The operator that writes the tensor; none for inputs and constants. For a variable, the first
    /// operator that writes it.
    #[must_use]
    pub fn producer(&self) -> Option<OperatorId> {
        self.producer
    }

    /// The operators that read the tensor, each once, in ascending order of ids.
    #[must_use]
    pub fn readers(&self) -> &[OperatorId] {
        &self.readers
    }
}
