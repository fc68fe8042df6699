//! Runs the command `plimsoll` on the example models.

use assert_cmd::Command;

/// The exit status, standard output and standard error of the command.
pub fn plimsoll(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("plimsoll").unwrap().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A path in the repository, from its root.
pub fn repository_path(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

pub fn model(file: &str) -> String {
    repository_path(&format!("examples/models/{file}"))
}
