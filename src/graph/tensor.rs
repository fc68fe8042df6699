use std::fmt;

use smallvec::SmallVec;

use super::ElementType;
use super::text::Text;
use crate::ids::OperatorId;

/// Where a tensor's contents come from.
///
/// Being a graph output is a mark beside the kind, as an input, a variable or
/// an intermediate can each be an output as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorKind {
    /// Written by the caller before the first step.
    Input,
    /// A weight: lives outside of the arena.
    Constant,
    /// State that outlives a run.
    Variable,
    /// Written by an operator.
    Intermediate,
}

impl TensorKind {
    /// Whether its contents are made anew in every run.
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

/// A shape: dimensions, outermost first. None of them: a scalar.
pub type Shape = SmallVec<[u64; 4]>;

/// How large a tensor is, and what its address must be a multiple of.
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
    place: Option<Box<Place>>,
    upper_bound: bool,
}

/// Where a tensor must lie; apart, as few tensors have demands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    alignment: Option<u64>,
    fixed_offset: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Bytes(u64),
    Shaped(ElementType, Shape),
}

impl TensorSpec {
    /// A tensor of `shape` with elements of `element_type`; sub-byte elements
    /// are packed, and the whole is rounded up to bytes.
    pub fn shaped(element_type: ElementType, shape: impl AsRef<[u64]>) -> Self {
        Self::new(Size::Shaped(element_type, Shape::from_slice(shape.as_ref())))
    }

    /// A tensor of so many bytes.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self::new(Size::Bytes(bytes))
    }

    fn new(size: Size) -> Self {
        Self { size, place: None, upper_bound: false }
    }

    /// The offset must be a multiple of this power of two, instead of the
    /// planner's default alignment.
    #[must_use]
    pub fn align(mut self, alignment: u64) -> Self {
        self.place.get_or_insert_default().alignment = Some(alignment);
        self
    }

    /// The tensor must lie at exactly this offset of the arena, in bytes.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.place.get_or_insert_default().fixed_offset = Some(offset);
        self
    }

    /// Marks the size as an upper bound: the size at run time depends on data. Plans are as for
    /// any tensor; PLAN.json repeats the mark.
    #[must_use]
    pub fn upper_bound(mut self) -> Self {
        self.upper_bound = true;
        self
    }
}

/// A tensor of a [`Graph`](crate::Graph).
#[derive(Clone, Debug)]
pub struct Tensor {
    pub(crate) name: Text,
    pub(crate) kind: TensorKind,
    pub(crate) is_output: bool,
    pub(crate) overwritable: bool,
    pub(crate) spec: TensorSpec,
    pub(crate) bytes: u64,
    pub(crate) producer: Option<OperatorId>,
    pub(crate) readers: SmallVec<[OperatorId; 2]>,
}

impl Tensor {
    /// The name given; need not be unique.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its contents come from.
    #[must_use]
    pub fn kind(&self) -> TensorKind {
        self.kind
    }

    /// Whether it is handed back to the caller after the last step.
    #[must_use]
    pub fn is_output(&self) -> bool {
        self.is_output
    }

    /// Whether it is an input that operators may overwrite once it is read.
    #[must_use]
    pub fn is_overwritable(&self) -> bool {
        self.overwritable
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the size is an upper bound, as the size at run time depends on data.
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

    /// The alignment asked for, if not the planner's default.
    #[must_use]
    pub fn alignment(&self) -> Option<u64> {
        self.spec.place.as_ref()?.alignment
    }

    /// The offset asked for, if any.
    #[must_use]
    pub fn fixed_offset(&self) -> Option<u64> {
        self.spec.place.as_ref()?.fixed_offset
    }

    /// The operator that writes it; none for inputs and constants. Of a
    /// variable, the first operator that writes it.
    #[must_use]
    pub fn producer(&self) -> Option<OperatorId> {
        self.producer
    }

    /// The operators that read it, by id, each once.
    #[must_use]
    pub fn readers(&self) -> &[OperatorId] {
        &self.readers
    }
}
