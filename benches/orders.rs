//! Quality and cost of operator orders of generated networks: tables for `docs/results.md`. With
//! `PLIMSOLL_DATA` (default `../shared`), also every network in its folder `zoo`.

use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{ElementType, Graph, Planner, ScheduleMode, Variables};

#[path = "../tests/support/networks.rs"]
#[allow(dead_code)]
mod networks;

fn main() {
    println!("| networks | operators | proven | file order / ours | nodes, most | CPU s, median and most |");
    println!("| --- | ---: | --- | ---: | ---: | --- |");
    let seeds = 1..=10;
    family("randomly wired", seeds.clone().map(|seed| networks::randomly_wired(false, seed)));
    family("randomly wired, weighted", seeds.clone().map(|seed| networks::randomly_wired(true, seed)));
    for kind in networks::CELLS {
        family(kind.name, seeds.clone().map(|seed| networks::cells(kind, seed)));
    }
    family("ladder of 200", [networks::ladder(200)]);
    family("trees of 64 leaves", seeds.clone().map(|seed| networks::tree(64, seed)));
    family("U-Nets of 3, 20, 200 levels", [3, 20, 200].map(networks::u_net));
    family("LSTM of 49 and 200 steps", [49, 200].map(networks::lstm));
    family("training, 100 layers", [networks::training(100)]);
    family("training, 1000 layers", [networks::training(1000)]);
    family("training, 16 600 layers", [networks::training(16_600)]);
    zoo();
}

fn planner() -> Planner {
    Planner::new().alignment(1).order(ScheduleMode::Auto)
}

fn family(name: &str, graphs: impl IntoIterator<Item = Graph>) {
    let (mut seconds, mut ratios, mut nodes) = (Vec::new(), 0.0, 0);
    let (mut proven, mut operators, mut widest): (usize, usize, f64) = (0, 0, 0.0);
    for graph in graphs {
        let start = ProcessTime::now();
        let schedule = planner().schedule(&graph).expect("a network");
        seconds.push(start.elapsed().as_secs_f64());
        ratios += (schedule.program_peak as f64 / schedule.peak as f64).ln();
        nodes = nodes.max(schedule.nodes);
        proven += usize::from(schedule.is_optimal());
        operators = operators.max(schedule.order.len());
        widest = widest.max(schedule.peak as f64 / schedule.lower_bound as f64 - 1.0);
    }
    seconds.sort_by(f64::total_cmp);
    let (count, last) = (seconds.len(), seconds[seconds.len() - 1]);
    let gap = if proven < count { format!(", gap at most {:.2} %", widest * 100.0) } else { String::new() };
    println!(
        "| {name} | {operators} | {proven} of {count}{gap} | {:.3} | {nodes} | {:.4}, {last:.4} |",
        (ratios / count as f64).exp(),
        seconds[count / 2],
    );
}

/// Arena bytes in program order and in the planned order, as int8.
fn zoo() {
    let data = std::env::var_os("PLIMSOLL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let zoo = data.join("zoo");
    if !zoo.exists() {
        println!("skipped: {} does not exist; name the data folder by PLIMSOLL_DATA", zoo.display());
        return;
    }
    println!("\n| network | operators | file order | ours | bound over all orders | CPU s |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let (mut saved, mut count, mut smaller, mut optimal) = (0.0, 0, 0, 0);
    for path in files(&zoo) {
        let mut options = ImportOptions::default();
        options.floats_as = Some(ElementType::Int8);
        let Ok(Imported::Graph(imported)) = import::read(&path, &options) else { continue };
        let planner = planner().variables(Variables::Outside);
        let file = planner.plan_in_order(&imported.graph, imported.graph.program_order()).expect("a plan");
        let start = ProcessTime::now();
        let plan = planner.plan(&imported.graph).expect("a plan");
        let seconds = start.elapsed().as_secs_f64();
        saved += (file.arena_bytes as f64 / plan.arena_bytes as f64).ln();
        count += 1;
        smaller += usize::from(plan.arena_bytes < file.arena_bytes);
        optimal += usize::from(plan.status == plimsoll::Status::Optimal);
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        println!(
            "| {} | {} | {} | {} | {} | {seconds:.4} |",
            name.trim_end_matches(".stripped"),
            plan.order.len(),
            file.arena_bytes,
            plan.arena_bytes,
            plan.bound(),
        );
    }
    println!("\n{optimal} of {count} optimal over all orders, {smaller} smaller than in the file's order,");
    println!("{:.4} times smaller on geometric mean.", (saved / f64::from(count)).exp());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |entries| entries.flatten().collect());
    for entry in entries {
        let path = entry.path();
        match path.extension().and_then(|ending| ending.to_str()) {
            _ if path.is_dir() => found.extend(files(&path)),
            Some("onnx" | "tflite") => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}
