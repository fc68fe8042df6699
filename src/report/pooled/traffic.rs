//! The traffic of each memory, step by step.

use std::collections::BTreeMap;

use crate::effects::{Access, accesses};
use crate::{Alias, Graph, Occupant, OperatorId, PoolId, PoolPlan, Transfer};

/// Bytes read and written in one memory, by step.
pub(in crate::report) struct StepTraffic {
    /// Bytes that operators access.
    pub in_place: Vec<u64>,
    /// Bytes that transfers move.
    pub copied: Vec<u64>,
}

/// The traffic of each memory. A transfer during several steps counts evenly in all of them; a
/// transfer after the last step counts in the last. O((V + E) log V + steps of transfers).
pub(in crate::report) fn by_step(graph: &Graph, plan: &PoolPlan) -> Vec<StepTraffic> {
    let steps = plan.order.len().max(1);
    let none = || StepTraffic { in_place: vec![0; steps], copied: vec![0; steps] };
    let mut traffic: Vec<StepTraffic> = plan.pools.ids().map(|_| none()).collect();
    let access_pools = AccessPools::new(plan);
    let mut aliases = BTreeMap::<OperatorId, Vec<Alias>>::new();
    for alias in &plan.aliases {
        aliases.entry(alias.operator).or_default().push(*alias);
    }
    for (step, &id) in plan.order.iter().enumerate() {
        if id.index() >= graph.operators().len() {
            continue;
        }
        let aliases = aliases.get(&id).map_or(&[][..], Vec::as_slice);
        for Access { occupant, read, written } in accesses(graph, id, aliases) {
            if let Some(pool) = access_pools.at(step as u32, occupant) {
                add(&mut traffic[pool.index()].in_place[step], read.saturating_add(written));
            }
        }
    }
    let (last, count) = (steps - 1, traffic.len());
    let in_pools = |transfer: &&Transfer| transfer.from.index().max(transfer.to.index()) < count;
    for transfer in plan.transfers.iter().filter(in_pools) {
        let first = (transfer.step.min(transfer.due) as usize).min(last);
        let end = (transfer.due as usize).clamp(first + 1, steps);
        let count = (end - first) as u64;
        for step in first..end {
            // The remainder goes to the first steps, one byte each.
            let remainder = u64::from(((step - first) as u64) < transfer.bytes % count);
            let bytes = transfer.bytes / count + remainder;
            for pool in [transfer.from, transfer.to] {
                add(&mut traffic[pool.index()].copied[step], bytes);
            }
        }
    }
    traffic
}

fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}

/// The pool in which each operator accesses its tensors and scratch.
struct AccessPools<'a> {
    plan: &'a PoolPlan,
    /// The accesses that the plan states; others use the first pool that holds the occupant.
    stated: BTreeMap<(u32, Key), PoolId>,
}

/// An [`Occupant`] as an ordered key.
type Key = (bool, usize);

fn key(occupant: Occupant) -> Key {
    match occupant {
        Occupant::Tensor(id) => (false, id.index()),
        Occupant::Scratch(id) => (true, id.index()),
    }
}

impl<'a> AccessPools<'a> {
    fn new(plan: &'a PoolPlan) -> Self {
        let stated = plan.uses.iter().map(|entry| ((entry.step, key(entry.occupant)), entry.pool)).collect();
        Self { plan, stated }
    }

    fn at(&self, step: u32, occupant: Occupant) -> Option<PoolId> {
        let stated = self.stated.get(&(step, key(occupant))).copied();
        let resident = self.plan.residencies_of(occupant).filter(|residency| residency.live.contains(step));
        let mut pools = resident
            .map(|residency| residency.pool)
            .filter(|pool| pool.index() < self.plan.pools.list().len());
        match stated {
            Some(stated) => pools.find(|&pool| pool == stated),
            None => pools.min(),
        }
    }
}
