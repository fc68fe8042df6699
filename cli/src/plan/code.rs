//! `--out FILE.h` and `--out FILE.c`: C code.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use plimsoll::export::c_code::{CCode, can_include};

use super::format::Format;
use crate::inputs::has_extension;
use crate::outcome::Failure;

/// Refuses a source without its header, and a prefix without code.
pub fn check(outputs: &[PathBuf], formats: &[Format], has_prefix: bool) -> Result<(), Failure> {
    let pairs = || outputs.iter().zip(formats);
    for (source, _) in pairs().filter(|(_, format)| **format == Format::Source) {
        let header = source.with_extension("h");
        if header_of(source, outputs).is_none() {
            let (source, header) = (source.display(), header.display());
            return Err(format!("--out {source}: the source needs its header; add --out {header}").into());
        }
        include_name(&header)?;
    }
    if has_prefix && !pairs().any(|(_, format)| matches!(format, Format::Header | Format::Source)) {
        return Err("--symbol-prefix: no C code is written; add --out FILE.h".into());
    }
    Ok(())
}

/// Writes a source or header. A header whose source is an output too has declarations only.
pub fn write(
    code: &CCode,
    path: &Path,
    format: Format,
    outputs: &[PathBuf],
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Source {
        let header = header_of(path, outputs).and_then(|header| include_name(header).ok());
        return code.write_source(header.unwrap_or_default(), out);
    }
    let is_source =
        |output: &PathBuf| has_extension(output, "c") && output.with_extension("") == path.with_extension("");
    if outputs.iter().any(is_source) { code.write_header(out) } else { code.write_alone(out) }
}

fn header_of<'a>(source: &Path, outputs: &'a [PathBuf]) -> Option<&'a Path> {
    let stem = source.with_extension("");
    let mut headers = outputs.iter().filter(|output| has_extension(output, "h"));
    headers.find(|header| header.with_extension("") == stem).map(PathBuf::as_path)
}

/// Name of a header between the quotes of `#include`.
fn include_name(header: &Path) -> Result<&str, Failure> {
    let name = header.file_name().and_then(|name| name.to_str());
    name.filter(|name| can_include(name)).ok_or_else(|| {
        let header = header.display();
        format!("--out {header}: a C source cannot include a file of this name; rename it").into()
    })
}
