//! The pools in which tensors and scratch buffers reside, by step.
//!
//! The index answers queries on intervals that satisfy the rules of `residencies`; it checks no rules of its own.
//! It defines three terms of rules R8 to R11 and M1 to M5:
//!
//! - `operand(x, k)`, the interval in which the operator of step `k` finds its operand `x`: `S(x, p, k)` for
//!   the pool `p` of the use of `x` at step `k`, if the plan states one, otherwise for the first pool in
//!   which `x` resides at step `k`.
//! - `resident(t)`, for a variable, or a constant with [`Loading::Once`] or a pool as its storage: the only interval of `t`, if it is
//!   in a pool other than the backing store and covers the whole run, and no transfer moves `t`. The pool
//!   keeps `t` from one run to the next.
//! - `start(t)` and `ends(t)`, the pools in which `t` must be intact when the run starts and ends. They are
//!   undefined for tensors without bytes and for tensors outside of the pools:
//!
//! | tensor `t` | `start(t)` | `ends(t)` |
//! | --- | --- | --- |
//! | input | the pool of inputs | |
//! | intermediate tensor | | |
//! | constant without intervals | | |
//! | other constant, variable | the pool of `resident(t)`, or the backing store | the same |
//! | output that is no constant | by its kind | also the pool of outputs |
//! | preserved input | the pool of inputs | also the pool of inputs |
//! | with a pool as its storage: input, variable, output, constant with intervals | this pool, if not intermediate | this pool, if by its kind it is in any |

use std::collections::BTreeMap;

use super::key;
use crate::graph::{Graph, InputContents, Loading, Occupant, Storage, TensorKind, Variables};
use crate::plan::{PoolPlan, Residency};
use crate::support::ids::{PoolId, TensorId};

/// An index of residency intervals. A query takes the time for the intervals of one occupant, and
/// O(log n) besides for scratch buffers.
pub(super) struct ResidencyIndex<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    /// Sorted as R3 demands.
    residencies: &'a [Residency],
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
        for residency in &plan.residencies {
            if let Occupant::Tensor(id) = residency.occupant {
                starts[id.index() + 1] += 1;
            }
        }
        for tensor in 0..count {
            starts[tensor + 1] += starts[tensor];
        }
        Self { graph, plan, residencies: &plan.residencies, starts, uses, is_moved }
    }

    /// `N`, at least 1.
    pub(super) fn steps(&self) -> u32 {
        super::steps(self.plan)
    }

    /// All intervals of an occupant, by pool and time.
    pub(super) fn of(&self, occupant: Occupant) -> &'a [Residency] {
        if let Occupant::Tensor(id) = occupant {
            let range = self.starts.get(id.index()..id.index() + 2);
            return range.map_or(&[], |range| &self.residencies[range[0]..range[1]]);
        }
        let of_workspaces = &self.residencies[self.starts[self.graph.tensors().len()]..];
        let from = of_workspaces.partition_point(|residency| key(residency.occupant) < key(occupant));
        let end = of_workspaces.partition_point(|residency| key(residency.occupant) <= key(occupant));
        &of_workspaces[from..end]
    }

    /// `S(x, p, k)`.
    pub(super) fn find(&self, occupant: Occupant, pool: PoolId, step: u32) -> Option<Residency> {
        self.of(occupant)
            .iter()
            .copied()
            .find(|residency| residency.pool == pool && residency.live.contains(step))
    }

    /// `operand(x, k)`.
    pub(super) fn operand(&self, step: u32, occupant: Occupant) -> Option<Residency> {
        let (kind, id) = key(occupant);
        match self.uses.get(&(step, kind, id)) {
            Some(&pool) => self.find(occupant, pool, step),
            None => self.of(occupant).iter().copied().find(|residency| residency.live.contains(step)),
        }
    }

    /// `resident(t)`.
    pub(super) fn resident(&self, tensor: TensorId) -> Option<Residency> {
        let may_stay = match self.graph.tensor(tensor).kind() {
            _ if self.storage_pool(tensor).is_some() => true,
            TensorKind::Constant => self.plan.pools.loads() == Loading::Once,
            TensorKind::Variable => true,
            TensorKind::Input | TensorKind::Intermediate => return None,
        };
        let [residency] = self.of(Occupant::Tensor(tensor)) else { return None };
        let covers_run = residency.live.start == 0 && residency.live.end == self.steps();
        let is_on_chip = residency.pool != self.plan.pools.backing_store_id();
        (may_stay && covers_run && is_on_chip && !self.is_moved[tensor.index()]).then_some(*residency)
    }

    /// The interval in the pool `start(t)` at step 0.
    pub(super) fn start(&self, tensor: TensorId) -> InitialResidency {
        let bytes = self.graph.tensor(tensor).bytes();
        let occupant = Occupant::Tensor(tensor);
        let backing_store = self.plan.pools.backing_store_id();
        let stored = self.storage_pool(tensor);
        let pool = match self.graph.tensor(tensor).kind() {
            _ if self.is_outside(tensor) => return InitialResidency::Undefined,
            TensorKind::Intermediate => return InitialResidency::Undefined,
            TensorKind::Input => self.plan.pools.inputs_in(),
            TensorKind::Constant if self.of(occupant).is_empty() => return InitialResidency::Undefined,
            TensorKind::Constant | TensorKind::Variable => backing_store,
        };
        let pool = stored.unwrap_or(pool);
        let residency = self.resident(tensor).or_else(|| self.find(occupant, pool, 0));
        match residency {
            _ if bytes == 0 => InitialResidency::Undefined,
            Some(residency) => InitialResidency::At(residency),
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
        if tensor.kind() == TensorKind::Input && tensor.input_contents() == InputContents::Preserved {
            pools.push(self.plan.pools.inputs_in());
        }
        if matches!(tensor.kind(), TensorKind::Variable | TensorKind::Constant) {
            let resident = self.resident(id).map(|residency| residency.pool);
            pools.push(resident.unwrap_or(self.plan.pools.backing_store_id()));
        }
        if let Some(stored) = self.storage_pool(id) {
            pools.fill(stored);
        }
        pools.dedup();
        pools
    }

    /// The pool that the tensor has as its storage, if the plan has it.
    pub(super) fn storage_pool(&self, tensor: TensorId) -> Option<PoolId> {
        let Storage::Pool(name) = self.graph.tensor(tensor).storage() else { return None };
        let position = self.plan.pools.list().iter().position(|pool| pool.name() == &**name)?;
        Some(PoolId::new(position))
    }

    /// Returns true if the tensor is in a buffer of the caller, or is a variable of a plan without variables.
    pub(super) fn is_outside(&self, id: TensorId) -> bool {
        let tensor = self.graph.tensor(id);
        match tensor.storage() {
            Storage::Outside => true,
            Storage::Arena => {
                tensor.kind() == TensorKind::Variable && self.plan.variables == Variables::Outside
            }
            Storage::Pool(_) => false,
        }
    }
}

/// The residency of a tensor when the run starts.
pub(super) enum InitialResidency {
    /// The tensor need not be in any pool.
    Undefined,
    /// The interval that begins the run.
    At(Residency),
    /// The tensor should be in this pool, but is not.
    Missing(PoolId),
}
