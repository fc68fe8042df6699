//! Plans for several memories: the planner's plans are right, and the verifier refuses wrong ones.

#[path = "../support/mod.rs"]
mod support;

mod by_hand;
mod every_rule;
mod mutants;
mod rare;
mod rules;
mod tilings;
mod wrong;

use plimsoll::verify::verify_pools;
use plimsoll::{Error, Graph, Limits, Planner, PoolPlan, Pools, SharingLevel};
use proptest::prelude::*;
use support::pools::{drawn_pools, drawn_pools_unaligned, run_on_bytes};
use support::random::{cases, graph};
use support::sharing::{Draw, drawn, drawn_with_alignments, drawn_with_constraints};

/// The verified plan, run on bytes; `None` if nothing fits.
fn place(planner: &Planner, graph: &Graph, pools: &Pools) -> Result<Option<PoolPlan>, String> {
    let plan = match planner.place(graph, pools) {
        Ok(plan) => plan,
        Err(Error::Pools(_) | Error::DoesNotFit(_) | Error::Constraint { .. }) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let judged = verify_pools(graph, &plan).map_err(|found| format!("{found}\n{plan:#?}"));
    let ran = run_on_bytes(graph, &plan, 1).map_err(|wrong| format!("{wrong}\n{plan:#?}"));
    judged.and(ran).map(|()| Some(plan))
}

fn bytes_of(graph: &Graph) -> u64 {
    let scratch = graph.operators().iter().map(plimsoll::Operator::scratch_bytes);
    graph.tensors().iter().map(plimsoll::Tensor::bytes).chain(scratch).sum()
}

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

proptest! {
    #![proptest_config(cases(300))]

    /// Every kind of tensor, without sharing.
    #[test]
    fn random_plans_are_right(graph in graph(12), seed in any::<u64>()) {
        let pools = drawn_pools(&mut Draw(seed), bytes_of(&graph) / 2);
        let planner = Planner::new().alignment(1 << (seed % 5)).limits(Limits::new().nodes(300));
        let placed = place(&planner, &graph, &pools);
        prop_assert!(placed.is_ok(), "{}\n{:#?}", placed.unwrap_err(), pools);
    }
}

/// Plans with tensors that share memory.
#[test]
fn shared_plans_are_right() {
    let (mut plans, mut total, mut wrong) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 90) {
        let (operators, size) = (2 + seed % 14, 1 + seed % 60);
        let graph = match seed % 3 {
            0 => drawn_with_constraints(seed, operators, size),
            1 => drawn_with_alignments(seed, operators, size),
            _ => drawn(seed, operators, size),
        };
        let draw = &mut Draw(seed);
        let bytes = bytes_of(&graph) / 2;
        // In some machines, tensors have a smaller alignment than their pool.
        let pools = if seed % 3 == 1 { drawn_pools_unaligned(draw, bytes) } else { drawn_pools(draw, bytes) };
        for level in [SharingLevel::None, SharingLevel::Views, SharingLevel::InPlace, SharingLevel::All] {
            let planner =
                Planner::new().alignment(1 << (seed % 4)).share(level).limits(Limits::new().nodes(300));
            total += 1;
            match place(&planner, &graph, &pools) {
                Ok(plan) => plans += u64::from(plan.is_some()),
                Err(text) => {
                    wrong += 1;
                    println!("seed {seed} {level:?}: {}", text.lines().next().unwrap());
                }
            }
        }
    }
    println!("{plans} plans of {total}, {wrong} wrong");
    assert!(wrong == 0 && plans * 2 > total);
}
