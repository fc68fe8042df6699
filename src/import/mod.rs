//! Files to graphs and problems. Importers only build; they plan nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::Error;
#[allow(unused_imports)] // exporters of JSON and the C ABI cut messages as well
pub(crate) use crate::error::{cut, cut_within, short};
use crate::graph::{ElementType, Graph, GraphBuilder};
use crate::limits::CancelToken;
use crate::problem::Problem;

#[cfg(feature = "csv")]
mod buffers_csv;
mod conversion;
mod file;
pub(crate) mod foldable;
#[cfg(feature = "json")]
mod graph_json;
mod input_shape;
#[cfg(feature = "json")]
pub(crate) mod json;
#[cfg(feature = "onnx")]
mod onnx;
mod permits;
mod states;
#[cfg(feature = "tflite")]
pub(crate) mod tflite;
#[cfg(any(feature = "onnx", feature = "tflite"))]
mod upper_bounds;

/// What to make of a file.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Values for symbolic dimensions, by name. Dimensions computed from these, as in
    /// `floor(height/2) + 1`, follow.
    pub dims: BTreeMap<String, u64>,
    /// Shapes of inputs, by name, instead of those of the file; all that depends on them is
    /// inferred anew. For ONNX (with the feature `onnx-shapes`) and TensorFlow Lite; in the latter
    /// also of tensors whose shape does not follow from others.
    pub input_shapes: BTreeMap<String, InputShape>,
    /// Whole numbers that tensors hold, by name, in the order of their elements: of graph inputs, or of
    /// results that shapes or conditions depend on. For ONNX, with the feature `onnx-shapes`.
    pub values: BTreeMap<String, Vec<i64>>,
    /// Which operators are folded away.
    pub fold: Fold,
    /// Count every floating-point element in this type, as if quantized.
    pub floats_as: Option<ElementType>,
    /// Let operators overwrite graph inputs once they are read
    /// ([`Graph::overwrite_inputs`]).
    pub overwrite_inputs: bool,
    /// Outputs that take the places of inputs, by the names of the inputs: the state that a run leaves
    /// for the next one ([`Graph::keep_state`]).
    pub states: BTreeMap<String, String>,
    /// Let softmax and normalizations be written over their inputs. This takes kernels that read a
    /// row in full before they write it, in several passes.
    pub multi_pass: bool,
    /// Alignment of CSV buffers that name none; graphs take the planner's.
    pub alignment: Option<u64>,
    /// Ends the import from another thread, with [`Error::Cancelled`]. Checked between operators
    /// and tensors, not while the bytes are decoded.
    pub cancel: Option<CancelToken>,
}

impl ImportOptions {
    /// # Errors
    /// [`Error::Cancelled`].
    #[allow(dead_code)] // not every set of features has an importer
    fn go_on(&self) -> Result<(), ImportError> {
        let is_cancelled = self.cancel.as_ref().is_some_and(CancelToken::is_cancelled);
        if is_cancelled { Err(Error::Cancelled.into()) } else { Ok(()) }
    }
}

/// Which operators are folded away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fold {
    /// Those that read constants only and may run at compile time.
    #[default]
    Constants,
    /// None: every operator of the file runs.
    None,
}

/// A file's contents.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Imported {
    /// A network.
    Graph(ImportedGraph),
    /// Buffers alone; their names are the file's ids.
    Problem(Problem),
}

/// A network, and what was left out of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportedGraph {
    /// Operators and tensors; ids count them in the order of the file (ONNX
    /// has no list of tensors: there they count by first mention).
    pub graph: Graph,
    /// What the user should know, a sentence each: subgraphs left out.
    pub notes: Vec<String>,
}

/// Why a file could not be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing here reads files of this kind.
    #[error("{}: {reason}", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Which kinds there are, or which feature is not built in.
        reason: String,
    },
    /// The bytes are not what the format says.
    #[error("not a valid {format} file: {}", cut_within(.reason, 1500))]
    Malformed {
        /// `ONNX`, `TFLite`, `CSV`, `graph JSON`.
        format: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// Tensors have no static size.
    #[error("{}", unshaped_text(.tensors, .remedy))]
    Unshaped {
        /// Names, each with what is known of its shape.
        tensors: Vec<String>,
        /// What to run to fix it.
        remedy: String,
    },
    /// A dimension was bound that the file does not have.
    #[error("no tensor has a symbolic dimension `{}`; there are {}", short(.name), cut(.known))]
    UnknownDimension {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An input cannot have the shape that it is given.
    #[error("no shape can be given to `{}`: {}", short(.name), cut(.reason))]
    InputShape {
        /// The input.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A tensor cannot hold the numbers that it is given.
    #[error("no value can be given to `{}`: {}", short(.name), cut(.reason))]
    Value {
        /// The tensor.
        name: String,
        /// Why not.
        reason: String,
    },
    /// An output cannot have the place of an input.
    #[error("no state can go from `{}` to `{}`: {}", short(.input), short(.output), cut(.reason))]
    State {
        /// The input.
        input: String,
        /// The output.
        output: String,
        /// Why not.
        reason: String,
    },
    /// The file's graph or buffers break a rule.
    #[error(transparent)]
    Invalid(#[from] Error),
}

fn unshaped_text(tensors: &[String], remedy: &str) -> String {
    let (number, verb) = if tensors.len() == 1 { ("tensor", "has") } else { ("tensors", "have") };
    let shown = tensors.iter().take(MOST_LISTED).map(|text| cut(text).into_owned()).collect();
    let (count, shown) = (tensors.len(), listed(shown, tensors.len(), ", "));
    format!(
        "{count} {number} {verb} no static size: {}; {}",
        cut_within(&shown, 1200),
        cut_within(remedy, 600)
    )
}

impl ImportError {
    #[allow(dead_code)] // not every set of features has an importer
    #[allow(clippy::needless_pass_by_value)] // errors of all sorts and texts, handed over
    pub(crate) fn malformed(format: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { format, reason: reason.to_string() }
    }
}

/// Reads a file by its ending: `.onnx`, `.tflite`, `.csv` or `.json` (a graph),
/// as far as those features are built in.
///
/// # Errors
/// What is wrong with the file, naming the culprit.
pub fn read(path: &Path, options: &ImportOptions) -> Result<Imported, ImportError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
    let reason = match ending.as_str() {
        #[cfg(feature = "onnx")]
        "onnx" => return onnx::read_file(path, options).map(Imported::Graph),
        #[cfg(feature = "tflite")]
        "tflite" => return tflite::read_file(path, options).map(Imported::Graph),
        #[cfg(feature = "csv")]
        "csv" => return buffers_csv::read_file(path, options).map(Imported::Problem),
        #[cfg(feature = "json")]
        "json" => return graph_json::read_file(path, options).map(Imported::Graph),
        known if KNOWN.contains(&known) => format!("this build lacks the feature `{known}`"),
        other => {
            let expected = "expected a file ending in .onnx, .tflite, .csv or .json";
            let other = if path.join("saved_model.pb").exists() { "pb" } else { other };
            conversion(other).map_or_else(|| expected.to_owned(), |how| format!("{expected}; {how}"))
        }
    };
    let _ = options; // not read where no importer is built in
    Err(ImportError::UnknownFormat { path: path.to_owned(), reason })
}

/// Endings of files that some build can read.
const KNOWN: [&str; 4] = ["onnx", "tflite", "csv", "json"];

use conversion::conversion;
pub use file::contents;
pub use input_shape::{InputDimension, InputShape};

#[cfg(feature = "csv")]
pub use buffers_csv::from_bytes as csv_from_bytes;
#[cfg(feature = "json")]
pub use graph_json::from_bytes as graph_json_from_bytes;
#[cfg(feature = "onnx")]
pub use onnx::from_bytes as onnx_from_bytes;
#[cfg(feature = "tflite")]
pub use tflite::from_bytes as tflite_from_bytes;

/// So many names are in a list of a message.
#[allow(dead_code)] // not every set of features has lists
pub(crate) const MOST_LISTED: usize = 10;

/// Joins texts for a message: the first ten, then how many more there are. None if there are none.
#[allow(dead_code)] // not every set of features has lists
pub(crate) fn listing(mut texts: impl Iterator<Item = String>) -> Option<String> {
    let shown: Vec<String> = texts.by_ref().take(MOST_LISTED).collect();
    let count = shown.len() + texts.count();
    (count > 0).then(|| listed(shown, count, ", "))
}

/// Joins texts that are the first of `count`.
#[allow(dead_code)] // not every set of features has lists
pub(crate) fn listed(mut shown: Vec<String>, count: usize, separator: &str) -> String {
    if count > shown.len() {
        shown.push(format!("and {} more", count - shown.len()));
    }
    shown.join(separator)
}

/// The end of every graph importer: checks, folds and retypes.
#[allow(dead_code)] // not every set of features has an importer
fn finish(
    builder: GraphBuilder,
    notes: Vec<String>,
    options: &ImportOptions,
) -> Result<ImportedGraph, ImportError> {
    options.go_on()?;
    let mut graph = builder.build()?;
    options.go_on()?;
    if options.fold == Fold::Constants {
        graph.fold_constants();
    }
    if let Some(element_type) = options.floats_as {
        graph.count_floats_as(element_type)?;
    }
    if options.overwrite_inputs {
        graph.overwrite_inputs();
    }
    Ok(ImportedGraph { graph, notes })
}

/// A name that binds nothing is a typing mistake; let it not pass silently.
#[allow(dead_code)] // not every set of features has an importer
fn check_dims(bound: &BTreeMap<String, u64>, symbolic: &BTreeSet<&str>) -> Result<(), ImportError> {
    let Some(unknown) = bound.keys().find(|name| !symbolic.contains(name.as_str())) else { return Ok(()) };
    let names = symbolic.iter().map(|name| format!("`{}`", short(name)));
    let known = listing(names).unwrap_or_else(|| "none".to_owned());
    Err(ImportError::UnknownDimension { name: unknown.clone(), known })
}

/// For formats whose shapes are fixed.
#[allow(dead_code)] // not every set of features has an importer
fn check_fixed(options: &ImportOptions) -> Result<(), ImportError> {
    check_dims(&options.dims, &BTreeSet::new())?;
    if let Some(name) = options.values.keys().next() {
        let reason = "only tensors of ONNX files can be given values".to_owned();
        return Err(ImportError::Value { name: name.clone(), reason });
    }
    let Some(name) = options.input_shapes.keys().next() else { return Ok(()) };
    let reason = "only those of ONNX and TensorFlow Lite files can change".to_owned();
    Err(ImportError::InputShape { name: name.clone(), reason })
}
