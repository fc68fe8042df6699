//! Pruning rules of the exact search.

/// A pruning rule. Each rule is sound on its own, whichever others are active:
/// `docs/exact.md` has the proofs.
///
/// Example: [`Exact`](crate::allocate::Exact).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PruningRule {
    /// Of identical buffers, the search branches on the first only.
    Twins,
    /// A hole in which an open buffer would fit is a dead end.
    Dominance,
    /// A hole ends at a height at which some buffer can support the one above it.
    Support,
    /// Time spans that share no open buffer are searched one after the other, and backtracking
    /// from one of them skips the choices of the others.
    Parts,
    /// A state that was proven a dead end is not searched again when other choices lead to it.
    Memory,
}

impl PruningRule {
    /// All rules.
    pub const ALL: [Self; 5] = [Self::Twins, Self::Dominance, Self::Support, Self::Parts, Self::Memory];
}

/// The set of active rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules(u8);

impl Rules {
    pub(super) const ALL: Self = Self(u8::MAX);

    pub(super) fn without(self, rule: PruningRule) -> Self {
        Self(self.0 & !(1 << rule as u8))
    }

    #[inline]
    pub(super) fn has(self, rule: PruningRule) -> bool {
        self.0 & (1 << rule as u8) != 0
    }
}
