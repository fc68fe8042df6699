//! Plans of all bodies of a graph, and the graph with these plans as scratch of the operators.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::Planner;
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::{BodyPlan, Plan, PoolPlan, bodies_of, entries_of, scratch_between};
use crate::support::ids::OperatorId;
use crate::support::limits::{Limits, Stop};

/// Plans of all bodies of a graph.
pub(super) struct Bodies<'a> {
    pub(super) graph: &'a Graph,
    pub(super) plans: Vec<BodyPlan>,
    pub(super) alignment: u64,
    pub(super) nodes: u64,
    pub(super) stop: Stop,
}

impl<'a> Bodies<'a> {
    /// Plans all bodies; a body that several operators run is planned once.
    ///
    /// # Errors
    /// As [`Planner::plan`].
    pub(super) fn plan(planner: &Planner, graph: &'a Graph) -> Result<Self> {
        let mut bodies =
            Self { graph, plans: Vec::new(), alignment: planner.alignment, nodes: 0, stop: Stop::Finished };
        let mut known: HashMap<*const Graph, Plan> = HashMap::new();
        for (operator, runs) in graph.operators_with_bodies() {
            for (body, inner) in runs.bodies().iter().enumerate() {
                let plan = match known.get(&Arc::as_ptr(inner)) {
                    Some(plan) => plan.clone(),
                    None => bodies.plan_one(planner, inner)?,
                };
                known.entry(Arc::as_ptr(inner)).or_insert_with(|| plan.clone());
                bodies.plans.push(BodyPlan { operator, body, plan, linked: Vec::new() });
            }
        }
        Ok(bodies)
    }

    /// Plans one body.
    fn plan_one(&mut self, planner: &Planner, body: &Graph) -> Result<Plan> {
        let plan = planner.for_body(self.nodes).plan(body)?;
        self.nodes = self.nodes.saturating_add(plan.nodes);
        self.stop = self.stop.max(plan.stop);
        Ok(plan)
    }

    /// The graph with scratch instead of bodies; `bytes` gives the size of a body.
    pub(super) fn flat(&self, bytes: impl Fn(&Plan) -> u64) -> Graph {
        flat(self.graph, &self.plans, self.alignment, bytes)
    }

    /// True if the arena of every body is proven minimal.
    pub(super) fn are_tight(&self) -> bool {
        self.plans.iter().all(|body| body.plan.arena_bytes == body.plan.bound())
    }

    pub(super) fn rest_of(&self, limits: &Limits) -> Limits {
        limits.clone().less(self.nodes)
    }
}

/// The graph with scratch instead of bodies: the largest body first, then the kernel's own scratch.
fn flat(graph: &Graph, plans: &[BodyPlan], alignment: u64, bytes: impl Fn(&Plan) -> u64) -> Graph {
    graph.without_bodies(|id| {
        let largest = largest_body(plans, id, &bytes);
        if let Some(body) = entries_of(plans, id).first().filter(|body| !body.linked.is_empty()) {
            // The scratch buffer is what the linked tensors leave of the bodies' memory.
            return scratch_between(&body.linked, |id| graph.tensor(id).bytes(), largest).1;
        }
        with_own_scratch(graph, id, largest, alignment)
    })
}

pub(super) fn largest_body(plans: &[BodyPlan], id: OperatorId, bytes: impl Fn(&Plan) -> u64) -> u64 {
    bodies_of(plans, id).map(bytes).max().unwrap_or(0)
}

/// Bytes of the largest body and of the operator's own scratch behind it.
pub(super) fn with_own_scratch(graph: &Graph, id: OperatorId, largest: u64, alignment: u64) -> u64 {
    match graph.operator(id).scratch_bytes() {
        0 => largest,
        own => largest.checked_next_multiple_of(alignment).unwrap_or(u64::MAX).saturating_add(own),
    }
}

impl Plan {
    /// The graph of this plan with the plans of bodies as scratch of their operators: all live
    /// ranges in a single graph.
    #[must_use]
    pub fn flattened<'a>(&self, graph: &'a Graph) -> Cow<'a, Graph> {
        flattened(graph, &self.bodies, self.alignment)
    }
}

impl PoolPlan {
    /// As [`Plan::flattened`].
    #[must_use]
    pub fn flattened<'a>(&self, graph: &'a Graph) -> Cow<'a, Graph> {
        flattened(graph, &self.bodies, self.alignment)
    }
}

fn flattened<'a>(graph: &'a Graph, plans: &[BodyPlan], alignment: u64) -> Cow<'a, Graph> {
    if !graph.has_bodies() {
        return Cow::Borrowed(graph);
    }
    Cow::Owned(flat(graph, plans, alignment.max(1), |plan| plan.arena_bytes))
}

impl Planner {
    /// The graph with its planned bodies as scratch of their operators; the same graph if it has no
    /// bodies. For callers that need the live ranges of a graph with bodies.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), for bodies.
    pub fn flatten<'a>(&self, graph: &'a Graph) -> Result<Cow<'a, Graph>> {
        if !graph.has_bodies() {
            return Ok(Cow::Borrowed(graph));
        }
        Ok(Cow::Owned(Bodies::plan(self, graph)?.flat(|plan| plan.arena_bytes)))
    }

    /// The planner of bodies, without a capacity: the bytes left for a body depend on the plan of the graph.
    pub(super) fn for_body(&self, spent_nodes: u64) -> Self {
        let limits = self.limits.clone().less(spent_nodes).without_progress();
        Self { capacity: None, reserved: Vec::new(), previous: None, ..self.with_limits(limits) }
    }

    pub(super) fn with_limits(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }
}
