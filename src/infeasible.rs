//! Why nothing fits.

/// What cannot lie together within the capacity: buffers of a problem, or what a
/// graph needs memory for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InfeasibleCore<T> {
    /// Of these, at least one cannot be there.
    pub members: Vec<T>,
    /// The bytes that these need at least.
    pub needed: u64,
    /// The bytes that there are.
    pub capacity: u64,
    /// Whether they would fit if any one of them were not there. If not, that could
    /// not be decided for some within the limits.
    pub irreducible: bool,
}

impl<T> InfeasibleCore<T> {
    /// The bytes missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.needed - self.capacity
    }

    /// The same in other terms.
    pub(crate) fn map<U>(self, term: impl FnMut(T) -> U) -> InfeasibleCore<U> {
        let Self { members, needed, capacity, irreducible } = self;
        InfeasibleCore { members: members.into_iter().map(term).collect(), needed, capacity, irreducible }
    }
}
