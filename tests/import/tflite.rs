//! Import of TensorFlow Lite models.

mod bodies;
mod shapes;

use std::path::{Path, PathBuf};

use crate::support::tflite_models::*;
use plimsoll::import::{Fold, ImportError, ImportOptions, Imported, ImportedGraph, read, tflite_from_bytes};
use plimsoll::{ElementType, Graph, OperatorId, TensorKind};
use serde_json::Value;

fn unfolded() -> ImportOptions {
    let mut options = ImportOptions::default();
    options.fold = Fold::None;
    options
}

fn import(model: &Model) -> Result<ImportedGraph, ImportError> {
    tflite_from_bytes("model", &model.bytes(), &ImportOptions::default())
}

fn error(model: &Model) -> String {
    import(model).unwrap_err().to_string()
}

/// A model that adds `image` and `weights` to `sum`, the output.
fn small() -> Model {
    let weights = Tensor { buffer: 1, ..tensor("weights", INT8, &[16]) };
    let main = SubGraph {
        tensors: vec![tensor("image", INT8, &[1, 16]), weights, tensor("sum", INT8, &[1, 16])],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![operator(0, &[0, 1], &[2])],
        ..SubGraph::default()
    };
    model(&[ADD], main, vec![data(&[7; 16])])
}

fn ids(list: &[plimsoll::TensorId]) -> Vec<usize> {
    list.iter().map(|id| id.index()).collect()
}

fn kinds(graph: &Graph) -> Vec<TensorKind> {
    graph.tensors().iter().map(plimsoll::Tensor::kind).collect()
}

#[test]
fn a_small_model_is_read_in_full() {
    let imported = import(&small()).unwrap();
    let graph = imported.graph;
    assert_eq!(graph.name(), "model");
    assert!(imported.notes.is_empty());
    let [add] = graph.operators() else { panic!("{:?}", graph.operators()) };
    assert_eq!((add.name(), add.op_type()), ("0:ADD", "ADD"));
    assert_eq!((ids(add.inputs()), ids(add.outputs())), (vec![0, 1], vec![2]));
    assert_eq!(kinds(&graph), [TensorKind::Input, TensorKind::Constant, TensorKind::Intermediate]);
    let marks: Vec<bool> = graph.tensors().iter().map(plimsoll::Tensor::is_output).collect();
    assert_eq!(marks, [false, false, true]);
    assert_eq!(graph.tensors()[0].shape(), Some(&[1, 16][..]));
    assert_eq!(graph.tensors()[0].element_type(), Some(ElementType::Int8));
}

#[test]
fn missing_optional_operands_are_skipped() {
    let mut model = small();
    model.subgraphs[0].operators[0].inputs = vec![-1, 0, -1, 0, 1];
    model.subgraphs[0].operators[0].intermediates = vec![1];
    model.subgraphs[0].outputs.push(-1);
    let graph = import(&model).unwrap().graph;
    assert_eq!(ids(graph.operators()[0].inputs()), [0, 0, 1]);
    assert_eq!(graph.tensors()[0].readers().len(), 1);
}

#[test]
fn scalars_and_packed_elements_have_their_size() {
    let mut model = small();
    let tensors = &mut model.subgraphs[0].tensors;
    tensors.push(tensor("rate", FLOAT32, &[]));
    tensors.push(tensor("packed", INT4, &[3, 3]));
    model.subgraphs[0].inputs.extend([3, 4]);
    let imported = import(&model).unwrap();
    let bytes: Vec<u64> = imported.graph.tensors().iter().map(plimsoll::Tensor::bytes).collect();
    assert_eq!(bytes, [16, 16, 16, 4, 5]);
    // An empty shape may stand for an unknown one.
    let note = "graph inputs without dimensions, planned as scalars; --input-shape sets a shape: `rate`";
    assert_eq!(imported.notes, [note]);
    model.subgraphs[0].tensors[3].has_rank = true;
    assert!(import(&model).unwrap().notes.is_empty());
    // Without a list of dimensions, the shape is unknown.
    model.subgraphs[0].tensors[3] = Tensor { shape: None, ..tensor("rate", FLOAT32, &[]) };
    assert!(error(&model).starts_with("1 tensor has no static size: `rate` without a shape; set shapes"));
}

#[test]
fn constants_may_lie_elsewhere() {
    let read_only = |tensor: Tensor, buffer: Buffer| {
        let mut model = small();
        model.subgraphs[0].tensors[1] = tensor;
        model.buffers[1] = buffer;
        let imported = import(&model).unwrap();
        assert_eq!(kinds(&imported.graph)[1], TensorKind::Constant);
        imported.notes
    };
    let weights = Tensor { buffer: 1, ..tensor("weights", INT8, &[16]) };
    let outside = Buffer { offset: 4096, size: 16, ..Buffer::default() };
    assert!(read_only(weights.clone(), outside).is_empty());
    let external = Tensor { external_buffer: 1 << 31, ..tensor("weights", INT8, &[16]) };
    assert!(read_only(external, Buffer::default()).is_empty());
    // A tensor without elements needs no data.
    let notes = read_only(tensor("weights", INT8, &[0]), Buffer::default());
    assert!(notes.iter().all(|note| !note.contains("nothing fills")), "{notes:?}");
    // The contents are unknown, so a note names the tensor. Offsets up to 1 mark absent data.
    let invalid = Buffer { offset: 1, size: 16, ..Buffer::default() };
    let note = ["tensors that nothing fills, taken for constants: `weights`"];
    assert_eq!(read_only(weights.clone(), invalid), note);
    assert_eq!(read_only(weights, Buffer::default()), note);
}

#[test]
fn outputs_are_filled() {
    let mut model = small();
    model.subgraphs[0].operators.clear();
    assert_eq!(
        error(&model),
        "tensor `sum` has no producer, but the graph outputs it; \
         is it an input, a constant or a variable?"
    );
}

#[test]
fn constants_need_no_size() {
    let odd = [
        tensor("w", INT8, &[-1, 16]),
        tensor("w", FLOAT32, &[i32::MAX; 5]),
        tensor("w", 99, &[16]),
        tensor("w", STRING, &[16]),
    ];
    for weights in odd {
        let mut model = small();
        model.subgraphs[0].tensors[1] = Tensor { buffer: 1, ..weights };
        let graph = import(&model).unwrap().graph;
        assert_eq!(graph.tensors()[1].kind(), TensorKind::Constant);
    }
}

#[test]
fn variables_come_before_data_and_inputs() {
    let mut model = small();
    model.subgraphs[0].tensors[1].is_variable = true;
    let graph = import(&model).unwrap().graph;
    assert_eq!(kinds(&graph)[1], TensorKind::Variable);
    assert_eq!(graph.tensors()[1].bytes(), 16);
    model.subgraphs[0].inputs = vec![0, 1];
    assert_eq!(kinds(&import(&model).unwrap().graph)[1], TensorKind::Variable);
}

#[test]
fn an_input_may_be_an_output_but_is_not_written() {
    let mut model = small();
    model.subgraphs[0].outputs = vec![0, 2, 2];
    let graph = import(&model).unwrap().graph;
    assert_eq!(graph.tensors()[0].kind(), TensorKind::Input);
    assert!(graph.tensors()[0].is_output());
    model.subgraphs[0].operators[0].outputs = vec![2, 0];
    assert_eq!(error(&model), "operator `0:ADD` writes tensor `image`, which is an input");
    model.subgraphs[0].operators[0].outputs = vec![2, 2];
    assert_eq!(error(&model), "tensor `sum` has two producers: operator `0:ADD` and operator `0:ADD`");
}

#[test]
fn open_dimensions_are_those_of_inputs() {
    let mut model = small();
    // An output that is inferred from static inputs is static.
    model.subgraphs[0].tensors[2].shape_signature = Some(vec![1, -1]);
    assert_eq!(import(&model).unwrap().notes, [""; 0]);
    model.subgraphs[0].tensors[0].shape_signature = Some(vec![-1, 16]);
    let note = "graph inputs with open dimensions, planned at the shape in the file; --input-shape sets another: \
                `image` [1, 16] (open: [-1, 16])";
    assert_eq!(import(&model).unwrap().notes, [note]);
    // Without a rule, open dimensions are unknown, except a batch of 1.
    let foreign = Code { builtin: CUSTOM, custom: Some(b"Mine".to_vec()) };
    model.codes[0] = foreign;
    assert_eq!(
        error(&model),
        "1 tensor has no static size: `sum` [1, 16] (there is no shape rule for `0:CUSTOM:Mine`); set shapes of \
         inputs, or of these tensors, by --input-shape NAME=SHAPE, or convert the model again with fixed input \
         shapes (an input signature without `None`)"
    );
    model.subgraphs[0].tensors[2].shape_signature = Some(vec![-1, 16]);
    assert_eq!(import(&model).unwrap().notes, [note]);
}

#[test]
fn other_subgraphs_are_named_in_a_note() {
    let mut model = small();
    model.codes.push(builtin(WHILE));
    model.subgraphs[0].operators[0].code = 1;
    let body = SubGraph { name: "body", ..model.subgraphs[0].clone() };
    let empty = SubGraph { name: "init", ..SubGraph::default() };
    model.subgraphs.extend([body, empty]);
    let imported = import(&model).unwrap();
    assert_eq!(imported.notes, ["subgraphs not planned: `body` (1 operator), `init` (0 operators)"]);
    assert_eq!(imported.graph.operators().len(), 1);
    assert_eq!(imported.graph.operators()[0].name(), "0:WHILE");
    let many = model.subgraphs[2].clone();
    model.subgraphs.extend(vec![many; 20]);
    let note = import(&model).unwrap().notes.remove(0);
    assert!(note.ends_with("`init` (0 operators), and 12 more"), "{note}");
}

#[test]
fn types_are_named() {
    let name_of = |code: Code| {
        let mut model = small();
        model.codes[0] = code;
        import(&model).unwrap().graph.operators()[0].op_type().to_owned()
    };
    for (number, name) in [
        (3, "CONV_2D"),
        (77, "SHAPE"),
        (127, "PLACEHOLDER_FOR_GREATER_OP_CODES"),
        (129, "CALL_ONCE"),
        (150, "GELU"),
        (206, "STABLEHLO_COMPOSITE"),
        (209, "STABLEHLO_CASE"),
        (1000, "BUILTIN_1000"),
    ] {
        assert_eq!(name_of(builtin(number)), name);
    }
    let custom = |code: &[u8]| Code { builtin: CUSTOM, custom: Some(code.to_vec()) };
    assert_eq!(name_of(custom(b"ethos-u")), "CUSTOM:ethos-u");
    assert_eq!(name_of(custom(b"a\xffb")), "CUSTOM:a\u{fffd}b");
    assert_eq!(name_of(builtin(CUSTOM)), "CUSTOM");
    let mut model = small();
    model.codes[0] = custom(&[b'x'; 300]);
    assert_eq!(
        error(&model),
        "not a valid TFLite file: operator code 0 is a custom one of 300 bytes, more than 255"
    );
}

/// A model that dequantizes `weights` and adds the result to `image`.
fn dequantized() -> Model {
    let mut model = small();
    model.codes.push(builtin(DEQUANTIZE));
    let main = &mut model.subgraphs[0];
    main.tensors.push(tensor("floats", FLOAT32, &[16]));
    main.operators = vec![operator(1, &[1], &[3]), operator(0, &[0, 3], &[2])];
    model
}

#[test]
fn constants_fold_unless_told_not_to() {
    let model = dequantized();
    let graph = import(&model).unwrap().graph;
    assert!(graph.operators()[0].is_folded());
    assert_eq!(graph.program_order(), [OperatorId::new(1)]);
    assert_eq!(kinds(&graph)[3], TensorKind::Constant);
    let graph = tflite_from_bytes("model", &model.bytes(), &unfolded()).unwrap().graph;
    assert_eq!(graph.program_order().len(), 2);
}

#[test]
fn state_and_custom_operators_never_fold() {
    let folds = |change: &dyn Fn(&mut Model)| {
        let mut model = dequantized();
        change(&mut model);
        import(&model).unwrap().graph.operators()[0].is_folded()
    };
    assert!(folds(&|_| ()));
    assert!(!folds(&|model| model.subgraphs[0].tensors[1].is_variable = true));
    assert!(!folds(&|model| model.subgraphs[0].tensors[3].is_variable = true));
    assert!(!folds(&|model| model.subgraphs[0].tensors[1].element_type = RESOURCE));
    assert!(!folds(&|model| model.subgraphs[0].tensors[3].element_type = RESOURCE));
    assert!(!folds(&|model| model.subgraphs[0].operators[0].inputs = vec![]));
    assert!(!folds(&|model| model.subgraphs[0].tensors[1].buffer = 0));
    for code in [CUSTOM, WHILE, READ_VARIABLE, 1000] {
        assert!(!folds(&|model| model.codes[1] = builtin(code)), "{code}");
    }
}

#[test]
fn operators_that_may_share_state_keep_their_order() {
    let mut model = small();
    model.codes.extend([builtin(CALL_ONCE), builtin(READ_VARIABLE)]);
    let main = &mut model.subgraphs[0];
    main.tensors.extend([tensor("handle", RESOURCE, &[]), tensor("state", INT8, &[16])]);
    main.inputs.push(3);
    main.operators = vec![
        operator(1, &[], &[]),
        operator(0, &[0, 1], &[2]),
        operator(2, &[3], &[4]),
        operator(0, &[3], &[]), // pure by its type, but accesses the handle
    ];
    let graph = import(&model).unwrap().graph;
    let after: Vec<_> = graph.operators().iter().map(plimsoll::Operator::runs_after).collect();
    let id = OperatorId::new;
    assert_eq!(after, [&[][..], &[], &[id(0)], &[id(2)]]);
}

#[test]
fn mistakes_name_the_culprit() {
    let broken = |change: &dyn Fn(&mut Model)| {
        let mut model = small();
        change(&mut model);
        let text = error(&model);
        text.strip_prefix("not a valid TFLite file: ").map(str::to_owned).unwrap_or(text)
    };
    assert_eq!(
        broken(&|model| model.subgraphs[0].operators[0].inputs = vec![0, 3]),
        "operator `0:ADD` names tensor 3, but there are 3 tensors"
    );
    assert_eq!(
        broken(&|model| model.subgraphs[0].operators[0].outputs = vec![-2]),
        "operator `0:ADD` names tensor -2, but there are 3 tensors"
    );
    assert_eq!(
        broken(&|model| model.subgraphs[0].inputs = vec![i32::MAX]),
        "the list of graph inputs names tensor 2147483647, but there are 3 tensors"
    );
    assert_eq!(
        broken(&|model| model.subgraphs[0].outputs = vec![3]),
        "the list of graph outputs names tensor 3, but there are 3 tensors"
    );
    assert_eq!(
        broken(&|model| model.subgraphs[0].operators[0].code = 9),
        "operator 0 names operator code 9, but there are 1"
    );
    assert_eq!(
        broken(&|model| model.subgraphs[0].tensors[1].buffer = 5),
        "tensor 1 (`weights`) names buffer 5, but there are 2 buffers"
    );
    assert_eq!(
        broken(&|model| model.subgraphs[0].tensors[2].element_type = -7),
        "tensor 2 (`sum`) has the unknown element type -7"
    );
    assert_eq!(broken(&|model| model.subgraphs.clear()), "the model has no subgraph");
    assert_eq!(
        broken(&|model| model.subgraphs[0].tensors[2].element_type = STRING),
        "tensor `sum` holds strings, whose size is not known before the run"
    );
    assert_eq!(
        broken(&|model| model.subgraphs[0].tensors[0].shape = Some(vec![-1, 16])),
        "1 tensor has no static size: `image` [?, 16]; set shapes of inputs, or of these tensors, by \
         --input-shape NAME=SHAPE, or convert the model again with fixed input shapes (an input signature without \
         `None`)"
    );
}

#[test]
fn invalid_files_are_refused() {
    let text =
        |bytes: &[u8]| tflite_from_bytes("x", bytes, &ImportOptions::default()).unwrap_err().to_string();
    assert_eq!(text(b"TFL3"), "not a valid TFLite file: it is shorter than 8 bytes");
    assert_eq!(
        text(b"\x08\0\0\0ONNX\n\0\0\0"),
        "not a valid TFLite file: bytes 4 to 7 are \"ONNX\" instead of \"TFL3\""
    );
    let far = text(b"\xfc\0\0\0TFL3\n\0\0\0");
    assert_eq!(
        far,
        "not a valid TFLite file: it is cut short or damaged (Range [252, 256) is out of bounds)"
    );
}

#[test]
fn every_truncated_file_is_refused() {
    let bytes = dequantized().bytes();
    for length in 0..bytes.len() {
        let result = tflite_from_bytes("x", &bytes[..length], &ImportOptions::default());
        assert!(matches!(result, Err(ImportError::Malformed { .. })), "{length} of {}", bytes.len());
    }
}

#[test]
fn no_change_of_one_or_two_bytes_makes_it_panic() {
    let bytes = dequantized().bytes();
    let mut survivors = 0;
    for position in 0..bytes.len() {
        for value in [0, 1, 4, 8, 0x7f, 0x80, 0xff] {
            for width in [1, 2] {
                let mut changed = bytes.clone();
                let end = (position + width).min(changed.len());
                changed[position..end].fill(value);
                survivors += usize::from(tflite_from_bytes("x", &changed, &unfolded()).is_ok());
            }
        }
    }
    // Mutations of names, data and padding leave a valid model.
    assert!(survivors > 0);
}

/// A file of some megabytes whose tables all refer to the same few parts must not expand to
/// gigabytes.
#[test]
fn shared_parts_do_not_unfold_without_limit() {
    let mut model = small();
    let long = Tensor { name: vec![b'n'; 1 << 16], ..tensor("", INT8, &[1]) };
    model.subgraphs[0].tensors.push(long);
    model.subgraphs[0].tensors.extend(vec![tensor("", INT8, &[1]); 1 << 12]);
    let mut bytes = model.bytes();
    assert!(import(&model).is_ok());
    // Make all tensors the one with the long name: find their list by its length,
    // and let every offset lead to the fourth table.
    let count = 4_u32 + (1 << 12);
    let list = (0..bytes.len() - 4).step_by(4).find(|&at| number(&bytes, at) == count).unwrap();
    let entry = |index: usize| list + 4 + 4 * index;
    let target = entry(3) + number(&bytes, entry(3)) as usize;
    for index in 4..count as usize {
        let offset = u32::try_from(target - entry(index)).unwrap();
        bytes[entry(index)..entry(index) + 4].copy_from_slice(&offset.to_le_bytes());
    }
    let text = tflite_from_bytes("x", &bytes, &ImportOptions::default()).unwrap_err().to_string();
    assert_eq!(text, "not a valid TFLite file: it is cut short or damaged (Apparent size too large)");
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Every TensorFlow Lite model of the zoo, with the JSON file that describes it.
fn zoo() -> Vec<(PathBuf, PathBuf)> {
    let root = std::env::var_os("PLIMSOLL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let mut models = Vec::new();
    for folder in ["keras", "pypi", "tflm", "tiny"] {
        let folder = root.join("zoo/tflite").join(folder);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: no folder {}", folder.display());
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let Some(stem) = name.strip_suffix(".tflite") else { continue };
            let json = folder.join(stem.strip_suffix(".stripped").unwrap_or(stem)).with_extension("json");
            models.push((path, json));
        }
    }
    models.sort();
    models
}

fn graph_of(path: &Path, options: &ImportOptions) -> Graph {
    match read(path, options) {
        Ok(Imported::Graph(imported)) => imported.graph,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn positions(list: &Value) -> Vec<usize> {
    serde_json::from_value(list.clone()).unwrap()
}

#[test]
fn the_zoo_matches_its_json() {
    for (path, json) in zoo() {
        let place = path.display();
        let graph = graph_of(&path, &unfolded());
        let expected: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        let operators = expected["ops"].as_array().unwrap();
        assert_eq!(graph.operators().len(), operators.len(), "{place}");
        for (operator, expected) in graph.operators().iter().zip(operators) {
            assert_eq!(operator.name(), expected["name"], "{place}");
            assert_eq!(operator.op_type(), expected["type"], "{place}");
            assert_eq!(ids(operator.inputs()), positions(&expected["inputs"]), "{place}: {expected}");
            assert_eq!(ids(operator.outputs()), positions(&expected["outputs"]), "{place}: {expected}");
        }
        let tensors = expected["tensors"].as_array().unwrap();
        assert_eq!(graph.tensors().len(), tensors.len(), "{place}");
        for (tensor, expected) in graph.tensors().iter().zip(tensors) {
            assert_eq!(tensor.name(), expected["name"], "{place}");
            let shape: Vec<usize> = tensor.shape().unwrap().iter().map(|&dim| dim as usize).collect();
            assert_eq!(shape, positions(&expected["shape"]), "{place}: {expected}");
            assert_eq!(tensor.element_type().unwrap().name(), expected["dtype"], "{place}: {expected}");
            assert_eq!(tensor.bytes(), expected["bytes"], "{place}: {expected}");
            let kind = match (tensor.kind(), tensor.is_output()) {
                (TensorKind::Intermediate, true) => "output".to_owned(),
                (kind, _) => kind.to_string(),
            };
            assert_eq!(kind, expected["kind"], "{place}: {expected}");
        }
    }
}

#[cfg(feature = "json")]
#[test]
fn the_zoo_is_the_same_by_json() {
    for (path, json) in zoo() {
        for options in [unfolded(), ImportOptions::default()] {
            let (tflite, json) = (graph_of(&path, &options), graph_of(&json, &options));
            // Graph JSON does not name the variables behind handles, so all users of handles keep their order there.
            let has_handles = tflite.operators().iter().any(|operator| operator.op_type() == "VAR_HANDLE");
            for (a, b) in tflite.operators().iter().zip(json.operators()) {
                assert_eq!((a.name(), a.op_type(), a.is_folded()), (b.name(), b.op_type(), b.is_folded()));
                assert_eq!((a.inputs(), a.outputs()), (b.inputs(), b.outputs()));
                assert!(has_handles || a.runs_after() == b.runs_after(), "{}", path.display());
            }
            assert_eq!(tflite.operators().len(), json.operators().len());
            assert_eq!(
                format!("{:?}", tflite.tensors()),
                format!("{:?}", json.tensors()),
                "{}",
                path.display()
            );
            assert_eq!(tflite.program_order(), json.program_order());
            assert!(has_handles || tflite.dependencies().eq(json.dependencies()));
        }
    }
}

#[test]
fn weights_of_the_zoo_fold() {
    let models: Vec<PathBuf> = zoo().into_iter().map(|(path, _)| path).collect();
    for path in models {
        let graph = graph_of(&path, &ImportOptions::default());
        let name = path.file_name().unwrap().to_str().unwrap();
        let unpacks = |op_type: &str| op_type == "DENSIFY" || op_type == "DEQUANTIZE";
        for operator in graph.operators().iter().filter(|operator| unpacks(operator.op_type())) {
            let last = graph.tensor(operator.outputs()[0]).is_output();
            assert!(
                operator.is_folded() || last || !name.contains("mediapipe"),
                "{name}: {}",
                operator.name()
            );
        }
        let handles = graph.operators().iter().filter(|operator| operator.op_type().ends_with("_VARIABLE"));
        assert!(handles.into_iter().all(|operator| !operator.is_folded()), "{name}");
    }
}
