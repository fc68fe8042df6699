//! One network in one machine's memories.

use plimsoll::{
    Content, Error, Graph, OperatorId, Plan, Planner, Pool, PoolPlan, Pools, Tensor, TensorId, TensorKind,
    Traffic,
};
use serde::Serialize;

use super::help::Help;
use super::traffic::{Moved, at_home};
use crate::Failure;

/// What is known of a network in the memories that there are.
#[derive(Serialize)]
pub struct Fit {
    pub model: String,
    /// Whether nothing but what must be goes to or from home, weights aside.
    pub activations: bool,
    /// The same with weights.
    pub everything: bool,
    /// Bytes of weights that operators read, each aligned.
    pub weights: u64,
    /// Bytes of one arena for all activations, and no arena is smaller than the other.
    pub arena: u64,
    pub arena_lower_bound: u64,
    /// Bytes that a run reads and writes at home if everything is there.
    pub before: Figures,
    /// With a part of it on chip; none where it cannot run at all.
    pub placed: Option<Placed>,
    /// Why it cannot run at all.
    pub impossible: Option<String>,
    /// What would help; only of a single network that does not fit.
    pub help: Option<Help>,
    /// For one arena, whatever its size.
    #[serde(skip)]
    pub plan: Plan,
}

/// What is known of a placement.
#[derive(Serialize)]
pub struct Placed {
    /// Bytes that a run reads and writes at home.
    pub after: Figures,
    /// By the costs of the pools.
    pub cost: u64,
    pub lower_bound: u64,
    /// What larger memories would not save.
    pub floor: u64,
    /// Above the lower bound, relative to what larger memories could save; none where
    /// nothing of that is known.
    pub gap: Option<f64>,
    pub pools: Vec<Used>,
    /// Bytes of weights that are on chip before the first run.
    pub preloaded: u64,
    pub nodes: u64,
    pub stop: String,
    /// What goes to or from home.
    pub moved: Vec<Moved>,
}

#[derive(Clone, Copy, Serialize)]
pub struct Figures {
    pub read: u64,
    pub written: u64,
}

impl From<Traffic> for Figures {
    fn from(traffic: Traffic) -> Self {
        Self { read: traffic.read, written: traffic.written }
    }
}

impl Figures {
    pub fn total(self) -> u64 {
        self.read.saturating_add(self.written)
    }
}

#[derive(Serialize)]
pub struct Used {
    pub name: String,
    pub capacity: Option<u64>,
    /// The end of its topmost place.
    pub filled: u64,
    pub traffic: Figures,
}

impl Fit {
    pub fn of(graph: &Graph, planner: &Planner, pools: &Pools, align: u64) -> Result<Self, Failure> {
        let mut fit = Self::unplaced(graph, planner, pools, align)?;
        fit.place(graph, planner, pools)?;
        Ok(fit)
    }

    /// One arena, and everything at home.
    fn unplaced(graph: &Graph, planner: &Planner, pools: &Pools, align: u64) -> Result<Self, Failure> {
        // Not a question of room, so no answer to it.
        if let Some(tensor) = graph.tensors().iter().find(|tensor| tensor.fixed_offset().is_some()) {
            let name = tensor.name();
            return Err(
                format!("tensor `{name}` has a fixed offset, which does not say in which memory").into()
            );
        }
        let plan = planner.plan(graph)?;
        let all_at_home = Pools::new([Pool::off_chip("home")])?;
        let before = planner.place_in_order(graph, &plan.order, &all_at_home)?.home_traffic().into();
        let align = align.max(pools.list()[0].offset_alignment());
        let weights = weights(graph, align);
        let fit = Self {
            model: graph.name().to_owned(),
            activations: false,
            everything: false,
            weights,
            arena: plan.arena_bytes,
            arena_lower_bound: plan.bound(),
            before,
            placed: None,
            impossible: None,
            help: None,
            plan,
        };
        Ok(fit)
    }

    /// Places tensors in all memories, and judges by that.
    fn place(&mut self, graph: &Graph, planner: &Planner, pools: &Pools) -> Result<(), Failure> {
        match planner.place_from(graph, &self.plan.order, pools) {
            Ok(found) => self.judge(graph, planner, &found)?,
            Err(Error::DoesNotFit(why)) => self.impossible = Some(why),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// In one arena of so many bytes, scratch and bodies included, which a runtime keeps in one
    /// memory: it moves nothing, so there is no placement.
    pub fn in_one_arena(
        bytes: u64,
        graph: &Graph,
        planner: &Planner,
        pools: &Pools,
    ) -> Result<Self, Failure> {
        let mut fit = Self::unplaced(graph, planner, pools, 16)?;
        fit.arena = bytes;
        let room = largest_room(graph, pools).map(|(_, room)| room);
        fit.activations = room.is_some_and(|room| bytes <= room.bytes);
        let all = fit.weights.saturating_add(bytes);
        fit.everything = room.is_some_and(|room| room.holds_weights && all <= room.bytes);
        Ok(fit)
    }

    fn judge(&mut self, graph: &Graph, planner: &Planner, found: &PoolPlan) -> Result<(), Failure> {
        let placed = Placed::of(graph, found);
        let room = plain_room(&found.flattened(graph), &found.pools);
        let arena = self.arena;
        self.everything = placed.moved.iter().all(|one| !one.avoidable)
            || room.is_some_and(|room| {
                room.holds_weights && self.weights.checked_add(arena).is_some_and(|all| all <= room.bytes)
            });
        self.activations = self.everything
            || room.is_some_and(|room| arena <= room.bytes)
            || activations_stay(&placed.moved)
            || fits_without_weights(graph, planner, &self.plan.order, found)?;
        self.placed = Some(placed);
        Ok(())
    }
}

impl Placed {
    fn of(graph: &Graph, plan: &PoolPlan) -> Self {
        let mut moved = at_home(&plan.flattened(graph), plan);
        // Stable, so that equal ones stay in the order of their ids.
        moved.sort_by_key(|one| std::cmp::Reverse(one.total()));
        let used = plan.pools.list().iter().zip(&plan.used).zip(&plan.traffic);
        Self {
            after: plan.home_traffic().into(),
            cost: plan.cost,
            lower_bound: plan.lower_bound,
            floor: plan.floor,
            gap: Some(plan.gap()).filter(|gap| gap.is_finite()),
            pools: used
                .map(|((pool, &filled), &traffic)| Used {
                    name: pool.name().to_owned(),
                    capacity: pool.bytes(),
                    filled,
                    traffic: traffic.into(),
                })
                .collect(),
            preloaded: plan.preloaded,
            nodes: plan.nodes,
            stop: format!("{:?}", plan.stop).to_lowercase(),
            moved,
        }
    }
}

/// Bytes of constants that operators of a run read, those of bodies as well, below an arena: each is rounded up to the
/// coarsest alignment of all, so that what comes after it is aligned, whatever it is.
pub fn weights(graph: &Graph, align: u64) -> u64 {
    let own = graph.tensors().iter().filter_map(Tensor::alignment);
    let coarsest = own.fold(align, u64::max);
    let mut read = vec![false; graph.tensors().len()];
    for &id in graph.file_order() {
        for input in graph.operator(id).inputs() {
            read[input.index()] = true;
        }
    }
    let read = graph.tensors().iter().zip(read).filter(|(_, read)| *read).map(|(tensor, _)| tensor);
    let constants = read.filter(|tensor| tensor.kind() == TensorKind::Constant);
    let aligned = |tensor: &Tensor| tensor.bytes().checked_next_multiple_of(coarsest).unwrap_or(u64::MAX);
    let bodies = graph.operators().iter().filter(|operator| !operator.is_folded());
    let bodies = bodies.flat_map(plimsoll::Operator::bodies).map(|body| weights(body, coarsest));
    constants.map(aligned).chain(bodies).fold(0, u64::saturating_add)
}

/// A memory on chip in which an arena has its place.
#[derive(Clone, Copy)]
pub struct Room {
    pub bytes: u64,
    pub holds_weights: bool,
}

/// The only memory on chip, if it takes whatever a plan for one arena puts there.
fn plain_room(graph: &Graph, pools: &Pools) -> Option<Room> {
    let [pool, _] = pools.list() else { return None };
    room_in(graph, pool, u64::MAX)
}

/// The largest memory on chip that would take whatever a plan for one arena puts there if it
/// were large enough, and its name; of equal ones, the first.
pub fn largest_room<'a>(graph: &Graph, pools: &'a Pools) -> Option<(&'a str, Room)> {
    let (_home, on_chip) = pools.list().split_last()?;
    let rooms = on_chip.iter().filter_map(|pool| {
        let own = pool.bytes().unwrap_or(u64::MAX);
        Some((pool.name(), room_in(graph, pool, own)?))
    });
    rooms.rev().max_by_key(|(_, room)| room.bytes)
}

/// Nothing counts as larger than `most`.
fn room_in(graph: &Graph, pool: &Pool, most: u64) -> Option<Room> {
    let activations = graph.tensors().iter().filter(|tensor| tensor.kind() != TensorKind::Constant);
    let constants = graph.tensors().iter().filter(|tensor| tensor.kind() == TensorKind::Constant);
    let fits = |tensor: &Tensor| {
        let aligned = tensor.alignment().is_none_or(|own| own >= pool.offset_alignment());
        aligned && pool.takes(Content::of(tensor), tensor.bytes().min(most))
    };
    let scratch = graph.operators().iter().map(plimsoll::Operator::scratch_bytes);
    let all = activations.clone().all(fits)
        && scratch.clone().all(|bytes| pool.takes(Content::Scratch, bytes.min(most)));
    all.then(|| Room { bytes: pool.bytes().unwrap_or(u64::MAX), holds_weights: constants.clone().all(fits) })
}

/// Weights may have taken the room of activations where that saves more, so those are
/// tried without them, in the order that needs the least for them.
fn fits_without_weights(
    graph: &Graph,
    planner: &Planner,
    order: &[OperatorId],
    found: &PoolPlan,
) -> Result<bool, Failure> {
    if found.preloaded == 0 && !found.transfers.iter().any(|one| is_constant(graph, one.tensor)) {
        return Ok(false);
    }
    let pools = without_weights(&found.pools)?;
    match planner.place_in_order(graph, order, &pools) {
        Ok(plan) => Ok(activations_stay(&at_home(&plan.flattened(graph), &plan))),
        Err(Error::DoesNotFit(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether nothing of activations goes home that need not.
fn activations_stay(moved: &[Moved]) -> bool {
    moved.iter().all(|one| one.is_weight() || !one.avoidable)
}

fn is_constant(graph: &Graph, tensor: TensorId) -> bool {
    graph.tensor(tensor).kind() == TensorKind::Constant
}

/// The same memories, but weights only at home.
fn without_weights(pools: &Pools) -> Result<Pools, Failure> {
    let home = pools.home_id();
    let others: Vec<Content> = Content::ALL.into_iter().filter(|one| *one != Content::Constants).collect();
    let list = pools.ids().map(|id| {
        let pool = pools.pool(id).clone();
        let kept: Vec<Content> = others.iter().copied().filter(|&content| pool.takes(content, 0)).collect();
        if id == home { pool } else { pool.only(kept) }
    });
    let (inputs, outputs) = (pools.pool(pools.inputs_in()).name(), pools.pool(pools.outputs_in()).name());
    let found = Pools::new(list)?.inputs(inputs)?.outputs(outputs)?;
    Ok(found.loading(pools.loads()).prefetch(pools.prefetch_steps()))
}
