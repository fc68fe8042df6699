//! Import of the subgraphs that operators run as bodies.

use plimsoll::import::{ImportOptions, tflite_from_bytes};
use plimsoll::{Graph, Planner, TensorKind, Variables};

use crate::support::tflite_models::*;

const IF_OPTIONS: u8 = 92;
const WHILE_OPTIONS: u8 = 93;
const CALL_ONCE_OPTIONS: u8 = 103;

/// An operator with code 1 of the model that runs the subgraphs `callees`.
fn caller(options: u8, inputs: &[i32], outputs: &[i32], callees: &[i32]) -> Operator {
    Operator { options: Some((options, callees.to_vec())), ..operator(1, inputs, outputs) }
}

/// A subgraph from 16 bytes to `large` bytes to 16 bytes.
fn part(name: &'static str, large: i32) -> SubGraph {
    SubGraph {
        name,
        tensors: vec![tensor("in", INT8, &[16]), tensor("large", INT8, &[large]), tensor("out", INT8, &[16])],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![operator(0, &[0], &[1]), operator(0, &[1], &[2])],
    }
}

/// A model of one operator that runs subgraphs.
fn model_of(code: i32, options: u8, inputs: usize, callees: &[i32]) -> Model {
    let mut tensors = vec![tensor("x", INT8, &[16]), tensor("y", INT8, &[16])];
    if inputs == 2 {
        tensors.push(tensor("condition", INT8, &[1]));
    }
    let list: &[i32] = if inputs == 2 { &[2, 0] } else { &[0] };
    let main = SubGraph {
        tensors,
        inputs: list.to_vec(),
        outputs: vec![1],
        operators: vec![caller(options, list, &[1], callees)],
        ..SubGraph::default()
    };
    let mut model = model(&[CUSTOM, code], main, Vec::new());
    model.codes[0].custom = Some(b"Foreign".to_vec());
    model.subgraphs.extend([part("small", 100), part("large", 500)]);
    model
}

fn import(model: &Model) -> Graph {
    let imported = tflite_from_bytes("m", &model.bytes(), &ImportOptions::default()).unwrap();
    assert_eq!(imported.notes, [""; 0], "everything is planned");
    imported.graph
}

fn arena(graph: &Graph) -> u64 {
    Planner::new().alignment(1).plan(graph).unwrap().arena_bytes
}

#[test]
fn branches_get_copies_of_the_inputs() {
    let graph = import(&model_of(IF, IF_OPTIONS, 2, &[1, 2]));
    let bodies = graph.operators()[0].bodies();
    assert_eq!(bodies.iter().map(|body| body.name()).collect::<Vec<_>>(), ["small", "large"]);
    let input = &bodies[1].tensors()[0];
    assert_eq!((input.kind(), input.is_overwritable(), input.is_output()), (TensorKind::Input, true, false));
    assert_eq!(arena(&graph), 1 + 16 + 16 + (500 + 16));
}

#[test]
fn a_loop_keeps_its_state_through_an_iteration() {
    let graph = import(&model_of(WHILE, WHILE_OPTIONS, 1, &[2, 1]));
    let [condition, body] = graph.operators()[0].bodies() else { panic!("two bodies") };
    assert!(!condition.tensors()[0].is_output() && body.tensors()[0].is_output());
    assert_eq!((arena(condition), arena(body)), (516, 16 + 100 + 16));
    assert_eq!(arena(&graph), 16 + 16 + 516);
}

fn import_states(model: &Model, states: &[(&str, &str)]) -> Result<Graph, String> {
    let mut options = ImportOptions::default();
    options.states = states.iter().map(|&(past, present)| (past.to_owned(), present.to_owned())).collect();
    let imported = tflite_from_bytes("m", &model.bytes(), &options).map_err(|error| error.to_string())?;
    Ok(imported.graph)
}

/// The runtimes copy inputs to the bodies first, and results of bodies last, so that a new state may take the place of
/// the old one.
#[test]
fn operators_with_bodies_may_replace_a_state() {
    let branches = model_of(IF, IF_OPTIONS, 2, &[1, 2]);
    let repeated = model_of(WHILE, WHILE_OPTIONS, 1, &[2, 1]);
    for (model, without, with) in [(branches, 549, 533), (repeated, 548, 532)] {
        assert_eq!(arena(&import(&model)), without);
        let graph = import_states(&model, &[("x", "y")]).unwrap();
        let plan = Planner::new().alignment(1).plan(&graph).unwrap();
        assert_eq!(plan.arena_bytes, with);
        let offset = |name: &str| {
            let id = graph.tensor_ids().find(|&id| graph.tensor(id).name() == name);
            plan.offset(id.unwrap())
        };
        assert_eq!(offset("x"), offset("y"));
        plimsoll::verify::verify(&graph, &plan).unwrap();
    }
}

/// WHILE copies each input to the output of the same number before the first iteration, so another output may not have the
/// place of an input.
#[test]
fn a_loop_does_not_replace_a_state_of_another_number() {
    let mut model = model_of(WHILE, WHILE_OPTIONS, 1, &[2, 1]);
    let main = &mut model.subgraphs[0];
    main.tensors.extend([tensor("a", INT8, &[16]), tensor("b", INT8, &[16])]);
    (main.inputs, main.outputs) = (vec![0, 2], vec![1, 3]);
    main.operators[0].inputs = vec![0, 2];
    main.operators[0].outputs = vec![1, 3];
    for part in &mut model.subgraphs[1..] {
        part.tensors.push(tensor("more", INT8, &[16]));
        part.inputs.push(3);
        part.outputs.push(3);
    }
    let plan = |states: &[(&str, &str)]| Planner::new().plan(&import_states(&model, states).unwrap());
    assert!(plan(&[("x", "y"), ("a", "b")]).is_ok());
    let text = plan(&[("x", "b")]).unwrap_err().to_string();
    assert!(text.contains("`x`") && text.contains("`b`"), "{text}");
}

#[test]
fn variables_of_bodies_outlive_them() {
    let mut model = model_of(CALL_ONCE, CALL_ONCE_OPTIONS, 1, &[1]);
    model.subgraphs.truncate(2);
    model.subgraphs[1].inputs.clear();
    model.subgraphs[1].tensors[1].is_variable = true;
    // Two operators that run the same subgraph share its variable.
    model.subgraphs[0].tensors.push(tensor("z", INT8, &[16]));
    model.subgraphs[0].operators.push(caller(CALL_ONCE_OPTIONS, &[1], &[2], &[1]));
    let graph = tflite_from_bytes("m", &model.bytes(), &ImportOptions::default()).unwrap().graph;
    let variable = graph.tensors().last().unwrap();
    assert_eq!((variable.name(), variable.kind(), variable.bytes()), ("large", TensorKind::Variable, 100));
    assert_eq!(graph.tensors().len(), 4);
    let reads = graph.operators().iter().map(|operator| operator.inputs().len());
    assert_eq!(reads.collect::<Vec<_>>(), [2, 2]);
    let outside = Planner::new().alignment(1).variables(Variables::Outside).plan(&graph).unwrap();
    assert_eq!(outside.arena_bytes + 100, arena(&graph));
}

#[test]
fn impossible_bodies_are_errors() {
    let error = |model: &Model| {
        tflite_from_bytes("m", &model.bytes(), &ImportOptions::default()).unwrap_err().to_string()
    };
    let text = error(&model_of(IF, IF_OPTIONS, 2, &[1, 7]));
    assert!(text.contains("`0:IF` runs subgraph 7, but there are 3"), "{text}");
    let text = error(&model_of(IF, IF_OPTIONS, 2, &[0, 1]));
    assert!(text.contains("runs subgraph 0, which in the end runs itself"), "{text}");
    let mut nested = model_of(WHILE, WHILE_OPTIONS, 1, &[1, 1]);
    nested.subgraphs.truncate(1);
    for next in 2..40 {
        let inner =
            SubGraph { operators: vec![caller(WHILE_OPTIONS, &[0], &[2], &[next, next])], ..part("n", 1) };
        nested.subgraphs.push(inner);
    }
    nested.subgraphs.push(part("innermost", 8));
    let text = error(&nested);
    assert!(
        text.contains("more than 16 subgraphs deep") || text.contains("as often as they are run"),
        "{text}"
    );
    let mut unknown = model_of(IF, IF_OPTIONS, 2, &[1, 2]);
    unknown.subgraphs[2].tensors[1].shape = None;
    let text = error(&unknown);
    assert!(text.contains("`large` without a shape") && text.contains("in subgraph `large`"), "{text}");
}

#[test]
fn bodies_that_double_are_planned_once() {
    // The innermost subgraph runs 2^10 times.
    let mut nested = model_of(WHILE, WHILE_OPTIONS, 1, &[1, 1]);
    nested.subgraphs.truncate(1);
    for next in 2..11 {
        let inner =
            SubGraph { operators: vec![caller(WHILE_OPTIONS, &[0], &[2], &[next, next])], ..part("n", 1) };
        nested.subgraphs.push(inner);
    }
    nested.subgraphs.push(part("innermost", 1000));
    let graph = tflite_from_bytes("m", &nested.bytes(), &ImportOptions::default()).unwrap().graph;
    assert!(arena(&graph) >= 1016);
}
