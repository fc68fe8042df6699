//! Plot of the share of networks that fit against the capacity, as SVG: one panel without weights and
//! one with them, a curve per level.

use svg::Document;
use svg::node::element::{Group, Line, Polyline, Rectangle, Text, Title};

use super::levels::{LEVELS, Row, UNTILED, levels_of};
use super::shares::size_text;

// Sizes and positions in pixels: the picture, the width of a panel, the left edges of both, and their vertical extent.
const WIDTH: f64 = 1120.0;
const PANEL: f64 = 450.0;
const LEFT: [f64; 2] = [56.0, 610.0];
const TOP: f64 = 52.0;
const HEIGHT: f64 = 320.0;
const BOTTOM: f64 = TOP + HEIGHT;

/// Colours by level, a palette that is safe for colour-blind readers.
const COLOURS: [&str; LEVELS.len()] = [
    "#8a8a8a", "#e69f00", "#56b4e9", "#009e73", "#1c2833", "#cc79a7", "#d55e00", "#a6cee3", "#6baed6",
    "#3182bd", "#08519c", "#08306b",
];

/// The level `auto`, whose curve often covers others.
const DASHED: usize = 4;

/// Height of a row of the legend.
const LEGEND_ROW: f64 = 22.0;

/// Length limit of the axis in doublings of the capacity, so that a single small network does not stretch it.
const MAX_DOUBLINGS: u32 = 14;

pub fn svg(rows: &[Row], capacities: &[u64]) -> String {
    let axis = Axis::of(rows, capacities);
    let levels = levels_of(rows);
    let height = BOTTOM + 96.0 + if levels.len() > UNTILED { LEGEND_ROW } else { 0.0 };
    let mut picture = Document::new().set("viewBox", (0, 0, WIDTH, height));
    picture = picture.set("width", WIDTH).set("height", height);
    picture = picture.set("font-family", "'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif");
    picture = picture.set("font-size", 11).set("fill", "#1c2833");
    picture = picture.add(Title::new("Share of networks that fit, by capacity"));
    picture = picture.add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"));
    for (left, with_weights) in LEFT.into_iter().zip([false, true]) {
        let subject = if with_weights { "activations and weights" } else { "activations" };
        let title = format!("{subject}: % of {} networks that fit", rows.len());
        let title = Text::new(title).set("x", left).set("y", 24).set("font-size", 14);
        picture = picture.add(title.set("font-weight", "bold"));
        picture = picture.add(grid(&axis, left)).add(capacity_lines(&axis, left, capacities));
        for level in 0..levels.len() {
            picture = picture.add(curve(&axis, left, rows, level, with_weights));
        }
    }
    format!("{}\n", picture.add(legend(levels)))
}

/// Logarithmic axis of capacities; its ends are exponents of two.
struct Axis {
    from: u32,
    until: u32,
}

impl Axis {
    fn of(rows: &[Row], capacities: &[u64]) -> Self {
        let largest = rows.iter().map(|row| row.needed(0, true)).chain(capacities.iter().copied());
        let smallest = rows.iter().map(|row| row.needed(row.arenas.len() - 1, false));
        let smallest =
            smallest.chain(capacities.iter().copied()).filter(|&bytes| bytes > 0).min().unwrap_or(1);
        let largest = largest.max().unwrap_or(1).max(2);
        let until = u64::BITS - (largest - 1).leading_zeros();
        Self { from: smallest.ilog2().clamp(until.saturating_sub(MAX_DOUBLINGS), until - 1), until }
    }

    fn x(&self, left: f64, bytes: u64) -> f64 {
        let exponent = (bytes.max(1) as f64).log2().clamp(self.from.into(), self.until.into());
        px(left + PANEL * (exponent - f64::from(self.from)) / f64::from(self.until - self.from))
    }
}

/// Rounds a coordinate to a tenth of a pixel.
fn px(coordinate: f64) -> f64 {
    (coordinate * 10.0).round() / 10.0
}

fn y(share: f64) -> f64 {
    px(BOTTOM - HEIGHT * share)
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> Line {
    Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2)
}

fn grid(axis: &Axis, left: f64) -> Group {
    let mut group = Group::new().set("stroke", "none").set("fill", "#515a5a");
    for percent in [0, 25, 50, 75, 100] {
        let y = y(f64::from(percent) / 100.0);
        group = group.add(line(left, y, left + PANEL, y).set("stroke", "#d5d8dc"));
        let label = Text::new(percent.to_string()).set("x", left - 8.0).set("y", y + 4.0);
        group = group.add(label.set("text-anchor", "end"));
    }
    let every = (axis.until - axis.from).div_ceil(8).max(1) as usize;
    for exponent in (axis.from..=axis.until).rev().step_by(every) {
        let bytes = 1u64.checked_shl(exponent).unwrap_or(u64::MAX);
        let x = axis.x(left, bytes);
        group = group.add(line(x, BOTTOM, x, BOTTOM + 5.0).set("stroke", "#839192"));
        let label = Text::new(size_text(bytes)).set("x", x).set("y", BOTTOM + 19.0);
        group = group.add(label.set("text-anchor", "middle"));
    }
    group
}

/// Vertical lines at the capacities of the tables.
fn capacity_lines(axis: &Axis, left: f64, capacities: &[u64]) -> Group {
    let mut group = Group::new();
    for &capacity in capacities {
        let x = axis.x(left, capacity);
        let mark = line(x, TOP, x, BOTTOM).set("stroke", "#839192").set("stroke-dasharray", "3 4");
        group = group.add(mark.add(Title::new(size_text(capacity))));
    }
    group
}

/// Step curve of one level: it rises at each capacity that another network fits.
fn curve(axis: &Axis, left: f64, rows: &[Row], level: usize, with_weights: bool) -> Polyline {
    let mut needed: Vec<u64> = rows.iter().map(|row| row.needed(level, with_weights)).collect();
    needed.sort_unstable();
    let share = |count: usize| y(count as f64 / rows.len().max(1) as f64);
    let mut points = vec![(left, share(0))];
    for (before, &bytes) in needed.iter().enumerate() {
        let x = axis.x(left, bytes);
        points.extend([(x, share(before)), (x, share(before + 1))]);
    }
    points.push((left + PANEL, share(rows.len())));
    points.dedup();
    let points: Vec<String> = points.into_iter().map(|(x, y)| format!("{x},{y}")).collect();
    // If curves coincide, those below are visible at the edges and between dashes.
    let width = (4.6 - 0.5 * level as f64).max(1.6);
    let dashes = if level == DASHED { "7 4" } else { "none" };
    Polyline::new()
        .set("stroke-dasharray", dashes)
        .set("points", points.join(" "))
        .set("fill", "none")
        .set("stroke", COLOURS[level])
        .set("stroke-width", px(width))
        .set("stroke-linejoin", "round")
        .add(Title::new(LEVELS[level]))
}

/// The levels with tiling have a row of their own.
fn legend(levels: &[&str]) -> Group {
    let mut group = Group::new().set("font-size", 12);
    let (mut x, mut y) = (LEFT[0], BOTTOM + 60.0);
    for (level, (&name, colour)) in levels.iter().zip(COLOURS).enumerate() {
        if level == UNTILED {
            (x, y) = (LEFT[0], y + LEGEND_ROW);
        }
        let sample = line(x, y, x + 26.0, y).set("stroke", colour);
        group = group.add(sample.set("stroke-width", 4));
        group = group.add(Text::new(name).set("x", x + 34.0).set("y", y + 4.0));
        x += 66.0 + 7.6 * name.len() as f64;
    }
    group
}
