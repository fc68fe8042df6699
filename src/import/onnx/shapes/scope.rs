//! Names, and what is known of the tensors that they stand for.

use std::collections::HashMap;
use std::rc::Rc;

use super::value::Value;
use crate::error::cut_within;
use crate::import::onnx::messages::{Attribute, OperatorSet};
use crate::import::onnx::names::NameTable;
use crate::import::onnx::unshaped::Outcome;

/// Why a tensor's shape is not known.
#[derive(Clone, Debug)]
pub(super) struct Unknown {
    /// Shared, as one operator may have many outputs of unknown shape.
    pub reason: Rc<str>,
    /// Only because something else is not.
    pub follows: bool,
}

impl Unknown {
    pub fn new(reason: impl Into<String>) -> Self {
        Self::because(&reason.into(), false)
    }

    /// Messages of bodies within bodies, and those that list numbers, are cut.
    pub fn because(reason: &str, follows: bool) -> Self {
        Self { reason: cut_within(reason, 500).into(), follows }
    }
}

pub(super) type Fact = Result<Value, Unknown>;

/// What is known of tensors, by name.
enum Facts<'s, 'm> {
    /// Of the whole graph, which may have a million tensors: by their number.
    Graph { names: &'s NameTable<'m>, facts: Vec<Option<Fact>> },
    /// Of a body or a function.
    Inner(HashMap<&'m str, Fact>),
}

/// A graph, a body or a function: what it defines, on top of what is around.
pub(super) struct Scope<'s, 'm> {
    facts: Facts<'s, 'm>,
    pub outer: Option<&'s Scope<'s, 'm>>,
    pub setting: &'s Setting<'m>,
}

/// What holds for all nodes of a graph and its bodies, or of a function.
pub(super) struct Setting<'m> {
    pub versions: HashMap<&'m str, i64>,
    /// What the caller of a function gives by name; none in a graph.
    pub given: Option<HashMap<&'m str, &'m Attribute>>,
}

impl<'s, 'm> Scope<'s, 'm> {
    pub fn of_graph(names: &'s NameTable<'m>, setting: &'s Setting<'m>) -> Self {
        let facts = Facts::Graph { names, facts: vec![None; names.len()] };
        Self { facts, outer: None, setting }
    }

    pub fn of_function(setting: &'s Setting<'m>) -> Self {
        Self { facts: Facts::Inner(HashMap::new()), outer: None, setting }
    }

    pub fn inside(outer: &'s Scope<'s, 'm>) -> Self {
        Self { facts: Facts::Inner(HashMap::new()), outer: Some(outer), setting: outer.setting }
    }

    /// None if nobody defines the name.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        let own = match &self.facts {
            Facts::Graph { names, facts } => facts[names.get(name)?].as_ref(),
            Facts::Inner(facts) => facts.get(name),
        };
        own.or_else(|| self.outer?.get(name))
    }

    /// Remembers what is known of a tensor, if a node mentions it.
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

    /// Whether it can be asked for: of a whole graph, only what nodes mention.
    pub fn mentions(&self, name: &str) -> bool {
        match &self.facts {
            Facts::Graph { names, .. } => names.get(name).is_some(),
            Facts::Inner(_) => true,
        }
    }

    /// What is found in a body, by name; nothing of a whole graph.
    pub fn into_inner(self) -> impl Iterator<Item = (&'m str, Outcome)> {
        let facts = if let Facts::Inner(facts) = self.facts { facts } else { HashMap::new() };
        facts.into_iter().map(|(name, fact)| (name, super::outcome(fact)))
    }

    /// What is known of each tensor of the whole graph, by number; nothing of a body.
    pub fn into_facts(self) -> Vec<Option<Fact>> {
        if let Facts::Graph { facts, .. } = self.facts { facts } else { Vec::new() }
    }
}

/// The standard domain has two names.
pub(super) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

pub(super) fn versions(imports: &[OperatorSet]) -> HashMap<&str, i64> {
    imports.iter().map(|import| (domain(&import.domain), import.version)).collect()
}
