//! What the search leaves out without losing a solution.

/// A way to search less. Each is right by itself, whatever the others; see
/// `docs/exact.md` for the proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Of buffers that are alike in everything, only the first is tried.
    Twins,
    /// Nothing is left empty in which an open buffer could lie.
    Dominance,
    /// What is left empty ends where something can support what lies above it.
    Support,
    /// Times that share no open buffer are searched one after the other, and what
    /// cannot be completed is not blamed on the others.
    Parts,
    /// What led nowhere is not searched again when it is reached in another way.
    Memory,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Twins, Self::Dominance, Self::Support, Self::Parts, Self::Memory];
}

/// Rules that are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules(u8);

impl Rules {
    pub(super) const ALL: Self = Self(u8::MAX);

    pub(super) fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u8))
    }

    #[inline]
    pub(super) fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u8) != 0
    }
}
