//! Solutions of offset problems.

use crate::problem::{LowerBound, Objects, Status, gap};
use crate::support::limits::Stop;

/// Verified offsets for every buffer of a [`Problem`](crate::Problem).
///
/// Example: [`Problem`](crate::Problem).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Solution {
    /// Offset of each buffer in bytes from the start of the arena, by buffer id.
    pub offsets: Vec<u64>,
    /// Size of the arena in bytes: the end of the topmost buffer.
    pub height: u64,
    /// Lower bound on the arena of any solution.
    pub lower_bound: LowerBound,
    /// Relation of the height to the lower bound and the capacity.
    pub status: Status,
    /// Name of the strategy that found the offsets.
    pub strategy: String,
    /// Shared objects, if the strategy assigns buffers to objects.
    pub objects: Option<Objects>,
    /// Number of search nodes spent.
    pub nodes: u64,
    /// Reason for stopping.
    pub stop: Stop,
}

impl Solution {
    /// Relative difference between the arena and the lower bound: 0.01 is one percent.
    #[must_use]
    pub fn gap(&self) -> f64 {
        gap(self.height, self.lower_bound.bytes)
    }
}
