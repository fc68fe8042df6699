//! The pools in which tensors and scratch buffers reside, by step.
//!
//! The index answers queries on intervals that satisfy the rules of `stays`; it checks no rules of its own.
//! It defines three terms of rules R8 to R11 and M1 to M5:
//!
//! - `operand(x, k)`, the interval in which the operator of step `k` finds its operand `x`: `S(x, p, k)` for
//!   the pool `p` of the use of `x` at step `k`, if the plan states one, otherwise for the first pool in
//!   which `x` resides at step `k`.
//! - `resident(t)`, for a constant with [`Loading::Once`] or a variable: the only interval of `t`, if it is
//!   in a pool other than the backing store and covers the whole run, and no transfer moves `t`. The pool
//!   keeps `t` from one run to the next.
//! - `start(t)` and `ends(t)`, the pools in which `t` must be intact when the run starts and ends. They are
//!   undefined for tensors without bytes and for variables outside of the pools:
//!
//! | tensor `t` | `start(t)` | `ends(t)` |
//! | --- | --- | --- |
//! | input | the pool of inputs | |
//! | intermediate tensor | | |
//! | constant without intervals | | |
//! | other constant, variable | the pool of `resident(t)`, or the backing store | the same |
//! | output that is no constant | by its kind | also the pool of outputs |

use std::collections::BTreeMap;

use super::key;
use crate::graph::{Graph, Loading, Occupant, TensorKind, Variables};
use crate::plan::{PoolPlan, Stay};
use crate::support::ids::{PoolId, TensorId};

/// An index of residency intervals. A query takes the time for the intervals of one occupant, and
/// O(log n) besides for scratch buffers.
pub(super) struct ResidencyIndex<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    /// Sorted as R3 demands.
    stays: &'a [Stay],
    /// By tensor: the first of its stays, and the first of those of workspaces at the end.
    starts: Vec<usize>,
    uses: BTreeMap<(u32, u8, u32), PoolId>,
    /// By tensor: whether a transfer moves it.
    is_moved: Vec<bool>,
}

impl<'a> ResidencyIndex<'a> {
    pub(super) fn new(graph: &'a Graph, plan: &'a PoolPlan) -> Self {
        let key = |step: u32, occupant: Occupant| {
            let (kind, id) = key(occupant);
            (step, kind, id)
        };
        let uses = plan.uses.iter().map(|entry| (key(entry.step, entry.occupant), entry.pool)).collect();
        let mut is_moved = vec![false; graph.tensors().len()];
        for transfer in &plan.transfers {
            if let Some(is_moved) = is_moved.get_mut(transfer.tensor.index()) {
                *is_moved = true;
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
        Self { graph, plan, stays: &plan.stays, starts, uses, is_moved }
    }

    /// `N`, at least 1.
    pub(super) fn steps(&self) -> u32 {
        super::steps(self.plan)
    }

    /// All intervals of an occupant, by pool and time.
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

    /// `S(x, p, k)`.
    pub(super) fn find(&self, occupant: Occupant, pool: PoolId, step: u32) -> Option<Stay> {
        self.of(occupant).iter().copied().find(|stay| stay.pool == pool && stay.live.contains(step))
    }

    /// `operand(x, k)`.
    pub(super) fn operand(&self, step: u32, occupant: Occupant) -> Option<Stay> {
        let (kind, id) = key(occupant);
        match self.uses.get(&(step, kind, id)) {
            Some(&pool) => self.find(occupant, pool, step),
            None => self.of(occupant).iter().copied().find(|stay| stay.live.contains(step)),
        }
    }

    /// `resident(t)`.
    pub(super) fn resident(&self, tensor: TensorId) -> Option<Stay> {
        let may_stay = match self.graph.tensor(tensor).kind() {
            TensorKind::Constant => self.plan.pools.loads() == Loading::Once,
            TensorKind::Variable => true,
            TensorKind::Input | TensorKind::Intermediate => false,
        };
        let [stay] = self.of(Occupant::Tensor(tensor)) else { return None };
        let covers_run = stay.live.start == 0 && stay.live.end == self.steps();
        let is_on_chip = stay.pool != self.plan.pools.home_id();
        (may_stay && covers_run && is_on_chip && !self.is_moved[tensor.index()]).then_some(*stay)
    }

    /// The interval in the pool `start(t)` at step 0.
    pub(super) fn start(&self, tensor: TensorId) -> InitialResidency {
        let bytes = self.graph.tensor(tensor).bytes();
        let occupant = Occupant::Tensor(tensor);
        let backing_store = self.plan.pools.home_id();
        let pool = match self.graph.tensor(tensor).kind() {
            TensorKind::Intermediate => return InitialResidency::Undefined,
            TensorKind::Input => self.plan.pools.inputs_in(),
            TensorKind::Constant if self.of(occupant).is_empty() => return InitialResidency::Undefined,
            TensorKind::Variable if self.plan.variables == Variables::Outside => {
                return InitialResidency::Undefined;
            }
            TensorKind::Constant | TensorKind::Variable => backing_store,
        };
        let stay = self.resident(tensor).or_else(|| self.find(occupant, pool, 0));
        match stay {
            _ if bytes == 0 => InitialResidency::Undefined,
            Some(stay) => InitialResidency::At(stay),
            None => InitialResidency::Missing(pool),
        }
    }

    /// `ends(t)`, for a tensor with bytes and intervals.
    pub(super) fn ends(&self, id: TensorId) -> Vec<PoolId> {
        let tensor = self.graph.tensor(id);
        let mut pools = Vec::new();
        // The contents of a constant output are part of the model: the caller need not read them.
        if tensor.is_output() && tensor.kind() != TensorKind::Constant {
            pools.push(self.plan.pools.outputs_in());
        }
        if matches!(tensor.kind(), TensorKind::Variable | TensorKind::Constant) {
            let resident = self.resident(id).map(|stay| stay.pool);
            pools.push(resident.unwrap_or(self.plan.pools.home_id()));
        }
        pools.dedup();
        pools
    }
}

/// The residency of a tensor when the run starts.
pub(super) enum InitialResidency {
    /// The tensor need not be in any pool.
    Undefined,
    /// The interval that begins the run.
    At(Stay),
    /// The tensor should be in this pool, but is not.
    Missing(PoolId),
}
