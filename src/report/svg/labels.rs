//! Names, as far as there is room for them.

use svg::node::element::{Group, Text};

use super::frame::{Frame, px};
use super::shapes::Layers;
use super::{Rectangle, Scene, short_bytes};
use crate::LiveRange;
use crate::report::shorten::{letter_count, shortened};

const FONT_SIZE: f64 = 11.0;
/// What a letter takes on average, of the font size.
const LETTER_WIDTH: f64 = 0.62;
const MARGIN: f64 = 4.0;
const LINE_HEIGHT: f64 = 14.0;
/// A name cut to fewer letters than this says nothing.
const FEWEST_LETTERS: usize = 6;

/// Names on what is seen of each rectangle.
pub(super) fn draw(scene: &Scene, layers: &Layers, frame: &Frame) -> Group {
    let seen = seen(scene, layers);
    let all = layers.titled.iter().filter_map(|&row| {
        let one = &scene.rectangles[row as usize];
        match seen[row as usize] {
            // On its hatching if it does not fit beside it, unless that is another one's.
            Some((free, is_front)) => inside(frame, one, free)
                .or_else(|| is_front.then(|| inside(frame, one, one.place.live)).flatten()),
            None => inside(frame, one, one.place.live),
        }
    });
    all.fold(Group::new(), Group::add)
}

/// Of rectangles that share memory, the longer of what is not hatched before and after that,
/// and whether it is never behind another.
fn seen(scene: &Scene, layers: &Layers) -> Vec<Option<(LiveRange, bool)>> {
    let mut seen: Vec<Option<(LiveRange, bool)>> = vec![None; scene.rectangles.len()];
    let mut depth = vec![0; scene.rectangles.len()];
    for (place, &row) in layers.titled.iter().enumerate() {
        depth[row as usize] = place;
    }
    for one in &scene.shared {
        let common = one.common.live;
        if common.steps() == 0 || one.common.bytes == 0 {
            continue;
        }
        let (one, other) = (one.tensor as usize, one.of as usize);
        let first_behind = depth[one] < depth[other];
        for (row, is_front) in [(one, !first_behind), (other, first_behind)] {
            let (whole, was_front) = seen[row].unwrap_or((scene.rectangles[row].place.live, true));
            let before = LiveRange { start: whole.start, end: whole.end.min(common.start) };
            let after = LiveRange { start: whole.start.max(common.end), end: whole.end };
            let free = if before.steps() > after.steps() { before } else { after };
            seen[row] = Some((free, is_front && was_front));
        }
    }
    seen
}

/// Name and size in the middle of what is seen of a rectangle: the size below the name if the
/// rectangle is high enough, upright if it is narrow and high. None if there is
/// no room.
pub(super) fn inside(frame: &Frame, one: &Rectangle, seen: LiveRange) -> Option<Group> {
    let place = one.place;
    let (left, right) = (frame.x(seen.start), frame.x(seen.end));
    let (top, bottom) = (frame.y(place.end()), frame.y(place.offset));
    let (width, height) = (right - left, bottom - top);
    let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    let size = short_bytes(place.bytes);
    let upright = height > width && letters(width) < one.name.chars().count().min(12);
    let (along, across) = if upright { (height, width) } else { (width, height) };
    if across < LINE_HEIGHT {
        return None;
    }
    let name = fitting(&one.name, along)?;
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

/// How many letters fit beside each other.
#[allow(clippy::cast_sign_loss)] // at least 0
fn letters(width: f64) -> usize {
    ((width - 2.0 * MARGIN).max(0.0) / (FONT_SIZE * LETTER_WIDTH)) as usize
}

fn fitting(name: &str, width: f64) -> Option<String> {
    let room = letters(width);
    let fits = room >= FEWEST_LETTERS || room >= letter_count(name);
    fits.then(|| shortened(name, room))
}

/// Characters that XML does not allow, even escaped, become U+FFFD. The rest is
/// escaped where it is written.
pub(super) fn xml(text: &str) -> String {
    let allowed =
        |c: char| matches!(c, '\t' | '\n') || (!c.is_control() && c != '\u{fffe}' && c != '\u{ffff}');
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_fit_or_are_left_out() {
        assert_eq!(fitting("conv", 10.0), None);
        assert_eq!(fitting("x", 15.0), Some("x".to_owned()));
    }

    #[test]
    fn what_xml_forbids_is_replaced() {
        assert_eq!(xml("a\u{0}b\u{1b}\n\u{ffff}c\u{7f}<&"), "a\u{fffd}b\u{fffd}\n\u{fffd}c\u{fffd}<&");
    }
}
