//! Plans for several memories that keep linked tensors around the scratch buffer of their operator.
//!
//! The parts of a block are tensors at fixed distances, so they are in one pool while more than one of them is there.

use std::collections::{HashMap, HashSet};

use super::LinkedBounds;
use super::layout::{LinkedLayouts, aliased};
use crate::error::Result;
use crate::graph::{Graph, Occupant, Pool};
use crate::plan::{Plan, PoolPlan, Residency, key};
use crate::planner::Planner;
use crate::planner::body_plans::Bodies;
use crate::support::ids::{OperatorId, TensorId};
use crate::support::sorting::sort_by_keys;

/// Limit of operators of a graph for which several sets of linked tensors are tried.
const MAX_OPERATORS_TO_COMPARE: usize = 2000;

/// A plan of lower cost than `unlinked` in the same order, if links give one. The caller verifies it. Any failure
/// counts as none.
///
/// A block is one item of the placement, so it occupies its bytes as long as one of its parts does. Some candidates
/// therefore link no tensor that waits for other operators. As in an arena, some link no tensor that has an alias in
/// `unlinked`.
pub(in crate::planner) fn place(
    planner: &Planner,
    bodies: &Bodies<'_>,
    unlinked: &PoolPlan,
) -> Option<PoolPlan> {
    let mut arena = Plan::unplaced(bodies.graph);
    arena.order.clone_from(&unlinked.order);
    let bounds = LinkedBounds::new(planner, bodies, &arena);
    if bounds.is_empty() {
        return None;
    }
    let aliased = aliased(&unlinked.aliases);
    let waiting = waiting(bodies.graph, &unlinked.order);
    let mut left_out = vec![&aliased | &waiting, aliased, waiting, HashSet::new()];
    left_out.dedup();
    if bodies.graph.operators().len() > MAX_OPERATORS_TO_COMPARE {
        left_out.truncate(1);
    }
    let candidates = left_out.iter().filter_map(|left_out| {
        let layouts = LinkedLayouts::new(planner, bodies, &bounds, (&unlinked.order, left_out), None);
        if layouts.is_empty() { None } else { place_with(planner, bodies, &layouts, unlinked).ok()? }
    });
    candidates.filter(|plan| plan.cost < unlinked.cost).min_by_key(|plan| plan.cost)
}

/// Intermediate tensors that are live for more than two steps of an order.
fn waiting(graph: &Graph, order: &[OperatorId]) -> HashSet<TensorId> {
    let steps = graph.positions_in(order);
    let waits = |id: &TensorId| {
        let tensor = graph.tensor(*id);
        let written = tensor.producer().map(|producer| steps[producer.index()]);
        let read = tensor.readers().iter().map(|reader| steps[reader.index()]).max();
        written.zip(read).is_some_and(|(written, read)| read > written.saturating_add(1))
    };
    graph.tensor_ids().filter(waits).collect()
}

/// The plan with these layouts; none if a transfer moves a scratch buffer.
fn place_with(
    planner: &Planner,
    bodies: &Bodies<'_>,
    layouts: &LinkedLayouts,
    unlinked: &PoolPlan,
) -> Result<Option<PoolPlan>> {
    let blocks = layouts.blocks();
    let (with_blocks, scratch) = bodies.flat(|plan| plan.arena_bytes).with_blocks(&blocks)?;
    let mut plan = planner.place_in_order(&with_blocks, &unlinked.order, &unlinked.pools)?;
    let operators: HashMap<TensorId, OperatorId> =
        blocks.iter().zip(scratch).filter_map(|(block, tensor)| Some((tensor?, block.operator))).collect();
    if plan.transfers.iter().any(|transfer| operators.contains_key(&transfer.tensor)) {
        return Ok(None);
    }
    let rename = |occupant: &mut Occupant| {
        if let Occupant::Tensor(id) = occupant
            && let Some(&operator) = operators.get(id)
        {
            *occupant = Occupant::Scratch(operator);
        }
    };
    plan.residencies.iter_mut().for_each(|residency| rename(&mut residency.occupant));
    plan.uses.iter_mut().for_each(|used| rename(&mut used.occupant));
    sort_by_keys(&mut plan.residencies, |residency| {
        let (kind, id) = key(residency.occupant);
        [u64::from(kind) << 32 | id as u64, residency.pool.index() as u64]
    });
    plan.bodies = layouts.plans(&bodies.plans);
    for block in &blocks {
        settle_scratch(block.operator, &mut plan);
    }
    for (pool, used) in plan.used.iter_mut().enumerate() {
        let there = plan.residencies.iter().filter(|residency| residency.pool.index() == pool);
        *used = there.map(Residency::end).max().unwrap_or(0);
    }
    plan.nodes = plan.nodes.saturating_add(unlinked.nodes);
    plan.stop = plan.stop.max(unlinked.stop);
    Ok(Some(plan))
}

/// Leaves a scratch buffer in the pool in which its operator uses it, and counts that the operator reads it, unlike
/// other outputs. As a part of a block, the buffer may also be where the other parts have a copy.
fn settle_scratch(operator: OperatorId, plan: &mut PoolPlan) {
    let occupant = Occupant::Scratch(operator);
    let step = (0..).zip(&plan.order).find_map(|(step, &id)| (id == operator).then_some(step));
    let Some(&kept) = step.and_then(|step| plan.residency_at(step, occupant)) else { return };
    plan.residencies.retain(|residency| residency.occupant != occupant || *residency == kept);
    plan.uses.retain(|used| used.occupant != occupant);
    let traffic = &mut plan.traffic[kept.pool.index()];
    traffic.read = traffic.read.saturating_add(kept.bytes);
    let read_cost = |pool: &Pool| pool.in_place().0;
    let cost = kept.bytes.saturating_mul(read_cost(plan.pools.pool(kept.pool)));
    plan.cost = plan.cost.saturating_add(cost);
    let least = plan.pools.list().iter().map(read_cost).min().unwrap_or(0);
    let unavoidable = kept.bytes.saturating_mul(least);
    plan.unavoidable_cost = plan.unavoidable_cost.saturating_add(unavoidable);
    plan.lower_bound = plan.lower_bound.saturating_add(unavoidable);
}
