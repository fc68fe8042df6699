//! The planner end to end on drawn graphs, compared with exhaustive search.

use super::bytes::FuzzBytes;
use super::{accepted, check_document, check_pool_document, drawn};
use crate::verify::{verify, verify_pools};
use crate::{
    Buffer, Graph, Limits, Liveness, OperatorId, Planner, Pool, Pools, Problem, ScheduleMode, SharingLevel,
    Status, Variables,
};

/// Draws a graph and options. Every plan verifies, no lower bound exceeds the arena of a plan, and
/// without sharing no lower bound exceeds the minimum over all orders and offsets.
pub fn planner(bytes: &[u8]) {
    let mut bytes = FuzzBytes(bytes);
    let alignment = 1 << bytes.below(6);
    let nodes = [0, 1, 10, 100, 1000, 10_000][bytes.below(6)];
    let order = [ScheduleMode::Program, ScheduleMode::Auto, ScheduleMode::Optimal][bytes.below(3)];
    let capacity = bytes.one_in(4).then(|| bytes.size());
    let Some(graph) = drawn::graph(&mut bytes) else { return };
    let settings = |order, sharing| {
        let planner = Planner::new().alignment(alignment).order(order).share(sharing);
        let planner = planner.limits(Limits::new().nodes(nodes));
        if let Some(capacity) = capacity { planner.capacity(capacity) } else { planner }
    };
    let levels = [SharingLevel::None, SharingLevel::Views, SharingLevel::InPlace, SharingLevel::All];
    let mut plans = Vec::new();
    for (level, sharing) in levels.into_iter().enumerate() {
        for order in [order, ScheduleMode::Program] {
            let Some(plan) = accepted(settings(order, sharing).plan(&graph)) else { continue };
            verify(&graph, &plan).expect("a plan is verified before it is returned");
            check_document(&graph, &plan);
            plans.push((level, order, plan));
        }
    }
    for (level, order, plan) in &plans {
        let is_optimal = plan.status == Status::Optimal && capacity.is_none();
        for (other_level, other_order, other) in &plans {
            let comparable =
                other_level <= level && (*order != ScheduleMode::Program || order == other_order);
            let over_orders = plan.bound_over_orders.filter(|_| other_level <= level);
            assert!(
                over_orders.is_none_or(|bound| bound <= other.arena_bytes),
                "bound over orders: {plan:?}"
            );
            let worse = is_optimal && comparable && other.arena_bytes < plan.arena_bytes;
            assert!(!worse, "optimal, but {other:?} is smaller than {plan:?}");
        }
    }
    if let Some(minimum) = minimum_arena(&graph, alignment) {
        let unshared =
            plans.iter().filter(|(level, order, _)| *level == 0 && *order != ScheduleMode::Program);
        for (_, _, plan) in unshared {
            assert!(plan.bound_over_orders.is_none_or(|bound| bound <= minimum), "above {minimum}: {plan:?}");
            let wrong = plan.status == Status::Optimal && capacity.is_none() && plan.arena_bytes > minimum;
            assert!(!wrong, "optimal above {minimum}: {plan:?}");
        }
    }
    check_placement(&graph, alignment, nodes, &mut bytes);
}

fn check_placement(graph: &Graph, alignment: u64, nodes: u64, bytes: &mut FuzzBytes) {
    if bytes.is_empty() {
        return;
    }
    let chip = Pool::on_chip("chip", bytes.size()).alignment(1 << bytes.below(5));
    let Ok(pools) = Pools::new([chip, Pool::off_chip("ddr")]) else { return };
    for sharing in [SharingLevel::None, SharingLevel::All] {
        let planner = Planner::new().alignment(alignment).share(sharing).limits(Limits::new().nodes(nodes));
        if let Some(plan) = accepted(planner.place(graph, &pools)) {
            verify_pools(graph, &plan).expect("a plan is verified before it is returned");
            check_pool_document(graph, &plan);
        }
    }
}

/// The smallest arena without sharing over all orders; `None` if there are too many cases, fixed offsets
/// or constraints.
fn minimum_arena(graph: &Graph, alignment: u64) -> Option<u64> {
    const MAX_BUFFERS: usize = 5;
    if !graph.relative_placements().is_empty() || !graph.kept_apart().is_empty() {
        return None;
    }
    let mut minimum = None;
    let mut problems = 0;
    for order in orders(graph) {
        let liveness = Liveness::new(graph, &order, alignment, Variables::Arena).ok()?;
        let problem = liveness.problem();
        let plain = problem.buffers().iter().all(|buffer| buffer.fixed_offset().is_none());
        problems += 1;
        if !plain || problem.buffers().len() > MAX_BUFFERS || problems > 100 {
            return None;
        }
        let height = lowest_height(problem)?;
        minimum = Some(minimum.map_or(height, |minimum: u64| minimum.min(height)));
    }
    minimum
}

/// All valid orders of the operators that run.
fn orders(graph: &Graph) -> Vec<Vec<OperatorId>> {
    let running: Vec<OperatorId> =
        graph.operator_ids().filter(|&id| !graph.operator(id).is_folded()).collect();
    let mut all = Vec::new();
    permute(&mut running.clone(), 0, &mut |order| {
        if graph.check_order(order).is_ok() {
            all.push(order.to_vec());
        }
    });
    all
}

/// Calls `each` with every permutation of the entries from `from` on.
fn permute<T: Copy>(list: &mut [T], from: usize, each: &mut impl FnMut(&[T])) {
    if from == list.len() {
        return each(list);
    }
    for other in from..list.len() {
        list.swap(from, other);
        permute(list, from + 1, each);
        list.swap(from, other);
    }
}

/// The minimum height of a problem without fixed offsets. In some order of the buffers, each lies
/// directly on those before it whose live ranges overlap its own. `None` if sizes exceed 64 bits.
fn lowest_height(problem: &Problem) -> Option<u64> {
    let buffers: Vec<&Buffer> = problem.buffers().iter().filter(|buffer| buffer.size() > 0).collect();
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    let mut best = None;
    permute(&mut order, 0, &mut |order| {
        if let Some(height) = stacked(&buffers, order) {
            best = Some(best.map_or(height, |best: u64| best.min(height)));
        }
    });
    best
}

fn stacked(buffers: &[&Buffer], order: &[usize]) -> Option<u64> {
    let mut placed: Vec<(&Buffer, u64)> = Vec::new();
    for &index in order {
        let (start, end) = (buffers[index].live().start, buffers[index].live().end);
        let below = placed.iter().filter(|(other, _)| other.live().start < end && start < other.live().end);
        let offset = below.map(|&(_, end)| end).max().unwrap_or(0);
        let offset = offset.checked_next_multiple_of(buffers[index].alignment())?;
        placed.push((buffers[index], offset.checked_add(buffers[index].size())?));
    }
    Some(placed.iter().map(|&(_, end)| end).max().unwrap_or(0))
}
