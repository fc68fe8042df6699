//! Modules depend on each other one way only. The test reads every `crate::` path of the library's
//! code and fails if a path is not in the table.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules that it may name, as in `docs/design.md`.
const MAY_NAME: [(&str, &[&str]); 34] = [
    ("ids", &[]),
    ("error", &["ids"]),
    ("problem", &["error", "ids", "sorting"]),
    ("bound", &["ids", "problem", "sorting"]),
    ("limits", &[]),
    ("effort", &[]),
    ("random", &[]),
    ("sorting", &[]),
    ("objects", &["ids"]),
    ("choice", &["ids", "limits", "objects"]),
    ("infeasible", &["ids"]),
    (
        "allocate",
        &[
            "bound",
            "choice",
            "effort",
            "error",
            "ids",
            "infeasible",
            "limits",
            "objects",
            "problem",
            "random",
            "sorting",
        ],
    ),
    ("places", &["ids"]),
    ("graph", &["error", "ids", "places", "random", "sorting"]),
    ("occupant", &["ids"]),
    ("liveness", &["error", "graph", "ids", "occupant", "problem"]),
    ("effort", &[]),
    ("effects", &["graph", "ids", "occupant"]),
    (
        "sharing",
        &[
            "effects", "error", "graph", "ids", "limits", "liveness", "occupant", "places", "problem",
            "sorting",
        ],
    ),
    ("schedule", &["effects", "graph", "ids", "limits", "occupant", "random", "sharing", "sorting"]),
    ("plan", &["effects", "graph", "ids", "limits", "occupant", "problem", "sharing"]),
    ("pools", &["error", "graph", "ids", "occupant"]),
    ("pool_plan", &["graph", "ids", "limits", "occupant", "plan", "pools", "problem", "sorting"]),
    ("placement", &["allocate", "bound", "error", "ids", "limits", "pools", "problem", "random", "sorting"]),
    ("solution", &["bound", "limits", "objects", "plan"]),
    (
        "verify",
        &[
            "bound",
            "choice",
            "error",
            "graph",
            "ids",
            "objects",
            "occupant",
            "plan",
            "pool_plan",
            "pools",
            "problem",
            "sharing",
            "solution",
        ],
    ),
    (
        "planner",
        &[
            "allocate",
            "bound",
            "choice",
            "effects",
            "effort",
            "error",
            "graph",
            "ids",
            "infeasible",
            "limits",
            "liveness",
            "objects",
            "occupant",
            "placement",
            "plan",
            "pool_plan",
            "pools",
            "problem",
            "random",
            "schedule",
            "sharing",
            "solution",
            "sorting",
            "verify",
        ],
    ),
    ("import", &["error", "graph", "ids", "limits", "problem"]),
    // These use the public API only: items of the crate's root, and public modules.
    ("export", &["ROOT", "import", "verify"]),
    ("report", &["ROOT", "effects"]),
    ("files", &[]),
    ("fuzzing", &["ROOT", "export", "import", "verify"]),
    ("capi", &["ROOT", "allocate", "export", "files", "import", "report", "verify"]),
    ("lib", &[]),
];

#[test]
fn dependencies_run_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut paths = 0;
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).unwrap();
        let module = module_of(relative);
        let entry = MAY_NAME.iter().find(|entry| entry.0 == module);
        let allowed = entry.unwrap_or_else(|| panic!("module `{module}` is not in the table")).1;
        for (line, target) in crate_paths(&fs::read_to_string(&file).unwrap()) {
            paths += 1;
            if target != module && !allowed.contains(&target.as_str()) {
                wrong.push(format!("{}:{line}: `{module}` names `{target}`", relative.display()));
            }
        }
    }
    assert!(paths > 50, "only {paths} paths found: does this test still read the code?");
    assert!(wrong.is_empty(), "dependencies that run backwards:\n{}", wrong.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

fn module_of(file: &Path) -> String {
    let first = file.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The first segment of every `crate::` path outside comments, with its
/// line number; items of the root count as `ROOT`.
fn crate_paths(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap();
        for rest in code.split("crate::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let is_module = name.chars().next().is_some_and(char::is_lowercase);
            let target = if is_module { name } else { "ROOT".to_owned() };
            found.push((number + 1, target));
        }
    }
    found
}

#[test]
fn the_reader_sees_paths_and_skips_comments() {
    let text = "use crate::bound::x;\n// crate::no\nfn f(b: crate::Buffer) {}\nuse crate::{A, B};";
    let expected = [(1, "bound".to_owned()), (3, "ROOT".to_owned()), (4, "ROOT".to_owned())];
    assert_eq!(crate_paths(text), expected);
}
