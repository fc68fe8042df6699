//! Plans that keep linked tensors at the ends of the bodies' memory.

use std::collections::{HashMap, HashSet};

use super::{LinkedBodies, LinkedBounds, linkable, linked_bytes};
use crate::error::Result;
use crate::graph::{Block, Graph};
use crate::plan::{Alias, BodyPlan, LinkedTensor, Plan, scratch_between};
use crate::planner::Planner;
use crate::planner::body_plans::Bodies;
use crate::support::ids::{OperatorId, TensorId};

/// The plans of an operator's bodies with linked tensors at the ends of their memory.
struct LinkedLayout {
    block: Block,
    linked: Vec<LinkedTensor>,
    plans: Vec<Plan>,
    /// Bytes of the block.
    bytes: u64,
}

/// Ways to arrange linked inputs and outputs around the scratch buffer, see [`arrangements`].
const ARRANGEMENTS: usize = 5;

/// Limit of operators of a graph for which every arrangement is tried for all operators alike.
const MAX_OPERATORS_TO_ARRANGE: usize = 2000;

/// Replaces a plan by one that uses links, if that needs less memory. Any failure leaves the plan as it is.
///
/// Linked tensors have no aliases. So there are two candidates: one links no tensor that has an alias in the
/// plan, the other one links such tensors as well. Each operator has the arrangement that needs the fewest bytes by itself.
/// As blocks that have a tensor in common may not fit each other, plans of small graphs above the bound are also tried with one
/// arrangement for all operators.
pub(in crate::planner) fn improve(
    planner: &Planner,
    bodies: &mut Bodies<'_>,
    bounds: &LinkedBounds,
    best: &mut Plan,
) {
    if best.objects.is_some() {
        return;
    }
    let arrange = |bodies: &Bodies<'_>, best: &Plan, arrangement: Option<usize>| {
        let choices = if best.aliases.is_empty() { &[true][..] } else { &[true, false] };
        let candidates =
            choices.iter().filter_map(|&keeps| candidate(planner, bodies, bounds, best, keeps, arrangement));
        candidates.min_by_key(|(plan, _)| plan.arena_bytes)
    };
    let unlinked = best.clone();
    let mut plans = None;
    let mut keep = |found: Option<(Plan, Vec<BodyPlan>)>, best: &mut Plan| {
        if let Some((plan, of_bodies)) = found.filter(|(plan, _)| plan.arena_bytes < best.arena_bytes) {
            *best = plan;
            plans = Some(of_bodies);
        }
    };
    keep(arrange(bodies, &unlinked, None), best);
    if bodies.graph.operators().len() <= MAX_OPERATORS_TO_ARRANGE {
        for arrangement in 0..ARRANGEMENTS {
            if best.arena_bytes <= best.bound() {
                break;
            }
            keep(arrange(bodies, &unlinked, Some(arrangement)), best);
        }
    }
    if let Some(plans) = plans {
        bodies.plans = plans;
    }
}

/// The plan with linked tensors in the order of `best`, and the plans of all bodies; none if it is not smaller.
/// `arrangement` is that of all operators, or each has the one that needs the fewest bytes.
fn candidate(
    planner: &Planner,
    bodies: &Bodies<'_>,
    bounds: &LinkedBounds,
    best: &Plan,
    keeps_aliases: bool,
    arrangement: Option<usize>,
) -> Option<(Plan, Vec<BodyPlan>)> {
    let aliased = if keeps_aliases { aliased(&best.aliases) } else { HashSet::new() };
    let layouts = LinkedLayouts::new(planner, bodies, bounds, (&best.order, &aliased), arrangement);
    if layouts.0.is_empty() { None } else { plan_with(planner, bodies, &layouts, best).ok()? }
}

/// The layouts of operators, each for one operator.
pub(super) struct LinkedLayouts(Vec<LinkedLayout>);

impl LinkedLayouts {
    /// Layouts of operators with linked tensors in an order, without tensors that have aliases.
    pub(super) fn new(
        planner: &Planner,
        bodies: &Bodies<'_>,
        bounds: &LinkedBounds,
        (order, aliased): (&[OperatorId], &HashSet<TensorId>),
        arrangement: Option<usize>,
    ) -> Self {
        let last_readers = last_readers(bodies.graph, order);
        let operators = order.iter().filter_map(|&id| Some((id, bounds.to_improve(id)?)));
        let layouts = operators.filter_map(|(id, bound)| {
            let all = arrangements(dying(bodies, id, &last_readers, aliased));
            match arrangement {
                Some(number) => layout_of(planner, bodies, id, &all[number]).ok()?,
                None => best_layout(planner, bodies, id, &all, bound),
            }
        });
        Self(layouts.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The blocks of all operators.
    pub(super) fn blocks(&self) -> Vec<Block> {
        self.0.iter().map(|layout| layout.block.clone()).collect()
    }

    /// The plans of all bodies, with the linked ones of these operators.
    pub(super) fn plans(&self, unlinked: &[BodyPlan]) -> Vec<BodyPlan> {
        let of_operator: HashMap<OperatorId, &LinkedLayout> =
            self.0.iter().map(|layout| (layout.block.operator, layout)).collect();
        let with_layout = |body: &BodyPlan| match of_operator.get(&body.operator) {
            Some(layout) => BodyPlan {
                plan: layout.plans[body.body].clone(),
                linked: layout.linked.clone(),
                ..body.clone()
            },
            None => body.clone(),
        };
        unlinked.iter().map(with_layout).collect()
    }
}

/// Linked tensors below and above the scratch buffer.
type Arrangement = (Vec<TensorId>, Vec<TensorId>);

/// The ways to arrange inputs and outputs.
fn arrangements((inputs, outputs): (Vec<TensorId>, Vec<TensorId>)) -> [Arrangement; ARRANGEMENTS] {
    let both = [inputs.clone(), outputs.clone()].concat();
    [
        (inputs.clone(), outputs.clone()),
        (outputs.clone(), inputs.clone()),
        (outputs, Vec::new()),
        (inputs, Vec::new()),
        (both, Vec::new()),
    ]
}

/// Tensors with an alias.
pub(super) fn aliased(aliases: &[Alias]) -> HashSet<TensorId> {
    aliases.iter().flat_map(|alias| [alias.tensor, alias.of]).collect()
}

/// By tensor: the operator that reads it last.
fn last_readers(graph: &Graph, order: &[OperatorId]) -> Vec<Option<OperatorId>> {
    let mut last = vec![None; graph.tensors().len()];
    for &id in order {
        for input in graph.operator(id).inputs() {
            last[input.index()] = Some(id);
        }
    }
    last
}

/// Inputs and outputs of an operator that can be linked in this order: inputs that nothing reads afterwards, and
/// outputs.
fn dying(
    bodies: &Bodies<'_>,
    id: OperatorId,
    last_readers: &[Option<OperatorId>],
    aliased: &HashSet<TensorId>,
) -> (Vec<TensorId>, Vec<TensorId>) {
    let operator = bodies.graph.operator(id);
    let mut linked = linkable(bodies.graph, operator, bodies.alignment);
    linked.retain(|tensor| !aliased.contains(tensor));
    let is_output = |tensor: &TensorId| operator.outputs().contains(tensor);
    let (outputs, mut inputs): (Vec<_>, Vec<_>) = linked.into_iter().partition(is_output);
    inputs.retain(|tensor| last_readers[tensor.index()] == Some(id));
    (inputs, outputs)
}

/// The layout of an operator's linked tensors that needs the fewest bytes. `bound` is a lower bound on the scratch.
fn best_layout(
    planner: &Planner,
    bodies: &Bodies<'_>,
    id: OperatorId,
    choices: &[Arrangement],
    bound: u64,
) -> Option<LinkedLayout> {
    let mut best: Option<(u64, LinkedLayout)> = None;
    let mut tried: Vec<&Arrangement> = Vec::new();
    for choice in choices {
        let tensors = [choice.0.clone(), choice.1.clone()].concat();
        if tried.contains(&choice) {
            continue;
        }
        tried.push(choice);
        let Ok(Some(layout)) = layout_of(planner, bodies, id, choice) else { continue };
        // Bytes at the operator's step beyond its inputs and outputs.
        let added = layout.bytes.saturating_sub(linked_bytes(bodies.graph, &tensors));
        if best.as_ref().is_none_or(|(least, _)| added < *least) {
            best = Some((added, layout));
        }
        if added <= bound {
            break;
        }
    }
    best.map(|(_, layout)| layout)
}

/// The layout with these tensors below and above the scratch buffer; none if the bodies do not fit between them.
fn layout_of(
    planner: &Planner,
    bodies: &Bodies<'_>,
    id: OperatorId,
    (below, above): &Arrangement,
) -> Result<Option<LinkedLayout>> {
    let graph = bodies.graph;
    let tensors = [below.clone(), above.clone()].concat();
    if tensors.is_empty() {
        return Ok(None);
    }
    let all = LinkedBodies::new(planner, bodies, id, &tensors)?;
    let arena = |plans: &[Plan]| plans.iter().map(|plan| plan.arena_bytes).max().unwrap_or(0);
    let least = arena(&all.free).max(linked_bytes(graph, &tensors));
    let Some(end) = least.checked_next_multiple_of(bodies.alignment) else { return Ok(None) };
    let mut linked = Vec::new();
    let mut place = |tensors: &[TensorId], mut at: u64| {
        for &tensor in tensors {
            linked.push(LinkedTensor { tensor, at });
            at += graph.tensor(tensor).bytes();
        }
    };
    place(below, 0);
    place(above, end - linked_bytes(graph, above));
    let plans = all.at(planner, graph.operator(id), &linked)?;
    let used = arena(&plans);
    if !above.is_empty() && used > end {
        return Ok(None);
    }
    let (from, scratch_bytes) = scratch_between(&linked, |id| graph.tensor(id).bytes(), used);
    let bytes = if above.is_empty() { from + scratch_bytes } else { end };
    let block = Block { operator: id, below: below.clone(), scratch_bytes, above: above.clone() };
    Ok(Some(LinkedLayout { block, linked, plans, bytes }))
}

/// The plan with these layouts in the order of `best`, and the plans of all bodies; none if it is not smaller.
fn plan_with(
    planner: &Planner,
    bodies: &Bodies<'_>,
    layouts: &LinkedLayouts,
    best: &Plan,
) -> Result<Option<(Plan, Vec<BodyPlan>)>> {
    let blocks = layouts.blocks();
    let (with_blocks, scratch) = bodies.flat(|plan| plan.arena_bytes).with_blocks(&blocks)?;
    let mut plan = planner.plan_in_order(&with_blocks, &best.order)?;
    if plan.arena_bytes >= best.arena_bytes || plan.objects.is_some() {
        return Ok(None);
    }
    for (block, tensor) in blocks.iter().zip(scratch) {
        plan.scratch[block.operator.index()] = tensor.and_then(|tensor| plan.tensors[tensor.index()]);
    }
    plan.tensors.truncate(bodies.graph.tensors().len());
    // Bounds do not depend on the layouts.
    plan.lower_bound = best.lower_bound.clone();
    plan.bound_over_orders = best.bound_over_orders;
    plan.nodes = plan.nodes.saturating_add(best.nodes);
    plan.stop = plan.stop.max(best.stop);
    Ok(Some((plan, layouts.plans(&bodies.plans))))
}
