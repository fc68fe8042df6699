//! Builds graphs of the bodies of `If`, `Loop` and `Scan`.
//!
//! A captured tensor is not a tensor of the body's graph but an input of the node. Inputs of a body are
//! copies: the states of a loop, its iteration number and condition, a slice of a scanned tensor.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::descriptions::{self, Description, sized};
use super::messages::{OnnxGraph, OnnxNode};
use super::names::NameTable;
use super::slices::Slices;
use super::subgraphs::{self, Functions};
use super::unshaped::{self, InferredShape, MAX_DETAILS, Unshaped, UnshapedDetail, UnshapedReason};
use super::{build, training};
use crate::error::short;
use crate::graph::{GraphBuilder, TensorKind, TensorSpec};
use crate::import::{ImportError, ImportOptions, permits};
use crate::support::ids::{OperatorId, TensorId};

/// Inferred shapes of a body, sorted by tensor name. A list, as a file may have many bodies of one or two
/// nodes.
type BodyShapeList<'m> = Box<[(&'m str, InferredShape)]>;

/// Inferred shapes of all bodies that run, by the address of the body in the message.
#[derive(Default)]
pub(super) struct BodyShapes<'m>(HashMap<*const OnnxGraph, BodyShapeList<'m>>);

impl<'m> BodyShapes<'m> {
    #[cfg(feature = "onnx-shapes")]
    pub(super) fn insert(
        &mut self,
        body: &'m OnnxGraph,
        shapes: impl Iterator<Item = (&'m str, InferredShape)>,
    ) {
        let mut shapes: BodyShapeList<'m> = shapes.collect();
        shapes.sort_unstable_by_key(|(name, _)| *name);
        self.0.insert(std::ptr::from_ref(body), shapes);
    }

    fn get(&self, body: &'m OnnxGraph) -> Option<&BodyShapeList<'m>> {
        self.0.get(&std::ptr::from_ref(body))
    }
}

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
    ) -> Result<Vec<Arc<crate::graph::Graph>>, ImportError> {
        let Some(NodeBodies { bodies, fresh }) = runs(node) else { return Ok(Vec::new()) };
        let is_inferred = bodies.iter().any(|(_, body)| self.shapes.get(body).is_some());
        let run = bodies.into_iter().filter(|(_, body)| !is_inferred || self.shapes.get(body).is_some());
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
    ) -> Result<Arc<crate::graph::Graph>, ImportError> {
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
        let mut is_whole = Vec::with_capacity(body.node.len());
        for inner in &body.node {
            self.options.check_cancelled()?;
            let used = || inner.input().iter().chain(subgraphs::outer_names(inner));
            let mut outer = used().filter(|name| !name.is_empty() && id(name).is_none()).peekable();
            is_whole.push(outer.peek().is_none());
            let is_known = outer.all(is_constant);
            let mut reads: Vec<TensorId> = inner.input().iter().filter_map(id).collect();
            reads.extend(subgraphs::outer_names(inner).into_iter().filter_map(id));
            let bodies = self.of(inner, &is_constant)?;
            let operator = builder.operator(build::name_of(inner)).op_type(inner.op_type()).reads(reads);
            let operator = operator.writes(inner.output().iter().filter_map(id)).runs(bodies);
            if is_known && build::is_foldable(inner, self.functions) {
                operator.foldable();
            }
        }
        for output in body.output.iter().filter_map(|output| id(&output.name)) {
            builder.output(output);
        }
        let mut graph = crate::import::finish(builder, Vec::new(), self.options)?.graph;
        let (slices, training) = (Slices::new(body), training::operators(body, self.version));
        let is_plain = |id: OperatorId| training.binary_search(&id).is_err();
        let is_whole = |id: OperatorId| is_whole[id.index()];
        let multi_pass = self.options.multi_pass;
        permits::add(&mut graph, multi_pass, is_plain, is_whole, |graph, id| slices.begin(graph, id))?;
        let lacking = unshaped.iter().filter(|tensor| graph.tensor(tensor.id).kind() != TensorKind::Constant);
        let lacking: Vec<_> = lacking.map(|tensor| (graph.tensor(tensor.id).name(), tensor)).collect();
        if lacking.is_empty() { Ok(Arc::new(graph)) } else { Err(within(node, unshaped::error(lacking))) }
    }

    /// Adds the tensors that a body defines; returns their ids by tensor number, and those without a size.
    fn add_tensors(
        &self,
        builder: &mut GraphBuilder,
        body: &'m OnnxGraph,
        names: &NameTable<'m>,
        kinds: &[Option<TensorKind>],
    ) -> (Vec<Option<TensorId>>, Vec<Unshaped>) {
        let mut declared = descriptions::of_body(body, self.bound);
        let shapes = self.shapes.get(body);
        builder.reserve_tensors(kinds.iter().flatten().count());
        let (mut ids, mut unshaped) = (Vec::with_capacity(kinds.len()), Vec::new());
        for (number, kind) in kinds.iter().enumerate() {
            let Some(kind) = *kind else {
                ids.push(None);
                continue;
            };
            let name = names.name(number);
            let declared = declared.remove(name);
            let (spec, reason) =
                self.spec(kind, shapes.and_then(|all| shape_of(all, name)), declared.as_ref());
            let is_unknown = spec.is_none() && kind != TensorKind::Constant;
            let id = builder.add_tensor(name, kind, spec.unwrap_or(TensorSpec::bytes(0)));
            ids.push(Some(id));
            if is_unknown {
                let is_dependent = matches!(reason, Some(UnshapedReason::Dependent));
                let detail =
                    (unshaped.len() < MAX_DETAILS).then(|| Box::new(UnshapedDetail { declared, reason }));
                unshaped.push(Unshaped { id, is_dependent, detail });
            }
        }
        (ids, unshaped)
    }

    /// The size of a tensor, or the reason why it is unknown.
    fn spec(
        &self,
        kind: TensorKind,
        inferred: Option<&InferredShape>,
        declared: Option<&Description>,
    ) -> (Option<TensorSpec>, Option<UnshapedReason>) {
        match inferred {
            Some(InferredShape::Shape { data_type, dims, is_upper_bound })
                if kind != TensorKind::Constant =>
            {
                (sized(*data_type, dims, *is_upper_bound), None)
            }
            Some(InferredShape::Unknown(reason)) => (None, Some(reason.clone())),
            // With `--input-shape`, declared shapes may be for other inputs.
            _ if kind != TensorKind::Constant && !self.options.input_shapes.is_empty() => (None, None),
            _ => (declared.and_then(|declared| declared.spec(kind)), None),
        }
    }
}

fn shape_of<'s>(shapes: &'s BodyShapeList<'_>, name: &str) -> Option<&'s InferredShape> {
    let index = shapes.binary_search_by_key(&name, |(tensor, _)| tensor).ok()?;
    Some(&shapes[index].1)
}

/// The bodies of a node; none if it is not an operator that runs bodies.
fn runs(node: &OnnxNode) -> Option<NodeBodies<'_>> {
    if !matches!(node.domain(), "" | "ai.onnx") {
        return None;
    }
    let attribute = |name: &str| node.attribute.iter().find(|attribute| *attribute.name == *name);
    let body = |name: &'static str| Some((name, attribute(name)?.g.as_deref()?));
    match node.op_type() {
        "If" => {
            let bodies = ["then_branch", "else_branch"].into_iter().filter_map(body).collect();
            Some(NodeBodies { bodies, fresh: [0, 0] })
        }
        // The first input of the body is the iteration number. The condition counts as a state.
        "Loop" => Some(NodeBodies { bodies: vec![body("body")?], fresh: [1, 0] }),
        "Scan" => {
            let scanned = attribute("num_scan_inputs").map_or(0, |attribute| attribute.i);
            Some(NodeBodies {
                bodies: vec![body("body")?],
                fresh: [0, usize::try_from(scanned).unwrap_or(0)],
            })
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

/// Adds the name of the node that runs the body to an error.
fn within(node: &OnnxNode, error: ImportError) -> ImportError {
    match error {
        ImportError::Unshaped { tensors, remedy } => {
            let named = |text: String| format!("{text} (in a body of `{}`)", short(node.title()));
            ImportError::Unshaped { tensors: tensors.into_iter().map(named).collect(), remedy }
        }
        other => other,
    }
}
