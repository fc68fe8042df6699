//! Heights that an arena can attain.

use bitvec::vec::BitVec;

use super::instance::ExactInstance;
use crate::support::arithmetic::gcd;
use crate::support::limits::{Budget, Stop};

/// Set of attainable heights, to which lower bounds are rounded up.
///
/// In a packing in which no item can be moved down, each item lies at offset 0, at its fixed
/// offset or on another item. Without fixed offsets and with one alignment for all items, every
/// top is therefore a sum of sizes, and the optimum is one as well. In general, every top is a
/// multiple of the greatest common divisor of sizes, fixed offsets and alignments.
#[derive(Clone, Debug)]
pub(super) struct AttainableHeights {
    /// Divides every rounded height.
    divisor: u64,
    /// One bit per multiple of the divisor: set if some sizes add up to it. Empty if not computed.
    sums: BitVec,
    /// True if rounding enlarged some item, which may be the topmost one.
    padded: bool,
}

/// Maximum number of multiples for which sums are computed.
const MAX_MULTIPLES: u64 = 1 << 20;

/// Maximum number of steps to compute sums, of 64 multiples each.
const MAX_STEPS: u64 = 1 << 26;

impl AttainableHeights {
    /// Computes the attainable heights up to `highest`. O(n h / 64) time for n items and
    /// h = `highest` / divisor.
    pub(super) fn new(instance: &ExactInstance, highest: u64, budget: &mut Budget<'_>) -> Result<Self, Stop> {
        let divisor = divisor(instance);
        let padded = instance.paddings.iter().any(|&padding| padding > 0);
        let fixed = instance.fixed.iter().any(|&offset| offset < u64::MAX);
        let mixed = instance.alignments.iter().any(|&alignment| alignment > instance.unit);
        let count = highest / divisor + 1;
        let work = count / 64 * u64::from(instance.item_count());
        // Sums are sound only without fixed offsets and with one alignment: both let a top differ from
        // the sum of the sizes below it.
        let has_sums = !fixed && !mixed && count <= MAX_MULTIPLES && work <= MAX_STEPS;
        let sums = if has_sums { sums(instance, divisor, count as usize, budget)? } else { BitVec::new() };
        Ok(Self { divisor, sums, padded })
    }

    /// Lowest attainable height of at least `height`.
    pub(super) fn from(&self, height: u64) -> u64 {
        // The topmost item ends at its true size, which need not be a sum of rounded sizes.
        if self.padded {
            return height;
        }
        let multiple = height.div_ceil(self.divisor);
        let next = self.sums.get(multiple as usize..).and_then(bitvec::slice::BitSlice::first_one);
        multiple.saturating_add(next.unwrap_or(0) as u64).saturating_mul(self.divisor)
    }
}

/// Greatest common divisor of all sizes, fixed offsets and alignments, where alignments that
/// divide the others do not count.
pub(super) fn divisor(instance: &ExactInstance) -> u64 {
    let fixed = instance.fixed.iter().filter(|&&offset| offset < u64::MAX);
    let divisor = instance.sizes.iter().chain(fixed).fold(0, |a, &b| gcd(a, b));
    // A size or offset that is a multiple of the alignment already satisfies it.
    let coarser = instance.alignments.iter().filter(|&&alignment| divisor % alignment != 0);
    coarser.fold(divisor, |a, &b| gcd(a, b)).max(1)
}

fn sums(
    instance: &ExactInstance,
    divisor: u64,
    count: usize,
    budget: &mut Budget<'_>,
) -> Result<BitVec, Stop> {
    // Subset sums by dynamic programming: bit k says whether some of the sizes so far add up to k
    // divisors. Each size shifts the set by itself.
    let mut sums = BitVec::repeat(false, count);
    sums.set(0, true);
    for &size in &instance.sizes {
        let size = (size / divisor) as usize;
        if size < count {
            let mut moved = sums.clone();
            moved.shift_end(size);
            sums |= moved;
        }
        budget.charge(1 + count / 16)?;
    }
    Ok(sums)
}
