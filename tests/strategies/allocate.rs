//! Every strategy, compared with brute force and with rules independent of the library.

use crate::support::brute_force::{lowest_height, share_a_step};
use crate::support::random;
use crate::support::tflite::greedy_by_size;
use plimsoll::allocate::{self, Allocation, Auto, NAMES, Strategy};
use plimsoll::{
    Buffer, CancelToken, Effort, Error, Limits, Planner, Problem, Result, Status, Stop, lower_bound,
};
use proptest::prelude::*;

/// Solves with few nodes, since a local search that cannot reach the bound spends all of them.
fn solve(problem: &Problem, name: &str) -> plimsoll::Solution {
    let planner = Planner::new().limits(Limits::new().nodes(2_000));
    planner.strategy(allocate::by_name(name).unwrap()).solve(problem).unwrap()
}

/// Strategies for shared objects, which choose the offsets of whole objects.
const SHARES: [&str; 3] = ["objects-in-order", "objects-by-size", "knapsack"];

/// Built-in strategies that accept this problem: those for shared objects refuse fixed offsets
/// and gaps.
fn names(problem: &Problem) -> impl Iterator<Item = &'static str> {
    let fixed = problem.buffers().iter().any(|buffer| buffer.fixed_offset().is_some());
    let gapped = problem.buffers().iter().any(|buffer| !buffer.gaps().is_empty());
    let fixed = fixed || !problem.reserved().is_empty();
    let refused = move |name: &str| (fixed || gapped) && SHARES.contains(&name) || gapped && name == "merge";
    NAMES.into_iter().filter(move |name| !refused(name))
}

/// Returns whether no two buffers that overlap in time share a byte. Tests all pairs, without code
/// of the verifier.
fn overlap_free(problem: &Problem, offsets: &[u64]) -> bool {
    let buffers = problem.buffers();
    (0..buffers.len()).all(|i| {
        (0..i).all(|j| {
            let (a, b) = (&buffers[i], &buffers[j]);
            let apart = offsets[i] + a.size() <= offsets[j] || offsets[j] + b.size() <= offsets[i];
            apart || !share_a_step(a, b) || a.size() == 0 || b.size() == 0
        })
    })
}

fn holds(problem: &Problem, offsets: &[u64], height: u64) -> bool {
    let each = problem.buffers().iter().zip(offsets).all(|(buffer, &offset)| {
        offset % buffer.alignment() == 0
            && offset + buffer.size() <= height
            && buffer.fixed_offset().is_none_or(|fixed| fixed == offset)
            && problem.reserved().iter().all(|range| {
                buffer.size() == 0 || offset + buffer.size() <= range.start || range.end <= offset
            })
    });
    each && overlap_free(problem, offsets)
}

const MIXED: &[u64] = &[1, 2, 8, 16, 32];

proptest! {
    #![proptest_config(random::cases(800))]

    #[test]
    fn bound_optimum_and_heights_stand_in_order(
        problem in prop_oneof![
            random::problem(6, MIXED, 2),
            random::reserved(random::gapped(6, MIXED, 1)),
        ],
    ) {
        let bound = lower_bound(&problem).bytes;
        let optimum = lowest_height(&problem);
        prop_assert!(bound <= optimum, "bound {bound} above optimum {optimum}");
        for name in names(&problem) {
            let solution = solve(&problem, name);
            prop_assert!(solution.height >= optimum, "{name}: {} below optimum {optimum}", solution.height);
            prop_assert!(holds(&problem, &solution.offsets, solution.height), "{name}");
            prop_assert!(solution.lower_bound.bytes <= optimum);
            prop_assert_eq!(solution.status == Status::Optimal, solution.height == solution.lower_bound.bytes);
        }
    }

    #[test]
    fn the_bound_is_exact_where_all_live_together_at_one_alignment(
        sizes in prop::collection::vec(0u64..40, 0..6), alignment in prop::sample::select(MIXED),
    ) {
        let buffers = sizes.iter().map(|&size| Buffer::new(size, 0..1).align(alignment)).collect();
        let problem = Problem::new(buffers).unwrap();
        prop_assert_eq!(lower_bound(&problem).bytes, lowest_height(&problem));
    }

    #[test]
    fn auto_is_never_above_any_greedy_one(
        problem in prop_oneof![random::problem(30, MIXED, 1), random::gapped(30, MIXED, 1)],
    ) {
        let auto = solve(&problem, "auto").height;
        // If nearly all buffers are live together, `naive` may need less padding by chance.
        for name in names(&problem).filter(|name| !["merge", "naive"].contains(name)) {
            let other = solve(&problem, name).height;
            prop_assert!(auto <= other, "auto {auto}, {name} {other}");
        }
        let tflite = greedy_by_size(&problem);
        let differs = |b: &Buffer| b.fixed_offset().is_some() || !b.gaps().is_empty();
        prop_assert!(auto <= tflite || problem.buffers().iter().any(differs));
    }

    #[test]
    fn scaling_sizes_scales_heights(problem in random::problem(20, &[1], 1), factor in 1u64..1000) {
        let scale = |buffer: &Buffer| {
            let scaled = Buffer::new(buffer.size() * factor, buffer.live());
            buffer.fixed_offset().map_or(scaled.clone(), |offset| scaled.at(offset * factor))
        };
        let scaled = Problem::new(problem.buffers().iter().map(scale).collect()).unwrap();
        for name in names(&problem) {
            let (solution, scaled) = (solve(&problem, name), solve(&scaled, name));
            // A search that was stopped may have found different offsets.
            if [&solution, &scaled].iter().all(|solution| solution.stop == Stop::Finished) {
                prop_assert_eq!(solution.height * factor, scaled.height, "{}", name);
            }
        }
    }

    #[test]
    fn the_verifier_agrees_with_the_rules(
        problem in prop_oneof![random::problem(8, MIXED, 1), random::gapped(8, MIXED, 1)],
        offsets in prop::collection::vec(prop_oneof![0u64..12, 0u64..200], 8),
        height in 0u64..250,
    ) {
        // Half of the offsets are nearly valid; otherwise most would fail by alignment alone.
        let offsets: Vec<u64> = problem.buffers().iter().zip(&offsets).map(|(buffer, offset)| {
            if height % 2 == 0 { offset - offset % buffer.alignment() } else { *offset }
        }).collect();
        let verdict = plimsoll::verify::verify_offsets(&problem, &offsets, height);
        prop_assert_eq!(verdict.is_ok(), holds(&problem, &offsets, height));
    }

    #[test]
    fn moving_one_buffer_is_noticed(problem in random::problem(12, MIXED, 0), which: prop::sample::Index, by in 1u64..64) {
        let mut solution = solve(&problem, "auto");
        prop_assume!(!solution.offsets.is_empty());
        let offset = which.get(&solution.offsets);
        let i = solution.offsets.iter().position(|other| std::ptr::eq(other, offset)).unwrap();
        solution.offsets[i] = solution.offsets[i].checked_sub(by).unwrap_or(solution.offsets[i] + by);
        let verdict = plimsoll::verify::verify_offsets(&problem, &solution.offsets, solution.height);
        prop_assert_eq!(verdict.is_ok(), holds(&problem, &solution.offsets, solution.height));
    }
}

proptest! {
    #![proptest_config(random::cases(100))]

    #[test]
    fn many_buffers_pass_the_rules(problem in random::problem(300, MIXED, 5)) {
        for name in names(&problem) {
            let solution = solve(&problem, name);
            prop_assert!(holds(&problem, &solution.offsets, solution.height), "{name}");
        }
    }
}

/// After cancellation or a past deadline, every strategy soon returns valid offsets.
#[test]
fn every_strategy_stops_when_told() {
    let mut random = fastrand::Rng::with_seed(9);
    let list = (0..4000).map(|_| {
        let start = random.u32(..2000);
        Buffer::new(random.u64(1..1000), start..start + random.u32(1..1000))
    });
    let problem = Problem::new(list.collect()).unwrap();
    let token = CancelToken::new();
    token.cancel();
    let past = std::time::Instant::now();
    for name in NAMES.into_iter().filter(|name| !["naive", "objects-in-order", "first-fit"].contains(name)) {
        let limits = Limits::new().cancel(token.clone());
        let planner = Planner::new().limits(limits).strategy(allocate::by_name(name).unwrap());
        // Cancelled before a verified plan existed.
        assert_eq!(planner.solve(&problem), Err(Error::Cancelled), "{name}");
        for (limits, stop) in [
            (Limits::new().deadline(past), Stop::Deadline),
            (Limits::new().progress(|_| std::ops::ControlFlow::Break(())), Stop::Cancelled),
        ] {
            let planner = Planner::new().limits(limits);
            let solution = planner.strategy(allocate::by_name(name).unwrap()).solve(&problem).unwrap();
            assert_eq!(solution.stop, stop, "{name}");
            assert!(holds(&problem, &solution.offsets, solution.height), "{name}");
        }
    }
}

/// Problem of up to 500 buffers by seed, with gaps, mixed alignments, reserved ranges, and a
/// capacity between an impossible one and one above the bound.
fn instance(seed: u64) -> Problem {
    let mut random = fastrand::Rng::with_seed(seed);
    let count = [10, 20, 40, 80, 200, 500][random.usize(..6)];
    let (steps, alignment) = (random.u32(2..200), 1 << random.u32(..5));
    let buffers = (0..count).map(|_| {
        let start = random.u32(..steps);
        let alignment = if random.u8(..8) == 0 { 64 } else { alignment };
        let buffer = Buffer::new(random.u64(0..1000), start..start + 1 + random.u32(..=steps / 2));
        let buffer = buffer.align(alignment);
        let (live, gap) = (buffer.live(), start + 1);
        if random.u8(..16) == 0 && live.end > gap + 1 { buffer.gap(gap..gap + 1) } else { buffer }
    });
    let problem = Problem::new(buffers.collect()).unwrap();
    let capacity = random.bool().then(|| lower_bound(&problem).bytes * random.u64(8..16) / 8);
    let reserved = random.u64(0..2000);
    let problem = problem.with_capacity(capacity);
    if random.u8(..4) == 0 {
        problem.with_reserved(std::iter::once(reserved..reserved + 100)).unwrap()
    } else {
        problem
    }
}

/// With any limits, the result is at least as good as first fit and, for few buffers, greedy by size.
#[test]
fn limits_never_raise_a_plan_above_greedy_placement() {
    let cases = std::env::var("PLIMSOLL_LIMITS").map_or(200, |text| text.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(17);
    for seed in 0..cases {
        let problem = instance(seed);
        let height = |name: &str, limits: Limits| {
            let planner = Planner::new().limits(limits).strategy(allocate::by_name(name).unwrap());
            let solution = planner.solve(&problem).unwrap();
            assert!(holds(&problem, &solution.offsets, solution.height), "{name}, seed {seed}");
            solution.height
        };
        let first = height("first-fit", Limits::new());
        let greedy = first.min(height("greedy-by-size", Limits::new()));
        let nodes = if random.u8(..4) == 0 { 0 } else { random.u64(..10_000) };
        for limits in [Limits::new().nodes(nodes), Limits::new().deadline(std::time::Instant::now())] {
            for name in ["auto", "exact"] {
                let found = height(name, limits.clone());
                assert!(found <= greedy, "{name}, seed {seed}, {nodes} nodes: {found} above {greedy}");
            }
            for name in ["greedy-by-size", "greedy-by-conflict", "best-fit"] {
                let placed = height(name, Limits::new());
                let found = height(name, limits.clone());
                assert!(found == placed || found == first, "{name}, seed {seed}: {found}, {placed}, {first}");
            }
        }
    }
}

/// With too many buffers for greedy by size at any limit, a stopped call returns first fit.
#[test]
fn large_problems_have_first_fit_at_any_limit() {
    let mut random = fastrand::Rng::with_seed(4);
    let buffers = (0..20_000).map(|_| {
        let start = random.u32(..1000);
        Buffer::new(random.u64(1..65_536), start..start + random.u32(1..9))
    });
    let problem = Problem::new(buffers.collect()).unwrap();
    let solve = |name: &str, limits: Limits| {
        let planner = Planner::new().limits(limits).strategy(allocate::by_name(name).unwrap());
        planner.solve(&problem).unwrap()
    };
    let first = solve("first-fit", Limits::new());
    for name in ["auto", "exact", "greedy-by-size", "greedy-by-area"] {
        for (nodes, stop) in [(0, Stop::Nodes), (100, Stop::Nodes)] {
            let solution = solve(name, Limits::new().nodes(nodes));
            assert_eq!((solution.height, solution.stop), (first.height, stop), "{name}, {nodes} nodes");
        }
    }
    let greedy = solve("greedy-by-size", Limits::new());
    assert!(greedy.nodes > 100, "greedy placement counts as nodes");
    let some = solve("auto", Limits::new().nodes(2 * greedy.nodes));
    assert!(some.height <= greedy.height.min(first.height), "greedy by size comes first");
}

#[test]
fn effort_sets_the_budget() {
    let mut nodes = [0; 2];
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let buffers = (0..300).map(|_| {
            let start = random.u32(..200);
            Buffer::new(random.u64(1..1_000_000), start..start + random.u32(1..100))
        });
        let problem = Problem::new(buffers.collect()).unwrap();
        for (sum, effort) in nodes.iter_mut().zip([Effort::Quick, Effort::Default]) {
            let solution = Planner::new().strategy(Auto::new().effort(effort)).solve(&problem).unwrap();
            assert!(holds(&problem, &solution.offsets, solution.height));
            *sum += solution.nodes;
        }
    }
    println!("quick and default: {nodes:?} nodes");
    assert!(2 * nodes[0] < nodes[1], "{nodes:?}");
}

#[test]
fn padding_on_top_is_free() {
    let two = vec![Buffer::new(10, 0..1).align(16), Buffer::new(10, 0..1).align(16)];
    let problem = Problem::new(two).unwrap();
    assert_eq!(lower_bound(&problem).bytes, 26);
    assert_eq!(solve(&problem, "auto").height, 26);
    let filled = vec![
        Buffer::new(10, 0..1).align(16),
        Buffer::new(10, 0..1).align(16),
        Buffer::new(6, 0..1),
        Buffer::new(3, 0..1),
    ];
    let problem = Problem::new(filled).unwrap();
    assert_eq!((lower_bound(&problem).bytes, lowest_height(&problem)), (29, 29));
}

#[test]
fn fixed_buffers_raise_the_bound() {
    let problem = Problem::new(vec![Buffer::new(4, 3..5).at(96), Buffer::new(10, 0..9)]).unwrap();
    let bound = lower_bound(&problem);
    assert_eq!((bound.bytes, bound.step), (100, 3));
    assert_eq!(bound.buffers, [plimsoll::BufferId::new(0)]);
}

#[test]
fn capacity_is_an_outcome() {
    let problem = Problem::new(vec![Buffer::new(4, 0..2), Buffer::new(10, 0..9)]).unwrap();
    assert_eq!(Planner::new().capacity(14).solve(&problem).unwrap().status, Status::Optimal);
    let tight = Planner::new().capacity(13).solve(&problem).unwrap();
    assert_eq!((tight.status, tight.height), (Status::Infeasible, 14));
    assert_eq!(Planner::new().solve(&problem.with_capacity(Some(13))).unwrap().status, Status::Infeasible);
}

#[test]
fn nothing_needs_nothing() {
    let nothing = Problem::new(Vec::new()).unwrap();
    let empty = Problem::new(vec![Buffer::new(0, 0..7).align(64), Buffer::new(0, 3..4)]).unwrap();
    for name in NAMES {
        assert_eq!((solve(&nothing, name).height, solve(&nothing, name).status), (0, Status::Optimal));
        assert_eq!(solve(&empty, name).offsets, [0, 0]);
    }
}

#[test]
fn sizes_near_64_bits() {
    let half = u64::MAX / 2;
    let problem = Problem::new(vec![Buffer::new(half, 0..2), Buffer::new(half, 1..3), Buffer::new(1, 1..2)]);
    for name in NAMES {
        assert_eq!(solve(problem.as_ref().unwrap(), name).height, u64::MAX, "{name}");
    }
}

struct Wrong(Vec<u64>);

impl Strategy for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn allocate(&self, _: &Problem, _: &Limits) -> Result<Allocation> {
        Ok(Allocation::new(self.0.clone()))
    }
}

#[test]
fn a_wrong_strategy_is_caught() {
    let problem = Problem::new(vec![Buffer::new(8, 0..2).align(8), Buffer::new(4, 1..3)]).unwrap();
    let verdict = |offsets: &[u64]| match Planner::new().strategy(Wrong(offsets.to_vec())).solve(&problem) {
        Err(Error::WrongPlan { violations, .. }) => violations.list()[0].to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        verdict(&[0, 7]),
        "[A5] buffer `0` (8 bytes at 0, live 0..2) overlaps buffer `1` (4 bytes at 7, live 1..3)"
    );
    assert_eq!(verdict(&[4, 16]), "[A1] buffer `0` lies at 4, which is not a multiple of its alignment 8");
    assert_eq!(verdict(&[0]), "[F1] the plan has 1 offsets, expected 2");
    assert!(verdict(&[0, u64::MAX]).contains("ends after the arena"));
    assert!(Planner::new().strategy(Wrong(vec![0, 8])).solve(&problem).is_ok());
}

#[test]
fn unknown_strategies_are_named_with_the_known_ones() {
    let text = allocate::by_name("greedy").err().unwrap().to_string();
    assert!(
        text.starts_with("no strategy is called `greedy`; the strategies are naive, greedy-by-size,"),
        "{text}"
    );
    for name in NAMES {
        assert_eq!(allocate::by_name(name).unwrap().name(), name);
    }
}
