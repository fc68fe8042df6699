//! Rectangles cut into pieces: the known optimum, and many buffers.

mod support;

use plimsoll::allocate::Exact;
use plimsoll::{Limits, Planner, Status};
use support::adversarial::{holes, pinwheels};
use support::packings::packing;

#[test]
fn cut_rectangles_are_put_together_again() {
    // A hundred of each in `.ci/full`.
    let seeds = std::env::var("PLIMSOLL_PACKINGS").map_or(20, |text| text.parse().unwrap());
    for count in [50, 100, 200] {
        let mut most = 0;
        let solved = (0..seeds).filter(|&seed| {
            let problem = packing(count, 10_000, 200, seed);
            let planner = Planner::new().strategy(Exact::new()).limits(Limits::new().nodes(200_000));
            let solution = planner.solve(&problem).unwrap();
            assert!(solution.height >= 10_000);
            most = most.max(solution.nodes);
            solution.status == Status::Optimal
        });
        let solved = solved.count() as u64;
        println!("{count} pieces: {solved} of {seeds} solved, at most {most} nodes");
        assert!(solved * 100 >= seeds * 95, "{count} pieces: {solved} of {seeds} solved");
    }
}

#[test]
fn pinwheels_are_put_together_again() {
    for (count, needed) in [(29, 95), (61, 95), (101, 80)] {
        let solved = (0..20).filter(|&seed| {
            let problem = pinwheels(count, 10_000, 1000, seed);
            let planner = Planner::new().strategy(Exact::new()).limits(Limits::new().nodes(200_000));
            let solution = planner.solve(&problem).unwrap();
            assert!(solution.height >= 10_000);
            solution.status == Status::Optimal
        });
        let solved = solved.count() as u64;
        println!("{count} pieces of pinwheels: {solved} of 20 solved");
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
