//! From steps and bytes to places in the picture.

use super::Rectangle;

pub(super) const WIDTH: f64 = 1280.0;
pub(super) const HEIGHT: f64 = 760.0;
pub(super) const LEFT: f64 = 88.0;
pub(super) const RIGHT: f64 = 1140.0;
pub(super) const TOP: f64 = 104.0;
pub(super) const BOTTOM: f64 = 700.0;

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
    pub(super) fn around(rectangles: &[Rectangle], steps: u32, bytes: u64) -> Self {
        let ends = rectangles.iter().map(|one| one.place.live.end);
        let tops = rectangles.iter().map(|one| one.place.end());
        let (steps, bytes) = (ends.fold(steps.max(1), u32::max), tops.fold(bytes.max(1), u64::max));
        Self { steps, bytes, top: TOP, bottom: BOTTOM }
    }

    pub(super) fn x(&self, step: u32) -> f64 {
        LEFT + (RIGHT - LEFT) * f64::from(step) / f64::from(self.steps)
    }

    pub(super) fn y(&self, offset: u64) -> f64 {
        self.bottom - (self.bottom - self.top) * (offset as f64 / (self.bytes as f64 * HEADROOM))
    }
}

/// Two digits are more than a screen shows; more would only make the file long.
pub(super) fn px(place: f64) -> f64 {
    (place * 100.0).round() / 100.0
}
