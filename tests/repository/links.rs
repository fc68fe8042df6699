//! Links of the documentation: each relative link names a file of the repository, each anchor a
//! heading of its page, and the book's table of contents names every page of `docs/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

const PAGES_OUTSIDE_OF_DOCS: [&str; 5] =
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "python/README.md"];

#[test]
fn links_lead_to_files_and_headings() {
    let mut pages: Vec<PathBuf> = PAGES_OUTSIDE_OF_DOCS.iter().map(PathBuf::from).collect();
    pages.extend(pages_of_docs());
    let mut dead = Vec::new();
    let mut links = 0;
    for page in &pages {
        for link in links_of(&read(page)) {
            if is_external(&link) {
                continue;
            }
            links += 1;
            if let Some(reason) = reason_if_dead(page, &link) {
                dead.push(format!("{}: ({link}): {reason}", page.display()));
            }
        }
    }
    assert!(links > 100, "only {links} links found; the reader of links is wrong");
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn the_book_has_every_page_once() {
    let listed = links_of(&read(Path::new("docs/SUMMARY.md")));
    let distinct: BTreeSet<PathBuf> = listed.iter().map(|link| Path::new("docs").join(link)).collect();
    assert_eq!(listed.len(), distinct.len(), "docs/SUMMARY.md names a page twice");
    let pages: BTreeSet<PathBuf> =
        pages_of_docs().into_iter().filter(|page| !page.ends_with("SUMMARY.md")).collect();
    assert_eq!(pages, distinct, "left: pages of docs/; right: links of docs/SUMMARY.md");
}

#[test]
fn dead_links_are_found() {
    let page = Path::new("docs/guide.md");
    assert_eq!(reason_if_dead(page, "abi.md#building"), None);
    assert_eq!(reason_if_dead(page, "#the-plan"), None);
    assert_eq!(reason_if_dead(page, "../examples/clients"), None);
    assert!(reason_if_dead(page, "missing.md").is_some());
    assert!(reason_if_dead(page, "Abi.md").is_some());
    assert!(reason_if_dead(page, "abi.md#no-such-heading").is_some());
    assert!(reason_if_dead(page, "../../outside.md").is_some());
}

#[test]
fn links_and_anchors_are_read_as_github_reads_them() {
    let text = "\
# Use
## The `fit` command, and [tables](x.md)
# Use
```sh
# no heading [no](link.md)
```
[a](a.md), ![b](b.svg) and `[c](c.md)`; [two
lines](d.md#e)
";
    assert_eq!(
        anchors_of(text),
        BTreeSet::from(["use", "the-fit-command-and-tables", "use-1"].map(String::from))
    );
    assert_eq!(links_of(text), ["x.md", "a.md", "b.svg", "d.md#e"]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &Path) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

fn pages_of_docs() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| Path::new("docs").join(entry.unwrap().file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

fn is_external(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

fn reason_if_dead(page: &Path, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() {
        page.to_path_buf()
    } else {
        let Some(target) = normalized(&page.parent().unwrap_or(Path::new("")).join(file)) else {
            return Some("outside of the repository".to_owned());
        };
        target
    };
    if !exists(&target) {
        return Some("no such file".to_owned());
    }
    let anchor = anchor?;
    let headings = anchors_of(&read(&target));
    (!headings.contains(anchor)).then(|| format!("{} has no such heading", target.display()))
}

/// Resolves `..`; None if the path leaves the repository.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                if !result.pop() {
                    return None;
                }
            }
            Component::Normal(name) => result.push(name),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir => return None,
        }
    }
    Some(result)
}

/// Compares names in folders, as file systems that ignore case would accept `Abi.md`.
fn exists(path: &Path) -> bool {
    let mut folder = root().to_path_buf();
    for name in path {
        let found = fs::read_dir(&folder)
            .is_ok_and(|mut entries| entries.any(|entry| entry.unwrap().file_name() == name));
        if !found {
            return false;
        }
        folder.push(name);
    }
    true
}

/// Lines outside of fenced code.
fn prose_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

/// Targets of inline links and images. Paragraphs may break inside the text of a link.
fn links_of(text: &str) -> Vec<String> {
    let prose = prose_lines(text).collect::<Vec<_>>().join("\n");
    // Every second part between backticks is code.
    let prose: String = prose.split('`').step_by(2).collect();
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split_whitespace().next().unwrap_or_default().to_owned())
        .collect()
}

/// Anchors of the headings: lower case, without punctuation, hyphens for spaces, and a number for
/// headings of equal text.
fn anchors_of(text: &str) -> BTreeSet<String> {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    prose_lines(text)
        .filter_map(|line| {
            let title = line.trim_start_matches('#');
            (title.len() < line.len()).then(|| title.strip_prefix(' ')).flatten()
        })
        .map(|title| {
            let anchor = anchor_of(title);
            let count = uses.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        })
        .collect()
}

fn anchor_of(title: &str) -> String {
    let mut text = String::new();
    // Of a link, the text counts and the target does not.
    for (index, part) in title.split("](").enumerate() {
        text.push_str(if index == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) });
    }
    text.trim()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | ' '))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .flat_map(char::to_lowercase)
        .collect()
}
