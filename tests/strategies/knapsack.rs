//! Shared objects: brute force and worked examples.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::support::random;
use plimsoll::allocate::Knapsack;
use plimsoll::{
    Buffer, CancelToken, Error, Graph, Limits, Objects, Planner, Problem, Solution, Stop, TensorSpec,
};
use proptest::prelude::*;

fn solve(problem: &Problem, knapsack: Knapsack) -> Result<Solution, Error> {
    Planner::new().strategy(knapsack).solve(problem)
}

fn objects(problem: &Problem, knapsack: Knapsack) -> Objects {
    solve(problem, knapsack).unwrap().objects.unwrap()
}

/// Minimum total size of opened objects, by enumeration of all assignments; `None` if there is none.
/// Objects of `given` sizes cost nothing.
fn least_opened(problem: &Problem, given: &[u64], most: usize) -> Option<u64> {
    let sizes: Vec<(u64, &Buffer)> = problem
        .buffers()
        .iter()
        .filter(|buffer| buffer.size() > 0)
        .map(|buffer| (buffer.size().next_multiple_of(buffer.alignment()), buffer))
        .collect();
    let mut dealt: Vec<(Option<u64>, Vec<usize>)> =
        given.iter().map(|&size| (Some(size), Vec::new())).collect();
    let mut best = None;
    deal(&sizes, 0, &mut dealt, most, &mut best);
    best
}

fn deal(
    sizes: &[(u64, &Buffer)],
    at: usize,
    dealt: &mut Vec<(Option<u64>, Vec<usize>)>,
    most: usize,
    best: &mut Option<u64>,
) {
    let Some((size, buffer)) = sizes.get(at) else {
        let opened = dealt.iter().filter(|(given, _)| given.is_none());
        let total = opened.map(|(_, members)| members.iter().map(|&i| sizes[i].0).max().unwrap()).sum();
        *best = Some(best.map_or(total, |best: u64| best.min(total)));
        return;
    };
    for object in 0..=dealt.len() {
        if object == dealt.len() {
            if dealt.len() >= most {
                continue;
            }
            dealt.push((None, vec![at]));
            deal(sizes, at + 1, dealt, most, best);
            dealt.pop();
            continue;
        }
        let free = dealt[object].1.iter().all(|&i| !sizes[i].1.live().overlaps(buffer.live()));
        if free && dealt[object].0.is_none_or(|given| given >= *size) {
            dealt[object].1.push(at);
            deal(sizes, at + 1, dealt, most, best);
            dealt[object].1.pop();
        }
    }
}

/// Asserts the rules of shared objects for each pair of buffers and of objects.
fn check_sharing(problem: &Problem, solution: &Solution) {
    let objects = solution.objects.as_ref().unwrap();
    for (i, buffer) in problem.buffers().iter().enumerate() {
        let Some(object) = objects.of_buffer[i] else {
            assert_eq!(buffer.size(), 0);
            continue;
        };
        let object = object as usize;
        assert_eq!(solution.offsets[i], objects.offsets[object]);
        assert!(buffer.size() <= objects.sizes[object]);
        for (j, other) in problem.buffers().iter().enumerate().take(i) {
            let shares = objects.of_buffer[j] == Some(object as u32);
            assert!(!shares || !buffer.live().overlaps(other.live()), "{i} and {j} share object {object}");
        }
    }
    for a in 0..objects.sizes.len() {
        for b in 0..a {
            let apart = objects.offsets[a] + objects.sizes[a] <= objects.offsets[b]
                || objects.offsets[b] + objects.sizes[b] <= objects.offsets[a];
            assert!(apart, "objects {a} and {b} overlap");
        }
    }
}

const ALIGNMENTS: &[u64] = &[1, 1, 1, 16];

proptest! {
    #![proptest_config(random::cases(1000))]

    #[test]
    fn the_total_is_the_least(problem in random::problem(9, ALIGNMENTS, 0)) {
        let solution = solve(&problem, Knapsack::new()).unwrap();
        check_sharing(&problem, &solution);
        let objects = solution.objects.unwrap();
        prop_assert_eq!(Some(objects.total()), least_opened(&problem, &[], usize::MAX));
        prop_assert!(objects.is_optimal());
        prop_assert_eq!(solution.stop, Stop::Finished);
    }

    #[test]
    fn the_total_is_the_least_with_few_objects(problem in random::problem(8, ALIGNMENTS, 0), most in 1usize..5) {
        match (solve(&problem, Knapsack::new().max_objects(most)), least_opened(&problem, &[], most)) {
            (Ok(solution), Some(least)) => {
                check_sharing(&problem, &solution);
                let objects = solution.objects.unwrap();
                prop_assert!(objects.sizes.len() <= most);
                prop_assert_eq!((objects.total(), objects.lower_bound), (least, least));
            }
            (Err(Error::Refused { .. }), None) => {}
            (found, least) => prop_assert!(false, "{found:?}, brute force {least:?}"),
        }
    }

    #[test]
    fn what_is_opened_besides_given_objects_is_the_least(
        problem in random::problem(8, ALIGNMENTS, 0),
        given in prop::collection::vec(1u64..40, 0..4),
        spare in prop::option::of(0usize..3),
    ) {
        let most = spare.map_or(usize::MAX, |spare| given.len() + spare);
        let mut knapsack = Knapsack::new().given(given.iter().copied());
        if spare.is_some() {
            knapsack = knapsack.max_objects(most);
        }
        let there: u64 = given.iter().sum();
        match (solve(&problem, knapsack), least_opened(&problem, &given, most)) {
            (Ok(solution), Some(least)) => {
                check_sharing(&problem, &solution);
                let objects = solution.objects.unwrap();
                prop_assert_eq!((objects.total() - there, objects.lower_bound - there), (least, least));
            }
            (Err(Error::Refused { .. }), None) => {}
            (found, least) => prop_assert!(false, "{found:?}, brute force {least:?}"),
        }
    }
}

/// Sizes that differ little, with many conflicts: hard instances for the search.
fn hard(buffers: u64, seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let list = (0..buffers).map(|_| {
        let start = random.u32(..60);
        Buffer::new(random.u64(50..100), start..start + random.u32(1..12))
    });
    Problem::new(list.collect()).unwrap()
}

#[test]
fn a_bound_is_proven_however_early_it_stops() {
    for seed in 0..5 {
        let problem = hard(120, seed);
        let whole = objects(&problem, Knapsack::new());
        let mut last = 0;
        for nodes in [1, 1_000, 10_000, 100_000] {
            let planner = Planner::new().strategy(Knapsack::new()).limits(Limits::new().nodes(nodes));
            let solution = planner.solve(&problem).unwrap();
            check_sharing(&problem, &solution);
            let objects = solution.objects.unwrap();
            assert!(objects.lower_bound >= last && objects.lower_bound <= whole.total());
            assert!(objects.total() >= whole.lower_bound);
            assert!(solution.nodes <= nodes + 2_000, "{} of {nodes} nodes", solution.nodes);
            last = objects.lower_bound;
        }
    }
}

#[test]
fn the_same_problem_gives_the_same_objects() {
    let problem = hard(100, 7);
    assert_eq!(objects(&problem, Knapsack::new()), objects(&problem, Knapsack::new()));
}

#[test]
fn searches_stop_when_told() {
    let problem = hard(300, 3);
    let stop = |limits: Limits| {
        let solved = Planner::new().strategy(Knapsack::new()).limits(limits).solve(&problem);
        solved.map(|solution| (solution.stop, solution.nodes))
    };
    let token = CancelToken::new();
    token.cancel();
    assert_eq!(stop(Limits::new().cancel(token)), Err(Error::Cancelled));
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    assert_eq!(stop(Limits::new().deadline(past)).unwrap().0, Stop::Deadline);
    let told = stop(Limits::new().progress(|progress| {
        assert!(progress.bound <= progress.best);
        if progress.nodes > 20_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }))
    .unwrap();
    assert_eq!(told.0, Stop::Cancelled);
    assert!((20_000..30_000).contains(&told.1), "{}", told.1);
}

/// In the given order the total is 800K + 700K + 1000K; with the second object oversized it is
/// 800K + 1000K + 10K.
#[test]
fn oversizing_falls_out() {
    let mut net = Graph::builder("branching");
    let skip = net.input("skip", TensorSpec::bytes(800_000));
    let early = net.tensor("early", TensorSpec::bytes(700_000));
    let late = net.tensor("late", TensorSpec::bytes(1_000_000));
    let hint = net.tensor("hint", TensorSpec::bytes(10_000));
    net.operator("split").reads([skip]).writes([early]);
    net.operator("check").reads([early]);
    net.operator("widen").reads([skip]).writes([late, hint]);
    net.operator("join").reads([skip, late, hint]);
    let planner = Planner::new().alignment(1).strategy(Knapsack::new());
    let plan = planner.plan(&net.build().unwrap()).unwrap();
    assert_eq!(plan.arena_bytes, 1_810_000);
    assert_eq!(plan.offset(early), plan.offset(late));
}

#[test]
fn what_cannot_be_shared_is_refused_by_name() {
    let text = |problem: Problem, knapsack| solve(&problem, knapsack).unwrap_err().to_string();
    let fixed = vec![Buffer::new(8, 0..1), Buffer::new(8, 0..1).at(64)];
    assert_eq!(
        text(Problem::named(fixed, vec!["a".into(), "b".into()]).unwrap(), Knapsack::new()),
        "strategy `knapsack`: buffer `b` has a fixed offset, but the strategy places shared objects freely; use another strategy"
    );
    let three =
        || Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(9, 1..3), Buffer::new(7, 1..2)]).unwrap();
    assert_eq!(
        text(three(), Knapsack::new().max_objects(2)),
        "strategy `knapsack`: 3 buffers are live at the same time, but at most 2 objects are allowed; allow 3 or more"
    );
    assert_eq!(
        text(three(), Knapsack::new().max_objects(3).given([4])),
        "strategy `knapsack`: no sharing exists with at most 3 objects, 1 of them given (finished); allow more objects"
    );
}
