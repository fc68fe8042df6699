//! ONNX models with a plan in them.

#![cfg_attr(not(all(feature = "json", feature = "onnx")), allow(unused))]

use std::ffi::c_char;

use super::boundary::{Failure, array, copy_out, guard, needs_feature, reference};
use super::export::write_bytes;
use super::import::{options_or_default, plimsoll_import_options};
use super::plan::{PlanSource, plimsoll_plan};
use super::status::{PLIMSOLL_ERROR_ARGUMENT, PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_WRONG_PLAN};
#[cfg(all(feature = "json", feature = "onnx"))]
use crate::export::onnx::{self, OnnxError};

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
    needs_feature!("onnx" "json", Ok(onnx::write(UNNAMED, model, graph, &plan.plan, options)?))
}

/// Verifies the plan in the metadata of an ONNX model. PLIMSOLL_ERROR_WRONG_PLAN if the plan is
/// wrong, PLIMSOLL_ERROR_IMPORT if there is no plan or the model is invalid,
/// PLIMSOLL_ERROR_UNSUPPORTED as for `plimsoll_plan_export_onnx`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_onnx_verify(model: *const u8, model_size: usize) -> i32 {
    guard(|| {
        let model = unsafe { array(model, model_size, "model") }?;
        needs_feature!("onnx" "json", Ok(onnx::check(UNNAMED, model).map(|_| ())?))
    })
}

/// Name in messages of a model that has no file name.
pub(super) const UNNAMED: &str = "model";

#[cfg(all(feature = "json", feature = "onnx"))]
impl From<OnnxError> for Failure {
    fn from(error: OnnxError) -> Self {
        let status = match &error {
            OnnxError::OtherModel => PLIMSOLL_ERROR_ARGUMENT,
            error if error.is_wrong_plan() => PLIMSOLL_ERROR_WRONG_PLAN,
            _ => PLIMSOLL_ERROR_IMPORT,
        };
        Self::new(status, error.to_string())
    }
}
