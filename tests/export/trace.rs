use std::collections::BTreeMap;

use plimsoll::report::trace;
use plimsoll::{Buffer, Graph, Liveness, Plan, PlanView, Planner, Problem, Variables};
use serde_json::Value;

use crate::fixture;

/// The events of a trace, checked by the rules of the Trace Event Format: an object with
/// `traceEvents`; every event has a name, a phase, a process and a thread; complete events have a
/// duration and do not overlap on a thread; counters have numbers, and time does not run back.
/// Threads and processes with events have names.
pub fn events(text: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(text).unwrap();
    assert!(["ms", "ns"].contains(&trace["displayTimeUnit"].as_str().unwrap()));
    assert!(trace["otherData"].is_object());
    let events = trace["traceEvents"].as_array().unwrap().clone();
    let mut ends = BTreeMap::<(u64, u64), u64>::new();
    let mut names = std::collections::BTreeSet::<(u64, Option<u64>)>::new();
    let mut counted = BTreeMap::<(u64, String), u64>::new();
    for event in &events {
        let name = event["name"].as_str().unwrap().to_owned();
        let (pid, tid) = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        let ts = nanoseconds(&event["ts"]);
        assert!(event["args"].is_object());
        match event["ph"].as_str().unwrap() {
            "M" => {
                assert!(["process_name", "thread_name"].contains(&name.as_str()));
                assert!(event["args"]["name"].is_string());
                names.insert((pid, (name == "thread_name").then_some(tid)));
            }
            "X" => {
                assert!(names.contains(&(pid, Some(tid))), "{event} is on a thread without a name");
                let end = ends.entry((pid, tid)).or_default();
                assert!(ts >= *end, "{event} begins before the one before it ends at {end}");
                let dur = nanoseconds(&event["dur"]);
                assert!(dur > 0, "{event} takes no time");
                *end = ts + dur;
            }
            "C" => {
                let args = event["args"].as_object().unwrap();
                assert!(!args.is_empty() && args.values().all(Value::is_number), "{event}");
                assert!(names.contains(&(pid, None)), "{event} is of a process without a name");
                let last = counted.insert((pid, name), ts);
                assert!(last.is_none_or(|last| last < ts), "{event} after {last:?}");
            }
            other => panic!("phase {other}"),
        }
    }
    events
}

/// The format counts microseconds, with decimals.
fn nanoseconds(time: &Value) -> u64 {
    #[allow(clippy::cast_sign_loss)] // less would not be a time
    time.as_u64().map_or_else(|| (time.as_f64().unwrap() * 1000.0).round() as u64, |whole| 1000 * whole)
}

/// A counter of a process at each step.
pub fn counter(events: &[Value], pid: u64, name: &str, steps: u64) -> Vec<u64> {
    let mine: Vec<&Value> =
        events.iter().filter(|one| one["ph"] == "C" && one["pid"] == pid && one["name"] == name).collect();
    let at = |step: u64| mine.iter().rev().find(|one| one["ts"].as_u64().unwrap() <= step);
    (0..steps).map(|step| at(step).map_or(0, |one| one["args"]["bytes"].as_u64().unwrap())).collect()
}

#[test]
fn graph_plan() {
    let graph = fixture::graph();
    let text = trace::write(&PlanView::of_plan(&graph, &fixture::plan(&graph)));
    insta::assert_snapshot!("graph_plan.trace.json", text);
    let events = events(&text);
    let slices: Vec<&str> =
        events.iter().filter(|one| one["ph"] == "X").map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(slices, ["conv", "pool", "rnn", "dense"]);
}

#[test]
fn problem_plan() {
    let problem = fixture::problem();
    let events =
        events(&trace::write(&PlanView::of_solution("four", &problem, &fixture::solution(&problem))));
    assert_eq!(counter(&events, 1, "live", 6), [96, 128, 96, 96, 64, 0]);
    assert_eq!(counter(&events, 1, "arena in use", 6), [96, 128, 128, 128, 64, 0]);
    assert_eq!(counter(&events, 1, "lower bound", 6), [128; 6]);
}

/// Two orders, and the live bytes of each as liveness counts them.
#[test]
fn the_order_of_the_file_is_beside_the_plan() {
    let mut net = Graph::builder("orders");
    let spec = plimsoll::TensorSpec::bytes;
    let image = net.input("image", spec(10));
    let mut ends = Vec::new();
    let wide = [0, 1].map(|i| net.tensor(format!("wide {i}"), spec(900)));
    for one in wide {
        net.operator("spread").op_type("Conv").reads([image]).writes([one]);
    }
    for one in wide {
        ends.push(net.tensor("narrow", spec(10)));
        net.operator("gather").op_type("Conv").reads([one]).writes([ends[ends.len() - 1]]);
    }
    let sum = net.tensor("sum", spec(10));
    net.operator("add").op_type("Add").reads(ends).writes([sum]);
    net.output(sum);
    let graph = net.build().unwrap();
    let plan = Planner::new().plan(&graph).unwrap();
    assert_ne!(plan.order, graph.program_order());
    let events = events(&trace::write(&PlanView::of_plan(&graph, &plan)));
    for (pid, order) in [(1, plan.order.as_slice()), (2, graph.program_order())] {
        let live = Liveness::new(&graph, order, 1, Variables::Arena).unwrap().live_bytes();
        assert_eq!(counter(&events, pid, "live", 5), live);
        assert_eq!(events.iter().filter(|one| one["ph"] == "X" && one["pid"] == pid).count(), 5);
    }
}

#[test]
fn traces_of_anything_are_traces() {
    let empty = Graph::builder("</script>\u{0}\"").build().unwrap();
    events(&trace::write(&PlanView::of_plan(&empty, &Plan::unplaced(&empty))));
    let (graph, plan) = fixture::shared();
    let shared = events(&trace::write(&PlanView::of_plan(&graph, &plan)));
    assert_eq!(*counter(&shared, 1, "live", 6).iter().max().unwrap(), plan.arena_bytes);
    let problem = Problem::new(vec![Buffer::new(u64::MAX, 7..u32::MAX)]).unwrap();
    let all =
        events(&trace::write(&PlanView::of_solution("", &problem, &Planner::new().solve(&problem).unwrap())));
    assert_eq!(counter(&all, 1, "live", 8), [0, 0, 0, 0, 0, 0, 0, u64::MAX]);
}
