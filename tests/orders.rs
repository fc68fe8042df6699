//! Operator orders: against brute force over all orders, on real and generated networks.
#![cfg(feature = "cli")]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{ElementType, Graph, Ordering, Planner, Variables};
use support::data;

fn import_int8(path: &Path) -> Graph {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    match import::read(path, &options).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        Imported::Graph(imported) => imported.graph,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn models(folder: &Path) -> Vec<PathBuf> {
    [data::files(folder, ".onnx"), data::files(folder, ".tflite")].concat()
}

#[test]
fn the_zoo_gets_its_best_orders() {
    let Some(zoo) = data::folder("zoo") else { return };
    let text = std::fs::read_to_string(zoo.join("baselines.tsv")).unwrap();
    let rows: HashMap<&str, Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|line| (line.split('\t').next().unwrap(), line.split('\t').collect()))
        .collect();
    let planner = Planner::new().alignment(1).variables(Variables::Outside).order(if std::env::var("OPT").is_ok() { Ordering::Optimal } else { Ordering::Auto });
    let mut times = Vec::new();
    for path in models(&zoo) {
        let stem = path.file_stem().unwrap().to_str().unwrap().trim_end_matches(".stripped");
        let row = &rows[stem];
        let graph = import_int8(&path);
        let start = ProcessTime::now();
        let schedule = planner.schedule(&graph).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        times.push(seconds);
        graph.check_order(&schedule.order).unwrap();
        let best: u64 = row[9].parse().unwrap();
        let proven = row[10] == "1";
        println!(
            "{stem}: {} -> {} bound {} ({}) nodes {} {seconds:.4} s {}{}",
            schedule.file_peak,
            schedule.peak,
            schedule.lower_bound,
            schedule.is_optimal(),
            schedule.nodes,
            if proven { "" } else { "OPEN " },
            if schedule.peak == best { String::new() } else { format!("BEST {best}") }
        );
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.5} most {:.4}", times[times.len() / 2], times[times.len() - 1]);
}
