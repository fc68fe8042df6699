//! Shapes that the user gives to tensors of a subgraph.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{SubGraph, Tensor};
use super::shapes::GivenShapes;
use super::tensors::TensorUse;
use super::text;
use crate::import::listing;
use crate::import::{ImportError, ImportOptions, InputDimension, check_dims, short};

/// Given shapes by tensor index. A name refers to a graph input or, if there is none of this name, to the result
/// of an operator, whose shape may depend on data.
pub(super) fn shapes(
    subgraph: SubGraph<'_>,
    roles: &[TensorUse],
    options: &ImportOptions,
) -> Result<GivenShapes, ImportError> {
    let dimensions = options.input_shapes.values().flat_map(|shape| &shape.dimensions);
    let symbols: BTreeSet<&str> = dimensions
        .filter_map(|dimension| match dimension {
            InputDimension::Symbol(name) => Some(name.as_str()),
            InputDimension::Size(_) => None,
        })
        .collect();
    check_dims(&options.dims, &symbols)?;
    let mut given = GivenShapes::new();
    if options.input_shapes.is_empty() {
        return Ok(given);
    }
    let tensors: Vec<Tensor<'_>> = subgraph.tensors().into_iter().flatten().collect();
    let found = places(&tensors, roles, options);
    for (name, shape) in &options.input_shapes {
        let wrong = |reason: String| ImportError::InputShape { name: name.clone(), reason };
        let place = match found.get(name.as_str()).map(Vec::as_slice) {
            Some(&[place]) => place,
            None => return Err(wrong(there_are(&tensors, roles))),
            Some(places) => {
                return Err(wrong(format!("the file has {} tensors of this name", places.len())));
            }
        };
        if shape.element_type.is_some() {
            return Err(wrong("the tensor has the element type of the file; omit it".to_owned()));
        }
        let rank = tensors[place].shape().map_or(0, |dims| dims.len());
        if rank != 0 && rank != shape.dimensions.len() {
            return Err(wrong(format!("it has {rank} dimensions, not {}", shape.dimensions.len())));
        }
        let dims = shape.dimensions.iter().map(|dimension| match dimension {
            InputDimension::Size(size) => Ok(*size),
            InputDimension::Symbol(symbol) => options.dims.get(symbol).copied().ok_or_else(|| {
                wrong(format!("dimension `{}` has no value; bind it by --dim NAME=VALUE", short(symbol)))
            }),
        });
        given.insert(place, dims.collect::<Result<_, _>>()?);
    }
    Ok(given)
}

/// Indices of the tensors that the options name: inputs, or else results.
fn places<'a>(
    tensors: &[Tensor<'_>],
    roles: &[TensorUse],
    options: &'a ImportOptions,
) -> BTreeMap<&'a str, Vec<usize>> {
    let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, (tensor, role)) in tensors.iter().zip(roles).enumerate() {
        if !role.is_input && !role.is_result {
            continue;
        }
        let Some((name, _)) = options.input_shapes.get_key_value(&text(tensor.name())) else { continue };
        let places = found.entry(name).or_default();
        // An input has priority over results of the same name.
        if role.is_input && places.first().is_some_and(|&first| !roles[first].is_input) {
            places.clear();
        }
        if role.is_input || places.first().is_none_or(|&first| !roles[first].is_input) {
            places.push(place);
        }
    }
    found
}

fn there_are(tensors: &[Tensor<'_>], roles: &[TensorUse]) -> String {
    let inputs = tensors.iter().zip(roles).filter(|(_, role)| role.is_input);
    match listing(inputs.map(|(tensor, _)| format!("`{}`", short(&text(tensor.name()))))) {
        Some(names) => format!("the file has no such input; there are {names}"),
        None => "the file has no inputs".to_owned(),
    }
}
