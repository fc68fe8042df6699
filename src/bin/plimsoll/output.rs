//! Files appear whole or not at all; the terminal sees no control characters.

use std::fs;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

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

/// On a terminal only: what is piped away stays clean.
pub fn progress(steps: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
    ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A table whose first columns are words, and the others numbers.
pub fn table(header: &[&str], words: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header.to_vec());
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
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
pub fn write_all<T: AsRef<[u8]>>(files: &[(PathBuf, T)]) -> Result<(), Failure> {
    for (path, contents) in files {
        write(path, contents.as_ref())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
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
