//! Shape inference: what the file does not say of its tensors, computed from inputs,
//! attributes, and the few numbers that shapes are made of.
//!
//! Every dimension is a number here; symbolic ones are bound before. Each operator has a
//! rule (`table`), which gives its outputs or says why it cannot. So a size is never guessed:
//! where a rule does not know, the tensor has no size but what the file says, and if that says
//! nothing, the reason is told. What the file says and what is computed must agree.
//!
//! Rules follow the standard (<https://onnx.ai/onnx/operators/>) and, where that leaves a
//! choice, ONNX's own shape inference.

mod arithmetic;
mod attention;
mod bodies;
mod call;
mod convolution;
mod elementwise;
mod engine;
mod layout;
mod making;
mod normalization;
mod order;
mod pieces;
mod products;
mod quantised;
mod recurrent;
mod reduction;
mod resize;
mod scope;
mod signal;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashSet;

use super::FORMAT;
use super::descriptions::{Description, Descriptions, Dim};
use super::messages::{Graph, Model, Node};
use super::unshaped::{Reason, Reasons};
use crate::error::short;
use crate::import::ImportError;
use engine::Engine;
use scope::{Fact, Scope, Setting, Unknown};
use value::Value;

/// Completes the descriptions of tensors; tells of those that stay unknown why.
///
/// # Errors
/// The file says of a tensor what cannot be.
pub(super) fn infer<'m>(
    model: &'m Model,
    graph: &'m Graph,
    descriptions: &mut Descriptions<'m>,
) -> Result<Reasons<'m>, ImportError> {
    let setting = Setting { versions: scope::versions(&model.opset_import), given: None };
    let mut scope = Scope::new(&setting);
    let mut engine = Engine::new(&model.functions);
    for input in &graph.input {
        let description = descriptions.get(&input.name);
        let value = description.and_then(described);
        let fact = value.ok_or_else(|| Unknown::new("the input has no fixed shape"));
        engine.define(&input.name, fact, &mut scope);
    }
    engine.initializers(graph, &mut scope);
    for place in order::order(&graph.node) {
        let node = &graph.node[place];
        let facts = engine.outputs(node, &scope);
        for (name, fact) in node.output().iter().zip(facts).filter(|(name, _)| !name.is_empty()) {
            let fact = settled(node, name, fact, descriptions.get(name))?;
            if let Ok(value) = &fact
                && !descriptions.is_constant(name)
            {
                descriptions.complete(name, value.data_type, &value.dims);
            }
            engine.define(name, fact, &mut scope);
        }
    }
    let inputs: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    let reason = |name: &str, unknown: Unknown| match unknown {
        _ if inputs.contains(name) => Reason::Input,
        Unknown { follows: true, .. } => Reason::Follows,
        Unknown { reason, .. } => Reason::Own(reason),
    };
    let unknown = scope.facts.into_iter().filter_map(|(name, fact)| Some((name, reason(name, fact.err()?))));
    Ok(unknown.collect())
}

/// None unless everything is known.
fn described(description: &Description) -> Option<Value> {
    let Description::Tensor { data_type, .. } = description else { return None };
    description.element_type()?;
    Value::new(*data_type, description.shape()?).ok()
}

/// What the file says joined with what is computed.
fn settled(
    node: &Node,
    name: &str,
    computed: Fact,
    description: Option<&Description>,
) -> Result<Fact, ImportError> {
    let Some(description) = description else { return Ok(computed) };
    let (Ok(value), Description::Tensor { data_type, dims }) = (&computed, description) else {
        return Ok(described(description).map_or(computed, Ok));
    };
    let said = |dims: &[Dim]| {
        let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
        format!("[{}]", dims.join(", "))
    };
    if let Some(dims) = dims {
        let fits = |(dim, computed): (&Dim, &u64)| !matches!(dim, Dim::Known(known) if known != computed);
        if dims.len() != value.dims.len() || !dims.iter().zip(&value.dims).all(fits) {
            let said = said(dims);
            let reason = format!(
                "tensor `{}` is said to have shape {said}, but {} makes shape {:?}",
                short(name),
                engine::title(node),
                value.dims
            );
            return Err(ImportError::malformed(FORMAT, reason));
        }
    }
    if *data_type != 0 && *data_type != value.data_type {
        let reason = format!(
            "tensor `{}` is said to have element type {data_type}, but {} makes element type {}",
            short(name),
            engine::title(node),
            value.data_type
        );
        return Err(ImportError::malformed(FORMAT, reason));
    }
    Ok(computed)
}
