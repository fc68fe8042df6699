use plimsoll::export::json::{ImportRecord, PlanDocument};
use plimsoll::import::{Fold, ImportOptions};
use plimsoll::{ElementType, Graph, Plan, Problem};

use crate::fixture;

fn options() -> ImportOptions {
    let mut options = ImportOptions::default();
    options.fold = Fold::None;
    options.floats_as = Some(ElementType::Int8);
    options.dims.insert("batch".to_owned(), u64::MAX);
    options
}

#[test]
fn graph_plan() {
    let graph = fixture::graph();
    let document = PlanDocument::of_graph(&graph, &fixture::plan(&graph), &ImportOptions::default());
    insta::assert_snapshot!("graph_plan.json", document.to_json());
}

#[test]
fn problem_plan() {
    let problem = fixture::problem();
    let document = PlanDocument::of_problem("four", &problem, &fixture::solution(&problem), &options());
    insta::assert_snapshot!("problem_plan.json", document.to_json());
}

#[test]
fn plans_come_back_as_they_went() {
    let graph = fixture::graph();
    let empty = Graph::builder("").build().unwrap();
    let plans = [
        (&graph, fixture::plan(&graph)),
        (&graph, fixture::scratch_bound_plan(&graph)),
        (&graph, Plan::unplaced(&graph)),
        (&empty, Plan::unplaced(&empty)),
    ];
    for (graph, plan) in plans {
        let document = PlanDocument::of_graph(graph, &plan, &options());
        let read = PlanDocument::from_json(&document.to_json()).unwrap();
        assert_eq!(read, document);
        assert_eq!(read.to_plan(graph).unwrap(), plan);
    }
}

#[test]
fn offsets_come_back_as_they_went() {
    let problem = fixture::problem();
    let solution = fixture::solution(&problem);
    let document = PlanDocument::of_problem("four", &problem, &solution, &options());
    let read = PlanDocument::from_json(&document.to_json()).unwrap();
    assert_eq!(read, document);
    assert_eq!(read.to_solution(&problem).unwrap(), solution);
}

/// The file written by hand and the derived one say the same.
#[test]
fn the_layout_does_not_change_the_contents() {
    let graph = fixture::graph();
    let document = PlanDocument::of_graph(&graph, &fixture::plan(&graph), &options());
    let by_hand: serde_json::Value = serde_json::from_str(&document.to_json()).unwrap();
    assert_eq!(by_hand, serde_json::to_value(&document).unwrap());
}

#[test]
fn numbers_of_64_bits_are_exact() {
    let problem = Problem::new(vec![plimsoll::Buffer::new(u64::MAX, 0..u32::MAX)]).unwrap();
    let mut solution = plimsoll::Planner::new().solve(&problem).unwrap();
    solution.offsets = vec![u64::MAX - 1];
    let text = PlanDocument::of_problem("", &problem, &solution, &options()).to_json();
    let read = PlanDocument::from_json(&text).unwrap();
    assert_eq!(read.to_solution(&problem).unwrap(), solution);
    assert_eq!(read.options.dims["batch"], u64::MAX);
}

/// The least that other programs have to write.
#[test]
fn a_short_plan_of_a_later_minor_version_is_read() {
    let graph = fixture::graph();
    let text = r#"{
        "format": "plimsoll-plan/1", "status": "feasible", "arena_bytes": 64, "lower_bound_bytes": 0,
        "alignment": 1, "order": [1, 2, 3, 4], "comment": {"by": ["someone", 3]},
        "tensors": [{"index": 5, "name": "x#5", "bytes": 64, "offset": 0, "live": [0, 4], "colour": "red"}]
    }"#;
    let plan = PlanDocument::from_json(text).unwrap().to_plan(&graph).unwrap();
    assert_eq!(plan.arena_bytes, 64);
    assert_eq!(plan.offset(plimsoll::TensorId::new(5)), Some(0));
    assert_eq!(plan.placements().count(), 1);
}

#[test]
fn import_options_come_back() {
    let mut given = options();
    given.alignment = Some(64);
    let record = ImportRecord::of(&given);
    let read = record.to_options().unwrap();
    assert_eq!(ImportRecord::of(&read), record);
    assert_eq!((read.fold, read.floats_as), (Fold::None, Some(ElementType::Int8)));
    assert_eq!((read.dims, read.alignment), (given.dims, Some(64)));
}
