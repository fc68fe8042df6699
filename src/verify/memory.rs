//! Memory that remembers of every byte who wrote it.

use std::collections::BTreeMap;
use std::ops::Bound;

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

    /// The first byte of these stretches, ascending and apart, that does not hold what it should,
    /// and what it holds. Linear in these and in what is held between the first and the last.
    pub(super) fn wrong(&self, expected: impl IntoIterator<Item = Stretch<S>>) -> Option<(u64, Option<S>)> {
        let mut expected = expected.into_iter().filter(|one| one.from < one.end).peekable();
        let first = expected.peek()?.from;
        // Most often all are within the first that is held: the rest is looked up if not.
        let below = self.0.range(..=first).next_back();
        let rest = || self.0.range((Bound::Excluded(first), Bound::Unbounded));
        let rest = std::iter::once_with(rest).flatten();
        let mut held = below.into_iter().chain(rest).map(|(_, held)| held).peekable();
        for one in expected {
            let mut from = one.from;
            while from < one.end {
                while held.next_if(|held| held.end <= from).is_some() {}
                let Some(held) = held.peek().filter(|held| held.from <= from) else {
                    return Some((from, None));
                };
                let is_right =
                    held.source == one.source && held.at + (from - held.from) == one.at + (from - one.from);
                if !is_right {
                    return Some((from, Some(held.source)));
                }
                from = held.end;
            }
        }
        None
    }
}

/// Stretches of a tensor's own contents, with pieces of others at some offsets, each of which
/// covers what is there. Linear if the pieces are apart.
pub(super) fn covered<S: Copy + PartialEq>(
    own: Stretch<S>,
    pieces: impl Iterator<Item = (u64, Vec<Stretch<S>>)>,
) -> Vec<Stretch<S>> {
    let mut pieces: Vec<Stretch<S>> =
        pieces.flat_map(|(at, held)| held.into_iter().map(move |one| one.moved_up(at))).collect();
    pieces.retain(|one| one.from < one.end);
    let are_apart = |pieces: &[Stretch<S>]| pieces.windows(2).all(|pair| pair[0].end <= pair[1].from);
    let is_within = pieces.first().is_none_or(|first| own.from <= first.from)
        && pieces.last().is_none_or(|last| last.end <= own.end);
    if !are_apart(&pieces) || !is_within {
        let mut memory = Memory::default();
        memory.write(own);
        for one in pieces {
            memory.write(one);
        }
        return memory.0.into_values().collect();
    }
    let (mut all, mut next) = (Vec::with_capacity(pieces.len() + 1), own.from);
    for one in pieces {
        all.extend(own.within(next, one.from));
        next = one.end;
        all.push(one);
    }
    all.extend(own.within(next, own.end));
    all
}

/// Those of some ascending stretches that have bytes in `from..end`, cut to these.
pub(super) fn between<S: Copy>(held: &[Stretch<S>], from: u64, end: u64) -> impl Iterator<Item = Stretch<S>> {
    let first = held.partition_point(|one| one.end <= from);
    held[first..].iter().take_while(move |one| one.from < end).filter_map(move |one| one.within(from, end))
}

/// What of these lies in `at..at + bytes`, counted from there.
pub(super) fn cut<S: Copy>(held: &[Stretch<S>], at: u64, bytes: u64) -> Vec<Stretch<S>> {
    between(held, at, at.saturating_add(bytes))
        .map(|one| Stretch { from: one.from - at, end: one.end - at, ..one })
        .collect()
}
