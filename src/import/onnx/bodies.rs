//! Builds graphs of the bodies of `If`, `Loop` and `Scan`.
//!
//! A captured tensor is not a tensor of the body's graph but an input of the node. Inputs of a body are
//! copies: the states of a loop, its iteration number and condition, a slice of a scanned tensor.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::description::{Description, sized};
use super::descriptions;
use super::graph::{OnnxGraph, OnnxNode};
use super::inferred::{BodyShapes, InferredShape, UnshapedReason};
use super::names::NameTable;
use super::node_permits::NodePermits;
use super::subgraphs::{self, Functions};
use super::unshaped::UnshapedTensors;
use crate::error::short;
use crate::graph::{Graph, GraphBuilder, TensorKind, TensorSpec};
use crate::import::{ImportError, ImportOptions};
use crate::support::ids::TensorId;

/// Returns whether a captured name is a constant.
type IsConstant<'a> = &'a dyn Fn(&str) -> bool;

/// The bodies of a node. All inputs of a body except the first `fresh[0]` and the last `fresh[1]` are states,
/// which an iteration passes to the next one.
struct NodeBodies<'m> {
    /// Bodies with the names of their attributes.
    bodies: Vec<(&'static str, &'m OnnxGraph)>,
    fresh: [usize; 2],
}

/// Builds the graphs of all bodies of a model.
pub(super) struct BodyBuilder<'b, 'm> {
    pub(super) functions: &'b Functions<'m>,
    pub(super) shapes: &'b BodyShapes<'m>,
    pub(super) bound: &'b BTreeMap<String, u64>,
    pub(super) options: &'b ImportOptions,
    /// Operator set version of the standard domain.
    pub(super) version: i64,
}

impl<'m> BodyBuilder<'_, 'm> {
    /// Graphs of the bodies that a node runs, named after their attributes. An `If` with a known condition runs
    /// one branch only.
    ///
    /// # Errors
    /// [`ImportError::Unshaped`] if a tensor has no static size, and other errors of a body.
    pub(super) fn of(
        &self,
        node: &'m OnnxNode,
        is_constant: IsConstant<'_>,
    ) -> Result<Vec<Arc<Graph>>, ImportError> {
        let Some(NodeBodies { bodies, fresh }) = runs(node) else { return Ok(Vec::new()) };
        let is_inferred = bodies.iter().any(|(_, body)| self.shapes.has(body));
        let run = bodies.into_iter().filter(|(_, body)| !is_inferred || self.shapes.has(body));
        // A body that defines no tensors needs no memory.
        let run = run.filter(|(_, body)| !(body.node.is_empty() && body.input.is_empty()));
        run.map(|body| self.graph(node, body, fresh, is_constant)).collect()
    }

    fn graph(
        &self,
        node: &OnnxNode,
        (name, body): (&str, &'m OnnxGraph),
        fresh: [usize; 2],
        is_constant: IsConstant<'_>,
    ) -> Result<Arc<Graph>, ImportError> {
        let mut builder = GraphBuilder::new(name);
        // Exact capacities, as a file may have many bodies of one or two nodes.
        builder.reserve_operators(body.node.len());
        let names = NameTable::of(body);
        let kinds = kinds(body, &names);
        let (ids, unshaped) = self.add_tensors(&mut builder, body, &names, &kinds);
        let id = |name: &str| ids[names.get(name)?];
        let is_constant = |name: &str| match names.get(name).and_then(|number| kinds[number]) {
            Some(kind) => kind == TensorKind::Constant,
            None => is_constant(name),
        };
        let first_fresh = body.input.len().saturating_sub(fresh[1]);
        for (number, input) in body.input.iter().enumerate() {
            let Some(id) = id(&input.name) else { continue };
            // A state stays live until the outputs of the iteration are computed, so that outputs can be
            // copied to the states one by one.
            if runs_again(node) && (fresh[0]..first_fresh).contains(&number) {
                builder.output(id);
            } else {
                builder.overwritable(id);
            }
        }
        let mut permits = NodePermits::new(body, self.version);
        for (number, inner) in body.node.iter().enumerate() {
            self.options.check_cancelled()?;
            let used = || inner.input().iter().chain(subgraphs::outer_names(inner));
            let mut outer = used().filter(|name| !name.is_empty() && id(name).is_none()).peekable();
            // Permissions are about all inputs, of which captured ones are not in the graph.
            if outer.peek().is_some() {
                permits.remove(number);
            }
            let is_known = outer.all(is_constant);
            let bodies = self.of(inner, &is_constant)?;
            let operator = subgraphs::add_operator(&mut builder, inner, id).runs(bodies);
            if is_known && subgraphs::is_foldable(inner, self.functions) {
                operator.foldable();
            }
        }
        for output in body.output.iter().filter_map(|output| id(&output.name)) {
            builder.output(output);
        }
        let mut graph = crate::import::finish(builder, Vec::new(), self.options)?.graph;
        permits.add(&mut graph, self.options.multi_pass)?;
        let place = || format!("(in a body of `{}`)", short(node.title()));
        unshaped.check(&graph).map_err(|error| error.within(&place()))?;
        Ok(Arc::new(graph))
    }

    /// Adds the tensors that a body defines; returns their ids by tensor number, and those without a size.
    fn add_tensors(
        &self,
        builder: &mut GraphBuilder,
        body: &'m OnnxGraph,
        names: &NameTable<'m>,
        kinds: &[Option<TensorKind>],
    ) -> (Vec<Option<TensorId>>, UnshapedTensors) {
        let mut declared = descriptions::of_body(body, self.bound);
        builder.reserve_tensors(kinds.iter().flatten().count());
        let mut unshaped = UnshapedTensors::default();
        let ids = kinds.iter().enumerate().map(|(number, kind)| {
            let (kind, name) = ((*kind)?, names.name(number));
            let declared = declared.remove(name);
            let found = self.spec(kind, self.shapes.get(body, name), declared.as_ref());
            Some(unshaped.add(builder, (name, kind), found, declared))
        });
        (ids.collect(), unshaped)
    }

    /// The size of a tensor, or the reason why it is unknown.
    fn spec(
        &self,
        kind: TensorKind,
        inferred: Option<&InferredShape>,
        declared: Option<&Description>,
    ) -> (Option<TensorSpec>, Option<UnshapedReason>) {
        match inferred {
            _ if kind == TensorKind::Constant => (declared.and_then(|declared| declared.spec(kind)), None),
            Some(InferredShape::Shape { data_type, dims, is_upper_bound }) => {
                (sized(*data_type, dims, *is_upper_bound), None)
            }
            Some(InferredShape::Unknown(reason)) => (None, Some(reason.clone())),
            // With `--input-shape`, declared shapes may be for other inputs.
            _ if !self.options.input_shapes.is_empty() => (None, None),
            _ => (declared.and_then(|declared| declared.spec(kind)), None),
        }
    }
}

/// The bodies of a node; none if it is not an operator that runs bodies.
fn runs(node: &OnnxNode) -> Option<NodeBodies<'_>> {
    let body = |name: &'static str| Some((name, node.attribute(name)?.g.as_deref()?));
    match node.op_type() {
        _ if !node.domain().is_empty() => None,
        "If" => {
            let bodies = ["then_branch", "else_branch"].into_iter().filter_map(body).collect();
            Some(NodeBodies { bodies, fresh: [0, 0] })
        }
        // The first input of the body is the iteration number. The condition counts as a state.
        "Loop" => Some(NodeBodies { bodies: vec![body("body")?], fresh: [1, 0] }),
        "Scan" => {
            let scanned = node.attribute("num_scan_inputs").map_or(0, |attribute| attribute.i);
            let fresh = [0, usize::try_from(scanned).unwrap_or(0)];
            Some(NodeBodies { bodies: vec![body("body")?], fresh })
        }
        _ => None,
    }
}

/// Returns whether the bodies of a node are built and planned.
pub(super) fn are_built(node: &OnnxNode) -> bool {
    runs(node).is_some()
}

fn runs_again(node: &OnnxNode) -> bool {
    node.op_type() != "If"
}

/// By tensor number: the kind of a tensor that the body defines; none for captured tensors.
fn kinds(body: &OnnxGraph, names: &NameTable<'_>) -> Vec<Option<TensorKind>> {
    let mut kinds = vec![None; names.len()];
    let mut set = |name: &str, kind: TensorKind| {
        if let Some(number) = names.get(name) {
            kinds[number] = Some(kind);
        }
    };
    let written = body.node.iter().flat_map(|node| node.output().iter());
    written.for_each(|name| set(name, TensorKind::Intermediate));
    body.initializer.iter().for_each(|tensor| set(&tensor.name, TensorKind::Constant));
    let sparse = body.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
    sparse.for_each(|tensor| set(&tensor.name, TensorKind::Constant));
    body.input.iter().for_each(|input| set(&input.name, TensorKind::Input));
    kinds
}
