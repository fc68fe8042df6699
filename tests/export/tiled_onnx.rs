//! Tiled ONNX models; `tests/onnx/tiled.py` runs such models.

use std::collections::BTreeSet;

use crate::support::onnx_models::*;
use plimsoll::export::onnx::{self, TiledOnnx};
use plimsoll::import::{self, ImportOptions};
use plimsoll::tiling::TilingGoal;
use plimsoll::{Effort, Graph, Planner};

fn ints(name: &str, numbers: &[i64]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|&value| number(8, value)).collect();
    attribute(name, [numbers, number(20, 7)].concat())
}

fn text(name: &str, value: &str) -> Vec<u8> {
    attribute(name, [length_delimited(4, value), number(20, 3)].concat())
}

fn named(name: &str) -> Vec<u8> {
    length_delimited(3, name)
}

/// Two convolutions of 3 by 3 with a large tensor between them; the second one has stride 2, an odd number of rows and
/// automatic padding.
fn convolutions(rows: &str, version: i64) -> Vec<u8> {
    let explicit = [named("expand"), ints("pads", &[1, 1, 1, 1]), ints("kernel_shape", &[3, 3])];
    let automatic = [named("reduce"), text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])];
    let half = if rows == "33" { "17" } else { "half" };
    let parts = [
        node_with("Conv", &["x", "w1"], &["large"], &explicit),
        node_with("Relu", &["large"], &["positive"], &[]),
        node_with("Conv", &["positive", "w2"], &["y"], &automatic),
        initializer("w1", 1, &[24, 2, 3, 3]),
        initializer("w2", 1, &[2, 24, 3, 3]),
        input("x", 1, &format!("1, 2, {rows}, 16")),
        output("y", 1, &format!("1, 2, {half}, 8")),
        value_info("large", 1, &format!("1, 24, {rows}, 16")),
    ];
    let opset = length_delimited(8, number(2, version));
    [number(1, 8), length_delimited(7, parts.concat()), opset].concat()
}

fn tiled_with(
    bytes: &[u8],
    planner: &Planner,
    goal: &TilingGoal,
    options: &ImportOptions,
) -> (Graph, Option<TiledOnnx>) {
    let graph = import::onnx_from_bytes("m", bytes, options).unwrap().graph;
    let untiled = planner.plan(&graph).unwrap();
    let tiled = onnx::tile("m", bytes, planner, (&graph, &untiled), goal, options).unwrap();
    if let Some(tiled) = &tiled {
        assert!(tiled.plan.arena_bytes < untiled.arena_bytes);
        assert!(
            u128::from(tiled.extra_cost) * 1_000_000
                <= u128::from(tiled.untiled_cost) * u128::from(goal.max_extra_ppm)
        );
        let checked = onnx::check("m", &tiled.bytes).unwrap();
        assert_eq!(checked.plan, tiled.plan);
        let names: BTreeSet<&str> = checked.graph.tensors().iter().map(plimsoll::Tensor::name).collect();
        assert_eq!(names.len(), checked.graph.tensors().len(), "two tensors of one name");
    }
    (graph, tiled)
}

fn planner() -> Planner {
    Planner::new().effort(Effort::Quick)
}

fn tiled(bytes: &[u8], ppm: u64) -> Option<TiledOnnx> {
    let goal = TilingGoal::least_memory().max_extra_ppm(ppm);
    tiled_with(bytes, &planner(), &goal, &ImportOptions::default()).1
}

fn types(tiled: &TiledOnnx) -> Vec<&str> {
    tiled.graph.operators().iter().map(plimsoll::Operator::op_type).collect()
}

#[test]
fn convolutions_run_stripe_by_stripe() {
    for version in [7, 9, 10, 13, 21] {
        let found = tiled(&convolutions("33", version), 500_000).unwrap();
        let [region] = found.regions.as_slice() else { panic!("{:?}", found.regions) };
        assert_eq!(region.axis, 2);
        let types = types(&found);
        let count = |name: &str| types.iter().filter(|op_type| **op_type == name).count() as u64;
        assert!(count("Conv") > region.stripes && count("Concat") > 0 && count("Slice") > 0, "{types:?}");
        // Before version 10, the bounds of a slice are attributes.
        assert_eq!(count("Constant") > 0, version >= 10);
        let names: Vec<&str> = found.graph.operators().iter().map(plimsoll::Operator::name).collect();
        assert!(names.iter().any(|name| name.starts_with("expand/rows_0_")), "{names:?}");
    }
}

#[test]
fn halos_are_carried_without_extra_cost() {
    let found = tiled(&convolutions("33", 13), 0).unwrap();
    assert_eq!(found.extra_cost, 0);
    assert!(found.regions.iter().all(|region| region.is_carried));
}

#[test]
fn old_operator_sets_are_left_alone() {
    assert!(tiled(&convolutions("33", 6), 500_000).is_none());
}

#[test]
fn the_least_cost_that_fits_a_capacity() {
    let model = convolutions("33", 13);
    let (goal, options) = (TilingGoal::fit(40_000), ImportOptions::default());
    let found = tiled_with(&model, &planner(), &goal, &options).1.unwrap();
    assert!(found.plan.arena_bytes <= 40_000);
}

#[test]
fn symbolic_dimensions_become_numbers() {
    let mut options = ImportOptions::default();
    options.dims.insert("height".to_owned(), 33);
    options.dims.insert("half".to_owned(), 17);
    let goal = TilingGoal::least_memory();
    let found = tiled_with(&convolutions("height", 13), &planner(), &goal, &options).1.unwrap();
    assert_eq!(found.options.dims.len(), 0);
    // The stripes are those of 33 rows, and so is the declared input.
    let graph = import::onnx_from_bytes("m", &found.bytes, &ImportOptions::default()).unwrap().graph;
    let input = graph.tensors().iter().find(|tensor| tensor.name() == "x").unwrap();
    assert_eq!(input.shape(), Some([1, 2, 33, 16].as_slice()));
}

#[test]
fn tensors_that_options_name_stay() {
    let model = convolutions("33", 13);
    let mut options = ImportOptions::default();
    let shape = "1,24,33,16".parse().unwrap();
    options.input_shapes.insert("large".to_owned(), shape);
    let goal = TilingGoal::least_memory().max_extra_ppm(500_000);
    let (_, found) = tiled_with(&model, &planner(), &goal, &options);
    let graph = found.map(|found| found.graph);
    assert!(graph.is_none_or(|graph| graph.tensors().iter().any(|tensor| tensor.name() == "large")));
}

/// Changed bytes give an error, or a model that is verified.
#[test]
fn changed_models_are_refused_or_tiled() {
    let count = std::env::var("PLIMSOLL_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let models = [convolutions("33", 7), convolutions("33", 13)];
    let mut state = 27_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let (planner, options) = (planner(), ImportOptions::default());
    let goal = TilingGoal::least_memory().max_extra_ppm(500_000);
    let mut outcomes = [0_u32; 3];
    for round in 0..count {
        let mut changed = models[round % 2].clone();
        for _ in 0..=below(3) {
            let place = below(changed.len());
            changed[place] = below(256) as u8;
        }
        let Ok(imported) = import::onnx_from_bytes("m", &changed, &options) else {
            outcomes[0] += 1;
            continue;
        };
        let Ok(untiled) = planner.plan(&imported.graph) else {
            outcomes[0] += 1;
            continue;
        };
        match onnx::tile("m", &changed, &planner, (&imported.graph, &untiled), &goal, &options) {
            Err(error) => {
                assert!(!error.is_wrong_plan(), "{error}");
                outcomes[0] += 1;
            }
            Ok(None) => outcomes[1] += 1,
            Ok(Some(tiled)) => {
                assert_eq!(onnx::check("m", &tiled.bytes).unwrap().plan, tiled.plan);
                outcomes[2] += 1;
            }
        }
    }
    assert!(outcomes[0] > 0 && outcomes[2] > 0, "{outcomes:?}");
}
