//! Plans with random changes: every plan that the verifier accepts runs correctly on bytes.

use plimsoll::verify::{Rule, Violation, verify_pools};
use plimsoll::{Graph, Limits, Occupant, Planner, PoolId, PoolPlan, SharingLevel, TensorId, Transfer, Use};

use crate::support::pools::{drawn_pools, run_on_quiet_bytes};
use crate::support::random::mixed;
use crate::support::sharing::{Draw, drawn};
use crate::{bytes_of, count};

fn pick(draw: &mut Draw, count: usize) -> usize {
    draw.below(count.max(1) as u64) as usize
}

/// A number that differs from `number` by at most 2.
fn near(draw: &mut Draw, number: u32) -> u32 {
    match draw.below(3) {
        0 => number + 1,
        1 => number.saturating_sub(1),
        _ => number.saturating_sub(2) + draw.below(5) as u32,
    }
}

/// Changes one random property of the plan.
fn change(draw: &mut Draw, graph: &Graph, plan: &mut PoolPlan) {
    let pools = plan.pools.list().len();
    let (residency, copy) = (pick(draw, plan.residencies.len()), pick(draw, plan.transfers.len()));
    let pool = PoolId::new(pick(draw, pools));
    match draw.below(12) {
        0 | 1 if !plan.residencies.is_empty() => {
            let offset = plan.residencies[pick(draw, plan.residencies.len())].offset;
            plan.residencies[residency].offset = offset;
        }
        2 if !plan.residencies.is_empty() => plan.residencies[residency].pool = pool,
        3 if !plan.residencies.is_empty() => {
            plan.residencies[residency].live.start = near(draw, plan.residencies[residency].live.start);
        }
        4 if !plan.residencies.is_empty() => {
            plan.residencies[residency].live.end = near(draw, plan.residencies[residency].live.end);
        }
        5 if !plan.residencies.is_empty() => drop(plan.residencies.splice(residency..=residency, [])),
        6 if !plan.transfers.is_empty() => {
            let one = &mut plan.transfers[copy];
            one.step = near(draw, one.step);
            one.due = one.due.max(one.step);
        }
        7 if !plan.transfers.is_empty() => plan.transfers[copy].due = near(draw, plan.transfers[copy].due),
        8 if !plan.transfers.is_empty() => drop(plan.transfers.splice(copy..=copy, [])),
        9 if plan.order.len() > 1 => {
            let [a, b] = [0, 1].map(|_| pick(draw, plan.order.len()));
            plan.order.swap(a, b);
        }
        10 => {
            let tensor = TensorId::new(pick(draw, graph.tensors().len()));
            let [from, to] = [0, 1].map(|_| PoolId::new(pick(draw, pools)));
            let due = draw.below(plan.order.len() as u64 + 1) as u32;
            let step = due.saturating_sub(draw.below(2) as u32);
            let place = plan.transfers.partition_point(|one| one.due <= due);
            let bytes = graph.tensor(tensor).bytes();
            plan.transfers.insert(place, Transfer { tensor, step, due, from, to, bytes });
        }
        11 if !plan.aliases.is_empty() && draw.below(4) == 0 => {
            let alias = pick(draw, plan.aliases.len());
            plan.aliases.remove(alias);
        }
        _ if !plan.order.is_empty() => {
            let step = pick(draw, plan.order.len());
            let inputs = graph.operator(plan.order[step]).inputs();
            if let Some(&input) = inputs.get(pick(draw, inputs.len())) {
                plan.uses.push(Use { step: step as u32, occupant: Occupant::Tensor(input), pool });
            }
        }
        _ => {}
    }
}

/// Restores the sort order of lists and the figures that follow from them.
fn tidy(plan: &mut PoolPlan) {
    let key = |occupant| match occupant {
        Occupant::Scratch(id) => (1, id.index()),
        Occupant::Tensor(id) => (0, id.index()),
        _ => (2, 0),
    };
    plan.residencies.sort_by_key(|residency| (key(residency.occupant), residency.pool, residency.live.start));
    plan.used.fill(0);
    for residency in &plan.residencies {
        let used = &mut plan.used[residency.pool.index()];
        *used = (*used).max(residency.end());
    }
    plan.transfers.sort_by_key(|one| one.due);
}

/// Rules about figures: a plan that breaks no other rule computes the same.
const FIGURES: [Rule; 6] = [
    Rule::PoolUsage,
    Rule::PoolTraffic,
    Rule::PreloadedBytes,
    Rule::TotalCost,
    Rule::BoundBelowCost,
    Rule::UnavoidableCostBelowBound,
];

#[test]
fn accepted_plans_run() {
    let (mut accepted, mut changed) = (0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 150) {
        let draw = &mut Draw(seed);
        let graph = if seed % 2 == 0 { drawn(seed, 1 + seed % 7, 12) } else { mixed(seed, 7) };
        let pools = drawn_pools(draw, bytes_of(&graph) / 2);
        let level = [SharingLevel::None, SharingLevel::All][draw.below(2) as usize];
        let planner = Planner::new().alignment(1).share(level).limits(Limits::new().nodes(200));
        let Ok(plan) = planner.place(&graph, &pools) else { continue };
        for _ in 0..60 {
            let mut other = plan.clone();
            for _ in 0..=draw.below(3) {
                change(draw, &graph, &mut other);
            }
            tidy(&mut other);
            if other == plan {
                continue;
            }
            changed += 1;
            // A wrong claim about cost does not affect the results of a run.
            let is_figure = |one: &Violation| FIGURES.contains(&one.rule());
            match verify_pools(&graph, &other) {
                Err(found) if !found.list().iter().all(is_figure) => {}
                _ => {
                    accepted += 1;
                    run_on_quiet_bytes(&graph, &other, 3)
                        .unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}\n{other:#?}"));
                }
            }
        }
    }
    println!("{changed} changed plans, {accepted} accepted");
    assert!(accepted * 20 > changed && accepted * 2 < changed, "{accepted} of {changed}");
}
