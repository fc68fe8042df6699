//! The memory map of several memories: a panel for each memory with a common step axis, and an arrow
//! for each transfer.

use svg::Document;
use svg::node::element::{Group, Line, Polygon, Rectangle as Shape, Style, Title};

use super::frame::{self, LEFT, MapFrame, RIGHT, line, px, text};
use super::head::{self, Legend};
use super::{Colouring, Rectangle, Scene, axes, labels, lines, percent, shapes, short_bytes, style};
use crate::report::Colour;
use crate::report::palette::COPIES;
use crate::report::scene::SceneTransfer;
use crate::report::shorten::shortened;
use crate::report::text::gap_text;
use crate::{PoolId, PoolPlan};

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
/// Minimum drawn width and height of a rectangle.
const MIN_SIZE: f64 = 0.1;

pub(super) fn draw(scene: &Scene, plan: &PoolPlan, colour: Colour) -> String {
    let rows = drawn(scene);
    let rectangles: Vec<&Rectangle> = rows.iter().map(|&row| &scene.rectangles[row]).collect();
    let colouring = Colouring::new(scene.view, &rectangles, colour);
    let panels = panels(scene, plan, &rectangles);
    let height = panels.last().map_or(FIRST_TOP, |panel| panel.frame.bottom) + FOOT;
    let mut document = Document::new()
        .set("viewBox", (0, 0, frame::WIDTH, px(height)))
        .set("width", frame::WIDTH)
        .set("height", px(height))
        .add(Title::new(frame::xml(&format!("Memory map of {}", scene.title()))))
        .add(Style::new(style::sheet(&colouring.legend, Some(&COPIES))))
        .add(Shape::new().set("width", "100%").set("height", "100%").set("class", "paper"))
        .add(head::draw(scene, &facts(plan)))
        .add(legend(&colouring, plan).group());
    for panel in &panels {
        document = document.add(panel.draw(scene, &rectangles, &colouring));
    }
    if let Some(last) = panels.last() {
        document = document.add(axes::steps(&last.frame));
    }
    document = document.add(copies(scene, &rows, &panels));
    for panel in &panels {
        document = document.add(panel.draw_text(&rectangles));
    }
    format!("{document}\n")
}

/// The drawn rectangles, ascending.
fn drawn(scene: &Scene) -> Vec<usize> {
    let all = &scene.rectangles;
    let mut rows: Vec<usize> = (0..all.len()).filter(|&row| all[row].shown_at.is_some()).collect();
    if rows.len() > MAX_DRAWN {
        rows.sort_by_key(|&row| std::cmp::Reverse(all[row].area()));
        rows.truncate(MAX_DRAWN);
        rows.sort_unstable();
    }
    rows
}

/// The panel of a pool.
struct Panel {
    frame: MapFrame,
    title: String,
    used: u64,
    capacity: Option<u64>,
    is_backing_store: bool,
    /// Its rectangles, as indices into the list of drawn rectangles.
    contents: Vec<usize>,
}

fn panels(scene: &Scene, plan: &PoolPlan, drawn: &[&Rectangle]) -> Vec<Panel> {
    let list = plan.pools.list();
    let mut by_pool: Vec<Vec<usize>> = vec![Vec::new(); list.len()];
    for (number, rectangle) in drawn.iter().enumerate() {
        by_pool[rectangle.memory].push(number);
    }
    let on_chip_panels =
        by_pool[..list.len() - 1].iter().filter(|contents| !contents.is_empty()).count().max(1);
    // A single panel is as high as the map of an arena; several share the height.
    let height = (520.0 / on_chip_panels as f64).max(170.0);
    let mut top = FIRST_TOP;
    let mut panels = Vec::new();
    for ((id, pool), contents) in plan.pools.ids().zip(list).zip(by_pool) {
        let is_backing_store = id == plan.pools.backing_store_id();
        let used = plan.used.get(id.index()).copied().unwrap_or(0);
        let panel_height = match (contents.is_empty(), is_backing_store) {
            (true, _) => EMPTY_HEIGHT,
            (false, true) => BACKING_STORE_HEIGHT,
            (false, false) => height,
        };
        let top_offset = contents.iter().map(|&row| drawn[row].shown().end()).max().unwrap_or(0);
        // A capacity far above the contents would flatten the map.
        let shown_capacity =
            pool.bytes().filter(|&capacity| !is_backing_store && capacity / 2 <= used.max(top_offset));
        let bytes =
            if is_backing_store { top_offset } else { top_offset.max(used).max(shown_capacity.unwrap_or(0)) };
        let frame = MapFrame { steps: scene.steps, bytes: bytes.max(1), top, bottom: top + panel_height };
        top += panel_height + BETWEEN;
        let title = title(plan, id, is_backing_store, contents.is_empty());
        panels.push(Panel { frame, title, used, capacity: pool.bytes(), is_backing_store, contents });
    }
    panels
}

fn title(plan: &PoolPlan, id: PoolId, is_backing_store: bool, is_empty: bool) -> String {
    let pool = plan.pools.pool(id);
    let used = plan.used.get(id.index()).copied().unwrap_or(0);
    let traffic = plan.traffic.get(id.index()).copied().unwrap_or_default();
    let of = pool.bytes().map_or_else(String::new, |capacity| format!(" of {}", short_bytes(capacity)));
    let mut facts = vec![
        format!("{}{of} used", short_bytes(used)),
        format!("{} read", short_bytes(traffic.read)),
        format!("{} written", short_bytes(traffic.written)),
    ];
    facts.extend(match (is_empty, is_backing_store) {
        (true, false) => Some("empty".to_owned()),
        (true, true) => Some("no tensor comes or goes".to_owned()),
        (false, true) => Some("shown: only tensors that come and go".to_owned()),
        (false, false) => None,
    });
    format!("{}: {}", shortened(pool.name(), 40), facts.join(" \u{b7} "))
}

impl Panel {
    fn draw(&self, scene: &Scene, drawn: &[&Rectangle], colouring: &Colouring) -> Group {
        let frame = &self.frame;
        let label = if self.contents.is_empty() || self.is_backing_store { "" } else { "offset in " };
        let mut group = Group::new().add(axes::bytes(frame, label));
        if self.contents.is_empty() {
            return group;
        }
        let outline = if self.contents.len() > 1000 { 0.2 } else { 0.7 };
        let shapes = self.contents.iter().map(|&row| {
            let title = Title::new(frame::xml(&shapes::details(scene, drawn[row], &[])));
            let class = format!("buffer c{}", colouring.of[row]);
            shapes::shape(&class, frame, drawn[row], MIN_SIZE).add(title)
        });
        group = group.add(shapes.fold(Group::new().set("stroke-width", outline), Group::add));
        for &cut in scene.cuts.iter().filter(|_| self.is_backing_store) {
            let y = px(frame.y(cut));
            group = group.add(line("cut", LEFT, y, RIGHT, y));
        }
        if !self.is_backing_store {
            let lines = [("capacity", "capacity", self.capacity), ("arena", "used", Some(self.used))];
            group = group.add(lines::draw(frame, &lines));
        }
        group
    }

    /// Draws the title of the panel and the labels of its rectangles, after the arrows.
    fn draw_text(&self, drawn: &[&Rectangle]) -> Group {
        let title = text("pool", (LEFT, px(self.frame.top - 10.0)), &self.title);
        let rectangles = self.contents.iter().map(|&row| drawn[row]);
        let named =
            rectangles.filter_map(|rectangle| labels::inside(&self.frame, rectangle, rectangle.place.live));
        named.fold(Group::new().add(title), Group::add)
    }
}

/// Draws an arrow for each transfer, from its first possible step to its due step.
fn copies(scene: &Scene, drawn: &[usize], panels: &[Panel]) -> Group {
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
        let row = row.filter(|&row| drawn.binary_search(&(row as usize)).is_ok())?;
        let place = scene.rectangles[row as usize].shown();
        Some(panel.frame.y(place.offset.saturating_add(place.bytes / 2)))
    };
    let group = Group::new().set("stroke-width", width).set("opacity", opacity);
    copies.iter().fold(group, |group, copy| {
        let transfer = &copy.route.transfer;
        let (from, to) = (&panels[transfer.from.index()], &panels[transfer.to.index()]);
        let rises = transfer.to < transfer.from;
        let [x1, x2] = [transfer.step, transfer.due].map(|step| px(from.frame.x(step.min(scene.steps))));
        // The arrow is a stub if one end is not drawn.
        let to_start = if rises { STUB } else { -STUB };
        let (y1, y2) = match (middle(from, copy.from), middle(to, copy.to)) {
            (Some(y1), Some(y2)) => (px(y1), px(y2)),
            (None, Some(y2)) => (px(y2 + to_start), px(y2)),
            (Some(y1), None) => (px(y1), px(y1 - to_start)),
            (None, None) if rises => (px(from.frame.top), px(to.frame.bottom)),
            (None, None) => (px(from.frame.bottom), px(to.frame.top)),
        };
        let back = if rises { 2.0 * head } else { -2.0 * head };
        let points =
            format!("{x2},{y2} {},{} {},{}", px(x2 - head), px(y2 + back), px(x2 + head), px(y2 + back));
        let arrow = Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2);
        let class = if rises { "in" } else { "out" };
        group.add(Group::new().set("class", class).add(arrow).add(Polygon::new().set("points", points)))
    })
}

fn facts(plan: &PoolPlan) -> Vec<String> {
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
    facts
}

fn legend(colouring: &Colouring, plan: &PoolPlan) -> Legend {
    let mut legend = Legend::new(colouring);
    for (class, name, rises) in [("in", "copied closer", true), ("out", "copied away", false)] {
        if plan.transfers.iter().any(|transfer| (transfer.to < transfer.from) == rises) {
            legend.add_line(class, name);
        }
    }
    legend
}
