//! Builds graphs of the bodies of `If`, `Loop` and `Scan`.
//!
//! A captured tensor is an input of the node. In branches of `If`, it is also a constant of the body, linked to that
//! input, so that a plan may overwrite it after its last read; other bodies run several times. Inputs of a body are
//! copies: the states of a loop, its iteration number and condition, a slice of a scanned tensor. Results of
//! branches, and states of loops after the last iteration, are linked to the outputs of the node.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::description::{Description, sized};
use super::descriptions;
use super::graph::{OnnxGraph, OnnxNode};
use super::inferred::{BodyShapes, InferredShape, UnshapedReason};
use super::names::NameTable;
use super::node_permits::NodePermits;
use super::operator_sets::OperatorSets;
use super::subgraphs;
use super::unshaped::UnshapedTensors;
use crate::error::short;
use crate::graph::{BodyLink, ElementType, Graph, GraphBuilder, TensorKind, TensorSpec};
use crate::import::{ImportError, ImportOptions};
use crate::support::ids::TensorId;

/// Id, element type and shape of a tensor of the graph around a body.
pub(super) type TensorAround = (TensorId, ElementType, Vec<u64>);

/// The tensors of the graph around a body.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// Returns whether a name is a constant.
    pub(super) is_constant: &'a dyn Fn(&str) -> bool,
    /// The id of a tensor that needs memory, with its element type and shape.
    pub(super) tensor: &'a dyn Fn(&str) -> Option<TensorAround>,
}

/// The bodies of an operator, and the links of their tensors to its inputs and outputs.
#[derive(Default)]
pub(super) struct BuiltBodies {
    pub(super) graphs: Vec<Arc<Graph>>,
    pub(super) links: Vec<BodyLink>,
}

/// A built body with pairs of a tensor around it and a tensor of the body.
type LinkedGraph = (Arc<Graph>, Vec<(TensorId, TensorId)>);

/// The bodies of a node. All inputs of a body except the first `fresh[0]` and the last `fresh[1]` are states,
/// which an iteration passes to the next one.
struct NodeBodies<'m> {
    /// Bodies with the names of their attributes.
    bodies: Vec<(&'static str, &'m OnnxGraph)>,
    fresh: [usize; 2],
}

/// Builds the graphs of all bodies of a model.
pub(super) struct BodyBuilder<'b, 'm> {
    pub(super) shapes: &'b BodyShapes<'m>,
    pub(super) bound: &'b BTreeMap<String, u64>,
    pub(super) options: &'b ImportOptions,
    pub(super) sets: &'b OperatorSets<'m>,
}

impl<'m> BodyBuilder<'_, 'm> {
    /// Graphs of the bodies that a node runs, named after their attributes. An `If` with a known condition runs
    /// one branch only.
    ///
    /// # Errors
    /// [`ImportError::Unshaped`] if a tensor has no static size, and other errors of a body.
    pub(super) fn of(&self, node: &'m OnnxNode, around: Around<'_>) -> Result<BuiltBodies, ImportError> {
        let Some(NodeBodies { bodies, fresh }) = runs(node) else { return Ok(BuiltBodies::default()) };
        let is_inferred = bodies.iter().any(|(_, body)| self.shapes.has(body));
        let run = bodies.into_iter().filter(|(_, body)| !is_inferred || self.shapes.has(body));
        // A body that defines no tensors needs no memory. With several outputs, it is built because it may return an
        // input of the node, which its links state.
        let is_built =
            |body: &OnnxGraph| !body.node.is_empty() || !body.input.is_empty() || node.output().len() > 1;
        let run = run.filter(|(_, body)| is_built(body));
        let mut built = BuiltBodies::default();
        for (number, body) in run.enumerate() {
            let (graph, links) = self.graph(node, body, fresh, around)?;
            built.graphs.push(graph);
            built.links.extend(links.into_iter().map(|(tensor, inner)| BodyLink {
                tensor,
                body: number,
                inner,
            }));
        }
        Ok(built)
    }

    fn graph(
        &self,
        node: &OnnxNode,
        (name, body): (&str, &'m OnnxGraph),
        fresh: [usize; 2],
        around: Around<'_>,
    ) -> Result<LinkedGraph, ImportError> {
        let mut builder = GraphBuilder::new(name);
        // Exact capacities, as a file may have many bodies of one or two nodes.
        builder.reserve_operators(body.node.len());
        let names = NameTable::of(body);
        let kinds = kinds(body, &names);
        let (mut ids, unshaped) = self.add_tensors(&mut builder, body, &names, &kinds);
        let captured = if runs_again(node) {
            HashMap::new()
        } else {
            add_captured(&mut builder, &names, &kinds, &mut ids, around)
        };
        let id = |name: &str| ids[names.get(name)?];
        let is_captured = |id: TensorId| captured.contains_key(&id);
        let is_constant = |name: &str| match names.get(name).and_then(|number| kinds[number]) {
            Some(kind) => kind == TensorKind::Constant,
            None => (around.is_constant)(name),
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
        let mut permits = NodePermits::new(body, self.sets);
        for (number, inner) in body.node.iter().enumerate() {
            self.options.check_cancelled()?;
            let used = || inner.input().iter().chain(subgraphs::outer_names(inner));
            let is_outer = |name: &&str| !name.is_empty() && id(name).is_none_or(is_captured);
            let mut outer = used().filter(is_outer).peekable();
            // Permissions are about all inputs, of which captured ones are constants of the graph or not in it.
            if outer.peek().is_some() {
                permits.remove(number);
            }
            let is_known = outer.all(is_constant);
            let tensor = |name: &str| {
                let id = id(name)?;
                tensor_around(&builder, id, is_captured(id))
            };
            let BuiltBodies { graphs, links } =
                self.of(inner, Around { is_constant: &is_constant, tensor: &tensor })?;
            let operator = subgraphs::add_operator(&mut builder, inner, id).runs(graphs).links(links);
            if is_known && subgraphs::is_foldable(inner) {
                operator.foldable();
            }
        }
        for output in body.output.iter().filter_map(|output| id(&output.name)) {
            builder.output(output);
        }
        let mut links: Vec<(TensorId, TensorId)> =
            captured.iter().map(|(&inner, &around)| (around, inner)).collect();
        links.sort_unstable();
        links.extend(linked_results(&builder, node, body, fresh, &id, around));
        let mut graph = crate::import::finish(builder, Vec::new(), self.options)?.graph;
        // A folded result is a constant, which is copied.
        links.retain(|(_, inner)| {
            captured.contains_key(inner) || graph.tensor(*inner).kind() != TensorKind::Constant
        });
        permits.add(&mut graph, self.options.multi_pass)?;
        let place = || format!("(in a body of `{}`)", short(node.title()));
        unshaped.check(&graph).map_err(|error| error.within(&place()))?;
        Ok((Arc::new(graph), links))
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

/// Adds the captured tensors that need memory as constants, except results of `Constant` nodes, which may be folded.
/// Returns the tensors around the body by the new constants.
fn add_captured(
    builder: &mut GraphBuilder,
    names: &NameTable<'_>,
    kinds: &[Option<TensorKind>],
    ids: &mut [Option<TensorId>],
    around: Around<'_>,
) -> HashMap<TensorId, TensorId> {
    let mut captured = HashMap::new();
    for number in (0..kinds.len()).filter(|&number| kinds[number].is_none()) {
        let name = names.name(number);
        let found = Some(name).filter(|name| !(around.is_constant)(name)).and_then(around.tensor);
        let Some((outer, element_type, shape)) = found else { continue };
        let inner = builder.add_tensor(name, TensorKind::Constant, TensorSpec::shaped(element_type, shape));
        ids[number] = Some(inner);
        captured.insert(inner, outer);
    }
    captured
}

/// A tensor as a body may capture it: constants are not linked, unless they stand for a captured tensor.
pub(super) fn tensor_around(builder: &GraphBuilder, id: TensorId, is_captured: bool) -> Option<TensorAround> {
    let (kind, spec) = builder.described(id)?;
    let (element_type, shape) = spec.as_shaped()?;
    let needs_memory = is_captured || matches!(kind, TensorKind::Input | TensorKind::Intermediate);
    let is_sized = needs_memory && element_type.bytes_of(shape).is_some();
    is_sized.then(|| (id, element_type, shape.to_vec()))
}

/// Links of the node's outputs: to the results of a branch, or to the inputs of an iteration that hold the
/// states. Types and shapes are equal, so the output is not an upper bound over branches.
fn linked_results(
    builder: &GraphBuilder,
    node: &OnnxNode,
    body: &OnnxGraph,
    fresh: [usize; 2],
    id: &dyn Fn(&str) -> Option<TensorId>,
    around: Around<'_>,
) -> Vec<(TensorId, TensorId)> {
    let inner: Vec<&str> = match node.op_type() {
        "If" => body.output.iter().map(|output| output.name.as_str()).collect(),
        // The condition of a `Loop` is a state, but not an output of the node.
        op_type => {
            let end = body.input.len().saturating_sub(fresh[1]);
            let begin = if op_type == "Loop" { 2 } else { fresh[0] };
            body.input.get(begin..end).unwrap_or(&[]).iter().map(|input| input.name.as_str()).collect()
        }
    };
    let (mut links, mut seen): (Vec<(TensorId, TensorId)>, Vec<TensorId>) = (Vec::new(), Vec::new());
    for (output, inner) in node.output().iter().zip(inner) {
        let (Some((outer, element_type, shape)), Some(inner)) = ((around.tensor)(output), id(inner)) else {
            continue;
        };
        let Some((kind, spec)) = builder.described(inner) else { continue };
        let is_same = spec.as_shaped() == Some((element_type, shape.as_slice()));
        if is_same && kind != TensorKind::Constant && !seen.contains(&outer) && !seen.contains(&inner) {
            links.push((outer, inner));
        }
        seen.extend([outer, inner]);
    }
    links
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
