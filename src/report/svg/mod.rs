//! The memory map as SVG: time runs to the right, offsets upwards. Each buffer is a rectangle, and the
//! lower bound is a line across the map. Several memories have a panel each.
//!
//! The file follows the light or dark preference of the viewer, and every rectangle has a title. Memory
//! that tensors share is hatched. The 10 000 largest rectangles have a title each; smaller ones are
//! drawn without, so a file has at most a few megabytes.

mod arena;
mod axes;
mod frame;
mod head;
mod labels;
mod layers;
mod lines;
mod peak;
mod pools;
mod regions;
mod shapes;
mod sharing;
mod style;

use super::text::{bytes, percent, short_bytes};
use super::{Colour, Rectangle, Scene, palette::Colouring};
use crate::{PlanView, ViewedPlan};

/// The memory map of a plan, coloured by `colour`, as the text of an SVG file. With several memories, the
/// panel of the backing store leaves out data that is resident there throughout.
#[must_use]
pub fn write(view: &PlanView<'_>, colour: Colour) -> String {
    let scene = Scene::new(view);
    match &view.plan {
        ViewedPlan::Arena(plan) => arena::draw(&scene, plan, colour),
        ViewedPlan::Pools(plan) => pools::draw(&scene, plan, colour),
    }
}
