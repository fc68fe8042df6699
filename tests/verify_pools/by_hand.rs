//! Handwritten graphs in many machines.

use plimsoll::{
    ElementType, Graph, Limits, Loading, Planner, Pool, PoolId, PoolPlan, Pools, SharingLevel, TensorId,
    TensorSpec, Variables,
};

use crate::place;

fn bytes(bytes: u64) -> TensorSpec {
    TensorSpec::bytes(bytes)
}

/// A chain of convolutions with weights and scratch.
fn chain() -> Graph {
    let mut net = Graph::builder("chain");
    let mut last = net.input("x", bytes(96));
    for (number, size) in [128, 64, 192, 32].into_iter().enumerate() {
        let weights = net.constant(format!("w{number}"), bytes(size / 2));
        let made = net.tensor(format!("t{number}"), bytes(size));
        let conv = net.operator(format!("conv{number}")).reads([last, weights]).writes([made]);
        let _ = if number % 2 == 1 { conv.scratch(48) } else { conv };
        last = made;
    }
    net.output(last);
    net.build().unwrap()
}

/// A skip connection over wide tensors: moving it off chip frees memory for them.
fn skip() -> (Graph, TensorId) {
    let mut net = Graph::builder("skip");
    let x = net.input("x", bytes(16));
    let [early, wide, wider, narrow, y] =
        [("early", 100), ("wide", 150), ("wider", 150), ("narrow", 100), ("y", 16)]
            .map(|(name, size)| net.tensor(name, bytes(size)));
    net.operator("stem").reads([x]).writes([early]);
    net.operator("up").reads([early]).writes([wide]);
    net.operator("middle").reads([wide]).writes([wider]);
    net.operator("down").reads([wider]).writes([narrow]);
    net.operator("add").reads([early, narrow, early]).writes([y]);
    net.output(y);
    (net.build().unwrap(), early)
}

/// Variables: one that is updated, one that is only read, one without accesses.
fn states() -> Graph {
    let mut net = Graph::builder("states");
    let x = net.input("x", bytes(24));
    let [state, memory, idle] =
        [("state", 40), ("memory", 64), ("idle", 8)].map(|(name, size)| net.variable(name, bytes(size)));
    let [a, b, y] = [("a", 48), ("b", 24), ("y", 24)].map(|(name, size)| net.tensor(name, bytes(size)));
    net.operator("update").reads([x, state]).writes([state, a]);
    net.operator("look").reads([a, memory]).writes([b]);
    net.operator("again").reads([b, state]).writes([state, y]).scratch(16);
    net.output(y);
    let _ = idle;
    net.build().unwrap()
}

/// Rare cases: an input that is an output, an input without readers, duplicate operands, an output
/// with readers, a tensor of 0 bytes, a tensor without readers, alignments, a constant with several
/// readers, and a constant that is an output.
fn odd() -> Graph {
    let mut net = Graph::builder("odd");
    let x = net.input("x", bytes(20).align(4));
    let [unread, through] = ["unread", "through"].map(|name| net.input(name, bytes(12)));
    let table = net.constant("table", bytes(64).align(32));
    let label = net.constant("label", bytes(4));
    let sizes = [("a", 40), ("none", 0), ("lost", 30), ("b", 9), ("y", 33)];
    let [a, none, lost, b, y] = sizes.map(|(name, size)| net.tensor(name, bytes(size)));
    net.operator("square").reads([x, x, table]).writes([a, none]);
    net.operator("cut").reads([a, none, through]).writes([b, lost]).scratch(7);
    net.operator("join").reads([b, table, a, b, table]).writes([y]);
    net.output(through).output(a).output(y).output(label);
    let _ = unread;
    net.build().unwrap()
}

/// Views, concatenation without copies, outputs in place.
fn shared() -> Graph {
    let mut net = Graph::builder("shared");
    let image = net.input("image", TensorSpec::shaped(ElementType::Int8, [8, 8]));
    let sizes =
        [("large", 48), ("small", 16), ("relu", 48), ("flat", 48), ("joined", 64), ("cut", 32), ("y", 32)];
    let [large, small, relu, flat, joined, cut, y] = sizes.map(|(name, size)| net.tensor(name, bytes(size)));
    net.operator("conv a").reads([image]).writes([large]);
    net.operator("conv b").reads([image]).writes([small]);
    net.operator("relu").reads([large]).writes([relu]).in_place(large, relu);
    net.operator("reshape").reads([relu]).writes([flat]).view(relu, flat, 0);
    let concat = net.operator("concat").reads([flat, small]).writes([joined]);
    concat.concat_slice(flat, joined, 0).concat_slice(small, joined, 48);
    net.operator("slice").reads([joined]).writes([cut]).view(joined, cut, 16);
    net.operator("dense").reads([cut]).writes([y]).scratch(16);
    net.output(y).output(small);
    net.build().unwrap()
}

/// Machines with one or two pools on chip of these sizes, in all variants of their properties.
fn machines(sizes: &[u64]) -> Vec<Pools> {
    let mut machines = Vec::new();
    let ddr = || Pool::off_chip("ddr").alignment(16).copy_costs(1, 1).read_cost(2).write_cost(2);
    for &size in sizes {
        for prefetch in 0..3 {
            let one = || [Pool::on_chip("l1", size).alignment(8), ddr()];
            let l2 = Pool::on_chip("l2", 2 * size).read_cost(1).write_cost(1);
            let three = [Pool::on_chip("l1", size), l2, ddr()];
            for pools in [Pools::new(one()), Pools::new(three)] {
                let pools = pools.unwrap().prefetch(prefetch);
                machines.push(pools.clone().loading(Loading::EachRun));
                machines.push(pools.clone().inputs("l1").unwrap());
                machines.push(pools.clone().outputs("l1").unwrap());
                machines.push(pools);
            }
        }
    }
    machines
}

/// Counts of features that plans use, so that the test can assert that each feature occurs.
#[derive(Default, Debug)]
struct Seen {
    plans: usize,
    refused: usize,
    copies: usize,
    prefetched: usize,
    resident: usize,
    shared: usize,
    on_chip: usize,
}

impl Seen {
    fn look(&mut self, plan: &PoolPlan) {
        self.plans += 1;
        self.copies += plan.transfers.len();
        self.prefetched += plan.transfers.iter().filter(|one| one.step < one.due).count();
        self.resident += usize::from(plan.preloaded > 0);
        self.shared += usize::from(!plan.aliases.is_empty());
        self.on_chip += usize::from(plan.used[0] > 0);
    }
}

#[test]
fn graphs_by_hand_in_many_memories() {
    let mut seen = Seen::default();
    for graph in [chain(), skip().0, states(), odd(), shared()] {
        for pools in machines(&[40, 120, 250]) {
            for level in [SharingLevel::None, SharingLevel::All] {
                for variables in [Variables::Arena, Variables::Outside] {
                    let planner = Planner::new().alignment(4).share(level).variables(variables);
                    let planner = planner.limits(Limits::new().nodes(300));
                    match place(&planner, &graph, &pools) {
                        Ok(Some(plan)) => seen.look(&plan),
                        Ok(None) => seen.refused += 1,
                        Err(wrong) => panic!("{}: {wrong}\n{pools:#?}", graph.name()),
                    }
                    if graph.name() != "states" {
                        break;
                    }
                }
            }
        }
    }
    println!("{seen:?}");
    let counts = [seen.copies, seen.prefetched, seen.resident, seen.shared, seen.on_chip];
    assert!(counts.iter().all(|&count| count >= 50) && seen.refused < seen.plans, "{seen:?}");
}

/// If the capacity requires it, a skip connection leaves the chip and returns.
#[test]
fn a_skip_connection_is_parked() {
    let (graph, early) = skip();
    let ddr = Pool::off_chip("ddr").read_cost(4).write_cost(4).copy_costs(1, 1);
    let pools = Pools::new([Pool::on_chip("l1", 300), ddr]).unwrap();
    let plan = place(&Planner::new().alignment(1), &graph, &pools).unwrap().unwrap();
    let [l1, ddr] = [0, 1].map(PoolId::new);
    let parked: Vec<_> = plan.transfers.iter().filter(|one| one.tensor == early).collect();
    assert_eq!(parked.iter().map(|one| (one.from, one.to)).collect::<Vec<_>>(), [(l1, ddr), (ddr, l1)]);
    // `x` is read in place from the backing store and `y` is written there: 16 bytes each.
    assert!(plan.cost < 4 * 100 + 4 * 32 && plan.is_optimal(), "{plan:#?}");
}

/// Without operators, an input that is an output is copied only if the pools of inputs and outputs differ.
#[test]
fn nothing_to_do() {
    let mut net = Graph::builder("nothing");
    let x = net.input("x", bytes(10));
    net.output(x);
    let graph = net.build().unwrap();
    let pools = Pools::new([Pool::on_chip("l1", 16), Pool::off_chip("ddr")]).unwrap();
    let moved = place(&Planner::new(), &graph, &pools.clone().inputs("l1").unwrap()).unwrap().unwrap();
    assert_eq!((moved.transfers.len(), moved.cost), (1, 10));
    let kept = place(&Planner::new(), &graph, &pools).unwrap().unwrap();
    assert_eq!((kept.transfers.len(), kept.cost), (0, 0));
    let empty = place(&Planner::new(), &Graph::builder("empty").build().unwrap(), &pools).unwrap().unwrap();
    assert!(empty.residencies.is_empty());
}
