//! Who is where at which step, of stays that are known to be right.

use std::collections::BTreeMap;

use super::key;
use crate::graph::{Graph, TensorKind};
use crate::ids::{PoolId, TensorId};
use crate::occupant::{Occupant, Variables};
use crate::pool_plan::{PoolPlan, Stay};
use crate::pools::Loading;

/// Finds stays in O(stays of one), but for those of workspaces: O(log n + stays of one).
pub(super) struct Places<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    /// Ascending, as they are in a right plan.
    stays: &'a [Stay],
    /// By tensor: the first of its stays, and the first of those of workspaces at the end.
    starts: Vec<usize>,
    uses: BTreeMap<(u32, u8, u32), PoolId>,
    /// By tensor: whether it is copied.
    moves: Vec<bool>,
}

impl<'a> Places<'a> {
    pub(super) fn new(graph: &'a Graph, plan: &'a PoolPlan) -> Self {
        let key = |step: u32, occupant: Occupant| {
            let (kind, id) = key(occupant);
            (step, kind, id)
        };
        let uses = plan.uses.iter().map(|one| (key(one.step, one.occupant), one.pool)).collect();
        let mut moves = vec![false; graph.tensors().len()];
        for one in &plan.transfers {
            if let Some(moves) = moves.get_mut(one.tensor.index()) {
                *moves = true;
            }
        }
        let count = graph.tensors().len();
        let mut starts = vec![0; count + 1];
        for stay in &plan.stays {
            if let Occupant::Tensor(id) = stay.occupant {
                starts[id.index() + 1] += 1;
            }
        }
        for tensor in 0..count {
            starts[tensor + 1] += starts[tensor];
        }
        Self { graph, plan, stays: &plan.stays, starts, uses, moves }
    }

    /// At least one.
    pub(super) fn steps(&self) -> u32 {
        super::steps(self.plan)
    }

    /// All of one, by pool and time.
    pub(super) fn of(&self, occupant: Occupant) -> &'a [Stay] {
        if let Occupant::Tensor(id) = occupant {
            let range = self.starts.get(id.index()..id.index() + 2);
            return range.map_or(&[], |range| &self.stays[range[0]..range[1]]);
        }
        let of_workspaces = &self.stays[self.starts[self.graph.tensors().len()]..];
        let from = of_workspaces.partition_point(|stay| key(stay.occupant) < key(occupant));
        let end = of_workspaces.partition_point(|stay| key(stay.occupant) <= key(occupant));
        &of_workspaces[from..end]
    }

    /// In this pool at this step.
    pub(super) fn find(&self, occupant: Occupant, pool: PoolId, step: u32) -> Option<Stay> {
        self.of(occupant).iter().copied().find(|stay| stay.pool == pool && stay.live.contains(step))
    }

    /// Where the operator of a step finds an operand.
    pub(super) fn at(&self, step: u32, occupant: Occupant) -> Option<Stay> {
        let (kind, id) = key(occupant);
        match self.uses.get(&(step, kind, id)) {
            Some(&pool) => self.find(occupant, pool, step),
            None => self.of(occupant).iter().copied().find(|stay| stay.live.contains(step)),
        }
    }

    /// Where a constant or a variable is on chip before the run and after it.
    pub(super) fn residence(&self, tensor: TensorId) -> Option<Stay> {
        let may = match self.graph.tensor(tensor).kind() {
            TensorKind::Constant => self.plan.pools.loads() == Loading::Once,
            TensorKind::Variable => true,
            TensorKind::Input | TensorKind::Intermediate => false,
        };
        let [stay] = self.of(Occupant::Tensor(tensor)) else { return None };
        let throughout = stay.live.start == 0 && stay.live.end == self.steps();
        let on_chip = stay.pool != self.plan.pools.home_id();
        (may && throughout && on_chip && !self.moves[tensor.index()]).then_some(*stay)
    }

    /// Where a tensor is whole before the first step; none if it is not there then, or nobody
    /// needs it.
    pub(super) fn start(&self, tensor: TensorId) -> Start {
        let bytes = self.graph.tensor(tensor).bytes();
        let occupant = Occupant::Tensor(tensor);
        let home = self.plan.pools.home_id();
        let pool = match self.graph.tensor(tensor).kind() {
            TensorKind::Intermediate => return Start::Later,
            TensorKind::Input => self.plan.pools.inputs_in(),
            TensorKind::Constant if self.of(occupant).is_empty() => return Start::Later,
            TensorKind::Variable if self.plan.variables == Variables::Outside => return Start::Later,
            TensorKind::Constant | TensorKind::Variable => home,
        };
        let there = self.residence(tensor).or_else(|| self.find(occupant, pool, 0));
        match there {
            _ if bytes == 0 => Start::Later,
            Some(stay) => Start::At(stay),
            None => Start::Missing(pool),
        }
    }

    /// Pools in which a tensor must be whole after the last step.
    pub(super) fn ends(&self, tensor: TensorId) -> Vec<PoolId> {
        let one = self.graph.tensor(tensor);
        let mut pools = Vec::new();
        // An output that is a constant is known without a run.
        if one.is_output() && one.kind() != TensorKind::Constant {
            pools.push(self.plan.pools.outputs_in());
        }
        if matches!(one.kind(), TensorKind::Variable | TensorKind::Constant) {
            let residence = self.residence(tensor).map(|stay| stay.pool);
            pools.push(residence.unwrap_or(self.plan.pools.home_id()));
        }
        pools.dedup();
        pools
    }
}

/// Where something is before the run.
pub(super) enum Start {
    /// Nowhere, and need not be.
    Later,
    /// Here.
    At(Stay),
    /// It should be in this pool.
    Missing(PoolId),
}
