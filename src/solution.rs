//! Offsets for a problem, in the problem's own terms.

use crate::bound::LowerBound;
use crate::limits::Stop;
use crate::objects::Objects;
use crate::plan::{Status, gap};

/// Offsets for every buffer of a [`Problem`](crate::Problem).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Solution {
    /// Bytes from the start of the arena, by buffer id.
    pub offsets: Vec<u64>,
    /// Size of the arena in bytes: the end of the topmost buffer.
    pub height: u64,
    /// No arena is smaller than this.
    pub lower_bound: LowerBound,
    /// What is known of it.
    pub status: Status,
    /// The strategy that found it.
    pub strategy: String,
    /// Shared objects, if the strategy thinks in them.
    pub objects: Option<Objects>,
    /// Search nodes spent.
    pub nodes: u64,
    /// Why the strategy was done.
    pub stop: Stop,
}

impl Solution {
    /// How far the arena is above the lower bound: 0.01 is one percent.
    #[must_use]
    pub fn gap(&self) -> f64 {
        gap(self.height, self.lower_bound.bytes)
    }
}
