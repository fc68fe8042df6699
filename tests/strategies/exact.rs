//! The exact search: brute force, worked examples, limits.

use crate::support;
use crate::support::brute_force::lowest_height;
use crate::support::random;
use plimsoll::allocate::{Exact, PruningRule};
use plimsoll::{Buffer, Limits, Planner, Problem, Solution, Status, lower_bound};
use proptest::prelude::*;

fn solve(problem: &Problem, exact: Exact) -> Solution {
    Planner::new().strategy(exact).solve(problem).unwrap()
}

/// Problems of up to seven buffers, with alignments, fixed offsets, gaps and reserved ranges.
fn small_problem() -> impl Strategy<Value = Problem> {
    prop_oneof![
        random::problem(7, &[1], 0),
        random::problem(7, &[1, 2, 4, 8], 0),
        random::problem(7, &[1, 4, 16], 3),
        random::gapped(7, &[1], 0),
        random::gapped(7, &[1, 4, 16], 2),
        random::reserved(random::gapped(6, &[1, 8], 1)),
    ]
}

proptest! {
    #![proptest_config(random::cases(1000))]

    #[test]
    fn equal_to_brute_force(problem in small_problem()) {
        let solution = solve(&problem, Exact::new());
        prop_assert_eq!(solution.status, Status::Optimal);
        prop_assert_eq!(solution.height, lowest_height(&problem));
        prop_assert_eq!(solution.lower_bound.bytes, solution.height);
    }

    #[test]
    fn right_with_any_rules(problem in small_problem(), switches in 0u32..32) {
        let off = PruningRule::ALL.into_iter().enumerate().filter(|(number, _)| switches >> number & 1 == 1);
        let exact = off.fold(Exact::new().unaided(), |exact, (_, rule)| exact.without(rule));
        // Without rules, one problem in ten thousand needs more than two million nodes.
        let limits = Limits::new().nodes(100_000_000);
        let solution = Planner::new().strategy(exact).limits(limits).solve(&problem).unwrap();
        prop_assert_eq!(solution.status, Status::Optimal);
        prop_assert_eq!(solution.height, lowest_height(&problem));
    }

    #[test]
    fn a_capacity_is_decided(problem in small_problem(), less in 0u64..4, more in 0u64..4) {
        let least = lowest_height(&problem);
        let capacity = (least + more).saturating_sub(less);
        let problem = problem.with_capacity(Some(capacity));
        let solution = solve(&problem, Exact::new());
        prop_assert!(solution.lower_bound.bytes <= least);
        let unaided = solve(&problem, Exact::new().unaided());
        prop_assert_eq!(unaided.height <= capacity, capacity >= least);
        if capacity >= least {
            prop_assert!(solution.height <= capacity);
        } else {
            prop_assert_eq!(solution.status, Status::Infeasible);
        }
    }

    #[test]
    fn a_core_does_not_fit_and_fits_without_any_one(problem in small_problem(), less in 1u64..4) {
        let least = lowest_height(&problem);
        if least < less {
            return Ok(());
        }
        let capacity = least - less;
        let core = Planner::new().capacity(capacity).explain(&problem).unwrap().unwrap();
        let without = |left_out| {
            let kept = core.members.iter().filter(|&&id| Some(id) != left_out);
            let buffers = kept.map(|&id| problem.buffer(id).clone()).collect();
            lowest_height(&Problem::new(buffers).unwrap().with_reserved(problem.reserved().to_vec()).unwrap())
        };
        prop_assert!(core.irreducible);
        prop_assert!(without(None) >= core.needed && core.needed > capacity);
        for &id in &core.members {
            prop_assert!(without(Some(id)) <= capacity);
        }
        prop_assert_eq!(Planner::new().capacity(least).explain(&problem).unwrap(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_number_of_threads_gives_the_same(problem in random::problem(40, &[1, 4], 1), nodes in 0u64..5000) {
        let planner = |threads| {
            let limits = Limits::new().nodes(nodes);
            Planner::new().strategy(Exact::new().unaided().threads(threads)).limits(limits)
        };
        let one = planner(1).solve(&problem).unwrap();
        for threads in [2, 5] {
            prop_assert_eq!(&planner(threads).solve(&problem).unwrap(), &one);
        }
    }
}

/// A few buffers whose optimum is above their load.
fn above_its_load() -> Vec<Buffer> {
    let mut random = fastrand::Rng::with_seed(1);
    let buffers = std::iter::repeat_with(|| {
        let buffer = |_| {
            let start = random.u32(0..6);
            let alignment = if random.bool() { 1 } else { 1 << 22 };
            Buffer::new(random.u64(1..9) * 1_000_000, start..start + random.u32(1..6)).align(alignment)
        };
        (0..7).map(buffer).collect::<Vec<_>>()
    });
    let is_above = |buffers: &Vec<Buffer>| {
        let problem = Problem::new(buffers.clone()).unwrap();
        lowest_height(&problem) > lower_bound(&problem).bytes
    };
    buffers.take(10_000).find(is_above).unwrap()
}

/// Three thousand buffers that are live together have too many pairs for the search of the whole.
#[test]
fn a_window_proves_what_the_whole_is_too_large_for() {
    let few = above_its_load();
    let least = lowest_height(&Problem::new(few.clone()).unwrap());
    let crowd = (0..3000).map(|number| Buffer::new(1, 100 + number % 7..200 + number % 5));
    let bridge = Buffer::new(1, 0..101);
    let problem = Problem::new(few.into_iter().chain([bridge]).chain(crowd).collect()).unwrap();
    let solution = Planner::new().solve(&problem).unwrap();
    assert!(solution.lower_bound.bytes > solution.lower_bound.certified);
    assert!(solution.lower_bound.bytes >= least && solution.status == Status::Optimal, "{solution:?}");
}

/// Offsets found by annealing reach the load and are therefore optimal; the planner verifies them.
#[cfg(feature = "csv")]
#[test]
fn the_least_height_of_the_last_open_instance_is_its_load() {
    use plimsoll::import::{ImportOptions, Imported, read};
    let Some(folder) = support::data::folder("bench/minimalloc") else { return };
    let Ok(Imported::Problem(open)) = read(&folder.join("J.1048576.csv"), &ImportOptions::default()) else {
        panic!("a list of buffers");
    };
    let offsets: Vec<u64> = include_str!("../support/minimalloc_j.txt")
        .split_whitespace()
        .map(|kib| kib.parse().unwrap())
        .collect();
    assert_eq!(offsets.len(), open.buffers().len());
    let placed = open.buffers().iter().zip(&offsets).map(|(buffer, kib)| buffer.clone().at(kib * 1024));
    let solution = Planner::new().solve(&Problem::new(placed.collect()).unwrap()).unwrap();
    assert_eq!((solution.height, solution.lower_bound.certified), (989_184, 989_184));
    assert_eq!(lower_bound(&open).bytes, 989_184);
}
