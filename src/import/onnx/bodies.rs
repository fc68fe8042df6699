//! Bodies of `If`, `Loop` and `Scan` as graphs.
//!
//! What a body takes from around it is no tensor of its graph, but an input of the node. Inputs of a
//! body are copies: the states of a loop, its count and condition, a slice of what is scanned.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::descriptions::{self, Description, sized};
use super::messages::{Graph, Node};
use super::names::NameTable;
use super::slices::Slices;
use super::subgraphs::{self, Functions};
use super::unshaped::{self, Known, MOST_KNOWN, Outcome, Reason, Unshaped};
use super::{build, training};
use crate::error::short;
use crate::graph::{GraphBuilder, TensorKind, TensorSpec};
use crate::import::{ImportError, ImportOptions, permits};
use crate::support::ids::{OperatorId, TensorId};

/// What inference finds of the tensors of a body, in the order of their names: a file may have many
/// bodies of a node or two.
type Shapes<'m> = Box<[(&'m str, Outcome)]>;

/// The same of all bodies that are run, by their place in the message.
#[derive(Default)]
pub(super) struct BodyShapes<'m>(HashMap<*const Graph, Shapes<'m>>);

impl<'m> BodyShapes<'m> {
    #[cfg(feature = "onnx-shapes")]
    pub(super) fn insert(&mut self, body: &'m Graph, shapes: impl Iterator<Item = (&'m str, Outcome)>) {
        let mut shapes: Shapes<'m> = shapes.collect();
        shapes.sort_unstable_by_key(|(name, _)| *name);
        self.0.insert(std::ptr::from_ref(body), shapes);
    }

    fn get(&self, body: &'m Graph) -> Option<&Shapes<'m>> {
        self.0.get(&std::ptr::from_ref(body))
    }
}

/// Whether a name from around a body is a constant.
type IsConstant<'a> = &'a dyn Fn(&str) -> bool;

/// The bodies of a node, and how many of their inputs are not carried over from turn to turn: so many
/// at the start, and so many at the end.
struct Runs<'m> {
    /// With the names of their attributes.
    bodies: Vec<(&'static str, &'m Graph)>,
    fresh: [usize; 2],
}

/// Builds graphs of bodies.
pub(super) struct Bodies<'b, 'm> {
    pub(super) functions: &'b Functions<'m>,
    pub(super) shapes: &'b BodyShapes<'m>,
    pub(super) bound: &'b BTreeMap<String, u64>,
    pub(super) options: &'b ImportOptions,
    /// Version of the standard operators.
    pub(super) version: i64,
}

impl<'m> Bodies<'_, 'm> {
    /// Graphs of the bodies that a node runs, called as their attributes; of an `If` whose condition is
    /// known, only one.
    ///
    /// # Errors
    /// [`ImportError::Unshaped`], and what is wrong with a body.
    pub(super) fn of(
        &self,
        node: &'m Node,
        is_constant: IsConstant<'_>,
    ) -> Result<Vec<Arc<crate::graph::Graph>>, ImportError> {
        let Some(Runs { bodies, fresh }) = runs(node) else { return Ok(Vec::new()) };
        let is_inferred = bodies.iter().any(|(_, body)| self.shapes.get(body).is_some());
        let run = bodies.into_iter().filter(|(_, body)| !is_inferred || self.shapes.get(body).is_some());
        // A body that defines nothing needs no memory.
        let run = run.filter(|(_, body)| !(body.node.is_empty() && body.input.is_empty()));
        run.map(|body| self.graph(node, body, fresh, is_constant)).collect()
    }

    fn graph(
        &self,
        node: &Node,
        (name, body): (&str, &'m Graph),
        fresh: [usize; 2],
        is_constant: IsConstant<'_>,
    ) -> Result<Arc<crate::graph::Graph>, ImportError> {
        let mut builder = GraphBuilder::new(name);
        // A file may have many bodies of a node or two.
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
            // A state is kept until the outputs are there that come after it, so that these can be
            // copied one by one.
            if runs_again(node) && (fresh[0]..first_fresh).contains(&number) {
                builder.output(id);
            } else {
                builder.overwritable(id);
            }
        }
        let mut is_whole = Vec::with_capacity(body.node.len());
        for inner in &body.node {
            self.options.go_on()?;
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
        let lacking = unshaped.iter().filter(|one| graph.tensor(one.id).kind() != TensorKind::Constant);
        let lacking: Vec<_> = lacking.map(|one| (graph.tensor(one.id).name(), one)).collect();
        if lacking.is_empty() { Ok(Arc::new(graph)) } else { Err(within(node, unshaped::error(lacking))) }
    }

    /// Adds the tensors that a body defines; returns their ids by number, and those without a size.
    fn add_tensors(
        &self,
        builder: &mut GraphBuilder,
        body: &'m Graph,
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
            let (spec, reason) = self.spec(kind, shapes.and_then(|all| found(all, name)), declared.as_ref());
            let is_unknown = spec.is_none() && kind != TensorKind::Constant;
            let id = builder.add_tensor(name, kind, spec.unwrap_or(TensorSpec::bytes(0)));
            ids.push(Some(id));
            if is_unknown {
                let follows = matches!(reason, Some(Reason::Follows));
                let known = (unshaped.len() < MOST_KNOWN).then(|| Box::new(Known { declared, reason }));
                unshaped.push(Unshaped { id, follows, known });
            }
        }
        (ids, unshaped)
    }

    /// The size of a tensor, or why it is not known.
    fn spec(
        &self,
        kind: TensorKind,
        found: Option<&Outcome>,
        declared: Option<&Description>,
    ) -> (Option<TensorSpec>, Option<Reason>) {
        match found {
            Some(Outcome::Shape { data_type, dims, upper }) if kind != TensorKind::Constant => {
                (sized(*data_type, dims, *upper), None)
            }
            Some(Outcome::Unknown(reason)) => (None, Some(reason.clone())),
            // What is declared may be for other inputs than those that are given.
            _ if kind != TensorKind::Constant && !self.options.input_shapes.is_empty() => (None, None),
            _ => (declared.and_then(|declared| declared.spec(kind)), None),
        }
    }
}

fn found<'s>(shapes: &'s Shapes<'_>, name: &str) -> Option<&'s Outcome> {
    let place = shapes.binary_search_by_key(&name, |(own, _)| own).ok()?;
    Some(&shapes[place].1)
}

/// The bodies of a node that runs some.
fn runs(node: &Node) -> Option<Runs<'_>> {
    if !matches!(node.domain(), "" | "ai.onnx") {
        return None;
    }
    let attribute = |name: &str| node.attribute.iter().find(|attribute| *attribute.name == *name);
    let body = |name: &'static str| Some((name, attribute(name)?.g.as_deref()?));
    match node.op_type() {
        "If" => {
            let bodies = ["then_branch", "else_branch"].into_iter().filter_map(body).collect();
            Some(Runs { bodies, fresh: [0, 0] })
        }
        // The first input of the body is the count of turns.
        "Loop" => Some(Runs { bodies: vec![body("body")?], fresh: [1, 0] }),
        "Scan" => {
            let scanned = attribute("num_scan_inputs").map_or(0, |attribute| attribute.i);
            Some(Runs { bodies: vec![body("body")?], fresh: [0, usize::try_from(scanned).unwrap_or(0)] })
        }
        _ => None,
    }
}

/// Whether bodies of a node are known and in the graph.
pub(super) fn are_built(node: &Node) -> bool {
    runs(node).is_some()
}

fn runs_again(node: &Node) -> bool {
    node.op_type() != "If"
}

/// By number, the kind of each tensor that a body defines; none of what is from around it.
fn kinds(body: &Graph, names: &NameTable<'_>) -> Vec<Option<TensorKind>> {
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

/// The error with the node whose body it is.
fn within(node: &Node, error: ImportError) -> ImportError {
    match error {
        ImportError::Unshaped { tensors, remedy } => {
            let named = |text: String| format!("{text} (in a body of `{}`)", short(node.title()));
            ImportError::Unshaped { tensors: tensors.into_iter().map(named).collect(), remedy }
        }
        other => other,
    }
}
