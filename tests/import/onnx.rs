//! Import of ONNX models.

use crate::support::data;
mod bodies;
mod functions;
#[cfg(feature = "json")]
use std::path::Path;

use crate::support::onnx_models::*;
use plimsoll::import::{Fold, ImportError, ImportOptions, Imported, ImportedGraph, onnx_from_bytes, read};
use plimsoll::{Error, Graph, OperatorId, TensorId, TensorKind};

fn unfolded() -> ImportOptions {
    let mut options = ImportOptions::default();
    options.fold = Fold::None;
    options
}

fn binding(dims: &[(&str, u64)]) -> ImportOptions {
    let mut options = ImportOptions::default();
    options.dims = dims.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    options
}

fn import(parts: &[Vec<u8>], options: &ImportOptions) -> Graph {
    onnx_from_bytes("model", &model(parts), options).unwrap().graph
}

fn error(parts: &[Vec<u8>], options: &ImportOptions) -> ImportError {
    onnx_from_bytes("model", &model(parts), options).unwrap_err()
}

fn error_text(parts: &[Vec<u8>], options: &ImportOptions) -> String {
    error(parts, options).to_string()
}

fn read_graph(path: &Path, options: &ImportOptions) -> Result<ImportedGraph, ImportError> {
    match read(path, options)? {
        Imported::Graph(graph) => Ok(graph),
        other => panic!("no graph: {other:?}"),
    }
}

fn names(graph: &Graph, tensors: &[TensorId]) -> Vec<String> {
    tensors.iter().map(|&id| graph.tensor(id).name().to_owned()).collect()
}

fn tensor_names(graph: &Graph) -> Vec<String> {
    names(graph, &graph.tensor_ids().collect::<Vec<_>>())
}

/// The names of the inputs of the operator with type `op_type`, separated by spaces.
fn reads(graph: &Graph, op_type: &str) -> String {
    let operator = graph.operators().iter().find(|operator| operator.op_type() == op_type).unwrap();
    names(graph, operator.inputs()).join(" ")
}

/// Types of the operators that are not folded.
fn remaining(graph: &Graph) -> Vec<&str> {
    graph.program_order().iter().map(|&id| graph.operator(id).op_type()).collect()
}

fn tensor_of<'a>(graph: &'a Graph, name: &str) -> &'a plimsoll::Tensor {
    graph.tensors().iter().find(|tensor| tensor.name() == name).unwrap()
}

#[test]
fn ids_follow_the_file() {
    use TensorKind::{Constant, Input, Intermediate};

    let graph = import(
        &[
            node("Conv", &["x", "w", "", "x"], &["c", ""]),
            node("Add", &["c", "y"], &["out"]),
            initializer("nobody", FLOAT, &[9]),
            initializer("w", FLOAT, &[4, 3, 1, 1]),
            output("out", FLOAT, "1, 4"),
            input("y", FLOAT, "4"),
            input("x", FLOAT, "1, 3"),
            value_info("c", FLOAT16, "1, 4"),
        ],
        &ImportOptions::default(),
    );
    assert_eq!(graph.name(), "model");
    assert_eq!(tensor_names(&graph), ["y", "x", "w", "c", "out"]);
    assert_eq!(reads(&graph, "Conv"), "x w x");
    assert_eq!(graph.operators().len(), 2);
    assert_eq!(graph.operator(OperatorId::new(1)).name(), "the Add");
    let kinds: Vec<_> = graph.tensors().iter().map(|tensor| (tensor.kind(), tensor.is_output())).collect();
    let expected =
        [(Input, false), (Input, false), (Constant, false), (Intermediate, false), (Intermediate, true)];
    assert_eq!(kinds, expected);
    let bytes: Vec<_> = graph.tensors().iter().map(plimsoll::Tensor::bytes).collect();
    assert_eq!(bytes, [16, 12, 48, 8, 16]);
}

#[test]
fn a_node_without_name_is_called_by_its_output() {
    let nameless = length_delimited(1, [length_delimited(2, "made"), length_delimited(4, "Make")].concat());
    let graph = import(&[nameless, output("made", FLOAT, "1")], &ImportOptions::default());
    assert_eq!(graph.operators()[0].name(), "made");
}

#[test]
fn inputs_with_initializers_are_constants() {
    let parts = [
        input("x", FLOAT, "2"),
        input("w", FLOAT, "n, 7"),
        initializer("w", FLOAT, &[2, 2]),
        node("MatMul", &["x", "w"], &["out"]),
        output("out", FLOAT, "2"),
    ];
    let graph = import(&parts, &ImportOptions::default());
    let weights = tensor_of(&graph, "w");
    assert_eq!((weights.kind(), weights.shape().unwrap()), (TensorKind::Constant, &[2, 2][..]));
}

#[test]
fn inputs_and_constants_may_be_outputs() {
    let parts = [
        input("x", FLOAT, "2"),
        initializer("w", FLOAT, &[3]),
        output("x", FLOAT, "2"),
        output("w", FLOAT, "3"),
        output("x", FLOAT, "2"),
    ];
    let graph = import(&parts, &ImportOptions::default());
    let kinds: Vec<_> = graph.tensors().iter().map(|tensor| (tensor.kind(), tensor.is_output())).collect();
    assert_eq!(kinds, [(TensorKind::Input, true), (TensorKind::Constant, true)]);
}

#[test]
fn sparse_initializers_are_constants() {
    let parts = [
        input("x", FLOAT, "100"),
        sparse_initializer("s", FLOAT, 3, &[100, 200]),
        node("MatMul", &["x", "s"], &["y"]),
        output("y", FLOAT, "200"),
    ];
    let graph = import(&parts, &ImportOptions::default());
    let constant = tensor_of(&graph, "s");
    assert_eq!((constant.kind(), constant.shape().unwrap()), (TensorKind::Constant, &[100, 200][..]));
}

#[test]
fn every_element_type_has_its_size() {
    // The bytes of 5 elements, indexed by ONNX's number of the type.
    let bytes = [20, 5, 5, 10, 10, 20, 40, 0, 5, 10, 40, 20, 40, 40, 80, 10, 5, 5, 5, 5, 3, 3, 3, 5, 2, 2];
    for (data_type, bytes) in (1..).zip(bytes) {
        let constant = [
            input("x", FLOAT, ""),
            initializer("w", data_type, &[5]),
            node("Use", &["x", "w"], &["y"]),
            output("y", data_type, "5"),
        ];
        if data_type == STRING {
            let text = error_text(&constant, &ImportOptions::default());
            assert_eq!(
                text,
                "1 tensor has no static size: `y` [5] of strings; \
                 strings have no size before the run; plan a reference for each by its shape and the type of a \
                 reference: --input-shape y=3x4:uint64, or cut the operators on strings off the model"
            );
            continue;
        }
        let graph = import(&constant, &ImportOptions::default());
        assert_eq!(tensor_of(&graph, "y").bytes(), bytes, "type {data_type}");
        assert_eq!(tensor_of(&graph, "w").bytes(), bytes, "type {data_type}");
    }
    for newer in [0, 27, u64::from(u32::MAX)] {
        let text = error_text(&[input("x", newer, "5")], &ImportOptions::default());
        assert!(text.contains("`x` [5] of element type "), "{text}");
    }
}

#[test]
fn results_that_hold_strings_are_named() {
    let parts = [
        input("x", FLOAT, "2, 3"),
        node_with("Cast", &["x"], &["s"], &[attribute("to", number(3, 8))]),
        node_with("Cast", &["s"], &["y"], &[attribute("to", number(3, 1))]),
        output("y", FLOAT, "2, 3"),
    ];
    let text = error_text(&parts, &ImportOptions::default());
    assert!(text.contains("`s` [2, 3] of strings; strings have no size before the run"), "{text}");
}

#[test]
fn string_constants_take_no_memory() {
    let parts = [
        input("x", FLOAT, "2"),
        initializer("labels", STRING, &[1000]),
        node("Lookup", &["x", "labels"], &["y"]),
        output("y", INT64, "2"),
    ];
    assert_eq!(tensor_of(&import(&parts, &ImportOptions::default()), "labels").bytes(), 0);
}

#[test]
fn symbolic_dimensions_are_bound_by_name() {
    let parts = [
        input("x", FLOAT, "batch, 3"),
        node("Grow", &["x"], &["y"]),
        value_info("y", FLOAT, "batch, seq"),
        node("Grow", &["y"], &["z"]),
        output("z", FLOAT, "batch, 2*seq + 1"),
    ];
    // The other dimensions follow from the input.
    assert_eq!(
        error_text(&parts, &ImportOptions::default()),
        "3 tensors have no static size: `x` [batch, 3], `y` [batch, seq], `z` [batch, 2*seq + 1]; \
         bind `batch` by --dim batch=1"
    );
    assert_eq!(
        error_text(&parts, &binding(&[("batch", 4), ("2*seq + 1", 11)])),
        "1 tensor has no static size: `y` [4, seq], because the output shape of node `the Grow` (Grow) \
         cannot be inferred: the operator has no shape rule; bind `seq` by --dim seq=1"
    );
    let graph = import(&parts, &binding(&[("batch", 4), ("seq", 5), ("2*seq + 1", 11)]));
    assert_eq!(tensor_of(&graph, "x").shape(), Some(&[4, 3][..]));
    assert_eq!(tensor_of(&graph, "y").bytes(), 4 * 5 * 4);
    assert_eq!(tensor_of(&graph, "z").bytes(), 4 * 11 * 4);
}

#[test]
fn a_name_that_binds_nothing_is_an_error() {
    let parts = [input("x", FLOAT, "batch, seq"), output("x", FLOAT, "batch, seq")];
    assert_eq!(
        error_text(&parts, &binding(&[("batch", 1), ("btach", 1), ("seq", 1)])),
        "no tensor has a symbolic dimension `btach`; there are `batch`, `seq`"
    );
    let fixed = [input("x", FLOAT, "1"), output("x", FLOAT, "1")];
    assert_eq!(
        error_text(&fixed, &binding(&[("batch", 1)])),
        "no tensor has a symbolic dimension `batch`; there are none"
    );
}

#[test]
fn all_unshaped_tensors_are_listed_with_a_remedy() {
    let sequence = info_of_type(13, "s", length_delimited(4, []));
    let rank_unknown = info_of_type(13, "r", length_delimited(1, number(1, 1)));
    let parts = [
        input("x", FLOAT, "1, ?"),
        initializer("w", FLOAT, &[2]),
        node("A", &["x"], &["untyped"]),
        node("B", &["untyped", "w"], &["s"]),
        node("C", &["s"], &["r"]),
        node("D", &["r"], &["fine"]),
        sequence,
        rank_unknown,
        info_without_type(13, "untyped"),
        output("fine", FLOAT, "1"),
    ];
    assert_eq!(
        error_text(&parts, &ImportOptions::default()),
        "4 tensors have no static size: `x` [1, ?], `untyped` (no type, no shape), `s` (no dense tensor), \
         `r` (no shape); give the inputs fixed shapes by --input-shape NAME=1x3x224x224"
    );
}

#[test]
fn of_two_declarations_the_complete_one_counts() {
    let parts = [
        input("x", FLOAT, "1"),
        node("A", &["x"], &["y"]),
        output("y", FLOAT, "n, ?"),
        value_info("y", FLOAT, "3, 4"),
    ];
    assert_eq!(tensor_of(&import(&parts, &ImportOptions::default()), "y").shape(), Some(&[3, 4][..]));
}

#[test]
fn folded_tensors_need_no_shape() {
    let parts = [
        input("x", FLOAT, "1"),
        initializer("w", FLOAT, &[4]),
        // The nodes are not in topological order.
        node("Second", &["halved"], &["folded"]),
        node("First", &["w"], &["halved"]),
        node("Third", &["x", "folded"], &["y"]),
        output("y", FLOAT, "4"),
    ];
    let graph = import(&parts, &ImportOptions::default());
    assert_eq!(remaining(&graph), ["Third"]);
    assert_eq!(tensor_of(&graph, "folded").kind(), TensorKind::Constant);
    let text = error_text(&parts, &unfolded());
    assert!(
        text.starts_with("2 tensors have no static size: `halved` (no type, no shape)")
            && text.contains(", `folded` (no"),
        "{text}"
    );
}

#[test]
fn constants_are_shaped_by_their_attributes() {
    let float = |field: u64| [varint(field << 3 | 5), vec![0; 4]].concat();
    let three_floats: Vec<u8> = [float(7), float(7), float(7)].concat();
    let forms = [
        ("value", length_delimited(5, tensor("", INT64, &[2, 3])), Some((&[2, 3][..], 48))),
        ("value", length_delimited(5, tensor("", UINT8, &[])), Some((&[], 1))),
        ("sparse_value", length_delimited(22, sparse("", FLOAT, 2, &[10])), Some((&[10], 40))),
        ("value_float", float(2), Some((&[], 4))),
        ("value_int", number(3, 7), Some((&[], 8))),
        ("value_floats", three_floats, Some((&[3], 12))),
        ("value_floats", length_delimited(7, [0; 12]), Some((&[3], 12))),
        ("value_ints", [number(8, 1), number(8, -1)].concat(), Some((&[2], 16))),
        ("value_ints", Vec::new(), Some((&[0], 0))),
        ("value_string", length_delimited(4, "text"), None),
        ("value_strings", length_delimited(9, "text"), None),
        ("unheard_of", number(3, 7), None),
    ];
    for (name, value, expected) in forms {
        let constant =
            node_with("Constant", &[], &["c"], &[attribute("doc", Vec::new()), attribute(name, value)]);
        let parts =
            [constant, input("x", FLOAT, "1"), node("Use", &["x", "c"], &["y"]), output("y", FLOAT, "1")];

        let graph = import(&parts, &ImportOptions::default());
        assert_eq!(remaining(&graph), ["Use"], "{name}");
        assert_eq!(tensor_of(&graph, "c").kind(), TensorKind::Constant, "{name}");

        match expected {
            Some((shape, bytes)) => {
                let graph = import(&parts, &unfolded());
                assert_eq!(remaining(&graph), ["Constant", "Use"], "{name}");
                let constant = tensor_of(&graph, "c");
                assert_eq!((constant.shape().unwrap(), constant.bytes()), (shape, bytes), "{name}");
                assert_eq!(constant.kind(), TensorKind::Intermediate, "{name}");
            }
            None => assert!(
                error_text(&parts, &unfolded()).starts_with("1 tensor has no static size: `c`"),
                "{name}"
            ),
        }
    }
}

#[test]
fn random_operators_are_never_folded() {
    let random = ["Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike", "Dropout"];
    let mut parts = vec![initializer("w", FLOAT, &[4])];
    for op_type in random {
        parts.push(node(op_type, &["w"], &[op_type]));
        parts.push(output(op_type, FLOAT, "4"));
    }
    for op_type in ["RandomNormal", "RandomUniform", "NoInputs"] {
        parts.push(node(op_type, &["", ""], &[op_type]));
        parts.push(output(op_type, FLOAT, "4"));
    }
    let graph = import(&parts, &ImportOptions::default());
    assert_eq!(graph.program_order().len(), 8);
}

#[test]
fn bodies_of_unknown_operators_are_noted() {
    let parts = |op_type| {
        let inner = body("then_branch", &[node("Neg", &["x"], &["r"]), output("r", FLOAT, "4")]);
        let outer = node_with(op_type, &["x"], &["y"], &[inner]);
        [input("x", FLOAT, "4"), outer, output("y", FLOAT, "4")]
    };
    let imported =
        |op_type| onnx_from_bytes("m", &model(&parts(op_type)), &ImportOptions::default()).unwrap();
    let notes = imported("Odd").notes;
    let note = "memory inside of the bodies of these operators is not planned: `the Odd` (Odd)";
    assert_eq!(notes.last().unwrap(), note);
    let known = imported("If");
    assert!(known.notes.iter().all(|note| !note.contains("bodies")), "{:?}", known.notes);
    assert_eq!(known.graph.operators()[0].bodies().len(), 1);
}

#[test]
fn shapes_that_contradict_each_other_count_for_nothing() {
    let parts = |op_type| {
        [
            input("x", FLOAT, "4"),
            node(op_type, &["x"], &["y"]),
            output("y", FLOAT, "1"),
            value_info("y", FLOAT, "1000"),
        ]
    };
    let text = error_text(&parts("Strange"), &ImportOptions::default());
    assert!(text.contains("`y` (declared [1] and [1000])"), "{text}");
    let imported = onnx_from_bytes("model", &model(&parts("Neg")), &ImportOptions::default()).unwrap();
    assert_eq!(imported.graph.tensors()[1].bytes(), 16);
    assert!(imported.notes[0].contains("`y` has [4]"), "{:?}", imported.notes);
}

#[test]
fn operators_of_other_domains_are_unknown() {
    let domains = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft", "pkg.torch", "my.functions"];
    let mut parts = vec![initializer("w", FLOAT, &[4])];
    for name in domains {
        let out = format!("of {name}");
        parts.push(node_with("Neg", &["w"], &[&out], &[domain(name)]));
        parts.push(output(&out, FLOAT, "4"));
    }
    let graph = import(&parts, &ImportOptions::default());
    let remaining: Vec<_> = graph.program_order().iter().map(|id| id.index()).collect();
    assert_eq!(remaining, [4, 5]);
}

#[test]
fn recurrent_operators_keep_no_state() {
    let parts = [initializer("w", FLOAT, &[4]), node("LSTM", &["w"], &["y"]), output("y", FLOAT, "4")];
    assert_eq!(import(&parts, &ImportOptions::default()).program_order().len(), 0);
}

#[test]
fn captured_tensors_are_inputs() {
    let then_branch = body(
        "then_branch",
        &[
            initializer("weight", FLOAT, &[4]),
            node("Add", &["b", "weight"], &["t"]),
            node("Add", &["t", "a"], &["u"]),
            node("Neg", &["b"], &["v"]),
            value_info("v", FLOAT, "4"),
            value_info("t", FLOAT, "4"),
            output("u", FLOAT, "4"),
        ],
    );
    // A body may consist of an output that it captures.
    let else_branch = body("else_branch", &[output("d", FLOAT, "4")]);
    let parts = [
        input("a", FLOAT, "4"),
        input("b", FLOAT, "4"),
        input("cond", 9, ""),
        node("Neg", &["a"], &["d"]),
        value_info("d", FLOAT, "4"),
        node_with("If", &["cond"], &["y"], &[then_branch, else_branch]),
        output("y", FLOAT, "4"),
    ];
    let graph = import(&parts, &ImportOptions::default());
    assert_eq!(reads(&graph, "If"), "cond b a d");
    // Tensors of a body are not tensors of the graph.
    assert_eq!(tensor_names(&graph), ["a", "b", "cond", "d", "y"]);
}

#[test]
fn nested_bodies_see_through_all_scopes() {
    let innermost = body(
        "body",
        &[
            input("i", INT64, ""),
            node("Use", &["i", "far"], &["own"]),
            node("Use", &["own", "middle"], &["w"]),
            node("Use", &["shadowed"], &["q"]),
            output("state", FLOAT, "4"),
            value_info("own", FLOAT, "4"),
            value_info("w", FLOAT, "4"),
            value_info("q", FLOAT, "4"),
        ],
    );
    let middle = body(
        "body",
        &[
            input("state", FLOAT, "4"),
            input("shadowed", FLOAT, "4"),
            node_with("Loop", &["near", "", "state"], &["r"], &[innermost]),
            // Nodes of a body may come in any order: `middle` is a tensor of the body.
            node("Make", &["shadowed"], &["middle"]),
            sparse_initializer("held", FLOAT, 1, &[4]),
            node("Use", &["held", "shadowed"], &["end"]),
            output("end", FLOAT, "4"),
            value_info("r", FLOAT, "4"),
            value_info("middle", FLOAT, "4"),
        ],
    );
    let all = ["x", "far", "near", "shadowed"];
    let mut parts: Vec<_> = all.iter().map(|name| input(name, FLOAT, "4")).collect();
    parts.push(node_with("Scan", &["x"], &["y"], &[middle]));
    parts.push(output("y", FLOAT, "4"));
    let graph = import(&parts, &ImportOptions::default());
    assert_eq!(reads(&graph, "Scan"), "x near far");
}

#[test]
fn a_captured_input_counts_once_and_graph_lists_are_bodies_too() {
    let branch = [node("Use", &["x", "w", "w"], &["r"]), output("r", FLOAT, "4")].concat();
    let cases = attribute("cases", [length_delimited(11, &branch), length_delimited(11, &branch)].concat());
    let parts = [
        input("x", FLOAT, "4"),
        input("w", FLOAT, "4"),
        node_with("Switch", &["x"], &["y"], &[cases]),
        output("y", FLOAT, "4"),
    ];
    assert_eq!(reads(&import(&parts, &ImportOptions::default()), "Switch"), "x w");
}

#[test]
fn operators_with_bodies_fold_if_all_within_is_pure() {
    let inside = |op_type: &str, name: &str| {
        let innermost = node_with(op_type, &["w"], &["r"], &[domain(name)]);
        let inner = body("then_branch", &[innermost, output("r", FLOAT, "4")]);
        let outer = body("body", &[node_with("If", &["w"], &["s"], &[inner]), output("s", FLOAT, "4")]);
        let parts = [
            initializer("w", FLOAT, &[4]),
            node_with("Loop", &["w"], &["y"], &[outer]),
            output("y", FLOAT, "4"),
        ];
        import(&parts, &ImportOptions::default()).program_order().len()
    };
    assert_eq!(inside("Neg", ""), 0);
    assert_eq!(inside("RandomNormalLike", ""), 1);
    assert_eq!(inside("Neg", "my.functions"), 1);
}

#[test]
fn a_body_that_reads_a_variable_input_is_not_folded() {
    let body = body("body", &[node("Neg", &["x"], &["r"]), output("r", FLOAT, "4")]);
    let parts = [
        input("x", FLOAT, "4"),
        initializer("w", FLOAT, &[4]),
        node_with("Loop", &["w"], &["y"], &[body]),
        output("y", FLOAT, "4"),
    ];
    assert_eq!(remaining(&import(&parts, &ImportOptions::default())), ["Loop"]);
}

#[test]
fn names_that_nothing_defines_are_errors() {
    let parts = [node("Neg", &["gone"], &["y"]), output("y", FLOAT, "4")];
    match error(&parts, &ImportOptions::default()) {
        ImportError::Invalid(Error::NoProducer { tensor, .. }) => assert_eq!(&*tensor.name, "gone"),
        other => panic!("{other}"),
    }
    let body = body("body", &[node("Neg", &["gone"], &["r"]), output("r", FLOAT, "4")]);
    let parts = [node_with("Loop", &[], &["y"], &[body]), output("y", FLOAT, "4")];
    assert!(error_text(&parts, &ImportOptions::default()).contains("`gone`"));
    assert!(error_text(&[output("gone", FLOAT, "4")], &ImportOptions::default()).contains("`gone`"));
}

#[test]
fn broken_graphs_are_errors() {
    let two = [node("A", &[], &["y"]), node("B", &[], &["y"]), output("y", FLOAT, "4")];
    assert!(error_text(&two, &ImportOptions::default()).contains("two producers"));
    let overwritten = [initializer("w", FLOAT, &[4]), node("A", &[], &["w"])];
    assert!(error_text(&overwritten, &ImportOptions::default()).contains("which is a constant"));
    let huge = [input("x", FLOAT, "4611686018427387904, 2")];
    assert!(error_text(&huge, &ImportOptions::default()).contains("more than 2^64-1 bytes"));
}

#[test]
fn negative_dimensions_are_errors() {
    let negative = "not a valid ONNX file: tensor `x` has the negative dimension -2";
    assert_eq!(error_text(&[input("x", FLOAT, "2, -2")], &ImportOptions::default()), negative);
    let negative = "not a valid ONNX file: initializer `x` has the negative dimension -1";
    assert_eq!(error_text(&[initializer("x", FLOAT, &[-1])], &ImportOptions::default()), negative);
    let constant =
        node_with("Constant", &[], &["x"], &[attribute("value", length_delimited(5, tensor("", 1, &[-1])))]);
    assert_eq!(error_text(&[constant], &ImportOptions::default()), negative);
}

/// Exporters write -1, no value, an empty name or `?` for an unknown dimension.
#[test]
fn dimensions_that_exporters_leave_open_are_unknown() {
    for open in ["-1", "?", "-1, -1"] {
        let text = error_text(&[input("x", FLOAT, open)], &ImportOptions::default());
        assert!(text.contains("--input-shape") && !text.contains("--dim"), "{open}: {text}");
    }
}

#[test]
fn invalid_models_are_refused() {
    let reason = |bytes: &[u8]| match onnx_from_bytes("model", bytes, &ImportOptions::default()) {
        Err(ImportError::Malformed { format: "ONNX", reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(b""), "it is empty");
    assert_eq!(reason(&number(1, 8)), "it has no graph; it may not be an ONNX model");
    assert!(
        reason(b"<html><body>Not found</body></html>")
            .starts_with("the bytes are not an ONNX protobuf message")
    );
    assert!(reason(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").contains("git lfs pull"));
}

#[test]
fn training_graphs_are_noted() {
    let parts = [input("x", FLOAT, "1"), output("x", FLOAT, "1")];
    let training = length_delimited(20, length_delimited(1, "anything"));
    let imported =
        onnx_from_bytes("model", &[model(&parts), training].concat(), &ImportOptions::default()).unwrap();
    assert_eq!(imported.notes, ["training graphs of the file are not planned"]);
    assert!(onnx_from_bytes("model", &model(&parts), &ImportOptions::default()).unwrap().notes.is_empty());
}

/// A model with every kind of message that the importer reads.
fn medley() -> Vec<u8> {
    let inner = body("then_branch", &[node("Use", &["x", "w"], &["r"]), output("r", FLOAT, "4")]);
    model(&[
        input("x", FLOAT, "n, 4"),
        external("w", FLOAT, &[4], "missing.bin"),
        sparse_initializer("s", FLOAT, 3, &[100, 200]),
        node_with("Constant", &[], &["c"], &[attribute("value_ints", number(8, 300))]),
        node_with("If", &["x", "", "s"], &["y"], &[inner]),
        node("Reshape", &["y", "c"], &["z"]),
        value_info("y", FLOAT16, "150, n"),
        output("z", FLOAT, "n"),
    ])
}

#[test]
fn damaged_bytes_are_never_worse_than_an_error() {
    let bytes = medley();
    let options = binding(&[("n", 2)]);
    onnx_from_bytes("model", &bytes, &options).unwrap();
    for end in 0..bytes.len() {
        // A file that is cut after the graph is still a model.
        let _ = onnx_from_bytes("model", &bytes[..end], &options);
    }
    let mut errors = 0;
    for place in 0..bytes.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128, 127, 255] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            errors += usize::from(onnx_from_bytes("model", &damaged, &options).is_err());
        }
    }
    assert!(errors > bytes.len() * 4);
}

#[test]
fn lengths_beyond_the_file_are_errors() {
    for length in [1 << 20, 1 << 40, u64::MAX] {
        for key in [varint(1 << 3 | 2), varint(5 << 3 | 2), varint(99 << 3 | 2)] {
            let graph = [key, varint(length)].concat();
            let bytes = length_delimited(7, graph);
            assert!(onnx_from_bytes("model", &bytes, &ImportOptions::default()).is_err());
        }
    }
}

#[test]
fn bodies_nested_too_deep_are_errors() {
    let mut graph = Vec::new();
    for _ in 0..5000 {
        graph = length_delimited(1, length_delimited(5, length_delimited(6, graph)));
    }
    let text = error_text(&[graph], &ImportOptions::default());
    assert!(text.contains("recursion limit"), "{text}");
}

#[test]
fn files_are_read_as_bytes_are_and_no_other_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.v2.ONNX");
    std::fs::write(&path, medley()).unwrap();
    let graph = read_graph(&path, &binding(&[("n", 2)])).unwrap().graph;
    assert_eq!(graph.name(), "tiny.v2");
    let same = onnx_from_bytes("tiny.v2", &medley(), &binding(&[("n", 2)])).unwrap().graph;
    assert_eq!(format!("{graph:?}"), format!("{same:?}"));
    assert_eq!(tensor_of(&graph, "w").bytes(), 16);

    std::fs::write(&path, b"").unwrap();
    assert!(matches!(read_graph(&path, &unfolded()), Err(ImportError::Malformed { .. })));
    let missing = folder.path().join("missing.onnx");
    assert!(
        matches!(read_graph(&missing, &unfolded()), Err(ImportError::Read { path, .. }) if path == missing)
    );
}

#[test]
fn names_that_a_shell_would_split_are_quoted() {
    let shape = "batch_size, 2*seq + 1, it's";
    let parts = [input("x", FLOAT, shape), node("Relu", &["x"], &["y"]), output("y", FLOAT, "2")];
    let text = error_text(&parts, &unfolded());
    assert!(text.contains(r"by --dim '2*seq + 1=1' --dim batch_size=1 --dim 'it'\''s=1'"), "{text}");
}

/// Names of symbolic dimensions may be expressions of others.
#[test]
fn expressions_of_dimensions_have_exact_values() {
    let value = |text: &str| {
        let dim = length_delimited(1, length_delimited(2, text));
        let tensor = [number(1, 1), length_delimited(2, dim)].concat();
        let parts = [
            info_of_type(11, "x", length_delimited(1, tensor)),
            input("sizes", FLOAT, "H, seq_len"),
            node("Relu", &["x"], &["y"]),
            output("y", FLOAT, ""),
        ];
        let mut options = unfolded();
        options.dims = [("H".to_owned(), 225), ("seq_len".to_owned(), 7)].into();
        let graph = onnx_from_bytes("model", &model(&parts), &options).ok()?.graph;
        Some(graph.tensors()[0].shape().unwrap()[0])
    };
    for (text, value_of_text) in [
        ("floor(H/2 - 1/2) + 1", Some(113)),
        ("2*seq_len + 1", Some(15)),
        ("H//2", Some(112)),
        ("H % 4", Some(1)),
        ("(H + 7)/8 * seq_len", Some(203)),
        ("ceiling(H/2)", Some(113)),
        ("Max(1, seq_len - 9, -3)", Some(1)),
        ("min(H, seq_len)", Some(7)),
        ("-(-H)", Some(225)),
        ("3 - 1 - 1", Some(1)),
        ("floor(-1/2) + 1", Some(0)),
        ("H/2", None),
        ("seq_len - H", None),
        ("H/0", None),
        ("H % 0", None),
        ("W + 1", None),
        ("H**2", None),
        ("sin(H)", None),
        ("H +", None),
        ("H H", None),
        ("(H", None),
        ("", None),
        ("floor()", None),
        ("170141183460469231731687303715884105727*H", None),
    ] {
        assert_eq!(value(text), value_of_text, "{text}");
    }
    assert_eq!(value(&"(".repeat(100_000)), None);
    assert_eq!(value(&"-".repeat(100_000)), None);
}

#[test]
fn unknown_element_types_are_named() {
    for data_type in [i32::MIN, -1, 27, i32::MAX] {
        let number = i64::from(data_type).cast_unsigned();
        let parts = [input("x", number, "2"), node("Relu", &["x"], &["y"]), output("y", FLOAT, "2")];
        let text = onnx_from_bytes("model", &model(&parts), &unfolded()).unwrap_err().to_string();
        assert!(text.contains(&format!("of element type {data_type}, which is unknown")), "{text}");
    }
}

#[cfg(feature = "json")]
mod zoo {
    use serde_json::Value;

    use super::*;

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    /// The described properties of each tensor, sorted.
    fn described_tensors(json: &Value) -> Vec<String> {
        let tensors = json["tensors"].as_array().unwrap().iter().map(|tensor| {
            let (kind, is_output) = match text(&tensor["kind"]) {
                "output" => ("intermediate", true),
                kind => (kind, false),
            };
            let dtype = text(&tensor["dtype"]).replace("float", "float32");
            let shape: Vec<u64> =
                tensor["shape"].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).collect();
            format!("{} {kind} {is_output} {dtype} {shape:?} {}", text(&tensor["name"]), tensor["bytes"])
        });
        sorted(tensors.collect())
    }

    fn imported_tensors(graph: &Graph) -> Vec<String> {
        let tensors = graph.tensors().iter().map(|tensor| {
            let (kind, is_output) = (tensor.kind(), tensor.is_output());
            let (dtype, shape) = (tensor.element_type().unwrap(), tensor.shape().unwrap());
            format!("{} {kind} {is_output} {dtype} {shape:?} {}", tensor.name(), tensor.bytes())
        });
        sorted(tensors.collect())
    }

    fn sorted(mut lines: Vec<String>) -> Vec<String> {
        lines.sort();
        lines
    }

    fn described_operators(json: &Value) -> Vec<String> {
        let names = |list: &Value| {
            let tensors = list
                .as_array()
                .unwrap()
                .iter()
                .map(|index| &json["tensors"][index.as_u64().unwrap() as usize]);
            tensors.map(|tensor| text(&tensor["name"]).to_owned()).collect::<Vec<_>>()
        };
        let operators = json["ops"].as_array().unwrap().iter().map(|operator| {
            let (reads, writes) = (names(&operator["inputs"]), names(&operator["outputs"]));
            format!("{} {} {reads:?} {writes:?}", text(&operator["name"]), text(&operator["type"]))
        });
        operators.collect()
    }

    fn imported_operators(graph: &Graph) -> Vec<String> {
        let operators = graph.operators().iter().map(|operator| {
            let (reads, writes) = (names(graph, operator.inputs()), names(graph, operator.outputs()));
            format!("{} {} {reads:?} {writes:?}", operator.name(), operator.op_type())
        });
        operators.collect()
    }

    #[test]
    fn networks_are_what_their_descriptions_say() {
        let Some(folder) = data::folder("zoo/onnx") else { return };
        let files = data::files(&folder, ".onnx");
        assert!(!files.is_empty());
        for path in files {
            let imported = read_graph(&path, &unfolded()).unwrap();
            let description = std::fs::read(path.with_extension("json")).unwrap();
            let json: Value = serde_json::from_slice(&description).unwrap();
            assert_eq!(imported.graph.name(), text(&json["name"]));
            assert_eq!(imported_operators(&imported.graph), described_operators(&json), "{}", path.display());
            assert_eq!(imported_tensors(&imported.graph), described_tensors(&json), "{}", path.display());
            assert!(imported.notes.is_empty());
        }
    }

    #[test]
    fn as_many_operators_remain_as_others_count() {
        let Some(folder) = data::folder("zoo") else { return };
        let table = std::fs::read_to_string(folder.join("baselines.tsv")).unwrap();
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        for path in data::files(&folder.join("onnx"), ".onnx") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let Some(row) = rows.iter().find(|row| row[0] == name) else { continue };
            let graph = read_graph(&path, &ImportOptions::default()).unwrap().graph;
            assert_eq!(graph.program_order().len().to_string(), row[1], "{name}");
        }
    }
}
