//! How much work searches may do where no limit says so.

/// How much work the searches for offsets do where no limit of nodes is named. Work is
/// counted, not timed, so results are the same on every machine; times are those of a
/// desktop processor.
///
/// Greedy placement is not affected: every level has at least first fit and greedy by size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// Milliseconds: greedy placement, and a short search.
    Quick,
    /// Typically at most 50 ms. The search ends early where it makes no progress.
    #[default]
    Default,
    /// Seconds: for a final build, and for proofs that need long searches.
    Thorough,
}

impl Effort {
    /// The number for this level.
    pub(crate) const fn pick(self, quick: u64, default: u64, thorough: u64) -> u64 {
        match self {
            Self::Quick => quick,
            Self::Default => default,
            Self::Thorough => thorough,
        }
    }
}
