//! The memory map of several memories: a panel for each, steps in common, and copies as
//! arrows from one to the other.

use svg::Document;
use svg::node::element::{Group, Line, Polygon, Rectangle as Shape, Style, Text, Title};

use super::frame::{self, Frame, LEFT, RIGHT, px};
use super::{axes, bytes, labels, lines, percent, short_bytes, style};
use crate::report::rectangles::{Kind, Rectangle, of_stay};
use crate::report::shorten::shortened;
use crate::report::text::gap_text;
use crate::{Graph, Occupant, PoolId, PoolPlan, Stay, TensorKind, Transfer};

/// Of more places and copies, the smallest are left out.
const MOST_DRAWN: usize = 20_000;
const MOST_COPIES: usize = 4_000;

const FIRST_TOP: f64 = 136.0;
/// Between two panels: a title, and some air.
const BETWEEN: f64 = 46.0;
/// Of home, and of a pool that holds nothing.
const HOME_HEIGHT: f64 = 190.0;
const EMPTY_HEIGHT: f64 = 36.0;
/// An arrow from or to what is not drawn.
const STUB: f64 = 18.0;
/// Below the last panel.
const FOOT: f64 = 62.0;

const OWN_STYLE: &str = "
.input{fill:#8ec3e6}
.intermediate{fill:#f6d99c}
.output{fill:#93d6a4}
.variable{fill:#cdb2e2}
.scratch{fill:#cfd4d6}
.constant{fill:#e6b8a2}
.pool{font-size:14px;font-weight:bold}
.in{stroke:#1f618d;fill:#1f618d}
.out{stroke:#b03a2e;fill:#b03a2e}
.cut{stroke:#839192;stroke-width:1;stroke-dasharray:1 5}
@media(prefers-color-scheme:dark){
.label text,.label{fill:#1c2833}
.in{stroke:#2e86c1;fill:#2e86c1}
.out{stroke:#cb4335;fill:#cb4335}
}
";

/// The memory map of a plan for several memories, as the text of an SVG file: home shows
/// only what comes and goes, not what lies there throughout.
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    let panels = panels(graph, plan);
    let height = panels.last().map_or(FIRST_TOP, |panel| panel.frame.bottom) + FOOT;
    let name = if graph.name().is_empty() { "an unnamed model" } else { graph.name() };
    let mut document = Document::new()
        .set("viewBox", (0, 0, frame::WIDTH, px(height)))
        .set("width", frame::WIDTH)
        .set("height", px(height))
        .add(Title::new(labels::xml(&format!("Memory map of {name}"))))
        .add(Style::new(format!("{}{OWN_STYLE}", style::of(&[]))))
        .add(Shape::new().set("width", "100%").set("height", "100%").set("class", "paper"))
        .add(head(name, plan))
        .add(legend(&panels, plan));
    for panel in &panels {
        document = document.add(panel.draw());
    }
    if let Some(last) = panels.last() {
        document = document.add(axes::steps(&last.frame));
    }
    document = document.add(copies(plan, &panels));
    for panel in &panels {
        document = document.add(panel.names());
    }
    format!("{document}\n")
}

/// One pool.
struct Panel {
    frame: Frame,
    title: String,
    used: u64,
    capacity: Option<u64>,
    is_home: bool,
    drawn: Vec<Drawn>,
    /// Heights at which offsets are left out.
    cuts: Vec<u64>,
}

struct Drawn {
    stay: Stay,
    one: Rectangle,
    /// Where it is drawn: its offset, without what is left out below.
    offset: u64,
}

fn panels(graph: &Graph, plan: &PoolPlan) -> Vec<Panel> {
    let list = plan.pools.list();
    let mut drawn: Vec<Vec<Drawn>> = list.iter().map(|_| Vec::new()).collect();
    for stay in shown(graph, plan) {
        if let Some(one) = of_stay(graph, &stay) {
            drawn[stay.pool.index()].push(Drawn { stay, one, offset: stay.offset });
        }
    }
    let all = || drawn.iter().flatten();
    let steps = all().map(|one| one.stay.live.end).fold(plan.order.len().max(1) as u32, u32::max);
    let busy = drawn[..list.len() - 1].iter().filter(|list| !list.is_empty()).count().max(1);
    // One panel has as much as the map of an arena has, many have less each.
    let height = (520.0 / busy as f64).max(170.0);
    let mut top = FIRST_TOP;
    let mut panels = Vec::new();
    for (number, (pool, mut drawn)) in list.iter().zip(drawn).enumerate() {
        let is_home = number + 1 == list.len();
        let cuts = if is_home { compact(&mut drawn) } else { Vec::new() };
        let used = plan.used.get(number).copied().unwrap_or(0);
        let own = match (drawn.is_empty(), is_home) {
            (true, _) => EMPTY_HEIGHT,
            (false, true) => HOME_HEIGHT,
            (false, false) => height,
        };
        let tops = drawn.iter().map(|one| one.offset.saturating_add(one.stay.bytes)).max().unwrap_or(0);
        // A capacity far above all else would flatten the rest.
        let near = pool.bytes().filter(|&capacity| !is_home && capacity / 2 <= used.max(tops));
        let bytes = if is_home { tops } else { tops.max(used).max(near.unwrap_or(0)) }.max(1);
        let frame = Frame { steps, bytes, top, bottom: top + own };
        top += own + BETWEEN;
        let title = title(plan, PoolId::new(number), is_home, drawn.is_empty());
        panels.push(Panel { frame, title, used, capacity: pool.bytes(), is_home, drawn, cuts });
    }
    panels
}

/// What is drawn of all stays: at home no constants, and nothing that is there throughout.
fn shown(graph: &Graph, plan: &PoolPlan) -> Vec<Stay> {
    let (home, steps) = (plan.pools.home_id(), plan.order.len() as u32);
    let is_constant = |stay: &Stay| match stay.occupant {
        Occupant::Tensor(id) => {
            graph.tensors().get(id.index()).is_some_and(|one| one.kind() == TensorKind::Constant)
        }
        Occupant::Scratch(_) => false,
    };
    let comes_and_goes =
        |stay: &Stay| !is_constant(stay) && (stay.live.start > 0 || stay.live.end < steps || steps <= 1);
    let is_shown = |stay: &&Stay| {
        stay.bytes > 0
            && stay.live.start < stay.live.end
            && stay.pool <= home
            && (stay.pool != home || comes_and_goes(stay))
    };
    let mut shown: Vec<Stay> = plan.stays.iter().filter(is_shown).copied().collect();
    if shown.len() > MOST_DRAWN {
        let area = |one: &Stay| u128::from(one.bytes) * u128::from(one.live.steps());
        shown.sort_by_key(|one| std::cmp::Reverse(area(one)));
        shown.truncate(MOST_DRAWN);
    }
    shown
}

/// Takes out the offsets at which nothing is drawn; says where something was taken out.
fn compact(drawn: &mut [Drawn]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by_key(|&place| drawn[place].stay.offset);
    let (mut end, mut left_out, mut cuts) = (0, 0, Vec::new());
    for place in order {
        let one = &mut drawn[place];
        let offset = one.stay.offset;
        if offset > end {
            left_out += offset - end;
            cuts.push(offset - left_out);
        }
        one.offset = offset - left_out;
        end = end.max(one.stay.end());
    }
    cuts
}

fn title(plan: &PoolPlan, id: PoolId, is_home: bool, is_empty: bool) -> String {
    let pool = plan.pools.pool(id);
    let used = plan.used.get(id.index()).copied().unwrap_or(0);
    let traffic = plan.traffic.get(id.index()).copied().unwrap_or_default();
    let mut facts = vec![match pool.bytes() {
        Some(capacity) => format!("{} of {} used", short_bytes(used), short_bytes(capacity)),
        None => format!("{} used", short_bytes(used)),
    }];
    facts.push(format!("{} read", short_bytes(traffic.read)));
    facts.push(format!("{} written", short_bytes(traffic.written)));
    if is_empty && !is_home {
        facts.push("nothing lies there".to_owned());
    } else if is_empty {
        facts.push("nothing comes and goes".to_owned());
    } else if is_home {
        facts.push("below, only what comes and goes".to_owned());
    }
    format!("{}: {}", shortened(pool.name(), 40), facts.join(" \u{b7} "))
}

impl Panel {
    fn draw(&self) -> Group {
        let frame = &self.frame;
        let title = Text::new(labels::xml(&self.title)).set("class", "pool");
        let title = title.set("x", LEFT).set("y", px(frame.top - 10.0));
        let mut group = Group::new().add(title);
        if self.drawn.is_empty() {
            return group.add(axes::bytes(frame, ""));
        }
        group = group.add(axes::bytes(frame, if self.is_home { "" } else { "offset in " }));
        let outline = if self.drawn.len() > 1000 { 0.2 } else { 0.7 };
        let shapes = self.drawn.iter().map(|drawn| shape_at(frame, &drawn.one, drawn.offset));
        group = group.add(shapes.fold(Group::new().set("stroke-width", outline), Group::add));
        // A cut at the very bottom is no news.
        for &cut in self.cuts.iter().filter(|&&cut| cut > 0) {
            let y = px(frame.y(cut));
            group = group.add(
                Line::new().set("class", "cut").set("x1", LEFT).set("y1", y).set("x2", RIGHT).set("y2", y),
            );
        }
        if !self.is_home {
            group = group.add(lines::of_pool(frame, self.used, self.capacity));
        }
        group
    }

    fn names(&self) -> Group {
        let labels = self.drawn.iter().filter_map(|drawn| {
            let place = crate::Placement { offset: drawn.offset, ..drawn.one.place };
            let (name, kind, operator) = (drawn.one.name.clone(), drawn.one.kind, drawn.one.operator);
            labels::inside(&self.frame, &Rectangle { name, kind, operator, place }, place.live)
        });
        labels.fold(Group::new(), Group::add)
    }

    /// The middle of the place of this offset at a step, if that is drawn.
    fn height_of(&self, transfer: &Transfer, offset: Option<u64>) -> Option<f64> {
        let found = self.drawn.iter().find(|drawn| {
            let live = drawn.stay.live;
            let is_near = live.start <= transfer.due && live.end >= transfer.due;
            drawn.stay.occupant == Occupant::Tensor(transfer.tensor)
                && Some(drawn.stay.offset) == offset
                && is_near
        });
        found.map(|drawn| self.frame.y(drawn.offset.saturating_add(drawn.stay.bytes / 2)))
    }
}

/// An arrow for each copy, from when it may start to when it is done.
fn copies(plan: &PoolPlan, panels: &[Panel]) -> Group {
    let mut routes = plan.routes();
    let known = |one: &Transfer| one.from.index() < panels.len() && one.to.index() < panels.len();
    routes.retain(|route| known(&route.transfer));
    if routes.len() > MOST_COPIES {
        routes.sort_by_key(|route| std::cmp::Reverse(route.transfer.bytes));
        routes.truncate(MOST_COPIES);
    }
    let (width, head, opacity) = match routes.len() {
        0..100 => (1.6, 4.0, 0.9),
        100..500 => (1.0, 3.0, 0.7),
        _ => (0.6, 2.0, 0.5),
    };
    let group = Group::new().set("stroke-width", width).set("opacity", opacity);
    routes.iter().fold(group, |group, route| {
        let transfer = &route.transfer;
        let (from, to) = (&panels[transfer.from.index()], &panels[transfer.to.index()]);
        let rises = transfer.to < transfer.from;
        let steps = from.frame.steps;
        let [x1, x2] = [transfer.step, transfer.due].map(|step| px(from.frame.x(step.min(steps))));
        // Where one end is not drawn, a short arrow says so.
        let down = if rises { STUB } else { -STUB };
        let ends = (from.height_of(transfer, route.from_offset), to.height_of(transfer, route.to_offset));
        let (y1, y2) = match ends {
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

fn head(name: &str, plan: &PoolPlan) -> Group {
    let moved = plan.transfers.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
    let mut facts = vec![
        format!("cost {}", plan.cost),
        format!("lower bound {}", plan.lower_bound),
        format!("gap {}", gap_text(plan)),
        format!("{} copies of {}", plan.transfers.len(), short_bytes(moved)),
    ];
    if plan.preloaded > 0 {
        facts.push(format!("{} on chip before the run", short_bytes(plan.preloaded)));
    }
    let kept = if plan.cost == 0 { 1.0 } else { plan.floor as f64 / plan.cost as f64 };
    if !plan.all_fits() {
        facts.push(format!("{} of it remain in pools of any size", percent(kept)));
    }
    let line = |class: &str, y: u32, text: &str| {
        Text::new(labels::xml(text)).set("class", class).set("x", LEFT).set("y", y)
    };
    Group::new().add(line("model", 34, &shortened(name, 90))).add(line(
        "caption",
        57,
        &facts.join(" \u{b7} "),
    ))
}

fn legend(panels: &[Panel], plan: &PoolPlan) -> Group {
    let mut legend = Group::new();
    let mut x = LEFT;
    let drawn = || panels.iter().flat_map(|panel| &panel.drawn);
    let name = |text: &str, x: f64| Text::new(text).set("class", "axis").set("x", x + 20.0).set("y", 84);
    for kind in Kind::ALL.into_iter().filter(|&kind| drawn().any(|one| one.one.kind == kind)) {
        let class = format!("buffer {}", kind.name());
        let sample = Shape::new().set("class", class).set("x", x).set("y", 73).set("width", 14);
        legend = legend.add(sample.set("height", 14)).add(name(kind.name(), x));
        x += 110.0;
    }
    for (class, text, rises) in [("in", "copied closer", true), ("out", "copied away", false)] {
        if plan.transfers.iter().any(|one| (one.to < one.from) == rises) {
            let sample =
                Line::new().set("class", class).set("stroke-width", 2).set("x1", x).set("x2", x + 14.0);
            legend = legend.add(sample.set("y1", 80).set("y2", 80)).add(name(text, x));
            x += 120.0;
        }
    }
    legend
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
