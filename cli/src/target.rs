//! `--target`: memory counted by the rules of a runtime.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use plimsoll::export::tflite::{self, Kernels, Scratch, TfliteMeasure, TflitePlan, TiledTflite};
use plimsoll::import::contents;
use plimsoll::tiling::TilingGoal;
use plimsoll::{InputContents, Planner, Variables};

use crate::import_arguments::ImportArguments;
use crate::inputs::{error_at, is_tflite, model_name};
use crate::outcome::Failure;
use crate::output::report_notes;
use crate::scratch::read_scratch;
use crate::values::{NamedValue, named};

/// Alignment in bytes of every tensor in TensorFlow Lite Micro's arena.
pub const TFLM_ALIGNMENT: u64 = 16;

/// Values of `--target`.
pub static TARGETS: [NamedValue<Kernels>; 4] = [
    (
        "tflm",
        Kernels::Reference,
        "TensorFlow Lite Micro with the reference kernels, for .tflite inputs: the head of its arena",
    ),
    (
        "tflm-cmsis-nn",
        Kernels::CmsisNnDsp,
        "With CMSIS-NN on a Cortex-M with the DSP extension (M4, M7, M33)",
    ),
    ("tflm-cmsis-nn-mve", Kernels::CmsisNnMve, "With CMSIS-NN on a Cortex-M with Helium (M52, M55, M85)"),
    ("tflm-esp-nn", Kernels::EspNnEsp32S3, "With ESP-NN on ESP32-S3"),
];

/// Options of the target's runtime.
#[derive(Args, Debug)]
#[command(next_help_heading = "Memory options")]
pub struct TargetArguments {
    /// Runtime whose memory rules apply: kernel scratch, bodies of control flow and rounded
    /// sizes count, nothing is folded. Sizes are those of the model that `plan --out FILE.tflite`
    /// writes, which implies tflm.
    #[arg(long, value_parser = named(&TARGETS))]
    pub target: Option<Kernels>,
    /// Measured kernel scratch for the target: a CSV file with the columns subgraph, operator, type
    /// and bytes. Other operators need what the target's kernels request.
    #[arg(long, value_name = "FILE.csv")]
    pub scratch: Option<PathBuf>,
}

impl TargetArguments {
    pub fn is_given(&self) -> bool {
        self.target.is_some()
    }

    /// Refuses options that the target rules out, and `--scratch` without a target.
    pub fn check(&self, reading: &ImportArguments) -> Result<(), Failure> {
        match (self.target, &self.scratch) {
            (None, Some(_)) => {
                Err("--scratch: no target needs it; add --target tflm or --out FILE.tflite".into())
            }
            (None, None) => Ok(()),
            (Some(_), _) => check_tflm_reading(reading),
        }
    }

    /// Configures a planner for the graphs of this target.
    pub fn planner(&self, planner: Planner) -> Planner {
        if self.is_given() {
            planner.alignment(TFLM_ALIGNMENT).variables(Variables::Outside)
        } else {
            planner
        }
    }

    /// Plans a model for the target and prints its notes.
    pub fn plan(&self, path: &Path, planner: Planner, bar: &ProgressBar) -> Result<TflitePlan, Failure> {
        let model = self.model(path)?.plan(planner)?;
        report_notes(path, &model.notes, bar);
        Ok(model)
    }

    /// Reads a model for the target.
    pub fn model<'a>(&self, path: &'a Path) -> Result<TargetModel<'a>, Failure> {
        if !is_tflite(path) {
            return Err(error_at(path, &"not a .tflite file, which --target tflm needs"));
        }
        let scratch = read_scratch(self.target, self.scratch.as_deref())?;
        Ok(TargetModel { path, bytes: contents(path)?, scratch })
    }
}

/// A model's file and its kernel scratch.
pub struct TargetModel<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
    scratch: Scratch,
}

impl TargetModel<'_> {
    /// Bytes of the file.
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    pub fn tile(
        &self,
        planner: &Planner,
        untiled: &TflitePlan,
        goal: (&TilingGoal, TfliteMeasure),
    ) -> Result<Option<TiledTflite>, Failure> {
        tflite::tile(&model_name(self.path), &self.bytes, planner, &self.scratch, untiled, goal)
            .map_err(|error| error_at(self.path, &error))
    }

    pub fn plan(&self, planner: Planner) -> Result<TflitePlan, Failure> {
        tflite::plan(&model_name(self.path), &self.bytes, planner, &self.scratch)
            .map_err(|error| error_at(self.path, &error))
    }
}

/// Refuses import options that contradict what TensorFlow Lite Micro does.
pub fn check_tflm_reading(reading: &ImportArguments) -> Result<(), Failure> {
    let contents: Vec<InputContents> = reading.input_contents.iter().map(|(_, contents)| *contents).collect();
    check_tflm_options(&[
        (reading.align != TFLM_ALIGNMENT, "--align", "TensorFlow Lite Micro aligns to 16 bytes"),
        (
            contents.contains(&InputContents::Overwritable),
            "--inputs overwritable",
            "TensorFlow Lite Micro's kernels do not support it",
        ),
        (
            contents.contains(&InputContents::Preserved),
            "--inputs preserved",
            "TensorFlow Lite Micro may place the scratch of kernels over inputs after their last read",
        ),
        (!reading.storages.is_empty(), "--storage", "TensorFlow Lite Micro has one arena"),
        (reading.floats_as.is_some(), "--as", "the runtime uses the element types in the file"),
        (!reading.dims.is_empty(), "--dim", "the runtime uses the shapes in the file"),
        (!reading.states.is_empty(), "--state", "TensorFlow Lite Micro's kernels do not support it"),
        (reading.multi_pass, "--multi-pass", "TensorFlow Lite Micro's kernels do not support it"),
        (!reading.input_shapes.is_empty(), "--input-shape", "the runtime uses the shapes in the file"),
    ])
}

/// Reports the first option that is given and not supported, with the reason.
pub fn check_tflm_options(options: &[(bool, &str, &str)]) -> Result<(), Failure> {
    match options.iter().find(|(is_given, ..)| *is_given) {
        Some((_, option, reason)) => {
            Err(format!("{option}: not supported with --target tflm: {reason}").into())
        }
        None => Ok(()),
    }
}

/// Summary line on the kernel scratch that a plan without a target leaves out; empty if no operator
/// needs any.
pub fn scratch_line(operators: &[String]) -> String {
    let Some((first, others)) = operators.split_first() else { return String::new() };
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    format!(
        "scratch        not counted: kernels of `{first}`{more} need some; use --target tflm to count it\n"
    )
}
