//! Planned merges of rigid groups.

use super::rigid::Member;
use crate::support::ids::TensorId;
use crate::support::limits::Stop;

/// The reason why rigid groups cannot be merged.
pub(super) enum MergeConflict {
    /// Two members would need the same byte at the same time.
    Members(Member, Member),
    /// Alignments, fixed offsets or distances contradict each other.
    Offsets,
    /// A limit was reached.
    Stopped(Stop),
}

impl From<Stop> for MergeConflict {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// A merge of rigid groups that has been planned but not made.
pub(super) struct GroupMerge {
    pub(super) of: TensorId,
    /// Tensors with the offsets from the start of `of` that they will have.
    pub(super) tensors: Vec<(TensorId, u64)>,
    /// Root of the group of `of`.
    pub(super) outer: usize,
    /// Roots of the other groups, ascending, each with its offset from the root `outer`.
    pub(super) moved: Vec<(usize, i128)>,
}

/// Converts a non-negative distance within a group to bytes.
pub(super) fn bytes(distance: i128) -> u64 {
    u64::try_from(distance).expect("a distance from a lower to a higher byte")
}
