//! Reorders the nodes of bodies by the bodies' plans. The length of a body does not change, so the bytes around
//! it stay as they are.

use std::ops::Range;

use super::OnnxError;
use super::reorder::{all_nodes, body};
use super::wire::{self, WireField, fields};
use crate::{Graph, Plan};

/// Field numbers of `NodeProto` (attribute) and `AttributeProto` (name, body).
const ATTRIBUTE: u32 = 5;
const NAME: u32 = 1;
const BODY: u32 = 6;

/// Reorders the bodies of a graph whose message is `range` of the bytes, nested bodies first.
pub(super) fn reorder(
    bytes: &mut [u8],
    range: Range<usize>,
    graph: &Graph,
    plan: &Plan,
) -> Result<(), OnnxError> {
    if plan.bodies.is_empty() {
        return Ok(());
    }
    let nodes: Vec<WireField> = wire::nodes(bytes, range).collect::<Result<_, _>>()?;
    for body_plan in &plan.bodies {
        let body = body(graph, body_plan.operator, body_plan.body)?;
        let node = nodes.get(body_plan.operator.index()).and_then(|node| node.contents.clone());
        let inner = node.map(|node| body_of(bytes, node, body.name())).transpose()?.flatten();
        let inner = inner.ok_or_else(|| {
            OnnxError::File(format!(
                "node {} does not have exactly one body `{}` in one field",
                body_plan.operator,
                body.name()
            ))
        })?;
        reorder(bytes, inner.clone(), body, &body_plan.plan)?;
        let order = all_nodes(body, &body_plan.plan.order)?;
        let ranges: Vec<_> = wire::nodes(bytes, inner.clone())
            .map(|node| Ok(node?.whole))
            .collect::<Result<_, OnnxError>>()?;
        let permuted = wire::permuted(bytes, inner.clone(), &ranges, &order)?;
        bytes[inner].copy_from_slice(&permuted);
    }
    Ok(())
}

/// The range of the body in the attribute `name` of a node; none unless there is exactly one.
fn body_of(bytes: &[u8], node: Range<usize>, name: &str) -> Result<Option<Range<usize>>, OnnxError> {
    let mut bodies = Vec::new();
    let of_number = |number| move |field: &WireField| field.number == number;
    for field in fields(bytes, node) {
        let Some(contents) = Some(field?).filter(of_number(ATTRIBUTE)).and_then(|field| field.contents)
        else {
            continue;
        };
        let parts: Vec<WireField> = fields(bytes, contents).collect::<Result<_, _>>()?;
        let mut names =
            parts.iter().filter(|part| of_number(NAME)(part)).filter_map(|part| part.contents.clone());
        if names.next_back().is_some_and(|range| &bytes[range] == name.as_bytes()) {
            bodies.extend(parts.into_iter().filter(of_number(BODY)).filter_map(|part| part.contents));
        }
    }
    let last = bodies.pop();
    Ok(last.filter(|_| bodies.is_empty()))
}
