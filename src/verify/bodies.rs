//! Rules N1 and N2: each body of an operator has a right plan. Rule N3 is in [`links`](super::links).
//!
//! A body is a graph that an operator runs, such as a branch of `If`. Its plan lies in the scratch buffer
//! of the operator. The bodies of one operator run one at a time, so they begin at the same byte.
//!
//! *State*: none.
//!
//! *Claim*, with `o` an operator that is not folded and runs the bodies `g_0 .. g_(m-1)`, and `a` the
//! alignment of the plan:
//!
//! - **N1**: the plan lists exactly one plan for each pair `(o, i)` with `i < m`, in ascending order.
//! - **N2**: each of these plans has alignment `a`.
//! - The plan of each `g_i` satisfies all rules for the graph `g_i`, in which linked inputs of `o` are inputs. A
//!   violation keeps its rule and names the body.
//!
//! *Effect on other rules*: the graph is flattened. Its operators have no bodies, and `o` needs a scratch
//! buffer of
//!
//! ```text
//! W(o) = B                        if o has no scratch of its own
//!        ceil(B, a) + scratch(o)  otherwise,      B = max over i of arena(plan of g_i)
//! ```
//!
//! With linked tensors, `W(o)` are the bytes that they leave of the bodies' memory ([`links`](super::links)).
//!
//! Rule B2 uses the same formula with the certified bytes of each body's bound in the place of its arena.
//! This is sound for the orders of the plan: in its planned order, no body has an arena below its certified
//! bytes, so `W(o)` is not smaller either. With linked tensors, it subtracts their bytes, as they count on their
//! own.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Rule, ViolationCollector, links};
use crate::graph::Graph;
use crate::plan::{BodyPlan, LinkedTensor, Plan};
use crate::support::ids::{OperatorId, TensorId};

/// A graph without bodies: scratch buffers contain them.
pub(super) struct FlattenedGraph<'a> {
    /// With scratch buffers as large as the plans of the bodies.
    pub(super) graph: Cow<'a, Graph>,
    /// With scratch buffers as large as the certified bounds of the bodies.
    pub(super) certified: Cow<'a, Graph>,
}

/// Checks N1, N2 and the plans of all bodies. `None` if they are wrong: then the sizes of scratch buffers
/// are not defined.
pub(super) fn check<'a>(
    graph: &'a Graph,
    plans: &[BodyPlan],
    alignment: u64,
    violations: &mut ViolationCollector,
) -> Option<FlattenedGraph<'a>> {
    let bodies = graph.operators_with_bodies().flat_map(|(id, operator)| {
        operator.bodies().iter().enumerate().map(move |(number, body)| (id, number, body))
    });
    let bodies: Vec<_> = bodies.collect();
    let is_plan_of = |(plan, &(operator, number, _)): (&BodyPlan, &(OperatorId, usize, _))| {
        (plan.operator, plan.body) == (operator, number)
    };
    if plans.len() != bodies.len() || !plans.iter().zip(&bodies).all(is_plan_of) {
        let (planned, expected) = (plans.len(), bodies.len());
        let message =
            format!("there are plans of {planned} bodies, expected those of {expected}, by operator");
        violations.add(Rule::BodyPlans, message);
        return None;
    }
    let before = violations.count();
    for (BodyPlan { plan, linked, .. }, (id, number, body)) in plans.iter().zip(bodies) {
        let linked: Vec<TensorId> = linked.iter().map(|linked| linked.tensor).collect();
        let body = graph.operator(id).linked_body(number, &linked).unwrap_or_else(|| Arc::clone(body));
        let path = || format!("body {number} of operator `{}`", graph.operator(id).name());
        violations.run_in_body(path, |violations| {
            if plan.alignment != alignment {
                let message =
                    format!("its alignment is {}, but that of the plan is {alignment}", plan.alignment);
                violations.add(Rule::BodyAlignment, message);
            }
            super::check(&body, plan, violations);
        });
    }
    (violations.count() == before).then(|| flatten(graph, plans, alignment))
}

/// The graph without bodies, for plans of bodies that are right.
pub(super) fn flatten<'a>(graph: &'a Graph, plans: &[BodyPlan], alignment: u64) -> FlattenedGraph<'a> {
    if !graph.has_bodies() {
        return FlattenedGraph { graph: Cow::Borrowed(graph), certified: Cow::Borrowed(graph) };
    }
    let mut linked: Vec<&[LinkedTensor]> = vec![&[]; graph.operators().len()];
    for body in plans {
        if let Some(linked) = linked.get_mut(body.operator.index()) {
            *linked = &body.linked;
        }
    }
    let with_sizes = |bytes: fn(&Plan) -> u64, left: fn(&Graph, &[LinkedTensor], u64) -> u64| {
        let mut largest = vec![0; graph.operators().len()];
        for body in plans {
            if let Some(largest) = largest.get_mut(body.operator.index()) {
                *largest = bytes(&body.plan).max(*largest);
            }
        }
        Cow::Owned(graph.without_bodies(|id| match linked[id.index()] {
            [] => scratch_bytes(graph, id, largest[id.index()], alignment),
            linked => left(graph, linked, largest[id.index()]),
        }))
    };
    FlattenedGraph {
        graph: with_sizes(
            |plan| plan.arena_bytes,
            |graph, linked, end| links::scratch(graph, linked, end).bytes,
        ),
        certified: with_sizes(|plan| plan.lower_bound.certified, links::certified_scratch),
    }
}

/// `W(o)` for the largest body of an operator: the bodies come first, then the operator's own scratch.
fn scratch_bytes(graph: &Graph, id: OperatorId, largest_body: u64, alignment: u64) -> u64 {
    let scratch = graph.operator(id).scratch_bytes();
    if scratch == 0 {
        return largest_body;
    }
    let padded = largest_body.checked_next_multiple_of(alignment.max(1)).unwrap_or(u64::MAX);
    padded.saturating_add(scratch)
}
