//! Shared objects: number of proven random instances, and time.

use cpu_time::ProcessTime;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use plimsoll::allocate::{Knapsack, by_name};
use plimsoll::{Buffer, Planner, Problem};

/// Random problem with as many steps as buffers, live ranges of up to `longest` steps and sizes up
/// to 1000.
fn random(buffers: u32, longest: u32, seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let list = (0..buffers).map(|_| {
        let start = random.u32(..buffers);
        Buffer::new(random.u64(1..=1000), start..start + random.u32(1..=longest))
    });
    Problem::new(list.collect()).expect("small sizes and live ranges")
}

const INSTANCES: u64 = 20;

/// Prints the number of proven instances, the gap of the others, and CPU seconds.
fn proofs(buffers: u32, longest: u32) {
    let planner = Planner::new().strategy(Knapsack::new());
    let (mut proven, mut gaps, mut seconds) = (0, Vec::new(), Vec::new());
    for seed in 0..INSTANCES {
        let problem = random(buffers, longest, seed);
        let start = ProcessTime::now();
        let solution = planner.solve(&problem).expect("no limits on objects");
        seconds.push(start.elapsed().as_secs_f64());
        let objects = solution.objects.expect("shared objects");
        if objects.is_optimal() {
            proven += 1;
        } else {
            gaps.push(objects.total() as f64 / objects.lower_bound as f64 - 1.0);
        }
    }
    seconds.sort_by(f64::total_cmp);
    let worst = gaps.iter().copied().fold(0.0, f64::max);
    let mean = gaps.iter().fold(0.0, |sum, gap| sum + gap) / gaps.len().max(1) as f64;
    println!(
        "{buffers} buffers, lives up to {longest}: proven {proven} of {INSTANCES}, gap of the rest {:.2} % (at most {:.2} %), CPU s median {:.3}, at most {:.3}",
        mean * 100.0,
        worst * 100.0,
        seconds[seconds.len() / 2],
        seconds[seconds.len() - 1],
    );
}

fn strategies(c: &mut Criterion) {
    for longest in [12, 60] {
        for buffers in [100, 300, 1000] {
            proofs(buffers, longest);
        }
    }
    let mut group = c.benchmark_group("shared objects");
    group.sample_size(10);
    for buffers in [100, 300, 1000] {
        let problem = random(buffers, 12, 0);
        for name in ["knapsack", "merge"] {
            let planner = Planner::new().strategy(by_name(name).expect("a listed name"));
            group.bench_with_input(BenchmarkId::new(name, buffers), &problem, |b, problem| {
                b.iter(|| planner.solve(problem));
            });
        }
        let planner = Planner::new().capacity(4000);
        group.bench_with_input(BenchmarkId::new("choose", buffers), &problem, |b, problem| {
            b.iter(|| planner.choose(problem, None));
        });
    }
    group.finish();
}

criterion_group!(benches, strategies);
criterion_main!(benches);
