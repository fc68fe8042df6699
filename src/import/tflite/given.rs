//! Shapes that the user gives to tensors of a subgraph.

use std::collections::BTreeMap;

use super::schema::{SubGraph, Tensor};
use super::shapes::GivenShapes;
use super::tensors::TensorUse;
use super::text;
use crate::import::{ImportError, ImportOptions, check_dims, no_such_input};

/// Given shapes by tensor index. A name refers to a graph input or, if there is none of this name, to the result
/// of an operator, whose shape may depend on data.
pub(super) fn shapes(
    subgraph: SubGraph<'_>,
    roles: &[TensorUse],
    options: &ImportOptions,
) -> Result<GivenShapes, ImportError> {
    check_dims(&options.dims, &options.shape_symbols().collect())?;
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
        given.insert(place, shape.sizes(&options.dims).map_err(wrong)?);
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
    let names: Vec<String> = inputs.map(|(tensor, _)| text(tensor.name())).collect();
    no_such_input(names.iter().map(String::as_str))
}
