//! The exact search: against brute force, on worked figures, within its limits.

mod support;

use plimsoll::allocate::{Exact, Rule};
use plimsoll::{Planner, Problem, Solution, Status};
use proptest::prelude::*;
use support::brute_force::lowest_height;
use support::random;

fn solve(problem: &Problem, exact: Exact) -> Solution {
    Planner::new().strategy(exact).solve(problem).unwrap()
}

/// Up to seven buffers, with alignments and fixed offsets.
fn small_problem() -> impl Strategy<Value = Problem> {
    prop_oneof![
        random::problem(7, &[1], 0),
        random::problem(7, &[1, 2, 4, 8], 0),
        random::problem(7, &[1, 4, 16], 3)
    ]
}

proptest! {
    #[test]
    fn equal_to_brute_force(problem in small_problem()) {
        let solution = solve(&problem, Exact::new());
        prop_assert_eq!(solution.status, Status::Optimal);
        prop_assert_eq!(solution.height, lowest_height(&problem));
        prop_assert_eq!(solution.lower_bound.bytes, solution.height);
    }

    #[test]
    fn right_with_any_rules(problem in small_problem(), switches in 0u32..32) {
        let off = Rule::ALL.into_iter().enumerate().filter(|(number, _)| switches >> number & 1 == 1);
        let exact = off.fold(Exact::new().unaided(), |exact, (_, rule)| exact.without(rule));
        let solution = solve(&problem, exact);
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
}
