//! Integers: rounding, divisors, sort keys.

/// Rounds up to a multiple of a power of two. The sum must not overflow; `Problem::new` checks the totals.
#[inline]
pub(crate) fn align_up(offset: u64, alignment: u64) -> u64 {
    (offset + (alignment - 1)) & !(alignment - 1)
}

/// Greatest common divisor.
pub(crate) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Maps floating-point numbers to integers of the same order.
#[inline]
pub(crate) fn float_key(number: f64) -> u64 {
    let bits = number.to_bits();
    if number.is_sign_negative() { !bits } else { bits | 1 << 63 }
}
