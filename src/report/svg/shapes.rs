//! Rectangles: those behind first.

use std::fmt::Write;

use svg::node::element::{Group, Path, Rectangle as Shape, Title};

use super::frame::{self, Frame, px};
use super::{Colouring, Rectangle, Scene, bytes, labels};
use crate::report::scene::words;
use crate::report::shorten::shortened;

/// Of more, rectangles have whole pixels: smoothed, what is thin fades away.
const MOST_SMOOTH: usize = 1000;
/// What is drawn of the narrowest and lowest.
const LEAST: f64 = 0.8;
/// Among many, outlines of less would be all that is seen.
const LEAST_OUTLINED: f64 = 12.0;
/// So many have a title and an outline each.
const MOST_TITLED: usize = 10_000;
/// So many more have a place in the picture: no eye and few viewers can take more.
const MOST_DRAWN: usize = 60_000;
/// Letters of a name in a title.
const NAME_ROOM: usize = 80;
/// Others that share memory with one, in its title.
const MOST_NAMED: usize = 4;

/// What is drawn how, by rectangle.
pub(super) struct Layers {
    /// Without titles.
    pub small: Vec<u32>,
    /// Those behind first: where tensors share memory, the smaller lie on the larger.
    pub titled: Vec<u32>,
    pub left_out: usize,
}

impl Layers {
    pub(super) fn new(scene: &Scene) -> Self {
        let all = &scene.rectangles;
        let mut rows: Vec<u32> = (0..all.len() as u32).filter(|&row| !all[row as usize].is_empty()).collect();
        if rows.len() > MOST_TITLED || !scene.shared.is_empty() {
            // Stable, so equal ones stay in the order of their ids.
            rows.sort_by_key(|&row| std::cmp::Reverse(all[row as usize].area()));
        }
        let left_out = rows.len().saturating_sub(MOST_DRAWN);
        rows.truncate(MOST_DRAWN);
        let mut small = rows.split_off(rows.len().min(MOST_TITLED));
        small.sort_unstable();
        Self { small, titled: rows, left_out }
    }
}

pub(super) fn draw(scene: &Scene, layers: &Layers, colouring: &Colouring, frame: &Frame) -> Group {
    let mut shapes = Group::new().set("stroke-width", 0.7);
    let many = layers.titled.len() > MOST_SMOOTH;
    if many {
        shapes = shapes.set("shape-rendering", "crispEdges");
    }
    for path in without_titles(scene, layers, colouring, frame) {
        shapes = shapes.add(path);
    }
    let parts = shares_of(scene);
    for &row in &layers.titled {
        let one = &scene.rectangles[row as usize];
        let (left, right, top, bottom) = frame.sides(one.place);
        let outline = if many && (right - left).min(bottom - top) < LEAST_OUTLINED { "" } else { "buffer " };
        let class = format!("{outline}c{}", colouring.of[row as usize]);
        let title = Title::new(labels::xml(&details(scene, one, &parts[row as usize])));
        shapes = shapes.add(shape(frame, one).set("class", class).add(title));
    }
    shapes
}

fn shape(frame: &Frame, one: &Rectangle) -> Shape {
    let (left, right, top, bottom) = frame.sides(one.place);
    Shape::new()
        .set("x", px(left))
        .set("y", px(top))
        .set("width", px((right - left).max(LEAST)))
        .set("height", px((bottom - top).max(LEAST)))
}

/// All of one colour as one path.
fn without_titles(scene: &Scene, layers: &Layers, colouring: &Colouring, frame: &Frame) -> Vec<Path> {
    let mut paths = vec![String::new(); colouring.legend.len()];
    for &row in &layers.small {
        let (left, right, top, bottom) = frame.sides(scene.rectangles[row as usize].place);
        let (width, height) = (px((right - left).max(LEAST)), px((bottom - top).max(LEAST)));
        let path = &mut paths[usize::from(colouring.of[row as usize])];
        write!(path, "M{} {}h{width}v{height}h-{width}z", px(left), px(top)).expect("a string takes all");
    }
    let drawn = paths.into_iter().enumerate().filter(|(_, path)| !path.is_empty());
    drawn.map(|(number, path)| Path::new().set("class", format!("c{number}")).set("d", path)).collect()
}

/// By rectangle: the shared memory that it has a part in.
fn shares_of(scene: &Scene) -> Vec<Vec<u32>> {
    let mut shares = vec![Vec::new(); scene.rectangles.len()];
    for (number, one) in scene.shared.iter().enumerate() {
        shares[one.tensor as usize].push(number as u32);
        shares[one.of as usize].push(number as u32);
    }
    shares
}

fn details(scene: &Scene, one: &Rectangle, shares: &[u32]) -> String {
    let place = one.place;
    let name = shortened(&one.name, NAME_ROOM);
    let (offset, end, start, last) = (place.offset, place.end(), place.live.start, place.live.end - 1);
    let kind = one.kind.name();
    let mut text = format!(
        "{name}\n{kind}, {}\noffset {offset} to {end}\nlive at steps {start} to {last}",
        bytes(place.bytes)
    );
    let op_type = one.operator.map_or("", |id| scene.operator_type(id));
    if !op_type.is_empty() {
        write!(text, "\nmade by {}", shortened(op_type, NAME_ROOM)).expect("a string takes all");
    }
    let named = |row: u32| shortened(&scene.rectangles[row as usize].name, NAME_ROOM);
    for &number in shares.iter().take(MOST_NAMED) {
        let share = &scene.shared[number as usize];
        let (tensor, of) = (named(share.tensor), named(share.of));
        write!(text, "\n{tensor} {} {of}", words(share.how)).expect("a string takes all");
    }
    if shares.len() > MOST_NAMED {
        write!(text, "\nand {} more", shares.len() - MOST_NAMED).expect("a string takes all");
    }
    text
}

/// What is reserved, as far as the picture reaches.
pub(super) fn reserved(scene: &Scene, frame: &Frame) -> Group {
    let seen = scene.reserved.iter().filter(|range| range.start < frame.bytes);
    seen.fold(Group::new(), |group, range| {
        let (top, bottom) = (frame.y(range.end.min(frame.bytes)), frame.y(range.start));
        let band = Shape::new().set("class", "reserved").set("x", frame::LEFT).set("y", px(top));
        let band = band.set("width", frame::RIGHT - frame::LEFT).set("height", px(bottom - top));
        group.add(band.add(Title::new(format!("reserved: {} to {}", range.start, range.end))))
    })
}
