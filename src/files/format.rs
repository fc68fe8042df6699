//! Formats of the outputs of a plan by their names, and pairs of a C source and its header.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::export::c_code::{CCode, can_include};

/// The format of an output of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Svg,
    Html,
    Trace,
    Graph,
    Header,
    Source,
    Tflite,
    Onnx,
}

/// The endings of names. An ending that contains another one precedes it.
const ENDINGS: [(&str, Format); 10] = [
    (".trace.json", Format::Trace),
    (".graph.json", Format::Graph),
    (".json", Format::Json),
    (".csv", Format::Csv),
    (".svg", Format::Svg),
    (".html", Format::Html),
    (".h", Format::Header),
    (".c", Format::Source),
    (".tflite", Format::Tflite),
    (".onnx", Format::Onnx),
];

impl Format {
    /// All endings, for messages.
    pub const ENDINGS: &'static str =
        ".json, .csv, .svg, .html, .trace.json, .graph.json, .h, .c, .tflite or .onnx";

    /// The format of a file of this name.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        // The name may contain bytes that are not UTF-8; the endings contain none.
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|&(_, format)| format)
    }

    /// Returns true for code and models, which are compiled or run, and false for reports.
    #[must_use]
    pub fn is_executable(self) -> bool {
        match self {
            Self::Header | Self::Source | Self::Tflite | Self::Onnx => true,
            Self::Json | Self::Csv | Self::Svg | Self::Html | Self::Trace | Self::Graph => false,
        }
    }
}

/// The C source or the header (`format`) among `outputs` that differs from `path` only in its ending.
#[must_use]
pub fn twin<'a>(path: &Path, format: Format, outputs: &'a [PathBuf]) -> Option<&'a Path> {
    let stem = path.with_extension("");
    let mut of_format = outputs.iter().filter(|output| Format::of(output) == Some(format));
    of_format.find(|output| output.with_extension("") == stem).map(PathBuf::as_path)
}

/// Name of a header between the quotes of `#include`; none if it cannot stand there.
#[must_use]
pub fn include_name(header: &Path) -> Option<&str> {
    header.file_name()?.to_str().filter(|name| can_include(name))
}

/// Writes a C source or header. A header whose source is an output too has declarations only.
///
/// # Errors
/// Errors of `out`.
pub fn write_code(code: &CCode, path: &Path, outputs: &[PathBuf], out: &mut dyn Write) -> io::Result<()> {
    if Format::of(path) == Some(Format::Source) {
        let header = twin(path, Format::Header, outputs).and_then(include_name);
        return code.write_source(header.unwrap_or_default(), out);
    }
    match twin(path, Format::Source, outputs) {
        Some(_) => code.write_header(out),
        None => code.write_alone(out),
    }
}
