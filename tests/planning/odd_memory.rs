//! Storages, contents of inputs and previous plans together with states, relative placements, fixed offsets,
//! reserved ranges, variables, alignments, tensors without bytes, and tensors that no operator reads or writes.

use crate::support::pools::{drawn_pools, run_on_bytes};
use crate::support::sharing::{Draw, drawn, drawn_wide, runs_in, simulate, with_memory};
use plimsoll::verify::{verify, verify_pools};
use plimsoll::{
    Error, Graph, InputContents, Keep, Limits, Occupant, Planner, PreviousPlan, ScheduleMode, SharingLevel,
    Status, Storage, TensorId, TensorKind, TensorSpec, Variables,
};

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A tensor of the graph.
fn any(graph: &Graph, draw: &mut Draw) -> TensorId {
    TensorId::new(draw.below(graph.tensors().len() as u64) as usize)
}

/// A random graph with rare tensors and constraints; `None` if these contradict each other.
fn drawn_odd(seed: u64, operators: u64, most: u64) -> Option<Graph> {
    let draw = &mut Draw(seed ^ 0x0dd);
    let base = if seed.is_multiple_of(2) {
        drawn(seed, operators, most)
    } else {
        drawn_wide(seed, operators, (most, SharingLevel::All), seed.is_multiple_of(3))
    };
    let mut net = base.edit();
    let ids: Vec<TensorId> = base.tensor_ids().collect();
    let pick = |draw: &mut Draw| ids[draw.below(ids.len() as u64) as usize];
    for number in 0..draw.below(3) {
        let bytes = draw.below(most + 1);
        let spec = TensorSpec::bytes(bytes);
        let name = format!("odd{number}");
        match draw.below(6) {
            0 => _ = net.tensor(name, spec),
            1 => _ = net.input(name, spec),
            2 => {
                let id = net.input(name, spec);
                net.output(id);
            }
            3 => {
                let id = net.tensor(format!("{name} empty"), TensorSpec::bytes(0));
                let x = pick(draw);
                net.operator(name).reads([x]).writes([id]).view(x, id, 0);
                if draw.below(2) == 0 {
                    net.output(id);
                }
            }
            4 => {
                let id = net.variable(format!("{name} state"), spec);
                let y = net.tensor(format!("{name} read"), TensorSpec::bytes(bytes));
                net.operator(name.as_str()).reads([id]).writes([y]).view(id, y, 0).in_place(id, y);
                if draw.below(2) == 0 {
                    let x = pick(draw);
                    net.operator(format!("{name} write")).reads([x]).writes([id]);
                }
                net.output(y);
            }
            _ => {
                let id = net.constant(format!("{name} weights"), spec);
                let y = net.tensor(format!("{name} sum"), TensorSpec::bytes(bytes));
                net.operator(name.as_str()).reads([id]).writes([y]).view(id, y, 0).in_place(id, y);
            }
        }
    }
    if draw.below(4) == 0 {
        net.output(pick(draw));
    }
    let mut graph = net.build().ok()?;
    if draw.below(3) == 0 {
        let (input, output) = (any(&graph, draw), any(&graph, draw));
        let _ = graph.keep_state(input, output);
    }
    Some(graph)
}

/// A planner with random settings.
fn drawn_planner(draw: &mut Draw, most: u64) -> Planner {
    let level = [SharingLevel::None, SharingLevel::Views, SharingLevel::All, SharingLevel::All];
    let variables = [Variables::Arena, Variables::Outside][draw.below(2) as usize];
    let mut planner = Planner::new()
        .alignment(1 << draw.below(3))
        .share(level[draw.below(4) as usize])
        .variables(variables)
        .limits(Limits::new().nodes(3000));
    if draw.below(4) == 0 {
        let start = draw.below(2 * most);
        planner = planner.reserve(start..start + 1 + draw.below(most));
    }
    if draw.below(4) == 0 {
        planner = planner.order(ScheduleMode::Program);
    }
    planner
}

#[test]
fn odd_graphs_have_right_plans() {
    let (mut plans, mut proven, mut refused, mut inputs) = (0, 0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 60) {
        let draw = &mut Draw(seed ^ 0x0dd1);
        let Some(base) = drawn_odd(seed, 1 + seed % 5, 4) else { continue };
        let has_relative = !base.relative_placements().is_empty();
        let graph = if has_relative { with_contents(&base, draw) } else { with_memory(&base, draw, 6) };
        let mut planner = drawn_planner(draw, 8);
        let plan = match planner.plan(&graph) {
            Ok(plan) => plan,
            Err(Error::Constraint { .. } | Error::Cycle { .. }) if has_relative => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        verify(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        plans += 1;
        inputs += graph.tensors().iter().filter(|tensor| tensor.is_preserved()).count();
        planner = Planner::new().alignment(1).share(SharingLevel::All).order(ScheduleMode::Optimal);
        // Brute force supports no variables, and is slow for many tensors.
        let has_variable = graph.tensors().iter().any(|tensor| tensor.kind() == TensorKind::Variable);
        if has_variable || graph.operators().len() > 4 || graph.tensors().len() > 7 {
            continue;
        }
        let plan = match planner.plan(&graph) {
            Ok(plan) => plan,
            Err(Error::Constraint { .. } | Error::Cycle { .. }) if has_relative => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let bound = plan.bound();
        assert!(bound == 0 || !runs_in(&graph, bound - 1), "seed {seed}: the bound is {bound}");
        proven += u64::from(plan.status == Status::Optimal);
    }
    println!("{plans} plans, {proven} proven, {refused} refused, {inputs} preserved inputs");
    assert!(plans > 40 && proven > 25 && inputs > 20);
}

fn with_contents(graph: &Graph, draw: &mut Draw) -> Graph {
    let mut changed = graph.clone();
    for id in graph.tensor_ids() {
        let contents = InputContents::NAMED[draw.below(3) as usize].1;
        let _ = changed.set_input_contents(id, contents);
    }
    changed
}

/// Random pools, with some tensors in requested ones.
#[test]
fn odd_graphs_have_right_plans_for_pools() {
    let (mut placed, mut pinned, mut refused) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 60) {
        let draw = &mut Draw(seed ^ 0x0dd2);
        let Some(base) = drawn_odd(seed, 1 + seed % 7, 16) else { continue };
        let bytes = base.tensors().iter().map(plimsoll::Tensor::bytes).sum::<u64>();
        let pools = drawn_pools(draw, 2 * bytes);
        let graph = if base.relative_placements().is_empty() {
            with_memory(&base, draw, 6)
        } else {
            with_contents(&base, draw)
        };
        let mut net = graph.edit();
        for (id, tensor) in graph.iter_tensors() {
            if draw.below(5) == 0
                && *tensor.storage() == Storage::Arena
                && tensor.kind() != TensorKind::Constant
            {
                let pool = &pools.list()[draw.below(pools.list().len() as u64) as usize];
                net.storage(id, Storage::Pool(pool.name().into()));
            }
        }
        let Ok(graph) = net.build() else { continue };
        let planner = drawn_planner(draw, 16);
        match planner.place(&graph, &pools) {
            Ok(plan) => {
                verify_pools(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                run_on_bytes(&graph, &plan, seed).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                for (id, tensor) in graph.iter_tensors() {
                    for residency in plan.residencies_of(Occupant::Tensor(id)) {
                        if let Storage::Pool(name) = tensor.storage() {
                            assert_eq!(pools.pool(residency.pool).name(), &**name, "seed {seed}");
                            pinned += 1;
                        }
                    }
                }
                placed += 1;
            }
            Err(Error::Constraint { .. } | Error::Cycle { .. }) if !base.relative_placements().is_empty() => {
            }
            Err(Error::DoesNotFit(_) | Error::Pools(_) | Error::Storage { .. }) => refused += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    println!("{placed} placed, {pinned} places in requested pools, {refused} refused");
    assert!(placed > 25 && pinned > 15 && refused > 2, "{placed} {pinned} {refused}");
}

#[test]
fn odd_graphs_are_planned_again() {
    let (mut hinted, mut kept, mut refused) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 80) {
        let draw = &mut Draw(seed ^ 0x0dd3);
        let Some(base) = drawn_odd(seed, 1 + seed % 6, 12) else { continue };
        let graph = if base.relative_placements().is_empty() {
            with_memory(&base, draw, 6)
        } else {
            with_contents(&base, draw)
        };
        let planner = drawn_planner(draw, 16);
        let Ok(plan) = planner.plan(&graph) else { continue };
        // Another version: sizes, kinds, alignments, contents, operators, settings.
        let mut net = graph.edit();
        for _ in 0..draw.below(3) {
            let id = any(&graph, draw);
            let bytes = graph.tensor(id).bytes();
            match draw.below(8) {
                0 => _ = net.set_bytes(id, draw.below(14)),
                1 => _ = net.set_spec(id, TensorSpec::bytes(bytes).align(1 << draw.below(5))),
                2 => _ = net.set_spec(id, TensorSpec::bytes(bytes).at(draw.below(30))),
                3 => _ = net.set_kind(id, TensorKind::Variable),
                4 => _ = net.output(id),
                5 => _ = net.input_contents(id, InputContents::NAMED[draw.below(3) as usize].1),
                6 => _ = net.set_spec(id, TensorSpec::bytes(bytes).outside()),
                _ => {
                    let y = net.tensor("t0", TensorSpec::bytes(bytes));
                    net.operator("op0").reads([id]).writes([y]).in_place(id, y).view(id, y, 0);
                    net.output(y);
                }
            }
        }
        let Ok(changed) = net.build() else { continue };
        let planner = if draw.below(3) == 0 { drawn_planner(draw, 16) } else { planner };
        let previous = PreviousPlan::new(&graph, &plan, &changed);
        changed.check_order(previous.order()).unwrap();
        let fresh = planner.plan(&changed);
        match (planner.replan(&changed, &previous, Keep::Hint), &fresh) {
            (Ok(plan), _) => {
                simulate(&changed, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                verify(&changed, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                if let Ok(fresh) = &fresh {
                    assert!(
                        plan.bound() <= fresh.arena_bytes && fresh.bound() <= plan.arena_bytes,
                        "seed {seed}"
                    );
                }
                hinted += 1;
            }
            (Err(error), Ok(_)) => panic!("seed {seed}: hint: {error}"),
            (Err(_), Err(_)) => {}
        }
        match planner.replan(&changed, &previous, Keep::Demand) {
            Ok(plan) => {
                simulate(&changed, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                verify(&changed, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                for (id, tensor) in changed.iter_tensors() {
                    let old = previous.offset(Occupant::Tensor(id));
                    let new = plan.offset(id);
                    let free = tensor.bytes() == 0 || tensor.fixed_offset().is_some();
                    assert!(free || old.is_none() || new.is_none() || old == new, "seed {seed}: {id:?}");
                }
                if let Ok(fresh) = &fresh {
                    assert!(
                        plan.bound() <= fresh.arena_bytes && fresh.bound() <= plan.arena_bytes,
                        "seed {seed}"
                    );
                }
                kept += 1;
            }
            Err(Error::NotKept { reason, tensor, .. }) => {
                assert!(fresh.is_ok(), "seed {seed}: the graph has no plan, but {tensor} is named: {reason}");
                refused += 1;
            }
            Err(error) => match &fresh {
                Ok(_) => panic!("seed {seed}: demand: {error}"),
                // A graph that has no plan gets its own error.
                Err(fresh) => assert!(!matches!(fresh, Error::NotKept { .. }), "seed {seed}: {fresh}"),
            },
        }
    }
    println!("{hinted} hinted, {kept} kept, {refused} refused");
    assert!(hinted > 40 && kept > 20 && refused > 5, "{hinted} {kept} {refused}");
}
