//! Inputs and outputs of operators inside the memory of the bodies.
//!
//! A plan without links keeps the inputs, the outputs and the bodies of an operator in separate bytes. A link
//! allows less: a tensor of a body and an input or output of the operator are the same bytes, so the body
//! may overwrite an input after its last read, and use the bytes of an output before it writes the result.
//! All bodies of an operator then agree on one offset for each linked tensor.
//!
//! The linked tensors and the scratch buffer between them form a block of the arena: inputs and outputs at
//! either end of the bodies' memory, each in full. In the graph without bodies the parts of a block are
//! tensors at fixed distances that are all live at the operator's step. So liveness, packing, aliases of
//! other tensors and reports need not know of links.
//!
//! *Bound*: let `P` be the inputs and outputs that some plan may link, `|P|` their bytes, and `B` a bound on the
//! arena of a body with the inputs of `P` inside. If a plan links `L`, a subset of `P`, the body needs at least
//! `B - |P| + |L|` bytes: tensors of `P` that are not in `L` fit above an arena of the body. So the operator's
//! step needs its inputs, its outputs, and `B - |P|` bytes of scratch, whatever the plan links.

use std::collections::HashMap;
use std::sync::Arc;

use super::bodies::Bodies;
use super::{Planner, checked};
use crate::error::Result;
use crate::graph::{Block, BodyLink, Graph, Operator};
use crate::liveness::Liveness;
use crate::plan::{BodyPlan, LinkedTensor, Plan, bodies_of, scratch_between};
use crate::problem::Status;
use crate::support::effort::Effort;
use crate::support::ids::{OperatorId, TensorId};
use crate::verify::provable_plan_bound;

/// Maximum number of operators whose links a plan uses: those with the most bytes at their steps. Each needs
/// several plans of its bodies.
const MAX_OPERATORS: usize = 64;

/// Maximum nesting depth of bodies in a graph whose plan uses links. Each level plans its bodies several times.
const MAX_NESTING: u32 = 2;

/// Lower bounds on the scratch of operators with links.
pub(super) struct LinkedBounds(HashMap<OperatorId, LinkedBound>);

struct LinkedBound {
    scratch_bytes: u64,
    /// True if [`improve`] should try to link.
    is_large: bool,
}

impl LinkedBounds {
    /// Bounds of all operators that have links which some plan may use.
    pub(super) fn new(planner: &Planner, bodies: &Bodies<'_>, plan: &Plan) -> Self {
        let mut operators: Vec<(OperatorId, Vec<TensorId>)> = Vec::new();
        for (id, operator) in bodies.graph.operators_with_bodies() {
            let linked = linkable(bodies.graph, operator, bodies.alignment);
            if !linked.is_empty() {
                operators.push((id, linked));
            }
        }
        if operators.is_empty() {
            return Self(HashMap::new());
        }
        let large = largest(planner, bodies, plan, &operators);
        let bound = |(id, linked): (OperatorId, Vec<TensorId>)| {
            let is_large = large.contains(&id);
            let linked_bytes = linked_bytes(bodies.graph, &linked);
            let body_bytes = match is_large {
                true => least_body(planner, bodies, id, &linked),
                // Bodies without linked inputs do not need more than bodies with them.
                false => bodies_of(&bodies.plans, id).map(Plan::bound).max().unwrap_or(0),
            };
            (id, LinkedBound { scratch_bytes: body_bytes.saturating_sub(linked_bytes), is_large })
        };
        Self(operators.into_iter().map(bound).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bound of an operator that has links.
    pub(super) fn scratch_bytes(&self, operator: OperatorId) -> Option<u64> {
        Some(self.0.get(&operator)?.scratch_bytes)
    }
}

/// Inputs and outputs of an operator that some plan may link. Sizes are multiples of the alignment, so that the
/// parts of a block leave no gaps.
fn linkable(graph: &Graph, operator: &Operator, alignment: u64) -> Vec<TensorId> {
    if operator.scratch_bytes() > 0 || operator.scratch_alignment(alignment) != alignment {
        return Vec::new();
    }
    let is_placed = |id: TensorId| {
        graph.relative_placements().iter().any(|placement| placement.tensor == id || placement.of == id)
    };
    let fits = |id: &TensorId| {
        let tensor = graph.tensor(*id);
        let has_place = tensor.alignment().is_some() || tensor.fixed_offset().is_some() || is_placed(*id);
        tensor.kind().is_activation() && tensor.bytes() > 0 && tensor.bytes() % alignment == 0 && !has_place
    };
    let is_used = |id: &TensorId| {
        let links = || operator.links().iter().filter(|link| link.tensor == *id);
        let inner = |link: &BodyLink| operator.bodies()[link.body].tensor(link.inner).bytes();
        if links().any(|link| inner(link) != graph.tensor(*id).bytes()) {
            return false;
        }
        let bodies = links().count();
        match operator.outputs().contains(id) {
            true => bodies == operator.bodies().len(),
            false => !graph.tensor(*id).is_output(),
        }
    };
    let mut tensors: Vec<TensorId> = operator.links().iter().map(|link| link.tensor).collect();
    tensors.sort_unstable();
    tensors.dedup();
    tensors.retain(|id| fits(id) && is_used(id));
    tensors
}

/// The operators with the most live bytes at their steps, at most [`MAX_OPERATORS`]; none if bodies nest too deep.
fn largest(
    planner: &Planner,
    bodies: &Bodies<'_>,
    plan: &Plan,
    operators: &[(OperatorId, Vec<TensorId>)],
) -> Vec<OperatorId> {
    if bodies.graph.nesting() > MAX_NESTING {
        return Vec::new();
    }
    let mut all: Vec<OperatorId> = operators.iter().map(|(id, _)| *id).collect();
    if all.len() <= MAX_OPERATORS {
        return all;
    }
    let flat = bodies.flat(|plan| plan.arena_bytes);
    let Ok(liveness) = Liveness::new(&flat, &plan.order, planner.alignment, planner.variables) else {
        return Vec::new();
    };
    let bytes = liveness.live_bytes();
    let mut steps = vec![0; flat.operators().len()];
    for (step, id) in plan.order.iter().enumerate() {
        steps[id.index()] = step;
    }
    all.sort_by_key(|id| (std::cmp::Reverse(bytes[steps[id.index()]]), *id));
    all.truncate(MAX_OPERATORS);
    all
}

/// A lower bound on the arena of an operator's bodies with linked inputs inside; 0 if they cannot be planned.
fn least_body(planner: &Planner, bodies: &Bodies<'_>, id: OperatorId, linked: &[TensorId]) -> u64 {
    let plans = LinkedBodies::new(planner, bodies, id, linked);
    plans.map_or(0, |all| all.free.iter().map(Plan::bound).max().unwrap_or(0))
}

fn linked_bytes(graph: &Graph, tensors: &[TensorId]) -> u64 {
    tensors.iter().map(|&id| graph.tensor(id).bytes()).fold(0, u64::saturating_add)
}

/// The bodies of an operator with linked inputs inside, and their plans without fixed offsets.
struct LinkedBodies {
    graphs: Vec<Arc<Graph>>,
    free: Vec<Plan>,
}

impl LinkedBodies {
    fn new(planner: &Planner, bodies: &Bodies<'_>, id: OperatorId, linked: &[TensorId]) -> Result<Self> {
        let operator = bodies.graph.operator(id);
        let (mut graphs, mut free) = (Vec::new(), Vec::new());
        for (number, body) in operator.bodies().iter().enumerate() {
            let graph = operator.linked_body(number, linked).unwrap_or_else(|| Arc::clone(body));
            let plan = match bodies_of(&bodies.plans, id).nth(number) {
                // Links of outputs do not change the body.
                Some(known) if Arc::ptr_eq(&graph, body) => known.clone(),
                _ => planner.for_body(0).plan(&graph)?,
            };
            graphs.push(graph);
            free.push(plan);
        }
        Ok(Self { graphs, free })
    }

    /// Plans of the bodies with linked tensors at these offsets.
    fn at(&self, planner: &Planner, operator: &Operator, linked: &[LinkedTensor]) -> Result<Vec<Plan>> {
        let mut plans = Vec::new();
        for (number, (graph, free)) in self.graphs.iter().zip(&self.free).enumerate() {
            let of_body = operator.links().iter().filter(|link| link.body == number);
            let offset = |id: TensorId| Some(linked.iter().find(|linked| linked.tensor == id)?.at);
            let offsets = of_body.filter_map(|link| Some((link.inner, offset(link.tensor)?)));
            let planner = planner.for_body(0);
            let mut plan = planner.plan(&graph.fixed_at(offsets))?;
            // Fixed offsets raise bounds, but other plans may choose other offsets.
            let quick = planner.with_limits(planner.limits.clone().nodes(0)).effort(Effort::Quick);
            plan.lower_bound = quick.plan_in_order(graph, &plan.order)?.lower_bound;
            plan.bound_over_orders = free.bound_over_orders;
            if let Some(over_orders) = plan.bound_over_orders {
                plan.lower_bound.bytes = plan.lower_bound.bytes.max(over_orders);
            }
            plan.lower_bound.certified = plan.lower_bound.certified.min(provable_plan_bound(graph, &plan));
            plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
            plans.push(checked(&planner, graph, plan)?);
        }
        Ok(plans)
    }
}

/// The plans of an operator's bodies with linked tensors at the ends of their memory.
struct LinkedLayout {
    block: Block,
    linked: Vec<LinkedTensor>,
    plans: Vec<Plan>,
    /// Bytes of the block.
    bytes: u64,
}

/// Replaces a plan by one that uses links, if that needs less memory. Any failure leaves the plan as it is.
pub(super) fn improve(planner: &Planner, bodies: &mut Bodies<'_>, bounds: &LinkedBounds, best: &mut Plan) {
    if best.objects.is_some() {
        return;
    }
    let steps = last_steps(bodies.graph, &best.order);
    let mut layouts = Vec::new();
    for &id in &best.order {
        let Some(bound) = bounds.0.get(&id).filter(|bound| bound.is_large) else { continue };
        layouts.extend(best_layout(planner, bodies, id, &steps, (bound.scratch_bytes, best)));
    }
    if layouts.is_empty() {
        return;
    }
    if let Ok(Some((plan, plans))) = plan_with(planner, bodies, &layouts, best) {
        *best = plan;
        bodies.plans = plans;
    }
}

/// By tensor: the operator that reads it last.
fn last_steps(graph: &Graph, order: &[OperatorId]) -> Vec<Option<OperatorId>> {
    let mut last = vec![None; graph.tensors().len()];
    for &id in order {
        for input in graph.operator(id).inputs() {
            last[input.index()] = Some(id);
        }
    }
    last
}

/// The layout of an operator's linked tensors that needs the fewest bytes.
fn best_layout(
    planner: &Planner,
    bodies: &Bodies<'_>,
    id: OperatorId,
    last: &[Option<OperatorId>],
    (least, plan): (u64, &Plan),
) -> Option<LinkedLayout> {
    let operator = bodies.graph.operator(id);
    let is_shared = |id: &TensorId| plan.shares.iter().any(|share| share.tensor == *id || share.of == *id);
    let mut linked = linkable(bodies.graph, operator, bodies.alignment);
    linked.retain(|tensor| !is_shared(tensor));
    let is_output = |tensor: &TensorId| operator.outputs().contains(tensor);
    let (outputs, mut inputs): (Vec<_>, Vec<_>) = linked.into_iter().partition(is_output);
    inputs.retain(|tensor| last[tensor.index()] == Some(id));
    let both = [inputs.clone(), outputs.clone()].concat();
    let choices = [
        (inputs.clone(), outputs.clone()),
        (outputs.clone(), inputs.clone()),
        (outputs, Vec::new()),
        (inputs, Vec::new()),
        (both, Vec::new()),
    ];
    let mut best: Option<(u64, LinkedLayout)> = None;
    let mut tried: Vec<&(Vec<TensorId>, Vec<TensorId>)> = Vec::new();
    for choice in &choices {
        let tensors = [choice.0.clone(), choice.1.clone()].concat();
        if tensors.is_empty() || tried.contains(&choice) {
            continue;
        }
        tried.push(choice);
        let Ok(Some(layout)) = layout_of(planner, bodies, id, choice) else { continue };
        // Bytes at the operator's step beyond its inputs and outputs.
        let added = layout.bytes.saturating_sub(linked_bytes(bodies.graph, &tensors));
        if best.as_ref().is_none_or(|(least, _)| added < *least) {
            best = Some((added, layout));
        }
        if added <= least {
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
    (below, above): &(Vec<TensorId>, Vec<TensorId>),
) -> Result<Option<LinkedLayout>> {
    let graph = bodies.graph;
    let tensors = [below.clone(), above.clone()].concat();
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
    let bytes = from + scratch_bytes + linked_bytes(graph, above);
    let block = Block { operator: id, below: below.clone(), scratch_bytes, above: above.clone() };
    Ok(Some(LinkedLayout { block, linked, plans, bytes }))
}

/// The plan with these layouts in the order of `best`, and the plans of all bodies; none if it is not smaller.
fn plan_with(
    planner: &Planner,
    bodies: &Bodies<'_>,
    layouts: &[LinkedLayout],
    best: &Plan,
) -> Result<Option<(Plan, Vec<BodyPlan>)>> {
    let blocks: Vec<Block> = layouts.iter().map(|layout| layout.block.clone()).collect();
    let (with_blocks, scratch) = bodies.flat(|plan| plan.arena_bytes).with_blocks(&blocks)?;
    let mut plan = planner.plan_in_order(&with_blocks, &best.order)?;
    if plan.arena_bytes >= best.arena_bytes || plan.objects.is_some() {
        return Ok(None);
    }
    for (layout, tensor) in layouts.iter().zip(scratch) {
        let place = tensor.and_then(|tensor| plan.tensors[tensor.index()]);
        plan.scratch[layout.block.operator.index()] = place;
    }
    plan.tensors.truncate(bodies.graph.tensors().len());
    // Bounds do not depend on the layouts.
    plan.lower_bound = best.lower_bound.clone();
    plan.bound_over_orders = best.bound_over_orders;
    plan.nodes = plan.nodes.saturating_add(best.nodes);
    plan.stop = plan.stop.max(best.stop);
    let of_operator: HashMap<OperatorId, &LinkedLayout> =
        layouts.iter().map(|layout| (layout.block.operator, layout)).collect();
    let planned = |body: &BodyPlan| match of_operator.get(&body.operator) {
        Some(layout) => {
            BodyPlan { plan: layout.plans[body.body].clone(), linked: layout.linked.clone(), ..body.clone() }
        }
        None => body.clone(),
    };
    Ok(Some((plan, bodies.plans.iter().map(planned).collect())))
}
