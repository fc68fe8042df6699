//! ONNX models whose nodes run regions stripe by stripe.

use std::ffi::c_char;

use super::boundary::{Failure, array, copy_out, free, give, guard, mutable, reference};
use super::export::write_bytes;
use super::import::{options_or_default as reading_or_default, plimsoll_import_options};
use super::options::plimsoll_options;
use super::plan::{PlanSource, options_or_default, plimsoll_plan};
use super::status::PLIMSOLL_NONE;
use crate::import::ImportOptions;
use crate::tiling::TilingGoal;

/// An ONNX model with a verified plan in it, in which regions of operators run stripe by stripe. Immutable; any
/// number of threads may use it at the same time.
pub struct plimsoll_tiled_onnx {
    tiled: TiledModel,
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
        if !matches!(plan.source, PlanSource::Graph(_)) {
            return Err(Failure::argument("a plan of a problem has no operators to tile"));
        }
        let model = unsafe { array(model, model_size, "model") }?;
        let reading = unsafe { reading_or_default(reading) }?;
        let options = unsafe { options_or_default(options) }?;
        let goal = match capacity {
            PLIMSOLL_NONE => TilingGoal::least_memory(),
            bytes => TilingGoal::fit(bytes),
        };
        let goal = goal.max_extra_ppm(max_extra_ppm);
        *out = std::ptr::null_mut();
        if let Some(tiled) = TiledModel::new(plan, model, (reading, options), &goal)? {
            give(out, plimsoll_tiled_onnx { tiled });
        }
        Ok(())
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
    guard(|| unsafe { copy_out(reference(tiled, "tiled")?.tiled.model(), bytes, capacity, size) })
}

/// Writes the model to a file, in full or not at all. Weights in external files are expected in the folder of this
/// file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_write(
    tiled: *const plimsoll_tiled_onnx,
    path: *const c_char,
) -> i32 {
    guard(|| unsafe { write_bytes(path, reference(tiled, "tiled")?.tiled.model()) })
}

/// Creates the plan of the tiled model. Tensors and operators have their indices in this model. Free it with
/// `plimsoll_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_plan(
    tiled: *const plimsoll_tiled_onnx,
    plan: *mut *mut plimsoll_plan,
) -> i32 {
    guard(|| {
        let tiled = unsafe { reference(tiled, "tiled") }?;
        let out = unsafe { mutable(plan, "plan") }?;
        give(out, tiled.tiled.plan());
        Ok(())
    })
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
        let costs = unsafe { reference(tiled, "tiled") }?.tiled.costs();
        for (cost, (out, name)) in costs.into_iter().zip([(untiled, "untiled"), (extra, "extra")]) {
            if !out.is_null() {
                *unsafe { mutable(out, name) }? = cost;
            }
        }
        Ok(())
    })
}

/// Frees a tiled model; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_onnx_free(tiled: *mut plimsoll_tiled_onnx) {
    unsafe { free(tiled) };
}

#[cfg(all(feature = "json", feature = "onnx"))]
mod supported {
    use std::sync::Arc;

    use super::super::onnx::{UNNAMED, failure};
    use super::{Failure, ImportOptions, PlanSource, TilingGoal, plimsoll_options, plimsoll_plan};
    use crate::export::onnx::{self, TiledOnnx};

    pub(super) struct TiledModel {
        tiled: TiledOnnx,
        alignment: u64,
    }

    impl TiledModel {
        /// None if tiling does not help.
        pub(super) fn new(
            plan: &plimsoll_plan,
            model: &[u8],
            (reading, options): (&ImportOptions, &plimsoll_options),
            goal: &TilingGoal,
        ) -> Result<Option<Self>, Failure> {
            let PlanSource::Graph(graph) = &plan.source else { return Ok(None) };
            options.log(&format!("tiling the model `{}`", graph.name()));
            let planner = options.planner()?;
            let tiled = onnx::tile(UNNAMED, model, &planner, (graph, &plan.plan), goal, reading)
                .map_err(|error| failure(&error))?;
            let Some(tiled) = tiled else { return Ok(None) };
            options.log(&format!("tiled `{}`: {} bytes", graph.name(), tiled.plan.arena_bytes));
            Ok(Some(Self { tiled, alignment: options.alignment() }))
        }

        pub(super) fn model(&self) -> &[u8] {
            &self.tiled.bytes
        }

        pub(super) fn plan(&self) -> plimsoll_plan {
            let (graph, plan) = (Arc::new(self.tiled.graph.clone()), self.tiled.plan.clone());
            plimsoll_plan::of_graph(graph, plan, self.alignment)
        }

        pub(super) fn costs(&self) -> [u64; 2] {
            [self.tiled.untiled_cost, self.tiled.extra_cost]
        }
    }
}

#[cfg(not(all(feature = "json", feature = "onnx")))]
mod supported {
    use super::super::onnx::unsupported;
    use super::{Failure, ImportOptions, TilingGoal, plimsoll_options, plimsoll_plan};

    pub(super) enum TiledModel {}

    impl TiledModel {
        pub(super) fn new(
            _: &plimsoll_plan,
            _: &[u8],
            _: (&ImportOptions, &plimsoll_options),
            _: &TilingGoal,
        ) -> Result<Option<Self>, Failure> {
            Err(unsupported())
        }

        pub(super) fn model(&self) -> &[u8] {
            match *self {}
        }

        pub(super) fn plan(&self) -> plimsoll_plan {
            match *self {}
        }

        pub(super) fn costs(&self) -> [u64; 2] {
            match *self {}
        }
    }
}

use supported::TiledModel;
