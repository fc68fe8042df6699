//! Adding aliases all at once gives the same result as adding them one after the other.

use super::*;
use crate::graph::{GraphBuilder, TensorSpec, Variables};
use crate::liveness::Liveness;
use crate::sharing::live_ranges;
use crate::support::limits::tests::most_between_polls;
use crate::support::sorting::sort_by_keys;

/// Random concatenations of earlier tensors. Some pieces appear twice, are concatenations
/// themselves, are read again later, or are graph outputs.
fn random_graph(seed: u64) -> Graph {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut below = move |count: usize| random.usize(..count);
    let mut net: GraphBuilder = Graph::builder("drawn");
    let mut made = vec![(net.input("x", TensorSpec::bytes(2)), 2)];
    for number in 0..14 {
        let is_concat = number % 3 == 2;
        let read: Vec<(TensorId, u64)> = if is_concat {
            (0..2 + below(9)).map(|_| made[made.len() - 1 - below(made.len().min(12))]).collect()
        } else {
            vec![made[below(made.len())]]
        };
        let bytes = if is_concat { read.iter().map(|piece| piece.1).sum() } else { 1 + below(3) as u64 };
        let output = net.tensor(format!("t{number}"), TensorSpec::bytes(bytes));
        let operator =
            net.operator(format!("op{number}")).reads(read.iter().map(|piece| piece.0)).writes([output]);
        if is_concat {
            let mut at = 0;
            read.iter().fold(operator, |operator, &(input, bytes)| {
                at += bytes;
                operator.concat_slice(input, output, at - bytes)
            });
        }
        if below(8) == 0 {
            net.output(output);
        }
        made.push((output, bytes));
    }
    net.build().expect("a network")
}

#[test]
fn at_once_is_as_one_by_one() {
    let (mut all, mut some) = (0, 0);
    for seed in 0..3000 {
        let graph = random_graph(seed);
        let order = graph.program_order();
        let liveness = Liveness::new(&graph, order, 1, Variables::Arena).expect("a right order");
        let live = live_ranges(&graph, &liveness);
        let contents = ContentAliases::unlimited(&graph, 1, SharingLevel::All);
        let limits = Limits::new();
        let mut budget = Budget::new(&limits, u64::MAX);
        let mut builder = || {
            AliasBuilder::new(&graph, &contents, &live, 1, SharingLevel::All, &mut budget)
                .expect("nothing is forced")
        };
        let (mut at_once, mut singly) = (builder(), builder());
        let contents_only =
            SharingPolicy { in_place: false, ..SharingPolicy::variants(SharingLevel::All)[0] };
        at_once.apply_policy(order, contents_only, &mut budget).expect("no limit");
        for &alias in &contents.aliases {
            singly.try_add(&[alias], &mut budget).expect("no limit");
        }
        let (mut at_once, mut singly) = (at_once.finish(), singly.finish());
        for layout in [&mut at_once, &mut singly] {
            sort_by_keys(&mut layout.aliases, |alias| [alias.of.index() as u64, alias.at]);
        }
        assert_eq!(at_once.aliases, singly.aliases, "seed {seed}");
        assert_eq!(at_once.position, singly.position, "seed {seed}");
        let wanted = contents.aliases.len();
        all += usize::from(wanted > 2 && singly.aliases.len() == wanted);
        some += usize::from((1..wanted).contains(&singly.aliases.len()));
    }
    assert!(all > 50 && some > 2000, "all of {all}, some of {some}");
}

#[test]
fn tensors_of_one_class_hold_the_same_contents() {
    let mut pairs = 0;
    for seed in 0..500 {
        let graph = random_graph(seed);
        let order = graph.program_order();
        let liveness = Liveness::new(&graph, order, 1, Variables::Arena).expect("a right order");
        let live = live_ranges(&graph, &liveness);
        let contents = ContentAliases::unlimited(&graph, 1, SharingLevel::All);
        let limits = Limits::new();
        let mut budget = Budget::new(&limits, u64::MAX);
        let mut builder = AliasBuilder::new(&graph, &contents, &live, 1, SharingLevel::All, &mut budget)
            .expect("nothing is forced");
        let policy = SharingPolicy::variants(SharingLevel::All)[0];
        builder.apply_policy(order, policy, &mut budget).expect("no limit");
        let member = |builder: &mut AliasBuilder<'_>, id: TensorId| {
            let (from, class) = (builder.positions.find(id.index()).1, builder.classes.find(id));
            let end = from + i128::from(graph.tensor(id).bytes());
            Some(Member { id, class, from, end, live: live[id.index()]? })
        };
        let members: Vec<Member> = graph.tensor_ids().filter_map(|id| member(&mut builder, id)).collect();
        for (place, &one) in members.iter().enumerate() {
            for &other in &members[..place] {
                if one.class == other.class && one.from < other.end && other.from < one.end {
                    pairs += 1;
                    assert!(builder.same_bytes(one, other), "seed {seed}: {} and {}", one.id, other.id);
                }
            }
        }
    }
    assert!(pairs > 2000, "{pairs} pairs");
}

/// Number of chains of the family `chains_of_equal_pieces`.
const CHAINS: usize = 50;

/// Graphs with one rigid group that contains all of `count` tensors, by family.
fn growing(family: &str, count: usize) -> Graph {
    let mut net: GraphBuilder = Graph::builder(family);
    let x = net.input("x", TensorSpec::bytes(64));
    let first = net.tensor("first", TensorSpec::bytes(64));
    net.operator("begin").reads([x]).writes([first]);
    let second = net.tensor("second", TensorSpec::bytes(64));
    net.operator("other").reads([x]).writes([second]);
    let (mut last, mut pair) = (first, [first, second]);
    let mut all = vec![first];
    let (mut chains, mut piece) = ([first; CHAINS], first);
    for k in 0..count {
        let bytes = match family {
            "chains_of_equal_pieces" => 64 * ((k / CHAINS) as u64 + 2),
            "concat_chain" | "nested_concats" | "same_other_piece" => 64 * (k as u64 + 2),
            "concat_and_split" => 128,
            _ => 64,
        };
        let made = net.tensor(format!("t{k}"), TensorSpec::bytes(bytes));
        match family {
            "in_place_chain" => {
                let _ = net.operator(format!("o{k}")).reads([last]).writes([made]).in_place(last, made);
            }
            "view_chain" => {
                let _ = net.operator(format!("o{k}")).reads([last]).writes([made]).view(last, made, 0);
            }
            "view_fan" => {
                let _ = net.operator(format!("o{k}")).reads([first]).writes([made]).view(first, made, 0);
            }
            "in_place_fan" => {
                let _ = net.operator(format!("o{k}")).reads([first]).writes([made]).in_place(first, made);
            }
            // One tensor is read by all concatenations, but only the first of them can hold it.
            "same_other_piece" => {
                let concat = net.operator(format!("o{k}")).reads([last, first]).writes([made]);
                concat.concat_slice(last, made, 0).concat_slice(first, made, bytes - 64);
            }
            // Each piece is appended to the last concatenation of every chain.
            "chains_of_equal_pieces" => {
                if k % CHAINS == 0 {
                    piece = net.tensor(format!("p{k}"), TensorSpec::bytes(64));
                    net.operator(format!("q{k}")).reads([chains[0]]).writes([piece]);
                }
                let before = chains[k % CHAINS];
                let concat = net.operator(format!("o{k}")).reads([before, piece]).writes([made]);
                concat.concat_slice(before, made, 0).concat_slice(piece, made, bytes - 64);
                chains[k % CHAINS] = made;
            }
            // Each concatenation is split again, and stays live to the end.
            "concat_and_split" => {
                let halves = [0, 1].map(|half| net.tensor(format!("h{k}_{half}"), TensorSpec::bytes(64)));
                let concat = net.operator(format!("o{k}")).reads(pair).writes([made]);
                concat.concat_slice(pair[0], made, 0).concat_slice(pair[1], made, 64);
                let split = net.operator(format!("s{k}")).reads([made]).writes(halves);
                split.view(made, halves[0], 0).view(made, halves[1], 64);
                pair = halves;
            }
            _ => {
                let piece = net.tensor(format!("p{k}"), TensorSpec::bytes(64));
                net.operator(format!("q{k}")).reads([last]).writes([piece]);
                let concat = net.operator(format!("o{k}")).reads([last, piece]).writes([made]);
                concat.concat_slice(last, made, 0).concat_slice(piece, made, bytes - 64);
            }
        }
        last = made;
        all.push(made);
    }
    let y = net.tensor("y", TensorSpec::bytes(64));
    let is_fan = family.ends_with("fan") || ["nested_concats", "concat_and_split"].contains(&family);
    let read = match family {
        "chains_of_equal_pieces" => chains.to_vec(),
        _ if is_fan => all,
        _ => vec![last],
    };
    net.operator("end").reads(read).writes([y]);
    net.output(y);
    net.build().expect("a network")
}

/// Nodes that building the aliases of a graph takes, and the largest work between two polls.
fn effort(graph: &Graph) -> (u64, u64) {
    let order = graph.program_order();
    let liveness = Liveness::new(graph, order, 1, Variables::Arena).expect("a right order");
    let live = live_ranges(graph, &liveness);
    let limits = Limits::new();
    let mut budget = Budget::new(&limits, u64::MAX);
    most_between_polls();
    let contents = ContentAliases::new(graph, 1, SharingLevel::All, &mut budget).expect("no limit");
    let mut builder =
        AliasBuilder::new(graph, &contents, &live, 1, SharingLevel::All, &mut budget).expect("no limit");
    builder
        .apply_policy(order, SharingPolicy::variants(SharingLevel::All)[0], &mut budget)
        .expect("no limit");
    (budget.nodes(), most_between_polls())
}

#[test]
fn groups_grow_near_linearly_and_poll() {
    for family in [
        "in_place_chain",
        "view_chain",
        "view_fan",
        "in_place_fan",
        "concat_chain",
        "nested_concats",
        "same_other_piece",
        "concat_and_split",
        "chains_of_equal_pieces",
    ] {
        let [(small, _), (large, between)] = [2_000, 4_000].map(|count| effort(&growing(family, count)));
        assert!(large < 5 * small / 2, "{family}: {small} nodes, then {large}");
        assert!(between < 1 << 20, "{family}: {between} steps between two polls");
    }
}

#[test]
fn limits_stop_the_building_of_groups() {
    let graph = growing("in_place_chain", 4_000);
    let order = graph.program_order();
    let liveness = Liveness::new(&graph, order, 1, Variables::Arena).expect("a right order");
    let live = live_ranges(&graph, &liveness);
    let limits = Limits::new().nodes(1);
    let alignment = Alignment::from(1);
    let contents = ContentAliases::within(&limits, &graph, alignment, SharingLevel::All);
    let (contents, stop) = contents.expect("not cancelled");
    assert_eq!(stop, Stop::Nodes);
    let all = ContentAliases::unlimited(&graph, 1, SharingLevel::All);
    let policy = (order, SharingPolicy::variants(SharingLevel::All)[0]);
    for contents in [&contents, &all] {
        let layout = AliasLayout::within(&limits, &graph, contents, &live, alignment, policy);
        let (layout, stop) = layout.expect("no constraint");
        assert_eq!((stop, layout.aliases.len(), layout.group_count), (Stop::Nodes, 0, 4004));
    }
    let layout = AliasLayout::within(&Limits::new(), &graph, &all, &live, alignment, policy);
    assert_eq!(layout.expect("no constraint").0.aliases.len(), 4000);
}
