//! What the path of an output leads to.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What to do with an output.
pub(super) enum Target {
    /// Replace or create a regular file.
    File(RegularFile),
    /// Write to what is there.
    Stream(Stream, Identity),
}

/// A regular file that there is, or none yet.
pub(super) struct RegularFile {
    /// Absolute, with all links followed.
    pub(super) path: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) old: Option<Box<Metadata>>,
    pub(super) identity: Option<Identity>,
}

pub(super) enum Stream {
    Stdout,
    Stderr,
    /// A pipe, a device, or a file under the name of an open descriptor.
    At(PathBuf),
}

/// Links that are followed, as many as Linux follows.
const MOST_LINKS: usize = 40;

impl Target {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return new_file(path).map(Self::File),
            found => found?,
        };
        if found.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let identity = Identity::of_metadata(&found, path);
        if let Some(stream) = Stream::of(path, &found, identity) {
            return Ok(Self::Stream(stream, identity));
        }
        // A rename would replace even a file that may not be written.
        OpenOptions::new().write(true).open(path)?;
        let path = fs::canonicalize(path)?;
        let folder = path.parent().ok_or(ErrorKind::InvalidFilename)?.to_owned();
        Ok(Self::File(RegularFile { path, folder, old: Some(Box::new(found)), identity: Some(identity) }))
    }

    /// The folder that gets a temporary file.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(&file.folder),
            Self::Stream(..) => None,
        }
    }

    pub(super) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::File(file) => file.identity.as_ref(),
            Self::Stream(_, identity) => Some(identity),
        }
    }
}

/// A file that is not there yet, perhaps at the end of links.
fn new_file(path: &Path) -> io::Result<RegularFile> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&path) else { return named(&path) };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("too many links"))
}

fn named(path: &Path) -> io::Result<RegularFile> {
    // `Path` reads `a/` and `a/.` as `a`, but they name a folder.
    let text = path.as_os_str().as_encoded_bytes();
    let text = text.strip_suffix(b".").filter(|text| text.ends_with(b"/")).unwrap_or(text);
    if text.last().is_some_and(|&last| std::path::is_separator(char::from(last))) {
        return Err(ErrorKind::IsADirectory.into());
    }
    let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| {
        let folder = folder.display();
        io::Error::new(error.kind(), format!("its folder {folder} cannot be used: {error}"))
    })?;
    Ok(RegularFile { path: folder.join(name), folder, old: None, identity: None })
}

impl Stream {
    /// The stream that a path leads to, unless that is a file to replace.
    fn of(path: &Path, found: &Metadata, identity: Identity) -> Option<Self> {
        if standard::stdout() == Some(identity) {
            return Some(Self::Stdout);
        }
        if standard::stderr() == Some(identity) {
            return Some(Self::Stderr);
        }
        (!found.is_file() || names_descriptor(path)).then(|| Self::At(path.to_owned()))
    }

    pub(super) fn open(&self) -> io::Result<File> {
        match self {
            // The descriptor itself: what is printed later must follow, not overwrite.
            Self::Stdout => standard::open_stdout(),
            Self::Stderr => standard::open_stderr(),
            Self::At(path) => OpenOptions::new().append(true).open(path),
        }
    }
}

/// Whether a path is an open descriptor of a process, as `/dev/fd/3` is, perhaps through links.
fn names_descriptor(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        if folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd")) {
            return true;
        }
        let Ok(next) = fs::read_link(&path) else { return false };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    false
}

/// A file, whatever name leads to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(path: &Path) -> Option<Self> {
        Some(Self::of_metadata(&fs::metadata(path).ok()?, path))
    }

    #[cfg(unix)]
    fn of_metadata(found: &Metadata, _path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(found.dev(), found.ino())
    }

    /// Elsewhere the path with all links followed stands for the file.
    #[cfg(not(unix))]
    fn of_metadata(_found: &Metadata, path: &Path) -> Self {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).hash(&mut hasher);
        Self(hasher.finish(), 0)
    }
}

#[cfg(unix)]
mod standard {
    use std::fs::File;
    use std::io::{self, Write};
    use std::os::fd::BorrowedFd;

    use rustix::stdio;

    use super::Identity;

    /// By the descriptor: `std::io::stdout` allocates a buffer at its first use, and a program in
    /// C that writes a file should not find that among its leaks.
    pub(super) fn stdout() -> Option<Identity> {
        identity(stdio::stdout())
    }

    pub(super) fn stderr() -> Option<Identity> {
        identity(stdio::stderr())
    }

    pub(super) fn open_stdout() -> io::Result<File> {
        io::stdout().flush()?;
        Ok(File::from(stdio::stdout().try_clone_to_owned()?))
    }

    pub(super) fn open_stderr() -> io::Result<File> {
        Ok(File::from(stdio::stderr().try_clone_to_owned()?))
    }

    fn identity(stream: BorrowedFd<'_>) -> Option<Identity> {
        let found = File::from(stream.try_clone_to_owned().ok()?).metadata().ok()?;
        Some(Identity::of_metadata(&found, "".as_ref()))
    }
}

#[cfg(not(unix))]
mod standard {
    use std::fs::File;
    use std::io::{self, ErrorKind};

    use super::Identity;

    pub(super) fn stdout() -> Option<Identity> {
        None
    }

    pub(super) fn stderr() -> Option<Identity> {
        None
    }

    pub(super) fn open_stdout() -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }

    pub(super) fn open_stderr() -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }
}
