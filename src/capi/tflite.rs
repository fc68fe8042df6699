use std::ffi::c_char;

use super::boundary::{Failure, array, copy_out, copy_text, free, give, guard, mutable, reference, text};
use super::export::write_bytes;
use super::options::plimsoll_options;
use super::plan::{options_or_default, plimsoll_plan};
use super::status::PLIMSOLL_NONE;

/// Scratch of a TensorFlow Lite model's operators, as measured on a target. Not to be changed by
/// one thread while another uses it; otherwise any number of threads may use it at the same time.
pub struct plimsoll_tflite_scratch {
    scratch: Scratch,
}

/// A model for TensorFlow Lite Micro with a plan inside. Never changes; any number of threads may
/// use it at the same time. It has been verified.
pub struct plimsoll_tflite_plan {
    planned: Planned,
}

/// Makes a table of scratch in which nothing is measured: operators need what the reference
/// kernels ask for. Free it with `plimsoll_tflite_scratch_free`.
///
/// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without TensorFlow Lite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_scratch_new(scratch: *mut *mut plimsoll_tflite_scratch) -> i32 {
    guard(|| {
        let place = unsafe { mutable(scratch, "scratch") }?;
        give(place, plimsoll_tflite_scratch { scratch: Scratch::reference()? });
        Ok(())
    })
}

/// So many bytes for an operator, by the positions of its subgraph and of itself in the file; all
/// of its requests together, each rounded up to 16. `op_type`, as in "CONV_2D", is what the
/// operator must be, so that a table for another model is noticed; NULL for any.
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

/// Plans a TensorFlow Lite model, of `model_size` bytes in memory, for TensorFlow Lite Micro, and
/// makes it anew with the plan inside. `name` is what the graph is called. `options` may be NULL
/// for the defaults: strategy, order, capacity, limits and callbacks count; the alignment must be
/// 16, nothing may be reserved, and variables are left to the runtime; of what may be shared, inputs
/// and outputs of RESHAPE and EXPAND_DIMS are. `scratch` may be
/// NULL for that of the reference kernels. Free the result with `plimsoll_tflite_plan_free`.
///
/// PLIMSOLL_ERROR_ARGUMENT if the options or the scratch do not go with the model,
/// PLIMSOLL_ERROR_IMPORT with what is wrong with the model or why it cannot have a plan,
/// PLIMSOLL_ERROR_UNSUPPORTED if the library was built without TensorFlow Lite.
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
        let place = unsafe { mutable(planned, "planned") }?;
        let model = unsafe { array(model, model_size, "model") }?;
        let name = unsafe { text(name, "name") }?;
        let default = plimsoll_options::default();
        let options = unsafe { options_or_default(options, &default) }?;
        options.check_for_tflite()?;
        let planned = Planned::new(name, model, options, unsafe { scratch_of(scratch) })?;
        give(place, plimsoll_tflite_plan { planned });
        Ok(())
    })
}

unsafe fn scratch_of<'a>(scratch: *const plimsoll_tflite_scratch) -> Option<&'a Scratch> {
    // SAFETY: the caller passes NULL or an object of this type.
    unsafe { scratch.as_ref() }.map(|scratch| &scratch.scratch)
}

/// Copies out the model with the plan inside. `size` is how many bytes it has; with NULL for
/// `place` only that is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_model(
    planned: *const plimsoll_tflite_plan,
    place: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        unsafe { copy_out(planned.model(), place, capacity, size) }
    })
}

/// Writes the model with the plan inside to a file, which appears whole or not at all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_write(
    planned: *const plimsoll_tflite_plan,
    path: *const c_char,
) -> i32 {
    guard(|| unsafe { write_bytes(path, reference(planned, "planned")?.planned.model()) })
}

/// What the head of the runtime's arena needs, scratch included, and what it needs without this
/// plan: PLIMSOLL_NONE if that is not known. Either may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tflite_plan_head_bytes(
    planned: *const plimsoll_tflite_plan,
    head: *mut u64,
    own_head: *mut u64,
) -> i32 {
    guard(|| {
        let planned = &unsafe { reference(planned, "planned") }?.planned;
        if !head.is_null() {
            *unsafe { mutable(head, "head") }? = planned.head_bytes();
        }
        if !own_head.is_null() {
            *unsafe { mutable(own_head, "own_head") }? = planned.own_head_bytes().unwrap_or(PLIMSOLL_NONE);
        }
        Ok(())
    })
}

/// Copies out what the user should know, a line each; empty if there is nothing. `size` is what it
/// needs; see `plimsoll_last_error`.
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

/// The plan of the first subgraph, with sizes as the runtime rounds them: for its figures, and to
/// be exported. Its tensors and operators count as in the file that was read; the workspace of an
/// operator is its scratch and what its bodies need. Free it with `plimsoll_plan_free`.
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

/// Copies out the order of a subgraph's operators: their positions in the file that was read.
/// PLIMSOLL_ERROR_ARGUMENT where there are no more subgraphs.
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

/// Copies out a subgraph's offsets in the arena's head, by tensor; PLIMSOLL_NONE where the runtime
/// plans: variables and constants. PLIMSOLL_ERROR_ARGUMENT where there are no more subgraphs.
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

/// Verifies the plan inside of a model for TensorFlow Lite Micro by the runtime's own rules, as it
/// checks nothing itself. `scratch`, which may be NULL, counts operators as they stand in this
/// file. `head` is what the arena's head needs, scratch included; it may be NULL.
///
/// PLIMSOLL_ERROR_WRONG_PLAN with what is wrong with the plan, PLIMSOLL_ERROR_IMPORT if there is
/// none or the model is broken, PLIMSOLL_ERROR_ARGUMENT and PLIMSOLL_ERROR_UNSUPPORTED as above.
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

    use super::super::plan::{Planned as PlanOf, planning_failure};
    use super::super::status::{PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_WRONG_PLAN};
    use super::{Failure, PLIMSOLL_NONE, plimsoll_options, plimsoll_plan};
    use crate::export::tflite::{self, TfliteError, TflitePlan};

    pub(super) struct Scratch(tflite::Scratch);

    impl Scratch {
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

    pub(super) struct Planned(TflitePlan);

    impl Planned {
        pub(super) fn new(
            name: &str,
            model: &[u8],
            options: &plimsoll_options,
            scratch: Option<&Scratch>,
        ) -> Result<Self, Failure> {
            options.log(&format!("planning `{name}` for TensorFlow Lite Micro"));
            let planned = with(scratch, |scratch| {
                tflite::plan(name, model, options.planner()?, scratch).map_err(failure)
            })?;
            options.log(&format!("planned `{name}`: a head of {} bytes", planned.head_bytes));
            Ok(Self(planned))
        }

        pub(super) fn model(&self) -> &[u8] {
            &self.0.bytes
        }

        pub(super) fn head_bytes(&self) -> u64 {
            self.0.head_bytes
        }

        pub(super) fn own_head_bytes(&self) -> Option<u64> {
            self.0.own_head_bytes
        }

        pub(super) fn notes(&self) -> String {
            self.0.notes.join("\n")
        }

        pub(super) fn main(&self) -> plimsoll_plan {
            let of = PlanOf::Graph(Arc::new(self.0.graph.clone()), Box::new(self.0.plan.clone()));
            plimsoll_plan { of, alignment: 16 }
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
        let none = || Failure::argument(format!("there is no subgraph {subgraph}, but {}", list.len()));
        list.get(subgraph).ok_or_else(none)
    }

    pub(super) fn checked(model: &[u8], scratch: Option<&Scratch>) -> Result<u64, Failure> {
        let checked = with(scratch, |scratch| {
            tflite::check(model, scratch).map_err(|error| match error {
                // Of a plan that was read: it is that which is wrong.
                TfliteError::Plan(error) => Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, error.to_string()),
                other => failure(other),
            })
        })?;
        Ok(checked.head_bytes)
    }

    fn with<T>(scratch: Option<&Scratch>, call: impl FnOnce(&tflite::Scratch) -> T) -> T {
        match scratch {
            Some(scratch) => call(&scratch.0),
            None => call(&tflite::Scratch::reference()),
        }
    }

    fn failure(error: TfliteError) -> Failure {
        let text = error.to_string();
        match error {
            TfliteError::Plan(error) => planning_failure(error),
            TfliteError::Scratch { .. } => Failure::argument(text),
            TfliteError::Wrong(_) => Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, text),
            _ => Failure::new(PLIMSOLL_ERROR_IMPORT, text),
        }
    }
}

/// Nothing can be made, so nothing need be done with it.
#[cfg(not(feature = "tflite"))]
mod supported {
    use super::super::status::PLIMSOLL_ERROR_UNSUPPORTED;
    use super::{Failure, plimsoll_options, plimsoll_plan};

    pub(super) enum Scratch {}

    impl Scratch {
        pub(super) fn reference() -> Result<Self, Failure> {
            Err(unsupported())
        }

        pub(super) fn set(&mut self, _: usize, _: usize, _: Option<&str>, _: u64) {
            match *self {}
        }
    }

    pub(super) enum Planned {}

    impl Planned {
        pub(super) fn new(
            _: &str,
            _: &[u8],
            _: &plimsoll_options,
            _: Option<&Scratch>,
        ) -> Result<Self, Failure> {
            Err(unsupported())
        }

        pub(super) fn model(&self) -> &[u8] {
            match *self {}
        }

        pub(super) fn head_bytes(&self) -> u64 {
            match *self {}
        }

        pub(super) fn own_head_bytes(&self) -> Option<u64> {
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

    pub(super) fn checked(_: &[u8], _: Option<&Scratch>) -> Result<u64, Failure> {
        Err(unsupported())
    }

    fn unsupported() -> Failure {
        Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, "this build lacks the feature `tflite`")
    }
}

use supported::{Planned, Scratch};
