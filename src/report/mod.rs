//! Plans for people: the figures as text, the memory map as a picture and as a page to
//! look into, and a trace for a timeline viewer.

pub mod html;
mod palette;
mod pooled;
mod profile;
mod rectangles;
mod scene;
mod shorten;
pub mod svg;
pub mod text;
pub mod trace;

use rectangles::{Kind, Rectangle};
use scene::Scene;

/// What the colours of a memory map say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Input, intermediate, output, variable or workspace.
    #[default]
    Kind,
    /// The type of the operator that writes a tensor, or works in a workspace. The ten
    /// types that take most of the arena over time have a colour each.
    Operator,
}
