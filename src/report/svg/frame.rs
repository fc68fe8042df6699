//! From steps and bytes to places in the picture.

use crate::Placement;

pub(super) const WIDTH: f64 = 1280.0;
pub(super) const HEIGHT: f64 = 780.0;
pub(super) const LEFT: f64 = 88.0;
pub(super) const RIGHT: f64 = 1140.0;
pub(super) const TOP: f64 = 130.0;
pub(super) const BOTTOM: f64 = 720.0;

/// Free space above the highest line.
const HEADROOM: f64 = 1.03;

/// The part of the picture that shows the arena.
pub(super) struct Frame {
    /// Steps from left to right; at least 1.
    pub steps: u32,
    /// The highest that is drawn; at least 1.
    pub bytes: u64,
    /// Where it is in the picture.
    pub top: f64,
    /// The same of offset 0.
    pub bottom: f64,
}

impl Frame {
    pub(super) fn x(&self, step: u32) -> f64 {
        LEFT + (RIGHT - LEFT) * f64::from(step) / f64::from(self.steps)
    }

    pub(super) fn y(&self, offset: u64) -> f64 {
        self.bottom - (self.bottom - self.top) * (offset as f64 / (self.bytes as f64 * HEADROOM))
    }

    /// Left, right, top and bottom.
    pub(super) fn sides(&self, place: Placement) -> (f64, f64, f64, f64) {
        (self.x(place.live.start), self.x(place.live.end), self.y(place.end()), self.y(place.offset))
    }
}

/// Two digits are more than a screen shows; more would only make the file long.
pub(super) fn px(place: f64) -> f64 {
    (place * 100.0).round() / 100.0
}
