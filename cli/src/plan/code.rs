//! `--out FILE.h` and `--out FILE.c`: C code.

use std::path::PathBuf;

use plimsoll::files::{Format, include_name, twin};

use crate::outcome::Failure;

/// Refuses a source without its header, and a prefix without code.
pub fn check(outputs: &[PathBuf], formats: &[Format], has_prefix: bool) -> Result<(), Failure> {
    let pairs = || outputs.iter().zip(formats);
    for (source, _) in pairs().filter(|(_, format)| **format == Format::Source) {
        let path = source.with_extension("h");
        let header = path.display();
        if twin(source, Format::Header, outputs).is_none() {
            let source = source.display();
            return Err(format!("--out {source}: the source needs its header; add --out {header}").into());
        }
        if include_name(&path).is_none() {
            let reason = "a C source cannot include a file of this name; rename it";
            return Err(format!("--out {header}: {reason}").into());
        }
    }
    if has_prefix && !pairs().any(|(_, format)| matches!(format, Format::Header | Format::Source)) {
        return Err("--symbol-prefix: no C code is written; add --out FILE.h".into());
    }
    Ok(())
}
