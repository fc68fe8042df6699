//! Plans inside of models.

use std::path::Path;

use plimsoll::export::onnx::{self, OnnxError};
use plimsoll::export::tflite::{self, TfliteError};
use plimsoll::import::contents;

use super::answer::{imported_how, wrong};
use crate::arguments::VerifyArguments;
use crate::inputs::{at, is_tflite, model_name};
use crate::output::say;
use crate::target::kernel_scratch;
use crate::{Answer, Failure};

/// Checks the plan inside of an ONNX model.
pub fn onnx(input: &Path) -> Result<Answer, Failure> {
    match onnx::check(&model_name(input), &contents(input)?) {
        Ok(checked) => {
            let places = checked.plan.tensors.iter().flatten().count();
            let (arena, how) = (checked.plan.arena_bytes, imported_how(&checked.options));
            say(&format!("right: {places} places in an arena of {arena} bytes{how}\n"))?;
            Ok(Answer::Yes)
        }
        Err(OnnxError::Violations(violations)) => wrong(violations.list().iter().map(ToString::to_string)),
        Err(error) if error.is_wrong_plan() => wrong([error.to_string()]),
        Err(error) => Err(at(input, &error)),
    }
}

/// Checks the plan inside of a TensorFlow Lite model.
pub fn tflite(arguments: &VerifyArguments) -> Result<Answer, Failure> {
    let input = &arguments.input;
    if !is_tflite(input) {
        return Err(format!(
            "{}: name its PLAN.json; only a .tflite or an .onnx has a plan inside",
            input.display()
        )
        .into());
    }
    match tflite::check(&contents(input)?, &kernel_scratch(arguments.target, arguments.scratch.as_deref())?) {
        Ok(checked) => {
            let places = checked.layout.offsets.iter().flatten().flatten().count();
            let (head, left) = (checked.head_bytes, checked.left_to_runtime);
            let left = if left > 0 { format!(" and {left} left to the runtime") } else { String::new() };
            say(&format!("right: {places} places{left} in a head of {head} bytes, scratch included\n"))?;
            Ok(Answer::Yes)
        }
        Err(error @ (TfliteError::Wrong(_) | TfliteError::Plan(_))) => wrong([error.to_string()]),
        Err(error) => Err(at(input, &error)),
    }
}
