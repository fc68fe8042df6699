//! Levels of effort: default budgets of searches.

/// Amount of work of the searches for offsets if there is no node limit. Work is counted, not
/// timed, so results are the same on every machine; the times below are those of a desktop
/// processor.
///
/// Every level includes at least first fit and greedy by size.
///
/// ```
/// use plimsoll::{Buffer, Effort, Planner, Problem};
///
/// let problem = Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(4, 1..3)])?;
/// let solution = Planner::new().effort(Effort::Thorough).solve(&problem)?;
/// assert_eq!(solution.height, 12);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effort {
    /// Milliseconds: greedy placement and a short search.
    Quick,
    /// Typically at most 50 ms. The search ends early if it makes no progress.
    #[default]
    Default,
    /// Seconds: for final builds, and for proofs that need long searches.
    Thorough,
}

impl Effort {
    /// The value for this level.
    pub(crate) const fn pick(self, quick: u64, default: u64, thorough: u64) -> u64 {
        match self {
            Self::Quick => quick,
            Self::Default => default,
            Self::Thorough => thorough,
        }
    }
}
