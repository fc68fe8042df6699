//! From decoded messages to a graph.

use std::collections::{HashMap, HashSet};

use super::descriptions::{Description, Descriptions};
use super::messages::{Graph, Model, Node};
use super::slices::Slices;
use super::subgraphs::Functions;
use super::unshaped::{self, Reasons};
use super::{FORMAT, shapes, subgraphs};
use crate::error::short;
use crate::graph::{GraphBuilder, TensorKind, TensorSpec};
use crate::ids::{OperatorId, TensorId};
use crate::import::{ImportError, ImportOptions, ImportedGraph, permits};

pub(super) fn build(
    name: &str,
    model: &Model,
    options: &ImportOptions,
) -> Result<ImportedGraph, ImportError> {
    let Some(graph) = &model.graph else {
        return Err(ImportError::malformed(FORMAT, "it has no graph; is it an ONNX model at all?"));
    };
    let mut functions = model.functions.iter().enumerate();
    let fault = functions.find_map(|(number, function)| Some((number, function.fault.as_deref()?)));
    if let Some((number, fault)) = fault {
        return Err(ImportError::malformed(FORMAT, format!("in function {number}, {fault}")));
    }
    if let Some(fault) = &graph.fault {
        return Err(ImportError::malformed(FORMAT, fault));
    }
    let (descriptions, reasons) = described(model, graph, options)?;
    let mut tensors = Tensors::new(graph, GraphBuilder::new(name), descriptions, reasons);
    let functions = subgraphs::names_of(&model.functions);
    tensors.builder.reserve_operators(graph.node.len());
    for node in &graph.node {
        add_operator(node, &functions, &mut tensors);
    }
    for output in &graph.output {
        if let Some(id) = tensors.id(&output.name) {
            tensors.builder.output(id);
        }
    }

    let mut notes = Vec::new();
    if !model.training_info.is_empty() {
        notes.push("the file's training graphs are left out".to_owned());
    }
    // What is known by name takes as much memory as the graph, and is not needed while that is checked.
    let Tensors { builder, reasons, unshaped, .. } = tensors;
    let mut imported = crate::import::finish(builder, notes, options)?;
    let slices = Slices::new(graph);
    let begin =
        |whole: &crate::graph::Graph, id: OperatorId| slices.begin(graph.node.get(id.index())?, whole, id);
    permits::add(&mut imported.graph, |_| true, begin)?;
    imported.notes.extend(note_of_bodies(graph, &imported));
    // Constants need no memory; what was folded is one by now.
    let needs_memory = |id: TensorId| imported.graph.tensor(id).kind() != TensorKind::Constant;
    let known: Vec<_> = unshaped
        .iter()
        .filter(|(id, ..)| needs_memory(*id))
        .map(|(_, name, description)| (*name, description.as_ref()))
        .collect();
    if known.is_empty() { Ok(imported) } else { Err(unshaped::error(known, &reasons)) }
}

/// What is known of the tensors, computed where the file does not tell it; and why that failed.
fn described<'m>(
    model: &'m Model,
    graph: &'m Graph,
    options: &'m ImportOptions,
) -> Result<(Descriptions<'m>, Reasons<'m>), ImportError> {
    let mut descriptions = Descriptions::new(graph, options)?;
    let has_size = |name: &str| {
        let spec = descriptions.get(name).and_then(|description| description.spec(TensorKind::Intermediate));
        name.is_empty() || spec.is_some()
    };
    let is_complete = graph.node.iter().flat_map(|node| node.output().iter()).all(has_size);
    let reasons = if is_complete { Reasons::new() } else { shapes::infer(model, graph, &mut descriptions)? };
    Ok((descriptions, reasons))
}

/// Names operators that run and have bodies, whose memory nobody plans.
fn note_of_bodies(graph: &Graph, imported: &ImportedGraph) -> Option<String> {
    const SHOWN: usize = 5;
    let run = graph.node.iter().zip(imported.graph.operators());
    let with_bodies = run.filter(|(node, operator)| subgraphs::has_bodies(node) && !operator.is_folded());
    let mut names =
        with_bodies.map(|(node, _)| format!("`{}` ({})", short(name_of(node)), short(node.op_type())));
    let mut shown: Vec<String> = names.by_ref().take(SHOWN).collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    let text =
        || format!("memory inside of the bodies of these operators is not planned: {}", shown.join(", "));
    (!shown.is_empty()).then(text)
}

fn add_operator<'m>(node: &'m Node, functions: &Functions, tensors: &mut Tensors<'m>) {
    let mut reads = tensors.ids(node.input().iter());
    let own: HashSet<TensorId> = reads.iter().copied().collect();
    let outer = tensors.ids(subgraphs::outer_names(node));
    reads.extend(outer.into_iter().filter(|id| !own.contains(id)));
    let writes = tensors.ids(node.output().iter());
    let foldable = subgraphs::is_pure(node, functions) && (!reads.is_empty() || node.op_type() == "Constant");
    let operator =
        tensors.builder.operator(name_of(node)).op_type(node.op_type()).reads(reads).writes(writes);
    if foldable {
        operator.foldable();
    }
}

/// Names are optional; one without is called by what it writes.
fn name_of(node: &Node) -> &str {
    let title = node.title();
    if title.is_empty() { node.op_type() } else { title }
}

/// Tensors exist by being mentioned; their ids follow the first mention.
struct Tensors<'m> {
    builder: GraphBuilder,
    descriptions: Descriptions<'m>,
    /// Why shapes could not be computed, by name.
    reasons: Reasons<'m>,
    inputs: HashSet<&'m str>,
    ids: HashMap<&'m str, TensorId>,
    /// Those of which no size is known, with what is.
    unshaped: Vec<(TensorId, &'m str, Option<Description<'m>>)>,
}

impl<'m> Tensors<'m> {
    fn new(
        graph: &'m Graph,
        builder: GraphBuilder,
        descriptions: Descriptions<'m>,
        reasons: Reasons<'m>,
    ) -> Self {
        let inputs = || graph.input.iter().map(|input| input.name.as_str());
        let mut tensors = Self {
            builder,
            descriptions,
            reasons,
            inputs: inputs().collect(),
            ids: HashMap::new(),
            unshaped: Vec::new(),
        };
        tensors.ids(inputs());
        tensors
    }

    fn ids(&mut self, names: impl IntoIterator<Item = &'m str>) -> Vec<TensorId> {
        names.into_iter().filter_map(|name| self.id(name)).collect()
    }

    /// The tensor of this name; none for the empty name, which stands for an
    /// optional tensor that is absent.
    fn id(&mut self, name: &'m str) -> Option<TensorId> {
        if name.is_empty() {
            return None;
        }
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        let kind = self.kind(name);
        let description = self.descriptions.take(name);
        let spec = description.as_ref().and_then(|description| description.spec(kind));
        let lacks_size = spec.is_none();
        let id = self.builder.add_tensor(name, kind, spec.unwrap_or(TensorSpec::bytes(0)));
        if lacks_size {
            self.unshaped.push((id, name, description));
        }
        self.ids.insert(name, id);
        Some(id)
    }

    fn kind(&self, name: &str) -> TensorKind {
        if self.descriptions.is_constant(name) {
            TensorKind::Constant
        } else if self.inputs.contains(name) {
            TensorKind::Input
        } else {
            TensorKind::Intermediate
        }
    }
}
