//! Shape inference: shapes missing from ONNX files, computed from the shapes of inputs, the attributes of
//! nodes, and the values of small tensors that shapes depend on.
//!
//! Every dimension is a number here, as symbolic dimensions are bound before. The rule of an operator
//! (`rules`) returns the shapes of the outputs or the reason why it cannot, so a size is never guessed.
//! If a rule returns no shape, the shape that the file declares counts (`declared`); if there is none, the
//! reason becomes part of the error message. If the two shapes differ, the inferred one counts.
//!
//! Cost: one visit for each node of the graph, and for each run of a body up to a limit of work (`engine`).

mod declared;
mod engine;
mod order;
mod scope;
mod values;

use super::description::Description;
use super::descriptions::Descriptions;
use super::graph::OnnxGraph;
use super::inferred::{BodyShapes, InferredShape, UnshapedReason};
use super::operator_sets::OperatorSets;
use super::value::{Elements, Value};
use crate::import::{ImportError, ImportOptions};
use declared::DeclarationCheck;
use engine::ShapeInference;
use scope::{Fact, Scope, UnknownShape};

/// Result of inference for all tensors of a model.
pub(super) struct InferredShapes<'m> {
    /// By tensor number; none for a tensor that no node writes.
    facts: Vec<Option<Fact>>,
    /// Notes for the user: inferred shapes that differ from declared ones, and upper bounds.
    pub(super) notes: Vec<String>,
    /// Shapes in the bodies that were inferred.
    pub(super) bodies: BodyShapes<'m>,
}

impl InferredShapes<'_> {
    /// The elements of a tensor, if they are few and known.
    pub(super) fn elements(&self, number: usize) -> Option<Elements> {
        let Some(Ok(value)) = &self.facts[number] else { return None };
        value.data.clone()
    }

    /// Returns the inferred shape of a tensor and removes it.
    pub(super) fn take(&mut self, number: usize) -> InferredShape {
        self.facts[number].take().map_or(InferredShape::NotInferred, outcome)
    }
}

fn outcome(fact: Fact) -> InferredShape {
    match fact {
        Ok(value) => {
            let is_upper_bound = value.is_upper();
            InferredShape::Shape { data_type: value.data_type, dims: value.dims, is_upper_bound }
        }
        Err(UnknownShape { is_dependent: true, .. }) => InferredShape::Unknown(UnshapedReason::Dependent),
        Err(UnknownShape { reason, .. }) => InferredShape::Unknown(UnshapedReason::Cause(reason)),
    }
}

/// Infers the shapes of all tensors that nodes write, in an order in which producers come first.
///
/// # Errors
/// [`ImportError::Value`] or [`ImportError::InputShape`] if a value or a shape in `options` contradicts its
/// tensor, [`ImportError::Invalid`] if the import is cancelled.
pub(super) fn infer<'m>(
    sets: &OperatorSets<'m>,
    graph: &'m OnnxGraph,
    descriptions: &Descriptions<'m>,
    options: &ImportOptions,
) -> Result<InferredShapes<'m>, ImportError> {
    values::check_names(options, descriptions)?;
    let mut scope = Scope::of_graph(&descriptions.names);
    let mut inference = ShapeInference::new(sets, &descriptions.bound);
    let unknown_input = UnknownShape::new("the input has no fixed shape");
    for input in &graph.input {
        let number = descriptions.names.get(&input.name);
        let value = number.and_then(|number| {
            let value = value_of(descriptions.declared(number)?)?;
            Some(value.changed(descriptions.is_changed(number)))
        });
        let fact = value.ok_or_else(|| unknown_input.clone());
        inference.define(&input.name, values::set(fact, &input.name, options)?, &mut scope);
    }
    inference.initializers(graph, &mut scope);
    for tensor in graph.initializer.iter().filter(|tensor| options.values.contains_key(&tensor.name)) {
        let Some(fact) = scope.get(&tensor.name).cloned() else { continue };
        inference.define(&tensor.name, values::set(fact, &tensor.name, options)?, &mut scope);
    }
    let mut check = DeclarationCheck::default();
    for index in order::order(&graph.node, &descriptions.names) {
        options.check_cancelled()?;
        let node = &graph.node[index];
        let facts = inference.outputs(node, &scope);
        let changed = DeclarationCheck::changed_input(node, &scope);
        for (name, fact) in node.output().iter().zip(facts) {
            let Some(number) = descriptions.names.get(name) else { continue };
            let described = (node, scope.first_input(node));
            let fact = match descriptions.given(name) {
                Some(given) => Ok(values::shaped(described, &fact, name, given)?),
                None => check.settled(described, name, fact, descriptions.declared(number), changed),
            };
            inference.define(name, values::set(fact, name, options)?, &mut scope);
        }
    }
    let notes = check.notes();
    let bodies = std::mem::take(&mut inference.bodies);
    Ok(InferredShapes { facts: scope.into_facts(), notes, bodies })
}

/// The declared tensor without elements; none unless its type and all dimensions are numbers.
fn value_of(description: &Description) -> Option<Value> {
    let Description::Tensor { data_type, .. } = description else { return None };
    description.element_type()?;
    Value::new(*data_type, description.shape()?).ok()
}
