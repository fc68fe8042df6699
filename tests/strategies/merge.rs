//! Merging of shared objects: never larger than the start, rules for each pair, worked examples,
//! limits.

use std::time::{Duration, Instant};

use crate::support::brute_force::lowest_height;
use crate::support::random;
use plimsoll::allocate::{Allocation, Greedy, GreedyObjects, Knapsack, Merge, Naive, Strategy};
use plimsoll::verify::verify_solution;
use plimsoll::{
    Buffer, CancelToken, Error, Limits, Nesting, Objects, Planner, Problem, Result, Solution, Stop,
};
use proptest::prelude::*;

fn solve(problem: &Problem, strategy: impl Strategy + 'static) -> Solution {
    Planner::new().strategy(strategy).solve(problem).unwrap()
}

/// Asserts the rules of objects and of tensors inside others, one by one.
fn check_objects(problem: &Problem, solution: &Solution) {
    let objects = solution.objects.as_ref().unwrap();
    let end = |object: usize| objects.offsets[object] + objects.sizes[object];
    for (i, buffer) in problem.buffers().iter().enumerate() {
        let Some(object) = objects.of_buffer[i] else {
            assert_eq!(buffer.size(), 0);
            continue;
        };
        let object = object as usize;
        assert!(objects.offsets[object] <= solution.offsets[i]);
        assert!(solution.offsets[i] + buffer.size() <= end(object));
    }
    let mut order: Vec<usize> = (0..objects.sizes.len()).collect();
    order.sort_by_key(|&object| objects.offsets[object]);
    assert!(order.windows(2).all(|pair| end(pair[0]) <= objects.offsets[pair[1]]));
    assert!(objects.lower_bound <= objects.total());
    for &Nesting { guest, host, at } in &objects.nestings {
        let (small, large) = (problem.buffer(guest), problem.buffer(host));
        assert_eq!(objects.of_buffer[guest.index()], objects.of_buffer[host.index()]);
        assert_eq!(solution.offsets[guest.index()], solution.offsets[host.index()] + at);
        assert!(at + small.size() <= large.size());
        assert!(!small.live().overlaps(large.live()));
    }
}

const ALIGNMENTS: &[u64] = &[1, 1, 2, 8, 32];

proptest! {
    #![proptest_config(random::cases(400))]

    #[test]
    fn never_larger_than_the_start(problem in random::problem(9, ALIGNMENTS, 0), seed in 0u64..100) {
        let limits = Limits::new().nodes(20_000);
        let planner = |strategy| Planner::new().limits(limits.clone()).strategy(strategy);
        let starts: [(Box<dyn Strategy>, Merge); 5] = [
            (Box::new(Knapsack::new()), Merge::new()),
            (Box::new(GreedyObjects::in_order()), Merge::of(GreedyObjects::in_order())),
            (Box::new(GreedyObjects::by_size()), Merge::of(GreedyObjects::by_size())),
            (Box::new(Naive), Merge::of(Naive)),
            (Box::new(Greedy::best_fit()), Merge::of(Greedy::best_fit())),
        ];
        for (start, merge) in starts {
            let start = planner(start).solve(&problem).unwrap();
            let merged = planner(Box::new(merge.seed(seed))).solve(&problem).unwrap();
            prop_assert!(merged.height <= start.height, "{} above {}", merged.height, start.height);
            check_objects(&problem, &merged);
        }
    }

    #[test]
    fn fixed_offsets_are_honoured(problem in random::problem(9, ALIGNMENTS, 4)) {
        let planner = Planner::new().limits(Limits::new().nodes(20_000)).strategy(Merge::new());
        let solution = planner.solve(&problem).unwrap();
        check_objects(&problem, &solution);
        for (buffer, offset) in problem.buffers().iter().zip(&solution.offsets) {
            prop_assert!(buffer.fixed_offset().is_none_or(|fixed| fixed == *offset));
        }
    }

    #[test]
    fn small_problems_end_at_the_least_arena(problem in random::problem(6, ALIGNMENTS, 1)) {
        let planner = Planner::new().limits(Limits::new().nodes(200_000)).strategy(Merge::new());
        let solution = planner.solve(&problem).unwrap();
        prop_assert_eq!(solution.height, lowest_height(&problem));
    }
}

fn hard(buffers: u64, seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let list = (0..buffers).map(|_| {
        let start = random.u32(..60);
        Buffer::new(random.u64(50..100), start..start + random.u32(1..12)).align(1 << random.u32(..4))
    });
    Problem::new(list.collect()).unwrap()
}

#[test]
fn it_can_be_stopped_at_any_time() {
    let problem = hard(150, 1);
    let start = solve(&problem, GreedyObjects::in_order()).height;
    let mut last = u64::MAX;
    for nodes in [0, 1, 100, 1_000, 10_000, 100_000, 1_000_000] {
        let merge = Merge::of(GreedyObjects::in_order());
        let planner = Planner::new().strategy(merge).limits(Limits::new().nodes(nodes));
        let solution = planner.solve(&problem).unwrap();
        assert!(solution.height <= start && solution.height <= last);
        assert!(solution.nodes <= nodes + 5_000, "{} of {nodes} nodes", solution.nodes);
        last = solution.height;
    }
    assert!(last < start);
    let stop = |limits: Limits| {
        let solved = Planner::new().strategy(Merge::new()).limits(limits).solve(&problem);
        solved.map(|solution| solution.stop)
    };
    let token = CancelToken::new();
    token.cancel();
    assert_eq!(stop(Limits::new().cancel(token)), Err(Error::Cancelled));
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    assert_eq!(stop(Limits::new().deadline(past)), Ok(Stop::Deadline));
}

#[test]
fn the_same_seed_gives_the_same_objects() {
    let problem = hard(100, 7);
    let merged = |seed| solve(&problem, Merge::new().seed(seed));
    assert_eq!(merged(3), merged(3));
}

/// In the given order the total is 900K + 100K + 500K; the late tensors fit side by side into the
/// early one.
#[test]
fn merging_is_found_by_the_solver() {
    let buffers = [(900_000, 0..1), (100_000, 0..3), (400_000, 1..4), (500_000, 2..4)];
    let buffers = buffers.map(|(size, live)| Buffer::new(size, live));
    let problem = Problem::new(buffers.to_vec()).unwrap();
    assert_eq!(solve(&problem, GreedyObjects::in_order()).height, 1_500_000);
    let merged = solve(&problem, Merge::of(GreedyObjects::in_order()));
    assert_eq!((merged.height, merged.stop), (1_000_000, Stop::Finished));
    let objects = merged.objects.unwrap();
    assert_eq!((objects.total(), objects.lower_bound), (1_000_000, 1_000_000));
    let nestings: Vec<_> =
        objects.nestings.iter().map(|one| (one.guest.index(), one.host.index(), one.at)).collect();
    assert_eq!(nestings, [(3, 0, 400_000)]);
}

/// The hole below a fixed tensor is used, and the fixed tensor stays.
#[test]
fn tensors_go_below_what_is_fixed() {
    let buffers = vec![Buffer::new(10, 0..4).at(100), Buffer::new(60, 0..2), Buffer::new(40, 1..4)];
    let merged = solve(&Problem::new(buffers).unwrap(), Merge::new());
    assert_eq!((merged.offsets[0], merged.height), (100, 110));
}

#[test]
fn a_lie_about_who_is_inside_is_found() {
    let buffers = vec![Buffer::new(90, 0..1), Buffer::new(40, 1..3), Buffer::new(50, 1..2)];
    let problem = Problem::new(buffers).unwrap();
    let truth = solve(&problem, Merge::new());
    verify_solution(&problem, &truth).unwrap();
    let id: Vec<_> = problem.ids().collect();
    let lies = [
        (Nesting { guest: id[1], host: id[2], at: 0 }, "live at the same time"),
        (Nesting { guest: id[0], host: id[1], at: 0 }, "too large"),
        (Nesting { guest: id[2], host: id[0], at: 1 }, "elsewhere"),
    ];
    for (lie, what) in lies {
        let mut solution = truth.clone();
        solution.objects.as_mut().unwrap().nestings = vec![lie];
        let text = verify_solution(&problem, &solution).unwrap_err().to_string();
        assert!(text.contains("is not inside of"), "{what}: {text}");
    }
}

/// A user's strategy as the start, which places all buffers at a high offset.
struct Far(u64);

impl Strategy for Far {
    fn name(&self) -> &'static str {
        "far"
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> Result<Allocation> {
        Ok(Allocation::new(vec![self.0; problem.buffers().len()]))
    }
}

#[test]
fn a_start_far_up_comes_down_or_is_refused() {
    let problem = Problem::new(vec![Buffer::new(9, 0..1), Buffer::new(4, 1..2).align(8)]).unwrap();
    let merged = |far| Planner::new().strategy(Merge::of(Far(far))).solve(&problem);
    assert_eq!(merged(1 << 63).unwrap().height, 9);
    let text = merged(u64::MAX - 4).unwrap_err().to_string();
    assert_eq!(text, "strategy `merge`: strategy `far` placed buffer `0` beyond 2^64-1 bytes");
}

/// A user's strategy that returns valid, incomplete or invalid objects.
struct Theirs(Option<Vec<Option<u32>>>);

impl Strategy for Theirs {
    fn name(&self) -> &'static str {
        "theirs"
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> Result<Allocation> {
        let mut allocation = Naive.allocate(problem, &Limits::new())?;
        let count = problem.buffers().len();
        allocation.objects =
            self.0.clone().map(|of_buffer| Objects::new(of_buffer, vec![1000; count], vec![0; count]));
        Ok(allocation)
    }
}

#[test]
fn a_start_from_elsewhere_is_checked() {
    let problem = Problem::new(vec![Buffer::new(9, 0..1), Buffer::new(4, 1..2)]).unwrap();
    let merged = |objects| Planner::new().strategy(Merge::of(Theirs(objects))).solve(&problem);
    assert_eq!(merged(None).unwrap().height, 9);
    assert_eq!(merged(Some(vec![Some(0), None])).unwrap().height, 9);
    assert_eq!(merged(Some(vec![Some(7), Some(3)])).unwrap().height, 9);
    let error = merged(Some(vec![Some(0)])).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }));
    assert_eq!(
        error.to_string(),
        "strategy `merge`: strategy `theirs` returned offsets or objects for 1 of 2 buffers"
    );
}
