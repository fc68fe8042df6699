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

use super::body_plans::{Bodies, largest_body, with_own_scratch};
use super::links::{self, LinkedBounds};
use super::{Planner, checked};
use crate::error::Result;
use crate::graph::Graph;
use crate::plan::{Plan, PoolPlan};
use crate::problem::Status;
use crate::support::effort::Effort;
use crate::support::limits::Stop;
use crate::verify::{provable_plan_bound, verify_pools};

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
    let in_order =
        quick.plan_in_order(&least_flat(bodies, bounds, |plan| plan.lower_bound.bytes), &best.order)?;
    best.lower_bound = in_order.lower_bound;
    if best.bound_over_orders.is_some() {
        let over_orders =
            plan(planner, &least_flat(bodies, bounds, Plan::bound))?.bound_over_orders.unwrap_or(0);
        best.bound_over_orders = Some(over_orders);
        best.lower_bound.bytes = best.lower_bound.bytes.max(over_orders);
    }
    Ok(())
}

/// The graph with a lower bound on the scratch of each operator instead of bodies.
fn least_flat(bodies: &Bodies<'_>, bounds: &LinkedBounds, bytes: impl Fn(&Plan) -> u64) -> Graph {
    bodies.graph.without_bodies(|id| {
        bounds.scratch_bytes(id).unwrap_or_else(|| {
            let largest = largest_body(&bodies.plans, id, &bytes);
            with_own_scratch(bodies.graph, id, largest, bodies.alignment)
        })
    })
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
    if !plan.all_fits() && planner.links {
        let rest = rest.with_limits(rest.limits.clone().less(plan.nodes).without_progress());
        plan = links::place(&rest, &bodies, &plan).unwrap_or(plan);
    }
    plan.nodes = plan.nodes.saturating_add(bodies.nodes);
    plan.stop = plan.stop.max(bodies.stop);
    if plan.bodies.is_empty() {
        plan.bodies = bodies.plans;
    }
    verify_pools(graph, &plan).map_err(|violations| planner.wrong_plan(violations))?;
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
