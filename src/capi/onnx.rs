//! ONNX models with a plan in them.

use std::ffi::c_char;

use super::boundary::{Failure, array, copy_out, guard, reference};
use super::export::write_bytes;
use super::import::{options_or_default, plimsoll_import_options};
use super::plan::{PlanSource, plimsoll_plan};
use crate::import::ImportOptions;
use crate::{Graph, Plan};

/// Copies out an ONNX model, given as `model_size` bytes in memory, with its nodes in the order of a
/// plan and the plan in its metadata. The rest of the model is unchanged. The plan must be of the
/// graph that these options import from the model; `options` may be NULL for the defaults. `size`
/// receives the size of the written model in bytes; with NULL for `bytes` only `size` is written,
/// which takes as long.
///
/// PLIMSOLL_ERROR_ARGUMENT if the plan is of another graph, PLIMSOLL_ERROR_IMPORT if the model is
/// invalid, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without ONNX or JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_export_onnx(
    plan: *const plimsoll_plan,
    model: *const u8,
    model_size: usize,
    options: *const plimsoll_import_options,
    bytes: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let written = unsafe { planned(plan, model, model_size, options) }?;
        unsafe { copy_out(&written, bytes, capacity, size) }
    })
}

/// Writes the model of `plimsoll_plan_export_onnx` to a file, in full or not at all. Weights in
/// external files are expected in the folder of this file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_write_onnx(
    plan: *const plimsoll_plan,
    model: *const u8,
    model_size: usize,
    options: *const plimsoll_import_options,
    path: *const c_char,
) -> i32 {
    guard(|| unsafe { write_bytes(path, &planned(plan, model, model_size, options)?) })
}

unsafe fn planned(
    plan: *const plimsoll_plan,
    model: *const u8,
    model_size: usize,
    options: *const plimsoll_import_options,
) -> Result<Vec<u8>, Failure> {
    let plan = unsafe { reference(plan, "plan") }?;
    let PlanSource::Graph(graph) = &plan.source else {
        return Err(Failure::argument(
            "the plan is of a list of buffers; an ONNX export needs the plan of a graph".to_owned(),
        ));
    };
    let model = unsafe { array(model, model_size, "model") }?;
    let options = unsafe { options_or_default(options) }?;
    written(model, graph, &plan.plan, options)
}

/// Verifies the plan in the metadata of an ONNX model. PLIMSOLL_ERROR_WRONG_PLAN if the plan is
/// wrong, PLIMSOLL_ERROR_IMPORT if there is no plan or the model is invalid,
/// PLIMSOLL_ERROR_UNSUPPORTED as for `plimsoll_plan_export_onnx`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_onnx_verify(model: *const u8, model_size: usize) -> i32 {
    guard(|| checked(unsafe { array(model, model_size, "model") }?))
}

#[cfg(all(feature = "json", feature = "onnx"))]
mod supported {
    use super::super::status::{PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_WRONG_PLAN};
    use super::{Failure, Graph, ImportOptions, Plan};
    use crate::export::onnx::{self, OnnxError};

    /// Name in messages of a model that has no file name.
    pub(in crate::capi) const UNNAMED: &str = "model";

    pub(super) fn written(
        model: &[u8],
        graph: &Graph,
        plan: &Plan,
        options: &ImportOptions,
    ) -> Result<Vec<u8>, Failure> {
        onnx::write(UNNAMED, model, graph, plan, options).map_err(|error| failure(&error))
    }

    pub(super) fn checked(model: &[u8]) -> Result<(), Failure> {
        onnx::check(UNNAMED, model).map(|_| ()).map_err(|error| failure(&error))
    }

    pub(in crate::capi) fn failure(error: &OnnxError) -> Failure {
        let text = error.to_string();
        match error {
            OnnxError::OtherModel => Failure::argument(text),
            error if error.is_wrong_plan() => Failure::new(PLIMSOLL_ERROR_WRONG_PLAN, text),
            _ => Failure::new(PLIMSOLL_ERROR_IMPORT, text),
        }
    }
}

#[cfg(not(all(feature = "json", feature = "onnx")))]
mod supported {
    use super::super::status::PLIMSOLL_ERROR_UNSUPPORTED;
    use super::{Failure, Graph, ImportOptions, Plan};

    pub(super) fn written(_: &[u8], _: &Graph, _: &Plan, _: &ImportOptions) -> Result<Vec<u8>, Failure> {
        Err(unsupported())
    }

    pub(super) fn checked(_: &[u8]) -> Result<(), Failure> {
        Err(unsupported())
    }

    pub(in crate::capi) fn unsupported() -> Failure {
        Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, "this build lacks the feature `onnx` or `json`")
    }
}

#[cfg(not(all(feature = "json", feature = "onnx")))]
pub(super) use supported::unsupported;
#[cfg(all(feature = "json", feature = "onnx"))]
pub(super) use supported::{UNNAMED, failure};
use supported::{checked, written};
