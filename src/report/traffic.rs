//! The traffic of each memory, step by step.

use crate::{Graph, PoolPlan, Transfer};

/// Bytes read and written in one memory, by step.
pub(super) struct StepTraffic {
    /// Bytes that operators access.
    pub in_place: Vec<u64>,
    /// Bytes that transfers move.
    pub copied: Vec<u64>,
}

/// The traffic of each memory. A transfer during several steps counts evenly in all of them; a
/// transfer after the last step counts in the last. O((V + E) log V + steps of transfers).
pub(super) fn by_step(graph: &Graph, plan: &PoolPlan) -> Vec<StepTraffic> {
    let steps = plan.order.len().max(1);
    let none = || StepTraffic { in_place: vec![0; steps], copied: vec![0; steps] };
    let mut traffic: Vec<StepTraffic> = plan.pools.ids().map(|_| none()).collect();
    for (step, pool, access) in plan.accesses(graph) {
        add(&mut traffic[pool.index()].in_place[step as usize], access.read.saturating_add(access.written));
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
