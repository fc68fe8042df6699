//! What is known of a tensor: element type, shape, and its numbers if they are few.

use std::rc::Rc;

use crate::import::onnx::messages::Tensor;
use crate::import::onnx::tensor::{FEW, Numbers};

/// Why a rule cannot tell the shape.
pub(super) type Why = String;

pub(super) type Told<T> = Result<T, Why>;

/// ONNX's numbers of element types.
pub(super) mod types {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const STRING: i32 = 8;
    pub const BOOL: i32 = 9;
    pub const DOUBLE: i32 = 11;

    /// The least and the greatest of a type of integers.
    pub fn range(data_type: i32) -> Option<std::ops::RangeInclusive<i64>> {
        Some(match data_type {
            2 => 0..=255,
            3 => -128..=127,
            4 => 0..=65_535,
            5 => -32_768..=32_767,
            INT32 => i32::MIN.into()..=i32::MAX.into(),
            INT64 => i64::MIN..=i64::MAX,
            BOOL => 0..=1,
            12 => 0..=u32::MAX.into(),
            13 => 0..=i64::MAX,
            _ => return None,
        })
    }
}

/// No tensor has more axes than this.
const MOST_AXES: usize = 31;

/// A tensor of known shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    /// ONNX's number.
    pub data_type: i32,
    pub dims: Vec<u64>,
    /// Its elements in order, if they are few and known.
    pub data: Option<Data>,
    /// A bit for each axis along which the dimension is an upper bound, as data decides on it, and
    /// [`CHANGED`]. One word, as a file may have a million tensors.
    pub(super) marks: u32,
}

/// The shape comes from another one than the file declares.
const CHANGED: u32 = 1 << MOST_AXES;

/// Shared, as most operators on shapes hand them on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    /// Integers and truth values.
    Whole(Rc<[i64]>),
    /// Already rounded to the element type.
    Real(Rc<[f64]>),
}

impl Data {
    pub fn len(&self) -> usize {
        match self {
            Data::Whole(numbers) => numbers.len(),
            Data::Real(numbers) => numbers.len(),
        }
    }

    /// The elements at these places; none if one of them is not there.
    pub fn pick(&self, places: impl Iterator<Item = Option<usize>>) -> Option<Self> {
        Some(match self {
            Data::Whole(numbers) => {
                Data::Whole(places.map(|place| numbers.get(place?).copied()).collect::<Option<_>>()?)
            }
            Data::Real(numbers) => {
                Data::Real(places.map(|place| numbers.get(place?).copied()).collect::<Option<_>>()?)
            }
        })
    }

    /// One after another; none if their kinds differ, or there are too many to remember.
    pub fn joined(parts: &[&Self]) -> Option<Self> {
        if parts.iter().map(|part| part.len()).sum::<usize>() > FEW {
            return None;
        }
        Some(match parts.first()? {
            Data::Whole(_) => {
                let lists = parts.iter().map(|part| part.whole()).collect::<Option<Vec<_>>>()?;
                Data::Whole(lists.concat().into())
            }
            Data::Real(_) => {
                let lists = parts.iter().map(|part| part.real()).collect::<Option<Vec<_>>>()?;
                Data::Real(lists.concat().into())
            }
        })
    }

    pub fn whole(&self) -> Option<&[i64]> {
        if let Data::Whole(numbers) = self { Some(numbers) } else { None }
    }

    pub fn real(&self) -> Option<&[f64]> {
        if let Data::Real(numbers) = self { Some(numbers) } else { None }
    }
}

impl Value {
    /// Of which only the shape is known.
    pub fn new(data_type: i32, dims: impl Into<Vec<u64>>) -> Told<Self> {
        Self::with(data_type, dims, None)
    }

    /// With numbers, which are forgotten if they are many.
    pub fn with(data_type: i32, dims: impl Into<Vec<u64>>, data: Option<Data>) -> Told<Self> {
        let dims = dims.into();
        if dims.len() > MOST_AXES {
            return Err(format!("{} axes are more than {MOST_AXES}", dims.len()));
        }
        if let Some(dim) = dims.iter().find(|&&dim| i64::try_from(dim).is_err()) {
            return Err(format!("a dimension of {dim} is more than 63 bits can tell"));
        }
        let count = few(&dims);
        let data = data.filter(|data| count == Some(data.len()));
        Ok(Self { data_type, dims, data, marks: 0 })
    }

    pub fn whole(data_type: i32, dims: impl Into<Vec<u64>>, numbers: Vec<i64>) -> Told<Self> {
        Self::with(data_type, dims, Some(Data::Whole(numbers.into())))
    }

    /// None if the tensor has a negative dimension.
    pub fn of_tensor(tensor: &Tensor) -> Option<Self> {
        let dims = tensor.dims.iter().map(|&dim| u64::try_from(dim).ok()).collect::<Option<Vec<_>>>()?;
        let data = tensor.contents().map(|numbers| match numbers {
            Numbers::Whole(numbers) => Data::Whole(numbers.into()),
            Numbers::Real(numbers) => Data::Real(numbers.into()),
        });
        Self::with(tensor.data_type, dims, data).ok()
    }

    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The dimension of this axis.
    pub fn dim(&self, axis: usize) -> Told<u64> {
        self.dims
            .get(axis)
            .copied()
            .ok_or_else(|| format!("a tensor of shape {:?} has no axis {axis}", self.dims))
    }

    /// The same shape without numbers.
    pub fn like(&self, data_type: i32) -> Self {
        Self { data_type, dims: self.dims.clone(), data: None, marks: self.upper() }
    }

    /// This shape as an upper bound along all axes.
    pub fn at_most(self) -> Self {
        self.at_most_along(u32::MAX)
    }

    /// This shape as an upper bound along these axes, a bit for each.
    pub fn at_most_along(self, upper: u32) -> Self {
        let all = (1u32 << self.rank()) - 1;
        Self { data: None, marks: (self.marks & CHANGED) | (upper & all), ..self }
    }

    /// This shape, which data does not decide on.
    pub fn exact(self) -> Self {
        Self { marks: self.marks & CHANGED, ..self }
    }

    /// A bit for each axis along which the dimension is an upper bound.
    pub fn upper(&self) -> u32 {
        self.marks & !CHANGED
    }

    /// This shape, as one that comes from another than the file declares, or not.
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

    /// The numbers in another shape.
    pub fn reshaped(&self, dims: Vec<u64>) -> Told<Self> {
        Self::with(self.data_type, dims, self.data.clone())
    }

    /// Another shape, each of whose elements is one of this tensor: the one at the place
    /// that `source` gives for its coordinates.
    pub fn rearranged(&self, dims: Vec<u64>, source: impl Fn(&[u64]) -> Option<u64>) -> Told<Self> {
        let data = match (&self.data, few(&dims)) {
            (Some(data), Some(count)) => {
                data.pick(coordinates(&dims, count).map(|at| usize::try_from(source(&at)?).ok()))
            }
            _ => None,
        };
        Self::with(self.data_type, dims, data)
    }
}

/// How many elements there are, if they are few.
pub(super) fn few(dims: &[u64]) -> Option<usize> {
    let count = usize::try_from(product(dims).ok()?).ok()?;
    (count <= FEW).then_some(count)
}

pub(super) fn product(dims: &[u64]) -> Told<u64> {
    if dims.contains(&0) {
        return Ok(0);
    }
    let all = dims.iter().try_fold(1, |all: u64, &dim| all.checked_mul(dim));
    all.ok_or_else(|| format!("{dims:?} are more elements than 64 bits can count"))
}

/// The coordinates of all elements, `count` in number, in order.
pub(super) fn coordinates(dims: &[u64], count: usize) -> impl Iterator<Item = Vec<u64>> {
    (0..count as u64).map(|place| {
        let mut rest = place;
        let mut at: Vec<u64> = dims
            .iter()
            .rev()
            .map(|&dim| {
                let along = rest % dim.max(1);
                rest /= dim.max(1);
                along
            })
            .collect();
        at.reverse();
        at
    })
}

/// Where the element with these coordinates is; few elements do not overflow.
pub(super) fn place(dims: &[u64], at: impl Iterator<Item = u64>) -> Option<u64> {
    dims.iter().zip(at).try_fold(0, |place: u64, (&dim, along)| place.checked_mul(dim)?.checked_add(along))
}

/// As `NumPy` does: equal from the right, where 1 stands for any.
pub(super) fn broadcast(shapes: &[&[u64]]) -> Told<Vec<u64>> {
    let rank = shapes.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let mut all = vec![1; rank];
    for dims in shapes {
        let begin = rank - dims.len();
        for (axis, &dim) in dims.iter().enumerate() {
            let so_far = &mut all[begin + axis];
            match (*so_far, dim) {
                (1, _) => *so_far = dim,
                (one, other) if other == 1 || one == other => {}
                _ => {
                    let shapes: Vec<String> = shapes.iter().map(|dims| format!("{dims:?}")).collect();
                    return Err(format!("shapes {} do not broadcast", shapes.join(" and ")));
                }
            }
        }
    }
    Ok(all)
}

/// Where an element of a broadcast shape comes from.
pub(super) fn broadcast_source(dims: &[u64], at: &[u64]) -> Option<u64> {
    let begin = at.len().checked_sub(dims.len())?;
    let along = dims.iter().zip(&at[begin..]).map(|(&dim, &along)| if dim == 1 { 0 } else { along });
    place(dims, along)
}

/// A number of axes, which are few.
pub(super) fn count(rank: usize) -> i64 {
    i64::from(rank as u32)
}

/// The axis that a number, negative from the end, stands for.
pub(super) fn axis(number: i64, rank: usize) -> Told<usize> {
    let from_start = if number < 0 { number.checked_add(count(rank)) } else { Some(number) };
    let found = from_start.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
    found.ok_or_else(|| format!("there is no axis {number} of {rank}"))
}

/// Each once.
pub(super) fn axes(numbers: &[i64], rank: usize) -> Told<Vec<usize>> {
    let mut seen = vec![false; rank];
    let mut found = Vec::new();
    for &number in numbers {
        let axis = axis(number, rank)?;
        if std::mem::replace(&mut seen[axis], true) {
            return Err(format!("axis {number} is named twice"));
        }
        found.push(axis);
    }
    Ok(found)
}

pub(super) fn size(number: i64) -> Told<u64> {
    u64::try_from(number).map_err(|_| format!("{number} is no size"))
}

/// Sizes whose signs are settled.
pub(super) fn sizes(numbers: &[i64]) -> Told<Vec<u64>> {
    numbers.iter().map(|&number| size(number)).collect()
}
