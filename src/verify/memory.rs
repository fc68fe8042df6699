//! Memory that remembers of every byte who wrote it.

use std::collections::BTreeMap;

/// Bytes `from..end` of something, and what they hold: bytes of a source, from `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch<S> {
    pub(super) from: u64,
    pub(super) end: u64,
    pub(super) source: S,
    pub(super) at: u64,
}

impl<S: Copy> Stretch<S> {
    /// What of it lies in `from..end`.
    pub(super) fn within(&self, from: u64, end: u64) -> Option<Self> {
        let (from, end) = (self.from.max(from), self.end.min(end));
        (from < end).then(|| Self { from, end, at: self.at + (from - self.from), ..*self })
    }

    /// The same, so many bytes further up.
    pub(super) fn moved_up(&self, bytes: u64) -> Self {
        Self { from: self.from + bytes, end: self.end + bytes, ..*self }
    }
}

/// What each byte holds; nothing that matters where it does not say.
pub(super) struct Memory<S>(BTreeMap<u64, Stretch<S>>);

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Copy + PartialEq> Memory<S> {
    /// Forgets what was at `from..end`.
    pub(super) fn clear(&mut self, from: u64, end: u64) {
        let touched: Vec<Stretch<S>> = self.held(from, end).collect();
        for held in touched {
            self.0.remove(&held.from);
            if let Some(below) = held.within(held.from, from) {
                self.0.insert(below.from, below);
            }
            if let Some(above) = held.within(end, held.end) {
                self.0.insert(above.from, above);
            }
        }
    }

    pub(super) fn write(&mut self, stretch: Stretch<S>) {
        self.clear(stretch.from, stretch.end);
        self.0.insert(stretch.from, stretch);
    }

    /// What touches `from..end`, ascending.
    pub(super) fn held(&self, from: u64, end: u64) -> impl Iterator<Item = Stretch<S>> + '_ {
        let before = self.0.range(..from).next_back().map(|(_, &held)| held);
        let within = (from < end).then(|| self.0.range(from..end).map(|(_, &held)| held));
        before
            .filter(move |held| held.end > from && from < end)
            .into_iter()
            .chain(within.into_iter().flatten())
    }

    /// The first byte of these that does not hold what it should, and what it holds.
    pub(super) fn wrong(&self, expected: Stretch<S>) -> Option<(u64, Option<S>)> {
        let mut from = expected.from;
        while from < expected.end {
            let held =
                self.0.range(..=from).next_back().map(|(_, &held)| held).filter(|held| held.end > from);
            let Some(held) = held else { return Some((from, None)) };
            if held.source != expected.source
                || held.at + (from - held.from) != expected.at + (from - expected.from)
            {
                return Some((from, Some(held.source)));
            }
            from = held.end;
        }
        None
    }

    /// All that is held, ascending.
    pub(super) fn into_stretches(self) -> Vec<Stretch<S>> {
        self.0.into_values().collect()
    }
}

/// What of these lies in `at..at + bytes`, counted from there.
pub(super) fn cut<S: Copy>(held: &[Stretch<S>], at: u64, bytes: u64) -> Vec<Stretch<S>> {
    let inner = held.iter().filter_map(|one| one.within(at, at.saturating_add(bytes)));
    inner.map(|one| Stretch { from: one.from - at, end: one.end - at, ..one }).collect()
}
