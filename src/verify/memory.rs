//! Symbolic memory: the origin of each byte. The replays of rules M1 to M5 run on it.
//!
//! *State*: `M`, a partial function from addresses to pairs `(s, i)` of a source and a number: the address
//! holds byte `i` of source `s`. Where `M` is undefined, the contents are of no use. `M` is kept as
//! segments of consecutive addresses with consecutive bytes of one source, so its size depends on the number
//! of writes, not of bytes.
//!
//! *Transition*:
//!
//! - [`clear`](ContentMap::clear) makes `M` undefined on a range.
//! - [`write`](ContentMap::write) of a segment from `a` on with bytes of `s` from `i` on sets
//!   `M(a + k) = (s, i + k)`.
//!
//! *Query*: [`first_difference`](ContentMap::first_difference) compares `M` with expected contents.
//!
//! Values of tensors are lists of segments as well, with positions in the tensor in the place of addresses.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Positions `from..end` that hold bytes of `source`, the first one byte `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentSegment<S> {
    pub(super) from: u64,
    pub(super) end: u64,
    pub(super) source: S,
    pub(super) at: u64,
}

impl<S: Copy> ContentSegment<S> {
    /// The part of the segment in `from..end`, if it is not empty.
    pub(super) fn within(&self, from: u64, end: u64) -> Option<Self> {
        let (from, end) = (self.from.max(from), self.end.min(end));
        (from < end).then(|| Self { from, end, at: self.at + (from - self.from), ..*self })
    }

    /// The segment with the same contents, `bytes` positions higher.
    pub(super) fn moved_up(&self, bytes: u64) -> Self {
        Self { from: self.from + bytes, end: self.end + bytes, ..*self }
    }
}

/// The map `M`: disjoint segments by their start.
pub(super) struct ContentMap<S>(BTreeMap<u64, ContentSegment<S>>);

impl<S> Default for ContentMap<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Copy + PartialEq> ContentMap<S> {
    /// Makes the contents of `from..end` undefined.
    pub(super) fn clear(&mut self, from: u64, end: u64) {
        let touched: Vec<ContentSegment<S>> = self.meeting(from, end).collect();
        for segment in touched {
            self.0.remove(&segment.from);
            if let Some(below) = segment.within(segment.from, from) {
                self.0.insert(below.from, below);
            }
            if let Some(above) = segment.within(end, segment.end) {
                self.0.insert(above.from, above);
            }
        }
    }

    /// Replaces the contents of the segment's positions.
    pub(super) fn write(&mut self, segment: ContentSegment<S>) {
        self.clear(segment.from, segment.end);
        self.0.insert(segment.from, segment);
    }

    /// The segments that meet `from..end`, ascending and not cut.
    pub(super) fn meeting(&self, from: u64, end: u64) -> impl Iterator<Item = ContentSegment<S>> + '_ {
        let before = self.0.range(..from).next_back().map(|(_, &segment)| segment);
        let within = (from < end).then(|| self.0.range(from..end).map(|(_, &segment)| segment));
        before
            .filter(move |segment| segment.end > from && from < end)
            .into_iter()
            .chain(within.into_iter().flatten())
    }

    /// The first position whose contents differ from the expected segments, which are ascending and
    /// disjoint, and the source that it holds, if any. Linear in the segments that are expected and held.
    pub(super) fn first_difference(
        &self,
        expected: impl IntoIterator<Item = ContentSegment<S>>,
    ) -> Option<(u64, Option<S>)> {
        let mut expected = expected.into_iter().filter(|segment| segment.from < segment.end).peekable();
        let first = expected.peek()?.from;
        // Usually one held segment covers all that is expected, so the rest is looked up on demand.
        let below = self.0.range(..=first).next_back();
        let rest = || self.0.range((Bound::Excluded(first), Bound::Unbounded));
        let rest = std::iter::once_with(rest).flatten();
        let mut held = below.into_iter().chain(rest).map(|(_, segment)| segment).peekable();
        for segment in expected {
            let mut from = segment.from;
            while from < segment.end {
                while held.next_if(|held| held.end <= from).is_some() {}
                let Some(held) = held.peek().filter(|held| held.from <= from) else {
                    return Some((from, None));
                };
                let (is_at, expected_at) = (held.at + (from - held.from), segment.at + (from - segment.from));
                if held.source != segment.source || is_at != expected_at {
                    return Some((from, Some(held.source)));
                }
                from = held.end;
            }
        }
        None
    }
}

/// The contents of a tensor into which pieces are written: `own` contents, replaced by each piece from its
/// position on, in the order of the pieces. Linear if the pieces are ascending, disjoint and within `own`.
pub(super) fn with_pieces<S: Copy + PartialEq>(
    own: ContentSegment<S>,
    pieces: impl Iterator<Item = (u64, Vec<ContentSegment<S>>)>,
) -> Vec<ContentSegment<S>> {
    let mut pieces: Vec<ContentSegment<S>> =
        pieces.flat_map(|(at, held)| held.into_iter().map(move |segment| segment.moved_up(at))).collect();
    pieces.retain(|piece| piece.from < piece.end);
    let are_disjoint = pieces.windows(2).all(|pair| pair[0].end <= pair[1].from);
    let are_within = pieces.first().is_none_or(|first| own.from <= first.from)
        && pieces.last().is_none_or(|last| last.end <= own.end);
    if !are_disjoint || !are_within {
        let mut contents = ContentMap::default();
        contents.write(own);
        for piece in pieces {
            contents.write(piece);
        }
        return contents.0.into_values().collect();
    }
    let (mut all, mut next) = (Vec::with_capacity(pieces.len() + 1), own.from);
    for piece in pieces {
        all.extend(own.within(next, piece.from));
        next = piece.end;
        all.push(piece);
    }
    all.extend(own.within(next, own.end));
    all
}

/// Those of ascending, disjoint segments that meet `from..end`.
pub(super) fn meeting<S>(segments: &[ContentSegment<S>], from: u64, end: u64) -> &[ContentSegment<S>] {
    let first = segments.partition_point(|segment| segment.end <= from);
    let beyond = segments.partition_point(|segment| segment.from < end);
    &segments[first..beyond.max(first)]
}

/// The parts of ascending, disjoint segments in `from..end`.
pub(super) fn between<S: Copy>(
    segments: &[ContentSegment<S>],
    from: u64,
    end: u64,
) -> impl Iterator<Item = ContentSegment<S>> {
    meeting(segments, from, end).iter().filter_map(move |segment| segment.within(from, end))
}

/// The contents of a view: the parts of the segments in `at..at + bytes`, with positions counted from `at`.
pub(super) fn slice<S: Copy>(segments: &[ContentSegment<S>], at: u64, bytes: u64) -> Vec<ContentSegment<S>> {
    between(segments, at, at.saturating_add(bytes))
        .map(|part| ContentSegment { from: part.from - at, end: part.end - at, ..part })
        .collect()
}
