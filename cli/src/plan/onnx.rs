//! `plan --out FILE.onnx`: the model with its plan inside.

use std::path::{Path, PathBuf};

use plimsoll::export::onnx;
use plimsoll::files::Format;
use plimsoll::files::OutputBatch;
use plimsoll::import::{ImportOptions, contents, onnx_external_files};

use super::planned::Planned;
use super::selected_outputs::Output;
use crate::inputs::{error_at, is_onnx, model_name};
use crate::outcome::Failure;

/// Refuses an .onnx output for other inputs.
pub fn check_input(input: &Path, formats: &[Format]) -> Result<(), Failure> {
    if formats.contains(&Format::Onnx) && !is_onnx(input) {
        return Err(error_at(input, &"not an .onnx file, which --out FILE.onnx needs"));
    }
    Ok(())
}

/// Writes the planned model to its outputs: the tiled model, if there is one.
pub fn write_models(
    input: &Path,
    outputs: &[Output<'_>],
    (planned, tiled): (Planned, Option<Vec<u8>>),
    options: &ImportOptions,
    batch: &mut OutputBatch<'_>,
) -> Result<(), Failure> {
    let mut models = outputs.iter().enumerate().filter(|(_, output)| output.1 == Format::Onnx).peekable();
    let Planned::Graph(pair) = planned else { return Ok(()) };
    if models.peek().is_none() {
        return Ok(());
    }
    let failed = |error| error_at(input, &error);
    let model = if let Some(tiled) = tiled {
        tiled
    } else {
        let bytes = contents(input)?;
        let (graph, plan) = *pair;
        onnx::write_owned(&model_name(input), &bytes, graph, plan, options).map_err(failed)?
    };
    for (index, _) in models {
        batch.write(index, |out| out.write_all(&model))?;
    }
    Ok(())
}

/// Note on files with weights that an output in another folder than the input's needs beside it.
pub fn weights_note(input: &Path, outputs: &[PathBuf]) -> Result<Option<String>, Failure> {
    let folder = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        std::fs::canonicalize(parent.unwrap_or(Path::new("."))).ok()
    };
    let is_elsewhere = |output: &&PathBuf| is_onnx(output) && folder(output) != folder(input);
    let Some(output) = outputs.iter().find(is_elsewhere) else { return Ok(None) };
    let files = onnx_external_files(&contents(input)?).map_err(|error| error_at(input, &error))?;
    let Some((first, others)) = files.split_first() else { return Ok(None) };
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    let output = output.display();
    Ok(Some(format!("{output}: weights are in other files (`{first}`{more}); copy them to its folder")))
}
