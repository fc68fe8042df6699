//! The choice of buffers to keep on chip.

use super::boundary::{array, copy_list, create, free, guard, mutable, reference};
use super::options::plimsoll_options;

use super::problem::plimsoll_problem;
use super::results::stop_number;
use super::status::PLIMSOLL_NONE;
use crate::Choice;

/// The choice of buffers to keep on chip where not all fit, with verified offsets. Immutable; any
/// number of threads may use it at the same time.
pub struct plimsoll_choice {
    choice: Choice,
}

/// Chooses the buffers to keep on chip, in shared objects whose total size is at most the capacity
/// of the options, so that the kept value is greatest. `values` has an entry for each of `count`
/// buffers; NULL values each buffer by its bytes. Free the choice with `plimsoll_choice_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_choose(
    problem: *const plimsoll_problem,
    options: *const plimsoll_options,
    values: *const u64,
    count: usize,
    choice: *mut *mut plimsoll_choice,
) -> i32 {
    let chosen = || {
        let problem = &unsafe { reference(problem, "problem") }?.problem;
        let options = unsafe { reference(options, "options") }?;
        let values = if values.is_null() { None } else { Some(unsafe { array(values, count, "values") }?) };
        Ok(plimsoll_choice { choice: options.planner()?.choose(problem, values)? })
    };
    unsafe { create(choice, "choice", chosen) }
}

/// Writes the value of the kept buffers and an upper bound on it; equal if the choice is optimal.
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

/// Writes the size of the arena in bytes and why the search stopped: `PLIMSOLL_STOP_...`.
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

/// Copies out an offset in bytes for each buffer; PLIMSOLL_NONE for buffers that stay off chip.
/// `count` as for `plimsoll_plan_placements`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_choice_offsets(
    choice: *const plimsoll_choice,
    offsets: *mut u64,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let choice = &unsafe { reference(choice, "choice") }?.choice;
        Ok(choice.offsets.iter().map(|offset| offset.unwrap_or(PLIMSOLL_NONE)))
    };
    unsafe { copy_list(offsets, capacity, count, listed) }
}

/// Frees a choice; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_choice_free(choice: *mut plimsoll_choice) {
    unsafe { free(choice) };
}
