//! Shapes that an output can have although they are computed at run time: a given or declared shape must be one of them.

use super::dims::{broadcast, product};

/// The known part of the shape of an output, from the shape of the first input alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ComputedShape {
    /// The output has the elements of the input: reshapes and transpositions.
    SameElements,
    /// The input is broadcast to the output.
    Broadcast,
    /// The input is repeated along its axes.
    Repeated,
    /// The output has as many axes as the input: padding and resampling.
    SameRank,
}

impl ComputedShape {
    /// Returns whether an output can have the shape `dims`.
    pub(crate) fn admits(self, input: &[u64], dims: &[u64]) -> bool {
        let has_rank = dims.len() == input.len();
        match self {
            Self::SameElements => product(dims).ok() == product(input).ok(),
            Self::Broadcast => broadcast(&[input, dims], false).is_ok_and(|all| all == dims),
            Self::Repeated => has_rank && dims.iter().zip(input).all(|(dim, part)| dim.is_multiple_of(*part)),
            Self::SameRank => has_rank,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ComputedShape::{Broadcast, Repeated, SameElements, SameRank};

    #[test]
    fn outputs_follow_from_the_input() {
        for (known, dims, expected) in [
            (SameElements, &[8, 3][..], true),
            (SameElements, &[8, 2], false),
            (SameElements, &[u64::MAX, 2], false),
            (Broadcast, &[2, 4, 6], true),
            (Broadcast, &[4, 3], false),
            (Broadcast, &[6], false),
            (Repeated, &[8, 6], true),
            (Repeated, &[0, 6], true),
            (Repeated, &[2, 6], false),
            (Repeated, &[4, 6, 1], false),
            (SameRank, &[9, 9], true),
            (SameRank, &[9], false),
        ] {
            assert_eq!(known.admits(&[4, 6], dims), expected, "{known:?} {dims:?}");
        }
        assert!(Repeated.admits(&[0, 6], &[0, 6]) && !Repeated.admits(&[0, 6], &[1, 6]));
    }
}
