//! Writes output files for the command and for the C ABI.
//!
//! A file appears in full or not at all: its contents go to a temporary file in the same folder, created
//! exclusively under a random name, and are flushed to disk before the temporary file is renamed.
//! Symbolic links are followed: the target of a link is replaced and the link stays. Pipes, devices, and
//! the files that the process has open as standard output or error are written to, not replaced.
//!
//! A replaced file keeps its mode, except set-user-id and similar bits, and its owner if the process may
//! set it. The mode of a new file follows the umask. Extended attributes are lost, and other hard links
//! to a replaced file keep the old contents.

mod commit;
mod format;
mod pending;
mod target;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use format::{Format, include_name, twin, write_code};
pub use pending::abandon;

use commit::{Ready, commit};
use target::{Identity, OutputStream, OutputTarget};

/// Error of an output: its path and the reason.
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
        Self::new(path, format!("cannot write the file: {error}"))
    }
}

/// Checks before the work begins that `outputs` can be written: their folders exist and accept new
/// files, no two outputs are the same file, and no output is one of `inputs`, also through links.
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
            let reason = "the output is also an input and would be overwritten; choose another name";
            return Err(WriteError::new(path, reason));
        }
    }
    Ok(())
}

/// Writes all files or none, as [`OutputBatch`] does.
///
/// # Errors
/// The output that could not be written, and the outputs that could not be restored.
pub fn write_all<T: AsRef<[u8]>>(files: &[(PathBuf, T)]) -> Result<(), WriteError> {
    let mut batch = OutputBatch::new(files.iter().map(|(path, _)| path.as_path()))?;
    for (index, (_, contents)) in files.iter().enumerate() {
        batch.write(index, |out| out.write_all(contents.as_ref()))?;
    }
    batch.commit()
}

/// Output files that appear together or not at all, as far as the file system allows: every temporary
/// file is complete before the first rename, and if a rename fails, the others are undone. Bytes
/// written to a pipe or device cannot be undone.
pub struct OutputBatch<'a> {
    /// By output; none once its contents are written.
    targets: Vec<Option<(&'a Path, OutputTarget)>>,
    ready: Vec<Ready<'a>>,
    /// Pipes and devices with their contents, which are written last.
    streams: Vec<(&'a Path, OutputStream, Vec<u8>)>,
}

impl<'a> OutputBatch<'a> {
    /// A batch of these outputs.
    ///
    /// # Errors
    /// A path that cannot be written, or two paths that lead to one file.
    pub fn new(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self, WriteError> {
        let targets = resolved(paths.into_iter())?.into_iter().map(Some).collect();
        Ok(Self { targets, ready: Vec::new(), streams: Vec::new() })
    }

    /// Lets `write` write the contents of the output at position `index`, to a temporary file. The contents of
    /// pipes and devices stay in memory until the [commit](Self::commit). Each output is written once.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(
        &mut self,
        index: usize,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let Some((path, target)) = self.targets[index].take() else { return Ok(()) };
        match target {
            OutputTarget::File(file) => self.ready.push(Ready::new(path, file, write)?),
            OutputTarget::Stream(stream, _) => {
                let mut contents = Vec::new();
                write(&mut contents).map_err(|error| WriteError::io(path, &error))?;
                self.streams.push((path, stream, contents));
            }
        }
        Ok(())
    }

    /// Writes to pipes and devices and renames the temporary files.
    ///
    /// # Errors
    /// The output that could not be written, and the outputs that could not be restored.
    pub fn commit(self) -> Result<(), WriteError> {
        // Streams come before the renames, as they are more likely to fail.
        for (path, stream, contents) in self.streams {
            let written = stream.open().and_then(|mut stream| stream.write_all(&contents));
            written.map_err(|error| WriteError::io(path, &error))?;
        }
        commit(self.ready)
    }
}

/// Each path with its target; an error if two paths lead to the same file.
fn resolved<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Vec<(&'a Path, OutputTarget)>, WriteError> {
    let (mut targets, mut seen): (Vec<(&Path, OutputTarget)>, HashSet<PathBuf>) = Default::default();
    let mut identities = HashSet::new();
    for path in paths {
        let target = OutputTarget::of(path).map_err(|error| WriteError::io(path, &error))?;
        if let OutputTarget::File(file) = &target {
            let is_new = seen.insert(file.path.clone());
            let is_other = file.identity.is_none_or(|identity| identities.insert(identity));
            if !(is_new && is_other) {
                return Err(WriteError::new(path, "two outputs name this file; give each its own name"));
            }
        }
        targets.push((path, target));
    }
    Ok(targets)
}

fn no_temporary(path: &Path, folder: &Path, error: &io::Error) -> WriteError {
    let folder = folder.display();
    let reason = format!("cannot write the file: folder {folder} accepts no new file: {error}");
    WriteError::new(path, reason)
}

/// Makes renames durable where the file system can sync folders.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Removes a file that the process created; a failure is ignored, as nothing can be done about it.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
