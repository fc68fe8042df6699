//! Lifetimes and maximal members against a check of every byte.

use super::*;
use crate::graph::TensorSpec;
use crate::support::ids::TensorId;

/// A graph with inputs, intermediate tensors and outputs.
fn graph() -> Graph {
    let mut net = Graph::builder("kinds");
    let mut last = net.input("input", TensorSpec::bytes(1));
    for number in 0..7 {
        let tensor = net.tensor(format!("t{number}"), TensorSpec::bytes(1));
        net.operator(format!("op{number}")).reads([last]).writes([tensor]);
        if number % 3 == 1 {
            net.output(tensor);
        }
        last = tensor;
    }
    net.build().expect("a chain")
}

fn drawn(graph: &Graph, seed: u64) -> Vec<ItemMember> {
    let mut random = fastrand::Rng::with_seed(seed);
    let ids: Vec<TensorId> = graph.tensor_ids().collect();
    let member = |id: &TensorId| {
        let (at, start) = (random.u64(..6), random.u32(..6));
        let live = LiveRange { start, end: start + random.u32(1..4) };
        ItemMember { occupant: Occupant::Tensor(*id), at, bytes: random.u64(..5), live }
    };
    ids[..2 + (seed % 6) as usize].iter().map(member).collect()
}

/// Returns true if some byte is live from one step to another: over members that contain it, each live at a
/// step of the one before.
fn is_needed(graph: &Graph, members: &[ItemMember], from: i64, until: i64) -> bool {
    (0..12).any(|byte| {
        let lives = members.iter().filter(|one| one.at <= byte && byte < one.at + one.bytes).map(|one| {
            let start = if is_defined_before_run(graph, one) { -1 } else { i64::from(one.live.start) };
            (start, if is_needed_after_run(graph, one) { 11 } else { i64::from(one.live.end) })
        });
        let lives: Vec<(i64, i64)> = lives.collect();
        lives.iter().any(|&(start, mut end)| {
            for _ in &lives {
                let met = lives.iter().filter(|other| start <= other.0 && other.0 < end).map(|other| other.1);
                end = met.max().unwrap_or(end).max(end);
            }
            start <= from && until < end
        })
    })
}

#[test]
fn what_is_needed_is_needed_byte_by_byte() {
    let graph = graph();
    let (mut needed_so, mut not) = (0, 0);
    for seed in 0..2000 {
        let members = drawn(&graph, seed);
        let mut ranges = lifetimes(&graph, &members, 10);
        ranges.sort_unstable();
        for (from, until) in (-1..10).flat_map(|from| (from.max(0)..11).map(move |until| (from, until))) {
            let spans = ranges.iter().any(|one| one.0 <= from && one.1 > until);
            assert_eq!(spans, is_needed(&graph, &members, from, until), "seed {seed}, {from} to {until}");
            needed_so += u32::from(spans);
            not += u32::from(!spans);
        }
    }
    assert!(needed_so > 10_000 && not > 10_000, "{needed_so} needed, {not} not");
}

#[test]
fn what_covers_lies_in_nothing_else() {
    let graph = graph();
    for seed in 0..2000 {
        let members = drawn(&graph, seed);
        let kept = maximal_members(members.clone());
        let within = |one: &ItemMember, other: &ItemMember| {
            other.at <= one.at && one.at + one.bytes <= other.at + other.bytes
        };
        for (number, one) in members.iter().enumerate() {
            let others = members.iter().enumerate().filter(|(other, _)| *other != number);
            let is_within = others
                .into_iter()
                .any(|(place, other)| within(one, other) && (!within(other, one) || place < number));
            let is_kept = kept.iter().any(|other| other.occupant == one.occupant);
            assert_eq!(is_kept, one.bytes > 0 && !is_within, "seed {seed}: {one:?} of {members:?}");
        }
        assert!(kept.is_sorted_by_key(|one| (!one.bytes, one.at)), "seed {seed}");
    }
}
