//! Placement in two pools costs as little as the cheapest placement by brute force.

use crate::support::brute_pools::Brute;
use plimsoll::verify::verify_pools;
use plimsoll::{
    Error, Graph, GraphBuilder, Loading, OperatorId, Planner, Pool, Pools, SharingLevel, Stop, TensorId,
    TensorSpec,
};

/// The generator `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % count
    }
}

/// A random graph of up to eight tensors of up to four bytes.
fn graph(random: &mut Random) -> Graph {
    let mut net = Graph::builder("random");
    let mut readable: Vec<TensorId> = Vec::new();
    let mut variables: Vec<TensorId> = Vec::new();
    let spec = |random: &mut Random| {
        let spec = TensorSpec::bytes(random.below(5).max(random.below(3)));
        if random.below(8) == 0 { spec.align(2) } else { spec }
    };
    let mut left = 4 + random.below(5);
    for number in 0..=random.below(2) {
        let spec = spec(random);
        readable.push(net.input(format!("in{number}"), spec));
        left -= 1;
    }
    for number in 0..random.below(3).min(left - 1) {
        let spec = spec(random);
        if random.below(3) == 0 {
            variables.push(net.variable(format!("state{number}"), spec));
        } else {
            readable.push(net.constant(format!("weight{number}"), spec));
        }
        left -= 1;
    }
    let mut made: Vec<TensorId> = Vec::new();
    for number in 0..left {
        let count = 1 + random.below(3);
        let mut reads: Vec<TensorId> =
            (0..count).map(|_| readable[random.below(readable.len() as u64) as usize]).collect();
        if let Some(&last) = made.last()
            && random.below(2) == 0
        {
            reads.push(last);
        }
        let mut touched = Vec::new();
        for &variable in &variables {
            match random.below(4) {
                0 => reads.push(variable),
                1 => {
                    reads.push(variable);
                    touched.push(variable);
                }
                _ => {}
            }
        }
        let spec = spec(random);
        let output = net.tensor(format!("t{number}"), spec);
        touched.push(output);
        let scratch = if random.below(6) == 0 { 1 + random.below(3) } else { 0 };
        net.operator(format!("op{number}")).reads(reads).writes(touched).scratch(scratch);
        readable.push(output);
        made.push(output);
    }
    mark_outputs(&mut net, &made, random);
    net.build().expect("a valid graph")
}

fn mark_outputs(net: &mut GraphBuilder, made: &[TensorId], random: &mut Random) {
    net.output(*made.last().expect("at least one tensor"));
    for &one in &made[..made.len() - 1] {
        if random.below(5) == 0 {
            net.output(one);
        }
    }
}

fn described(graph: &Graph) -> String {
    let tensor = |id: &TensorId| {
        let tensor = graph.tensor(*id);
        let mark = if tensor.is_output() { "!" } else { "" };
        format!("{}{mark}:{}@{:?}", tensor.name(), tensor.bytes(), tensor.alignment())
    };
    let all = |ids: &[TensorId]| ids.iter().map(tensor).collect::<Vec<_>>().join(" ");
    let lines = graph.operators().iter().map(|one| {
        format!("{} -> {} scratch {}", all(one.inputs()), all(one.outputs()), one.scratch_bytes())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn placements_cost_as_little_as_brute_force() {
    let count = std::env::var("PLIMSOLL_INSTANCES").map_or(150, |count| count.parse().expect("a number"));
    let first = std::env::var("PLIMSOLL_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    let (mut above_floor, mut cut) = (0, 0);
    for seed in first..first + count {
        let mut random = Random(seed);
        let graph = graph(&mut random);
        let capacity = 2 + random.below(6);
        let (alignment, coarse) =
            (1 << random.below(8).saturating_sub(6), 1 << random.below(8).saturating_sub(6));
        let loading = if random.below(2) == 0 { Loading::Once } else { Loading::EachRun };
        let chip = Pool::on_chip("l2", capacity).alignment(coarse);
        let pools = Pools::new([chip, Pool::off_chip("ddr")]).unwrap().loading(loading);
        let planner = Planner::new().alignment(alignment).share(SharingLevel::None);
        let plan = planner.place_in_order(&graph, graph.program_order(), &pools).unwrap();
        verify_pools(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let best = Brute { graph: &graph, pools: &pools, capacity, alignment, coarse }.least_cost();
        assert_eq!(
            (plan.cost, plan.stop),
            (best, Stop::Finished),
            "seed {seed}: bound {}, {capacity} bytes aligned to {coarse}, {alignment}, {loading:?}\n{}\n{:?}\n{:?}",
            plan.lower_bound,
            described(&graph),
            plan.residencies,
            plan.transfers
        );
        assert_eq!(plan.lower_bound, best, "seed {seed}: not proven");
        above_floor += usize::from(plan.cost > plan.unavoidable_cost);
        cut += usize::from(plan.nodes > 0 && plan.cost > plan.unavoidable_cost);
    }
    println!("{count} instances, {above_floor} do not fit on chip, {cut} searched");
    assert!(above_floor as u64 > count / 4, "only {above_floor} graphs do not fit on chip");
}

/// All valid orders of a graph, or `None` if there are more than `most`.
fn all_orders(graph: &Graph, most: usize) -> Option<Vec<Vec<OperatorId>>> {
    let dependencies: Vec<(OperatorId, OperatorId)> = graph.dependencies().collect();
    let mut found = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(order) = open.pop() {
        if order.len() == graph.program_order().len() {
            found.push(order);
            continue;
        }
        let is_next = |&&one: &&OperatorId| {
            let waits =
                |&&(before, after): &&(OperatorId, OperatorId)| after == one && !order.contains(&before);
            !order.contains(&one) && !dependencies.iter().any(|pair| waits(&pair))
        };
        for &next in graph.program_order().iter().filter(is_next) {
            open.push([order.as_slice(), &[next]].concat());
        }
        if found.len() + open.len() > most {
            return None;
        }
    }
    Some(found)
}

#[test]
fn orders_cost_no_more_than_the_planned_one_and_often_the_minimum() {
    let count = std::env::var("PLIMSOLL_ORDERED").map_or(60, |count| count.parse().expect("a number"));
    let (mut asked, mut planned_best, mut best_found) = (0, 0, 0);
    for seed in 0..count {
        let mut random = Random(seed);
        let graph = graph(&mut random);
        let Some(orders) = all_orders(&graph, 300) else { continue };
        let chip = Pool::on_chip("l2", 3 + random.below(6));
        let loading = if random.below(2) == 0 { Loading::Once } else { Loading::EachRun };
        let pools = Pools::new([chip, Pool::off_chip("ddr")]).unwrap().loading(loading);
        let planner = Planner::new().alignment(1).share(SharingLevel::None);
        let in_order = |order: &[OperatorId]| planner.place_in_order(&graph, order, &pools).unwrap().cost;
        let plan = planner.place(&graph, &pools).unwrap();
        verify_pools(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let known = in_order(&planner.plan(&graph).unwrap().order);
        let best = orders.iter().map(|order| in_order(order)).min().unwrap();
        assert!(best <= plan.cost && plan.cost <= known, "seed {seed}: {best} {} {known}", plan.cost);
        if best < in_order(graph.program_order()).max(known) {
            asked += 1;
            planned_best += usize::from(known == best);
            best_found += usize::from(plan.cost == best);
        }
    }
    println!(
        "order matters to {asked} of {count}: the planned is best of {planned_best}, ours of {best_found}"
    );
    assert!(asked > 0 && best_found > planned_best && 3 * best_found >= 2 * asked, "{best_found} of {asked}");
}

#[test]
fn a_tensor_larger_than_the_pool_counts_in_the_floor_as_on_chip() {
    let mut net = Graph::builder("large");
    let small = net.input("small", TensorSpec::bytes(10));
    let large = net.tensor("large", TensorSpec::bytes(1000));
    let sum = net.tensor("sum", TensorSpec::bytes(10));
    net.operator("widen").reads([small]).writes([large]);
    net.operator("add").reads([large]).writes([sum]);
    net.output(sum);
    let graph = net.build().unwrap();
    let placed = |bytes: u64| {
        let pools = Pools::new([Pool::on_chip("sram", bytes), Pool::off_chip("ddr")]).unwrap();
        let plan = Planner::new().alignment(1).place(&graph, &pools).unwrap();
        verify_pools(&graph, &plan).unwrap();
        plan
    };
    let (narrow, wide) = (placed(500), placed(2000));
    assert!(wide.all_fits());
    assert_eq!(narrow.unavoidable_cost, wide.unavoidable_cost);
    assert_eq!(narrow.cost, narrow.unavoidable_cost + 2 * 1000);
    assert!(narrow.is_optimal() && !narrow.all_fits());
}

#[test]
fn tensors_that_must_be_on_chip_are_named_if_they_do_not_fit() {
    let mut net = Graph::builder("two inputs");
    let [left, right] = ["left", "right"].map(|name| net.input(name, TensorSpec::bytes(600)));
    let sum = net.tensor("sum", TensorSpec::bytes(600));
    net.operator("add").reads([left, right]).writes([sum]);
    net.output(sum);
    let graph = net.build().unwrap();
    let pools = |bytes| {
        let pools = Pools::new([Pool::on_chip("sram", bytes), Pool::off_chip("flash")]).unwrap();
        pools.inputs("sram").unwrap()
    };
    let planner = Planner::new().alignment(1);
    let error = planner.place(&graph, &pools(1024)).unwrap_err();
    assert!(matches!(error, Error::DoesNotFit(_)));
    assert_eq!(
        error.to_string(),
        "does not fit: `sram` has 1024 bytes, but inputs and outputs that must be there at operator `add` need 1200"
    );
    let error = planner.place(&graph, &pools(512)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "does not fit: tensor `left` (600 bytes) must be in `sram`, which cannot take it"
    );
    planner.place(&graph, &pools(1200)).unwrap();
}

#[test]
fn placements_of_equal_cost_copy_few_bytes() {
    // Neither bank can hold both tensors, and copies between banks cost nothing.
    let mut net = Graph::builder("two banks");
    let x = net.input("x", TensorSpec::bytes(0));
    let [a, b] = ["a", "b"].map(|name| net.tensor(name, TensorSpec::bytes(600)));
    let y = net.tensor("y", TensorSpec::bytes(8));
    net.operator("first").reads([x]).writes([a]);
    net.operator("second").reads([x]).writes([b]);
    net.operator("join").reads([a, b]).writes([y]);
    net.output(y);
    let graph = net.build().unwrap();
    let banks = ["b0", "b1"].map(|name| Pool::on_chip(name, 1024));
    let pools = Pools::new(banks.into_iter().chain([Pool::off_chip("ddr")])).unwrap();
    let plan = Planner::new().alignment(1).place(&graph, &pools).unwrap();
    verify_pools(&graph, &plan).unwrap();
    assert_eq!(plan.cost, 8);
    let copied: u64 = plan.transfers.iter().map(|one| one.bytes).sum();
    assert!(copied <= 8, "{copied} bytes");
}

/// Sums of costs from 2^53 on are not exact in floating point.
#[test]
fn bounds_of_huge_costs_are_whole_numbers_between_floor_and_cost() {
    for extra in 0..6 {
        let mut net = Graph::builder("huge");
        let input = net.input("input", TensorSpec::bytes((1 << 53) + extra));
        let result = net.tensor("result", TensorSpec::bytes(10));
        net.operator("sum").reads([input]).writes([result]);
        net.output(result);
        let graph = net.build().unwrap();
        let pools = Pools::new([Pool::on_chip("sram", 16), Pool::off_chip("ddr")]).unwrap();
        let plan = Planner::new().alignment(1).place(&graph, &pools).unwrap();
        verify_pools(&graph, &plan).unwrap();
        assert!(
            plan.unavoidable_cost <= plan.lower_bound && plan.lower_bound <= plan.cost,
            "{extra}: {plan:?}"
        );
        assert!(plan.is_optimal(), "{extra}: {} of {}", plan.lower_bound, plan.cost);
    }
}
