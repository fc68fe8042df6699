//! PLAN.json of tiled plans.

use plimsoll::ElementType::Int8;
use plimsoll::export::json::{DocumentError, PlanDocument};
use plimsoll::export::{graph_hash, tiling_hash};
use plimsoll::import::ImportOptions;
use plimsoll::report::{Colour, html, svg};
use plimsoll::tiling::{TilingCost, TilingGoal};
use plimsoll::verify::{Rule, Violation, verify_tiled_plan};
use plimsoll::{
    AccessMap, Graph, Plan, PlanView, Planner, RowMap, SharingLevel, TensorSpec, TileAxis, TiledPlan,
};
use serde_json::{Value, json};

/// Two convolutions that can be tiled, between two operators that cannot.
pub fn graph(kernel: u32) -> Graph {
    let mut net = Graph::builder("tiled");
    let shape = |channels| TensorSpec::shaped(Int8, [1, 8, 4, channels]);
    let image = net.input("image", shape(2));
    let [first, wide, narrow, result] = [("first", 2), ("wide", 64), ("narrow", 2), ("result", 2)]
        .map(|(name, size)| net.tensor(name, shape(size)));
    let weights = net.constant("weights", TensorSpec::bytes(36));
    let rows = || TileAxis::new([1], [Some((1, RowMap::window(kernel, 1, 1, 1)))]);
    net.operator("first").reads([image]).writes([first]);
    net.operator("expand").reads([first, weights]).writes([wide]).access(AccessMap::new(18, [rows()]));
    net.operator("reduce").reads([wide]).writes([narrow]).access(AccessMap::new(576, [rows()]));
    net.operator("last").reads([narrow]).writes([result]);
    net.output(result);
    net.build().unwrap()
}

fn planner() -> Planner {
    Planner::new().alignment(1).share(SharingLevel::All)
}

/// The graph, its plan without tiling, and its tiled plan at a budget of extra operations.
fn tiled(parts_per_million: u64) -> (Graph, Plan, TiledPlan) {
    let graph = graph(3);
    let untiled = planner().plan(&graph).unwrap();
    let goal = TilingGoal::least_memory().max_extra_ppm(parts_per_million);
    let plan = planner().tile(&graph, &untiled, &goal).unwrap().unwrap();
    assert!(plan.plan.arena_bytes < untiled.arena_bytes);
    (graph, untiled, plan)
}

fn text(graph: &Graph, plan: &TiledPlan) -> String {
    PlanDocument::of_tiled(graph, plan, &ImportOptions::default()).to_json()
}

#[test]
fn a_tiled_plan_in_text_and_json() {
    let (graph, untiled, plan) = tiled(0);
    insta::assert_snapshot!("tiled_plan.json", text(&graph, &plan));
    let view = PlanView::of_tiled(&graph, &plan, Some(&untiled));
    insta::assert_snapshot!("tiled_plan.txt", plimsoll::report::text::summary(&view, None));
    assert_eq!(plimsoll::export::json::write(&view, &ImportOptions::default()), text(&graph, &plan));
}

#[test]
fn tiled_plans_come_back_as_they_went() {
    for budget in [0, 100_000, 1_000_000] {
        let (graph, _, plan) = tiled(budget);
        assert_eq!(verify_tiled_plan(&graph, &plan), Ok(()));
        let written = text(&graph, &plan);
        let read = PlanDocument::from_json(&written).unwrap().to_tiled_plan(&graph).unwrap();
        // The document does not have the number of search nodes.
        let mut read_plan = read.plan.clone();
        read_plan.nodes = plan.plan.nodes;
        assert_eq!((&read.tiling, &read_plan), (&plan.tiling, &plan.plan));
        assert_eq!((read.cost, read.expected_bytes), (plan.cost, plan.expected_bytes));
        assert_eq!(
            (&read.tiled.tensors, &read.tiled.operators),
            (&plan.tiled.tensors, &plan.tiled.operators)
        );
        assert_eq!(verify_tiled_plan(&graph, &read), Ok(()));
        assert_eq!(text(&graph, &read), written);
    }
}

/// The costs of all regions, counted from the tiles by hand.
#[test]
fn the_cost_is_that_of_the_tiles() {
    let (graph, _, plan) = tiled(1_000_000);
    let regions = plan.tiled.region_costs(&graph);
    let sum = |of: fn(&TilingCost) -> u64| regions.iter().map(of).sum::<u64>();
    assert_eq!(sum(|cost| cost.extra), plan.cost.extra);
    assert_eq!(sum(|cost| cost.copied_bytes), plan.cost.copied_bytes);
    assert_eq!(sum(|cost| cost.constant_bytes), plan.cost.constant_bytes);
    // 32 positions: 64 channels at a cost of 18, and 2 channels at a cost of 576.
    assert_eq!(plan.cost.untiled, 32 * (64 * 18 + 2 * 576));
    let [region] = plan.tiling.regions.as_slice() else { panic!("{:?}", plan.tiling) };
    // A row of either operator costs the same: 4 * 64 * 18 = 4 * 2 * 576.
    let tiles = region.stripes.iter().flatten();
    let cost: u64 = tiles.map(|tile| 4608 * (tile.computed.end - tile.computed.start)).sum();
    assert_eq!(plan.cost.extra, cost - regions[0].untiled);
    let first = region.operators.iter().position(|&id| graph.operator(id).name() == "expand").unwrap();
    let runs = region.stripes.iter().filter(|tiles| !tiles[first].computed.is_empty()).count() as u64;
    assert_eq!(plan.cost.constant_bytes, 36 * (runs - 1));
}

fn document() -> (Graph, Value) {
    let (graph, _, plan) = tiled(0);
    let document = serde_json::from_str(&text(&graph, &plan)).unwrap();
    (graph, document)
}

/// The position of the last operator of the tiled graph that does this.
fn last(document: &Value, action: &str) -> usize {
    document["tiling"]["operators"]
        .as_array()
        .unwrap()
        .iter()
        .rposition(|operator| operator["does"] == action)
        .unwrap()
}

/// A change of a document and the rule that it breaks.
type WrongDocument = (Rule, fn(&mut Value));

const WRONG: [WrongDocument; 8] = [
    (Rule::TileLabel, |document| {
        let tensors = document["tiling"]["tensors"].as_array_mut().unwrap();
        let part = tensors.iter_mut().rfind(|tensor| tensor["rows"].is_array()).unwrap();
        part["rows"] = json!([7, 9]);
    }),
    (Rule::TileWhole, |document| {
        let at = last(document, "whole");
        document["tiling"]["operators"][at]["operator"] = json!(1);
    }),
    (Rule::TileRead, |document| {
        let at = last(document, "tile");
        document["tiling"]["operators"][at]["reads"][0]["after"] = json!(3);
    }),
    (Rule::TileWrite, |document| {
        let at = last(document, "tile");
        document["tiling"]["operators"][at]["rows"] = json!([0, 1]);
    }),
    (Rule::TileCarry, |document| {
        let at = last(document, "carry");
        document["tiling"]["operators"][at]["rows"] = json!([0, 2]);
    }),
    (Rule::TilePlace, |document| {
        let at = last(document, "join");
        document["tiling"]["operators"][at]["tensor"] = json!(0);
    }),
    (Rule::TileRegion, |document| document["tiling"]["cost"]["extra"] = json!(1)),
    (Rule::TileRegion, |document| {
        let at = last(document, "tile");
        document["tiling"]["operators"][at]["stripe"] = json!(0);
    }),
];

#[test]
fn changed_tilings_are_refused_with_the_rule() {
    for (rule, change) in WRONG {
        let (graph, mut document) = document();
        change(&mut document);
        let read = PlanDocument::from_json(&document.to_string()).unwrap();
        let plan = read.to_tiled_plan(&graph).unwrap();
        let wrong = verify_tiled_plan(&graph, &plan).expect_err(rule.statement());
        let rules: Vec<Rule> = wrong.list().iter().map(Violation::rule).collect();
        assert!(rules.contains(&rule), "{rule}: {wrong}");
    }
}

#[test]
fn a_tile_at_another_offset_is_refused() {
    let (graph, mut document) = document();
    let tensors = document["tensors"].as_array_mut().unwrap();
    let part =
        tensors.iter_mut().rfind(|tensor| tensor["name"].as_str().unwrap().contains("wide/rows")).unwrap();
    part["offset"] = json!(part["offset"].as_u64().unwrap() + 1);
    let plan = PlanDocument::from_json(&document.to_string()).unwrap().to_tiled_plan(&graph).unwrap();
    let wrong = verify_tiled_plan(&graph, &plan).unwrap_err();
    assert!(!wrong.list().is_empty(), "{wrong}");
}

#[test]
fn tilings_of_another_graph_are_refused_with_the_reason() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 9] = [
        (|document| document["tiling"]["regions"][0]["stripes"][0][0]["rows"] = json!([0, 9]), "has 8 rows"),
        (|document| document["tiling"]["regions"][0]["stripes"][0][0]["carried"] = json!(5), "carries 5"),
        (|document| document["tiling"]["regions"][0]["operators"][0]["axis"] = json!(7), "has 0 rows"),
        (
            |document| document["tiling"]["regions"][0]["operators"][0]["index"] = json!(99),
            "names operator 99",
        ),
        (|document| document["tiling"]["order"] = json!([0, 1]), "the plan's tiling"),
        (|document| document["tiling"]["regions"] = json!([]), "by the regions it has"),
        (
            |document| {
                let at = last(document, "tile");
                document["tiling"]["operators"][at]["inputs"] = json!([0]);
            },
            "by the regions it reads",
        ),
        (
            |document| {
                let at = last(document, "tile");
                document["tiling"]["operators"][at].as_object_mut().unwrap().remove("stripe");
            },
            "has no `stripe`",
        ),
        (
            |document| document["tiling"]["tensors"].as_array_mut().unwrap().truncate(3),
            "the tiled graph has 3 tensors",
        ),
    ];
    for (change, reason) in cases {
        let (graph, mut document) = document();
        change(&mut document);
        let read = PlanDocument::from_json(&document.to_string()).unwrap();
        let error = read.to_tiled_plan(&graph).unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let (graph, document) = document();
    let read = PlanDocument::from_json(&document.to_string()).unwrap();
    assert_eq!(read.to_plan(&graph), Err(DocumentError::Tiled));
    let untiled = PlanDocument::of_graph(&graph, &planner().plan(&graph).unwrap(), &ImportOptions::default());
    assert_eq!(untiled.to_tiled_plan(&graph).unwrap_err(), DocumentError::NotTiled);
}

/// The fingerprint of tiled plans depends on access maps, that of other plans does not.
#[test]
fn another_access_map_is_another_model() {
    let (one, other) = (graph(3), graph(2));
    assert_eq!(graph_hash(&one), graph_hash(&other));
    assert_ne!(tiling_hash(&one), tiling_hash(&other));
    let (_, _, plan) = tiled(0);
    let read = PlanDocument::from_json(&text(&one, &plan)).unwrap();
    let error = read.to_tiled_plan(&other).unwrap_err();
    assert!(matches!(error, DocumentError::OtherModel { .. }), "{error}");
}

/// Regions, stripes, and the live bytes without tiling.
#[test]
fn pictures_of_a_tiled_plan() {
    let (graph, untiled, plan) = tiled(0);
    let view = PlanView::of_tiled(&graph, &plan, Some(&untiled));
    let picture = svg::write(&view, Colour::Stripe);
    assert!(picture.contains("stripes 1, 5") && picture.contains("carried rows"), "{picture}");
    assert!(picture.contains("region 1: 9 stripes") && picture.contains("without tiling"), "{picture}");
    assert!(picture.contains("untiled: 2.06 KiB") && picture.contains("tiled: 832 B"), "{picture}");
    let page = html::write(&view);
    let data = page.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    let data: Value = serde_json::from_str(data).unwrap();
    let tiling = &data["tiling"];
    assert_eq!((&tiling["untiledArena"], &tiling["copied"]), (&json!(2112), &json!(3072)));
    let region = &tiling["regions"][0];
    assert_eq!((&region["first"], &region["last"]), (&json!("expand"), &json!("reduce")));
    assert_eq!((&region["live"], &region["untiledLive"]), (&json!(832), &json!(2112)));
    let steps = plan.plan.order.len();
    assert_eq!(region["stripes"].as_array().unwrap().len(), 9);
    assert!(region["steps"][1].as_u64().unwrap() < steps as u64);
    assert_eq!(tiling["roleOf"].as_array().unwrap().len(), data["buffers"]["name"].as_array().unwrap().len());
    // Other colours, and the other pages, do not depend on the tiling.
    assert!(!svg::write(&view, Colour::Kind).contains("carried rows"));
    let other = PlanView::of_plan(&graph, &untiled);
    assert_eq!(svg::write(&other, Colour::Stripe), svg::write(&other, Colour::Kind));
}

/// Every number of a tiling, one after the other.
fn numbers<'a>(value: &'a mut Value, list: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| numbers(value, list)),
        Value::Object(fields) => fields.values_mut().for_each(|value| numbers(value, list)),
        Value::Number(_) => list.push(value),
        _ => {}
    }
}

/// No number of a file may end in a panic, and only results of the search and the kinds of unread parts may pass.
#[test]
fn changed_numbers_are_refused() {
    let (graph, document) = document();
    let count = {
        let (mut copy, mut list) = (document["tiling"].clone(), Vec::new());
        numbers(&mut copy, &mut list);
        list.len()
    };
    let mut refused = 0;
    for at in 0..count {
        for number in [0, 3, u64::MAX] {
            let mut changed = document.clone();
            let mut list = Vec::new();
            numbers(&mut changed["tiling"], &mut list);
            *list[at] = json!(number);
            if changed == document {
                continue;
            }
            let plan =
                PlanDocument::from_json(&changed.to_string()).and_then(|read| read.to_tiled_plan(&graph));
            let is_right = plan.is_ok_and(|plan| verify_tiled_plan(&graph, &plan).is_ok());
            let mut ignored = changed.clone();
            for result in ["expected_bytes", "family_bound"] {
                ignored["tiling"][result] = document["tiling"][result].clone();
            }
            assert!(!is_right || ignored == document, "number {at} of the tiling is {number}");
            refused += usize::from(!is_right);
        }
    }
    assert!(refused > 1000, "{refused} changes are refused");
}
