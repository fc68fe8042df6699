use super::boundary::{Failure, copy_out, guard, mutable, reference};
use super::plan::{Planned, plimsoll_plan};
use super::records::{plimsoll_inside, plimsoll_object, plimsoll_occupant, plimsoll_placement};
use super::status::{
    PLIMSOLL_NO_INDEX, PLIMSOLL_NONE, PLIMSOLL_OCCUPANT_SCRATCH, PLIMSOLL_OCCUPANT_TENSOR,
    PLIMSOLL_STATUS_FEASIBLE, PLIMSOLL_STATUS_INFEASIBLE, PLIMSOLL_STATUS_OPTIMAL, PLIMSOLL_STATUS_UNKNOWN,
    PLIMSOLL_STOP_CANCELLED, PLIMSOLL_STOP_DEADLINE, PLIMSOLL_STOP_FINISHED, PLIMSOLL_STOP_NODES,
};
use crate::{Occupant, OperatorId, Placement, Status, Stop, TensorId};

impl plimsoll_plan {
    fn status(&self) -> Status {
        match &self.of {
            Planned::Graph(_, plan) => plan.status,
            Planned::Problem(_, solution) => solution.status,
        }
    }

    fn stop(&self) -> Stop {
        match &self.of {
            Planned::Graph(_, plan) => plan.stop,
            Planned::Problem(_, solution) => solution.stop,
        }
    }

    fn arena_bytes(&self) -> u64 {
        match &self.of {
            Planned::Graph(_, plan) => plan.arena_bytes,
            Planned::Problem(_, solution) => solution.height,
        }
    }

    fn lower_bound_bytes(&self) -> u64 {
        match &self.of {
            Planned::Graph(_, plan) => plan.lower_bound.bytes,
            Planned::Problem(_, solution) => solution.lower_bound.bytes,
        }
    }

    fn nodes(&self) -> u64 {
        match &self.of {
            Planned::Graph(_, plan) => plan.nodes,
            Planned::Problem(_, solution) => solution.nodes,
        }
    }

    fn placements(&self) -> Vec<plimsoll_placement> {
        match &self.of {
            Planned::Graph(_, plan) => {
                plan.placements().map(|(occupant, place)| placement(occupant.into(), place)).collect()
            }
            Planned::Problem(problem, solution) => {
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
    place: *mut T,
    name: &str,
    value: impl FnOnce(&plimsoll_plan) -> T,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        *unsafe { mutable(place, name) }? = value(plan);
        Ok(())
    })
}

/// Size of the arena in bytes: the end of what lies topmost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_arena_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", plimsoll_plan::arena_bytes) }
}

/// What the address of the arena must be a multiple of: the largest alignment in
/// it, in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_arena_alignment(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    let largest = |plan: &plimsoll_plan| match &plan.of {
        Planned::Graph(graph, own) => {
            let tensors = own.placements().filter_map(|(occupant, _)| match occupant {
                Occupant::Tensor(id) => graph.tensor(id).alignment(),
                Occupant::Scratch(id) => Some(graph.operator(id).scratch_alignment(own.alignment)),
            });
            tensors.chain([own.alignment]).max().unwrap_or(1)
        }
        Planned::Problem(problem, _) => {
            problem.buffers().iter().map(crate::Buffer::alignment).max().unwrap_or(1)
        }
    };
    unsafe { read(plan, bytes, "bytes", largest) }
}

/// No arena is smaller than this for this order, in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_lower_bound_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    unsafe { read(plan, bytes, "bytes", plimsoll_plan::lower_bound_bytes) }
}

/// What of the lower bound `plimsoll_plan_bound_causes` shows, in bytes. What is above,
/// an exhaustive search has shown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_certified_bytes(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    let certified = |plan: &plimsoll_plan| match &plan.of {
        Planned::Graph(_, plan) => plan.lower_bound.certified,
        Planned::Problem(_, solution) => solution.lower_bound.certified,
    };
    unsafe { read(plan, bytes, "bytes", certified) }
}

/// No arena of any order is smaller than this, in bytes; PLIMSOLL_NONE if no other order
/// was looked at. The status and the gap are measured by this, if it is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_bound_over_orders(plan: *const plimsoll_plan, bytes: *mut u64) -> i32 {
    let bound = |plan: &plimsoll_plan| match &plan.of {
        Planned::Graph(_, plan) => plan.bound_over_orders.unwrap_or(PLIMSOLL_NONE),
        Planned::Problem(..) => PLIMSOLL_NONE,
    };
    unsafe { read(plan, bytes, "bytes", bound) }
}

/// How far the arena is above the lower bound: 0.01 is one percent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_gap(plan: *const plimsoll_plan, gap: *mut f64) -> i32 {
    let value = |plan: &plimsoll_plan| match &plan.of {
        Planned::Graph(_, plan) => plan.gap(),
        Planned::Problem(_, solution) => solution.gap(),
    };
    unsafe { read(plan, gap, "gap", value) }
}

/// What is known of the plan: `PLIMSOLL_STATUS_...`.
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

/// Why the search stopped: `PLIMSOLL_STOP_...`.
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

/// Search nodes spent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_nodes(plan: *const plimsoll_plan, nodes: *mut u64) -> i32 {
    unsafe { read(plan, nodes, "nodes", plimsoll_plan::nodes) }
}

/// Copies out all placements: tensors by index, then workspaces by operator.
///
/// `count` is how many there are. With NULL for `placements` only that is written;
/// if `capacity` is less, nothing but that, with PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_placements(
    plan: *const plimsoll_plan,
    placements: *mut plimsoll_placement,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        unsafe { copy_out(&plan.placements(), placements, capacity, count) }
    })
}

/// Copies out an offset in bytes for each tensor of the graph, or each buffer, by
/// index: PLIMSOLL_NONE for what has no place in the arena. `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_offsets(
    plan: *const plimsoll_plan,
    offsets: *mut u64,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| match &unsafe { reference(plan, "plan") }?.of {
        Planned::Graph(_, plan) => {
            let own = plan.tensors.iter().map(|place| place.map_or(PLIMSOLL_NONE, |place| place.offset));
            unsafe { copy_out(&own.collect::<Vec<_>>(), offsets, capacity, count) }
        }
        Planned::Problem(_, solution) => unsafe { copy_out(&solution.offsets, offsets, capacity, count) },
    })
}

/// The offset in bytes of one tensor, or buffer; PLIMSOLL_NONE if it has no place
/// in the arena.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_offset(
    plan: *const plimsoll_plan,
    tensor: u32,
    offset: *mut u64,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let place = unsafe { mutable(offset, "offset") }?;
        let index = tensor as usize;
        let own = match &plan.of {
            Planned::Graph(_, plan) => {
                plan.tensors.get(index).map(|place| place.map_or(PLIMSOLL_NONE, |place| place.offset))
            }
            Planned::Problem(_, solution) => solution.offsets.get(index).copied(),
        };
        *place = own.ok_or_else(|| Failure::argument(format!("there is no tensor {tensor}")))?;
        Ok(())
    })
}

/// The offset in bytes of an operator's workspace; PLIMSOLL_NONE if it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_scratch_offset(
    plan: *const plimsoll_plan,
    operator_: u32,
    offset: *mut u64,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let place = unsafe { mutable(offset, "offset") }?;
        let own = match &plan.of {
            Planned::Graph(_, plan) => plan.scratch.get(operator_ as usize),
            Planned::Problem(..) => None,
        };
        let own = own.ok_or_else(|| Failure::argument(format!("there is no operator {operator_}")))?;
        *place = own.map_or(PLIMSOLL_NONE, |place| place.offset);
        Ok(())
    })
}

/// Copies out the order in which to run: indices of operators, without the folded
/// ones; none of a problem. `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_order(
    plan: *const plimsoll_plan,
    order: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let own: Vec<u32> = match &unsafe { reference(plan, "plan") }?.of {
            Planned::Graph(_, plan) => plan.order.iter().map(|id| id.index() as u32).collect(),
            Planned::Problem(..) => Vec::new(),
        };
        unsafe { copy_out(&own, order, capacity, count) }
    })
}

/// Copies out what causes the peak, and writes the step at which it is: all of it
/// is live then, and takes as much as the certified part of the lower bound; or it is
/// one tensor with a fixed offset, whose end is that. `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_bound_causes(
    plan: *const plimsoll_plan,
    step: *mut u32,
    causes: *mut plimsoll_occupant,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let (own, at): (Vec<plimsoll_occupant>, u32) = match &unsafe { reference(plan, "plan") }?.of {
            Planned::Graph(_, plan) => {
                let bound = &plan.lower_bound;
                (bound.causes.iter().map(|&cause| cause.into()).collect(), bound.step)
            }
            Planned::Problem(_, solution) => {
                let bound = &solution.lower_bound;
                (bound.buffers.iter().map(|id| tensor(id.index())).collect(), bound.step)
            }
        };
        *unsafe { mutable(step, "step") }? = at;
        unsafe { copy_out(&own, causes, capacity, count) }
    })
}

/// Copies out the shared objects, by number; none if the strategy does not think
/// in them. `least` is what they take at least, together, under the strategy's
/// rules. `count` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_objects(
    plan: *const plimsoll_plan,
    objects: *mut plimsoll_object,
    capacity: usize,
    count: *mut usize,
    least: *mut u64,
) -> i32 {
    guard(|| {
        let (own, bound): (Vec<plimsoll_object>, u64) = match &unsafe { reference(plan, "plan") }?.of {
            Planned::Graph(_, plan) => {
                let list = plan.objects.iter().flat_map(|objects| &objects.list);
                let list = list.map(|object| plimsoll_object { offset: object.offset, bytes: object.bytes });
                (list.collect(), plan.objects.as_ref().map_or(0, |objects| objects.lower_bound))
            }
            Planned::Problem(_, solution) => {
                let objects = solution.objects.iter();
                let list = objects.flat_map(|objects| objects.offsets.iter().zip(&objects.sizes));
                let list = list.map(|(&offset, &bytes)| plimsoll_object { offset, bytes });
                (list.collect(), solution.objects.as_ref().map_or(0, |objects| objects.lower_bound))
            }
        };
        *unsafe { mutable(least, "least") }? = bound;
        unsafe { copy_out(&own, objects, capacity, count) }
    })
}

/// The number of the shared object that a tensor, buffer or workspace is in;
/// PLIMSOLL_NO_INDEX if in none. `occupant` is `PLIMSOLL_OCCUPANT_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_object_of(
    plan: *const plimsoll_plan,
    occupant: i32,
    index: u32,
    object: *mut u32,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let place = unsafe { mutable(object, "object") }?;
        let index = index as usize;
        let own = match (&plan.of, occupant) {
            (Planned::Graph(graph, plan), PLIMSOLL_OCCUPANT_TENSOR) if index < graph.tensors().len() => {
                plan.objects.as_ref().and_then(|objects| objects.of(Occupant::Tensor(TensorId::new(index))))
            }
            (Planned::Graph(graph, plan), PLIMSOLL_OCCUPANT_SCRATCH) if index < graph.operators().len() => {
                plan.objects
                    .as_ref()
                    .and_then(|objects| objects.of(Occupant::Scratch(OperatorId::new(index))))
            }
            (Planned::Problem(problem, solution), PLIMSOLL_OCCUPANT_TENSOR)
                if index < problem.buffers().len() =>
            {
                solution.objects.as_ref().and_then(|objects| objects.of_buffer[index])
            }
            _ => return Err(Failure::argument(format!("there is no occupant {occupant} of index {index}"))),
        };
        *place = own.unwrap_or(PLIMSOLL_NO_INDEX);
        Ok(())
    })
}

/// Copies out what was put inside of what, where objects were merged. `count` as
/// above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_insides(
    plan: *const plimsoll_plan,
    insides: *mut plimsoll_inside,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let own: Vec<plimsoll_inside> = match &unsafe { reference(plan, "plan") }?.of {
            Planned::Graph(_, plan) => {
                let list = plan.objects.iter().flat_map(|objects| &objects.inside);
                let one = |one: &crate::PlanInside| plimsoll_inside {
                    guest: one.guest.into(),
                    host: one.host.into(),
                    at: one.at,
                };
                list.map(one).collect()
            }
            Planned::Problem(_, solution) => {
                let list = solution.objects.iter().flat_map(|objects| &objects.inside);
                let one = |one: &crate::Inside| plimsoll_inside {
                    guest: tensor(one.guest.index()),
                    host: tensor(one.host.index()),
                    at: one.at,
                };
                list.map(one).collect()
            }
        };
        unsafe { copy_out(&own, insides, capacity, count) }
    })
}
