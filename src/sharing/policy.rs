//! Policies: which of the permitted aliases a plan uses.

use super::SharingLevel;

/// The kinds of aliases that a plan uses, out of those that operators permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharingPolicy {
    pub(super) sharing: SharingLevel,
    /// Use views of a part of a tensor.
    pub(super) slices: bool,
    /// Write outputs in place of inputs.
    pub(super) in_place: bool,
    /// Prefer, for each output, the last of several inputs that it may replace, not the first.
    pub(super) last_input: bool,
}

impl SharingPolicy {
    /// The policies to try at a level of sharing, from the most aliases to the fewest.
    pub(crate) fn variants(sharing: SharingLevel) -> [Self; 8] {
        let all =
            Self { sharing, slices: true, in_place: sharing >= SharingLevel::InPlace, last_input: false };
        [
            all,
            Self { last_input: true, ..all },
            Self { slices: false, ..all },
            Self { sharing: sharing.min(SharingLevel::InPlace), ..all },
            Self { sharing: sharing.min(SharingLevel::InPlace), slices: false, ..all },
            Self { in_place: false, ..all },
            Self { sharing: sharing.min(SharingLevel::Views), in_place: false, ..all },
            Self { sharing: SharingLevel::None, in_place: false, ..all },
        ]
    }
}
