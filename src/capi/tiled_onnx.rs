//! ONNX models whose nodes run regions stripe by stripe.

#![cfg_attr(not(all(feature = "json", feature = "onnx")), allow(unused))]

use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{
    array, copy_out, create, free, give, guard, mutable, needs_feature, reference, write_to,
};
use super::export::write_bytes;
use super::import::{options_or_default as reading_or_default, plimsoll_import_options};
use super::onnx::UNNAMED;
use super::options::plimsoll_options;
use super::plan::{options_or_default, plimsoll_plan};
use super::tiled_plan::{graph_to_tile, tiling_goal};
#[cfg(all(feature = "json", feature = "onnx"))]
use crate::export::onnx::{self, TiledOnnx};

/// An ONNX model with a verified plan in it, in which regions of operators run stripe by stripe. Immutable; any
/// number of threads may use it at the same time.
pub struct plimsoll_tiled_onnx {
    #[cfg(all(feature = "json", feature = "onnx"))]
    tiled: TiledOnnx,
    alignment: u64,
}

/// Tiles an ONNX model, given as `model_size` bytes in memory, if that takes less memory than `plan`: regions
/// of operators run stripe by stripe, so that their large tensors never exist as a whole, and the model stays one that
/// every runtime runs. The plan must be of the graph that `reading` imports from the model. `reading` and
/// `options`, which should be those of the plan, may be NULL for the defaults. `capacity` and `max_extra_ppm` as for
/// `plimsoll_plan_tile`. Slices and concatenations are operators of the model, whose memory counts.
///
/// `tiled` receives NULL if no tiling within these limits takes less memory than the plan; that is no error. Free the
/// model with `plimsoll_tiled_onnx_free`. PLIMSOLL_ERROR_ARGUMENT for a plan of another graph or of a problem,
/// PLIMSOLL_ERROR_IMPORT if the model is invalid, PLIMSOLL_ERROR_UNSUPPORTED if the library was built without ONNX or
/// JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_tile_onnx(
    plan: *const plimsoll_plan,
    model: *const u8,
    model_size: usize,
    reading: *const plimsoll_import_options,
    options: *const plimsoll_options,
    capacity: u64,
    max_extra_ppm: u64,
    tiled: *mut *mut plimsoll_tiled_onnx,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let out = unsafe { mutable(tiled, "tiled") }?;
        let graph = graph_to_tile(plan)?;
        let model = unsafe { array(model, model_size, "model") }?;
        let reading = unsafe { reading_or_default(reading) }?;
        let options = unsafe { options_or_default(options) }?;
        let goal = tiling_goal(capacity, max_extra_ppm);
        *out = std::ptr::null_mut();
        needs_feature!("onnx" "json", {
            options.log(&format!("tiling the model `{}`", graph.name()));
            let planner = options.planner()?;
            let tiled = onnx::tile(UNNAMED, model, &planner, (graph, &plan.plan), &goal, reading)?;
            if let Some(tiled) = tiled {
                options.log(&format!("tiled `{}`: {} bytes", graph.name(), tiled.plan.arena_bytes));
                give(out, plimsoll_tiled_onnx { tiled, alignment: options.alignment() });
            }
            Ok(())
        })
    })
}

/// Copies out the model with the plan in it. `size` receives its size in bytes; with NULL for `bytes` only `size` is
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_model(
    tiled: *const plimsoll_tiled_onnx,
    bytes: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        needs_feature!("onnx" "json", {
            let tiled = unsafe { reference(tiled, "tiled") }?;
            unsafe { copy_out(&tiled.tiled.bytes, bytes, capacity, size) }
        })
    })
}

/// Writes the model to a file, in full or not at all. Weights in external files are expected in the folder of this
/// file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_write(
    tiled: *const plimsoll_tiled_onnx,
    path: *const c_char,
) -> i32 {
    guard(
        || needs_feature!("onnx" "json", unsafe { write_bytes(path, &reference(tiled, "tiled")?.tiled.bytes) }),
    )
}

/// Creates the plan of the tiled model. Tensors and operators have their indices in this model. Free it with
/// `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_plan(
    tiled: *const plimsoll_tiled_onnx,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    let of_model = || {
        needs_feature!("onnx" "json", {
            let plimsoll_tiled_onnx { tiled, alignment } = unsafe { reference(tiled, "tiled") }?;
            Ok(plimsoll_plan::of_graph(Arc::new(tiled.graph.clone()), tiled.plan.clone(), *alignment))
        })
    };
    unsafe { create(plan, "plan", of_model) }
}

/// Writes the cost of the model's operators without tiling, in multiply-accumulates, and the cost of rows that
/// tiling computes again. Either may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_cost(
    tiled: *const plimsoll_tiled_onnx,
    untiled: *mut u64,
    extra: *mut u64,
) -> i32 {
    guard(|| {
        needs_feature!("onnx" "json", {
            let tiled = &unsafe { reference(tiled, "tiled") }?.tiled;
            unsafe { write_to(untiled, tiled.untiled_cost) };
            unsafe { write_to(extra, tiled.extra_cost) };
            Ok(())
        })
    })
}

/// Frees a tiled model; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_free(tiled: *mut plimsoll_tiled_onnx) {
    unsafe { free(tiled) };
}
