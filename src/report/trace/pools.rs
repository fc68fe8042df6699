//! The trace of a plan for several memories.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{TraceEvent, TraceTime, counter, name_event};
use crate::report::rectangles::tensor_name;
use crate::report::scene::SceneTransfer;
use crate::report::text::bytes;
use crate::report::{Scene, profile, traffic};
use crate::{Graph, PoolId, PoolPlan};

const COPIES: u32 = 2;
/// Process of the first memory; the others follow.
const FIRST_POOL: u32 = 3;

/// The transfers, and the counters of all memories.
pub(super) fn events(scene: &Scene, graph: Option<&Graph>, plan: &PoolPlan) -> Vec<TraceEvent> {
    let mut events = copies(scene, plan);
    let traffic_by_pool = graph.map_or_else(Vec::new, |graph| traffic::by_step(graph, plan));
    for (number, by_step) in traffic_by_pool.iter().enumerate() {
        events.extend(memory(scene, plan, number, by_step));
    }
    events
}

/// Figures of the plan.
pub(super) fn about(model: &str, plan: &PoolPlan) -> Value {
    let status = match (plan.all_fits(), plan.is_optimal()) {
        (true, _) => "larger pools would save nothing",
        (_, true) => "optimal",
        _ => "feasible",
    };
    json!({
        "copies": plan.transfers.len(),
        "cost": plan.cost,
        "lower bound": plan.lower_bound,
        "model": model,
        "preloaded": bytes(plan.preloaded),
        "status": status,
        "time": "one step is 1 us",
    })
}

/// The name of a memory, and its counters.
fn memory(scene: &Scene, plan: &PoolPlan, number: usize, by_step: &traffic::StepTraffic) -> Vec<TraceEvent> {
    let pid = FIRST_POOL + number as u32;
    let pool = &plan.pools.list()[number];
    let mut events = vec![name_event(pid, 1, "process_name", &format!("memory {}", pool.name()))];
    for point in profile::points_of(scene.of_memory(number)) {
        events.push(counter(pid, "live", point.step, point.live));
        events.push(counter(pid, "in use", point.step, point.top));
    }
    if let Some(capacity) = pool.bytes() {
        events.extend([0, scene.steps].map(|step| counter(pid, "capacity", step, capacity)));
    }
    for (name, bytes) in [("read and written in place", &by_step.in_place), ("copied", &by_step.copied)] {
        events.extend(profile::changes(bytes).map(|(step, bytes)| counter(pid, name, step, bytes)));
    }
    events
}

/// Slices of transfers. Slices of a thread must not overlap, so each direction has as many threads as
/// it needs.
fn copies(scene: &Scene, plan: &PoolPlan) -> Vec<TraceEvent> {
    if scene.copies.is_empty() {
        return Vec::new();
    }
    let mut lanes = BTreeMap::<(PoolId, PoolId), Vec<(TraceTime, u32)>>::new();
    let mut events = vec![name_event(COPIES, 1, "process_name", "copies")];
    let mut threads = 0;
    let mut timed: Vec<((TraceTime, TraceTime), &SceneTransfer)> =
        times(scene).into_iter().zip(&scene.copies).collect();
    // The sort is stable: transfers with the same start stay in the order of execution.
    timed.sort_by_key(|((start, _), _)| *start);
    for ((start, end), copy) in timed {
        let transfer = copy.route.transfer;
        let [from, to] = [transfer.from, transfer.to].map(|id| plan.pools.pool(id).name());
        let lanes = lanes.entry((transfer.from, transfer.to)).or_default();
        let tid = if let Some(lane) = lanes.iter_mut().find(|lane| lane.0 <= start) {
            lane.0 = end;
            lane.1
        } else {
            threads += 1;
            lanes.push((end, threads));
            let more = if lanes.len() > 1 { format!(" ({})", lanes.len()) } else { String::new() };
            events.push(name_event(COPIES, threads, "thread_name", &format!("{from} to {to}{more}")));
            threads
        };
        let index = transfer.tensor.index();
        let name = scene.view.graph.map_or_else(String::new, |graph| tensor_name(graph, index));
        let mut args = Map::new();
        args.insert("bytes".to_owned(), json!(transfer.bytes));
        args.insert("due before step".to_owned(), json!(transfer.due));
        args.insert("from".to_owned(), json!(from));
        args.insert("from offset".to_owned(), json!(copy.route.from_offset));
        args.insert("may start at step".to_owned(), json!(transfer.step));
        args.insert("to".to_owned(), json!(to));
        args.insert("to offset".to_owned(), json!(copy.route.to_offset));
        let dur = Some(TraceTime(end.0 - start.0));
        events.push(TraceEvent { name, cat: "copy", ph: "X", ts: start, dur, pid: COPIES, tid, args });
    }
    events
}

/// Start and end of each transfer. A transfer that spans steps has the steps of the plan. Transfers at
/// the start of one step divide that step evenly.
fn times(scene: &Scene) -> Vec<(TraceTime, TraceTime)> {
    let mut at_once = BTreeMap::<u32, (u64, u64)>::new();
    let is_at_once = |copy: &&SceneTransfer| copy.route.transfer.step >= copy.route.transfer.due;
    for copy in scene.copies.iter().filter(is_at_once) {
        at_once.entry(copy.route.transfer.due).or_default().0 += 1;
    }
    let time = |copy: &SceneTransfer| {
        let transfer = copy.route.transfer;
        if transfer.step < transfer.due {
            return (TraceTime::of_step(transfer.step), TraceTime::of_step(transfer.due));
        }
        let start = TraceTime::of_step(transfer.due).0;
        let Some((count, done)) = at_once.get_mut(&transfer.due) else {
            return (TraceTime(start), TraceTime(start));
        };
        let [from, to] = [*done, *done + 1].map(|number| start + 1000 * number / *count);
        *done += 1;
        // With more than a thousand transfers, some would have no duration.
        (TraceTime(from), TraceTime(to.max(from + 1)))
    };
    scene.copies.iter().map(time).collect()
}
