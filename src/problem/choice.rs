//! The result of choosing which buffers to keep on chip.

use crate::problem::Objects;
use crate::support::ids::BufferId;
use crate::support::limits::Stop;

/// The buffers of a [`Problem`](crate::Problem) that are kept on chip, in shared objects within a
/// capacity. All other buffers stay outside.
///
/// Example: [`Planner::choose`](crate::Planner::choose).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// Offsets in bytes by buffer id; none for buffers outside.
    pub offsets: Vec<Option<u64>>,
    /// Size of the arena in bytes: the end of the topmost object.
    pub height: u64,
    /// The objects. Their `lower_bound` refers to the buffers that are kept.
    pub objects: Objects,
    /// The sum of the values of the buffers that are kept.
    pub value: u64,
    /// An upper bound on the value of any choice.
    pub bound: u64,
    /// Number of search nodes spent.
    pub nodes: u64,
    /// The reason why the search stopped.
    pub stop: Stop,
}

impl Choice {
    /// Returns true if no choice has a higher value.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.value == self.bound
    }

    /// Returns true if a buffer is kept on chip.
    ///
    /// # Panics
    /// If the problem has no buffer with this id.
    #[must_use]
    pub fn keeps(&self, id: BufferId) -> bool {
        self.offsets[id.index()].is_some()
    }
}
