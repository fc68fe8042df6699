//! Shapes that the user gives to inputs and results.

use std::collections::{BTreeMap, BTreeSet};

use super::descriptions::{Description, Dim, number_of, symbol};
use super::messages::{OnnxGraph, ValueInfo};
use crate::error::short;
use crate::import::{ImportError, ImportOptions, InputDimension, listing};

/// Names of symbolic dimensions in shapes that the user gives.
pub(super) fn symbols(options: &ImportOptions) -> impl Iterator<Item = &str> {
    let all = options.input_shapes.values().flat_map(|shape| &shape.dimensions);
    all.filter_map(|dimension| match dimension {
        InputDimension::Symbol(name) => Some(name.as_str()),
        InputDimension::Size(_) => None,
    })
}

/// Values of symbolic dimensions: those that the user binds, and those of the file that follow from given
/// shapes.
///
/// # Errors
/// [`ImportError::InputShape`] if there is no such input, its rank is another one, or a dimension gets two
/// values.
pub(super) fn check(
    graph: &OnnxGraph,
    options: &ImportOptions,
) -> Result<BTreeMap<String, u64>, ImportError> {
    let mut bound = options.dims.clone();
    for (name, shape) in &options.input_shapes {
        let wrong = |reason: String| ImportError::InputShape { name: name.clone(), reason };
        if !cfg!(feature = "onnx-shapes") {
            return Err(wrong("this build lacks the feature `onnx-shapes`".to_owned()));
        }
        let is_constant = graph.initializer.iter().any(|tensor| tensor.name == *name);
        let Some(input) = graph.input.iter().find(|input| input.name == *name && !is_constant) else {
            if is_result(graph, name) {
                continue;
            }
            return Err(wrong(there_are(graph)));
        };
        if shape.element_type.is_some() {
            return Err(wrong("an input has the element type of the file; omit it".to_owned()));
        }
        let Some(tensor) = tensor_type(input) else { return Err(wrong("it is not a tensor".to_owned())) };
        let Some(declared) = &tensor.shape else { continue };
        if declared.dim.len() != shape.dimensions.len() {
            let (has, given) = (declared.dim.len(), shape.dimensions.len());
            return Err(wrong(format!("it has {has} dimensions, not {given}")));
        }
        for (dimension, given) in declared.dim.iter().zip(&shape.dimensions) {
            let size = match given {
                InputDimension::Size(size) => Some(*size),
                InputDimension::Symbol(name) => options.dims.get(name).copied(),
            };
            let (Some(size), Some(symbol)) = (size, symbol(dimension)) else { continue };
            let known = *bound.entry(symbol.to_owned()).or_insert(size);
            if known != size {
                return Err(wrong(format!("dimension `{}` is both {known} and {size}", short(symbol))));
            }
        }
    }
    Ok(bound)
}

fn is_result(graph: &OnnxGraph, name: &str) -> bool {
    graph
        .node
        .iter()
        .any(|node| node.op_type() != "Constant" && node.output().iter().any(|output| output == name))
}

/// Shapes that the user gives to results of nodes, by name, with the element type that the user gives or the
/// file declares, or 0.
///
/// # Errors
/// [`ImportError::InputShape`] if a symbolic dimension has no value.
pub(super) fn results(
    graph: &OnnxGraph,
    options: &ImportOptions,
    declared: impl Fn(&str) -> i32,
) -> Result<BTreeMap<String, Description>, ImportError> {
    let mut results = BTreeMap::new();
    for (name, shape) in options.input_shapes.iter().filter(|(name, _)| is_result(graph, name)) {
        let size = |dimension: &InputDimension| match dimension {
            InputDimension::Size(size) => Ok(Dim::Known(*size)),
            InputDimension::Symbol(symbol) => {
                let unbound = || ImportError::InputShape {
                    name: name.clone(),
                    reason: format!(
                        "dimension `{}` has no value; bind it by --dim NAME=VALUE",
                        short(symbol)
                    ),
                };
                options.dims.get(symbol).map(|size| Dim::Known(*size)).ok_or_else(unbound)
            }
        };
        let dims = shape.dimensions.iter().map(size).collect::<Result<_, _>>()?;
        let data_type = shape.element_type.map_or_else(|| declared(name), number_of);
        results.insert(name.clone(), Description::Tensor { data_type, dims: Some(dims) });
    }
    Ok(results)
}

fn there_are(graph: &OnnxGraph) -> String {
    let constants: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let names = graph.input.iter().map(|input| input.name.as_str()).filter(|name| !constants.contains(name));
    match listing(names.map(|name| format!("`{}`", short(name)))) {
        None => "the file has no inputs".to_owned(),
        Some(names) => format!("the file has no such input; there are {names}"),
    }
}

fn tensor_type(input: &ValueInfo) -> Option<&super::messages::OnnxTensorType> {
    input.r#type.as_ref()?.tensor_type.as_ref()
}

/// The shape that the user gives to an input, if any.
pub(super) fn given(
    name: &str,
    description: &Description,
    options: &ImportOptions,
    bound: &BTreeMap<String, u64>,
) -> Option<Description> {
    let shape = options.input_shapes.get(name)?;
    let Description::Tensor { data_type, .. } = description else { return None };
    let dims = shape.dimensions.iter().map(|dimension| match dimension {
        InputDimension::Size(size) => Dim::Known(*size),
        InputDimension::Symbol(name) => {
            bound.get(name).map_or_else(|| Dim::Named(name.as_str().into()), |size| Dim::Known(*size))
        }
    });
    Some(Description::Tensor { data_type: *data_type, dims: Some(dims.collect()) })
}
