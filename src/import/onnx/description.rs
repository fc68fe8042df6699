//! The declared element type and shape of a tensor.

use std::collections::BTreeMap;
use std::fmt;

use super::expression::evaluate;
use super::graph::OnnxNode;
use super::messages::{Dimension, MAX_DIMS, ValueInfo, malformed};
use super::tensor::{OnnxSparseTensor, OnnxTensor};
use super::value::types;
use crate::error::{cut_within, short};
use crate::graph::ElementType as E;
use crate::graph::{ElementType, TensorKind, TensorSpec};
use crate::import::ImportError;

/// Element types by the numbers of `TensorProto.DataType`; none for 0, which is undefined. The types of 8 bits are
/// E4M3FN, E4M3FNUZ, E5M2, E5M2FNUZ and E8M0, that of 4 bits is E2M1.
#[rustfmt::skip]
const ELEMENT_TYPES: [Option<E>; 27] = [
    None, Some(E::Float32), Some(E::UInt8), Some(E::Int8), Some(E::UInt16), Some(E::Int16), Some(E::Int32),
    Some(E::Int64), Some(E::String), Some(E::Bool), Some(E::Float16), Some(E::Float64), Some(E::UInt32),
    Some(E::UInt64), Some(E::Complex64), Some(E::Complex128), Some(E::BFloat16), Some(E::Float8), Some(E::Float8),
    Some(E::Float8), Some(E::Float8), Some(E::UInt4), Some(E::Int4), Some(E::Float4), Some(E::Float8),
    Some(E::UInt2), Some(E::Int2),
];

/// A declared dimension.
#[derive(Debug)]
pub(super) enum Dim {
    /// A number, or a symbolic dimension with a value.
    Known(u64),
    /// A symbolic dimension without a value.
    Named(Box<str>),
    /// A dimension without a number and a name.
    Unknown,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(value) => write!(f, "{value}"),
            Dim::Named(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// The element type of a number of `TensorProto.DataType`; none for unknown numbers.
fn element_type(data_type: i32) -> Option<ElementType> {
    *ELEMENT_TYPES.get(usize::try_from(data_type).ok()?)?
}

/// The number of an element type; 0 if ONNX has no such type.
pub(super) fn number_of(element_type: ElementType) -> i32 {
    let number = ELEMENT_TYPES.iter().position(|listed| *listed == Some(element_type));
    number.and_then(|number| i32::try_from(number).ok()).unwrap_or(0)
}

/// The size of a tensor of this type and shape, which may be an upper bound; none if its elements have no
/// size.
pub(super) fn sized(data_type: i32, shape: &[u64], is_upper: bool) -> Option<TensorSpec> {
    let element_type = element_type(data_type).filter(|element_type| element_type.bits().is_some())?;
    let spec = TensorSpec::shaped(element_type, shape);
    Some(if is_upper { spec.upper_bound() } else { spec })
}

/// The declared type of a tensor.
#[derive(Debug)]
pub(super) enum Description {
    /// Not a dense tensor: a sequence, a map, an optional value or a sparse tensor.
    NoTensor,
    /// Two different shapes.
    Twice(Box<[Vec<u64>; 2]>),
    /// A dense tensor.
    Tensor {
        /// Element type, as a number of `TensorProto.DataType`; 0 if it is not declared.
        data_type: i32,
        /// None if the rank is unknown.
        dims: Option<Box<[Dim]>>,
    },
}

impl Description {
    pub(super) fn tensor(data_type: i32, dims: impl IntoIterator<Item = Dim>) -> Self {
        Self::Tensor { data_type, dims: Some(dims.into_iter().collect()) }
    }

    fn known(data_type: i32, dims: &[i64]) -> Self {
        Self::tensor(data_type, dims.iter().map(|&dim| u64::try_from(dim).map_or(Dim::Unknown, Dim::Known)))
    }

    /// The description of an initializer.
    pub(super) fn dense(tensor: &OnnxTensor) -> Self {
        Self::known(tensor.data_type, &tensor.dims)
    }

    /// The description of a sparse initializer, which takes the memory of a dense one.
    pub(super) fn sparse(sparse: &OnnxSparseTensor) -> Self {
        Self::known(sparse.values.as_ref().map_or(0, |values| values.data_type), &sparse.dims)
    }

    /// The declaration of a `value_info`; none if it has no type.
    pub(super) fn of_info(
        info: &ValueInfo,
        bound: &BTreeMap<String, u64>,
    ) -> Result<Option<Self>, ImportError> {
        let Some(declared) = &info.r#type else { return Ok(None) };
        let Some(tensor) = &declared.tensor_type else { return Ok(Some(Self::NoTensor)) };
        let Some(shape) = &tensor.shape else {
            return Ok(Some(Self::Tensor { data_type: tensor.elem_type, dims: None }));
        };
        check_count(shape.count, &info.name)?;
        let dims = shape.dim.iter().map(|dim| declared_dim(dim, &info.name, bound));
        Ok(Some(Self::tensor(tensor.elem_type, dims.collect::<Result<Vec<_>, _>>()?)))
    }

    /// The description of the output of a `Constant` node, from its attributes.
    pub(super) fn of_constant(node: &OnnxNode) -> Result<Option<Self>, ImportError> {
        let name = node.output().first().unwrap_or("");
        let list = |data_type, count: usize| Self::tensor(data_type, [Dim::Known(count as u64)]);
        for attribute in &node.attribute {
            return Ok(Some(match (&*attribute.name, &attribute.t, &attribute.sparse_tensor) {
                ("value", Some(tensor), _) => {
                    check_known(&tensor.dims, name)?;
                    Self::dense(tensor)
                }
                ("sparse_value", _, Some(sparse)) => {
                    check_known(&sparse.dims, name)?;
                    Self::sparse(sparse)
                }
                ("value_float", ..) => Self::tensor(types::FLOAT, []),
                ("value_int", ..) => Self::tensor(types::INT64, []),
                ("value_string", ..) => Self::tensor(types::STRING, []),
                ("value_floats", ..) => list(types::FLOAT, attribute.floats.len()),
                ("value_ints", ..) => list(types::INT64, attribute.ints.len()),
                // Strings have no size, so their number does not matter and they are not read.
                ("value_strings", ..) => Self::tensor(types::STRING, [Dim::Unknown]),
                _ => continue,
            }));
        }
        Ok(None)
    }

    /// The declared size; none if the shape is not static, or if the elements have no size and memory is
    /// needed.
    pub(super) fn spec(&self, kind: TensorKind) -> Option<TensorSpec> {
        let element_type = self.element_type()?;
        let sized = element_type.bits().is_some() || kind == TensorKind::Constant;
        sized.then_some(TensorSpec::shaped(element_type, self.shape()?))
    }

    /// The element type; none if it is unknown.
    pub(super) fn element_type(&self) -> Option<ElementType> {
        let Description::Tensor { data_type, .. } = self else { return None };
        element_type(*data_type)
    }

    /// The shape; none unless every dimension is known.
    pub(super) fn shape(&self) -> Option<Vec<u64>> {
        let Description::Tensor { dims: Some(dims), .. } = self else { return None };
        let known = |dim: &Dim| if let Dim::Known(value) = dim { Some(*value) } else { None };
        dims.iter().map(known).collect()
    }

    /// Returns whether a tensor of this element type and shape matches the declaration. Unknown parts match anything.
    pub(super) fn admits(&self, data_type: i32, shape: &[u64]) -> bool {
        let (declared, dims) = match self {
            Description::Tensor { data_type, dims } => (data_type, dims),
            // A sequence or an optional value has no shape that could contradict.
            Description::NoTensor => return true,
            Description::Twice(_) => return false,
        };
        let fits = |(dim, size): (&Dim, &u64)| !matches!(dim, Dim::Known(known) if known != size);
        let fit = |dims: &[Dim]| dims.len() == shape.len() && dims.iter().zip(shape).all(fits);
        (*declared == data_type || *declared == 0 || data_type == 0)
            && dims.as_ref().is_none_or(|dims| fit(dims))
    }

    /// The declared shape within an upper bound: unknown dimensions are those of the bound. None if a declared
    /// dimension exceeds the bound, or the types or ranks differ.
    pub(super) fn at_most(&self, data_type: i32, shape: &[u64]) -> Option<Vec<u64>> {
        let Description::Tensor { data_type: declared, dims: Some(dims) } = self else { return None };
        let within = |(dim, &bound): (&Dim, &u64)| match dim {
            Dim::Known(known) => Some(*known).filter(|&known| known <= bound),
            Dim::Named(_) | Dim::Unknown => Some(bound),
        };
        let fits = dims.len() == shape.len() && (*declared == data_type || *declared == 0);
        dims.iter().zip(shape).map(within).collect::<Option<Vec<_>>>().filter(|_| fits)
    }

    /// Takes a further declaration of the tensor into account. The first one counts, unless a later one has a
    /// complete shape and the first one has not. Two different complete shapes contradict each other, and a plan for
    /// the smaller one would be wrong, so neither counts.
    pub(super) fn merge(&mut self, later: Self) {
        match (self.shape(), later.shape()) {
            (None, Some(_)) if !matches!(self, Description::Twice(_)) => *self = later,
            (Some(left), Some(right)) if left != right => {
                *self = Description::Twice(Box::new([left, right]));
            }
            _ => {}
        }
    }

    /// The shape in messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Description::NoTensor => "no dense tensor".to_owned(),
            Description::Twice(shapes) => format!("{:?} and {:?}", shapes[0], shapes[1]),
            Description::Tensor { dims: None, .. } => "no shape".to_owned(),
            Description::Tensor { dims: Some(dims), .. } => {
                let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
                format!("[{}]", cut_within(&dims.join(", "), 200))
            }
        }
    }
}

fn check_count(dims: usize, name: &str) -> Result<(), ImportError> {
    if dims <= MAX_DIMS {
        return Ok(());
    }
    Err(malformed(format!("tensor `{}` has {dims} dimensions, more than {MAX_DIMS}", short(name))))
}

/// Checks the shape of an initializer, whose dimensions must all be known.
pub(super) fn check_known(dims: &[i64], name: &str) -> Result<(), ImportError> {
    check_count(dims.len(), name)?;
    let Some(dim) = dims.iter().find(|&&dim| dim < 0) else { return Ok(()) };
    Err(malformed(format!("initializer `{}` has the negative dimension {dim}", short(name))))
}

/// A dimension of a declaration. Exporters write -1, an empty name or `?` for an unknown dimension; two such
/// dimensions may differ.
fn declared_dim(dim: &Dimension, tensor: &str, bound: &BTreeMap<String, u64>) -> Result<Dim, ImportError> {
    match (dim.dim_value, symbol(dim)) {
        (Some(-1), _) | (None, None) => Ok(Dim::Unknown),
        (Some(value), _) => u64::try_from(value)
            .map(Dim::Known)
            .map_err(|_| malformed(format!("tensor `{}` has the negative dimension {value}", short(tensor)))),
        (None, Some(name)) => {
            let value = bound.get(name).copied().or_else(|| evaluate(name, bound));
            Ok(value.map_or_else(|| Dim::Named(name.into()), Dim::Known))
        }
    }
}

/// The name of a symbolic dimension; none for other dimensions.
pub(super) fn symbol(dim: &Dimension) -> Option<&str> {
    let name = dim.dim_param.as_str();
    let is_name = dim.dim_value.is_none() && !matches!(name.trim(), "" | "?" | "-1");
    is_name.then_some(name)
}
