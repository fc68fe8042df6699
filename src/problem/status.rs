//! Proof status of a result.

use std::fmt;

/// The outcome of planning.
///
/// ```
/// use plimsoll::{Buffer, Planner, Problem, Status};
///
/// let problem = Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(4, 1..3)])?;
/// assert_eq!(Planner::new().solve(&problem)?.status, Status::Optimal);
/// assert_eq!(Planner::new().capacity(11).solve(&problem)?.status, Status::Infeasible);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Status {
    /// The arena equals the lower bound, so no smaller arena exists.
    Optimal,
    /// The plan is valid; a smaller arena may exist.
    Feasible,
    /// No plan fits the capacity, because the lower bound exceeds it. The plan is valid but larger
    /// than the capacity.
    Infeasible,
    /// The smallest arena found exceeds the capacity, but the lower bound does not: another plan may
    /// fit.
    Unknown,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Optimal => "optimal",
            Status::Feasible => "feasible",
            Status::Infeasible => "infeasible",
            Status::Unknown => "unknown",
        })
    }
}

impl Status {
    /// Returns true if the arena fits the capacity, or if no capacity is given.
    #[must_use]
    pub fn fits(self) -> bool {
        matches!(self, Status::Optimal | Status::Feasible)
    }

    /// Determines the status from the height of the arena, a lower bound and a capacity.
    pub(crate) fn of(height: u64, lower_bound: u64, capacity: Option<u64>) -> Self {
        let capacity = capacity.unwrap_or(u64::MAX);
        if lower_bound > capacity {
            Status::Infeasible
        } else if height > capacity {
            Status::Unknown
        } else if height == lower_bound {
            Status::Optimal
        } else {
            Status::Feasible
        }
    }
}

/// The distance of `height` from `bound`, relative to the bound.
pub(crate) fn gap(height: u64, bound: u64) -> f64 {
    match bound {
        0 => 0.0,
        bound => height as f64 / bound as f64 - 1.0,
    }
}
