//! Large problems: rectangles cut into pieces with a known optimum, and many buffers.

use crate::support::adversarial::{holes, pinwheels};
use crate::support::packings::packing;
use plimsoll::allocate::Exact;
use plimsoll::{Limits, Planner, Problem, Status};

/// Number of problems of optimal height 10 000 that are proven, and the maximum number of nodes.
fn proven(seeds: u64, problem: impl Fn(u64) -> Problem) -> (u64, u64) {
    let (mut proven, mut most) = (0, 0);
    for seed in 0..seeds {
        let planner = Planner::new().strategy(Exact::new()).limits(Limits::new().nodes(200_000));
        let solution = planner.solve(&problem(seed)).unwrap();
        assert!(solution.height >= 10_000);
        most = most.max(solution.nodes);
        proven += u64::from(solution.status == Status::Optimal);
    }
    (proven, most)
}

#[test]
fn cut_rectangles_are_put_together_again() {
    // `.ci/full` runs a hundred of each.
    let seeds = std::env::var("PLIMSOLL_PACKINGS").map_or(20, |text| text.parse().unwrap());
    for count in [50, 100, 200] {
        let (solved, most) = proven(seeds, |seed| packing(count, 10_000, 200, seed));
        println!("{count} pieces: {solved} of {seeds} solved, at most {most} nodes");
        assert!(solved * 100 >= seeds * 95, "{count} pieces: {solved} of {seeds} solved");
    }
}

#[test]
fn pinwheels_are_put_together_again() {
    for (count, needed) in [(29, 95), (61, 95), (101, 80)] {
        let (solved, most) = proven(20, |seed| pinwheels(count, 10_000, 1000, seed));
        println!("{count} pieces of pinwheels: {solved} of 20 solved, at most {most} nodes");
        assert!(solved * 100 >= 20 * needed, "{count} pieces: {solved} of 20 solved");
    }
}

#[test]
fn holes_are_not_left_open() {
    for count in [1, 10, 1000] {
        let solution = Planner::new().solve(&holes(count, 1000)).unwrap();
        println!("{count} times holes: {} after {} nodes", solution.status, solution.nodes);
        assert_eq!(solution.status, Status::Optimal);
    }
}

#[test]
fn a_million_buffers_are_planned_and_verified() {
    let count = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
    let solution = Planner::new().solve(&packing(count, 1 << 30, count as u32, 1)).unwrap();
    println!("{count} buffers: {:.3} % above the optimum", solution.gap() * 100.0);
    assert!(solution.gap() < 0.5, "{}", solution.gap());
}
