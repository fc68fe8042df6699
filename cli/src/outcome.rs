//! Results of a command.

/// Error that ends a command with exit status 2.
pub type Failure = Box<dyn std::error::Error>;

/// Result of a command that ran to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Exit status 0.
    Positive,
    /// Exit status 1: the input does not fit, the plan is invalid, outputs differ, or the new plan needs more memory.
    Negative,
}

impl Outcome {
    pub fn of(is_positive: bool) -> Self {
        if is_positive { Self::Positive } else { Self::Negative }
    }
}
