//! An inferred tensor: element type, shape, and the values of its elements if they are few and known.

use std::rc::Rc;

use crate::import::dims::{broadcast, ensure, plus, product};

/// Limit of elements that are kept; a larger tensor counts as weights.
pub(super) const MAX_ELEMENTS: usize = 1024;

/// An inferred value, or the reason why there is none, as a clause about the node.
pub(crate) type Inferred<T> = Result<T, String>;

/// The outputs of a node.
pub(crate) type Outputs = Inferred<Vec<Value>>;

/// Limit of axes, so that [`Value`] has a bit for each.
const MAX_AXES: usize = 31;

/// Limit of tensors in a sequence.
pub(crate) const MAX_TENSORS: usize = 256;

/// Element types as numbered by `TensorProto.DataType`.
pub(crate) mod types {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT8: i32 = 3;
    pub const UINT16: i32 = 4;
    pub const INT16: i32 = 5;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const STRING: i32 = 8;
    pub const BOOL: i32 = 9;
    pub const FLOAT16: i32 = 10;
    pub const DOUBLE: i32 = 11;
    pub const UINT32: i32 = 12;
    pub const UINT64: i32 = 13;
    pub const BFLOAT16: i32 = 16;

    /// The smallest and the largest value of an integer type, within 63 bits; none for other types.
    pub fn range(data_type: i32) -> Option<std::ops::RangeInclusive<i64>> {
        Some(match data_type {
            UINT8 => 0..=u8::MAX.into(),
            INT8 => i8::MIN.into()..=i8::MAX.into(),
            UINT16 => 0..=u16::MAX.into(),
            INT16 => i16::MIN.into()..=i16::MAX.into(),
            INT32 => i32::MIN.into()..=i32::MAX.into(),
            INT64 => i64::MIN..=i64::MAX,
            BOOL => 0..=1,
            UINT32 => 0..=u32::MAX.into(),
            UINT64 => 0..=i64::MAX,
            _ => return None,
        })
    }
}

/// A tensor of known shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    /// Element type, see [`types`].
    pub data_type: i32,
    pub dims: Vec<u64>,
    /// Elements in row-major order, if they are few and known.
    pub data: Option<Elements>,
    /// A bit for each axis whose dimension is an upper bound because it depends on data, and [`CHANGED`].
    /// One word, as a file may have a million tensors.
    pub(crate) marks: u32,
}

/// Bit of a shape that follows from a shape other than the declared one.
const CHANGED: u32 = 1 << MAX_AXES;

/// Elements of a tensor, in row-major order. Shared, as most operators on shapes return their input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Elements {
    /// Integers and booleans.
    Integers(Rc<[i64]>),
    /// Floating-point numbers, rounded to the element type.
    Floats(Rc<[f64]>),
    /// The tensors of a sequence.
    Tensors(Rc<[Value]>),
}

impl Elements {
    pub(crate) fn len(&self) -> usize {
        match self {
            Elements::Integers(numbers) => numbers.len(),
            Elements::Floats(numbers) => numbers.len(),
            Elements::Tensors(tensors) => tensors.len(),
        }
    }

    pub(crate) fn integers(&self) -> Option<&[i64]> {
        if let Elements::Integers(numbers) = self { Some(numbers) } else { None }
    }
}

impl Elements {
    /// The elements at these indices; none if an index is missing or out of range.
    pub fn pick(&self, indices: impl Iterator<Item = Option<usize>>) -> Option<Self> {
        Some(match self {
            Elements::Integers(numbers) => {
                Elements::Integers(indices.map(|index| numbers.get(index?).copied()).collect::<Option<_>>()?)
            }
            Elements::Tensors(_) => return None,
            Elements::Floats(numbers) => {
                Elements::Floats(indices.map(|index| numbers.get(index?).copied()).collect::<Option<_>>()?)
            }
        })
    }

    /// Concatenates elements; none if they mix integers and floating-point numbers, or are too many.
    pub fn joined(parts: &[&Self]) -> Option<Self> {
        if parts.iter().map(|part| part.len()).sum::<usize>() > MAX_ELEMENTS {
            return None;
        }
        Some(match parts.first()? {
            Elements::Integers(_) => {
                let lists = parts.iter().map(|part| part.integers()).collect::<Option<Vec<_>>>()?;
                Elements::Integers(lists.concat().into())
            }
            Elements::Floats(_) => {
                let lists = parts.iter().map(|part| part.floats()).collect::<Option<Vec<_>>>()?;
                Elements::Floats(lists.concat().into())
            }
            Elements::Tensors(_) => return None,
        })
    }

    pub fn floats(&self) -> Option<&[f64]> {
        if let Elements::Floats(numbers) = self { Some(numbers) } else { None }
    }
}

impl Value {
    /// A tensor of known shape without elements.
    pub fn new(data_type: i32, dims: impl Into<Vec<u64>>) -> Inferred<Self> {
        Self::with(data_type, dims, None)
    }

    /// A tensor with elements, which are dropped if they are too many.
    pub fn with(data_type: i32, dims: impl Into<Vec<u64>>, data: Option<Elements>) -> Inferred<Self> {
        let dims = dims.into();
        ensure!(
            dims.len() <= MAX_AXES,
            "a shape with {} axes exceeds the limit of {MAX_AXES} axes",
            dims.len()
        );
        if let Some(dim) = dims.iter().find(|&&dim| i64::try_from(dim).is_err()) {
            return Err(format!("dimension {dim} exceeds 63 bits"));
        }
        let count = few(&dims);
        let data = data.filter(|data| count == Some(data.len()));
        Ok(Self { data_type, dims, data, marks: 0 })
    }

    /// One output of known shape without elements.
    pub fn single(data_type: i32, dims: impl Into<Vec<u64>>) -> Outputs {
        Ok(vec![Self::new(data_type, dims)?])
    }

    /// A tensor of integers.
    pub fn of_integers(data_type: i32, dims: impl Into<Vec<u64>>, numbers: Vec<i64>) -> Inferred<Self> {
        Self::with(data_type, dims, Some(Elements::Integers(numbers.into())))
    }

    /// A sequence of tensors of one type: the shape is the number of elements of all.
    pub fn sequence(tensors: Vec<Self>) -> Inferred<Self> {
        ensure!(tensors.len() <= MAX_TENSORS, "its sequence has more than {MAX_TENSORS} tensors");
        let data_type = tensors.first().map_or(types::FLOAT, |first| first.data_type);
        let is_mixed = tensors.iter().any(|one| one.data_type != data_type);
        ensure!(!is_mixed, "its sequence has tensors of several element types");
        let count = tensors.iter().try_fold(0, |all, one| plus(all, product(&one.dims)?))?;
        let is_upper = tensors.iter().any(Self::is_upper);
        let value = Self::new(data_type, [count])?;
        let value = if is_upper { value.at_most() } else { value };
        Ok(Self { data: Some(Elements::Tensors(tensors.into())), ..value })
    }

    /// Returns whether the value is a sequence whose tensors are known.
    pub fn is_sequence(&self) -> bool {
        matches!(self.data, Some(Elements::Tensors(_)))
    }

    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The dimension of an axis.
    pub fn dim(&self, axis: usize) -> Inferred<u64> {
        let dim = self.dims.get(axis).copied();
        dim.ok_or_else(|| format!("a tensor of shape {:?} has no axis {axis}", self.dims))
    }

    /// A tensor of the same shape with another element type and without elements.
    pub fn like(&self, data_type: i32) -> Self {
        Self { data_type, dims: self.dims.clone(), data: None, marks: self.upper() }
    }

    /// The same shape as an upper bound along all axes, without elements.
    pub fn at_most(self) -> Self {
        self.at_most_along(u32::MAX)
    }

    /// The same shape as an upper bound along axes, a bit for each, without elements.
    pub fn at_most_along(self, upper: u32) -> Self {
        let all = (1u32 << self.rank()) - 1;
        Self { data: None, marks: (self.marks & CHANGED) | (upper & all), ..self }
    }

    /// The same shape as an exact one.
    pub fn exact(self) -> Self {
        Self { marks: self.marks & CHANGED, ..self }
    }

    /// A bit for each axis whose dimension is an upper bound.
    pub fn upper(&self) -> u32 {
        self.marks & !CHANGED
    }

    /// The same shape, marked or unmarked as one that follows from a shape other than the declared one.
    pub fn changed(self, is_changed: bool) -> Self {
        let marks = if is_changed { self.upper() | CHANGED } else { self.upper() };
        Self { marks, ..self }
    }

    pub fn is_changed(&self) -> bool {
        self.marks & CHANGED != 0
    }

    pub fn is_upper(&self) -> bool {
        self.upper() != 0
    }

    /// The same elements in another shape.
    pub fn reshaped(&self, dims: Vec<u64>) -> Outputs {
        Ok(vec![Self::with(self.data_type, dims, self.data.clone())?])
    }

    /// A tensor of another shape whose elements come from this one: `source` maps the coordinates of an
    /// element to its row-major index in this tensor.
    pub fn rearranged(&self, dims: Vec<u64>, source: impl Fn(&[u64]) -> Option<u64>) -> Inferred<Self> {
        let data = match (&self.data, few(&dims)) {
            (Some(data), Some(count)) => {
                data.pick(coordinates(&dims, count).map(|at| usize::try_from(source(&at)?).ok()))
            }
            _ => None,
        };
        Self::with(self.data_type, dims, data)
    }
}

impl Value {
    /// One output, as [`Value::rearranged`].
    pub fn rearranged_single(&self, dims: Vec<u64>, source: impl Fn(&[u64]) -> Option<u64>) -> Outputs {
        Ok(vec![self.rearranged(dims, source)?])
    }
}

/// The number of elements; none if they are too many to be kept.
pub(crate) fn few(dims: &[u64]) -> Option<usize> {
    let count = usize::try_from(product(dims).ok()?).ok()?;
    (count <= MAX_ELEMENTS).then_some(count)
}

/// The coordinates of the first `count` elements of a shape, in row-major order.
pub(crate) fn coordinates(dims: &[u64], count: usize) -> impl Iterator<Item = Vec<u64>> {
    (0..count as u64).map(move |index| {
        let (mut rest, mut at) = (index, vec![0; dims.len()]);
        for (along, &dim) in at.iter_mut().zip(dims).rev() {
            (*along, rest) = (rest % dim.max(1), rest / dim.max(1));
        }
        at
    })
}

/// The row-major index of the element at `at`; none if it exceeds 64 bits.
pub(crate) fn flat_index(dims: &[u64], at: impl Iterator<Item = u64>) -> Option<u64> {
    dims.iter().zip(at).try_fold(0, |index: u64, (&dim, along)| index.checked_mul(dim)?.checked_add(along))
}

/// The row-major index, in a tensor of shape `dims`, of the element that broadcasting copies to `at`.
pub(crate) fn broadcast_source(dims: &[u64], at: &[u64]) -> Option<u64> {
    let begin = at.len().checked_sub(dims.len())?;
    let along = dims.iter().zip(&at[begin..]).map(|(&dim, &along)| if dim == 1 { 0 } else { along });
    flat_index(dims, along)
}

/// The shape to which tensors broadcast.
pub(crate) fn broadcast_of(values: &[&Value]) -> Inferred<Vec<u64>> {
    let shapes: Vec<&[u64]> = values.iter().map(|value| value.dims.as_slice()).collect();
    broadcast(&shapes, values.iter().any(|value| value.is_upper()))
}

/// Refuses inputs of different types.
pub(crate) fn check_types(inputs: &[&Value]) -> Inferred<()> {
    let other = inputs.iter().find(|other| other.data_type != inputs[0].data_type);
    other.map_or(Ok(()), |other| {
        Err(format!("its inputs have element types {} and {}", inputs[0].data_type, other.data_type))
    })
}
