//! Access maps of ONNX operators that depend on attributes, inputs and versions. `tests/onnx/access.py` checks maps of
//! all operators beside runs.

use crate::support::onnx_models::*;
use plimsoll::import::{ImportOptions, onnx_from_bytes};
use plimsoll::{AccessMap, Graph, Outside, RowMap};

fn import(parts: &[Vec<u8>]) -> Graph {
    onnx_from_bytes("access", &model(parts), &ImportOptions::default()).unwrap().graph
}

fn ints(name: &str, list: &[i64]) -> Vec<u8> {
    attribute(name, list.iter().flat_map(|&one| number(8, one)).collect())
}

fn int(name: &str, value: i64) -> Vec<u8> {
    attribute(name, number(3, value))
}

fn string(name: &str, value: &str) -> Vec<u8> {
    attribute(name, length_delimited(4, value))
}

/// The access map of the only operator.
fn map(parts: &[Vec<u8>]) -> Option<AccessMap> {
    import(parts).operators()[0].access().cloned()
}

/// The rows of an input along an axis of the output.
fn rows(map: &AccessMap, axis: usize, input: usize) -> Option<(usize, RowMap)> {
    let axis = map.axes().iter().find(|one| one.outputs()[0] == axis).expect("the axis");
    axis.inputs().get(input).copied().flatten()
}

fn conv(attributes: &[Vec<u8>], shape: &str, out: &str) -> AccessMap {
    let parts = [
        input("x", FLOAT, shape),
        initializer("w", FLOAT, &[6, 4, 3, 3]),
        initializer("b", FLOAT, &[6]),
        node_with("Conv", &["x", "w", "b"], &["y"], attributes),
        output("y", FLOAT, out),
    ];
    map(&parts).unwrap()
}

#[test]
fn convolutions_read_windows_of_rows_and_whole_weights() {
    let plain = conv(&[ints("pads", &[1, 0, 1, 0]), ints("strides", &[2, 1])], "2, 4, 9, 8", "2, 6, 5, 6");
    assert_eq!(plain.cost_per_element(), 4 * 3 * 3);
    let axes: Vec<usize> = plain.axes().iter().map(|axis| axis.outputs()[0]).collect();
    assert_eq!(axes, [2, 3, 0, 1], "rows, columns, batch, channels");
    assert_eq!(rows(&plain, 2, 0), Some((2, RowMap::window(3, 2, 1, 1))));
    assert_eq!(rows(&plain, 3, 0), Some((3, RowMap::window(3, 1, 1, 0))));
    assert_eq!(rows(&plain, 2, 1), None);
    assert_eq!([rows(&plain, 1, 0), rows(&plain, 1, 1)], [None, Some((0, RowMap::SAME))]);
    // Of 7 rows with stride 2, 4 positions need 2 rows of padding; of 8 rows only one.
    for (text, before) in [("SAME_UPPER", 0), ("SAME_LOWER", 1)] {
        let same = [string("auto_pad", text), ints("strides", &[2, 2])];
        let map = conv(&same, "1, 4, 7, 8", "1, 6, 4, 4");
        assert_eq!(rows(&map, 2, 0), Some((2, RowMap::window(3, 2, 1, 1))));
        assert_eq!(rows(&map, 3, 0), Some((3, RowMap::window(3, 2, 1, before))), "{text}");
    }
}

#[test]
fn channels_of_a_depthwise_convolution_read_one_channel() {
    let parts = [
        input("x", FLOAT, "1, 4, 9, 9"),
        initializer("w", FLOAT, &[8, 1, 3, 3]),
        node_with("Conv", &["x", "w"], &["y"], &[int("group", 4), ints("dilations", &[2, 2])]),
        output("y", FLOAT, "1, 8, 5, 5"),
    ];
    let map = map(&parts).unwrap();
    assert_eq!(map.cost_per_element(), 9);
    assert_eq!(rows(&map, 1, 0), Some((1, RowMap::new(1, 2, 0, 0, Outside::Padding))));
    assert_eq!(rows(&map, 2, 0), Some((2, RowMap::window(3, 1, 2, 0))));
}

#[test]
fn operators_that_need_the_whole_tensor_have_no_axis_there() {
    // Indices of maxima count elements of the whole tensor.
    let pool = |outputs: &[&str]| {
        let kernel = ints("kernel_shape", &[2, 2]);
        let infos =
            outputs.iter().map(|name| output(name, if *name == "y" { FLOAT } else { INT64 }, "1, 2, 3, 3"));
        let own = [input("x", FLOAT, "1, 2, 4, 4"), node_with("MaxPool", &["x"], outputs, &[kernel])];
        map(&own.into_iter().chain(infos).collect::<Vec<_>>())
    };
    assert!(pool(&["y"]).is_some());
    assert_eq!(pool(&["y", "indices"]), None);
    // Softmax along rows, and the scalar that a reduction makes.
    let softmax = [
        input("x", FLOAT, "2, 3, 4"),
        node_with("Softmax", &["x"], &["y"], &[int("axis", 1)]),
        output("y", FLOAT, "2, 3, 4"),
    ];
    let axes: Vec<usize> = map(&softmax).unwrap().axes().iter().map(|axis| axis.outputs()[0]).collect();
    assert_eq!(axes, [0, 2]);
    let sum = [
        input("x", FLOAT, "2, 3, 4"),
        node_with("ReduceSum", &["x"], &["y"], &[int("keepdims", 0)]),
        output("y", FLOAT, ""),
    ];
    assert_eq!(map(&sum), None);
}

#[test]
fn maps_follow_the_meaning_of_an_operator_and_not_its_name() {
    let relu = |more: &[Vec<u8>]| {
        let parts =
            [input("x", FLOAT, "4, 8"), node_with("Relu", &["x"], &["y"], more), output("y", FLOAT, "4, 8")];
        map(&parts)
    };
    assert!(relu(&[]).is_some());
    assert_eq!(relu(&[domain("com.example")]), None);
    // A mask may be drawn by a `Dropout` whose mode is an input.
    let dropout = |inputs: &[&str]| {
        let parts = [
            input("x", FLOAT, "4, 8"),
            input("ratio", FLOAT, ""),
            input("training", 9, ""),
            node("Dropout", inputs, &["y"]),
            output("y", FLOAT, "4, 8"),
        ];
        map(&parts)
    };
    assert!(dropout(&["x", "ratio"]).is_some());
    assert_eq!(dropout(&["x", "ratio", "training"]), None);
}

#[test]
fn positions_of_inputs_are_those_of_the_graph() {
    // Without a minimum, the second input of the graph is the third one of the node.
    let parts = [
        input("x", FLOAT, "4, 8"),
        input("most", FLOAT, ""),
        node("Clip", &["x", "", "most"], &["y"]),
        output("y", FLOAT, "4, 8"),
    ];
    let clip = map(&parts).unwrap();
    assert_eq!([rows(&clip, 0, 0), rows(&clip, 0, 1)], [Some((0, RowMap::SAME)), None]);
    let parts = [
        input("x", FLOAT, "1, 1, 4, 6"),
        length_delimited(5, [tensor("scales", FLOAT, &[4]), length_delimited(9, scales())].concat()),
        node_with("Resize", &["x", "", "scales"], &["y"], &[string("mode", "linear")]),
        output("y", FLOAT, "1, 1, 8, 6"),
    ];
    let resize = map(&parts).unwrap();
    // Row r lies at r / 2 - 1/4, between two rows.
    assert_eq!(rows(&resize, 2, 0), Some((2, RowMap::new(1, 2, -1, 1, Outside::Edge))));
    assert_eq!(rows(&resize, 3, 0), Some((3, RowMap::SAME)));
    assert_eq!(rows(&resize, 2, 1), None);
}

fn scales() -> Vec<u8> {
    [1.0_f32, 1.0, 2.0, 1.0].iter().flat_map(|scale| scale.to_le_bytes()).collect()
}

#[test]
fn concatenations_shift_rows_along_their_axis() {
    let parts = [
        input("a", FLOAT, "2, 3"),
        input("b", FLOAT, "4, 3"),
        node_with("Concat", &["a", "b"], &["y"], &[int("axis", 0)]),
        output("y", FLOAT, "6, 3"),
    ];
    let map = map(&parts).unwrap();
    assert_eq!(rows(&map, 0, 0), Some((0, RowMap::shifted(0))));
    assert_eq!(rows(&map, 0, 1), Some((0, RowMap::shifted(-2))));
    assert_eq!(rows(&map, 1, 1), Some((1, RowMap::SAME)));
}
