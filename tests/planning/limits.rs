//! Graphs and problems under random node limits and time limits: no result is worse than that of first
//! fit or of greedy by size, and calls return soon after their time limit.
//!
//! `PLIMSOLL_LIMITED` sets the number of graphs and of problems. With `--nocapture`, the test prints a
//! histogram of the time by which calls exceed their limit.

use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use plimsoll::allocate::Greedy;
use plimsoll::{
    Buffer, Graph, Limits, Planner, Pool, Pools, Problem, ScheduleMode, SharingLevel, TensorSpec,
};

/// Upper ends of the bins of the histogram, in milliseconds.
const BINS: [u128; 7] = [1, 2, 5, 10, 20, 50, 100];

/// Maximum number of buffers for which greedy by size ends at any limit.
const MOST_BUFFERS: usize = 4_000;

/// Maximum number of operators of the graphs for placement, which takes longer.
const MOST_PLACED: usize = 400;

fn count() -> u64 {
    std::env::var("PLIMSOLL_LIMITED").map_or(6, |count| count.parse().expect("a number"))
}

/// A random graph: each operator reads one to three recent tensors, and half of them may write in place.
fn graph(seed: u64, most_operators: usize) -> Graph {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut net = Graph::builder(format!("limits {seed}"));
    let mut tensors = vec![net.input("x", TensorSpec::bytes(4096))];
    let (operators, window) = (random.usize(10..most_operators), random.usize(2..60));
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

/// A random problem: short and long live ranges, several alignments.
fn problem(seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let (count, steps) = (random.usize(10..MOST_BUFFERS), random.u32(10..2_000));
    let longest = random.u32(2..=steps);
    let buffers = (0..count).map(|_| {
        let start = random.u32(0..steps);
        let end = (start + random.u32(1..=longest)).min(steps);
        Buffer::new(random.u64(1..10_000), start..end).align(1 << random.u32(..7))
    });
    Problem::new(buffers.collect()).expect("a right problem")
}

/// Time by which a call exceeded its limit, in wall time and in CPU time of its thread.
#[derive(Clone, Copy, Default)]
struct Overrun {
    wall: Duration,
    cpu: Duration,
}

/// Runs a call with a deadline. The time that the same call takes at a limit of 0, for its first result,
/// does not count as overrun.
fn timed<T>(limit: Duration, call: impl Fn(Limits) -> T) -> (T, Overrun) {
    let run = |limit: Duration| {
        let (start, cpu) = (Instant::now(), ThreadTime::now());
        let result = call(Limits::new().deadline(start + limit));
        (result, start.elapsed(), cpu.elapsed())
    };
    let (_, first_wall, first_cpu) = run(Duration::ZERO);
    let (result, wall, cpu) = run(limit);
    let (wall, cpu) = (wall.saturating_sub(limit + first_wall), cpu.saturating_sub(limit + first_cpu));
    (result, Overrun { wall, cpu })
}

fn histogram(name: &str, overruns: &[Overrun]) {
    let bins = |of: fn(&Overrun) -> Duration| {
        let mut bins = [0; BINS.len() + 1];
        for overrun in overruns.iter().map(|overrun| of(overrun).as_millis()) {
            bins[BINS.iter().position(|&end| overrun < end).unwrap_or(BINS.len())] += 1;
        }
        bins
    };
    let (wall, cpu) = (bins(|overrun| overrun.wall), bins(|overrun| overrun.cpu));
    println!("{name}: overrun of {} calls with a time limit, wall time and CPU time", overruns.len());
    for (number, (wall, cpu)) in wall.iter().zip(cpu).enumerate() {
        let end = BINS.get(number).map_or("more".to_owned(), |end| format!("under {end} ms"));
        println!("  {end:>12}: {wall:>4} {cpu:>4}");
    }
}

/// Checks that no call used its thread for long after its limit. The limit of a busy machine is generous;
/// an optimised build on an idle one stays below 50 ms.
fn check_overruns(name: &str, overruns: &[Overrun]) {
    histogram(name, overruns);
    let most = overruns.iter().map(|overrun| overrun.cpu).max().unwrap_or_default();
    assert!(most < Duration::from_millis(400), "{name}: {most:?} of CPU time after the limit");
}

fn random_limits(random: &mut fastrand::Rng) -> (u64, Duration) {
    (random.u64(..=10_000), Duration::from_micros(random.u64(..=50_000)))
}

#[test]
fn limited_plans_are_no_worse_than_first_fit_and_greedy_by_size() {
    let mut overruns = Vec::new();
    for seed in 0..count() {
        let mut random = fastrand::Rng::with_seed(!seed);
        let graph = graph(seed, MOST_BUFFERS);
        let sharing = [SharingLevel::None, SharingLevel::All][random.usize(..2)];
        let planner = || Planner::new().share(sharing);
        let arena = |strategy: Greedy| {
            planner()
                .strategy(strategy)
                .order(ScheduleMode::Program)
                .plan(&graph)
                .expect("a plan")
                .arena_bytes
        };
        let most = arena(Greedy::first_fit()).min(arena(Greedy::by_size()));
        let (nodes, limit) = random_limits(&mut random);
        let plan = planner().limits(Limits::new().nodes(nodes)).plan(&graph).expect("a plan");
        assert!(plan.arena_bytes <= most, "seed {seed}, {nodes} nodes: {} above {most}", plan.arena_bytes);
        let (plan, overrun) = timed(limit, |limits| planner().limits(limits).plan(&graph).expect("a plan"));
        assert!(plan.arena_bytes <= most, "seed {seed}, {limit:?}: {} above {most}", plan.arena_bytes);
        overruns.push(overrun);
    }
    check_overruns("plans", &overruns);
}

#[test]
fn limited_solutions_are_no_worse_than_first_fit_and_greedy_by_size() {
    let mut overruns = Vec::new();
    for seed in 0..count() {
        let mut random = fastrand::Rng::with_seed(!seed);
        let problem = problem(seed);
        let height =
            |strategy: Greedy| Planner::new().strategy(strategy).solve(&problem).expect("a solution").height;
        let most = height(Greedy::first_fit()).min(height(Greedy::by_size()));
        let (nodes, limit) = random_limits(&mut random);
        let solve = |limits: Limits| Planner::new().limits(limits).solve(&problem).expect("a solution");
        let solution = solve(Limits::new().nodes(nodes));
        assert!(solution.height <= most, "seed {seed}, {nodes} nodes: {} above {most}", solution.height);
        let (solution, overrun) = timed(limit, solve);
        assert!(solution.height <= most, "seed {seed}, {limit:?}: {} above {most}", solution.height);
        overruns.push(overrun);
    }
    check_overruns("solutions", &overruns);
}

#[test]
fn limited_placements_cost_no_more_than_the_backing_store() {
    let mut overruns = Vec::new();
    let backing_store = Pools::new([Pool::off_chip("ddr")]).expect("right pools");
    for seed in 0..count() {
        let mut random = fastrand::Rng::with_seed(!seed);
        let graph = graph(seed, MOST_PLACED);
        let chip = Pool::on_chip("l2", 1 << random.u32(12..18));
        let pools = Pools::new([chip, Pool::off_chip("ddr")]).expect("right pools");
        let sharing = [SharingLevel::None, SharingLevel::All][random.usize(..2)];
        let planner = || Planner::new().share(sharing);
        let off_chip =
            Planner::new().order(ScheduleMode::Program).place(&graph, &backing_store).expect("a plan");
        let (nodes, limit) = random_limits(&mut random);
        let place = |limits: Limits| planner().limits(limits).place(&graph, &pools).expect("a plan");
        let cost = place(Limits::new().nodes(nodes)).cost;
        assert!(cost <= off_chip.cost, "seed {seed}, {nodes} nodes: {cost} above {}", off_chip.cost);
        let (plan, overrun) = timed(limit, place);
        assert!(plan.cost <= off_chip.cost, "seed {seed}, {limit:?}: {} above {}", plan.cost, off_chip.cost);
        overruns.push(overrun);
    }
    check_overruns("placements", &overruns);
}
