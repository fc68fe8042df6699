//! Oversized shared buffers, a worked example: `cargo run --example oversized_buffer`.
//!
//! A runtime with a few shared buffers assigns tensors in the order given: each uses the first free
//! buffer that is large enough, or a new one. In this branching graph that takes 800K + 700K + 1000K =
//! 2.5M. If the second buffer is larger than its first tensor needs, 800K + 1000K + 10K = 1.81M suffice.
//! The solver finds this, and proves that it is the minimum.

use plimsoll::allocate::{Allocation, Auto, Knapsack, Strategy};
use plimsoll::{Graph, Limits, Plan, Planner, Problem, Result, TensorSpec};

/// Shared buffers, filled in the order given.
struct SharedBuffers {
    /// A free buffer that is too small may grow.
    oversize: bool,
}

impl Strategy for SharedBuffers {
    fn name(&self) -> &'static str {
        if self.oversize { "oversized shared buffers" } else { "shared buffers" }
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> Result<Allocation> {
        let mut shared: Vec<(u64, Vec<usize>)> = Vec::new();
        for (i, buffer) in problem.buffers().iter().enumerate() {
            let is_free = |tenants: &[usize]| {
                !tenants.iter().any(|&j| problem.buffers()[j].live().overlaps(buffer.live()))
            };
            let fits = |(size, tenants): &(u64, Vec<usize>)| {
                is_free(tenants) && (self.oversize || *size >= buffer.size())
            };
            match shared.iter().position(fits) {
                Some(k) => {
                    shared[k].0 = shared[k].0.max(buffer.size());
                    shared[k].1.push(i);
                }
                None => shared.push((buffer.size(), vec![i])),
            }
        }
        let mut offsets = vec![0; problem.buffers().len()];
        let mut start = 0;
        for (size, tenants) in shared {
            for i in tenants {
                offsets[i] = start;
            }
            start += size;
        }
        Ok(Allocation::new(offsets))
    }
}

/// `skip` is read again at the end of the branch `early` -> `late`, `hint`.
fn branching_graph() -> Result<Graph> {
    let mut net = Graph::builder("branching");
    let skip = net.input("skip", TensorSpec::bytes(800_000));
    let early = net.tensor("early", TensorSpec::bytes(700_000));
    let late = net.tensor("late", TensorSpec::bytes(1_000_000));
    let hint = net.tensor("hint", TensorSpec::bytes(10_000));
    net.operator("split").reads([skip]).writes([early]);
    net.operator("check").reads([early]);
    net.operator("widen").reads([skip]).writes([late, hint]);
    net.operator("join").reads([skip, late, hint]);
    net.build()
}

/// Plans the graph with a strategy, without alignment.
fn arena(graph: &Graph, strategy: impl Strategy + 'static) -> Result<Plan> {
    Planner::new().alignment(1).strategy(strategy).plan(graph)
}

pub fn main() -> Result<()> {
    let graph = branching_graph()?;
    let given = arena(&graph, SharedBuffers { oversize: false })?;
    let oversized = arena(&graph, SharedBuffers { oversize: true })?;
    let solved = arena(&graph, Knapsack::new())?;
    let offsets = arena(&graph, Auto::new())?;
    for plan in [&given, &oversized, &solved, &offsets] {
        println!("{:>25}  {:>9} bytes, {}", plan.strategy, plan.arena_bytes, plan.status);
    }
    let heights = [&given, &oversized, &solved, &offsets].map(|plan| plan.arena_bytes);
    assert_eq!(heights, [2_500_000, 1_810_000, 1_810_000, 1_810_000]);
    let objects = solved.objects.expect("shared objects");
    assert_eq!((objects.list.len(), objects.total(), objects.lower_bound), (3, 1_810_000, 1_810_000));
    Ok(())
}
