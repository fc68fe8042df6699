//! Opens and reads files. Pipes and devices, which may be endless, are limited or refused.

use std::fs::{self, File, FileType};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

use super::ImportError;

/// Limit of bytes that are read from a pipe, which has no size and may be endless.
const PIPE_LIMIT: u64 = 256 << 20;

/// Opens a regular file or a pipe. Folders and devices are refused before they are opened, as opening a device
/// can have effects.
fn open(path: &Path) -> std::result::Result<File, ImportError> {
    let open = || {
        let file_type = fs::metadata(path)?.file_type();
        if file_type.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if is_device(file_type) {
            return Err(Error::other("it is a device; copy its contents to a file"));
        }
        File::open(path)
    };
    open().map_err(|source| ImportError::Read { path: path.to_owned(), source })
}

/// Opens a model, which must be a regular file, as its importer seeks.
pub(super) fn open_regular(path: &Path) -> std::result::Result<File, ImportError> {
    let file = open(path)?;
    let at_path = |source| ImportError::Read { path: path.to_owned(), source };
    if file.metadata().map_err(at_path)?.is_file() {
        return Ok(file);
    }
    Err(at_path(Error::other("it is a pipe, but a model must be a file; copy its contents to one")))
}

/// Reads a whole file: a regular file of any size, or a pipe of at most 256 MiB.
///
/// Example: [`read`](crate::import::read).
///
/// # Errors
/// [`ImportError::Read`] if the file cannot be read, is a folder or a device, or is a longer pipe.
pub fn contents(path: &Path) -> std::result::Result<Vec<u8>, ImportError> {
    let file = open(path)?;
    read(file).map_err(|source| ImportError::Read { path: path.to_owned(), source })
}

fn read(mut file: File) -> Result<Vec<u8>> {
    let metadata = file.metadata()?;
    // Files of /proc have a size of 0, and some are endless.
    let limit = if metadata.is_file() { metadata.len().max(PIPE_LIMIT) } else { PIPE_LIMIT };
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(if metadata.is_file() { metadata.len() as usize } else { 0 })?;
    file.by_ref().take(limit).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == limit && file.read(&mut [0])? > 0 {
        let reason =
            format!("it has no end within {limit} bytes, the limit of pipes; copy its contents to a file");
        return Err(Error::other(reason));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_device(file_type: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    file_type.is_char_device() || file_type.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: FileType) -> bool {
    false
}
