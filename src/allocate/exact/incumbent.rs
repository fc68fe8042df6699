//! The incumbent of the exact search.

use crate::allocate::decomposition::PackingTarget;

/// The incumbent: the best packing found and the lower bound proven.
#[derive(Clone, Debug)]
pub(super) struct Incumbent {
    pub(super) bound: u64,
    pub(super) height: u64,
    /// Offset of each item; `None` while the height is that of another strategy.
    pub(super) offsets: Option<Vec<u64>>,
}

impl Incumbent {
    /// Returns whether nothing is left to search for: the height is at the bound or at most the
    /// sufficient height, or the required height is proven impossible.
    pub(super) fn settles(&self, target: &PackingTarget) -> bool {
        self.height <= self.bound.max(target.sufficient)
            || (target.required && self.bound > target.sufficient)
    }

    /// Height of the first decision: a sufficient height is easier to reach than the bound.
    pub(super) fn target_height(&self, target: &PackingTarget) -> u64 {
        self.bound.max(target.sufficient)
    }
}
