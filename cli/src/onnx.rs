//! Models with their plans: `plan --out FILE.onnx`, and `verify FILE.onnx`.

use std::path::{Path, PathBuf};

use plimsoll::export::onnx::{self, OnnxError};
use plimsoll::import::{ImportOptions, contents};
use plimsoll::{Graph, Plan};

use crate::inputs::model_name;
use crate::output::say;
use crate::plan::Format;
use crate::verify::{imported_how, wrong};
use crate::{Answer, Failure};

/// A model is made of a model.
pub fn check_input(input: &Path, formats: &[Format]) -> Result<(), Failure> {
    if formats.contains(&Format::Onnx) && !is_onnx(input) {
        return Err(format!("{}: an .onnx is made of an .onnx", input.display()).into());
    }
    Ok(())
}

pub fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"))
}

/// The model's file anew.
pub fn written(
    input: &Path,
    (graph, plan): (&Graph, &Plan),
    options: &ImportOptions,
) -> Result<Vec<u8>, Failure> {
    let bytes = read(input)?;
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
    let files = onnx::external_files(&read(input)?).map_err(|error| at(input, &error))?;
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
    Ok(vec![format!(
        "weights are in other files (`{first}`{more}), which runtimes look for in the model's folder: put them beside {}",
        output.display()
    )])
}

/// Checks the plan inside of a model.
pub fn verify(input: &Path) -> Result<Answer, Failure> {
    match onnx::check(&model_name(input), &read(input)?) {
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

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(contents(path)?)
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    format!("{}: {error}", path.display()).into()
}
