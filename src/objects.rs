//! Shared objects of a solution.

use crate::ids::BufferId;

/// Shared objects: fixed parts of the arena, each for several buffers. Those
/// that are live together lie side by side in it, if the strategy allows that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Objects {
    /// The object of each buffer, by buffer id; none for buffers of 0 bytes.
    pub of_buffer: Vec<Option<u32>>,
    /// Sizes in bytes, by object, what is left free for alignment included.
    pub sizes: Vec<u64>,
    /// Where the objects lie, in bytes from the start of the arena.
    pub offsets: Vec<u64>,
    /// Where objects were merged: which buffer was put into which.
    pub inside: Vec<Inside>,
    /// No sharing has a smaller sum of sizes, under the strategy's rules.
    pub lower_bound: u64,
}

/// A buffer in the memory of a larger one, which is not live at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The smaller buffer.
    pub guest: BufferId,
    /// The larger buffer.
    pub host: BufferId,
    /// Bytes from the start of the larger buffer.
    pub at: u64,
}

impl Objects {
    /// Objects without merged ones among them, and without a bound.
    #[must_use]
    pub fn new(of_buffer: Vec<Option<u32>>, sizes: Vec<u64>, offsets: Vec<u64>) -> Self {
        Self { of_buffer, sizes, offsets, inside: Vec::new(), lower_bound: 0 }
    }

    /// The sum of the sizes, in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// Whether no sharing has a smaller sum of sizes.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.total() == self.lower_bound
    }
}
