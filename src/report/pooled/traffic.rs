//! Bytes that go through each memory, step by step.

use std::collections::BTreeMap;

use crate::effects::{Access, accesses};
use crate::{Graph, Occupant, OperatorId, PoolId, PoolPlan, Share};

/// Of one memory, by step: bytes read and written together.
pub(in crate::report) struct Moved {
    /// By operators.
    pub in_place: Vec<u64>,
    /// By copies.
    pub copied: Vec<u64>,
}

/// By memory. What is copied while several operators run counts for all of their steps
/// evenly; what is copied after the last step, for that one. O((V + E) log V + steps of copies).
pub(in crate::report) fn by_step(graph: &Graph, plan: &PoolPlan) -> Vec<Moved> {
    let steps = plan.order.len().max(1);
    let none = || Moved { in_place: vec![0; steps], copied: vec![0; steps] };
    let mut moved: Vec<Moved> = plan.pools.ids().map(|_| none()).collect();
    let places = Places::new(plan);
    let mut shares = BTreeMap::<OperatorId, Vec<Share>>::new();
    for share in &plan.shares {
        shares.entry(share.operator).or_default().push(*share);
    }
    for (step, &id) in plan.order.iter().enumerate() {
        if id.index() >= graph.operators().len() {
            continue;
        }
        let shares = shares.get(&id).map_or(&[][..], Vec::as_slice);
        for Access { occupant, read, written } in accesses(graph, id, shares) {
            if let Some(pool) = places.at(step as u32, occupant) {
                add(&mut moved[pool.index()].in_place[step], read.saturating_add(written));
            }
        }
    }
    let (last, count) = (steps - 1, moved.len());
    for one in plan.transfers.iter().filter(|one| one.from.index().max(one.to.index()) < count) {
        let first = (one.step.min(one.due) as usize).min(last);
        let end = (one.due as usize).clamp(first + 1, steps);
        let count = (end - first) as u64;
        for step in first..end {
            // What cannot be shared out evenly comes first.
            let bytes = one.bytes / count + u64::from(((step - first) as u64) < one.bytes % count);
            for pool in [one.from, one.to] {
                add(&mut moved[pool.index()].copied[step], bytes);
            }
        }
    }
    moved
}

fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}

/// Where operators find what.
struct Places<'a> {
    plan: &'a PoolPlan,
    said: BTreeMap<(u32, Key), PoolId>,
}

/// Ordered, unlike an [`Occupant`].
type Key = (bool, usize);

fn key(occupant: Occupant) -> Key {
    match occupant {
        Occupant::Tensor(id) => (false, id.index()),
        Occupant::Scratch(id) => (true, id.index()),
    }
}

impl<'a> Places<'a> {
    fn new(plan: &'a PoolPlan) -> Self {
        let said = plan.uses.iter().map(|one| ((one.step, key(one.occupant)), one.pool)).collect();
        Self { plan, said }
    }

    fn at(&self, step: u32, occupant: Occupant) -> Option<PoolId> {
        let said = self.said.get(&(step, key(occupant))).copied();
        let there = self.plan.stays_of(occupant).filter(|stay| stay.live.contains(step));
        let mut pools =
            there.map(|stay| stay.pool).filter(|pool| pool.index() < self.plan.pools.list().len());
        match said {
            Some(said) => pools.find(|&pool| pool == said),
            None => pools.min(),
        }
    }
}
