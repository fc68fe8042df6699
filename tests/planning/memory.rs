//! Memory that is not the planner's: tensors outside of the arena and in named pools, and inputs that are
//! preserved, against brute force and simulation on bytes.

use crate::support::pools::{drawn_pools, run_on_bytes};
use crate::support::sharing::{Draw, drawn, drawn_wide, runs_in, simulate, with_memory};
use plimsoll::verify::{verify, verify_pools};
use plimsoll::{
    Error, Graph, InputContents, Limits, Occupant, Planner, ScheduleMode, SharingLevel, Status, Storage,
    TensorId, TensorKind, TensorSpec,
};

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// The arena is minimal for every choice of storages and contents, and no bound is above the optimum.
#[test]
fn brute_force_finds_nothing_better_around_other_memory() {
    let (mut proven, mut total, mut outside) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 80) {
        let draw = &mut Draw(seed ^ 0xa11);
        let unchanged = if seed % 2 == 0 {
            drawn(seed, 1 + seed % 6, 4)
        } else {
            drawn_wide(seed, 1 + seed % 4, (4, SharingLevel::All), false)
        };
        let graph = with_memory(&unchanged, draw, 4);
        for level in [SharingLevel::None, SharingLevel::All] {
            let planner = Planner::new().alignment(1).share(level).order(ScheduleMode::Optimal);
            let plan = planner.plan(&graph).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
            verify(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
            // Brute force always shares at the level `All`.
            if level == SharingLevel::All {
                let bound = plan.bound();
                assert!(bound == 0 || !runs_in(&graph, bound - 1), "seed {seed}: the bound is {bound}");
                total += 1;
                proven += u64::from(plan.status == Status::Optimal);
            }
            outside += graph.tensor_ids().filter(|&id| plan.offset(id).is_none()).count();
        }
    }
    println!("{total} graphs, {proven} proven, {outside} tensors outside");
    assert!(proven * 100 >= total * 90 && outside as u64 > total, "{proven} of {total} proven");
}

/// Plans of a graph with other permissions: the verifier accepts what the simulation on bytes accepts,
/// and nothing else.
#[test]
fn plans_for_other_permissions_are_refused() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 300) {
        let draw = &mut Draw(seed ^ 0xbee);
        let graph = drawn(seed, 1 + seed % 6, 4);
        let planner = Planner::new().alignment(1).share(SharingLevel::All).limits(Limits::new().nodes(100));
        let plan = planner.plan(&graph).expect("a plan");
        let mut changed = graph.clone();
        for id in graph.tensor_ids() {
            let contents = InputContents::NAMED[draw.below(3) as usize].1;
            changed.set_input_contents(id, contents).expect("no placements");
        }
        // Live ranges are part of a plan, so only those of preserved inputs change.
        let mut plan = plan;
        let steps = (plan.order.len() as u32).max(1);
        for id in changed.tensor_ids().filter(|&id| changed.tensor(id).is_preserved()) {
            plan.tensors[id.index()].as_mut().expect("in the arena").live.end = steps;
        }
        for id in changed.tensor_ids().filter(|&id| graph.tensor(id).is_preserved()) {
            assert!(!changed.tensor(id).is_output());
        }
        let is_right = simulate(&changed, &plan).is_ok();
        match verify(&changed, &plan) {
            Ok(()) => {
                assert!(is_right, "seed {seed}: accepted");
                accepted += 1;
            }
            Err(violations) => {
                let about_bytes = violations.list().iter().any(|one| !one.rule().id().starts_with('B'));
                assert!(!is_right || !about_bytes, "seed {seed}: {violations}");
                refused += u64::from(!is_right);
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 50 && refused > 20, "{accepted} accepted, {refused} refused");
}

/// A tensor outside that has a place, one in the arena without, and one in a pool: all are refused.
#[test]
fn a_place_outside_is_refused() {
    let mut net = Graph::builder("net");
    let x = net.input("x", TensorSpec::bytes(8));
    let y = net.tensor("y", TensorSpec::bytes(8));
    net.operator("copy").reads([x]).writes([y]).in_place(x, y);
    net.output(y);
    let graph = net.build().unwrap();
    let plan = Planner::new().plan(&graph).unwrap();
    let mut outside = graph.clone();
    outside.set_storage(x, Storage::Outside).unwrap();
    let text = verify(&outside, &plan).unwrap_err().to_string();
    assert!(text.contains("P2") && text.contains("buffer of the caller"), "{text}");
    let without = Planner::new().plan(&outside).unwrap();
    let text = verify(&graph, &without).unwrap_err().to_string();
    assert!(text.contains("P1"), "{text}");
    let mut pinned = graph.clone();
    pinned.set_storage(x, Storage::Pool("sram".into())).unwrap();
    let text = verify(&pinned, &plan).unwrap_err().to_string();
    assert!(text.contains("P1") && text.contains("pool `sram`"), "{text}");
    let error = Planner::new().plan(&pinned).unwrap_err().to_string();
    assert!(error.contains("must be in pool `sram`, but a plan of one arena has no pools"), "{error}");
}

#[test]
fn storages_that_contradict_a_place_are_refused() {
    let build = |change: &dyn Fn(&mut plimsoll::GraphBuilder, TensorId, TensorId)| {
        let mut net = Graph::builder("net");
        let x = net.input("x", TensorSpec::bytes(8).outside());
        let y = net.tensor("y", TensorSpec::bytes(8));
        net.operator("copy").reads([x]).writes([y]).view(x, y, 0);
        net.output(y);
        change(&mut net, x, y);
        net.build()
    };
    let error = build(&|net, x, y| _ = net.place_at(y, x, 0)).unwrap_err();
    assert!(matches!(error, Error::Storage { .. }), "{error}");
    assert!(error.to_string().contains("only within one memory"), "{error}");
    let mut graph = build(&|_, _, _| {}).unwrap();
    let (x, y) = (TensorId::new(0), TensorId::new(1));
    assert!(graph.keep_state(x, y).is_err());
    graph.set_storage(x, Storage::Arena).unwrap();
    graph.keep_state(x, y).unwrap();
    assert!(matches!(graph.set_storage(x, Storage::Outside), Err(Error::Storage { .. })));
    assert_eq!(*graph.tensor(x).storage(), Storage::Arena);
    graph.set_input_contents(x, InputContents::Preserved).unwrap();
    assert!(graph.keep_state(x, y).unwrap_err().to_string().contains("preserved"));
    let mut net = Graph::builder("net");
    net.input("x", TensorSpec::bytes(8).outside().at(64));
    let error = net.build().unwrap_err().to_string();
    assert!(error.contains("has the fixed offset 64"), "{error}");
    let mut body = Graph::builder("body");
    body.input("x", TensorSpec::bytes(8).outside());
    let body = body.build().unwrap();
    let mut net = Graph::builder("net");
    net.operator("if").runs([body]);
    assert!(matches!(net.build(), Err(Error::Body { .. })));
}

/// Plans for several memories with random storages and contents: right on bytes, or refused for a reason.
#[test]
fn pools_hold_tensors_as_requested() {
    let (mut placed, mut refused, mut pinned) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 300) {
        let draw = &mut Draw(seed ^ 0x9001);
        let unchanged = drawn(seed, 1 + seed % 8, 16);
        let bytes = unchanged.tensors().iter().map(plimsoll::Tensor::bytes).sum::<u64>();
        let pools = drawn_pools(draw, bytes);
        let mut graph = with_memory(&unchanged, draw, 5);
        for id in graph.tensor_ids().collect::<Vec<_>>() {
            if draw.below(4) == 0 {
                let pool = &pools.list()[draw.below(pools.list().len() as u64) as usize];
                graph.set_storage(id, Storage::Pool(pool.name().into())).expect("no placements");
            }
        }
        let level = [SharingLevel::None, SharingLevel::All][draw.below(2) as usize];
        let planner =
            Planner::new().alignment(1 << draw.below(3)).share(level).limits(Limits::new().nodes(2000));
        match planner.place(&graph, &pools) {
            Ok(plan) => {
                verify_pools(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                run_on_bytes(&graph, &plan, seed).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                for (id, tensor) in graph.iter_tensors() {
                    let residencies = plan.residencies_of(Occupant::Tensor(id));
                    match tensor.storage() {
                        Storage::Outside => assert_eq!(residencies.count(), 0),
                        Storage::Pool(name) => {
                            for residency in residencies {
                                assert_eq!(pools.pool(residency.pool).name(), &**name);
                                pinned += 1;
                            }
                        }
                        _ => {}
                    }
                }
                placed += 1;
            }
            Err(Error::DoesNotFit(_) | Error::Pools(_)) => refused += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    println!("{placed} placed, {refused} refused, {pinned} places in requested pools");
    assert!(placed > 100 && refused > 20 && pinned > 100, "{placed} {refused} {pinned}");
}

#[test]
fn unknown_pools_and_pools_that_are_too_small_are_named() {
    use plimsoll::{Pool, Pools};
    let mut net = Graph::builder("net");
    let x = net.input("x", TensorSpec::bytes(64).in_pool("tcm"));
    let y = net.tensor("y", TensorSpec::bytes(64));
    net.operator("copy").reads([x]).writes([y]);
    net.output(y);
    let graph = net.build().unwrap();
    let pools = Pools::new([Pool::on_chip("sram", 32), Pool::off_chip("ddr")]).unwrap();
    let error = Planner::new().place(&graph, &pools).unwrap_err().to_string();
    assert!(error.contains("`x` must be in pool `tcm`") && error.contains("sram"), "{error}");
    let pools = Pools::new([Pool::on_chip("tcm", 32), Pool::off_chip("ddr")]).unwrap();
    let error = Planner::new().place(&graph, &pools).unwrap_err().to_string();
    assert!(error.contains("`x`") && error.contains("cannot take it"), "{error}");
    let pools = Pools::new([Pool::on_chip("tcm", 64), Pool::off_chip("ddr")]).unwrap();
    let plan = Planner::new().place(&graph, &pools).unwrap();
    let place = plan.residencies_of(Occupant::Tensor(x)).next().unwrap();
    assert_eq!((place.pool.index(), plan.cost), (0, 64)); // only `y` is written to DDR
}

#[test]
fn every_kind_of_tensor_can_be_outside() {
    let mut net = Graph::builder("net");
    let [input, weights, state, middle, result] = [
        ("x", TensorKind::Input),
        ("w", TensorKind::Constant),
        ("v", TensorKind::Variable),
        ("t", TensorKind::Intermediate),
        ("y", TensorKind::Intermediate),
    ]
    .map(|(name, kind)| net.add_tensor(name, kind, TensorSpec::bytes(32).outside()));
    let own = net.tensor("own", TensorSpec::bytes(16));
    net.operator("first").reads([input, weights, state]).writes([middle]);
    net.operator("second").reads([middle]).writes([result, state, own]);
    net.output(result).output(own);
    let graph = net.build().unwrap();
    let plan = Planner::new().share(SharingLevel::All).plan(&graph).unwrap();
    assert_eq!((plan.arena_bytes, plan.status), (16, Status::Optimal));
    verify(&graph, &plan).unwrap();
}
