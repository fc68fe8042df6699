//! One sort for all: each kind of element would be some ten kilobytes of code.

/// What to sort by, first this, then that, and what it is the key of.
pub(super) type Keyed = (u64, u64, u64);

/// Ascending.
#[inline(never)]
pub(super) fn sort(keys: &mut [Keyed]) {
    keys.sort_unstable();
}

/// A row without what it has twice, ascending.
#[inline(never)]
pub(super) fn unique(mut row: Vec<u32>) -> Vec<u32> {
    row.sort_unstable();
    row.dedup();
    row
}

/// The same of pairs.
#[inline(never)]
pub(super) fn unique_pairs(pairs: &mut Vec<(u32, u32)>) {
    pairs.sort_unstable();
    pairs.dedup();
}
