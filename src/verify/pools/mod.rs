//! Rules of plans for several memories: [`verify_pools`](super::verify_pools).
//!
//! A tensor may reside in several pools at once, each time during a residency interval (`Residency`), and
//! transfers copy it from one pool to another. `residencies` checks intervals one by one, `transfers` checks
//! transfers against intervals, `replay` runs the plan on symbolic memory, and `figures` recomputes traffic
//! and cost.
//!
//! *Notation*: `S(x, p, k)` is the residency interval of occupant `x` in pool `p` at step `k`, if there is
//! one. An interval has an offset, bytes and steps as a placement does.
//!
//! *Order of the checks*: each check needs that the earlier ones found nothing.
//!
//! 1. N1, N2 and the plans of bodies; F1, F2, D3 and O1 to O4.
//! 2. Residency intervals and uses: P2, P3, L2, A1, A3, A5, D1, D2, R1 to R7 and R13.
//! 3. Linked tensors, transfers and aliases: N3, T1 to T6 and S1.
//! 4. The replay and the figures: R8 to R12, T7, T8, S2, S3, M1 to M5 and C1 to C6.
//!
//! *Claim* of this file:
//!
//! - **D3**: no tensor of the graph has a fixed offset, as the graph does not name the pool.
//! - **F1**, **F2**: as in `form`, for the lists by pool and the alignment of the plan.

mod access;
mod figures;
mod links;
mod places;
mod replay;
mod residencies;
mod transfers;

use super::needs::name_or_id;
use super::permitted::OperatorAliases;
use super::{Rule, ViolationCollector, bodies, form, order};
use crate::graph::{Graph, Occupant};
use crate::plan::PoolPlan;
use crate::support::ids::PoolId;
use places::ResidencyIndex;

/// Checks all rules of plans for several memories.
pub(super) fn check(graph: &Graph, plan: &PoolPlan, violations: &mut ViolationCollector) {
    let Some(flattened) = bodies::check(graph, &plan.bodies, plan.alignment, violations) else { return };
    let (with_bodies, graph) = (graph, &*flattened.graph);
    check_form(graph, plan, violations);
    let Some(steps) = order::check(graph, &plan.order, violations).filter(|_| violations.is_empty()) else {
        return;
    };
    residencies::check(graph, plan, violations);
    residencies::check_uses(graph, plan, violations);
    if violations.is_done() || !violations.is_empty() {
        return;
    }
    let residencies = ResidencyIndex::new(graph, plan);
    if violations.is_done() {
        return;
    }
    links::check(with_bodies, plan, &residencies, &steps, violations);
    let transfers = transfers::check(graph, plan, &residencies, violations);
    if violations.is_done() {
        return;
    }
    // S2 depends on the step, so the replay checks it.
    let aliases = OperatorAliases::by_operator(graph, &plan.aliases, |_| None, violations);
    if !violations.is_empty() {
        return;
    }
    replay::check(graph, plan, &residencies, (&transfers, &aliases), violations);
    figures::check(graph, plan, &residencies, &aliases, violations);
}

/// Checks F1, F2 and D3.
fn check_form(graph: &Graph, plan: &PoolPlan, violations: &mut ViolationCollector) {
    let pools = plan.pools.list().len();
    let lists =
        [("bytes used by pool", plan.used.len(), pools), ("traffic by pool", plan.traffic.len(), pools)];
    form::check_lengths(&lists, violations);
    form::check_alignment(plan.alignment, violations);
    for tensor in graph.tensors() {
        if let Some(offset) = tensor.fixed_offset() {
            let name = tensor.name();
            let message = format!("tensor `{name}` is fixed at {offset}, which does not say in which pool");
            violations.add(Rule::FixedInPool, message);
        }
    }
}

/// `N`, the number of steps: at least one, in which the caller writes inputs and reads outputs.
fn steps(plan: &PoolPlan) -> u32 {
    u32::try_from(plan.order.len()).unwrap_or(u32::MAX).max(1)
}

/// The sort key of occupants in lists of a plan: tensors by id, then scratch buffers by operator.
fn key(occupant: Occupant) -> (u8, u32) {
    match occupant {
        Occupant::Tensor(id) => (0, id.index() as u32),
        Occupant::Scratch(id) => (1, id.index() as u32),
    }
}

/// The name of a pool, or its number if the plan has no such pool.
fn pool_name(plan: &PoolPlan, id: PoolId) -> String {
    match plan.pools.list().get(id.index()) {
        Some(pool) => format!("pool `{}`", pool.name()),
        None => format!("pool {id}"),
    }
}
