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
    convolutions_with(rows, version, &[])
}

/// The convolutions, and more parts of the graph.
fn convolutions_with(rows: &str, version: i64, more: &[Vec<u8>]) -> Vec<u8> {
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
    [number(1, 8), length_delimited(7, [parts.concat(), more.concat()].concat()), opset].concat()
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

/// The names of the tensors that tiling adds.
fn new_names(tiled: &TiledOnnx) -> Vec<String> {
    let names = tiled.graph.tensors().iter().map(|tensor| tensor.name().to_owned());
    names.filter(|name| name.contains("/rows_") || name.starts_with("tiling/")).collect()
}

/// Names of initializers that no node reads, of declared types without a tensor, and of tensors in a branch that never
/// runs are taken.
#[test]
fn names_anywhere_in_the_file_are_taken() {
    let taken = new_names(&tiled(&convolutions("33", 13), 500_000).unwrap());
    assert!(taken.len() > 20);
    let all = |part: &dyn Fn(&str) -> Vec<u8>| taken.iter().flat_map(|name| part(name)).collect::<Vec<u8>>();
    let shape = "1, 2, 17, 8";
    let never = [all(&|name| node("Neg", &["y"], &[name])), output(&taken[0], FLOAT, shape)];
    let always = [node("Abs", &["y"], &["abs"]), output("abs", FLOAT, shape)];
    let branches = [body("then_branch", &always), body("else_branch", &never)];
    let condition = length_delimited(5, [tensor("yes", 9, &[]), length_delimited(9, [1])].concat());
    let chosen = [condition, node_with("If", &["yes"], &["z"], &branches), output("z", FLOAT, shape)];
    let cases = [
        all(&|name| initializer(name, FLOAT, &[1])),
        all(&|name| sparse_initializer(name, FLOAT, 1, &[4])),
        all(&|name| value_info(name, FLOAT, "3")),
        chosen.concat(),
    ];
    for (case, added) in cases.into_iter().enumerate() {
        let found = tiled(&convolutions_with("33", 13, &[added]), 500_000).unwrap();
        let new = new_names(&found);
        assert!(new.len() >= taken.len());
        let twice: Vec<&String> = new.iter().filter(|name| taken.contains(name)).collect();
        assert!(twice.is_empty(), "case {case}: {twice:?}");
    }
}

/// Without axes, `Squeeze` would remove the rows of a tile of one row.
#[test]
fn squeeze_without_axes_runs_as_a_whole() {
    let model = |attributes: &[Vec<u8>]| {
        let parts = [
            node_with("Exp", &["x"], &["large"], &[]),
            node_with("Squeeze", &["large"], &["flat"], attributes),
            node_with("Tanh", &["flat"], &["positive"], &[]),
            node_with("ReduceMax", &["positive"], &["y"], &[ints("axes", &[1])]),
            input("x", 1, "33, 640, 1"),
            output("y", 1, "33, 1"),
        ];
        [number(1, 8), length_delimited(7, parts.concat()), length_delimited(8, number(2, 11))].concat()
    };
    let whole = |bytes: &[u8]| {
        tiled(bytes, 0)
            .is_none_or(|found| types(&found).iter().filter(|name| **name == "Squeeze").count() == 1)
    };
    assert!(whole(&model(&[])));
    assert!(!whole(&model(&[ints("axes", &[2])])));
}

/// ONNX Runtime computes the padding without the dilation, whatever shape the file declares.
#[test]
fn pooling_with_automatic_padding_and_dilation_runs_as_a_whole() {
    let model = |dilation: i64| {
        let pooling = [
            ints("kernel_shape", &[4, 4]),
            ints("strides", &[4, 4]),
            text("auto_pad", "SAME_UPPER"),
            ints("dilations", &[1, dilation]),
        ];
        let parts = [
            node_with("Exp", &["x"], &["large"], &[]),
            node_with("MaxPool", &["large"], &["pooled"], &pooling),
            node_with("ReduceMax", &["pooled"], &["y"], &[ints("axes", &[2, 3])]),
            value_info("pooled", FLOAT, "1, 2, 16, 4"),
            input("x", FLOAT, "1, 2, 64, 16"),
            output("y", FLOAT, "1, 2, 1, 1"),
        ];
        [number(1, 8), length_delimited(7, parts.concat()), length_delimited(8, number(2, 13))].concat()
    };
    let pools = |found: Option<TiledOnnx>| {
        found.map_or(1, |found| types(&found).iter().filter(|name| **name == "MaxPool").count())
    };
    assert!(pools(tiled(&model(1), 500_000)) > 1);
    assert_eq!(pools(tiled(&model(2), 500_000)), 1);
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
