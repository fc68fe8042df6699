//! Is a written file right? It is read again, from its bytes.

use super::wire::Model;
use super::{FORMAT, KEY_FORMAT, KEY_PLAN, OnnxError, PREFIX, entries};
use crate::export::json::PlanDocument;
use crate::import::{self, ImportOptions};
use crate::verify::verify;
use crate::{BodyPlan, Graph, Plan};

/// A model with a right plan inside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// The model's graph.
    pub graph: Graph,
    /// The plan, whose order is that of the file.
    pub plan: Plan,
    /// How the plan says that the model is to be read.
    pub options: ImportOptions,
}

/// Reads the plan in a model's metadata, and verifies it for the model's graph: by all rules of
/// [`verify`], and besides the plan's order must be that of the file, every node must
/// come after those whose results it needs, and what the other metadata repeat of the plan must
/// be the same. `name` is for messages.
///
/// # Errors
/// [`OnnxError::NotPlanned`] if there is no plan; what is wrong with it
/// ([`OnnxError::is_wrong_plan`]) or with the file.
pub fn check(name: &str, bytes: &[u8]) -> Result<Checked, OnnxError> {
    let model = Model::read(bytes)?;
    let document = document(&model)?;
    let options = document.options.to_options()?;
    let graph = import::onnx_from_bytes(name, bytes, &options)?.graph;
    let plan = document.to_plan(&graph)?;
    verify(&graph, &plan)?;
    if !is_in_order(&graph, &plan) {
        return Err(OnnxError::Wrong("the nodes of the file are not in the plan's order".to_owned()));
    }
    Ok(Checked { graph, plan, options })
}

fn document(model: &Model) -> Result<PlanDocument, OnnxError> {
    let value = |key: &str| -> Result<Option<&str>, OnnxError> {
        let mut values = model.metadata().filter(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let first = values.next();
        match values.next() {
            Some(_) => Err(OnnxError::Wrong(format!("there are two metadata `{key}`"))),
            None => Ok(first),
        }
    };
    let text = value(KEY_PLAN)?.ok_or(OnnxError::NotPlanned)?;
    let format = value(KEY_FORMAT)?.unwrap_or("missing");
    if format != FORMAT {
        return Err(OnnxError::Format { found: format.to_owned() });
    }
    let document = PlanDocument::from_json(text)?;
    for (key, expected) in entries(&document).into_iter().filter(|(key, _)| *key != KEY_PLAN) {
        let found = value(key)?.unwrap_or("missing");
        if found != expected {
            return Err(OnnxError::Wrong(format!(
                "metadata `{key}` is {found}, but `{KEY_PLAN}` says {expected}"
            )));
        }
    }
    Ok(document)
}

/// Whether the order of a plan and of its bodies is that of the file.
fn is_in_order(graph: &Graph, plan: &Plan) -> bool {
    let body = |one: &BodyPlan| is_in_order(&graph.operator(one.operator).bodies()[one.body], &one.plan);
    plan.order == graph.file_order() && in_order(graph) && plan.bodies.iter().all(body)
}

/// Whether every operator, folded ones included, comes after those whose results it reads.
fn in_order(graph: &Graph) -> bool {
    graph.operator_ids().all(|id| {
        let inputs = graph.operator(id).inputs().iter();
        inputs.filter_map(|&input| graph.tensor(input).producer()).all(|producer| producer < id)
    })
}

/// Whether a written file is the old one with its nodes in this order and other metadata of
/// ours, and nothing else.
pub(super) fn same_but_planned(old: &Model, written: &[u8], order: &[usize]) -> Result<(), OnnxError> {
    let new = Model::read(written)?;
    let old_nodes: Vec<&[u8]> = old.nodes().collect();
    let ordered = order.iter().map(|&node| old_nodes[node]);
    let same_nodes = new.nodes().eq(ordered);
    let (old_rest, new_rest) = (old.rest(PREFIX).concat(), new.rest(PREFIX).concat());
    if !same_nodes || old_rest != new_rest || old.graph_length() != new.graph_length() {
        return Err(OnnxError::Wrong("the written file differs in more than its plan".to_owned()));
    }
    Ok(())
}
