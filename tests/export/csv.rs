use plimsoll::export::csv;
use plimsoll::import::{ImportOptions, csv_from_bytes};
use plimsoll::{Buffer, Graph, Occupant, Placement, Plan, PlanView, Problem, TensorSpec};

use crate::fixture;

#[test]
fn graph_plan() {
    let graph = fixture::graph();
    insta::assert_snapshot!("graph_plan.csv", csv::write(&PlanView::of_plan(&graph, &fixture::plan(&graph))));
}

#[test]
fn problem_plan() {
    let problem = fixture::problem();
    insta::assert_snapshot!(
        "problem_plan.csv",
        csv::write(&PlanView::of_solution("m", &problem, &fixture::solution(&problem)))
    );
}

fn read(text: &str) -> Problem {
    csv_from_bytes("plan", text.as_bytes(), &ImportOptions::default()).unwrap()
}

#[test]
fn read_back_every_buffer_is_fixed_in_its_place() {
    let problem = fixture::problem();
    let solution = fixture::solution(&problem);
    let read_back = read(&csv::write(&PlanView::of_solution("m", &problem, &solution)));
    let fixed = problem.buffers().iter().zip(&solution.offsets);
    let fixed: Vec<Buffer> = fixed.map(|(buffer, &offset)| buffer.clone().at(offset)).collect();
    assert_eq!(read_back.buffers(), fixed);
    assert!(problem.ids().all(|id| read_back.name(id) == problem.name(id)));

    let graph = fixture::graph();
    let plan = fixture::plan(&graph);
    let read_back = read(&csv::write(&PlanView::of_plan(&graph, &plan)));
    let places: Vec<(Occupant, Placement)> = plan.placements().collect();
    let fixed = |place: &Placement| Buffer::new(place.bytes, place.live).at(place.offset);
    let fixed: Vec<Buffer> = places.iter().map(|(_, place)| fixed(place)).collect();
    let unaligned: Vec<Buffer> = read_back.buffers().iter().map(|buffer| buffer.clone().align(1)).collect();
    assert_eq!(unaligned, fixed);
    let alignments: Vec<u64> = read_back.buffers().iter().map(Buffer::alignment).collect();
    assert_eq!(alignments, [16, 16, 16, 16, 64, 16, 16, 16]);
}

/// Readers trim fields and want every id once.
#[test]
fn ids_survive_trimming_and_tensors_called_like_workspaces() {
    let mut net = Graph::builder("");
    let names = ["a", " a", "scratch of conv"];
    let tensors = names.map(|name| net.input(name, TensorSpec::bytes(1)));
    net.operator("conv").reads(tensors).scratch(1);
    let graph = net.build().unwrap();
    let mut plan = Plan::unplaced(&graph);
    let place = Some(Placement { offset: 0, bytes: 1, live: (0..1).into() });
    plan.tensors = vec![place; 3];
    plan.scratch = vec![place];
    let text = csv::write(&PlanView::of_plan(&graph, &plan));
    let ids: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ids, ["a#0", "a#1", "scratch of conv#2", "scratch of conv#3"]);
}
