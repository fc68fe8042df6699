//! Explanation of infeasibility.

/// An infeasible core: members that do not fit the capacity together. Members are buffers of a
/// problem, or the tensors and operators of a graph that need memory.
///
/// Example: [`Planner::explain`](crate::Planner::explain).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InfeasibleCore<T> {
    /// Members of which at least one must be removed.
    pub members: Vec<T>,
    /// Lower bound on the bytes that the members need together.
    pub needed: u64,
    /// Arena capacity in bytes.
    pub capacity: u64,
    /// True if the members fit if any one of them is removed. If false, some members could not be
    /// tested within the limits.
    pub irreducible: bool,
}

impl<T> InfeasibleCore<T> {
    /// Number of bytes by which the members exceed the capacity.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.needed - self.capacity
    }

    /// Converts the members.
    pub(crate) fn map<U>(self, term: impl FnMut(T) -> U) -> InfeasibleCore<U> {
        let Self { members, needed, capacity, irreducible } = self;
        InfeasibleCore { members: members.into_iter().map(term).collect(), needed, capacity, irreducible }
    }
}
