//! The text summary of a plan.

mod core;
mod lines;
mod pools;
mod summary;
mod tiling;
mod units;

pub use self::core::{core_of_graph, core_of_problem};
pub(super) use pools::gap_text;
pub use summary::summary;
pub use units::{bytes, percent, short_bytes};
