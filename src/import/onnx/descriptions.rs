//! Declared element types and shapes of tensors.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::expression::evaluate;
use super::messages::{Dimension, MAX_DIMS, OnnxGraph, OnnxNode, OnnxSparseTensor, OnnxTensor, ValueInfo};
use super::names::NameTable;
use super::{FORMAT, given};
use crate::error::{cut_within, short};
use crate::graph::{ElementType, TensorKind, TensorSpec};
use crate::import::{ImportError, ImportOptions, check_dims};

/// Element types by the numbers of `TensorProto.DataType`; none for 0, which is undefined.
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
        let Description::Tensor { data_type: declared, dims } = self else { return false };
        let fits = |(dim, size): (&Dim, &u64)| !matches!(dim, Dim::Known(known) if known != size);
        let fit = |dims: &[Dim]| dims.len() == shape.len() && dims.iter().zip(shape).all(fits);
        (*declared == data_type || *declared == 0 || data_type == 0)
            && dims.as_ref().is_none_or(|dims| fit(dims))
    }

    /// The declared shape within an upper bound: unknown dimensions are those of the bound. None if a declared
    /// dimension exceeds the bound, or the types or ranks differ.
    #[cfg(feature = "onnx-shapes")]
    pub(super) fn at_most(&self, data_type: i32, shape: &[u64]) -> Option<Vec<u64>> {
        let Description::Tensor { data_type: declared, dims: Some(dims) } = self else { return None };
        let within = |(dim, &bound): (&Dim, &u64)| match dim {
            Dim::Known(known) => Some(*known).filter(|&known| known <= bound),
            Dim::Named(_) | Dim::Unknown => Some(bound),
        };
        let fits = dims.len() == shape.len() && (*declared == data_type || *declared == 0);
        dims.iter().zip(shape).map(within).collect::<Option<Vec<_>>>().filter(|_| fits)
    }

    /// The shape in messages.
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

/// Declarations of all tensors of a graph, by tensor number.
pub(super) struct Descriptions<'m> {
    pub(super) names: NameTable<'m>,
    /// By tensor number.
    declared: Vec<Declared<'m>>,
    /// Inputs to which the user gives a shape other than the declared one.
    changed: BTreeSet<usize>,
    /// Shapes that the user gives to results of nodes, by name.
    given: BTreeMap<String, Description>,
    /// Values of symbolic dimensions, by name.
    pub(super) bound: BTreeMap<String, u64>,
}

/// Source of a declaration.
#[derive(Debug, Default)]
enum Declared<'m> {
    #[default]
    Nothing,
    Initializer(&'m OnnxTensor),
    /// A sparse initializer, which takes the memory of a dense one.
    Sparse(&'m OnnxSparseTensor),
    Info(Description),
}

impl<'m> Descriptions<'m> {
    /// Collects the declarations of a graph, with symbolic dimensions bound and with the shapes that the user
    /// gives.
    ///
    /// # Errors
    /// An invalid dimension, a bound name that no dimension has, or a given shape that does not fit.
    pub(super) fn new(graph: &'m OnnxGraph, options: &ImportOptions) -> Result<Self, ImportError> {
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
                all.add(&input.name, given.unwrap_or(description));
            }
        }
        // If an input has a given shape, further declarations of it are for another shape.
        let others = graph.output.iter().chain(&graph.value_info);
        for info in others.filter(|info| !options.input_shapes.contains_key(&info.name)) {
            if let Some(description) = declared_description(info, &bound)? {
                all.add(&info.name, description);
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
                all.add(output, description);
            }
        }
        all.bound = bound;
        Ok(all)
    }

    fn initializers(&mut self, graph: &'m OnnxGraph) -> Result<(), ImportError> {
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

    /// Returns whether the tensor is an initializer.
    pub(super) fn is_constant(&self, number: usize) -> bool {
        matches!(self.declared[number], Declared::Initializer(_) | Declared::Sparse(_))
    }

    /// The declaration of a tensor; none for an initializer.
    pub(super) fn declared(&self, number: usize) -> Option<&Description> {
        if let Declared::Info(description) = &self.declared[number] { Some(description) } else { None }
    }

    /// Returns the declaration of a tensor and removes it.
    pub(super) fn take(&mut self, number: usize) -> Option<Description> {
        match std::mem::take(&mut self.declared[number]) {
            Declared::Nothing => None,
            Declared::Initializer(tensor) => Some(dense(tensor)),
            Declared::Sparse(sparse) => Some(sparse_as_dense(sparse)),
            Declared::Info(description) => Some(description),
        }
    }

    /// Table of names, and values of symbolic dimensions.
    pub(super) fn into_names(self) -> (NameTable<'m>, BTreeMap<String, u64>) {
        (self.names, self.bound)
    }

    /// Returns whether the user gives an input a shape other than the declared one.
    #[cfg(feature = "onnx-shapes")]
    pub(super) fn is_changed(&self, number: usize) -> bool {
        self.changed.contains(&number)
    }

    /// Adds a declaration. The first one counts, unless a later one has a complete shape and the first one has
    /// not. Two different complete shapes contradict each other, and a plan for the smaller one would be wrong,
    /// so neither counts.
    fn add(&mut self, name: &str, description: Description) {
        let Some(number) = self.names.get(name) else { return };
        match &mut self.declared[number] {
            nothing @ Declared::Nothing => *nothing = Declared::Info(description),
            // The shape of an initializer counts.
            Declared::Initializer(_) | Declared::Sparse(_) => {}
            Declared::Info(first) => match (first.shape(), description.shape()) {
                (None, Some(_)) if !matches!(first, Description::Twice(_)) => *first = description,
                (Some(left), Some(right)) if left != right => {
                    *first = Description::Twice(Box::new([left, right]));
                }
                _ => {}
            },
        }
    }
}

/// Declarations of the tensors of a body, by name. Invalid ones are ignored.
pub(super) fn of_body<'m>(
    body: &'m OnnxGraph,
    bound: &BTreeMap<String, u64>,
) -> HashMap<&'m str, Description> {
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
                let (first, second) = (entry.get().shape(), description.shape());
                if let (Some(first), Some(second)) = (first, second)
                    && first != second
                {
                    entry.insert(Description::Twice(Box::new([first, second])));
                }
            }
        }
    }
    all
}

fn dense(tensor: &OnnxTensor) -> Description {
    Description::Tensor { data_type: tensor.data_type, dims: Some(known_dims(&tensor.dims)) }
}

fn sparse_as_dense(sparse: &OnnxSparseTensor) -> Description {
    let data_type = sparse.values.as_ref().map_or(0, |values| values.data_type);
    Description::Tensor { data_type, dims: Some(known_dims(&sparse.dims)) }
}

fn check_count(dims: usize, name: &str) -> Result<(), ImportError> {
    if dims <= MAX_DIMS {
        return Ok(());
    }
    let reason = format!("tensor `{}` has {dims} dimensions, more than {MAX_DIMS}", short(name));
    Err(ImportError::malformed(FORMAT, reason))
}

/// Checks the shape of an initializer, whose dimensions must all be known.
fn check_known(dims: &[i64], name: &str) -> Result<(), ImportError> {
    check_count(dims.len(), name)?;
    let Some(dim) = dims.iter().find(|&&dim| dim < 0) else { return Ok(()) };
    let reason = format!("initializer `{}` has the negative dimension {dim}", short(name));
    Err(ImportError::malformed(FORMAT, reason))
}

fn known_dims(dims: &[i64]) -> Box<[Dim]> {
    dims.iter().map(|&dim| u64::try_from(dim).map_or(Dim::Unknown, Dim::Known)).collect()
}

/// The declaration of a `value_info`; none if it has no type.
fn declared_description(
    info: &ValueInfo,
    bound: &BTreeMap<String, u64>,
) -> Result<Option<Description>, ImportError> {
    let Some(declared) = &info.r#type else { return Ok(None) };
    let Some(tensor) = &declared.tensor_type else { return Ok(Some(Description::NoTensor)) };
    check_count(tensor.shape.as_ref().map_or(0, |shape| shape.count), &info.name)?;
    let dims = |dims: &[Dimension]| dims.iter().map(|dim| declared_dim(dim, &info.name, bound)).collect();
    let dims: Option<Result<Box<[Dim]>, ImportError>> = tensor.shape.as_ref().map(|shape| dims(&shape.dim));
    Ok(Some(Description::Tensor { data_type: tensor.elem_type, dims: dims.transpose()? }))
}

/// A dimension of a declaration. Exporters write -1, an empty name or `?` for an unknown dimension; two such
/// dimensions may differ.
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

/// The name of a symbolic dimension; none for other dimensions.
pub(super) fn symbol(dim: &Dimension) -> Option<&str> {
    let name = dim.dim_param.as_str();
    let is_name = dim.dim_value.is_none() && !matches!(name.trim(), "" | "?" | "-1");
    is_name.then_some(name)
}

/// The type and shape of a `Constant` node, from its attributes.
fn value_of(node: &OnnxNode) -> Result<Option<Description>, ImportError> {
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
            // Strings have no size, so their number does not matter and they are not read.
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
