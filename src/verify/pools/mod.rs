//! Is this plan for several memories right? By the rules of
//! [`verify_pools`](super::verify_pools).

mod access;
mod figures;
mod places;
mod replay;
mod stays;
mod transfers;

use super::permitted::Shares;
use super::{Found, Violation, bodies, order};
use crate::graph::Graph;
use crate::ids::PoolId;
use crate::occupant::Occupant;
use crate::pool_plan::PoolPlan;
use places::Places;

/// What needs a right order, right places and right transfers is only looked at where those
/// are.
pub(super) fn check(graph: &Graph, plan: &PoolPlan, found: &mut Found) {
    let Some(flat) = bodies::check(graph, &plan.bodies, plan.alignment, found) else { return };
    let graph = &*flat.graph;
    check_shape(graph, plan, found);
    if order::check(graph, &plan.order, found).is_none() || !found.is_empty() {
        return;
    }
    stays::check(graph, plan, found);
    stays::check_uses(graph, plan, found);
    if found.is_done() || !found.is_empty() {
        return;
    }
    let places = Places::new(graph, plan);
    if found.is_done() {
        return;
    }
    let copies = transfers::check(graph, plan, &places, found);
    if found.is_done() {
        return;
    }
    let refused = |text| found.add(Violation::Share(text));
    let shares = Shares::by_operator(graph, &plan.shares, |_| None, refused);
    if !found.is_empty() {
        return;
    }
    replay::check(graph, plan, &places, (&copies, &shares), found);
    figures::check(graph, plan, &places, &shares, found);
}

fn check_shape(graph: &Graph, plan: &PoolPlan, found: &mut Found) {
    let expected = plan.pools.list().len();
    let lists = [("bytes used by pool", plan.used.len()), ("traffic by pool", plan.traffic.len())];
    for (what, got) in lists.into_iter().filter(|&(_, got)| got != expected) {
        found.add(Violation::Shape { what, got, expected });
    }
    if !plan.alignment.is_power_of_two() {
        found.add(Violation::Claim(format!("alignment {} is not a power of two", plan.alignment)));
    }
    for tensor in graph.tensors() {
        if let Some(offset) = tensor.fixed_offset() {
            let name = tensor.name();
            let text = format!("tensor `{name}` is fixed at {offset}, which does not say in which pool");
            found.add(Violation::Constraint(text));
        }
    }
}

/// At least one: the caller's.
fn steps(plan: &PoolPlan) -> u32 {
    u32::try_from(plan.order.len()).unwrap_or(u32::MAX).max(1)
}

/// Tensors first, by id.
fn key(occupant: Occupant) -> (u8, u32) {
    match occupant {
        Occupant::Tensor(id) => (0, id.index() as u32),
        Occupant::Scratch(id) => (1, id.index() as u32),
    }
}

/// Of what may be none of the graph's.
fn name(graph: &Graph, occupant: Occupant) -> String {
    match occupant {
        Occupant::Tensor(id) if id.index() >= graph.tensors().len() => format!("tensor {id}"),
        Occupant::Scratch(id) if id.index() >= graph.operators().len() => {
            format!("scratch of operator {id}")
        }
        occupant => super::needs::name(graph, occupant),
    }
}

fn pool_name(plan: &PoolPlan, id: PoolId) -> String {
    match plan.pools.list().get(id.index()) {
        Some(pool) => format!("pool `{}`", pool.name()),
        None => format!("pool {id}"),
    }
}
