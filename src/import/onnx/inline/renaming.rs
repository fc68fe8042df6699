//! Names and attributes of the nodes of a function for one call of it.

use std::collections::{HashMap, HashSet};

/// Replaces the names of a function by those of one call.
pub(super) struct Renaming<'c, A> {
    /// First part of all names that only the call has.
    pub prefix: String,
    /// Names of tensors around the call, by the names of inputs and outputs in the function.
    pub names: HashMap<&'c str, &'c str>,
    /// Values of the attributes of the function, by name.
    pub given: HashMap<&'c str, &'c A>,
    /// Value of `imports` for the nodes.
    pub imports: u32,
    /// Bytes left for inlined nodes.
    pub left: usize,
    /// Names that the enclosing bodies define, outermost first.
    pub local: Vec<HashSet<&'c str>>,
}

impl<'c, A> Renaming<'c, A> {
    /// The name of a tensor; empty for an absent one. Names that a body defines hide those of the function.
    pub fn name(&self, name: &str) -> String {
        let is_local = || self.local.iter().any(|names| names.contains(name));
        match self.names.get(name) {
            _ if name.is_empty() => String::new(),
            Some(around) if !is_local() => (*around).to_owned(),
            _ => format!("{}{name}", self.prefix),
        }
    }

    /// The name of a node, which may be empty.
    pub fn node_name(&self, name: &str) -> String {
        if name.is_empty() { String::new() } else { format!("{}{name}", self.prefix) }
    }

    /// The value of an attribute that refers to one of the function; none if the call gives none.
    pub fn given(&self, reference: &str) -> Option<&'c A> {
        self.given.get(reference).copied()
    }

    /// Counts bytes of an inlined node.
    pub fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Returns whether bytes are left for inlined nodes.
    pub fn has_room(&self) -> bool {
        self.left > 0
    }
}
