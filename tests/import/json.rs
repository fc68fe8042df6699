//! Import of graphs from JSON.

use plimsoll::export::graph_hash;
use plimsoll::export::json::{PlanDocument, graph_to_json};
use plimsoll::import::{Fold, ImportError, ImportOptions, ImportedGraph, graph_json_from_bytes};
use plimsoll::verify::verify;
use plimsoll::{
    AccessMap, CancelToken, ElementType, Error, Graph, OperatorId, Outside, Permit, Planner,
    RelativePlacement, RowMap, Side, TensorId, TensorKind, TileAxis,
};
use serde_json::{Value, json};

fn import_text(text: &str) -> Result<ImportedGraph, ImportError> {
    graph_json_from_bytes("file", text.as_bytes(), &ImportOptions::default())
}

fn import(value: &Value) -> Graph {
    let imported = import_text(&value.to_string()).unwrap();
    assert!(imported.notes.is_empty());
    imported.graph
}

fn error(value: &Value) -> String {
    let text = import_text(&value.to_string()).unwrap_err().to_string();
    text.strip_prefix("not a valid graph JSON file: ").map(str::to_owned).unwrap_or(text)
}

/// `conv` reads `image` and `weights` and writes `features`, the output.
fn small() -> Value {
    json!({
        "name": "small",
        "ops": [{"name": "conv", "type": "Conv", "inputs": [0, 1], "outputs": [2]}],
        "tensors": [
            {"name": "image", "shape": [1, 16], "dtype": "int8", "bytes": 16, "kind": "input"},
            {"name": "weights", "shape": [3, 3], "dtype": "int4", "bytes": 5, "kind": "constant"},
            {"name": "features", "shape": [1, 8], "dtype": "float", "bytes": 32, "kind": "output"},
        ],
    })
}

#[test]
fn a_small_graph_is_read_in_full() {
    let graph = import(&small());
    assert_eq!(graph.name(), "small");
    let [conv] = graph.operators() else { panic!("{:?}", graph.operators()) };
    assert_eq!((conv.name(), conv.op_type(), conv.scratch_bytes()), ("conv", "Conv", 0));
    assert!(conv.runs_after().is_empty());
    let read: Vec<usize> = conv.inputs().iter().map(|id| id.index()).collect();
    let written: Vec<usize> = conv.outputs().iter().map(|id| id.index()).collect();
    assert_eq!((read, written), (vec![0, 1], vec![2]));
    let [image, weights, features] = graph.tensors() else { panic!("{:?}", graph.tensors()) };
    let kinds = [image.kind(), weights.kind(), features.kind()];
    assert_eq!(kinds, [TensorKind::Input, TensorKind::Constant, TensorKind::Intermediate]);
    assert_eq!([image.is_output(), weights.is_output(), features.is_output()], [false, false, true]);
    assert_eq!([image.bytes(), weights.bytes(), features.bytes()], [16, 5, 32]);
    assert_eq!(features.element_type(), Some(ElementType::Float32));
    assert_eq!(features.shape(), Some(&[1, 8][..]));
}

#[test]
fn names_fall_back_to_the_file_and_further_keys_are_ignored() {
    let mut value = small();
    value.as_object_mut().unwrap().remove("name");
    value["version"] = json!({"major": [1, {}]});
    value["tensors"][0]["shape_signature"] = json!([-1, 16]);
    value["ops"][0]["attributes"] = json!(null);
    value["ops"][0].as_object_mut().unwrap().remove("type");
    let graph = import(&value);
    assert_eq!(graph.name(), "file");
    assert_eq!(graph.operators()[0].op_type(), "");
}

#[test]
fn optional_keys_reach_the_graph() {
    let mut value = small();
    value["ops"][0]["scratch"] = json!(256);
    value["ops"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "log", "type": "Log", "inputs": [2], "outputs": [], "after": [0]}));
    value["tensors"][0]["alignment"] = json!(64);
    value["tensors"][0]["offset"] = json!(128);
    value["outputs"] = json!([0]);
    let graph = import(&value);
    assert_eq!(graph.operators()[0].scratch_bytes(), 256);
    assert_eq!(graph.operators()[1].runs_after(), [OperatorId::new(0)]);
    let image = &graph.tensors()[0];
    assert_eq!((image.alignment(), image.fixed_offset(), image.is_output()), (Some(64), Some(128), true));
    assert_eq!(image.kind(), TensorKind::Input);
}

#[test]
fn bytes_or_shape_and_type_suffice() {
    let tensor = |size: Value| {
        let mut value = small();
        let mut tensor = json!({"name": "image", "kind": "input"});
        tensor.as_object_mut().unwrap().extend(size.as_object().unwrap().clone());
        value["tensors"][0] = tensor;
        value
    };
    let bytes = |size: Value| import(&tensor(size)).tensors()[0].bytes();
    assert_eq!(bytes(json!({"bytes": 12})), 12);
    assert_eq!(bytes(json!({"bytes": 12, "shape": [7]})), 12);
    assert_eq!(bytes(json!({"bytes": 12, "dtype": "float", "shape": null})), 12);
    assert_eq!(bytes(json!({"shape": [3, 5], "dtype": "bf16"})), 30);
    assert_eq!(bytes(json!({"shape": [], "dtype": "float64"})), 8);
    assert_eq!(bytes(json!({"shape": [2], "dtype": "string", "bytes": 99})), 99);
    let missing = "1 tensor has no static size: `image`; give each `bytes`, or `shape` and `dtype`";
    assert_eq!(error(&tensor(json!({"shape": [4]}))), missing);
    assert_eq!(error(&tensor(json!({"dtype": "int8"}))), missing);
    assert_eq!(
        error(&tensor(json!({"shape": [3, 5], "dtype": "int16", "bytes": 15}))),
        "tensor `image` says 15 bytes, but int16 of shape [3, 5] takes 30"
    );
    let unknown = error(&tensor(json!({"shape": [3], "dtype": "int7", "bytes": 3})));
    assert!(unknown.starts_with("tensor `image`: `int7` is not an element type; use one of "), "{unknown}");
    assert_eq!(
        error(&tensor(json!({"shape": [2], "dtype": "string"}))),
        "tensor `image` holds strings, whose size is not known before the run"
    );
}

#[test]
fn references_are_checked() {
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut value = small();
        change(&mut value);
        error(&value)
    };
    assert_eq!(
        broken(&|value| value["ops"][0]["inputs"] = json!([0, 3])),
        "operator `conv` names tensor 3, but there are 3 tensors"
    );
    assert_eq!(
        broken(&|value| value["ops"][0]["outputs"] = json!([u64::MAX])),
        "operator `conv` names tensor 18446744073709551615, but there are 3 tensors"
    );
    assert_eq!(
        broken(&|value| value["ops"][0]["after"] = json!([1])),
        "operator `conv` names operator 1, but there are 1 operators"
    );
    assert_eq!(
        broken(&|value| value["outputs"] = json!([9])),
        "the list of graph outputs names tensor 9, but there are 3 tensors"
    );
    assert_eq!(
        broken(&|value| value["ops"] = json!([])),
        "tensor `features` has no producer, but the graph outputs it; \
         is it an input, a constant or a variable?"
    );
    assert_eq!(
        broken(&|value| value["ops"][0]["after"] = json!([0])),
        "operators depend on each other in a cycle: `conv` -> `conv`"
    );
    assert_eq!(
        broken(&|value| value["tensors"][0]["alignment"] = json!(3)),
        "tensor `image`: alignment 3 is not a power of two"
    );
}

#[test]
fn mistakes_of_form_have_line_and_column() {
    let text = |text: &str| import_text(text).unwrap_err().to_string();
    assert_eq!(text(""), "not a valid graph JSON file: EOF while parsing a value at line 1 column 0");
    assert_eq!(
        text("{\n \"ops\": [],\n \"tensors\": [{\"name\": \"a\", \"kind\": \"weight\"}]}"),
        "not a valid graph JSON file: unknown variant `weight`, expected one of \
         `input`, `output`, `constant`, `variable`, `intermediate` at line 3 column 43"
    );
    assert_eq!(
        text("{\"ops\": []}"),
        "not a valid graph JSON file: missing field `tensors` at line 1 column 11"
    );
    let negative = text("{\"ops\": [], \"tensors\": [\n{\"name\": \"a\", \"shape\": [-1]}]}");
    assert!(negative.contains("integer `-1`") && negative.contains("line 2"), "{negative}");
}

#[test]
fn no_cut_and_no_depth_makes_it_panic() {
    let text = small().to_string();
    for length in 0..text.len() {
        assert!(matches!(import_text(&text[..length]), Err(ImportError::Malformed { .. })), "{length}");
    }
    let deep = "[".repeat(1 << 20);
    assert!(import_text(&deep).is_err());
    assert!(import_text(&format!("{{\"x\": {deep}")).is_err());
}

/// A chain with one operator per type, from a constant to the output.
fn chain(types: &[&str]) -> Value {
    let tensor = |name: usize, kind: &str| json!({"name": name.to_string(), "bytes": 4, "kind": kind});
    let mut tensors = vec![tensor(0, "constant")];
    tensors.extend((1..types.len()).map(|index| tensor(index, "intermediate")));
    tensors.push(tensor(types.len(), "output"));
    let ops = types.iter().enumerate().map(|(index, op_type)| {
        json!({"name": index.to_string(), "type": op_type, "inputs": [index], "outputs": [index + 1]})
    });
    json!({"ops": ops.collect::<Vec<_>>(), "tensors": tensors})
}

fn folded(graph: &Graph) -> Vec<bool> {
    graph.operators().iter().map(plimsoll::Operator::is_folded).collect()
}

#[test]
fn constants_fold_up_to_operators_that_must_run() {
    assert_eq!(folded(&import(&chain(&["Cast", "DEQUANTIZE", "If", "Cast"]))), [true, true, false, false]);
    for op_type in ["RandomNormalLike", "Loop", "CUSTOM:x", "READ_VARIABLE"] {
        assert_eq!(folded(&import(&chain(&["Cast", op_type]))), [true, false], "{op_type}");
    }
    let mut options = ImportOptions::default();
    options.fold = Fold::None;
    let text = chain(&["Cast", "Cast"]).to_string();
    let graph = graph_json_from_bytes("x", text.as_bytes(), &options).unwrap().graph;
    assert_eq!(folded(&graph), [false, false]);
}

#[test]
fn of_operators_without_inputs_only_constants_fold() {
    let mut value = chain(&["Cast", "Cast"]);
    value["ops"][0]["inputs"] = json!([]);
    assert_eq!(folded(&import(&value)), [false, false]);
    value["ops"][0]["type"] = json!("Constant");
    assert_eq!(folded(&import(&value)), [true, true]);
}

#[test]
fn state_does_not_fold() {
    let mut value = chain(&["Cast", "Cast"]);
    value["tensors"][1] = json!({"name": "handle", "shape": [], "dtype": "resource", "kind": "intermediate"});
    assert_eq!(folded(&import(&value)), [false, false]);
    value["tensors"][1] = json!({"name": "state", "bytes": 4, "kind": "variable"});
    assert_eq!(folded(&import(&value)), [false, false]);
}

#[test]
fn operators_that_may_share_state_keep_their_order() {
    let mut value = chain(&["VAR_HANDLE", "ADD", "If", "CALL_ONCE"]);
    value["ops"][3]["inputs"] = json!([]);
    value["ops"][3]["after"] = json!([1]);
    let graph = import(&value);
    let after: Vec<_> = graph.operators().iter().map(plimsoll::Operator::runs_after).collect();
    let id = OperatorId::new;
    assert_eq!(after, [&[][..], &[], &[], &[id(0), id(1)]]);
}

#[test]
fn floats_may_count_as_another_type() {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    let graph = graph_json_from_bytes("x", small().to_string().as_bytes(), &options).unwrap().graph;
    let bytes: Vec<u64> = graph.tensors().iter().map(plimsoll::Tensor::bytes).collect();
    assert_eq!(bytes, [16, 5, 8]);
}

/// Graph JSON states only the types of operators. Operators of unknown types may have side effects,
/// so they are not folded, even if they read constants only.
#[test]
fn only_pure_operators_are_folded() {
    let text = r#"{"ops":[
        {"name":"a","type":"random_uniform","inputs":[0],"outputs":[1]},
        {"name":"b","type":"ReadSensor","inputs":[0],"outputs":[2]},
        {"name":"c","type":"Cast","inputs":[0],"outputs":[3]},
        {"name":"d","type":"Cast","inputs":[0],"outputs":[4],"scratch":64},
        {"name":"e","type":"Mine","inputs":[0],"outputs":[5],"foldable":true},
        {"name":"f","type":"Cast","inputs":[0],"outputs":[6],"foldable":false},
        {"name":"g","inputs":[0],"outputs":[]}],
        "tensors":[{"name":"w","bytes":16,"kind":"constant"},
        {"name":"t1","bytes":9,"kind":"intermediate"},{"name":"t2","bytes":9,"kind":"intermediate"},
        {"name":"t3","bytes":9,"kind":"intermediate"},{"name":"t4","bytes":9,"kind":"intermediate"},
        {"name":"t5","bytes":9,"kind":"intermediate"},{"name":"t6","bytes":9,"kind":"intermediate"}]}"#;
    for bytes in [text.as_bytes().to_vec(), ["\u{feff}".as_bytes(), text.as_bytes()].concat()] {
        let graph =
            plimsoll::import::graph_json_from_bytes("m", &bytes, &ImportOptions::default()).unwrap().graph;
        let folded: Vec<&str> = graph
            .operators()
            .iter()
            .filter(|operator| operator.is_folded())
            .map(plimsoll::Operator::name)
            .collect();
        assert_eq!(folded, ["c", "e"]);
    }
}

/// `small` followed by `relu`, which may write `result` over `features`.
fn shared() -> Value {
    let mut value = small();
    let relu = json!({"name": "relu", "type": "Relu", "inputs": [2], "outputs": [3]});
    value["ops"].as_array_mut().unwrap().push(relu);
    value["tensors"].as_array_mut().unwrap().push(json!({"name": "result", "bytes": 32, "kind": "output"}));
    value["tensors"][2]["kind"] = json!("intermediate");
    value
}

#[test]
fn sharing_is_read() {
    let mut value = shared();
    value["tensors"][0]["overwritable"] = json!(true);
    value["ops"][0]["permits"] =
        json!([{"how": "overlap", "input": 0, "output": 2, "bytes": 4, "lower": "output"}]);
    value["ops"][1]["permits"] = json!([
        {"how": "in_place", "input": 2, "output": 3},
        {"how": "view", "input": 2, "output": 3},
        {"how": "piece", "input": 2, "output": 3, "at": 0},
    ]);
    value["placements"] = json!([{"tensor": 3, "of": 2}, {"tensor": 2, "of": 0, "at": 64}]);
    value["apart"] = json!([[3, 0]]);
    let graph = import(&value);
    let ids: Vec<TensorId> = graph.tensor_ids().collect();
    let (input, output) = (ids[2], ids[3]);
    assert!(graph.tensor(ids[0]).is_overwritable() && !graph.tensor(input).is_overwritable());
    assert_eq!(
        graph.operators()[0].permits(),
        [Permit::Overlap { input: ids[0], output: input, bytes: 4, lower: Side::Output }]
    );
    assert_eq!(
        graph.operators()[1].permits(),
        [
            Permit::InPlace { input, output },
            Permit::View { input, output, at: 0 },
            Permit::ConcatSlice { input, output, at: 0 },
        ]
    );
    assert_eq!(
        graph.relative_placements(),
        [
            RelativePlacement { tensor: output, of: input, at: 0 },
            RelativePlacement { tensor: input, of: ids[0], at: 64 },
        ]
    );
    assert_eq!(graph.kept_apart(), [[ids[0], output]]);
}

#[test]
fn wrong_sharing_is_named() {
    let refusal = |change: &dyn Fn(&mut Value)| {
        let mut value = shared();
        change(&mut value);
        error(&value)
    };
    let permit = |permit: Value| move |value: &mut Value| value["ops"][1]["permits"] = json!([permit]);
    assert_eq!(
        refusal(&permit(json!({"how": "in_place", "input": 9, "output": 3}))),
        "a permission of operator `relu` names tensor 9, but there are 4 tensors"
    );
    assert_eq!(
        refusal(&permit(json!({"how": "overlap", "input": 2, "output": 3, "bytes": 4}))),
        "an overlap of operator `relu` lacks `lower`"
    );
    assert_eq!(
        refusal(&permit(json!({"how": "in_place", "input": 0, "output": 3}))),
        "operator `relu` has an invalid permission: tensor `image` is not one of its inputs"
    );
    let unknown = refusal(&permit(json!({"how": "borrowed", "input": 2, "output": 3})));
    assert!(unknown.starts_with("unknown variant `borrowed`, expected one of `in_place`"), "{unknown}");
    assert_eq!(
        refusal(&|value| value["placements"] = json!([{"tensor": 3, "of": 4}])),
        "a relative placement names tensor 4, but there are 4 tensors"
    );
    assert_eq!(
        refusal(&|value| value["apart"] = json!([[1, 2]])),
        "the separation of tensors `weights` and `features` cannot be satisfied: \
         tensor `weights` is a constant, which is outside of the arena"
    );
}

/// Bodies of bodies are read, planned, written with the plan and read again.
#[test]
fn bodies_go_through_plans() {
    let body = |middle: u64, inner: Value| {
        json!({
            "ops": [
                {"name": "wide", "type": "If", "inputs": [0], "outputs": [1], "bodies": inner},
                {"name": "narrow", "type": "Neg", "inputs": [1], "outputs": [2]},
            ],
            "tensors": [
                {"name": "x", "bytes": 8, "kind": "input"},
                {"name": "m", "bytes": middle, "kind": "intermediate"},
                {"name": "y", "bytes": 8, "kind": "output"},
            ],
        })
    };
    let graph = import(&body(10, json!([body(100, json!([])), body(40, json!([body(300, json!([]))]))])));
    let bodies = graph.operators()[0].bodies();
    assert_eq!(bodies.iter().map(|body| body.tensors()[1].bytes()).collect::<Vec<_>>(), [100, 40]);
    assert_eq!(bodies[1].operators()[0].bodies().len(), 1);
    let mut plan = Planner::new().alignment(1).plan(&graph).unwrap();
    // `x`, `m`, and in the second body: `x`, `m` and the innermost body with its `m` and an end.
    assert_eq!((plan.arena_bytes, plan.bound()), (18 + 48 + 308, 18 + 48 + 308));
    let options = ImportOptions::default();
    let text = PlanDocument::of_graph(&graph, &plan, &options).to_json();
    let read = PlanDocument::from_json(&text).unwrap().to_plan(&graph).unwrap();
    verify(&graph, &read).unwrap();
    (plan.nodes, plan.stop) = (read.nodes, read.stop);
    assert_eq!(read.bodies.len(), plan.bodies.len());
    assert_eq!(PlanDocument::of_graph(&graph, &read, &options).to_json(), text);
    // A body's plan that is moved over the end of its workspace is refused.
    let mut wrong = read.clone();
    wrong.bodies[0].plan.arena_bytes += 1000;
    assert!(verify(&graph, &wrong).is_err());
}

/// Links are read, planned, written with the plan and read again.
#[test]
fn links_go_through_plans() {
    let document = |changed: Value| {
        let mut all = json!({
            "ops": [{
                "name": "if", "inputs": [0], "outputs": [1],
                "bodies": [{
                    "ops": [
                        {"name": "widen", "type": "Conv", "inputs": [0], "outputs": [1]},
                        {"name": "narrow", "type": "Conv", "inputs": [1], "outputs": [2]},
                    ],
                    "tensors": [
                        {"name": "x", "bytes": 8, "kind": "constant"},
                        {"name": "m", "bytes": 100, "kind": "intermediate"},
                        {"name": "y", "bytes": 8, "kind": "output"},
                    ],
                }],
                "links": [{"tensor": 0, "body": 0, "inner": 0}, {"tensor": 1, "body": 0, "inner": 2}],
            }],
            "tensors": [{"name": "a", "bytes": 8, "kind": "input"}, {"name": "b", "bytes": 8, "kind": "output"}],
        });
        for (name, value) in changed.as_object().unwrap() {
            all["ops"][0]["links"][0][name] = value.clone();
        }
        all
    };
    let graph = import(&document(json!({})));
    // The graph that is written has the same links.
    let written: Value = serde_json::from_str(&graph_to_json(&graph)).unwrap();
    assert_eq!(written["ops"][0]["links"], document(json!({}))["ops"][0]["links"]);
    assert_eq!(graph_hash(&import(&written)), graph_hash(&graph));
    let plan = Planner::new().alignment(1).plan(&graph).unwrap();
    assert_eq!((plan.arena_bytes, plan.bound(), plan.bodies[0].linked.len()), (116, 116, 1));
    let options = ImportOptions::default();
    let text = PlanDocument::of_graph(&graph, &plan, &options).to_json();
    let read = PlanDocument::from_json(&text).unwrap().to_plan(&graph).unwrap();
    verify(&graph, &read).unwrap();
    assert_eq!(read.bodies[0].linked, plan.bodies[0].linked);
    assert_eq!(PlanDocument::of_graph(&graph, &read, &options).to_json(), text);
    let other = text.replacen("\"linked\":[{\"tensor\":", "\"linked\":[{\"tensor\":9", 1);
    let error = PlanDocument::from_json(&other).unwrap().to_plan(&graph).unwrap_err().to_string();
    assert!(error.contains("entry 0 of `bodies`"), "{error}");
    for (changed, expected) in [
        (json!({"body": 1}), "names tensor 0, but there are 0 tensors"),
        (json!({"inner": 3}), "names tensor 3, but there are 3 tensors"),
        (json!({"tensor": 2}), "names tensor 2, but there are 2 tensors"),
        (json!({"inner": 1}), "needs a constant of the body"),
    ] {
        let text = document(changed).to_string();
        let error = graph_json_from_bytes("g", text.as_bytes(), &options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // A captured value is not known at compile time.
    let mut wrong = document(json!({}));
    wrong["ops"][0]["bodies"][0]["ops"][0]["foldable"] = json!(true);
    let error = graph_json_from_bytes("g", wrong.to_string().as_bytes(), &options).unwrap_err().to_string();
    assert!(error.contains("needs readers that are not foldable"), "{error}");
}

#[test]
fn a_cancelled_import_ends() {
    let text = json!({ "ops": [], "tensors": [{ "name": "x", "bytes": 4, "kind": "input" }] }).to_string();
    let token = CancelToken::new();
    let mut options = ImportOptions::default();
    options.cancel = Some(token.clone());
    assert!(graph_json_from_bytes("file", text.as_bytes(), &options).is_ok());
    token.cancel();
    let result = graph_json_from_bytes("file", text.as_bytes(), &options);
    assert!(matches!(result, Err(ImportError::Invalid(Error::Cancelled))), "{result:?}");
}

#[test]
fn access_maps_and_memory_orders_are_read_and_written() {
    let mut graph = small();
    graph["ops"][0]["access"] = json!({"cost_per_element": 9, "axes": [
        {"outputs": [1], "inputs": [{"axis": 1, "numerator": 2, "first": -1, "last": 1, "outside": "edge"}, null]},
        {"outputs": [0], "inputs": [{"axis": 0}]},
    ]});
    graph["tensors"][0]["memory_order"] = json!([1, 0]);
    let read = import(&graph);
    let map = read.operators()[0].access().unwrap();
    let window = RowMap::new(2, 1, -1, 1, Outside::Edge);
    let rows = TileAxis::new([1], [Some((1, window)), None]);
    let batch = TileAxis::new([0], [Some((0, RowMap::SAME))]);
    assert_eq!(*map, AccessMap::new(9, [rows, batch]));
    assert_eq!(read.tensors()[0].memory_order().unwrap().to_vec(), [1, 0]);

    let written: Value = serde_json::from_str(&graph_to_json(&read)).unwrap();
    assert_eq!(written["ops"][0]["access"], graph["ops"][0]["access"]);
    assert_eq!(written["tensors"][0]["memory_order"], json!([1, 0]));
    assert_eq!(graph_to_json(&import(&written)), graph_to_json(&read));

    let mut axis = graph.clone();
    axis["ops"][0]["access"]["axes"][1]["outputs"] = json!([2]);
    assert!(error(&axis).contains("has 2 axes, none with number 2"), "{}", error(&axis));
    let mut order = graph.clone();
    order["tensors"][0]["memory_order"] = json!([1, 1]);
    assert!(error(&order).contains("its memory order is [1, 1]"), "{}", error(&order));
    let mut list = graph;
    list["ops"][0]["access"]["axes"][0]["inputs"][0] = json!([1]);
    assert!(error(&list).contains("expected an object"), "{}", error(&list));
}

#[cfg(feature = "tflite")]
#[test]
fn a_written_graph_has_the_hash_of_the_original() {
    let text =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/nas_cell_irregular_int8.tflite"));
    let options = ImportOptions::default();
    let graph = plimsoll::import::tflite_from_bytes("nas", &text.unwrap(), &options).unwrap().graph;
    let again = import_text(&graph_to_json(&graph)).unwrap().graph;
    assert_eq!(graph_hash(&again), graph_hash(&graph));
    assert_eq!(again.operators().len(), graph.operators().len());
    for (one, other) in graph.operators().iter().zip(again.operators()) {
        assert_eq!(one.access(), other.access());
        assert_eq!(one.permits(), other.permits());
    }
    // All but the operators on the one row of the result.
    let mapped = graph.operators().iter().filter(|operator| operator.access().is_some()).count();
    assert!(mapped + 2 >= graph.operators().len(), "{mapped} operators have a map");
}
