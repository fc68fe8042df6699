//! Planning for several memories, and its results.

use std::sync::Arc;

use super::boundary::{Failure, array, copy_list, create, free, guard, reference};
use super::graph::plimsoll_graph;
use super::options::plimsoll_options;
use super::plan::{body_of, operator_ids, options_or_default, plimsoll_plan};
use super::pools::plimsoll_pools;
use super::record_size::{copy_records, write};
use super::records::{
    plimsoll_alias, plimsoll_occupant, plimsoll_pool_figures, plimsoll_pool_traffic, plimsoll_residency,
    plimsoll_transfer, plimsoll_use,
};
use super::results::{occupant_of, stop_number};
use super::sharing::record;
use super::status::PLIMSOLL_NONE;
use crate::verify::verify_pools;
use crate::{Graph, OperatorId, PoolPlan, Residency};

/// A verified plan for several memories: residency intervals of tensors and scratch, and transfers.
/// Immutable; any number of threads may use it at the same time.
pub struct plimsoll_pool_plan {
    pub(super) graph: Arc<Graph>,
    pub(super) plan: PoolPlan,
}

/// Plans a built graph for several memories: which pools hold each tensor at which steps, so that the
/// cost of a run, by the costs of the pools, is least. `options` may be NULL for the defaults; their
/// capacity and reserved ranges have no effect. Free the plan with `plimsoll_pool_plan_free`.
///
/// PLIMSOLL_ERROR_INVALID if a tensor has a fixed offset or the pools are invalid,
/// PLIMSOLL_ERROR_DOES_NOT_FIT if a pool cannot hold the data that it must hold.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_place(
    graph: *const plimsoll_graph,
    options: *const plimsoll_options,
    pools: *const plimsoll_pools,
    plan: *mut *mut plimsoll_pool_plan,
) -> i32 {
    let placed = || unsafe { place(reference(graph, "graph")?.built()?, None, options, pools) };
    unsafe { create(plan, "plan", placed) }
}

/// Plans a built graph for several memories in a given order: `count` indices of operators, each
/// operator once, without folded ones. Otherwise like `plimsoll_graph_place`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_place_in_order(
    graph: *const plimsoll_graph,
    order: *const u32,
    count: usize,
    options: *const plimsoll_options,
    pools: *const plimsoll_pools,
    plan: *mut *mut plimsoll_pool_plan,
) -> i32 {
    let in_order = || unsafe {
        let graph = reference(graph, "graph")?.built()?;
        let order = operator_ids(graph.operators().len(), array(order, count, "order")?)?;
        place(graph, Some(&order), options, pools)
    };
    unsafe { create(plan, "plan", in_order) }
}

unsafe fn place(
    graph: &Arc<Graph>,
    order: Option<&[OperatorId]>,
    options: *const plimsoll_options,
    pools: *const plimsoll_pools,
) -> Result<plimsoll_pool_plan, Failure> {
    let options = unsafe { options_or_default(options) }?;
    let pools = unsafe { reference(pools, "pools") }?.pools()?;
    let name = graph.name();
    options.log(&format!("placing `{name}` in {} pools", pools.list().len()));
    let planner = options.planner()?;
    let plan = match order {
        Some(order) => planner.place_in_order(graph, order, &pools)?,
        None => planner.place(graph, &pools)?,
    };
    options.log(&format!("placed `{name}`: cost {}, at least {}", plan.cost, plan.lower_bound));
    Ok(plimsoll_pool_plan { graph: Arc::clone(graph), plan })
}

unsafe fn plan_of<'a>(plan: *const plimsoll_pool_plan) -> Result<&'a PoolPlan, Failure> {
    Ok(&unsafe { reference(plan, "plan") }?.plan)
}

/// Writes the figures of the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_figures(
    plan: *const plimsoll_pool_plan,
    figures: *mut plimsoll_pool_figures,
    record_size: usize,
) -> i32 {
    guard(|| {
        let plan = unsafe { plan_of(plan) }?;
        let record = plimsoll_pool_figures {
            cost: plan.cost,
            lower_bound: plan.lower_bound,
            unavoidable_cost: plan.unavoidable_cost,
            preloaded: plan.preloaded,
            nodes: plan.nodes,
            stop: stop_number(plan.stop),
            pools: plan.pools.list().len() as u32,
        };
        unsafe { write(&record, figures, record_size, "figures") }
    })
}

/// Copies out for each pool the bytes used, and its traffic in a run.
///
/// `count` receives the number of entries. With NULL for `traffic` only `count` is written; if
/// `capacity` is less than `count`, too, and the call returns PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_traffic(
    plan: *const plimsoll_pool_plan,
    traffic: *mut plimsoll_pool_traffic,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let plan = unsafe { plan_of(plan) }?;
        let pools = plan.used.iter().zip(&plan.traffic);
        Ok(pools.map(|(&used, traffic)| plimsoll_pool_traffic {
            used,
            read: traffic.read,
            written: traffic.written,
        }))
    };
    unsafe { copy_records(traffic, record_size, capacity, count, listed) }
}

/// Copies out all residency intervals: tensors by index, then scratch by operator, each by pool and
/// time. `count` as for `plimsoll_pool_plan_traffic`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_residencies(
    plan: *const plimsoll_pool_plan,
    residencies: *mut plimsoll_residency,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { plan_of(plan) }?.residencies.iter().map(residency));
    unsafe { copy_records(residencies, record_size, capacity, count, listed) }
}

fn residency(residency: &Residency) -> plimsoll_residency {
    let plimsoll_occupant { index, occupant } = residency.occupant.into();
    plimsoll_residency {
        offset: residency.offset,
        bytes: residency.bytes,
        start: residency.live.start,
        end: residency.live.end,
        index,
        occupant,
        pool: residency.pool.index() as u32,
        unused: 0,
    }
}

/// Copies out the transfers between pools in the order in which to make them: at the start of each
/// step, before its operator, those that are due at this step. `count` as for
/// `plimsoll_pool_plan_traffic`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_transfers(
    plan: *const plimsoll_pool_plan,
    transfers: *mut plimsoll_transfer,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let routes = unsafe { plan_of(plan) }?.routes();
        Ok(routes.into_iter().map(|route| plimsoll_transfer {
            from_offset: route.from_offset.unwrap_or(PLIMSOLL_NONE),
            to_offset: route.to_offset.unwrap_or(PLIMSOLL_NONE),
            bytes: route.transfer.bytes,
            tensor: route.transfer.tensor.index() as u32,
            step: route.transfer.step,
            due: route.transfer.due,
            late: route.is_late.into(),
            from: route.transfer.from.index() as u32,
            to: route.transfer.to.index() as u32,
        }))
    };
    unsafe { copy_records(transfers, record_size, capacity, count, listed) }
}

/// Copies out the pool in which an operator accesses a tensor or its scratch, where that is not the
/// first of the pools that hold it at the operator's step. `count` as for
/// `plimsoll_pool_plan_traffic`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_uses(
    plan: *const plimsoll_pool_plan,
    uses: *mut plimsoll_use,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        Ok(unsafe { plan_of(plan) }?.uses.iter().map(|entry| {
            let plimsoll_occupant { index, occupant } = entry.occupant.into();
            plimsoll_use { step: entry.step, index, occupant, pool: entry.pool.index() as u32 }
        }))
    };
    unsafe { copy_records(uses, record_size, capacity, count, listed) }
}

/// Writes the residency interval at which the operator of a step accesses a tensor or its scratch.
/// `occupant` is `PLIMSOLL_OCCUPANT_...`. PLIMSOLL_ERROR_ARGUMENT if no pool holds it at this step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_residency_at(
    plan: *const plimsoll_pool_plan,
    step: u32,
    occupant: i32,
    index: u32,
    residency: *mut plimsoll_residency,
    record_size: usize,
) -> i32 {
    guard(|| {
        let planned = unsafe { reference(plan, "plan") }?;
        let counts = [planned.graph.tensors().len(), planned.graph.operators().len()];
        let found = occupant_of(occupant, index as usize, counts)
            .and_then(|occupant| planned.plan.residency_at(step, occupant));
        let missing = || {
            Failure::argument(format!("occupant {occupant} of index {index} is in no pool at step {step}"))
        };
        let record = self::residency(found.ok_or_else(missing)?);
        unsafe { write(&record, residency, record_size, "residency") }
    })
}

/// Copies out which tensors share memory while both are live, in all pools. `count` as for
/// `plimsoll_pool_plan_traffic`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_aliases(
    plan: *const plimsoll_pool_plan,
    aliases: *mut plimsoll_alias,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { plan_of(plan) }?.aliases.iter().map(record));
    unsafe { copy_records(aliases, record_size, capacity, count, listed) }
}

/// Copies out the order of execution: indices of operators, without folded ones. `count` as for
/// `plimsoll_pool_plan_traffic`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_order(
    plan: *const plimsoll_pool_plan,
    order: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { plan_of(plan) }?.order.iter().map(|id| id.index() as u32));
    unsafe { copy_list(order, capacity, count, listed) }
}

/// Verifies a plan again, with code that shares nothing with the planner: its residency intervals,
/// its figures, and a simulated run of transfers and operators on memory that records the writer of
/// each byte. It does not prove the lower bound again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_verify(plan: *const plimsoll_pool_plan) -> i32 {
    guard(|| {
        let planned = unsafe { reference(plan, "plan") }?;
        Ok(verify_pools(&planned.graph, &planned.plan)?)
    })
}

/// Creates a plan from the plan of a body of an operator, by position, like `plimsoll_plan_body`. A
/// body lies in one pool, the pool of the operator's scratch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_body(
    plan: *const plimsoll_pool_plan,
    operator_: u32,
    position: usize,
    body: *mut *mut plimsoll_plan,
) -> i32 {
    let of_operator = || {
        let plimsoll_pool_plan { graph, plan } = unsafe { reference(plan, "plan") }?;
        let (graph, plan) = body_of(graph, &plan.bodies, operator_, position)?;
        Ok(plimsoll_plan::of_graph(graph, plan, 1))
    };
    unsafe { create(body, "body", of_operator) }
}

/// Frees a plan; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_free(plan: *mut plimsoll_pool_plan) {
    unsafe { free(plan) };
}
