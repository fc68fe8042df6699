//! The figures of a plan as lines of text.

mod summary;
mod units;

pub use summary::{summary, summary_of_problem};
pub use units::{bytes, percent, short_bytes};
