//! Time and quality of the whole pipeline and of each strategy.
//!
//! The large instances are read from `bench/idealloc` in the folder named by `PLIMSOLL_DATA`
//! (default `../shared`); they are available at github.com/cappadokes/idealloc. Without them, their
//! benchmarks are skipped.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{Planner, Problem, allocate};

fn networks(c: &mut Criterion) {
    let mut group = c.benchmark_group("file to verified plan");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    for file in ["squeezenet1_1.onnx", "nas_cell_irregular_int8.tflite"] {
        let path = folder.join(file);
        group.bench_function(file, |b| {
            b.iter(|| {
                let Ok(Imported::Graph(imported)) = import::read(black_box(&path), &ImportOptions::default())
                else {
                    panic!("{file} is a network");
                };
                Planner::new().plan(&imported.graph)
            });
        });
    }
    group.finish();
}

fn large_instances(c: &mut Criterion) {
    let data = std::env::var_os("PLIMSOLL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = data.join("bench/idealloc");
    let mut group = c.benchmark_group("strategies");
    group.sample_size(10);
    for instance in ["G_1", "resnet50", "pangu_2.6B", "S_1", "Y_1"] {
        let path = folder.join(format!("{instance}.csv"));
        if !path.exists() {
            println!("skipped: {} does not exist; name the data folder by PLIMSOLL_DATA", path.display());
            continue;
        }
        let problem = problem(&path);
        for name in allocate::NAMES {
            let planner = Planner::new().strategy(allocate::by_name(name).expect("a listed name"));
            let solution = planner.solve(&problem).expect("a valid instance");
            println!(
                "{instance} {name}: {} bytes, {:.3} % above the bound",
                solution.height,
                solution.gap() * 100.0
            );
            group.bench_with_input(BenchmarkId::new(name, instance), &problem, |b, problem| {
                b.iter(|| planner.solve(problem));
            });
        }
    }
    group.finish();
}

fn problem(path: &Path) -> Problem {
    match import::read(path, &ImportOptions::default()) {
        Ok(Imported::Problem(problem)) => problem,
        other => panic!("{}: {other:?}", path.display()),
    }
}

criterion_group!(benches, networks, large_instances);
criterion_main!(benches);
