//! From a graph, an order and what shares memory to what is to be placed.

use crate::effects::{self, accesses};
use crate::error::{Error, Result};
use crate::graph::{Graph, TensorKind};
use crate::ids::{BufferId, OperatorId, PoolId};
use crate::limits::Limits;
use crate::liveness::Liveness;
use crate::occupant::Occupant;
use crate::placement::{Access, Instance, MAX_BYTES, NewItem, PoolSpec, compute_min_costs};
use crate::pools::{Content, Loading, Pool, Pools};
use crate::problem::LiveRange;
use crate::sharing::{Groups, Relation};
use crate::sorting::sort_by_keys;

/// A tensor or workspace in an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct ItemMember {
    pub(super) occupant: Occupant,
    /// Bytes from the start of the item.
    pub(super) at: u64,
    pub(super) bytes: u64,
    pub(super) live: LiveRange,
}

/// What is to be placed, and who it is.
pub(super) struct PlacementItems {
    pub(super) instance: Instance,
    pub(super) members: Vec<Vec<ItemMember>>,
}

/// What is known of the run that is planned.
pub(super) struct ItemBuilder<'a> {
    pub(super) graph: &'a Graph,
    pub(super) order: &'a [OperatorId],
    pub(super) pools: &'a Pools,
    pub(super) alignment: u64,
    pub(super) liveness: &'a Liveness,
    pub(super) groups: &'a Groups,
    pub(super) shares: &'a [Relation],
    pub(super) limits: &'a Limits,
}

/// Steps, ascending, with the bytes that are read and written.
type StepAccesses = Vec<(u32, (u64, u64))>;

impl ItemBuilder<'_> {
    /// # Errors
    /// [`Error::Pools`] if it exceeds what can be counted, or something lies together that
    /// must start in different pools.
    pub(super) fn items(&self) -> Result<PlacementItems> {
        let steps = self.liveness.steps();
        let instance = Instance::new(self.pools(), steps, self.pools.prefetch_steps(), self.limits);
        let mut items = PlacementItems { instance, members: Vec::new() };
        let mut accesses: Vec<StepAccesses> = vec![StepAccesses::new(); self.groups.members.len()];
        let mut reads: Vec<Vec<u32>> = vec![Vec::new(); self.graph.tensors().len()];
        self.collect(&mut accesses, &mut reads)?;
        for (own, accesses) in self.groups.members.iter().zip(accesses) {
            self.limits.go_on()?;
            let members: Vec<ItemMember> = own.iter().map(|&id| self.member(id)).collect();
            self.add(&mut items, members, accesses)?;
        }
        for (id, reads) in self.graph.tensor_ids().zip(&reads).filter(|(_, reads)| !reads.is_empty()) {
            let bytes = self.graph.tensor(id).bytes();
            let live = LiveRange { start: 0, end: steps.max(1) };
            let member = ItemMember { occupant: Occupant::Tensor(id), at: 0, bytes, live };
            let accesses = reads.iter().map(|&step| (step, (bytes, 0))).collect();
            self.add(&mut items, vec![member], accesses)?;
        }
        check_total(&items.instance)?;
        compute_min_costs(&mut items.instance);
        self.limits.go_on()?;
        Ok(items)
    }

    fn pools(&self) -> Vec<PoolSpec> {
        let room = |id: PoolId| {
            let pool = self.pools.pool(id);
            let bytes = pool.bytes().unwrap_or(MAX_BYTES).min(MAX_BYTES);
            let ((read, write), (from, to)) = (pool.in_place(), pool.copied());
            let alignment = pool.alignment;
            PoolSpec { capacity: bytes.next_multiple_of(alignment), bytes, alignment, read, write, from, to }
        };
        self.pools.ids().map(room).collect()
    }

    fn member(&self, id: BufferId) -> ItemMember {
        let buffer = self.liveness.problem().buffer(id);
        let occupant = self.liveness.occupants()[id.index()];
        ItemMember {
            occupant,
            at: self.groups.place[id.index()].1,
            bytes: buffer.size(),
            live: buffer.live(),
        }
    }

    /// What operators do, to groups and to constants.
    fn collect(&self, of_groups: &mut [StepAccesses], reads: &mut [Vec<u32>]) -> Result<()> {
        let graph = self.graph;
        let mut group_of = vec![None; graph.tensors().len()];
        let mut scratch_of = vec![None; graph.operators().len()];
        for (occupant, &(group, _)) in self.liveness.occupants().iter().zip(&self.groups.place) {
            match occupant {
                Occupant::Tensor(id) => group_of[id.index()] = Some(group as usize),
                Occupant::Scratch(id) => scratch_of[id.index()] = Some(group as usize),
            }
        }
        let mut shares: Vec<Vec<Relation>> = vec![Vec::new(); graph.operators().len()];
        for relation in self.shares {
            shares[relation.operator.index()].push(*relation);
        }
        for (step, &id) in (0..).zip(self.order) {
            self.limits.go_on()?;
            for effects::Access { occupant, read, written } in accesses(graph, id, &shares[id.index()]) {
                let group = match occupant {
                    Occupant::Tensor(id) if graph.tensor(id).kind() == TensorKind::Constant => {
                        reads[id.index()].push(step);
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
        // What is there before the run has its place from then on, whoever reads it first.
        let is_defined_before_run =
            members.len() > 1 && members.iter().any(|one| is_defined_before_run(self.graph, one));
        if is_defined_before_run && accesses.first().is_none_or(|first| first.0 > 0) {
            accesses.insert(0, (0, (0, 0)));
        }
        let frame = MemberGroup::new(self, &members);
        let size = members.iter().map(|one| one.at + one.bytes).max().unwrap_or(0);
        if size == 0 {
            return Ok(());
        }
        let mut accesses: Vec<Access> = accesses
            .into_iter()
            .map(|(step, (read, write))| Access { step, read, write, before: 0, after: 0 })
            .collect();
        if accesses.is_empty() {
            // Nobody does anything with it: an input that is an output, say.
            accesses.push(Access { step: 0, read: 0, write: 0, before: 0, after: 0 });
        }
        frame.fill(&mut accesses, self.pools.prefetch_steps());
        let content = |one: &ItemMember| Content::of_occupant(self.graph, one.occupant);
        let home = self.pools.home_id();
        let mask = |takes: &dyn Fn(&Pool, Content) -> bool| {
            let takes_all = |id: &PoolId| members.iter().all(|one| takes(self.pools.pool(*id), content(one)));
            let pools = self.pools.ids().filter(|id| *id == home || takes_all(id));
            pools.fold(0u8, |mask, id| mask | 1 << id.index())
        };
        let pools = mask(&|pool, content| pool.takes(content, size));
        let pools_at_any_capacity = mask(&|pool, content| pool.takes_at_any_capacity(content, size));
        let (start, finish) = (frame.start()?, frame.finish()?);
        for forced in [start, finish] {
            if pools >> forced.index() & 1 == 0 {
                let name = super::describe(self.graph, members[0].occupant);
                let pool = self.pools.pool(forced).name();
                let text = format!("{name} ({size} bytes) must be in `{pool}`, which cannot take it");
                return Err(Error::DoesNotFit(text));
            }
        }
        let alignment = |one: &ItemMember| match one.occupant {
            Occupant::Tensor(id) => self.graph.tensor(id).alignment().unwrap_or(self.alignment),
            Occupant::Scratch(id) => self.graph.operator(id).scratch_alignment(self.alignment),
        };
        let alignment = members.iter().map(alignment).max().unwrap_or(1);
        // What stays on chip from run to run is not where outputs are looked for.
        let is_wanted_elsewhere = |one: &ItemMember| {
            frame.tensor(one).is_some_and(|one| one.is_output() && one.kind() != TensorKind::Constant)
        };
        let may_be_resident = self.pools.loads() == Loading::Once
            && matches!(members.as_slice(), [one] if !is_wanted_elsewhere(one)
                && matches!(content(one), Content::Constants | Content::Variables));
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

/// All sums that a search may make stay far below 64 bits.
fn check_total(instance: &Instance) -> Result<()> {
    let largest = |of: fn(&PoolSpec) -> u64| instance.pools.iter().map(of).max().unwrap_or(0);
    let each = largest(|room| room.read) + largest(|room| room.write);
    let copied = 2 * (largest(|room| room.from) + largest(|room| room.to));
    let each = u128::from(each.max(copied).max(1));
    let moved = |access: &Access| {
        [access.read, access.write, access.before, access.after].map(u128::from).iter().sum::<u128>()
    };
    let cost: u128 = instance.accesses.iter().map(|access| moved(access) * each).sum();
    let coarsest = instance.pools.iter().map(|room| room.alignment).max().unwrap_or(1);
    let bytes = instance.items.iter().map(|item| {
        let most_stays = 2 * u128::from(item.end - item.first) + 1;
        (u128::from(item.size) + u128::from(item.alignment.max(coarsest))) * most_stays
    });
    let bytes: u128 = bytes.sum();
    if bytes > u128::from(MAX_BYTES) {
        return Err(Error::DoesNotFit(format!("sizes, {bytes} bytes in all, are more than 2^61")));
    }
    if cost > u128::from(MAX_BYTES) {
        return Err(Error::Pools(format!("costs, {cost} in all, are more than 2^61")));
    }
    Ok(())
}

/// Tensors that lie together.
struct MemberGroup<'a, 'r> {
    run: &'a ItemBuilder<'r>,
    members: &'a [ItemMember],
    /// From which step on, and until before which, some byte is needed without a break; the
    /// first ones first, each with the last end of all up to it. -1 is before the run.
    needed: Vec<(i64, i64)>,
}

impl<'a, 'r> MemberGroup<'a, 'r> {
    fn new(run: &'a ItemBuilder<'r>, members: &'a [ItemMember]) -> Self {
        let mut needed = needed(run.graph, members, run.liveness.steps().max(1));
        let mut last = i64::MIN;
        for one in &mut needed {
            last = last.max(one.1);
            one.1 = last;
        }
        Self { run, members, needed }
    }

    fn tensor(&self, member: &ItemMember) -> Option<&crate::graph::Tensor> {
        match member.occupant {
            Occupant::Tensor(id) => Some(self.run.graph.tensor(id)),
            Occupant::Scratch(_) => None,
        }
    }

    /// Where it is before the run.
    fn start(&self) -> Result<PoolId> {
        let kinds = self.members.iter().filter_map(|one| Some(self.tensor(one)?.kind()));
        let home = self.run.pools.home_id();
        let pools = kinds.filter_map(|kind| match kind {
            TensorKind::Input => Some(self.run.pools.inputs_in()),
            TensorKind::Variable | TensorKind::Constant => Some(home),
            TensorKind::Intermediate => None,
        });
        self.agreed(pools.collect())
    }

    /// Where it must be after the run.
    fn finish(&self) -> Result<PoolId> {
        let home = self.run.pools.home_id();
        let outputs = self.run.pools.outputs_in();
        let both = |one: &&ItemMember| {
            self.tensor(one).is_some_and(|one| one.is_output() && one.kind() == TensorKind::Variable)
        };
        if let Some(both) = self.members.iter().find(both).filter(|_| outputs != home) {
            let name = super::describe(self.run.graph, both.occupant);
            let names = [outputs, home].map(|id| self.run.pools.pool(id).name());
            let text = format!(
                "{name} is a variable and an output: outputs are in `{}`, variables in `{}`",
                names[0], names[1]
            );
            return Err(Error::Pools(text));
        }
        let pools = self.members.iter().filter(|one| is_needed_after_run(self.run.graph, one)).map(|one| {
            let is_output =
                self.tensor(one).is_some_and(|one| one.is_output() && one.kind() != TensorKind::Constant);
            if is_output { self.run.pools.outputs_in() } else { home }
        });
        self.agreed(pools.collect())
    }

    fn agreed(&self, mut pools: Vec<PoolId>) -> Result<PoolId> {
        pools.dedup();
        match pools.as_slice() {
            [] => Ok(self.run.pools.home_id()),
            &[pool] => Ok(pool),
            _ => {
                let name = super::describe(self.run.graph, self.members[0].occupant);
                let names = pools.iter().map(|id| format!("`{}`", self.run.pools.pool(*id).name()));
                let names: Vec<String> = names.collect();
                let text = format!("{name} and what lies with it must be in {} at once", names.join(" and "));
                Err(Error::Pools(text))
            }
        }
    }

    /// What matters before and after each access.
    fn fill(&self, accesses: &mut [Access], prefetch: u32) {
        let steps = self.run.liveness.steps().max(1);
        let bytes = |step| copied_bytes(self.run.graph, self.members, step, steps);
        for place in 0..accesses.len() {
            let step = accesses[place].step;
            let previous = place.checked_sub(1).map(|before| accesses[before].step);
            let arrival = step.saturating_sub(prefetch).max(previous.map_or(0, |step| step + 1));
            let next = accesses.get(place + 1).map_or(steps, |next| next.step);
            let own = &mut accesses[place];
            own.before = if self.spans(previous.map_or(-1, i64::from), step) { bytes(arrival) } else { 0 };
            own.after = if self.spans(step.into(), next) { bytes(step + 1) } else { 0 };
        }
    }

    /// Whether some byte that was there after the operator of `from` is needed at `until` or
    /// later.
    fn spans(&self, from: i64, until: u32) -> bool {
        let begun = self.needed.partition_point(|one| one.0 <= from);
        self.needed[..begun].last().is_some_and(|one| one.1 > i64::from(until))
    }
}

/// From when until when bytes of members are needed without a break, byte by byte, ascending;
/// what one holds another takes over, if both are live at a step.
fn needed(graph: &Graph, members: &[ItemMember], steps: u32) -> Vec<(i64, i64)> {
    let lives = |one: &ItemMember| {
        let start = if is_defined_before_run(graph, one) { -1 } else { i64::from(one.live.start) };
        (start, i64::from(if is_needed_after_run(graph, one) { steps + 1 } else { one.live.end }))
    };
    if let [only] = members {
        return vec![lives(only)];
    }
    let mut cuts: Vec<u64> = members.iter().flat_map(|one| [one.at, one.at + one.bytes]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut rising: Vec<&ItemMember> = members.iter().filter(|one| one.bytes > 0).collect();
    sort_by_keys(&mut rising, |one| [one.at, 0]);
    let mut rising = rising.into_iter().peekable();
    let (mut there, mut live): (Vec<&ItemMember>, Vec<(i64, i64)>) = (Vec::new(), Vec::new());
    let mut needed: Vec<(i64, i64)> = Vec::new();
    for &cut in &cuts {
        there.retain(|one| one.at + one.bytes > cut);
        there.extend(std::iter::from_fn(|| rising.next_if(|one| one.at <= cut)));
        live.clear();
        live.extend(there.iter().map(|one| lives(one)));
        live.sort_unstable();
        let first = needed.len();
        for &(start, stop) in &live {
            match needed[first..].last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(stop),
                _ => needed.push((start, stop)),
            }
        }
    }
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// Members of which no other one holds everything, the largest first.
fn cover(mut members: Vec<ItemMember>) -> Vec<ItemMember> {
    sort_by_keys(&mut members, |one| [one.at, !one.bytes]);
    let mut end = 0;
    members.retain(|one| {
        let is_outside = one.bytes > 0 && one.at + one.bytes > end;
        end = end.max(one.at + one.bytes);
        is_outside
    });
    sort_by_keys(&mut members, |one| [!one.bytes, one.at]);
    members
}

/// Who holds what is copied at the start of a step: there before it, and needed at it or later.
pub(super) fn copied_members(
    graph: &Graph,
    members: &[ItemMember],
    step: u32,
    steps: u32,
) -> Vec<ItemMember> {
    cover(members.iter().filter(|one| holds(graph, one, step, steps)).copied().collect())
}

/// Bytes that are copied at the start of a step.
fn copied_bytes(graph: &Graph, members: &[ItemMember], step: u32, steps: u32) -> u64 {
    match members {
        [only] => {
            if holds(graph, only, step, steps) {
                only.bytes
            } else {
                0
            }
        }
        _ => copied_members(graph, members, step, steps).iter().map(|one| one.bytes).sum(),
    }
}

fn holds(graph: &Graph, one: &ItemMember, step: u32, steps: u32) -> bool {
    (is_defined_before_run(graph, one) || one.live.start < step)
        && (one.live.end > step || (is_needed_after_run(graph, one) && step >= steps))
}

/// Whether somebody wrote it before the run.
fn is_defined_before_run(graph: &Graph, member: &ItemMember) -> bool {
    match member.occupant {
        Occupant::Tensor(id) => graph.tensor(id).kind() != TensorKind::Intermediate,
        Occupant::Scratch(_) => false,
    }
}

/// Whether somebody needs it after the run.
fn is_needed_after_run(graph: &Graph, member: &ItemMember) -> bool {
    match member.occupant {
        Occupant::Tensor(id) => {
            graph.tensor(id).is_output()
                || matches!(graph.tensor(id).kind(), TensorKind::Variable | TensorKind::Constant)
        }
        Occupant::Scratch(_) => false,
    }
}

#[cfg(test)]
mod tests;
