//! Rule 4: what is copied exists, and has places at both ends when it is.

use super::places::Places;
use super::{Found, Violation, pool_name, steps};
use crate::graph::Graph;
use crate::occupant::Occupant;
use crate::pool_plan::{PoolPlan, Stay, Transfer};

/// A transfer and the places that it connects.
#[derive(Clone, Copy)]
pub(super) struct Copy {
    pub(super) transfer: Transfer,
    pub(super) from: Stay,
    pub(super) to: Stay,
    /// Whether the destination is new at the step when it is due.
    pub(super) is_new: bool,
}

impl Copy {
    /// Whether it may be under way while operators run.
    pub(super) fn takes_time(&self) -> bool {
        self.transfer.step < self.transfer.due
    }
}

/// By place in the list; only of those that are right.
pub(super) fn check(graph: &Graph, plan: &PoolPlan, places: &Places<'_>, found: &mut Found) -> Vec<Copy> {
    for pair in plan.transfers.windows(2).filter(|pair| pair[0].due > pair[1].due) {
        let text =
            format!("{} is listed after one that is due at {}", what(graph, plan, &pair[1]), pair[0].due);
        found.add(Violation::Transfer(text));
    }
    let check = |transfer: &Transfer| {
        let wrong = |text: String| Violation::Transfer(format!("{}: {text}", what(graph, plan, transfer)));
        check_one(graph, plan, transfer).and_then(|()| connect(plan, places, transfer)).map_err(wrong)
    };
    let mut copies = Vec::new();
    for copy in plan.transfers.iter().map(check) {
        match copy {
            Ok(copy) => copies.push(copy),
            Err(wrong) => found.add(wrong),
        }
    }
    copies
}

pub(super) fn what(graph: &Graph, plan: &PoolPlan, transfer: &Transfer) -> String {
    let Transfer { tensor, step, due, from, to, .. } = *transfer;
    let tensor = super::name(graph, Occupant::Tensor(tensor));
    let when = if step == due { format!("at step {due}") } else { format!("at steps {step} to {due}") };
    format!("the copy of {tensor} from {} to {} {when}", pool_name(plan, from), pool_name(plan, to))
}

fn check_one(graph: &Graph, plan: &PoolPlan, transfer: &Transfer) -> Result<(), String> {
    let Transfer { tensor, step, due, from, to, bytes } = *transfer;
    let Some(tensor) = graph.tensors().get(tensor.index()) else {
        return Err("the tensor is not of this graph".to_owned());
    };
    let count = plan.pools.list().len();
    if let Some(pool) = [from, to].into_iter().find(|pool| pool.index() >= count) {
        return Err(format!("there is no pool {pool}, but {count} of them"));
    }
    if from == to {
        return Err("it leads nowhere".to_owned());
    }
    if bytes != tensor.bytes() {
        return Err(format!("it is said to be of {bytes} bytes, but the tensor has {}", tensor.bytes()));
    }
    if step > due || due > steps(plan) {
        return Err(format!("it is not within the run of {} steps", steps(plan)));
    }
    let most = plan.pools.prefetch_steps();
    if due - step > most {
        return Err(format!("it takes {} steps, and at most {most} may be prefetched", due - step));
    }
    Ok(())
}

/// The places at both ends. What takes time has them from its start until the step before it
/// is due; so has what comes to a place that was there before. To a place that is new, it comes
/// from one that is there at that step.
fn connect(plan: &PoolPlan, places: &Places<'_>, transfer: &Transfer) -> Result<Copy, String> {
    let Transfer { tensor, step, due, from, to, .. } = *transfer;
    let missing = |pool, step: u32| format!("it has no place in {} at step {step}", pool_name(plan, pool));
    let find = |pool, step: u32| {
        places.find(Occupant::Tensor(tensor), pool, step).ok_or_else(|| missing(pool, step))
    };
    if step < due {
        let [from, to] = [(from, find(from, step)?), (to, find(to, step)?)].map(|(pool, stay)| {
            if stay.live.end < due { Err(missing(pool, stay.live.end)) } else { Ok(stay) }
        });
        return Ok(Copy { transfer: *transfer, from: from?, to: to?, is_new: false });
    }
    let last = due.saturating_sub(1);
    let to = if due == steps(plan) { find(to, last)? } else { find(to, due)? };
    let is_new = to.live.start == due;
    let from = find(from, if is_new { due } else { last })?;
    Ok(Copy { transfer: *transfer, from, to, is_new })
}
