//! Scopes: the inferred tensors of a graph or a body, by name.

use std::collections::HashMap;
use std::rc::Rc;

use crate::error::cut_within;
use crate::import::onnx::graph::OnnxNode;
use crate::import::onnx::inferred::InferredShape;
use crate::import::onnx::names::NameTable;
use crate::import::onnx::value::Value;

/// A shape that could not be inferred.
#[derive(Clone, Debug)]
pub(super) struct UnknownShape {
    /// The root cause. Shared, as one operator may have many outputs of unknown shape.
    pub reason: Rc<str>,
    /// True if the cause is another tensor of unknown shape.
    pub is_dependent: bool,
}

impl UnknownShape {
    pub fn new(reason: impl Into<String>) -> Self {
        Self::with_cause(&reason.into(), false)
    }

    /// Cuts long reasons: those of nested bodies, and those that list numbers.
    pub fn with_cause(reason: &str, is_dependent: bool) -> Self {
        Self { reason: cut_within(reason, 500).into(), is_dependent }
    }

    /// The same with a further reason.
    pub fn and(&self, reason: &str) -> Self {
        Self::with_cause(&format!("{}; {reason}", self.reason), self.is_dependent)
    }
}

/// An inferred tensor, or the reason why its shape is unknown.
pub(super) type Fact = Result<Value, UnknownShape>;

/// Facts by tensor name.
enum Facts<'s, 'm> {
    /// Those of the whole graph, which may have a million tensors: by tensor number.
    Graph { names: &'s NameTable<'m>, facts: Vec<Option<Fact>> },
    /// Those of a body.
    Inner(HashMap<&'m str, Fact>),
}

/// The tensors that a graph or a body defines, and the scope around a body.
pub(super) struct Scope<'s, 'm> {
    facts: Facts<'s, 'm>,
    pub outer: Option<&'s Scope<'s, 'm>>,
}

impl<'s, 'm> Scope<'s, 'm> {
    pub fn of_graph(names: &'s NameTable<'m>) -> Self {
        Self { facts: Facts::Graph { names, facts: vec![None; names.len()] }, outer: None }
    }

    pub fn inside(outer: &'s Scope<'s, 'm>) -> Self {
        Self { facts: Facts::Inner(HashMap::new()), outer: Some(outer) }
    }

    /// The fact of a tensor, of this scope or one around it; none if no scope defines the name.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        let fact = match &self.facts {
            Facts::Graph { names, facts } => facts[names.get(name)?].as_ref(),
            Facts::Inner(facts) => facts.get(name),
        };
        fact.or_else(|| self.outer?.get(name))
    }

    /// Sets the fact of a tensor; of a whole graph, only if a node mentions it.
    pub fn set(&mut self, name: &'m str, fact: Fact) {
        match &mut self.facts {
            Facts::Graph { names, facts } => {
                if let Some(number) = names.get(name) {
                    facts[number] = Some(fact);
                }
            }
            Facts::Inner(facts) => drop(facts.insert(name, fact)),
        }
    }

    /// Returns whether [`Scope::set`] keeps facts of this name.
    pub fn mentions(&self, name: &str) -> bool {
        match &self.facts {
            Facts::Graph { names, .. } => names.get(name).is_some(),
            Facts::Inner(_) => true,
        }
    }

    /// The first input of a node, if its shape is known.
    pub fn first_input(&self, node: &OnnxNode) -> Option<&Value> {
        self.get(node.input().first()?)?.as_ref().ok()
    }

    /// The shapes in a body, by name; empty for a whole graph.
    pub fn into_inner(self) -> impl Iterator<Item = (&'m str, InferredShape)> {
        let facts = if let Facts::Inner(facts) = self.facts { facts } else { HashMap::new() };
        facts.into_iter().map(|(name, fact)| (name, super::outcome(fact)))
    }

    /// The facts of a whole graph, by tensor number; empty for a body.
    pub fn into_facts(self) -> Vec<Option<Fact>> {
        if let Facts::Graph { facts, .. } = self.facts { facts } else { Vec::new() }
    }
}
