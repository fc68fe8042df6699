//! Savings by memory sharing on every network in `zoo` of the folder named by `PLIMSOLL_DATA`
//! (default `../shared`), counted as int8, with inputs that may be overwritten: tables for
//! `docs/results.md`, and its plot if `PLIMSOLL_PLOT` names a file for it.

use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use plimsoll::allocate::{self, Exact};
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{ElementType, Graph, Plan, Planner, ScheduleMode, SharingLevel, Status, Variables};

#[path = "support/kernels.rs"]
mod kernels;
#[path = "support/plot.rs"]
mod plot;

const LEVELS: [&str; 9] = [
    "no reuse",
    "knapsack",
    "merge",
    "exact",
    "+ order",
    "+ views",
    "+ in place",
    "+ concatenation",
    "+ overlap",
];

const MIB: u64 = 1 << 20;

fn main() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let base = std::env::var_os("PLIMSOLL_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let mut files = Vec::new();
    collect(&base.join("zoo"), &mut files);
    files.sort();
    if files.is_empty() {
        println!("skipped: no networks in {} (name the data folder by PLIMSOLL_DATA)", base.display());
        return;
    }
    println!("| network | {} | bound | status | nodes | CPU s |", LEVELS.join(" | "));
    println!("| --- |{} ---: | --- | ---: | ---: |", " ---: |".repeat(LEVELS.len()));
    let mut fits = [[0; LEVELS.len()]; 2];
    let (mut proven, mut ratios) = (0, [0.0; LEVELS.len()]);
    for path in &files {
        let graph = import_int8(path);
        let start = ProcessTime::now();
        let shared = planner().share(SharingLevel::All).plan(&graph).expect("a plan");
        let seconds = start.elapsed().as_secs_f64();
        let overlapping = kernels::channels_last(&graph, path);
        let overlapping = planner().share(SharingLevel::All).plan(&overlapping).expect("a plan");
        let arenas = arenas(&graph, &shared, overlapping.arena_bytes);
        for (level, &arena) in arenas.iter().enumerate() {
            fits[0][level] += usize::from(arena <= 2 * MIB);
            fits[1][level] += usize::from(arena <= 4 * MIB);
            ratios[level] += (arenas[0].max(1) as f64 / arena.max(1) as f64).ln();
        }
        proven += usize::from(shared.status == Status::Optimal);
        let texts = arenas.map(|arena| arena.to_string()).join(" | ");
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("");
        let name = name.trim_end_matches(".stripped");
        println!(
            "| {name} | {texts} | {} | {} | {} | {seconds:.3} |",
            shared.bound(),
            shared.status,
            shared.nodes
        );
    }
    let count = files.len();
    println!("\n{proven} of {count} proven optimal over orders, sharing and offsets\n");
    println!("| | {} |\n| --- |{}", LEVELS.join(" | "), " ---: |".repeat(LEVELS.len()));
    let percents = fits.map(|row| row.map(|fit| fit as f64 / count as f64 * 100.0));
    for (row, capacity) in percents.iter().zip([2, 4]) {
        let shares = row.map(|percent| format!("{percent:.0} %"));
        println!("| fit {capacity} MiB | {} |", shares.join(" | "));
    }
    let means = ratios.map(|ratio| format!("{:.2}", (ratio / count as f64).exp()));
    println!("| no reuse / arena, geometric mean | {} |", means.join(" | "));
    if let Some(file) = std::env::var_os("PLIMSOLL_PLOT") {
        let lines = [("2 MiB", &percents[0][..]), ("4 MiB", &percents[1][..])];
        std::fs::write(file, plot::svg(&LEVELS, &lines)).expect("a place for the plot");
    }
}

fn planner() -> Planner {
    Planner::new().alignment(1).variables(Variables::Outside)
}

/// Arena by level of sharing. If a level is worse than the one before it, the better one counts.
fn arenas(graph: &Graph, shared: &Plan, overlapping: u64) -> [u64; LEVELS.len()] {
    let in_program_order = |name: &str| {
        let strategy = allocate::by_name(name).expect("a known strategy");
        let planner = planner().order(ScheduleMode::Program).strategy(strategy);
        planner.plan(graph).expect("a plan").arena_bytes
    };
    let sharing = |level: SharingLevel| planner().share(level).plan(graph).expect("a plan").arena_bytes;
    let exact = planner().order(ScheduleMode::Program).strategy(Exact::new()).plan(graph).expect("a plan");
    let mut arenas = [
        exact.no_reuse_bytes(),
        in_program_order("knapsack"),
        in_program_order("merge"),
        exact.arena_bytes,
        sharing(SharingLevel::None),
        sharing(SharingLevel::Views),
        sharing(SharingLevel::InPlace),
        shared.arena_bytes,
        overlapping,
    ];
    for level in 1..arenas.len() {
        arenas[level] = arenas[level].min(arenas[level - 1]);
    }
    arenas
}

fn import_int8(path: &Path) -> Graph {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    options.input_contents = plimsoll::InputContents::Overwritable;
    match import::read(path, &options).expect("a network") {
        Imported::Graph(imported) => imported.graph,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "onnx" || ending == "tflite") {
            files.push(path);
        }
    }
}
