//! The target of an output path: a file to replace, or a stream to write to.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The target of an output.
pub(super) enum OutputTarget {
    /// A regular file to replace or create.
    File(RegularFile),
    /// A stream to write to.
    Stream(OutputStream, Identity),
}

/// A regular file that exists or is to be created.
pub(super) struct RegularFile {
    /// Absolute path with all links followed.
    pub(super) path: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) old: Option<Box<Metadata>>,
    pub(super) identity: Option<Identity>,
}

pub(super) enum OutputStream {
    Stdout,
    Stderr,
    /// A pipe, a device, or a file under the name of an open descriptor.
    At(PathBuf),
}

/// Maximum number of links to follow, as in Linux.
const MAX_LINKS: usize = 40;

impl OutputTarget {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return new_file(path).map(Self::File),
            metadata => metadata?,
        };
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let identity = Identity::of_metadata(&metadata, path);
        if let Some(stream) = OutputStream::of(path, &metadata, identity) {
            return Ok(Self::Stream(stream, identity));
        }
        // Checks write permission: a rename would replace a read-only file as well.
        OpenOptions::new().write(true).open(path)?;
        let path = fs::canonicalize(path)?;
        let folder = path.parent().ok_or(ErrorKind::InvalidFilename)?.to_owned();
        Ok(Self::File(RegularFile { path, folder, old: Some(Box::new(metadata)), identity: Some(identity) }))
    }

    /// The folder of the temporary file.
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

/// A file that does not exist yet, possibly at the end of links.
fn new_file(path: &Path) -> io::Result<RegularFile> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&path) else { return named(&path) };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("too many symbolic links"))
}

fn named(path: &Path) -> io::Result<RegularFile> {
    // `Path` reads `a/` and `a/.` as `a`, but both name a folder.
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
        io::Error::new(error.kind(), format!("cannot use its folder {folder}: {error}"))
    })?;
    Ok(RegularFile { path: folder.join(name), folder, old: None, identity: None })
}

impl OutputStream {
    /// The stream at a path; none if the path leads to a file to replace.
    fn of(path: &Path, metadata: &Metadata, identity: Identity) -> Option<Self> {
        if standard::stdout() == Some(identity) {
            return Some(Self::Stdout);
        }
        if standard::stderr() == Some(identity) {
            return Some(Self::Stderr);
        }
        (!metadata.is_file() || names_descriptor(path)).then(|| Self::At(path.to_owned()))
    }

    pub(super) fn open(&self) -> io::Result<File> {
        match self {
            // The descriptor itself is used, so that later output follows instead of overwriting.
            Self::Stdout => standard::open_stdout(),
            Self::Stderr => standard::open_stderr(),
            Self::At(path) => OpenOptions::new().append(true).open(path),
        }
    }
}

/// Returns whether a path is an open descriptor of a process, such as `/dev/fd/3`, possibly through links.
fn names_descriptor(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        if folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd")) {
            return true;
        }
        let Ok(next) = fs::read_link(&path) else { return false };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    false
}

/// The identity of a file, independent of its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(path: &Path) -> Option<Self> {
        Some(Self::of_metadata(&fs::metadata(path).ok()?, path))
    }

    #[cfg(unix)]
    fn of_metadata(metadata: &Metadata, _path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    /// On other systems, the path with all links followed identifies the file.
    #[cfg(not(unix))]
    fn of_metadata(_metadata: &Metadata, path: &Path) -> Self {
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

    /// Uses the descriptor: `std::io::stdout` allocates a buffer at its first use, which leak checkers of
    /// a C program would report.
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
        let metadata = File::from(stream.try_clone_to_owned().ok()?).metadata().ok()?;
        Some(Identity::of_metadata(&metadata, "".as_ref()))
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
