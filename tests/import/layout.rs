//! The memory order of activations, and the permissions that follow from it.
#![allow(clippy::cast_possible_wrap)] // small numbers

use crate::support::onnx_models::*;
use plimsoll::import::{ImportOptions, Layout, onnx_from_bytes};
use plimsoll::{Graph, Permit, TensorId};

fn import(parts: &[Vec<u8>], layout: Layout) -> Graph {
    let mut options = ImportOptions::default();
    options.layout = layout;
    onnx_from_bytes("layout", &model(parts), &options).unwrap().graph
}

fn ints(name: &str, list: &[i64]) -> Vec<u8> {
    attribute(name, list.iter().flat_map(|&one| number(8, one)).collect())
}

/// An initializer of integers with its contents.
fn numbers(name: &str, list: &[i64]) -> Vec<u8> {
    let described = tensor(name, INT64, &[i64::try_from(list.len()).unwrap()]);
    let raw: Vec<u8> = list.iter().flat_map(|number| number.to_le_bytes()).collect();
    length_delimited(5, [described, length_delimited(9, raw)].concat())
}

fn text(dims: &[u64]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A node that makes an image of its input.
fn pooled(from: &str, to: &str) -> Vec<u8> {
    node_with("MaxPool", &[from], &[to], &[ints("kernel_shape", &[1, 1])])
}

fn id(graph: &Graph, name: &str) -> TensorId {
    graph.tensor_ids().find(|&id| graph.tensor(id).name() == name).unwrap()
}

fn order(graph: &Graph, name: &str) -> Vec<usize> {
    graph.tensor(id(graph, name)).memory_order().unwrap().to_vec()
}

/// The address in elements of the element at a position.
fn address(graph: &Graph, name: &str, at: &[u64]) -> u64 {
    let tensor = graph.tensor(id(graph, name));
    let shape = tensor.shape().unwrap();
    let order = tensor.memory_order().unwrap();
    order.into_iter().fold(0, |address, axis| address * shape[axis] + at[axis])
}

/// All positions in a shape.
fn positions(shape: &[u64]) -> Vec<Vec<u64>> {
    shape.iter().fold(vec![Vec::new()], |all, &dim| {
        all.iter().flat_map(|at| (0..dim).map(|next| [&at[..], &[next]].concat())).collect()
    })
}

/// The one distance of all pairs of addresses, if they have one.
fn distance(pairs: impl Iterator<Item = (u64, u64)>) -> Option<u64> {
    let mut distances = pairs.map(|(part, whole)| whole.checked_sub(part));
    let first = distances.next()??;
    distances.all(|other| other == Some(first)).then_some(first)
}

const LAYOUTS: [Layout; 2] = [Layout::AsStored, Layout::ChannelsInnermost];

#[test]
fn pieces_of_a_concatenation_are_those_that_are_contiguous_in_memory() {
    let mut pieces = 0;
    for case in 0..96_u64 {
        let shape: Vec<u64> = (0..4).map(|axis| 1 + (case >> axis & 1)).collect();
        let along = (case / 16 % 4) as usize;
        let mut parts = Vec::new();
        for (name, rows) in [("a", 1), ("b", 2)] {
            let mut own = shape.clone();
            own[along] = rows;
            parts.push(input(&format!("{name} in"), UINT8, &text(&own)));
            parts.push(pooled(&format!("{name} in"), name));
        }
        parts.push(node_with("Concat", &["a", "b"], &["y"], &[attribute("axis", number(3, along as i64))]));
        let mut whole = shape.clone();
        whole[along] = 3;
        parts.push(output("y", UINT8, &text(&whole)));
        for layout in LAYOUTS {
            let graph = import(&parts, layout);
            let innermost = if layout == Layout::ChannelsInnermost { [0, 2, 3, 1] } else { [0, 1, 2, 3] };
            assert!(["a in", "a", "y"].iter().all(|name| order(&graph, name) == innermost));
            for (name, first) in [("a", 0), ("b", 1)] {
                let own = graph.tensor(id(&graph, name)).shape().unwrap().to_vec();
                let in_whole = |at: &[u64]| {
                    let mut moved = at.to_vec();
                    moved[along] += first;
                    address(&graph, "y", &moved)
                };
                let expected =
                    distance(positions(&own).iter().map(|at| (address(&graph, name, at), in_whole(at))));
                let piece =
                    graph.operators()[2].permits().iter().find(|permit| permit.input() == id(&graph, name));
                match piece {
                    Some(&Permit::ConcatSlice { at, .. }) => {
                        assert_eq!(Some(at), expected, "case {case} {name}");
                    }
                    other => {
                        // A part of one element is contiguous wherever it lies; its neighbour may not be.
                        let other_part_is_apart = own.iter().product::<u64>() == 1 || expected.is_none();
                        assert!(other.is_none() && other_part_is_apart, "case {case} {name}: {other:?}");
                    }
                }
                pieces += usize::from(piece.is_some());
            }
        }
    }
    assert!(pieces > 50, "only {pieces} pieces");
}

#[test]
fn slices_are_views_if_they_are_contiguous_in_memory() {
    let mut views = [0; 2];
    for case in 0..64_u64 {
        let shape = [1, 1 + (case & 1) * 3, 2 + (case >> 1 & 1) * 2, 3];
        let along = (1 + case / 4 % 3) as usize;
        let (start, end) = (case / 16 % 2, shape[along].min(1 + case / 16));
        if start >= end {
            continue;
        }
        let mut part = shape;
        part[along] = end - start;
        let parts = [
            input("x", UINT8, &text(&shape)),
            pooled("x", "a"),
            numbers("starts", &[start as i64]),
            numbers("ends", &[end as i64]),
            numbers("axes", &[along as i64]),
            node("Slice", &["a", "starts", "ends", "axes"], &["y"]),
            output("y", UINT8, &text(&part)),
        ];
        for (number, layout) in LAYOUTS.into_iter().enumerate() {
            let graph = import(&parts, layout);
            let pair = |at: &Vec<u64>| {
                let mut moved = at.clone();
                moved[along] += start;
                (address(&graph, "y", at), address(&graph, "a", &moved))
            };
            let expected = distance(positions(&part).iter().map(pair));
            let view = graph.operators()[1].permits().first().map(|permit| match permit {
                Permit::View { at, .. } => *at,
                other => panic!("{other:?}"),
            });
            assert_eq!(view, expected, "case {case}, {layout:?}");
            views[number] += usize::from(view.is_some());
        }
    }
    assert!(views[0] > 5 && views[1] > 5 && views[0] != views[1], "{views:?}");
}

/// A permission of the last operator, with channels innermost.
fn last_permit(parts: &[Vec<u8>]) -> Option<Permit> {
    import(parts, Layout::ChannelsInnermost).operators().last().unwrap().permits().first().copied()
}

#[test]
fn shapes_change_without_a_copy_if_all_elements_stay_in_place() {
    let flattened = |shape: &str, flat: &str| {
        let parts = [
            input("x", UINT8, shape),
            pooled("x", "a"),
            node("Flatten", &["a"], &["y"]),
            output("y", UINT8, flat),
        ];
        last_permit(&parts).is_some()
    };
    assert!(!flattened("1, 8, 2, 2", "1, 32"));
    assert!(flattened("1, 8, 1, 1", "1, 8"));
    assert!(flattened("1, 1, 4, 2", "1, 8"));
    let transposed = |order: &[i64], shape: &str| {
        let parts = [
            input("x", UINT8, "1, 8, 4, 2"),
            pooled("x", "a"),
            node_with("Transpose", &["a"], &["y"], &[ints("perm", order)]),
            output("y", UINT8, shape),
        ];
        last_permit(&parts).is_some()
    };
    assert!(transposed(&[0, 2, 3, 1], "1, 4, 2, 8"));
    assert!(!transposed(&[0, 3, 2, 1], "1, 2, 4, 8"));
    assert!(!transposed(&[0, 1, 3, 2], "1, 8, 2, 4"));
}

#[test]
fn elementwise_operators_run_in_place_if_both_tensors_have_one_order() {
    let parts = [
        input("x", UINT8, "1, 4, 3, 3"),
        pooled("x", "a"),
        node("Relu", &["a"], &["y"]),
        output("y", UINT8, "1, 4, 3, 3"),
    ];
    assert!(matches!(last_permit(&parts), Some(Permit::InPlace { .. })));
    let flat = [
        input("x", UINT8, "4, 3, 3"),
        input("image", UINT8, "1, 4, 3, 3"),
        pooled("image", "a"),
        node("Add", &["a", "x"], &["y"]),
        output("y", UINT8, "1, 4, 3, 3"),
    ];
    let graph = import(&flat, Layout::ChannelsInnermost);
    let inputs: Vec<TensorId> = graph.operators()[1].permits().iter().map(|permit| permit.input()).collect();
    assert_eq!(inputs, [id(&graph, "a")], "the other operand is stored in another order");
}

#[test]
fn one_number_for_each_channel_does_not_end_an_image() {
    let parts = [
        input("x", UINT8, "1, 4, 3, 3"),
        input("scale", UINT8, "4, 1, 1"),
        pooled("x", "a"),
        node("Mul", &["a", "scale"], &["y"]),
        node("Relu", &["y"], &["z"]),
        output("z", UINT8, "1, 4, 3, 3"),
    ];
    let graph = import(&parts, Layout::ChannelsInnermost);
    assert!(["a", "y", "z"].iter().all(|name| order(&graph, name) == [0, 2, 3, 1]));
    assert_eq!(order(&graph, "scale"), [0, 1, 2]);
}

#[test]
fn weights_and_other_tensors_keep_the_order_of_the_file() {
    let parts = [
        input("x", FLOAT, "1, 3, 8, 8"),
        initializer("w", FLOAT, &[4, 3, 3, 3]),
        node("Conv", &["x", "w"], &["y"]),
        input("rows", FLOAT, "2, 5, 6, 7"),
        node("Softmax", &["rows"], &["z"]),
        output("y", FLOAT, "1, 4, 6, 6"),
        output("z", FLOAT, "2, 5, 6, 7"),
    ];
    let graph = import(&parts, Layout::ChannelsInnermost);
    assert_eq!([order(&graph, "x"), order(&graph, "y")], [[0, 2, 3, 1], [0, 2, 3, 1]]);
    assert_eq!([order(&graph, "w"), order(&graph, "z")], [[0, 1, 2, 3], [0, 1, 2, 3]]);
}
