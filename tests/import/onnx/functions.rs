//! Functions that a model defines: their calls are inlined.

use crate::support::onnx_models::*;
use plimsoll::import::{ImportError, ImportOptions, ImportedGraph, onnx_from_bytes, onnx_inlined};

/// A function of the domain `my.own`, with the operators of version 21.
fn function(name: &str, [inputs, outputs]: [&[&str]; 2], nodes: &[Vec<u8>]) -> Vec<u8> {
    function_with(name, [inputs, outputs], nodes, 21, &[])
}

fn function_with(
    name: &str,
    [inputs, outputs]: [&[&str]; 2],
    nodes: &[Vec<u8>],
    version: i64,
    more: &[Vec<u8>],
) -> Vec<u8> {
    // Field 7 of a function has its nodes, field 1 of a graph.
    let nodes: Vec<u8> =
        nodes.iter().flat_map(|node| [varint(7 << 3 | 2), node[1..].to_vec()].concat()).collect();
    let list = |field, names: &[&str]| -> Vec<u8> {
        names.iter().flat_map(|name| length_delimited(field, name)).collect()
    };
    let names = [list(4, inputs), list(5, outputs), list(1, &[name]), list(10, &["my.own"])].concat();
    length_delimited(25, [names, nodes, length_delimited(9, number(2, version)), more.concat()].concat())
}

fn call(function: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    node_with(function, inputs, outputs, &[domain("my.own")])
}

fn untyped(name: &str) -> Vec<u8> {
    info_without_type(12, name)
}

fn import(parts: &[Vec<u8>], functions: &[Vec<u8>]) -> Result<ImportedGraph, ImportError> {
    let bytes = [model(parts), functions.concat()].concat();
    let imported = onnx_from_bytes("model", &bytes, &ImportOptions::default())?;
    // The written form has the same tensors and operators, in the same order.
    let inlined = onnx_inlined(&bytes)?;
    let again = onnx_from_bytes("model", &inlined, &ImportOptions::default())?;
    assert_eq!(described(&imported), described(&again));
    Ok(imported)
}

/// Each operator with its type, inputs and outputs.
fn described(imported: &ImportedGraph) -> Vec<String> {
    let graph = &imported.graph;
    let name = |id: &plimsoll::TensorId| {
        format!("{}{:?}", graph.tensor(*id).name(), graph.tensor(*id).shape().unwrap_or_default())
    };
    let names = |ids: &[plimsoll::TensorId]| ids.iter().map(name).collect::<Vec<_>>().join(" ");
    let operators = graph.operators().iter();
    operators
        .map(|one| format!("{}: {} -> {}", one.op_type(), names(one.inputs()), names(one.outputs())))
        .collect()
}

fn error(parts: &[Vec<u8>], functions: &[Vec<u8>]) -> String {
    import(parts, functions).unwrap_err().to_string()
}

#[test]
fn calls_are_replaced_by_the_nodes_of_their_functions() {
    let inner = function(
        "Inner",
        [&["a"], &["b"]],
        &[node("Relu", &["a"], &["c"]), node_with("Flatten", &["c"], &["b"], &[reference("axis", "where")])],
    );
    let calls_inner =
        node_with("Inner", &["a"], &["b"], &[domain("my.own"), attribute("where", number(3, 2))]);
    let outer = function("Outer", [&["a"], &["b"]], &[calls_inner]);
    let parts = [input("x", FLOAT, "2, 3, 4"), call("Outer", &["x"], &["y"]), untyped("y")];
    let imported = import(&parts, &[outer, inner]).unwrap();
    assert_eq!(
        described(&imported),
        ["Relu: x[2, 3, 4] -> the_Inner.2/c[2, 3, 4]", "Flatten: the_Inner.2/c[2, 3, 4] -> y[6, 4]"]
    );
    assert!(imported.notes.is_empty(), "{:?}", imported.notes);
}

/// An attribute of a node in a function that refers to one of the function.
fn reference(name: &str, of: &str) -> Vec<u8> {
    attribute(name, length_delimited(21, of))
}

#[test]
fn memory_inside_of_functions_is_planned() {
    let wide = function(
        "Wide",
        [&["a"], &["b"]],
        &[
            node_with("Concat", &["a", "a", "a", "a"], &["c"], &[attribute("axis", number(3, 0))]),
            node_with("ReduceMax", &["c"], &["b"], &[attribute("keepdims", number(3, 0))]),
        ],
    );
    let parts = [
        input("x", FLOAT, "100"),
        call("Wide", &["x"], &["u"]),
        call("Wide", &["x"], &["v"]),
        node("Add", &["u", "v"], &["y"]),
        untyped("y"),
    ];
    let graph = import(&parts, &[wide]).unwrap().graph;
    let plan = plimsoll::Planner::new().alignment(1).plan(&graph).unwrap();
    assert_eq!(plan.arena_bytes, 400 + 1600 + 4);
}

#[test]
fn absent_inputs_and_outputs_stay_absent() {
    let limit = function(
        "Limit",
        [&["a", "low", "high"], &["b", "c"]],
        &[node("Clip", &["a", "low", "high"], &["b"]), node("Neg", &["b"], &["c"])],
    );
    let parts = [
        input("x", FLOAT, "4"),
        input("m", FLOAT, ""),
        call("Limit", &["x", "", "m"], &["u"]),
        call("Limit", &["u"], &["", "y"]),
        untyped("y"),
    ];
    let imported = import(&parts, &[limit]).unwrap();
    assert_eq!(
        described(&imported),
        [
            "Clip: x[4] m[] -> u[4]",
            "Neg: u[4] -> the_Limit.1/c[4]",
            "Clip: u[4] -> the_Limit.2/b[4]",
            "Neg: the_Limit.2/b[4] -> y[4]"
        ]
    );
}

#[test]
fn an_output_that_is_an_input_is_a_copy() {
    let same = function("Same", [&["a"], &["a", "b", "b"]], &[node("Exp", &["a"], &["b"])]);
    let parts = [
        input("x", FLOAT, "4"),
        call("Same", &["x"], &["u", "v", "w"]),
        untyped("u"),
        untyped("v"),
        untyped("w"),
    ];
    assert_eq!(
        described(&import(&parts, &[same]).unwrap()),
        ["Exp: x[4] -> v[4]", "Identity: x[4] -> u[4]", "Identity: v[4] -> w[4]"]
    );
}

/// The body defines `a`, which hides the input `a` of the function, and captures its input `b`, which is the same
/// tensor around the call.
#[test]
fn names_of_bodies_hide_those_of_their_function() {
    let inside = body(
        "then_branch",
        &[node("Exp", &["b"], &["a"]), node("Add", &["a", "b"], &["r"]), output("r", FLOAT, "4")],
    );
    let other = body("else_branch", &[node("Neg", &["a"], &["r"]), output("r", FLOAT, "4")]);
    let choose =
        function("Choose", [&["c", "a", "b"], &["y"]], &[node_with("If", &["c"], &["y"], &[inside, other])]);
    let parts =
        [input("c", 9, ""), input("x", FLOAT, "4"), call("Choose", &["c", "x", "x"], &["y"]), untyped("y")];
    let imported = import(&parts, &[choose]).unwrap();
    assert_eq!(described(&imported), ["If: c[] x[4] -> y[4]"]);
    let branch = &imported.graph.operators()[0].bodies()[0];
    let names: Vec<&str> = branch.tensors().iter().map(plimsoll::Tensor::name).collect();
    assert_eq!(names, ["the_Choose.1/a", "the_Choose.1/r", "x"]);
}

#[test]
fn names_of_calls_are_unique() {
    let two = function("Two", [&["a"], &["c"]], &[node("Exp", &["a"], &["b"]), node("Neg", &["b"], &["c"])]);
    let parts = [
        input("the_Two.1/b", FLOAT, "4"),
        call("Two", &["the_Two.1/b"], &["the_Two.3/b"]),
        call("Two", &["the_Two.3/b"], &["y"]),
        untyped("y"),
    ];
    assert_eq!(
        described(&import(&parts, &[two]).unwrap())[1..3],
        ["Neg: the_Two.2/b[4] -> the_Two.3/b[4]", "Exp: the_Two.3/b[4] -> the_Two.4/b[4]"]
    );
}

/// The axes of a squeeze are an attribute before version 13, and an input afterwards.
#[test]
fn nodes_keep_the_operator_sets_of_their_function() {
    let old = |version| {
        let squeeze = node_with("Squeeze", &["a"], &["b"], &[attribute("axes", length_delimited(8, [0]))]);
        function_with("Old", [&["a"], &["b"]], &[squeeze], version, &[])
    };
    let parts = [input("x", FLOAT, "1, 4"), call("Old", &["x"], &["y"]), untyped("y")];
    let bytes = [model(&parts), old(11)].concat();
    let imported = onnx_from_bytes("model", &bytes, &ImportOptions::default()).unwrap();
    assert_eq!(described(&imported), ["Squeeze: x[1, 4] -> y[4]"]);
    let text = onnx_inlined(&bytes).unwrap_err().to_string();
    assert!(text.contains("imports version 11") && text.contains("its model has version 21"), "{text}");
    let text = error(&parts, &[old(21)]);
    assert!(text.contains("`axes` is an input in version 21"), "{text}");
}

/// Training graphs may call functions, so a model with training graphs keeps them.
#[test]
fn inlined_models_have_no_functions_unless_they_are_trained() {
    let own = function("F", [&["a"], &["b"]], &[node("Exp", &["a"], &["b"])]);
    let parts = [input("x", FLOAT, "4"), call("F", &["x"], &["y"]), untyped("y")];
    let mentions = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"my.own");
    let bytes = [model(&parts), own].concat();
    assert!(mentions(&bytes) && !mentions(&onnx_inlined(&bytes).unwrap()));
    let trained = [bytes, length_delimited(20, "")].concat();
    assert!(mentions(&onnx_inlined(&trained).unwrap()));
    // Without calls, the bytes are the same.
    let alone = model(&[input("x", FLOAT, "4"), node("Exp", &["x"], &["y"]), untyped("y")]);
    assert_eq!(*onnx_inlined(&alone).unwrap(), alone);
}

#[test]
fn overloads_are_functions_of_their_own() {
    let of = |overload: &str, op_type: &str| {
        let node = node(op_type, &["a"], &["b"]);
        function_with("F", [&["a"], &["b"]], &[node], 21, &[length_delimited(13, overload)])
    };
    let overloaded = node_with("F", &["u"], &["y"], &[domain("my.own"), length_delimited(8, "other")]);
    let parts = [input("x", FLOAT, "4"), call("F", &["x"], &["u"]), overloaded, untyped("y")];
    assert_eq!(
        described(&import(&parts, &[of("", "Exp"), of("other", "Neg")]).unwrap()),
        ["Exp: x[4] -> u[4]", "Neg: u[4] -> y[4]"]
    );
}

#[test]
fn functions_that_are_wrong_are_errors() {
    let parts = |inputs: &[&str]| [input("x", FLOAT, "4"), call("F", inputs, &["y"]), untyped("y")];
    let simple = || function("F", [&["a"], &["b"]], &[node("Exp", &["a"], &["b"])]);
    let own = function("F", [&["a"], &["b"]], &[call("F", &["a"], &["b"])]);
    let to = |name: &str, next: &str| function(name, [&["a"], &["b"]], &[call(next, &["a"], &["b"])]);
    let body = body("then_branch", &[call("F", &["a"], &["r"]), output("r", FLOAT, "4")]);
    let in_a_body = function("F", [&["a"], &["b"]], &[node_with("If", &["a"], &["b"], &[body])]);
    for (functions, inputs, expected) in [
        (vec![own], &["x"][..], "`my.own.F` calls itself: `my.own.F` -> `my.own.F`"),
        (vec![in_a_body], &["x"], "`my.own.F` calls itself"),
        (vec![to("F", "G"), to("G", "H"), to("H", "G")], &["x"], "`my.own.G` -> `my.own.H` -> `my.own.G`"),
        (vec![simple(), simple()], &["x"], "the file defines several functions `my.own.F`"),
        (vec![simple()], &["x", "x"], "the call `the F` has 2 inputs, but the function has 1"),
        (vec![function("F", [&["a"], &["b"]], &[])], &["x"], "`my.own.F` does not define its output `b`"),
    ] {
        let text = error(&parts(inputs), &functions);
        assert!(text.starts_with("functions of the model cannot be inlined: "), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    // Functions that nothing calls do not matter.
    let alone = [input("x", FLOAT, "4"), node("Exp", &["x"], &["y"]), untyped("y")];
    import(&alone, &[simple(), simple()]).unwrap();
}

#[test]
fn growth_of_calls_is_limited() {
    let parts = [input("x", FLOAT, "4"), call("F0", &["x"], &["y"]), untyped("y")];
    // Each level calls two functions twice, which makes 4^30 calls.
    let mut functions = Vec::new();
    for level in 0..30 {
        let [next, other] = [format!("F{}", level + 1), format!("G{}", level + 1)];
        for name in ["F", "G"] {
            let nodes = [
                call(&next, &["a"], &["c"]),
                call(&next, &["c"], &["d"]),
                call(&other, &["d"], &["e"]),
                call(&other, &["e"], &["b"]),
            ];
            functions.push(function(&format!("{name}{level}"), [&["a"], &["b"]], &nodes));
        }
    }
    for name in ["F30", "G30"] {
        functions.push(function(name, [&["a"], &["b"]], &[node("Exp", &["a"], &["b"])]));
    }
    let text = error(&parts, &functions);
    assert!(text.contains("take more than 16 MiB") && text.contains("onnx.inliner"), "{text}");
    let chain = |count: usize| -> Vec<Vec<u8>> {
        let calls_next = |level: usize| {
            let next = format!("F{}", level + 1);
            function(&format!("F{level}"), [&["a"], &["b"]], &[call(&next, &["a"], &["b"])])
        };
        let last = function(&format!("F{count}"), [&["a"], &["b"]], &[node("Exp", &["a"], &["b"])]);
        (0..count).map(calls_next).chain([last]).collect()
    };
    assert_eq!(described(&import(&parts, &chain(63)).unwrap()), ["Exp: x[4] -> y[4]"]);
    let text = error(&parts, &chain(64));
    assert!(text.contains("more than 64 deep"), "{text}");
}

/// Each function wraps the graph that it gets in another one.
#[test]
fn bodies_that_nest_too_deep_are_errors() {
    let mut functions = Vec::new();
    for level in 0..40 {
        let next = format!("F{}", level + 1);
        let inside = body("then_branch", &[call(&next, &["a"], &["r"]), output("r", FLOAT, "4")]);
        functions.push(function(
            &format!("F{level}"),
            [&["a"], &["b"]],
            &[node_with("If", &["a"], &["b"], &[inside])],
        ));
    }
    functions.push(function("F40", [&["a"], &["b"]], &[node("Exp", &["a"], &["b"])]));
    let parts = [input("x", FLOAT, "4"), call("F0", &["x"], &["y"]), untyped("y")];
    let text = error(&parts, &functions);
    assert!(text.contains("bodies are nested more than 30 deep"), "{text}");
}
