//! Names that bodies (of `If`, `Loop`, `Scan`) capture, and whether nodes may run at compile time.

use std::collections::HashSet;

use super::messages::{OnnxFunction, OnnxGraph, OnnxNode};
use crate::import::foldable;

/// Types that are pure if their bodies are.
const RUN_BODIES: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

/// Types that keep state in TensorFlow Lite, but not in ONNX.
const STATELESS: [&str; 2] = ["LSTM", "RNN"];

/// Domains whose operators may be folded.
const KNOWN_DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// Operators of `com.microsoft` that draw random numbers.
const DRAW: [&str; 4] = ["BiasDropout", "BitmaskBiasDropout", "BitmaskDropout", "Sampling"];

/// Domains and names of the functions that a model defines.
pub(super) type Functions<'m> = HashSet<(&'m str, &'m str)>;

pub(super) fn names_of(functions: &[OnnxFunction]) -> Functions<'_> {
    functions.iter().map(|function| (full_domain(&function.domain), function.name.as_str())).collect()
}

/// Returns whether the outputs of a node depend on its inputs and the captured values of its bodies only, and the
/// node has no other effect. False for functions that the model defines and for unknown domains.
pub(super) fn is_pure(node: &OnnxNode, functions: &Functions) -> bool {
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
pub(super) fn is_function(node: &OnnxNode, functions: &Functions) -> bool {
    functions.contains(&(full_domain(node.domain()), node.op_type()))
}

/// The name of a domain; the standard domain has two names, of which this returns the long one.
fn full_domain(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

pub(super) fn has_bodies(node: &OnnxNode) -> bool {
    bodies(node).next().is_some()
}

/// Names that the bodies of a node capture, nested bodies included: each once, in the order of first use.
pub(super) fn outer_names(node: &OnnxNode) -> Vec<&str> {
    let mut search = OuterNameSearch::default();
    search.bodies_of(node);
    search.found
}

fn bodies(node: &OnnxNode) -> impl Iterator<Item = &OnnxGraph> {
    node.attribute.iter().flat_map(|attribute| attribute.g.as_deref().into_iter().chain(&attribute.graphs))
}

/// Collects captured names. Recursion is as deep as bodies nest, which the decoder limits to about 30.
#[derive(Default)]
struct OuterNameSearch<'m> {
    /// Names that the enclosing bodies define, outermost first.
    scopes: Vec<HashSet<&'m str>>,
    found: Vec<&'m str>,
    known: HashSet<&'m str>,
}

impl<'m> OuterNameSearch<'m> {
    fn bodies_of(&mut self, node: &'m OnnxNode) {
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

fn definitions(body: &OnnxGraph) -> HashSet<&str> {
    let inputs = body.input.iter().map(|input| input.name.as_str());
    let written = body.node.iter().flat_map(|node| node.output().iter());
    let dense = body.initializer.iter();
    let sparse = body.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
    inputs.chain(written).chain(dense.chain(sparse).map(|tensor| tensor.name.as_str())).collect()
}
