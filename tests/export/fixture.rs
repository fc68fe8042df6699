//! A small network with one of everything, and a plan for it made by hand.

use plimsoll::ElementType::Int8;
use plimsoll::{
    Buffer, BufferId, Graph, LowerBound, Occupant, OperatorId, Placement, Plan, PlanBound, Problem, Solution,
    Status, TensorId, TensorSpec,
};

pub const HARD_NAME: &str = "scores \"10%\", <\u{e9}> & ??/ \\";

/// A folded operator, a variable, two tensors of one name and one without,
/// workspaces, and a name that every format has to escape.
pub fn graph() -> Graph {
    let mut net = Graph::builder("tiny net");
    let image = net.input("image", TensorSpec::shaped(Int8, [1, 32, 32, 3]));
    let raw = net.constant("raw weights", TensorSpec::bytes(432));
    let weights = net.tensor("weights", TensorSpec::bytes(432));
    let features = net.tensor("features", TensorSpec::shaped(Int8, [1, 32, 32, 16]));
    let pooled = net.tensor("", TensorSpec::bytes(4096));
    let state = net.variable("x", TensorSpec::bytes(64).at(0));
    let sum = net.tensor("x", TensorSpec::bytes(128).align(64));
    let scores = net.tensor(HARD_NAME, TensorSpec::bytes(10));
    net.operator("scale").op_type("Mul").reads([raw]).writes([weights]).foldable();
    net.operator("conv").op_type("Conv").reads([image, weights]).writes([features]).scratch(256);
    net.operator("pool").op_type("MaxPool").reads([features]).writes([pooled]);
    net.operator("rnn").reads([pooled, state]).writes([sum, state]);
    net.operator("dense").op_type("Gemm").reads([sum]).writes([scores]).scratch(100);
    net.output(scores);
    let mut graph = net.build().unwrap();
    assert_eq!(graph.fold_constants(), 1);
    graph
}

/// The fixture's best plan.
pub fn plan(graph: &Graph) -> Plan {
    let mut plan = Plan::unplaced(graph);
    let place =
        |offset, bytes, live: std::ops::Range<u32>| Some(Placement { offset, bytes, live: live.into() });
    plan.tensors[0] = place(16448, 3072, 0..1);
    plan.tensors[3] = place(64, 16384, 0..2);
    plan.tensors[4] = place(16448, 4096, 1..3);
    plan.tensors[5] = place(0, 64, 0..4);
    plan.tensors[6] = place(64, 128, 2..4);
    plan.tensors[7] = place(192, 10, 3..4);
    plan.scratch[1] = place(19520, 256, 0..1);
    plan.scratch[4] = place(208, 100, 3..4);
    plan.arena_bytes = 20544;
    plan.alignment = 16;
    plan.capacity = Some(32768);
    let causes = [3, 4, 5].map(|index| Occupant::Tensor(TensorId::new(index)));
    plan.lower_bound = PlanBound { bytes: 20544, certified: 20544, step: 1, causes: causes.to_vec() };
    plan.status = Status::Optimal;
    "by hand".clone_into(&mut plan.strategy);
    plan
}

/// A network whose tensors share memory in every way, and its plan: a slice and a view, one
/// written over another, and two that are made in their places in a third.
pub fn shared() -> (Graph, Plan) {
    let mut net = Graph::builder("shared");
    let image = net.input("image", TensorSpec::bytes(4096));
    let [left, right, sum, flat, both] =
        [("left", 2048), ("right", 1024), ("sum", 2048), ("flat", 2048), ("both", 4096)]
            .map(|(name, bytes)| net.tensor(name, TensorSpec::bytes(bytes)));
    let slice = net.tensor("slice", TensorSpec::bytes(512));
    let last = net.tensor("last", TensorSpec::bytes(10));
    net.operator("conv").op_type("Conv").reads([image]).writes([left, right]);
    net.operator("add").op_type("Add").reads([left, right]).writes([sum]).in_place(left, sum);
    net.operator("flatten").op_type("Reshape").reads([sum]).writes([flat]).view(sum, flat, 0);
    let concat = net.operator("concat").op_type("Concat").reads([flat, right]).writes([both]);
    concat.concat_slice(flat, both, 0).concat_slice(right, both, 2048);
    net.operator("slice").op_type("Slice").reads([both]).writes([slice]).view(both, slice, 1024);
    net.operator("dense").op_type("Gemm").reads([slice, both]).writes([last]);
    net.output(last);
    let graph = net.build().unwrap();
    let plan = plimsoll::Planner::new().share(plimsoll::SharingLevel::All).plan(&graph).unwrap();
    (graph, plan)
}

/// A plan with a workspace among the causes, without a capacity.
pub fn scratch_bound_plan(graph: &Graph) -> Plan {
    let mut plan = plan(graph);
    let causes = [Occupant::Tensor(TensorId::new(6)), Occupant::Scratch(OperatorId::new(4))];
    plan.lower_bound = PlanBound { bytes: 228, certified: 228, step: 3, causes: causes.to_vec() };
    plan.status = Status::Feasible;
    plan.capacity = None;
    plan.variables = plimsoll::Variables::Outside;
    plan
}

/// Four buffers, one of them fixed, and a problem's largest size.
pub fn problem() -> Problem {
    let buffers = vec![
        Buffer::new(96, 0..2),
        Buffer::new(32, 1..4).align(32),
        Buffer::new(64, 2..5).at(0),
        Buffer::new(0, 3..4),
    ];
    let names = ["a", "b, the second", "c", "empty"].map(String::from);
    Problem::named(buffers, names.to_vec()).unwrap().with_capacity(Some(100))
}

/// Right offsets that are higher than the capacity.
pub fn solution(problem: &Problem) -> Solution {
    let mut solution = plimsoll::Planner::new().solve(problem).unwrap();
    solution.offsets = vec![0, 96, 0, 0];
    solution.height = 128;
    let buffers = [0, 1].map(BufferId::new);
    solution.lower_bound = LowerBound { bytes: 128, certified: 128, step: 1, buffers: buffers.to_vec() };
    solution.status = Status::Infeasible;
    "by hand".clone_into(&mut solution.strategy);
    solution
}

/// `count` buffers that live for a while, each put on top of all before it
/// that it meets.
pub fn stacked(count: u32) -> (Problem, Solution) {
    let mut buffers: Vec<Buffer> = Vec::new();
    let mut offsets: Vec<u64> = Vec::new();
    let mut random: u64 = 1;
    for index in 0..count {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (size, steps) = (random >> 40 & 0xffff, 1 + (random >> 58) as u32 % 9);
        let buffer = Buffer::new(size * 16, index..index + steps);
        let mut below: Vec<(u64, u64)> = Vec::new();
        for (other, &offset) in buffers.iter().zip(&offsets).rev().take(16) {
            if other.live().overlaps(buffer.live()) {
                below.push((offset, offset + other.size()));
            }
        }
        below.sort_unstable();
        let mut offset = 0;
        for (start, end) in below {
            if offset + buffer.size() > start {
                offset = offset.max(end);
            }
        }
        buffers.push(buffer);
        offsets.push(offset);
    }
    let names = (0..count).map(|index| format!("model/block_{}/conv2d_{index}", index / 8));
    let problem = Problem::named(buffers, names.collect()).unwrap();
    let mut solution = plimsoll::Planner::new().solve(&problem).unwrap();
    let ends = problem.buffers().iter().zip(&offsets).map(|(buffer, offset)| buffer.size() + offset);
    solution.height = ends.max().unwrap_or(0);
    solution.offsets = offsets;
    solution.status = Status::Feasible;
    "stacked".clone_into(&mut solution.strategy);
    (problem, solution)
}

#[test]
fn the_fixtures_are_right_plans() {
    let graph = graph();
    plimsoll::verify::verify(&graph, &plan(&graph)).unwrap();
    for (problem, solution) in [(problem(), solution(&problem())), stacked(200)] {
        plimsoll::verify::verify_offsets(&problem, &solution.offsets, solution.height).unwrap();
    }
}
