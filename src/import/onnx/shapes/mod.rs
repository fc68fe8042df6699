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
mod bounds;
mod call;
mod chosen;
mod convolution;
mod declared;
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
mod values;

use super::bodies::BodyShapes;
use super::descriptions::{Description, Descriptions};
use super::messages::{Graph, Model};
use super::unshaped::{Outcome, Reason};
use crate::import::{ImportError, ImportOptions};
use declared::Check;
use engine::Engine;
use scope::{Fact, Scope, Setting, Unknown};
use value::Value;

/// What inference finds of each tensor, by number.
pub(super) struct Inferred<'m> {
    facts: Vec<Option<Fact>>,
    /// What the user should know of shapes that differ from those declared.
    pub(super) notes: Vec<String>,
    /// Of the bodies that are run.
    pub(super) bodies: BodyShapes<'m>,
}

impl Inferred<'_> {
    /// Hands out what was found of a tensor.
    pub(super) fn take(&mut self, number: usize) -> Outcome {
        self.facts[number].take().map_or(Outcome::Nothing, outcome)
    }
}

fn outcome(fact: Fact) -> Outcome {
    match fact {
        Ok(value) => {
            let upper = value.is_upper();
            Outcome::Shape { data_type: value.data_type, dims: value.dims, upper }
        }
        Err(Unknown { follows: true, .. }) => Outcome::Unknown(Reason::Follows),
        Err(Unknown { reason, .. }) => Outcome::Unknown(Reason::Own(reason)),
    }
}

/// Infers the shapes of all tensors that nodes write. The result owns all that it holds.
///
/// # Errors
/// A tensor cannot hold the value that `options` gives it.
pub(super) fn infer<'m>(
    model: &'m Model,
    graph: &'m Graph,
    descriptions: &Descriptions<'m>,
    options: &ImportOptions,
) -> Result<Inferred<'m>, ImportError> {
    values::check_names(options, descriptions)?;
    let setting = Setting { versions: scope::versions(&model.opset_import), given: None };
    let mut scope = Scope::of_graph(&descriptions.names, &setting);
    let mut engine = Engine::new(&model.functions, &descriptions.bound);
    let open = Unknown::new("the input has no fixed shape");
    for input in &graph.input {
        let number = descriptions.names.get(&input.name);
        let value = number.and_then(|number| {
            let value = value_of(descriptions.declared(number)?)?;
            Some(value.changed(descriptions.is_changed(number)))
        });
        let fact = value.ok_or_else(|| open.clone());
        engine.define(&input.name, values::set(fact, &input.name, options)?, &mut scope);
    }
    engine.initializers(graph, &mut scope);
    let mut check = Check::default();
    for place in order::order(&graph.node, &descriptions.names) {
        options.go_on()?;
        let node = &graph.node[place];
        let facts = engine.outputs(node, &scope);
        let changed = Check::changed_input(node, &scope);
        for (name, fact) in node.output().iter().zip(facts) {
            let Some(number) = descriptions.names.get(name) else { continue };
            let fact = match descriptions.given(name) {
                Some(given) => Ok(values::shaped(&fact, name, given)?),
                None => check.settled(node, name, fact, descriptions.declared(number), changed),
            };
            engine.define(name, values::set(fact, name, options)?, &mut scope);
        }
    }
    let notes = check.notes();
    let bodies = std::mem::take(&mut engine.bodies);
    Ok(Inferred { facts: scope.into_facts(), notes, bodies })
}

/// None unless everything is known.
fn value_of(description: &Description) -> Option<Value> {
    let Description::Tensor { data_type, .. } = description else { return None };
    description.element_type()?;
    Value::new(*data_type, description.shape()?).ok()
}
