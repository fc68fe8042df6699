//! The memory map: time to the right, offsets upwards, a rectangle for each
//! buffer, and the lower bound across them like a load line on a hull.

mod axes;
mod frame;
mod labels;
mod lines;
mod pools;

use std::ops::Range;

use svg::Document;
use svg::node::element::{Group, Rectangle as Shape, Style, Text, Title};

use super::text::{bytes, percent, short_bytes};
use super::{Kind, Rectangle, rectangles};
use crate::report::shorten::shortened;
use crate::{Graph, Plan, Problem, Solution};
use frame::{Frame, px};
pub use pools::of_pools;

/// Of more rectangles, the smallest are left out: no eye and few viewers can
/// take more.
const MOST_DRAWN: usize = 20_000;

/// The colour of what is reserved.
const RESERVED: &str = "#c1c9ca";

const STYLE: &str = "
text{font-family:'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;fill:#1c2833}
.model{font-size:20px;font-weight:bold}
.caption{font-size:13px}
.axis{font-size:11px;fill:#515a5a}
.unit{font-size:12px;fill:#515a5a}
.label{text-anchor:middle;pointer-events:none}
.grid{stroke:#e5e8e8;stroke-width:1}
.frame{stroke:#839192;stroke-width:1}
.buffer{stroke:#2c3e50;stroke-opacity:.75}
.input{fill:#8ec3e6}
.intermediate{fill:#f6d99c}
.output{fill:#93d6a4}
.variable{fill:#cdb2e2}
.scratch{fill:#cfd4d6}
.arena{stroke:#1c2833;stroke-width:1.5}
.bound{stroke:#c0392b;stroke-width:2.5;stroke-dasharray:9 5}
.capacity{stroke:#2471a3;stroke-width:2;stroke-dasharray:2 4}
.pointer{stroke-width:1;stroke-dasharray:none}
";

/// The memory map of a graph's plan, as the text of an SVG file.
#[must_use]
pub fn of_graph(graph: &Graph, plan: &Plan) -> String {
    let map = Map {
        model: graph.name(),
        rectangles: rectangles::of_plan(graph, plan),
        buffers: plan.placements().count(),
        steps: plan.order.len() as u32,
        arena: plan.arena_bytes,
        bound: plan.bound(),
        capacity: plan.capacity,
        reserved: &plan.reserved,
        standing: standing(plan.gap(), &plan.status.to_string(), &plan.strategy),
    };
    map.draw()
}

/// The memory map of buffers without a graph, as the text of an SVG file.
#[must_use]
pub fn of_problem(name: &str, problem: &Problem, solution: &Solution) -> String {
    let map = Map {
        model: name,
        rectangles: rectangles::of_solution(problem, solution),
        buffers: problem.buffers().len(),
        steps: 0,
        arena: solution.height,
        bound: solution.lower_bound.bytes,
        capacity: problem.capacity(),
        reserved: problem.reserved(),
        standing: standing(solution.gap(), &solution.status.to_string(), &solution.strategy),
    };
    map.draw()
}

fn standing(gap: f64, status: &str, strategy: &str) -> String {
    let by = if strategy.is_empty() { String::new() } else { format!(" (strategy: {strategy})") };
    format!("gap {} \u{b7} {status}{by}", percent(gap))
}

/// What is drawn.
struct Map<'a> {
    model: &'a str,
    rectangles: Vec<Rectangle>,
    /// What has gaps counts once.
    buffers: usize,
    /// At least; buffers may live longer.
    steps: u32,
    arena: u64,
    bound: u64,
    capacity: Option<u64>,
    reserved: &'a [Range<u64>],
    /// Gap, status and strategy.
    standing: String,
}

impl Map<'_> {
    fn draw(mut self) -> String {
        self.rectangles.retain(|one| one.place.bytes > 0 && one.place.live.steps() > 0);
        let left_out = self.leave_out_smallest();
        let frame = Frame::around(&self.rectangles, self.steps, self.tops());
        let mut document = Document::new()
            .set("viewBox", (0, 0, frame::WIDTH, frame::HEIGHT))
            .set("width", frame::WIDTH)
            .set("height", frame::HEIGHT)
            .add(Title::new(labels::xml(&format!("Memory map of {}", self.title()))))
            .add(Style::new(STYLE))
            .add(Shape::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"))
            .add(self.head(left_out))
            .add(self.legend())
            .add(axes::draw(&frame));
        // Thin outlines where rectangles are thin, or nothing else is seen.
        let outline = if self.rectangles.len() > 1000 { 0.2 } else { 0.7 };
        let mut shapes = Group::new().set("stroke-width", outline);
        let mut names = Group::new();
        for one in &self.rectangles {
            shapes = shapes.add(shape(&frame, one));
            if let Some(label) = labels::inside(&frame, one) {
                names = names.add(label);
            }
        }
        let lines = lines::draw(&frame, self.arena, self.bound, self.capacity);
        if !self.reserved.is_empty() {
            document = document.add(self.reserved_bands(&frame));
        }
        document = document.add(shapes).add(lines).add(names);
        format!("{document}\n")
    }

    /// What is reserved, as far as the picture reaches.
    fn reserved_bands(&self, frame: &Frame) -> Group {
        let seen = self.reserved.iter().filter(|range| range.start < frame.bytes);
        let bands = Group::new().set("fill", RESERVED);
        seen.fold(bands, |group, range| {
            let (top, bottom) = (frame.y(range.end.min(frame.bytes)), frame.y(range.start));
            let band = Shape::new().set("x", frame::LEFT).set("y", px(top));
            let band = band.set("width", frame::RIGHT - frame::LEFT).set("height", px(bottom - top));
            group.add(band.add(Title::new(format!("reserved: {} to {}", range.start, range.end))))
        })
    }

    fn title(&self) -> &str {
        if self.model.is_empty() { "an unnamed model" } else { self.model }
    }

    /// Heights that the picture should reach, besides its rectangles. A
    /// capacity far above all else would flatten the rest.
    fn tops(&self) -> u64 {
        let own = self.arena.max(self.bound);
        match self.capacity {
            Some(capacity) if capacity / 2 <= own => own.max(capacity),
            _ => own,
        }
    }

    fn leave_out_smallest(&mut self) -> usize {
        let count = self.rectangles.len();
        if count <= MOST_DRAWN {
            return 0;
        }
        let area = |one: &Rectangle| u128::from(one.place.bytes) * u128::from(one.place.live.steps());
        self.rectangles.sort_by_key(|one| std::cmp::Reverse(area(one)));
        self.rectangles.truncate(MOST_DRAWN);
        count - MOST_DRAWN
    }

    fn head(&self, left_out: usize) -> Group {
        let mut facts = vec![
            format!("arena {}", bytes(self.arena)),
            format!("lower bound {}", bytes(self.bound)),
            self.standing.clone(),
            format!("{} buffers", self.buffers),
        ];
        facts.extend(self.capacity.map(|capacity| format!("capacity {}", short_bytes(capacity))));
        if left_out > 0 {
            facts.push(format!("the {left_out} smallest are not drawn"));
        }
        let line = |class: &str, y: u32, text: &str| {
            Text::new(labels::xml(text)).set("class", class).set("x", frame::LEFT).set("y", y)
        };
        let model = shortened(self.title(), 90);
        Group::new().add(line("model", 34, &model)).add(line("caption", 57, &facts.join(" \u{b7} ")))
    }

    fn legend(&self) -> Group {
        let mut legend = Group::new();
        let mut x = frame::LEFT;
        for kind in Kind::ALL {
            if !self.rectangles.iter().any(|one| one.kind == kind) {
                continue;
            }
            let class = format!("buffer {}", kind.name());
            let sample = Shape::new().set("class", class).set("x", x).set("y", 73).set("width", 14);
            let name = Text::new(kind.name()).set("class", "axis").set("x", x + 20.0).set("y", 84);
            legend = legend.add(sample.set("height", 14)).add(name);
            x += 110.0;
        }
        if !self.reserved.is_empty() {
            let sample = Shape::new().set("fill", RESERVED).set("x", x).set("y", 73).set("width", 14);
            let name = Text::new("reserved").set("class", "axis").set("x", x + 20.0).set("y", 84);
            legend = legend.add(sample.set("height", 14)).add(name);
        }
        legend
    }
}

fn shape(frame: &Frame, one: &Rectangle) -> Shape {
    shape_at(frame, one, one.place.offset)
}

/// A rectangle that is drawn at another height than its own.
fn shape_at(frame: &Frame, one: &Rectangle, offset: u64) -> Shape {
    let place = one.place;
    let (left, right) = (frame.x(place.live.start), frame.x(place.live.end));
    let (top, bottom) = (frame.y(offset.saturating_add(place.bytes)), frame.y(offset));
    let details = format!(
        "{}\n{}, {}\noffset {} to {}\nlive at steps {} to {}",
        one.name,
        one.kind.name(),
        bytes(place.bytes),
        place.offset,
        place.end(),
        place.live.start,
        place.live.end - 1
    );
    Shape::new()
        .set("class", format!("buffer {}", one.kind.name()))
        .set("x", px(left))
        .set("y", px(top))
        .set("width", px((right - left).max(0.1)))
        .set("height", px((bottom - top).max(0.1)))
        .add(Title::new(labels::xml(&details)))
}
