//! Table of dead ends (transposition table): states whose search was exhausted.

use crate::support::random::Keys;

/// Keys of exhausted states, from `PackingState::key`.
///
/// A key is a 128-bit hash, so a false hit needs two states with equal hashes; for 10^9
/// states the probability is about 10^-20.
#[derive(Debug, Default)]
pub(super) struct FailedStates(Keys);

/// Maximum number of keys: 64 MB. Later dead ends are not stored, which costs time only.
const MAX_KEYS: usize = 1 << 21;

impl FailedStates {
    pub(super) fn contains(&self, key: u128) -> bool {
        self.0.contains(&key)
    }

    pub(super) fn insert(&mut self, key: u128) {
        if self.0.len() < MAX_KEYS {
            self.0.insert(key);
        }
    }
}
