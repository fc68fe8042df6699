//! `--out FILE.h` and `--out FILE.c`: C code.

use std::path::{Path, PathBuf};

use plimsoll::export::c_code::{CCode, can_include};

use super::format::Format;
use crate::Failure;
use crate::inputs::has_ending;

/// A source needs its header beside it, whose name it includes; a prefix needs code.
pub fn check(outputs: &[PathBuf], formats: &[Format], has_prefix: bool) -> Result<(), Failure> {
    let pairs = || outputs.iter().zip(formats);
    for (source, _) in pairs().filter(|(_, format)| **format == Format::Source) {
        let header = source.with_extension("h");
        if header_of(source, outputs).is_none() {
            let (source, header) = (source.display(), header.display());
            return Err(format!("--out {source} includes its header: give --out {header} as well").into());
        }
        include_name(&header)?;
    }
    if has_prefix && !pairs().any(|(_, format)| matches!(format, Format::Header | Format::Source)) {
        return Err("--symbol-prefix is for C code: it goes with --out FILE.h".into());
    }
    Ok(())
}

/// A header is alone, unless its source is written as well.
pub fn written(code: &CCode, path: &Path, format: Format, outputs: &[PathBuf]) -> String {
    if format == Format::Source {
        let header = header_of(path, outputs).and_then(|header| include_name(header).ok());
        return code.source(header.unwrap_or_default());
    }
    let is_source =
        |output: &&PathBuf| has_ending(output, "c") && output.with_extension("") == path.with_extension("");
    if outputs.iter().any(|output| is_source(&output)) { code.header() } else { code.alone() }
}

fn header_of<'a>(source: &Path, outputs: &'a [PathBuf]) -> Option<&'a Path> {
    let stem = source.with_extension("");
    let mut headers = outputs.iter().filter(|output| has_ending(output, "h"));
    headers.find(|header| header.with_extension("") == stem).map(PathBuf::as_path)
}

/// What stands between the quotes of `#include`.
fn include_name(header: &Path) -> Result<&str, Failure> {
    let name = header.file_name().and_then(|name| name.to_str());
    name.filter(|name| can_include(name)).ok_or_else(|| {
        format!("--out {}: a source cannot include a file of this name", header.display()).into()
    })
}
