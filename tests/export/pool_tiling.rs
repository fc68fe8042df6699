//! Tiled plans for several memories, and their documents.

use plimsoll::ElementType::Int8;
use plimsoll::export::json::{DocumentError, PoolPlanDocument, write};
use plimsoll::import::ImportOptions;
use plimsoll::report::{Colour, html, svg, text};
use plimsoll::tiling::{OperatorOrigin, TilingGoal};
use plimsoll::verify::{Rule, Violation, verify_tiled_pools};
use plimsoll::{
    AccessMap, Content, Graph, Occupant, PlanView, Planner, Pool, PoolPlan, Pools, RowMap, SharingLevel,
    TensorSpec, TileAxis, TiledPoolPlan,
};
use serde_json::{Value, json};

/// Two convolutions around a wide tensor; `weight_bytes` are the constants of each.
fn graph(weight_bytes: u64) -> Graph {
    let mut net = Graph::builder("tiled");
    let shape = |channels| TensorSpec::shaped(Int8, [1, 16, 16, channels]);
    let image = net.input("image", shape(4));
    let [wide, result] = [("wide", 64), ("result", 4)].map(|(name, size)| net.tensor(name, shape(size)));
    let [expand, reduce] = ["expand", "reduce"]
        .map(|name| net.constant(format!("{name} weights"), TensorSpec::bytes(weight_bytes)));
    let rows = || TileAxis::new([1], [Some((1, RowMap::window(3, 1, 1, 1)))]);
    net.operator("expand").reads([image, expand]).writes([wide]).access(AccessMap::new(36, [rows()]));
    net.operator("reduce").reads([wide, reduce]).writes([result]).access(AccessMap::new(576, [rows()]));
    net.output(result);
    net.build().unwrap()
}

fn pools(bytes: u64) -> Pools {
    Pools::new([Pool::on_chip("sram", bytes), Pool::off_chip("ddr")]).unwrap()
}

fn planner() -> Planner {
    Planner::new().alignment(1).share(SharingLevel::All)
}

fn goal() -> TilingGoal {
    TilingGoal::least_memory().max_extra_ppm(u64::MAX)
}

/// The plan without tiling and the tiled one.
fn placed(graph: &Graph, bytes: u64) -> (PoolPlan, Option<TiledPoolPlan>) {
    let untiled = planner().place(graph, &pools(bytes)).unwrap();
    let tiled = planner().place_tiles(graph, &untiled, &goal()).unwrap();
    (untiled, tiled)
}

#[test]
fn tiles_live_on_chip_and_entries_and_exits_may_live_outside() {
    let graph = graph(100);
    let (untiled, tiled) = placed(&graph, 6_000);
    let tiled = tiled.expect("the wide tensor of 16 384 bytes does not fit");
    assert!(tiled.plan.cost < untiled.cost, "{} of {}", tiled.plan.cost, untiled.cost);
    // Without tiling, the wide tensor is written to the slow memory and read from it.
    assert!(untiled.cost >= 2 * 16_384);
    let sram = tiled.plan.pools.named("sram").unwrap();
    for (at, origin) in tiled.tiled.tensors.iter().enumerate() {
        if graph.tensor(origin.tensor).name() == "wide" {
            let occupant = Occupant::Tensor(plimsoll::TensorId::new(at));
            assert!(tiled.plan.residencies_of(occupant).all(|residency| residency.pool == sram), "part {at}");
        }
    }
    assert_eq!(verify_tiled_pools(&graph, &tiled), Ok(()));
}

#[test]
fn every_stripe_reads_constants_again() {
    // Constants stay in the slow memory.
    let sram = Pool::on_chip("sram", 6_000).only([Content::Activations, Content::Scratch]);
    let pools = Pools::new([sram, Pool::off_chip("ddr")]).unwrap();
    let [light, heavy] = [100, 40_000].map(|weight_bytes| {
        let graph = graph(weight_bytes);
        let untiled = planner().place(&graph, &pools).unwrap();
        let tiled = planner().place_tiles(&graph, &untiled, &goal()).unwrap();
        (untiled, tiled)
    });
    let tiled = light.1.expect("the constants are small");
    let is_tile = |origin: &&OperatorOrigin| matches!(origin, OperatorOrigin::Tile { .. });
    let count = tiled.tiled.operators.iter().filter(is_tile).count() as u64;
    let slow = tiled.plan.traffic.last().unwrap();
    assert_eq!((slow.read, tiled.cost.constant_bytes), (1_024 + 100 * count, 100 * (count - 2)));
    assert!(tiled.plan.cost < light.0.cost);
    // The constants of two stripes cost more than the wide tensor.
    assert!(heavy.1.is_none());
}

#[test]
fn a_graph_that_fits_needs_no_tiling() {
    let (untiled, tiled) = placed(&graph(100), 40_000);
    assert!(untiled.all_fits() && tiled.is_none());
}

fn document(graph: &Graph, plan: &TiledPoolPlan) -> String {
    write(&PlanView::of_tiled_pools(graph, plan, None), &ImportOptions::default())
}

#[test]
fn tiled_pool_plans_come_back_as_they_went() {
    let graph = graph(100);
    let (untiled, tiled) = placed(&graph, 6_000);
    let tiled = tiled.unwrap();
    let written = document(&graph, &tiled);
    let read = PoolPlanDocument::from_json(&written).unwrap();
    assert!(matches!(read.to_plan(&graph), Err(DocumentError::Tiled)));
    let read = read.to_tiled_plan(&graph).unwrap();
    assert_eq!(verify_tiled_pools(&graph, &read), Ok(()));
    assert_eq!((&read.tiling, read.cost), (&tiled.tiling, tiled.cost));
    assert_eq!(document(&graph, &read), written);
    let plain = PoolPlanDocument::of_graph(&graph, &untiled, &ImportOptions::default());
    assert!(matches!(plain.to_tiled_plan(&graph), Err(DocumentError::NotTiled)));
}

/// A change of a document.
type Change = fn(&mut Value);

/// The first tile among the operators of the tiled graph.
fn first_tile(plan: &mut Value) -> &mut Value {
    let operators = plan["tiling"]["operators"].as_array_mut().unwrap();
    operators.iter_mut().find(|operator| operator["does"] == "tile").unwrap()
}

#[test]
fn wrong_tiled_pool_plans_are_refused() {
    let graph = graph(100);
    let tiled = placed(&graph, 6_000).1.unwrap();
    let text = document(&graph, &tiled);
    let changes: [(&str, Change, Rule); 3] = [
        ("cost", |plan| plan["tiling"]["cost"]["extra"] = json!(1), Rule::TileRegion),
        ("rows", |plan| first_tile(plan)["rows"] = json!([1, 2]), Rule::TileWrite),
        ("traffic", |plan| plan["cost"] = json!(1), Rule::TotalCost),
    ];
    for (what, change, rule) in changes {
        let mut plan: Value = serde_json::from_str(&text).unwrap();
        change(&mut plan);
        let read = PoolPlanDocument::from_json(&plan.to_string()).unwrap().to_tiled_plan(&graph).unwrap();
        let wrong = verify_tiled_pools(&graph, &read).expect_err(what);
        assert!(wrong.list().iter().map(Violation::rule).any(|other| other == rule), "{what}: {wrong}");
    }
}

#[test]
fn summary_and_maps_show_the_regions() {
    let graph = graph(100);
    let (untiled, tiled) = placed(&graph, 6_000);
    let tiled = tiled.unwrap();
    let view = PlanView::of_tiled_pools(&graph, &tiled, Some(&untiled));
    insta::assert_snapshot!("tiled_pool_plan.txt", text::summary(&view, None));
    assert!(svg::write(&view, Colour::Stripe).contains("carried rows"));
    assert!(html::write(&view).contains("\"regions\""));
}
