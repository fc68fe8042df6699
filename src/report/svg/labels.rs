//! Labels of rectangles, where they fit.

use svg::node::element::{Group, Text};

use super::frame::{MapFrame, px, xml};
use super::layers::Layers;
use super::{Rectangle, Scene, short_bytes};
use crate::LiveRange;
use crate::report::shorten::{letter_count, shortened};

const FONT_SIZE: f64 = 11.0;
/// Average width of a letter, relative to the font size.
const LETTER_WIDTH: f64 = 0.62;
const MARGIN: f64 = 4.0;
const LINE_HEIGHT: f64 = 14.0;
/// A name cut to fewer letters is left out, as it would tell nothing.
const MIN_LETTERS: usize = 6;

/// Draws a label on the visible part of each rectangle.
pub(super) fn draw(scene: &Scene, layers: &Layers, frame: &MapFrame) -> Group {
    let visible = visible(scene, layers);
    let all = layers.titled.iter().filter_map(|&row| {
        let rectangle = &scene.rectangles[row as usize];
        match visible[row as usize] {
            // A label that does not fit beside the hatching goes on it, if the rectangle is in front.
            Some((free, is_front)) => inside(frame, rectangle, free)
                .or_else(|| is_front.then(|| inside(frame, rectangle, rectangle.place.live)).flatten()),
            None => inside(frame, rectangle, rectangle.place.live),
        }
    });
    all.fold(Group::new(), Group::add)
}

/// For each rectangle that shares memory: the longer of its unhatched parts before and after the
/// shared part, and whether the rectangle lies in front of all others.
fn visible(scene: &Scene, layers: &Layers) -> Vec<Option<(LiveRange, bool)>> {
    let mut visible: Vec<Option<(LiveRange, bool)>> = vec![None; scene.rectangles.len()];
    let mut depth = vec![0; scene.rectangles.len()];
    for (layer, &row) in layers.titled.iter().enumerate() {
        depth[row as usize] = layer;
    }
    for alias in &scene.aliases {
        let common = alias.common.live;
        if common.steps() == 0 || alias.common.bytes == 0 {
            continue;
        }
        let (tensor, host) = (alias.tensor as usize, alias.of as usize);
        let tensor_behind = depth[tensor] < depth[host];
        for (row, is_front) in [(tensor, !tensor_behind), (host, tensor_behind)] {
            let (whole, was_front) = visible[row].unwrap_or((scene.rectangles[row].place.live, true));
            let before = LiveRange { start: whole.start, end: whole.end.min(common.start) };
            let after = LiveRange { start: whole.start.max(common.end), end: whole.end };
            let free = if before.steps() > after.steps() { before } else { after };
            visible[row] = Some((free, is_front && was_front));
        }
    }
    visible
}

/// Name and size in the middle of the visible part of a rectangle. The size goes below the name if the
/// rectangle is high enough; the text is upright if the rectangle is narrow and high. `None` if the
/// name does not fit.
pub(super) fn inside(frame: &MapFrame, rectangle: &Rectangle, visible: LiveRange) -> Option<Group> {
    let place = rectangle.shown();
    let (left, right) = (frame.x(visible.start), frame.x(visible.end));
    let (top, bottom) = (frame.y(place.end()), frame.y(place.offset));
    let (width, height) = (right - left, bottom - top);
    let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    let size = short_bytes(place.bytes);
    let upright = height > width && letters(width) < rectangle.name.chars().count().min(12);
    let (along, across) = if upright { (height, width) } else { (width, height) };
    if across < LINE_HEIGHT {
        return None;
    }
    let name = fitting(&rectangle.name, along)?;
    let turn = if upright { " rotate(-90)" } else { "" };
    let group = Group::new()
        .set("class", "label")
        .set("font-size", FONT_SIZE)
        .set("transform", format!("translate({} {}){turn}", px(x), px(y)));
    if across >= 2.0 * LINE_HEIGHT && size.len() <= letters(along) {
        return Some(group.add(text(&name, -2.0)).add(text(&size, LINE_HEIGHT - 3.0)));
    }
    Some(group.add(text(&name, 4.0)))
}

fn text(content: &str, y: f64) -> Text {
    Text::new(xml(content)).set("y", y)
}

/// The number of letters that fit beside each other.
#[allow(clippy::cast_sign_loss)] // at least 0
fn letters(width: f64) -> usize {
    ((width - 2.0 * MARGIN).max(0.0) / (FONT_SIZE * LETTER_WIDTH)) as usize
}

fn fitting(name: &str, width: f64) -> Option<String> {
    let capacity = letters(width);
    let fits = capacity >= MIN_LETTERS || capacity >= letter_count(name);
    fits.then(|| shortened(name, capacity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_fit_or_are_left_out() {
        assert_eq!(fitting("conv", 10.0), None);
        assert_eq!(fitting("x", 15.0), Some("x".to_owned()));
    }
}
