//! Tiled models for TensorFlow Lite Micro; `tests/tflm/tiled.py` runs such models.

use std::collections::BTreeSet;

use crate::support::tflite_models::*;
use plimsoll::export::tflite::{self, Scratch, TfliteMeasure, TiledTflite};
use plimsoll::import::{self, Fold, ImportOptions};
use plimsoll::tiling::TilingGoal;
use plimsoll::{Planner, SharingLevel};

/// Two convolutions of 3 by 3 with a large tensor between them; the second one has stride 2 and an odd number of rows.
fn convolutions() -> Model {
    // Padding, columns and rows of a stride, activation, columns and rows of a dilation.
    let window = |stride| Some((1, vec![0, stride, stride, 0, 1, 1]));
    let weights = |name, shape: &[i32], buffer| Tensor { buffer, ..tensor(name, INT8, shape) };
    let main = SubGraph {
        tensors: vec![
            tensor("x", INT8, &[1, 33, 16, 2]),
            weights("w1", &[24, 3, 3, 2], 1),
            tensor("large", INT8, &[1, 33, 16, 24]),
            weights("w2", &[2, 3, 3, 24], 2),
            tensor("y", INT8, &[1, 17, 8, 2]),
        ],
        inputs: vec![0],
        outputs: vec![4],
        operators: vec![
            Operator { options: window(1), ..operator(0, &[0, 1], &[2]) },
            Operator { options: window(2), ..operator(0, &[2, 3], &[4]) },
        ],
        ..SubGraph::default()
    };
    let constants = [24 * 9 * 2, 2 * 9 * 24].map(|length| data(&vec![1; length]));
    model(&[CONV_2D], main, constants.to_vec())
}

fn tiled(bytes: &[u8], measure: TfliteMeasure, ppm: u64, planner: &Planner) -> Option<TiledTflite> {
    let scratch = Scratch::reference();
    let untiled = tflite::plan("m", bytes, planner.clone(), &scratch).unwrap();
    let goal = TilingGoal::least_memory().max_extra_ppm(ppm);
    let tiled = tflite::tile("m", bytes, planner, &scratch, &untiled, (&goal, measure)).unwrap();
    if let Some(tiled) = &tiled {
        let bytes = |plan: &tflite::TflitePlan| match measure {
            TfliteMeasure::Head => plan.head_bytes,
            _ => plan.estimated_arena_bytes,
        };
        assert!(bytes(&tiled.planned) < bytes(&untiled));
        assert!(u128::from(tiled.extra_cost) * 1_000_000 <= u128::from(tiled.untiled_cost) * u128::from(ppm));
    }
    tiled
}

/// Types of the operators, after checks of the written file: the plan, the shapes that follow from operators, and that
/// every tensor belongs to an operator.
fn checked(tiled: &TiledTflite) -> Vec<String> {
    let bytes = &tiled.planned.bytes;
    assert_eq!(tflite::check(bytes, &Scratch::reference()).unwrap().head_bytes, tiled.planned.head_bytes);
    let mut options = ImportOptions::default();
    options.fold = Fold::None;
    let imported = import::tflite_from_bytes("m", bytes, &options).unwrap();
    // The importer infers all shapes and notes those that the file declares otherwise.
    assert_eq!(imported.notes, Vec::<String>::new());
    let graph = imported.graph;
    let mentioned: BTreeSet<_> = graph
        .operators()
        .iter()
        .flat_map(|operator| operator.inputs().iter().chain(operator.outputs()))
        .collect();
    assert_eq!(mentioned.len(), graph.tensors().len(), "a tensor that no operator mentions");
    assert_eq!(graph.operators().len(), tiled.operators[1]);
    graph.operators().iter().map(|operator| operator.op_type().to_owned()).collect()
}

#[test]
fn convolutions_run_stripe_by_stripe() {
    let model = convolutions().bytes();
    let found = tiled(&model, TfliteMeasure::Head, 500_000, &Planner::new()).unwrap();
    assert!(found.planned.head_bytes < 33 * 16 * 24 / 2);
    let region = &found.regions[0];
    assert_eq!((region.operators.as_slice(), region.axis), ([0, 1].as_slice(), 1));
    let types = checked(&found);
    let count = |name: &str| types.iter().filter(|op_type| *op_type == name).count() as u64;
    assert!(count("CONV_2D") > region.stripes);
    assert_eq!(count("CONCATENATION") >= 1, found.added_types.contains(&"CONCATENATION"));
    assert_eq!(count("SLICE") >= 1, found.added_types.contains(&"SLICE"));
    // Inputs, outputs and constants keep their numbers.
    let graph =
        import::tflite_from_bytes("m", &found.planned.bytes, &ImportOptions::default()).unwrap().graph;
    for (number, name) in [(0, "x"), (1, "w1"), (3, "w2"), (4, "y")] {
        assert_eq!(graph.tensors()[number].name(), name);
    }
}

#[test]
fn halos_are_carried_without_extra_cost() {
    let found = tiled(&convolutions().bytes(), TfliteMeasure::Head, 0, &Planner::new()).unwrap();
    assert_eq!(found.extra_cost, 0);
    assert!(found.regions.iter().all(|region| region.is_carried));
    checked(&found);
}

#[test]
fn results_are_written_piece_by_piece_if_kernels_allow_it() {
    // The result is large, so that its pieces and a copy of them set the peak of the head.
    let mut model = convolutions();
    model.subgraphs[0].tensors[1].shape = Some(vec![96, 3, 3, 2]);
    model.subgraphs[0].tensors[2] = tensor("large", INT8, &[1, 33, 16, 96]);
    model.subgraphs[0].tensors[3].shape = Some(vec![24, 3, 3, 96]);
    model.subgraphs[0].tensors[4] = tensor("y", INT8, &[1, 33, 16, 24]);
    model.subgraphs[0].operators[1].options = Some((1, vec![0, 1, 1, 0, 1, 1]));
    model.buffers[1] = data(&vec![1; 96 * 9 * 2]);
    model.buffers[2] = data(&vec![1; 24 * 9 * 96]);
    let head = |planner: &Planner, has_updates: bool| {
        let found = tiled(&model.bytes(), TfliteMeasure::Head, 0, planner).unwrap();
        assert_eq!(found.added_types.contains(&"DYNAMIC_UPDATE_SLICE"), has_updates);
        checked(&found);
        found.planned.head_bytes
    };
    let (copied, in_place) =
        (head(&Planner::new(), false), head(&Planner::new().share(SharingLevel::InPlace), true));
    assert!(copied >= 2 * 33 * 16 * 24 && in_place < 2 * 33 * 16 * 24, "{copied} {in_place}");
}

#[test]
fn names_by_position_forbid_tiling() {
    let mut model = convolutions();
    model.metadata.push(("model_control_dependencies", 0));
    assert!(tiled(&model.bytes(), TfliteMeasure::Head, 500_000, &Planner::new()).is_none());
}

/// Changed bytes give an error, or a model whose plan is verified.
#[test]
fn changed_models_are_refused_or_tiled() {
    let count = std::env::var("PLIMSOLL_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let bytes = convolutions().bytes();
    let mut state = 27_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let mut outcomes = [0_u32; 3];
    for _ in 0..count {
        let mut changed = bytes.clone();
        for _ in 0..=below(3) {
            let place = below(changed.len());
            changed[place] = below(256) as u8;
        }
        let scratch = Scratch::reference();
        let planner = Planner::new();
        let Ok(untiled) = tflite::plan("m", &changed, planner.clone(), &scratch) else {
            outcomes[0] += 1;
            continue;
        };
        let goal = TilingGoal::least_memory().max_extra_ppm(500_000);
        match tflite::tile("m", &changed, &planner, &scratch, &untiled, (&goal, TfliteMeasure::Head)) {
            Err(_) => outcomes[0] += 1,
            Ok(None) => outcomes[1] += 1,
            Ok(Some(tiled)) => {
                let checked = tflite::check(&tiled.planned.bytes, &scratch).unwrap();
                assert_eq!(checked.head_bytes, tiled.planned.head_bytes);
                outcomes[2] += 1;
            }
        }
    }
    assert!(outcomes[0] > 0 && outcomes[2] > 0, "{outcomes:?}");
}
