use plimsoll::report::html;
use plimsoll::{
    Buffer, Graph, LiveRange, Liveness, Placement, Plan, PlanView, Planner, Problem, TensorSpec, Variables,
};
use serde_json::Value;

use crate::fixture;

/// The embedded data of the page. Panics if the page does not have exactly two scripts.
pub fn data(page: &str) -> Value {
    assert_eq!(page.matches("<script").count(), 2, "the data, and what draws it");
    assert_eq!(page.matches("</script").count(), 2);
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    assert!(!json.contains('<'));
    serde_json::from_str(json).unwrap()
}

pub fn numbers(column: &Value) -> Vec<u64> {
    column.as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect()
}

/// Bytes at each step, of points.
pub fn at_each_step(live: &Value, steps: u64) -> Vec<u64> {
    let points: Vec<(u64, u64)> = numbers(&live["step"]).into_iter().zip(numbers(&live["bytes"])).collect();
    let at = |step| points.iter().rev().find(|point| point.0 <= step).map_or(0, |point| point.1);
    (0..steps).map(at).collect()
}

#[test]
fn data_of_a_graph() {
    let graph = fixture::graph();
    let plan = fixture::plan(&graph);
    let mut view = PlanView::of_plan(&graph, &plan);
    view.program_order_arena = Some(20608);
    let page = html::write(&view);
    insta::assert_snapshot!("graph_plan.json", serde_json::to_string_pretty(&data(&page)).unwrap());
}

#[test]
fn data_of_a_problem() {
    let problem = fixture::problem();
    let page = html::write(&PlanView::of_solution("four", &problem, &fixture::solution(&problem)));
    let data = data(&page);
    assert_eq!(data["buffers"]["name"].as_array().unwrap().len(), 4);
    assert_eq!(numbers(&data["buffers"]["offset"]), [0, 96, 0, 0]);
    assert!(data.get("order").is_none());
    assert_eq!(numbers(&data["pools"][0]["causes"]), [0, 1]);
    assert_eq!(at_each_step(&data["pools"][0]["live"], 6), [96, 128, 96, 96, 64, 0]);
}

/// Live bytes are those that liveness counts, where nothing is shared; else at most those.
#[test]
fn live_bytes_are_those_of_the_plan() {
    let graph = fixture::graph();
    let plan = Planner::new().plan(&graph).unwrap();
    let live = |order: &[plimsoll::OperatorId]| {
        Liveness::new(&graph, order, 1, Variables::Arena).unwrap().live_bytes()
    };
    let told = data(&html::write(&PlanView::of_plan(&graph, &plan)));
    assert_eq!(at_each_step(&told["pools"][0]["live"], 4), live(&plan.order));
    assert_eq!(at_each_step(&told["pools"][0]["before"], 4), live(graph.program_order()));

    let (graph, plan) = fixture::shared();
    let told = data(&html::write(&PlanView::of_plan(&graph, &plan)));
    let after = at_each_step(&told["pools"][0]["live"], 6);
    let before = at_each_step(&told["pools"][0]["before"], 6);
    assert_eq!(*after.iter().max().unwrap(), plan.arena_bytes);
    assert!(after.iter().zip(&before).all(|(after, before)| after <= before), "{after:?} {before:?}");
    assert_eq!(told["shares"].as_array().unwrap().len(), plan.aliases.len());
}

#[test]
fn a_page_needs_nothing_else() {
    let graph = fixture::graph();
    let plan = fixture::plan(&graph);
    let page = html::write(&PlanView::of_plan(&graph, &plan));
    assert!(page.starts_with("<!doctype html>"));
    assert!(page.contains("default-src 'none'"));
    for word in
        ["http://", "https://", "//cdn", " src=", "@import", "fetch(", "XMLHttpRequest", "innerHTML", "{{"]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page, html::write(&PlanView::of_plan(&graph, &plan)));
    // Without data: styles and scripts, which every report has.
    assert!(page.len() < 96_000, "{}", page.len());
}

#[test]
fn names_cannot_break_the_page() {
    let names = [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "{{script}}{{data}}",
        "a\u{2028}b\u{0}\u{1b}\"\\",
        "</title>&amp;",
    ];
    let mut net = Graph::builder("</title><script>alert(1)</script>");
    for name in names {
        let tensor = net.input(name, TensorSpec::bytes(64));
        net.output(tensor);
    }
    let graph = net.build().unwrap();
    let page = html::write(&PlanView::of_plan(&graph, &Planner::new().plan(&graph).unwrap()));
    let told = data(&page);
    let read: Vec<&str> =
        told["buffers"]["name"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(read, names);
    assert!(
        page.contains(
            "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; &#183; memory plan</title>"
        )
    );
}

/// Numbers that JavaScript would round come as text.
#[test]
fn the_largest_numbers_are_exact() {
    let buffers = [Buffer::new(u64::MAX, 0..u32::MAX), Buffer::new((1 << 53) - 1, u32::MAX - 1..u32::MAX)];
    let problem = Problem::new(buffers[..1].to_vec()).unwrap();
    let told =
        data(&html::write(&PlanView::of_solution("", &problem, &Planner::new().solve(&problem).unwrap())));
    assert_eq!(told["buffers"]["bytes"][0], "18446744073709551615");
    assert_eq!(told["figures"]["steps"], u64::from(u32::MAX));
    let problem = Problem::new(buffers[1..].to_vec()).unwrap();
    let told =
        data(&html::write(&PlanView::of_solution("", &problem, &Planner::new().solve(&problem).unwrap())));
    assert_eq!(told["buffers"]["bytes"][0], (1u64 << 53) - 1);
}

#[test]
fn pages_of_nothing_and_of_nonsense_are_pages() {
    let empty = Graph::builder("").build().unwrap();
    data(&html::write(&PlanView::of_plan(&empty, &Plan::unplaced(&empty))));
    let graph = fixture::graph();
    let mut plan = fixture::plan(&graph);
    let backwards = Placement { offset: u64::MAX, bytes: u64::MAX, live: LiveRange { start: 9, end: 3 } };
    plan.tensors.resize(100, Some(backwards));
    plan.order.push(plimsoll::OperatorId::new(77));
    plan.alignment = 3;
    plan.lower_bound.causes.push(plimsoll::Occupant::Scratch(plimsoll::OperatorId::new(99)));
    let told = data(&html::write(&PlanView::of_plan(&graph, &plan)));
    assert_eq!(told["order"]["plan"].as_array().unwrap().len(), 4);
    assert_eq!(numbers(&told["pools"][0]["causes"]).len(), 3);
    assert!(told["pools"][0].get("before").is_none(), "no live ranges at such an alignment");
}

#[test]
fn a_thousand_buffers_fit_a_fifth_of_a_megabyte() {
    let (problem, solution) = fixture::stacked(1000);
    let page = html::write(&PlanView::of_solution("many", &problem, &solution));
    assert!(page.len() < 200_000, "{}", page.len());
}
