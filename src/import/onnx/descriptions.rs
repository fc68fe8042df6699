//! What the file says of each tensor's element type and shape.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::expression::evaluate;
use super::messages::{Dimension, Graph, Node, SparseTensor, Tensor, ValueInfo};
use super::{FORMAT, given};
use crate::error::short;
use crate::graph::{ElementType, TensorKind, TensorSpec};
use crate::import::{ImportError, ImportOptions, check_dims};

/// By ONNX's number of the type; none for 0 and for types newer than this.
const ELEMENT_TYPES: [Option<ElementType>; 27] = {
    use ElementType as E;
    [
        None,
        Some(E::Float32),
        Some(E::UInt8),
        Some(E::Int8),
        Some(E::UInt16),
        Some(E::Int16),
        Some(E::Int32),
        Some(E::Int64),
        Some(E::String),
        Some(E::Bool),
        Some(E::Float16),
        Some(E::Float64),
        Some(E::UInt32),
        Some(E::UInt64),
        Some(E::Complex64),
        Some(E::Complex128),
        Some(E::BFloat16),
        Some(E::Float8), // E4M3FN
        Some(E::Float8), // E4M3FNUZ
        Some(E::Float8), // E5M2
        Some(E::Float8), // E5M2FNUZ
        Some(E::UInt4),
        Some(E::Int4),
        Some(E::Float4), // E2M1
        Some(E::Float8), // E8M0
        Some(E::UInt2),
        Some(E::Int2),
    ]
};

const FLOAT: i32 = 1;
const INT64: i32 = 7;
const STRING: i32 = 8;

/// One dimension.
#[derive(Debug)]
pub(super) enum Dim<'m> {
    Known(u64),
    /// Symbolic, and not bound.
    Named(&'m String),
    Unknown,
}

impl fmt::Display for Dim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(value) => write!(f, "{value}"),
            Dim::Named(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// What is said of one tensor.
#[derive(Debug)]
pub(super) enum Description<'m> {
    /// A sequence, a map, an optional or a sparse tensor.
    NoTensor,
    Tensor {
        /// ONNX's number.
        data_type: i32,
        /// None if not even the rank is known.
        dims: Option<Vec<Dim<'m>>>,
    },
}

impl Description<'_> {
    /// None if it does not tell the size of a tensor of this kind.
    pub(super) fn spec(&self, kind: TensorKind) -> Option<TensorSpec> {
        let element_type = self.element_type()?;
        let sized = element_type.bits().is_some() || kind == TensorKind::Constant;
        sized.then_some(TensorSpec::shaped(element_type, self.shape()?))
    }

    pub(super) fn element_type(&self) -> Option<ElementType> {
        let Description::Tensor { data_type, .. } = self else { return None };
        *ELEMENT_TYPES.get(usize::try_from(*data_type).ok()?)?
    }

    /// None unless every dimension is known.
    pub(super) fn shape(&self) -> Option<Vec<u64>> {
        let Description::Tensor { dims: Some(dims), .. } = self else { return None };
        let known = |dim: &Dim| if let Dim::Known(value) = dim { Some(*value) } else { None };
        dims.iter().map(known).collect()
    }
}

/// What the file says of its tensors, by name.
pub(super) struct Descriptions<'m> {
    /// Initializers, sparse ones as if they were dense.
    constants: HashMap<&'m str, Description<'m>>,
    others: HashMap<&'m str, Description<'m>>,
}

impl<'m> Descriptions<'m> {
    /// Of a graph, with symbolic dimensions bound by name, and inputs in the shapes that they
    /// are given.
    ///
    /// # Errors
    /// A negative dimension, or a name to bind that no dimension has.
    pub(super) fn new(graph: &'m Graph, options: &'m ImportOptions) -> Result<Self, ImportError> {
        let mut all = Self { constants: HashMap::new(), others: HashMap::new() };
        let infos = || graph.input.iter().chain(&graph.output).chain(&graph.value_info);
        let mut names = symbolic(infos());
        names.extend(given::symbols(options));
        check_dims(&options.dims, &names)?;
        for tensor in &graph.initializer {
            all.constants.insert(&tensor.name, dense(tensor, &tensor.name)?);
        }
        for sparse in &graph.sparse_initializer {
            let name = sparse.values.as_ref().map_or("", |values| &values.name);
            all.constants.insert(name, sparse_as_dense(sparse, name)?);
        }
        let bound = given::check(graph, options)?;
        for input in &graph.input {
            if let Some(description) = declared(input, &bound)? {
                all.offer(&input.name, given::given(&input.name, description, options, &bound))?;
            }
        }
        // What the file says of others is for other inputs.
        let others = graph.output.iter().chain(&graph.value_info);
        for info in others.filter(|_| options.input_shapes.is_empty()) {
            if let Some(description) = declared(info, &bound)? {
                all.offer(&info.name, description)?;
            }
        }
        for node in graph.node.iter().filter(|node| node.op_type() == "Constant") {
            if let (Some(output), Some(description)) = (node.output().first(), value_of(node)?) {
                all.offer(output, description)?;
            }
        }
        Ok(all)
    }

    /// Whether the tensor is an initializer.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    /// None if nothing is said of the tensor.
    pub(super) fn get(&self, name: &str) -> Option<&Description<'m>> {
        self.constants.get(name).or_else(|| self.others.get(name))
    }

    /// Hands out what is said of a tensor; the next time, nothing is.
    pub(super) fn take(&mut self, name: &str) -> Option<Description<'m>> {
        self.constants.remove(name).or_else(|| self.others.remove(name))
    }

    /// Takes a computed shape where the file does not tell one.
    #[cfg(feature = "onnx-shapes")]
    pub(super) fn complete(&mut self, name: &'m str, data_type: i32, dims: &[u64]) {
        let place = self.others.entry(name);
        let is_open = |description: &Description| match description {
            Description::NoTensor => false,
            Description::Tensor { data_type, .. } => *data_type == 0 || description.shape().is_none(),
        };
        if matches!(&place, Entry::Occupied(place) if !is_open(place.get())) {
            return;
        }
        let dims = Some(dims.iter().copied().map(Dim::Known).collect());
        place.insert_entry(Description::Tensor { data_type, dims });
    }

    /// The first description stands, unless a later one tells the shape and it
    /// does not. Two that tell different ones cannot both be right, and a plan
    /// for the smaller would be wrong.
    fn offer(&mut self, name: &'m str, description: Description<'m>) -> Result<(), ImportError> {
        let mut place = match self.others.entry(name) {
            Entry::Vacant(place) => {
                place.insert(description);
                return Ok(());
            }
            Entry::Occupied(place) => place,
        };
        match (place.get().shape(), description.shape()) {
            (None, Some(_)) => drop(place.insert(description)),
            (Some(first), Some(second)) if first != second => {
                let name = short(name);
                let reason = format!("tensor `{name}` is said to have shape {first:?} and shape {second:?}");
                return Err(ImportError::malformed(FORMAT, reason));
            }
            _ => {}
        }
        Ok(())
    }
}

fn dense<'m>(tensor: &Tensor, name: &str) -> Result<Description<'m>, ImportError> {
    Ok(Description::Tensor { data_type: tensor.data_type, dims: Some(known_dims(&tensor.dims, name)?) })
}

fn sparse_as_dense<'m>(sparse: &SparseTensor, name: &str) -> Result<Description<'m>, ImportError> {
    let data_type = sparse.values.as_ref().map_or(0, |values| values.data_type);
    Ok(Description::Tensor { data_type, dims: Some(known_dims(&sparse.dims, name)?) })
}

/// No shape has more dimensions; descriptions of one tensor are compared as often as they are
/// repeated.
const MOST_DIMS: usize = 255;

fn check_count(dims: usize, name: &str) -> Result<(), ImportError> {
    if dims <= MOST_DIMS {
        return Ok(());
    }
    let reason = format!("tensor `{}` has {dims} dimensions, more than {MOST_DIMS}", short(name));
    Err(ImportError::malformed(FORMAT, reason))
}

fn known_dims<'m>(dims: &[i64], name: &str) -> Result<Vec<Dim<'m>>, ImportError> {
    check_count(dims.len(), name)?;
    dims.iter().map(|&dim| known_dim(dim, name)).collect()
}

fn known_dim<'m>(dim: i64, name: &str) -> Result<Dim<'m>, ImportError> {
    let value = u64::try_from(dim);
    let reason = || format!("tensor `{}` has the negative dimension {dim}", short(name));
    value.map(Dim::Known).map_err(|_| ImportError::malformed(FORMAT, reason()))
}

/// None if the file names no type.
fn declared<'m>(
    info: &'m ValueInfo,
    bound: &BTreeMap<String, u64>,
) -> Result<Option<Description<'m>>, ImportError> {
    let Some(of) = &info.r#type else { return Ok(None) };
    let Some(tensor) = &of.tensor_type else { return Ok(Some(Description::NoTensor)) };
    check_count(tensor.shape.as_ref().map_or(0, |shape| shape.dim.len()), &info.name)?;
    let dim = |dim: &'m Dimension| match (dim.dim_value, &dim.dim_param) {
        (Some(value), _) => known_dim(value, &info.name),
        (None, name) if name.is_empty() => Ok(Dim::Unknown),
        (None, name) => {
            let value = bound.get(name).copied().or_else(|| evaluate(name, bound));
            Ok(value.map_or(Dim::Named(name), Dim::Known))
        }
    };
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(dim).collect());
    Ok(Some(Description::Tensor { data_type: tensor.elem_type, dims: dims.transpose()? }))
}

/// What the attributes of a `Constant` node say of its output.
fn value_of(node: &Node) -> Result<Option<Description<'_>>, ImportError> {
    let name = node.output().first().unwrap_or("");
    let scalar = |data_type| Description::Tensor { data_type, dims: Some(Vec::new()) };
    let list = |data_type, dim| Description::Tensor { data_type, dims: Some(vec![dim]) };
    for attribute in &node.attribute {
        return Ok(Some(match (&*attribute.name, &attribute.t, &attribute.sparse_tensor) {
            ("value", Some(tensor), _) => dense(tensor, name)?,
            ("sparse_value", _, Some(sparse)) => sparse_as_dense(sparse, name)?,
            ("value_float", ..) => scalar(FLOAT),
            ("value_int", ..) => scalar(INT64),
            ("value_string", ..) => scalar(STRING),
            ("value_floats", ..) => list(FLOAT, Dim::Known(attribute.floats.len() as u64)),
            ("value_ints", ..) => list(INT64, Dim::Known(attribute.ints.len() as u64)),
            // Strings have no size however many they are, so they are not read.
            ("value_strings", ..) => list(STRING, Dim::Unknown),
            _ => continue,
        }));
    }
    Ok(None)
}

/// The names of symbolic dimensions.
fn symbolic<'m>(infos: impl Iterator<Item = &'m ValueInfo>) -> BTreeSet<&'m str> {
    let shapes = infos.filter_map(|info| info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref());
    let unknown = shapes.flat_map(|shape| &shape.dim).filter(|dim| dim.dim_value.is_none());
    unknown.map(|dim| dim.dim_param.as_str()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_and_new_type_numbers_are_unknown() {
        for data_type in [i32::MIN, -1, 0, 27, i32::MAX] {
            let description = Description::Tensor { data_type, dims: Some(Vec::new()) };
            assert_eq!(description.element_type(), None, "{data_type}");
        }
    }
}
