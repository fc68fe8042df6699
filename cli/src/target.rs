//! `--target`: memory counted by the rules of a runtime.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plimsoll::export::tflite::{self, Kernels, Scratch, TflitePlan};
use plimsoll::import::contents;
use plimsoll::{Planner, Variables};

use crate::Failure;
use crate::inputs::{at, is_tflite, model_name};
use crate::reading::{InputsArgument, ReadingArguments};
use crate::scratch::scratch_of;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TargetArgument {
    /// TensorFlow Lite Micro with the reference kernels: the head of its arena, for a .tflite.
    Tflm,
    /// The same with CMSIS-NN on a Cortex-M with the DSP extension (M4, M7, M33).
    TflmCmsisNn,
    /// The same with CMSIS-NN on a Cortex-M with Helium (M52, M55, M85).
    TflmCmsisNnMve,
    /// The same with ESP-NN on ESP32-S3.
    TflmEspNn,
}

impl TargetArgument {
    fn kernels(self) -> Kernels {
        match self {
            Self::Tflm => Kernels::Reference,
            Self::TflmCmsisNn => Kernels::CmsisNnDsp,
            Self::TflmCmsisNnMve => Kernels::CmsisNnMve,
            Self::TflmEspNn => Kernels::EspNnEsp32S3,
        }
    }
}

/// Scratch of a target's kernels, measured scratch included. Without a target, the kernels are the reference
/// kernels.
pub fn kernel_scratch(target: Option<TargetArgument>, measured: Option<&Path>) -> Result<Scratch, Failure> {
    scratch_of(target.map_or(Kernels::Reference, TargetArgument::kernels), measured)
}

#[derive(Args, Debug)]
pub struct TargetArguments {
    /// Count memory as this runtime does: scratch of its kernels, bodies of control flow, sizes
    /// rounded as it rounds them, nothing folded. The bytes are those of the model that `plan --out
    /// FILE.tflite` writes, which implies tflm.
    #[arg(long, value_enum)]
    pub target: Option<TargetArgument>,
    /// Scratch of kernels as measured, for --target tflm and the like: a table with the columns subgraph,
    /// operator, type and bytes. Operators that are not in it get what the kernels of the target request;
    /// scratch of other optimised kernels is not known.
    #[arg(long, value_name = "FILE.csv")]
    pub scratch: Option<PathBuf>,
}

impl TargetArguments {
    pub fn is_given(&self) -> bool {
        self.target.is_some()
    }

    /// Options that have no effect on the target are mistakes.
    pub fn check(&self, reading: &ReadingArguments) -> Result<(), Failure> {
        match (self.target, &self.scratch) {
            (None, Some(_)) => Err("--scratch goes with --target tflm or --out FILE.tflite".into()),
            (None, None) => Ok(()),
            (Some(_), _) => check_reading(reading),
        }
    }

    /// Scratch of the target's kernels.
    pub fn kernel_scratch(&self) -> Result<Scratch, Failure> {
        kernel_scratch(self.target, self.scratch.as_deref())
    }

    /// The planner for this target's graphs.
    pub fn planner(&self, planner: Planner) -> Planner {
        if self.is_given() { planner.alignment(16).variables(Variables::Outside) } else { planner }
    }

    /// The model planned for the target.
    pub fn plan(&self, path: &Path, planner: Planner) -> Result<TflitePlan, Failure> {
        if !is_tflite(path) {
            return Err(at(path, &"--target tflm is for .tflite files"));
        }
        let scratch = self.kernel_scratch()?;
        tflite::plan(&model_name(path), &contents(path)?, planner, &scratch).map_err(|error| at(path, &error))
    }
}

/// What the runtime does by itself cannot be asked for otherwise.
pub fn check_reading(reading: &ReadingArguments) -> Result<(), Failure> {
    let contradictions = [
        (reading.align != 16, "--align: TensorFlow Lite Micro aligns to 16"),
        (
            matches!(reading.graph_inputs, InputsArgument::Overwritable),
            "--inputs overwritable: no kernel of TensorFlow Lite Micro promises to bear it",
        ),
        (reading.floats_as.is_some(), "--as: tensors are of the types that the file says"),
        (!reading.dims.is_empty(), "--dim: the runtime takes the shapes of the file"),
        (!reading.states.is_empty(), "--state: no kernel of TensorFlow Lite Micro promises to bear it"),
        (reading.multi_pass, "--multi-pass: the runtime's kernels do not promise it"),
        (!reading.input_shapes.is_empty(), "--input-shape: the runtime takes the shapes of the file"),
    ];
    match contradictions.iter().find(|contradiction| contradiction.0) {
        Some((_, why)) => Err(format!("does not go with --target tflm: {why}").into()),
        None => Ok(()),
    }
}

/// A line that says whose scratch a plan without a target leaves out; none if nobody needs any, or
/// the file is none of TensorFlow Lite.
pub fn scratch_line(path: &Path) -> Option<String> {
    if !is_tflite(path) {
        return None;
    }
    let names = tflite::operators_with_scratch(&contents(path).ok()?).ok()?;
    let (first, count) = (names.first()?, names.len());
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    Some(format!("scratch      not counted: kernels need some for `{first}`{more}; see --target tflm\n"))
}
