//! `plan --check`: runs the input and the written model on the same random inputs, in the interpreters that are installed
//! in Python.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::selected_outputs::Output;
use crate::arguments::PlanArguments;
use crate::outcome::Failure;
use crate::output::print_lines;
use plimsoll::files::Format;

/// The script that compares two models.
const SCRIPT: &str = include_str!("same_outputs.py");

/// Largest difference of floating-point outputs, as a part of the largest output: kernels may choose another
/// algorithm for another shape.
const TOLERANCE: &str = "1e-4";

/// Environment variable that names the Python interpreter.
const PYTHON: &str = "PLIMSOLL_PYTHON";

/// Exit status of the script if no interpreter runs the input.
const NOT_COMPARED: i32 = 2;

/// Refuses `--check` without a model to compare.
pub fn check_outputs(arguments: &PlanArguments, formats: &[Format]) -> Result<(), Failure> {
    if arguments.check && !formats.iter().any(|&format| is_model(format)) {
        return Err("--check: no model is written; add --out FILE.onnx or --out FILE.tflite".into());
    }
    Ok(())
}

fn is_model(format: Format) -> bool {
    matches!(format, Format::Onnx | Format::Tflite)
}

/// Compares each written model with the input, and prints the results. Returns false if outputs differ by more than
/// the tolerance.
pub fn compare(arguments: &PlanArguments, outputs: &[Output<'_>]) -> Result<bool, Failure> {
    let mut is_equal = true;
    if arguments.check {
        for (path, _) in outputs.iter().filter(|output| is_model(output.1)) {
            is_equal &= is_same(&arguments.input, path)?;
        }
    }
    Ok(is_equal)
}

fn is_same(input: &Path, written: &Path) -> Result<bool, Failure> {
    let python = std::env::var_os(PYTHON).unwrap_or_else(|| OsString::from("python3"));
    let shown = python.to_string_lossy().into_owned();
    let cannot = |reason: &dyn std::fmt::Display| {
        format!(
            "--check: `{shown}` cannot compare the models: {reason}; it needs numpy and onnxruntime (for .onnx), or \
             tflite-micro or ai-edge-litert (for .tflite); {PYTHON} names another Python"
        )
    };
    let mut child = Command::new(&python)
        .arg("-")
        .args([input, written])
        .args(["--tolerance", TOLERANCE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot(&error))?;
    // A Python that ends early closes its input; its status then tells more.
    let _ = child.stdin.take().map(|mut script| script.write_all(SCRIPT.as_bytes()));
    let done = child.wait_with_output().map_err(|error| cannot(&error))?;
    let text = String::from_utf8_lossy(&done.stdout);
    match done.status.code() {
        Some(code @ (0 | 1)) if !text.is_empty() => {
            for line in text.lines() {
                print_lines(&format!("check          {line}"))?;
            }
            Ok(code == 0)
        }
        Some(NOT_COMPARED) if !text.is_empty() => {
            Err(cannot(&text.lines().collect::<Vec<&str>>().join("; ")).into())
        }
        _ => {
            let errors = String::from_utf8_lossy(&done.stderr);
            let reason = errors.lines().rfind(|line| !line.is_empty()).unwrap_or("it ended without a result");
            Err(cannot(&reason).into())
        }
    }
}
