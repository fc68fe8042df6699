//! Hatching where two tensors share memory while both are live: in one direction where both hold the
//! same bytes, crossed where one is written over the other.

use svg::node::element::{Definitions, Group, Path, Pattern, Rectangle as Shape, Title};

use super::frame::{MapFrame, area, px, xml};
use super::{Scene, bytes};
use crate::report::scene::{SceneAlias, alias_text, same_bytes};
use crate::report::shorten::shortened;

/// Minimum width and height of a hatched area; hatching is invisible in smaller ones.
const MIN_SIZE: f64 = 2.0;
const MAX_DRAWN: usize = 10_000;

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
    // The lines extend beyond the corners, so that they meet across tiles.
    let same = pattern("plimsoll-same", "M-1 8L8 -1M-2 2L2 -2M5 9L9 5");
    let over = pattern("plimsoll-over", "M-1 -1L8 8M-2 5L2 9M5 -2L9 2M-1 8L8 -1M-2 2L2 -2M5 9L9 5");
    Definitions::new().add(same).add(over)
}

pub(super) fn draw(scene: &Scene, frame: &MapFrame) -> Group {
    let drawn = scene.aliases.iter().filter_map(|alias| hatched(scene, alias, frame));
    drawn.take(MAX_DRAWN).fold(Group::new(), Group::add)
}

fn hatched(scene: &Scene, alias: &SceneAlias, frame: &MapFrame) -> Option<Shape> {
    if alias.common.bytes == 0 || alias.common.live.steps() == 0 {
        return None;
    }
    let (left, right, top, bottom) = frame.sides(alias.common);
    let (width, height) = (right - left, bottom - top);
    if width < MIN_SIZE || height < MIN_SIZE {
        return None;
    }
    let name = |row: u32| shortened(&scene.rectangles[row as usize].name, 80);
    let operator = scene.operator_name(alias.operator).unwrap_or_default();
    let (tensor, of) = (name(alias.tensor), name(alias.of));
    let common = bytes(alias.common.bytes);
    let operator = shortened(&operator, 80);
    let text = format!("{tensor}\n{} {of}\n{common} at operator {operator}", alias_text(alias.kind));
    let class = if same_bytes(alias.kind) { "same" } else { "over" };
    let hatching = area(class, (px(left), px(top)), px(width), px(height));
    Some(hatching.add(Title::new(xml(&text))))
}
