//! Plans from earlier plans, and copies of graphs that are edited.

use std::time::{Duration, Instant};

use crate::support::data;
use crate::support::sharing::{Draw, drawn, simulate};
use crate::support::zoo::{import_int8, models, name};
use plimsoll::export::json::graph_to_json;
use plimsoll::import::{ImportOptions, csv_from_bytes};
use plimsoll::verify::verify;
use plimsoll::{
    Buffer, Effort, Error, Graph, InputContents, Keep, Limits, Occupant, Operator, Plan, Planner,
    PreviousPlan, Problem, SharingLevel, TensorId, TensorKind, TensorSpec,
};

#[test]
fn a_copy_without_changes_is_the_same_graph() {
    for seed in 0..200 {
        let graph = drawn(seed, 1 + seed % 9, 20);
        assert_eq!(graph_to_json(&graph.edit().build().unwrap()), graph_to_json(&graph), "seed {seed}");
    }
    let mut net = Graph::builder("folded");
    let (w, k, y) = (
        net.constant("w", TensorSpec::bytes(4)),
        net.tensor("k", TensorSpec::bytes(4)),
        net.tensor("y", TensorSpec::bytes(4)),
    );
    net.operator("cast").reads([w]).writes([k]).foldable();
    net.operator("conv").reads([k]).writes([y]);
    net.output(y);
    let mut graph = net.build().unwrap();
    assert_eq!(graph.fold_constants(), 1);
    let copy = graph.edit().build().unwrap();
    assert!(copy.operators()[0].is_folded() && copy.tensor(k).kind() == TensorKind::Constant);
    assert_eq!(graph_to_json(&copy), graph_to_json(&graph));
}

/// A random change of a graph: a size, an operator removed or added, permissions, or the contents of inputs.
fn edited(graph: &Graph, draw: &mut Draw) -> Graph {
    let mut copy = graph.edit();
    let pick = |draw: &mut Draw, count: usize| draw.below(count as u64) as usize;
    let runs = |operator: &Operator| !operator.is_folded() && operator.bodies().is_empty();
    let with_ids: Vec<_> = graph.iter_operators().filter(|(_, operator)| runs(operator)).collect();
    let (id, operator) = with_ids[pick(draw, with_ids.len())];
    let is_plain = |tensor: &TensorId| graph.tensor(*tensor).kind() == TensorKind::Intermediate;
    match (draw.below(5), operator.inputs(), operator.outputs()) {
        (0, &[input, ..], &[output])
            if is_plain(&output)
                && !graph.tensor(output).is_output()
                && graph.tensor(input).kind() != TensorKind::Constant
                && graph.tensor(input).kind() != TensorKind::Variable =>
        {
            for &reader in graph.tensor(output).readers() {
                copy.operator_mut(reader).unwrap().forbid_sharing();
            }
            copy.replace_reads(output, input).remove_operator(id);
        }
        (1, &[input, ..], _) => {
            let added =
                copy.tensor("added", TensorSpec::bytes(1 + draw.below(graph.tensor(input).bytes() + 64)));
            copy.operator("adder").reads([input]).writes([added]).scratch(draw.below(64));
            copy.output(added);
        }
        (2, ..) => _ = copy.operator_mut(id).unwrap().forbid_sharing(),
        (3, ..) => {
            for (input, tensor) in graph.iter_tensors() {
                if tensor.kind() == TensorKind::Input {
                    copy.input_contents(input, InputContents::NAMED[draw.below(3) as usize].1);
                }
            }
        }
        (_, _, outputs) => {
            let Some(&output) = outputs.iter().find(|output| is_plain(output)) else { return graph.clone() };
            for &reader in graph.tensor(output).readers().iter().chain([&id]) {
                copy.operator_mut(reader).unwrap().forbid_sharing();
            }
            let bytes = graph.tensor(output).bytes();
            copy.set_spec(output, TensorSpec::bytes(bytes - bytes / 4 + draw.below(bytes / 2 + 1)));
        }
    }
    // Changed shapes may leave access maps behind; such edits are not made by a compiler.
    copy.build().unwrap_or_else(|_| graph.clone())
}

/// Names and offsets of the unchanged tensors of a plan for which the other plan has another offset.
fn moved(graph: &Graph, previous: &PreviousPlan, plan: &Plan) -> usize {
    let is_moved = |id: &TensorId| {
        let (old, new) = (previous.offset(Occupant::Tensor(*id)), plan.offset(*id));
        graph.tensor(*id).bytes() > 0 && old.is_some() && new.is_some() && old != new
    };
    graph.tensor_ids().filter(is_moved).count()
}

#[test]
fn hints_never_cost_bytes_and_demands_are_met() {
    let (mut kept, mut refused, mut equal) = (0, 0, 0);
    for seed in 0..200 {
        let draw = &mut Draw(seed ^ 0xed17);
        let graph = drawn(seed, 3 + seed % 8, 64);
        let level = [SharingLevel::None, SharingLevel::All][(seed % 2) as usize];
        let planner =
            Planner::new().alignment(1 << draw.below(4)).share(level).limits(Limits::new().nodes(20_000));
        let plan = planner.plan(&graph).unwrap();
        let changed = edited(&graph, draw);
        let previous = PreviousPlan::new(&graph, &plan, &changed);
        changed.check_order(previous.order()).unwrap();
        let hinted = planner.replan(&changed, &previous, Keep::Hint).unwrap();
        verify(&changed, &hinted).unwrap();
        simulate(&changed, &hinted).unwrap();
        assert_eq!(planner.replan(&changed, &previous, Keep::Hint).unwrap(), hinted, "seed {seed}");
        let fresh = planner.plan(&changed).unwrap();
        equal += usize::from(hinted.arena_bytes <= fresh.arena_bytes);
        if hinted.arena_bytes > fresh.arena_bytes {
            println!(
                "seed {seed}: {} > {}, bounds {} {}, nodes {} {}, {} {} {:?} {}",
                hinted.arena_bytes,
                fresh.arena_bytes,
                hinted.bound(),
                fresh.bound(),
                hinted.nodes,
                fresh.nodes,
                hinted.status,
                fresh.status,
                level,
                changed.operators().len()
            );
        }
        match planner.replan(&changed, &previous, Keep::Demand) {
            Ok(demanded) => {
                verify(&changed, &demanded).unwrap();
                simulate(&changed, &demanded).unwrap();
                assert_eq!(moved(&changed, &previous, &demanded), 0, "seed {seed}");
                assert!(demanded.bound() <= fresh.arena_bytes, "seed {seed}");
                kept += 1;
            }
            Err(Error::NotKept { .. }) => refused += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    println!("{kept} kept, {refused} refused; {equal} of 200 hinted plans are no larger than fresh ones");
    assert!(kept > 120 && refused > 2 && equal >= 198, "{kept} {refused} {equal}");
}

#[test]
fn the_first_tensor_that_cannot_keep_its_offset_is_named() {
    let mut net = Graph::builder("net");
    let [x, a, b, y] = ["x", "a", "b", "y"].map(|name| {
        if name == "x" {
            net.input(name, TensorSpec::bytes(16))
        } else {
            net.tensor(name, TensorSpec::bytes(16))
        }
    });
    net.operator("first").reads([x]).writes([a]);
    net.operator("second").reads([a]).writes([b]);
    net.operator("third").reads([b]).writes([y]);
    net.output(y);
    let graph = net.build().unwrap();
    let planner = Planner::new();
    let plan = planner.plan(&graph).unwrap();
    assert_eq!(plan.arena_bytes, 32);
    // `x` and `b` have the same bytes, but now both are live at the last operator.
    let mut copy = graph.edit();
    let third = graph.tensor(y).producer().unwrap();
    copy.operator_mut(third).unwrap().reads([x]);
    let changed = copy.build().unwrap();
    let previous = PreviousPlan::new(&graph, &plan, &changed);
    match planner.replan(&changed, &previous, Keep::Demand) {
        Err(Error::NotKept { tensor, offset, .. }) => {
            assert_eq!((tensor.id, Some(offset)), (b, plan.offset(b)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(planner.replan(&changed, &previous, Keep::Hint).unwrap().arena_bytes, 48);
}

/// A graph that has no plan at all gets its own error, not that of a tensor that cannot keep its offset.
#[test]
fn a_graph_without_a_plan_gets_its_own_error() {
    let mut net = Graph::builder("net");
    let (x, y) = (net.input("x", TensorSpec::bytes(16)), net.tensor("y", TensorSpec::bytes(16)));
    net.operator("conv").reads([x]).writes([y]);
    net.output(y);
    let graph = net.build().unwrap();
    let planner = Planner::new().alignment(4);
    let plan = planner.plan(&graph).unwrap();
    let mut copy = graph.edit();
    copy.set_spec(y, TensorSpec::bytes(16).at(6));
    let changed = copy.build().unwrap();
    let previous = PreviousPlan::new(&graph, &plan, &changed);
    let error = planner.replan(&changed, &previous, Keep::Demand).unwrap_err();
    assert!(matches!(error, Error::FixedMisaligned { .. }), "{error}");
    // Without the wrong offset, the planner's alignment is what an old offset contradicts.
    let coarse = Planner::new().alignment(64);
    let previous = PreviousPlan::new(&graph, &plan, &graph);
    match coarse.replan(&graph, &previous, Keep::Demand) {
        Err(Error::NotKept { tensor, offset, .. }) => assert_eq!((tensor.id, offset), (y, 16)),
        other => panic!("{other:?}"),
    }
}

/// The earlier order may be impossible for the kept tensors, while program order is possible.
#[test]
fn demands_are_met_in_program_order_too() {
    let mut net = Graph::builder("net");
    let x = net.input("x", TensorSpec::bytes(8));
    let [a, b] = ["a", "b"].map(|name| net.tensor(name, TensorSpec::bytes(8)));
    net.operator("first").reads([x]).writes([a]);
    net.operator("second").reads([x]).writes([b]);
    let graph = net.build().unwrap();
    let planner = Planner::new();
    let [first, second] = [a, b].map(|id| graph.tensor(id).producer().unwrap());
    let plan = planner.plan_in_order(&graph, &[second, first]).unwrap();
    assert_eq!(plan.offset(a), plan.offset(b));
    // `b` becomes an output, which is in the way of `a` if it is written first.
    let mut copy = graph.edit();
    copy.output(b);
    let changed = copy.build().unwrap();
    let previous = PreviousPlan::new(&graph, &plan, &changed);
    let again = planner.replan(&changed, &previous, Keep::Demand).unwrap();
    assert_eq!(
        (again.order, again.tensors),
        (vec![first, second], planner.plan_in_order(&changed, &[first, second]).unwrap().tensors)
    );
}

#[test]
fn problems_start_from_hints() {
    let buffers = vec![Buffer::new(8, 0..2), Buffer::new(8, 1..3), Buffer::new(8, 2..4)];
    let problem = Problem::new(buffers).unwrap();
    assert_eq!(Planner::new().solve(&problem).unwrap().offsets, [0, 8, 0]);
    let hinted = problem.clone().with_hints([Some(8), Some(0), Some(8)]);
    let solution = Planner::new().solve(&hinted).unwrap();
    assert_eq!((solution.offsets, solution.height), (vec![8, 0, 8], 16));
    // Hints that cost bytes are not kept.
    let far = problem.with_hints([Some(64), None, Some(u64::MAX)]);
    assert_eq!(Planner::new().solve(&far).unwrap().height, 16);
    let text = b"id,lower,upper,size,hint\na,0,2,8,8\nb,1,3,8,\nc,2,4,8,8\n";
    let read = csv_from_bytes("", text, &ImportOptions::default()).unwrap();
    assert_eq!(Planner::new().solve(&read).unwrap().offsets, [8, 0, 8]);
}

/// Random edits of networks: offsets as demanded, and the CPU time and the arena beside plans from nothing.
#[test]
fn edits_of_networks_are_planned_again() {
    let Some(zoo) = data::folder("zoo") else { return };
    let files: Vec<_> = models(&zoo).into_iter().filter(|path| !name(path).contains("large")).collect();
    let step = (files.len() / 10).max(1);
    let (mut hinted_time, mut fresh_time) = (Duration::ZERO, Duration::ZERO);
    let (mut ratio, mut edits, mut larger, mut kept, mut refused, mut moves) = (0.0, 0, 0, 0, 0, [0, 0]);
    for (number, path) in files.iter().step_by(step).take(10).enumerate() {
        let graph = import_int8(path);
        let planner = Planner::new().share(SharingLevel::InPlace).effort(Effort::Quick);
        let plan = planner.plan(&graph).unwrap();
        for edit in 0..10 {
            let draw = &mut Draw(number as u64 * 100 + edit);
            let changed = edited(&graph, draw);
            let start = Instant::now();
            let fresh = planner.plan(&changed).unwrap();
            fresh_time += start.elapsed();
            let start = Instant::now();
            let previous = PreviousPlan::new(&graph, &plan, &changed);
            let hinted = planner.replan(&changed, &previous, Keep::Hint).unwrap();
            hinted_time += start.elapsed();
            ratio += (hinted.arena_bytes as f64 / fresh.arena_bytes.max(1) as f64).ln();
            larger += usize::from(hinted.arena_bytes > fresh.arena_bytes);
            moves[0] += moved(&changed, &previous, &hinted);
            moves[1] += moved(&changed, &previous, &fresh);
            edits += 1;
            match planner.replan(&changed, &previous, Keep::Demand) {
                Ok(demanded) => {
                    assert_eq!(moved(&changed, &previous, &demanded), 0, "{}: edit {edit}", name(path));
                    kept += 1;
                }
                Err(Error::NotKept { .. }) => refused += 1,
                Err(error) => panic!("{}: edit {edit}: {error}", name(path)),
            }
        }
    }
    if edits > 0 {
        println!(
            "{edits} edits: hinted {hinted_time:?}, from nothing {fresh_time:?}; arena {:.4} of it, {larger} larger; \
             {} tensors moved, {} from nothing; demands: {kept} kept, {refused} refused",
            (ratio / edits as f64).exp(),
            moves[0],
            moves[1]
        );
        assert!(larger * 20 <= edits && moves[0] < moves[1] && kept > refused);
    }
}
