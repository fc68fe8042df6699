//! The location of test data that is not part of the repository.

use std::path::{Path, PathBuf};

/// The root of the checkout: the tests of the command run in `cli/`, one level below.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    if package.join("tests/support/data.rs").exists() { package.to_owned() } else { package.join("..") }
}

/// The folder `part` of the data folder, which is `PLIMSOLL_DATA` or `../shared`. Returns none and
/// prints a message if it does not exist.
pub fn folder(part: &str) -> Option<PathBuf> {
    let base = std::env::var_os("PLIMSOLL_DATA").map_or_else(|| root().join("../shared"), PathBuf::from);
    let folder = base.join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} does not exist (name the data folder by PLIMSOLL_DATA)", folder.display());
    None
}

/// All files below a folder whose names end with `ending`, sorted.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().is_some_and(|name| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}
