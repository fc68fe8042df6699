//! Files appear whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Failure;

/// Writes all of these, or says which could not be written. Each is complete
/// under a name of its own before it takes its place.
pub fn write_all(files: &[(PathBuf, String)]) -> Result<(), Failure> {
    for (path, text) in files {
        write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // What is no ordinary file (a pipe, /dev/stdout) cannot be replaced.
    if path.exists() && !path.is_file() {
        return std::fs::write(path, text);
    }
    let mut name = path.file_name().ok_or(std::io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = write_synced(&part, text).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // Best effort: the first error is the one to report.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn write_synced(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
