//! The memory that the tensors of a subgraph occupy, with [aliases](super::aliases).
//!
//! **State.** Each tensor consists of *segments*: bytes of an *origin*, which is a tensor whose bytes an operator computes.
//! A view has the segments of its part of the input. A concatenation has the segments of its pieces.
//!
//! **Claim.** Two tensors may occupy one byte at one step only if it is the same byte of one origin in both. All segments
//! of one origin at the same distance from it form a *group*. The rectangles of bytes and steps that this module returns
//! cover the bytes of each group once; rectangles of different groups must not overlap, which the caller checks.
//!
//! The operand of an update at its place, which no later operator reads, ends one step earlier: from the update on, the
//! output occupies the same bytes.

use std::collections::BTreeMap;
use std::ops::Range;

use super::aliases::{InferredAlias, Kind, aliases};
use super::runtime_network::{Memory, RuntimeSubgraph, RuntimeTensor};
use crate::SharingLevel;

/// The most segments of all tensors. A tensor beyond it has an origin of its own, so fewer of its bytes may be shared.
const MAX_SEGMENTS: usize = 1 << 20;

/// Bytes that a tensor occupies.
pub(super) struct Occupied {
    pub(super) tensor: usize,
    pub(super) bytes: Range<u64>,
    /// First and last step.
    pub(super) steps: (u32, u32),
}

/// The rectangles of the tensors of a subgraph in the head. `steps` are their first and last live steps, `offsets` their places.
/// `has_aliases` requires that the subgraph runs once. O(n log n) for n segments, plus the pairs of segments of one group
/// that overlap.
pub(super) fn occupied(
    subgraph: &RuntimeSubgraph,
    steps: &[Option<(u32, u32)>],
    offsets: &[Option<u64>],
    has_aliases: bool,
) -> Vec<Occupied> {
    let is_in_head = |(tensor, steps): (&RuntimeTensor, &Option<(u32, u32)>)| match tensor.memory {
        Memory::Head => *steps,
        Memory::File | Memory::Tail => None,
    };
    let mut ends: Vec<Option<(u32, u32)>> = subgraph.tensors.iter().zip(steps).map(is_in_head).collect();
    let mut contents = Contents::new(subgraph);
    if has_aliases {
        let last = last_readers(subgraph);
        for (number, operator) in subgraph.operators.iter().enumerate() {
            for alias in aliases(subgraph, operator, SharingLevel::All) {
                match alias.kind {
                    Kind::View => contents.view(&alias),
                    Kind::Piece => contents.piece(&alias),
                    Kind::Update if alias.is_at_its_place(offsets) && last[alias.input] == number => {
                        let start = ends[alias.output].map_or(0, |(first, _)| first);
                        ends[alias.input] = ends[alias.input]
                            .map(|(first, last)| (first, last.min(start.saturating_sub(1))))
                            .filter(|(first, last)| first <= last);
                    }
                    Kind::Update => {}
                }
            }
        }
    }
    let mut placed = contents.placed(&ends, offsets);
    placed.sort_unstable_by_key(|one| (one.origin, one.distance, one.steps.0, one.tensor));
    let mut found = Vec::with_capacity(placed.len());
    for group in placed.chunk_by(|one, other| (one.origin, one.distance) == (other.origin, other.distance)) {
        let mut covered = Covered::default();
        for one in group {
            covered.add(one.tensor, one.bytes.clone(), one.steps, &mut found);
        }
    }
    found
}

/// For each tensor, the position of the last operator that reads it; `usize::MAX` for graph outputs.
fn last_readers(subgraph: &RuntimeSubgraph) -> Vec<usize> {
    let mut last = vec![0; subgraph.tensors.len()];
    for (number, operator) in subgraph.operators.iter().enumerate() {
        for input in &operator.read.inputs {
            last[input.index()] = number;
        }
    }
    for output in &subgraph.outputs {
        last[output.index()] = usize::MAX;
    }
    last
}

/// Consecutive bytes of a tensor that are consecutive bytes of its origin.
#[derive(Clone, Copy)]
struct Segment {
    bytes: u64,
    origin: usize,
    /// The first byte in the origin.
    from: u64,
}

/// A segment in the head.
struct PlacedSegment {
    tensor: usize,
    origin: usize,
    /// Place of the origin's first byte, if all of the origin were at this distance; it may be negative.
    distance: i128,
    bytes: Range<u64>,
    steps: (u32, u32),
}

/// The segments of all tensors.
struct Contents<'a> {
    subgraph: &'a RuntimeSubgraph,
    segments: Vec<Vec<Segment>>,
    count: usize,
}

impl<'a> Contents<'a> {
    fn new(subgraph: &'a RuntimeSubgraph) -> Self {
        let own = |(origin, tensor): (usize, &RuntimeTensor)| {
            vec![Segment { bytes: tensor.bytes, origin, from: 0 }]
        };
        let segments = subgraph.tensors.iter().enumerate().map(own).collect();
        Self { subgraph, segments, count: 0 }
    }

    /// The output has the segments of its part of the input.
    fn view(&mut self, alias: &InferredAlias) {
        let bytes = self.subgraph.tensors[alias.output].bytes;
        if let Some(part) = self.part(alias.input, alias.at..alias.at + bytes) {
            self.segments[alias.output] = part;
        }
    }

    /// A part of the output has the segments of the input.
    fn piece(&mut self, alias: &InferredAlias) {
        let (whole, bytes) = (alias.output, self.subgraph.tensors[alias.input].bytes);
        let (end, all) = (alias.at + bytes, self.subgraph.tensors[whole].bytes);
        let parts = [(whole, 0..alias.at), (alias.input, 0..bytes), (whole, end..all)];
        let segments: Option<Vec<_>> =
            parts.into_iter().map(|(tensor, part)| self.part(tensor, part)).collect();
        if let Some(segments) = segments {
            self.segments[whole] = segments.concat();
        }
    }

    /// The segments of a part of a tensor; none if there are too many.
    fn part(&mut self, tensor: usize, part: Range<u64>) -> Option<Vec<Segment>> {
        self.count += self.segments[tensor].len();
        if self.count > MAX_SEGMENTS {
            return None;
        }
        let mut start = 0;
        let mut found = Vec::new();
        for segment in &self.segments[tensor] {
            let end = start + segment.bytes;
            let (first, last) = (start.max(part.start), end.min(part.end));
            if first < last {
                let from = segment.from + (first - start);
                found.push(Segment { bytes: last - first, from, ..*segment });
            }
            start = end;
        }
        Some(found)
    }

    fn placed(&self, ends: &[Option<(u32, u32)>], offsets: &[Option<u64>]) -> Vec<PlacedSegment> {
        let mut placed = Vec::with_capacity(self.segments.len());
        for (tensor, segments) in self.segments.iter().enumerate() {
            let (Some(steps), Some(mut place)) = (ends[tensor], offsets[tensor]) else { continue };
            for &Segment { bytes, origin, from } in segments {
                let distance = i128::from(place) - i128::from(from);
                let end = place.saturating_add(bytes);
                placed.push(PlacedSegment { tensor, origin, distance, bytes: place..end, steps });
                place = end;
            }
        }
        placed
    }
}

/// Disjoint ranges of bytes with the step until which a group occupies them, by start.
#[derive(Default)]
struct Covered {
    ranges: BTreeMap<u64, (u64, u32)>,
}

impl Covered {
    /// Adds a tensor, and the part of its rectangle that no earlier tensor covers to `found`. Tensors come by ascending
    /// first step, so a covered range is covered from that step on.
    fn add(
        &mut self,
        tensor: usize,
        bytes: Range<u64>,
        (first, last): (u32, u32),
        found: &mut Vec<Occupied>,
    ) {
        self.split(bytes.start);
        self.split(bytes.end);
        let inside: Vec<(u64, u64, u32)> =
            self.ranges.range(bytes.clone()).map(|(&start, &(end, until))| (start, end, until)).collect();
        let mut at = bytes.start;
        let mut uncovered = |bytes: Range<u64>, first: u32| {
            if !bytes.is_empty() && first <= last {
                found.push(Occupied { tensor, bytes, steps: (first, last) });
            }
        };
        for (start, end, until) in inside {
            uncovered(at..start, first);
            uncovered(start..end, first.max(until.saturating_add(1)));
            if until < last {
                self.ranges.insert(start, (end, last));
            }
            if at < start {
                self.ranges.insert(at, (start, last));
            }
            at = end;
        }
        uncovered(at..bytes.end, first);
        if at < bytes.end {
            self.ranges.insert(at, (bytes.end, last));
        }
    }

    /// Makes a range end at `place`.
    fn split(&mut self, place: u64) {
        if let Some((_, (end, until))) = self.ranges.range_mut(..place).next_back()
            && *end > place
        {
            let rest = (*end, *until);
            *end = place;
            self.ranges.insert(place, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte of a tensor is covered at each of its steps, and none twice.
    #[test]
    fn overlapping_views_are_covered_once() {
        let tensors: [(Range<u64>, (u32, u32)); 5] =
            [(0..64, (0, 3)), (0..32, (1, 6)), (16..48, (2, 8)), (32..64, (4, 4)), (0..64, (7, 9))];
        let (mut covered, mut found) = (Covered::default(), Vec::new());
        for (tensor, (bytes, steps)) in tensors.iter().enumerate() {
            covered.add(tensor, bytes.clone(), *steps, &mut found);
        }
        for byte in 0..64 {
            for step in 0..10 {
                let is_in = |bytes: &Range<u64>, (first, last): (u32, u32)| {
                    bytes.contains(&byte) && first <= step && step <= last
                };
                let is_live = tensors.iter().any(|(bytes, steps)| is_in(bytes, *steps));
                let count = found.iter().filter(|found| is_in(&found.bytes, found.steps)).count();
                assert_eq!(count, usize::from(is_live), "byte {byte}, step {step}");
            }
        }
    }
}
