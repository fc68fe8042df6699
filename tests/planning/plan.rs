//! Liveness, complete plans, and the violations that the verifier reports for wrong plans.

#![allow(clippy::many_single_char_names)] // tensors of small graphs

pub(crate) mod bodies;
mod links;
mod links_in_pools;

use crate::support::random;
use plimsoll::allocate::{self, NAMES};
use plimsoll::verify::verify;
use plimsoll::{
    BufferId, Graph, Limits, LiveRange, Liveness, Occupant, OperatorId, Placement, Plan, Planner,
    ScheduleMode, SharingLevel, Status, TensorId, TensorKind, TensorSpec, Variables,
};
use proptest::prelude::*;

fn bytes(bytes: u64) -> TensorSpec {
    TensorSpec::bytes(bytes)
}

/// Live ranges by definition: for each step, whether the tensor is needed there. An independent
/// reference for `liveness` and for the verifier.
fn ranges_by_the_rules(graph: &Graph, order: &[OperatorId]) -> Vec<Option<LiveRange>> {
    let steps = order.len() as u32;
    let total = steps.max(1);
    let at = |id: OperatorId| order.iter().position(|&other| other == id).map(|step| step as u32);
    let range = |id: TensorId| {
        let tensor = graph.tensor(id);
        let reads =
            graph.operator_ids().filter(|&op| graph.operator(op).inputs().contains(&id)).filter_map(at);
        let last = reads.max();
        let born = match tensor.kind() {
            TensorKind::Constant => return None,
            TensorKind::Variable => return Some((0..total).into()),
            TensorKind::Input => 0,
            TensorKind::Intermediate => {
                at(graph.operator_ids().find(|&op| graph.operator(op).outputs().contains(&id))?)?
            }
        };
        let needed = |step: u32| step == born || tensor.is_output() || last.is_some_and(|last| step <= last);
        let end = (born..total).take_while(|&step| needed(step)).last().unwrap() + 1;
        Some((born..end).into())
    };
    graph.tensor_ids().map(range).collect()
}

/// A valid order: `picks` chooses among the ready operators.
fn some_order(graph: &Graph, picks: &[prop::sample::Index]) -> Vec<OperatorId> {
    let mut order: Vec<OperatorId> = Vec::new();
    let mut picks = picks.iter().cycle();
    while order.len() < graph.program_order().len() {
        let waits = |id: OperatorId| {
            graph.dependencies().any(|(before, after)| after == id && !order.contains(&before))
        };
        let ready: Vec<_> =
            graph.program_order().iter().copied().filter(|id| !order.contains(id) && !waits(*id)).collect();
        order.push(*picks.next().unwrap().get(&ready));
    }
    order
}

proptest! {
    #![proptest_config(random::cases(250))]

    #[test]
    fn live_ranges_follow_the_rules(
        mut graph in random::graph(12), fold: bool, picks in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
    ) {
        if fold {
            graph.fold_constants();
        }
        let order = some_order(&graph, &picks);
        let liveness = Liveness::new(&graph, &order, 1, Variables::Arena).unwrap();
        let mut ranges = vec![None; graph.tensors().len()];
        for (id, occupant) in liveness.problem().ids().zip(liveness.occupants()) {
            match occupant {
                Occupant::Tensor(tensor) => ranges[tensor.index()] = Some(liveness.problem().buffer(id).live()),
                Occupant::Scratch(operator) => {
                    let step = order.iter().position(|other| other == operator).unwrap() as u32;
                    prop_assert_eq!(liveness.problem().buffer(id).live(), (step..step + 1).into());
                }
                _ => unreachable!(),
            }
        }
        prop_assert_eq!(ranges, ranges_by_the_rules(&graph, &order));
        // The bytes at each step are the sum over the live occupants.
        let live = liveness.live_bytes();
        prop_assert_eq!(live.len(), order.len().max(1));
        for (step, &bytes) in live.iter().enumerate() {
            let buffers = liveness.live_at(step as u32);
            let sum: u64 = buffers.map(|(id, _)| liveness.problem().buffer(id).size()).sum();
            prop_assert_eq!(sum, bytes);
        }
        prop_assert_eq!(liveness.peak().bytes, *live.iter().max().unwrap());
        prop_assert_eq!(live[liveness.peak().step as usize], liveness.peak().bytes);
    }

    #[test]
    fn every_plan_verifies(
        mut graph in random::graph(15),
        fold: bool,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..15),
        outside: bool,
        alignment in prop::sample::select(&[1u64, 16, 64]),
    ) {
        if fold {
            graph.fold_constants();
        }
        let order = some_order(&graph, &picks);
        let variables = if outside { Variables::Outside } else { Variables::Arena };
        for name in NAMES {
            let strategy = allocate::by_name(name).unwrap();
            let planner = Planner::new().alignment(alignment).variables(variables);
            let planner = planner.limits(Limits::new().nodes(20_000)).strategy(strategy);
            let plan = planner.plan_in_order(&graph, &order).unwrap();
            prop_assert_eq!(verify(&graph, &plan), Ok(()));
            prop_assert!(plan.arena_bytes >= plan.lower_bound.bytes);
            prop_assert_eq!(&planner.plan_in_order(&graph, &order).unwrap(), &plan);
        }
    }

    #[test]
    fn reserved_ranges_stay_free(
        graph in random::graph(12),
        ranges in prop::collection::vec((0u64..300, 1u64..80), 1..4),
        alignment in prop::sample::select(&[1u64, 16, 64]),
    ) {
        let ranges: Vec<_> = ranges.into_iter().map(|(start, bytes)| start..start + bytes).collect();
        let free = Planner::new().alignment(alignment).plan(&graph).unwrap();
        let planner = Planner::new().alignment(alignment).limits(Limits::new().nodes(20_000));
        let plan = ranges.iter().cloned().fold(planner, Planner::reserve).plan(&graph).unwrap();
        prop_assert!(plan.arena_bytes >= free.lower_bound.bytes);
        prop_assert_eq!(plimsoll::withdrawn_bounds(), 0, "the verifier refused a bound");
        for (_, place) in plan.placements().filter(|(_, place)| place.bytes > 0) {
            prop_assert!(ranges.iter().all(|range| place.end() <= range.start || range.end <= place.offset));
        }
        let mut moved = plan.clone();
        let in_the_way = plan.placements().find(|(_, place)| place.bytes > 0).unwrap().1;
        moved.reserved.push(in_the_way.offset..in_the_way.offset + 1);
        prop_assert!(verify(&graph, &moved).is_err());
    }

    /// The verifier refuses a changed plan, unless the change breaks no rule.
    #[test]
    fn changed_plans_are_refused(graph in random::graph(10), which: prop::sample::Index, change in 0usize..6, by in 1u64..40) {
        let plan = Planner::new().alignment(1).plan(&graph).unwrap();
        let (occupant, place) = *which.get(&plan.placements().collect::<Vec<_>>());
        let mut changed = plan.clone();
        let slot = match occupant {
            Occupant::Tensor(id) => &mut changed.tensors[id.index()],
            Occupant::Scratch(id) => &mut changed.scratch[id.index()],
            _ => unreachable!(),
        };
        match change {
            0 => *slot = None,
            1 => slot.as_mut().unwrap().bytes += by,
            2 => slot.as_mut().unwrap().live.end += 1,
            3 => slot.as_mut().unwrap().live.start += 1,
            4 => changed.arena_bytes = changed.arena_bytes.saturating_sub(by),
            _ => slot.as_mut().unwrap().offset = plan.arena_bytes + by - place.bytes.min(by),
        }
        prop_assume!(changed != plan);
        let verdict = verify(&graph, &changed);
        if change < 4 {
            prop_assert!(verdict.is_err());
        } else if change == 4 {
            prop_assert!(verdict.is_err(), "{:?}", changed);
        } else if verdict.is_ok() {
            prop_assert!(place.bytes <= by || place.offset == plan.arena_bytes);
        }
    }
}

/// x -> a -> [b, c] -> d, with a scratch buffer for the producer of c.
fn diamond() -> (Graph, [TensorId; 5]) {
    let mut net = Graph::builder("diamond");
    let x = net.input("x", bytes(10));
    let a = net.tensor("a", bytes(20));
    let b = net.tensor("b", bytes(30));
    let c = net.tensor("c", bytes(40));
    let d = net.tensor("d", bytes(5));
    net.operator("make a").reads([x]).writes([a]);
    net.operator("make b").reads([a]).writes([b]);
    net.operator("make c").reads([a, a]).writes([c]).scratch(8);
    net.operator("make d").reads([b, c]).writes([d]);
    net.output(d);
    (net.build().unwrap(), [x, a, b, c, d])
}

#[test]
fn a_plan_has_offsets_bound_and_live_ranges() {
    let (graph, [x, a, b, c, d]) = diamond();
    let plan = Planner::new().alignment(1).order(ScheduleMode::Program).plan(&graph).unwrap();
    // Step 2: a (20) + b (30) + c (40) + scratch (8).
    assert_eq!((plan.lower_bound.bytes, plan.lower_bound.step), (98, 2));
    let causes = [a, b, c].map(Occupant::Tensor).into_iter().chain([Occupant::Scratch(OperatorId::new(2))]);
    assert_eq!(plan.lower_bound.causes, causes.collect::<Vec<_>>());
    assert_eq!((plan.arena_bytes, plan.status), (98, Status::Optimal));
    assert_eq!(plan.no_reuse_bytes(), 113);
    let live = |id: TensorId| plan.tensors[id.index()].unwrap().live;
    assert_eq!([x, a, b, c, d].map(live), [0..1, 0..3, 1..4, 2..4, 3..4].map(LiveRange::from));
    let liveness = Liveness::new(&graph, graph.program_order(), 1, Variables::Arena).unwrap();
    assert_eq!(liveness.live_bytes(), [30, 50, 98, 75]);
    let at_peak: Vec<_> = liveness.live_at(2).map(|(id, _)| id).collect();
    assert_eq!(at_peak, [1, 2, 3, 5].map(BufferId::new));
}

/// The verifier's first violation for the diamond's plan after a change.
fn verdict(change: impl FnOnce(&mut Plan)) -> String {
    let (graph, _) = diamond();
    let mut plan = Planner::new().alignment(1).order(ScheduleMode::Program).plan(&graph).unwrap();
    change(&mut plan);
    verify(&graph, &plan).unwrap_err().to_string()
}

fn place(plan: &mut Plan, tensor: usize) -> &mut Placement {
    plan.tensors[tensor].as_mut().unwrap()
}

#[test]
fn the_verifier_names_the_violated_rule() {
    let order = |order: [usize; 4]| verdict(move |plan| plan.order = order.map(OperatorId::new).to_vec());
    assert_eq!(
        order([0, 1, 1, 2]),
        "[O1] step 2 runs operator `make b` again; [O1] operator `make d` never runs"
    );
    assert!(
        order([0, 1, 3, 2])
            .starts_with("[O2] operator `make d` at step 2 reads tensor `c`, which is not yet written")
    );
    assert!(order([0, 1, 2, 9]).starts_with("[O1] step 3 names operator 9, but the graph has 4 operators"));
    let overlap = verdict(|plan| {
        let c = place(plan, 3).offset;
        place(plan, 2).offset = c;
    });
    assert!(overlap.contains("tensor `b` (30 bytes at") && overlap.contains("overlaps"), "{overlap}");
    assert!(overlap.contains("tensor `c` (40 bytes at"), "{overlap}");
    assert_eq!(
        verdict(|plan| plan.tensors[2] = None),
        "[P1] tensor `b` needs 30 bytes of the arena but has no place"
    );
    assert_eq!(
        verdict(|plan| place(plan, 4).bytes = 4),
        "[P3] tensor `d` has a place of 4 bytes but needs 5"
    );
    assert_eq!(
        verdict(|plan| place(plan, 1).live.end = 2),
        "[L1] tensor `a` has the live range 0..2 but lives in 0..3"
    );
    assert!(
        verdict(|plan| plan.scratch[2] = None).starts_with("[P1] scratch of operator `make c` needs 8 bytes")
    );
    assert_eq!(
        verdict(|plan| plan.scratch[1] = plan.scratch[2]),
        "[P2] scratch of operator `make b` has a place in the arena, but its operator needs none"
    );
    assert!(verdict(|plan| place(plan, 4).offset = u64::MAX).contains("ends after the arena of 98 bytes"));
    assert_eq!(verdict(|plan| plan.tensors.truncate(3)), "[F1] the plan has 3 tensors, expected 5");
    assert_eq!(verdict(|plan| plan.alignment = 3), "[F2] alignment 3 is not a power of two");
    assert!(verdict(|plan| plan.alignment = 64).contains("is not a multiple of its alignment 64"));
    assert_eq!(
        verdict(|plan| {
            plan.lower_bound.causes.pop();
        }),
        "[B2] the plan states 98 certified bytes, but the certificate proves 90"
    );
    assert!(verdict(|plan| plan.lower_bound.step = 1).contains("not at step 1"));
    assert!(
        verdict(|plan| plan.capacity = Some(97)).starts_with("[B6] status `optimal` is not true of arena 98")
    );
    assert!(
        verdict(|plan| plan.status = Status::Infeasible).starts_with("[B6] status `infeasible` is not true")
    );
}

#[test]
fn variables_in_and_outside_the_arena() {
    let mut net = Graph::builder("net");
    let x = net.input("x", bytes(4));
    let state = net.variable("state", bytes(16));
    let y = net.tensor("y", bytes(4));
    net.operator("step").reads([x, state]).writes([y, state]);
    net.operator("more").reads([y]);
    let graph = net.build().unwrap();
    let inside = Planner::new().alignment(1).plan(&graph).unwrap();
    assert_eq!(inside.tensors[state.index()].unwrap().live, (0..2).into());
    assert_eq!(inside.arena_bytes, 24);
    let outside = Planner::new().alignment(1).variables(Variables::Outside).plan(&graph).unwrap();
    assert_eq!((outside.offset(state), outside.arena_bytes), (None, 8));
    let mut wrong = inside.clone();
    wrong.variables = Variables::Outside;
    assert!(
        verify(&graph, &wrong)
            .unwrap_err()
            .to_string()
            .starts_with("[P2] tensor `state` has a place in the arena")
    );
}

#[test]
fn graphs_without_operators_still_hold_their_inputs() {
    let mut net = Graph::builder("net");
    let x = net.input("x", bytes(4));
    let y = net.input("y", bytes(8));
    net.output(y);
    let plan = Planner::new().plan(&net.build().unwrap()).unwrap();
    for id in [x, y] {
        assert_eq!(plan.tensors[id.index()].unwrap().live, (0..1).into());
    }
    assert_eq!(plan.arena_bytes, 20);
    let empty = Planner::new().plan(&Graph::builder("nothing").build().unwrap()).unwrap();
    assert_eq!((empty.arena_bytes, empty.status), (0, Status::Optimal));
}

#[test]
fn fixed_offsets_and_alignments_reach_the_plan() {
    let mut net = Graph::builder("net");
    let x = net.input("x", bytes(100).at(4096));
    let y = net.tensor("y", bytes(10).align(256));
    let z = net.tensor("z", bytes(10));
    net.operator("op").reads([x]).writes([y, z]);
    net.output(y).output(z);
    let graph = net.build().unwrap();
    for name in NAMES.into_iter().filter(|name| !name.starts_with("objects") && *name != "knapsack") {
        let plan = Planner::new().strategy(allocate::by_name(name).unwrap()).plan(&graph).unwrap();
        assert_eq!(plan.offset(x), Some(4096));
        assert_eq!(plan.offset(y).unwrap() % 256, 0);
        assert_eq!((plan.arena_bytes, plan.status), (4196, Status::Optimal), "{name}");
        assert_eq!(plan.lower_bound.causes, [Occupant::Tensor(x)]);
    }
    let odd = Planner::new().alignment(24).plan(&graph).unwrap_err();
    assert_eq!(odd.to_string(), "default alignment: alignment 24 is not a power of two");
}

#[test]
fn one_planner_plans_on_many_threads() {
    let mut net = Graph::builder("tiny");
    let input = net.input("input", TensorSpec::bytes(64));
    let output = net.tensor("output", TensorSpec::bytes(32));
    net.operator("dense").reads([input]).writes([output]);
    net.output(output);
    let graph = net.build().unwrap();
    let planner = Planner::new().strategy(allocate::by_name("greedy-by-size").unwrap());
    let expected = planner.plan(&graph).unwrap();
    std::thread::scope(|scope| {
        for planner in [planner.clone(), planner.clone()] {
            let (graph, expected) = (&graph, &expected);
            scope.spawn(move || assert_eq!(planner.plan(graph).unwrap(), *expected));
        }
        scope.spawn(|| assert_eq!(planner.plan(&graph).unwrap(), expected));
    });
}

/// Above 50 000 tensors, each order is tried with one choice of aliases.
#[test]
fn sharing_costs_no_memory_on_large_graphs() {
    const SIZES: [u64; 8] = [16384, 256, 768, 1024, 20000, 4000, 512, 2048];
    const OPERATORS: usize = 50_050;
    // A linear congruential generator: the graph is the same whatever the version of a library.
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut net = Graph::builder("chain");
    let mut last = net.input("x", TensorSpec::bytes(SIZES[random() % 8]));
    for pair in 0..OPERATORS / 2 {
        let bytes = SIZES[random() % 8];
        for name in ["conv", "relu"] {
            let output = net.tensor(format!("{name}{pair}"), TensorSpec::bytes(bytes));
            let operator = net.operator(format!("{name}{pair}")).reads([last]).writes([output]);
            if name == "relu" {
                operator.in_place(last, output);
            }
            last = output;
        }
    }
    net.output(last);
    let graph = net.build().unwrap();
    let arena = |sharing| Planner::new().share(sharing).plan(&graph).unwrap().arena_bytes;
    let (apart, shared) = (arena(SharingLevel::None), arena(SharingLevel::All));
    assert!(shared <= apart, "{shared} bytes with sharing, {apart} without");
}
