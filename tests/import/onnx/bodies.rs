//! Import of the bodies of `If`, `Loop` and `Scan`.
#![cfg(feature = "onnx")]

use plimsoll::import::{Fold, ImportOptions, onnx_from_bytes};
use plimsoll::{Graph, Planner, SharingLevel, TensorKind};

use crate::support::onnx_models::*;

const BOOL: u64 = 9;

fn import(parts: &[Vec<u8>]) -> Graph {
    onnx_from_bytes("m", &model(parts), &ImportOptions::default()).unwrap().graph
}

fn arena(graph: &Graph) -> u64 {
    Planner::new().alignment(1).plan(graph).unwrap().arena_bytes
}

/// Each tensor as (name, kind, bytes, is an output).
fn tensors(body: &Graph) -> Vec<(&str, TensorKind, u64, bool)> {
    let one = |tensor: &'_ plimsoll::Tensor| (tensor.kind(), tensor.bytes(), tensor.is_output());
    let all = body.tensors().iter();
    all.map(|tensor| {
        let (kind, bytes, is_output) = one(tensor);
        (tensor.name(), kind, bytes, is_output)
    })
    .collect()
}

/// Nodes that multiply `x` by a weight with `columns` columns, and multiply the result back.
fn wide(columns: i64, name: &str) -> Vec<Vec<u8>> {
    let [h, w, back] = ["h", "w", "b"].map(|letter| format!("{letter}{name}"));
    vec![
        initializer(&w, FLOAT, &[4, columns]),
        initializer(&back, FLOAT, &[columns, 4]),
        node("MatMul", &["x", &w], &[&h]),
        node("MatMul", &[&h, &back], &[name]),
        output(name, FLOAT, "1, 4"),
    ]
}

/// An `If` whose branches compute tensors of 400 and 40 bytes from `x`.
fn branches(condition: &str) -> Vec<Vec<u8>> {
    let bodies = [body("then_branch", &wide(100, "t")), body("else_branch", &wide(10, "e"))];
    vec![
        input("x", FLOAT, "1, 4"),
        node_with("If", &[condition], &["y"], &bodies),
        output("y", FLOAT, "1, 4"),
    ]
}

/// A branch may fold operators that read the result of a `Constant` node around it.
#[test]
fn branches_capture_results_of_constant_nodes() {
    for op_type in ["Concat", "Cast", "Identity", "Neg"] {
        let changed = |result: &str| {
            let more: &[Vec<u8>] = match op_type {
                "Concat" => &[attribute("axis", number(3, 0))],
                "Cast" => &[attribute("to", number(3, 7))],
                _ => &[],
            };
            vec![node_with(op_type, &["c"], &[result], more), output(result, INT64, "3")]
        };
        let bodies = [body("then_branch", &changed("t")), body("else_branch", &changed("e"))];
        let parts = [
            input("cond", BOOL, ""),
            node_with("Constant", &[], &["c"], &[attribute("value_ints", length_delimited(8, [1, 2, 3]))]),
            node_with("If", &["cond"], &["y"], &bodies),
            output("y", INT64, "3"),
        ];
        for fold in [Fold::None, Fold::default()] {
            let mut options = ImportOptions::default();
            options.fold = fold;
            let graph = onnx_from_bytes("m", &model(&parts), &options).unwrap().graph;
            assert!(arena(&graph) >= 24, "{op_type}");
        }
    }
}

#[test]
fn branches_are_bodies_and_captured_tensors_are_inputs() {
    let graph = import(&[branches("cond"), vec![input("cond", BOOL, "")]].concat());
    let operator = &graph.operators()[0];
    let [yes, no] = operator.bodies() else { panic!("two bodies") };
    assert_eq!((yes.name(), no.name()), ("then_branch", "else_branch"));
    let kinds = TensorKind::Constant;
    let expected = [
        ("wt", kinds, 1600, false),
        ("ht", TensorKind::Intermediate, 400, false),
        ("bt", kinds, 1600, false),
    ];
    assert_eq!(tensors(yes)[..3], expected);
    assert_eq!(tensors(yes)[3], ("t", TensorKind::Intermediate, 16, true));
    // A captured tensor is a constant, linked to the operator's input.
    assert_eq!(tensors(yes)[4], ("x", kinds, 16, false));
    let linked = |body: usize| {
        let links = operator.links().iter().filter(|link| link.body == body);
        let names = links.map(|link| {
            (graph.tensor(link.tensor).name(), operator.bodies()[body].tensor(link.inner).name())
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!((linked(0), linked(1)), (vec![("x", "x"), ("y", "t")], vec![("x", "x"), ("y", "e")]));
    // `x`, the condition, and the larger branch, whose result is `y`.
    assert_eq!((arena(yes), arena(no), arena(&graph)), (416, 56, 16 + 1 + 416));
}

#[test]
fn a_known_condition_selects_one_branch() {
    let known = initializer_of("cond", BOOL, &[], &[0]);
    let graph = import(&[branches("cond"), vec![known]].concat());
    let names: Vec<&str> = graph.operators()[0].bodies().iter().map(|body| body.name()).collect();
    assert_eq!(names, ["else_branch"]);
}

/// An initializer with its contents as bytes.
fn initializer_of(name: &str, data_type: u64, dims: &[i64], bytes: &[u8]) -> Vec<u8> {
    length_delimited(5, [tensor(name, data_type, dims), length_delimited(9, bytes)].concat())
}

/// A loop over a state of 16 bytes that computes a tensor of 400 bytes and a scan output.
fn looping(more: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let inner = [
        input("i", INT64, ""),
        input("go", BOOL, ""),
        input("s", FLOAT, "1, 4"),
        initializer("w", FLOAT, &[4, 100]),
        initializer("b", FLOAT, &[100, 4]),
        node("MatMul", &["s", "w"], &["h"]),
        node("Relu", &["h"], &["r"]),
        node("MatMul", &["r", "b"], &["next"]),
        node("Identity", &["go"], &["on"]),
        output("on", BOOL, ""),
        output("next", FLOAT, "1, 4"),
    ];
    let inner = body("body", &[&inner[..], more].concat());
    let inputs = ["count", "", "x"];
    vec![
        input("x", FLOAT, "1, 4"),
        input("count", INT64, ""),
        node_with("Loop", &inputs, &["y"], &[inner]),
        output("y", FLOAT, "1, 4"),
    ]
}

#[test]
fn states_of_a_loop_are_live_through_an_iteration() {
    let graph = import(&looping(&[]));
    let [inner] = graph.operators()[0].bodies() else { panic!("one body") };
    let inputs = [
        ("i", TensorKind::Input, 8, false),
        ("go", TensorKind::Input, 1, true),
        ("s", TensorKind::Input, 16, true),
    ];
    assert_eq!(tensors(inner)[..3], inputs);
    assert!(inner.tensors()[0].is_overwritable());
    // Both layers, the state, and both conditions or the iteration number.
    assert!((800 + 16 + 1..=800 + 16 + 1 + 8).contains(&arena(inner)), "{}", arena(inner));
    // The state is `y`.
    assert_eq!(arena(&graph), 16 + 8 + arena(inner));
}

#[test]
fn a_scan_keeps_states_but_no_slices() {
    let inner = [
        input("s", FLOAT, "4"),
        input("one", FLOAT, "4"),
        node("Add", &["s", "one"], &["next"]),
        node("Add", &["next", "outer"], &["out"]),
        output("next", FLOAT, "4"),
        output("out", FLOAT, "4"),
    ];
    let scanned = attribute("num_scan_inputs", number(3, 1));
    let graph = import(&[
        input("x", FLOAT, "4"),
        input("list", FLOAT, "10, 4"),
        input("outer", FLOAT, "4"),
        node_with("Scan", &["x", "list"], &["last", "all"], &[body("body", &inner), scanned]),
        output("last", FLOAT, "4"),
        output("all", FLOAT, "10, 4"),
    ]);
    let [inner] = graph.operators()[0].bodies() else { panic!("one body") };
    let expected = [
        ("s", TensorKind::Input, 16, true),
        ("one", TensorKind::Input, 16, false),
        ("next", TensorKind::Intermediate, 16, true),
        ("out", TensorKind::Intermediate, 16, true),
    ];
    assert_eq!(tensors(inner), expected);
    // An operator that captures an input from the outer graph permits nothing.
    assert!(inner.operators()[1].permits().is_empty() && !inner.operators()[0].permits().is_empty());
    // The state is `last`.
    assert_eq!(arena(&graph), 16 + 160 + 16 + 160 + 48);
}

/// A branch that returns `x`, a constant, or one tensor twice.
#[test]
fn only_results_of_all_branches_are_linked() {
    let declared = |names: [&str; 2]| names.map(|name| output(name, FLOAT, "1, 4")).to_vec();
    let bodies = |no: Vec<Vec<u8>>| {
        let twice = vec![
            node("Relu", &["x"], &["r"]),
            node("Add", &["r", "x"], &["s"]),
            output("s", FLOAT, "1, 4"),
            output("r", FLOAT, "1, 4"),
        ];
        [body("then_branch", &twice), body("else_branch", &no)]
    };
    let graph = |no: Vec<Vec<u8>>| {
        import(&[
            input("x", FLOAT, "1, 4"),
            input("cond", BOOL, ""),
            node_with("If", &["cond"], &["y", "z"], &bodies(no)),
            output("y", FLOAT, "1, 4"),
            output("z", FLOAT, "1, 4"),
        ])
    };
    let linked = |no: Vec<Vec<u8>>| {
        let graph = graph(no);
        Planner::new().alignment(1).plan(&graph).unwrap();
        let links = graph.operators()[0].links().iter().filter(|link| link.body == 1);
        let links: Vec<&str> = links.map(|link| graph.tensor(link.tensor).name()).collect();
        links.join(" ")
    };
    let neg = |names: [&str; 2]| {
        let nodes = names.map(|name| node("Neg", &["x"], &[name])).to_vec();
        [nodes, declared(names)].concat()
    };
    assert_eq!(linked(neg(["p", "q"])), "x y z");
    // `x` is read, and is the second result.
    let nodes = vec![node("Neg", &["x"], &["p"])];
    assert_eq!(linked([nodes.clone(), declared(["p", "x"])].concat()), "x y");
    let constant = initializer("k", FLOAT, &[1, 4]);
    assert_eq!(linked([nodes.clone(), vec![constant], declared(["p", "k"])].concat()), "x y");
    assert_eq!(linked([nodes, declared(["p", "p"])].concat()), "x y");
}

#[test]
fn bodies_nest_and_are_folded() {
    let deep = [
        node("Neg", &["s"], &["n"]),
        node_with(
            "Constant",
            &[],
            &["c"],
            &[attribute("value", length_delimited(5, tensor("", FLOAT, &[1000])))],
        ),
        node("ReduceMax", &["c"], &["m"]),
        node("Mul", &["n", "m"], &["d"]),
        output("d", FLOAT, "1, 4"),
    ];
    let inner =
        node_with("If", &["go"], &["unused"], &[body("then_branch", &deep), body("else_branch", &deep)]);
    let parts = looping(&[inner]);
    let graph = import(&parts);
    let inner = &graph.operators()[0].bodies()[0];
    let nested = inner.operators().iter().find(|operator| operator.op_type() == "If").unwrap();
    // Within an iteration, the condition of the loop is true.
    assert_eq!(nested.bodies().len(), 1);
    let deep = &nested.bodies()[0];
    let folded = deep.operators().iter().filter(|operator| operator.is_folded());
    assert_eq!(folded.map(plimsoll::Operator::op_type).collect::<Vec<_>>(), ["Constant", "ReduceMax"]);
    let mut options = ImportOptions::default();
    options.fold = Fold::None;
    let unfolded = onnx_from_bytes("m", &model(&parts), &options).unwrap().graph;
    assert!(arena(&unfolded) >= arena(&graph) + 3000);
}

#[test]
fn sizes_in_bodies_follow_inputs_and_are_never_guessed() {
    let dynamic = [
        node("Reshape", &["x", "to"], &["places"]),
        node("ReduceMax", &["x"], &["t"]),
        output("t", FLOAT, "1, 1"),
    ];
    let parts = |branch: &[Vec<u8>]| {
        let bodies = [body("then_branch", branch)];
        vec![
            input("x", FLOAT, "1, n"),
            input("to", INT64, "2"),
            input("cond", BOOL, ""),
            node_with("If", &["cond"], &["y"], &[bodies[0].clone(), body("else_branch", branch)]),
            output("y", FLOAT, "1, 1"),
        ]
    };
    let mut options = ImportOptions::default();
    options.dims.insert("n".to_owned(), 4);
    let error = onnx_from_bytes("m", &model(&parts(&dynamic)), &options).unwrap_err().to_string();
    assert!(error.contains("`places`") && error.contains("in a body of `the If`"), "{error}");
    assert!(error.contains("depends on the numbers in `to`"), "{error}");
    // The file may declare the shape, for its own input shapes.
    let told = [&dynamic[..], &[value_info("places", FLOAT, "2, 2")]].concat();
    let graph = onnx_from_bytes("m", &model(&parts(&told)), &options).unwrap().graph;
    assert_eq!(graph.operators()[0].bodies()[0].tensors()[0].bytes(), 16);
    let symbolic =
        [node("Neg", &["x"], &["big"]), node("ReduceMax", &["big"], &["t"]), output("t", FLOAT, "1, 1")];
    for n in [4, 400] {
        options.dims.insert("n".to_owned(), n);
        let graph = onnx_from_bytes("m", &model(&parts(&symbolic)), &options).unwrap().graph;
        assert_eq!(graph.operators()[0].bodies()[0].tensors()[0].bytes(), 4 * n);
    }
}

#[test]
fn upper_bounds_in_bodies_are_marked_and_noted() {
    let inner =
        [node("NonZero", &["x"], &["places"]), node("ReduceMax", &["x"], &["s"]), output("s", FLOAT, "1, 1")];
    let branch = [
        node_with("If", &["cond"], &["t"], &[body("then_branch", &inner), body("else_branch", &inner)]),
        output("t", FLOAT, "1, 1"),
    ];
    let parts = [
        input("x", FLOAT, "2, 3"),
        input("cond", BOOL, ""),
        node_with("If", &["cond"], &["y"], &[body("then_branch", &branch), body("else_branch", &inner)]),
        output("y", FLOAT, "1, 1"),
    ];
    let imported = onnx_from_bytes("m", &model(&parts), &ImportOptions::default()).unwrap();
    let note = "sizes in bodies that depend on data, planned at their upper bound: `places` [2, 6] in `the If`; \
                `places` [2, 6] in `the If`; `places` [2, 6] in `the If`";
    assert!(imported.notes.iter().any(|found| found == note), "{:?}", imported.notes);
    let places = &imported.graph.operators()[0].bodies()[1].tensors()[0];
    assert!(places.is_upper_bound() && places.bytes() == 96);
}

#[test]
fn an_operator_that_is_folded_away_needs_no_bodies() {
    let dynamic =
        [node("NonZero", &["w"], &["places"]), node("ReduceMax", &["w"], &["t"]), output("t", FLOAT, "1")];
    let parts = [
        initializer("w", FLOAT, &[4]),
        initializer("cond", BOOL, &[]),
        node_with("If", &["cond"], &["c"], &[body("then_branch", &dynamic), body("else_branch", &dynamic)]),
        node("Add", &["x", "c"], &["y"]),
        input("x", FLOAT, "4"),
        value_info("c", FLOAT, "1"),
        output("y", FLOAT, "4"),
    ];
    let graph = import(&parts);
    assert!(graph.operators()[0].is_folded());
    assert!(Planner::new().share(SharingLevel::All).plan(&graph).unwrap().bodies.is_empty());
}

#[test]
fn models_are_written_with_bodies_in_the_order_of_their_plans() {
    use plimsoll::export::onnx;
    use plimsoll::verify::verify;

    // In program order, both large tensors are live at once.
    let unordered = |large: i64, name: &str| {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|letter| format!("{letter}{name}"));
        let weight = format!("w{name}");
        vec![
            initializer(&weight, FLOAT, &[4, large]),
            node("MatMul", &["x", &weight], &[&a]),
            node("MatMul", &["x", &weight], &[&b]),
            node_with("ReduceMax", &[&a], &[&c], &[attribute("keepdims", number(3, 1))]),
            node_with("ReduceMax", &[&b], &[&d], &[attribute("keepdims", number(3, 1))]),
            node("Add", &[&c, &d], &[name]),
            output(name, FLOAT, "1, 1"),
        ]
    };
    let nested = node_with(
        "If",
        &["cond"],
        &["inner"],
        &[body("then_branch", &unordered(300, "p")), body("else_branch", &unordered(30, "q"))],
    );
    let mut yes = unordered(100, "t");
    yes.insert(0, nested);
    let parts = [
        input("x", FLOAT, "1, 4"),
        input("cond", BOOL, ""),
        node_with(
            "If",
            &["cond"],
            &["y"],
            &[body("else_branch", &unordered(50, "e")), body("then_branch", &yes)],
        ),
        output("y", FLOAT, "1, 1"),
    ];
    let (bytes, options) = (model(&parts), ImportOptions::default());
    let graph = onnx_from_bytes("m", &bytes, &options).unwrap().graph;
    let plan = Planner::new().alignment(1).plan(&graph).unwrap();
    let in_order = Planner::new().alignment(1).order(plimsoll::ScheduleMode::Program).plan(&graph).unwrap();
    assert!(plan.arena_bytes + 1000 < in_order.arena_bytes);
    let written = onnx::write("m", &bytes, &graph, &plan, &options).unwrap();
    let checked = onnx::check("m", &written).unwrap();
    assert_eq!(checked.plan.arena_bytes, plan.arena_bytes);
    assert_eq!(verify(&checked.graph, &checked.plan), Ok(()));
    // The written file in its own order needs no more memory.
    let again =
        Planner::new().alignment(1).order(plimsoll::ScheduleMode::Program).plan(&checked.graph).unwrap();
    assert_eq!(again.arena_bytes, plan.arena_bytes);
    // Writing a planned file again changes nothing.
    let moved = onnx::write("m", &written, &checked.graph, &checked.plan, &options).unwrap();
    assert_eq!(moved, written);
}
