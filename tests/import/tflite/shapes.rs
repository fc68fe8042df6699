//! Shapes of TensorFlow Lite models: inferred, given, and unknown.

use std::collections::BTreeMap;

use plimsoll::import::{ImportError, ImportOptions, ImportedGraph, InputShape, tflite_from_bytes};

use crate::support::tflite_models::*;

const INT32: i8 = 2;

/// An input of an operator: an activation with a shape, or a constant vector.
enum Given<'a> {
    Data(&'a [i32]),
    Numbers(&'a [i32]),
}
use Given::{Data, Numbers};

const NONE: (u8, &[i32]) = (0, &[]);

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap()
}

/// A model of one operator whose outputs have no declared shape.
fn one_operator(code: Code, inputs: &[Given<'_>], options: (u8, &[i32]), outputs: usize) -> Model {
    let mut main = SubGraph::default();
    let mut buffers = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let name = format!("in{index}");
        main.tensors.push(match input {
            Data(shape) => {
                main.inputs.push(number(index));
                Tensor { has_rank: true, ..tensor(&name, FLOAT32, shape) }
            }
            Numbers(numbers) => {
                buffers
                    .push(data(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>()));
                let own = tensor(&name, INT32, &[number(numbers.len())]);
                Tensor { buffer: buffers.len() as u32, ..own }
            }
        });
    }
    for output in 0..outputs {
        main.outputs.push(number(main.tensors.len()));
        main.tensors.push(Tensor { shape: None, ..tensor(&format!("out{output}"), FLOAT32, &[]) });
    }
    let reads: Vec<i32> = (0..number(inputs.len())).collect();
    let options = (options.0 > 0).then(|| (options.0, options.1.to_vec()));
    main.operators.push(Operator { options, ..operator(0, &reads, &main.outputs) });
    Model { codes: vec![code], ..model(&[], main, buffers) }
}

fn import(model: &Model, shapes: &[(&str, &str)]) -> Result<ImportedGraph, ImportError> {
    let mut options = ImportOptions::default();
    let parsed = |shape: &str| shape.parse::<InputShape>().unwrap();
    options.input_shapes = shapes.iter().map(|(name, shape)| ((*name).to_owned(), parsed(shape))).collect();
    tflite_from_bytes("model", &model.bytes(), &options)
}

fn shapes(imported: &ImportedGraph) -> BTreeMap<&str, Vec<u64>> {
    let tensors = imported.graph.tensors().iter();
    tensors.map(|tensor| (tensor.name(), tensor.shape().unwrap_or_default().to_vec())).collect()
}

fn text(error: &ImportError) -> String {
    error.to_string()
}

/// The shapes of an operator's outputs, or `None` if they are unknown.
fn outputs(code: i32, inputs: &[Given<'_>], options: (u8, &[i32]), count: usize) -> Option<Vec<Vec<u64>>> {
    let imported = import(&one_operator(builtin(code), inputs, options, count), &[]).ok()?;
    let found = shapes(&imported);
    Some((0..count).map(|output| found[format!("out{output}").as_str()].clone()).collect())
}

/// Inferred shapes equal those that the kernels compute when they are prepared.
#[test]
fn operators_have_the_shapes_of_their_kernels() {
    let one = |code, inputs: &[Given<'_>], options, shape: &[u64]| {
        assert_eq!(outputs(code, inputs, options, 1), Some(vec![shape.to_vec()]), "{code}");
    };
    one(0, &[Data(&[4, 1, 3]), Data(&[5, 1])], NONE, &[4, 5, 3]);
    // Convolutions: padding, strides by width and height, activation, dilations.
    one(3, &[Data(&[1, 9, 8, 3]), Data(&[5, 3, 3, 3])], (1, &[0, 2, 3]), &[1, 3, 4, 5]);
    one(3, &[Data(&[1, 9, 8, 3]), Data(&[5, 3, 3, 3])], (1, &[1, 1, 1, 0, 2, 3]), &[1, 3, 4, 5]);
    one(4, &[Data(&[2, 9, 8, 3]), Data(&[1, 3, 3, 6])], (2, &[1, 1, 1, 2]), &[2, 7, 6, 6]);
    one(1, &[Data(&[1, 9, 8, 3])], (5, &[1, 2, 2, 2, 3]), &[1, 4, 4, 3]);
    one(
        67,
        &[Numbers(&[1, 8, 8, 2]), Data(&[2, 3, 3, 4]), Data(&[1, 4, 4, 4])],
        (49, &[0, 2, 2]),
        &[1, 8, 8, 2],
    );
    one(23, &[Data(&[1, 4, 5, 6]), Numbers(&[7, 9])], NONE, &[1, 7, 9, 6]);
    one(26, &[Data(&[1, 4, 6, 3])], (19, &[2]), &[1, 2, 3, 12]);
    one(5, &[Data(&[1, 2, 3, 12])], (94, &[2]), &[1, 4, 6, 3]);
    one(38, &[Data(&[1, 4, 6, 3]), Numbers(&[2, 2]), Numbers(&[0, 0, 2, 0])], NONE, &[4, 2, 4, 3]);
    one(37, &[Data(&[4, 2, 4, 3]), Numbers(&[2, 2]), Numbers(&[0, 0, 2, 0])], NONE, &[1, 4, 6, 3]);
    // Constant shapes, axes and bounds.
    one(22, &[Data(&[2, 3, 4]), Numbers(&[6, -1])], NONE, &[6, 4]);
    one(39, &[Data(&[2, 3, 4]), Numbers(&[2, 0, 1])], NONE, &[4, 2, 3]);
    one(70, &[Data(&[2, 3]), Numbers(&[-1])], NONE, &[2, 3, 1]);
    one(43, &[Data(&[1, 3, 1])], NONE, &[3]);
    one(34, &[Data(&[2, 3]), Numbers(&[1, 0, 2, 2])], NONE, &[3, 7]);
    one(69, &[Data(&[2, 3]), Numbers(&[2, 3])], NONE, &[4, 9]);
    one(94, &[Numbers(&[2, 3]), Data(&[])], NONE, &[2, 3]);
    one(65, &[Data(&[5, 6]), Numbers(&[1, 2]), Numbers(&[-1, 3])], NONE, &[4, 3]);
    one(40, &[Data(&[2, 3, 4]), Numbers(&[-1])], (27, &[1]), &[2, 3, 1]);
    one(40, &[Data(&[2, 3, 4]), Numbers(&[0, 1])], (27, &[0]), &[4]);
    one(56, &[Data(&[2, 3, 4]), Numbers(&[1])], NONE, &[2, 4]);
    one(36, &[Data(&[5, 6, 7]), Data(&[2, 3])], (23, &[1]), &[5, 2, 3, 7]);
    one(107, &[Data(&[5, 6, 7]), Data(&[3, 2])], NONE, &[3, 7]);
    one(85, &[Data(&[2, 3]), Numbers(&[9]), Data(&[]), Data(&[])], (61, &[-1]), &[2, 3, 9]);
    one(96, &[Numbers(&[2]), Numbers(&[11]), Numbers(&[3])], NONE, &[3]);
    one(122, &[Data(&[3, 2]), Data(&[3, 4]), Numbers(&[8, 9, 4])], NONE, &[8, 9, 4]);
    one(2, &[Data(&[2, 3]), Data(&[2, 4])], (10, &[-1]), &[2, 7]);
    one(83, &[Data(&[2, 3]), Data(&[2, 3])], (59, &[2, 1]), &[2, 2, 3]);
    // Matrix products, and layers with state.
    one(9, &[Data(&[2, 3, 4]), Data(&[5, 12])], (8, &[0]), &[2, 5]);
    one(9, &[Data(&[2, 3, 4]), Data(&[5, 4])], (8, &[0, 0, 1]), &[2, 3, 5]);
    one(126, &[Data(&[7, 2, 3]), Data(&[1, 4, 3])], (101, &[0, 1]), &[7, 2, 4]);
    let states: &[i32] = &[2, 6];
    let lstm: Vec<Given<'_>> = std::iter::once(Data(&[2, 9, 5]))
        .chain((1..18).map(|position| if position == 16 { Data(&[6, 8]) } else { Data(&[8, 5]) }))
        .chain([Data(states)])
        .collect();
    one(44, &lstm, (71, &[0]), &[2, 9, 6]);
    one(27, &[Data(&[1, 10]), Data(&[8, 10]), Data(&[8, 4])], (6, &[2]), &[1, 4]);

    let split = |options, count| outputs(49, &[Numbers(&[1]), Data(&[2, 6])], options, count);
    assert_eq!(split((35, &[3]), 3), Some(vec![vec![2, 2]; 3]));
    let sizes = [Data(&[7, 2]), Numbers(&[1, -1, 2]), Numbers(&[0])];
    assert_eq!(outputs(102, &sizes, (79, &[3]), 3), Some(vec![vec![1, 2], vec![4, 2], vec![2, 2]]));
    assert_eq!(outputs(88, &[Data(&[3, 2])], (64, &[3, 0]), 3), Some(vec![vec![2]; 3]));
    assert_eq!(outputs(48, &[Data(&[4, 9]), Numbers(&[3])], NONE, 2), Some(vec![vec![4, 3]; 2]));
    let boxes = [Data(&[9, 4]), Data(&[9]), Numbers(&[5]), Data(&[]), Data(&[])];
    assert_eq!(outputs(120, &boxes, NONE, 2), Some(vec![vec![5], vec![]]));
}

#[test]
fn strided_slices_follow_python() {
    let sliced = |begin: &[i32], end: &[i32], stride: &[i32], masks: &[i32]| {
        let inputs = [Data(&[5, 6, 7]), Numbers(begin), Numbers(end), Numbers(stride)];
        outputs(45, &inputs, (32, masks), 1).map(|mut all| all.remove(0))
    };
    assert_eq!(sliced(&[1, 0], &[-1, 6], &[1, 4], &[]), Some(vec![3, 2, 7]));
    assert_eq!(sliced(&[4], &[0], &[-2], &[]), Some(vec![2, 6, 7]));
    assert_eq!(sliced(&[4], &[0], &[-2], &[1, 1]), Some(vec![3, 6, 7]));
    assert_eq!(sliced(&[9], &[20], &[1], &[]), Some(vec![0, 6, 7]));
    // An ellipsis, a new axis, a removed axis.
    assert_eq!(sliced(&[0, 1], &[0, 3], &[1, 1], &[0, 0, 1]), Some(vec![5, 6, 2]));
    assert_eq!(sliced(&[0, 1], &[0, 3], &[1, 1], &[0, 0, 0, 1]), Some(vec![1, 2, 6, 7]));
    assert_eq!(sliced(&[2, 1], &[3, 3], &[1, 1], &[0, 0, 0, 0, 1]), Some(vec![2, 7]));
    assert_eq!(sliced(&[0; 4], &[1; 4], &[1; 4], &[]), None);
    assert_eq!(sliced(&[0], &[1], &[0], &[]), None);
}

#[test]
fn mismatched_inputs_are_named() {
    let reshape = one_operator(builtin(22), &[Data(&[2, 3]), Numbers(&[4, 2])], (0, &[]), 1);
    let error = text(&import(&reshape, &[]).unwrap_err());
    let start = "1 tensor has no static size: `out0` without a shape (`0:RESHAPE`: 6 elements ([2, 3]) cannot be \
                 reshaped to [4, 2]); set shapes of inputs, or of these tensors, by --input-shape NAME=SHAPE";
    assert!(error.starts_with(start), "{error}");
    for (code, inputs) in [
        (0, vec![Data(&[2]), Data(&[3])]),
        (3, vec![Data(&[1, 2, 2, 3]), Data(&[1, 3, 3, 3])]),
        (9, vec![Data(&[1, 5]), Data(&[4, 3])]),
        (39, vec![Data(&[2, 3]), Numbers(&[0, 0])]),
        (96, vec![Numbers(&[0]), Numbers(&[5]), Numbers(&[0])]),
        (22, vec![Data(&[i32::MAX; 3]), Numbers(&[-1])]),
        (69, vec![Data(&[i32::MAX; 2]), Numbers(&[i32::MAX; 2])]),
    ] {
        assert_eq!(outputs(code, &inputs, (1, &[1, 1, 1]), 1), None, "{code}");
    }
}

/// A wrong shape in the file is not used for the plan.
#[test]
fn the_file_is_checked_against_inference() {
    let mut model = one_operator(builtin(22), &[Data(&[2, 6]), Numbers(&[3, 4])], (0, &[]), 1);
    model.subgraphs[0].tensors[2].shape = Some(vec![3, 3]);
    let imported = import(&model, &[]).unwrap();
    assert_eq!(shapes(&imported)["out0"], [3, 4]);
    let note = "shapes in the file contradict its operators: `out0` is [3, 3] in the file, but [3, 4] by its operator \
                `0:RESHAPE`";
    assert_eq!(imported.notes, [note]);
}

#[test]
fn sizes_that_depend_on_data_are_upper_bounds() {
    let imported = import(&one_operator(builtin(109), &[Data(&[4, 2])], (0, &[]), 1), &[]).unwrap();
    assert_eq!(shapes(&imported)["out0"], [8, 2]);
    assert!(imported.graph.tensors()[1].is_upper_bound() && !imported.graph.tensors()[0].is_upper_bound());
    assert_eq!(imported.notes, ["sizes that depend on data, planned at their upper bound: `out0` [8, 2]"]);
    let unique = one_operator(builtin(103), &[Data(&[9])], (80, &[]), 2);
    let imported = import(&unique, &[]).unwrap();
    let marks: Vec<bool> = imported.graph.tensors().iter().map(plimsoll::Tensor::is_upper_bound).collect();
    assert_eq!(marks, [false, true, false]);
    // A slice with computed bounds is at most as large as its input.
    let slice = one_operator(builtin(65), &[Data(&[5, 6]), Data(&[2]), Data(&[2])], (0, &[]), 1);
    assert_eq!(shapes(&import(&slice, &[]).unwrap())["out0"], [5, 6]);
    // Outputs that depend on a bounded tensor are bounded by the same rules.
    let mut chain = one_operator(builtin(109), &[Data(&[4])], (0, &[]), 1);
    chain.codes.push(builtin(0));
    chain.subgraphs[0].tensors.push(Tensor { shape: None, ..tensor("sum", FLOAT32, &[]) });
    chain.subgraphs[0].operators.push(operator(1, &[1, 1], &[2]));
    let imported = import(&chain, &[]).unwrap();
    assert!(imported.graph.tensors()[2].is_upper_bound());
    assert_eq!(shapes(&imported)["sum"], [4, 1]);
}

#[test]
fn segments_and_reductions_are_bounded_by_their_inputs() {
    let is_bound = |imported: &ImportedGraph| imported.graph.tensors()[2].is_upper_bound();
    // At most as many segments as ids.
    let segments = one_operator(builtin(125), &[Data(&[6, 3]), Data(&[6])], (0, &[]), 1);
    let imported = import(&segments, &[]).unwrap();
    assert_eq!((shapes(&imported)["out0"].as_slice(), is_bound(&imported)), (&[6, 3][..], true));
    // With kept dimensions, computed axes can only make dimensions 1.
    let sum = |keeps: i32| one_operator(builtin(74), &[Data(&[3, 4]), Data(&[1])], (27, &[keeps]), 1);
    let imported = import(&sum(1), &[]).unwrap();
    assert_eq!((shapes(&imported)["out0"].as_slice(), is_bound(&imported)), (&[3, 4][..], true));
    assert!(import(&sum(0), &[]).is_err());
}

/// An index of fewer coordinates selects a larger part, so a bound on the indices bounds the result only if the number
/// of coordinates is known.
#[test]
fn indices_of_unknown_depth_bound_nothing() {
    let gather = |code: i32, inputs: &[Given<'_>]| {
        let mut chain = one_operator(builtin(code), inputs, (0, &[]), 1);
        let indices = number(inputs.len());
        chain.codes.push(builtin(107));
        let tensors = &mut chain.subgraphs[0].tensors;
        tensors.push(Tensor { has_rank: true, ..tensor("table", FLOAT32, &[5, 6, 7]) });
        tensors.push(Tensor { shape: None, ..tensor("rows", FLOAT32, &[]) });
        chain.subgraphs[0].inputs.push(indices + 1);
        chain.subgraphs[0].operators.push(operator(1, &[indices + 1, indices], &[indices + 2]));
        import(&chain, &[])
    };
    let found = gather(109, &[Data(&[5, 6])]).unwrap();
    assert_eq!(shapes(&found)["rows"], [30, 7]);
    let error = text(&gather(65, &[Data(&[4, 2]), Data(&[2]), Data(&[2])]).unwrap_err());
    assert!(error.contains("the number of coordinates in each index"), "{error}");
}

/// The shape of a bounded tensor is unknown, also in a body.
#[test]
fn bodies_do_not_know_the_shapes_of_bounded_inputs() {
    let body = SubGraph {
        tensors: vec![
            tensor("a", INT32, &[4, 1]),
            Tensor { shape: None, ..tensor("s", INT32, &[]) },
            Tensor { has_rank: true, buffer: 1, ..tensor("zero", INT32, &[]) },
            Tensor { shape: None, ..tensor("b", INT32, &[]) },
        ],
        inputs: vec![0],
        outputs: vec![3],
        operators: vec![operator(2, &[0], &[1]), operator(3, &[1, 2], &[3])],
        ..SubGraph::default()
    };
    let of = |first: i32, given: &[(&str, &str)]| {
        let main = SubGraph {
            tensors: vec![
                tensor("if", 6, &[1]),
                tensor("x", INT32, &[4, 1]),
                Tensor { shape: None, ..tensor("rows", INT32, &[]) },
                Tensor { shape: None, ..tensor("y", INT32, &[]) },
            ],
            inputs: vec![0, 1],
            outputs: vec![3],
            operators: vec![
                operator(0, &[1], &[2]),
                Operator { options: Some((92, vec![1, 1])), ..operator(1, &[0, 2], &[3]) },
            ],
            ..SubGraph::default()
        };
        let mut model = model(&[first, IF, 77, 94], main, vec![data(&[0; 4])]);
        model.subgraphs.push(body.clone());
        import(&model, given)
    };
    // ABS has the shape of its input, WHERE a bound.
    assert_eq!(shapes(&of(101, &[]).unwrap())["y"], [4, 1]);
    // The option that sets the shape in the body.
    assert_eq!(shapes(&of(109, &[("b", "3x1")]).unwrap())["y"], [3, 1]);
    let error = text(&of(109, &[]).unwrap_err());
    let expected = "`y` without a shape (in subgraph ``, `b`: its shape depends on the contents of `s`)";
    assert!(error.contains(expected), "{error}");
}

/// An iteration may shorten its state, so that it is an upper bound in all iterations.
#[test]
fn states_that_become_smaller_are_bounded() {
    let condition = SubGraph {
        tensors: vec![tensor("a", INT32, &[4]), Tensor { buffer: 0, ..tensor("go", 6, &[1]) }],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![operator(3, &[], &[1])],
        ..SubGraph::default()
    };
    let body = SubGraph {
        tensors: vec![
            tensor("a", INT32, &[4]),
            Tensor { shape: None, ..tensor("b", INT32, &[]) },
            Tensor { shape: None, ..tensor("places", INT32, &[]) },
        ],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![Operator { options: Some((80, vec![])), ..operator(2, &[0], &[1, 2]) }],
        ..SubGraph::default()
    };
    let main = SubGraph {
        tensors: vec![
            tensor("x", INT32, &[4]),
            Tensor { shape: None, ..tensor("y", INT32, &[]) },
            Tensor { shape: None, ..tensor("z", INT32, &[]) },
        ],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![
            Operator { options: Some((93, vec![1, 2])), ..operator(0, &[0], &[1]) },
            operator(1, &[1, 1], &[2]),
        ],
        ..SubGraph::default()
    };
    let mut model = model(&[WHILE, ADD, 103, CUSTOM], main, vec![]);
    model.codes[3].custom = Some(b"Mine".to_vec());
    model.subgraphs.extend([condition, body]);
    let imported = import(&model, &[]).unwrap();
    let marks: Vec<bool> = imported.graph.tensors().iter().map(plimsoll::Tensor::is_upper_bound).collect();
    assert_eq!((shapes(&imported)["z"].as_slice(), marks), (&[4][..], vec![false, true, true]));
    // The body sees a bound from the second iteration on.
    let of_body = &imported.graph.operators()[0].bodies()[1];
    assert!(of_body.tensors()[0].is_upper_bound());
}

#[test]
fn unbounded_sizes_must_be_given() {
    let range = one_operator(builtin(96), &[Data(&[]), Data(&[]), Data(&[])], (0, &[]), 1);
    let error = text(&import(&range, &[]).unwrap_err());
    assert!(error.contains("`out0` without a shape (its shape depends on the contents of `in0`)"), "{error}");
    assert_eq!(shapes(&import(&range, &[("out0", "12")]).unwrap())["out0"], [12]);
    // The file declares the shape of one run, which is no bound.
    let mut stated = range;
    stated.subgraphs[0].tensors[3].shape = Some(vec![5]);
    assert!(import(&stated, &[]).is_err());
}

/// A model whose RESHAPE takes the batch size through SHAPE, `STRIDED_SLICE` and PACK.
fn with_computed_shape() -> Model {
    let [x, shape, begin, end, step, batch, rest, target, y] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    let constant = |name, number: u32, shape: &[i32]| Tensor { buffer: number, ..tensor(name, INT32, shape) };
    let main = SubGraph {
        tensors: vec![
            Tensor { shape_signature: Some(vec![-1, 4, 6]), ..tensor("x", FLOAT32, &[1, 4, 6]) },
            tensor("shape", INT32, &[3]),
            constant("begin", 1, &[1]),
            constant("end", 2, &[1]),
            constant("step", 2, &[1]),
            Tensor { has_rank: true, ..tensor("batch", INT32, &[]) },
            Tensor { has_rank: true, ..constant("rest", 3, &[]) },
            tensor("target", INT32, &[2]),
            Tensor { shape_signature: Some(vec![-1, 24]), ..tensor("y", FLOAT32, &[1, 24]) },
        ],
        inputs: vec![x],
        outputs: vec![y],
        operators: vec![
            operator(0, &[x], &[shape]),
            Operator {
                options: Some((32, vec![0, 0, 0, 0, 1])),
                ..operator(1, &[shape, begin, end, step], &[batch])
            },
            Operator { options: Some((59, vec![2, 0])), ..operator(2, &[batch, rest], &[target]) },
            operator(3, &[x, target], &[y]),
        ],
        ..SubGraph::default()
    };
    let buffers = [0i32, 1, 24].map(|number| data(&number.to_le_bytes()));
    model(&[77, 45, 83, 22], main, buffers.to_vec())
}

#[test]
fn given_shapes_go_through_the_network() {
    let model = with_computed_shape();
    assert_eq!(shapes(&import(&model, &[]).unwrap())["y"], [1, 24]);
    let imported = import(&model, &[("x", "5x4x6")]).unwrap();
    assert_eq!(shapes(&imported)["y"], [5, 24]);
    assert!(imported.notes.is_empty(), "{:?}", imported.notes);
    let error = text(&import(&model, &[("x", "5x4x7")]).unwrap_err());
    assert!(error.contains("`3:RESHAPE`: 140 elements ([5, 4, 7]) cannot be reshaped to [5, 24]"), "{error}");
    let mut options = ImportOptions::default();
    options.input_shapes.insert("x".to_owned(), "Nx4x6".parse().unwrap());
    let open = text(&tflite_from_bytes("m", &model.bytes(), &options).unwrap_err());
    assert_eq!(open, "invalid shape for `x`: dimension `N` has no value; bind it by --dim NAME=VALUE");
    options.dims.insert("N".to_owned(), 3);
    let imported = tflite_from_bytes("m", &model.bytes(), &options).unwrap();
    assert_eq!(shapes(&imported)["y"], [3, 24]);
}

/// Constants behind the flatbuffer, as in large models, decide shapes like those in it.
#[test]
fn constants_behind_the_tables_are_read() {
    let mut model = one_operator(builtin(22), &[Data(&[4, 6]), Numbers(&[8, -1])], NONE, 1);
    let stored = std::mem::take(&mut model.buffers[1].data);
    let read = |offset: u64, length: usize| {
        let mut model = Model {
            buffers: model.buffers.clone(),
            ..one_operator(builtin(22), &[Data(&[4, 6]), Numbers(&[8, -1])], NONE, 1)
        };
        model.buffers[1] = Buffer { offset, size: 8, ..Buffer::default() };
        let mut bytes = model.bytes();
        bytes.resize(4096, 0);
        bytes.extend_from_slice(&stored[..length]);
        tflite_from_bytes("model", &bytes, &ImportOptions::default())
    };
    assert_eq!(shapes(&read(4096, 8).unwrap())["out0"], [8, 3]);
    // A file that ends before the constant, or an offset beyond all memory.
    for (offset, length) in [(4096, 7), (u64::MAX, 8), (u64::MAX - 8, 8)] {
        let text = text(&read(offset, length).unwrap_err());
        assert!(text.contains("`out0` without a shape"), "{text}");
    }
}

#[test]
fn a_given_shape_is_one_that_the_operator_can_return() {
    let model = |code: i32| one_operator(builtin(code), &[Data(&[4, 6]), Data(&[2])], NONE, 1);
    // RESHAPE, TRANSPOSE, EXPAND_DIMS, TILE, PAD
    for (code, possible, impossible) in
        [(22, "8x3", "8x2"), (39, "6x4", "6x5"), (70, "4x1x6", "4x1"), (69, "8x6", "2x6"), (34, "8x9", "72")]
    {
        assert!(import(&model(code), &[("out0", possible)]).is_ok(), "{code}");
        let text = text(&import(&model(code), &[("out0", impossible)]).unwrap_err());
        assert!(
            text.contains("it is given [") && text.contains("of shape [4, 6] cannot return it"),
            "{text}"
        );
    }
}

#[test]
fn shapes_that_cannot_be_given_are_refused() {
    let model = with_computed_shape();
    for (name, shape, reason) in [
        ("q", "1x2", "the file has no such input; there are `x`"),
        ("x", "4x6", "it has 3 dimensions, not 2"),
        ("begin", "1", "the file has no such input; there are `x`"),
    ] {
        let error = text(&import(&model, &[(name, shape)]).unwrap_err());
        assert_eq!(error, format!("invalid shape for `{name}`: {reason}"));
    }
    let error = text(&import(&model, &[("y", "2x12")]).unwrap_err());
    assert!(
        error.contains("it is given [2, 12], but its inferred shape by `3:RESHAPE` is [1, 24]"),
        "{error}"
    );
}

/// Outputs of operators without a rule have the declared shapes, as long as the inputs do.
#[test]
fn custom_operators_have_declared_shapes() {
    let foreign = Code { builtin: CUSTOM, custom: Some(b"Mine".to_vec()) };
    let mut model = one_operator(foreign, &[Data(&[2, 3])], (0, &[]), 1);
    let error = text(&import(&model, &[]).unwrap_err());
    assert!(error.contains("`out0` without a shape (there is no shape rule for `0:CUSTOM:Mine`)"), "{error}");
    model.subgraphs[0].tensors[1].shape = Some(vec![7]);
    assert_eq!(shapes(&import(&model, &[]).unwrap())["out0"], [7]);
    assert_eq!(shapes(&import(&model, &[("in0", "2x3")]).unwrap())["out0"], [7]);
    let error = text(&import(&model, &[("in0", "4x3")]).unwrap_err());
    assert!(error.contains("whose inputs have other shapes than in the file"), "{error}");
    assert_eq!(shapes(&import(&model, &[("in0", "4x3"), ("out0", "9")]).unwrap())["out0"], [9]);
}

#[test]
fn detections_have_the_sizes_of_their_options() {
    let code = Code { builtin: CUSTOM, custom: Some(b"TFLite_Detection_PostProcess".to_vec()) };
    let mut model = one_operator(code, &[Data(&[1, 9, 4]), Data(&[1, 9, 3]), Data(&[9, 4])], (0, &[]), 4);
    let keys = b"max_classes_per_detection\0max_detections\0";
    let mut options = keys.to_vec();
    // Two keys, the map, the types, and the root.
    options.extend([2, 42, 17, 2, 1, 2, 2, 10, 4, 4, 4, 36, 1]);
    model.subgraphs[0].operators[0].custom_options = options;
    let imported = import(&model, &[]).unwrap();
    let found = shapes(&imported);
    assert_eq!([&found["out0"], &found["out3"]], [&vec![1, 20, 4], &vec![1]]);
    assert_eq!(found["out1"], [1, 20]);
}

#[test]
fn branches_give_the_larger_shape() {
    let body = |shape: &[i32]| SubGraph {
        tensors: vec![tensor("a", FLOAT32, &[2, 3]), Tensor { buffer: 0, ..tensor("b", FLOAT32, shape) }],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![operator(1, &[0], &[1])],
        ..SubGraph::default()
    };
    let main = SubGraph {
        tensors: vec![
            tensor("if", 6, &[1]),
            tensor("a", FLOAT32, &[2, 3]),
            Tensor { shape: None, ..tensor("y", FLOAT32, &[]) },
        ],
        inputs: vec![0, 1],
        outputs: vec![2],
        operators: vec![Operator { options: Some((92, vec![1, 2])), ..operator(0, &[0, 1], &[2]) }],
        ..SubGraph::default()
    };
    let mut model = model(&[IF, 19], main, vec![]);
    model.subgraphs.extend([body(&[2, 3]), body(&[2, 3])]);
    let of = |model: &Model| {
        let imported = import(model, &[]).unwrap();
        (shapes(&imported)["y"].clone(), imported.graph.tensors()[2].is_upper_bound())
    };
    assert_eq!(of(&model), (vec![2, 3], false));
    // One branch has a custom operator and another shape.
    model.codes.push(Code { builtin: CUSTOM, custom: Some(b"Mine".to_vec()) });
    model.subgraphs[2] = body(&[1, 5]);
    model.subgraphs[2].operators[0].code = 2;
    assert_eq!(of(&model), (vec![2, 5], true));
}
