//! The memory map of several memories: a panel for each memory with a common step axis, and an arrow
//! for each transfer.

use svg::Document;
use svg::node::element::{Group, Line, Polygon, Rectangle as Shape, Style, Text, Title};

use super::frame::{self, LEFT, MapFrame, RIGHT, px};
use super::{axes, bytes, labels, lines, percent, short_bytes, style};
use crate::report::Colour;
use crate::report::palette::{COPIES, Colouring};
use crate::report::pooled::{PoolScene, SceneTransfer};
use crate::report::rectangles::{Rectangle, operator_type};
use crate::report::shorten::{letter_count, shortened};
use crate::report::text::gap_text;
use crate::{Graph, LiveRange, Placement, PoolId, PoolPlan};

/// If there are more rectangles or transfers, the smallest are left out.
const MAX_DRAWN: usize = 20_000;
const MAX_COPIES: usize = 4_000;

const FIRST_TOP: f64 = 136.0;
/// Distance between two panels, for the title.
const BETWEEN: f64 = 46.0;
/// Height of the panel of the backing store, and of an empty pool.
const BACKING_STORE_HEIGHT: f64 = 190.0;
const EMPTY_HEIGHT: f64 = 36.0;
/// Length of an arrow if one end is not drawn.
const STUB: f64 = 18.0;
/// Space below the last panel.
const FOOT: f64 = 62.0;

/// The memory map of a plan for several memories, as the text of an SVG file. The panel of the backing
/// store leaves out data that is resident there throughout.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    coloured_pools(graph, plan, Colour::Kind)
}

/// The memory map of a plan for several memories, coloured by `colour`.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn coloured_pools(graph: &Graph, plan: &PoolPlan, colour: Colour) -> String {
    let scene = PoolScene::new(graph, plan);
    let drawn = drawn(&scene);
    let colouring = Colouring::new(Some(graph), &drawn.rectangles, colour);
    let panels = panels(&scene, &drawn);
    let height = panels.last().map_or(FIRST_TOP, |panel| panel.frame.bottom) + FOOT;
    let mut document = Document::new()
        .set("viewBox", (0, 0, frame::WIDTH, px(height)))
        .set("width", frame::WIDTH)
        .set("height", px(height))
        .add(Title::new(labels::xml(&format!("Memory map of {}", scene.title()))))
        .add(Style::new(style::of_pools(&colouring.legend, &COPIES)))
        .add(Shape::new().set("width", "100%").set("height", "100%").set("class", "paper"))
        .add(head(&scene))
        .add(legend(&colouring, plan));
    for panel in &panels {
        document = document.add(panel.draw(&scene, &drawn, &colouring));
    }
    if let Some(last) = panels.last() {
        document = document.add(axes::steps(&last.frame));
    }
    document = document.add(copies(&scene, &drawn, &panels));
    for panel in &panels {
        document = document.add(panel.names(&drawn));
    }
    format!("{document}\n")
}

/// The drawn rectangles.
struct DrawnRectangles {
    /// As drawn: in the backing store, without the offsets that are left out.
    rectangles: Vec<Rectangle>,
    /// Index in the scene of each drawn rectangle.
    rows: Vec<usize>,
    /// Index among the drawn rectangles of each rectangle of the scene.
    drawn_of_row: Vec<Option<usize>>,
}

fn drawn(scene: &PoolScene) -> DrawnRectangles {
    let mut rows: Vec<usize> =
        (0..scene.rectangles.len()).filter(|&row| scene.shown_at[row].is_some()).collect();
    if rows.len() > MAX_DRAWN {
        rows.sort_by_key(|&row| std::cmp::Reverse(scene.rectangles[row].area()));
        rows.truncate(MAX_DRAWN);
        rows.sort_unstable();
    }
    let mut drawn_of_row = vec![None; scene.rectangles.len()];
    let mut rectangles = Vec::new();
    for (number, &row) in rows.iter().enumerate() {
        drawn_of_row[row] = Some(number);
        let Rectangle { name, kind, operator, place } = &scene.rectangles[row];
        let place = scene.shown(row).unwrap_or(*place);
        rectangles.push(Rectangle { name: name.clone(), kind: *kind, operator: *operator, place });
    }
    DrawnRectangles { rectangles, rows, drawn_of_row }
}

/// The panel of a pool.
struct Panel {
    frame: MapFrame,
    title: String,
    used: u64,
    capacity: Option<u64>,
    is_backing_store: bool,
    /// Indices of its drawn rectangles.
    places: Vec<usize>,
}

fn panels(scene: &PoolScene, drawn: &DrawnRectangles) -> Vec<Panel> {
    let list = scene.plan.pools.list();
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); list.len()];
    for (number, &row) in drawn.rows.iter().enumerate() {
        places[scene.pools[row]].push(number);
    }
    let busy = places[..list.len() - 1].iter().filter(|list| !list.is_empty()).count().max(1);
    // A single panel is as high as the map of an arena; several share the height.
    let height = (520.0 / busy as f64).max(170.0);
    let mut top = FIRST_TOP;
    let mut panels = Vec::new();
    for (number, (pool, places)) in list.iter().zip(places).enumerate() {
        let is_backing_store = number == scene.backing_store();
        let used = scene.plan.used.get(number).copied().unwrap_or(0);
        let panel_height = match (places.is_empty(), is_backing_store) {
            (true, _) => EMPTY_HEIGHT,
            (false, true) => BACKING_STORE_HEIGHT,
            (false, false) => height,
        };
        let tops = places.iter().map(|&place| drawn.rectangles[place].place.end()).max().unwrap_or(0);
        // A capacity far above the contents would flatten the map.
        let near = pool.bytes().filter(|&capacity| !is_backing_store && capacity / 2 <= used.max(tops));
        let bytes = if is_backing_store { tops } else { tops.max(used).max(near.unwrap_or(0)) }.max(1);
        let frame = MapFrame { steps: scene.steps, bytes, top, bottom: top + panel_height };
        top += panel_height + BETWEEN;
        let title = title(scene.plan, PoolId::new(number), is_backing_store, places.is_empty());
        panels.push(Panel { frame, title, used, capacity: pool.bytes(), is_backing_store, places });
    }
    panels
}

fn title(plan: &PoolPlan, id: PoolId, is_backing_store: bool, is_empty: bool) -> String {
    let pool = plan.pools.pool(id);
    let used = plan.used.get(id.index()).copied().unwrap_or(0);
    let traffic = plan.traffic.get(id.index()).copied().unwrap_or_default();
    let mut facts = vec![match pool.bytes() {
        Some(capacity) => format!("{} of {} used", short_bytes(used), short_bytes(capacity)),
        None => format!("{} used", short_bytes(used)),
    }];
    facts.push(format!("{} read", short_bytes(traffic.read)));
    facts.push(format!("{} written", short_bytes(traffic.written)));
    if is_empty && !is_backing_store {
        facts.push("empty".to_owned());
    } else if is_empty {
        facts.push("no tensor comes or goes".to_owned());
    } else if is_backing_store {
        facts.push("shown: only tensors that come and go".to_owned());
    }
    format!("{}: {}", shortened(pool.name(), 40), facts.join(" \u{b7} "))
}

impl Panel {
    fn draw(&self, scene: &PoolScene, drawn: &DrawnRectangles, colouring: &Colouring) -> Group {
        let frame = &self.frame;
        let mut group = Group::new();
        if self.places.is_empty() {
            return group.add(axes::bytes(frame, ""));
        }
        group = group.add(axes::bytes(frame, if self.is_backing_store { "" } else { "offset in " }));
        let outline = if self.places.len() > 1000 { 0.2 } else { 0.7 };
        let shapes = self.places.iter().map(|&place| {
            let rectangle = &scene.rectangles[drawn.rows[place]];
            let title = Title::new(labels::xml(&details(scene.graph, rectangle)));
            let class = format!("buffer c{}", colouring.of[place]);
            shape(frame, drawn.rectangles[place].place).set("class", class).add(title)
        });
        group = group.add(shapes.fold(Group::new().set("stroke-width", outline), Group::add));
        for &cut in scene.cuts.iter().filter(|_| self.is_backing_store) {
            let y = px(frame.y(cut));
            group = group.add(
                Line::new().set("class", "cut").set("x1", LEFT).set("y1", y).set("x2", RIGHT).set("y2", y),
            );
        }
        if !self.is_backing_store {
            group = group.add(lines::of_pool(frame, self.used, self.capacity));
        }
        group
    }

    /// Draws the title of the panel and the labels of its rectangles, after the arrows.
    fn names(&self, drawn: &DrawnRectangles) -> Group {
        let title = Text::new(labels::xml(&self.title)).set("class", "pool");
        let title = title.set("x", LEFT).set("y", px(self.frame.top - 10.0));
        let rectangles = self.places.iter().map(|&number| &drawn.rectangles[number]);
        let named =
            rectangles.filter_map(|rectangle| labels::inside(&self.frame, rectangle, rectangle.place.live));
        named.fold(Group::new().add(title), Group::add)
    }
}

/// Draws an arrow for each transfer, from its first possible step to its due step.
fn copies(scene: &PoolScene, drawn: &DrawnRectangles, panels: &[Panel]) -> Group {
    let mut copies: Vec<&SceneTransfer> = scene.copies.iter().collect();
    if copies.len() > MAX_COPIES {
        copies.sort_by_key(|copy| std::cmp::Reverse(copy.route.transfer.bytes));
        copies.truncate(MAX_COPIES);
    }
    let (width, head, opacity) = match copies.len() {
        0..100 => (1.6, 4.0, 0.9),
        100..500 => (1.0, 3.0, 0.7),
        _ => (0.6, 2.0, 0.5),
    };
    let middle = |panel: &Panel, row: Option<u32>| {
        let place = drawn.rectangles[drawn.drawn_of_row[row? as usize]?].place;
        Some(panel.frame.y(place.offset.saturating_add(place.bytes / 2)))
    };
    let group = Group::new().set("stroke-width", width).set("opacity", opacity);
    copies.iter().fold(group, |group, copy| {
        let transfer = &copy.route.transfer;
        let (from, to) = (&panels[transfer.from.index()], &panels[transfer.to.index()]);
        let rises = transfer.to < transfer.from;
        let [x1, x2] = [transfer.step, transfer.due].map(|step| px(from.frame.x(step.min(scene.steps))));
        // The arrow is a stub if one end is not drawn.
        let down = if rises { STUB } else { -STUB };
        let (y1, y2) = match (middle(from, copy.from), middle(to, copy.to)) {
            (Some(y1), Some(y2)) => (px(y1), px(y2)),
            (None, Some(y2)) => (px(y2 + down), px(y2)),
            (Some(y1), None) => (px(y1), px(y1 - down)),
            (None, None) if rises => (px(from.frame.top), px(to.frame.bottom)),
            (None, None) => (px(from.frame.bottom), px(to.frame.top)),
        };
        let back = if rises { 2.0 * head } else { -2.0 * head };
        let points =
            format!("{x2},{y2} {},{} {},{}", px(x2 - head), px(y2 + back), px(x2 + head), px(y2 + back));
        let line = Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2);
        let class = if rises { "in" } else { "out" };
        group.add(Group::new().set("class", class).add(line).add(Polygon::new().set("points", points)))
    })
}

fn head(scene: &PoolScene) -> Group {
    let plan = scene.plan;
    let moved = plan.transfers.iter().map(|transfer| transfer.bytes).fold(0, u64::saturating_add);
    let mut facts = vec![
        format!("cost {}", plan.cost),
        format!("lower bound {}", plan.lower_bound),
        format!("gap {}", gap_text(plan)),
        format!("{} copies of {}", plan.transfers.len(), short_bytes(moved)),
    ];
    if plan.preloaded > 0 {
        facts.push(format!("{} preloaded", short_bytes(plan.preloaded)));
    }
    let unavoidable = if plan.cost == 0 { 1.0 } else { plan.unavoidable_cost as f64 / plan.cost as f64 };
    if !plan.all_fits() {
        facts.push(format!("{} of the cost is unavoidable", percent(unavoidable)));
    }
    let line = |class: &str, y: u32, text: &str| {
        Text::new(labels::xml(text)).set("class", class).set("x", LEFT).set("y", y)
    };
    Group::new().add(line("model", 34, &shortened(scene.title(), 90))).add(line(
        "caption",
        57,
        &facts.join(" \u{b7} "),
    ))
}

fn legend(colouring: &Colouring, plan: &PoolPlan) -> Group {
    let (mut x, mut y) = (LEFT, 71.0);
    let mut legend = Group::new();
    // Each entry is a sample and its name. Two rows suffice, as at most ten operator types have an entry.
    let mut entry = |name: &str| {
        let width = 14.0 + 6.0 + letter_count(name) as f64 * 7.0 + 18.0;
        if x + width > frame::WIDTH - 20.0 {
            (x, y) = (LEFT, y + 20.0);
        }
        let at = (x, y);
        x += width;
        let text = Text::new(labels::xml(name)).set("class", "axis");
        (at, text.set("x", at.0 + 20.0).set("y", at.1 + 11.0))
    };
    for (number, (name, _)) in colouring.legend.iter().enumerate() {
        let ((x, y), text) = entry(&shortened(name, 22));
        let sample = Shape::new().set("class", format!("buffer c{number}")).set("x", x).set("y", y);
        legend = legend.add(sample.set("width", 14).set("height", 14)).add(text);
    }
    for (class, name, rises) in [("in", "copied closer", true), ("out", "copied away", false)] {
        if plan.transfers.iter().any(|transfer| (transfer.to < transfer.from) == rises) {
            let ((x, y), text) = entry(name);
            let sample = Line::new().set("class", class).set("stroke-width", 2).set("x1", x);
            legend = legend.add(sample.set("x2", x + 14.0).set("y1", y + 7.0).set("y2", y + 7.0)).add(text);
        }
    }
    legend
}

fn details(graph: &Graph, rectangle: &Rectangle) -> String {
    let Placement { offset, live: LiveRange { start, end }, .. } = rectangle.place;
    let name = shortened(&rectangle.name, 80);
    let (kind, size, last) = (rectangle.kind.name(), bytes(rectangle.place.bytes), end - 1);
    let top = rectangle.place.end();
    let text = format!("{name}\n{kind}, {size}\noffset {offset} to {top}\nlive at steps {start} to {last}");
    match rectangle.operator.map_or("", |id| operator_type(Some(graph), id)) {
        "" => text,
        op_type => format!("{text}\nmade by {}", shortened(op_type, 80)),
    }
}

fn shape(frame: &MapFrame, place: Placement) -> Shape {
    let (left, right, top, bottom) = frame.sides(place);
    Shape::new()
        .set("x", px(left))
        .set("y", px(top))
        .set("width", px((right - left).max(0.1)))
        .set("height", px((bottom - top).max(0.1)))
}
