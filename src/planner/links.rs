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
//! step needs its inputs, its outputs, and `B - |P|` bytes of scratch, whatever the plan links. `B` may count the
//! tensors of `P` as disjoint.

mod disjoint;
mod layout;
mod pools;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::body_plans::Bodies;
use super::{Planner, checked};
use crate::error::Result;
use crate::graph::{BodyLink, Graph, Operator, Storage, TensorKind};
use crate::liveness::Liveness;
use crate::plan::{LinkedTensor, Plan, bodies_of};
use crate::problem::Status;
use crate::support::effort::Effort;
use crate::support::ids::{OperatorId, TensorId};
use crate::verify::provable_plan_bound;
use disjoint::disjoint_bytes;
pub(super) use layout::improve;
pub(super) use pools::place;

/// Maximum number of operators whose links a plan uses: those with the most bytes at their steps. Each needs
/// several plans of its bodies.
const MAX_OPERATORS: usize = 1024;

/// Maximum nesting depth of bodies in a graph whose plan uses links. Each level plans its bodies several times.
const MAX_NESTING: u32 = 3;

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
        if operators.is_empty() || !planner.links {
            return Self(HashMap::new());
        }
        let large = largest(planner, bodies, plan, &operators);
        let bound = |(id, linked): (OperatorId, Vec<TensorId>)| {
            let is_large = large.contains(&id);
            let linked_bytes = linked_bytes(bodies.graph, &linked);
            let body_bytes = if is_large {
                least_body(planner, bodies, id, &linked)
            } else {
                // Bodies without linked inputs do not need more than bodies with them.
                bodies_of(&bodies.plans, id).map(Plan::bound).max().unwrap_or(0)
            };
            (id, LinkedBound { scratch_bytes: body_bytes.saturating_sub(linked_bytes), is_large })
        };
        Self(operators.into_iter().map(bound).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bound of an operator whose links [`improve`] should try.
    fn to_improve(&self, operator: OperatorId) -> Option<u64> {
        let bound = self.0.get(&operator).filter(|bound| bound.is_large)?;
        Some(bound.scratch_bytes)
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
        let has_place = *tensor.storage() != Storage::Arena
            || tensor.alignment().is_some()
            || tensor.fixed_offset().is_some()
            || is_placed(*id);
        tensor.kind().is_activation()
            && tensor.bytes() > 0
            && tensor.bytes().is_multiple_of(alignment)
            && !has_place
    };
    let is_used = |id: &TensorId| {
        let links = || operator.links().iter().filter(|link| link.tensor == *id);
        let is_output = operator.outputs().contains(id);
        let is_usable = |link: &BodyLink| {
            let inner = operator.bodies()[link.body].tensor(link.inner);
            // A folded result has no bytes in the body.
            let is_folded = is_output && inner.kind() == TensorKind::Constant;
            inner.bytes() == graph.tensor(*id).bytes() && !is_folded
        };
        if !links().all(is_usable) {
            return false;
        }
        let bodies = links().count();
        if is_output {
            bodies == operator.bodies().len()
        } else {
            !graph.tensor(*id).is_needed_at_end() && !is_read_afterwards(graph, operator, *id)
        }
    };
    let mut tensors: Vec<TensorId> = operator.links().iter().map(|link| link.tensor).collect();
    tensors.sort_unstable();
    tensors.dedup();
    tensors.retain(|id| fits(id) && is_used(id));
    tensors
}

/// Returns true if an operator that reads an output of `operator` reads the tensor, too: in every order, it does so
/// later.
fn is_read_afterwards(graph: &Graph, operator: &Operator, tensor: TensorId) -> bool {
    let mut readers = graph.tensor(tensor).readers().iter().map(|reader| graph.operator(*reader));
    readers.any(|reader| reader.inputs().iter().any(|input| operator.outputs().contains(input)))
}

/// The operators with the most live bytes at their steps, at most [`MAX_OPERATORS`]; none if bodies nest too deep.
fn largest(
    planner: &Planner,
    bodies: &Bodies<'_>,
    plan: &Plan,
    operators: &[(OperatorId, Vec<TensorId>)],
) -> HashSet<OperatorId> {
    if bodies.graph.nesting() > MAX_NESTING {
        return HashSet::new();
    }
    let mut all: Vec<OperatorId> = operators.iter().map(|(id, _)| *id).collect();
    if all.len() <= MAX_OPERATORS {
        return all.into_iter().collect();
    }
    let flat = bodies.flat(|plan| plan.arena_bytes);
    let Ok(liveness) = Liveness::new(&flat, &plan.order, planner.alignment, planner.variables) else {
        return HashSet::new();
    };
    let bytes = liveness.live_bytes();
    let mut steps = vec![0; flat.operators().len()];
    for (step, id) in plan.order.iter().enumerate() {
        steps[id.index()] = step;
    }
    all.sort_by_key(|id| (std::cmp::Reverse(bytes[steps[id.index()]]), *id));
    all.into_iter().take(MAX_OPERATORS).collect()
}

/// A lower bound on the arena of an operator's bodies with linked inputs inside; 0 if they cannot be planned.
fn least_body(planner: &Planner, bodies: &Bodies<'_>, id: OperatorId, linked: &[TensorId]) -> u64 {
    let Ok(all) = LinkedBodies::new(planner, bodies, id, linked) else { return 0 };
    let links = bodies.graph.operator(id).links().iter();
    let links: Vec<&BodyLink> = links.filter(|link| linked.contains(&link.tensor)).collect();
    let bound = |(number, (graph, free)): (usize, (&Arc<Graph>, &Plan))| {
        let inner = links.iter().filter(|link| link.body == number).map(|link| link.inner);
        let inner: Vec<TensorId> = inner.collect();
        free.bound().max(disjoint_bytes(graph, &inner, planner.sharing))
    };
    all.graphs.iter().zip(&all.free).enumerate().map(bound).max().unwrap_or(0)
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
