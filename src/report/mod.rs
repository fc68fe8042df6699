//! Reports for people: a text summary, the memory map as a picture and as an interactive page, and a
//! trace for timeline viewers. Every writer reads a [`PlanView`].

pub mod html;
mod palette;
mod profile;
mod rectangles;
mod regions;
mod scene;
mod shorten;
pub mod svg;
pub mod text;
pub mod trace;
mod traffic;

pub use profile::{LivePoint, live_bytes};
use rectangles::{BufferKind, Rectangle};
use scene::Scene;

use crate::PlanView;

/// Meaning of the colours of a memory map.
///
/// Example: [`summary`](crate::report::text::summary).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colour {
    /// Input, intermediate, output, variable or scratch.
    #[default]
    Kind,
    /// Type of the operator that writes a tensor or uses scratch. The ten types whose buffers have the
    /// largest total of bytes times steps have a colour each.
    Operator,
    /// Stripe of a tiled plan: stripes in turn, carried rows, rows of entries, and whole tensors. As
    /// [`Kind`](Self::Kind) for plans without a tiling.
    Stripe,
}

impl Colour {
    /// The default for a plan: stripes of a tiled plan, kinds of any other.
    #[must_use]
    pub fn of(view: &PlanView<'_>) -> Self {
        if view.tiling.is_some() { Self::Stripe } else { Self::Kind }
    }
}
