//! Names, and what is known of the tensors that they stand for.

use std::collections::HashMap;
use std::rc::Rc;

use super::value::Value;
use crate::error::cut_within;
use crate::import::onnx::messages::{Attribute, OperatorSet};

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

/// A graph, a body or a function: what it defines, on top of what is around.
pub(super) struct Scope<'s, 'm> {
    pub facts: HashMap<&'m str, Fact>,
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
    pub fn new(setting: &'s Setting<'m>) -> Self {
        Self { facts: HashMap::new(), outer: None, setting }
    }

    pub fn inside(outer: &'s Scope<'s, 'm>) -> Self {
        Self { facts: HashMap::new(), outer: Some(outer), setting: outer.setting }
    }

    /// None if nobody defines the name.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.facts.get(name).or_else(|| self.outer?.get(name))
    }
}

/// The standard domain has two names.
pub(super) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

pub(super) fn versions(imports: &[OperatorSet]) -> HashMap<&str, i64> {
    imports.iter().map(|import| (domain(&import.domain), import.version)).collect()
}
