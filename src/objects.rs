//! Shared objects of a solution.

/// Shared objects: fixed parts of the arena, each for several buffers that are
/// not live together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Objects {
    /// The object of each buffer, by buffer id; none for buffers of 0 bytes.
    pub of_buffer: Vec<Option<u32>>,
    /// Sizes in bytes, by object.
    pub sizes: Vec<u64>,
    /// Where the objects lie, in bytes from the start of the arena.
    pub offsets: Vec<u64>,
    /// No sharing has a smaller sum of sizes, under the strategy's rules.
    pub lower_bound: u64,
}

impl Objects {
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
