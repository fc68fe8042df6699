use plimsoll::report::{Colour, svg};
use plimsoll::{Buffer, Graph, LiveRange, Placement, Plan, PlanView, Problem};
use svg_parser::node::element::tag::Type;
use svg_parser::parser::Event;

use crate::fixture;

extern crate svg as svg_parser;

/// How many elements of a name there are; fails on what is not well-formed.
pub fn count(picture: &str, name: &str) -> usize {
    let (mut open, mut count) = (Vec::new(), 0);
    for event in svg_parser::read(picture).unwrap() {
        match event {
            Event::Tag(tag, Type::Start, _) => {
                count += usize::from(tag == name);
                open.push(tag);
            }
            Event::Tag(tag, Type::End, _) => assert_eq!(open.pop(), Some(tag)),
            Event::Tag(tag, Type::Empty, _) => count += usize::from(tag == name),
            Event::Error(error) => panic!("{error}"),
            _ => (),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    count
}

#[test]
fn graph_plan() {
    let graph = fixture::graph();
    insta::assert_snapshot!(
        "graph_plan.svg",
        svg::write(&PlanView::of_plan(&graph, &fixture::plan(&graph)), Colour::Kind)
    );
}

#[test]
fn problem_plan() {
    let problem = fixture::problem();
    insta::assert_snapshot!(
        "problem_plan.svg",
        svg::write(&PlanView::of_solution("four", &problem, &fixture::solution(&problem)), Colour::Kind)
    );
}

/// The picture's own title and one for each rectangle.
#[test]
fn every_buffer_that_takes_room_is_drawn() {
    let graph = fixture::graph();
    assert_eq!(
        count(&svg::write(&PlanView::of_plan(&graph, &fixture::plan(&graph)), Colour::Kind), "title"),
        1 + 8
    );
    let problem = fixture::problem();
    let picture =
        svg::write(&PlanView::of_solution("four", &problem, &fixture::solution(&problem)), Colour::Kind);
    assert_eq!(count(&picture, "title"), 1 + 3, "one of four is empty");
    let (problem, solution) = fixture::stacked(200);
    assert_eq!(
        count(&svg::write(&PlanView::of_solution("", &problem, &solution), Colour::Kind), "title"),
        1 + 200
    );
}

#[test]
fn pictures_of_nothing_are_pictures() {
    let empty = Graph::builder("").build().unwrap();
    let picture = svg::write(&PlanView::of_plan(&empty, &Plan::unplaced(&empty)), Colour::Kind);
    assert_eq!(count(&picture, "title"), 1);
    let problem = Problem::new(vec![Buffer::new(0, 0..1)]).unwrap().with_capacity(Some(0));
    let solution = plimsoll::Planner::new().solve(&problem).unwrap();
    let other = svg::write(&PlanView::of_solution("", &problem, &solution), Colour::Kind);
    assert_eq!(count(&other, "title"), 1);
    for picture in [picture, other] {
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}

#[test]
fn the_largest_numbers_have_a_place() {
    let problem =
        Problem::new(vec![Buffer::new(u64::MAX, 0..u32::MAX)]).unwrap().with_capacity(Some(u64::MAX));
    let solution = plimsoll::Planner::new().solve(&problem).unwrap();
    let picture = svg::write(&PlanView::of_solution("", &problem, &solution), Colour::Kind);
    assert_eq!(count(&picture, "title"), 2);
    assert!(picture.len() < 20_000, "{}", picture.len());
}

/// Claims that make no sense are drawn as far as they can be.
#[test]
fn wrong_plans_are_drawn() {
    let graph = fixture::graph();
    let mut plan = fixture::plan(&graph);
    plan.tensors.resize(
        100,
        Some(Placement { offset: u64::MAX, bytes: u64::MAX, live: LiveRange { start: 9, end: 3 } }),
    );
    plan.tensors[0] = Some(Placement { offset: u64::MAX, bytes: 9, live: (7..8).into() });
    plan.order.truncate(1);
    assert_eq!(count(&svg::write(&PlanView::of_plan(&graph, &plan), Colour::Kind), "title"), 1 + 8);
}

#[test]
fn shared_plan() {
    let (graph, plan) = fixture::shared();
    assert_eq!(plan.aliases.len(), 5, "{:?}", plan.aliases);
    let picture = svg::write(&PlanView::of_plan(&graph, &plan), Colour::Operator);
    insta::assert_snapshot!("shared_plan.svg", picture);
    // The picture's own, one for each of eight rectangles, and one for all that is hatched.
    assert_eq!(count(&picture, "title"), 1 + 8 + 5);
    assert_eq!(count(&picture, "pattern"), 2);
    for text in
        ["sum\nis written over left", "slice\nis a slice of both", "flat\nis written in place into both"]
    {
        assert!(picture.contains(text), "no `{text}` in {picture}");
    }
}

/// Twelve types of operators: those that take most of the arena have a colour.
#[test]
fn the_rarest_types_share_a_colour() {
    let mut net = Graph::builder("types");
    let mut last = net.input("in", plimsoll::TensorSpec::bytes(10));
    for number in 0..12u64 {
        let made = net.tensor(format!("t{number}"), plimsoll::TensorSpec::bytes(1000 + number));
        net.operator("").op_type(format!("Type{number}")).reads([last]).writes([made]);
        last = made;
    }
    let graph = net.build().unwrap();
    let plan = plimsoll::Planner::new().plan(&graph).unwrap();
    let picture = svg::write(&PlanView::of_plan(&graph, &plan), Colour::Operator);
    let legend = |name: &str| picture.contains(&format!("\n{name}\n"));
    assert_eq!((0..12).filter(|number| legend(&format!("Type{number}"))).count(), 10, "{picture}");
    assert!(legend("others") && !legend("Type0") && !legend("no operator"));
    assert!(!svg::write(&PlanView::of_plan(&graph, &plan), Colour::Kind).contains("\nothers\n"));
}

#[test]
fn pictures_are_for_light_and_dark_and_for_readers() {
    let graph = fixture::graph();
    let picture = svg::write(&PlanView::of_plan(&graph, &fixture::plan(&graph)), Colour::Kind);
    assert_eq!(picture.matches("@media(prefers-color-scheme:dark)").count(), 1);
    assert!(picture.contains("aria-labelledby=\"plimsoll-title plimsoll-desc\""));
    assert!(picture.contains("The bound is set at step 1 by 3 buffers"), "{picture}");
    assert!(picture.contains("bound set at step 1, pool (MaxPool)"), "{picture}");
}

#[test]
fn ten_thousand_buffers_make_two_megabytes() {
    let (problem, solution) = fixture::stacked(10_000);
    let picture = svg::write(&PlanView::of_solution("many", &problem, &solution), Colour::Kind);
    assert!(picture.len() < 2_500_000, "{}", picture.len());
    let empty = problem.buffers().iter().filter(|buffer| buffer.size() == 0).count();
    assert_eq!(count(&picture, "title"), 1 + 10_000 - empty);
}

#[test]
fn many_buffers_are_bounded() {
    let (problem, solution) = fixture::stacked(65_000);
    let picture = svg::write(&PlanView::of_solution("many", &problem, &solution), Colour::Kind);
    assert_eq!((count(&picture, "title"), count(&picture, "path")), (1 + 10_000, 1));
    assert!(picture.len() < 4_500_000, "{}", picture.len());
    // The few left without room for a byte count among the smallest.
    let empty = problem.buffers().iter().filter(|buffer| buffer.size() == 0).count();
    assert!(picture.contains(&format!("the {} smallest are not drawn", 5000 - empty)));
}

#[test]
fn names_cannot_break_the_picture() {
    let mut net = Graph::builder("<script>\u{0}\"'&]]>");
    let a = net.input("</title>\u{1b}&amp;\u{fffe}", plimsoll::TensorSpec::bytes(64));
    net.output(a);
    let graph = net.build().unwrap();
    let plan = plimsoll::Planner::new().plan(&graph).unwrap();
    let picture = svg::write(&PlanView::of_plan(&graph, &plan), Colour::Kind);
    assert_eq!((count(&picture, "script"), count(&picture, "title")), (0, 2));
    assert!(picture.contains("&lt;/title&gt;\u{fffd}&amp;amp;\u{fffd}"), "{picture}");
    assert!(picture.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_capacity_far_away_does_not_flatten_the_picture() {
    let problem = |capacity| fixture::problem().with_capacity(Some(capacity));
    let solution = fixture::solution(&problem(0));
    let picture =
        |capacity| svg::write(&PlanView::of_solution("four", &problem(capacity), &solution), Colour::Kind);
    assert_eq!(count(&picture(256), "polyline"), 3);
    assert_eq!(count(&picture(1 << 40), "polyline"), 2);
    assert!(picture(1 << 40).contains("capacity 1.00 TiB"));
}
