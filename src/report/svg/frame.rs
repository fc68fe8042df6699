//! Mapping of steps and offsets to coordinates of the picture.

use svg::node::element::{Line, Rectangle as Shape, Text};

use crate::Placement;

pub(super) const WIDTH: f64 = 1280.0;
pub(super) const HEIGHT: f64 = 780.0;
pub(super) const LEFT: f64 = 88.0;
pub(super) const RIGHT: f64 = 1140.0;
pub(super) const TOP: f64 = 130.0;
pub(super) const BOTTOM: f64 = 720.0;

/// Factor that leaves free space above the highest line.
const HEADROOM: f64 = 1.03;

/// The area of the picture that shows an arena.
pub(super) struct MapFrame {
    /// Steps from left to right; at least 1.
    pub steps: u32,
    /// Height in bytes; at least 1.
    pub bytes: u64,
    /// y of the top edge.
    pub top: f64,
    /// y of the bottom edge, which is offset 0.
    pub bottom: f64,
}

impl MapFrame {
    pub(super) fn x(&self, step: u32) -> f64 {
        LEFT + (RIGHT - LEFT) * f64::from(step) / f64::from(self.steps)
    }

    pub(super) fn y(&self, offset: u64) -> f64 {
        self.bottom - (self.bottom - self.top) * (offset as f64 / (self.bytes as f64 * HEADROOM))
    }

    /// x of the left and right edges, y of the top and bottom edges.
    pub(super) fn sides(&self, place: Placement) -> (f64, f64, f64, f64) {
        (self.x(place.live.start), self.x(place.live.end), self.y(place.end()), self.y(place.offset))
    }
}

/// Rounds to two decimals: screens show no more, and more digits would lengthen the file.
pub(super) fn px(coordinate: f64) -> f64 {
    (coordinate * 100.0).round() / 100.0
}

pub(super) fn line(class: &str, x1: f64, y1: f64, x2: f64, y2: f64) -> Line {
    Line::new().set("class", class).set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2)
}

pub(super) fn area(class: &str, (x, y): (f64, f64), width: f64, height: f64) -> Shape {
    Shape::new().set("class", class).set("x", x).set("y", y).set("width", width).set("height", height)
}

pub(super) fn text(class: &str, (x, y): (f64, f64), content: &str) -> Text {
    Text::new(xml(content)).set("class", class).set("x", x).set("y", y)
}

/// Replaces characters that XML does not allow, even escaped, by U+FFFD. The SVG writer escapes the
/// others.
pub(super) fn xml(text: &str) -> String {
    let allowed =
        |c: char| matches!(c, '\t' | '\n') || (!c.is_control() && c != '\u{fffe}' && c != '\u{ffff}');
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::xml;

    #[test]
    fn what_xml_forbids_is_replaced() {
        assert_eq!(xml("a\u{0}b\u{1b}\n\u{ffff}c\u{7f}<&"), "a\u{fffd}b\u{fffd}\n\u{fffd}c\u{fffd}<&");
    }
}
