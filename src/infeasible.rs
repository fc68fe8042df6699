//! Why nothing fits.

use crate::ids::BufferId;

/// Buffers that cannot lie together within the capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InfeasibleCore {
    /// The buffers, by id.
    pub buffers: Vec<BufferId>,
    /// The bytes that these need at least.
    pub needed: u64,
    /// The bytes that there are.
    pub capacity: u64,
    /// Whether they would fit if any one of them were not there. If not, that could
    /// not be decided for some within the limits.
    pub irreducible: bool,
}

impl InfeasibleCore {
    /// The bytes missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.needed - self.capacity
    }
}
