use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::ElementType;
use super::storage::{InputContents, Storage};
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

/// Axes of a tensor in the order of memory, from outermost to innermost.
pub(crate) type AxisOrder = SmallVec<[u32; 4]>;

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
    requests: Option<Box<PlacementRequests>>,
}

/// The alignment, offset and memory order that a tensor requests, and the mark of an upper bound. Stored
/// separately, as few tensors have any of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PlacementRequests {
    alignment: Option<u64>,
    fixed_offset: Option<u64>,
    /// The axes from outermost to innermost.
    memory_order: Option<AxisOrder>,
    storage: Storage,
    upper_bound: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Bytes(u64),
    /// Tensors of one shape share it: networks have few shapes.
    Shaped(ElementType, Arc<[u64]>),
}

impl TensorSpec {
    /// A tensor of `shape` with elements of `element_type`. Sub-byte elements are packed, and the
    /// total size is rounded up to whole bytes.
    pub fn shaped(element_type: ElementType, shape: impl AsRef<[u64]>) -> Self {
        Self::new(Size::Shaped(element_type, Arc::from(shape.as_ref())))
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
        Self { size, requests: None }
    }

    pub(crate) fn alignment(&self) -> Option<u64> {
        self.requests.as_ref()?.alignment
    }

    /// Sets the alignment, a power of two. It replaces the planner's default alignment.
    #[must_use]
    pub fn align(mut self, alignment: u64) -> Self {
        self.requests.get_or_insert_default().alignment = Some(alignment);
        self
    }

    /// Fixes the offset of the tensor in the arena, in bytes.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.requests.get_or_insert_default().fixed_offset = Some(offset);
        self
    }

    /// Keeps the tensor in a buffer of the caller, outside of the arena. See [`Storage::Outside`].
    #[must_use]
    pub fn outside(mut self) -> Self {
        self.set_storage(Storage::Outside);
        self
    }

    /// Keeps the tensor in the pool with this name for as long as it is live. See [`Storage::Pool`].
    #[must_use]
    pub fn in_pool(mut self, name: impl AsRef<str>) -> Self {
        self.set_storage(Storage::Pool(name.as_ref().into()));
        self
    }

    /// Sets the memory that holds the tensor.
    #[must_use]
    pub fn stored(mut self, storage: Storage) -> Self {
        self.set_storage(storage);
        self
    }

    pub(crate) fn storage(&self) -> Option<&Storage> {
        Some(&self.requests.as_ref()?.storage)
    }

    /// Replaces the size by a number of bytes without a shape.
    pub(crate) fn set_bytes(&mut self, bytes: u64) {
        self.size = Size::Bytes(bytes);
        if let Some(requests) = &mut self.requests {
            requests.memory_order = None;
        }
    }

    /// Removes the fixed offset and the storage.
    pub(crate) fn forget_place(&mut self) {
        if let Some(requests) = &mut self.requests {
            (requests.fixed_offset, requests.storage) = (None, Storage::Arena);
        }
    }

    pub(crate) fn set_storage(&mut self, storage: Storage) {
        if storage != Storage::Arena || self.requests.is_some() {
            self.requests.get_or_insert_default().storage = storage;
        }
    }

    /// Sets the order of the axes in memory, from outermost to innermost. Without it, the tensor is stored
    /// in row-major order: the first axis is the outermost one.
    ///
    /// ```
    /// # use plimsoll::{ElementType, TensorSpec};
    /// // Shape [batch, channels, height, width], stored with channels innermost.
    /// let image = TensorSpec::shaped(ElementType::Int8, [1, 8, 32, 32]).memory_order([0, 2, 3, 1]);
    /// # let _ = image;
    /// ```
    #[must_use]
    pub fn memory_order(mut self, axes: impl IntoIterator<Item = usize>) -> Self {
        // An axis beyond 32 bits does not exist; the graph refuses the largest number instead.
        let axes = axes.into_iter().map(|axis| u32::try_from(axis).unwrap_or(u32::MAX)).collect();
        self.requests.get_or_insert_default().memory_order = Some(axes);
        self
    }

    /// Marks the size as an upper bound: the size at run time depends on data. Plans treat the
    /// tensor like any other; PLAN.json contains the mark.
    #[must_use]
    pub fn upper_bound(mut self) -> Self {
        self.requests.get_or_insert_default().upper_bound = true;
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
    pub(crate) contents: InputContents,
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

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns true if the size is an upper bound, because the size at run time depends on data.
    #[must_use]
    pub fn is_upper_bound(&self) -> bool {
        self.spec.requests.as_ref().is_some_and(|requests| requests.upper_bound)
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
        self.spec.alignment()
    }

    /// The fixed offset in bytes, if there is one.
    #[must_use]
    pub fn fixed_offset(&self) -> Option<u64> {
        self.spec.requests.as_ref()?.fixed_offset
    }

    /// The axes in the order of memory, from outermost to innermost; none without a shape.
    #[must_use]
    pub fn memory_order(&self) -> Option<SmallVec<[usize; 4]>> {
        let rank = self.shape()?.len();
        Some(match self.stated_memory_order() {
            Some(axes) => axes.iter().map(|&axis| axis as usize).collect(),
            None => (0..rank).collect(),
        })
    }

    /// True if rows along an axis follow each other in memory: all axes outside of it have one entry.
    pub(crate) fn has_contiguous_rows(&self, axis: usize) -> bool {
        let (Some(shape), Some(order)) = (self.shape(), self.memory_order()) else { return false };
        order
            .iter()
            .position(|&at| at == axis)
            .is_some_and(|at| order[..at].iter().all(|&outer| shape[outer] == 1))
    }

    /// The memory order, unless it is left to the default.
    pub(crate) fn stated_memory_order(&self) -> Option<&AxisOrder> {
        self.spec.requests.as_ref()?.memory_order.as_ref()
    }

    /// Distances in elements between neighbours along each axis; none without a shape.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn strides(&self) -> Option<Shape> {
        let shape = self.shape()?;
        let mut strides = Shape::from_elem(1, shape.len());
        let mut distance = 1_u64;
        for axis in self.memory_order()?.into_iter().rev() {
            strides[axis] = distance;
            distance = distance.saturating_mul(shape[axis]);
        }
        Some(strides)
    }

    /// The dimensions in the order of memory, from outermost to innermost; none without a shape.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn stored_shape(&self) -> Option<Shape> {
        let shape = self.shape()?;
        Some(self.memory_order()?.into_iter().map(|axis| shape[axis]).collect())
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
