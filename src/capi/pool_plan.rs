use std::sync::Arc;

use super::boundary::{Failure, Outcome, array, copy_out, free, give, guard, mutable, reference};
use super::graph::plimsoll_graph;
use super::options::plimsoll_options;
use super::plan::{body_of, operator_ids, options_or_default, planning_failure, plimsoll_plan};
use super::pools::plimsoll_pools;
use super::records::{
    plimsoll_occupant, plimsoll_pool_figures, plimsoll_pool_traffic, plimsoll_share, plimsoll_stay,
    plimsoll_transfer, plimsoll_use,
};
use super::results::stop_number;
use super::sharing::record;
use super::status::{
    PLIMSOLL_ERROR_WRONG_PLAN, PLIMSOLL_NONE, PLIMSOLL_OCCUPANT_SCRATCH, PLIMSOLL_OCCUPANT_TENSOR,
};
use crate::verify::verify_pools;
use crate::{Graph, Occupant, OperatorId, PoolPlan, Stay, TensorId};

/// Where everything lives when there are several memories, and what is copied. Never
/// changes; any number of threads may use it at the same time. It has been verified.
pub struct plimsoll_pool_plan {
    pub(super) graph: Arc<Graph>,
    pub(super) plan: PoolPlan,
}

/// Plans a built graph for several memories: what lives where and when, so that a run costs
/// least by the costs of the pools. `options` may be NULL for the defaults; their capacity
/// and what they reserve do not matter here. Free the plan with `plimsoll_pool_plan_free`.
///
/// PLIMSOLL_ERROR_INVALID if what must be in a pool does not fit there, a tensor has a fixed
/// offset, or the pools are none that can be meant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_place(
    graph: *const plimsoll_graph,
    options: *const plimsoll_options,
    pools: *const plimsoll_pools,
    plan: *mut *mut plimsoll_pool_plan,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        unsafe { place(graph, None, options, pools, plan) }
    })
}

/// The same in this order: `count` indices of operators, each that is not folded once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_place_in_order(
    graph: *const plimsoll_graph,
    order: *const u32,
    count: usize,
    options: *const plimsoll_options,
    pools: *const plimsoll_pools,
    plan: *mut *mut plimsoll_pool_plan,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let order = operator_ids(graph, unsafe { array(order, count, "order") }?)?;
        unsafe { place(graph, Some(&order), options, pools, plan) }
    })
}

unsafe fn place(
    graph: &Arc<Graph>,
    order: Option<&[OperatorId]>,
    options: *const plimsoll_options,
    pools: *const plimsoll_pools,
    plan: *mut *mut plimsoll_pool_plan,
) -> Outcome {
    let place = unsafe { mutable(plan, "plan") }?;
    let default = plimsoll_options::default();
    let options = unsafe { options_or_default(options, &default) }?;
    let pools = unsafe { reference(pools, "pools") }?.pools()?;
    let name = graph.name();
    options.log(&format!("placing `{name}` in {} pools", pools.list().len()));
    let planner = options.planner()?;
    let plan = match order {
        Some(order) => planner.place_in_order(graph, order, &pools),
        None => planner.place(graph, &pools),
    };
    let plan = plan.map_err(planning_failure)?;
    options.log(&format!("placed `{name}`: cost {}, at least {}", plan.cost, plan.lower_bound));
    give(place, plimsoll_pool_plan { graph: Arc::clone(graph), plan });
    Ok(())
}

unsafe fn plan_of<'a>(plan: *const plimsoll_pool_plan) -> Result<&'a PoolPlan, Failure> {
    Ok(&unsafe { reference(plan, "plan") }?.plan)
}

/// What is known of the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_figures(
    plan: *const plimsoll_pool_plan,
    figures: *mut plimsoll_pool_figures,
) -> i32 {
    guard(|| {
        let plan = unsafe { plan_of(plan) }?;
        *unsafe { mutable(figures, "figures") }? = plimsoll_pool_figures {
            cost: plan.cost,
            lower_bound: plan.lower_bound,
            floor: plan.floor,
            preloaded: plan.preloaded,
            nodes: plan.nodes,
            stop: stop_number(plan.stop),
            pools: plan.pools.list().len() as u32,
        };
        Ok(())
    })
}

/// Copies out what is used of each pool, and what goes through it in a run.
///
/// `count` is how many there are. With NULL for `traffic` only that is written; if
/// `capacity` is less, nothing but that, with PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_traffic(
    plan: *const plimsoll_pool_plan,
    traffic: *mut plimsoll_pool_traffic,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let plan = unsafe { plan_of(plan) }?;
        let own = plan.used.iter().zip(&plan.traffic);
        let own =
            own.map(|(&used, one)| plimsoll_pool_traffic { used, read: one.read, written: one.written });
        unsafe { copy_out(&own.collect::<Vec<_>>(), traffic, capacity, count) }
    })
}

/// Copies out all places: tensors by index, then workspaces by operator, each by pool and
/// time. `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_stays(
    plan: *const plimsoll_pool_plan,
    stays: *mut plimsoll_stay,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let own: Vec<plimsoll_stay> = unsafe { plan_of(plan) }?.stays.iter().map(stay).collect();
        unsafe { copy_out(&own, stays, capacity, count) }
    })
}

fn stay(stay: &Stay) -> plimsoll_stay {
    let plimsoll_occupant { index, occupant } = stay.occupant.into();
    plimsoll_stay {
        offset: stay.offset,
        bytes: stay.bytes,
        start: stay.live.start,
        end: stay.live.end,
        index,
        occupant,
        pool: stay.pool.index() as u32,
        unused: 0,
    }
}

/// Copies out what is copied from pool to pool, in the order in which it is to be done: at
/// the start of each step, before its operator, those that are due then. `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_transfers(
    plan: *const plimsoll_pool_plan,
    transfers: *mut plimsoll_transfer,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let routes = unsafe { plan_of(plan) }?.routes();
        let own = routes.iter().map(|route| plimsoll_transfer {
            from_offset: route.from_offset.unwrap_or(PLIMSOLL_NONE),
            to_offset: route.to_offset.unwrap_or(PLIMSOLL_NONE),
            bytes: route.transfer.bytes,
            tensor: route.transfer.tensor.index() as u32,
            step: route.transfer.step,
            due: route.transfer.due,
            late: route.is_late.into(),
            from: route.transfer.from.index() as u32,
            to: route.transfer.to.index() as u32,
        });
        unsafe { copy_out(&own.collect::<Vec<_>>(), transfers, capacity, count) }
    })
}

/// Copies out where operators find what they read and write, if that is not the first of
/// the pools in which it has a place at their step. `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_uses(
    plan: *const plimsoll_pool_plan,
    uses: *mut plimsoll_use,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let own = unsafe { plan_of(plan) }?.uses.iter().map(|one| {
            let plimsoll_occupant { index, occupant } = one.occupant.into();
            plimsoll_use { step: one.step, index, occupant, pool: one.pool.index() as u32 }
        });
        unsafe { copy_out(&own.collect::<Vec<_>>(), uses, capacity, count) }
    })
}

/// Where the operator of a step finds a tensor or its workspace: `occupant` is
/// `PLIMSOLL_OCCUPANT_...`. PLIMSOLL_ERROR_ARGUMENT if that has no place at this step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_place_at(
    plan: *const plimsoll_pool_plan,
    step: u32,
    occupant: i32,
    index: u32,
    place: *mut plimsoll_stay,
) -> i32 {
    guard(|| {
        let planned = unsafe { reference(plan, "plan") }?;
        let result = unsafe { mutable(place, "place") }?;
        let (graph, number) = (&planned.graph, index as usize);
        let who = match occupant {
            PLIMSOLL_OCCUPANT_TENSOR if number < graph.tensors().len() => {
                Some(Occupant::Tensor(TensorId::new(number)))
            }
            PLIMSOLL_OCCUPANT_SCRATCH if number < graph.operators().len() => {
                Some(Occupant::Scratch(OperatorId::new(number)))
            }
            _ => None,
        };
        let found = who.and_then(|who| planned.plan.place_at(step, who));
        let none =
            || Failure::argument(format!("occupant {occupant} of index {index} has no place at step {step}"));
        *result = stay(found.ok_or_else(none)?);
        Ok(())
    })
}

/// Copies out which tensors share memory while both are needed, in whatever pool. `count`
/// as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_shares(
    plan: *const plimsoll_pool_plan,
    shares: *mut plimsoll_share,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let own: Vec<plimsoll_share> = unsafe { plan_of(plan) }?.shares.iter().map(record).collect();
        unsafe { copy_out(&own, shares, capacity, count) }
    })
}

/// Copies out the order in which to run: indices of operators, without the folded ones.
/// `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_order(
    plan: *const plimsoll_pool_plan,
    order: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let own: Vec<u32> = unsafe { plan_of(plan) }?.order.iter().map(|id| id.index() as u32).collect();
        unsafe { copy_out(&own, order, capacity, count) }
    })
}

/// Verifies a plan again, by rules that share no code with what made it: its places, a run
/// of its copies and operators on memory that remembers who wrote each byte, and its figures.
/// That nothing costs less than the lower bound is not proven again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_verify(plan: *const plimsoll_pool_plan) -> i32 {
    guard(|| {
        let planned = unsafe { reference(plan, "plan") }?;
        let verdict = verify_pools(&planned.graph, &planned.plan);
        verdict.map_err(|violations| Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, violations.to_string()))
    })
}

/// The plan of a body of an operator, by position, as of `plimsoll_plan_body`: a body lies in one
/// pool, where the operator's workspace is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_body(
    plan: *const plimsoll_pool_plan,
    operator_: u32,
    position: usize,
    body: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let plimsoll_pool_plan { graph, plan } = unsafe { reference(plan, "plan") }?;
        let place = unsafe { mutable(body, "body") }?;
        let of = body_of(graph, &plan.bodies, operator_, position)?;
        give(place, plimsoll_plan { of, alignment: 1 });
        Ok(())
    })
}

/// Frees a plan; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_free(plan: *mut plimsoll_pool_plan) {
    unsafe { free(plan) };
}
