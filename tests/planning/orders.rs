//! Operator orders: comparison with brute force over all orders, on real and generated networks.

use crate::support::zoo::{BASELINE_IS_WRONG, baselines, import_int8, models, name};
use crate::support::{data, networks, random};
use plimsoll::{
    CancelToken, Error, Graph, Limits, Liveness, OperatorId, Planner, ScheduleMode, SharingLevel, Status,
    Stop, TensorKind, TensorSpec, Variables,
};
use proptest::prelude::*;

/// The smallest alignment of a buffer with bytes.
fn unit(graph: &Graph, alignment: u64) -> u64 {
    let liveness = Liveness::new(graph, graph.program_order(), alignment, Variables::Arena).unwrap();
    let filled = liveness.problem().buffers().iter().filter(|buffer| buffer.size() > 0);
    filled.map(plimsoll::Buffer::alignment).min().unwrap_or(1)
}

/// The peak of an order, computed from live ranges.
fn peak_of(graph: &Graph, order: &[OperatorId], alignment: u64) -> u64 {
    let unit = unit(graph, alignment);
    let liveness = Liveness::new(graph, order, alignment, Variables::Arena).unwrap();
    let at = |step: u32| {
        let live = liveness.live_at(step).map(|(id, _)| liveness.problem().buffer(id).size());
        live.fold((0, 0), |(sum, max_padding), size| {
            let rounded = size.next_multiple_of(unit);
            (sum + rounded, (rounded - size).max(max_padding))
        })
    };
    (0..liveness.steps().max(1)).map(at).map(|(sum, max_padding)| sum - max_padding).max().unwrap()
}

/// The minimum peak over all orders, by dynamic programming over executed sets: for each set, the
/// minimum peak of an order that leads to it. Live tensors are computed from scratch at each step.
fn least_peak(graph: &Graph, alignment: u64) -> u64 {
    let unit = unit(graph, alignment);
    let order = graph.program_order();
    let bit =
        |id: OperatorId| order.iter().position(|&other| other == id).map(|position| 1_usize << position);
    let before: Vec<usize> = order
        .iter()
        .map(|&id| {
            graph
                .dependencies()
                .filter(|pair| pair.1 == id)
                .map(|pair| bit(pair.0).unwrap())
                .fold(0, |a, b| a | b)
        })
        .collect();
    // By tensor: its producer, and the set of its readers.
    let users: Vec<(usize, usize)> = graph
        .tensor_ids()
        .map(|tensor| {
            let producer = graph.tensor(tensor).producer().and_then(bit).unwrap_or(0);
            let reads = |id: &&OperatorId| graph.operator(**id).inputs().contains(&tensor);
            (producer, order.iter().filter(reads).map(|&id| bit(id).unwrap()).fold(0, |a, b| a | b))
        })
        .collect();
    let step = |done: usize, position: Option<usize>| {
        let now = position.map_or(0, |position| 1 << position);
        let (mut sum, mut max_padding) = (0, 0);
        let mut count = |bytes: u64| {
            let rounded = bytes.next_multiple_of(unit);
            (sum, max_padding) = (sum + rounded, max_padding.max(rounded - bytes));
        };
        for (tensor, &(producer, readers)) in graph.tensors().iter().zip(&users) {
            let wanted = readers & !done != 0 || tensor.is_output();
            let live = match tensor.kind() {
                TensorKind::Constant => false,
                TensorKind::Variable => true,
                TensorKind::Input => done == 0 || wanted,
                TensorKind::Intermediate => producer & now != 0 || (producer & done != 0 && wanted),
            };
            if live && (tensor.kind() != TensorKind::Intermediate || producer != 0) {
                count(tensor.bytes());
            }
        }
        if let Some(position) = position {
            count(graph.operator(order[position]).scratch_bytes());
        }
        sum - max_padding
    };
    let mut min_peaks = vec![u64::MAX; 1 << order.len()];
    min_peaks[0] = if order.is_empty() { step(0, None) } else { 0 };
    for done in 0..min_peaks.len() {
        for (position, &before) in before.iter().enumerate() {
            if min_peaks[done] < u64::MAX && done & (1 << position) == 0 && before & !done == 0 {
                let next = done | (1 << position);
                min_peaks[next] = min_peaks[next].min(min_peaks[done].max(step(done, Some(position))));
            }
        }
    }
    min_peaks[min_peaks.len() - 1]
}

/// Graphs whose inputs are all read, with few distinct sizes and many readers of one tensor: they
/// contain identical operators and operators that can be postponed.
fn crossing() -> impl Strategy<Value = Graph> {
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    let sizes = prop::collection::vec(prop::sample::select(vec![8_u64, 8, 8, 16, 24, 5, 0]), 1..3);
    let scratch = prop::sample::select(vec![0_u64, 0, 0, 8, 3]);
    let operator = (picks, sizes, scratch, prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    prop::collection::vec(operator, 2..=9).prop_map(|operators| {
        let mut net = Graph::builder("crossing");
        let mut tensors = vec![net.input("x", TensorSpec::bytes(16)), net.input("y", TensorSpec::bytes(8))];
        let mut last = None;
        for (k, (picks, sizes, scratch, waits, is_output)) in operators.iter().enumerate() {
            let mut inputs: Vec<_> = picks.iter().map(|pick| *pick.get(&tensors)).collect();
            if k < 2 {
                inputs.push(tensors[k]);
            }
            let name = |j: usize| format!("t{k}.{j}");
            let outputs: Vec<_> =
                (0..sizes.len()).map(|j| net.tensor(name(j), TensorSpec::bytes(sizes[j]))).collect();
            let mut operator =
                net.operator(format!("op{k}")).reads(inputs).writes(outputs.clone()).scratch(*scratch);
            if let (true, Some(last)) = (*waits, last) {
                operator = operator.after([last]);
            }
            last = Some(operator.id());
            if *is_output {
                net.output(outputs[0]);
            }
            tensors.extend(outputs);
        }
        net.build().unwrap()
    })
}

fn check(graph: &Graph, alignment: u64) {
    let planner = Planner::new().alignment(alignment).order(ScheduleMode::Optimal);
    let schedule = planner.schedule(graph).unwrap();
    graph.check_order(&schedule.order).unwrap();
    assert_eq!(schedule.peak, peak_of(graph, &schedule.order, alignment));
    assert_eq!(schedule.program_peak, peak_of(graph, graph.program_order(), alignment));
    assert_eq!(schedule.peak, least_peak(graph, alignment), "{:?}", schedule.order);
    assert_eq!(schedule.lower_bound, schedule.peak);
}

proptest! {
    #![proptest_config(random::cases(500))]

    #[test]
    fn no_order_has_a_lower_peak(graph in random::graph(9), alignment in prop::sample::select(vec![1, 4, 16])) {
        check(&graph, alignment);
    }

    #[test]
    fn nor_where_much_is_shared(graph in crossing(), alignment in prop::sample::select(vec![1, 4, 8])) {
        check(&graph, alignment);
    }
}

/// Trees in a wider network, with scratch buffers: each operator reads tensors without a reader so far.
fn forest() -> impl Strategy<Value = Graph> {
    let operator = (0..4_usize, 0..6_usize, 1..30_u64, prop::sample::select(vec![0_u64, 0, 5, 20]));
    prop::collection::vec(operator, 2..=9).prop_map(|operators| {
        let mut net = Graph::builder("forest");
        let x = net.input("x", TensorSpec::bytes(10));
        let mut open = Vec::new();
        for (k, &(reads, from, bytes, scratch)) in operators.iter().enumerate() {
            let from = from.min(open.len());
            let mut inputs: Vec<_> = open.split_off(from).into_iter().take(reads).collect();
            if from == 5 || k == 0 {
                inputs.push(x);
            }
            let output = net.tensor(format!("t{k}"), TensorSpec::bytes(bytes));
            net.operator(format!("op{k}")).reads(inputs).writes([output]).scratch(scratch);
            open.push(output);
        }
        net.build().unwrap()
    })
}

proptest! {
    #![proptest_config(random::cases(500))]

    #[test]
    fn nor_where_there_are_trees(graph in forest(), alignment in prop::sample::select(vec![1, 1, 4])) {
        check(&graph, alignment);
    }
}

proptest! {
    #![proptest_config(random::cases(100))]

    #[test]
    fn a_plan_is_never_worse_than_in_the_files_order(
        graph in random::graph(9),
        alignment in prop::sample::select(vec![1, 4, 16]),
    ) {
        let planner = Planner::new().alignment(alignment);
        let plan = planner.plan(&graph).unwrap();
        let file = planner.plan_in_order(&graph, graph.program_order()).unwrap();
        prop_assert!(plan.arena_bytes <= file.arena_bytes);
        prop_assert!(plan.bound() <= plan.arena_bytes && plan.bound() >= least_peak(&graph, alignment));
        prop_assert_eq!(&planner.plan(&graph).unwrap(), &plan);
    }
}

#[test]
fn the_zoo_gets_its_best_orders() {
    let Some(zoo) = data::folder("zoo") else { return };
    let baselines = baselines(&zoo);
    let planner = Planner::new().alignment(1).variables(Variables::Outside);
    let mut known = 0;
    for path in models(&zoo) {
        let name = name(&path);
        let graph = import_int8(&path);
        let schedule = planner.schedule(&graph).unwrap();
        assert!(schedule.is_optimal(), "{name}: {} of {}", schedule.lower_bound, schedule.peak);
        if !BASELINE_IS_WRONG.contains(&name.as_str()) {
            let best = baselines[&name]["order_best"];
            assert!(schedule.peak <= best, "{name}: {} above {best}", schedule.peak);
            if baselines[&name]["order_proven"] == 1 {
                assert_eq!(schedule.peak, best, "{name}");
                known += 1;
            }
        }
        // The planner verifies the plan in this order.
        let plan = planner.plan(&graph).unwrap();
        assert_eq!((plan.arena_bytes, plan.status), (schedule.peak, Status::Optimal), "{name}");
    }
    assert_eq!(known, 113);
}

#[test]
fn generated_networks_are_proven() {
    let mut graphs: Vec<Graph> = networks::CELLS.into_iter().map(|kind| networks::cells(kind, 1)).collect();
    graphs.extend([1, 2].map(|seed| networks::randomly_wired(seed == 1, seed)));
    graphs.extend([3, 40].map(networks::u_net));
    graphs.extend([networks::lstm(20), networks::ladder(50), networks::tree(64, 1), networks::training(40)]);
    for graph in graphs {
        let planner = Planner::new().alignment(1);
        let schedule = planner.schedule(&graph).unwrap();
        graph.check_order(&schedule.order).unwrap();
        assert!(schedule.is_optimal(), "{}: {schedule:?}", graph.name());
        assert_eq!(planner.schedule(&graph).unwrap(), schedule);
    }
}

#[test]
fn a_hundred_thousand_operators_are_no_trouble() {
    let graph = networks::training(16_600);
    let schedule = Planner::new().alignment(1).schedule(&graph).unwrap();
    assert!(schedule.order.len() > 99_000 && schedule.peak <= schedule.program_peak);
    assert!(schedule.lower_bound > schedule.peak / 2, "{} of {}", schedule.lower_bound, schedule.peak);
    graph.check_order(&schedule.order).unwrap();
}

#[test]
fn limits_end_the_search_with_what_is_known() {
    let graph = networks::randomly_wired(true, 3);
    let planner = |limits: Limits| Planner::new().alignment(1).order(ScheduleMode::Optimal).limits(limits);
    let file = planner(Limits::new()).order(ScheduleMode::Program).schedule(&graph).unwrap();
    assert_eq!((file.peak, file.nodes), (file.program_peak, 0));
    assert_eq!(file.order, graph.program_order());
    let best = planner(Limits::new()).schedule(&graph).unwrap();
    assert!(best.is_optimal() && best.stop == Stop::Finished);
    let few = planner(Limits::new().nodes(300)).schedule(&graph).unwrap();
    assert_eq!(few.stop, Stop::Nodes);
    assert!(few.nodes <= 300 && few.lower_bound <= best.peak && best.peak <= few.peak);
    let token = CancelToken::new();
    token.cancel();
    let cancelled = planner(Limits::new().cancel(token)).schedule(&graph);
    assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
}

/// Constants are not in the arena, so they may have any size that 64 bits can hold.
#[test]
fn constants_of_nearly_all_there_is_are_rounded_without_overflow() {
    for sharing in [SharingLevel::None, SharingLevel::All] {
        let mut net = Graph::builder("heavy");
        let input = net.input("x", TensorSpec::bytes(5));
        let weights = net.constant("weights", TensorSpec::bytes(u64::MAX - 3));
        let output = net.tensor("y", TensorSpec::bytes(7));
        net.operator("op").reads([input, weights]).writes([output]).in_place(input, output);
        net.output(output);
        let graph = net.build().unwrap();
        let plan = Planner::new().alignment(16).share(sharing).plan(&graph).unwrap();
        assert_eq!((plan.arena_bytes, plan.bound()), (21, 21));
    }
}
