//! The zoo with and without tiling: arenas at several budgets of extra cost.
//!
//! `cargo run --release --all-features --example tiling_table -- FOLDER [NAME-PART]`

use std::path::{Path, PathBuf};
use std::time::Instant;

use plimsoll::import::{ImportOptions, Imported, Layout, read};
use plimsoll::tiling::TilingGoal;
use plimsoll::{ElementType, Planner, SharingLevel, Variables};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let part = arguments.next().unwrap_or_default();
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files);
    files.sort();
    println!(
        "model\ttoday\ttiled_0\ttiled_2\ttiled_5\ttiled_10\ttiled_30\texpected_0\tbound_0\texpected_30\tbound_30\tseconds\toperators"
    );
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
    (options.floats_as, options.overwrite_inputs) = (Some(ElementType::Int8), true);
    options.layout = Layout::ChannelsInnermost;
    let Imported::Graph(imported) = read(file, &options)? else { return Ok(()) };
    let graph = imported.graph;
    let planner = Planner::new().alignment(1).share(SharingLevel::All).variables(Variables::Outside);
    let untiled = planner.plan(&graph)?;
    print!("{}\t{}", file.file_stem().unwrap_or_default().to_string_lossy(), untiled.arena_bytes);
    let start = Instant::now();
    let mut expected = Vec::new();
    let mut operators = 0;
    for ppm in [0, 20_000, 50_000, 100_000, 300_000] {
        let goal = TilingGoal::least_memory().max_extra_ppm(ppm);
        if let Some(tiled) = planner.tile(&graph, &untiled, &goal)? {
            print!("\t{}", tiled.plan.arena_bytes);
            expected.push((tiled.expected_bytes, tiled.plan.lower_bound.bytes));
            operators = tiled.plan.order.len();
        } else {
            print!("\t{}", untiled.arena_bytes);
            expected.push((0, 0));
        }
    }
    let [first, .., last] = expected.as_slice() else { return Ok(()) };
    let seconds = start.elapsed().as_secs_f64();
    println!("\t{}\t{}\t{}\t{}\t{seconds:.2}\t{operators}", first.0, first.1, last.0, last.1);
    Ok(())
}
