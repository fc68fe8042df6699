//! Checks of the graph builder and their messages; program order; constant folding.

use crate::support::random;
use plimsoll::ElementType::{Float32, Int4, Int8, Int64, String};
use plimsoll::{Error, Graph, GraphBuilder, OperatorId, TensorId, TensorKind, TensorSpec};
use proptest::prelude::*;

fn message(build: impl FnOnce(&mut GraphBuilder)) -> std::string::String {
    let mut net = Graph::builder("net");
    build(&mut net);
    net.build().unwrap_err().to_string()
}

fn bytes(bytes: u64) -> TensorSpec {
    TensorSpec::bytes(bytes)
}

#[test]
fn cycles_are_listed() {
    let text = message(|net| {
        let x = net.input("x", bytes(1));
        let (a, b, c) = (net.tensor("a", bytes(1)), net.tensor("b", bytes(1)), net.tensor("c", bytes(1)));
        net.operator("first").reads([x, c]).writes([a]);
        net.operator("second").reads([a]).writes([b]);
        net.operator("third").reads([b]).writes([c]);
        net.operator("downstream").reads([c]);
    });
    assert_eq!(text, "operators depend on each other in a cycle: `first` -> `second` -> `third` -> `first`");
    let text = message(|net| {
        let a = net.tensor("a", bytes(1));
        net.operator("self").reads([a]).writes([a]);
    });
    assert_eq!(text, "operators depend on each other in a cycle: `self` -> `self`");
    let text = message(|net| {
        let early = net.operator("early").id();
        let late = net.operator("late").after([early]).id();
        let _ = net.operator_mut(early).unwrap().after([late]);
    });
    assert!(text.contains("`early` -> `late` -> `early`"), "{text}");
}

#[test]
fn a_long_cycle_is_cut_short_and_does_not_overflow_the_stack() {
    let text = message(|net| {
        let tensors: Vec<_> = (0..100_000).map(|i| net.tensor(format!("t{i}"), bytes(1))).collect();
        for i in 0..tensors.len() {
            let before = tensors[(i + tensors.len() - 1) % tensors.len()];
            net.operator(format!("op{i}")).reads([before]).writes([tensors[i]]);
        }
    });
    assert!(text.starts_with("operators depend on each other in a cycle: `op0` -> `op1` -> "), "{text}");
    assert!(text.ends_with("-> (99988 more) -> `op0`"), "{text}");
}

#[test]
fn producers_are_checked() {
    let twice = message(|net| {
        let a = net.tensor("a", bytes(1));
        net.operator("one").writes([a]);
        net.operator("two").writes([a]);
    });
    assert_eq!(twice, "tensor `a` has two producers: operator `one` and operator `two`");
    let same = message(|net| {
        let a = net.tensor("a", bytes(1));
        net.operator("one").writes([a, a]);
    });
    assert_eq!(same, "tensor `a` has two producers: operator `one` and operator `one`");
    let none = message(|net| {
        let a = net.tensor("a", bytes(1));
        net.operator("one").reads([a]);
    });
    assert_eq!(
        none,
        "tensor `a` has no producer, but operator `one` reads it; is it an input, a constant or a variable?"
    );
    let output = message(|net| {
        let a = net.tensor("a", bytes(1));
        net.output(a);
    });
    assert!(output.starts_with("tensor `a` has no producer, but the graph outputs it"), "{output}");
    let input = message(|net| {
        let a = net.input("a", bytes(1));
        net.operator("one").writes([a]);
    });
    assert_eq!(input, "operator `one` writes tensor `a`, which is an input");
    let constant = message(|net| {
        let a = net.constant("a", bytes(1));
        net.operator("one").writes([a]);
    });
    assert_eq!(constant, "operator `one` writes tensor `a`, which is a constant");
}

#[test]
fn unknown_ids_are_named() {
    let tensor = message(|net| {
        net.operator("one").reads([TensorId::new(7)]);
    });
    assert_eq!(tensor, "operator `one` names tensor 7, but the graph has 0 tensors");
    let operator = message(|net| {
        net.operator("one").after([OperatorId::new(3)]);
    });
    assert_eq!(operator, "operator `one` names operator 3, but the graph has 1 operators");
    let output = message(|net| {
        net.output(TensorId::new(2));
    });
    assert_eq!(output, "the list of graph outputs names tensor 2, but the graph has 0 tensors");
}

#[test]
fn sizes_and_alignments_are_checked() {
    let overflow = message(|net| {
        net.input("big", TensorSpec::shaped(Int64, [1 << 32, 1 << 31]));
    });
    assert_eq!(overflow, "tensor `big`: int64 of shape [4294967296, 2147483648] is more than 2^64-1 bytes");
    let alignment = message(|net| {
        net.input("x", bytes(4).align(12));
    });
    assert_eq!(alignment, "tensor `x`: alignment 12 is not a power of two");
    let zero = message(|net| {
        net.input("x", bytes(4).align(0));
    });
    assert_eq!(zero, "tensor `x`: alignment 0 is not a power of two");
    let fixed = message(|net| {
        net.input("x", bytes(4).align(8).at(12));
    });
    assert_eq!(fixed, "tensor `x` is fixed at 12, which is not a multiple of its alignment 8");
    let text = message(|net| {
        net.input("words", TensorSpec::shaped(String, [2]));
    });
    assert_eq!(text, "tensor `words` holds strings, whose size is not known before the run");
}

#[test]
fn strings_in_constants_do_no_harm() {
    let mut net = Graph::builder("net");
    net.constant("vocabulary", TensorSpec::shaped(String, [1000]));
    assert!(net.build().is_ok());
}

#[test]
fn file_order_is_kept_where_it_can_be_and_mended_where_not() {
    let mut net = Graph::builder("net");
    let (a, b) = (net.tensor("a", bytes(1)), net.tensor("b", bytes(1)));
    net.operator("uses b").reads([b]);
    net.operator("makes a").writes([a]);
    net.operator("makes b").reads([a]).writes([b]);
    net.operator("free");
    let graph = net.build().unwrap();
    let order: Vec<_> = graph.program_order().iter().map(|id| id.index()).collect();
    assert_eq!(order, [1, 2, 0, 3]);
    let wrong = graph.check_order(&[0, 1, 2, 3].map(OperatorId::new)).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "order: operator `uses b` at step 0 needs operator `makes b`, which runs at step 2"
    );
    let missing = graph.check_order(&[1, 2, 0].map(OperatorId::new)).unwrap_err();
    assert_eq!(missing.to_string(), "order: operator `free` is missing");
    let twice = graph.check_order(&[1, 2, 2, 0, 3].map(OperatorId::new)).unwrap_err();
    assert_eq!(twice.to_string(), "order: operator `makes b` occurs at step 1 and again at step 2");
    let unknown = graph.check_order(&[1, 9].map(OperatorId::new)).unwrap_err();
    assert_eq!(unknown.to_string(), "order: step 1 names operator 9, but the graph has 4 operators");
}

#[test]
fn operators_on_a_variable_keep_their_order() {
    let mut net = Graph::builder("net");
    let state = net.variable("state", bytes(4));
    let read = net.operator("read").reads([state]).id();
    let write = net.operator("write").writes([state]).id();
    let again = net.operator("again").reads([state]).id();
    let graph = net.build().unwrap();
    assert_eq!(graph.tensor(state).producer(), Some(write));
    assert!(graph.check_order(&[read, write, again]).is_ok());
    assert!(graph.check_order(&[write, read, again]).is_err());
    assert!(graph.check_order(&[read, again, write]).is_err());
}

#[test]
fn folding_spreads_and_stops() {
    let mut net = Graph::builder("net");
    let x = net.input("x", bytes(8));
    let state = net.variable("state", bytes(8));
    let weights = net.constant("weights", bytes(8));
    let t: Vec<_> = (0..5).map(|i| net.tensor(format!("t{i}"), bytes(16))).collect();
    let unpack = net.operator("unpack").reads([weights]).writes([t[0]]).scratch(64).foldable().id();
    let scale = net.operator("scale").reads([t[0], weights, t[0]]).writes([t[1]]).foldable().id();
    let impure = net.operator("impure").reads([weights]).writes([t[2]]).id();
    let apply = net.operator("apply").reads([t[1], x]).writes([t[3]]).foldable().id();
    let store = net.operator("store").reads([weights]).writes([state]).foldable().id();
    let late = net.operator("late").reads([weights]).writes([t[4]]).after([apply]).foldable().id();
    net.output(t[1]).output(t[3]);
    let mut graph = net.build().unwrap();
    assert_eq!(graph.fold_constants(), 2);
    assert_eq!(graph.program_order(), [impure, apply, store, late]);
    assert!(graph.operator(unpack).is_folded() && graph.operator(scale).is_folded());
    assert_eq!(graph.tensor(t[1]).kind(), TensorKind::Constant);
    assert_eq!(graph.tensor(t[3]).kind(), TensorKind::Intermediate);
    assert!(graph.check_order(&[unpack, impure, apply, store, late]).is_err());
    let plan = plimsoll::Planner::new().alignment(1).plan(&graph).unwrap();
    assert_eq!((plan.offset(t[0]), plan.offset(t[1])), (None, None));
    assert!(plan.offset(t[2]).is_some());
    assert_eq!(graph.fold_constants(), 0);
}

#[test]
fn floats_can_be_counted_as_another_type() {
    let mut net = Graph::builder("net");
    let float = net.input("float", TensorSpec::shaped(Float32, [3, 5]));
    let index = net.input("index", TensorSpec::shaped(Int64, [3]));
    let opaque = net.input("opaque", bytes(100));
    let mut graph = net.build().unwrap();
    graph.count_floats_as(Int8).unwrap();
    assert_eq!([float, index, opaque].map(|id| graph.tensor(id).bytes()), [15, 24, 100]);
    let mut net = Graph::builder("net");
    let float = net.input("float", TensorSpec::shaped(Float32, [3, 5]));
    let mut graph = net.build().unwrap();
    graph.count_floats_as(Int4).unwrap();
    assert_eq!(graph.tensor(float).bytes(), 8);
    assert_eq!(graph.tensor(float).element_type(), Some(Int4));
    let mut net = Graph::builder("net");
    net.input("big", TensorSpec::shaped(Float32, [1 << 61]));
    let mut graph = net.build().unwrap();
    assert!(matches!(graph.count_floats_as(Int64), Err(Error::SizeOverflow { .. })));
}

proptest! {
    #[test]
    fn the_file_order_is_always_valid(graph in random::graph(20)) {
        prop_assert!(graph.check_order(graph.program_order()).is_ok());
        let ids: Vec<_> = graph.operator_ids().collect();
        prop_assert_eq!(graph.program_order(), &ids[..], "random graphs are built in a valid order");
    }
}

/// Permissions are looked up by binary search: with linear searches, 200 000 permissions among as
/// many inputs would take 40 000 000 000 steps.
#[test]
fn a_concatenation_of_many_is_built_at_once() {
    const COUNT: usize = 200_000;
    let mut net = Graph::builder("wide");
    let pieces: Vec<_> = (0..COUNT).map(|i| net.input(format!("piece_{i}"), TensorSpec::bytes(1))).collect();
    let whole = net.tensor("whole", TensorSpec::bytes(COUNT as u64));
    let mut concat = net.operator("concat").reads(pieces.iter().copied()).writes([whole]);
    for (at, &piece) in pieces.iter().enumerate() {
        concat = concat.concat_slice(piece, whole, at as u64);
    }
    net.output(whole);
    let graph = net.build().unwrap();
    assert_eq!(graph.operators()[0].permits().len(), COUNT);
}
