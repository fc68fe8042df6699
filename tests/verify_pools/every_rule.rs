//! A wrong plan for each rule, here or in the table of `wrong`, and the comparison of `Rule` with
//! `docs/verify.md`.

use std::collections::BTreeSet;

use plimsoll::verify::{Rule, Violations, verify, verify_choice, verify_pools, verify_solution};
use plimsoll::{
    Buffer, BufferId, Choice, Graph, LinkedTensor, LiveRange, Nesting, Occupant, OperatorId, Placement, Plan,
    Planner, Pool, PoolId, PoolPlan, Pools, Problem, Residency, ScheduleMode, SharingLevel, Solution, Status,
    TensorId, TensorSpec,
};

use crate::tilings;
use crate::wrong::broken_rules;

fn bytes(bytes: u64) -> TensorSpec {
    TensorSpec::bytes(bytes)
}

fn found(verdict: Result<(), Violations>) -> Vec<Rule> {
    let Err(violations) = verdict else { return Vec::new() };
    violations.list().iter().map(plimsoll::verify::Violation::rule).collect()
}

/// The rules that a plan breaks after a change; before it, the plan is right.
fn after(graph: &Graph, planner: Planner, change: impl Fn(&mut Plan)) -> Vec<Rule> {
    let planner = planner.order(ScheduleMode::Program);
    let mut plan = planner.plan(graph).unwrap();
    assert_eq!(verify(graph, &plan), Ok(()));
    change(&mut plan);
    found(verify(graph, &plan))
}

fn place(plan: &mut Plan, id: usize) -> &mut Placement {
    plan.tensors[id].as_mut().unwrap()
}

/// Tensors: an input 0 at offset 64, a constant 1, a variable 2, and intermediate tensors 3 to 5: 4 lies
/// 8 bytes after 3 and apart from it; 5 is the output. The last two operators update the variable.
fn net() -> Graph {
    let mut net = Graph::builder("net");
    let image = net.input("image", bytes(8).at(64));
    let weights = net.constant("weights", bytes(4));
    let state = net.variable("state", bytes(8));
    let [a, b, y] = ["a", "b", "y"].map(|name| net.tensor(name, bytes(8)));
    let first = net.operator("first").reads([image, weights]).writes([a]).scratch(8).id();
    net.operator("second").reads([image]).writes([b]).after([first]);
    net.operator("third").reads([state]).writes([state]);
    net.operator("fourth").reads([a, b, state]).writes([state, y]);
    net.place_at(b, a, 8).keep_apart(a, b).output(y);
    net.build().unwrap()
}

fn net_plan(change: impl Fn(&mut Plan)) -> Vec<Rule> {
    after(&net(), Planner::new().alignment(8), change)
}

/// An operator with one body.
fn nested_plan(change: impl Fn(&mut Plan)) -> Vec<Rule> {
    let mut body = Graph::builder("body");
    let (x, y) = (body.input("x", bytes(8)), body.tensor("y", bytes(8)));
    body.operator("inner").reads([x]).writes([y]);
    body.output(y);
    let mut net = Graph::builder("nested");
    let (a, b) = (net.input("a", bytes(8)), net.tensor("b", bytes(8)));
    net.operator("loop").reads([a]).writes([b]).runs([body.build().unwrap()]);
    net.output(b);
    after(&net.build().unwrap(), Planner::new().alignment(8), change)
}

/// Inputs 0 and 1, a tensor 2 and its view 3, and outputs 4 and 5, with 2 an output as well. The
/// offsets are given by hand.
fn shared_plan(offsets: [u64; 6], change: impl Fn(&mut Plan)) -> Vec<Rule> {
    let mut net = Graph::builder("shared");
    let [early, late] = ["early", "late"].map(|name| net.input(name, bytes(8)));
    let [t, v, p, q] = ["t", "v", "p", "q"].map(|name| net.tensor(name, bytes(8)));
    net.operator("conv").reads([early]).writes([t]);
    net.operator("reshape").reads([t]).writes([v]).view(t, v, 0);
    net.operator("split").reads([v, late]).writes([p, q]);
    net.output(t).output(p).output(q);
    let graph = net.build().unwrap();
    after(&graph, Planner::new().alignment(8).share(SharingLevel::Views), |plan| {
        assert_eq!(plan.aliases.len(), 1);
        plan.arena_bytes = 48;
        plan.status = Status::Feasible;
        for (id, offset) in offsets.into_iter().enumerate() {
            place(plan, id).offset = offset;
        }
        change(plan);
    })
}

/// Offsets of `shared_plan` that are right.
const APART: [u64; 6] = [0, 8, 16, 16, 24, 32];

#[test]
fn a_shared_plan_by_hand_is_right() {
    assert_eq!(shared_plan(APART, |_| ()), []);
}

/// Buffers 0 and 1 are in object 0, with 1 as a guest of 0, and buffer 2 is in object 1.
fn objects_solution(change: impl Fn(&mut Solution)) -> Vec<Rule> {
    let buffers = vec![Buffer::new(16, 0..1), Buffer::new(8, 1..2), Buffer::new(8, 0..2)];
    let problem = Problem::new(buffers).unwrap();
    let strategy = plimsoll::allocate::by_name("objects-by-size").unwrap();
    let mut solution = Planner::new().strategy(strategy).solve(&problem).unwrap();
    assert_eq!(verify_solution(&problem, &solution), Ok(()));
    let objects = solution.objects.as_mut().unwrap();
    assert_eq!(objects.of_buffer, [Some(0), Some(0), Some(1)]);
    objects.nestings.push(Nesting { guest: BufferId::new(1), host: BufferId::new(0), at: 0 });
    assert_eq!(verify_solution(&problem, &solution), Ok(()));
    change(&mut solution);
    found(verify_solution(&problem, &solution))
}

fn choice(change: impl Fn(&mut Choice)) -> Vec<Rule> {
    let problem = Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(9, 1..3)]).unwrap();
    let mut choice = Planner::new().capacity(9).choose(&problem, None).unwrap();
    assert_eq!(verify_choice(&problem, 9, None, &choice), Ok(()));
    change(&mut choice);
    found(verify_choice(&problem, 9, None, &choice))
}

/// The rules that a plan for several memories breaks if its graph has a fixed offset.
fn fixed_in_pools() -> Vec<Rule> {
    let mut net = Graph::builder("fixed");
    net.input("x", bytes(8).at(64));
    let graph = net.build().unwrap();
    found(verify_pools(&graph, &PoolPlan::unplaced(&graph, &Pools::new([Pool::new("sram")]).unwrap())))
}

/// The rules that a plan for two memories breaks after a change of the first interval, that of the input.
fn input_in_pools(spec: TensorSpec, change: impl Fn(&mut Residency)) -> Vec<Rule> {
    let mut net = Graph::builder("input");
    let (x, a, y) = (net.input("x", spec), net.tensor("a", bytes(8)), net.tensor("y", bytes(8)));
    net.operator("first").reads([x]).writes([a]);
    net.operator("second").reads([a]).writes([y]);
    net.output(y).preserved(x);
    let graph = net.build().unwrap();
    let pools = Pools::new([Pool::on_chip("chip", 64), Pool::off_chip("ddr")]).unwrap();
    let mut plan = Planner::new().alignment(8).place(&graph, &pools).unwrap();
    assert_eq!(verify_pools(&graph, &plan), Ok(()));
    let interval = plan.residencies.iter_mut().rfind(|interval| interval.occupant == Occupant::Tensor(x));
    change(interval.unwrap());
    found(verify_pools(&graph, &plan))
}

/// A reserved range without bytes.
const EMPTY: std::ops::Range<u64> = 5..5;

/// Rules, each with the rules that a wrong plan, solution or choice for it breaks.
fn wrong_plans() -> Vec<(Rule, Vec<Rule>)> {
    let operators = |order: [usize; 4]| net_plan(|plan| plan.order = order.map(OperatorId::new).to_vec());
    vec![
        (Rule::ListLength, net_plan(|plan| plan.tensors.truncate(5))),
        (Rule::InputPreserved, input_in_pools(bytes(8), |interval| interval.live.end = 1)),
        (
            Rule::StoredInPool,
            input_in_pools(bytes(8).in_pool("chip"), |interval| interval.pool = PoolId::new(1)),
        ),
        (Rule::PlanAlignment, net_plan(|plan| plan.alignment = 3)),
        (Rule::ReservedRange, net_plan(|plan| plan.reserved.push(EMPTY))),
        (Rule::OperatorOnce, operators([0, 1, 2, 2])),
        (Rule::ProducerFirst, operators([0, 2, 3, 1])),
        (Rule::RunsAfter, operators([1, 0, 2, 3])),
        (Rule::VariableOrder, operators([0, 1, 3, 2])),
        (Rule::BodyPlans, nested_plan(|plan| plan.bodies.clear())),
        (Rule::BodyAlignment, nested_plan(|plan| plan.bodies[0].plan.alignment = 4)),
        (Rule::LinkedTensors, nested_plan(|plan| plan.bodies[0].linked.push(linked()))),
        (Rule::PlacementExists, net_plan(|plan| plan.scratch[0] = None)),
        (Rule::PlacementNeeded, net_plan(|plan| plan.tensors[1] = plan.tensors[0])),
        (Rule::PlacementSize, net_plan(|plan| place(plan, 3).bytes = 7)),
        (Rule::LiveRange, net_plan(|plan| place(plan, 3).live = LiveRange { start: 0, end: 2 })),
        (Rule::Aligned, net_plan(|plan| place(plan, 5).offset += 1)),
        (Rule::FixedOffset, net_plan(|plan| place(plan, 0).offset = 72)),
        (Rule::WithinMemory, net_plan(|plan| place(plan, 5).offset = 1 << 20)),
        (Rule::NotReserved, net_plan(|plan| plan.reserved.push(64..65))),
        (Rule::Disjoint, net_plan(|plan| place(plan, 2).offset = 64)),
        (Rule::RelativePlacement, net_plan(|plan| place(plan, 4).offset = place(plan, 3).offset + 16)),
        (Rule::KeptApart, net_plan(|plan| place(plan, 4).offset = place(plan, 3).offset)),
        (Rule::FixedInPool, fixed_in_pools()),
        (Rule::AliasPermitted, shared_plan(APART, |plan| plan.aliases[0].at = 4)),
        (Rule::AliasDistance, shared_plan([0, 8, 16, 40, 24, 32], |_| ())),
        (Rule::NoOverwrite, shared_plan([0, 8, 16, 16, 8, 32], |_| ())),
        (Rule::IntactAtStart, shared_plan([0, 0, 16, 16, 24, 32], |_| ())),
        (Rule::IntactAtRead, shared_plan([0, 8, 8, 8, 24, 32], |_| ())),
        (Rule::IntactAfterWrite, shared_plan([0, 8, 16, 16, 24, 24], |_| ())),
        (Rule::IntactAtEnd, shared_plan([0, 8, 16, 16, 24, 16], |_| ())),
        (Rule::ObjectsDisjoint, objects_solution(|solution| objects(solution).offsets[1] = 8)),
        (Rule::ObjectExists, objects_solution(|solution| objects(solution).of_buffer[2] = Some(2))),
        (Rule::WithinObject, objects_solution(|solution| objects(solution).sizes[1] = 4)),
        (Rule::WithinHost, objects_solution(|solution| objects(solution).nestings[0].at = 8)),
        (Rule::ObjectsBound, objects_solution(|solution| objects(solution).lower_bound = 1 << 20)),
        (Rule::CertificateMember, net_plan(|plan| plan.lower_bound.causes.push(tensor(1)))),
        (Rule::CertifiedBytes, net_plan(|plan| plan.lower_bound.certified = 1 << 20)),
        (Rule::CertifiedBelowBound, net_plan(|plan| plan.lower_bound.bytes = 0)),
        (Rule::BoundBelowArena, net_plan(|plan| plan.lower_bound.bytes = plan.arena_bytes + 1)),
        (Rule::BoundOverOrders, net_plan(|plan| plan.bound_over_orders = Some(plan.arena_bytes + 1))),
        (Rule::StatusHolds, net_plan(|plan| plan.status = Status::Infeasible)),
        (Rule::ChoiceCapacity, choice(|choice| choice.objects.sizes[0] = 10)),
        (Rule::ChoiceValue, choice(|choice| choice.value = 8)),
        (Rule::ChoiceBound, choice(|choice| choice.bound = 8)),
    ]
}

/// A linked tensor of an operator without links.
fn linked() -> LinkedTensor {
    LinkedTensor { tensor: TensorId::new(0), at: 0 }
}

fn tensor(id: usize) -> Occupant {
    Occupant::Tensor(TensorId::new(id))
}

fn objects(solution: &mut Solution) -> &mut plimsoll::Objects {
    solution.objects.as_mut().unwrap()
}

#[test]
fn wrong_plans_break_the_rule_that_they_are_for() {
    for (rule, broken) in wrong_plans() {
        assert!(broken.contains(&rule), "{rule}: {broken:?}");
    }
}

/// F4 needs 2^32 placements, more than fit in memory.
const UNTESTED: [Rule; 1] = [Rule::PlacementCount];

#[test]
fn every_rule_has_a_wrong_plan() {
    let here = wrong_plans().into_iter().map(|(rule, _)| rule);
    let broken: BTreeSet<Rule> =
        here.chain(broken_rules()).chain(tilings::broken_rules()).chain(UNTESTED).collect();
    let missing: Vec<Rule> = Rule::ALL.iter().copied().filter(|rule| !broken.contains(rule)).collect();
    assert!(missing.is_empty(), "no wrong plan for {missing:?}");
}

#[test]
fn identifiers_are_unique_and_numbered_by_subject() {
    let mut next = std::collections::BTreeMap::new();
    for rule in Rule::ALL {
        let (subject, number) = rule.id().split_at(1);
        let expected = next.entry(subject).or_insert(1);
        assert_eq!(number, expected.to_string(), "{rule}");
        *expected += 1;
        assert!(rule.statement().ends_with('.') && rule.statement().len() <= 100, "{rule}");
    }
}

/// Rows of `docs/verify.md` with code in the first of two cells.
fn documented_rules() -> Vec<(&'static str, &'static str)> {
    let row = |line: &'static str| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ");
    include_str!("../../docs/verify.md").lines().filter_map(row).collect()
}

#[test]
fn the_documentation_lists_exactly_the_rules() {
    let is_id = |id: &str| id.len() <= 3 && id.starts_with(|c: char| c.is_ascii_uppercase());
    let documented: Vec<_> = documented_rules().into_iter().filter(|(id, _)| is_id(id)).collect();
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| (rule.id(), rule.statement())).collect();
    assert_eq!(documented, rules, "docs/verify.md and src/error/rule.rs differ");
}
