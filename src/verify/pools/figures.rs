//! Rule 6: what a plan says of itself.

use super::access::{reads, written};
use super::places::Places;
use super::{Found, Violation, pool_name};
use crate::graph::{Graph, TensorKind};
use crate::ids::{OperatorId, PoolId};
use crate::occupant::Occupant;
use crate::pool_plan::PoolPlan;
use crate::verify::permitted::Shares;

/// Bytes of a pool that operators and copies move.
#[derive(Clone, Copy, Default)]
struct Moved {
    read: u128,
    written: u128,
    copied_from: u128,
    copied_to: u128,
}

/// Recomputes what is used, moved, there before the run, and paid for.
pub(super) fn check(
    graph: &Graph,
    plan: &PoolPlan,
    places: &Places<'_>,
    shares: &[Shares],
    found: &mut Found,
) {
    let mut moved = vec![Moved::default(); plan.pools.list().len()];
    for (step, &id) in (0..).zip(&plan.order) {
        if found.is_done() {
            return;
        }
        operate(graph, places, (step, id), &shares[id.index()], &mut moved);
    }
    for one in &plan.transfers {
        moved[one.from.index()].copied_from += u128::from(one.bytes);
        moved[one.to.index()].copied_to += u128::from(one.bytes);
    }
    for pool in plan.pools.ids() {
        check_pool(plan, pool, &moved[pool.index()], found);
    }
    let cost: u128 = plan.pools.ids().map(|pool| cost(plan, pool, &moved[pool.index()])).sum();
    let constants = graph.tensor_ids().filter(|&id| graph.tensor(id).kind() == TensorKind::Constant);
    let preloaded = constants.filter_map(|id| places.residence(id)).map(|stay| u128::from(stay.bytes)).sum();
    let figures = [("cost", "is", plan.cost, cost), ("preloaded bytes", "are", plan.preloaded, preloaded)];
    for (what, verb, said, actual) in figures {
        if u128::from(said) != actual {
            found.add(Violation::Claim(format!("the {what} {verb} said to be {said}, but {verb} {actual}")));
        }
    }
    if plan.lower_bound > plan.cost {
        let text = format!("the lower bound of {} is above the cost of {}", plan.lower_bound, plan.cost);
        found.add(Violation::Claim(text));
    }
    if plan.floor > plan.lower_bound {
        let text = format!("the floor of {} is above the lower bound of {}", plan.floor, plan.lower_bound);
        found.add(Violation::Claim(text));
    }
}

fn check_pool(plan: &PoolPlan, pool: PoolId, moved: &Moved, found: &mut Found) {
    let ends = plan.stays.iter().filter(|stay| stay.pool == pool).map(|stay| u128::from(stay.end()));
    let (used, traffic) = (plan.used[pool.index()], plan.traffic[pool.index()]);
    let figures = [
        ("used", used, ends.max().unwrap_or(0)),
        ("read", traffic.read, moved.read + moved.copied_from),
        ("written", traffic.written, moved.written + moved.copied_to),
    ];
    for (what, said, actual) in figures {
        if u128::from(said) != actual {
            let pool = pool_name(plan, pool);
            let text = format!("{said} bytes of {pool} are said to be {what}, but {actual} are");
            found.add(Violation::Claim(text));
        }
    }
}

fn cost(plan: &PoolPlan, pool: PoolId, moved: &Moved) -> u128 {
    let pool = plan.pools.pool(pool);
    let ((read, write), (from, to)) = (pool.in_place(), pool.copied());
    let [read, write, from, to] = [read, write, from, to].map(u128::from);
    moved.read * read + moved.written * write + moved.copied_from * from + moved.copied_to * to
}

/// What an operator moves, each input once. It writes and reads its workspace.
fn operate(
    graph: &Graph,
    places: &Places<'_>,
    (step, id): (u32, OperatorId),
    shares: &Shares,
    moved: &mut [Moved],
) {
    let operator = graph.operator(id);
    let pool_of = |occupant: Occupant| places.at(step, occupant).map(|stay| stay.pool.index());
    for input in reads(operator, shares) {
        if let Some(pool) = pool_of(Occupant::Tensor(input)) {
            moved[pool].read += u128::from(graph.tensor(input).bytes());
        }
    }
    for &output in operator.outputs() {
        let bytes =
            written(graph, output, shares).iter().map(|(from, end)| u128::from(end - from)).sum::<u128>();
        if let Some(pool) = pool_of(Occupant::Tensor(output)) {
            moved[pool].written += bytes;
        }
    }
    if let Some(pool) = pool_of(Occupant::Scratch(id)) {
        moved[pool].read += u128::from(operator.scratch_bytes());
        moved[pool].written += u128::from(operator.scratch_bytes());
    }
}
