//! States that led nowhere, so that other ways to the same state are not searched
//! again.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys of states, as `State::key` makes them. Two states with the same 128 bits
/// are taken for one: among a billion states, that happens to some pair with a
/// chance of 10^-20.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<u128, BuildHasherDefault<AsItIs>>);

/// No more are kept: 64 MB.
const MOST: usize = 1 << 21;

impl Seen {
    pub(super) fn contains(&self, key: u128) -> bool {
        self.0.contains(&key)
    }

    pub(super) fn insert(&mut self, key: u128) {
        if self.0.len() < MOST {
            self.0.insert(key);
        }
    }
}

/// Keys are random already.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}
