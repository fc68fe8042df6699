//! A plan as a trace for a timeline viewer such as [Perfetto](https://ui.perfetto.dev) or
//! `chrome://tracing`.
//!
//! One step is one microsecond. The process `plan` has a slice for each operator, and counters: live
//! bytes (shared bytes once), the arena in use (the end of the highest live buffer), and the lower
//! bound. The process `program order` has the operators and live bytes in program order, without sharing.
//! The format is Chrome's Trace Event Format, an object with `traceEvents`.
//!
//! For a plan for several memories, each memory is a process with counters: live bytes, bytes in use,
//! the capacity, and the bytes that operators and transfers move in each step. The process `copies`
//! has a slice for each transfer: one that spans steps from its first possible step to its due step;
//! those at the start of one step one after the other within that step.

mod pools;

use std::io;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::rectangles::operator_name;
use super::scene::live_in_program_order;
use super::text::bytes;
use super::{Scene, profile};
use crate::support::text::text_of;
use crate::{Graph, OperatorId, Plan, PlanView, Tensor, TensorId, ViewedPlan};

const PLAN: u32 = 1;
const PROGRAM_ORDER: u32 = 2;

/// The trace of a plan, as the text of a JSON file.
#[must_use]
pub fn write(view: &PlanView<'_>) -> String {
    text_of(|out| write_to(view, out))
}

/// Writes the text of [`write()`], without the whole text in memory. Many small pieces are written, so `out`
/// should have a buffer.
///
/// # Errors
/// Errors of `out`.
pub fn write_to(view: &PlanView<'_>, out: impl io::Write) -> io::Result<()> {
    let (scene, graph) = (Scene::new(view), view.flattened());
    let graph = graph.as_deref();
    let about = match &view.plan {
        ViewedPlan::Arena(plan) => about(view.model, plan),
        ViewedPlan::Pools(plan) => pools::about(view.model, plan),
    };
    let mut trace = TraceWriter::begin(&about, out)?;
    trace.write(named(PLAN, "plan"))?;
    trace.write(slices(graph, view.order(), PLAN))?;
    match &view.plan {
        ViewedPlan::Arena(plan) => {
            trace.write(arena(&scene, plan))?;
            write_program_order(view, graph, &mut trace)?;
        }
        ViewedPlan::Pools(plan) => trace.write(pools::events(&scene, graph, plan))?,
    }
    trace.end()
}

/// Writes operators and live bytes in program order, if it is not the order of the plan.
fn write_program_order(
    view: &PlanView<'_>,
    graph: Option<&Graph>,
    trace: &mut TraceWriter<impl io::Write>,
) -> io::Result<()> {
    let Some(order) = graph.map(Graph::program_order).filter(|&order| order != view.order()) else {
        return Ok(());
    };
    let Some(live) = live_in_program_order(view) else { return Ok(()) };
    trace.write(named(PROGRAM_ORDER, "program order"))?;
    trace.write(slices(graph, order, PROGRAM_ORDER))?;
    trace.write(profile::changes(&live).map(|(step, bytes)| counter(PROGRAM_ORDER, "live", step, bytes)))
}

/// Writes events one at a time: all of them would need several times the memory of the text.
struct TraceWriter<W> {
    out: W,
    is_first: bool,
}

impl<W: io::Write> TraceWriter<W> {
    fn begin(about: &Value, mut out: W) -> io::Result<Self> {
        writeln!(out, "{{\"displayTimeUnit\":\"ns\",\"otherData\":{about},\"traceEvents\":[")?;
        Ok(Self { out, is_first: true })
    }

    fn write(&mut self, events: impl IntoIterator<Item = TraceEvent>) -> io::Result<()> {
        for event in events {
            if !std::mem::take(&mut self.is_first) {
                self.out.write_all(b",\n")?;
            }
            serde_json::to_writer(&mut self.out, &event)?;
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}\n")
    }
}

/// A trace event; members that do not apply to its kind are left out.
#[derive(Serialize)]
struct TraceEvent {
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    cat: &'static str,
    ph: &'static str,
    ts: TraceTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<TraceTime>,
    pid: u32,
    tid: u32,
    args: Map<String, Value>,
}

/// A time in nanoseconds; the format counts microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TraceTime(u64);

impl TraceTime {
    fn of_step(step: u32) -> Self {
        Self(u64::from(step) * 1000)
    }
}

impl Serialize for TraceTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1000 {
            0 => serializer.serialize_u64(self.0 / 1000),
            _ => serializer.serialize_f64(self.0 as f64 / 1000.0),
        }
    }
}

fn arena(scene: &Scene, plan: &Plan) -> impl Iterator<Item = TraceEvent> {
    let points = profile::points_of(&scene.rectangles).into_iter().flat_map(|point| {
        [("live", point.live), ("arena in use", point.top)]
            .map(|(name, bytes)| counter(PLAN, name, point.step, bytes))
    });
    let bound = plan.bound();
    points.chain([0, scene.steps].map(|step| counter(PLAN, "lower bound", step, bound)))
}

/// The events that name a process and its only thread.
fn named(pid: u32, name: &str) -> Vec<TraceEvent> {
    vec![name_event(pid, 1, "process_name", name), name_event(pid, 1, "thread_name", "operators")]
}

fn name_event(pid: u32, tid: u32, event: &str, name: &str) -> TraceEvent {
    let args = Map::from_iter([("name".to_owned(), json!(name))]);
    TraceEvent { name: event.to_owned(), cat: "", ph: "M", ts: TraceTime(0), dur: None, pid, tid, args }
}

fn slices<'a>(
    graph: Option<&'a Graph>,
    order: &'a [OperatorId],
    pid: u32,
) -> impl Iterator<Item = TraceEvent> + 'a {
    order.iter().zip(0u32..).filter_map(move |(&id, step)| {
        let operator = graph?.operators().get(id.index())?;
        let sum = |tensors: &[TensorId]| {
            let exist = tensors.iter().filter_map(|id| graph?.tensors().get(id.index()));
            exist.map(Tensor::bytes).fold(0, u64::saturating_add)
        };
        // Keys are inserted in ascending order, so that the output does not depend on the feature
        // `preserve_order` of serde_json, which other crates may enable.
        let mut args = Map::new();
        args.insert("operator".to_owned(), json!(id.index()));
        args.insert("reads (bytes)".to_owned(), json!(sum(operator.inputs())));
        if operator.scratch_bytes() > 0 {
            args.insert("scratch (bytes)".to_owned(), json!(operator.scratch_bytes()));
        }
        args.insert("step".to_owned(), json!(step));
        args.insert("type".to_owned(), json!(operator.op_type()));
        args.insert("writes (bytes)".to_owned(), json!(sum(operator.outputs())));
        let name = operator_name(graph, id)?.into_owned();
        let (ts, dur) = (TraceTime::of_step(step), Some(TraceTime::of_step(1)));
        Some(TraceEvent { name, cat: "operator", ph: "X", ts, dur, pid, tid: 1, args })
    })
}

/// Perfetto shows the name of the counter and the key of its argument: "live bytes".
fn counter(pid: u32, name: &str, step: u32, bytes: u64) -> TraceEvent {
    let args = Map::from_iter([("bytes".to_owned(), json!(bytes))]);
    let ts = TraceTime::of_step(step);
    TraceEvent { name: name.to_owned(), cat: "memory", ph: "C", ts, dur: None, pid, tid: 1, args }
}

fn about(model: &str, plan: &Plan) -> Value {
    json!({
        "arena": bytes(plan.arena_bytes),
        "lower bound": bytes(plan.bound()),
        "model": model,
        "status": plan.status.to_string(),
        "time": "one step is 1 us",
    })
}
