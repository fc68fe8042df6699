//! Aliases and offsets for one order: a candidate of the pipeline.

use super::Planner;
use super::shared::{Aliases, OrderPlanner};
use crate::allocate::{Allocation, PackingEffort, Strategy, allocate_around};
use crate::error::Result;
use crate::graph::{Graph, Tensor, TensorKind};
use crate::liveness::Liveness;
use crate::plan::{Plan, PlanBound};
use crate::problem::{LowerBound, Problem, Status, bound_of_cells, bound_of_load, lower_bound};
use crate::schedule::Scheduler;
use crate::sharing::concerns;
use crate::support::effort::Effort;
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::Limits;
use crate::support::sorting::unique;

/// Above this number of tensors and scratch buffers, [`Effort::Default`] tries as few candidates as
/// [`Effort::Quick`], and both try one choice of aliases for each.
const MOST_AT_DEFAULT_EFFORT: usize = 50_000;

/// Above this number of tensors and scratch buffers, a plan with quick packing tries one choice of
/// aliases, and only the plans with full packing try all of them.
const MOST_WITH_ALL_CHOICES: usize = 20_000;

/// How rigid groups of tensors are packed.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    /// By their bounding rectangles, with the fewest aliases: fast.
    FirstFrames,
    /// By their bounding rectangles, with the most aliases.
    MostFrames,
    /// By their bounding rectangles.
    Frames,
    /// By their shapes, if the bounding rectangles stay above the bound.
    Shapes(PackingEffort),
    /// By their shapes, with the most aliases and little effort.
    Draft,
}

/// An operator order with its live ranges and the resulting problem.
pub(super) struct Evaluation<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    scheduler: &'a Scheduler<'a>,
    order: &'a [OperatorId],
    liveness: Liveness,
    /// The problem without sharing, with the planner's capacity and reserved ranges.
    problem: Problem,
    over_orders: Option<u64>,
}

impl<'a> Evaluation<'a> {
    /// Computes liveness. O(operators + edges + n log n) for n buffers.
    ///
    /// # Errors
    /// Errors of [`Liveness::new`] about the order, sizes, alignments and fixed offsets.
    pub(super) fn new(
        planner: &'a Planner,
        scheduler: &'a Scheduler<'a>,
        order: &'a [OperatorId],
        over_orders: Option<u64>,
    ) -> Result<Self> {
        let graph = scheduler.graph();
        planner.limits.check_cancelled()?;
        let liveness = Liveness::new(graph, order, planner.alignment, planner.variables)?;
        planner.limits.check_cancelled()?;
        let mut problem = planner.equipped(liveness.problem())?;
        if let Some(previous) = &planner.previous {
            problem =
                problem.with_hints(liveness.occupants().iter().map(|&occupant| previous.offset(occupant)));
        }
        Ok(Self { planner, graph, scheduler, order, liveness, problem, over_orders })
    }

    /// Returns true if the evaluation is for this order.
    pub(super) fn has_order(&self, order: &[OperatorId]) -> bool {
        self.order == order
    }

    /// Sets the lower bound over all orders for further plans.
    pub(super) fn bound_over_orders(&mut self, bytes: Option<u64>) {
        self.over_orders = bytes;
    }

    /// Number of tensors and scratch buffers in the arena.
    pub(super) fn len(&self) -> usize {
        self.problem.buffers().len()
    }

    /// Returns true if the graph is so large that the pipeline tries few candidates.
    pub(super) fn is_large(&self) -> bool {
        self.planner.effort != Effort::Thorough && self.len() > MOST_AT_DEFAULT_EFFORT
    }

    /// Returns true if a plan with full packing follows, so that one choice of aliases is enough to
    /// compare orders of a graph of this size.
    fn is_draft(&self, effort: PackingEffort) -> bool {
        let is_followed = self.planner.packing_effort() != effort && self.planner.effort != Effort::Thorough;
        is_followed && self.len() > MOST_WITH_ALL_CHOICES
    }

    /// Lower bound on the arena that follows from a load in bytes.
    pub(super) fn bound_of(&self, load: u64) -> u64 {
        bound_of_load(&self.problem, load)
    }

    /// The best plan of this order by the strategy, not verified.
    ///
    /// # Errors
    /// Errors of the strategy; [`Error::Constraint`](crate::Error::Constraint).
    pub(super) fn plan(&self, strategy: &dyn Strategy, packing: Packing, limits: &Limits) -> Result<Plan> {
        if !concerns(self.graph, self.planner.sharing) {
            return self.plain(strategy, limits);
        }
        let common =
            OrderPlanner::new(self.planner, self.scheduler, self.order, &self.liveness, self.over_orders)?;
        let (aliases, effort) = match packing {
            Packing::FirstFrames => (Aliases::Fewest, None),
            Packing::Draft => (Aliases::Most, Some(PackingEffort::QUICK)),
            Packing::MostFrames => (Aliases::Most, None),
            Packing::Frames if self.is_large() => (Aliases::Most, None),
            Packing::Frames => (Aliases::All, None),
            Packing::Shapes(effort) if self.is_large() || self.is_draft(effort) => {
                (Aliases::Most, Some(effort))
            }
            Packing::Shapes(effort) => (Aliases::All, Some(effort)),
        };
        common.plan(strategy, aliases, effort, limits)
    }

    fn plain(&self, strategy: &dyn Strategy, limits: &Limits) -> Result<Plan> {
        let Allocation { offsets, objects, nodes, stop, proven } =
            allocate_around(&self.problem, strategy, limits)?;
        let bound = lower_bound(&self.problem);
        let mut plan = self.planner.placed(self.graph, self.order, &self.liveness, offsets);
        plan.reserved = self.problem.reserved().to_vec();
        plan.lower_bound = self.bound_in_graph_terms(&bound);
        plan.lower_bound.bytes = bound.bytes.max(proven);
        plan.bound_over_orders = self.over_orders.map(|over| over.min(plan.lower_bound.bytes));
        if let Some(objects) = objects {
            plan.set_objects(&objects, self.liveness.occupants());
        }
        strategy.name().clone_into(&mut plan.strategy);
        plan.status = Status::of(plan.arena_bytes, plan.bound(), plan.capacity);
        (plan.nodes, plan.stop) = (nodes, stop);
        Ok(plan)
    }

    fn bound_in_graph_terms(&self, bound: &LowerBound) -> PlanBound {
        let causes = bound.buffers.iter().map(|id| self.liveness.occupants()[id.index()]);
        let LowerBound { bytes, certified, step, .. } = *bound;
        PlanBound { bytes, certified, step, causes: causes.collect() }
    }

    /// Lower bound on the arena over all orders: the largest working set of an operator, stacked at
    /// the alignments of its tensors. 0 if tensors may share memory.
    ///
    /// Sound because inputs, outputs and scratch of an operator, and all variables, are live at its
    /// step in every order. For each alignment `a`, buffers aligned to `a` or more occupy whole
    /// multiples of `a`, except the topmost one. O(k (operators + edges)) for k alignments.
    pub(super) fn working_set_bound(&self) -> u64 {
        if concerns(self.graph, self.planner.sharing) {
            return 0;
        }
        let cells = self.cells();
        let is_variable = |id: &TensorId| self.graph.tensor(*id).kind() == TensorKind::Variable;
        let variables = self.sizes(self.graph.tensor_ids().filter(is_variable));
        let always: Vec<Stack> = cells.iter().map(|&cell| Stack::default().with(&variables, cell)).collect();
        let height = |&id: &OperatorId| {
            let set = self.working_set(id);
            let heights = always
                .iter()
                .zip(&cells)
                .map(|(always, &cell)| always.with(&set, cell).bound(&self.problem, cell));
            heights.max().unwrap_or(0)
        };
        let bound = self.graph.program_order().iter().map(height).max().unwrap_or(0);
        bound.max(self.bound_of(0))
    }

    /// All alignments in use, ascending.
    fn cells(&self) -> Vec<u64> {
        let own = self.graph.tensors().iter().filter_map(Tensor::alignment);
        let default = self.planner.alignment;
        let scratch = self.graph.operators().iter().map(|operator| operator.scratch_alignment(default));
        unique(own.chain(scratch).chain([default]))
    }

    /// Size and alignment of the tensors and the scratch that are live at the step of the operator in
    /// every order, without variables.
    fn working_set(&self, id: OperatorId) -> Vec<(u64, u64)> {
        let operator = self.graph.operator(id);
        let mut tensors = unique(operator.inputs().iter().chain(operator.outputs()).copied());
        tensors.retain(|&id| self.graph.tensor(id).kind() != TensorKind::Variable);
        let mut set = self.sizes(tensors.into_iter());
        set.push((operator.scratch_bytes(), operator.scratch_alignment(self.planner.alignment)));
        set
    }

    /// Size and alignment of tensors in the arena.
    fn sizes(&self, tensors: impl Iterator<Item = TensorId>) -> Vec<(u64, u64)> {
        let is_in_arena = |id: &TensorId| self.graph.tensor(*id).is_planned(self.planner.variables);
        let default = self.planner.alignment;
        let of_tensor = |id: TensorId| {
            let tensor = self.graph.tensor(id);
            (tensor.bytes(), tensor.alignment().unwrap_or(default))
        };
        tensors.filter(is_in_arena).map(of_tensor).collect()
    }
}

/// Buffers stacked in cells of one size.
#[derive(Clone, Copy, Default)]
struct Stack {
    /// Bytes of all cells.
    bytes: u64,
    /// The most that is free in the last cell of anything: that may be the topmost.
    padding: u64,
}

impl Stack {
    /// With those of these sizes that are aligned to the cell or more.
    fn with(self, set: &[(u64, u64)], cell: u64) -> Self {
        let own = set.iter().filter(|one| one.1 >= cell && one.0 > 0);
        own.fold(self, |Self { bytes, padding }, &(size, _)| {
            let padded = size.next_multiple_of(cell);
            Self { bytes: bytes + padded, padding: padding.max(padded - size) }
        })
    }

    fn bound(self, problem: &Problem, cell: u64) -> u64 {
        bound_of_cells(problem, self.bytes, self.padding, cell)
    }
}

#[cfg(test)]
mod tests {
    use super::Stack;
    use crate::problem::Problem;

    fn stacked(set: &[(u64, u64)], problem: &Problem) -> u64 {
        let bound = |cell: u64| Stack::default().with(set, cell).bound(problem, cell);
        [1, 16, 64].map(bound).into_iter().max().unwrap()
    }

    #[test]
    fn working_sets_are_stacked_in_cells() {
        let free = Problem::new(Vec::new()).unwrap();
        assert_eq!(stacked(&[(10, 16), (10, 16)], &free), 26);
        // The small one of alignment 1 lies above or below.
        assert_eq!(stacked(&[(10, 16), (10, 16), (3, 1)], &free), 26);
        assert_eq!(stacked(&[(10, 16), (10, 16), (30, 1)], &free), 50);
        assert_eq!(stacked(&[], &free), 0);
    }

    #[test]
    fn padding_may_lie_in_a_reserved_range() {
        let reserved = |range| Problem::new(Vec::new()).unwrap().with_reserved([range]).unwrap();
        let set = [(31, 64), (6, 64), (29, 64), (5, 64)];
        assert_eq!(stacked(&set, &reserved(149..186)), 197);
        // A range that covers a cell raises the stack by the cell.
        assert_eq!(stacked(&set, &reserved(120..200)), 261);
    }
}
