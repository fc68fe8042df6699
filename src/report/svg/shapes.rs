//! The rectangles of the memory map.

use std::fmt::Write;
use std::ops::Range;

use svg::node::Blob;
use svg::node::element::{Group, Path, Rectangle as Shape, Title};

use super::frame::{LEFT, MapFrame, RIGHT, area, px, xml};
use super::layers::Layers;
use super::{Colouring, Rectangle, Scene, bytes};
use crate::report::scene::alias_text;
use crate::report::shorten::shortened;

/// With more rectangles, edges are not smoothed, as smoothing makes thin rectangles fade.
const MAX_SMOOTH: usize = 1000;
/// Minimum drawn width and height.
const MIN_SIZE: f64 = 0.8;
/// Minimum width and height with an outline if there are many rectangles: outlines of smaller ones
/// would cover their colours.
const MIN_OUTLINED: f64 = 12.0;
/// Width of a name in a title, in letters.
const NAME_WIDTH: usize = 80;
/// Maximum number of shares in the title of a rectangle.
const MAX_NAMED: usize = 4;

pub(super) fn draw(scene: &Scene, layers: &Layers, colouring: &Colouring, frame: &MapFrame) -> Group {
    let mut shapes = Group::new().set("stroke-width", 0.7);
    let many = layers.titled.len() > MAX_SMOOTH;
    if many {
        shapes = shapes.set("shape-rendering", "crispEdges");
    }
    for path in without_titles(scene, layers, colouring, frame) {
        shapes = shapes.add(path);
    }
    let shares_of_row = shares_by_row(scene);
    // As text at once: an element takes several times as much memory as its text.
    let mut titled = String::new();
    for &row in &layers.titled {
        let rectangle = &scene.rectangles[row as usize];
        let (left, right, top, bottom) = frame.sides(rectangle.shown());
        let outline = if many && (right - left).min(bottom - top) < MIN_OUTLINED { "" } else { "buffer " };
        let class = format!("{outline}c{}", colouring.of[row as usize]);
        let title = Title::new(xml(&details(scene, rectangle, &shares_of_row[row as usize])));
        let separator = if titled.is_empty() { "" } else { "\n" };
        let shape = shape(&class, frame, rectangle, MIN_SIZE).add(title);
        write!(titled, "{separator}{shape}").expect("a string takes all");
    }
    if titled.is_empty() { shapes } else { shapes.add(Blob::new(titled)) }
}

/// A rectangle of at least `minimum` width and height.
pub(super) fn shape(class: &str, frame: &MapFrame, rectangle: &Rectangle, minimum: f64) -> Shape {
    let (left, right, top, bottom) = frame.sides(rectangle.shown());
    let (width, height) = (px((right - left).max(minimum)), px((bottom - top).max(minimum)));
    area(class, (px(left), px(top)), width, height)
}

/// Draws the rectangles without titles, one path for each colour.
fn without_titles(scene: &Scene, layers: &Layers, colouring: &Colouring, frame: &MapFrame) -> Vec<Path> {
    let mut paths = vec![String::new(); colouring.legend.len()];
    for &row in &layers.small {
        let (left, right, top, bottom) = frame.sides(scene.rectangles[row as usize].place);
        let (width, height) = (px((right - left).max(MIN_SIZE)), px((bottom - top).max(MIN_SIZE)));
        let path = &mut paths[usize::from(colouring.of[row as usize])];
        write!(path, "M{} {}h{width}v{height}h-{width}z", px(left), px(top)).expect("a string takes all");
    }
    let drawn = paths.into_iter().enumerate().filter(|(_, path)| !path.is_empty());
    drawn.map(|(number, path)| Path::new().set("class", format!("c{number}")).set("d", path)).collect()
}

/// The aliases of each rectangle.
fn shares_by_row(scene: &Scene) -> Vec<Vec<u32>> {
    let mut aliases = vec![Vec::new(); scene.rectangles.len()];
    for (number, alias) in scene.aliases.iter().enumerate() {
        aliases[alias.tensor as usize].push(number as u32);
        aliases[alias.of as usize].push(number as u32);
    }
    aliases
}

/// The title of a rectangle; `shares` are numbers of its shares.
pub(super) fn details(scene: &Scene, rectangle: &Rectangle, aliases: &[u32]) -> String {
    let place = rectangle.place;
    let name = shortened(&rectangle.name, NAME_WIDTH);
    let (offset, end, start, last) = (place.offset, place.end(), place.live.start, place.live.end - 1);
    let kind = rectangle.kind.name();
    let mut text = format!(
        "{name}\n{kind}, {}\noffset {offset} to {end}\nlive at steps {start} to {last}",
        bytes(place.bytes)
    );
    let op_type = rectangle.operator.map_or("", |id| scene.operator_type(id));
    if !op_type.is_empty() {
        write!(text, "\nmade by {}", shortened(op_type, NAME_WIDTH)).expect("a string takes all");
    }
    let named = |row: u32| shortened(&scene.rectangles[row as usize].name, NAME_WIDTH);
    for &number in aliases.iter().take(MAX_NAMED) {
        let alias = &scene.aliases[number as usize];
        let (tensor, of) = (named(alias.tensor), named(alias.of));
        write!(text, "\n{tensor} {} {of}", alias_text(alias.kind)).expect("a string takes all");
    }
    if aliases.len() > MAX_NAMED {
        write!(text, "\nand {} more", aliases.len() - MAX_NAMED).expect("a string takes all");
    }
    text
}

/// Draws the reserved ranges, as far as they lie in the picture.
pub(super) fn reserved(ranges: &[Range<u64>], frame: &MapFrame) -> Group {
    let visible = ranges.iter().filter(|range| range.start < frame.bytes);
    visible.fold(Group::new(), |group, range| {
        let (top, bottom) = (frame.y(range.end.min(frame.bytes)), frame.y(range.start));
        let band = area("reserved", (LEFT, px(top)), RIGHT - LEFT, px(bottom - top));
        group.add(band.add(Title::new(format!("reserved: {} to {}", range.start, range.end))))
    })
}
