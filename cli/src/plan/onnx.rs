//! `plan --out FILE.onnx`: the model with its plan inside.

use std::path::{Path, PathBuf};

use plimsoll::export::onnx;
use plimsoll::import::{ImportOptions, contents};
use plimsoll::{Graph, Plan};

use super::format::Format;
use crate::Failure;
use crate::inputs::{at, is_onnx, model_name};

/// A model is made of a model.
pub fn check_input(input: &Path, formats: &[Format]) -> Result<(), Failure> {
    if formats.contains(&Format::Onnx) && !is_onnx(input) {
        return Err(format!("{}: an .onnx is made of an .onnx", input.display()).into());
    }
    Ok(())
}

/// The model's file anew.
pub fn written(
    input: &Path,
    (graph, plan): (&Graph, &Plan),
    options: &ImportOptions,
) -> Result<Vec<u8>, Failure> {
    let bytes = contents(input)?;
    onnx::write(&model_name(input), &bytes, graph, plan, options).map_err(|error| at(input, &error))
}

/// What a model in another folder lacks there.
pub fn notes(input: &Path, outputs: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let folder = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        std::fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()
    };
    let elsewhere = |output: &&PathBuf| is_onnx(output) && folder(output) != folder(input);
    let Some(output) = outputs.iter().find(elsewhere) else { return Ok(Vec::new()) };
    let files = onnx::external_files(&contents(input)?).map_err(|error| at(input, &error))?;
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
    Ok(vec![format!(
        "weights are in other files (`{first}`{more}), which runtimes look for in the model's folder: put them beside {}",
        output.display()
    )])
}
