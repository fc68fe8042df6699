//! Explanations of plans that do not fit.

use super::boundary::{free, give, guard, mutable, read, reference};
use super::options::plimsoll_options;
use super::plan::{PlanSource, options_or_default, plimsoll_plan};
use super::record_size::copy_records;
use super::records::plimsoll_occupant;
use super::results::tensor;
use crate::InfeasibleCore;

/// Tensors, buffers and scratch that cannot lie together within a capacity. Immutable; any number of
/// threads may use it at the same time.
pub struct plimsoll_infeasible_core {
    core: InfeasibleCore<plimsoll_occupant>,
}

/// Finds why a plan does not fit its capacity: tensors or buffers, and scratch, that cannot lie
/// together. Writes NULL if all fit, or if nothing could be proven within the limits of the options.
/// Only the limits of the options have an effect; NULL for the defaults. Free the result with
/// `plimsoll_infeasible_core_free`.
///
/// Runs at most one short search for each buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_explain(
    plan: *const plimsoll_plan,
    options: *const plimsoll_options,
    core: *mut *mut plimsoll_infeasible_core,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let out = unsafe { mutable(core, "core") }?;
        let planner = unsafe { options_or_default(options) }?.explainer();
        let core = match &plan.source {
            PlanSource::Graph(graph) => {
                planner.explain_plan(graph, &plan.plan)?.map(|core| core.map(plimsoll_occupant::from))
            }
            PlanSource::Problem(solved) => {
                planner.explain(&solved.0)?.map(|core| core.map(|id| tensor(id.index())))
            }
        };
        match core {
            Some(core) => give(out, plimsoll_infeasible_core { core }),
            None => *out = std::ptr::null_mut(),
        }
        Ok(())
    })
}

/// Copies out the members of the core. `count` as for `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_infeasible_core_occupants(
    core: *const plimsoll_infeasible_core,
    occupants: *mut plimsoll_occupant,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { reference(core, "core") }?.core.members.iter().copied());
    unsafe { copy_records(occupants, record_size, capacity, count, listed) }
}

/// Writes the bytes that the members need at least, and the arena capacity, which is less.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_infeasible_core_bytes(
    core: *const plimsoll_infeasible_core,
    needed: *mut u64,
    capacity: *mut u64,
) -> i32 {
    guard(|| {
        let core = &unsafe { reference(core, "core") }?.core;
        let (needed, capacity) =
            (unsafe { mutable(needed, "needed") }?, unsafe { mutable(capacity, "capacity") }?);
        (*needed, *capacity) = (core.needed, core.capacity);
        Ok(())
    })
}

/// Writes 1 if the members fit whenever any one of them is removed; 0 if some members could not be
/// tested within the limits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_infeasible_core_is_irreducible(
    core: *const plimsoll_infeasible_core,
    irreducible: *mut i32,
) -> i32 {
    let is_irreducible = |core: &plimsoll_infeasible_core| Ok(core.core.irreducible.into());
    unsafe { read((core, "core"), (irreducible, "irreducible"), is_irreducible) }
}

/// Frees a core; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_infeasible_core_free(core: *mut plimsoll_infeasible_core) {
    unsafe { free(core) };
}
