//! Plans under random limits: they must never be higher than first fit or greedy by size in program
//! order (offsets without sharing). Also prints a histogram of the wall time by which calls exceed
//! their time limits. Where tensors share memory, unlimited strategies go on to pack groups of
//! tensors; plans higher than that are counted.
//!
//! Run with `cargo bench --bench limits [-- GRAPHS]`.

use std::time::{Duration, Instant};

use plimsoll::allocate::Greedy;
use plimsoll::{Graph, Limits, Planner, ScheduleMode, SharingLevel, TensorSpec};

/// Upper ends of the bins of the histogram, in milliseconds.
const BINS: [u64; 8] = [1, 2, 5, 10, 20, 50, 100, 1_000];

/// A random graph: each operator reads one to three recent tensors, and half of them may write in place.
fn graph(seed: u64) -> Graph {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut net = Graph::builder(format!("limits {seed}"));
    let mut tensors = vec![net.input("x", TensorSpec::bytes(4096))];
    let (operators, window) = (random.usize(10..2_000), random.usize(2..60));
    for number in 0..operators {
        let recent = tensors.len().saturating_sub(window);
        let mut reads: Vec<_> =
            (0..random.usize(1..4)).map(|_| tensors[random.usize(recent..tensors.len())]).collect();
        reads.sort_unstable();
        reads.dedup();
        let written = net.tensor(format!("t{number}"), TensorSpec::bytes(64 * random.u64(1..100)));
        let operator = net.operator(format!("o{number}")).reads(reads.clone()).writes([written]);
        if random.bool() {
            operator.in_place(reads[0], written);
        }
        tensors.push(written);
    }
    net.output(tensors[tensors.len() - 1]);
    net.build().expect("a right graph")
}

fn main() {
    let graphs = std::env::args().find_map(|text| text.parse().ok()).unwrap_or(200);
    let (mut bins, mut plans_above) = ([0u32; BINS.len() + 1], 0);
    for seed in 0..graphs {
        let mut random = fastrand::Rng::with_seed(!seed);
        let graph = graph(seed);
        let sharing = [SharingLevel::None, SharingLevel::All][random.usize(..2)];
        let planner = || Planner::new().share(sharing);
        let arena = |strategy: Greedy, limits: Limits| {
            let planner = planner().strategy(strategy).order(ScheduleMode::Program).limits(limits);
            planner.plan(&graph).expect("a plan").arena_bytes
        };
        let least_of = |limits: fn() -> Limits| {
            arena(Greedy::first_fit(), limits()).min(arena(Greedy::by_size(), limits()))
        };
        let (offsets_alone, packed) = (least_of(|| Limits::new().nodes(0)), least_of(Limits::new));
        let nodes = random.u64(..10_000);
        let plan = planner().limits(Limits::new().nodes(nodes)).plan(&graph).expect("a plan");
        let arena = plan.arena_bytes;
        assert!(arena <= offsets_alone, "seed {seed}, {nodes} nodes: {arena} above {offsets_alone}");
        let mut above = u32::from(arena > packed);

        // The time of the first plan and of greedy by size is not counted.
        let start = Instant::now();
        planner().limits(Limits::new().nodes(0)).plan(&graph).expect("a plan");
        let least = start.elapsed();
        let limit = Duration::from_micros(random.u64(..50_000));
        let start = Instant::now();
        let plan = planner().limits(Limits::new().deadline(start + limit)).plan(&graph).expect("a plan");
        let over = start.elapsed().saturating_sub(limit.max(least)).as_millis() as u64;
        let arena = plan.arena_bytes;
        assert!(arena <= offsets_alone, "seed {seed}, {limit:?}: {arena} above {offsets_alone}");
        above += u32::from(arena > packed);
        plans_above += above;
        bins[BINS.iter().position(|&end| over < end).unwrap_or(BINS.len())] += 1;
    }
    println!("{graphs} graphs, each under a random node limit and a random time limit");
    println!("above what these strategies reach without limits: {plans_above} of {} plans", 2 * graphs);
    for (number, count) in bins.iter().enumerate() {
        let end = BINS.get(number).map_or("more".to_owned(), |end| format!("under {end} ms"));
        println!("overrun {end:>14}: {count}");
    }
}
