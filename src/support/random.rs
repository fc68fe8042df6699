//! Deterministic random numbers and hashes, equal on every machine.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

/// The generator `SplitMix64` (Steele, Lea & Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A random 128-bit key.
    pub(crate) fn key(&mut self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }

    /// A random number in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A random number in `0..count`; 0 if the range is empty.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// Shuffles (Fisher-Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }

    /// Draws `count` different numbers from a range of at least as many.
    pub(crate) fn sample(&mut self, range: Range<usize>, count: usize) -> Vec<usize> {
        let mut drawn: Vec<usize> = range.collect();
        for index in 0..count {
            let other = index + self.below(drawn.len() - index);
            drawn.swap(index, other);
        }
        drawn.truncate(count);
        drawn
    }
}

/// Set of hashed states, each hash a combination of random keys. Two states with equal 128 bits
/// are taken for one; among a billion states, the probability of such a pair is about 10^-20.
pub(crate) type Keys = HashSet<u128, BuildHasherDefault<AsItIs>>;

/// Hasher that returns the key itself, as keys are random.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}
