//! Placement in two pools costs as little as the best of all ways.

mod support;

use plimsoll::verify::verify_pools;
use plimsoll::{Graph, GraphBuilder, Loading, Planner, Pool, Pools, Sharing, Stop, TensorId, TensorSpec};
use support::brute_pools::Brute;

/// `SplitMix64`.
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

/// Up to eight tensors of up to four bytes.
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
    net.build().expect("a graph")
}

fn mark_outputs(net: &mut GraphBuilder, made: &[TensorId], random: &mut Random) {
    net.output(*made.last().expect("at least one"));
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
fn as_cheap_as_the_best_of_all_ways() {
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
        let planner = Planner::new().alignment(alignment).share(Sharing::None);
        let plan = planner.place_in_order(&graph, graph.file_order(), &pools).unwrap();
        verify_pools(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let best = Brute { graph: &graph, pools: &pools, capacity, alignment, coarse }.least_cost();
        assert_eq!(
            (plan.cost, plan.stop),
            (best, Stop::Finished),
            "seed {seed}: bound {}, {capacity} bytes aligned to {coarse}, {alignment}, {loading:?}\n{}\n{:?}\n{:?}",
            plan.lower_bound,
            described(&graph),
            plan.stays,
            plan.transfers
        );
        assert_eq!(plan.lower_bound, best, "seed {seed}: not proven");
        above_floor += usize::from(plan.cost > plan.floor);
        cut += usize::from(plan.nodes > 0 && plan.cost > plan.floor);
    }
    println!("{count} instances, {above_floor} do not fit on chip, {cut} searched");
    assert!(above_floor as u64 > count / 4, "too few that do not fit: {above_floor}");
}
