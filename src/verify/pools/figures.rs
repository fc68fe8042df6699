//! Rules C1 to C6: usage, traffic and cost follow from the plan.
//!
//! *State*, for each pool `p`: bytes that operators read and write in `p`, and bytes that transfers copy
//! from and to `p`: `read(p)`, `write(p)`, `from(p)` and `to(p)`, all 0 at first.
//!
//! *Transition* of operator `o_k`, by the sets of `access`:
//!
//! - `read(p)` grows by `bytes(t)` for each `t` in `reads(o_k)` that the operator finds in `p`,
//! - `write(p)` grows by the size of `writes(o_k, t)` for each output `t` that it finds in `p`,
//! - both grow by the size of its scratch buffer, if that is in `p`.
//!
//! *Transition* of a transfer of `b` bytes from `p` to `q`: `from(p)` and `to(q)` grow by `b`.
//!
//! *Claim* after the run:
//!
//! - **C1**: the bytes used in `p` are the highest end of all residency intervals in `p`.
//! - **C2**: the traffic of `p` is `read(p) + from(p)` bytes read and `write(p) + to(p)` bytes written.
//! - **C3**: the preloaded bytes are the sum of the sizes of all resident constants, as `places` defines them.
//! - **C4**: the cost is the sum over all pools of these bytes, each times its cost per byte in `p`.
//! - **C5**: the lower bound is at most the cost. **C6**: the unavoidable cost is at most the lower bound.
//!
//! Sums are computed in 128 bits, so they do not overflow. Complexity: O(operands + transfers + intervals).

use super::access::{reads, writes};
use super::places::ResidencyIndex;
use super::{Rule, ViolationCollector, pool_name};
use crate::graph::{Graph, Occupant, TensorKind};
use crate::plan::PoolPlan;
use crate::support::ids::{OperatorId, PoolId};
use crate::verify::permitted::OperatorAliases;

/// The state of one pool.
#[derive(Clone, Copy, Default)]
struct MovedBytes {
    read: u128,
    written: u128,
    copied_from: u128,
    copied_to: u128,
}

/// Checks C1 to C6.
pub(super) fn check(
    graph: &Graph,
    plan: &PoolPlan,
    residencies: &ResidencyIndex<'_>,
    aliases: &[OperatorAliases],
    violations: &mut ViolationCollector,
) {
    let mut moved = vec![MovedBytes::default(); plan.pools.list().len()];
    for (step, &id) in (0..).zip(&plan.order) {
        if violations.is_done() {
            return;
        }
        operate(graph, residencies, (step, id), &aliases[id.index()], &mut moved);
    }
    for transfer in &plan.transfers {
        moved[transfer.from.index()].copied_from += u128::from(transfer.bytes);
        moved[transfer.to.index()].copied_to += u128::from(transfer.bytes);
    }
    for pool in plan.pools.ids() {
        check_pool(plan, pool, &moved[pool.index()], violations);
    }
    let constants = graph.tensor_ids().filter(|&id| graph.tensor(id).kind() == TensorKind::Constant);
    let resident = constants.filter_map(|id| residencies.resident(id));
    let preloaded: u128 = resident.map(|residency| u128::from(residency.bytes)).sum();
    let cost: u128 = plan.pools.ids().map(|pool| cost(plan, pool, &moved[pool.index()])).sum();
    if u128::from(plan.cost) != cost {
        let message = format!("the plan states a cost of {}, but the cost is {cost}", plan.cost);
        violations.add(Rule::TotalCost, message);
    }
    if u128::from(plan.preloaded) != preloaded {
        let message =
            format!("the plan states {} preloaded bytes, but there are {preloaded}", plan.preloaded);
        violations.add(Rule::PreloadedBytes, message);
    }
    if plan.lower_bound > plan.cost {
        let message = format!("the lower bound of {} is above the cost of {}", plan.lower_bound, plan.cost);
        violations.add(Rule::BoundBelowCost, message);
    }
    if plan.unavoidable_cost > plan.lower_bound {
        let (unavoidable_cost, bound) = (plan.unavoidable_cost, plan.lower_bound);
        let message =
            format!("the unavoidable cost of {unavoidable_cost} is above the lower bound of {bound}");
        violations.add(Rule::UnavoidableCostBelowBound, message);
    }
}

/// Checks C1 and C2 for a pool.
fn check_pool(plan: &PoolPlan, pool: PoolId, moved: &MovedBytes, violations: &mut ViolationCollector) {
    let ends = plan
        .residencies
        .iter()
        .filter(|residency| residency.pool == pool)
        .map(|residency| u128::from(residency.end()));
    let (used, traffic) = (plan.used[pool.index()], plan.traffic[pool.index()]);
    let figures = [
        (Rule::PoolUsage, "used in", used, ends.max().unwrap_or(0)),
        (Rule::PoolTraffic, "read from", traffic.read, moved.read + moved.copied_from),
        (Rule::PoolTraffic, "written to", traffic.written, moved.written + moved.copied_to),
    ];
    for (rule, access, stated, actual) in figures {
        if u128::from(stated) != actual {
            let pool = pool_name(plan, pool);
            let message = format!("the plan states {stated} bytes {access} {pool}, but there are {actual}");
            violations.add(rule, message);
        }
    }
}

/// The summand of C4 for a pool.
fn cost(plan: &PoolPlan, pool: PoolId, moved: &MovedBytes) -> u128 {
    let pool = plan.pools.pool(pool);
    let ((read, write), (from, to)) = (pool.in_place(), pool.copied());
    let [read, write, from, to] = [read, write, from, to].map(u128::from);
    moved.read * read + moved.written * write + moved.copied_from * from + moved.copied_to * to
}

/// The transition of an operator.
fn operate(
    graph: &Graph,
    residencies: &ResidencyIndex<'_>,
    (step, id): (u32, OperatorId),
    aliases: &OperatorAliases,
    moved: &mut [MovedBytes],
) {
    let operator = graph.operator(id);
    let pool_of =
        |occupant: Occupant| residencies.operand(step, occupant).map(|residency| residency.pool.index());
    for input in reads(operator, aliases) {
        if let Some(pool) = pool_of(Occupant::Tensor(input)) {
            moved[pool].read += u128::from(graph.tensor(input).bytes());
        }
    }
    for &output in operator.outputs() {
        let bytes =
            writes(graph, output, aliases).iter().map(|(from, end)| u128::from(end - from)).sum::<u128>();
        if let Some(pool) = pool_of(Occupant::Tensor(output)) {
            moved[pool].written += bytes;
        }
    }
    if let Some(pool) = pool_of(Occupant::Scratch(id)) {
        moved[pool].read += u128::from(operator.scratch_bytes());
        moved[pool].written += u128::from(operator.scratch_bytes());
    }
}
