//! The memory that the tensors of a subgraph occupy, with [aliases](super::aliases).
//!
//! **Claim.** A byte is *occupied* at a step if a tensor with this byte is live there. Two tensors may occupy one byte at
//! one step only if the byte has the same value in both:
//!
//! - An output that is a *view* at its place holds bytes of its input, and so of the tensor of which the input is a view.
//!   All views form a group with that tensor, and overlapping bytes of a group are equal.
//! - An input that is a *piece* at its place, or the operand of an *update*, and that no later operator reads, ends one
//!   step earlier: from its last reader on, the output occupies the same bytes. A piece with later readers is a view of
//!   the output.
//!
//! The rectangles of bytes and steps that this module returns cover the occupied bytes of each group once. Rectangles of
//! different groups must not overlap, which the caller checks.

use std::collections::BTreeMap;
use std::ops::Range;

use super::aliases::{Kind, aliases};
use super::runtime::Steps;
use super::runtime_network::{Memory, RuntimeSubgraph, RuntimeTensor};
use crate::SharingLevel;

/// Bytes that a tensor occupies.
pub(super) struct Occupied {
    pub(super) tensor: usize,
    pub(super) bytes: Range<u64>,
    /// First and last step.
    pub(super) steps: (u32, u32),
}

/// The rectangles of the tensors of a subgraph in the head. `steps` are their live ranges, `offsets` their places.
/// `has_aliases` requires that the subgraph runs once. O(n log n) for n tensors, plus the pairs of views of one
/// tensor that overlap.
pub(super) fn occupied(
    subgraph: &RuntimeSubgraph,
    steps: &[Steps],
    offsets: &[Option<u64>],
    has_aliases: bool,
) -> Vec<Occupied> {
    let is_in_head = |(tensor, steps): (&RuntimeTensor, &Steps)| match tensor.memory {
        Memory::Head => steps.ends(),
        Memory::File | Memory::Tail => None,
    };
    let mut ends: Vec<Option<(u32, u32)>> = subgraph.tensors.iter().zip(steps).map(is_in_head).collect();
    let roots =
        if has_aliases { roots(subgraph, &mut ends, offsets) } else { (0..subgraph.tensors.len()).collect() };
    let mut order: Vec<(usize, u32, usize)> = Vec::with_capacity(ends.len());
    for (tensor, &root) in roots.iter().enumerate() {
        if let (Some((first, _)), Some(_)) = (ends[tensor], offsets[tensor]) {
            order.push((root, first, tensor));
        }
    }
    order.sort_unstable();
    let mut found = Vec::with_capacity(order.len());
    for group in order.chunk_by(|one, other| one.0 == other.0) {
        let mut covered = Covered::default();
        for &(_, _, tensor) in group {
            if let (Some(steps), Some(place)) = (ends[tensor], offsets[tensor]) {
                let bytes = place..place.saturating_add(subgraph.tensors[tensor].bytes);
                covered.add(tensor, bytes, steps, &mut found);
            }
        }
    }
    found
}

/// For each tensor, the tensor that contains all bytes of its group. Shortens the ends of replaced tensors.
fn roots(subgraph: &RuntimeSubgraph, ends: &mut [Option<(u32, u32)>], offsets: &[Option<u64>]) -> Vec<usize> {
    let last = last_readers(subgraph);
    let mut parents: Vec<usize> = (0..subgraph.tensors.len()).collect();
    for (number, operator) in subgraph.operators.iter().enumerate() {
        for alias in aliases(subgraph, operator, SharingLevel::All) {
            if !alias.holds(offsets) {
                continue;
            }
            let is_replaced = last[alias.input] == number;
            match alias.kind {
                Kind::View => parents[alias.output] = alias.input,
                Kind::Piece | Kind::Update if is_replaced => {
                    let start = ends[alias.output].map_or(0, |(first, _)| first);
                    ends[alias.input] = ends[alias.input]
                        .map(|(first, last)| (first, last.min(start.saturating_sub(1))))
                        .filter(|(first, last)| first <= last);
                }
                Kind::Piece if parents[alias.input] == alias.input => parents[alias.input] = alias.output,
                Kind::Piece | Kind::Update => {}
            }
        }
    }
    // A parent may be a later tensor, so paths are followed and shortened.
    for tensor in 0..parents.len() {
        let mut root = tensor;
        for _ in 0..parents.len() {
            if parents[root] == root {
                break;
            }
            root = parents[root];
        }
        let mut at = tensor;
        while parents[at] != root && at != root {
            at = std::mem::replace(&mut parents[at], root);
        }
    }
    parents
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
