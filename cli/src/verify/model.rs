//! Plans inside models.

use std::path::Path;

use plimsoll::export::onnx::{self, OnnxError};
use plimsoll::export::tflite::{self, TfliteError};
use plimsoll::import::contents;

use super::verdict::{import_summary, print_invalid, print_valid, print_violations};
use crate::arguments::VerifyArguments;
use crate::inputs::{error_at, is_tflite, model_name};
use crate::outcome::{Failure, Outcome};
use crate::scratch::read_scratch;

/// Verifies the plan inside an ONNX model.
pub fn verify_onnx(input: &Path) -> Result<Outcome, Failure> {
    match onnx::check(&model_name(input), &contents(input)?) {
        Ok(checked) => {
            let buffers = checked.plan.tensors.iter().flatten().count();
            let (arena, import) = (checked.plan.arena_bytes, import_summary(&checked.options));
            print_valid(&format!("{buffers} buffers in an arena of {arena} bytes{import}"))
        }
        Err(OnnxError::Violations(violations)) => print_violations(&violations),
        Err(error) if error.is_wrong_plan() => print_invalid([error.to_string()]),
        Err(error) => Err(error_at(input, &error)),
    }
}

/// Verifies the plan inside a TensorFlow Lite model.
pub fn verify_tflite(arguments: &VerifyArguments) -> Result<Outcome, Failure> {
    let input = &arguments.input;
    if !is_tflite(input) {
        return Err(error_at(input, &"only .tflite and .onnx files contain a plan; add PLAN.json"));
    }
    let scratch = read_scratch(arguments.target, arguments.scratch.as_deref())?;
    match tflite::check(&contents(input)?, &scratch) {
        Ok(checked) => {
            let buffers = checked.layout.offsets.iter().flatten().flatten().count();
            let (head, unplanned) = (checked.head_bytes, checked.left_to_runtime);
            let unplanned =
                if unplanned > 0 { format!(" and {unplanned} left to the runtime") } else { String::new() };
            print_valid(&format!("{buffers} buffers{unplanned} in a head of {head} bytes, scratch included"))
        }
        Err(error @ (TfliteError::Wrong(_) | TfliteError::Plan(_))) => print_invalid([error.to_string()]),
        Err(error) => Err(error_at(input, &error)),
    }
}
