//! Models for TensorFlow Lite Micro with a plan in them.

#![cfg_attr(not(feature = "tflite"), allow(unused))]

use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{
    Failure, array, copy_out, copy_text, create, free, guard, mutable, needs_feature, reference, text,
    write_to,
};
use super::export::write_bytes;
use super::options::plimsoll_options;
use super::plan::{options_or_default, plimsoll_plan};
use super::status::{PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_WRONG_PLAN, PLIMSOLL_NONE};
#[cfg(feature = "tflite")]
use crate::export::tflite::{self, Scratch, TfliteError, TfliteMeasure, TflitePlan};
use crate::tiling::TilingGoal;

/// Scratch sizes of the operators of a TensorFlow Lite model, as measured on a target. No thread may
/// change them while another uses them; otherwise any number of threads may use them at the same time.
pub struct plimsoll_tflite_scratch {
    #[cfg(feature = "tflite")]
    scratch: Scratch,
}

/// A model for TensorFlow Lite Micro with a verified plan in it. Immutable; any number of threads may
/// use it at the same time.
pub struct plimsoll_tflite_plan {
    #[cfg(feature = "tflite")]
    planned: TflitePlan,
    /// Cost of the operators without tiling, and extra cost of the tiling.
    #[cfg(feature = "tflite")]
    tiling_cost: [u64; 2],
}

/// Creates a table of scratch sizes without measurements: each operator needs the scratch of its
/// reference kernel. Free it with `plimsoll_tflite_scratch_free`.
///
/// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without TensorFlow Lite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_scratch_new(scratch: *mut *mut plimsoll_tflite_scratch) -> i32 {
    let reference =
        || needs_feature!("tflite", Ok(plimsoll_tflite_scratch { scratch: Scratch::reference() }));
    unsafe { create(scratch, "scratch", reference) }
}

/// Sets the scratch of an operator in bytes: the sum of its requests, each rounded up to 16. The
/// operator is given by the positions of its subgraph and of itself in the file. `op_type`, as in
/// "CONV_2D", is its expected type, so that a table for another model is refused; NULL for any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_scratch_set(
    scratch: *mut plimsoll_tflite_scratch,
    subgraph: usize,
    operator_index: usize,
    op_type: *const c_char,
    bytes: u64,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let all = &mut unsafe { mutable(scratch, "scratch") }?.scratch;
            let op_type = if op_type.is_null() { None } else { Some(unsafe { text(op_type, "op_type") }?) };
            let before = std::mem::take(all);
            *all = match op_type {
                Some(op_type) => before.measured_of_type(subgraph, operator_index, op_type, bytes),
                None => before.measured(subgraph, operator_index, bytes),
            };
            Ok(())
        })
    })
}

/// Frees a table of scratch; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_scratch_free(scratch: *mut plimsoll_tflite_scratch) {
    unsafe { free(scratch) };
}

/// Plans a TensorFlow Lite model, given as `model_size` bytes in memory, for TensorFlow Lite Micro,
/// and writes a copy of the model with the plan in it. `name` names the graph. `options` may be NULL
/// for the defaults: strategy, order, capacity, limits and callbacks apply; the alignment must be 16,
/// no range may be reserved, the runtime plans variables, and only inputs and outputs of RESHAPE,
/// EXPAND_DIMS, SLICE and SPLIT share memory, in place also those of DYNAMIC_UPDATE_SLICE, and with
/// PLIMSOLL_SHARING_ALL those of SQUEEZE and CONCATENATION. `scratch` may be NULL for the scratch of the reference kernels. Free the
/// result with `plimsoll_tflite_plan_free`.
///
/// PLIMSOLL_ERROR_ARGUMENT if the options or the scratch contradict the model,
/// PLIMSOLL_ERROR_IMPORT if the model is invalid or cannot have a plan, PLIMSOLL_ERROR_UNSUPPORTED if
/// the library was built without TensorFlow Lite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_new(
    model: *const u8,
    model_size: usize,
    name: *const c_char,
    options: *const plimsoll_options,
    scratch: *const plimsoll_tflite_scratch,
    planned: *mut *mut plimsoll_tflite_plan,
) -> i32 {
    let plan =
        || needs_feature!("tflite", unsafe { call(model, model_size, name, options, scratch) }?.plan());
    unsafe { create(planned, "planned", plan) }
}

/// Does the same as `plimsoll_tflite_plan_new`, but regions of operators may run stripe by stripe, so that
/// their large tensors never exist as a whole. `max_extra_ppm` is the cost that tiling may add for rows that
/// are computed again, in parts per million of the model's multiply-accumulates. With `smallest_head` other
/// than 0, the head is made small although the tail grows with every tile; otherwise the estimated arena.
/// Without a better tiling, the result is the plan without tiling. In a tiled model, tensors and operators
/// have the indices of the tiled model before it is put in order. Free the result with
/// `plimsoll_tflite_plan_free`.
///
/// Errors as for `plimsoll_tflite_plan_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_tile(
    model: *const u8,
    model_size: usize,
    name: *const c_char,
    options: *const plimsoll_options,
    scratch: *const plimsoll_tflite_scratch,
    max_extra_ppm: u64,
    smallest_head: i32,
    planned: *mut *mut plimsoll_tflite_plan,
) -> i32 {
    let tile = || {
        needs_feature!("tflite", {
            let measure = if smallest_head == 0 { TfliteMeasure::Arena } else { TfliteMeasure::Head };
            unsafe { call(model, model_size, name, options, scratch) }?.tile(max_extra_ppm, measure)
        })
    };
    unsafe { create(planned, "planned", tile) }
}

/// Writes the cost of the model's operators without tiling, in multiply-accumulates, and the cost of rows
/// that tiling computes again. Both are 0 for a plan without tiling. Either may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_tiling_cost(
    planned: *const plimsoll_tflite_plan,
    untiled: *mut u64,
    extra: *mut u64,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let costs = unsafe { reference(planned, "planned") }?.tiling_cost;
            costs.into_iter().zip([untiled, extra]).for_each(|(cost, out)| unsafe { write_to(out, cost) });
            Ok(())
        })
    })
}

#[cfg(feature = "tflite")]
unsafe fn call<'a>(
    model: *const u8,
    model_size: usize,
    name: *const c_char,
    options: *const plimsoll_options,
    scratch: *const plimsoll_tflite_scratch,
) -> Result<ModelCall<'a>, Failure> {
    let model = unsafe { array(model, model_size, "model") }?;
    let name = unsafe { text(name, "name") }?;
    let options = unsafe { options_or_default(options) }?;
    options.check_for_tflite()?;
    Ok(ModelCall { name, model, options, scratch: unsafe { scratch_of(scratch) } })
}

#[cfg(feature = "tflite")]
unsafe fn scratch_of(scratch: *const plimsoll_tflite_scratch) -> Scratch {
    // SAFETY: the caller passes NULL or an object of this type.
    unsafe { scratch.as_ref() }.map_or_else(Scratch::reference, |scratch| scratch.scratch.clone())
}

/// Copies out the model with the plan in it. `size` receives its size in bytes; with NULL for `bytes`
/// only `size` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_model(
    planned: *const plimsoll_tflite_plan,
    bytes: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let planned = &unsafe { reference(planned, "planned") }?.planned;
            unsafe { copy_out(&planned.bytes, bytes, capacity, size) }
        })
    })
}

/// Writes the model with the plan in it to a file, in full or not at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_write(
    planned: *const plimsoll_tflite_plan,
    path: *const c_char,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", unsafe { write_bytes(path, &reference(planned, "planned")?.planned.bytes) })
    })
}

/// Writes the bytes that the head of the runtime's arena needs, scratch included, with this plan and
/// with the runtime's own plan: PLIMSOLL_NONE if the latter is unknown. Either may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_head_bytes(
    planned: *const plimsoll_tflite_plan,
    head: *mut u64,
    runtime_head: *mut u64,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let planned = &unsafe { reference(planned, "planned") }?.planned;
            unsafe { write_to(head, planned.head_bytes) };
            unsafe { write_to(runtime_head, planned.runtime_head_bytes.unwrap_or(PLIMSOLL_NONE)) };
            Ok(())
        })
    })
}

/// Copies out notes for the user, a line each; empty if there are none. `size` as for
/// `plimsoll_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_notes(
    planned: *const plimsoll_tflite_plan,
    notes: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let planned = &unsafe { reference(planned, "planned") }?.planned;
            unsafe { copy_text(&planned.notes.join("\n"), notes, capacity, size) }
        })
    })
}

/// Creates a plan from the plan of the first subgraph, with sizes as the runtime rounds them: for its
/// figures, and for exports. Tensors and operators have their indices in the input file; the scratch
/// of an operator includes the memory of its bodies. Free it with `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_main(
    planned: *const plimsoll_tflite_plan,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    let main = || {
        needs_feature!("tflite", {
            let planned = &unsafe { reference(planned, "planned") }?.planned;
            Ok(plimsoll_plan::of_graph(Arc::new(planned.graph.clone()), planned.plan.clone(), 16))
        })
    };
    unsafe { create(plan, "plan", main) }
}

/// Copies out the order of a subgraph's operators: their positions in the input file.
/// PLIMSOLL_ERROR_ARGUMENT if there is no such subgraph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_order(
    planned: *const plimsoll_tflite_plan,
    subgraph: usize,
    order: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let planned = &unsafe { reference(planned, "planned") }?.planned;
            let positions = of_subgraph(&planned.layout.orders, subgraph)?.iter();
            let positions: Vec<u32> = positions.map(|&operator| operator as u32).collect();
            unsafe { copy_out(&positions, order, capacity, count) }
        })
    })
}

/// Copies out a subgraph's offsets in the head of the arena, by tensor; PLIMSOLL_NONE for tensors that
/// the runtime places: variables and constants. PLIMSOLL_ERROR_ARGUMENT if there is no such subgraph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_offsets(
    planned: *const plimsoll_tflite_plan,
    subgraph: usize,
    offsets: *mut u64,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let planned = &unsafe { reference(planned, "planned") }?.planned;
            let all = of_subgraph(&planned.layout.offsets, subgraph)?.iter();
            let all: Vec<u64> = all.map(|offset| offset.unwrap_or(PLIMSOLL_NONE)).collect();
            unsafe { copy_out(&all, offsets, capacity, count) }
        })
    })
}

/// Frees a planned model; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_free(planned: *mut plimsoll_tflite_plan) {
    unsafe { free(planned) };
}

/// Verifies the plan in a model for TensorFlow Lite Micro by the rules of the runtime, which does not
/// check it. `scratch`, which may be NULL, refers to operators by their positions in this file. `head`
/// receives the bytes that the head of the arena needs, scratch included; it may be NULL.
///
/// PLIMSOLL_ERROR_WRONG_PLAN if the plan is wrong, PLIMSOLL_ERROR_IMPORT if there is no plan or the
/// model is invalid; PLIMSOLL_ERROR_ARGUMENT and PLIMSOLL_ERROR_UNSUPPORTED as for
/// `plimsoll_tflite_plan_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_verify(
    model: *const u8,
    model_size: usize,
    scratch: *const plimsoll_tflite_scratch,
    head: *mut u64,
) -> i32 {
    guard(|| {
        needs_feature!("tflite", {
            let model = unsafe { array(model, model_size, "model") }?;
            let checked = tflite::check(model, &unsafe { scratch_of(scratch) });
            let checked = checked.map_err(|error| match error {
                // `check` read this plan from the file, so the plan is wrong, not the planner.
                TfliteError::Plan(error) => Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, error.to_string()),
                other => failure(other),
            })?;
            unsafe { write_to(head, checked.head_bytes) };
            Ok(())
        })
    })
}

/// Plans a model by the options and the scratch of a call.
#[cfg(feature = "tflite")]
struct ModelCall<'a> {
    name: &'a str,
    model: &'a [u8],
    options: &'a plimsoll_options,
    scratch: Scratch,
}

#[cfg(feature = "tflite")]
impl ModelCall<'_> {
    fn plan(&self) -> Result<plimsoll_tflite_plan, Failure> {
        let Self { name, model, options, scratch } = self;
        options.log(&format!("planning `{name}` for TensorFlow Lite Micro"));
        let planned = tflite::plan(name, model, options.planner()?, scratch).map_err(failure)?;
        options.log(&format!("planned `{name}`: a head of {} bytes", planned.head_bytes));
        Ok(plimsoll_tflite_plan { planned, tiling_cost: [0; 2] })
    }

    /// The plan without tiling, if no tiling is better.
    fn tile(&self, max_extra_ppm: u64, measure: TfliteMeasure) -> Result<plimsoll_tflite_plan, Failure> {
        let untiled = self.plan()?;
        let Self { name, model, options, scratch } = self;
        let goal = TilingGoal::least_memory().max_extra_ppm(max_extra_ppm);
        let planner = options.planner()?;
        let tiled = tflite::tile(name, model, &planner, scratch, &untiled.planned, (&goal, measure));
        let Some(tiled) = tiled.map_err(failure)? else { return Ok(untiled) };
        options.log(&format!("tiled `{name}`: a head of {} bytes", tiled.planned.head_bytes));
        Ok(plimsoll_tflite_plan {
            planned: tiled.planned,
            tiling_cost: [tiled.untiled_cost, tiled.extra_cost],
        })
    }
}

#[cfg(feature = "tflite")]
fn of_subgraph<T>(list: &[T], subgraph: usize) -> Result<&T, Failure> {
    let missing =
        || Failure::argument(format!("there is no subgraph {subgraph}; the model has {}", list.len()));
    list.get(subgraph).ok_or_else(missing)
}

#[cfg(feature = "tflite")]
fn failure(error: TfliteError) -> Failure {
    let text = error.to_string();
    match error {
        TfliteError::Plan(error) => error.into(),
        TfliteError::Scratch { .. } => Failure::argument(text),
        TfliteError::Wrong(_) => Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, text),
        _ => Failure::new(PLIMSOLL_ERROR_IMPORT, text),
    }
}
