//! Dependencies run one way: between the rooms of `src` by a table, and between the files of each
//! folder without circles, in the library and in the command.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it may name, as in `docs/design.md`.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("support", &[]),
    ("error", &["support"]),
    ("problem", &["error", "support"]),
    ("allocate", &["error", "problem", "support"]),
    ("graph", &["error", "support"]),
    ("liveness", &["error", "graph", "problem", "support"]),
    ("effects", &["graph", "support"]),
    ("sharing", &["effects", "error", "graph", "liveness", "problem", "support"]),
    ("schedule", &["effects", "graph", "sharing", "support"]),
    ("plan", &["effects", "graph", "problem", "sharing", "support", "tiling"]),
    ("placement", &["allocate", "error", "graph", "problem", "support"]),
    ("tiling", &["error", "graph", "support"]),
    // Sees what a plan or a tiling states, and nothing that makes one.
    ("verify", &["error", "graph", "plan", "problem", "sharing", "support", "tiling"]),
    (
        "planner",
        &[
            "allocate",
            "effects",
            "error",
            "graph",
            "liveness",
            "placement",
            "plan",
            "problem",
            "schedule",
            "sharing",
            "support",
            "tiling",
            "verify",
        ],
    ),
    ("import", &["error", "graph", "problem", "support"]),
    // These see what a user sees: items of the crate's root, and public modules.
    ("export", &["ROOT", "import", "support", "tiling", "verify"]),
    ("report", &["ROOT", "effects", "support", "tiling"]),
    ("files", &["export"]),
    ("fuzzing", &["ROOT", "export", "import", "verify"]),
    ("capi", &["ROOT", "allocate", "export", "files", "import", "report", "tiling", "verify"]),
    ("lib", &[]),
];

#[test]
fn rooms_name_what_the_table_allows() {
    let tree = Tree::read(&root().join("src"));
    let mut wrong = Vec::new();
    for reference in &tree.references {
        let room = reference.from[0].as_str();
        let entry = MAY_NAME.iter().find(|entry| entry.0 == room);
        let allowed = entry.unwrap_or_else(|| panic!("room `{room}` is not in the table")).1;
        let first = reference.to[0].as_str();
        let target = if tree.rooms.contains(first) { first } else { "ROOT" };
        if target != room && !allowed.contains(&target) {
            wrong.push(format!("{}: `{room}` names `{target}`", reference.place));
        }
    }
    assert!(tree.references.len() > 1000, "only {} paths found", tree.references.len());
    assert!(wrong.is_empty(), "dependencies that run backwards:\n{}", wrong.join("\n"));
}

#[test]
fn files_of_a_folder_depend_on_each_other_without_circles() {
    for source in ["src", "cli/src"] {
        assert_eq!(Tree::read(&root().join(source)).circles(), Vec::<String>::new());
    }
}

/// A path in the code: the module that states it, and the path from the crate's root.
struct Reference {
    from: Vec<String>,
    to: Vec<String>,
    place: String,
}

struct Tree {
    rooms: BTreeSet<String>,
    /// Every module by its path, those of folders included.
    modules: BTreeSet<Vec<String>>,
    references: Vec<Reference>,
}

impl Tree {
    fn read(source: &Path) -> Self {
        let mut tree = Self { rooms: BTreeSet::new(), modules: BTreeSet::new(), references: Vec::new() };
        let is_unit_test = |file: &PathBuf| {
            file.ends_with("tests.rs") || file.parent().is_some_and(|folder| folder.ends_with("tests"))
        };
        for file in rust_files(source).into_iter().filter(|file| !is_unit_test(file)) {
            let relative = file.strip_prefix(source).unwrap();
            let from = module_of(relative);
            tree.rooms.insert(from[0].clone());
            for length in 1..=from.len() {
                tree.modules.insert(from[..length].to_vec());
            }
            for (line, path) in paths(&fs::read_to_string(&file).unwrap()) {
                if let Some(to) = resolve(&from, &path) {
                    let place = format!("{}:{line}", relative.display());
                    tree.references.push(Reference { from: from.clone(), to, place });
                }
            }
        }
        tree
    }

    /// Circles among the entries of each folder; a folder counts as one entry, and its `mod.rs`,
    /// which joins the entries, as none.
    fn circles(&self) -> Vec<String> {
        let mut arrows: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        for reference in &self.references {
            let (from, to) = (&reference.from, &reference.to);
            let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if shared < from.len() && shared < to.len() && self.modules.contains(&to[..=shared]) {
                arrows.entry(from[..=shared].to_vec()).or_default().insert(to[..=shared].to_vec());
            }
        }
        let reach: BTreeMap<_, _> = arrows.keys().map(|start| (start, reached(&arrows, start))).collect();
        let mut circles = BTreeSet::new();
        for (start, ends) in &reach {
            if ends.contains(*start) {
                let back = |end: &&Vec<String>| reach.get(end).is_some_and(|ends| ends.contains(*start));
                let names: Vec<_> = ends.iter().filter(back).map(|name| name.join("/")).collect();
                circles.insert(names.join(" "));
            }
        }
        circles.into_iter().collect()
    }
}

fn reached(
    arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    start: &Vec<String>,
) -> BTreeSet<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(next) = open.pop() {
        for end in arrows.get(next).into_iter().flatten() {
            if seen.insert(end.clone()) {
                open.push(end);
            }
        }
    }
    seen
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
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
    files.sort();
    files
}

/// `a/mod.rs` is the module `a`, `a/b.rs` is `a::b`.
fn module_of(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        file.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
    let name = parts.pop().unwrap();
    if name != "mod.rs" {
        parts.push(name.trim_end_matches(".rs").to_owned());
    }
    parts
}

/// The path from the crate's root; none for a path into the module itself or to another crate.
fn resolve(from: &[String], path: &[String]) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|&part| part == "super").count();
    let start = match path[0].as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "super" => &from[..from.len().checked_sub(ups)?],
        _ => return None,
    };
    Some([start, &path[ups..]].concat())
}

/// Every path that begins with `crate` or `super`, with its line. A list in braces gives a path for
/// each of its entries. Code of unit tests is left out: in it, `super` is the file.
fn paths(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let code = without_unit_tests(text);
    let lines: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap()).collect();
    let code = lines.join("\n");
    let mut at = 0;
    while let Some(next) = ["crate::", "super::"].iter().filter_map(|word| code[at..].find(word)).min() {
        let start = at + next;
        let whole =
            !code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
        if whole {
            let line = code[..start].matches('\n').count() + 1;
            let mut ends = Vec::new();
            at = start + tree(&code[start..], &[], &mut ends);
            found.extend(ends.into_iter().map(|path| (line, path)));
        } else {
            at = start + 7;
        }
    }
    found
}

/// In a module of unit tests, `super` is the file itself.
fn without_unit_tests(text: &str) -> &str {
    let starts = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub(super) mod ", "#[cfg(test)]\npub(crate) mod "];
    &text[..starts.iter().filter_map(|start| text.find(start)).min().unwrap_or(text.len())]
}

/// Reads one path or use-tree; returns the bytes read.
fn tree(text: &str, before: &[String], ends: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if text[at..].starts_with('{') {
            at += 1;
            while !text[at..].trim_start().starts_with('}') {
                at += tree(&text[at..], &path, ends);
                at += text[at..].find([',', '}']).unwrap();
                at += usize::from(text[at..].starts_with(','));
            }
            at += text[at..].find('}').unwrap() + 1;
            return at;
        }
        let word = text[at..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text[at..].len());
        path.push(text[at..at + word].to_owned());
        at += word;
        if !text[at..].starts_with("::") {
            ends.push(path);
            return at;
        }
        at += 2;
    }
}

#[test]
fn paths_are_read_through_braces_and_comments() {
    let text = "use crate::bound::x;\n// crate::no\nfn f(b: crate::Buffer) {}\nuse super::{a::{B, c::D}, E};\n\
                $crate::macros::no";
    let read: Vec<String> =
        paths(text).into_iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
    let expected =
        ["1 crate::bound::x", "3 crate::Buffer", "4 super::a::B", "4 super::a::c::D", "4 super::E"];
    assert_eq!(read, expected);
    let from = ["a".to_owned(), "b".to_owned()];
    assert_eq!(
        resolve(&from, &["super".to_owned(), "c".to_owned()]),
        Some(vec!["a".to_owned(), "c".to_owned()])
    );
}
