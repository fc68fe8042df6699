//! Graphs whose operators run bodies.
//!
//! Each body is planned by itself before the graph. The scratch of the operator then grows by the
//! arena of its largest body, because bodies of one operator run one at a time. The stages after
//! that handle scratch only.
//!
//! If the arena of a body is above the body's bound, another plan of the body may be smaller.
//! Bounds therefore count each body with its bound, so they hold for all plans of the bodies.
//!
//! If bodies have links, their plans may keep inputs and outputs of the operator inside the memory of the
//! bodies; see [`links`](super::links).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::links::{self, LinkedBounds};
use super::{Planner, checked};
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::{BodyPlan, Plan, PoolPlan, bodies_of, entries_of, scratch_between};
use crate::problem::Status;
use crate::support::effort::Effort;
use crate::support::ids::OperatorId;
use crate::support::limits::{Limits, Stop};
use crate::verify::{provable_plan_bound, verify_pools};

/// Plans of all bodies of a graph.
pub(super) struct Bodies<'a> {
    pub(super) graph: &'a Graph,
    pub(super) plans: Vec<BodyPlan>,
    pub(super) alignment: u64,
    nodes: u64,
    stop: Stop,
}

impl<'a> Bodies<'a> {
    /// Plans all bodies; a body that several operators run is planned once.
    ///
    /// # Errors
    /// As [`Planner::plan`].
    fn plan(planner: &Planner, graph: &'a Graph) -> Result<Self> {
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

    /// As [`flat`](Self::flat), with the bounds of operators that have links.
    fn least(&self, bounds: &LinkedBounds, bytes: impl Fn(&Plan) -> u64) -> Graph {
        self.graph.without_bodies(|id| match bounds.scratch_bytes(id) {
            Some(bytes) => bytes,
            None => with_own_scratch(self.graph, id, largest_body(&self.plans, id, &bytes), self.alignment),
        })
    }

    /// True if the arena of every body is proven minimal.
    fn are_tight(&self) -> bool {
        self.plans.iter().all(|body| body.plan.arena_bytes == body.plan.bound())
    }

    fn rest_of(&self, limits: &Limits) -> Limits {
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

fn largest_body(plans: &[BodyPlan], id: OperatorId, bytes: impl Fn(&Plan) -> u64) -> u64 {
    bodies_of(plans, id).map(bytes).max().unwrap_or(0)
}

/// Bytes of the largest body and of the operator's own scratch behind it.
fn with_own_scratch(graph: &Graph, id: OperatorId, largest: u64, alignment: u64) -> u64 {
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
        Self { capacity: None, reserved: Vec::new(), ..self.with_limits(limits) }
    }

    pub(super) fn with_limits(&self, limits: Limits) -> Self {
        Self { reserved: self.reserved.clone(), strategy: Arc::clone(&self.strategy), limits, ..*self }
    }
}

/// Plans a graph with bodies; `plan` plans one without.
pub(super) fn plan(
    planner: &Planner,
    graph: &Graph,
    plan: impl Fn(&Planner, &Graph) -> Result<Plan>,
) -> Result<Plan> {
    let mut bodies = Bodies::plan(planner, graph)?;
    let rest = planner.with_limits(bodies.rest_of(&planner.limits));
    let mut best = plan(&rest, &bodies.flat(|plan| plan.arena_bytes))?;
    let stop = best.stop;
    let rest = planner.with_limits(bodies.rest_of(&planner.limits).less(best.nodes).without_progress());
    let bounds = LinkedBounds::new(&rest, &bodies, &best);
    if !bounds.is_empty() || !bodies.are_tight() {
        loosen(&rest, &bodies, &bounds, &mut best, plan)?;
    }
    if !bounds.is_empty() && best.arena_bytes > best.bound() {
        links::improve(&rest, &mut bodies, &bounds, &mut best);
    }
    best.nodes = best.nodes.saturating_add(bodies.nodes);
    best.status = Status::of(best.arena_bytes, best.bound(), best.capacity);
    best.stop = if best.status == Status::Optimal { Stop::Finished } else { stop.max(bodies.stop) };
    best.bodies = bodies.plans;
    // Of bodies, the certificate has only what their certificates prove.
    best.lower_bound.certified = best.lower_bound.certified.min(provable_plan_bound(graph, &best));
    checked(planner, graph, best)
}

/// Makes bounds hold for all plans of the bodies and all uses of links: those of the same graph with bodies as
/// large as their bounds.
fn loosen(
    planner: &Planner,
    bodies: &Bodies<'_>,
    bounds: &LinkedBounds,
    best: &mut Plan,
    plan: impl Fn(&Planner, &Graph) -> Result<Plan>,
) -> Result<()> {
    let quick = planner.with_limits(planner.limits.clone().nodes(0)).effort(Effort::Quick);
    let in_order = quick.plan_in_order(&bodies.least(bounds, |plan| plan.lower_bound.bytes), &best.order)?;
    best.lower_bound = in_order.lower_bound;
    if best.bound_over_orders.is_some() {
        let over_orders = plan(planner, &bodies.least(bounds, Plan::bound))?.bound_over_orders.unwrap_or(0);
        best.bound_over_orders = Some(over_orders);
        best.lower_bound.bytes = best.lower_bound.bytes.max(over_orders);
    }
    Ok(())
}

/// Places a graph with bodies in several memories; `place` places one without.
pub(super) fn place(
    planner: &Planner,
    graph: &Graph,
    place: impl FnOnce(&Planner, &Graph) -> Result<PoolPlan>,
) -> Result<PoolPlan> {
    let bodies = Bodies::plan(planner, graph)?;
    let rest = planner.with_limits(bodies.rest_of(&planner.limits));
    let mut plan = place(&rest, &bodies.flat(|plan| plan.arena_bytes))?;
    plan.nodes = plan.nodes.saturating_add(bodies.nodes);
    plan.stop = plan.stop.max(bodies.stop);
    plan.bodies = bodies.plans;
    verify_pools(graph, &plan).map_err(|violations| planner.wrong_plan(&violations))?;
    Ok(plan)
}

/// The graph with each body as scratch of the size of its lower bound, less the inputs and outputs that may lie
/// inside it.
pub(super) fn least(graph: &Graph, plan: &Plan) -> Graph {
    graph.without_bodies(|id| {
        let largest = largest_body(&plan.bodies, id, |plan| plan.lower_bound.bytes);
        let mut linked: Vec<_> = graph.operator(id).links().iter().map(|link| link.tensor).collect();
        linked.sort_unstable();
        linked.dedup();
        // Another plan may keep these inputs and outputs inside the memory of the bodies.
        let linked = linked.iter().map(|&id| graph.tensor(id).bytes()).fold(0, u64::saturating_add);
        with_own_scratch(graph, id, largest.saturating_sub(linked), plan.alignment)
    })
}
