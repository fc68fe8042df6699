//! The exact search and `auto` on rectangles cut into pieces, whose optimum is known, and on
//! published instances.
//!
//! The published instances are read from `bench/minimalloc` in the folder named by `PLIMSOLL_DATA`
//! (default `../shared`); they are available at github.com/google/minimalloc. Without them, their
//! benchmarks are skipped.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll::allocate::Exact;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{Limits, Planner, Problem};

#[path = "../tests/support/packings.rs"]
mod packings;

#[path = "../tests/support/adversarial.rs"]
#[allow(dead_code)]
mod adversarial;

/// Growth of CPU time with the number of buffers, for planning and verification: the median of
/// three runs. Ten times as many buffers may take ten times as long, times the ratio of logarithms.
fn growth(_: &mut Criterion) {
    println!("| buffers | above the optimum | CPU s | ns / (n log2 n) |\n| ---: | ---: | ---: | ---: |");
    for count in [10_000_usize, 30_000, 100_000, 300_000, 1_000_000] {
        let problem = packings::packing(count, 1 << 30, count as u32, 1);
        let mut runs: Vec<(f64, f64)> = (0..3)
            .map(|_| {
                let start = ProcessTime::now();
                let solution = Planner::new().solve(black_box(&problem)).expect("pieces of a rectangle");
                (start.elapsed().as_secs_f64(), solution.gap())
            })
            .collect();
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (seconds, gap) = runs[1];
        let each = seconds * 1e9 / (count as f64 * (count as f64).log2());
        println!("| {count} | {:.3} % | {seconds:.3} | {each:.1} |", gap * 100.0);
    }
}

/// Random live ranges that overlap heavily: distance of `auto`, and of `exact` with 500 000 nodes,
/// from the bound.
fn crowds(_: &mut Criterion) {
    println!("| buffers | auto | CPU s | exact | CPU s |\n| ---: | ---: | ---: | ---: | ---: |");
    for count in [1_000, 3_000, 10_000] {
        let problem = adversarial::crowd(count, 1);
        print!("| {count}");
        for planner in
            [Planner::new(), Planner::new().strategy(Exact::new()).limits(Limits::new().nodes(500_000))]
        {
            let start = ProcessTime::now();
            let solution = planner.solve(black_box(&problem)).expect("small sizes");
            print!(" | {:.3} % | {:.2}", solution.gap() * 100.0, start.elapsed().as_secs_f64());
        }
        println!(" |");
    }
}

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

fn hard_for_simple_rules(c: &mut Criterion) {
    let mut group = c.benchmark_group("adversarial, auto");
    group.sample_size(10);
    let families = [
        ("pinwheels", adversarial::pinwheels(101, 10_000, 1000, 1)),
        ("pinwheels", adversarial::pinwheels(10_001, 1 << 30, 1 << 30, 1)),
        ("holes", adversarial::holes(1000, 1000)),
    ];
    for (family, problem) in families {
        let count = problem.buffers().len();
        let solution = Planner::new().solve(&problem).expect("pieces of a rectangle");
        println!("{count} buffers, {family}: {:.3} % above the bound", solution.gap() * 100.0);
        group.bench_function(BenchmarkId::new(family, count), |b| {
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

criterion_group!(benches, growth, crowds, cut_rectangles, hard_for_simple_rules, published);
criterion_main!(benches);
