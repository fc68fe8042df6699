use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use plimsoll::export::c_header;
use plimsoll::{Graph, Plan, Problem};

use crate::fixture;

#[test]
fn graph_plan() {
    let graph = fixture::graph();
    insta::assert_snapshot!("graph_plan.h", c_header::of_graph(&graph, &fixture::plan(&graph)));
}

#[test]
fn problem_plan() {
    let problem = fixture::problem();
    let header = c_header::of_problem("2 + 2 = four", &problem, &fixture::solution(&problem));
    insta::assert_snapshot!("problem_plan.h", header);
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

/// What the program must print.
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

pub const LANGUAGES: [(&str, &[&str]); 2] =
    [("cc", &["-x", "c", "-std=c99"]), ("c++", &["-x", "c++", "-std=c++17"])];

/// Compiles without a warning; none if this machine has no such compiler.
pub fn compile(compiler: &str, language: &[&str], source: &Path, program: &Path) -> Option<()> {
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    let mut command = Command::new(compiler);
    let result = command.args(strict).args(language).arg(source).arg("-o").arg(program).output();
    let Ok(output) = result else {
        eprintln!("skipped: no `{compiler}` on this machine");
        return None;
    };
    assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

#[test]
fn c_and_cpp_read_the_same_plan() {
    let graph = fixture::graph();
    let plan = fixture::plan(&graph);
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("main.c"), folder.path().join("main"));
    fs::write(folder.path().join("plan.h"), c_header::of_graph(&graph, &plan)).unwrap();
    fs::write(&source, PROGRAM).unwrap();
    for (compiler, language) in LANGUAGES {
        if compile(compiler, language, &source, &program).is_some() {
            let printed = Command::new(&program).output().unwrap().stdout;
            assert_eq!(String::from_utf8(printed).unwrap(), expected(&plan), "{compiler}");
        }
    }
}

/// Plans of nothing, plans of much, included twice or compiled alone.
#[test]
fn every_header_compiles_without_a_warning() {
    let empty_graph = Graph::builder("").build().unwrap();
    let empty_problem = Problem::new(Vec::new()).unwrap();
    let solution = plimsoll::Planner::new().solve(&empty_problem).unwrap();
    let (many, many_solution) = fixture::stacked(500);
    let mut long = Graph::builder("l".repeat(300));
    long.input("?".repeat(5000), plimsoll::TensorSpec::bytes(1));
    let long = long.build().unwrap();
    let mut long_plan = Plan::unplaced(&long);
    long_plan.tensors[0] = Some(plimsoll::Placement { offset: u64::MAX, bytes: 1, live: (0..1).into() });
    let headers = [
        c_header::of_graph(&empty_graph, &Plan::unplaced(&empty_graph)),
        c_header::of_problem("*/ ??/\n int \u{e9}\u{5c42}__", &empty_problem, &solution),
        c_header::of_problem("many", &many, &many_solution),
        c_header::of_graph(&long, &long_plan),
    ];
    let folder = tempfile::tempdir().unwrap();
    let object = folder.path().join("plan.o");
    for header in headers {
        let [alone, twice] = ["plan.h", "twice.c"].map(|name| folder.path().join(name));
        fs::write(&alone, header).unwrap();
        fs::write(&twice, "#include \"plan.h\"\n#include \"plan.h\"\n").unwrap();
        for (compiler, language) in LANGUAGES {
            let arguments = [language, &["-c"]].concat();
            compile(compiler, &arguments, &alone, &object);
            compile(compiler, &arguments, &twice, &object);
        }
    }
}
