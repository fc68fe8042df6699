//! Construction of a placement instance from a graph, an order and its aliases.
//!
//! Each rigid group of buffers becomes one item, because its members keep their distances in every pool; a
//! constant that operators read is an item as well. The accesses of an item are the reads and writes of its
//! members by operators. Between two accesses, only the bytes of members that are live on both sides have
//! to be copied.

use smallvec::SmallVec;

use crate::effects::{self, accesses};
use crate::error::{Error, Misfit, PoolsProblem, Result};
use crate::graph::{Content, Graph, Loading, Occupant, Pool, Pools, TensorKind};
use crate::liveness::Liveness;
use crate::placement::{Instance, ItemAccess, MAX_BYTES, NewItem, PoolSpec, compute_min_costs};
use crate::problem::LiveRange;
use crate::sharing::Alias;
use crate::support::ids::{BufferId, OperatorId, PoolId, TensorId};
use crate::support::limits::Limits;
use crate::support::rows::Rows;
use crate::support::sorting::{sort_by_keys, unique, with_key};

/// A tensor or scratch memory in an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct ItemMember {
    pub(super) occupant: Occupant,
    /// Offset from the start of the item, in bytes.
    pub(super) at: u64,
    pub(super) bytes: u64,
    pub(super) live: LiveRange,
}

/// An instance, with the members of each of its items.
pub(super) struct PlacementItems {
    pub(super) instance: Instance,
    pub(super) members: Rows<ItemMember>,
}

/// Inputs for the construction of items.
pub(super) struct ItemBuilder<'a> {
    pub(super) graph: &'a Graph,
    pub(super) order: &'a [OperatorId],
    pub(super) pools: &'a Pools,
    pub(super) alignment: u64,
    pub(super) liveness: &'a Liveness,
    /// By buffer of the liveness: its rigid group, and its offset from the start of the group.
    pub(super) position: &'a [(u32, u64)],
    /// By group: its buffers.
    pub(super) members: &'a Rows<BufferId>,
    pub(super) aliases: &'a [Alias],
    pub(super) limits: &'a Limits,
}

/// Steps in ascending order with the bytes read and written.
type StepAccesses = SmallVec<[(u32, (u64, u64)); 2]>;

impl ItemBuilder<'_> {
    /// Builds all items.
    ///
    /// # Errors
    /// [`Error::Pools`] if costs exceed their limit or the members of an item must start or end in
    /// different pools; [`Error::DoesNotFit`] if sizes exceed their limit or an item must be in a pool that
    /// does not take it.
    pub(super) fn items(&self) -> Result<PlacementItems> {
        let steps = self.liveness.steps();
        let instance = Instance::new(self.pool_specs(), steps, self.pools.prefetch_steps(), self.limits);
        let mut items = PlacementItems { instance, members: Rows::default() };
        let mut accesses: Vec<StepAccesses> = vec![StepAccesses::new(); self.members.count() as usize];
        let mut reads = Vec::new();
        self.collect(&mut accesses, &mut reads)?;
        sort_by_keys(&mut reads, |&(constant, step)| [constant.index() as u64, step.into()]);
        let count = accesses.iter().map(SmallVec::len).sum::<usize>() + reads.len();
        items.instance.reserve(accesses.len(), count);
        for (buffers, accesses) in self.members.rows().zip(accesses) {
            self.limits.check_cancelled()?;
            let members: Vec<ItemMember> = buffers.iter().map(|&id| self.member(id)).collect();
            self.add(&mut items, members, accesses)?;
        }
        for reads in reads.chunk_by(|one, other| one.0 == other.0) {
            let id = reads[0].0;
            let bytes = self.graph.tensor(id).bytes();
            let live = LiveRange { start: 0, end: steps.max(1) };
            let member = ItemMember { occupant: Occupant::Tensor(id), at: 0, bytes, live };
            let accesses = reads.iter().map(|&(_, step)| (step, (bytes, 0))).collect();
            self.add(&mut items, vec![member], accesses)?;
        }
        items.instance.shrink_to_fit();
        items.members.shrink_to_fit();
        check_magnitude(&items.instance)?;
        compute_min_costs(&mut items.instance);
        self.limits.check_cancelled()?;
        Ok(items)
    }

    fn pool_specs(&self) -> Vec<PoolSpec> {
        let spec = |id: PoolId| {
            let pool = self.pools.pool(id);
            let bytes = pool.bytes().unwrap_or(MAX_BYTES).min(MAX_BYTES);
            let ((read, write), (from, to)) = (pool.in_place(), pool.copied());
            let alignment = pool.alignment;
            PoolSpec { capacity: bytes.next_multiple_of(alignment), bytes, alignment, read, write, from, to }
        };
        self.pools.ids().map(spec).collect()
    }

    fn member(&self, id: BufferId) -> ItemMember {
        let buffer = self.liveness.problem().buffer(id);
        let occupant = self.liveness.occupants()[id.index()];
        ItemMember { occupant, at: self.position[id.index()].1, bytes: buffer.size(), live: buffer.live() }
    }

    /// Collects the accesses of all operators, by group, and each constant with each step at which it is read.
    fn collect(&self, of_groups: &mut [StepAccesses], reads: &mut Vec<(TensorId, u32)>) -> Result<()> {
        let graph = self.graph;
        let mut group_of = vec![None; graph.tensors().len()];
        let mut scratch_of = vec![None; graph.operators().len()];
        for (occupant, &(group, _)) in self.liveness.occupants().iter().zip(self.position) {
            match occupant {
                Occupant::Tensor(id) => group_of[id.index()] = Some(group as usize),
                Occupant::Scratch(id) => scratch_of[id.index()] = Some(group as usize),
            }
        }
        let mut aliases = self.aliases.to_vec();
        aliases.sort_by_key(|alias| alias.operator);
        for (step, &id) in (0..).zip(self.order) {
            self.limits.check_cancelled()?;
            for effects::Access { occupant, read, written } in
                accesses(graph, id, with_key(&aliases, id, |alias| alias.operator))
            {
                let group = match occupant {
                    Occupant::Tensor(id) if graph.tensor(id).is_outside() => continue,
                    Occupant::Tensor(id) if graph.tensor(id).kind() == TensorKind::Constant => {
                        reads.push((id, step));
                        continue;
                    }
                    Occupant::Tensor(id) => group_of[id.index()],
                    Occupant::Scratch(id) => scratch_of[id.index()],
                };
                let Some(group) = group else { continue };
                match of_groups[group].last_mut() {
                    Some((last, both)) if *last == step => *both = (both.0 + read, both.1 + written),
                    _ => of_groups[group].push((step, (read, written))),
                }
            }
        }
        Ok(())
    }

    fn add(
        &self,
        items: &mut PlacementItems,
        members: Vec<ItemMember>,
        mut accesses: StepAccesses,
    ) -> Result<()> {
        // An input, variable or constant occupies the bytes that it shares from the first step on,
        // whichever member is accessed first.
        let is_defined_before_run =
            members.len() > 1 && members.iter().any(|member| is_defined_before_run(self.graph, member));
        if is_defined_before_run && accesses.first().is_none_or(|first| first.0 > 0) {
            accesses.insert(0, (0, (0, 0)));
        }
        let group = RigidMembers::new(self, &members);
        let size = members.iter().map(|member| member.at + member.bytes).max().unwrap_or(0);
        if size == 0 {
            return Ok(());
        }
        let mut accesses: Vec<ItemAccess> = accesses
            .into_iter()
            .map(|(step, (read, write))| ItemAccess { step, read, write, before: 0, after: 0 })
            .collect();
        if accesses.is_empty() {
            // No operator accesses the item: an input that is also an output, for example.
            accesses.push(ItemAccess { step: 0, read: 0, write: 0, before: 0, after: 0 });
        }
        group.set_live_bytes(&mut accesses, self.pools.prefetch_steps());
        let content = |member: &ItemMember| Content::of_occupant(self.graph, member.occupant);
        let store = self.pools.backing_store_id();
        let pool_mask = |takes: &dyn Fn(&Pool, Content) -> bool| {
            let takes_all =
                |id: &PoolId| members.iter().all(|member| takes(self.pools.pool(*id), content(member)));
            let pools = self.pools.ids().filter(|id| *id == store || takes_all(id));
            pools.fold(0u8, |mask, id| mask | 1 << id.index())
        };
        let (start, finish, only) = (group.start()?, group.finish()?, group.only_pool()?);
        let allowed = only.map_or(u8::MAX, |pool| 1 << pool.index());
        let pools = pool_mask(&|pool, content| pool.takes(content, size)) & allowed;
        let pools_at_any_capacity =
            pool_mask(&|pool, content| pool.takes_at_any_capacity(content, size)) & allowed;
        for fixed in only.into_iter().chain([start, finish]).take(if only.is_some() { 1 } else { 2 }) {
            if pools >> fixed.index() & 1 == 0 {
                let subject = super::subject(self.graph, members[0].occupant);
                let pool = self.pools.named_pool(fixed);
                return Err(Error::DoesNotFit(Misfit::NotTaken { subject, bytes: size, pool }));
            }
        }
        let alignment = |member: &ItemMember| match member.occupant {
            Occupant::Tensor(id) => self.graph.tensor(id).alignment().unwrap_or(self.alignment),
            Occupant::Scratch(id) => self.graph.operator(id).scratch_alignment(self.alignment),
        };
        let alignment = members.iter().map(alignment).max().unwrap_or(1);
        // A resident tensor is not in the pool in which the caller expects outputs.
        let may_be_resident = self.pools.loads() == Loading::Once
            && only.is_none()
            && matches!(members.as_slice(), [member] if !group.is_read_by_caller(member)
                && matches!(content(member), Content::Constants | Content::Variables));
        let accesses = &accesses;
        let new = NewItem {
            size,
            alignment,
            pools,
            pools_at_any_capacity,
            start,
            finish,
            may_be_resident,
            accesses,
        };
        items.instance.add(&new);
        items.members.push(members);
        Ok(())
    }
}

/// Checks that every sum that the searches form stays far below 64 bits.
fn check_magnitude(instance: &Instance) -> Result<()> {
    let largest = |of: fn(&PoolSpec) -> u64| instance.pools.iter().map(of).max().unwrap_or(0);
    let max_cost = largest(|spec| spec.read) + largest(|spec| spec.write);
    let max_copy = 2 * (largest(|spec| spec.from) + largest(|spec| spec.to));
    let max_cost = u128::from(max_cost.max(max_copy).max(1));
    let moved = |access: &ItemAccess| {
        [access.read, access.write, access.before, access.after].map(u128::from).iter().sum::<u128>()
    };
    let cost: u128 = instance.accesses.iter().map(|access| moved(access) * max_cost).sum();
    let coarsest = instance.pools.iter().map(|spec| spec.alignment).max().unwrap_or(1);
    let bytes = instance.items.iter().map(|item| {
        let max_residencies = 2 * u128::from(item.end - item.first) + 1;
        (u128::from(item.size) + u128::from(item.alignment.max(coarsest))) * max_residencies
    });
    let bytes: u128 = bytes.sum();
    let saturated = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
    if bytes > u128::from(MAX_BYTES) {
        return Err(Error::DoesNotFit(Misfit::TotalSize { bytes: saturated(bytes) }));
    }
    if cost > u128::from(MAX_BYTES) {
        return Err(Error::Pools(PoolsProblem::TotalCost { cost: saturated(cost) }));
    }
    Ok(())
}

/// The members of an item, with the lifetimes of its bytes.
struct RigidMembers<'a, 'r> {
    run: &'a ItemBuilder<'r>,
    members: &'a [ItemMember],
    /// Lifetimes of the bytes of the item in ascending order of start, each with the latest end of all
    /// lifetimes up to it. Start -1 is before the run.
    lifetimes: Vec<(i64, i64)>,
}

impl<'a, 'r> RigidMembers<'a, 'r> {
    fn new(run: &'a ItemBuilder<'r>, members: &'a [ItemMember]) -> Self {
        let mut lifetimes = lifetimes(run.graph, members, run.liveness.steps().max(1));
        let mut last = i64::MIN;
        for lifetime in &mut lifetimes {
            last = last.max(lifetime.1);
            lifetime.1 = last;
        }
        Self { run, members, lifetimes }
    }

    fn tensor(&self, member: &ItemMember) -> Option<&crate::graph::Tensor> {
        match member.occupant {
            Occupant::Tensor(id) => Some(self.run.graph.tensor(id)),
            Occupant::Scratch(_) => None,
        }
    }

    /// True for an output of the graph that is no constant.
    fn is_read_by_caller(&self, member: &ItemMember) -> bool {
        self.tensor(member).is_some_and(|tensor| tensor.is_output() && tensor.kind() != TensorKind::Constant)
    }

    /// Pool of the item before the run.
    fn start(&self) -> Result<PoolId> {
        let pools = self.members.iter().filter_map(|member| {
            let tensor = self.tensor(member)?;
            let without_storage = match tensor.kind() {
                TensorKind::Input => self.run.pools.inputs_in(),
                TensorKind::Variable | TensorKind::Constant => self.run.pools.backing_store_id(),
                TensorKind::Intermediate => return None,
            };
            Some(self.run.pools.storing(tensor).unwrap_or(without_storage))
        });
        self.agreed(pools.collect())
    }

    /// The only pool in which the item may be, if there is one: the storage of its members, or the pool in which
    /// a preserved input must stay. A preserved input in the backing store stays there while a copy is elsewhere.
    fn only_pool(&self) -> Result<Option<PoolId>> {
        let (inputs, store) = (self.run.pools.inputs_in(), self.run.pools.backing_store_id());
        let pools = self.members.iter().filter_map(|member| {
            let tensor = self.tensor(member)?;
            let stays = (tensor.is_preserved() && inputs != store).then_some(inputs);
            self.run.pools.storing(tensor).or(stays)
        });
        let pools: Vec<PoolId> = pools.collect();
        if pools.is_empty() { Ok(None) } else { self.agreed(pools).map(Some) }
    }

    /// Pool in which the item must be after the run.
    fn finish(&self) -> Result<PoolId> {
        let store = self.run.pools.backing_store_id();
        let outputs = self.run.pools.outputs_in();
        let is_variable_output = |member: &&ItemMember| {
            self.tensor(member)
                .is_some_and(|tensor| tensor.is_output() && tensor.kind() == TensorKind::Variable)
                && self.storing(member).is_none()
        };
        if let Some(both) = self.members.iter().find(is_variable_output).filter(|_| outputs != store) {
            let subject = super::subject(self.run.graph, both.occupant);
            let [outputs, variables] = [outputs, store].map(|id| self.run.pools.named_pool(id));
            return Err(Error::Pools(PoolsProblem::VariableOutput { subject, outputs, variables }));
        }
        let pools =
            self.members.iter().filter(|member| is_needed_after_run(self.run.graph, member)).flat_map(
                |member| {
                    let is_preserved = self.tensor(member).is_some_and(crate::graph::Tensor::is_preserved);
                    let read = self.is_read_by_caller(member).then_some(outputs);
                    let kept = is_preserved.then(|| self.run.pools.inputs_in());
                    let kept = kept.or((read.is_none()).then_some(store));
                    match self.storing(member) {
                        Some(pool) => [Some(pool), None],
                        None => [read, kept],
                    }
                },
            );
        self.agreed(pools.flatten().collect())
    }

    /// The pool that a member has as its storage.
    fn storing(&self, member: &ItemMember) -> Option<PoolId> {
        self.run.pools.storing(self.tensor(member)?)
    }

    /// The pool that all members agree on; the backing store if none has a preference.
    fn agreed(&self, mut pools: Vec<PoolId>) -> Result<PoolId> {
        pools.dedup();
        match pools.as_slice() {
            [] => Ok(self.run.pools.backing_store_id()),
            &[pool] => Ok(pool),
            _ => {
                let subject = super::subject(self.run.graph, self.members[0].occupant);
                let pools = pools.iter().map(|&id| self.run.pools.named_pool(id)).collect();
                Err(Error::Pools(PoolsProblem::Contradiction { subject, pools }))
            }
        }
    }

    /// Sets the live bytes before and after each access.
    fn set_live_bytes(&self, accesses: &mut [ItemAccess], prefetch: u32) {
        let steps = self.run.liveness.steps().max(1);
        let bytes = |step| copied_bytes(self.run.graph, self.members, step, steps);
        for index in 0..accesses.len() {
            let step = accesses[index].step;
            let previous = index.checked_sub(1).map(|before| accesses[before].step);
            let arrival = step.saturating_sub(prefetch).max(previous.map_or(0, |step| step + 1));
            let next = accesses.get(index + 1).map_or(steps, |next| next.step);
            let access = &mut accesses[index];
            access.before =
                if self.is_live_across(previous.map_or(-1, i64::from), step) { bytes(arrival) } else { 0 };
            access.after = if self.is_live_across(step.into(), next) { bytes(step + 1) } else { 0 };
        }
    }

    /// Returns true if some byte that exists after step `from` is needed at step `until` or later.
    fn is_live_across(&self, from: i64, until: u32) -> bool {
        let begun = self.lifetimes.partition_point(|lifetime| lifetime.0 <= from);
        self.lifetimes[..begun].last().is_some_and(|lifetime| lifetime.1 > i64::from(until))
    }
}

/// Maximal intervals during which a byte of the item is live, in ascending order: from its definition to
/// its last use, over all members that contain it. A member takes over the byte of another if their live
/// ranges overlap. Bytes between two ends of members share their lifetimes, so one byte for each such
/// segment is examined.
fn lifetimes(graph: &Graph, members: &[ItemMember], steps: u32) -> Vec<(i64, i64)> {
    let lives = |member: &ItemMember| {
        let start = if is_defined_before_run(graph, member) { -1 } else { i64::from(member.live.start) };
        (start, i64::from(if is_needed_after_run(graph, member) { steps + 1 } else { member.live.end }))
    };
    if let [only] = members {
        return vec![lives(only)];
    }
    let cuts = unique(members.iter().flat_map(|member| [member.at, member.at + member.bytes]));
    let mut by_offset: Vec<&ItemMember> = members.iter().filter(|member| member.bytes > 0).collect();
    sort_by_keys(&mut by_offset, |member| [member.at, 0]);
    let mut by_offset = by_offset.into_iter().peekable();
    let (mut present, mut live): (Vec<&ItemMember>, Vec<(i64, i64)>) = (Vec::new(), Vec::new());
    let mut lifetimes: Vec<(i64, i64)> = Vec::new();
    for &cut in &cuts {
        present.retain(|member| member.at + member.bytes > cut);
        present.extend(std::iter::from_fn(|| by_offset.next_if(|member| member.at <= cut)));
        live.clear();
        live.extend(present.iter().map(|member| lives(member)));
        live.sort_unstable();
        let first = lifetimes.len();
        for &(start, stop) in &live {
            match lifetimes[first..].last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(stop),
                _ => lifetimes.push((start, stop)),
            }
        }
    }
    unique(lifetimes)
}

/// The members that are not contained in another one, in order of descending size.
fn maximal_members(mut members: Vec<ItemMember>) -> Vec<ItemMember> {
    sort_by_keys(&mut members, |member| [member.at, !member.bytes]);
    let mut end = 0;
    members.retain(|member| {
        let is_outside = member.bytes > 0 && member.at + member.bytes > end;
        end = end.max(member.at + member.bytes);
        is_outside
    });
    sort_by_keys(&mut members, |member| [!member.bytes, member.at]);
    members
}

/// Members whose bytes are copied at the start of a step: live before it, and used at it or later.
pub(super) fn copied_members(
    graph: &Graph,
    members: &[ItemMember],
    step: u32,
    steps: u32,
) -> Vec<ItemMember> {
    maximal_members(members.iter().filter(|member| is_copied(graph, member, step, steps)).copied().collect())
}

/// Bytes that are copied at the start of a step.
fn copied_bytes(graph: &Graph, members: &[ItemMember], step: u32, steps: u32) -> u64 {
    match members {
        [only] => {
            if is_copied(graph, only, step, steps) {
                only.bytes
            } else {
                0
            }
        }
        _ => copied_members(graph, members, step, steps).iter().map(|member| member.bytes).sum(),
    }
}

fn is_copied(graph: &Graph, member: &ItemMember, step: u32, steps: u32) -> bool {
    (is_defined_before_run(graph, member) || member.live.start < step)
        && (member.live.end > step || (is_needed_after_run(graph, member) && step >= steps))
}

/// Returns true if the member has contents before the run.
fn is_defined_before_run(graph: &Graph, member: &ItemMember) -> bool {
    match member.occupant {
        Occupant::Tensor(id) => graph.tensor(id).kind() != TensorKind::Intermediate,
        Occupant::Scratch(_) => false,
    }
}

/// Returns true if the contents of the member are needed after the run.
fn is_needed_after_run(graph: &Graph, member: &ItemMember) -> bool {
    match member.occupant {
        Occupant::Tensor(id) => {
            graph.tensor(id).is_needed_at_end()
                || matches!(graph.tensor(id).kind(), TensorKind::Variable | TensorKind::Constant)
        }
        Occupant::Scratch(_) => false,
    }
}

#[cfg(test)]
mod tests;
