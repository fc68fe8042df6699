//! Permissions from importers, compared with the elements that an operator moves.

use crate::support::onnx_models::{
    INT64, UINT8, attribute, body, initializer, input, length_delimited, node, node_with, number, output,
};
use crate::support::{onnx_models, tflite_models};
use plimsoll::import::{ImportOptions, onnx_from_bytes, tflite_from_bytes};
use plimsoll::{Graph, OperatorId, Permit, Planner, ScheduleMode, SharingLevel};
use proptest::prelude::*;

/// The numbers as little-endian bytes.
fn raw(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// An initializer of one axis with its contents.
fn numbers(name: &str, list: &[i64]) -> Vec<u8> {
    let dims = [i64::try_from(list.len()).unwrap()];
    let described = onnx_models::tensor(name, INT64, &dims);
    length_delimited(5, [described, length_delimited(9, raw(list))].concat())
}

fn shape(dims: &[i64]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn import(parts: &[Vec<u8>]) -> Graph {
    let model = onnx_models::model(parts);
    onnx_from_bytes("slices", &model, &ImportOptions::default()).unwrap().graph
}

/// An initializer of integers with its dimensions and contents.
fn constants(name: &str, dims: &[i64], list: &[i64]) -> Vec<u8> {
    let described = onnx_models::tensor(name, INT64, dims);
    length_delimited(5, [described, length_delimited(9, raw(list))].concat())
}

/// A cache of four rows; the operator replaces one row.
fn cache(op_type: &str) -> Vec<Vec<u8>> {
    let at = if op_type == "ScatterND" { "row number" } else { "row numbers" };
    vec![
        input("past", UINT8, "4, 8"),
        input("row", UINT8, "1, 8"),
        constants("row number", &[1, 1], &[2]),
        constants("row numbers", &[1, 8], &[2; 8]),
        node(op_type, &["past", at, "row"], &["present"]),
        node("Relu", &["present"], &["y"]),
        output("present", UINT8, "4, 8"),
        output("y", UINT8, "4, 8"),
    ]
}

#[test]
fn an_update_may_be_in_place_unless_it_reads_what_it_replaces() {
    let permits = |parts: &[Vec<u8>]| import(parts).operators()[0].permits().to_vec();
    for op_type in ["ScatterND", "ScatterElements"] {
        assert!(matches!(permits(&cache(op_type))[..], [Permit::InPlace { .. }]), "{op_type}");
    }
    // The rows that replace others are rows of the cache itself.
    let own = [
        input("past", UINT8, "4, 8"),
        constants("row numbers", &[4, 1], &[3, 2, 1, 0]),
        node("ScatterND", &["past", "row numbers", "past"], &["present"]),
        output("present", UINT8, "4, 8"),
    ];
    assert_eq!(permits(&own), []);
}

/// The size of the arena, and whether two tensors have the same offset.
fn planned(graph: &Graph, names: [&str; 2]) -> (u64, bool) {
    let plan = plimsoll::Planner::new().alignment(1).plan(graph).unwrap();
    let offset = |name: &str| {
        let id = graph.tensor_ids().find(|&id| graph.tensor(id).name() == name).unwrap();
        plan.offset(id).unwrap()
    };
    (plan.arena_bytes, offset(names[0]) == offset(names[1]))
}

#[test]
fn a_state_goes_from_an_input_to_an_output_of_its_size() {
    let model = onnx_models::model(&cache("ScatterND"));
    let read = |input: &str, output: &str| {
        let mut options = ImportOptions::default();
        options.states.insert(input.to_owned(), output.to_owned());
        onnx_from_bytes("cache", &model, &options)
    };
    // The arena holds the cache and `y`, both live to the end.
    assert_eq!(planned(&read("past", "present").unwrap().graph, ["past", "present"]), (64, true));
    // `y` takes the offset of `past` after its last read, while `present` is live.
    assert_eq!(planned(&read("past", "y").unwrap().graph, ["past", "y"]), (72, true));
    for (input, output, reason) in [
        ("passt", "present", "the graph has no input `passt`; inputs are `past`, `row`"),
        ("past", "z", "the graph has no output `z`; outputs are `present`, `y`"),
        ("row", "present", "the input has 8 bytes, the output 32; both must have the same size"),
    ] {
        let text = read(input, output).unwrap_err().to_string();
        assert!(text.contains(reason), "{text}");
    }
}

/// The graph of a model whose output `present` is the state for `past`.
fn with_states(parts: &[Vec<u8>], states: &[(&str, &str)]) -> Graph {
    let mut options = ImportOptions::default();
    options.states = states.iter().map(|&(old, new)| (old.to_owned(), new.to_owned())).collect();
    onnx_from_bytes("states", &onnx_models::model(parts), &options).unwrap().graph
}

/// Plans at every level of sharing. Returns the types of operators in program order, and the size of the arena at
/// the lowest and the highest level.
fn plans(graph: &Graph) -> (Vec<&str>, [u64; 2]) {
    let levels = [SharingLevel::None, SharingLevel::Views, SharingLevel::InPlace, SharingLevel::All];
    let modes = [ScheduleMode::Program, ScheduleMode::default()];
    let arenas: Vec<u64> = levels
        .into_iter()
        .flat_map(|level| modes.map(|mode| Planner::new().alignment(1).share(level).order(mode)))
        .map(|planner| planner.plan(graph).unwrap().arena_bytes)
        .collect();
    let order = graph.program_order().iter().map(|&id| graph.operator(id).op_type()).collect();
    (order, [arenas[0], *arenas.last().unwrap()])
}

#[test]
fn readers_of_an_old_state_run_before_its_update() {
    let mut parts = cache("ScatterND");
    parts[5] = node("Relu", &["past"], &["y"]);
    let states = [("past", "present")];
    assert_eq!(plans(&with_states(&parts, &[])).0, ["ScatterND", "Relu"]);
    // `y` and the cache are live to the end, the row until the update.
    assert_eq!(plans(&with_states(&parts, &states)), (vec!["Relu", "ScatterND"], [72, 72]));

    // The reader takes the old state through a view.
    parts[5] = node("Relu", &["view"], &["y"]);
    parts.extend([constants("dims", &[1], &[32]), node("Reshape", &["past", "dims"], &["view"])]);
    parts.retain(|part| *part != output("y", UINT8, "4, 8"));
    parts.push(output("y", UINT8, "32"));
    let graph = with_states(&parts, &states);
    // In program order, the view is a copy, as it is read after the update; another order needs no copy.
    assert_eq!(plans(&graph), (vec!["Reshape", "ScatterND", "Relu"], [96, 72]));
}

#[test]
fn a_state_with_the_contents_of_the_old_one_may_be_written_first() {
    let parts = [
        input("past", UINT8, "4, 8"),
        constants("dims", &[1], &[32]),
        node("Reshape", &["past", "dims"], &["present"]),
        node("Relu", &["past"], &["y"]),
        output("present", UINT8, "32"),
        output("y", UINT8, "4, 8"),
    ];
    let graph = with_states(&parts, &[("past", "present")]);
    assert_eq!(plans(&graph), (vec!["Reshape", "Relu"], [64, 64]));
}

#[test]
fn a_state_whose_reader_needs_the_new_state_has_no_plan() {
    let mut parts = cache("ScatterND");
    parts[5] = node("Add", &["past", "present"], &["y"]);
    let graph = with_states(&parts, &[("past", "present")]);
    let text = Planner::new().plan(&graph).unwrap_err().to_string();
    let reason = "`the Add` reads `past` after operator `the ScatterND` overwrites it; its result is needed for \
                  that; read `present` instead, or copy `past` first";
    assert!(text.contains(reason), "{text}");

    // Each update reads the other state, so one of them comes too late. The third state is not affected.
    let update = |old: &str, other: &str, new: &str| node("ScatterND", &[old, "rows", other], &[new]);
    let mut parts =
        vec![constants("rows", &[4, 1], &[0, 1, 2, 3]), update("a", "b", "a2"), update("b", "a", "b2")];
    parts.extend([update("c", "a", "c2"), node("Relu", &["c"], &["y"])]);
    let names = ["a", "b", "c"].map(|name| (name, format!("{name}2")));
    for (old, new) in &names {
        parts.extend([input(old, UINT8, "4, 8"), output(new, UINT8, "4, 8")]);
    }
    parts.push(output("y", UINT8, "4, 8"));
    let states: Vec<(&str, &str)> = names.iter().map(|(old, new)| (*old, &**new)).collect();
    let graph = with_states(&parts, &states);
    let text = Planner::new().plan(&graph).unwrap_err().to_string();
    assert!(
        text.contains("`the ScatterND` reads `b` after operator `the ScatterND` overwrites it"),
        "{text}"
    );
    // Without the state that comes too late, the others have a plan.
    assert_eq!(plans(&with_states(&parts, &[states[0], states[2]])).1, [160, 160]);
}

/// Parts of a model with a state of 32 bytes and one node that has bodies.
fn with_body(node: Vec<u8>, more: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let own = [input("past", UINT8, "4, 8"), node, output("present", UINT8, "4, 8")];
    [&own[..], more].concat()
}

/// An `If` whose branches return a changed `past` and these parts.
fn branching(then_branch: &[Vec<u8>], else_branch: &[Vec<u8>], outputs: &[&str]) -> Vec<u8> {
    let bodies = [body("then_branch", then_branch), body("else_branch", else_branch)];
    node_with("If", &["cond"], outputs, &bodies)
}

/// The new state is a result of bodies that read the old one: it is copied over the old one when they have run.
#[test]
fn a_body_may_compute_the_new_state_from_the_old_one() {
    let changed = |op_type: &str, name: &str| {
        [node(op_type, &["past"], &["wide"]), node("Relu", &["wide"], &[name]), output(name, UINT8, "4, 8")]
    };
    let cond = input("cond", 9, "");
    let state = [input("go", 9, ""), input("s", UINT8, "4, 8")];
    let next = [node("Add", &["s", "past"], &["next"]), output("next", UINT8, "4, 8")];
    let goes_on = [node("Identity", &["go"], &["on"]), output("on", 9, "")];
    let repeat = body("body", &[&[input("i", INT64, "")], &state[..], &goes_on, &next].concat());
    let slice = [state[1].clone(), input("x", UINT8, "4, 8")];
    let scan = body("body", &[&slice[..], &next].concat());
    let scanned = attribute("num_scan_inputs", number(3, 1));
    for (name, parts, bytes) in [
        // The state, the condition, and two tensors of a branch.
        ("If", with_body(branching(&changed("Neg", "t"), &changed("Abs", "e"), &["present"]), &[cond]), 97),
        // The number of iterations, the state, and in the body: both conditions, the state and the next one.
        (
            "Loop",
            with_body(
                node_with("Loop", &["count", "", "past"], &["present"], &[repeat]),
                &[constants("count", &[], &[3])],
            ),
            32 + 64 + 2,
        ),
        (
            "Scan",
            with_body(
                node_with("Scan", &["past", "rows"], &["present"], &[scan, scanned]),
                &[input("rows", UINT8, "5, 4, 8")],
            ),
            32 + 160 + 96,
        ),
    ] {
        assert!(import(&parts).operators()[0].permits().is_empty(), "{name}");
        let graph = with_states(&parts, &[("past", "present")]);
        assert!(matches!(graph.operators()[0].permits(), [Permit::InPlace { .. }]), "{name}");
        let (arena, is_one) = planned(&graph, ["past", "present"]);
        assert!(is_one && (bytes..bytes + 8).contains(&arena), "{name}: {arena}");
        plans(&graph);
    }
}

/// A branch that returns the old state as another output needs it until all outputs are copied. A stacked output of a
/// loop is written while later iterations read the old state.
#[test]
fn a_body_that_needs_the_old_state_to_the_end_does_not_replace_it() {
    let then_branch = [node("Neg", &["past"], &["t"]), node("Abs", &["past"], &["u"])];
    let then_branch = [&then_branch[..], &[output("t", UINT8, "4, 8"), output("u", UINT8, "4, 8")]].concat();
    let else_branch =
        [node("Abs", &["past"], &["e"]), output("e", UINT8, "4, 8"), output("past", UINT8, "4, 8")];
    let passes = branching(&then_branch, &else_branch, &["present", "copy"]);
    let swaps = branching(
        &then_branch,
        &[output("x", UINT8, "4, 8"), output("past", UINT8, "4, 8")],
        &["present", "copy"],
    );
    let more = [input("cond", 9, ""), input("x", UINT8, "4, 8"), output("copy", UINT8, "4, 8")];
    let row =
        [input("i", INT64, ""), input("go", 9, ""), node("Identity", &["go"], &["on"]), output("on", 9, "")];
    let stacked = [node("ReduceMax", &["past", "axis"], &["row"]), output("row", UINT8, "1, 1, 8")];
    let stacked = body("body", &[&row[..], &stacked, &[constants("axis", &[1], &[0])]].concat());
    let stacked = node_with("Loop", &["count", ""], &["stack"], &[stacked]);
    let squeezed = [
        input("past", UINT8, "4, 1, 8"),
        constants("count", &[], &[4]),
        stacked,
        output("stack", UINT8, "4, 1, 1, 8"),
    ];
    for (parts, output) in [
        (with_body(passes, &more), "present"),
        (with_body(swaps, &more), "present"),
        (squeezed.to_vec(), "stack"),
    ] {
        let graph = with_states(&parts, &[("past", output)]);
        let text = Planner::new().plan(&graph).unwrap_err().to_string();
        assert!(text.contains("nothing permits operator `the ") && text.contains("over `past`"), "{text}");
    }
}

#[test]
fn an_old_state_without_readers_is_in_memory_at_the_first_step() {
    let parts = [
        input("past", UINT8, "4, 8"),
        input("x", UINT8, "4, 8"),
        node("Relu", &["x"], &["present"]),
        output("present", UINT8, "4, 8"),
    ];
    let graph = with_states(&parts, &[("past", "present")]);
    let text = Planner::new().plan(&graph).unwrap_err().to_string();
    assert!(
        text.contains("no operator reads `past`, and operator `the Relu` writes `present` at the first step"),
        "{text}"
    );
    let later = [
        input("past", UINT8, "4, 8"),
        input("x", UINT8, "4, 8"),
        node("Abs", &["x"], &["m"]),
        node("Relu", &["m"], &["present"]),
        output("present", UINT8, "4, 8"),
    ];
    assert_eq!(plans(&with_states(&later, &[("past", "present")])).1, [96, 96]);
}

#[test]
fn softmax_is_in_place_with_multi_pass_kernels() {
    let model = onnx_models::model(&[
        input("x", UINT8, "4, 8"),
        input("scale", UINT8, "8"),
        node("Softmax", &["x"], &["y"]),
        node("LayerNormalization", &["y", "scale"], &["z"]),
        output("z", UINT8, "4, 8"),
    ]);
    for multi_pass in [false, true] {
        let mut options = ImportOptions::default();
        options.multi_pass = multi_pass;
        let graph = onnx_from_bytes("rows", &model, &options).unwrap().graph;
        for operator in graph.operators() {
            assert_eq!(operator.permits().len(), usize::from(multi_pass), "{}", operator.name());
        }
    }
}

/// The offset of the view that the last operator permits, if it permits one.
fn view(graph: &Graph) -> Option<u64> {
    let last = graph.operators().last().unwrap();
    match last.permits() {
        [] => None,
        &[Permit::View { input, output, at }] => {
            assert_eq!((input, output), (last.inputs()[0], last.outputs()[0]));
            Some(at)
        }
        other => panic!("{other:?}"),
    }
}

/// The positions of a slice's elements in the tensor that is cut, by enumeration.
fn elements(dims: &[i64], starts: &[i64], lengths: &[i64]) -> Vec<i64> {
    let mut places = vec![0];
    for ((&dim, &start), &length) in dims.iter().zip(starts).zip(lengths) {
        let row = |place: i64| (start..start + length).map(move |at| place * dim + at);
        places = places.into_iter().flat_map(row).collect();
    }
    places
}

/// Axes of a slice as (dimension, start, length).
fn slices() -> impl Strategy<Value = Vec<(i64, i64, i64)>> {
    let axis = (1..4i64).prop_flat_map(|dim| (Just(dim), 0..dim));
    let axis = axis.prop_flat_map(|(dim, start)| (Just(dim), Just(start), 1..=dim - start));
    prop::collection::vec(axis, 1..5)
}

proptest! {
    /// A slice is a view if and only if its elements are contiguous.
    #[test]
    fn contiguous_slices_are_views(axes in slices(), negative: bool, old: bool) {
        let dims: Vec<i64> = axes.iter().map(|axis| axis.0).collect();
        let starts: Vec<i64> = axes.iter().map(|axis| axis.1).collect();
        let lengths: Vec<i64> = axes.iter().map(|axis| axis.2).collect();
        let places = elements(&dims, &starts, &lengths);
        let in_one_piece = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let expected = in_one_piece.then(|| places[0].cast_unsigned());

        let said: Vec<i64> =
            axes.iter().map(|&(dim, start, _)| if negative { start - dim } else { start }).collect();
        let ends: Vec<i64> = axes.iter().map(|&(_, start, length)| start + length).collect();
        let slice = if old {
            let list = |name: &str, list: &[i64]| {
                attribute(name, list.iter().flat_map(|&one| onnx_models::number(8, one)).collect())
            };
            node_with("Slice", &["x"], &["y"], &[list("starts", &said), list("ends", &ends)])
        } else {
            node("Slice", &["x", "starts", "ends"], &["y"])
        };
        let graph = import(&[
            input("x", UINT8, &shape(&dims)),
            numbers("starts", &said),
            numbers("ends", &ends),
            slice,
            output("y", UINT8, &shape(&lengths)),
        ]);
        prop_assert_eq!(view(&graph), expected);

        let as_i32 = |list: &[i64]| list.iter().map(|&one| i32::try_from(one).unwrap()).collect::<Vec<_>>();
        for wide in [false, true] {
            use tflite_models::{INT8, SubGraph, Tensor, data, model, operator, tensor};
            const SLICE: i32 = 65;
            const INT32: i8 = 2;
            const INT64: i8 = 4;
            let rank = [i32::try_from(axes.len()).unwrap()];
            let narrow =
                |list: &[i64]| as_i32(list).iter().flat_map(|one| one.to_le_bytes()).collect::<Vec<u8>>();
            let bytes = |list: &[i64]| if wide { raw(list) } else { narrow(list) };
            let of = if wide { INT64 } else { INT32 };
            let main = SubGraph {
                tensors: vec![
                    tensor("x", INT8, &as_i32(&dims)),
                    Tensor { buffer: 1, ..tensor("begin", of, &rank) },
                    Tensor { buffer: 2, ..tensor("size", of, &rank) },
                    tensor("y", INT8, &as_i32(&lengths)),
                ],
                inputs: vec![0],
                outputs: vec![3],
                operators: vec![operator(0, &[0, 1, 2], &[3])],
                ..SubGraph::default()
            };
            let file = model(&[SLICE], main, vec![data(&bytes(&starts)), data(&bytes(&lengths))]).bytes();
            let graph = tflite_from_bytes("slices", &file, &ImportOptions::default()).unwrap().graph;
            prop_assert_eq!(view(&graph), expected);
        }
    }
}

/// The view permitted by a slice of `x` (4 by 8 bytes) to 2 by 8 bytes.
fn cut(more: &[Vec<u8>], slice: Vec<u8>) -> Option<u64> {
    let ends = [input("x", UINT8, "4, 8"), slice, output("y", UINT8, "2, 8")];
    view(&import(&[&ends[..1], more, &ends[1..]].concat()))
}

#[test]
fn axes_and_steps_are_heeded() {
    let lists = |axes: &[i64], steps: &[i64]| {
        vec![numbers("starts", &[1]), numbers("ends", &[3]), numbers("axes", axes), numbers("steps", steps)]
    };
    let slice = || node("Slice", &["x", "starts", "ends", "axes", "steps"], &["y"]);
    assert_eq!(cut(&lists(&[0], &[1]), slice()), Some(8));
    assert_eq!(cut(&lists(&[-2], &[1]), slice()), Some(8));
    assert_eq!(cut(&lists(&[0], &[2]), slice()), None, "a step skips rows");
    assert_eq!(cut(&lists(&[0], &[-1]), slice()), None, "a slice reverses rows");
    assert_eq!(cut(&lists(&[2], &[1]), slice()), None, "the axis does not exist");
    assert_eq!(cut(&lists(&[0, 1], &[1]), slice()), None, "one start for two axes");
}

#[test]
fn unknown_slices_are_no_views() {
    let slice = || node("Slice", &["x", "starts", "ends"], &["y"]);
    let ends = || numbers("ends", &[3]);
    // The start is computed at run time.
    assert_eq!(cut(&[input("starts", INT64, "1"), ends()], slice()), None);
    // The initializer has no data, too little data, or data in another file.
    assert_eq!(cut(&[initializer("starts", INT64, &[1]), ends()], slice()), None);
    let short = [onnx_models::tensor("starts", INT64, &[1]), length_delimited(9, [1; 4])].concat();
    assert_eq!(cut(&[length_delimited(5, short), ends()], slice()), None);
    assert_eq!(cut(&[onnx_models::external("starts", INT64, &[1], "weights"), ends()], slice()), None);
    // Of two data fields, the last counts, and it is too long.
    let own = onnx_models::tensor("starts", INT64, &[1]);
    let twice = [own, length_delimited(9, raw(&[1])), length_delimited(9, [0; 80])].concat();
    assert_eq!(cut(&[length_delimited(5, twice), ends()], slice()), None);
    // The start is past the end.
    assert_eq!(cut(&[numbers("starts", &[3]), ends()], slice()), None);
    // A valid start, to show that the rest of the model is valid.
    assert_eq!(cut(&[numbers("starts", &[2]), ends()], slice()), Some(16));
}

#[test]
fn a_constant_node_may_set_the_start_of_a_slice() {
    let value =
        length_delimited(5, [onnx_models::tensor("", INT64, &[1]), length_delimited(9, raw(&[2]))].concat());
    let constant = node_with("Constant", &[], &["starts"], &[attribute("value", value)]);
    let slice = node("Slice", &["x", "starts", "ends"], &["y"]);
    let graph = import(&[
        input("x", UINT8, "4, 8"),
        numbers("ends", &[4]),
        constant,
        slice,
        output("y", UINT8, "2, 8"),
    ]);
    assert!(graph.operator(OperatorId::new(0)).is_folded());
    assert_eq!(view(&graph), Some(16));
}

/// A model whose operator set follows the graph; the last operator set counts.
fn at_version(parts: &[Vec<u8>], version: i64) -> Graph {
    let parts = onnx_models::length_delimited(7, parts.concat());
    let opset = length_delimited(8, onnx_models::number(2, version));
    onnx_from_bytes("m", &[parts, opset].concat(), &ImportOptions::default()).unwrap().graph
}

/// The training mode may be an attribute, a constant, or unknown before the run.
#[test]
fn operators_in_training_mode_permit_nothing() {
    let x = || input("x", UINT8, "2, 3");
    let y = || output("y", UINT8, "2, 3");
    let flag = |value: u8| {
        let described = onnx_models::tensor("t", 9, &[]);
        length_delimited(5, [described, length_delimited(9, [value])].concat())
    };
    let constant = |value: u8| {
        let tensor = [onnx_models::tensor("", 9, &[]), length_delimited(9, [value])].concat();
        node_with("Constant", &[], &["t"], &[attribute("value", length_delimited(5, tensor))])
    };
    let dropout = |inputs: &[&str]| node("Dropout", inputs, &["y"]);
    let test =
        |value| node_with("Dropout", &["x"], &["y"], &[attribute("is_test", onnx_models::number(3, value))]);
    let flagged = || dropout(&["x", "", "t"]);
    let norm = |outputs: &[&str], training: i64| {
        let mode = attribute("training_mode", onnx_models::number(3, training));
        node_with("BatchNormalization", &["x", "s", "s", "s", "s"], outputs, &[mode])
    };
    let s = || input("s", UINT8, "3");
    for (number, (version, parts, permits)) in [
        (1, vec![x(), dropout(&["x"]), y()], false),
        (6, vec![x(), test(0), y()], false),
        (6, vec![x(), test(1), y()], true),
        (7, vec![x(), dropout(&["x"]), y()], true),
        (13, vec![x(), dropout(&["x"]), y()], true),
        (13, vec![x(), dropout(&["x", "", ""]), y()], true),
        (13, vec![x(), flag(0), flagged(), y()], true),
        (13, vec![x(), flag(1), flagged(), y()], false),
        (13, vec![x(), constant(0), flagged(), y()], true),
        (13, vec![x(), constant(1), flagged(), y()], false),
        (13, vec![x(), input("t", 9, ""), flagged(), y()], false),
        (15, vec![x(), s(), norm(&["y"], 0), y()], true),
        (15, vec![x(), s(), norm(&["y"], 1), y()], false),
    ]
    .into_iter()
    .enumerate()
    {
        let graph = at_version(&parts, version);
        let last = graph.operators().last().unwrap();
        assert_eq!(!last.permits().is_empty(), permits, "{number}: version {version}");
    }
}
