//! What the file says of each tensor's element type and shape.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::expression::evaluate;
use super::messages::{Dimension, Graph, MOST_DIMS, Node, SparseTensor, Tensor, ValueInfo};
use super::names::NameTable;
use super::{FORMAT, given};
use crate::error::{cut_within, short};
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
pub(super) enum Dim {
    Known(u64),
    /// Symbolic, and not bound.
    Named(Box<str>),
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

/// By ONNX's number.
fn element_type(data_type: i32) -> Option<ElementType> {
    *ELEMENT_TYPES.get(usize::try_from(data_type).ok()?)?
}

/// ONNX's number of a type; 0 if it has none.
pub(super) fn number_of(element_type: ElementType) -> i32 {
    let place = ELEMENT_TYPES.iter().position(|one| *one == Some(element_type));
    place.and_then(|place| i32::try_from(place).ok()).unwrap_or(0)
}

/// A tensor of this type and shape, which may be an upper bound; none if its elements have no size.
pub(super) fn sized(data_type: i32, shape: &[u64], is_upper: bool) -> Option<TensorSpec> {
    let element_type = element_type(data_type).filter(|element_type| element_type.bits().is_some())?;
    let spec = TensorSpec::shaped(element_type, shape);
    Some(if is_upper { spec.upper_bound() } else { spec })
}

/// What is declared of one tensor.
#[derive(Debug)]
pub(super) enum Description {
    /// A sequence, a map, an optional or a sparse tensor.
    NoTensor,
    /// Two shapes that differ.
    Twice(Box<[Vec<u64>; 2]>),
    Tensor {
        /// ONNX's number.
        data_type: i32,
        /// None if not even the rank is known.
        dims: Option<Box<[Dim]>>,
    },
}

impl Description {
    /// None if it does not tell the size of a tensor of this kind.
    pub(super) fn spec(&self, kind: TensorKind) -> Option<TensorSpec> {
        let element_type = self.element_type()?;
        let sized = element_type.bits().is_some() || kind == TensorKind::Constant;
        sized.then_some(TensorSpec::shaped(element_type, self.shape()?))
    }

    pub(super) fn element_type(&self) -> Option<ElementType> {
        let Description::Tensor { data_type, .. } = self else { return None };
        element_type(*data_type)
    }

    /// None unless every dimension is known.
    pub(super) fn shape(&self) -> Option<Vec<u64>> {
        let Description::Tensor { dims: Some(dims), .. } = self else { return None };
        let known = |dim: &Dim| if let Dim::Known(value) = dim { Some(*value) } else { None };
        dims.iter().map(known).collect()
    }

    /// Whether it is right for a tensor of this element type and shape, as far as it goes.
    pub(super) fn admits(&self, data_type: i32, shape: &[u64]) -> bool {
        let Description::Tensor { data_type: own, dims } = self else { return false };
        let fits = |(dim, size): (&Dim, &u64)| !matches!(dim, Dim::Known(known) if known != size);
        let fit = |dims: &[Dim]| dims.len() == shape.len() && dims.iter().zip(shape).all(fits);
        (*own == data_type || *own == 0 || data_type == 0) && dims.as_ref().is_none_or(|dims| fit(dims))
    }

    /// A shape that is in each dimension as declared, or else at most this; none if the file declares more,
    /// or another type.
    #[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is inferred"))]
    pub(super) fn at_most(&self, data_type: i32, shape: &[u64]) -> Option<Vec<u64>> {
        let Description::Tensor { data_type: own, dims: Some(dims) } = self else { return None };
        let one = |(dim, &most): (&Dim, &u64)| match dim {
            Dim::Known(known) => Some(*known).filter(|&known| known <= most),
            Dim::Named(_) | Dim::Unknown => Some(most),
        };
        let fits = dims.len() == shape.len() && (*own == data_type || *own == 0);
        dims.iter().zip(shape).map(one).collect::<Option<Vec<_>>>().filter(|_| fits)
    }

    /// The shape as messages show it.
    pub(super) fn shown(&self) -> String {
        let list = |dims: &[Dim]| {
            let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
            format!("[{}]", cut_within(&dims.join(", "), 200))
        };
        match self {
            Description::NoTensor => "no dense tensor".to_owned(),
            Description::Twice(shapes) => format!("{:?} and {:?}", shapes[0], shapes[1]),
            Description::Tensor { dims: None, .. } => "no shape".to_owned(),
            Description::Tensor { dims: Some(dims), .. } => list(dims),
        }
    }
}

/// What the file declares of its tensors, by their number.
pub(super) struct Descriptions<'m> {
    pub(super) names: NameTable<'m>,
    declared: Vec<Declared<'m>>,
    /// Inputs that are given another shape than the file declares.
    changed: BTreeSet<usize>,
    /// Shapes that results of nodes are given, by name.
    given: BTreeMap<String, Description>,
    /// Values of symbolic dimensions, by name.
    pub(super) bound: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
enum Declared<'m> {
    #[default]
    Nothing,
    Initializer(&'m Tensor),
    /// As if it were dense.
    Sparse(&'m SparseTensor),
    Info(Description),
}

impl<'m> Descriptions<'m> {
    /// Of a graph, with symbolic dimensions bound by name, and inputs in the shapes that they
    /// are given.
    ///
    /// # Errors
    /// A dimension that cannot be, or a name to bind that no dimension has.
    pub(super) fn new(graph: &'m Graph, options: &ImportOptions) -> Result<Self, ImportError> {
        let names = NameTable::of(graph);
        let mut declared = Vec::new();
        declared.resize_with(names.len(), Declared::default);
        let (changed, given, bound) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let mut all = Self { names, declared, changed, given, bound };
        let infos = || graph.input.iter().chain(&graph.output).chain(&graph.value_info);
        let mut symbols = symbolic(infos());
        symbols.extend(given::symbols(options));
        check_dims(&options.dims, &symbols)?;
        all.initializers(graph)?;
        let bound = given::check(graph, options)?;
        for input in &graph.input {
            if let Some(description) = declared_description(input, &bound)? {
                let given = given::given(&input.name, &description, options, &bound);
                let shape = given.as_ref().and_then(Description::shape);
                if shape.is_some_and(|shape| !description.admits(0, &shape)) {
                    all.changed.extend(all.names.get(&input.name));
                }
                all.offer(&input.name, given.unwrap_or(description));
            }
        }
        // What the file declares again of an input that is given a shape is for another shape.
        let others = graph.output.iter().chain(&graph.value_info);
        for info in others.filter(|info| !options.input_shapes.contains_key(&info.name)) {
            if let Some(description) = declared_description(info, &bound)? {
                all.offer(&info.name, description);
            }
        }
        let info = |name: &str| graph.output.iter().chain(&graph.value_info).find(|info| info.name == name);
        let declared = |name: &str| match info(name).map(|info| declared_description(info, &bound)) {
            Some(Ok(Some(Description::Tensor { data_type, .. }))) => data_type,
            _ => 0,
        };
        all.given = given::results(graph, options, declared)?;
        for node in graph.node.iter().filter(|node| node.op_type() == "Constant") {
            if let (Some(output), Some(description)) = (node.output().first(), value_of(node)?) {
                all.offer(output, description);
            }
        }
        all.bound = bound;
        Ok(all)
    }

    fn initializers(&mut self, graph: &'m Graph) -> Result<(), ImportError> {
        for tensor in &graph.initializer {
            check_known(&tensor.dims, &tensor.name)?;
            if let Some(number) = self.names.get(&tensor.name) {
                self.declared[number] = Declared::Initializer(tensor);
            }
        }
        for sparse in &graph.sparse_initializer {
            let name = sparse.values.as_ref().map_or("", |values| &values.name);
            check_known(&sparse.dims, name)?;
            if let Some(number) = self.names.get(name) {
                self.declared[number] = Declared::Sparse(sparse);
            }
        }
        Ok(())
    }

    /// The shape that the user gives the result of a node.
    #[cfg(feature = "onnx-shapes")]
    pub(super) fn given(&self, name: &str) -> Option<&Description> {
        self.given.get(name)
    }

    /// Whether the tensor is an initializer.
    pub(super) fn is_constant(&self, number: usize) -> bool {
        matches!(self.declared[number], Declared::Initializer(_) | Declared::Sparse(_))
    }

    /// What is declared of a tensor that is no initializer.
    pub(super) fn declared(&self, number: usize) -> Option<&Description> {
        if let Declared::Info(description) = &self.declared[number] { Some(description) } else { None }
    }

    /// Hands out what is declared of a tensor; the next time, nothing is.
    pub(super) fn take(&mut self, number: usize) -> Option<Description> {
        match std::mem::take(&mut self.declared[number]) {
            Declared::Nothing => None,
            Declared::Initializer(tensor) => Some(dense(tensor)),
            Declared::Sparse(sparse) => Some(sparse_as_dense(sparse)),
            Declared::Info(description) => Some(description),
        }
    }

    /// The names, and values of dimensions.
    pub(super) fn into_names(self) -> (NameTable<'m>, BTreeMap<String, u64>) {
        (self.names, self.bound)
    }

    /// Whether the input has another shape than the file declares.
    #[cfg(feature = "onnx-shapes")]
    pub(super) fn is_changed(&self, number: usize) -> bool {
        self.changed.contains(&number)
    }

    /// The first description stands, unless a later one has the whole shape and it
    /// has not. Two that have different ones cannot both be right, and a plan
    /// for the smaller would be wrong: then nothing is declared.
    fn offer(&mut self, name: &str, description: Description) {
        let Some(number) = self.names.get(name) else { return };
        match &mut self.declared[number] {
            nothing @ Declared::Nothing => *nothing = Declared::Info(description),
            // An initializer's own shape stands.
            Declared::Initializer(_) | Declared::Sparse(_) => {}
            Declared::Info(first) => match (first.shape(), description.shape()) {
                (None, Some(_)) if !matches!(first, Description::Twice(_)) => *first = description,
                (Some(one), Some(other)) if one != other => {
                    *first = Description::Twice(Box::new([one, other]));
                }
                _ => {}
            },
        }
    }
}

/// What is declared of the tensors of a body, by name. What is invalid of that counts for nothing.
pub(super) fn of_body<'m>(body: &'m Graph, bound: &BTreeMap<String, u64>) -> HashMap<&'m str, Description> {
    let mut all = HashMap::new();
    for tensor in &body.initializer {
        all.entry(&*tensor.name).or_insert_with(|| dense(tensor));
    }
    for node in body.node.iter().filter(|node| node.op_type() == "Constant") {
        if let (Some(output), Ok(Some(description))) = (node.output().first(), value_of(node)) {
            all.entry(output).or_insert(description);
        }
    }
    for info in body.input.iter().chain(&body.output).chain(&body.value_info) {
        let Ok(Some(description)) = declared_description(info, bound) else { continue };
        match all.entry(&*info.name) {
            Entry::Vacant(entry) => drop(entry.insert(description)),
            Entry::Occupied(mut entry) if entry.get().shape().is_none() => drop(entry.insert(description)),
            Entry::Occupied(mut entry) => {
                let (one, other) = (entry.get().shape(), description.shape());
                if let (Some(one), Some(other)) = (one, other)
                    && one != other
                {
                    entry.insert(Description::Twice(Box::new([one, other])));
                }
            }
        }
    }
    all
}

fn dense(tensor: &Tensor) -> Description {
    Description::Tensor { data_type: tensor.data_type, dims: Some(known_dims(&tensor.dims)) }
}

fn sparse_as_dense(sparse: &SparseTensor) -> Description {
    let data_type = sparse.values.as_ref().map_or(0, |values| values.data_type);
    Description::Tensor { data_type, dims: Some(known_dims(&sparse.dims)) }
}

fn check_count(dims: usize, name: &str) -> Result<(), ImportError> {
    if dims <= MOST_DIMS {
        return Ok(());
    }
    let reason = format!("tensor `{}` has {dims} dimensions, more than {MOST_DIMS}", short(name));
    Err(ImportError::malformed(FORMAT, reason))
}

/// Of an initializer, whose dimensions must all be known.
fn check_known(dims: &[i64], name: &str) -> Result<(), ImportError> {
    check_count(dims.len(), name)?;
    let Some(dim) = dims.iter().find(|&&dim| dim < 0) else { return Ok(()) };
    let reason = format!("initializer `{}` has the negative dimension {dim}", short(name));
    Err(ImportError::malformed(FORMAT, reason))
}

fn known_dims(dims: &[i64]) -> Box<[Dim]> {
    dims.iter().map(|&dim| u64::try_from(dim).map_or(Dim::Unknown, Dim::Known)).collect()
}

/// None if the file names no type.
fn declared_description(
    info: &ValueInfo,
    bound: &BTreeMap<String, u64>,
) -> Result<Option<Description>, ImportError> {
    let Some(of) = &info.r#type else { return Ok(None) };
    let Some(tensor) = &of.tensor_type else { return Ok(Some(Description::NoTensor)) };
    check_count(tensor.shape.as_ref().map_or(0, |shape| shape.count), &info.name)?;
    let dims = |dims: &[Dimension]| dims.iter().map(|dim| declared_dim(dim, &info.name, bound)).collect();
    let dims: Option<Result<Box<[Dim]>, ImportError>> = tensor.shape.as_ref().map(|shape| dims(&shape.dim));
    Ok(Some(Description::Tensor { data_type: tensor.elem_type, dims: dims.transpose()? }))
}

/// Exporters write -1, an empty name, or `?` for a dimension that they do not know; each such dimension
/// stands for itself.
fn declared_dim(dim: &Dimension, tensor: &str, bound: &BTreeMap<String, u64>) -> Result<Dim, ImportError> {
    match dim.dim_value {
        Some(-1) => Ok(Dim::Unknown),
        Some(value) => {
            let reason = || format!("tensor `{}` has the negative dimension {value}", short(tensor));
            let known = u64::try_from(value).map(Dim::Known);
            known.map_err(|_| ImportError::malformed(FORMAT, reason()))
        }
        None => Ok(match symbol(dim) {
            None => Dim::Unknown,
            Some(name) => {
                let value = bound.get(name).copied().or_else(|| evaluate(name, bound));
                value.map_or_else(|| Dim::Named(name.into()), Dim::Known)
            }
        }),
    }
}

/// The name of a symbolic dimension.
pub(super) fn symbol(dim: &Dimension) -> Option<&str> {
    let name = dim.dim_param.as_str();
    let is_name = dim.dim_value.is_none() && !matches!(name.trim(), "" | "?" | "-1");
    is_name.then_some(name)
}

/// What the attributes of a `Constant` node say of its output.
fn value_of(node: &Node) -> Result<Option<Description>, ImportError> {
    let name = node.output().first().unwrap_or("");
    let scalar = |data_type| Description::Tensor { data_type, dims: Some(Box::default()) };
    let list = |data_type, dim| Description::Tensor { data_type, dims: Some([dim].into()) };
    for attribute in &node.attribute {
        return Ok(Some(match (&*attribute.name, &attribute.t, &attribute.sparse_tensor) {
            ("value", Some(tensor), _) => {
                check_known(&tensor.dims, name)?;
                dense(tensor)
            }
            ("sparse_value", _, Some(sparse)) => {
                check_known(&sparse.dims, name)?;
                sparse_as_dense(sparse)
            }
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
    shapes.flat_map(|shape| &shape.dim).filter_map(symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_and_new_type_numbers_are_unknown() {
        for data_type in [i32::MIN, -1, 0, 27, i32::MAX] {
            let description = Description::Tensor { data_type, dims: Some(Box::default()) };
            assert_eq!(description.element_type(), None, "{data_type}");
        }
    }
}
