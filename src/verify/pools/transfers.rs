//! Rules T1 to T6: transfers move whole tensors between intervals of residency.
//!
//! A transfer moves tensor `t` from pool `p` to pool `q`. It starts at step `s` and is due at step `d`, before
//! the operator of step `d`. If `s < d`, it takes time: it may be under way while operators run.
//!
//! *State*: the residency intervals of the plan.
//!
//! *Claim*, for each transfer, with `N` steps and the prefetch limit `f` of the plan:
//!
//! - **T1**: `d` is at least the due step of the transfer before it in the list.
//! - **T2**: `t`, `p` and `q` exist, and `p != q`.
//! - **T3**: the transfer is of `bytes(t)` bytes.
//! - **T4**: `s <= d <= N`.
//! - **T5**: `d - s <= f`.
//! - **T6**: `t` resides at both ends:
//!   - if `s < d`: in the intervals `S(t, p, s)` and `S(t, q, s)`, which end no earlier than `d`;
//!   - if `s = d` and an interval of `t` in `q` begins at `d`: in this interval, and in `S(t, p, d)`;
//!   - otherwise: in `S(t, q, min(d, N - 1))` and in `S(t, p, d - 1)`.
//!
//! In the third case the source may end before step `d`: transfers to existing destinations are done first,
//! before bytes of the source are used by intervals that begin at `d`. Transfers to new destinations are done
//! after these, so their source must still exist at `d`.

use super::places::ResidencyIndex;
use super::{Rule, ViolationCollector, name_or_id, pool_name, steps};
use crate::graph::{Graph, Occupant};
use crate::plan::{PoolPlan, Residency, Transfer};

/// A transfer that satisfies T2 to T6, with the intervals at its ends.
#[derive(Clone, Copy)]
pub(super) struct CheckedTransfer {
    pub(super) transfer: Transfer,
    pub(super) from: Residency,
    pub(super) to: Residency,
    /// True if the destination begins at the step when the transfer is due.
    pub(super) is_new: bool,
}

impl CheckedTransfer {
    /// Returns true if the transfer may be under way while operators run.
    pub(super) fn takes_time(&self) -> bool {
        self.transfer.step < self.transfer.due
    }
}

/// Checks T1 to T6. Returns the transfers that satisfy T2 to T6, in the order of the list.
pub(super) fn check(
    graph: &Graph,
    plan: &PoolPlan,
    residencies: &ResidencyIndex<'_>,
    violations: &mut ViolationCollector,
) -> Vec<CheckedTransfer> {
    for pair in plan.transfers.windows(2).filter(|pair| pair[0].due > pair[1].due) {
        let (name, due) = (transfer_name(graph, plan, &pair[1]), pair[0].due);
        let message = format!("{name} is listed after one that is due at {due}");
        violations.add(Rule::TransferSorted, message);
    }
    let mut checked = Vec::new();
    for transfer in &plan.transfers {
        let fields = check_fields(graph, plan, transfer);
        match fields.and_then(|()| connect(plan, residencies, transfer)) {
            Ok(transfer) => checked.push(transfer),
            Err((rule, problem)) => {
                violations.add(rule, format!("{}: {problem}", transfer_name(graph, plan, transfer)));
            }
        }
    }
    checked
}

/// The name of a transfer in messages: tensor, pools and steps.
pub(super) fn transfer_name(graph: &Graph, plan: &PoolPlan, transfer: &Transfer) -> String {
    let Transfer { tensor, step, due, from, to, .. } = *transfer;
    let tensor = name_or_id(graph, Occupant::Tensor(tensor));
    let when = if step == due { format!("at step {due}") } else { format!("at steps {step} to {due}") };
    format!("the copy of {tensor} from {} to {} {when}", pool_name(plan, from), pool_name(plan, to))
}

/// The rule that a transfer breaks, and how.
type TransferProblem = (Rule, String);

/// Checks T2 to T5.
fn check_fields(graph: &Graph, plan: &PoolPlan, transfer: &Transfer) -> Result<(), TransferProblem> {
    let Transfer { tensor, step, due, from, to, bytes } = *transfer;
    let wrong_ends = |problem: String| Err((Rule::TransferEnds, problem));
    let Some(tensor) = graph.tensors().get(tensor.index()) else {
        return wrong_ends("the tensor is not of this graph".to_owned());
    };
    let count = plan.pools.list().len();
    if let Some(pool) = [from, to].into_iter().find(|pool| pool.index() >= count) {
        return wrong_ends(format!("there is no pool {pool}, but {count} of them"));
    }
    if from == to {
        return wrong_ends("source and destination are the same pool".to_owned());
    }
    if bytes != tensor.bytes() {
        let problem = format!("it moves {bytes} bytes, but the tensor has {}", tensor.bytes());
        return Err((Rule::TransferSize, problem));
    }
    if step > due || due > steps(plan) {
        let problem = format!("it is not within the run of {} steps", steps(plan));
        return Err((Rule::TransferWithinRun, problem));
    }
    let limit = plan.pools.prefetch_steps();
    if due - step > limit {
        let problem = format!("it takes {} steps, and at most {limit} may be prefetched", due - step);
        return Err((Rule::PrefetchLimit, problem));
    }
    Ok(())
}

/// Checks T6. Returns the transfer with its two intervals.
fn connect(
    plan: &PoolPlan,
    residencies: &ResidencyIndex<'_>,
    transfer: &Transfer,
) -> Result<CheckedTransfer, TransferProblem> {
    let Transfer { tensor, step, due, from, to, .. } = *transfer;
    let missing = |pool, step: u32| {
        let problem = format!("the tensor has no place in {} at step {step}", pool_name(plan, pool));
        (Rule::TransferResident, problem)
    };
    let find = |pool, step: u32| {
        residencies.find(Occupant::Tensor(tensor), pool, step).ok_or_else(|| missing(pool, step))
    };
    if step < due {
        let [from, to] = [(from, find(from, step)?), (to, find(to, step)?)].map(|(pool, residency)| {
            if residency.live.end < due { Err(missing(pool, residency.live.end)) } else { Ok(residency) }
        });
        return Ok(CheckedTransfer { transfer: *transfer, from: from?, to: to?, is_new: false });
    }
    let last = due.saturating_sub(1);
    let to = if due == steps(plan) { find(to, last)? } else { find(to, due)? };
    let is_new = to.live.start == due;
    let from = find(from, if is_new { due } else { last })?;
    Ok(CheckedTransfer { transfer: *transfer, from, to, is_new })
}
