//! The memory map as SVG: time runs to the right, offsets upwards. Each buffer is a rectangle, and the
//! lower bound is a line across the map.
//!
//! The file follows the light or dark preference of the viewer, and every rectangle has a title. Memory
//! that tensors share is hatched. The 10 000 largest rectangles have a title each; smaller ones are
//! drawn without, so a file has at most a few megabytes.

mod axes;
mod frame;
mod head;
mod labels;
mod layers;
mod lines;
mod peak;
mod pools;
mod shapes;
mod sharing;
mod style;

use svg::Document;
use svg::node::element::{Description, Rectangle as Shape, Style, Title};

use super::text::{bytes, percent, short_bytes};
use super::{Colour, Rectangle, Scene, palette::Colouring};
use crate::{Graph, Plan, Problem, Solution};
use frame::MapFrame;
pub use pools::{coloured_pools, of_pools};

/// The memory map of a graph's plan, as the text of an SVG file.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn of_graph(graph: &Graph, plan: &Plan) -> String {
    coloured(graph, plan, Colour::Kind)
}

/// The memory map of a graph's plan, coloured by `colour`.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn coloured(graph: &Graph, plan: &Plan, colour: Colour) -> String {
    draw(&Scene::of_plan(graph, plan), colour)
}

/// The memory map of a list of buffers, as the text of an SVG file.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn of_problem(name: &str, problem: &Problem, solution: &Solution) -> String {
    draw(&Scene::of_solution(name, problem, solution), Colour::Kind)
}

fn draw(scene: &Scene, colour: Colour) -> String {
    let colouring = Colouring::new(scene.graph, &scene.rectangles, colour);
    let layers = layers::Layers::new(scene);
    let frame =
        MapFrame { steps: scene.all_steps(), bytes: top(scene), top: frame::TOP, bottom: frame::BOTTOM };
    let title = format!("Memory map of {}", labels::xml(scene.title()));
    let mut document = Document::new()
        .set("viewBox", (0, 0, frame::WIDTH, frame::HEIGHT))
        .set("width", frame::WIDTH)
        .set("height", frame::HEIGHT)
        .set("role", "graphics-document document")
        .set("aria-labelledby", "plimsoll-title plimsoll-desc")
        .add(Title::new(title).set("id", "plimsoll-title"))
        .add(Description::new().set("id", "plimsoll-desc").add(svg::node::Text::new(description(scene))))
        .add(Style::new(style::of(&colouring.legend)))
        .add(Shape::new().set("class", "paper").set("width", "100%").set("height", "100%"))
        .add(head::draw(scene, &layers))
        .add(head::legend(scene, &colouring))
        .add(axes::draw(&frame));
    if !scene.reserved.is_empty() {
        document = document.add(shapes::reserved(scene, &frame));
    }
    document = document.add(shapes::draw(scene, &layers, &colouring, &frame));
    if !scene.shared.is_empty() {
        document = document.add(sharing::patterns()).add(sharing::draw(scene, &frame));
    }
    if let Some(step) = scene.peak {
        document = document.add(peak::draw(scene, step, &frame));
    }
    let lines = lines::draw(&frame, scene.arena, scene.bound, scene.capacity);
    let names = labels::draw(scene, &layers, &frame);
    format!("{}\n", document.add(lines).add(names))
}

/// Text alternative of the picture.
fn description(scene: &Scene) -> String {
    let bound = scene.peak.map_or_else(String::new, |step| {
        let causes = scene.causes.len();
        format!(" The bound is set at step {step} by {causes} buffers that are live there.")
    });
    format!(
        "Time runs to the right in {} steps, offsets upwards; each of {} buffers is a rectangle. Arena {}, \
         lower bound {}, {}.{bound}",
        scene.all_steps(),
        scene.buffers,
        bytes(scene.arena),
        bytes(scene.bound),
        scene.status
    )
}

/// The height of the map in bytes; at least 1. A capacity far above the arena is left out, as it would
/// flatten the map.
fn top(scene: &Scene) -> u64 {
    let drawn = scene.rectangles.iter().filter(|rectangle| !rectangle.is_empty());
    let ends = drawn.map(|rectangle| rectangle.place.end());
    let height = ends.fold(scene.arena.max(scene.bound).max(1), u64::max);
    match scene.capacity {
        Some(capacity) if capacity / 2 <= scene.arena.max(scene.bound) => height.max(capacity),
        _ => height,
    }
}
