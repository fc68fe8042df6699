//! What goes to DDR where not all fits, on every network of the zoo of `PLIMSOLL_DATA`
//! (default `../shared`), counted as int8: tables for `docs/results.md`.

use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{ElementType, Graph, Loading, Planner, Pool, Pools, Sharing};

const KIB: u64 = 1 << 10;
const CAPACITIES: [u64; 3] = [2048 * KIB, 1024 * KIB, 512 * KIB];

fn main() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let base = std::env::var_os("PLIMSOLL_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let only = std::env::var("PLIMSOLL_ONLY").unwrap_or_default();
    let mut files = Vec::new();
    collect(&base.join("zoo"), &mut files);
    files.sort();
    files.retain(|path| path.to_string_lossy().contains(&only));
    println!("| network | KiB | loading | cost | bound | floor | gap % | nodes | CPU s |");
    let mut good = [0; 2];
    let mut pairs = 0;
    for path in &files {
        let graph = import_int8(path);
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("");
        for capacity in CAPACITIES {
            if std::env::var("PLIM_KIB").is_ok_and(|kib| kib != (capacity / KIB).to_string()) {
                continue;
            }
            pairs += 1;
            for (number, loading) in [Loading::Once, Loading::EachRun].into_iter().enumerate() {
                if std::env::var("PLIM_LOADING").is_ok_and(|one| one != format!("{loading:?}")) {
                    continue;
                }
                let start = ProcessTime::now();
                let pools =
                    Pools::new([Pool::on_chip("l2", capacity), Pool::off_chip("ddr")]).expect("pools");
                let pools = pools.loading(loading);
                let plan = planner().place(&graph, &pools).expect("a plan");
                let seconds = start.elapsed().as_secs_f64();
                let gap = plan.gap() * 100.0;
                good[number] += usize::from(gap <= 1.0 && seconds <= 5.0);
                println!(
                    "| {name} | {} | {loading:?} | {} | {} | {} | {gap:.3} | {} | {seconds:.2} |",
                    capacity / KIB,
                    plan.cost,
                    plan.lower_bound,
                    plan.floor,
                    plan.nodes
                );
            }
        }
    }
    println!("\nat most 1 % and 5 s: once {} of {pairs}, each run {} of {pairs}", good[0], good[1]);
}

fn planner() -> Planner {
    Planner::new().alignment(1).share(Sharing::None)
}

fn import_int8(path: &Path) -> Graph {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    options.alignment = Some(1);
    match import::read(path, &options).expect("a network") {
        Imported::Graph(imported) => imported.graph,
        _ => panic!("{} is no network", path.display()),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            collect(&path, files);
        } else if matches!(ending, Some("onnx" | "tflite")) {
            files.push(path);
        }
    }
}
