//! Formats of `--out`, by file extension.

use std::path::Path;

use crate::outcome::Failure;

/// Format of an output of `plan`.
#[derive(Clone, Copy, PartialEq, Eq)]
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

impl Format {
    /// Returns true for code and models, which are compiled or run, and false for reports.
    pub fn is_executable(self) -> bool {
        match self {
            Format::Header | Format::Source | Format::Tflite | Format::Onnx => true,
            Format::Json | Format::Csv | Format::Svg | Format::Html | Format::Trace | Format::Graph => false,
        }
    }
}

pub fn format_of(path: &Path) -> Result<Format, Failure> {
    // The name may contain bytes that are not UTF-8; the extensions contain none.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.to_ascii_lowercase().ends_with(".trace.json") {
        return Ok(Format::Trace);
    }
    if name.to_ascii_lowercase().ends_with(".graph.json") {
        return Ok(Format::Graph);
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    match extension.to_ascii_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        "svg" => Ok(Format::Svg),
        "html" => Ok(Format::Html),
        "h" => Ok(Format::Header),
        "c" => Ok(Format::Source),
        "tflite" => Ok(Format::Tflite),
        "onnx" => Ok(Format::Onnx),
        _ => {
            let extensions = ".json, .csv, .svg, .html, .trace.json, .graph.json, .h, .c, .tflite or .onnx";
            Err(format!("--out {}: unknown format; use the extension {extensions}", path.display()).into())
        }
    }
}
