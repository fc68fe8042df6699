//! Files appear whole or not at all; the terminal sees no control characters.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::Failure;

/// Prints to standard output. A reader that has seen enough is no failure.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot print: {error}").into()),
        _ => Ok(()),
    }
}

/// Names come from files and may hold anything; a line stays one line, in the
/// order in which it is written.
pub fn one_line(text: &str) -> String {
    let reorders =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || reorders(c) { '\u{fffd}' } else { c }).collect()
}

/// Refuses to write over what is read.
pub fn check_apart(input: &Path, outputs: &[PathBuf]) -> Result<(), Failure> {
    let Ok(input) = fs::canonicalize(input) else { return Ok(()) };
    match outputs.iter().find(|output| fs::canonicalize(output).is_ok_and(|output| output == input)) {
        Some(output) => Err(format!("{} is the input; it is not written over", output.display()).into()),
        None => Ok(()),
    }
}

/// Writes all of these, or says which could not be written. Each is complete
/// under a name of its own before it takes its place.
pub fn write_all(files: &[(PathBuf, Vec<u8>)]) -> Result<(), Failure> {
    for (path, contents) in files {
        write(path, contents).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

fn write(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return replace(path, contents, None) };
    if found.is_file() {
        return replace(path, contents, Some(found.permissions()));
    }
    // Links keep pointing where they do, and pipes and devices stay what they
    // are: those are written to, not replaced.
    fs::write(path, contents)
}

fn replace(path: &Path, contents: &[u8], permissions: Option<fs::Permissions>) -> std::io::Result<()> {
    let part = path.with_file_name(format!(".plimsoll.{}.part", std::process::id()));
    let written = write_synced(&part, contents, permissions).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_synced(path: &Path, contents: &[u8], permissions: Option<fs::Permissions>) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(contents)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.sync_all()
}
