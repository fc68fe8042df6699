use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use plimsoll::export::c_code::{CCode, SymbolPrefix, SymbolPrefixError};
use plimsoll::{AliasKind, Graph, Placement, Plan, PlanView, Planner, Problem, TensorSpec};

use crate::fixture;

#[test]
fn graph_plan() {
    let graph = fixture::graph();
    insta::assert_snapshot!(
        "graph_plan.h",
        CCode::new(&PlanView::of_plan(&graph, &fixture::plan(&graph)), None).alone()
    );
}

#[test]
fn problem_plan() {
    let problem = fixture::problem();
    let code =
        CCode::new(&PlanView::of_solution("2 + 2 = four", &problem, &fixture::solution(&problem)), None);
    insta::assert_snapshot!("problem_plan.h", code.alone());
}

#[test]
fn header_and_source() {
    let (graph, plan) = fixture::shared();
    let code = CCode::new(&PlanView::of_plan(&graph, &plan), Some(&prefix("net_")));
    insta::assert_snapshot!("pair.h", code.header());
    insta::assert_snapshot!("pair.c", code.source("pair.h"));
}

/// Prints every constant and table, names as hexadecimal bytes.
const PROGRAM: &str = r#"
#include "plan.h"
#include <inttypes.h>
#include <stdio.h>
int main(void) {
    unsigned i;
    printf("%" PRIu64 " %" PRIu64 "\n", (uint64_t)PLIMSOLL_TINY_NET_194C0304_ARENA_BYTES,
           (uint64_t)PLIMSOLL_TINY_NET_194C0304_ARENA_ALIGNMENT);
    for (i = 0; i < PLIMSOLL_TINY_NET_194C0304_TENSOR_COUNT; i++) {
        const char *c;
        printf("%" PRIu32 " ", plimsoll_tiny_net_194c0304_tensors[i].index);
        for (c = plimsoll_tiny_net_194c0304_tensors[i].name; *c; c++) printf("%02x", (unsigned char)*c);
        printf(" %" PRIu64 " %" PRIu64 "\n", plimsoll_tiny_net_194c0304_tensors[i].offset, plimsoll_tiny_net_194c0304_tensors[i].bytes);
    }
    for (i = 0; i < PLIMSOLL_TINY_NET_194C0304_SCRATCH_COUNT; i++)
        printf("%" PRIu32 " %" PRIu64 " %" PRIu64 "\n", plimsoll_tiny_net_194c0304_scratches[i].operator_index,
               plimsoll_tiny_net_194c0304_scratches[i].offset, plimsoll_tiny_net_194c0304_scratches[i].bytes);
    for (i = 0; i < PLIMSOLL_TINY_NET_194C0304_STEP_COUNT; i++) printf("%" PRIu32 "\n", plimsoll_tiny_net_194c0304_order[i]);
    return 0;
}
"#;

/// The expected output of the program.
fn expected(plan: &Plan) -> String {
    let names = ["image", "raw weights", "weights", "features", "#4", "x#5", "x#6", fixture::HARD_NAME];
    let mut text = "20544 64\n".to_owned();
    for (index, place) in plan.tensors.iter().enumerate() {
        if let Some(place) = place {
            write!(text, "{index} ").unwrap();
            for byte in names[index].bytes() {
                write!(text, "{byte:02x}").unwrap();
            }
            writeln!(text, " {} {}", place.offset, place.bytes).unwrap();
        }
    }
    for (index, place) in plan.scratch.iter().enumerate() {
        if let Some(place) = place {
            writeln!(text, "{index} {} {}", place.offset, place.bytes).unwrap();
        }
    }
    for operator in &plan.order {
        writeln!(text, "{operator}").unwrap();
    }
    text
}

pub const LANGUAGES: [(&str, &[&str]); 3] = [
    ("cc", &["-x", "c", "-std=c99"]),
    ("cc", &["-x", "c", "-std=c11"]),
    ("c++", &["-x", "c++", "-std=c++17"]),
];

pub fn prefix(text: &str) -> SymbolPrefix {
    SymbolPrefix::new(text).unwrap()
}

/// Runs a compiler. Returns its error output if it fails, or `None` if this machine has no such compiler.
fn compiled(compiler: &str, arguments: &[&str], folder: &Path) -> Option<Result<(), String>> {
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"];
    let result = Command::new(compiler).current_dir(folder).args(strict).args(arguments).output();
    let Ok(output) = result else {
        eprintln!("skipped: no `{compiler}` on this machine");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

/// Compiles a program with warnings as errors. Returns `None` if this machine has no such compiler.
pub fn compile(compiler: &str, language: &[&str], source: &Path, program: &Path) -> Option<()> {
    let files = [source.to_str().unwrap(), "-o", program.to_str().unwrap()];
    let result = compiled(compiler, &[language, &files].concat(), program.parent().unwrap());
    result.map(|result| result.unwrap_or_else(|said| panic!("{compiler} {language:?}: {said}")))
}

fn ran(program: &Path) -> String {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn c_and_cpp_read_the_same_plan() {
    let graph = fixture::graph();
    let plan = fixture::plan(&graph);
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("main.c"), folder.path().join("main"));
    let code = CCode::new(&PlanView::of_plan(&graph, &plan), None);
    fs::write(&source, PROGRAM).unwrap();
    for pair in [false, true] {
        fs::write(folder.path().join("plan.h"), if pair { code.header() } else { code.alone() }).unwrap();
        fs::write(folder.path().join("plan.c"), code.source("plan.h")).unwrap();
        for (compiler, language) in LANGUAGES {
            let sources: &[&str] = if pair { &["main.c", "plan.c"] } else { &["main.c"] };
            let arguments = [language, sources, &["-o", "main"]].concat();
            if let Some(result) = compiled(compiler, &arguments, folder.path()) {
                result.unwrap_or_else(|said| panic!("{compiler} {language:?}: {said}"));
                assert_eq!(ran(&program), expected(&plan), "{compiler}");
            }
        }
    }
}

/// Two plans of one model with prefixes of their own, and a third for memory that the program
/// has: arenas are apart and aligned, tables right, and constants those of the tables.
const TWO_PLANS: &str = r#"
#include "vision.h"
#include "audio.h"
#include "own.h"
#include <stdio.h>
#include <string.h>
VISION_ASSERT(it_fits_my_board, VISION_ARENA_BYTES <= 32768);
static unsigned char memory[OWN_ARENA_BYTES];
int main(void) {
    unsigned i;
    if ((uintptr_t)vision_arena % VISION_ARENA_ALIGNMENT || (uintptr_t)Audio_arena % AUDIO_ARENA_ALIGNMENT) return 1;
    memset(vision_arena, 1, (size_t)VISION_ARENA_BYTES);
    memset(Audio_arena, 2, (size_t)AUDIO_ARENA_BYTES);
    memset(memory, 3, sizeof memory);
    for (i = 0; i < VISION_ARENA_BYTES; i++) if (vision_arena[i] != 1) return 2;
    if (VISION_TENSOR_COUNT != 6 || AUDIO_TENSOR_COUNT != OWN_TENSOR_COUNT) return 3;
    if (vision_tensors[0].offset != VISION_OFFSET_IMAGE || vision_tensors[0].bytes != VISION_BYTES_IMAGE) return 4;
    if (vision_tensors[2].offset != VISION_OFFSET_4 || vision_tensors[3].offset != VISION_OFFSET_X_5) return 5;
    if (vision_tensors[5].offset != VISION_OFFSET_SCORES_10) return 6;
    if (vision_scratches[0].offset != VISION_SCRATCH_OFFSET_CONV || VISION_SCRATCH_BYTES_CONV != 256) return 7;
    if (vision_order[VISION_STEP_COUNT] != 0xFFFFFFFFu || VISION_SHARE_COUNT != 0) return 8;
    for (i = 0; i < AUDIO_SHARE_COUNT; i++)
        printf("%u %u %u %u %u\n", (unsigned)Audio_shares[i].index, (unsigned)Audio_shares[i].of,
               (unsigned)Audio_shares[i].operator_index, (unsigned)Audio_shares[i].how, (unsigned)Audio_shares[i].at);
    return 0;
}
"#;

#[test]
fn plans_go_into_one_program() {
    let graph = fixture::graph();
    let vision = CCode::new(&PlanView::of_plan(&graph, &fixture::plan(&graph)), Some(&prefix("vision")));
    let (graph, plan) = fixture::shared();
    let [audio, own] =
        ["Audio", "own_"].map(|text| CCode::new(&PlanView::of_plan(&graph, &plan), Some(&prefix(text))));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    for (name, code) in [("vision", vision), ("audio", audio), ("own", own)] {
        write(&format!("{name}.h"), code.header());
        write(&format!("{name}.c"), code.source(&format!("{name}.h")));
    }
    write("main.c", TWO_PLANS.to_owned());
    let expected: String = plan.aliases.iter().fold(String::new(), |mut text, alias| {
        let kind = match alias.kind {
            AliasKind::View => 0,
            AliasKind::Slice => 1,
            AliasKind::Concat => 2,
            AliasKind::InPlace => 3,
            AliasKind::Overlap => 4,
            other => panic!("a new kind: {other:?}"),
        };
        writeln!(text, "{} {} {} {kind} {}", alias.tensor, alias.of, alias.operator, alias.at).unwrap();
        text
    });
    assert_eq!(expected.lines().count(), 5);
    let sections: [&[&str]; 2] = [&[], &["-DVISION_ARENA_ATTRIBUTES=__attribute__((section(\".fast\")))"]];
    for ((compiler, language), section) in LANGUAGES.iter().zip(sections.iter().cycle()) {
        let files = ["-DOWN_NO_ARENA", "main.c", "vision.c", "audio.c", "own.c", "-o", "main"];
        let arguments = [*language, *section, &files].concat();
        if let Some(result) = compiled(compiler, &arguments, folder.path()) {
            result.unwrap_or_else(|said| panic!("{compiler} {language:?}: {said}"));
            assert_eq!(ran(&folder.path().join("main")), expected);
        }
    }
    // Sources in C for a program in C++.
    let objects: [(&str, &[&str]); 2] = [
        ("cc", &["-std=c11", "-c", "-DOWN_NO_ARENA", "vision.c", "audio.c", "own.c"]),
        (
            "c++",
            &[
                "-std=c++17",
                "-x",
                "c++",
                "main.c",
                "-x",
                "none",
                "vision.o",
                "audio.o",
                "own.o",
                "-o",
                "main",
            ],
        ),
    ];
    for (compiler, arguments) in objects {
        let Some(result) = compiled(compiler, arguments, folder.path()) else { return };
        result.unwrap_or_else(|said| panic!("{compiler}: {said}"));
    }
    assert_eq!(ran(&folder.path().join("main")), expected);
}

/// Static asserts fail in each language: of plans that are wrong, of a source with the header
/// of another plan, of an arena that no machine has.
#[test]
fn what_is_wrong_does_not_compile() {
    let graph = fixture::graph();
    let right = fixture::plan(&graph);
    let changed = |change: &dyn Fn(&mut Plan)| {
        let mut plan = right.clone();
        change(&mut plan);
        CCode::new(&PlanView::of_plan(&graph, &plan), Some(&prefix("p")))
    };
    let of = |code: &CCode| (code.header(), code.source("plan.h"));
    let cases = [
        ("ARENA_ALIGNMENT", of(&changed(&|plan| plan.alignment = 96))),
        ("IMAGE", of(&changed(&|plan| plan.tensors[0].as_mut().unwrap().offset = 20_480))),
        ("X_6", of(&changed(&|plan| plan.tensors[6].as_mut().unwrap().offset = 80))),
        ("FEATURES", of(&changed(&|plan| plan.tensors[3].as_mut().unwrap().bytes = u64::MAX))),
        ("SCRATCH_DENSE", of(&changed(&|plan| plan.scratch[4].as_mut().unwrap().offset = 200))),
        ("ARENA_fits_this_machine", of(&changed(&|plan| plan.arena_bytes = u64::MAX))),
        (
            "PLAN_ID_is_that_of_the_header",
            (changed(&|plan| plan.order.swap(0, 1)).header(), changed(&|_| ()).source("plan.h")),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (label, (header, source)) in cases {
        fs::write(folder.path().join("plan.h"), header).unwrap();
        fs::write(folder.path().join("plan.c"), source).unwrap();
        for (compiler, language) in LANGUAGES {
            let arguments = [language, &["-c", "plan.c"]].concat();
            let Some(result) = compiled(compiler, &arguments, folder.path()) else { continue };
            let said = result.expect_err(label);
            assert!(said.contains(label), "{label}: {said}");
            // The header alone is right: it has no tables.
            compile(
                compiler,
                &[language, &["-c"]].concat(),
                &folder.path().join("plan.h"),
                &folder.path().join("plan.o"),
            );
        }
    }
}

/// The guard of the first would leave out the second.
#[test]
fn two_plans_of_one_prefix_are_told_apart() {
    let graph = fixture::graph();
    let (other, other_plan) = fixture::shared();
    let [first, second] = [
        CCode::new(&PlanView::of_plan(&graph, &fixture::plan(&graph)), Some(&prefix("net"))),
        CCode::new(&PlanView::of_plan(&other, &other_plan), Some(&prefix("Net"))),
    ];
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("both.c", "#include \"first.h\"\n#include \"second.h\"\n");
    for pair in [false, true] {
        for (name, code) in [("first.h", &first), ("second.h", &second)] {
            write(name, &if pair { code.header() } else { code.alone() });
        }
        for (compiler, language) in LANGUAGES {
            let arguments = [language, &["-c", "both.c"]].concat();
            let Some(result) = compiled(compiler, &arguments, folder.path()) else { continue };
            let said = result.unwrap_err();
            assert!(said.contains("two plans have the prefix NET"), "{said}");
        }
    }
}

/// Plans of nothing, plans of much, included twice or compiled alone.
#[test]
fn every_header_compiles_without_a_warning() {
    let empty_graph = Graph::builder("").build().unwrap();
    let empty_problem = Problem::new(Vec::new()).unwrap();
    let solution = Planner::new().solve(&empty_problem).unwrap();
    let (many, many_solution) = fixture::stacked(500);
    let mut long = Graph::builder("l".repeat(300));
    long.input("?".repeat(5000), TensorSpec::bytes(1));
    let long = long.build().unwrap();
    let mut long_plan = Plan::unplaced(&long);
    long_plan.arena_bytes = u64::MAX;
    long_plan.tensors[0] = Some(Placement { offset: u64::MAX - 1, bytes: 1, live: (0..1).into() });
    let codes = [
        CCode::new(&PlanView::of_plan(&empty_graph, &Plan::unplaced(&empty_graph)), None),
        CCode::new(&PlanView::of_solution("*/ ??/\n int \u{e9}\u{5c42}__", &empty_problem, &solution), None),
        CCode::new(&PlanView::of_solution("many", &many, &many_solution), None),
        CCode::new(&PlanView::of_plan(&long, &long_plan), None),
    ];
    let folder = tempfile::tempdir().unwrap();
    let object = folder.path().join("plan.o");
    let [alone, twice, source] = ["plan.h", "twice.c", "plan.c"].map(|name| folder.path().join(name));
    fs::write(&twice, "#include \"plan.h\"\n#include \"plan.h\"\n").unwrap();
    for (number, code) in codes.iter().enumerate() {
        for (compiler, language) in LANGUAGES {
            let arguments = [language, &["-c"]].concat();
            fs::write(&alone, code.alone()).unwrap();
            compile(compiler, &arguments, &alone, &object);
            compile(compiler, &arguments, &twice, &object);
            fs::write(&alone, code.header()).unwrap();
            compile(compiler, &arguments, &twice, &object);
            fs::write(&source, code.source("plan.h")).unwrap();
            // No machine has the last one's arena.
            if number < 3 {
                compile(compiler, &arguments, &source, &object);
            }
        }
    }
}

#[test]
fn prefixes_are_names_of_c() {
    assert_eq!((prefix("net").lower(), prefix("Net_2_").upper()), ("net", "NET_2"));
    let refused = |text: &str| SymbolPrefix::new(text).unwrap_err();
    assert_eq!(refused(""), SymbolPrefixError::Empty);
    for (text, letter) in [("my-net", '-'), ("net ", ' '), ("n\u{e9}t", '\u{e9}'), ("a*/b", '*')] {
        assert_eq!(refused(text), SymbolPrefixError::Letter { prefix: text.to_owned(), letter });
    }
    for (text, letter) in [("2net", '2'), ("_net", '_'), ("_", '_')] {
        assert_eq!(refused(text), SymbolPrefixError::Start { prefix: text.to_owned(), letter });
    }
    assert!(refused("net__a").to_string().contains("two underscores"));
    assert!(refused("net__").to_string().contains("`net__`"));
    assert_eq!(prefix(&"n".repeat(45)).lower().len(), 45);
    assert!(refused(&"n".repeat(46)).to_string().contains("46 letters"));
}
