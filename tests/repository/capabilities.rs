//! Every public capability of the Rust API has a C function, or a reason why it has none.
//!
//! `capabilities.txt` is the table: a method of a listed type, a public function or an import option, then the name of
//! the C function, or a dash and the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Types whose public methods are capabilities. Other types are records, results of searches, or errors.
const TYPES: [&str; 18] = [
    "Graph",
    "GraphBuilder",
    "OperatorBuilder",
    "Operator",
    "Tensor",
    "TensorSpec",
    "Storage",
    "Planner",
    "PreviousPlan",
    "Limits",
    "CancelToken",
    "Plan",
    "PoolPlan",
    "Pools",
    "Pool",
    "Problem",
    "Buffer",
    "Windowed",
];

/// Files whose public functions are capabilities, with the name of their room.
const FUNCTIONS: [(&str, &str); 3] =
    [("verify", "verify/mod.rs"), ("import", "import/mod.rs"), ("export", "export/json/mod.rs")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            all.push(path);
        }
    }
}

/// The name of a function that a line declares as public.
fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("const ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// The type of a line that begins a block of its own methods.
fn type_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?.strip_suffix(" {")?;
    let rest = if rest.starts_with('<') { rest.split_once("> ")?.1 } else { rest.trim_start() };
    let name = rest.split('<').next()?;
    (!rest.contains(" for ") && TYPES.contains(&name)).then_some(name)
}

fn capabilities() -> BTreeSet<String> {
    let (mut files, mut found) = (Vec::new(), BTreeSet::new());
    sources(&root().join("src"), &mut files);
    for path in files {
        let mut inside = None;
        for line in fs::read_to_string(&path).unwrap().lines() {
            if line.starts_with("impl") {
                inside = type_of(line).map(str::to_owned);
            } else if line == "}" {
                inside = None;
            } else if let Some(name) = inside.as_deref()
                && let Some(function) = line.strip_prefix("    ").and_then(function)
            {
                found.insert(format!("{name}::{function}"));
            }
        }
    }
    for (room, file) in FUNCTIONS {
        let text = fs::read_to_string(root().join("src").join(file)).unwrap();
        found.extend(text.lines().filter_map(function).map(|name| format!("{room}::{name}")));
    }
    let text = fs::read_to_string(root().join("src/import/mod.rs")).unwrap();
    let fields =
        text.lines().skip_while(|line| *line != "pub struct ImportOptions {").take_while(|line| *line != "}");
    let fields = fields.filter_map(|line| line.strip_prefix("    pub ")?.split(':').next());
    found.extend(fields.map(|name| format!("ImportOptions.{name}")));
    found
}

#[test]
fn every_capability_has_a_c_function_or_a_reason() {
    let text = fs::read_to_string(root().join("tests/repository/capabilities.txt")).unwrap();
    let rows = text.lines().map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{line}: no function")));
    let table: BTreeMap<&str, &str> = rows.map(|(item, function)| (item, function.trim())).collect();
    assert_eq!(table.len(), text.lines().count(), "a capability is listed twice");
    let found = capabilities();
    assert!(found.len() > 200, "{} capabilities", found.len());
    let missing: Vec<&String> = found.iter().filter(|item| !table.contains_key(item.as_str())).collect();
    assert!(missing.is_empty(), "give each a C function or a reason in capabilities.txt: {missing:?}");
    let gone: Vec<&&str> = table.keys().filter(|item| !found.contains(**item)).collect();
    assert!(gone.is_empty(), "capabilities.txt lists what does not exist: {gone:?}");
    let header = fs::read_to_string(root().join("include/plimsoll.h")).unwrap();
    for (item, function) in table {
        let is_reason = function.strip_prefix("- ").is_some_and(|reason| reason.split(' ').count() > 2);
        assert!(is_reason || header.contains(&format!(" {function}(")), "{item}: no C function {function}");
    }
}
