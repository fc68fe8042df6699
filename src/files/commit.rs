//! Renames complete temporary files to their outputs.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::pending::{self, Pending};
use super::target::RegularFile;
use super::{WriteError, no_temporary, remove, sync_folder};

/// A complete temporary file, removed when it is dropped.
pub(super) struct Ready<'a> {
    /// The path as the caller gave it, for messages.
    shown: &'a Path,
    target: RegularFile,
    /// None after the rename.
    temporary: Option<NamedTempFile>,
}

impl<'a> Ready<'a> {
    /// Creates a temporary file, lets `write` write its contents, and flushes it to disk.
    pub(super) fn new(
        shown: &'a Path,
        target: RegularFile,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Self, WriteError> {
        // Users who may not read the old file must not be able to read the new contents before the mode
        // is copied.
        let mode = if target.old.is_some() { 0o600 } else { 0o666 };
        let created = pending::entry(&mut pending::lock(), &target.folder, |path| create(path, mode));
        let created = created.map_err(|error| no_temporary(shown, &target.folder, &error))?;
        let mut ready = Self { shown, target, temporary: Some(created) };
        ready.fill(write).map_err(|error| WriteError::io(shown, &error))?;
        Ok(ready)
    }

    fn fill(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let Some(temporary) = &mut self.temporary else { return Ok(()) };
        let file = temporary.as_file_mut();
        let mut buffered = BufWriter::new(&mut *file);
        write(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        if let Some(old) = &self.target.old {
            keep_mode(file, old)?;
        }
        match file.sync_all() {
            // Some file systems do not support sync; the file is written nevertheless.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        }
    }
}

impl Drop for Ready<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            pending::discard(&mut pending::lock(), temporary);
        }
    }
}

#[cfg(unix)]
fn create(path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Copies owner and mode. The owner comes first, as changing it clears bits of the mode; a process that
/// may not change the owner keeps its own.
#[cfg(unix)]
fn keep_mode(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o777))
}

#[cfg(not(unix))]
fn keep_mode(_file: &File, _old: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// A finished rename that may have to be undone.
struct Renamed<'a> {
    shown: &'a Path,
    path: PathBuf,
    is_new: bool,
    /// The old file under another name; none if the file system has no hard links.
    backup: Option<NamedTempFile<()>>,
}

/// Renames all temporary files. If a rename fails, undoes the others as far as possible.
pub(super) fn commit(mut files: Vec<Ready<'_>>) -> Result<(), WriteError> {
    let folders: BTreeSet<PathBuf> = files.iter().map(|file| file.target.folder.clone()).collect();
    let mut pending = pending::lock();
    // A single file needs no backup: its rename is atomic.
    let is_alone = files.len() == 1;
    let mut done: Vec<Renamed> = Vec::new();
    let mut failure = None;
    for file in &mut files {
        let backup = if is_alone { None } else { backup_of(&file.target, &mut pending) };
        let Some(temporary) = file.temporary.take() else { continue };
        let from = temporary.path().to_owned();
        match temporary.persist(&file.target.path) {
            Ok(_) => {
                pending::forget(&mut pending, &from);
                let (path, is_new) = (file.target.path.clone(), file.target.old.is_none());
                done.push(Renamed { shown: file.shown, path, is_new, backup });
            }
            Err(error) => {
                pending::discard(&mut pending, error.file);
                if let Some(backup) = backup {
                    pending::discard(&mut pending, backup);
                }
                failure = Some((file.shown, error.error));
                break;
            }
        }
    }
    let result = match failure {
        None => {
            let backups = done.into_iter().filter_map(|file| file.backup);
            backups.for_each(|backup| pending::discard(&mut pending, backup));
            Ok(())
        }
        Some((path, error)) => Err(undo(done, path, &error, &mut pending)),
    };
    drop(pending);
    for folder in &folders {
        sync_folder(folder);
    }
    result
}

fn backup_of(target: &RegularFile, pending: &mut Pending) -> Option<NamedTempFile<()>> {
    target.old.as_ref()?;
    pending::entry(pending, &target.folder, |path| fs::hard_link(&target.path, path)).ok()
}

/// Undoes renames, the last one first. The error names those that could not be undone.
fn undo(done: Vec<Renamed>, path: &Path, error: &io::Error, pending: &mut Pending) -> WriteError {
    let mut remaining = Vec::new();
    for file in done.into_iter().rev() {
        match file.backup {
            Some(backup) => {
                let from = backup.path().to_owned();
                match backup.persist(&file.path) {
                    Ok(()) => pending::forget(pending, &from),
                    Err(error) => {
                        pending::discard(pending, error.file);
                        remaining.push(file.shown.display().to_string());
                    }
                }
            }
            None if file.is_new => remove(&file.path),
            None => remaining.push(file.shown.display().to_string()),
        }
    }
    remaining.reverse();
    let outcome = if remaining.is_empty() {
        "no other output changed".to_owned()
    } else {
        format!("outputs that could not be restored: {}", remaining.join(", "))
    };
    WriteError::new(path, format!("cannot write the file: {error}; {outcome}"))
}
