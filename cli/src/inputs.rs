//! Files, and folders of files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plimsoll::files;
use plimsoll::import::{self, ImportError, ImportOptions, Imported};

use crate::Failure;

/// Most bytes of a text that the command reads beside networks and plans: a machine, a table of
/// scratch or of families.
const LONGEST_TEXT: u64 = 64 << 20;

/// Reads one file; whatever is wrong with it is told with its path.
pub fn read(path: &Path, options: &ImportOptions) -> Result<Imported, Failure> {
    import::read(path, options).map_err(|error| with_path(path, error))
}

/// A small text file.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
    if bytes > LONGEST_TEXT {
        let path = path.display();
        return Err(format!("{path}: it is too long ({bytes} bytes, at most {LONGEST_TEXT})").into());
    }
    text(path, import::contents(path)?)
}

/// The text of a file that was read.
pub fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| format!("{}: not UTF-8: {error}", path.display()).into())
}

/// Checks before the work begins that outputs can be written, and are none of the inputs.
pub fn check_outputs<'a>(
    outputs: &[PathBuf],
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Failure> {
    Ok(files::check(outputs, inputs)?)
}

/// Among many inputs, each binds the dimensions that it has; `unused` loses those.
pub fn read_among(
    file: &Path,
    mut options: ImportOptions,
    unused: &mut BTreeSet<String>,
) -> Result<Imported, ImportError> {
    loop {
        match import::read(file, &options) {
            Err(ImportError::UnknownDimension { name, .. }) if options.dims.remove(&name).is_some() => {}
            Err(error) => return Err(error),
            Ok(imported) => {
                unused.retain(|name| !options.dims.contains_key(name));
                return Ok(imported);
            }
        }
    }
}

/// The error with the file's path, if it does not name that by itself.
pub fn with_path(path: &Path, error: ImportError) -> Failure {
    match error {
        ImportError::Read { .. } | ImportError::UnknownFormat { .. } => error.into(),
        other => format!("{}: {other}", path.display()).into(),
    }
}

/// In folders, graph JSON is left out: there it lies beside the network that it
/// describes, and other JSON files too.
const SEARCHED: [&str; 3] = ["onnx", "tflite", "csv"];

/// The files named, and those found in the folders named, sorted in each.
pub fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let before = files.len();
            search(input, &mut files)?;
            if files.len() == before {
                return Err(
                    format!("{}: no .onnx, .tflite or .csv file in this folder", input.display()).into()
                );
            }
            files[before..].sort();
        } else {
            files.push(input.clone());
        }
    }
    Ok(files)
}

fn search(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        // Links to folders are not followed: they may lead in circles.
        if entry.file_type().map_err(failed)?.is_dir() {
            search(&path, files)?;
        } else if path.is_file()
            && path
                .extension()
                .is_some_and(|ending| SEARCHED.iter().any(|known| ending.eq_ignore_ascii_case(known)))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// A name for messages and plans: the file's, without folder and ending.
pub fn model_name(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

pub fn is_onnx(path: &Path) -> bool {
    has_ending(path, "onnx")
}

pub fn is_tflite(path: &Path) -> bool {
    has_ending(path, "tflite")
}

pub fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// An error about a file, with its path.
pub fn at(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    format!("{}: {error}", path.display()).into()
}
