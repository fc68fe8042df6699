//! Plans that start from the plan of an earlier version of the graph.
//!
//! Tensors and operators of the two versions are matched by name; of several with one name, the first matches the
//! first, the second the second, and so on. The order of the earlier plan carries over to the operators that both
//! versions have; each new operator runs as soon as its predecessors have run. Tensors that have the same size in
//! both versions are *unchanged*: they should, or must, keep their offsets.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use super::{Planner, checked};
use crate::error::{Error, Result};
use crate::graph::{Graph, Occupant, RelativePlacement};
use crate::plan::{Alias, Plan};
use crate::problem::Status;
use crate::schedule::ScheduleMode;
use crate::sharing::in_force;
use crate::support::effort::Effort;
use crate::support::ids::{OperatorId, TensorId};
use crate::support::offset_union_find::OffsetUnionFind;
use crate::verify::provable_plan_bound;

/// The use of the offsets of a previous plan.
///
/// Example: [`Planner::replan`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keep {
    /// Unchanged tensors keep their offsets if no smaller arena is found.
    #[default]
    Hint,
    /// Unchanged tensors keep their offsets.
    Demand,
}

/// A plan of an earlier version of a graph, as a start for a plan of this version.
///
/// Example: [`Planner::replan`].
#[derive(Clone, Debug)]
pub struct PreviousPlan {
    /// An order of this version of the graph.
    order: Vec<OperatorId>,
    /// By tensor: its earlier offset, if the tensor is unchanged.
    tensors: Vec<Option<u64>>,
    /// By operator: the earlier offset of its scratch buffer.
    scratch: Vec<Option<u64>>,
    /// Aliases between unchanged tensors: a tensor, another one, and the distance from its start.
    aliases: Vec<RelativePlacement>,
}

impl PreviousPlan {
    /// Matches the plan of an earlier version of a graph with the graph.
    ///
    /// O((operators + tensors + edges) log operators).
    #[must_use]
    pub fn new(earlier: &Graph, plan: &Plan, graph: &Graph) -> Self {
        let mut named = by_name(earlier.iter_tensors().map(|(id, tensor)| (tensor.name(), id)));
        let mut new_ids: HashMap<TensorId, TensorId> = HashMap::new();
        let tensors = graph.iter_tensors().map(|(id, tensor)| {
            let old = named.get_mut(tensor.name())?.pop_front()?;
            let placement = plan.placement(Occupant::Tensor(old))?;
            let is_unchanged = placement.bytes == tensor.bytes();
            new_ids.extend(is_unchanged.then_some((old, id)));
            is_unchanged.then_some(placement.offset)
        });
        let tensors = tensors.collect();
        let alias = |alias: &Alias| {
            let (tensor, of) = (*new_ids.get(&alias.tensor)?, *new_ids.get(&alias.of)?);
            Some(RelativePlacement { tensor, of, at: alias.at })
        };
        let aliases = plan.aliases.iter().filter_map(alias).collect();
        let mut named = by_name(earlier.iter_operators().map(|(id, operator)| (operator.name(), id)));
        let matched = |operator: &crate::graph::Operator| named.get_mut(operator.name())?.pop_front();
        let old: Vec<Option<OperatorId>> = graph.operators().iter().map(matched).collect();
        let scratch = old.iter().map(|old| Some(plan.placement(Occupant::Scratch((*old)?))?.offset));
        let scratch = scratch.collect();
        let positions: HashMap<OperatorId, u64> = plan.order.iter().copied().zip(0..).collect();
        let position = |old: &Option<OperatorId>| positions.get(&(*old)?).copied();
        let order = continued(graph, &old.iter().map(position).collect::<Vec<_>>());
        Self { order, tensors, scratch, aliases }
    }

    /// The earlier order, with new operators and without those that the graph does not have.
    #[must_use]
    pub fn order(&self) -> &[OperatorId] {
        &self.order
    }

    /// The earlier offset of an unchanged tensor, or of the scratch buffer of an operator.
    #[must_use]
    pub fn offset(&self, occupant: Occupant) -> Option<u64> {
        match occupant {
            Occupant::Tensor(id) => self.tensors.get(id.index()).copied().flatten(),
            Occupant::Scratch(id) => self.scratch.get(id.index()).copied().flatten(),
        }
    }
}

/// The ids of each name, in their order.
fn by_name<'g, Id>(named: impl Iterator<Item = (&'g str, Id)>) -> HashMap<&'g str, VecDeque<Id>> {
    let mut ids: HashMap<&str, VecDeque<Id>> = HashMap::new();
    for (name, id) in named {
        ids.entry(name).or_default().push_back(id);
    }
    ids
}

/// A valid order that follows the earlier positions of operators as far as dependencies allow. An operator without a
/// position follows its last predecessor.
fn continued(graph: &Graph, positions: &[Option<u64>]) -> Vec<OperatorId> {
    let count = graph.operators().len();
    let (mut after, mut missing) = (vec![Vec::new(); count], vec![0usize; count]);
    for (before, operator) in graph.dependencies() {
        after[before.index()].push(operator);
        missing[operator.index()] += 1;
    }
    let mut latest = vec![0u64; count];
    let mut ready = BinaryHeap::new();
    let runs = graph.program_order();
    for &id in runs.iter().filter(|id| missing[id.index()] == 0) {
        ready.push(Reverse((positions[id.index()].unwrap_or(0), id)));
    }
    let mut order = Vec::with_capacity(runs.len());
    while let Some(Reverse((position, id))) = ready.pop() {
        order.push(id);
        for &next in &after[id.index()] {
            latest[next.index()] = latest[next.index()].max(position);
            missing[next.index()] -= 1;
            if missing[next.index()] == 0 {
                let position = positions[next.index()].unwrap_or(latest[next.index()]);
                ready.push(Reverse((position, next)));
            }
        }
    }
    order
}

impl Planner {
    /// Plans a graph from the plan of an earlier version of it. With [`Keep::Hint`], the earlier order and the
    /// offsets of unchanged tensors are where the search starts; the result replaces them only by a smaller
    /// arena. With [`Keep::Demand`], unchanged tensors keep their offsets, and the bounds of the plan are those of
    /// all plans, whether they keep offsets or not.
    ///
    /// Deterministic: the previous plan is an input like others.
    ///
    /// ```
    /// use plimsoll::{Graph, Keep, Planner, PreviousPlan, TensorSpec};
    ///
    /// let mut net = Graph::builder("net");
    /// let (x, y) = (net.input("x", TensorSpec::bytes(64)), net.tensor("y", TensorSpec::bytes(48)));
    /// net.operator("conv").reads([x]).writes([y]);
    /// net.output(y);
    /// let graph = net.build()?;
    /// let planner = Planner::new();
    /// let plan = planner.plan(&graph)?;
    ///
    /// let mut copy = graph.edit();
    /// let mask = copy.tensor("mask", TensorSpec::bytes(16));
    /// copy.operator("compare").reads([y]).writes([mask]);
    /// copy.output(mask);
    /// let edited = copy.build()?;
    /// let previous = PreviousPlan::new(&graph, &plan, &edited);
    /// let next = planner.replan(&edited, &previous, Keep::Demand)?;
    /// assert_eq!((next.offset(x), next.offset(y)), (plan.offset(x), plan.offset(y)));
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`plan`](Self::plan); [`Error::NotKept`] if unchanged tensors cannot all keep their offsets in the earlier
    /// order or in program order: two of them are now live at once, or an alignment, a reserved range or a fixed tensor
    /// is in the way.
    pub fn replan(&self, graph: &Graph, previous: &PreviousPlan, keep: Keep) -> Result<Plan> {
        let planner = Self { previous: Some(Arc::new(previous.clone())), ..self.clone() };
        match keep {
            Keep::Hint => planner.plan(graph),
            Keep::Demand => planner.plan_at(graph, previous),
        }
    }

    /// Plans a graph with all unchanged tensors at their previous offsets.
    fn plan_at(&self, graph: &Graph, previous: &PreviousPlan) -> Result<Plan> {
        graph.check_one_arena()?;
        let kept: Vec<(TensorId, u64)> = graph
            .iter_tensors()
            .filter(|(_, tensor)| tensor.is_planned(self.variables) && tensor.bytes() > 0)
            .filter(|(_, tensor)| tensor.fixed_offset().is_none())
            .filter_map(|(id, _)| Some((id, previous.offset(Occupant::Tensor(id))?)))
            .collect();
        let is_program = self.schedule_mode == ScheduleMode::Program;
        let order = if is_program { graph.program_order() } else { previous.order() };
        let held = self.held(graph, previous, &kept);
        let in_order = |held: &Graph| match self.plan_in_order(held, order) {
            // The graph may depend on constraints that only another order satisfies.
            Err(error) if !is_program && !matches!(error, Error::Cancelled) => {
                self.plan_in_order(held, graph.program_order()).map_err(|_| error)
            }
            planned => planned,
        };
        let planned = held.and_then(|held| Ok((in_order(&held)?, held)));
        let (mut best, held) = match planned {
            Ok(planned) => planned,
            Err(error @ Error::Cancelled) => return Err(error),
            Err(error) => return Err(self.first_not_kept(graph, (order, previous), &kept, error)),
        };
        let is_open = best.arena_bytes > best.bound() || best.bound_over_orders.is_none();
        if is_open && !is_program {
            let rest = self.with_limits(self.limits.clone().less(best.nodes).without_progress());
            // In another order, the kept tensors may be in each other's way.
            if let Ok(other) = rest.plan(&held)
                && other.arena_bytes < best.arena_bytes
            {
                let nodes = best.nodes.saturating_add(other.nodes);
                best = Plan { nodes, ..other };
            }
        }
        if let Some(&(id, offset)) = kept.iter().find(|&&(id, offset)| best.offset(id) != Some(offset)) {
            let reason = "the tensors at a fixed distance from it must be elsewhere";
            return Err(Error::NotKept { tensor: graph.named_tensor(id), offset, reason: reason.to_owned() });
        }
        self.with_free_bounds(graph, best)
    }

    /// The graph with unchanged tensors where they must be. Tensors that had an alias and may have it again are at a
    /// fixed distance from each other, as two fixed tensors must not overlap.
    fn held(&self, graph: &Graph, previous: &PreviousPlan, kept: &[(TensorId, u64)]) -> Result<Graph> {
        let is_kept = |id: TensorId| kept.binary_search_by_key(&id, |(kept, _)| *kept).is_ok();
        let may_share = |tied: &RelativePlacement| {
            let tensors = [tied.tensor, tied.of];
            let operators = tensors.iter().filter_map(|&id| graph.tensor(id).producer());
            let mut permits = operators.flat_map(|id| graph.operator(id).permits());
            permits.any(|permit| {
                let ends = [permit.input(), permit.output()];
                in_force(graph, permit, self.sharing) && tensors.iter().all(|id| ends.contains(id))
            })
        };
        let mut groups = OffsetUnionFind::new(graph.tensors().len());
        let mut tied: Vec<RelativePlacement> = graph.relative_placements().to_vec();
        let aliases = previous.aliases.iter().filter(|alias| is_kept(alias.tensor) && is_kept(alias.of));
        tied.extend(aliases.filter(|alias| may_share(alias)));
        for placement in &tied {
            groups.tie(placement.tensor, placement.of, placement.at);
        }
        // One tensor of each group is fixed.
        let mut is_fixed = vec![false; graph.tensors().len()];
        let is_first =
            |&(id, _): &(TensorId, u64)| !std::mem::replace(&mut is_fixed[groups.find(id.index()).0], true);
        let fixed: Vec<(TensorId, u64)> = kept.iter().copied().filter(is_first).collect();
        graph.held_at(fixed, &tied[graph.relative_placements().len()..])
    }

    /// A planner with the same settings that searches nothing and starts from no plan.
    fn without_search(&self) -> Self {
        let limits = self.limits.clone().nodes(0).without_progress();
        Self { previous: None, ..self.with_limits(limits) }.effort(Effort::Quick)
    }

    /// Replaces the bounds of a plan with fixed offsets by those of plans without.
    fn with_free_bounds(&self, graph: &Graph, mut plan: Plan) -> Result<Plan> {
        let quick = self.without_search();
        plan.lower_bound = quick.plan_in_order(graph, &plan.order)?.lower_bound;
        plan.bound_over_orders = if self.schedule_mode == ScheduleMode::Program {
            None
        } else {
            quick.plan(graph)?.bound_over_orders
        };
        if let Some(over_orders) = plan.bound_over_orders {
            plan.lower_bound.bytes = plan.lower_bound.bytes.max(over_orders);
        }
        plan.lower_bound.certified = plan.lower_bound.certified.min(provable_plan_bound(graph, &plan));
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        checked(self, graph, plan)
    }

    /// The error for the first tensor, by id, that cannot keep its offset together with those before it. A graph that
    /// has no plan even if no tensor keeps its offset gets its own error.
    fn first_not_kept(
        &self,
        graph: &Graph,
        (order, previous): (&[OperatorId], &PreviousPlan),
        kept: &[(TensorId, u64)],
        mut reason: Error,
    ) -> Error {
        let quick = self.without_search();
        let keep_first = |count: usize| {
            let held = quick.held(graph, previous, &kept[..count])?;
            quick.plan_in_order(&held, order).map(|_| ())
        };
        if let Err(error) = keep_first(0) {
            return error;
        }
        // The first `low` tensors can keep their offsets, the first `high` cannot.
        let (mut low, mut high) = (0, kept.len() + 1);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match keep_first(middle) {
                Ok(()) => low = middle,
                Err(Error::Cancelled) => return Error::Cancelled,
                Err(error) => (high, reason) = (middle, error),
            }
        }
        match kept.get(low) {
            Some(&(id, offset)) => {
                let tensor = graph.named_tensor(id);
                Error::NotKept { tensor, offset, reason: reason.to_string() }
            }
            None => reason,
        }
    }
}
