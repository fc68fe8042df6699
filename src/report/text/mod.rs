//! The figures of a plan as lines of text.

mod summary;
mod units;

pub use summary::{core_of_graph, core_of_problem, summary, summary_of_problem};
pub use units::{bytes, percent, short_bytes};
