//! The fuzz targets of `fuzz/`: each takes arbitrary bytes and panics if the library breaks a promise.
//! Not part of the public API.
//!
//! An input is either refused with an error or gives a verified plan, whose documents are written again
//! with the same bytes after reading. `MAX_OPERATORS` and `NODES` bound the planning, so that an input
//! that takes long is a finding.

mod bytes;
mod drawn;
mod planner;

pub use planner::planner;

use crate::export::json::{self, PlanDocument, PoolPlanDocument};
use crate::import::{self, ImportError, ImportOptions, ImportedGraph};
use crate::verify::{verify, verify_pools, verify_solution, verify_tiled_plan};
use crate::{Graph, Limits, Plan, PlanView, Planner, Pool, PoolPlan, Pools, Problem, SharingLevel};

/// Larger graphs are imported but not planned.
const MAX_OPERATORS: usize = 64;

/// Node limit of each planning run.
const NODES: u64 = 300;

/// A longer message would show that names from the file are copied without limit.
const MAX_MESSAGE_BYTES: usize = 2 << 10;

/// The graph to which fuzzed plans refer.
const NETWORK: &str = include_str!("network.json");

/// Imports an ONNX file.
pub fn onnx(bytes: &[u8]) {
    let mut options = ImportOptions::default();
    check_import(import::onnx_from_bytes("m", bytes, &options));
    options.dims.insert("N".to_owned(), 3);
    let _ = import::onnx_from_bytes("m", bytes, &options);
}

/// Imports a `TFLite` file.
pub fn tflite(bytes: &[u8]) {
    check_import(import::tflite_from_bytes("m", bytes, &ImportOptions::default()));
}

/// Imports graph JSON.
pub fn graph_json(bytes: &[u8]) {
    check_import(import::graph_json_from_bytes("m", bytes, &ImportOptions::default()));
}

/// Imports buffers as CSV.
pub fn csv(bytes: &[u8]) {
    match import::csv_from_bytes("m", bytes, &ImportOptions::default()) {
        Err(error) => check_message(&error.to_string()),
        Ok(problem) if problem.buffers().len() > 4 * MAX_OPERATORS => {}
        Ok(problem) => check_problem(&problem),
    }
}

/// Reads a plan for an arena: it is refused, or its document is the same after every reading.
pub fn plan_json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let graph = network();
    if let Ok(plan) = PlanDocument::from_json(text).and_then(|document| document.to_tiled_plan(&graph)) {
        let _ = verify_tiled_plan(&graph, &plan);
    }
    match PlanDocument::from_json(text).and_then(|document| document.to_plan(&graph)) {
        Err(error) => check_message(&error.to_string()),
        Ok(plan) => {
            let _ = verify(&graph, &plan);
            check_document(&graph, &plan);
        }
    }
}

/// Reads a plan for several memories, like [`plan_json`].
pub fn pool_plan_json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let graph = network();
    match PoolPlanDocument::from_json(text).and_then(|document| document.to_plan(&graph)) {
        Err(error) => check_message(&error.to_string()),
        Ok(plan) => {
            let _ = verify_pools(&graph, &plan);
            check_pool_document(&graph, &plan);
        }
    }
}

fn network() -> Graph {
    let imported = import::graph_json_from_bytes("m", NETWORK.as_bytes(), &ImportOptions::default());
    imported.expect("the network is valid").graph
}

fn check_import(imported: Result<ImportedGraph, ImportError>) {
    match imported {
        Err(error) => check_message(&error.to_string()),
        Ok(imported) => {
            imported.notes.iter().for_each(|note| check_message(note));
            if imported.graph.operators().len() <= MAX_OPERATORS
                && imported.graph.tensors().len() <= 4 * MAX_OPERATORS
            {
                check_graph(&imported.graph);
            }
        }
    }
}

fn check_message(text: &str) {
    assert!(!text.is_empty() && text.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes", text.len());
}

/// Plans a graph. Errors are allowed for total sizes beyond 64 bits and for unsatisfiable constraints.
fn check_graph(graph: &Graph) {
    for sharing in [SharingLevel::None, SharingLevel::All] {
        let planner = Planner::new().share(sharing).limits(Limits::new().nodes(NODES));
        if let Some(plan) = accepted(planner.plan(graph)) {
            verify(graph, &plan).expect("a plan is verified before it is returned");
            check_document(graph, &plan);
        }
    }
    let largest = graph.tensors().iter().map(crate::Tensor::bytes).max().unwrap_or(0);
    let chip = Pool::on_chip("chip", largest.saturating_mul(2));
    let pools = Pools::new([chip, Pool::off_chip("ddr")]).expect("two pools");
    let planner = Planner::new().limits(Limits::new().nodes(NODES));
    if let Some(plan) = accepted(planner.place(graph, &pools)) {
        verify_pools(graph, &plan).expect("a plan is verified before it is returned");
        check_pool_document(graph, &plan);
    }
}

fn check_problem(problem: &Problem) {
    let solution = Planner::new().limits(Limits::new().nodes(NODES)).solve(problem);
    let Some(solution) = accepted(solution) else { return };
    verify_solution(problem, &solution).expect("offsets are verified before they are returned");
    let text =
        |solution| json::write(&PlanView::of_solution("m", problem, solution), &ImportOptions::default());
    let written = text(&solution);
    let read = PlanDocument::from_json(&written).and_then(|document| document.to_solution(problem));
    assert_eq!(text(&read.expect("a written document can be read")), written);
}

/// The result, or `None` if the input is at fault; panics for an internal error.
fn accepted<T>(result: crate::Result<T>) -> Option<T> {
    match result {
        Ok(result) => Some(result),
        Err(error @ (crate::Error::WrongPlan { .. } | crate::Error::Refused { .. })) => {
            panic!("internal error: {error}")
        }
        Err(error) => {
            check_message(&error.to_string());
            None
        }
    }
}

/// Checks that a written document can be read, and is then written with the same bytes.
fn check_document(graph: &Graph, plan: &Plan) {
    let text = |plan| json::write(&PlanView::of_plan(graph, plan), &ImportOptions::default());
    let written = text(plan);
    let read = PlanDocument::from_json(&written).and_then(|document| document.to_plan(graph));
    assert_eq!(text(&read.expect("a written document can be read")), written);
}

fn check_pool_document(graph: &Graph, plan: &PoolPlan) {
    let text = |plan| json::write(&PlanView::of_pools(graph, plan), &ImportOptions::default());
    let written = text(plan);
    let read = PoolPlanDocument::from_json(&written).and_then(|document| document.to_plan(graph));
    assert_eq!(text(&read.expect("a written document can be read")), written);
}
