//! States that led nowhere, so that other ways to the same state are not searched
//! again.

use crate::random::Keys;

/// Keys of states, as `State::key` makes them.
#[derive(Debug, Default)]
pub(super) struct Seen(Keys);

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
