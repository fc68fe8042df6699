//! Names that bodies (of `If`, `Loop`, `Scan`) capture, and operators of the graph for nodes.

use std::collections::HashSet;

use super::graph::{OnnxFunction, OnnxGraph, OnnxNode};
use super::messages::domain;
use super::operator_types;
use crate::graph::{GraphBuilder, OperatorBuilder};
use crate::import::folding::Effects;
use crate::support::ids::TensorId;

/// Domains whose operators may be folded.
const KNOWN_DOMAINS: [&str; 3] = ["", "ai.onnx.ml", "com.microsoft"];

/// Domains and names of the functions that a model defines.
pub(super) type Functions<'m> = HashSet<(&'m str, &'m str)>;

pub(super) fn names_of(functions: &[OnnxFunction]) -> Functions<'_> {
    functions.iter().map(|function| (domain(&function.domain), function.name.as_str())).collect()
}

/// Adds an operator to a builder that has its tensors.
pub(super) fn add_operator<'b>(
    builder: &'b mut GraphBuilder,
    node: &OnnxNode,
    id: impl Fn(&str) -> Option<TensorId>,
) -> OperatorBuilder<'b> {
    let mut reads: Vec<TensorId> = node.input().iter().filter_map(&id).collect();
    let outer: Vec<TensorId> = outer_names(node).into_iter().filter_map(&id).collect();
    if !outer.is_empty() {
        let own: HashSet<TensorId> = reads.iter().copied().collect();
        reads.extend(outer.into_iter().filter(|id| !own.contains(id)));
    }
    // Names are optional. A node without a name is called by its first output, else by its type.
    let name = if node.title().is_empty() { node.op_type() } else { node.title() };
    let operator = builder.operator(name).op_type(node.op_type()).reads(reads);
    operator.writes(node.output().iter().filter_map(&id))
}

/// Returns whether a node may run at compile time if all its inputs are constant.
pub(super) fn is_foldable(node: &OnnxNode, functions: &Functions) -> bool {
    let reads = || node.input().iter().chain(outer_names(node)).any(|name| !name.is_empty());
    is_pure(node, functions) && (node.op_type() == "Constant" || reads())
}

/// Returns whether the outputs of a node depend on its inputs and the captured values of its bodies only, and the
/// node has no other effect. False for functions that the model defines and for unknown domains.
fn is_pure(node: &OnnxNode, functions: &Functions) -> bool {
    let row = operator_types::find(node.domain(), node.op_type());
    let has_effects = row.is_some_and(|row| row.effects == Effects::Impure);
    let is_known = KNOWN_DOMAINS.contains(&node.domain()) && !is_function(node, functions);
    let are_pure = |body: &OnnxGraph| body.node.iter().all(|inner| is_pure(inner, functions));
    is_known && !has_effects && node.bodies().all(are_pure)
}

/// Returns whether a node calls a function that the model defines.
pub(super) fn is_function(node: &OnnxNode, functions: &Functions) -> bool {
    functions.contains(&(node.domain(), node.op_type()))
}

/// Names that the bodies of a node capture, nested bodies included: each once, in the order of first use.
pub(super) fn outer_names(node: &OnnxNode) -> Vec<&str> {
    let mut search = OuterNameSearch::default();
    search.bodies_of(node);
    search.found
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
        for body in node.bodies() {
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
