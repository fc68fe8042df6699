//! What is kept on chip, and what is not.

use crate::ids::BufferId;
use crate::limits::Stop;
use crate::objects::Objects;

/// The buffers of a [`Problem`](crate::Problem) that are kept on chip, in shared
/// objects within a capacity; the rest stays outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// Bytes from the start of the arena, by buffer id; none for what stays
    /// outside.
    pub offsets: Vec<Option<u64>>,
    /// Size of the arena in bytes: the end of the topmost object.
    pub height: u64,
    /// The objects; their `lower_bound` is for the buffers that are kept.
    pub objects: Objects,
    /// The sum of the values of what is kept.
    pub value: u64,
    /// Nothing of more value can be kept.
    pub bound: u64,
    /// Search nodes spent.
    pub nodes: u64,
    /// Why the search was done.
    pub stop: Stop,
}

impl Choice {
    /// Whether nothing of more value can be kept.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.value == self.bound
    }

    /// Whether this buffer is kept on chip.
    ///
    /// # Panics
    /// If the id is not of the problem.
    #[must_use]
    pub fn keeps(&self, id: BufferId) -> bool {
        self.offsets[id.index()].is_some()
    }
}
