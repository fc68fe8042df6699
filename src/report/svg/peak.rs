//! The mark of the step that sets the lower bound.

use svg::node::element::Group;

use super::Scene;
use super::frame::{BOTTOM, LEFT, MapFrame, RIGHT, TOP, area, px, text};
use crate::report::shorten::{letter_count, shortened};

const LETTER: f64 = 6.6;
const MIN_FRAMED: f64 = 5.0;

pub(super) fn draw(scene: &Scene, step: u32, frame: &MapFrame) -> Group {
    let (left, right) = (frame.x(step), frame.x(step.saturating_add(1)));
    let (middle, width) = (f64::midpoint(left, right), (right - left).max(1.5));
    // Edges only where a visible area remains between them.
    let class = if width < MIN_FRAMED { "peak narrow" } else { "peak" };
    let band = area(class, (px(middle - width / 2.0), TOP), px(width), BOTTOM - TOP);
    let name = scene.runs_at(step).map_or_else(String::new, |name| format!(", {}", shortened(&name, 60)));
    let name = format!("bound set at step {step}{name}");
    let half = letter_count(&name) as f64 * LETTER / 2.0;
    let x = middle.min(RIGHT - half).max(LEFT + half);
    let text = text("peak-name", (px(x), TOP - 6.0), &name).set("text-anchor", "middle");
    Group::new().add(band).add(text)
}
