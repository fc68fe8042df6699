//! Writes files for the command and for the C ABI.
//!
//! A file appears whole or not at all: its contents go to a temporary file in the same folder,
//! created exclusively under a random name, and reach the disk before the temporary file is
//! renamed. Links are followed, so that the file that a link names is replaced and the link
//! stays. Pipes, devices, and the files that the process has open as standard output or error
//! are written to and not replaced.
//!
//! A replaced file keeps its mode (but set-user-id and its like), and its owner if the process
//! may set it; a new one gets the mode that the umask leaves. Extended attributes are not kept,
//! and other hard links to a replaced file keep its old contents.

mod commit;
mod pending;
mod target;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use pending::abandon;

use commit::{Ready, commit};
use target::{Identity, Target};

/// Reason for a file that is not written, with the file's path.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct WriteError {
    path: PathBuf,
    reason: String,
}

impl WriteError {
    fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reason: reason.into() }
    }

    fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(path, format!("cannot write it: {error}"))
    }
}

/// Checks before the work begins that `outputs` can be written: the folders exist and take new
/// files, no two outputs are one file, and none is one of `inputs`, through links or not.
///
/// # Errors
/// The first output that cannot be written. O(outputs + inputs) system calls.
pub fn check<'a>(outputs: &[PathBuf], inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), WriteError> {
    let targets = resolved(outputs.iter().map(PathBuf::as_path))?;
    for (path, target) in &targets {
        if let Some(folder) = target.folder() {
            tempfile::tempfile_in(folder).map_err(|error| no_temporary(path, folder, &error))?;
        }
    }
    if outputs.is_empty() {
        return Ok(());
    }
    let inputs: HashSet<Identity> = inputs.into_iter().filter_map(Identity::of).collect();
    for (path, target) in &targets {
        if target.identity().is_some_and(|identity| inputs.contains(identity)) {
            return Err(WriteError::new(path, "is an input, which is not written over; choose another name"));
        }
    }
    Ok(())
}

/// Writes all files or none, as far as the file system allows: every temporary file is complete
/// before the first output appears, and a rename that fails is followed by undoing the others.
/// What went into a pipe or a device cannot be undone.
///
/// # Errors
/// The output that could not be written, and what of the others could not be undone.
pub fn write_all<T: AsRef<[u8]>>(files: &[(PathBuf, T)]) -> Result<(), WriteError> {
    let targets = resolved(files.iter().map(|(path, _)| path.as_path()))?;
    let (mut ready, mut streams) = (Vec::new(), Vec::new());
    for ((path, target), (_, contents)) in targets.into_iter().zip(files) {
        match target {
            Target::File(file) => ready.push(Ready::new(path, file, contents.as_ref())?),
            Target::Stream(stream, _) => streams.push((path, stream, contents.as_ref())),
        }
    }
    // Before the renames: a pipe is likelier to fail than they are.
    for (path, stream, contents) in streams {
        let written = stream.open().and_then(|mut stream| stream.write_all(contents));
        written.map_err(|error| WriteError::io(path, &error))?;
    }
    commit(ready)
}

/// Each path with what it leads to.
fn resolved<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Vec<(&'a Path, Target)>, WriteError> {
    let (mut targets, mut seen): (Vec<(&Path, Target)>, HashSet<PathBuf>) = Default::default();
    let mut identities = HashSet::new();
    for path in paths {
        let target = Target::of(path).map_err(|error| WriteError::io(path, &error))?;
        if let Target::File(file) = &target {
            let is_new = seen.insert(file.path.clone());
            let is_other = file.identity.is_none_or(|identity| identities.insert(identity));
            if !(is_new && is_other) {
                return Err(WriteError::new(path, "two outputs are this file; give each its own name"));
            }
        }
        targets.push((path, target));
    }
    Ok(targets)
}

fn no_temporary(path: &Path, folder: &Path, error: &io::Error) -> WriteError {
    let folder = folder.display();
    let why = format!("cannot write it: the folder {folder} takes no new file: {error}");
    WriteError::new(path, why)
}

/// Makes renames last: best effort, as not every file system has folders that can be synced.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Removes a file that the process made itself; there is nothing to be done if that fails.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
