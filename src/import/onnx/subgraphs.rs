//! What nodes with bodies (`If`, `Loop`, `Scan`) take from around them, and
//! whether nodes may run at compile time.

use std::collections::HashSet;

use super::messages::{Function, Graph, Node};
use crate::import::foldable;

/// Pure if their bodies are.
const RUN_BODIES: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

/// Types that keep state in `TFLite`, but not in ONNX.
const STATELESS: [&str; 2] = ["LSTM", "RNN"];

/// Domains whose operators are known.
const KNOWN_DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// Those of `com.microsoft` that draw random numbers.
const DRAW: [&str; 4] = ["BiasDropout", "BitmaskBiasDropout", "BitmaskDropout", "Sampling"];

/// Domains and names of the model's own functions.
pub(super) type Functions<'m> = HashSet<(&'m str, &'m str)>;

pub(super) fn names_of(functions: &[Function]) -> Functions<'_> {
    functions.iter().map(|function| (full_domain(&function.domain), function.name.as_str())).collect()
}

/// Whether it computes nothing but its outputs, and those from its inputs and
/// what its bodies take from around them. Of the model's own functions and of
/// other domains nothing is known.
pub(super) fn is_pure(node: &Node, functions: &Functions) -> bool {
    if is_function(node, functions) {
        return false;
    }
    let op_type = node.op_type();
    let pure_here = RUN_BODIES.contains(&op_type) || STATELESS.contains(&op_type);
    let alone = pure_here || foldable::is_pure(op_type);
    let known = KNOWN_DOMAINS.contains(&node.domain()) && !DRAW.contains(&op_type);
    alone && known && bodies(node).all(|body| body.node.iter().all(|inner| is_pure(inner, functions)))
}

/// Returns whether a node calls a function that the model defines.
pub(super) fn is_function(node: &Node, functions: &Functions) -> bool {
    functions.contains(&(full_domain(node.domain()), node.op_type()))
}

/// The standard domain has two names.
fn full_domain(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

pub(super) fn has_bodies(node: &Node) -> bool {
    bodies(node).next().is_some()
}

/// Names of the scope around a node that its bodies use, nested ones included:
/// each once, in order of first use.
pub(super) fn outer_names(node: &Node) -> Vec<&str> {
    let mut search = Search::default();
    search.bodies_of(node);
    search.found
}

fn bodies(node: &Node) -> impl Iterator<Item = &Graph> {
    node.attribute.iter().flat_map(|attribute| attribute.g.as_deref().into_iter().chain(&attribute.graphs))
}

/// Recursion is as deep as bodies nest: the decoder allows for some thirty.
#[derive(Default)]
struct Search<'m> {
    /// Names defined in the bodies around, outermost first.
    scopes: Vec<HashSet<&'m str>>,
    found: Vec<&'m str>,
    known: HashSet<&'m str>,
}

impl<'m> Search<'m> {
    fn bodies_of(&mut self, node: &'m Node) {
        for body in bodies(node) {
            self.scopes.push(definitions(body));
            for inner in &body.node {
                inner.input().iter().for_each(|name| self.uses(name));
                self.bodies_of(inner);
            }
            body.output.iter().for_each(|output| self.uses(&output.name));
            self.scopes.pop();
        }
    }

    fn uses(&mut self, name: &'m str) {
        let inner = self.scopes.iter().any(|scope| scope.contains(name));
        if !name.is_empty() && !inner && self.known.insert(name) {
            self.found.push(name);
        }
    }
}

fn definitions(body: &Graph) -> HashSet<&str> {
    let inputs = body.input.iter().map(|input| input.name.as_str());
    let written = body.node.iter().flat_map(|node| node.output().iter());
    let dense = body.initializer.iter();
    let sparse = body.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
    inputs.chain(written).chain(dense.chain(sparse).map(|tensor| tensor.name.as_str())).collect()
}
