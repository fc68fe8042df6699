//! The exact search and `auto` on rectangles cut into pieces, whose least height is
//! known, and on published instances.
//!
//! Those are read from the folder named by `PLIMSOLL_DATA` (default `../shared`),
//! from its `bench/minimalloc`; they are published at github.com/google/minimalloc.
//! Without them their benches are skipped.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll::allocate::Exact;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{Limits, Planner, Problem};

#[path = "../tests/support/packings.rs"]
mod packings;

fn cut_rectangles(c: &mut Criterion) {
    let mut group = c.benchmark_group("cut rectangles, auto");
    group.sample_size(10);
    for count in [100, 1_000, 10_000, 100_000, 1_000_000] {
        let problem = packings::packing(count, 1 << 30, count as u32, 1);
        let solution = Planner::new().solve(&problem).expect("pieces of a rectangle");
        println!("{count} pieces: {:.3} % above the optimum", solution.gap() * 100.0);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| Planner::new().solve(black_box(&problem)));
        });
    }
    group.finish();
}

fn published(c: &mut Criterion) {
    let data = std::env::var_os("PLIMSOLL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let mut group = c.benchmark_group("MiniMalloc's instances, exact");
    group.sample_size(10);
    for letter in "ABCDEFGHIJK".chars() {
        let path = data.join(format!("bench/minimalloc/{letter}.1048576.csv"));
        if !path.exists() {
            println!("skipped: {} does not exist; name the data folder by PLIMSOLL_DATA", path.display());
            continue;
        }
        let problem = problem(&path).with_capacity(Some(1 << 20));
        let planner = Planner::new().strategy(Exact::new()).limits(Limits::new().nodes(1_000_000));
        group.bench_function(BenchmarkId::new("fits 1 MiB", letter), |b| {
            b.iter(|| planner.solve(black_box(&problem)));
        });
    }
    group.finish();
}

fn problem(path: &Path) -> Problem {
    match import::read(path, &ImportOptions::default()) {
        Ok(Imported::Problem(problem)) => problem,
        _ => panic!("{} is a buffer list", path.display()),
    }
}

criterion_group!(benches, cut_rectangles, published);
criterion_main!(benches);
