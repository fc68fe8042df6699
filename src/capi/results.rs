//! Results of a plan for one arena.

use super::boundary::{self, Failure, copy_list, mutable, reference};
use super::plan::{PlanSource, plimsoll_plan};
use super::record_size::copy_records;
use super::records::{plimsoll_nesting, plimsoll_occupant, plimsoll_placement, plimsoll_shared_object};
use super::status::{
    PLIMSOLL_NO_INDEX, PLIMSOLL_NONE, PLIMSOLL_OCCUPANT_SCRATCH, PLIMSOLL_OCCUPANT_TENSOR,
    PLIMSOLL_STATUS_FEASIBLE, PLIMSOLL_STATUS_INFEASIBLE, PLIMSOLL_STATUS_OPTIMAL, PLIMSOLL_STATUS_UNKNOWN,
    PLIMSOLL_STOP_CANCELLED, PLIMSOLL_STOP_DEADLINE, PLIMSOLL_STOP_FINISHED, PLIMSOLL_STOP_NODES,
};
use crate::{Occupant, OperatorId, Placement, Plan, Status, Stop, TensorId};

/// The occupant of a kind, `PLIMSOLL_OCCUPANT_...`, and a number; none if there are not that many tensors or
/// operators.
pub(super) fn occupant_of(kind: i32, index: usize, [tensors, operators]: [usize; 2]) -> Option<Occupant> {
    match kind {
        PLIMSOLL_OCCUPANT_TENSOR if index < tensors => Some(Occupant::Tensor(TensorId::new(index))),
        PLIMSOLL_OCCUPANT_SCRATCH if index < operators => Some(Occupant::Scratch(OperatorId::new(index))),
        _ => None,
    }
}

pub(super) fn tensor(index: usize) -> plimsoll_occupant {
    plimsoll_occupant { index: index as u32, occupant: PLIMSOLL_OCCUPANT_TENSOR }
}

fn placement((occupant, place): (Occupant, Placement)) -> plimsoll_placement {
    let plimsoll_occupant { index, occupant } = occupant.into();
    let Placement { offset, bytes, live } = place;
    plimsoll_placement { offset, bytes, start: live.start, end: live.end, index, occupant }
}

unsafe fn plan_of<'a>(plan: *const plimsoll_plan) -> Result<&'a Plan, Failure> {
    Ok(&unsafe { reference(plan, "plan") }?.plan)
}

/// Writes a value of a plan.
unsafe fn read<T>(
    plan: *const plimsoll_plan,
    out: *mut T,
    name: &str,
    value: impl FnOnce(&Plan) -> T,
) -> i32 {
    unsafe { try_read(plan, out, name, |plan| Ok(value(plan))) }
}

/// Writes a value of a plan that exists for some arguments only.
unsafe fn try_read<T>(
    plan: *const plimsoll_plan,
    out: *mut T,
    name: &str,
    value: impl FnOnce(&Plan) -> Result<T, Failure>,
) -> i32 {
    unsafe { boundary::read((plan, "plan"), (out, name), |plan| value(&plan.plan)) }
}

/// Writes the size of the arena in bytes: the end of the topmost occupant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_arena_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", |plan| plan.arena_bytes) }
}

/// Writes the required alignment of the arena's address in bytes: the largest alignment in the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_arena_alignment(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    let coarsest = |plimsoll_plan { source, plan, .. }: &plimsoll_plan| {
        let alignment = |(occupant, _): (Occupant, Placement)| match (source, occupant) {
            (PlanSource::Graph(graph), Occupant::Tensor(id)) => graph.tensor(id).alignment(),
            (PlanSource::Graph(graph), Occupant::Scratch(id)) => {
                Some(graph.operator(id).scratch_alignment(plan.alignment))
            }
            (PlanSource::Problem(solved), Occupant::Tensor(id)) => {
                Some(solved.0.buffers()[id.index()].alignment())
            }
            (PlanSource::Problem(_), Occupant::Scratch(_)) => None,
        };
        Ok(plan.placements().filter_map(alignment).fold(plan.alignment, u64::max))
    };
    unsafe { boundary::read((plan, "plan"), (bytes, "bytes"), coarsest) }
}

/// Writes the lower bound on the arena for the order of the plan, in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_lower_bound_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", |plan| plan.lower_bound.bytes) }
}

/// Writes the part of the lower bound that `plimsoll_plan_bound_causes` certifies, in bytes. The rest
/// was proven by an exhaustive search.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_certified_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", |plan| plan.lower_bound.certified) }
}

/// Writes the lower bound on the arena over all orders, in bytes; PLIMSOLL_NONE if no other order was
/// examined. If it is present, the status and the gap refer to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_bound_over_orders(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", |plan| plan.bound_over_orders.unwrap_or(PLIMSOLL_NONE)) }
}

/// Writes the relative distance from the lower bound to the arena: 0.01 is one percent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_gap(plan: *const plimsoll_plan, gap: *mut f64) -> i32 {
    unsafe { read(plan, gap, "gap", Plan::gap) }
}

/// Writes the status of the plan: `PLIMSOLL_STATUS_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_status(plan: *const plimsoll_plan, status: *mut i32) -> i32 {
    let number = |plan: &Plan| match plan.status {
        Status::Optimal => PLIMSOLL_STATUS_OPTIMAL,
        Status::Feasible => PLIMSOLL_STATUS_FEASIBLE,
        Status::Infeasible => PLIMSOLL_STATUS_INFEASIBLE,
        Status::Unknown => PLIMSOLL_STATUS_UNKNOWN,
    };
    unsafe { read(plan, status, "status", number) }
}

/// Writes why the search stopped: `PLIMSOLL_STOP_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_stop(plan: *const plimsoll_plan, stop: *mut i32) -> i32 {
    unsafe { read(plan, stop, "stop", |plan| stop_number(plan.stop)) }
}

pub(super) fn stop_number(stop: Stop) -> i32 {
    match stop {
        Stop::Finished => PLIMSOLL_STOP_FINISHED,
        Stop::Nodes => PLIMSOLL_STOP_NODES,
        Stop::Deadline => PLIMSOLL_STOP_DEADLINE,
        Stop::Cancelled => PLIMSOLL_STOP_CANCELLED,
    }
}

/// Writes the number of search nodes used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_nodes(plan: *const plimsoll_plan, nodes: *mut u64) -> i32 {
    unsafe { read(plan, nodes, "nodes", |plan| plan.nodes) }
}

/// Copies out all placements: tensors by index, then scratch by operator.
///
/// `count` receives the number of placements. With NULL for `placements` only `count` is written; if
/// `capacity` is less than `count`, too, and the call returns PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_placements(
    plan: *const plimsoll_plan,
    placements: *mut plimsoll_placement,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { plan_of(plan) }?.placements().map(placement));
    unsafe { copy_records(placements, record_size, capacity, count, listed) }
}

/// Copies out an offset in bytes for each tensor of the graph, or for each buffer, by index;
/// PLIMSOLL_NONE for those outside the arena. `count` as for `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_offsets(
    plan: *const plimsoll_plan,
    offsets: *mut u64,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { plan_of(plan) }?.tensors.iter().copied().map(offset_or_none));
    unsafe { copy_list(offsets, capacity, count, listed) }
}

/// Writes the offset in bytes of a tensor or buffer; PLIMSOLL_NONE if it lies outside the arena.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_offset(
    plan: *const plimsoll_plan,
    tensor: u32,
    offset: *mut u64,
) -> i32 {
    let missing = || Failure::argument(format!("there is no tensor {tensor}"));
    let place = |plan: &Plan| plan.tensors.get(tensor as usize).copied().ok_or_else(missing);
    unsafe { try_read(plan, offset, "offset", |plan| Ok(offset_or_none(place(plan)?))) }
}

fn offset_or_none(place: Option<Placement>) -> u64 {
    place.map_or(PLIMSOLL_NONE, |place| place.offset)
}

/// Writes the offset in bytes of an operator's scratch; PLIMSOLL_NONE if it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_scratch_offset(
    plan: *const plimsoll_plan,
    operator_: u32,
    offset: *mut u64,
) -> i32 {
    let missing = || Failure::argument(format!("there is no operator {operator_}"));
    let place = |plan: &Plan| plan.scratch.get(operator_ as usize).copied().ok_or_else(missing);
    unsafe { try_read(plan, offset, "offset", |plan| Ok(offset_or_none(place(plan)?))) }
}

/// Copies out the order of execution: indices of operators, without folded ones; empty for a problem.
/// `count` as for `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_order(
    plan: *const plimsoll_plan,
    order: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { plan_of(plan) }?.order.iter().map(|id| id.index() as u32));
    unsafe { copy_list(order, capacity, count, listed) }
}

/// Copies out the certificate of the lower bound and writes its step: occupants that are all live at
/// this step and together need the certified bytes, or one tensor with a fixed offset that ends
/// there. `count` as for `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_bound_causes(
    plan: *const plimsoll_plan,
    step: *mut u32,
    causes: *mut plimsoll_occupant,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let bound = &unsafe { plan_of(plan) }?.lower_bound;
        *unsafe { mutable(step, "step") }? = bound.step;
        Ok(bound.causes.iter().map(|&cause| cause.into()))
    };
    unsafe { copy_records(causes, record_size, capacity, count, listed) }
}

/// Copies out the shared objects, by number; none if the strategy makes no shared objects. `least`
/// receives a lower bound on their total size under the rules of the strategy. `count` as for
/// `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_objects(
    plan: *const plimsoll_plan,
    objects: *mut plimsoll_shared_object,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
    least: *mut u64,
) -> i32 {
    let listed = || {
        let made = unsafe { plan_of(plan) }?.objects.as_ref();
        let list = made.into_iter().flat_map(|objects| &objects.list);
        *unsafe { mutable(least, "least") }? = made.map_or(0, |objects| objects.lower_bound);
        Ok(list.map(|object| plimsoll_shared_object { offset: object.offset, bytes: object.bytes }))
    };
    unsafe { copy_records(objects, record_size, capacity, count, listed) }
}

/// Writes the number of the shared object that contains a tensor, buffer or scratch;
/// PLIMSOLL_NO_INDEX if none does. `occupant` is `PLIMSOLL_OCCUPANT_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_object_of(
    plan: *const plimsoll_plan,
    occupant: i32,
    index: u32,
    object: *mut u32,
) -> i32 {
    let containing = |plan: &Plan| {
        let occupant = occupant_of(occupant, index as usize, [plan.tensors.len(), plan.scratch.len()])
            .ok_or_else(|| Failure::argument(format!("there is no occupant {occupant} of index {index}")))?;
        let object = plan.objects.as_ref().and_then(|objects| objects.of(occupant));
        Ok(object.unwrap_or(PLIMSOLL_NO_INDEX))
    };
    unsafe { try_read(plan, object, "object", containing) }
}

/// Copies out the occupants that merging of shared objects put inside larger ones. `count` as for
/// `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_nestings(
    plan: *const plimsoll_plan,
    nestings: *mut plimsoll_nesting,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let list = unsafe { plan_of(plan) }?.objects.iter().flat_map(|objects| &objects.nestings);
        Ok(list.map(|pair| plimsoll_nesting {
            guest: pair.guest.into(),
            host: pair.host.into(),
            at: pair.at,
        }))
    };
    unsafe { copy_records(nestings, record_size, capacity, count, listed) }
}
