//! Rectangles cut into pieces: the known optimum, and many buffers.

mod support;

use plimsoll::allocate::Exact;
use plimsoll::{Limits, Planner, Status};
use support::packings::packing;

#[test]
fn cut_rectangles_are_put_together_again() {
    for count in [50, 100, 200] {
        let solved = (0..20).filter(|&seed| {
            let problem = packing(count, 10_000, 200, seed);
            let planner = Planner::new().strategy(Exact::new()).limits(Limits::new().nodes(200_000));
            let solution = planner.solve(&problem).unwrap();
            assert!(solution.height >= 10_000);
            solution.status == Status::Optimal
        });
        let solved = solved.count();
        println!("{count} pieces: {solved} of 20 solved");
        assert!(solved >= 18, "{count} pieces: {solved} of 20 solved");
    }
}

#[test]
fn a_million_buffers_are_planned_and_verified() {
    let count = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
    let solution = Planner::new().solve(&packing(count, 1 << 30, count as u32, 1)).unwrap();
    println!("{count} buffers: {:.3} % above the optimum", solution.gap() * 100.0);
    assert!(solution.gap() < 0.5, "{}", solution.gap());
}
