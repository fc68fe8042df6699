//! Runs the command `plimsoll` on the example models.

use assert_cmd::Command;

/// The exit status, standard output and standard error of the command.
pub fn plimsoll(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("plimsoll").unwrap().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Assertions about a run of the command.
pub trait Run {
    /// Asserts exit status 0 and an empty standard error. Returns standard output.
    fn succeeds(self) -> String;

    /// Asserts an exit status and an empty standard error. Returns standard output.
    fn exits_quietly(self, status: i32) -> String;

    /// Asserts an exit status. Returns standard output.
    fn exits(self, status: i32) -> String;

    /// Asserts an exit status and a part of standard output, which it returns.
    fn exits_with(self, status: i32, part: &str) -> String;

    /// Asserts exit status 2 and a part of standard error.
    fn fails_with(self, reason: &str);
}

impl Run for (i32, String, String) {
    #[track_caller]
    fn succeeds(self) -> String {
        self.exits_quietly(0)
    }

    #[track_caller]
    fn exits_quietly(self, status: i32) -> String {
        assert_eq!((self.0, self.2.as_str()), (status, ""), "{}", self.1);
        self.1
    }

    #[track_caller]
    fn exits(self, status: i32) -> String {
        assert_eq!(self.0, status, "{}{}", self.1, self.2);
        self.1
    }

    #[track_caller]
    fn exits_with(self, status: i32, part: &str) -> String {
        let text = self.exits(status);
        assert!(text.contains(part), "no `{part}` in\n{text}");
        text
    }

    #[track_caller]
    fn fails_with(self, reason: &str) {
        assert_eq!(self.0, 2, "{}{}", self.1, self.2);
        assert!(self.2.contains(reason), "no `{reason}` in\n{}", self.2);
    }
}

/// A path in the repository, from its root.
pub fn repository_path(path: &str) -> String {
    format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))
}

pub fn model(file: &str) -> String {
    repository_path(&format!("examples/models/{file}"))
}
