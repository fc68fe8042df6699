use plimsoll::report::text;
use plimsoll::{Buffer, Graph, Plan, PlanView, Problem, Status};

use crate::fixture;

#[test]
fn graph_plan() {
    let graph = fixture::graph();
    insta::assert_snapshot!(
        "graph_plan.txt",
        text::summary(&PlanView::of_plan(&graph, &fixture::plan(&graph)), Some(0.012_34))
    );
}

#[test]
fn graph_plan_bound_by_a_workspace() {
    let graph = fixture::graph();
    insta::assert_snapshot!(
        "scratch_bound_plan.txt",
        text::summary(&PlanView::of_plan(&graph, &fixture::scratch_bound_plan(&graph)), None)
    );
}

#[test]
fn problem_plan() {
    let problem = fixture::problem();
    let text =
        text::summary(&PlanView::of_solution("four", &problem, &fixture::solution(&problem)), Some(2.0));
    insta::assert_snapshot!("problem_plan.txt", text);
}

#[test]
fn many_causes_are_cut_short() {
    let buffers = (1..=20).map(|size| Buffer::new(size * 100, 3..5)).collect();
    let problem = Problem::new(buffers).unwrap();
    let solution = plimsoll::Planner::new().solve(&problem).unwrap();
    insta::assert_snapshot!(
        "many_causes.txt",
        text::summary(&PlanView::of_solution("", &problem, &solution), None)
    );
}

fn line(text: &str, key: &str) -> String {
    let found = text.lines().find(|line| line.starts_with(key));
    found.unwrap_or_else(|| panic!("no `{key}` in\n{text}")).to_owned()
}

#[test]
fn capacities_fit_or_do_not() {
    let graph = fixture::graph();
    let said = |capacity, bound| {
        let mut plan = fixture::plan(&graph);
        plan.capacity = Some(capacity);
        plan.lower_bound.bytes = bound;
        line(&text::summary(&PlanView::of_plan(&graph, &plan), None), "capacity")
    };
    assert_eq!(said(20544, 20000), "capacity       20.06 KiB (20544 bytes): fits, 0 bytes to spare");
    assert_eq!(said(20545, 20000), "capacity       20.06 KiB (20545 bytes): fits, 1 byte to spare");
    assert_eq!(said(20543, 20000), "capacity       20.06 KiB (20543 bytes): does not fit by 1 byte");
    assert_eq!(said(20000, 20000), "capacity       19.53 KiB (20000 bytes): does not fit by 544 bytes");
    assert_eq!(
        said(20000, 20001),
        "capacity       19.53 KiB (20000 bytes): does not fit, and no plan can: the lower bound exceeds it by 1 byte"
    );
}

#[test]
fn a_fixed_offset_is_named_as_the_cause() {
    let problem = Problem::new(vec![Buffer::new(8, 2..3).at(1000)]).unwrap();
    let solution = plimsoll::Planner::new().solve(&problem).unwrap();
    let text = text::summary(&PlanView::of_solution("", &problem, &solution), None);
    assert_eq!(line(&text, "bound set by"), "bound set by   step 2, and the fixed offset 1000 of");
    assert_eq!(text.lines().last(), Some("               8 B  0"));
}

#[test]
fn plans_of_nothing_and_wrong_plans_are_summed_up() {
    let empty = Graph::builder("").build().unwrap();
    let text = text::summary(&PlanView::of_plan(&empty, &Plan::unplaced(&empty)), None);
    assert_eq!(line(&text, "model"), "model          (unnamed)");
    assert_eq!(line(&text, "gap"), "gap            0.00 %");
    let graph = fixture::graph();
    let mut plan = fixture::plan(&graph);
    plan.lower_bound.step = 99;
    plan.lower_bound.causes.push(plimsoll::Occupant::Tensor(plimsoll::TensorId::new(99)));
    plan.status = Status::Infeasible;
    let text = text::summary(&PlanView::of_plan(&graph, &plan), None);
    assert_eq!(line(&text, "bound set by"), "bound set by   step 99");
    assert_eq!(line(&text, "status"), "status         infeasible (strategy: by hand)");
}
