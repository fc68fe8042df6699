//! Hatching where two tensors share memory while both are needed: one way where both hold the
//! same bytes, the other way where one is written over the other.

use svg::node::element::{Definitions, Group, Path, Pattern, Rectangle as Shape, Title};

use super::frame::{Frame, px};
use super::labels::xml;
use super::{Scene, bytes};
use crate::report::scene::{Shared, same_bytes, words};
use crate::report::shorten::shortened;

/// What is narrower or lower cannot be seen as hatched.
const LEAST: f64 = 2.0;
const MOST_DRAWN: usize = 10_000;

pub(super) fn patterns() -> Definitions {
    let pattern = |id: &str, path: &str| {
        let line = Path::new().set("class", "hatch").set("d", path);
        Pattern::new()
            .set("id", id)
            .set("width", 7)
            .set("height", 7)
            .set("patternUnits", "userSpaceOnUse")
            .add(line)
    };
    // The ends go over the corners, so that lines meet across tiles.
    let same = pattern("plimsoll-same", "M-1 8L8 -1M-2 2L2 -2M5 9L9 5");
    let over = pattern("plimsoll-over", "M-1 -1L8 8M-2 5L2 9M5 -2L9 2M-1 8L8 -1M-2 2L2 -2M5 9L9 5");
    Definitions::new().add(same).add(over)
}

pub(super) fn draw(scene: &Scene, frame: &Frame) -> Group {
    let drawn = scene.shared.iter().filter_map(|one| hatched(scene, one, frame));
    drawn.take(MOST_DRAWN).fold(Group::new(), Group::add)
}

fn hatched(scene: &Scene, one: &Shared, frame: &Frame) -> Option<Shape> {
    if one.common.bytes == 0 || one.common.live.steps() == 0 {
        return None;
    }
    let (left, right, top, bottom) = frame.sides(one.common);
    let (width, height) = (right - left, bottom - top);
    if width < LEAST || height < LEAST {
        return None;
    }
    let name = |row: u32| shortened(&scene.rectangles[row as usize].name, 80);
    let by = scene.operator_name(one.operator).unwrap_or_default();
    let (tensor, of) = (name(one.tensor), name(one.of));
    let common = bytes(one.common.bytes);
    let text = format!("{tensor}\n{} {of}\n{common} at operator {}", words(one.how), shortened(&by, 80));
    let shape = Shape::new().set("class", if same_bytes(one.how) { "same" } else { "over" });
    let shape = shape.set("x", px(left)).set("y", px(top)).set("width", px(width)).set("height", px(height));
    Some(shape.add(Title::new(xml(&text))))
}
