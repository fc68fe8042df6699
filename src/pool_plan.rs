//! Where everything lives when there are several memories, in the graph's terms.

use crate::graph::Graph;
use crate::ids::{OperatorId, PoolId, TensorId};
use crate::limits::Stop;
use crate::occupant::{Occupant, Variables};
use crate::plan::{BodyPlan, Plan, Share, bodies_of};
use crate::pools::Pools;
use crate::problem::LiveRange;
use crate::sorting::sort_by_keys;

/// A tensor or a workspace has a place in a pool for some steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Who.
    pub occupant: Occupant,
    /// Where.
    pub pool: PoolId,
    /// Bytes from the start of the pool.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// The steps at which the place is its own.
    pub live: LiveRange,
}

impl Stay {
    /// The first byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// A tensor is copied from one pool to another.
///
/// At the start of each step, before its operator, copies that are due then are done: first
/// those whose destination has its place already, then those that come to places that are
/// new at this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// What is copied.
    pub tensor: TensorId,
    /// From the start of this step it may be under way.
    pub step: u32,
    /// Before the operator of this step it is done.
    pub due: u32,
    /// From where.
    pub from: PoolId,
    /// To where.
    pub to: PoolId,
    /// Bytes.
    pub bytes: u64,
}

/// An operator finds a tensor, or its workspace, in this pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The step of the operator.
    pub step: u32,
    /// What it reads or writes.
    pub occupant: Occupant,
    /// Where.
    pub pool: PoolId,
}

/// Bytes that go through a pool in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes read from it, by operators and copies.
    pub read: u64,
    /// Bytes written to it, by operators and copies.
    pub written: u64,
}

impl Traffic {
    /// Both.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.read.saturating_add(self.written)
    }
}

/// An order, and places in several memories for everything: what is on chip when, and what
/// is copied in between.
///
/// Plain data, so that plans from elsewhere can be filled in and given to
/// [`verify_pools`](crate::verify::verify_pools).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolPlan {
    /// Operators in the order to run; folded ones are left out.
    pub order: Vec<OperatorId>,
    /// The memories.
    pub pools: Pools,
    /// Alignment of what asks for none.
    pub alignment: u64,
    /// Where variables live: in the pools, or nowhere here.
    pub variables: Variables,
    /// Places; tensors first by id, then workspaces, each by pool and time.
    pub stays: Vec<Stay>,
    /// Copies, by when they are due.
    pub transfers: Vec<Transfer>,
    /// Where operators find what they read and write, if that is not the first of the pools
    /// in which it has a place at their step.
    pub uses: Vec<Use>,
    /// Tensors that share memory while both are needed, in whatever pool; by tensor.
    pub shares: Vec<Share>,
    /// Plans of the bodies of operators that run, as in [`Plan::bodies`](crate::Plan::bodies): a
    /// body lies in one pool, where the operator's workspace is.
    pub bodies: Vec<BodyPlan>,
    /// By pool: the end of its topmost place.
    pub used: Vec<u64>,
    /// By pool: bytes that a run moves.
    pub traffic: Vec<Traffic>,
    /// Bytes that are on chip before the first run: constants that stay there.
    pub preloaded: u64,
    /// What a run costs: bytes read and written times what they cost in their pools.
    pub cost: u64,
    /// No choice of places costs less, for this order and what it shares.
    pub lower_bound: u64,
    /// The cost if every pool were large enough for all that it may hold.
    pub floor: u64,
    /// Search nodes spent.
    pub nodes: u64,
    /// Why the search stopped.
    pub stop: Stop,
}

impl PoolPlan {
    /// Whether no choice of places costs less, for this order and what it shares.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.cost == self.lower_bound
    }

    /// Whether nothing is to be gained by larger pools: all that could be on chip is.
    #[must_use]
    pub fn all_fits(&self) -> bool {
        self.cost == self.floor
    }

    /// The cost above the lower bound, relative to what of that could be avoided by larger
    /// pools: 0.01 is one percent.
    #[must_use]
    pub fn gap(&self) -> f64 {
        match (self.cost.saturating_sub(self.lower_bound), self.lower_bound.saturating_sub(self.floor)) {
            (0, _) => 0.0,
            (_, 0) => f64::INFINITY,
            (above, avoidable) => above as f64 / avoidable as f64,
        }
    }

    /// Plans of an operator's bodies, by position.
    pub fn bodies_of(&self, operator: OperatorId) -> impl Iterator<Item = &Plan> {
        bodies_of(&self.bodies, operator)
    }

    /// Places of a tensor or a workspace, by pool and time.
    pub fn stays_of(&self, occupant: Occupant) -> impl Iterator<Item = &Stay> + '_ {
        let key = key(occupant);
        let from = self.stays.partition_point(|stay| self::key(stay.occupant) < key);
        self.stays[from..].iter().take_while(move |stay| stay.occupant == occupant)
    }

    /// Where the operator of a step finds a tensor, or its workspace.
    #[must_use]
    pub fn place_at(&self, step: u32, occupant: Occupant) -> Option<&Stay> {
        let said = self.uses.iter().find(|one| one.step == step && one.occupant == occupant);
        let mut there = self.stays_of(occupant).filter(|stay| stay.live.contains(step));
        match said {
            Some(said) => there.find(|stay| stay.pool == said.pool),
            None => there.min_by_key(|stay| stay.pool),
        }
    }

    /// The pool in which a tensor is whenever it is needed; none if it moves, or has no place.
    #[must_use]
    pub fn pool_of(&self, tensor: TensorId) -> Option<PoolId> {
        let mut pools = self.stays_of(Occupant::Tensor(tensor)).map(|stay| stay.pool);
        let first = pools.next()?;
        pools.all(|pool| pool == first).then_some(first)
    }

    /// Bytes that a run moves to and from home.
    #[must_use]
    pub fn home_traffic(&self) -> Traffic {
        self.traffic[self.pools.home_id().index()]
    }

    /// A plan without places, in file order.
    #[must_use]
    pub fn unplaced(graph: &Graph, pools: &Pools) -> Self {
        let count = pools.list().len();
        Self {
            order: graph.file_order().to_vec(),
            pools: pools.clone(),
            alignment: 1,
            variables: Variables::default(),
            stays: Vec::new(),
            transfers: Vec::new(),
            uses: Vec::new(),
            shares: Vec::new(),
            bodies: Vec::new(),
            used: vec![0; count],
            traffic: vec![Traffic::default(); count],
            preloaded: 0,
            cost: 0,
            lower_bound: 0,
            floor: 0,
            nodes: 0,
            stop: Stop::Finished,
        }
    }
}

/// A [`Transfer`] and its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The copy.
    pub transfer: Transfer,
    /// Bytes from the start of the pool it comes from; none if the plan is wrong and has
    /// no such place.
    pub from_offset: Option<u64>,
    /// Bytes from the start of the pool it goes to.
    pub to_offset: Option<u64>,
    /// Whether its destination is new at the step at which it is due: such copies come
    /// after all others that are due then.
    pub is_late: bool,
}

impl PoolPlan {
    /// The copies in the order in which they are to be done, with the places that they read
    /// and write.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let mut routes: Vec<Route> = self.transfers.iter().map(|one| self.route(one)).collect();
        sort_by_keys(&mut routes, |one| [one.transfer.due.into(), one.is_late.into()]);
        routes
    }

    /// What takes time has both places from its start on; so has what comes to a place that
    /// was there before. To a place that is new, it comes from one that is there then.
    fn route(&self, transfer: &Transfer) -> Route {
        let &Transfer { step, due, from, to, .. } = transfer;
        let place = |pool: PoolId, step: u32| {
            let mut stays = self.stays_of(Occupant::Tensor(transfer.tensor));
            stays.find(|stay| stay.pool == pool && stay.live.contains(step)).copied()
        };
        let last = due.saturating_sub(1);
        let (from, to, is_late) = if step < due {
            (place(from, step), place(to, step), false)
        } else {
            let is_after = due >= self.order.len().max(1) as u32;
            let to = place(to, if is_after { last } else { due });
            let is_late = to.is_some_and(|stay| stay.live.start == due);
            (place(from, if is_late { due } else { last }), to, is_late)
        };
        let offset = |stay: Option<Stay>| stay.map(|stay| stay.offset);
        Route { transfer: *transfer, from_offset: offset(from), to_offset: offset(to), is_late }
    }
}

/// Tensors first.
pub(crate) fn key(occupant: Occupant) -> (u32, usize) {
    match occupant {
        Occupant::Tensor(id) => (0, id.index()),
        Occupant::Scratch(id) => (1, id.index()),
    }
}
