//! Merging of shared objects, a worked example: `cargo run --example buffer_inside`.
//!
//! A large buffer dies early. A runtime that gives each tensor a whole buffer, in the order given,
//! reuses it for the first of two later tensors, and opens another buffer for the second: 900K + 100K +
//! 500K. The minimum with whole buffers is 900K + 400K + 100K. Merging puts both later tensors side by
//! side inside the early one, 900K + 100K, and reports it.

use plimsoll::allocate::{GreedyObjects, Knapsack, Merge, Strategy};
use plimsoll::{Graph, Occupant, Plan, Planner, Result, TensorSpec};

fn two_branches() -> Result<Graph> {
    let mut net = Graph::builder("inside");
    let image = net.input("image", TensorSpec::bytes(900_000));
    let small = net.tensor("small", TensorSpec::bytes(100_000));
    let left = net.tensor("left", TensorSpec::bytes(400_000));
    let right = net.tensor("right", TensorSpec::bytes(500_000));
    net.operator("shrink").reads([image]).writes([small]);
    net.operator("branch").reads([small]).writes([left]);
    net.operator("other branch").reads([small]).writes([right]);
    net.operator("join").reads([left, right]);
    net.build()
}

fn plan(graph: &Graph, strategy: impl Strategy + 'static) -> Result<Plan> {
    Planner::new().alignment(1).strategy(strategy).plan(graph)
}

/// The tensors that lie inside others.
fn nestings(graph: &Graph, plan: &Plan) -> Vec<String> {
    let name = |occupant: Occupant| match occupant {
        Occupant::Tensor(id) => graph.tensor(id).name().to_owned(),
        other => format!("{other:?}"),
    };
    let objects = plan.objects.as_ref().expect("a strategy of shared objects");
    let nestings = objects.nestings.iter();
    nestings.map(|pair| format!("{} inside {} at {}", name(pair.guest), name(pair.host), pair.at)).collect()
}

pub fn main() -> Result<()> {
    let graph = two_branches()?;
    let given = plan(&graph, GreedyObjects::in_order())?;
    let whole = plan(&graph, Knapsack::new())?;
    let merged = plan(&graph, Merge::of(GreedyObjects::in_order()))?;
    for plan in [&given, &whole, &merged] {
        println!("{:>16}  {:>9} bytes, {}", plan.strategy, plan.arena_bytes, plan.status);
    }
    let nestings = nestings(&graph, &merged);
    for line in &nestings {
        println!("{line}");
    }
    let heights = [&given, &whole, &merged].map(|plan| plan.arena_bytes);
    assert_eq!(heights, [1_500_000, 1_400_000, 1_000_000]);
    assert_eq!(nestings, ["right inside image at 400000"]);
    Ok(())
}
