//! The memory map of one arena.

use svg::Document;
use svg::node::element::{Description, Rectangle as Shape, Style, Title};

use super::frame::{self, MapFrame};
use super::head::{self, Legend};
use super::layers::Layers;
use super::{
    Colouring, Rectangle, Scene, axes, bytes, labels, lines, peak, percent, regions, shapes, sharing,
    short_bytes, style,
};
use crate::Plan;
use crate::report::Colour;
use crate::report::scene::same_bytes;
use crate::report::shorten::shortened;

pub(super) fn draw(scene: &Scene, plan: &Plan, colour: Colour) -> String {
    let all: Vec<&Rectangle> = scene.rectangles.iter().collect();
    let colouring = Colouring::new(scene.view, &all, colour);
    let layers = Layers::new(scene);
    let frame =
        MapFrame { steps: scene.steps, bytes: top(scene, plan), top: frame::TOP, bottom: frame::BOTTOM };
    let (more, rules) = match &scene.view.tiling {
        Some(_) => (regions::HEIGHT, style::regions()),
        None => (0.0, String::new()),
    };
    let height = frame::HEIGHT + more;
    let title = format!("Memory map of {}", frame::xml(scene.title()));
    let description = svg::node::Text::new(description(scene, plan));
    let mut document = Document::new()
        .set("viewBox", (0, 0, frame::WIDTH, height))
        .set("width", frame::WIDTH)
        .set("height", height)
        .set("role", "graphics-document document")
        .set("aria-labelledby", "plimsoll-title plimsoll-desc")
        .add(Title::new(title).set("id", "plimsoll-title"))
        .add(Description::new().set("id", "plimsoll-desc").add(description))
        .add(Style::new(format!("{}{rules}", style::sheet(&colouring.legend, None))))
        .add(Shape::new().set("class", "paper").set("width", "100%").set("height", "100%"))
        .add(head::draw(scene, &facts(scene, plan, &layers)))
        .add(legend(scene, plan, &colouring).group())
        .add(axes::draw(&frame));
    if !plan.reserved.is_empty() {
        document = document.add(shapes::reserved(&plan.reserved, &frame));
    }
    document = document.add(shapes::draw(scene, &layers, &colouring, &frame));
    if !scene.aliases.is_empty() {
        document = document.add(sharing::patterns()).add(sharing::draw(scene, &frame));
    }
    if let Some(tiling) = &scene.view.tiling {
        document = document.add(regions::draw(scene, tiling, &frame));
    }
    if let Some(step) = scene.peak {
        document = document.add(peak::draw(scene, step, &frame));
    }
    // The lower bound is last, so it is drawn over lines of the same height.
    let lines = [
        ("capacity", "capacity", plan.capacity),
        ("arena", "arena", Some(plan.arena_bytes)),
        ("bound", "lower bound", Some(plan.bound())),
    ];
    let lines = lines::draw(&frame, &lines);
    format!("{}\n", document.add(lines).add(labels::draw(scene, &layers, &frame)))
}

fn facts(scene: &Scene, plan: &Plan, layers: &Layers) -> Vec<String> {
    let strategy = if plan.strategy.is_empty() {
        String::new()
    } else {
        format!(" (strategy: {})", shortened(&plan.strategy, 30))
    };
    let mut facts = vec![
        format!("arena {}{}", bytes(plan.arena_bytes), untiled_text(scene)),
        format!("lower bound {}", bytes(plan.bound())),
        format!("gap {} \u{b7} {}{strategy}", percent(plan.gap()), plan.status),
        format!("{} buffers", scene.view.rows.len()),
    ];
    facts.extend(plan.capacity.map(|capacity| format!("capacity {}", short_bytes(capacity))));
    if layers.left_out > 0 {
        facts.push(format!("the {} smallest are not drawn", layers.left_out));
    }
    facts
}

/// The size of the arena without tiling, after the size with it.
fn untiled_text(scene: &Scene) -> String {
    let untiled = scene.view.tiling.and_then(|tiling| tiling.untiled_plan);
    untiled.map_or_else(String::new, |plan| format!(", {} without tiling", short_bytes(plan.arena_bytes)))
}

fn legend(scene: &Scene, plan: &Plan, colouring: &Colouring) -> Legend {
    let mut legend = Legend::new(colouring);
    if !plan.reserved.is_empty() {
        legend.add_area("reserved", "reserved");
    }
    for (class, name, same) in
        [("frame same", "shared: same bytes", true), ("frame over", "shared: written over", false)]
    {
        if scene.aliases.iter().any(|alias| same_bytes(alias.kind) == same) {
            legend.add_area(class, name);
        }
    }
    legend
}

/// Text alternative of the picture.
fn description(scene: &Scene, plan: &Plan) -> String {
    let bound = scene.peak.map_or_else(String::new, |step| {
        let causes = scene.causes.len();
        format!(" The bound is set at step {step} by {causes} buffers that are live there.")
    });
    format!(
        "Time runs to the right in {} steps, offsets upwards; each of {} buffers is a rectangle. Arena {}, \
         lower bound {}, {}.{bound}",
        scene.steps,
        scene.view.rows.len(),
        bytes(plan.arena_bytes),
        bytes(plan.bound()),
        plan.status
    )
}

/// The height of the map in bytes; at least 1. A capacity far above the arena is left out, as it would
/// flatten the map.
fn top(scene: &Scene, plan: &Plan) -> u64 {
    let drawn = scene.rectangles.iter().filter(|rectangle| !rectangle.is_empty());
    let used = plan.arena_bytes.max(plan.bound());
    let height = drawn.map(|rectangle| rectangle.place.end()).fold(used.max(1), u64::max);
    match plan.capacity {
        Some(capacity) if capacity / 2 <= used => height.max(capacity),
        _ => height,
    }
}
