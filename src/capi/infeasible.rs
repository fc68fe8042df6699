use super::boundary::{copy_out, free, give, guard, mutable, reference};
use super::options::plimsoll_options;
use super::plan::{Planned, options_or_default, plimsoll_plan};
use super::records::plimsoll_occupant;
use super::results::tensor;
use crate::InfeasibleCore;

/// What cannot lie together within a capacity. Never changes; any number of threads
/// may use it at the same time.
pub struct plimsoll_core {
    core: InfeasibleCore<plimsoll_occupant>,
}

/// Why a plan does not fit its capacity: tensors or buffers, and workspaces, that
/// cannot lie together. Writes NULL if all fit, as they do without a capacity, or if
/// nothing is proven within the limits of the options, of which nothing else counts;
/// NULL for the defaults. Free it with `plimsoll_core_free`.
///
/// As many searches as there are buffers in the worst case, each short.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_explain(
    plan: *const plimsoll_plan,
    options: *const plimsoll_options,
    core: *mut *mut plimsoll_core,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let place = unsafe { mutable(core, "core") }?;
        let default = plimsoll_options::default();
        let planner = unsafe { options_or_default(options, &default) }?.explainer();
        let core = match &plan.of {
            Planned::Graph(graph, plan) => {
                planner.explain_plan(graph, plan)?.map(|core| core.map(plimsoll_occupant::from))
            }
            Planned::Problem(problem, _) => {
                planner.explain(problem)?.map(|core| core.map(|id| tensor(id.index())))
            }
        };
        match core {
            Some(core) => give(place, plimsoll_core { core }),
            None => *place = std::ptr::null_mut(),
        }
        Ok(())
    })
}

/// Copies out what cannot lie together. `count` as for `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_core_occupants(
    core: *const plimsoll_core,
    occupants: *mut plimsoll_occupant,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let core = &unsafe { reference(core, "core") }?.core;
        unsafe { copy_out(&core.members, occupants, capacity, count) }
    })
}

/// The bytes that these need at least, and the bytes that there are, which are less.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_core_bytes(
    core: *const plimsoll_core,
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

/// 1 if they would fit without any one of them; 0 if that could not be decided for
/// all within the limits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_core_is_irreducible(
    core: *const plimsoll_core,
    irreducible: *mut i32,
) -> i32 {
    guard(|| {
        let core = &unsafe { reference(core, "core") }?.core;
        *unsafe { mutable(irreducible, "irreducible") }? = core.irreducible.into();
        Ok(())
    })
}

/// Frees it; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_core_free(core: *mut plimsoll_core) {
    unsafe { free(core) };
}
