//! Tensors that share memory: against brute force, and against runs on bytes.

mod support;

use plimsoll::{Ordering, Planner, Sharing, Status};
use support::sharing::{drawn, runs_in, simulate};

const LEVELS: [Sharing; 3] = [Sharing::Views, Sharing::InPlace, Sharing::All];

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Order, sharing and offsets together: no run needs a byte less, whatever is shared.
#[test]
fn brute_force_finds_nothing_better() {
    let (mut proven, mut shared, mut total) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 150) {
        let graph = drawn(seed, 1 + seed % 7, 4);
        let planner = Planner::new().alignment(1).share(Sharing::All).order(Ordering::Optimal);
        let plan = planner.plan(&graph).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        assert!(
            plan.arena_bytes == 0 || !runs_in(&graph, plan.arena_bytes - 1),
            "seed {seed}: not {} but at most {} bytes",
            plan.arena_bytes,
            plan.arena_bytes - 1
        );
        total += 1;
        proven += u64::from(plan.status == Status::Optimal);
        shared += u64::from(!plan.shares.is_empty());
    }
    println!("{total} graphs, {proven} proven, {shared} share");
    assert!(proven * 100 >= total * 95 && shared * 2 > total, "{proven} proven, {shared} share");
}

/// What leaves the planner runs on bytes, at every level.
#[test]
fn plans_run_on_bytes() {
    let (mut steps, mut seed) = (0, 0);
    let most = count("PLIMSOLL_STEPS", 20_000) as usize;
    while steps < most {
        seed += 1;
        let graph = drawn(seed, 5 + seed % 40, 1 + seed % 300);
        for level in LEVELS {
            let strategy = plimsoll::allocate::by_name("best-fit").unwrap();
            let planner = Planner::new().alignment(1 << (seed % 4)).share(level).boxed_strategy(strategy);
            let plan = planner.plan(&graph).unwrap_or_else(|error| panic!("seed {seed} {level:?}: {error}"));
            steps += simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed} {level:?}: {wrong}"));
        }
    }
}

#[test]
#[ignore = "shows a graph"]
fn show() {
    let (seed, operators, most) = (count("SEED", 0), count("OPS", 1), count("MOST", 4));
    let graph = drawn(seed, operators, most);
    for id in graph.tensor_ids() {
        let tensor = graph.tensor(id);
        println!(
            "{id} {} {} bytes {:?} out {} over {}",
            tensor.name(),
            tensor.bytes(),
            tensor.kind(),
            tensor.is_output(),
            tensor.is_overwritable()
        );
    }
    for operator in graph.operators() {
        println!(
            "{} {:?} -> {:?} scratch {} {:?}",
            operator.name(),
            operator.inputs(),
            operator.outputs(),
            operator.scratch_bytes(),
            operator.permits()
        );
    }
    for sharing in LEVELS {
        let planner = Planner::new().alignment(count("ALIGN", 1)).share(sharing).order(Ordering::Optimal);
        println!("{sharing:?} {:?}", planner.schedule(&graph).unwrap());
        match planner.plan(&graph) {
            Ok(plan) => println!("{plan:?}"),
            Err(e) => println!("{e}"),
        }
    }
}
