//! The zoo with and without tiling: arenas at several budgets of extra cost.
//!
//! `cargo run --release --all-features --example tiling_table -- FOLDER [NAME-PART]`

use std::path::{Path, PathBuf};

use plimsoll::import::{ImportOptions, Imported, Layout, read};
use plimsoll::tiling::TilingGoal;
use plimsoll::{ElementType, Planner, SharingLevel, TiledPlan, Variables};

/// Budgets of extra cost, in percent.
const BUDGETS: [u64; 5] = [0, 2, 5, 10, 30];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let part = arguments.next().unwrap_or_default();
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files);
    files.sort();
    let columns = |name: &str| BUDGETS.map(|percent| format!("{name}_{percent}")).join("\t");
    let header = ["tiled", "expected", "bound", "extra_ppm", "cpu"].map(columns).join("\t");
    println!("model\ttoday\t{header}\toperators");
    for file in files.iter().filter(|file| file.to_string_lossy().contains(&part)) {
        if let Err(error) = line(file) {
            println!("{}\terror: {error}", file.display());
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "onnx" || ending == "tflite") {
            files.push(path);
        }
    }
}

fn line(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    options.input_contents = plimsoll::InputContents::Overwritable;
    options.layout = Layout::ChannelsInnermost;
    let Imported::Graph(imported) = read(file, &options)? else { return Ok(()) };
    let graph = imported.graph;
    let planner = Planner::new().alignment(1).share(SharingLevel::All).variables(Variables::Outside);
    let untiled = planner.plan(&graph)?;
    print!("{}\t{}", file.file_stem().unwrap_or_default().to_string_lossy(), untiled.arena_bytes);
    let (mut columns, mut operators) = (vec![Vec::new(); 5], graph.operators().len());
    for percent in BUDGETS {
        let start = cpu_seconds();
        let goal = TilingGoal::least_memory().max_extra_ppm(percent * 10_000);
        let found = planner.tile(&graph, &untiled, &goal)?;
        let (mut arena, mut expected, mut bound, mut extra) = (untiled.arena_bytes, 0, 0, 0);
        if let Some(TiledPlan { plan, cost, expected_bytes, .. }) = found {
            (arena, expected, bound) = (plan.arena_bytes, expected_bytes, plan.lower_bound.bytes);
            extra = cost.extra.saturating_mul(1_000_000).checked_div(cost.untiled).unwrap_or(0);
            operators = plan.order.len();
        }
        let cells = [arena, expected, bound, extra].map(|number| number.to_string());
        let seconds = format!("{:.2}", cpu_seconds() - start);
        for (column, cell) in columns.iter_mut().zip(cells.into_iter().chain([seconds])) {
            column.push(cell);
        }
    }
    println!("\t{}\t{operators}", columns.concat().join("\t"));
    Ok(())
}

/// CPU seconds of this process, all threads; 0 where the system has no `/proc`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
