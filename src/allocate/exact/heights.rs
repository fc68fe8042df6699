//! Heights that an arena can have at all.

use bitvec::vec::BitVec;

use super::instance::Instance;
use crate::limits::{Meter, Stop};

/// Every top is a sum of sizes, as long as nothing is fixed and one alignment
/// holds for all: in a placement in which nothing can be moved down, each item
/// lies at the bottom or on another. A height that is no sum of sizes is not the
/// least of any placement, so a bound can be raised to the next that is.
///
/// Otherwise only the common divisor of sizes, fixed offsets and alignments
/// counts: every top is a multiple of it.
#[derive(Clone, Debug)]
pub(super) struct Heights {
    /// Divides every rounded height.
    divisor: u64,
    /// By multiple of the divisor: whether sizes add up to it; empty where that is
    /// not known.
    sums: BitVec,
    /// What rounding may have added to the topmost item.
    padded: bool,
}

/// No more multiples are looked at.
const MOST: u64 = 1 << 20;

/// Nor more steps made, of 64 multiples each.
const MOST_WORK: u64 = 1 << 26;

impl Heights {
    /// Up to this height. O(n h / 64) for heights of h divisors.
    ///
    /// # Errors
    /// Why it must stop before it is done.
    pub(super) fn new(instance: &Instance, highest: u64, meter: &mut Meter<'_>) -> Result<Self, Stop> {
        let divisor = divisor(instance);
        let padded = instance.paddings.iter().any(|&padding| padding > 0);
        let fixed = instance.fixed.iter().any(|&offset| offset < u64::MAX);
        let mixed = instance.alignments.iter().any(|&alignment| alignment > instance.unit);
        let count = highest / divisor + 1;
        let work = count / 64 * u64::from(instance.item_count());
        let known = !fixed && !mixed && count <= MOST && work <= MOST_WORK;
        let sums = if known { sums(instance, divisor, count as usize, meter)? } else { BitVec::new() };
        Ok(Self { divisor, sums, padded })
    }

    /// The least height that is possible and not below this.
    pub(super) fn from(&self, height: u64) -> u64 {
        if self.padded {
            return height;
        }
        let multiple = height.div_ceil(self.divisor);
        let next = self.sums.get(multiple as usize..).and_then(bitvec::slice::BitSlice::first_one);
        multiple.saturating_add(next.unwrap_or(0) as u64).saturating_mul(self.divisor)
    }
}

/// Divides all sizes, alignments, unless they divide it, and fixed offsets.
pub(super) fn divisor(instance: &Instance) -> u64 {
    let fixed = instance.fixed.iter().filter(|&&offset| offset < u64::MAX);
    let divisor = instance.sizes.iter().chain(fixed).fold(0, |a, &b| gcd(a, b));
    // What is aligned to a divisor is a multiple of it already.
    let coarser = instance.alignments.iter().filter(|&&alignment| divisor % alignment != 0);
    coarser.fold(divisor, |a, &b| gcd(a, b)).max(1)
}

pub(crate) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn sums(instance: &Instance, divisor: u64, count: usize, meter: &mut Meter<'_>) -> Result<BitVec, Stop> {
    let mut sums = BitVec::repeat(false, count);
    sums.set(0, true);
    for &size in &instance.sizes {
        let size = (size / divisor) as usize;
        if size < count {
            let mut moved = sums.clone();
            moved.shift_end(size);
            sums |= moved;
        }
        meter.charge(1 + count / 16)?;
    }
    Ok(sums)
}
