//! Plans for several memories.

mod backing_store;
mod draft;
mod items;
mod orders;

use super::pipeline::MOST_AT_ANY_LIMIT;
use super::{Planner, bodies};
use crate::error::{Error, Misfit, Result, Subject};
use crate::graph::{Content, Graph, Occupant, Operator, Pools};
use crate::placement::{PlacementEffort, PlacementResult, ResidencyInterval, first_overfull_pool, solve};
use crate::plan::{Plan, PoolPlan, Residency, Transfer, Use, key};
use crate::problem::{Buffer, LiveRange, Problem};
use crate::schedule::{Schedule, ScheduleMode};
use crate::support::ids::{OperatorId, PoolId};
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::{sort_by_keys, with_key};
use crate::verify::{verify_pools, verify_pools_until};
use draft::{Drafts, EstimatedDraft, PlacementDraft};
use items::{ItemMember, PlacementItems, copied_members};

/// Nodes of the order search if no node limit is given.
const ORDERS: u64 = 10_000;
/// Above this number of operands, the order is chosen by its peak, without offsets.
const MOST_PLANNED: usize = 20_000;
/// Nodes for the first comparison of each candidate order.
const COMPARISON_NODES: u64 = 40_000;

impl Planner {
    /// Plans a graph for several memories: chooses operator order, residency of every tensor and
    /// offsets to minimise the cost of a run by the costs of the [`Pools`].
    ///
    /// The search starts from the order of the smallest arena, or program order, and moves
    /// operators where the estimated traffic falls. Within the limits the result costs no more than
    /// that of the starting order. It is proven minimal over orders only if everything
    /// [fits on chip](PoolPlan::all_fits).
    ///
    /// ```
    /// use plimsoll::{Graph, Occupant, Planner, Pool, Pools, TensorSpec};
    ///
    /// let mut net = Graph::builder("net");
    /// let x = net.input("x", TensorSpec::bytes(64));
    /// let y = net.tensor("y", TensorSpec::bytes(32));
    /// let z = net.tensor("z", TensorSpec::bytes(32));
    /// net.operator("pool").reads([x]).writes([y]);
    /// net.operator("relu").reads([y]).writes([z]);
    /// net.output(z);
    /// let graph = net.build()?;
    ///
    /// let pools = Pools::new([Pool::on_chip("sram", 32), Pool::off_chip("ddr")])?;
    /// let plan = Planner::new().place(&graph, &pools)?;
    /// let residency = plan.residencies_of(Occupant::Tensor(y)).next().expect("`y` is in a memory");
    /// assert_eq!(pools.pool(residency.pool).name(), "sram");
    /// assert_eq!((plan.cost, plan.is_optimal()), (64 + 32, true)); // DDR: reads x, writes z
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`plan`](Self::plan); [`Error::DoesNotFit`] if a pool cannot hold the tensors that must
    /// be there; [`Error::Storage`] if a tensor must be in a pool that does not exist; [`Error::Pools`] if tensors
    /// that share memory must be in different pools, or if a tensor has a fixed offset.
    pub fn place(&self, graph: &Graph, pools: &Pools) -> Result<PoolPlan> {
        if graph.has_bodies() {
            return bodies::place(self, graph, |planner, flat| planner.place(flat, pools));
        }
        // The order gets at most half of a node limit, the placement all that is left.
        let halved = Self { limits: self.limits.clone().share(2), ..self.clone() };
        let (order, nodes) = halved.planned_order(graph)?;
        let rest = Self { limits: self.limits.clone().less(nodes), ..self.clone() };
        rest.place_from(graph, &order, pools)
    }

    /// Plans a graph for several memories, starting from the given order, for callers that have
    /// [planned](Self::plan) the graph before. Other orders are tried unless the mode is
    /// [`ScheduleMode::Program`].
    ///
    /// # Errors
    /// As [`place`](Self::place); [`Error::Order`] if the order cannot be run.
    pub fn place_from(&self, graph: &Graph, order: &[OperatorId], pools: &Pools) -> Result<PoolPlan> {
        if self.schedule_mode == ScheduleMode::Program {
            return self.place_in_order(graph, order, pools);
        }
        if graph.has_bodies() {
            return bodies::place(self, graph, |planner, flat| planner.place_from(flat, order, pools));
        }
        let drafts = Drafts::new(self, graph, pools)?;
        let planned = drafts.best_shared(order)?;
        let mut budget = Budget::new(&self.limits, ORDERS);
        let mut candidates = orders::cheaper_drafts(&drafts, &planned, &mut budget)?;
        let limits = self.limits.clone().less(budget.nodes());
        if candidates.is_empty() || !planned.draft.items.instance.is_large() {
            candidates.push(planned);
        }
        // The placement takes the memory that the drafts share.
        drop(drafts);
        let plan = self.place_best(graph, pools, &candidates, &limits)?;
        Ok(PoolPlan { nodes: budget.nodes() + plan.nodes, ..plan })
    }

    /// The order of the smallest arena; for large graphs, the order of the lowest peak. Returns it with the
    /// nodes spent.
    fn planned_order(&self, graph: &Graph) -> Result<(Vec<OperatorId>, u64)> {
        // One arena stands for all pools.
        let graph = &*graph.without_pools();
        let operands = |operator: &Operator| operator.inputs().len() + operator.outputs().len();
        if graph.operators().iter().map(operands).sum::<usize>() > MOST_PLANNED {
            let Schedule { order, nodes, .. } = self.schedule(graph)?;
            return Ok((order, nodes));
        }
        let Plan { order, nodes, .. } = self.plan(graph)?;
        self.limits.check_cancelled()?;
        Ok((order, nodes))
    }

    /// The cheapest plan of several drafts: each gets a few nodes, the best one then the rest.
    fn place_best(
        &self,
        graph: &Graph,
        pools: &Pools,
        candidates: &[EstimatedDraft],
        limits: &Limits,
    ) -> Result<PoolPlan> {
        let place = |candidate: &EstimatedDraft, search: (u64, PlacementEffort), limits: &Limits| {
            self.place_draft(graph, pools, &candidate.draft, search, limits)
        };
        if let [only] = candidates {
            return place(only, (u64::MAX, PlacementEffort::Full), limits);
        }
        let mut nodes = 0;
        let mut best: Option<(PoolPlan, &EstimatedDraft)> = None;
        let mut failed = None;
        for candidate in candidates {
            if best.is_some() && limits.poll().is_err() {
                break;
            }
            let below = best.as_ref().map_or(u64::MAX, |best| best.0.cost);
            let few_nodes = limits.clone().less(nodes).at_most(COMPARISON_NODES);
            match place(candidate, (below, PlacementEffort::Comparison), &few_nodes) {
                Ok(plan) => {
                    nodes += plan.nodes;
                    if plan.cost < below {
                        best = Some((plan, candidate));
                    }
                }
                // An earlier draft has a verified plan.
                Err(Error::Cancelled) if best.is_some() => break,
                // Another order may need fewer bytes on chip at once.
                Err(error @ Error::DoesNotFit(_)) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        let Some((mut plan, candidate)) = best else {
            return Err(failed.expect("there is a plan or an error"));
        };
        plan.stop = plan.stop.max(limits.poll().err().unwrap_or(Stop::Finished));
        let is_open = plan.cost > plan.lower_bound && candidate.draft.items.instance.is_medium();
        if plan.stop == Stop::Nodes || (plan.stop == Stop::Finished && is_open) {
            match place(candidate, (u64::MAX, PlacementEffort::Full), &limits.clone().less(nodes)) {
                Ok(full) => {
                    nodes += full.nodes;
                    let bound = plan.lower_bound.max(full.lower_bound);
                    plan = if full.cost <= plan.cost { full } else { plan };
                    plan.lower_bound = bound.min(plan.cost);
                }
                Err(Error::Cancelled) => plan.stop = Stop::Cancelled,
                Err(error) => return Err(error),
            }
        }
        Ok(PoolPlan { nodes, ..plan })
    }

    /// Plans a graph for several memories in the given order.
    ///
    /// # Errors
    /// As [`place`](Self::place).
    pub fn place_in_order(&self, graph: &Graph, order: &[OperatorId], pools: &Pools) -> Result<PoolPlan> {
        if graph.has_bodies() {
            return bodies::place(self, graph, |planner, flat| planner.place_in_order(flat, order, pools));
        }
        let drafts = Drafts::new(self, graph, pools)?;
        let start = drafts.best_shared(order)?;
        let search = (u64::MAX, PlacementEffort::Full);
        self.place_draft(graph, pools, &start.draft, search, &self.limits)
    }

    /// The best plan of a draft at an effort, or any plan if none costs less than a cutoff.
    fn place_draft(
        &self,
        graph: &Graph,
        pools: &Pools,
        draft: &PlacementDraft,
        search: (u64, PlacementEffort),
        limits: &Limits,
    ) -> Result<PoolPlan> {
        let plan = Task { planner: self, graph, pools, draft, search, limits }.place()?;
        let is_large = graph.operators().len() > MOST_AT_ANY_LIMIT;
        let verified = if is_large {
            verify_pools_until(limits.cancellation(), graph, &plan).ok_or(Error::Cancelled)?
        } else {
            verify_pools(graph, &plan)
        };
        verified.map_err(|violations| self.wrong_plan(violations))?;
        Ok(plan)
    }
}

struct Task<'a> {
    planner: &'a Planner,
    graph: &'a Graph,
    pools: &'a Pools,
    draft: &'a PlacementDraft,
    /// Cost at which the search ends, and its effort.
    search: (u64, PlacementEffort),
    limits: &'a Limits,
}

impl Task<'_> {
    fn place(&self) -> Result<PoolPlan> {
        let items = &self.draft.items;
        let placement = solve(&items.instance, self.search, self.limits)?;
        let Some(placement) = placement else {
            self.limits.check_cancelled()?;
            return Err(Error::DoesNotFit(self.too_much()));
        };
        self.check_cancelled_if_large()?;
        let mut plan = self.plan_of(items, &placement);
        self.check_cancelled_if_large()?;
        self.settle_backing_store(items, &placement, &mut plan)?;
        self.check_cancelled_if_large()?;
        keep_while_copied(&mut plan);
        self.check_cancelled_if_large()?;
        finish(&mut plan);
        self.check_cancelled_if_large()?;
        for item in 0..items.instance.items.len() {
            self.uses(items, &placement, item, &mut plan);
        }
        sort_by_keys(&mut plan.uses, |entry| [entry.step.into(), 0]);
        Ok(plan)
    }

    /// Stops a cancelled call: making and verifying a large plan would exceed the time in which it
    /// returns.
    fn check_cancelled_if_large(&self) -> Result<()> {
        if self.graph.operators().len() > MOST_AT_ANY_LIMIT {
            self.limits.check_cancelled()?;
        }
        Ok(())
    }

    /// Reason why no placement exists.
    fn too_much(&self) -> Misfit {
        let instance = &self.draft.items.instance;
        let Some(overfull) = first_overfull_pool(instance) else { return Misfit::Offsets };
        let operator = self.draft.order.get(overfull.step as usize);
        Misfit::InputsAndOutputs {
            pool: self.pools.named_pool(PoolId::new(overfull.pool)),
            capacity: instance.pools[overfull.pool].bytes,
            operator: operator.map(|&id| self.graph.named_operator(id)),
            needed: overfull.bytes,
        }
    }

    fn plan_of(&self, items: &PlacementItems, placement: &PlacementResult) -> PoolPlan {
        let mut plan = PoolPlan::unplaced(self.graph, self.pools);
        plan.order.clone_from(&self.draft.order);
        plan.alignment = self.planner.alignment;
        plan.variables = self.planner.variables;
        plan.aliases.clone_from(&self.draft.aliases);
        plan.aliases.sort_by_key(|alias| alias.tensor);
        (plan.cost, plan.lower_bound, plan.unavoidable_cost) =
            (placement.cost, placement.bound, placement.unavoidable_cost);
        (plan.nodes, plan.stop) = (placement.nodes, placement.stop);
        for placed in &placement.placed {
            residency(items.members.row(placed.item as u32), placed.interval, placed.offset, &mut plan);
        }
        for item in 0..items.instance.items.len() {
            self.moves(items, placement, item, &mut plan);
        }
        plan
    }

    /// Adds the transfers of an item and the traffic of operators and transfers.
    fn moves(&self, items: &PlacementItems, placement: &PlacementResult, item: usize, plan: &mut PoolPlan) {
        let instance = &items.instance;
        let path = instance.path_in(&placement.paths, item);
        for (number, access) in instance.accesses[instance.items[item].accesses()].iter().enumerate() {
            let traffic = &mut plan.traffic[path.path[2 * number + 1] as usize];
            traffic.read += access.read;
            traffic.written += access.write;
        }
        let members = items.members.row(item as u32);
        path.copies(|copied| {
            for member in copied_members(self.graph, members, copied.step, instance.steps) {
                let Occupant::Tensor(tensor) = member.occupant else { continue };
                let [from, to] = [copied.from, copied.to].map(PoolId::new);
                let (step, due, bytes) = (copied.step, copied.due, member.bytes);
                plan.traffic[copied.from].read += bytes;
                plan.traffic[copied.to].written += bytes;
                plan.transfers.push(Transfer { tensor, step, due, from, to, bytes });
            }
        });
        let stays_on_chip = path.resident_pool().is_some() || usize::from(path.path[0]) != instance.store();
        if stays_on_chip
            && let [ItemMember { occupant: Occupant::Tensor(id), bytes, .. }] = members
            && Content::of(self.graph.tensor(*id)) == Content::Constants
        {
            plan.preloaded += bytes;
        }
    }

    /// Records the pool in which an operator accesses an occupant that is resident in several pools at
    /// that step, if it is not the first of them.
    fn uses(&self, items: &PlacementItems, placement: &PlacementResult, item: usize, plan: &mut PoolPlan) {
        let instance = &items.instance;
        let path = &placement.paths[instance.points_of(item)];
        for (number, access) in instance.accesses[instance.items[item].accesses()].iter().enumerate() {
            let around = &path[2 * number..2 * number + 3];
            if around.iter().all(|&pool| pool == around[1]) {
                // Resident in one pool only.
                continue;
            }
            let (step, pool) = (access.step, PoolId::new(around[1].into()));
            let Some(&id) = self.draft.order.get(step as usize) else { continue };
            let operator = self.graph.operator(id);
            let is_operand = |one: &ItemMember| match one.occupant {
                Occupant::Tensor(id) => operator.inputs().contains(&id) || operator.outputs().contains(&id),
                Occupant::Scratch(own) => own == id,
            };
            for one in items.members.row(item as u32) {
                let there =
                    plan.residencies_of(one.occupant).filter(|residency| residency.live.contains(step));
                let first = there.map(|residency| residency.pool).min();
                if first.is_some_and(|first| first != pool) && is_operand(one) {
                    plan.uses.push(Use { step, occupant: one.occupant, pool });
                }
            }
        }
    }

    /// Chooses offsets in the backing store.
    fn settle_backing_store(
        &self,
        items: &PlacementItems,
        placement: &PlacementResult,
        plan: &mut PoolPlan,
    ) -> Result<()> {
        let instance = &items.instance;
        let room = &instance.pools[instance.store()];
        let mut there: Vec<(usize, ResidencyInterval)> = Vec::new();
        for item in 0..items.instance.items.len() {
            let path = instance.path_in(&placement.paths, item);
            there.extend(path.store_interval().map(|interval| (item, interval)));
        }
        let buffer = |&(item, interval): &(usize, ResidencyInterval)| {
            let one = &instance.items[item];
            Buffer::new(one.size, interval.from..interval.end).align(one.alignment.max(room.alignment))
        };
        let problem = Problem::new(there.iter().map(buffer).collect())?.with_capacity(Some(room.bytes));
        let offsets = backing_store::offsets(&problem, instance.steps, self.limits)?;
        let needed = problem.height(&offsets);
        if needed > room.bytes {
            let pool = self.pools.named_pool(self.pools.backing_store_id());
            return Err(Error::DoesNotFit(Misfit::BackingStore { pool, capacity: room.bytes, needed }));
        }
        for (&(item, interval), offset) in there.iter().zip(offsets) {
            let interval = ResidencyInterval { pool: instance.store(), ..interval };
            residency(items.members.row(item as u32), interval, offset, plan);
        }
        Ok(())
    }
}

/// Adds a residency interval for every member of an item.
fn residency(members: &[ItemMember], interval: ResidencyInterval, offset: u64, plan: &mut PoolPlan) {
    for one in members.iter().filter(|one| one.bytes > 0) {
        let live =
            LiveRange { start: interval.from.max(one.live.start), end: interval.end.min(one.live.end) };
        if live.start < live.end {
            let (pool, offset) = (PoolId::new(interval.pool), offset + one.at);
            plan.residencies.push(Residency { occupant: one.occupant, pool, offset, bytes: one.bytes, live });
        }
    }
}

/// Extends the residency of tensors that are copied while their alias takes over, until the transfer
/// is due. The memory belongs to their item in any case.
fn keep_while_copied(plan: &mut PoolPlan) {
    let mut under_way: Vec<Transfer> =
        plan.transfers.iter().filter(|one| one.step < one.due).copied().collect();
    sort_by_keys(&mut under_way, |one| [one.tensor.index() as u64, one.step.into()]);
    for residency in &mut plan.residencies {
        let Occupant::Tensor(tensor) = residency.occupant else { continue };
        for one in with_key(&under_way, tensor, |one| one.tensor) {
            if [one.from, one.to].contains(&residency.pool) && residency.live.contains(one.step) {
                residency.live.end = residency.live.end.max(one.due);
            }
        }
    }
}

/// Sorts residency and transfers into the documented order.
fn finish(plan: &mut PoolPlan) {
    sort_by_keys(&mut plan.residencies, |residency| [residency.live.start.into(), 0]);
    sort_by_keys(&mut plan.residencies, |residency| {
        let (kind, id) = key(residency.occupant);
        [u64::from(kind) << 32 | id as u64, residency.pool.index() as u64]
    });
    sort_by_keys(&mut plan.transfers, |one| [one.due.into(), one.tensor.index() as u64]);
    for residency in &plan.residencies {
        let used = &mut plan.used[residency.pool.index()];
        *used = (*used).max(residency.end());
    }
}

pub(super) fn subject(graph: &Graph, occupant: Occupant) -> Subject {
    match occupant {
        Occupant::Tensor(id) => Subject::Tensor(graph.named_tensor(id)),
        Occupant::Scratch(id) => Subject::Scratch(graph.named_operator(id)),
    }
}
