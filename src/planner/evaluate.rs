//! Aliases and offsets for one order: a candidate of the pipeline.

use super::shared::{Aliases, Order};
use super::{Planner, objects_in_graph_terms};
use crate::allocate::{Allocation, PackingEffort, Strategy, allocate_around};
use crate::bound::{LowerBound, bound_of_load, lower_bound};
use crate::error::Result;
use crate::graph::{Graph, TensorKind};
use crate::ids::{OperatorId, TensorId};
use crate::limits::Limits;
use crate::liveness::Liveness;
use crate::occupant::Variables;
use crate::plan::{Plan, PlanBound, Status};
use crate::problem::Problem;
use crate::sharing::concerns;

/// How groups of tensors that move as one are packed.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    /// As rectangles around them, with the least sharing: fast.
    FirstFrames,
    /// As rectangles around them.
    Frames,
    /// As what they are, where the rectangles are above the bound.
    Shapes(PackingEffort),
}

/// An order of a graph, with what is live when.
pub(super) struct Evaluation<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    order: &'a [OperatorId],
    liveness: Liveness,
    /// The tensors as they are without sharing, with the planner's capacity and reserved ranges.
    problem: Problem,
    over_orders: Option<u64>,
}

impl<'a> Evaluation<'a> {
    /// O((operators + edges) + n log n).
    ///
    /// # Errors
    /// What [`Liveness::new`] says of the order, sizes, alignments and fixed offsets.
    pub(super) fn new(
        planner: &'a Planner,
        graph: &'a Graph,
        order: &'a [OperatorId],
        over_orders: Option<u64>,
    ) -> Result<Self> {
        let liveness = Liveness::new(graph, order, planner.alignment, planner.variables)?;
        let problem = planner.equipped(liveness.problem())?;
        Ok(Self { planner, graph, order, liveness, problem, over_orders })
    }

    /// How many tensors and workspaces are in the arena.
    pub(super) fn len(&self) -> usize {
        self.problem.buffers().len()
    }

    /// A load in bytes as a bound on the arena.
    pub(super) fn bound_of(&self, load: u64) -> u64 {
        bound_of_load(&self.problem, load)
    }

    /// The best plan of this order by this strategy, not verified.
    ///
    /// # Errors
    /// What the strategy says; [`Error::Constraint`](crate::Error::Constraint).
    pub(super) fn plan(&self, strategy: &dyn Strategy, packing: Packing, limits: &Limits) -> Result<Plan> {
        if !concerns(self.graph, self.planner.sharing) {
            return self.plain(strategy, limits);
        }
        let common = Order::new(self.planner, self.graph, self.order, &self.liveness, self.over_orders)?;
        let (aliases, effort) = match packing {
            Packing::FirstFrames => (Aliases::Fewest, None),
            Packing::Frames => (Aliases::All, None),
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
        plan.objects = objects.map(|objects| objects_in_graph_terms(self.graph, &objects, &self.liveness));
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

    /// A bound on the arena of any order: the largest working set of an operator, stacked at the
    /// alignments that its tensors have. 0 where tensors may share memory.
    ///
    /// What an operator reads, writes and needs for itself, and all variables, are live at its
    /// step in any order. For each alignment `a`, those aligned to `a` or more take whole
    /// multiples of `a`, but for the topmost. O(k (operators + edges)) for k alignments.
    pub(super) fn working_set_bound(&self) -> u64 {
        if concerns(self.graph, self.planner.sharing) {
            return 0;
        }
        let variables: Vec<TensorId> = self
            .graph
            .tensor_ids()
            .filter(|&id| self.graph.tensor(id).kind() == TensorKind::Variable)
            .collect();
        let sets = self.graph.file_order().iter().map(|&id| self.working_set(id, &variables));
        self.bound_of(sets.map(|set| stacked(&set)).max().unwrap_or(0))
    }

    /// Size and alignment of what is live in the arena at the step of an operator, in any order.
    fn working_set(&self, id: OperatorId, variables: &[TensorId]) -> Vec<(u64, u64)> {
        let operator = self.graph.operator(id);
        let mut tensors: Vec<TensorId> =
            operator.inputs().iter().chain(operator.outputs()).chain(variables).copied().collect();
        tensors.sort_unstable();
        tensors.dedup();
        let is_in_arena = |id: &TensorId| match self.graph.tensor(*id).kind() {
            TensorKind::Constant => false,
            TensorKind::Variable => self.planner.variables == Variables::Arena,
            TensorKind::Input => true,
            TensorKind::Intermediate => self.graph.tensor(*id).producer().is_some(),
        };
        let default = self.planner.alignment;
        let of_tensor = |id: TensorId| {
            let tensor = self.graph.tensor(id);
            (tensor.bytes(), tensor.alignment().unwrap_or(default))
        };
        let mut set: Vec<(u64, u64)> = tensors.into_iter().filter(is_in_arena).map(of_tensor).collect();
        set.push((operator.scratch_bytes(), default));
        set.retain(|one| one.0 > 0);
        set
    }
}

/// The most bytes that sizes live together need, over all cells of the alignments among them.
fn stacked(set: &[(u64, u64)]) -> u64 {
    let mut cells: Vec<u64> = set.iter().map(|one| one.1).collect();
    cells.sort_unstable();
    cells.dedup();
    let height = |cell: u64| {
        let own = set.iter().filter(|one| one.1 >= cell).map(|one| one.0);
        let padded = own.clone().map(|size| size.next_multiple_of(cell)).sum::<u64>();
        padded - own.map(|size| size.next_multiple_of(cell) - size).max().unwrap_or(0)
    };
    cells.into_iter().map(height).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::stacked;

    #[test]
    fn working_sets_are_stacked_in_cells() {
        assert_eq!(stacked(&[(10, 16), (10, 16)]), 26);
        // The small one of alignment 1 lies above or below.
        assert_eq!(stacked(&[(10, 16), (10, 16), (3, 1)]), 26);
        assert_eq!(stacked(&[(10, 16), (10, 16), (30, 1)]), 50);
        assert_eq!(stacked(&[]), 0);
    }
}
