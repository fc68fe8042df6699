//! Graphs whose operators run bodies, compared with brute force.

use plimsoll::allocate::{self, Greedy};
use plimsoll::error::BodyProblem;
use plimsoll::verify::{Rule, verify, verify_pools};
use plimsoll::{
    BodyPlan, Buffer, Error, Graph, Limits, Liveness, Occupant, OperatorId, Plan, Planner, Pool, Pools,
    Problem, ScheduleMode, SharingLevel, Status, TensorSpec, Variables,
};

use super::bytes;
use crate::support::brute_force::lowest_height;

/// A body that is a chain: `x` (8 bytes), a tensor of `middle` bytes, an output of 8 bytes.
fn chain(middle: u64) -> Graph {
    let mut net = Graph::builder("body");
    let (x, m, y) = (net.input("x", bytes(8)), net.tensor("m", bytes(middle)), net.tensor("y", bytes(8)));
    net.operator("widen").reads([x]).writes([m]);
    net.operator("narrow").reads([m]).writes([y]);
    net.output(y);
    net.build().unwrap()
}

/// A graph of one operator that runs `bodies`, reads `a` and writes `b`.
fn around(bodies: Vec<Graph>, scratch: u64) -> Graph {
    let mut net = Graph::builder("net");
    let (a, b) = (net.input("a", bytes(10)), net.tensor("b", bytes(10)));
    net.operator("branch").reads([a]).writes([b]).scratch(scratch).runs(bodies);
    net.output(b);
    net.build().unwrap()
}

#[test]
fn branches_share_memory_while_the_operator_runs() {
    let graph = around(vec![chain(100), chain(40)], 0);
    let plan = Planner::new().alignment(1).plan(&graph).unwrap();
    // `a`, `b`, and the larger branch, which needs its middle tensor and its input or output.
    assert_eq!((plan.arena_bytes, plan.bound(), plan.status), (128, 128, Status::Optimal));
    assert_eq!(plan.lower_bound.certified, 128);
    let own: Vec<u64> = plan.bodies.iter().map(|body| body.plan.arena_bytes).collect();
    assert_eq!(own, [108, 48]);
    assert_eq!(plan.scratch[0].unwrap().bytes, 108);
}

#[test]
fn scratch_lies_behind_bodies() {
    let graph = around(vec![chain(100)], 5);
    let plan = Planner::new().alignment(16).plan(&graph).unwrap();
    // The body needs 112 bytes for `m` and 8 for `x` or `y`; the 5 bytes of scratch start at a multiple of 16.
    assert_eq!(plan.scratch[0].unwrap().bytes, 128 + 5);
    assert_eq!(plan.arena_bytes, 16 + 16 + 133);
}

#[test]
fn bodies_are_as_aligned_as_their_tensors_ask_for() {
    let mut inner = Graph::builder("inner");
    let wide = inner.tensor("wide", bytes(64).align(256));
    inner.operator("make").writes([wide]);
    inner.output(wide);
    let graph = around(vec![around(vec![inner.build().unwrap()], 0)], 0);
    assert_eq!(graph.operators()[0].scratch_alignment(1), 256);
    let plan = Planner::new().alignment(1).plan(&graph).unwrap();
    assert_eq!(plan.scratch[0].unwrap().offset % 256, 0);
    let inner = &plan.bodies[0].plan;
    assert_eq!(inner.scratch[0].unwrap().offset % 256, 0);
    // The workspace is at offset 0, so `x` and `y` of both graphs lie above the wide tensor.
    assert_eq!(plan.arena_bytes, 64 + 20 + 20);
    // The verifier refuses a workspace whose alignment is too small for its bodies.
    let mut wrong = plan.clone();
    wrong.scratch[0].as_mut().unwrap().offset = 16;
    wrong.arena_bytes += 16;
    let all = verify(&graph, &wrong).unwrap_err();
    assert!(
        all.list().iter().any(|one| one.rule() == Rule::Aligned && one.message().ends_with("alignment 256")),
        "{all}"
    );
}

#[test]
fn the_verifier_checks_bodies() {
    let graph = around(vec![chain(100), chain(40)], 0);
    let plan = Planner::new().alignment(1).plan(&graph).unwrap();
    assert_eq!(verify(&graph, &plan), Ok(()));
    let wrong = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        verify(&graph, &plan).unwrap_err().to_string()
    };
    let text = wrong(&|plan| drop(plan.bodies.pop()));
    assert!(text.contains("plans of 1 bodies, expected those of 2"), "{text}");
    let text = wrong(&|plan| plan.bodies.reverse());
    assert!(text.contains("plans of 2 bodies"), "{text}");
    let text = wrong(&|plan| plan.bodies[1].plan.tensors[0] = None);
    assert!(text.contains("body 1 of operator `branch`: tensor `x` needs 8 bytes"), "{text}");
    let text = wrong(&|plan| plan.bodies[0].plan.alignment = 2);
    assert!(text.contains("body 0 of operator `branch`"), "{text}");
    // The workspace is too small for a body whose arena is larger.
    let text = wrong(&|plan| {
        let body = &mut plan.bodies[0].plan;
        (body.arena_bytes, body.status) = (109, Status::Feasible);
    });
    assert!(text.contains("scratch of operator `branch` has a place of 108 bytes but needs 109"), "{text}");
    // The certified bound of a graph does not exceed the certified bounds of its bodies.
    let text = wrong(&|plan| {
        let body = &mut plan.bodies[0].plan;
        (body.lower_bound.certified, body.lower_bound.bytes) = (100, 100);
        (body.bound_over_orders, body.status) = (Some(100), Status::Feasible);
    });
    assert!(text.contains("the plan states 128 certified bytes, but the certificate proves 120"), "{text}");
    let simple = chain(8);
    let mut superfluous = Planner::new().plan(&simple).unwrap();
    let body = Plan::unplaced(&simple);
    superfluous.bodies.push(BodyPlan {
        operator: OperatorId::new(0),
        body: 0,
        plan: body,
        linked: Vec::new(),
    });
    assert!(
        verify(&simple, &superfluous)
            .unwrap_err()
            .to_string()
            .contains("plans of 1 bodies, expected those of 0")
    );
}

#[test]
fn bounds_hold_for_all_plans_of_bodies() {
    // Naive offsets make the body's arena much larger than its bound.
    let graph = around(vec![chain(100)], 0);
    let planner = Planner::new().alignment(1).strategy(allocate::Naive);
    let plan = planner.plan(&graph).unwrap();
    assert_eq!(plan.bodies[0].plan.arena_bytes, 116);
    assert_eq!((plan.bodies[0].plan.bound(), plan.bound(), plan.lower_bound.certified), (108, 128, 128));
    assert_eq!((plan.arena_bytes, plan.status), (136, Status::Feasible));
    let best = Planner::new().alignment(1).plan(&graph).unwrap();
    assert!(plan.bound() <= best.arena_bytes);
    // An infeasible core counts bodies with their bounds, as a better plan of a body may need less.
    let tight = Planner::new().alignment(1).strategy(Greedy::by_size()).capacity(127);
    let plan = tight.plan(&graph).unwrap();
    assert_eq!(plan.status, Status::Infeasible);
    let core = tight.explain_plan(&graph, &plan).unwrap().unwrap();
    assert!(core.members.contains(&Occupant::Scratch(OperatorId::new(0))));
    let loose = Planner::new().alignment(1).strategy(allocate::Naive).capacity(130).plan(&graph).unwrap();
    assert_eq!(loose.status, Status::Unknown);
}

#[test]
fn wrong_bodies_are_refused() {
    let mut body = Graph::builder("body");
    body.variable("state", bytes(4));
    let error = |body: Graph| {
        let mut net = Graph::builder("net");
        net.operator("loop").runs([body]);
        net.build().unwrap_err()
    };
    let text = error(body.build().unwrap()).to_string();
    assert!(text.contains("operator `loop`") && text.contains("`state` is a variable"), "{text}");
    let mut nested = chain(1);
    for depth in 0.. {
        let mut net = Graph::builder("net");
        net.operator("loop").runs([nested.clone()]);
        match net.build() {
            Ok(graph) => nested = graph,
            Err(Error::Body { problem: BodyProblem::TooDeep { max }, .. }) => {
                assert_eq!(depth, max);
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    // Bodies at the largest nesting depth are planned.
    let plan = Planner::new().alignment(1).plan(&nested).unwrap();
    assert_eq!(plan.arena_bytes, 9);
}

#[test]
fn folded_operators_run_no_bodies_and_bodies_are_folded() {
    let mut body = Graph::builder("body");
    let (w, c, y) = (body.constant("w", bytes(4)), body.tensor("c", bytes(400)), body.tensor("y", bytes(8)));
    body.operator("expand").reads([w]).writes([c]).foldable();
    body.operator("use").reads([c]).writes([y]);
    body.output(y);
    let body = body.build().unwrap();
    let mut graph = around(vec![body.clone()], 0);
    assert_eq!(Planner::new().alignment(1).plan(&graph).unwrap().arena_bytes, 428);
    assert_eq!(graph.fold_constants(), 0);
    assert_eq!(Planner::new().alignment(1).plan(&graph).unwrap().arena_bytes, 28);
    let mut net = Graph::builder("net");
    let (w, y) = (net.constant("w", bytes(4)), net.tensor("y", bytes(8)));
    net.operator("branch").reads([w]).writes([y]).foldable().runs([body]);
    net.output(y);
    let mut graph = net.build().unwrap();
    assert_eq!(graph.fold_constants(), 1);
    let plan = Planner::new().plan(&graph).unwrap();
    assert_eq!((plan.arena_bytes, plan.bodies.len()), (0, 0));
}

#[test]
fn placements_in_several_memories_have_plans_of_bodies() {
    let graph = around(vec![chain(100), chain(40)], 0);
    let pools = |bytes| Pools::new([Pool::on_chip("l2", bytes), Pool::off_chip("ddr")]).unwrap();
    let planner = Planner::new().alignment(1);
    let plan = planner.place(&graph, &pools(128)).unwrap();
    assert_eq!((plan.bodies.len(), plan.used[0]), (2, 128));
    assert_eq!(verify_pools(&graph, &plan), Ok(()));
    let mut wrong = plan.clone();
    wrong.bodies[0].plan.arena_bytes += 1;
    assert!(verify_pools(&graph, &wrong).is_err());
    wrong.bodies.clear();
    assert!(verify_pools(&graph, &wrong).is_err());
    // The body does not fit on chip beside the other tensors.
    let plan = planner.place(&graph, &pools(100)).unwrap();
    assert_eq!((plan.used[1], plan.backing_store_traffic().total()), (128, 2 * (108 + 10)));
}

/// A random number generator with a seed.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }
}

/// A random graph of a few operators, some of which run random bodies.
fn drawn(draw: &mut Draw, depth: u32) -> Graph {
    let mut net = Graph::builder("drawn");
    let size = |draw: &mut Draw| TensorSpec::bytes([1, 3, 8, 16, 24][draw.below(5) as usize]);
    let mut tensors = Vec::new();
    for number in 0..draw.below(3) {
        let spec = size(draw);
        tensors.push(net.input(format!("x{number}"), spec));
    }
    for number in 0..=draw.below(3) {
        let spec = size(draw);
        let spec = if draw.below(8) == 0 { spec.align(16) } else { spec };
        let output = net.tensor(format!("t{number}"), spec);
        let count = if tensors.is_empty() { 0 } else { draw.below(3) };
        let reads: Vec<_> = (0..count).map(|_| tensors[draw.below(tensors.len() as u64) as usize]).collect();
        let bodies = if depth > 0 && draw.below(3) > 0 { 1 + draw.below(2) } else { 0 };
        let bodies: Vec<Graph> = (0..bodies).map(|_| drawn(draw, depth - 1)).collect();
        let scratch = if draw.below(4) == 0 { 7 } else { 0 };
        net.operator(format!("op{number}")).reads(reads).writes([output]).scratch(scratch).runs(bodies);
        if draw.below(3) == 0 {
            net.output(output);
        }
        tensors.push(output);
    }
    net.build().unwrap()
}

/// The optimal arena by brute force: all orders, optimal offsets for each, and bodies with their
/// optimal arenas. Live ranges follow from their definition.
fn smallest_arena(graph: &Graph, alignment: u64) -> u64 {
    let workspace = |id: OperatorId| {
        let operator = graph.operator(id);
        let bodies = operator.bodies().iter().map(|body| smallest_arena(body, alignment)).max().unwrap_or(0);
        match operator.scratch_bytes() {
            0 => bodies,
            own => bodies.next_multiple_of(alignment) + own,
        }
    };
    let sizes: Vec<u64> = graph.operator_ids().map(workspace).collect();
    let mut least = u64::MAX;
    each_order(graph, &mut Vec::new(), &mut |order| {
        let live = Liveness::new(graph, order, alignment, Variables::Arena).unwrap();
        let mut buffers: Vec<Buffer> = Vec::new();
        for (occupant, buffer) in live.occupants().iter().zip(live.problem().buffers()) {
            if matches!(occupant, Occupant::Tensor(_)) {
                buffers.push(buffer.clone());
            }
        }
        for (step, &id) in (0..).zip(order) {
            let align = graph.operator(id).scratch_alignment(alignment);
            buffers.push(Buffer::new(sizes[id.index()], step..step + 1).align(align));
        }
        least = least.min(lowest_height(&Problem::new(buffers).unwrap()));
    });
    least
}

pub(crate) fn each_order(graph: &Graph, order: &mut Vec<OperatorId>, tell: &mut dyn FnMut(&[OperatorId])) {
    if order.len() == graph.program_order().len() {
        return tell(order);
    }
    for &id in graph.program_order() {
        let is_ready = graph.dependencies().all(|(before, after)| after != id || order.contains(&before));
        if is_ready && !order.contains(&id) {
            order.push(id);
            each_order(graph, order, tell);
            order.pop();
        }
    }
}

#[test]
fn small_graphs_with_bodies_reach_the_optimum() {
    let (mut proven, mut nested) = (0, 0);
    for seed in 0..80 {
        let mut draw = Draw(seed);
        let graph = drawn(&mut draw, 2);
        let alignment = [1, 16][draw.below(2) as usize];
        let least = smallest_arena(&graph, alignment);
        let planner = || Planner::new().alignment(alignment).order(ScheduleMode::Optimal);
        let plan = planner().plan(&graph).unwrap();
        assert_eq!(plan.arena_bytes, least, "seed {seed}");
        proven += u32::from(plan.status == Status::Optimal);
        nested += u32::from(plan.bodies.iter().any(|body| !body.plan.bodies.is_empty()));
        // Bounds hold with every strategy, level of sharing and limit.
        for strategy in ["naive", "greedy-by-size", "auto"] {
            let strategy = allocate::by_name(strategy).unwrap();
            let quick = planner().strategy(strategy).limits(Limits::new().nodes(seed % 50));
            let plan = quick.plan(&graph).unwrap();
            assert!(plan.bound() <= least && plan.arena_bytes >= least, "seed {seed}");
            let in_order = quick.plan_in_order(&graph, graph.program_order()).unwrap();
            assert!(in_order.lower_bound.bytes <= in_order.arena_bytes, "seed {seed}");
            assert!(in_order.arena_bytes >= least, "seed {seed}");
        }
        let shared = planner().share(SharingLevel::All).plan(&graph).unwrap();
        assert!(shared.bound() <= least && shared.arena_bytes <= least, "seed {seed}");
    }
    assert!(proven >= 70 && nested >= 15, "{proven} proven, {nested} nested");
    assert_eq!(plimsoll::withdrawn_bounds(), 0);
}
