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
    Standard(StandardStream),
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
    match links(path).nth(MAX_LINKS) {
        Some(_) => Err(io::Error::other("too many symbolic links")),
        None => named(&links(path).last().unwrap_or_else(|| path.to_owned())),
    }
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
        for stream in [StandardStream::Output, StandardStream::Error] {
            if stream.identity() == Some(identity) {
                return Some(Self::Standard(stream));
            }
        }
        (!metadata.is_file() || names_descriptor(path)).then(|| Self::At(path.to_owned()))
    }

    pub(super) fn open(&self) -> io::Result<File> {
        match self {
            // The descriptor itself is used, so that later output follows instead of overwriting.
            Self::Standard(stream) => stream.open(),
            Self::At(path) => OpenOptions::new().append(true).open(path),
        }
    }
}

/// Returns whether a path is an open descriptor of a process, such as `/dev/fd/3`, possibly through links.
fn names_descriptor(path: &Path) -> bool {
    links(path).take(MAX_LINKS).any(|path| {
        let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd"))
    })
}

/// A path and, as long as the last one is a symbolic link, its target.
fn links(path: &Path) -> impl Iterator<Item = PathBuf> {
    std::iter::successors(Some(path.to_owned()), |path| {
        Some(path.parent().unwrap_or(Path::new("")).join(fs::read_link(path).ok()?))
    })
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

/// A stream that every process has open.
#[derive(Clone, Copy)]
pub(super) enum StandardStream {
    Output,
    Error,
}

#[cfg(unix)]
impl StandardStream {
    /// Uses the descriptor: `std::io::stdout` allocates a buffer at its first use, which leak checkers of
    /// a C program would report.
    fn file(self) -> io::Result<File> {
        let descriptor = match self {
            Self::Output => rustix::stdio::stdout(),
            Self::Error => rustix::stdio::stderr(),
        };
        Ok(File::from(descriptor.try_clone_to_owned()?))
    }

    fn identity(self) -> Option<Identity> {
        Some(Identity::of_metadata(&self.file().ok()?.metadata().ok()?, "".as_ref()))
    }

    fn open(self) -> io::Result<File> {
        if let Self::Output = self {
            io::Write::flush(&mut io::stdout())?;
        }
        self.file()
    }
}

#[cfg(not(unix))]
impl StandardStream {
    fn identity(self) -> Option<Identity> {
        None
    }

    fn open(self) -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }
}
