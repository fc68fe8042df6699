//! One network in the memories of one target.

use plimsoll::{
    Content, Error, Graph, OperatorId, Plan, Planner, Pool, PoolPlan, Pools, TensorId, TensorKind, Traffic,
};
use serde::Serialize;

use super::room::{largest_room, only_room};
use super::traffic::{TensorTraffic, backing_store_traffic};
use super::weights::weight_bytes;
use crate::memory::check_no_fixed_offsets;
use crate::outcome::Failure;
use crate::target::TFLM_ALIGNMENT;

/// Result for one network: its arena, whether it fits on chip, and its placement.
#[derive(Serialize)]
pub struct NetworkFit {
    pub model: String,
    /// True if all activations fit on chip: a run moves nothing of them to or from the backing store
    /// except graph inputs and outputs that are there.
    #[serde(rename = "activations")]
    pub activations_fit: bool,
    /// True if activations and weights fit on chip together.
    #[serde(rename = "everything")]
    pub all_fits: bool,
    /// Bytes of weights that operators read, each aligned.
    pub weights: u64,
    /// Size in bytes of one arena for all activations.
    pub arena: u64,
    /// Proven lower bound on `arena`.
    pub arena_lower_bound: u64,
    /// Traffic of the backing store per run if every tensor is there.
    pub before: Traffic,
    /// The placement; none if the network cannot run in these memories.
    pub placed: Option<PlacementSummary>,
    /// Reason why the network cannot run in these memories.
    pub impossible: Option<String>,
    /// Plan for one arena without a capacity.
    #[serde(skip)]
    pub plan: Plan,
}

/// Cost and traffic of a placement.
#[derive(Serialize)]
pub struct PlacementSummary {
    /// Traffic of the backing store per run.
    pub after: Traffic,
    /// Cost of a run, by the costs of the pools.
    pub cost: u64,
    pub lower_bound: u64,
    /// Unavoidable cost: larger memories would not save it.
    pub floor: u64,
    /// Distance of the cost from the lower bound, relative to the cost that larger memories could
    /// save; none if no bound on that is known.
    pub gap: Option<f64>,
    pub pools: Vec<PoolUse>,
    /// Bytes of weights that are on chip before the first run.
    pub preloaded: u64,
    pub nodes: u64,
    pub stop: String,
    /// Tensors and scratch with traffic to or from the backing store, by descending traffic.
    pub moved: Vec<TensorTraffic>,
}

/// Use of one memory by a placement.
#[derive(Serialize)]
pub struct PoolUse {
    pub name: String,
    pub capacity: Option<u64>,
    /// End of the topmost buffer.
    pub filled: u64,
    pub traffic: Traffic,
}

impl NetworkFit {
    /// Plans a network for one arena, then places it in the memories.
    pub fn of(graph: &Graph, planner: &Planner, pools: &Pools, align: u64) -> Result<Self, Failure> {
        let mut fit = Self::unplaced(graph, planner, pools, align)?;
        match planner.place_from(graph, &fit.plan.order, pools) {
            Ok(placement) => fit.judge(graph, planner, &placement)?,
            Err(Error::DoesNotFit(reason)) => fit.impossible = Some(reason.to_string()),
            Err(error) => return Err(error.into()),
        }
        Ok(fit)
    }

    /// Compares an arena of `bytes`, scratch and bodies included, with the memories.
    ///
    /// A runtime keeps its arena in one memory and moves nothing, so there is no placement.
    pub fn in_one_arena(
        bytes: u64,
        graph: &Graph,
        planner: &Planner,
        pools: &Pools,
    ) -> Result<Self, Failure> {
        let mut fit = Self::unplaced(graph, planner, pools, TFLM_ALIGNMENT)?;
        fit.arena = bytes;
        let room = largest_room(graph, pools).map(|(_, room)| room);
        fit.activations_fit = room.is_some_and(|room| bytes <= room.bytes);
        let all = fit.weights.saturating_add(bytes);
        fit.all_fits = room.is_some_and(|room| room.holds_weights && all <= room.bytes);
        Ok(fit)
    }

    /// The plan for one arena, and the traffic with every tensor in the backing store.
    fn unplaced(graph: &Graph, planner: &Planner, pools: &Pools, align: u64) -> Result<Self, Failure> {
        // An error, not a negative result: capacities have no part in it.
        check_no_fixed_offsets(graph)?;
        let plan = planner.plan(graph)?;
        let backing_store_only = Pools::new([Pool::off_chip("backing-store")])?;
        let before = planner.place_in_order(graph, &plan.order, &backing_store_only)?.backing_store_traffic();
        let align = align.max(pools.list()[0].offset_alignment());
        Ok(Self {
            model: graph.name().to_owned(),
            activations_fit: false,
            all_fits: false,
            weights: weight_bytes(graph, align),
            arena: plan.arena_bytes,
            arena_lower_bound: plan.bound(),
            before,
            placed: None,
            impossible: None,
            plan,
        })
    }

    /// Decides what fits.
    ///
    /// An arena that fits the only on-chip memory is sufficient, but not necessary: a placement may
    /// need less, e.g. where an input is read from the backing store just once.
    fn judge(&mut self, graph: &Graph, planner: &Planner, placement: &PoolPlan) -> Result<(), Failure> {
        let summary = PlacementSummary::of(graph, placement);
        let room = only_room(&placement.flattened(graph), &placement.pools);
        let arena = self.arena;
        self.all_fits = summary.moved.iter().all(|tensor| !tensor.avoidable)
            || room.is_some_and(|room| {
                room.holds_weights && self.weights.checked_add(arena).is_some_and(|all| all <= room.bytes)
            });
        self.activations_fit = self.all_fits
            || room.is_some_and(|room| arena <= room.bytes)
            || activations_stay(&summary.moved)
            || fits_without_weights(graph, planner, &self.plan.order, placement)?;
        self.placed = Some(summary);
        Ok(())
    }
}

impl PlacementSummary {
    fn of(graph: &Graph, plan: &PoolPlan) -> Self {
        let mut moved = backing_store_traffic(&plan.flattened(graph), plan);
        // A stable sort keeps equal entries in the order of their ids.
        moved.sort_by_key(|tensor| std::cmp::Reverse(tensor.total()));
        let pools = plan.pools.list().iter().zip(&plan.used).zip(&plan.traffic);
        let pools = pools.map(|((pool, &filled), &traffic)| PoolUse {
            name: pool.name().to_owned(),
            capacity: pool.bytes(),
            filled,
            traffic,
        });
        Self {
            after: plan.backing_store_traffic(),
            cost: plan.cost,
            lower_bound: plan.lower_bound,
            floor: plan.unavoidable_cost,
            gap: Some(plan.gap()).filter(|gap| gap.is_finite()),
            pools: pools.collect(),
            preloaded: plan.preloaded,
            nodes: plan.nodes,
            stop: format!("{:?}", plan.stop).to_lowercase(),
            moved,
        }
    }
}

/// Places the activations again with all weights in the backing store, and returns true if they
/// fit.
///
/// In the first placement, weights may have taken the room of activations because that saves more
/// traffic. Without weights on chip, there is nothing to try again.
fn fits_without_weights(
    graph: &Graph,
    planner: &Planner,
    order: &[OperatorId],
    placement: &PoolPlan,
) -> Result<bool, Failure> {
    let copies_weights = || placement.transfers.iter().any(|transfer| is_constant(graph, transfer.tensor));
    if placement.preloaded == 0 && !copies_weights() {
        return Ok(false);
    }
    let pools = without_weights(&placement.pools)?;
    match planner.place_in_order(graph, order, &pools) {
        Ok(plan) => Ok(activations_stay(&backing_store_traffic(&plan.flattened(graph), &plan))),
        Err(Error::DoesNotFit(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns true if activations have no avoidable traffic.
fn activations_stay(moved: &[TensorTraffic]) -> bool {
    moved.iter().all(|tensor| tensor.is_weight() || !tensor.avoidable)
}

fn is_constant(graph: &Graph, tensor: TensorId) -> bool {
    graph.tensor(tensor).kind() == TensorKind::Constant
}

/// The same memories, with weights in the backing store only.
fn without_weights(pools: &Pools) -> Result<Pools, Failure> {
    let backing_store = pools.backing_store_id();
    let list = pools.ids().map(|id| {
        let pool = pools.pool(id).clone();
        if id == backing_store {
            return pool;
        }
        let kinds = Content::ALL.into_iter().filter(|&kind| kind != Content::Constants);
        let kinds: Vec<Content> = kinds.filter(|&kind| pool.takes(kind, 0)).collect();
        pool.only(kinds)
    });
    let (inputs, outputs) = (pools.pool(pools.inputs_in()).name(), pools.pool(pools.outputs_in()).name());
    let changed = Pools::new(list)?.inputs(inputs)?.outputs(outputs)?;
    Ok(changed.loading(pools.loads()).prefetch(pools.prefetch_steps()))
}
