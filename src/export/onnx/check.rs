//! Checks a planned model by reading it again from its bytes.

use std::io::{self, Write};

use super::wire::WireModel;
use super::{FORMAT, KEY_FORMAT, KEY_PLAN, OnnxError, figures};
use crate::export::json::{PlanDocument, PlanText};
use crate::import::{self, ImportOptions};
use crate::verify::verify;
use crate::{BodyPlan, Graph, Plan};

/// A model whose plan has been verified.
///
/// Example: the [module](crate::export::onnx).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckedOnnx {
    /// The graph of the model.
    pub graph: Graph,
    /// The plan. Its order is the order of the file.
    pub plan: Plan,
    /// The import options that the plan records.
    pub options: ImportOptions,
}

/// Reads the plan in the metadata of a model and verifies it for the graph of the model: by all rules of
/// [`verify`]; the order of the plan must be the order of the file; every node must come after the producers of
/// its inputs; and figures that other metadata repeat must agree. `name` is the name of the model in messages.
///
/// Example: the [module](crate::export::onnx).
///
/// # Errors
/// [`OnnxError::NotPlanned`] if the model contains no plan; an error for which
/// [`OnnxError::is_wrong_plan`] holds if the plan is wrong; other errors if the file cannot be read.
pub fn check(name: &str, bytes: &[u8]) -> Result<CheckedOnnx, OnnxError> {
    // The document takes as much memory as the graph, and so do the import and the verification. It is read
    // twice, so that it is absent during both.
    let options = document(bytes)?.options.to_options()?;
    let graph = import::onnx_from_bytes(name, bytes, &options)?.graph;
    let plan = document(bytes)?.to_plan(&graph)?;
    verify(&graph, &plan)?;
    if !is_in_order(&graph, &plan) {
        return Err(OnnxError::Wrong("the nodes of the file are not in the order of the plan".to_owned()));
    }
    Ok(CheckedOnnx { graph, plan, options })
}

/// Returns whether a model contains exactly this plan document.
pub(super) fn has_document(bytes: &[u8], document: &PlanText<'_>) -> Result<bool, OnnxError> {
    let model = WireModel::read(bytes)?;
    let found = model.metadata().find(|entry| entry.key == KEY_PLAN);
    let mut expected =
        ExpectedText { rest: found.map_or(&[], |entry| entry.value.as_bytes()), is_equal: true };
    document.write(&mut expected).expect("it takes every byte");
    Ok(expected.is_equal && expected.rest.is_empty())
}

/// A text that is compared with the one that is written.
struct ExpectedText<'a> {
    rest: &'a [u8],
    is_equal: bool,
}

impl Write for ExpectedText<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => self.rest = rest,
            None => self.is_equal = false,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The plan document in the metadata of a model.
fn document(bytes: &[u8]) -> Result<PlanDocument, OnnxError> {
    let model = WireModel::read(bytes)?;
    let value = |key: &str| -> Result<Option<&str>, OnnxError> {
        let mut values = model.metadata().filter(|entry| entry.key == key).map(|entry| entry.value);
        let first = values.next();
        match values.next() {
            Some(_) => Err(OnnxError::Wrong(format!("metadata `{key}` occurs twice"))),
            None => Ok(first),
        }
    };
    let text = value(KEY_PLAN)?.ok_or(OnnxError::NotPlanned)?;
    let format = value(KEY_FORMAT)?.unwrap_or("missing");
    if format != FORMAT {
        return Err(OnnxError::Format { found: format.to_owned() });
    }
    let document = PlanDocument::from_json(text)?;
    for (key, expected) in figures(&document) {
        let found = value(key)?.unwrap_or("missing");
        if found != expected {
            return Err(OnnxError::Wrong(format!(
                "metadata `{key}` is {found}, but `{KEY_PLAN}` says {expected}"
            )));
        }
    }
    Ok(document)
}

/// Returns whether the order of a plan, and of the plans of bodies, is the order of the file.
fn is_in_order(graph: &Graph, plan: &Plan) -> bool {
    let body = |body: &BodyPlan| is_in_order(&graph.operator(body.operator).bodies()[body.body], &body.plan);
    plan.order == graph.program_order() && is_topological(graph) && plan.bodies.iter().all(body)
}

/// Returns whether every operator, folded ones included, comes after the producers of its inputs.
fn is_topological(graph: &Graph) -> bool {
    graph.operator_ids().all(|id| {
        let inputs = graph.operator(id).inputs().iter();
        inputs.filter_map(|&input| graph.tensor(input).producer()).all(|producer| producer < id)
    })
}

/// Checks that a written file differs from the old one only in the order of its nodes and in metadata with our
/// prefix.
pub(super) fn same_but_planned(old: &WireModel, written: &[u8], order: &[usize]) -> Result<(), OnnxError> {
    let new = WireModel::read(written)?;
    let old_nodes: Vec<&[u8]> = old.nodes().collect();
    let ordered = order.iter().map(|&node| old_nodes[node]);
    let same_nodes = new.nodes().eq(ordered);
    if !same_nodes || !same_bytes(&old.rest(), &new.rest()) || old.graph_length() != new.graph_length() {
        return Err(OnnxError::Wrong(
            "the written file differs from the model in more than the plan".to_owned(),
        ));
    }
    Ok(())
}

/// Returns whether two lists of pieces hold the same bytes in all.
fn same_bytes(left: &[&[u8]], right: &[&[u8]]) -> bool {
    let (mut left, mut right) = (left.iter(), right.iter());
    let (mut one, mut other): (&[u8], &[u8]) = Default::default();
    loop {
        if one.is_empty() {
            one = left.find(|piece| !piece.is_empty()).copied().unwrap_or_default();
        }
        if other.is_empty() {
            other = right.find(|piece| !piece.is_empty()).copied().unwrap_or_default();
        }
        let count = one.len().min(other.len());
        if count == 0 {
            return one.is_empty() && other.is_empty();
        }
        if one[..count] != other[..count] {
            return false;
        }
        (one, other) = (&one[count..], &other[count..]);
    }
}
