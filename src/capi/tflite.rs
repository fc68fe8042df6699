//! Models for TensorFlow Lite Micro with a plan in them.

use std::ffi::c_char;

use super::boundary::{Failure, array, copy_out, copy_text, free, give, guard, mutable, reference, text};
use super::export::write_bytes;
use super::options::plimsoll_options;
use super::plan::{options_or_default, plimsoll_plan};
use super::status::PLIMSOLL_NONE;

/// Scratch sizes of the operators of a TensorFlow Lite model, as measured on a target. No thread may
/// change them while another uses them; otherwise any number of threads may use them at the same time.
pub struct plimsoll_tflite_scratch {
    scratch: KernelScratch,
}

/// A model for TensorFlow Lite Micro with a verified plan in it. Immutable; any number of threads may
/// use it at the same time.
pub struct plimsoll_tflite_plan {
    planned: PlannedModel,
}

/// Creates a table of scratch sizes without measurements: each operator needs the scratch of its
/// reference kernel. Free it with `plimsoll_tflite_scratch_free`.
///
/// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without TensorFlow Lite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_scratch_new(scratch: *mut *mut plimsoll_tflite_scratch) -> i32 {
    guard(|| {
        let out = unsafe { mutable(scratch, "scratch") }?;
        give(out, plimsoll_tflite_scratch { scratch: KernelScratch::reference()? });
        Ok(())
    })
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
        let scratch = &mut unsafe { mutable(scratch, "scratch") }?.scratch;
        let op_type = if op_type.is_null() { None } else { Some(unsafe { text(op_type, "op_type") }?) };
        scratch.set(subgraph, operator_index, op_type, bytes);
        Ok(())
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
/// no range may be reserved, the runtime plans variables, and only inputs and outputs of RESHAPE and
/// EXPAND_DIMS share memory. `scratch` may be NULL for the scratch of the reference kernels. Free the
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
    guard(|| {
        let out = unsafe { mutable(planned, "planned") }?;
        let model = unsafe { array(model, model_size, "model") }?;
        let name = unsafe { text(name, "name") }?;
        let default = plimsoll_options::default();
        let options = unsafe { options_or_default(options, &default) }?;
        options.check_for_tflite()?;
        let planned = PlannedModel::new(name, model, options, unsafe { scratch_of(scratch) })?;
        give(out, plimsoll_tflite_plan { planned });
        Ok(())
    })
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
    guard(|| {
        let out = unsafe { mutable(planned, "planned") }?;
        let model = unsafe { array(model, model_size, "model") }?;
        let name = unsafe { text(name, "name") }?;
        let default = plimsoll_options::default();
        let options = unsafe { options_or_default(options, &default) }?;
        options.check_for_tflite()?;
        let goal = (max_extra_ppm, smallest_head != 0);
        let planned = PlannedModel::tiled(name, model, options, unsafe { scratch_of(scratch) }, goal)?;
        give(out, plimsoll_tflite_plan { planned });
        Ok(())
    })
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
        let costs = unsafe { reference(planned, "planned") }?.planned.tiling_cost();
        for (cost, (out, name)) in costs.into_iter().zip([(untiled, "untiled"), (extra, "extra")]) {
            if !out.is_null() {
                *unsafe { mutable(out, name) }? = cost;
            }
        }
        Ok(())
    })
}

unsafe fn scratch_of<'a>(scratch: *const plimsoll_tflite_scratch) -> Option<&'a KernelScratch> {
    // SAFETY: the caller passes NULL or an object of this type.
    unsafe { scratch.as_ref() }.map(|scratch| &scratch.scratch)
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
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        unsafe { copy_out(planned.model(), bytes, capacity, size) }
    })
}

/// Writes the model with the plan in it to a file, in full or not at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_write(
    planned: *const plimsoll_tflite_plan,
    path: *const c_char,
) -> i32 {
    guard(|| unsafe { write_bytes(path, reference(planned, "planned")?.planned.model()) })
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
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        if !head.is_null() {
            *unsafe { mutable(head, "head") }? = planned.head_bytes();
        }
        if !runtime_head.is_null() {
            *unsafe { mutable(runtime_head, "runtime_head") }? =
                planned.runtime_head_bytes().unwrap_or(PLIMSOLL_NONE);
        }
        Ok(())
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
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        unsafe { copy_text(&planned.notes(), notes, capacity, size) }
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
    guard(|| {
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        give(unsafe { mutable(plan, "plan") }?, planned.main());
        Ok(())
    })
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
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        unsafe { copy_out(&planned.order(subgraph)?, order, capacity, count) }
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
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        unsafe { copy_out(&planned.offsets(subgraph)?, offsets, capacity, count) }
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
        let model = unsafe { array(model, model_size, "model") }?;
        let bytes = supported::checked(model, unsafe { scratch_of(scratch) })?;
        if !head.is_null() {
            *unsafe { mutable(head, "head") }? = bytes;
        }
        Ok(())
    })
}

#[cfg(feature = "tflite")]
mod supported {
    use std::sync::Arc;

    use super::{Failure, PLIMSOLL_NONE, plimsoll_options, plimsoll_plan};
    use crate::capi::status::{PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_WRONG_PLAN};
    use crate::export::tflite::{self, TfliteError, TfliteMeasure, TflitePlan};
    use crate::tiling::TilingGoal;

    pub(super) struct KernelScratch(tflite::Scratch);

    impl KernelScratch {
        #[allow(clippy::unnecessary_wraps)] // other builds refuse
        pub(super) fn reference() -> Result<Self, Failure> {
            Ok(Self(tflite::Scratch::reference()))
        }

        pub(super) fn set(&mut self, subgraph: usize, operator: usize, op_type: Option<&str>, bytes: u64) {
            let scratch = std::mem::take(&mut self.0);
            self.0 = match op_type {
                Some(op_type) => scratch.measured_of_type(subgraph, operator, op_type, bytes),
                None => scratch.measured(subgraph, operator, bytes),
            };
        }
    }

    /// A planned model, and the costs of its tiling: without tiling, and extra.
    pub(super) struct PlannedModel(TflitePlan, [u64; 2]);

    impl PlannedModel {
        pub(super) fn new(
            name: &str,
            model: &[u8],
            options: &plimsoll_options,
            scratch: Option<&KernelScratch>,
        ) -> Result<Self, Failure> {
            options.log(&format!("planning `{name}` for TensorFlow Lite Micro"));
            let planned = with_scratch(scratch, |scratch| {
                tflite::plan(name, model, options.planner()?, scratch).map_err(failure)
            })?;
            options.log(&format!("planned `{name}`: a head of {} bytes", planned.head_bytes));
            Ok(Self(planned, [0; 2]))
        }

        pub(super) fn tiled(
            name: &str,
            model: &[u8],
            options: &plimsoll_options,
            scratch: Option<&KernelScratch>,
            (max_extra_ppm, smallest_head): (u64, bool),
        ) -> Result<Self, Failure> {
            let untiled = Self::new(name, model, options, scratch)?;
            let goal = TilingGoal::least_memory().max_extra_ppm(max_extra_ppm);
            let measure = if smallest_head { TfliteMeasure::Head } else { TfliteMeasure::Arena };
            let tiled = with_scratch(scratch, |scratch| {
                let planner = options.planner()?;
                tflite::tile(name, model, &planner, scratch, &untiled.0, (&goal, measure)).map_err(failure)
            })?;
            let Some(tiled) = tiled else { return Ok(untiled) };
            options.log(&format!("tiled `{name}`: a head of {} bytes", tiled.planned.head_bytes));
            Ok(Self(tiled.planned, [tiled.untiled_cost, tiled.extra_cost]))
        }

        pub(super) fn tiling_cost(&self) -> [u64; 2] {
            self.1
        }

        pub(super) fn model(&self) -> &[u8] {
            &self.0.bytes
        }

        pub(super) fn head_bytes(&self) -> u64 {
            self.0.head_bytes
        }

        pub(super) fn runtime_head_bytes(&self) -> Option<u64> {
            self.0.runtime_head_bytes
        }

        pub(super) fn notes(&self) -> String {
            self.0.notes.join("\n")
        }

        pub(super) fn main(&self) -> plimsoll_plan {
            plimsoll_plan::of_graph(Arc::new(self.0.graph.clone()), self.0.plan.clone(), 16)
        }

        pub(super) fn order(&self, subgraph: usize) -> Result<Vec<u32>, Failure> {
            let order = of_subgraph(&self.0.layout.orders, subgraph)?;
            Ok(order.iter().map(|&operator| operator as u32).collect())
        }

        pub(super) fn offsets(&self, subgraph: usize) -> Result<Vec<u64>, Failure> {
            let offsets = of_subgraph(&self.0.layout.offsets, subgraph)?;
            Ok(offsets.iter().map(|offset| offset.unwrap_or(PLIMSOLL_NONE)).collect())
        }
    }

    fn of_subgraph<T>(list: &[T], subgraph: usize) -> Result<&T, Failure> {
        let missing =
            || Failure::argument(format!("there is no subgraph {subgraph}; the model has {}", list.len()));
        list.get(subgraph).ok_or_else(missing)
    }

    pub(super) fn checked(model: &[u8], scratch: Option<&KernelScratch>) -> Result<u64, Failure> {
        let checked = with_scratch(scratch, |scratch| {
            tflite::check(model, scratch).map_err(|error| match error {
                // `check` read this plan from the file, so the plan is wrong, not the planner.
                TfliteError::Plan(error) => Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, error.to_string()),
                other => failure(other),
            })
        })?;
        Ok(checked.head_bytes)
    }

    fn with_scratch<T>(scratch: Option<&KernelScratch>, call: impl FnOnce(&tflite::Scratch) -> T) -> T {
        match scratch {
            Some(scratch) => call(&scratch.0),
            None => call(&tflite::Scratch::reference()),
        }
    }

    fn failure(error: TfliteError) -> Failure {
        let text = error.to_string();
        match error {
            TfliteError::Plan(error) => error.into(),
            TfliteError::Scratch { .. } => Failure::argument(text),
            TfliteError::Wrong(_) => Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, text),
            _ => Failure::new(PLIMSOLL_ERROR_IMPORT, text),
        }
    }
}

/// In builds without TensorFlow Lite the types have no values, so their methods are unreachable.
#[cfg(not(feature = "tflite"))]
mod supported {
    use super::{Failure, plimsoll_options, plimsoll_plan};
    use crate::capi::status::PLIMSOLL_ERROR_UNSUPPORTED;

    pub(super) enum KernelScratch {}

    impl KernelScratch {
        pub(super) fn reference() -> Result<Self, Failure> {
            Err(unsupported())
        }

        pub(super) fn set(&mut self, _: usize, _: usize, _: Option<&str>, _: u64) {
            match *self {}
        }
    }

    pub(super) enum PlannedModel {}

    impl PlannedModel {
        pub(super) fn new(
            _: &str,
            _: &[u8],
            _: &plimsoll_options,
            _: Option<&KernelScratch>,
        ) -> Result<Self, Failure> {
            Err(unsupported())
        }

        pub(super) fn tiled(
            _: &str,
            _: &[u8],
            _: &plimsoll_options,
            _: Option<&KernelScratch>,
            _: (u64, bool),
        ) -> Result<Self, Failure> {
            Err(unsupported())
        }

        pub(super) fn tiling_cost(&self) -> [u64; 2] {
            match *self {}
        }

        pub(super) fn model(&self) -> &[u8] {
            match *self {}
        }

        pub(super) fn head_bytes(&self) -> u64 {
            match *self {}
        }

        pub(super) fn runtime_head_bytes(&self) -> Option<u64> {
            match *self {}
        }

        pub(super) fn notes(&self) -> String {
            match *self {}
        }

        pub(super) fn main(&self) -> plimsoll_plan {
            match *self {}
        }

        pub(super) fn order(&self, _: usize) -> Result<Vec<u32>, Failure> {
            match *self {}
        }

        pub(super) fn offsets(&self, _: usize) -> Result<Vec<u64>, Failure> {
            match *self {}
        }
    }

    pub(super) fn checked(_: &[u8], _: Option<&KernelScratch>) -> Result<u64, Failure> {
        Err(unsupported())
    }

    fn unsupported() -> Failure {
        Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, "this build lacks the feature `tflite`")
    }
}

use supported::{KernelScratch, PlannedModel};
