//! Mapping of steps and offsets to coordinates of the picture.

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
