//! Shared objects of a solution.

use crate::support::ids::BufferId;

/// Shared objects: fixed parts of the arena, each used by several buffers. Buffers that are live
/// at the same time lie side by side in an object, if the strategy allows that.
///
/// Example: [`Knapsack`](crate::allocate::Knapsack) and [`Merge`](crate::allocate::Merge) make shared objects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Objects {
    /// Object of each buffer, by buffer id; `None` for buffers of size 0.
    pub of_buffer: Vec<Option<u32>>,
    /// Size of each object in bytes, including its padding for alignment.
    pub sizes: Vec<u64>,
    /// Start of each object in bytes from the start of the arena.
    pub offsets: Vec<u64>,
    /// Pairs of buffers of which one was merged into the other.
    pub nestings: Vec<Nesting>,
    /// Lower bound on the sum of sizes under the rules of the strategy.
    pub lower_bound: u64,
}

/// A buffer in the memory of a larger one that is not live at the same time.
///
/// Example: [`Knapsack`](crate::allocate::Knapsack) and [`Merge`](crate::allocate::Merge) make shared objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nesting {
    /// The smaller buffer.
    pub guest: BufferId,
    /// The larger buffer.
    pub host: BufferId,
    /// Offset of the guest in bytes from the start of the host.
    pub at: u64,
}

impl Objects {
    /// Creates objects without merged buffers and with lower bound 0.
    #[must_use]
    pub fn new(of_buffer: Vec<Option<u32>>, sizes: Vec<u64>, offsets: Vec<u64>) -> Self {
        Self { of_buffer, sizes, offsets, nestings: Vec::new(), lower_bound: 0 }
    }

    /// Sum of the sizes in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// Returns whether the sum of sizes equals its lower bound.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.total() == self.lower_bound
    }
}
