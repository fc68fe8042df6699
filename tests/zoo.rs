//! Real networks: golden figures in one table, and the reference figures of
//! the zoo's `baselines.tsv` where that is at hand.
#![cfg(feature = "cli")]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use plimsoll::allocate::{GreedyObjects, Knapsack, Merge};
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{ElementType, Graph, Liveness, Ordering, Planner, Status, Variables};
use support::data;
use support::tflite::greedy_by_size;

fn import_int8(path: &Path) -> Graph {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    match import::read(path, &options).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        Imported::Graph(imported) => imported.graph,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    stem.trim_end_matches(".stripped").to_owned()
}

fn models(folder: &Path) -> Vec<PathBuf> {
    [data::files(folder, ".onnx"), data::files(folder, ".tflite")].concat()
}

/// Model, operators that run, no reuse, lower bound, arena by `auto`: at int8,
/// alignment 1.
const OWN_MODELS: [(&str, usize, u64, u64, u64); 2] = [
    ("squeezenet1_1", 65, 7_111_904, 1_577_088, 1_577_088),
    ("nas_cell_irregular_int8", 118, 1_153_628, 110_592, 110_592),
];

#[test]
fn own_models_keep_their_figures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    let files = models(&folder);
    assert_eq!(files.len(), OWN_MODELS.len());
    for path in files {
        let graph = import_int8(&path);
        let plan = Planner::new().alignment(1).order(Ordering::File).plan(&graph).unwrap();
        let figures = (plan.order.len(), plan.no_reuse_bytes(), plan.lower_bound.bytes, plan.arena_bytes);
        let golden = OWN_MODELS.iter().find(|row| row.0 == name(&path)).unwrap();
        assert_eq!(figures, (golden.1, golden.2, golden.3, golden.4), "{}", golden.0);
    }
}

/// The reference program folds variables and resources of these away.
const BASELINE_IS_WRONG: [&str; 3] =
    ["pymicro_wakeword__hey_jarvis", "pymicro_wakeword__hey_mycroft", "pymicro_wakeword__okay_nabu"];

#[test]
fn the_zoo_reaches_the_bound_and_agrees_with_the_baselines() {
    let Some(zoo) = data::folder("zoo") else { return };
    let baselines = baselines(&zoo.join("baselines.tsv"));
    let files = models(&zoo);
    assert_eq!(files.len(), 121);
    for path in files {
        let name = name(&path);
        let graph = import_int8(&path);
        let planner = Planner::new().alignment(1).variables(Variables::Outside).order(Ordering::File);
        let plan = planner.plan(&graph).unwrap();
        let liveness = Liveness::new(&graph, graph.file_order(), 1, Variables::Outside).unwrap();
        let tflite = greedy_by_size(liveness.problem());
        assert!(plan.arena_bytes <= tflite, "{name}: {} above TFLite's {tflite}", plan.arena_bytes);
        assert_eq!(plan.lower_bound.bytes, liveness.peak().bytes, "{name}");
        assert_eq!(
            plan.status,
            Status::Optimal,
            "{name}: {} of {}",
            plan.lower_bound.bytes,
            plan.arena_bytes
        );
        if !BASELINE_IS_WRONG.contains(&name.as_str()) {
            let row = &baselines[&name];
            assert_eq!(plan.order.len() as u64, row["ops"], "{name}: operators");
            assert_eq!(plan.no_reuse_bytes(), row["naive"], "{name}: no reuse");
            assert_eq!(plan.lower_bound.bytes, row["peak"], "{name}: peak");
        }
        // The default alignment, and variables in the arena, verify as well.
        Planner::new().plan(&graph).unwrap();
    }
}

fn baselines(path: &Path) -> HashMap<String, HashMap<String, u64>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t'));
    let header: Vec<&str> = lines.next().unwrap().skip(1).collect();
    let row = |mut fields: std::str::Split<'_, char>| {
        let name = fields.next().unwrap().to_owned();
        let values = fields.map(|field| field.parse().unwrap());
        (name, header.iter().map(|key| (*key).to_owned()).zip(values).collect())
    };
    lines.map(row).collect()
}

/// Shared objects: proven least on all; the greedy ones as in the reference;
/// merged, at the bound of offsets on all but one.
#[test]
fn shared_objects_of_the_zoo_are_proven() {
    let Some(zoo) = data::folder("zoo") else { return };
    let baselines = baselines(&zoo.join("baselines.tsv"));
    let mut above = Vec::new();
    for path in models(&zoo) {
        let name = name(&path);
        let graph = import_int8(&path);
        let planner = Planner::new().alignment(1).variables(Variables::Outside).order(Ordering::File);
        let plan = planner.strategy(Knapsack::new()).plan(&graph).unwrap();
        let objects = plan.objects.unwrap();
        assert_eq!(objects.total(), objects.lower_bound, "{name}");
        if name == "hrnet_w18" {
            // What a general solver of integer programs finds, too.
            assert_eq!(objects.total(), 3_118_066);
        }
        let planner = Planner::new().alignment(1).variables(Variables::Outside).order(Ordering::File);
        let greedy = planner.strategy(GreedyObjects::in_order()).plan(&graph).unwrap();
        assert!(objects.total() <= greedy.arena_bytes, "{name}");
        if !BASELINE_IS_WRONG.contains(&name.as_str()) {
            assert_eq!(greedy.arena_bytes, baselines[&name]["objects"], "{name}");
        }
        let planner = Planner::new().alignment(1).variables(Variables::Outside).order(Ordering::File);
        let merged = planner.strategy(Merge::new()).plan(&graph).unwrap();
        assert!(merged.arena_bytes <= objects.total(), "{name}");
        if merged.arena_bytes > merged.lower_bound.bytes {
            above.push((name, merged.arena_bytes));
        }
    }
    assert_eq!(above, [("darts_v2_cifar20".to_owned(), 479_232)]);
}
