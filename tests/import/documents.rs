//! Plans that are written as JSON, read and written again: the same plans, the same bytes.

use crate::support::{pools, random, sharing};
use plimsoll::allocate::Knapsack;
use plimsoll::export::json::{PlanDocument, PoolPlanDocument};
use plimsoll::import::{ImportOptions, graph_json_from_bytes};
use plimsoll::{Graph, Limits, Plan, Planner, PoolPlan, SharingLevel, Stop};
use proptest::prelude::*;
use sharing::Draw;

const LEVELS: [SharingLevel; 4] =
    [SharingLevel::None, SharingLevel::Views, SharingLevel::InPlace, SharingLevel::All];

fn planner(sharing: SharingLevel) -> Planner {
    Planner::new().alignment(1).share(sharing).limits(Limits::new().nodes(200))
}

fn check_plan(graph: &Graph, mut plan: Plan) {
    // A document does not contain search statistics.
    (plan.nodes, plan.stop) = (0, Stop::Finished);
    let options = ImportOptions::default();
    let text = PlanDocument::of_graph(graph, &plan, &options).to_json();
    let read = PlanDocument::from_json(&text).unwrap().to_plan(graph).unwrap();
    assert_eq!(read, plan);
    assert_eq!(PlanDocument::of_graph(graph, &read, &options).to_json(), text);
}

fn check_pool_plan(graph: &Graph, mut plan: PoolPlan) {
    (plan.nodes, plan.stop) = (0, Stop::Finished);
    let options = ImportOptions::default();
    let text = PoolPlanDocument::of_graph(graph, &plan, &options).to_json();
    let read = PoolPlanDocument::from_json(&text).unwrap().to_plan(graph).unwrap();
    assert_eq!(read, plan);
    assert_eq!(PoolPlanDocument::of_graph(graph, &read, &options).to_json(), text);
}

/// A part of a U-Net: the planner found its in-place aliases in another order than by tensor.
#[test]
fn shares_are_read_back_in_order() {
    let in_place = |id: usize, from: usize, to: usize| {
        format!(
            r#"{{"name":"o{id}","type":"Relu","inputs":[{from}],"outputs":[{to}],"permits":[{{"how":"in_place","input":{from},"output":{to}}}]}}"#
        )
    };
    let conv = |id: usize, from: usize, to: usize| {
        format!(r#"{{"name":"o{id}","type":"Conv","inputs":[{from}],"outputs":[{to}]}}"#)
    };
    let concat = |id: usize, [one, other]: [usize; 2], to: usize, at: u64| {
        format!(
            r#"{{"name":"o{id}","type":"Concat","inputs":[{one},{other}],"outputs":[{to}],"permits":[{{"how":"piece","input":{one},"output":{to}}},{{"how":"piece","input":{other},"output":{to},"at":{at}}}]}}"#
        )
    };
    let ops = [
        conv(0, 0, 1),
        in_place(1, 1, 2),
        conv(2, 2, 3),
        in_place(3, 3, 4),
        conv(4, 4, 5),
        concat(5, [4, 5], 6, 4000),
        conv(6, 6, 7),
        conv(7, 7, 8),
        concat(8, [2, 8], 9, 512),
        conv(9, 9, 10),
    ];
    let sizes = [768, 512, 512, 4000, 4000, 512, 4512, 20_000, 20_000, 20_512, 20_000];
    let tensors = sizes.iter().enumerate().map(|(id, bytes)| {
        let kind = ["input", "intermediate", "output"][usize::from(id > 0) + usize::from(id == 10)];
        format!(r#"{{"name":"t{id}","bytes":{bytes},"kind":"{kind}"}}"#)
    });
    let tensors = tensors.collect::<Vec<_>>().join(",");
    let json = format!(r#"{{"ops":[{}],"tensors":[{tensors}]}}"#, ops.join(","));
    let graph = graph_json_from_bytes("unet", json.as_bytes(), &ImportOptions::default()).unwrap().graph;
    let plan = Planner::new().share(SharingLevel::All).plan(&graph).unwrap();
    assert!(plan.aliases.len() > 2, "{:?}", plan.aliases);
    check_plan(&graph, plan);
}

#[test]
fn plans_that_share_come_back() {
    for seed in 0..150 {
        let graph = match seed % 3 {
            0 => sharing::drawn(seed, 2 + seed % 8, 40),
            1 => sharing::drawn_with_alignments(seed, 2 + seed % 8, 40),
            _ => sharing::drawn_with_constraints(seed, 2 + seed % 6, 40),
        };
        for level in LEVELS {
            // Random constraints may be unsatisfiable.
            let Ok(plan) = planner(level).plan(&graph) else { continue };
            check_plan(&graph, plan);
        }
    }
}

#[test]
fn plans_for_pools_come_back() {
    for seed in 0..60 {
        let graph = sharing::drawn(seed, 2 + seed % 8, 40);
        let pools = pools::drawn_pools(&mut Draw(seed), 100);
        for level in [SharingLevel::None, SharingLevel::All] {
            let Ok(plan) = planner(level).place(&graph, &pools) else { continue };
            check_pool_plan(&graph, plan);
        }
    }
}

proptest! {
    #![proptest_config(random::cases(100))]

    #[test]
    fn plans_of_all_kinds_of_tensors_come_back(graph in random::graph(8)) {
        check_plan(&graph, planner(SharingLevel::None).plan(&graph).unwrap());
        if let Ok(plan) = planner(SharingLevel::None).strategy(Knapsack::new()).plan(&graph) {
            check_plan(&graph, plan);
        }
    }

    #[test]
    fn offsets_come_back(problem in random::reserved(random::gapped(8, &[1, 2, 16], 2))) {
        let options = ImportOptions::default();
        let mut solution = planner(SharingLevel::None).solve(&problem).unwrap();
        (solution.nodes, solution.stop) = (0, Stop::Finished);
        let text = PlanDocument::of_problem("m", &problem, &solution, &options).to_json();
        let read = PlanDocument::from_json(&text).unwrap().to_solution(&problem).unwrap();
        prop_assert_eq!(&read, &solution);
        prop_assert_eq!(PlanDocument::of_problem("m", &problem, &read, &options).to_json(), text);
    }
}
