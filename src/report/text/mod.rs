//! The text summary of a plan.

mod pools;
mod summary;
mod units;

pub(super) use pools::gap_text;
pub use pools::summary_of_pools;
pub use summary::{core_of_graph, core_of_problem, summary, summary_of_problem};
pub use units::{bytes, percent, short_bytes};
