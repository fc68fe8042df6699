//! The temporary files that exist, so that a signal does not leave them behind.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{Builder, NamedTempFile};

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
    // The random names of `tempfile` ask for the current thread, which the standard library
    // allocates once and never frees in the main thread of a C program: leak checkers say so.
    for _ in 0..ATTEMPTS {
        let prefix = format!(".plimsoll-{:016x}", RandomState::new().build_hasher().finish());
        let made =
            Builder::new().prefix(&prefix).rand_bytes(0).suffix(".part").make_in(folder, |path| create(path));
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                let entry = made?;
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
    pending.remove(&path);
}
