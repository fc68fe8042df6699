//! The temporary files that exist, so that a signal does not leave them behind.

use std::collections::BTreeSet;
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
    create: impl FnMut(&Path) -> io::Result<R>,
) -> io::Result<NamedTempFile<R>> {
    let entry = Builder::new().prefix(".plimsoll-").suffix(".part").make_in(folder, create)?;
    pending.insert(entry.path().to_owned());
    Ok(entry)
}

/// Removes an entry, if it is still there.
pub(super) fn discard<R>(pending: &mut Pending, entry: NamedTempFile<R>) {
    let path = entry.path().to_owned();
    drop(entry);
    pending.remove(&path);
}
