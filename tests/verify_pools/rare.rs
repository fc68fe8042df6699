//! Rare cases that a planner can easily get wrong.

use plimsoll::{Graph, GraphBuilder, Planner, Pool, Pools, SharingLevel, TensorSpec};

use crate::place;
use crate::support::pools::drawn_pools;
use crate::support::sharing::Draw;

fn two(l1: u64) -> Pools {
    let ddr = Pool::off_chip("ddr").read_cost(2).write_cost(2).copy_costs(1, 1);
    Pools::new([Pool::on_chip("l1", l1), ddr]).unwrap()
}

/// Asserts that the planner returns a plan and that the plan is right.
fn check(net: GraphBuilder, pools: &Pools, level: SharingLevel) {
    let planner = Planner::new().alignment(1).share(level);
    let placed = place(&planner, &net.build().unwrap(), pools);
    let plan = placed.unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(plan.is_some(), "nothing is placed");
}

fn bytes(bytes: u64) -> TensorSpec {
    TensorSpec::bytes(bytes)
}

/// The next run reads the constants again.
#[test]
fn constants_in_the_backing_store_keep_their_place() {
    let mut net = Graph::builder("constants");
    let (x, w) = (net.input("x", bytes(8)), net.constant("w", bytes(8)));
    let [a, y] = ["a", "y"].map(|name| net.tensor(name, bytes(8)));
    net.operator("conv").reads([x, w]).writes([a]);
    net.operator("relu").reads([a]).writes([y]);
    net.output(y);
    check(net, &Pools::new([Pool::off_chip("ddr")]).unwrap(), SharingLevel::None);
}

/// The first occurrence needs no copy; the second one is a copy that reads the tensor.
#[test]
fn a_tensor_twice_in_one_concatenation_is_read() {
    let mut net = Graph::builder("twice");
    let x = net.input("x", bytes(8));
    let [a, y] = [("a", 8), ("y", 16)].map(|(name, size)| net.tensor(name, bytes(size)));
    net.operator("conv").reads([x]).writes([a]);
    net.operator("concat").reads([a, a]).writes([y]).concat_slice(a, y, 0).concat_slice(a, y, 8);
    net.output(y);
    check(net, &Pools::new([Pool::off_chip("ddr")]).unwrap(), SharingLevel::All);
}

/// The input dies before its prefetch is due, but a view of it lives on.
#[test]
fn a_view_begins_while_its_input_is_prefetched() {
    let mut net = Graph::builder("prefetch");
    let [x, z] = [("x", 8), ("z", 8)].map(|(name, size)| net.input(name, bytes(size)));
    let [view, a, y] = ["view", "a", "y"].map(|name| net.tensor(name, bytes(8)));
    net.operator("reshape").reads([x]).writes([view]).view(x, view, 0);
    let first = net.operator("conv").reads([z]).writes([a]).id();
    net.operator("add").reads([view, a]).writes([y]).after([first]);
    net.output(y);
    check(net, &two(64).prefetch(2), SharingLevel::Views);
}

/// The caller writes the input even if no operator reads it.
#[test]
fn an_input_without_readers_has_memory_of_its_own() {
    let mut net = Graph::builder("unread");
    let [x, z] = ["x", "z"].map(|name| net.input(name, bytes(8)));
    let [a, y] = ["a", "y"].map(|name| net.tensor(name, bytes(8)));
    net.operator("conv").reads([z]).writes([a]);
    net.operator("relu").reads([a]).writes([y]);
    net.place_at(y, x, 0).output(y);
    check(net, &two(64), SharingLevel::None);
}

/// The alignment of a tensor may be smaller than that of its pool.
#[test]
fn slices_lie_at_multiples_of_the_alignment_of_their_pool() {
    let mut net = Graph::builder("slice");
    let x = net.input("x", bytes(16).align(1));
    let [cut, y] = ["cut", "y"].map(|name| net.tensor(name, bytes(8).align(1)));
    net.operator("slice").reads([x]).writes([cut]).view(x, cut, 3);
    net.operator("relu").reads([cut]).writes([y]);
    net.output(y);
    check(net, &Pools::new([Pool::off_chip("ddr").alignment(8)]).unwrap(), SharingLevel::Views);
}

/// The caller finds the variable in the pool of outputs, whether it is resident or not.
#[test]
fn a_variable_that_is_an_output_is_where_outputs_are() {
    let mut net = Graph::builder("state");
    let (x, s) = (net.input("x", bytes(8)), net.variable("s", bytes(8)));
    net.operator("update").reads([x, s]).writes([s]);
    net.operator("again").reads([x, s]).writes([s]);
    net.output(s);
    check(net, &two(64), SharingLevel::None);
}

/// The next run reads the variable from the backing store, so it must be there as well; otherwise the
/// plan is refused.
#[test]
fn a_variable_that_is_an_output_on_chip_is_in_the_backing_store_as_well() {
    let mut net = Graph::builder("state");
    let (x, s) = (net.input("x", bytes(8)), net.variable("s", bytes(8)));
    net.operator("update").reads([x, s]).writes([s]);
    net.output(s);
    let graph = net.build().unwrap();
    place(&Planner::new(), &graph, &two(64).outputs("l1").unwrap()).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// If a tensor is in two pools at a step, the plan states which one the operator uses.
#[test]
fn tensors_under_way_are_used_in_a_stated_pool() {
    let mut net = Graph::builder("ways");
    let x = net.input("x", bytes(8));
    let [a, b, y] = ["a", "b", "y"].map(|name| net.tensor(name, bytes(8)));
    net.operator("one").reads([x]).writes([a]).scratch(8);
    net.operator("two").reads([a, x]).writes([b]).scratch(8);
    net.operator("three").reads([b, x, a]).writes([y]).scratch(8);
    net.output(y);
    let graph = net.build().unwrap();
    for seed in 0..150 {
        let pools = drawn_pools(&mut Draw(seed), 40);
        place(&Planner::new().alignment(1), &graph, &pools).unwrap_or_else(|wrong| panic!("{seed}: {wrong}"));
    }
}
