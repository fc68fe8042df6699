//! Names that a model does not have yet.

use std::collections::HashSet;
use std::ops::Range;

use super::super::OnnxError;
use super::super::wire::fields;

/// Messages of a graph that contain names.
#[derive(Clone, Copy)]
enum NamedPart {
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    ValueInfo,
}

/// The names of a model, with those that are added.
#[derive(Clone)]
pub(super) struct UniqueNames(HashSet<String>);

impl UniqueNames {
    /// All names in a graph whose message is `graph`, and in its bodies: also those of initializers that no node reads,
    /// of declared types, and of bodies that never run. Runtimes refuse a model with one of them twice.
    pub(super) fn of_graph(bytes: &[u8], graph: Range<usize>) -> Result<Self, OnnxError> {
        let mut names = HashSet::new();
        let mut parts = vec![(NamedPart::Graph, graph)];
        while let Some((part, range)) = parts.pop() {
            for field in fields(bytes, range) {
                let field = field?;
                let Some(contents) = field.contents else { continue };
                let inner = match (part, field.number) {
                    (NamedPart::Graph, 1) => NamedPart::Node,
                    (NamedPart::Graph, 5) | (NamedPart::SparseTensor, 1) => NamedPart::Tensor,
                    (NamedPart::Graph, 11..=13) => NamedPart::ValueInfo,
                    (NamedPart::Graph, 15) => NamedPart::SparseTensor,
                    (NamedPart::Node, 5) => NamedPart::Attribute,
                    (NamedPart::Attribute, 6 | 11) => NamedPart::Graph,
                    (NamedPart::Node, 1..=3) | (NamedPart::Tensor, 8) | (NamedPart::ValueInfo, 1) => {
                        // A new name is never equal to bytes that are no text.
                        names.extend(std::str::from_utf8(&bytes[contents]).ok().map(str::to_owned));
                        continue;
                    }
                    _ => continue,
                };
                parts.push((inner, contents));
            }
        }
        Ok(Self(names))
    }

    /// The name, with a number if it is taken.
    pub(super) fn add(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2_u64;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name}.{number}");
            number += 1;
        }
        unique
    }
}
