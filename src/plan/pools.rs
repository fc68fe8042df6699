//! Plans for several memories, in terms of the graph.

use std::collections::BTreeMap;

use crate::effects::{Access, accesses};
use crate::graph::{Graph, Occupant, Pools, Variables};
use crate::plan::{Alias, BodyPlan, Plan, bodies_of};
use crate::problem::LiveRange;
use crate::support::ids::{OperatorId, PoolId, TensorId};
use crate::support::limits::Stop;
use crate::support::sorting::sort_by_keys;
use crate::support::sorting::with_key;

/// A residency interval: a tensor or scratch buffer occupies bytes of a pool for some steps.
///
/// Example: [`Planner::place`](crate::Planner::place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residency {
    /// The tensor or scratch buffer.
    pub occupant: Occupant,
    /// The pool.
    pub pool: PoolId,
    /// Offset from the start of the pool, in bytes.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// The steps at which the bytes belong to the occupant.
    pub live: LiveRange,
}

impl Residency {
    /// The offset of the first byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// A copy of a tensor from one pool to another.
///
/// At the start of each step, before the operator runs, all copies that are due at this step
/// finish: first the copies whose destination interval has begun before, then the copies whose
/// destination interval begins at this step.
///
/// Example: [`Planner::place`](crate::Planner::place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The tensor.
    pub tensor: TensorId,
    /// The step at whose start the copy may begin.
    pub step: u32,
    /// The step before whose operator the copy is complete.
    pub due: u32,
    /// The source pool.
    pub from: PoolId,
    /// The destination pool.
    pub to: PoolId,
    /// Number of bytes.
    pub bytes: u64,
}

/// The pool in which an operator accesses a tensor or its scratch buffer.
///
/// Example: [`Planner::place`](crate::Planner::place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The step of the operator.
    pub step: u32,
    /// The tensor or scratch buffer that it accesses.
    pub occupant: Occupant,
    /// The pool.
    pub pool: PoolId,
}

/// The bytes that one run reads from and writes to a pool.
///
/// Example: [`Planner::place`](crate::Planner::place).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Traffic {
    /// Bytes that operators and copies read.
    pub read: u64,
    /// Bytes that operators and copies write.
    pub written: u64,
}

impl Traffic {
    /// The sum of both.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.read.saturating_add(self.written)
    }
}

/// An order, residency intervals in several memories for all tensors and scratch buffers, and the
/// copies between memories.
///
/// Plans are plain data, so that [`verify_pools`](crate::verify::verify_pools) can check plans from
/// other sources.
///
/// Example: [`Planner::place`](crate::Planner::place).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolPlan {
    /// The operators in the order in which they run, without folded ones.
    pub order: Vec<OperatorId>,
    /// The memories.
    pub pools: Pools,
    /// Alignment of tensors that request none, in bytes.
    pub alignment: u64,
    /// The location of variables: in the pools, or outside of the plan.
    pub variables: Variables,
    /// Residency intervals: tensors by id, then scratch buffers, each sorted by pool and time.
    pub residencies: Vec<Residency>,
    /// Copies, sorted by the step at which they are due.
    pub transfers: Vec<Transfer>,
    /// The pools in which operators access tensors and scratch buffers. An access is listed only if it
    /// does not use the first pool in which the occupant is resident at the step.
    pub uses: Vec<Use>,
    /// The aliases: tensors that share memory while both are live, in any pool; sorted by tensor.
    pub aliases: Vec<Alias>,
    /// Plans of the bodies of operators that run, as in [`Plan::bodies`](crate::Plan::bodies). A
    /// body is in one pool, that of the operator's scratch buffer and of its linked tensors.
    pub bodies: Vec<BodyPlan>,
    /// By pool: the highest end of a residency interval, in bytes.
    pub used: Vec<u64>,
    /// By pool: the bytes that a run reads and writes.
    pub traffic: Vec<Traffic>,
    /// Bytes that are loaded on chip before the first run: resident constants.
    pub preloaded: u64,
    /// The cost of a run: the sum over pools of bytes read and written, times their costs.
    pub cost: u64,
    /// A lower bound on the cost over all residency choices, for this order, these aliases and these linked
    /// tensors.
    pub lower_bound: u64,
    /// The unavoidable cost: the cost with pools of unlimited capacity.
    pub unavoidable_cost: u64,
    /// Number of search nodes spent.
    pub nodes: u64,
    /// The reason why the search stopped.
    pub stop: Stop,
}

impl PoolPlan {
    /// Returns true if no residency choice costs less, for this order and these aliases.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.cost == self.lower_bound
    }

    /// Returns true if larger pools would not reduce the cost.
    #[must_use]
    pub fn all_fits(&self) -> bool {
        self.cost == self.unavoidable_cost
    }

    /// The distance of the cost from the lower bound, relative to the avoidable part of the lower
    /// bound (the part that larger pools would save): 0.01 is one percent.
    #[must_use]
    pub fn gap(&self) -> f64 {
        match (
            self.cost.saturating_sub(self.lower_bound),
            self.lower_bound.saturating_sub(self.unavoidable_cost),
        ) {
            (0, _) => 0.0,
            (_, 0) => f64::INFINITY,
            (above, avoidable) => above as f64 / avoidable as f64,
        }
    }

    /// The plans of an operator's bodies, by position.
    pub fn bodies_of(&self, operator: OperatorId) -> impl Iterator<Item = &Plan> {
        bodies_of(&self.bodies, operator)
    }

    /// The residency intervals of a tensor or scratch buffer, sorted by pool and time.
    pub fn residencies_of(&self, occupant: Occupant) -> impl Iterator<Item = &Residency> + '_ {
        with_key(&self.residencies, key(occupant), |residency| key(residency.occupant)).iter()
    }

    /// The residency interval that the operator of a step accesses.
    #[must_use]
    pub fn residency_at(&self, step: u32, occupant: Occupant) -> Option<&Residency> {
        let listed = self.uses.iter().find(|access| access.step == step && access.occupant == occupant);
        let mut resident = self.residencies_of(occupant).filter(|residency| residency.live.contains(step));
        match listed {
            Some(listed) => resident.find(|residency| residency.pool == listed.pool),
            None => resident.min_by_key(|residency| residency.pool),
        }
    }

    /// The only pool in which a tensor is resident; none if it has several pools or none.
    #[must_use]
    pub fn pool_of(&self, tensor: TensorId) -> Option<PoolId> {
        let mut pools = self.residencies_of(Occupant::Tensor(tensor)).map(|residency| residency.pool);
        let first = pools.next()?;
        pools.all(|pool| pool == first).then_some(first)
    }

    /// The accesses of all operators in the order of execution, each with its step and its pool.
    /// Accesses to occupants that are resident in no pool are left out. `graph` is the graph of the
    /// plan, [flattened](Self::flattened) if the scratch of bodies counts. O((V + E) log V).
    #[must_use]
    pub fn accesses(&self, graph: &Graph) -> Vec<(u32, PoolId, Access)> {
        let mut aliases = BTreeMap::<OperatorId, Vec<Alias>>::new();
        for alias in &self.aliases {
            aliases.entry(alias.operator).or_default().push(*alias);
        }
        let uses = self.uses.iter().map(|access| ((access.step, access.occupant), access.pool));
        let listed: BTreeMap<(u32, Occupant), PoolId> = uses.collect();
        let pool_at = |step: u32, occupant: Occupant| {
            let resident = self.residencies_of(occupant).filter(|residency| residency.live.contains(step));
            let exists = |pool: &PoolId| pool.index() < self.pools.list().len();
            let mut pools = resident.map(|residency| residency.pool).filter(exists);
            match listed.get(&(step, occupant)) {
                Some(&listed) => pools.find(|&pool| pool == listed),
                None => pools.min(),
            }
        };
        let mut all = Vec::new();
        for (step, &id) in (0..).zip(&self.order).filter(|(_, id)| id.index() < graph.operators().len()) {
            let aliases = aliases.get(&id).map_or(&[][..], Vec::as_slice);
            for access in accesses(graph, id, aliases) {
                all.extend(pool_at(step, access.occupant).map(|pool| (step, pool, access)));
            }
        }
        all
    }

    /// The bytes that a run reads from and writes to the backing store.
    #[must_use]
    pub fn backing_store_traffic(&self) -> Traffic {
        self.traffic[self.pools.backing_store_id().index()]
    }

    /// Creates a plan in program order without residency intervals.
    #[must_use]
    pub fn unplaced(graph: &Graph, pools: &Pools) -> Self {
        let count = pools.list().len();
        Self {
            order: graph.program_order().to_vec(),
            pools: pools.clone(),
            alignment: 1,
            variables: Variables::default(),
            residencies: Vec::new(),
            transfers: Vec::new(),
            uses: Vec::new(),
            aliases: Vec::new(),
            bodies: Vec::new(),
            used: vec![0; count],
            traffic: vec![Traffic::default(); count],
            preloaded: 0,
            cost: 0,
            lower_bound: 0,
            unavoidable_cost: 0,
            nodes: 0,
            stop: Stop::Finished,
        }
    }
}

/// A [`Transfer`] with the offsets of its source and destination.
///
/// Example: [`Planner::place`](crate::Planner::place).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The copy.
    pub transfer: Transfer,
    /// Offset in the source pool, in bytes; none if the plan is invalid and lacks the interval.
    pub from_offset: Option<u64>,
    /// Offset in the destination pool, in bytes; none if the plan is invalid.
    pub to_offset: Option<u64>,
    /// True if the destination interval begins at the step at which the copy is due. Such copies
    /// run after all other copies that are due at this step.
    pub is_late: bool,
}

impl PoolPlan {
    /// The copies in the order in which they run, with their source and destination offsets.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let mut routes: Vec<Route> = self.transfers.iter().map(|transfer| self.route(transfer)).collect();
        sort_by_keys(&mut routes, |route| [route.transfer.due.into(), route.is_late.into()]);
        routes
    }

    /// Finds the offsets of a copy. A copy that takes several steps uses the intervals of its first
    /// step. An immediate copy reads a source interval of the preceding step if its destination
    /// interval has begun before, and of its own step if the destination interval begins there.
    fn route(&self, transfer: &Transfer) -> Route {
        let &Transfer { step, due, from, to, .. } = transfer;
        let interval = |pool: PoolId, step: u32| {
            let mut residencies = self.residencies_of(Occupant::Tensor(transfer.tensor));
            residencies.find(|residency| residency.pool == pool && residency.live.contains(step)).copied()
        };
        let last = due.saturating_sub(1);
        let (from, to, is_late) = if step < due {
            (interval(from, step), interval(to, step), false)
        } else {
            let is_after = due >= self.order.len().max(1) as u32;
            let to = interval(to, if is_after { last } else { due });
            let is_late = to.is_some_and(|residency| residency.live.start == due);
            (interval(from, if is_late { due } else { last }), to, is_late)
        };
        let offset = |residency: Option<Residency>| residency.map(|residency| residency.offset);
        Route { transfer: *transfer, from_offset: offset(from), to_offset: offset(to), is_late }
    }
}

/// The sort key of occupants: tensors by id, then scratch buffers by operator id.
pub(crate) fn key(occupant: Occupant) -> (u32, usize) {
    match occupant {
        Occupant::Tensor(id) => (0, id.index()),
        Occupant::Scratch(id) => (1, id.index()),
    }
}
