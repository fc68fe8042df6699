//! The temporary files that exist, so that a signal does not leave them behind.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempPath};

/// Paths of all temporary files. Who creates, renames or removes one holds the lock, so that a
/// thread that gets it finds either all outputs of a call or none.
static PENDING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

pub(super) type Pending = MutexGuard<'static, BTreeSet<PathBuf>>;

pub(super) fn lock() -> Pending {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all temporary files, after waiting for outputs that are being renamed. From then on
/// every call that writes waits forever: for a process that is about to exit. To be called by a
/// thread, not by a signal handler itself.
pub fn abandon() {
    let pending = lock();
    for path in pending.iter() {
        super::remove(path);
    }
    std::mem::forget(pending);
}

/// A new entry of `folder`, made by `create` at a path that nothing has yet.
pub(super) fn entry<R>(
    pending: &mut Pending,
    folder: &Path,
    mut create: impl FnMut(&Path) -> io::Result<R>,
) -> io::Result<NamedTempFile<R>> {
    // `tempfile::Builder` asks for the current thread to draw its names. The standard library
    // allocates that once and never frees it in the main thread of a C program: leak checkers
    // report it.
    for _ in 0..ATTEMPTS {
        let path = folder.join(format!(".plimsoll-{:016x}.part", RandomState::new().build_hasher().finish()));
        match create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => {
                let entry = NamedTempFile::from_parts(created?, TempPath::try_from_path(&path)?);
                pending.insert(entry.path().to_owned());
                return Ok(entry);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// How many random names are tried.
const ATTEMPTS: usize = 64;

/// Removes an entry, if it is still there.
pub(super) fn discard<R>(pending: &mut Pending, entry: NamedTempFile<R>) {
    let path = entry.path().to_owned();
    drop(entry);
    forget(pending, &path);
}

/// Removes a path from the list: its entry has been renamed or removed.
pub(super) fn forget(pending: &mut Pending, path: &Path) {
    pending.remove(path);
    if pending.is_empty() {
        // An empty set may keep an allocation, which leak checkers report.
        **pending = BTreeSet::new();
    }
}
