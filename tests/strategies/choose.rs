//! The choice of buffers to keep on chip: comparison with brute force, limits, and the verifier.

use std::time::{Duration, Instant};

use crate::support::random;
use plimsoll::verify::verify_choice;
use plimsoll::{Buffer, CancelToken, Choice, Error, Limits, Planner, Problem, Stop};
use proptest::prelude::*;

fn choose(problem: &Problem, capacity: u64, values: Option<&[u64]>) -> Choice {
    Planner::new().capacity(capacity).choose(problem, values).unwrap()
}

/// The maximum value, by trying every set of buffers and every assignment to objects.
fn most_value(problem: &Problem, capacity: u64, values: &[u64]) -> u64 {
    let mut objects = Vec::new();
    deal(problem, capacity, values, 0, &mut objects)
}

/// The maximum value of the buffers from `at` on, given objects as pairs of size and members.
fn deal(
    problem: &Problem,
    room: u64,
    values: &[u64],
    at: usize,
    objects: &mut Vec<(u64, Vec<usize>)>,
) -> u64 {
    let Some(buffer) = problem.buffers().get(at) else { return 0 };
    let mut best = deal(problem, room, values, at + 1, objects);
    let size = buffer.size().next_multiple_of(buffer.alignment());
    if size == 0 {
        return best + values[at];
    }
    for k in 0..=objects.len() {
        if k == objects.len() {
            objects.push((0, Vec::new()));
        }
        let (before, members) = &objects[k];
        let before = *before;
        let growth = size.saturating_sub(before);
        let free = members.iter().all(|&i| !problem.buffers()[i].live().overlaps(buffer.live()));
        if free && growth <= room {
            objects[k].0 = before.max(size);
            objects[k].1.push(at);
            best = best.max(values[at] + deal(problem, room - growth, values, at + 1, objects));
            objects[k].1.pop();
            objects[k].0 = before;
        }
        if objects[k].1.is_empty() {
            objects.pop();
            break;
        }
    }
    best
}

proptest! {
    #![proptest_config(random::cases(1000))]

    #[test]
    fn the_value_is_the_most(
        problem in random::problem(9, &[1], 0),
        capacity in 0u64..120,
        values in prop::collection::vec(0u64..30, 9),
        of_bytes: bool,
    ) {
        let bytes: Vec<u64> = problem.buffers().iter().map(Buffer::size).collect();
        let given = &values[..bytes.len()];
        let (values, used) = if of_bytes { (None, bytes.as_slice()) } else { (Some(given), given) };
        let choice = choose(&problem, capacity, values);
        prop_assert!(choice.height <= capacity && choice.objects.total() <= capacity);
        prop_assert_eq!(choice.value, most_value(&problem, capacity, used));
        prop_assert!(choice.is_optimal());
        prop_assert_eq!(choice.stop, Stop::Finished);
    }

    /// If alignments differ, padding needs capacity, too: the value is at most that of brute force
    /// without padding, and the bound is at least as high.
    #[test]
    fn with_alignments_the_bound_holds(problem in random::problem(8, &[1, 4, 16], 0), capacity in 0u64..120) {
        let bytes: Vec<u64> = problem.buffers().iter().map(Buffer::size).collect();
        let choice = choose(&problem, capacity, None);
        let most = most_value(&problem, capacity, &bytes);
        prop_assert!(choice.value <= most && most <= choice.bound);
    }
}

fn crowded(buffers: u64, seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let list = (0..buffers).map(|_| {
        let start = random.u32(..60);
        Buffer::new(random.u64(50..100), start..start + random.u32(1..12))
    });
    Problem::new(list.collect()).unwrap()
}

#[test]
fn a_choice_can_be_stopped_at_any_time() {
    let problem = crowded(200, 4);
    let all: u64 = problem.buffers().iter().map(Buffer::size).sum();
    let run = |limits: Limits| Planner::new().capacity(900).limits(limits).choose(&problem, None).unwrap();
    let (mut value, mut bound) = (0, all);
    for nodes in [0, 100, 1_000, 30_000, 1_000_000] {
        let choice = run(Limits::new().nodes(nodes));
        assert!(choice.value >= value && choice.bound <= bound && choice.value <= choice.bound);
        assert!(choice.nodes <= nodes + 2_000, "{} of {nodes}", choice.nodes);
        (value, bound) = (choice.value, choice.bound);
    }
    assert!(value > 0 && bound < all);
    let token = CancelToken::new();
    token.cancel();
    assert_eq!(run(Limits::new().cancel(token)).stop, Stop::Cancelled);
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    assert_eq!(run(Limits::new().deadline(past)).stop, Stop::Deadline);
    assert_eq!(run(Limits::new().nodes(100_000)), run(Limits::new().nodes(100_000)));
}

/// With enough capacity, all buffers are kept; with none, only buffers of size 0.
#[test]
fn the_ends_of_the_scale() {
    let problem =
        Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(0, 0..1), Buffer::new(9, 1..3)]).unwrap();
    let all = choose(&problem, 17, None);
    assert_eq!((all.value, all.height, all.is_optimal()), (17, 17, true));
    let nothing = choose(&problem, 0, Some(&[5, 6, 7]));
    assert_eq!((nothing.value, nothing.height, nothing.is_optimal()), (6, 0, true));
    assert_eq!(nothing.offsets, [None, Some(0), None]);
    let huge = Problem::new(vec![Buffer::new(u64::MAX / 2, 0..2), Buffer::new(u64::MAX / 2, 0..2)]).unwrap();
    assert_eq!(choose(&huge, u64::MAX, Some(&[u64::MAX, 0])).value, u64::MAX);
}

#[test]
fn what_cannot_be_chosen_is_refused() {
    let problem = Problem::new(vec![Buffer::new(8, 0..1), Buffer::new(8, 0..1)]).unwrap();
    let text =
        |values: &[u64]| Planner::new().capacity(9).choose(&problem, Some(values)).unwrap_err().to_string();
    assert_eq!(text(&[1]), "strategy `knapsack`: got 1 values for 2 buffers");
    assert_eq!(text(&[1, u64::MAX]), "strategy `knapsack`: the values exceed 2^64-1 together");
    assert!(matches!(Planner::new().choose(&problem, None), Err(Error::NoCapacity)));
    let fixed = Problem::new(vec![Buffer::new(8, 0..1).at(8)]).unwrap();
    assert!(matches!(Planner::new().capacity(9).choose(&fixed, None), Err(Error::Refused { .. })));
}

#[test]
fn a_wrong_choice_is_found() {
    let problem =
        Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(9, 1..3), Buffer::new(4, 0..3)]).unwrap();
    let right = choose(&problem, 13, None);
    verify_choice(&problem, 13, None, &right).unwrap();
    let verdict = |change: &dyn Fn(&mut Choice)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        verify_choice(&problem, 13, None, &wrong).unwrap_err().to_string()
    };
    assert!(verdict(&|choice| choice.value += 1).contains("worth 13, but the choice states 14"));
    assert!(verdict(&|choice| choice.bound -= 1).contains("above the upper bound of 12"));
    assert!(verdict(&|choice| choice.offsets[0] = Some(0)).contains("overlaps"));
    assert!(verdict(&|choice| choice.objects.sizes[0] += 1).contains("beyond the capacity"));
    assert!(verdict(&|choice| choice.offsets.truncate(1)).contains("1 offsets, expected 3"));
    let smaller = verify_choice(&problem, 12, None, &right).unwrap_err().to_string();
    assert!(smaller.contains("beyond the capacity of 12"), "{smaller}");
}
