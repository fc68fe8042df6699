//! Formats of `--out`, by the ending of the file.

use std::path::Path;

use crate::Failure;

/// What `--out` can write, by the file's ending.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Svg,
    Html,
    Trace,
    Header,
    Source,
    Tflite,
    Onnx,
}

impl Format {
    /// Whether what is written gets compiled or run.
    pub fn is_run(self) -> bool {
        match self {
            Format::Header | Format::Source | Format::Tflite | Format::Onnx => true,
            Format::Json | Format::Csv | Format::Svg | Format::Html | Format::Trace => false,
        }
    }
}

pub fn format_of(path: &Path) -> Result<Format, Failure> {
    // A name need not be text; its endings are.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.to_ascii_lowercase().ends_with(".trace.json") {
        return Ok(Format::Trace);
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    match ending.to_ascii_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        "svg" => Ok(Format::Svg),
        "html" => Ok(Format::Html),
        "h" => Ok(Format::Header),
        "c" => Ok(Format::Source),
        "tflite" => Ok(Format::Tflite),
        "onnx" => Ok(Format::Onnx),
        _ => {
            let endings = ".json, .csv, .svg, .html, .trace.json, .h, .c, .tflite or .onnx";
            Err(format!("--out {}: expected a name ending in {endings}", path.display()).into())
        }
    }
}
