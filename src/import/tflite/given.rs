//! Shapes that the user gives to tensors.

use std::collections::BTreeMap;

use super::schema::{SubGraph, Tensor};
use super::shapes::GivenShapes;
use super::tensors::TensorUse;
use super::text;
use crate::import::{ImportError, ImportOptions, check_dims, no_such_input};

/// Given shapes by subgraph and tensor. A name refers to a graph input or, if there is none of this name, to the result
/// of an operator, whose shape may depend on data: in the first subgraph or, if there is none, in another one.
pub(super) fn shapes(
    subgraphs: &[SubGraph<'_>],
    roles: &[TensorUse],
    options: &ImportOptions,
) -> Result<GivenShapes, ImportError> {
    check_dims(&options.dims, &options.shape_symbols().collect())?;
    let mut given = GivenShapes::new();
    if options.input_shapes.is_empty() {
        return Ok(given);
    }
    let lists: Vec<Vec<Tensor<'_>>> =
        subgraphs.iter().map(|subgraph| subgraph.tensors().into_iter().flatten().collect()).collect();
    let Some(tensors) = lists.first() else { return Ok(given) };
    let (found, in_bodies) = (places(tensors, roles, options), places_in_bodies(subgraphs, &lists, options));
    for (name, shape) in &options.input_shapes {
        let wrong = |reason: String| ImportError::InputShape { name: name.clone(), reason };
        let of_first =
            found.get(name.as_str()).map(|places| places.iter().map(|&place| (0, place)).collect());
        let all: Option<Vec<(usize, usize)>> = of_first.or_else(|| in_bodies.get(name.as_str()).cloned());
        let place = match all.as_deref() {
            Some(&[place]) => place,
            None => return Err(wrong(there_are(tensors, roles))),
            Some(places) => {
                return Err(wrong(format!("the file has {} tensors of this name", places.len())));
            }
        };
        if shape.element_type.is_some() {
            return Err(wrong("the tensor has the element type of the file; omit it".to_owned()));
        }
        let rank = lists[place.0][place.1].shape().map_or(0, |dims| dims.len());
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

/// Results of operators in other subgraphs that the options name, by subgraph and tensor.
fn places_in_bodies<'a>(
    subgraphs: &[SubGraph<'_>],
    lists: &[Vec<Tensor<'_>>],
    options: &'a ImportOptions,
) -> BTreeMap<&'a str, Vec<(usize, usize)>> {
    let mut found: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for (index, (subgraph, tensors)) in subgraphs.iter().zip(lists).enumerate().skip(1) {
        let operators = subgraph.operators().into_iter().flatten();
        for id in operators.flat_map(|operator| operator.outputs().into_iter().flatten()) {
            let Some(place) = usize::try_from(id).ok().filter(|&place| place < tensors.len()) else {
                continue;
            };
            let name = text(tensors[place].name());
            if let Some((name, _)) = options.input_shapes.get_key_value(&name) {
                found.entry(name).or_default().push((index, place));
            }
        }
    }
    found
}

fn there_are(tensors: &[Tensor<'_>], roles: &[TensorUse]) -> String {
    let inputs = tensors.iter().zip(roles).filter(|(_, role)| role.is_input);
    let names: Vec<String> = inputs.map(|(tensor, _)| text(tensor.name())).collect();
    no_such_input(names.iter().map(String::as_str))
}
