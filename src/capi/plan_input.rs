//! Plans from other sources, verified: orders and offsets as arrays, and PLAN.json.

#![cfg_attr(not(feature = "json"), allow(unused))]

use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{Failure, array, copy_text, create, give, guard, needs_feature, reference};
use super::graph::{no_tensor, plimsoll_graph};
use super::options::plimsoll_options;
use super::plan::{operator_ids, options_or_default, plimsoll_plan};
use super::pool_plan::plimsoll_pool_plan;
use super::problem::plimsoll_problem;
use super::record_size::read_all;
use super::records::plimsoll_alias;
use super::sharing::alias_of;
use super::status::{
    PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_UNSUPPORTED, PLIMSOLL_ERROR_WRONG_PLAN, PLIMSOLL_NONE,
};
use super::tiled_plan::plimsoll_tiled_plan;
#[cfg(feature = "json")]
use crate::export::graph_hash;
#[cfg(feature = "json")]
use crate::export::json::{DocumentError, PlanDocument, PoolPlanDocument};
use crate::verify::{verify, verify_pools, verify_solution, verify_tiled_plan};
use crate::{Alias, Graph, LiveRange, Liveness, Occupant, OperatorId, Placement, Plan, Status, TensorId};

/// Verifies an order and offsets of a built graph from any source, such as a cache or another planner, and
/// creates a plan of them. `plan` may be NULL; otherwise free the plan with `plimsoll_plan_free`.
///
/// `order` has `order_count` indices of operators, each operator once, without folded ones. `offsets` has an
/// offset in bytes for each tensor of the graph, or PLIMSOLL_NONE for a tensor outside the arena.
/// `scratch_offsets` has an offset for the scratch of each operator, or PLIMSOLL_NONE; it may be NULL if no
/// operator has scratch. `aliases` are the pairs of tensors that share memory while both are live, as from
/// `plimsoll_plan_aliases`. Of the options, which may be NULL for the defaults, the alignment, the location of variables,
/// the capacity and reserved ranges apply. The arena ends with its topmost occupant.
///
/// The lower bound of the plan is 0, as nothing proves another one. PLIMSOLL_ERROR_WRONG_PLAN if the order or
/// an offset is wrong; the message names the violations. PLIMSOLL_ERROR_UNSUPPORTED for graphs with
/// bodies, whose plans `plimsoll_graph_read_plan` reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_verify(
    graph: *const plimsoll_graph,
    options: *const plimsoll_options,
    order: *const u32,
    order_count: usize,
    offsets: *const u64,
    offset_count: usize,
    scratch_offsets: *const u64,
    scratch_count: usize,
    aliases: *const plimsoll_alias,
    record_size: usize,
    alias_count: usize,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let options = unsafe { options_or_default(options) }?;
        let order = operator_ids(graph.operators().len(), unsafe { array(order, order_count, "order") }?)?;
        let offsets = unsafe { array(offsets, offset_count, "offsets") }?;
        let scratch = unsafe { array(scratch_offsets, scratch_count, "scratch_offsets") }?;
        let aliases = unsafe { read_all(aliases, record_size, alias_count, "aliases") }?;
        if graph.has_bodies() {
            let message = "a graph with bodies; plimsoll_graph_read_plan reads its plans";
            return Err(Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, message));
        }
        check_lengths(graph, offsets, scratch)?;
        let mut stated = Plan::unplaced(graph);
        options.state(&mut stated);
        stated.order = order;
        stated.aliases = aliases.iter().map(|record| alias_in(graph, record)).collect::<Result<_, _>>()?;
        stated.aliases.sort_by_key(|alias| alias.tensor);
        place(graph, offsets, scratch, &mut stated)?;
        verify(graph, &stated)?;
        // SAFETY: the caller passes NULL or a place for a handle.
        if let Some(out) = unsafe { plan.as_mut() } {
            give(out, plimsoll_plan::of_graph(Arc::clone(graph), stated, options.alignment()));
        }
        Ok(())
    })
}

fn check_lengths(graph: &Graph, offsets: &[u64], scratch: &[u64]) -> Result<(), Failure> {
    let (tensors, operators) = (graph.tensors().len(), graph.operators().len());
    if offsets.len() != tensors {
        let message = format!("`offsets` has {} entries; the graph has {tensors} tensors", offsets.len());
        return Err(Failure::argument(message));
    }
    if !scratch.is_empty() && scratch.len() != operators {
        let count = scratch.len();
        let message = format!("`scratch_offsets` has {count} entries; the graph has {operators} operators");
        return Err(Failure::argument(message));
    }
    Ok(())
}

fn alias_in(graph: &Graph, record: &plimsoll_alias) -> Result<Alias, Failure> {
    for index in [record.tensor, record.of] {
        graph.tensors().get(index as usize).ok_or_else(|| no_tensor(index))?;
    }
    operator_ids(graph.operators().len(), &[record.operator_])?;
    alias_of(record).ok_or_else(|| Failure::argument(format!("unknown kind of sharing {}", record.kind)))
}

/// Places the occupants at the stated offsets, with the sizes and live ranges that follow from the order.
fn place(graph: &Graph, offsets: &[u64], scratch: &[u64], plan: &mut Plan) -> Result<(), Failure> {
    let order_error = |error: crate::Error| Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, error.to_string());
    graph.check_order(&plan.order).map_err(order_error)?;
    let liveness = Liveness::new(graph, &plan.order, plan.alignment, plan.variables)?;
    let all = Placement { offset: 0, bytes: 0, live: LiveRange { start: 0, end: liveness.steps().max(1) } };
    let tensors = offsets.iter().enumerate().map(|(index, &at)| (Occupant::Tensor(TensorId::new(index)), at));
    let scratch = scratch.iter().enumerate();
    let scratch = scratch.map(|(index, &at)| (Occupant::Scratch(OperatorId::new(index)), at));
    let mut buffers: Vec<_> = liveness.occupants().iter().zip(liveness.problem().buffers()).collect();
    buffers.sort_unstable_by_key(|&(&occupant, _)| occupant);
    for (occupant, offset) in tensors.chain(scratch).filter(|&(_, offset)| offset != PLIMSOLL_NONE) {
        // The verifier reports an offset of an occupant that needs no memory.
        let found = buffers.binary_search_by_key(&occupant, |&(&occupant, _)| occupant);
        let placement = found.map_or(all, |at| {
            let buffer = buffers[at].1;
            Placement { offset, bytes: buffer.size(), live: buffer.live() }
        });
        plan.set_placement(occupant, Placement { offset, ..placement });
    }
    if plan.capacity.is_some_and(|capacity| plan.arena_bytes > capacity) {
        plan.status = Status::Unknown;
    }
    Ok(())
}

/// Reads a PLAN.json of `size` bytes in memory, verifies that it is a plan of a built graph, and creates the
/// plan. Free it with `plimsoll_plan_free`.
///
/// PLIMSOLL_ERROR_IMPORT if the text is no plan, or a plan of another graph; PLIMSOLL_ERROR_WRONG_PLAN if
/// the plan is wrong; PLIMSOLL_ERROR_UNSUPPORTED if the library was built without JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_read_plan(
    graph: *const plimsoll_graph,
    json: *const c_char,
    size: usize,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    let stated = || {
        needs_feature!("json", {
            let graph = unsafe { reference(graph, "graph") }?.built()?;
            let text = unsafe { json_text(json, size) }?;
            let stated = PlanDocument::from_json(text)
                .and_then(|document| document.to_plan(graph))
                .map_err(unreadable)?;
            verify(graph, &stated)?;
            let alignment = stated.alignment;
            Ok(plimsoll_plan::of_graph(Arc::clone(graph), stated, alignment))
        })
    };
    unsafe { create(plan, "plan", stated) }
}

/// Reads a PLAN.json of a problem, like `plimsoll_graph_read_plan`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_read_plan(
    problem: *const plimsoll_problem,
    json: *const c_char,
    size: usize,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    let stated = || {
        needs_feature!("json", {
            let problem = &unsafe { reference(problem, "problem") }?.problem;
            let text = unsafe { json_text(json, size) }?;
            let stated = PlanDocument::from_json(text)
                .and_then(|document| document.to_solution(problem))
                .map_err(unreadable)?;
            verify_solution(problem, &stated)?;
            Ok(plimsoll_plan::of_problem(problem.clone(), stated))
        })
    };
    unsafe { create(plan, "plan", stated) }
}

/// Reads a PLAN.json of a plan for several memories, like `plimsoll_graph_read_plan`. The pools are those
/// of the document.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_read_pool_plan(
    graph: *const plimsoll_graph,
    json: *const c_char,
    size: usize,
    plan: *mut *mut plimsoll_pool_plan,
) -> i32 {
    let stated = || {
        needs_feature!("json", {
            let graph = unsafe { reference(graph, "graph") }?.built()?;
            let text = unsafe { json_text(json, size) }?;
            let stated = PoolPlanDocument::from_json(text)
                .and_then(|document| document.to_plan(graph))
                .map_err(unreadable)?;
            verify_pools(graph, &stated)?;
            Ok(plimsoll_pool_plan { graph: Arc::clone(graph), plan: stated })
        })
    };
    unsafe { create(plan, "plan", stated) }
}

/// Reads a PLAN.json of a tiled plan, like `plimsoll_graph_read_plan`; `graph` is the graph without tiling.
/// The document has no plan without tiling, so `untiled_arena_bytes` of its figures is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_read_tiled_plan(
    graph: *const plimsoll_graph,
    json: *const c_char,
    size: usize,
    plan: *mut *mut plimsoll_tiled_plan,
) -> i32 {
    let stated = || {
        needs_feature!("json", {
            let graph = unsafe { reference(graph, "graph") }?.built()?;
            let text = unsafe { json_text(json, size) }?;
            let stated = PlanDocument::from_json(text)
                .and_then(|document| document.to_tiled_plan(graph))
                .map_err(unreadable)?;
            verify_tiled_plan(graph, &stated)?;
            Ok(plimsoll_tiled_plan::read(Arc::clone(graph), stated))
        })
    };
    unsafe { create(plan, "plan", stated) }
}

/// Copies out a fingerprint of a built graph: graphs with the same fingerprint have the same plans for the
/// same options, so that it is a key for caches of plans. It is also in PLAN.json. `size` as for
/// `plimsoll_graph_tensor_name`. PLIMSOLL_ERROR_UNSUPPORTED if the library was built without JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_fingerprint(
    graph: *const plimsoll_graph,
    fingerprint: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        needs_feature!("json", unsafe { copy_text(&graph_hash(graph), fingerprint, capacity, size) })
    })
}

/// Borrows a text of the caller that need not end with a zero byte.
unsafe fn json_text<'a>(json: *const c_char, size: usize) -> Result<&'a str, Failure> {
    let bytes = unsafe { array(json.cast::<u8>(), size, "json") }?;
    std::str::from_utf8(bytes).map_err(|error| Failure::argument(format!("`json` is not UTF-8: {error}")))
}

#[cfg(feature = "json")]
#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn unreadable(error: DocumentError) -> Failure {
    Failure::new(PLIMSOLL_ERROR_IMPORT, error.to_string())
}
