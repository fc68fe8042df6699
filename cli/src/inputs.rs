//! Input files: names, contents, and the search of folders.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use plimsoll::export::tflite;
use plimsoll::files;
use plimsoll::import::{self, ImportError, ImportOptions, Imported};

use crate::outcome::Failure;

/// Size limit in bytes of text files other than networks and plans: memory descriptions, tables of
/// scratch and of families.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// Size limit in bytes of a TensorFlow Lite model that is read into memory: its offsets have 31
/// bits.
const MAX_TFLITE_BYTES: u64 = 1 << 31;

/// Reason of a refusal for kinds of inputs that a later version of the library may import.
pub const UNSUPPORTED_INPUT: &str = "this command does not support this kind of input";

/// Imports one file; errors start with its path.
pub fn read(path: &Path, options: &ImportOptions) -> Result<Imported, Failure> {
    import::read(path, options).map_err(|error| import_error(path, error))
}

/// An imported file.
pub struct Input {
    pub imported: Imported,
    /// Names of the operators whose kernels need scratch in TensorFlow Lite Micro, which the graph
    /// leaves out; empty for other formats.
    pub scratch_operators: Vec<String>,
}

/// Imports one file and, for a TensorFlow Lite model, lists the operators that need scratch; the
/// file is read once.
pub fn read_with_scratch(path: &Path, options: &ImportOptions) -> Result<Input, ImportError> {
    let is_readable = |file: std::fs::Metadata| file.is_file() && file.len() <= MAX_TFLITE_BYTES;
    if !is_tflite(path) || !std::fs::metadata(path).is_ok_and(is_readable) {
        return Ok(Input { imported: import::read(path, options)?, scratch_operators: Vec::new() });
    }
    let bytes = import::contents(path)?;
    let imported = Imported::Graph(import::tflite_from_bytes(&model_name(path), &bytes, options)?);
    Ok(Input { imported, scratch_operators: tflite::operators_with_scratch(&bytes).unwrap_or_default() })
}

/// Reads a text file of at most [`MAX_TEXT_BYTES`].
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    if bytes > MAX_TEXT_BYTES {
        return Err(error_at(
            path,
            &format!("the file is too large ({bytes} bytes, at most {MAX_TEXT_BYTES})"),
        ));
    }
    text(path, import::contents(path)?)
}

/// Decodes the bytes of a text file.
pub fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| error_at(path, &format!("not UTF-8: {error}")))
}

/// Checks before any planning that all outputs can be written and that none is an input or a file
/// with weights of an input.
pub fn check_outputs<'a>(
    outputs: &[PathBuf],
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Failure> {
    if outputs.is_empty() {
        return Ok(());
    }
    let inputs: Vec<&Path> = inputs.into_iter().collect();
    // A model that cannot be read has no such files; reading it later reports the error.
    let models = inputs.iter().filter(|path| is_onnx(path));
    let weights: Vec<PathBuf> =
        models.flat_map(|path| import::onnx_external_files_of(path).unwrap_or_default()).collect();
    Ok(files::check(outputs, inputs.into_iter().chain(weights.iter().map(PathBuf::as_path)))?)
}

/// Adds the path to an import error, unless the error contains it.
pub fn import_error(path: &Path, error: ImportError) -> Failure {
    match error {
        ImportError::Read { .. } | ImportError::UnknownFormat { .. } => error.into(),
        other => error_at(path, &other),
    }
}

/// Adds the path to an error about a file.
pub fn error_at(path: &Path, error: &dyn Display) -> Failure {
    format!("{}: {error}", path.display()).into()
}

/// Extensions that a search of folders looks for. Graph JSON is not among them: such a file
/// usually describes a network beside it, and folders contain other JSON files too.
const SEARCHED: [&str; 3] = ["onnx", "tflite", "csv"];

/// Replaces each folder by the files found in it, sorted by path.
pub fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let before = files.len();
            search(input, &mut files)?;
            if files.len() == before {
                return Err(error_at(input, &"no .onnx, .tflite or .csv file in this folder"));
            }
            files[before..].sort();
        } else {
            files.push(input.clone());
        }
    }
    Ok(files)
}

fn search(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| error_at(folder, &error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        // The entry's own type, so that links to folders are not followed: they may form cycles.
        if entry.file_type().map_err(failed)?.is_dir() {
            search(&path, files)?;
        } else if path.is_file() && SEARCHED.iter().any(|extension| has_extension(&path, extension)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Name of a model in messages and plans: the file name without folder and extension.
pub fn model_name(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

pub fn is_onnx(path: &Path) -> bool {
    has_extension(path, "onnx")
}

pub fn is_tflite(path: &Path) -> bool {
    has_extension(path, "tflite")
}

/// Compares without regard to ASCII case.
pub fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
