//! Inferred shapes against those that the file declares.
//!
//! The inferred shape counts, as it follows from the inputs; where the file declares another, a note says
//! so, but not of shapes that follow from it. Where no shape can be inferred, that of the file counts, unless an input of the node has
//! another shape than the file declares: then the file's shape is for other inputs.

use super::engine;
use super::scope::{Fact, Scope, Unknown};
use super::value::Value;
use super::value_of;
use crate::error::short;
use crate::import::listed;
use crate::import::onnx::descriptions::Description;
use crate::import::onnx::messages::Node;
use crate::import::onnx::subgraphs;

/// So many tensors are named in the note.
const SHOWN: usize = 5;

#[derive(Default)]
pub(super) struct Check {
    differ: Listing,
    /// Sizes that depend on data: those that the file declares, and those at their upper bound.
    on_data: [Listing; 2],
}

/// The first of some tensors, and how many there are.
#[derive(Default)]
struct Listing {
    shown: Vec<String>,
    count: usize,
}

impl Listing {
    /// `text` is asked for only if it is shown.
    fn add(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.count <= SHOWN {
            self.shown.push(text());
        }
    }

    fn note(self, what: &str) -> Option<String> {
        (self.count > 0).then(|| format!("{what}: {}", listed(self.shown, self.count, "; ")))
    }
}

impl Check {
    /// The first input of a node that has another shape than the file declares, be it its own or one
    /// of a body.
    pub fn changed_input<'m>(node: &'m Node, scope: &Scope<'_, 'm>) -> Option<&'m str> {
        let names = node.input().iter().chain(subgraphs::outer_names(node));
        let is_changed = |name: &&str| matches!(scope.get(name), Some(Ok(value)) if value.is_changed());
        names.filter(|name| !name.is_empty()).find(is_changed)
    }

    /// What counts of an output: the inferred or the declared shape, or neither.
    pub fn settled(
        &mut self,
        node: &Node,
        name: &str,
        inferred: Fact,
        declared: Option<&Description>,
        changed_input: Option<&str>,
    ) -> Fact {
        match (inferred, declared) {
            (Ok(value), declared) if value.is_upper() => {
                let declared = declared.filter(|_| changed_input.is_none());
                let found = declared.and_then(|declared| within(&value, declared)).unwrap_or(value);
                let changed = changed_input.is_some();
                let shown = || format!("`{}` {:?}", short(name), found.dims);
                self.on_data[usize::from(found.is_upper())].add(shown);
                Ok(found.changed(changed))
            }
            (Ok(value), declared) => {
                let changed = match declared {
                    Some(declared) if !declared.admits(value.data_type, &value.dims) => {
                        // What only follows from another shape is not told.
                        if changed_input.is_none() {
                            self.differ.add(|| difference(node, name, &value, declared));
                        }
                        true
                    }
                    Some(declared) if value_of(declared).is_some() => false,
                    _ => changed_input.is_some(),
                };
                Ok(value.changed(changed))
            }
            (Err(unknown), declared) => match (declared.and_then(value_of), changed_input) {
                (Some(value), None) => Ok(value),
                (Some(value), Some(input)) => Err(contradicted(&unknown, &value, input)),
                (None, _) => Err(unknown),
            },
        }
    }

    /// What the user should know.
    pub fn notes(self) -> Vec<String> {
        let [declared, upper] = self.on_data;
        let notes = [
            self.differ.note("inferred shapes are taken where the file declares others"),
            declared.note("sizes that depend on data, planned as the file declares them"),
            upper.note("sizes that depend on data, planned at their upper bound"),
        ];
        notes.into_iter().flatten().collect()
    }
}

fn difference(node: &Node, name: &str, value: &Value, declared: &Description) -> String {
    let declared = match declared {
        Description::Tensor { data_type, .. } if *data_type != 0 && *data_type != value.data_type => {
            format!("element type {data_type} and shape {}", declared.shown())
        }
        _ => declared.shown(),
    };
    format!(
        "`{}` has {:?} (element type {}) by {}, the file declares {declared}",
        short(name),
        value.dims,
        value.data_type,
        engine::title(node)
    )
}

/// The shape that the file declares of a tensor whose size depends on data, within its upper bound: exact
/// if the file declares all of it.
fn within(bound: &Value, declared: &Description) -> Option<Value> {
    let dims = declared.at_most(bound.data_type, &bound.dims)?;
    let found = Value { dims, ..bound.clone() };
    Some(if declared.shape().is_some() { found.exact() } else { found })
}

fn contradicted(unknown: &Unknown, declared: &Value, input: &str) -> Unknown {
    let reason = format!(
        "{}; the file declares {:?}, but for another shape of the input `{}`",
        unknown.reason,
        declared.dims,
        short(input)
    );
    Unknown::because(&reason, unknown.follows)
}
