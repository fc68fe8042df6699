//! The list of existing temporary files, so that an interrupted process can remove them.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempPath};

/// Paths of all temporary files. A thread holds the lock while it creates, renames or removes one, so
/// that a thread that gets the lock finds either all outputs of a call or none.
static PENDING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

pub(super) type Pending = MutexGuard<'static, BTreeSet<PathBuf>>;

pub(super) fn lock() -> Pending {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all temporary files, after waiting for renames in progress. Every later call that writes
/// blocks forever: use it in a process that is about to exit. Call it in a thread, not in a signal
/// handler.
pub fn abandon() {
    let pending = lock();
    for path in pending.iter() {
        super::remove(path);
    }
    std::mem::forget(pending);
}

/// Creates an entry of `folder` with `create`, at a path that does not exist yet.
pub(super) fn entry<R>(
    pending: &mut Pending,
    folder: &Path,
    mut create: impl FnMut(&Path) -> io::Result<R>,
) -> io::Result<NamedTempFile<R>> {
    // `tempfile::Builder` draws its names through `std::thread::current`, which allocates once. In the
    // main thread of a C program the standard library never frees that memory, and leak checkers
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

/// Maximum number of random names to try.
const ATTEMPTS: usize = 64;

/// Removes an entry if it still exists.
pub(super) fn discard<R>(pending: &mut Pending, entry: NamedTempFile<R>) {
    let path = entry.path().to_owned();
    drop(entry);
    forget(pending, &path);
}

/// Removes a path from the list after its entry was renamed or removed.
pub(super) fn forget(pending: &mut Pending, path: &Path) {
    pending.remove(path);
    if pending.is_empty() {
        // An empty set can keep an allocation, which leak checkers report.
        **pending = BTreeSet::new();
    }
}
