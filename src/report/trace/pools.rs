//! The trace of a plan for several memories.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::{PLAN, TraceEvent, TraceTime, counter, name_event, named, slices, text};
use crate::report::pooled::{PoolScene, SceneTransfer, traffic};
use crate::report::profile;
use crate::report::rectangles::or_number;
use crate::report::text::bytes;
use crate::{Graph, PoolId, PoolPlan};

const COPIES: u32 = 2;
/// Process of the first memory; the others follow.
const FIRST_POOL: u32 = 3;

/// The trace of a plan for several memories, as the text of a JSON file.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    let graph = &*plan.flattened(graph);
    let scene = PoolScene::new(graph, plan);
    let mut events = named(PLAN, "plan");
    events.extend(slices(Some(graph), &plan.order, PLAN));
    events.extend(copies(&scene));
    let traffic_by_pool = traffic::by_step(graph, plan);
    for (number, by_step) in traffic_by_pool.iter().enumerate() {
        events.extend(memory(&scene, number, by_step));
    }
    let status = match (plan.all_fits(), plan.is_optimal()) {
        (true, _) => "larger pools would save nothing",
        (_, true) => "optimal",
        _ => "feasible",
    };
    let about = json!({
        "copies": plan.transfers.len(),
        "cost": plan.cost,
        "lower bound": plan.lower_bound,
        "model": graph.name(),
        "preloaded": bytes(plan.preloaded),
        "status": status,
        "time": "one step is 1 us",
    });
    text(&about, &events)
}

/// The name of a memory, and its counters.
fn memory(scene: &PoolScene, number: usize, by_step: &traffic::StepTraffic) -> Vec<TraceEvent> {
    let pid = FIRST_POOL + number as u32;
    let pool = &scene.plan.pools.list()[number];
    let mut events = vec![name_event(pid, 1, "process_name", &format!("memory {}", pool.name()))];
    for point in profile::points_of(scene.rows_of(number).map(|row| &scene.rectangles[row])) {
        events.push(counter(pid, "live", point.step, point.live));
        events.push(counter(pid, "in use", point.step, point.top));
    }
    if let Some(capacity) = pool.bytes() {
        events.extend([0, scene.steps].map(|step| counter(pid, "capacity", step, capacity)));
    }
    for (name, bytes) in [("read and written in place", &by_step.in_place), ("copied", &by_step.copied)] {
        let mut last = None;
        for (step, &bytes) in (0..).zip(bytes.iter().chain([&0])) {
            if last.replace(bytes) != Some(bytes) {
                events.push(counter(pid, name, step, bytes));
            }
        }
    }
    events
}

/// Slices of transfers. Slices of a thread must not overlap, so each direction has as many threads as
/// it needs.
fn copies(scene: &PoolScene) -> Vec<TraceEvent> {
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
        let [from, to] = [transfer.from, transfer.to].map(|id| scene.plan.pools.pool(id).name());
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
        let tensor = scene.graph.tensors().get(index);
        let name = or_number(tensor.map_or("", |tensor| tensor.name()), index);
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
fn times(scene: &PoolScene) -> Vec<(TraceTime, TraceTime)> {
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
