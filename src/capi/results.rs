//! Results of a plan for one arena.

use super::boundary::{Failure, copy_out, guard, mutable, reference};
use super::plan::{PlanContents, plimsoll_plan};
use super::record_size::write_all;
use super::records::{plimsoll_nesting, plimsoll_occupant, plimsoll_placement, plimsoll_shared_object};
use super::status::{
    PLIMSOLL_NO_INDEX, PLIMSOLL_NONE, PLIMSOLL_OCCUPANT_SCRATCH, PLIMSOLL_OCCUPANT_TENSOR,
    PLIMSOLL_STATUS_FEASIBLE, PLIMSOLL_STATUS_INFEASIBLE, PLIMSOLL_STATUS_OPTIMAL, PLIMSOLL_STATUS_UNKNOWN,
    PLIMSOLL_STOP_CANCELLED, PLIMSOLL_STOP_DEADLINE, PLIMSOLL_STOP_FINISHED, PLIMSOLL_STOP_NODES,
};
use crate::{Occupant, OperatorId, Placement, Status, Stop, TensorId};

impl plimsoll_plan {
    fn status(&self) -> Status {
        match &self.contents {
            PlanContents::Graph(_, plan) => plan.status,
            PlanContents::Problem(_, solution) => solution.status,
        }
    }

    fn stop(&self) -> Stop {
        match &self.contents {
            PlanContents::Graph(_, plan) => plan.stop,
            PlanContents::Problem(_, solution) => solution.stop,
        }
    }

    fn arena_bytes(&self) -> u64 {
        match &self.contents {
            PlanContents::Graph(_, plan) => plan.arena_bytes,
            PlanContents::Problem(_, solution) => solution.height,
        }
    }

    fn lower_bound_bytes(&self) -> u64 {
        match &self.contents {
            PlanContents::Graph(_, plan) => plan.lower_bound.bytes,
            PlanContents::Problem(_, solution) => solution.lower_bound.bytes,
        }
    }

    fn nodes(&self) -> u64 {
        match &self.contents {
            PlanContents::Graph(_, plan) => plan.nodes,
            PlanContents::Problem(_, solution) => solution.nodes,
        }
    }

    fn placements(&self) -> Vec<plimsoll_placement> {
        match &self.contents {
            PlanContents::Graph(_, plan) => {
                plan.placements().map(|(occupant, place)| placement(occupant.into(), place)).collect()
            }
            PlanContents::Problem(problem, solution) => {
                let places = problem.ids().zip(&solution.offsets).map(|(id, &offset)| {
                    let buffer = problem.buffer(id);
                    let place = Placement { offset, bytes: buffer.size(), live: buffer.live() };
                    placement(tensor(id.index()), place)
                });
                places.collect()
            }
        }
    }
}

pub(super) fn tensor(index: usize) -> plimsoll_occupant {
    plimsoll_occupant { index: index as u32, occupant: PLIMSOLL_OCCUPANT_TENSOR }
}

fn placement(
    plimsoll_occupant { index, occupant }: plimsoll_occupant,
    place: Placement,
) -> plimsoll_placement {
    let Placement { offset, bytes, live } = place;
    plimsoll_placement { offset, bytes, start: live.start, end: live.end, index, occupant }
}

unsafe fn read<T>(
    plan: *const plimsoll_plan,
    out: *mut T,
    name: &str,
    value: impl FnOnce(&plimsoll_plan) -> T,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        *unsafe { mutable(out, name) }? = value(plan);
        Ok(())
    })
}

/// Writes the size of the arena in bytes: the end of the topmost occupant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_arena_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", plimsoll_plan::arena_bytes) }
}

/// Writes the required alignment of the arena's address in bytes: the largest alignment in the plan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_arena_alignment(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    let largest = |plan: &plimsoll_plan| match &plan.contents {
        PlanContents::Graph(graph, plan) => {
            let tensors = plan.placements().filter_map(|(occupant, _)| match occupant {
                Occupant::Tensor(id) => graph.tensor(id).alignment(),
                Occupant::Scratch(id) => Some(graph.operator(id).scratch_alignment(plan.alignment)),
            });
            tensors.chain([plan.alignment]).max().unwrap_or(1)
        }
        PlanContents::Problem(problem, _) => {
            problem.buffers().iter().map(crate::Buffer::alignment).max().unwrap_or(1)
        }
    };
    unsafe { read(plan, bytes, "bytes", largest) }
}

/// Writes the lower bound on the arena for the order of the plan, in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_lower_bound_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", plimsoll_plan::lower_bound_bytes) }
}

/// Writes the part of the lower bound that `plimsoll_plan_bound_causes` certifies, in bytes. The rest
/// was proven by an exhaustive search.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_certified_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    let certified = |plan: &plimsoll_plan| match &plan.contents {
        PlanContents::Graph(_, plan) => plan.lower_bound.certified,
        PlanContents::Problem(_, solution) => solution.lower_bound.certified,
    };
    unsafe { read(plan, bytes, "bytes", certified) }
}

/// Writes the lower bound on the arena over all orders, in bytes; PLIMSOLL_NONE if no other order was
/// examined. If it is present, the status and the gap refer to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_bound_over_orders(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    let bound = |plan: &plimsoll_plan| match &plan.contents {
        PlanContents::Graph(_, plan) => plan.bound_over_orders.unwrap_or(PLIMSOLL_NONE),
        PlanContents::Problem(..) => PLIMSOLL_NONE,
    };
    unsafe { read(plan, bytes, "bytes", bound) }
}

/// Writes the relative distance from the lower bound to the arena: 0.01 is one percent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_gap(plan: *const plimsoll_plan, gap: *mut f64) -> i32 {
    let value = |plan: &plimsoll_plan| match &plan.contents {
        PlanContents::Graph(_, plan) => plan.gap(),
        PlanContents::Problem(_, solution) => solution.gap(),
    };
    unsafe { read(plan, gap, "gap", value) }
}

/// Writes the status of the plan: `PLIMSOLL_STATUS_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_status(plan: *const plimsoll_plan, status: *mut i32) -> i32 {
    let number = |plan: &plimsoll_plan| match plan.status() {
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
    unsafe { read(plan, stop, "stop", |plan| stop_number(plan.stop())) }
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
    unsafe { read(plan, nodes, "nodes", plimsoll_plan::nodes) }
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
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        unsafe { write_all(&plan.placements(), placements, record_size, capacity, count) }
    })
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
    guard(|| match &unsafe { reference(plan, "plan") }?.contents {
        PlanContents::Graph(_, plan) => {
            let offset_or_none =
                plan.tensors.iter().map(|place| place.map_or(PLIMSOLL_NONE, |place| place.offset));
            unsafe { copy_out(&offset_or_none.collect::<Vec<_>>(), offsets, capacity, count) }
        }
        PlanContents::Problem(_, solution) => unsafe {
            copy_out(&solution.offsets, offsets, capacity, count)
        },
    })
}

/// Writes the offset in bytes of a tensor or buffer; PLIMSOLL_NONE if it lies outside the arena.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_offset(
    plan: *const plimsoll_plan,
    tensor: u32,
    offset: *mut u64,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let out = unsafe { mutable(offset, "offset") }?;
        let index = tensor as usize;
        let planned = match &plan.contents {
            PlanContents::Graph(_, plan) => {
                plan.tensors.get(index).map(|place| place.map_or(PLIMSOLL_NONE, |place| place.offset))
            }
            PlanContents::Problem(_, solution) => solution.offsets.get(index).copied(),
        };
        *out = planned.ok_or_else(|| Failure::argument(format!("there is no tensor {tensor}")))?;
        Ok(())
    })
}

/// Writes the offset in bytes of an operator's scratch; PLIMSOLL_NONE if it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_scratch_offset(
    plan: *const plimsoll_plan,
    operator_: u32,
    offset: *mut u64,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let out = unsafe { mutable(offset, "offset") }?;
        let scratch = match &plan.contents {
            PlanContents::Graph(_, plan) => plan.scratch.get(operator_ as usize),
            PlanContents::Problem(..) => None,
        };
        let scratch =
            scratch.ok_or_else(|| Failure::argument(format!("there is no operator {operator_}")))?;
        *out = scratch.map_or(PLIMSOLL_NONE, |place| place.offset);
        Ok(())
    })
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
    guard(|| {
        let indices: Vec<u32> = match &unsafe { reference(plan, "plan") }?.contents {
            PlanContents::Graph(_, plan) => plan.order.iter().map(|id| id.index() as u32).collect(),
            PlanContents::Problem(..) => Vec::new(),
        };
        unsafe { copy_out(&indices, order, capacity, count) }
    })
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
    guard(|| {
        let (occupants, at): (Vec<plimsoll_occupant>, u32) =
            match &unsafe { reference(plan, "plan") }?.contents {
                PlanContents::Graph(_, plan) => {
                    let bound = &plan.lower_bound;
                    (bound.causes.iter().map(|&cause| cause.into()).collect(), bound.step)
                }
                PlanContents::Problem(_, solution) => {
                    let bound = &solution.lower_bound;
                    (bound.buffers.iter().map(|id| tensor(id.index())).collect(), bound.step)
                }
            };
        *unsafe { mutable(step, "step") }? = at;
        unsafe { write_all(&occupants, causes, record_size, capacity, count) }
    })
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
    guard(|| {
        let (records, bound): (Vec<plimsoll_shared_object>, u64) =
            match &unsafe { reference(plan, "plan") }?.contents {
                PlanContents::Graph(_, plan) => {
                    let list = plan.objects.iter().flat_map(|objects| &objects.list);
                    let list = list
                        .map(|object| plimsoll_shared_object { offset: object.offset, bytes: object.bytes });
                    (list.collect(), plan.objects.as_ref().map_or(0, |objects| objects.lower_bound))
                }
                PlanContents::Problem(_, solution) => {
                    let objects = solution.objects.iter();
                    let list = objects.flat_map(|objects| objects.offsets.iter().zip(&objects.sizes));
                    let list = list.map(|(&offset, &bytes)| plimsoll_shared_object { offset, bytes });
                    (list.collect(), solution.objects.as_ref().map_or(0, |objects| objects.lower_bound))
                }
            };
        *unsafe { mutable(least, "least") }? = bound;
        unsafe { write_all(&records, objects, record_size, capacity, count) }
    })
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
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let out = unsafe { mutable(object, "object") }?;
        let index = index as usize;
        let containing = match (&plan.contents, occupant) {
            (PlanContents::Graph(graph, plan), PLIMSOLL_OCCUPANT_TENSOR) if index < graph.tensors().len() => {
                plan.objects.as_ref().and_then(|objects| objects.of(Occupant::Tensor(TensorId::new(index))))
            }
            (PlanContents::Graph(graph, plan), PLIMSOLL_OCCUPANT_SCRATCH)
                if index < graph.operators().len() =>
            {
                plan.objects
                    .as_ref()
                    .and_then(|objects| objects.of(Occupant::Scratch(OperatorId::new(index))))
            }
            (PlanContents::Problem(problem, solution), PLIMSOLL_OCCUPANT_TENSOR)
                if index < problem.buffers().len() =>
            {
                solution.objects.as_ref().and_then(|objects| objects.of_buffer[index])
            }
            _ => return Err(Failure::argument(format!("there is no occupant {occupant} of index {index}"))),
        };
        *out = containing.unwrap_or(PLIMSOLL_NO_INDEX);
        Ok(())
    })
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
    guard(|| {
        let records: Vec<plimsoll_nesting> = match &unsafe { reference(plan, "plan") }?.contents {
            PlanContents::Graph(_, plan) => {
                let list = plan.objects.iter().flat_map(|objects| &objects.nestings);
                let record = |pair: &crate::PlanNesting| plimsoll_nesting {
                    guest: pair.guest.into(),
                    host: pair.host.into(),
                    at: pair.at,
                };
                list.map(record).collect()
            }
            PlanContents::Problem(_, solution) => {
                let list = solution.objects.iter().flat_map(|objects| &objects.nestings);
                let record = |pair: &crate::Nesting| plimsoll_nesting {
                    guest: tensor(pair.guest.index()),
                    host: tensor(pair.host.index()),
                    at: pair.at,
                };
                list.map(record).collect()
            }
        };
        unsafe { write_all(&records, nestings, record_size, capacity, count) }
    })
}
