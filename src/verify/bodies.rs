//! Rule 10: plans of bodies are right, and workspaces hold them.

use std::borrow::Cow;

use super::{Found, Violation};
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::plan::{BodyPlan, Plan};

/// A graph without bodies, as far as the rest of the verifier is concerned.
pub(super) struct Flat<'a> {
    /// Workspaces as large as the plans of bodies.
    pub(super) graph: Cow<'a, Graph>,
    /// Workspaces as large as is certified of bodies, for bounds.
    pub(super) certified: Cow<'a, Graph>,
}

/// Checks the plans of bodies; none if workspaces cannot be judged.
pub(super) fn check<'a>(
    graph: &'a Graph,
    bodies: &[BodyPlan],
    alignment: u64,
    found: &mut Found,
) -> Option<Flat<'a>> {
    let expected = graph.operators_with_bodies().flat_map(|(id, operator)| {
        operator.bodies().iter().enumerate().map(move |(number, body)| (id, number, body))
    });
    let expected: Vec<_> = expected.collect();
    let is_of = |(one, of): (&BodyPlan, &(OperatorId, usize, _))| (one.operator, one.body) == (of.0, of.1);
    if bodies.len() != expected.len() || !bodies.iter().zip(&expected).all(is_of) {
        let (got, expected) = (bodies.len(), expected.len());
        let text = format!("there are plans of {got} bodies, expected those of {expected}, by operator");
        found.add(Violation::Body(text));
        return None;
    }
    let before = found.list.len();
    for (one, (id, number, body)) in bodies.iter().zip(expected) {
        let name = || format!("body {number} of operator `{}`", graph.operator(id).name());
        if one.plan.alignment != alignment {
            let (own, name) = (one.plan.alignment, name());
            found.add(Violation::Body(format!(
                "{name}: its alignment is {own}, that of the plan {alignment}"
            )));
        }
        let mut inner = Found { list: Vec::new(), is_cancelled: found.is_cancelled.take() };
        super::check(body, &one.plan, &mut inner);
        found.is_cancelled = inner.is_cancelled;
        for violation in inner.list {
            found.add(Violation::Body(format!("{}: {violation}", name())));
        }
    }
    (found.list.len() == before).then(|| flat(graph, bodies, alignment))
}

/// For plans whose bodies have been checked.
pub(super) fn flat<'a>(graph: &'a Graph, bodies: &[BodyPlan], alignment: u64) -> Flat<'a> {
    if !graph.has_bodies() {
        return Flat { graph: Cow::Borrowed(graph), certified: Cow::Borrowed(graph) };
    }
    let sized = |bytes: fn(&Plan) -> u64| {
        let mut largest = vec![0; graph.operators().len()];
        for body in bodies {
            if let Some(largest) = largest.get_mut(body.operator.index()) {
                *largest = bytes(&body.plan).max(*largest);
            }
        }
        Cow::Owned(graph.without_bodies(|id| workspace(graph, id, largest[id.index()], alignment)))
    };
    Flat { graph: sized(|plan| plan.arena_bytes), certified: sized(|plan| plan.lower_bound.certified) }
}

/// Bodies come first, then what the operator needs besides.
fn workspace(graph: &Graph, id: OperatorId, bodies: u64, alignment: u64) -> u64 {
    let own = graph.operator(id).scratch_bytes();
    if own == 0 {
        return bodies;
    }
    let padded = bodies.checked_next_multiple_of(alignment.max(1)).unwrap_or(u64::MAX);
    padded.saturating_add(own)
}
