//! Shapes missing from ONNX files: inference on handwritten graphs.

use std::path::Path;

use crate::support::data;
use crate::support::onnx_models::*;
use plimsoll::Graph;
use plimsoll::import::{ImportError, ImportOptions, InputShape, onnx_from_bytes};

const INT32: u64 = 6;
const BOOL: u64 = 9;

fn import(parts: &[Vec<u8>]) -> Result<Graph, ImportError> {
    import_with(parts, &ImportOptions::default())
}

fn import_with(parts: &[Vec<u8>], options: &ImportOptions) -> Result<Graph, ImportError> {
    onnx_from_bytes("model", &model(parts), options).map(|imported| imported.graph)
}

fn error(parts: &[Vec<u8>]) -> String {
    import(parts).unwrap_err().to_string()
}

/// The inferred shape of the tensor `y`.
fn shape(parts: &[Vec<u8>]) -> Vec<u64> {
    shape_of(&import(parts).unwrap(), "y")
}

fn shape_of(graph: &Graph, name: &str) -> Vec<u64> {
    let tensor = graph.tensors().iter().find(|tensor| tensor.name() == name).unwrap();
    tensor.shape().unwrap().to_vec()
}

/// An initializer of 64-bit integers.
fn ints(name: &str, dims: &[i64], numbers: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    length_delimited(5, [tensor(name, INT64, dims), length_delimited(9, bytes)].concat())
}

fn reals(name: &str, numbers: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let dims = if let [_] = numbers { Vec::new() } else { vec![i64::try_from(numbers.len()).unwrap()] };
    length_delimited(5, [tensor(name, FLOAT, &dims), length_delimited(9, bytes)].concat())
}

fn int(name: &str, value: i64) -> Vec<u8> {
    attribute(name, number(3, value))
}

/// A graph output without a type or shape.
fn result(name: &str) -> Vec<u8> {
    info_without_type(12, name)
}

/// A body input without a type or shape.
fn inner(name: &str) -> Vec<u8> {
    info_without_type(11, name)
}

/// Inference from the shapes of the inputs alone gives the shapes that real models declare.
#[test]
fn declared_shapes_of_real_models_are_inferred() {
    let mut files = data::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models"), ".onnx");
    files.extend(data::folder("zoo/onnx").map_or_else(Vec::new, |folder| data::files(&folder, ".onnx")));
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let tensors = |bytes: &[u8]| {
            let imported = onnx_from_bytes("model", bytes, &ImportOptions::default()).unwrap();
            // No inferred shape differs from a declared one.
            assert!(imported.notes.is_empty(), "{}: {:?}", path.display(), imported.notes);
            format!("{:#?}", imported.graph.tensors())
        };
        assert_eq!(tensors(&without_declared_shapes(&bytes)), tensors(&bytes), "{}", path.display());
    }
}

#[test]
fn values_of_shape_computations_are_inferred() {
    // x.view(x.size(0), -1), as PyTorch exports it.
    let view = [
        input("x", FLOAT, "4, 3, 5"),
        node("Shape", &["x"], &["shape"]),
        ints("zero", &[], &[0]),
        node("Gather", &["shape", "zero"], &["batch"]),
        ints("axis", &[1], &[0]),
        node("Unsqueeze", &["batch", "axis"], &["one"]),
        ints("rest", &[1], &[-1]),
        node_with("Concat", &["one", "rest"], &["target"], &[int("axis", 0)]),
        node("Reshape", &["x", "target"], &["y"]),
        result("y"),
    ];
    assert_eq!(shape(&view), [4, 15]);
    // Half of the size, computed in floating point.
    let half = [
        input("x", FLOAT, "1, 3, 7, 9"),
        node("Shape", &["x"], &["shape"]),
        ints("two", &[1], &[2]),
        ints("four", &[1], &[4]),
        node("Slice", &["shape", "two", "four"], &["image"]),
        node_with("Cast", &["image"], &["real"], &[int("to", 1)]),
        reals("half", &[0.5]),
        node("Mul", &["real", "half"], &["halved"]),
        node("Floor", &["halved"], &["floored"]),
        node_with("Cast", &["floored"], &["whole"], &[int("to", 7)]),
        ints("zero", &[1], &[0]),
        node("Slice", &["shape", "zero", "two"], &["kept"]),
        node_with("Concat", &["kept", "whole"], &["sizes"], &[int("axis", 0)]),
        node("Resize", &["x", "", "", "sizes"], &["y"]),
        result("y"),
    ];
    assert_eq!(shape(&half), [1, 3, 3, 4]);
    // x.expand(): sizes of -1 keep the dimension.
    let expand = [
        input("x", FLOAT, "2, 1, 1"),
        ints("wanted", &[3], &[-1, 5, -1]),
        ints("minus", &[], &[-1]),
        node("Equal", &["wanted", "minus"], &["kept"]),
        ints("ones", &[3], &[1, 1, 1]),
        node("Where", &["kept", "ones", "wanted"], &["target"]),
        node("Expand", &["x", "target"], &["y"]),
        result("y"),
    ];
    assert_eq!(shape(&expand), [2, 5, 1]);
    // The size is the number of elements.
    let counted = [
        input("x", FLOAT, "4, 3, 5"),
        node("Shape", &["x"], &["shape"]),
        node_with("ReduceProd", &["shape"], &["count"], &[int("keepdims", 0)]),
        ints("zero", &[], &[0]),
        ints("step", &[], &[7]),
        node("Range", &["zero", "count", "step"], &["y"]),
        result("y"),
    ];
    assert_eq!(shape(&counted), [9]);
}

#[test]
fn nodes_may_stand_in_any_order() {
    let parts = [
        node("Relu", &["b"], &["y"]),
        node("Flatten", &["a"], &["b"]),
        node("Relu", &["x"], &["a"]),
        input("x", FLOAT, "2, 3, 4"),
        result("y"),
    ];
    assert_eq!(shape(&parts), [2, 12]);
    let circle =
        [input("x", FLOAT, "2"), node("Add", &["x", "b"], &["a"]), node("Relu", &["a"], &["b"]), result("b")];
    assert!(import(&circle).is_err());
}

#[test]
fn unknown_shapes_are_named_with_the_reason() {
    let unknown = [
        input("x", FLOAT, "2, 3"),
        node_with("Fancy", &["x"], &["z"], &[domain("my.own")]),
        node("Relu", &["z"], &["y"]),
        result("y"),
    ];
    assert_eq!(
        error(&unknown),
        "2 tensors have no static size: `z` (no type, no shape), because the output shape of node `the Fancy` \
         (my.own.Fancy) cannot be inferred: the file imports no operator set of the domain `my.own`, `y` (no \
         type, no shape); set a shape that cannot be inferred: --input-shape z=1x3:float32 (the type only if \
         the file does not declare it), or value_info in the file"
    );
    let misspelt = [input("x", FLOAT, "2, 3"), node("Rleu", &["x"], &["y"]), result("y")];
    assert!(error(&misspelt).contains(
        "the output shape of node `the Rleu` (Rleu) cannot be inferred: the operator has no shape rule"
    ));
    let weights = [
        input("x", FLOAT, "2, 3"),
        external("target", INT64, &[2], "elsewhere"),
        node("Reshape", &["x", "target"], &["y"]),
        result("y"),
    ];
    assert!(error(&weights).contains("depends on the numbers in `target`"));
}

#[test]
fn declared_shapes_resolve_unknown_sizes() {
    let parts = [
        input("x", FLOAT, "2, 3"),
        node("NonZero", &["x"], &["places"]),
        value_info("places", INT64, "2, 5"),
        node("Transpose", &["places"], &["y"]),
        result("y"),
    ];
    assert_eq!(shape(&parts), [5, 2]);
    // Symbolic dimensions that occur in outputs only need not be bound.
    let named = [input("x", FLOAT, "2, 3"), node("Relu", &["x"], &["y"]), output("y", FLOAT, "some, ?")];
    assert_eq!(shape(&named), [2, 3]);
}

#[test]
fn operators_of_converters_have_rules() {
    let microsoft = length_delimited(8, [length_delimited(1, "com.microsoft"), number(2, 1)].concat());
    let shapes = |parts: &[Vec<u8>], names: &[&str]| {
        let bytes = [model(parts), microsoft.clone()].concat();
        let graph = onnx_from_bytes("model", &bytes, &ImportOptions::default()).unwrap().graph;
        names.iter().map(|name| shape_of(&graph, name)).collect::<Vec<_>>()
    };
    let scaled = [input("x", FLOAT, "1, 3, 4, 5"), node("ImageScaler", &["x"], &["y"]), result("y")];
    assert_eq!(shapes(&scaled, &["y"]), [[1, 3, 4, 5]]);
    // The weights are [directions, inputs, 4 * hidden] and [directions, hidden, 4 * hidden].
    let text = length_delimited(4, "bidirectional");
    let lstm = [
        input("x", FLOAT, "7, 2, 16"),
        length_delimited(5, tensor("w", 2, &[2, 16, 32])),
        length_delimited(5, tensor("r", 2, &[2, 8, 32])),
        node_with(
            "DynamicQuantizeLSTM",
            &["x", "w", "r"],
            &["y", "h", "c"],
            &[attribute("direction", text), int("hidden_size", 8), domain("com.microsoft")],
        ),
        result("y"),
        result("h"),
        result("c"),
    ];
    assert_eq!(shapes(&lstm, &["y", "h", "c"]), [vec![7, 2, 2, 8], vec![2, 2, 8], vec![2, 2, 8]]);
}

/// The user can give a shape that cannot be inferred, but cannot change an inferred shape.
#[test]
fn results_of_unknown_operators_can_be_given_shapes() {
    let parts = [
        input("x", FLOAT, "2, 3"),
        node_with("Fancy", &["x"], &["z"], &[domain("my.own")]),
        node("Relu", &["z"], &["y"]),
        node("NonZero", &["x"], &["places"]),
        result("y"),
        result("places"),
    ];
    let read = |shapes: &[(&str, &str)]| {
        let mut options = ImportOptions::default();
        let parsed = |(name, shape): &(&str, &str)| (name.to_string(), shape.parse::<InputShape>().unwrap());
        options.input_shapes = shapes.iter().map(parsed).collect();
        options.dims =
            [("rows".to_owned(), 4)].into_iter().filter(|_| shapes[0].1.contains("rows")).collect();
        onnx_from_bytes("model", &model(&parts), &options).map(|imported| imported.graph)
    };
    let graph = read(&[("z", "rows,5:float16"), ("places", "2x4")]).unwrap();
    let bytes = |name: &str| {
        let tensor = graph.tensors().iter().find(|tensor| tensor.name() == name).unwrap();
        (tensor.bytes(), tensor.is_upper_bound())
    };
    assert_eq!([bytes("z"), bytes("y"), bytes("places")], [(40, false), (40, false), (64, false)]);
    for (shapes, reason) in [
        (&[("z", "4x5")][..], "its element type is unknown; write it as in 1x3:float16"),
        (&[("z", "4x5:float16"), ("places", "2x7")], "its upper bound is [2, 6], of element type 7"),
        (&[("z", "4x5:float16"), ("y", "4x6")], "its inferred shape is [4, 5], of element type 10"),
        (&[("x", "2x3:float16")], "an input has the element type of the file"),
        (&[("w", "2x3")], "the file has no such input; there are `x`"),
    ] {
        let text = read(shapes).unwrap_err().to_string();
        assert!(text.contains(reason), "{text}");
    }
}

/// A given or declared shape counts only if the operator can return it.
#[test]
fn shapes_that_an_operator_cannot_return_are_refused() {
    let read = |op_type: &str, declared: Option<&str>, given: Option<&str>| {
        let result = declared.map_or_else(|| result("y"), |shape| output("y", FLOAT, shape));
        let parts =
            [input("x", FLOAT, "4, 6"), input("s", INT64, "2"), node(op_type, &["x", "s"], &["y"]), result];
        let mut options = ImportOptions::default();
        let given = given.map(|shape| ("y".to_owned(), shape.parse::<InputShape>().unwrap()));
        options.input_shapes = given.into_iter().collect();
        let graph = onnx_from_bytes("model", &model(&parts), &options)?.graph;
        let found = graph.tensors().iter().find(|tensor| tensor.name() == "y").unwrap().bytes();
        Ok::<u64, ImportError>(found)
    };
    for (op_type, possible, impossible) in [
        ("Reshape", "8, 3", "8, 2"),
        ("Expand", "2, 4, 6", "4, 3"),
        ("Tile", "8, 12", "2, 6"),
        ("Pad", "5, 9", "24"),
    ] {
        let bytes = 4 * possible.split(", ").map(|dim| dim.parse::<u64>().unwrap()).product::<u64>();
        assert_eq!(read(op_type, Some(possible), None).unwrap(), bytes, "{op_type}");
        let given = |shape: &str| format!("{}:float32", shape.replace(", ", "x"));
        assert_eq!(read(op_type, None, Some(&given(possible))).unwrap(), bytes, "{op_type}");
        let reason = format!("{op_type} of a tensor of shape [4, 6] cannot have the shape [{impossible}]");
        for error in [read(op_type, Some(impossible), None), read(op_type, None, Some(&given(impossible)))] {
            let text = error.unwrap_err().to_string();
            assert!(text.contains(&reason), "{text}");
        }
    }
}

fn read_with(parts: &[Vec<u8>], shapes: &[(&str, &str)]) -> Result<Graph, ImportError> {
    let mut options = ImportOptions::default();
    let parsed = |(name, shape): &(&str, &str)| (name.to_string(), shape.parse::<InputShape>().unwrap());
    options.input_shapes = shapes.iter().map(parsed).collect();
    onnx_from_bytes("model", &model(parts), &options).map(|imported| imported.graph)
}

fn bytes(graph: &Graph, name: &str) -> u64 {
    graph.tensors().iter().find(|tensor| tensor.name() == name).unwrap().bytes()
}

/// A tensor of strings has as many references as strings, if the user gives the type of a reference.
#[test]
fn references_to_strings_can_be_planned() {
    const STRING: u64 = 8;
    let parts = [
        input("x", STRING, "3, 1"),
        input("w", STRING, "2"),
        node("StringConcat", &["x", "w"], &["t"]),
        node_with("RegexFullMatch", &["t"], &["y"], &[attribute("pattern", length_delimited(4, "a.*"))]),
        result("y"),
    ];
    let text = read_with(&parts, &[]).unwrap_err().to_string();
    assert!(text.contains("--input-shape x=3x4:uint64"), "{text}");
    let all = [("x", "3x1:uint64"), ("w", "2:uint32"), ("t", "3x2:uint64")];
    let graph = read_with(&parts, &all).unwrap();
    assert_eq!(["x", "w", "t", "y"].map(|name| bytes(&graph, name)), [24, 8, 48, 6]);
    let text = read_with(&parts, &[all[0], all[1], ("t", "3x3:uint64")]).unwrap_err().to_string();
    assert!(text.contains("its shape is [3, 2]"), "{text}");
}

/// A sequence has the size of all its tensors. If these are unknown, it is refused by name, and the user can give it as many
/// elements as they have; results of operators on it count as declared.
#[test]
fn sequences_have_the_size_of_their_tensors_or_a_given_one() {
    let (read, sequence) =
        (read_with, |field: u64, name: &str| info_of_type(field, name, length_delimited(4, [])));
    let made = [
        input("x", FLOAT, "4, 6"),
        input("at", INT64, ""),
        node("SequenceConstruct", &["x", "x"], &["s"]),
        node("SequenceLength", &["s"], &["count"]),
        node("SequenceAt", &["s", "at"], &["y"]),
        result("count"),
        output("y", FLOAT, "4, 6"),
    ];
    for shapes in [&[][..], &[("s", "48:float32")]] {
        let graph = read(&made, shapes).unwrap();
        assert_eq!(["s", "count", "y"].map(|name| bytes(&graph, name)), [192, 8, 96]);
    }
    let text = read(&made, &[("s", "49:float32")]).unwrap_err().to_string();
    assert!(text.contains("its inferred shape is [48]"), "{text}");

    let of_input = [
        sequence(11, "s"),
        input("at", INT64, ""),
        node("SequenceAt", &["s", "at"], &["y"]),
        output("y", FLOAT, "4, 6"),
    ];
    let text = read(&of_input, &[]).unwrap_err().to_string();
    assert!(
        text.contains("`s` (no dense tensor)") && text.contains("--input-shape s=1000:float32"),
        "{text}"
    );
    let text = read(&of_input, &[("s", "48")]).unwrap_err().to_string();
    assert!(text.contains("add the type of its elements"), "{text}");
    let graph = read(&of_input, &[("s", "48:float32")]).unwrap();
    assert_eq!(["s", "y"].map(|name| bytes(&graph, name)), [192, 96]);

    let optional = [
        input("x", FLOAT, "4, 6"),
        node("Optional", &["x"], &["o"]),
        node("OptionalGetElement", &["o"], &["y"]),
        node("OptionalHasElement", &["o"], &["has"]),
        result("y"),
        result("has"),
    ];
    let graph = read(&optional, &[]).unwrap();
    assert_eq!(["o", "y", "has"].map(|name| bytes(&graph, name)), [96, 96, 1]);
    // An optional input has the declared type of its tensor; one of a sequence has none.
    let declared = |of: u64, contents: Vec<u8>| {
        let element = length_delimited(1, length_delimited(of, contents));
        [info_of_type(11, "o", length_delimited(9, element)), optional[2].clone(), result("y")]
    };
    let dims = [4, 6].map(|dim| length_delimited(1, number(1, dim))).concat();
    let tensor = [number(1, 1), length_delimited(2, dims)].concat();
    let graph = read(&declared(1, tensor), &[]).unwrap();
    assert_eq!(["o", "y"].map(|name| bytes(&graph, name)), [96, 96]);
    let text = read(&declared(4, Vec::new()), &[]).unwrap_err().to_string();
    assert!(text.contains("`o` (no dense tensor)"), "{text}");
}

/// A shape that the file declares for other inputs does not count, and the error says which option sets it.
#[test]
fn a_rejected_declaration_comes_with_a_remedy() {
    let parts = [
        input("x", FLOAT, "4, 6"),
        node("Relu", &["x"], &["m"]),
        node("Fancy", &["m"], &["y"]),
        value_info("m", FLOAT, "2, 6"),
        output("y", FLOAT, "2, 6"),
    ];
    let text = onnx_from_bytes("model", &model(&parts), &ImportOptions::default()).unwrap_err().to_string();
    assert!(text.contains("but for another shape of the input `m`; set a shape"), "{text}");
    assert!(text.contains("--input-shape y=1x3:float32"), "{text}");
}

/// Sizes that depend on data are marked as upper bounds, and so are sizes that depend on those.
#[test]
fn sizes_that_depend_on_data_are_bounded() {
    let imported =
        |parts: &[Vec<u8>]| onnx_from_bytes("model", &model(parts), &ImportOptions::default()).unwrap();
    let places = [
        input("x", FLOAT, "2, 3"),
        node("NonZero", &["x"], &["places"]),
        node("Transpose", &["places"], &["rows"]),
        node("GatherND", &["x", "rows"], &["y"]),
        node("Relu", &["x"], &["z"]),
        result("y"),
        result("z"),
    ];
    let found = imported(&places);
    for (name, dims, is_bound) in [
        ("places", vec![2, 6], true),
        ("rows", vec![6, 2], true),
        ("y", vec![6], true),
        ("z", vec![2, 3], false),
    ] {
        let tensor = found.graph.tensors().iter().find(|tensor| tensor.name() == name).unwrap();
        assert_eq!((tensor.shape(), tensor.is_upper_bound()), (Some(&dims[..]), is_bound), "{name}");
    }
    assert_eq!(
        found.notes,
        ["sizes that depend on data, planned at their upper bound: `places` [2, 6]; `rows` [6, 2]; `y` [6]"]
    );
    // A declared shape within the bound counts.
    let [x, non_zero, transpose, gather, ..] = places.clone();
    let declared = |shape| {
        [
            x.clone(),
            non_zero.clone(),
            value_info("places", INT64, shape),
            transpose.clone(),
            gather.clone(),
            result("y"),
        ]
    };
    assert_eq!(shape(&declared("2, 5")), [5]);
    assert_eq!(shape(&declared("2, count")), [6]);
    assert_eq!(shape(&declared("2, 7")), [6]);
    // Values that depend on a bounded size are unknown.
    let text = error(&[
        x,
        non_zero,
        node("Shape", &["places"], &["size"]),
        node("ConstantOfShape", &["size"], &["y"]),
        result("y"),
    ]);
    assert!(text.contains("depends on the numbers in `size`"), "{text}");
    // An output that does not grow with its input has no bound.
    let text = error(&[
        input("x", FLOAT, "2, 3"),
        node("NonZero", &["x"], &["places"]),
        node("Squeeze", &["places"], &["y"]),
        result("y"),
    ]);
    assert!(text.contains("no upper bound of its output follows"), "{text}");
}

/// Axes of a reduction that come with the run: an upper bound follows. An empty list of axes is known.
#[test]
fn reductions_along_computed_axes_are_bounded() {
    let reduce = |axes: &str, more: &[Vec<u8>]| {
        let parts = [
            input("x", FLOAT, "2, 0, 5, 4"),
            input("axes", INT64, axes),
            node_with("ReduceSum", &["x", "axes"], &["y"], more),
            result("y"),
        ];
        let graph = import(&parts)?;
        let tensor = graph.tensors().iter().find(|tensor| tensor.name() == "y").unwrap();
        Ok::<_, ImportError>((tensor.shape().unwrap().to_vec(), tensor.is_upper_bound()))
    };
    let drop = [int("keepdims", 0)];
    assert_eq!(reduce("1", &[]).unwrap(), (vec![2, 1, 5, 4], true));
    assert_eq!(reduce("1", &drop).unwrap(), (vec![2, 5, 5], true));
    assert_eq!(reduce("3", &drop).unwrap(), (vec![5], true));
    assert_eq!(reduce("4", &drop).unwrap(), (vec![], false));
    assert!(reduce("5", &drop).unwrap_err().to_string().contains("depends on the numbers in `axes`"));
    assert_eq!(reduce("0", &[]).unwrap(), (vec![1, 1, 1, 1], false));
    assert_eq!(reduce("0", &[int("noop_with_empty_axes", 1)]).unwrap(), (vec![2, 0, 5, 4], false));
}

/// If the file declares another shape, rank or type, the inferred one counts, with a note.
#[test]
fn inferred_shapes_count() {
    let relu = |declared: Vec<u8>| {
        [
            input("x", FLOAT, "2, 3"),
            node("Relu", &["x"], &["a"]),
            node("Relu", &["a"], &["y"]),
            output("y", FLOAT, "2, 3"),
            declared,
        ]
    };
    let note = |declared| {
        let imported = onnx_from_bytes("model", &model(&relu(declared)), &ImportOptions::default()).unwrap();
        assert_eq!(shape_of(&imported.graph, "a"), [2, 3]);
        assert_eq!(imported.graph.tensors().iter().map(plimsoll::Tensor::bytes).sum::<u64>(), 72);
        imported.notes.join("\n")
    };
    assert_eq!(
        note(value_info("a", FLOAT, "2, 4")),
        "inferred shapes replace different declared shapes: `a` has [2, 3] (element type 1) by node \
         `the Relu` (Relu), the file declares [2, 4]"
    );
    assert!(note(value_info("a", FLOAT, "n, 4")).contains("declares [n, 4]"));
    assert!(note(value_info("a", FLOAT, "2, 3, 1")).contains("declares [2, 3, 1]"));
    assert!(note(value_info("a", FLOAT16, "2, 3")).contains("declares element type 10 and shape [2, 3]"));
    assert_eq!(note(value_info("a", FLOAT, "2, n")), "");
}

/// The output of an operator without a rule has the declared shape, unless an input, direct or
/// indirect, differs from its declared shape.
#[test]
fn declared_shapes_count_where_inputs_are_as_declared() {
    let parts = |of_x: &str, of_a: &str| {
        [
            input("x", FLOAT, of_x),
            node("Relu", &["x"], &["a"]),
            node("Abs", &["a"], &["b"]),
            node("Strange", &["b"], &["c"]),
            node("Relu", &["c"], &["y"]),
            value_info("a", FLOAT, of_a),
            value_info("c", FLOAT, "7"),
            output("y", FLOAT, "?"),
        ]
    };
    let graph = import_with(&parts("2, 3", "2, 3"), &ImportOptions::default()).unwrap();
    assert_eq!(shape_of(&graph, "y"), [7]);
    let text = error(&parts("2, 3", "2, 4"));
    assert!(text.contains("the file declares [7], but for another shape of the input `b`"), "{text}");
    // The same if the user gives another shape.
    let mut options = ImportOptions::default();
    options.input_shapes = [("x".to_owned(), "2x4".parse().unwrap())].into();
    let text = import_with(&parts("2, 3", "2, 3"), &options).unwrap_err().to_string();
    assert!(text.contains("but for another shape of the input `b`"), "{text}");
    let graph = import_with(&parts("2, n", "2, n"), &options).unwrap();
    assert_eq!(shape_of(&graph, "y"), [7]);
}

#[test]
fn symbolic_dimensions_of_inputs_are_enough() {
    let parts = [
        input("x", FLOAT, "n, 3, h, w"),
        initializer("w", FLOAT, &[8, 3, 3, 3]),
        node_with("Conv", &["x", "w"], &["c"], &[attribute("strides", length_delimited(8, [2, 2]))]),
        node("GlobalAveragePool", &["c"], &["y"]),
        output("y", FLOAT, "n, 8, made_up, 1"),
    ];
    assert_eq!(
        error(&parts),
        "3 tensors have no static size: `x` [n, 3, h, w], `c` (no type, no shape), `y` [n, 8, made_up, 1]; \
         bind `h`, `n`, `w` by --dim h=1 --dim n=1 --dim w=1"
    );
    let mut options = ImportOptions::default();
    options.dims = [("n", 2), ("h", 9), ("w", 11)].map(|(name, value)| (name.to_owned(), value)).into();
    let graph = import_with(&parts, &options).unwrap();
    assert_eq!(shape_of(&graph, "c"), [2, 8, 4, 5]);
    assert_eq!(shape_of(&graph, "y"), [2, 8, 1, 1]);
}

#[test]
fn inputs_may_be_given_other_shapes() {
    let parts = [
        input("x", FLOAT, "n, 3, 8, 8"),
        input("mask", FLOAT, "n, 1"),
        node("Flatten", &["x"], &["f"]),
        value_info("f", FLOAT, "n, 192"),
        node("Mul", &["f", "mask"], &["y"]),
        output("y", FLOAT, "n, 192"),
    ];
    let given = |name: &str, shape: &str, dims: &[(&str, u64)]| {
        let mut options = ImportOptions::default();
        options.input_shapes = [(name.to_owned(), shape.parse::<InputShape>().unwrap())].into();
        options.dims = dims.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        import_with(&parts, &options).map(|graph| ["x", "mask", "f", "y"].map(|name| shape_of(&graph, name)))
    };
    // The given size binds the symbolic first dimension of the file.
    let expected = [vec![5, 3, 4, 4], vec![5, 1], vec![5, 48], vec![5, 48]];
    assert_eq!(given("x", "5x3x4x4", &[]).unwrap(), expected);
    assert_eq!(given("x", "5x3xSxS", &[("S", 4)]).unwrap(), expected);
    assert_eq!(given("x", "5x3xSxS", &[("S", 4), ("n", 5)]).unwrap(), expected);
    for (name, shape, dims, text) in [
        ("X", "5x3x4x4", &[][..], "invalid shape for `X`: the file has no such input; there are `x`, `mask`"),
        ("x", "5x3x4", &[], "invalid shape for `x`: it has 4 dimensions, not 3"),
        ("x", "5x3x4x4", &[("n", 6)], "invalid shape for `x`: dimension `n` is both 6 and 5"),
        ("x", "5x3xSxS", &[], "bind `S` by --dim S=1"),
        ("x", "5x3xSxS", &[("T", 1)], "no tensor has a symbolic dimension `T`; there are `S`, `n`"),
    ] {
        let error = given(name, shape, dims).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn branches_must_agree_unless_the_condition_is_known() {
    let branch = |name, op_type: &str| body(name, &[node(op_type, &["x"], &["inner"]), result("inner")]);
    let parts = |condition: Vec<u8>, other: &str| {
        let bodies = [branch("then_branch", "Relu"), branch("else_branch", other)];
        [input("x", FLOAT, "2, 3"), condition, node_with("If", &["c"], &["y"], &bodies), result("y")]
    };
    assert_eq!(shape(&parts(input("c", BOOL, ""), "Exp")), [2, 3]);
    // Of two shapes, the larger dimension along each axis counts.
    assert_eq!(shape(&parts(input("c", BOOL, ""), "Transpose")), [3, 3]);
    let text = error(&parts(input("c", BOOL, ""), "Shape"));
    assert!(
        text.contains("its branches return [2, 3] of element type 1 and [2] of element type 7"),
        "{text}"
    );
    let known =
        |byte: u8| length_delimited(5, [tensor("c", BOOL, &[]), length_delimited(9, [byte])].concat());
    assert_eq!(shape(&parts(known(1), "Transpose")), [2, 3]);
    assert_eq!(shape(&parts(known(0), "Transpose")), [3, 2]);
}

#[test]
fn loops_keep_their_states_and_stack_scan_outputs() {
    let parts = |count: Vec<u8>, step: Vec<Vec<u8>>| {
        let inside = [
            vec![inner("i"), inner("on"), inner("state"), result("on"), result("next"), result("row")],
            step,
        ];
        let own = body("body", &inside.concat());
        [
            input("x", FLOAT, "2, 3"),
            count,
            node_with("Loop", &["count", "", "x"], &["last", "y"], &[own]),
            result("last"),
            result("y"),
        ]
    };
    let same = || vec![node("Relu", &["state"], &["next"]), node("Flatten", &["state"], &["row"])];
    let graph = import(&parts(ints("count", &[], &[7]), same())).unwrap();
    assert_eq!((shape_of(&graph, "last"), shape_of(&graph, "y")), (vec![2, 3], vec![7, 2, 3]));
    let text = error(&parts(input("count", INT64, ""), same()));
    assert!(text.contains("depends on the numbers in `count`"), "{text}");
    let grows = vec![
        node_with("Concat", &["state", "state"], &["next"], &[int("axis", 0)]),
        node("Relu", &["state"], &["row"]),
    ];
    let text = error(&parts(ints("count", &[], &[7]), grows));
    assert!(text.contains("state 0 changes its shape between iterations: from [2, 3] to [4, 3]"), "{text}");
    // The iteration number is unknown, and so are values that depend on it.
    let counts = vec![
        node("Relu", &["state"], &["next"]),
        ints("one", &[1], &[1]),
        node("Reshape", &["i", "one"], &["times"]),
        node("Expand", &["one", "times"], &["row"]),
    ];
    let text = error(&parts(ints("count", &[], &[7]), counts));
    assert!(text.contains("in its body, the output shape of node `the Expand` (Expand)"), "{text}");
}

/// The standard ignores the condition that the body returns; ONNX Runtime does not.
#[test]
fn a_loop_without_a_condition_may_end_by_that_of_its_body() {
    let own = body(
        "body",
        &[
            inner("i"),
            inner("on"),
            inner("state"),
            node("Less", &["i", "limit"], &["more"]),
            node("Relu", &["state"], &["next"]),
            node("Flatten", &["state"], &["row"]),
            result("more"),
            result("next"),
            result("row"),
        ],
    );
    let parts = [
        input("x", FLOAT, "2, 3"),
        ints("count", &[], &[7]),
        ints("limit", &[], &[1]),
        node_with("Loop", &["count", "", "x"], &["last", "y"], &[own]),
        result("last"),
        result("y"),
    ];
    let graph = import(&parts).unwrap();
    assert_eq!((shape_of(&graph, "last"), shape_of(&graph, "y")), (vec![2, 3], vec![7, 2, 3]));
    let is_bound = |name: &str| graph.tensors().iter().any(|one| one.name() == name && one.is_upper_bound());
    assert_eq!((is_bound("last"), is_bound("y")), (false, true));
}

/// ONNX Runtime leaves the size as it is if axes are negative.
#[test]
fn a_kept_aspect_ratio_along_negative_axes_has_no_shape() {
    let parts = |axis: i64, policy: &str| {
        let texts = |name, text: &str| attribute(name, length_delimited(4, text));
        let axes = attribute("axes", number(8, axis));
        [
            input("x", FLOAT, "2, 3, 8"),
            ints("size", &[1], &[4]),
            node_with(
                "Resize",
                &["x", "", "", "size"],
                &["y"],
                &[axes, texts("keep_aspect_ratio_policy", policy)],
            ),
            result("y"),
        ]
    };
    for (axis, policy) in [(2, "not_larger"), (-1, "stretch")] {
        assert_eq!(shape(&parts(axis, policy)), [2, 3, 4]);
    }
    let text = error(&parts(-1, "not_smaller"));
    assert!(text.contains("runtimes differ for a kept aspect ratio with negative axes"), "{text}");
}

#[test]
fn scans_go_along_an_axis() {
    let own = body(
        "body",
        &[
            inner("state"),
            inner("piece"),
            node("Add", &["state", "piece"], &["next"]),
            node("Relu", &["next"], &["row"]),
            result("next"),
            result("row"),
        ],
    );
    let axes = |name, axis: u8| attribute(name, length_delimited(8, [axis]));
    let more = [own, int("num_scan_inputs", 1), axes("scan_input_axes", 1), axes("scan_output_axes", 1)];
    let parts = [
        input("x", FLOAT, "2, 9, 3"),
        input("zero", FLOAT, "2, 3"),
        node_with("Scan", &["zero", "x"], &["last", "y"], &more),
        result("last"),
        result("y"),
    ];
    assert_eq!(shape(&parts), [2, 9, 3]);
    assert_eq!(shape_of(&import(&parts).unwrap(), "last"), [2, 3]);
}

#[test]
fn numbers_without_bounds_are_refused() {
    let most = i64::MAX;
    for (name, numbers) in [
        ("Expand", &[most, most][..]),
        ("Tile", &[most, most]),
        ("Reshape", &[most, most]),
        ("ConstantOfShape", &[most, most, 2]),
        ("Pad", &[most, 0, most, 0]),
    ] {
        let numbers = ints("n", &[i64::try_from(numbers.len()).unwrap()], numbers);
        let reads = if name == "ConstantOfShape" { &["n"][..] } else { &["x", "n"] };
        let parts = [
            input("x", FLOAT, "2, 1"),
            numbers,
            node(name, reads, &["z"]),
            node("Add", &["x", "z"], &["y"]),
            result("y"),
        ];
        let text = error(&parts);
        assert!(!text.is_empty(), "{name}");
    }
    let range = [
        ints("zero", &[], &[i64::MIN]),
        ints("end", &[], &[most]),
        ints("one", &[], &[1]),
        input("x", INT64, "1"),
        node("Range", &["zero", "end", "one"], &["z"]),
        node("Add", &["x", "z"], &["y"]),
        result("y"),
    ];
    assert!(import(&range).is_err());
    // More axes than the limit.
    let axes: Vec<i64> = (0..60).collect();
    let deep = [
        input("x", FLOAT, "2"),
        ints("n", &[60], &axes),
        node("Unsqueeze", &["x", "n"], &["y"]),
        result("y"),
    ];
    assert!(error(&deep).contains("a shape with 61 axes exceeds the limit of 31 axes"));
}

#[test]
fn attributes_of_other_versions_are_refused() {
    let axes = attribute("axes", length_delimited(8, [1]));
    let parts = [input("x", FLOAT, "2, 3"), node_with("ReduceMean", &["x"], &["y"], &[axes]), result("y")];
    assert!(error(&parts).contains("`axes` is an input in version 21, not an attribute"));
}

#[test]
fn large_constants_leave_room_for_shapes() {
    let mut parts = vec![ints("t0", &[1024], &[1; 1024]), input("x", FLOAT, "2, 3"), result("y")];
    for number in 0..5000 {
        parts.push(node("Neg", &[&format!("t{number}")], &[&format!("t{}", number + 1)]));
    }
    parts.extend([node("Shape", &["x"], &["shape"]), node("Reshape", &["x", "shape"], &["y"])]);
    assert_eq!(shape(&parts), [2, 3]);
}

#[test]
fn unknown_versions_are_refused() {
    let graph =
        length_delimited(7, [input("x", FLOAT, "2"), node("Relu", &["x"], &["y"]), result("y")].concat());
    let text = |opset: Vec<u8>| {
        let model = [graph.clone(), length_delimited(8, opset)].concat();
        onnx_from_bytes("model", &model, &ImportOptions::default())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    text(number(2, 13)).unwrap();
    text([length_delimited(1, "ai.onnx"), number(2, 13)].concat()).unwrap();
    assert!(
        text(number(2, 1000))
            .unwrap_err()
            .contains("its shape rule supports operator sets 1 to 28, not 1000")
    );
    let other = text([length_delimited(1, "other"), number(2, 13)].concat()).unwrap_err();
    assert!(other.contains("no operator set of the domain `ai.onnx`"), "{other}");
}

#[test]
fn integers_of_any_form_are_numbers() {
    // Unpacked values in the field for 32-bit integers.
    let unpacked = [tensor("n", INT32, &[2]), number(5, 3), number(5, 2)].concat();
    let parts = [
        input("x", FLOAT, "2, 3"),
        length_delimited(5, unpacked),
        node_with("Cast", &["n"], &["target"], &[int("to", 7)]),
        node("Reshape", &["x", "target"], &["y"]),
        result("y"),
    ];
    assert_eq!(shape(&parts), [3, 2]);
}

/// The numbers of external data are not read, but the user can give them, as the error says.
#[test]
fn values_of_external_data_can_be_given() {
    let parts = [
        input("x", FLOAT, "4, 6"),
        external("target", INT64, &[2], "missing.bin"),
        node("Reshape", &["x", "target"], &["y"]),
        result("y"),
    ];
    let with = |values: &[(&str, &[i64])]| {
        let mut options = ImportOptions::default();
        options.values = values.iter().map(|(name, numbers)| (name.to_string(), numbers.to_vec())).collect();
        import_with(&parts, &options)
    };
    let text = with(&[]).unwrap_err().to_string();
    assert!(text.contains("set them by --value target=N,N"), "{text}");
    assert_eq!(shape_of(&with(&[("target", &[8, 3])]).unwrap(), "y"), [8, 3]);
    let text = with(&[("target", &[8])]).unwrap_err().to_string();
    assert!(text.contains("it has 2 elements, not 1"), "{text}");
}

/// Given values decide conditions and shapes; an error names an invalid value.
#[test]
fn given_values_decide() {
    let relu = |input: &str, output: &str| node("Relu", &[input], &[output]);
    let branches = [
        body("then_branch", &[relu("x", "t"), result("t")]),
        body("else_branch", &[node("Strange", &["x"], &["n"]), result("n")]),
    ];
    let parts = [
        input("x", FLOAT, "2, 3"),
        input("sr", INT64, ""),
        ints("rate", &[], &[16000]),
        node("Equal", &["sr", "rate"], &["c"]),
        node_with("If", &["c"], &["y"], &branches),
    ];
    let with = |name: &str, numbers: &[i64]| {
        let mut options = ImportOptions::default();
        options.values = [(name.to_owned(), numbers.to_vec())].into();
        import_with(&parts, &options)
    };
    assert!(import(&parts).is_err());
    assert_eq!(shape_of(&with("sr", &[16000]).unwrap(), "y"), [2, 3]);
    assert_eq!(shape_of(&with("c", &[1]).unwrap(), "y"), [2, 3]);
    for (name, numbers, text) in [
        ("sr", &[8000][..], "Strange"),
        ("sr", &[1, 2], "invalid value for `sr`: it has 1 elements, not 2"),
        ("c", &[2], "2 is outside the range of its element type"),
        ("rate", &[1], "it is a constant of the file"),
        ("rat", &[1], "no tensor of this name"),
        ("y", &[1], "its shape is unknown"),
    ] {
        let error = with(name, numbers).unwrap_err().to_string();
        assert!(error.contains(text), "{name}: {error}");
    }
}
