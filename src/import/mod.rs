//! Importers: files to graphs and problems. They build graphs and plan nothing.
// Builds without some importers leave helpers unused.
#![cfg_attr(
    not(all(feature = "csv", feature = "json", feature = "onnx", feature = "tflite")),
    allow(dead_code, unused_imports)
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::Error;
pub(crate) use crate::error::{cut, cut_within, short};
use crate::graph::{ElementType, Graph, GraphBuilder, InputContents, Storage};
use crate::problem::Problem;
use crate::support::limits::CancelToken;

mod access;
#[cfg(feature = "csv")]
mod buffers_csv;
mod computed_shape;
pub(crate) mod contiguous;
mod conversion;
mod dims;
mod file;
pub(crate) mod folding;
#[cfg(feature = "json")]
mod graph_json;
mod input_shape;
#[cfg(feature = "json")]
pub(crate) mod json;
#[cfg(feature = "json")]
mod json_access;
#[cfg(feature = "json")]
mod json_permit;
#[cfg(feature = "onnx")]
mod layout;
mod memory;
mod onnx;
mod operator_table;
mod permits;
mod states;
pub(crate) mod tflite;
mod upper_bounds;

use conversion::conversion;
pub use file::contents;
use input_shape::no_such_input;
pub use input_shape::{InputDimension, InputShape};
#[cfg(feature = "json")]
pub(crate) use json_access::AccessEntry;
#[cfg(feature = "json")]
pub(crate) use json_permit::{LinkEntry, PermitEntry, PlacementEntry};

#[cfg(feature = "csv")]
pub use buffers_csv::from_bytes as csv_from_bytes;
#[cfg(feature = "json")]
pub use graph_json::from_bytes as graph_json_from_bytes;
#[cfg(all(feature = "json", feature = "onnx"))]
pub(crate) use onnx::standard_version as onnx_standard_version;
#[cfg(feature = "onnx")]
pub use onnx::{
    external_files as onnx_external_files, external_files_of as onnx_external_files_of,
    from_bytes as onnx_from_bytes, inlined as onnx_inlined,
};
#[cfg(feature = "tflite")]
pub use tflite::from_bytes as tflite_from_bytes;

/// Options of an import.
///
/// ```
/// use plimsoll::ElementType;
/// use plimsoll::import::{Fold, ImportOptions};
///
/// let mut options = ImportOptions::default();
/// options.dims.insert("batch".to_owned(), 1);
/// options.floats_as = Some(ElementType::Int8);
/// options.fold = Fold::None;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Values of symbolic dimensions, by name. Dimensions that are expressions of them, as in
    /// `floor(height/2) + 1`, are evaluated.
    pub dims: BTreeMap<String, u64>,
    /// Shapes of inputs, by name, instead of those of the file. Shapes that depend on them are inferred. Also
    /// shapes of results whose shape cannot be inferred. For ONNX and TensorFlow Lite.
    pub input_shapes: BTreeMap<String, InputShape>,
    /// Integer values of tensors, by name, in row-major order: of graph inputs, or of results on which shapes or
    /// conditions depend. For ONNX.
    pub values: BTreeMap<String, Vec<i64>>,
    /// The operators that are folded.
    pub fold: Fold,
    /// The type in which every floating-point element is counted, as if the network were quantized.
    pub floats_as: Option<ElementType>,
    /// The permitted use of the contents of graph inputs.
    pub input_contents: InputContents,
    /// The permitted use of the contents of single graph inputs, by name, instead of `input_contents`.
    pub contents_of: BTreeMap<String, InputContents>,
    /// The memory of tensors, by name. The names `@inputs` and `@outputs` stand for all graph inputs and outputs that
    /// have no entry of their own and request no storage in the file.
    pub storage: BTreeMap<String, Storage>,
    /// Outputs that become inputs of the next run, by the names of the inputs ([`Graph::keep_state`]).
    pub states: BTreeMap<String, String>,
    /// Permits softmax and normalizations in place. This requires kernels that read a whole row before they
    /// write it, in several passes.
    pub multi_pass: bool,
    /// Order of the axes of activations in memory.
    pub layout: Layout,
    /// Alignment of CSV buffers without an alignment of their own. Graphs use the alignment of the planner.
    pub alignment: Option<u64>,
    /// Cancels the import from another thread, which returns [`Error::Cancelled`]. Checked between operators
    /// and tensors, not while the bytes are decoded.
    pub cancel: Option<CancelToken>,
}

impl ImportOptions {
    /// Checks whether the import is cancelled.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn check_cancelled(&self) -> Result<(), ImportError> {
        let is_cancelled = self.cancel.as_ref().is_some_and(CancelToken::is_cancelled);
        if is_cancelled { Err(Error::Cancelled.into()) } else { Ok(()) }
    }
}

/// The order of the axes of activations in memory. It decides which slices and which parts of a
/// concatenation are contiguous, and so which of them may share memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Layout {
    /// Row-major order of the shape in the file.
    #[default]
    AsStored,
    /// ONNX tensors `[batch, channels, height, width]` between convolutions, pooling and the like are
    /// stored as `[batch, height, width, channels]`; other numbers of spatial axes alike. TensorFlow Lite
    /// files have this order.
    ChannelsInnermost,
}

/// The operators that are folded.
///
/// Example: [`ImportOptions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Fold {
    /// Operators that read only constants and may run at compile time.
    #[default]
    Constants,
    /// No operators: every operator of the file runs.
    None,
}

/// An imported file.
///
/// Example: [`read`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Imported {
    /// A network.
    Graph(ImportedGraph),
    /// Buffers without a graph. Their names are the ids of the file.
    Problem(Problem),
}

/// An imported network with notes.
///
/// Example: [`read`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportedGraph {
    /// Operators and tensors, with ids in the order of the file (in ONNX, which has no list of tensors, in
    /// the order of first mention).
    pub graph: Graph,
    /// Notes for the user, a sentence each: for example subgraphs that are not planned, or sizes that are upper
    /// bounds.
    pub notes: Vec<String>,
}

/// The reason why a file could not be imported.
///
/// Example: [`read`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// No importer reads files of this format.
    #[error("{}: {reason}", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The supported formats, or the missing feature.
        reason: String,
    },
    /// The bytes violate the format.
    #[error("not a valid {format} file: {}", cut_within(.reason, 1500))]
    Malformed {
        /// `ONNX`, `TFLite`, `CSV`, `graph JSON`.
        format: &'static str,
        /// The fault and its position.
        reason: String,
    },
    /// Tensors have no static size.
    #[error("{}", unshaped_text(.tensors, .remedy))]
    Unshaped {
        /// Names, each with the known part of the shape and the reason.
        tensors: Vec<String>,
        /// Remedies.
        remedy: String,
    },
    /// The options bind a symbolic dimension that the file does not have.
    #[error("no tensor has a symbolic dimension `{}`; there are {}", short(.name), cut(.known))]
    UnknownDimension {
        /// The name.
        name: String,
        /// The names of the symbolic dimensions of the file.
        known: String,
    },
    /// A tensor cannot have the shape that the options give it.
    #[error("invalid shape for `{}`: {}", short(.name), cut(.reason))]
    InputShape {
        /// The tensor.
        name: String,
        /// The reason.
        reason: String,
    },
    /// A tensor cannot have the value that the options give it.
    #[error("invalid value for `{}`: {}", short(.name), cut(.reason))]
    Value {
        /// The tensor.
        name: String,
        /// The reason.
        reason: String,
    },
    /// Calls of functions that the model defines cannot be inlined.
    #[error("functions of the model cannot be inlined: {}", cut(.reason))]
    Functions {
        /// The function and the fault.
        reason: String,
    },
    /// An output cannot replace an input in the next run.
    #[error("invalid state from `{}` to `{}`: {}", short(.input), short(.output), cut(.reason))]
    State {
        /// The input.
        input: String,
        /// The output.
        output: String,
        /// The reason.
        reason: String,
    },
    /// The options name a tensor for its memory or its contents that the graph does not have.
    #[error("cannot set the memory or the contents of `{}`: {}", short(.name), cut(.reason))]
    Memory {
        /// The name.
        name: String,
        /// The reason.
        reason: String,
    },
    /// A graph output that nothing in the file defines.
    #[error("tensor `{}` has no producer, but the graph outputs it; \
         is it an input, a constant or a variable?", short(.output))]
    UnknownOutput {
        /// The output.
        output: String,
    },
    /// The graph or the buffers of the file break a rule.
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
    #[allow(clippy::needless_pass_by_value)] // callers pass errors and texts
    pub(crate) fn malformed(format: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { format, reason: reason.to_string() }
    }

    /// Adds a place to the tensors of an error for tensors without a size.
    fn within(self, place: &str) -> Self {
        match self {
            Self::Unshaped { tensors, remedy } => {
                let tensors = tensors.into_iter().map(|tensor| format!("{tensor} {place}")).collect();
                Self::Unshaped { tensors, remedy }
            }
            other => other,
        }
    }
}

/// Imports a file by its extension: `.onnx`, `.tflite`, `.csv` (buffers) or `.json` (a graph), if the feature of
/// the format is built in.
///
/// ```
/// use std::path::Path;
///
/// use plimsoll::import::{ImportError, ImportOptions, read};
///
/// match read(Path::new("network.onnx"), &ImportOptions::default()) {
///     Ok(imported) => println!("{imported:?}"),
///     Err(ImportError::Read { path, source }) => println!("{}: {source}", path.display()),
///     Err(error) => println!("{error}"),
/// }
/// ```
///
/// # Errors
/// [`ImportError`], which names the operator, tensor or line at fault.
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
    let _ = options; // unused in builds without importers
    Err(ImportError::UnknownFormat { path: path.to_owned(), reason })
}

/// Extensions of files that a build with all features can read.
const KNOWN: [&str; 4] = ["onnx", "tflite", "csv", "json"];

/// Limit of names that a message lists.
pub(crate) const MOST_LISTED: usize = 10;

/// Joins texts for a message: the first [`MOST_LISTED`], then the number of further ones. None without texts.
pub(crate) fn listing(mut texts: impl Iterator<Item = String>) -> Option<String> {
    let shown: Vec<String> = texts.by_ref().take(MOST_LISTED).collect();
    let count = shown.len() + texts.count();
    (count > 0).then(|| listed(shown, count, ", "))
}

/// As [`listing`], of names in quotes.
fn listed_names<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    listing(names.map(|name| format!("`{}`", short(name))))
}

/// Joins texts, which are the first of `count`.
pub(crate) fn listed(mut shown: Vec<String>, count: usize, separator: &str) -> String {
    if count > shown.len() {
        shown.push(format!("and {} more", count - shown.len()));
    }
    shown.join(separator)
}

/// The first texts of a list that a note shows, and the number of all.
#[derive(Default)]
struct Listing {
    shown: Vec<String>,
    count: usize,
}

impl Listing {
    /// Adds a text, which is made only if it is among the first `max`.
    fn add(&mut self, max: usize, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.count <= max {
            self.shown.push(text());
        }
    }

    /// The note, if there are texts.
    fn note(self, what: &str) -> Option<String> {
        (self.count > 0).then(|| format!("{what}: {}", listed(self.shown, self.count, "; ")))
    }
}

/// Finishes every graph importer: builds, checks and folds the graph and applies the options for all formats.
fn finish(
    builder: GraphBuilder,
    notes: Vec<String>,
    options: &ImportOptions,
) -> Result<ImportedGraph, ImportError> {
    options.check_cancelled()?;
    let mut graph = builder.build()?;
    options.check_cancelled()?;
    if options.fold == Fold::Constants {
        graph.fold_constants();
    }
    if let Some(element_type) = options.floats_as {
        graph.count_floats_as(element_type)?;
    }
    memory::apply(&mut graph, options)?;
    Ok(ImportedGraph { graph, notes })
}

/// Refuses bound names that no dimension has, as they are typing mistakes.
fn check_dims(bound: &BTreeMap<String, u64>, symbolic: &BTreeSet<&str>) -> Result<(), ImportError> {
    let Some(unknown) = bound.keys().find(|name| !symbolic.contains(name.as_str())) else { return Ok(()) };
    let known = listed_names(symbolic.iter().copied()).unwrap_or_else(|| "none".to_owned());
    Err(ImportError::UnknownDimension { name: unknown.clone(), known })
}

/// Refuses options for shapes and values, for formats with fixed shapes.
fn check_fixed(options: &ImportOptions) -> Result<(), ImportError> {
    check_dims(&options.dims, &BTreeSet::new())?;
    if let Some(name) = options.values.keys().next() {
        let reason = "only tensors of ONNX files can have given values".to_owned();
        return Err(ImportError::Value { name: name.clone(), reason });
    }
    let Some(name) = options.input_shapes.keys().next() else { return Ok(()) };
    let reason = "only tensors of ONNX and TensorFlow Lite files can have given shapes".to_owned();
    Err(ImportError::InputShape { name: name.clone(), reason })
}
