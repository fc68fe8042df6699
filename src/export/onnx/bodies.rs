//! Nodes of bodies in the order of their plans. A body stays as long as it was, so nothing around it
//! changes.

use std::ops::Range;

use super::OnnxError;
use super::reorder::all_nodes;
use super::wire::{self, Field, fields};
use crate::{Graph, Plan};

/// Of `NodeProto`, and of `AttributeProto`.
const ATTRIBUTE: u32 = 5;
const NAME: u32 = 1;
const BODY: u32 = 6;

/// Reorders the bodies of a graph whose contents are `range` of the bytes.
pub(super) fn reorder(
    bytes: &mut [u8],
    range: Range<usize>,
    graph: &Graph,
    plan: &Plan,
) -> Result<(), OnnxError> {
    if plan.bodies.is_empty() {
        return Ok(());
    }
    let nodes = wire::nodes(bytes, range)?;
    for one in &plan.bodies {
        let operator = graph.operators().get(one.operator.index());
        let body = operator.and_then(|operator| operator.bodies().get(one.body)).ok_or_else(|| {
            let (operator, body) = (one.operator, one.body);
            OnnxError::Wrong(format!(
                "the plan is of body {body} of operator {operator}, which the graph lacks"
            ))
        })?;
        let node = nodes.get(one.operator.index()).and_then(|node| node.contents.clone());
        let inner = node.map(|node| body_of(bytes, node, body.name())).transpose()?.flatten();
        let inner = inner.ok_or_else(|| {
            OnnxError::File(format!("node {} has no body `{}` in one piece", one.operator, body.name()))
        })?;
        reorder(bytes, inner.clone(), body, &one.plan)?;
        let order = all_nodes(body, &one.plan.order)?;
        let places: Vec<_> = wire::nodes(bytes, inner.clone())?.into_iter().map(|node| node.whole).collect();
        let permuted = wire::permuted(bytes, inner.clone(), &places, &order)?;
        bytes[inner].copy_from_slice(&permuted);
    }
    Ok(())
}

/// The contents of the body that is a node's attribute of this name; none if it is not there once.
fn body_of(bytes: &[u8], node: Range<usize>, name: &str) -> Result<Option<Range<usize>>, OnnxError> {
    let mut found = Vec::new();
    let of_number = |number| move |field: &Field| field.number == number;
    for attribute in fields(bytes, node)?.into_iter().filter(of_number(ATTRIBUTE)) {
        let Some(contents) = attribute.contents else { continue };
        let parts = fields(bytes, contents)?;
        let mut own =
            parts.iter().filter(|part| of_number(NAME)(part)).filter_map(|part| part.contents.clone());
        if own.next_back().is_some_and(|own| &bytes[own] == name.as_bytes()) {
            found.extend(parts.into_iter().filter(of_number(BODY)).filter_map(|part| part.contents));
        }
    }
    let last = found.pop();
    Ok(last.filter(|_| found.is_empty()))
}
