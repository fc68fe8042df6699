use super::boundary::{array, copy_out, free, give, guard, mutable, reference};
use super::options::plimsoll_options;

use super::problem::plimsoll_problem;
use super::results::stop_number;
use super::status::PLIMSOLL_NONE;
use crate::Choice;

/// What is kept on chip where not everything fits, and what stays outside. Never
/// changes; any number of threads may use it at the same time. It has been
/// verified.
pub struct plimsoll_choice {
    choice: Choice,
}

/// Chooses buffers to keep in shared objects that are together not larger than
/// the capacity of the options, so that the value kept is greatest: `values` has
/// one for each of `count` buffers, or is NULL, and bytes count. Free the choice
/// with `plimsoll_choice_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_choose(
    problem: *const plimsoll_problem,
    options: *const plimsoll_options,
    values: *const u64,
    count: usize,
    choice: *mut *mut plimsoll_choice,
) -> i32 {
    guard(|| {
        let problem = &unsafe { reference(problem, "problem") }?.problem;
        let place = unsafe { mutable(choice, "choice") }?;
        let options = unsafe { reference(options, "options") }?;
        let values = if values.is_null() { None } else { Some(unsafe { array(values, count, "values") }?) };
        give(place, plimsoll_choice { choice: options.planner()?.choose(problem, values)? });
        Ok(())
    })
}

/// The value kept, and what at most could be kept; equal if that is proven.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_choice_value(
    choice: *const plimsoll_choice,
    value: *mut u64,
    bound: *mut u64,
) -> i32 {
    guard(|| {
        let choice = &unsafe { reference(choice, "choice") }?.choice;
        let (value, bound) = (unsafe { mutable(value, "value") }?, unsafe { mutable(bound, "bound") }?);
        (*value, *bound) = (choice.value, choice.bound);
        Ok(())
    })
}

/// Size of the arena in bytes, and why the search stopped: `PLIMSOLL_STOP_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_choice_arena_bytes(
    choice: *const plimsoll_choice,
    bytes: *mut u64,
    stop: *mut i32,
) -> i32 {
    guard(|| {
        let choice = &unsafe { reference(choice, "choice") }?.choice;
        let (bytes, stop) = (unsafe { mutable(bytes, "bytes") }?, unsafe { mutable(stop, "stop") }?);
        (*bytes, *stop) = (choice.height, stop_number(choice.stop));
        Ok(())
    })
}

/// Copies out an offset in bytes for each buffer; PLIMSOLL_NONE for what stays
/// outside. `count` as for `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_choice_offsets(
    choice: *const plimsoll_choice,
    offsets: *mut u64,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let choice = &unsafe { reference(choice, "choice") }?.choice;
        let own = choice.offsets.iter().map(|offset| offset.unwrap_or(PLIMSOLL_NONE));
        unsafe { copy_out(&own.collect::<Vec<_>>(), offsets, capacity, count) }
    })
}

/// Frees a choice; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_choice_free(choice: *mut plimsoll_choice) {
    unsafe { free(choice) };
}
