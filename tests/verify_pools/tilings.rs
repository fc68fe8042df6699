//! A wrong tiled graph for each rule of tilings.

use plimsoll::ElementType::Int8;
use plimsoll::tiling::{OperatorOrigin, TiledGraph, TilingGoal};
use plimsoll::verify::{Rule, Violation, verify_tiled_plan, verify_tiling};
use plimsoll::{
    AccessMap, Graph, GraphBuilder, OperatorId, Permit, Planner, RowMap, SharingLevel, TensorId, TensorSpec,
    TileAxis, TiledPlan,
};

/// Two convolutions that can be tiled, between two operators that cannot.
fn graph() -> Graph {
    constrained_graph(|_, _| {}, None)
}

/// The same with constraints, which get `image`, `wide`, `narrow` and `result`, and a fixed offset of `wide`.
fn constrained_graph(constrain: impl FnOnce(&mut GraphBuilder, [TensorId; 4]), offset: Option<u64>) -> Graph {
    let mut net = Graph::builder("tiled");
    let shape = |channels| TensorSpec::shaped(Int8, [1, 16, 4, channels]);
    let image = net.input("image", shape(2));
    let [first, wide, narrow, result] =
        [("first", 2), ("wide", 64), ("narrow", 2), ("result", 2)].map(|(name, size)| {
            let spec = shape(size);
            net.tensor(name, if let ("wide", Some(offset)) = (name, offset) { spec.at(offset) } else { spec })
        });
    let rows = || TileAxis::new([1], [Some((1, RowMap::window(3, 1, 1, 1)))]);
    net.operator("first").reads([image]).writes([first]);
    net.operator("expand").reads([first]).writes([wide]).access(AccessMap::new(18, [rows()]));
    net.operator("reduce").reads([wide]).writes([narrow]).access(AccessMap::new(576, [rows()]));
    net.operator("last").reads([narrow]).writes([result]);
    net.output(result);
    constrain(&mut net, [image, wide, narrow, result]);
    net.build().unwrap()
}

/// The position of the last operator with this origin.
fn last(tiled: &TiledGraph, is_wanted: impl Fn(&OperatorOrigin) -> bool) -> usize {
    tiled.operators.iter().rposition(is_wanted).unwrap()
}

fn last_tile(tiled: &TiledGraph) -> usize {
    last(tiled, |origin| matches!(origin, OperatorOrigin::Tile { .. }))
}

/// A rule, and a change that breaks it.
type WrongTiling = (Rule, fn(&mut TiledGraph));

const WRONG: [WrongTiling; 8] = [
    (Rule::TileLabel, |tiled| {
        let part = tiled.tensors.iter_mut().rfind(|origin| origin.rows.is_some()).unwrap();
        part.rows = Some(15..17);
    }),
    (Rule::TileWhole, |tiled| {
        let at = last(tiled, |origin| matches!(origin, OperatorOrigin::Whole(_)));
        tiled.operators[at] = OperatorOrigin::Whole(OperatorId::new(9));
    }),
    (Rule::TileRead, |tiled| {
        let at = last_tile(tiled);
        let OperatorOrigin::Tile { reads, .. } = &mut tiled.operators[at] else { unreachable!() };
        reads[0].as_mut().unwrap().after += 1;
    }),
    (Rule::TileWrite, |tiled| {
        let at = last_tile(tiled);
        let OperatorOrigin::Tile { rows, .. } = &mut tiled.operators[at] else { unreachable!() };
        rows.start -= 1;
    }),
    (Rule::TileCarry, |tiled| {
        let at = last(tiled, |origin| matches!(origin, OperatorOrigin::Carry { .. }));
        let OperatorOrigin::Carry { rows, .. } = &mut tiled.operators[at] else { unreachable!() };
        *rows = rows.start - 1..rows.end - 1;
    }),
    (Rule::TilePlace, |tiled| {
        let at = last(tiled, |origin| matches!(origin, OperatorOrigin::Join { .. }));
        let OperatorOrigin::Join { tensor, .. } = &mut tiled.operators[at] else { unreachable!() };
        *tensor = TensorId::new(0);
    }),
    (Rule::TilePermit, |tiled| {
        let at = OperatorId::new(last_tile(tiled));
        let operator = tiled.graph.operator(at);
        let (input, output) = (operator.inputs()[0], operator.outputs()[0]);
        tiled.graph.permit(at, [Permit::InPlace { input, output }]).unwrap();
    }),
    (Rule::TileOrder, |tiled| {
        let at = last(tiled, |origin| matches!(origin, OperatorOrigin::Whole(_)));
        tiled.operators[at] = OperatorOrigin::Whole(OperatorId::new(0));
    }),
];

/// The rules that the tiled graphs of the table break.
pub fn broken_rules() -> impl Iterator<Item = Rule> {
    WRONG.iter().map(|entry| entry.0).chain([Rule::TileRegion, Rule::TileConstraint])
}

#[test]
fn each_wrong_tiling_is_refused_by_its_rule() {
    let graph = graph();
    let planner = Planner::new().alignment(1).share(SharingLevel::All);
    let untiled = planner.plan(&graph).unwrap();
    let plan = planner.tile(&graph, &untiled, &TilingGoal::least_memory()).unwrap().unwrap();
    assert!(plan.plan.arena_bytes < untiled.arena_bytes);
    assert_eq!(verify_tiling(&graph, &plan.tiled), Ok(()));
    for (rule, spoil) in WRONG {
        let mut tiled = plan.tiled.clone();
        spoil(&mut tiled);
        let wrong = verify_tiling(&graph, &tiled).expect_err(rule.statement());
        let rules: Vec<Rule> = wrong.list().iter().map(Violation::rule).collect();
        assert!(rules.contains(&rule), "{rule}: {wrong}");
    }
}

/// Changes of regions, stripes and cost, which the tiled graph does not have.
const WRONG_REGIONS: [fn(&mut TiledPlan); 7] = [
    |plan| plan.cost.extra += 1,
    |plan| plan.cost.untiled -= 1,
    |plan| plan.cost.copied_bytes += 1,
    |plan| plan.cost.constant_bytes += 1,
    |plan| plan.tiling.regions[0].stripes[0][0].computed.end += 1,
    |plan| {
        let stripe = plan.tiling.regions[0].stripes[0].clone();
        plan.tiling.regions[0].stripes.push(stripe);
    },
    |plan| plan.tiling.regions.clear(),
];

#[test]
fn regions_and_cost_are_those_of_the_tiled_graph() {
    let graph = graph();
    let planner = Planner::new().alignment(1).share(SharingLevel::All);
    let untiled = planner.plan(&graph).unwrap();
    let plan = planner.tile(&graph, &untiled, &TilingGoal::least_memory()).unwrap().unwrap();
    assert_eq!(verify_tiled_plan(&graph, &plan), Ok(()));
    for spoil in WRONG_REGIONS {
        let mut wrong = plan.clone();
        spoil(&mut wrong);
        let violations = verify_tiled_plan(&graph, &wrong).unwrap_err();
        assert!(
            violations.list().iter().all(|violation| violation.rule() == Rule::TileRegion),
            "{violations}"
        );
    }
}

#[test]
fn constraints_of_tensors_are_kept_or_the_tensors_stay_whole() {
    let planner = Planner::new().alignment(16).share(SharingLevel::All);
    let tile = |graph: &Graph| {
        planner.tile(graph, &planner.plan(graph).unwrap(), &TilingGoal::least_memory()).unwrap()
    };
    let free = tile(&graph()).unwrap();
    let constrained: [Graph; 4] = [
        constrained_graph(|net, [_, wide, _, result]| _ = net.keep_apart(wide, result), None),
        constrained_graph(|net, [_, wide, _, result]| _ = net.place_at(wide, result, 0), None),
        constrained_graph(|net, [image, _, narrow, _]| _ = net.place_at(narrow, image, 256), None),
        constrained_graph(|_, _| {}, Some(512)),
    ];
    for graph in constrained {
        let wrong = verify_tiling(&graph, &free.tiled).unwrap_err();
        assert!(wrong.list().iter().any(|violation| violation.rule() == Rule::TileConstraint), "{wrong}");
        if let Some(plan) = tile(&graph) {
            assert_eq!(verify_tiled_plan(&graph, &plan), Ok(()));
        }
    }
}

/// Parts that do not follow other rows have the planner's alignment.
#[test]
fn tiles_are_aligned() {
    let graph = graph();
    let planner = Planner::new().alignment(64).share(SharingLevel::All);
    let untiled = planner.plan(&graph).unwrap();
    let plan = planner.tile(&graph, &untiled, &TilingGoal::least_memory()).unwrap().unwrap();
    let tiled = &plan.tiled.graph;
    let is_placed =
        |id| tiled.relative_placements().iter().any(|placement| placement.tensor == id && placement.at > 0);
    let free: Vec<TensorId> = tiled.tensor_ids().filter(|&id| !is_placed(id)).collect();
    assert!(free.len() > 2);
    for id in free {
        let offset = plan.plan.offset(id).unwrap();
        assert!(offset.is_multiple_of(64), "tensor `{}` at {offset}", tiled.tensor(id).name());
    }
}
