//! Shapes that the user gives to inputs and results.

use std::collections::{BTreeMap, BTreeSet};

use super::description::{Description, Dim, number_of, symbol};
use super::graph::OnnxGraph;
use super::value::types;
use crate::error::short;
use crate::import::{ImportError, ImportOptions, InputDimension, no_such_input};

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
        let is_constant = graph.initializer.iter().any(|tensor| tensor.name == *name);
        let Some(input) = graph.input.iter().find(|input| input.name == *name && !is_constant) else {
            if is_result(graph, name) {
                continue;
            }
            return Err(wrong(there_are(graph)));
        };
        let Some(tensor) = input.tensor_type() else {
            // A sequence, an optional value or a map, which the user describes as a tensor of as many elements.
            if shape.element_type.is_some() {
                continue;
            }
            return Err(wrong(
                "it is not a tensor; add the type of its elements, as in 1000:float32".to_owned(),
            ));
        };
        // Of a string, the type of its reference is planned.
        if shape.element_type.is_some() && tensor.elem_type != types::STRING {
            return Err(wrong("an input has the element type of the file; omit it".to_owned()));
        }
        let Some(declared) = &tensor.shape else { continue };
        if declared.dim.len() != shape.dimensions.len() {
            let (has, given) = (declared.dim.len(), shape.dimensions.len());
            return Err(wrong(format!("it has {has} dimensions, not {given}")));
        }
        for (dimension, given) in declared.dim.iter().zip(&shape.dimensions) {
            let (Ok(size), Some(symbol)) = (given.size(&options.dims), symbol(dimension)) else { continue };
            let known = *bound.entry(symbol.to_owned()).or_insert(size);
            if known != size {
                return Err(wrong(format!("dimension `{}` is both {known} and {size}", short(symbol))));
            }
        }
    }
    Ok(bound)
}

fn is_result(graph: &OnnxGraph, name: &str) -> bool {
    let mut nodes = graph.node.iter().filter(|node| node.op_type() != "Constant");
    nodes.any(|node| node.output().iter().any(|output| output == name))
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
    let given = options.input_shapes.iter().filter(|(name, _)| is_result(graph, name));
    let described = given.map(|(name, shape)| {
        let wrong = |reason| ImportError::InputShape { name: name.clone(), reason };
        let dims = shape.sizes(&options.dims).map_err(wrong)?;
        let in_file = declared(name);
        let data_type = match shape.element_type {
            Some(element_type) if in_file != types::STRING => number_of(element_type),
            _ => in_file,
        };
        Ok((name.clone(), Description::tensor(data_type, dims.into_iter().map(Dim::Known))))
    });
    described.collect()
}

fn there_are(graph: &OnnxGraph) -> String {
    let constants: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let names = graph.input.iter().map(|input| input.name.as_str());
    no_such_input(names.filter(|name| !constants.contains(name)))
}

/// The shape that the user gives to an input, if any. An input that is no tensor has the element type of the option.
pub(super) fn given(
    name: &str,
    description: &Description,
    options: &ImportOptions,
    bound: &BTreeMap<String, u64>,
) -> Option<Description> {
    let shape = options.input_shapes.get(name)?;
    let data_type = match description {
        Description::Tensor { data_type, .. } => *data_type,
        Description::NoTensor | Description::Twice(_) => number_of(shape.element_type?),
    };
    let dims = shape.dimensions.iter().map(|dimension| match (dimension.size(bound), dimension) {
        (Err(_), InputDimension::Symbol(name)) => Dim::Named(name.as_str().into()),
        (size, _) => size.map_or(Dim::Unknown, Dim::Known),
    });
    Some(Description::tensor(data_type, dims))
}
