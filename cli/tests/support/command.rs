//! Runs the command on the example models.

use assert_cmd::Command;

/// Returns the exit status, standard output and standard error.
pub fn plimsoll(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("plimsoll").unwrap().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub fn model(file: &str) -> String {
    format!("{}/../examples/models/{file}", env!("CARGO_MANIFEST_DIR"))
}
