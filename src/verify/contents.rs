//! Symbolic memory of one arena, with values that refer to other values.
//!
//! A value is a segment of a *source*: of the bytes that the run computes for one tensor, or of a *composed*
//! value, which is a list of segments of other sources. So a concatenation costs the number of its inputs,
//! and not the number of origins that its bytes have. The origins are listed only if a check needs them.
//!
//! *State*, beside `M`:
//!
//! - `W`, the time of the last write to each address. The time rises between a check and the next write.
//! - for each composed value, an address `a` and a time `k`: at time `k`, the value was at `a`.
//!
//! *Query*: a range of addresses holds a segment of a composed value if the value was at its address at time
//! `k`, and `W` is at most `k` in the range. Otherwise, it holds the segment if it holds all parts of the
//! segment. If this shows nothing either, the origins of all bytes of the segment are compared with `M`.

use super::memory::{self, ContentMap, ContentSegment};
use crate::support::ids::TensorId;

/// The source of a segment of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueSource {
    /// The bytes that the run computes for a tensor.
    Computed(TensorId),
    /// A composed value, by its number.
    Composed(u32),
}

pub(super) type ValueSegment = ContentSegment<ValueSource>;

/// A value that is made of segments of other values.
struct ComposedValue {
    /// Ascending, without gaps.
    parts: Box<[ValueSegment]>,
    /// True if the value has a byte that is kept for the caller or for the next run.
    has_kept: bool,
    /// An address and a time at which the value was there.
    found: Option<(u64, u32)>,
}

/// The contents of an arena and the composed values.
pub(super) struct ArenaContents<K> {
    /// `M`.
    memory: ContentMap<TensorId>,
    /// `W`; absent if there are no composed values.
    writes: Option<LastWrites>,
    composed: Vec<ComposedValue>,
    time: u32,
    /// True if a composed value was found after the last write.
    has_found: bool,
    /// Returns true if the computed bytes of a tensor are kept for the caller or for the next run.
    is_kept: K,
}

impl<K: Fn(TensorId) -> bool> ArenaContents<K> {
    /// An arena without contents. `bounds` are the addresses at which written ranges start and end; without
    /// them, composed values are found only by their parts and origins.
    pub(super) fn new(bounds: Option<Vec<u64>>, is_kept: K) -> Self {
        let writes = bounds.map(LastWrites::new);
        Self {
            memory: ContentMap::default(),
            writes,
            composed: Vec::new(),
            time: 0,
            has_found: false,
            is_kept,
        }
    }

    /// The value with these parts, which are ascending and without gaps; `None` for a value without bytes.
    pub(super) fn compose(&mut self, parts: Vec<ValueSegment>) -> Option<ValueSegment> {
        if parts.len() <= 1 {
            return parts.first().copied();
        }
        let (from, end) = (parts[0].from, parts[parts.len() - 1].end);
        let has_kept = parts.iter().any(|part| self.has_kept(part));
        let number = self.composed.len() as u32;
        self.composed.push(ComposedValue { parts: parts.into(), has_kept, found: None });
        Some(ContentSegment { from, end, source: ValueSource::Composed(number), at: from })
    }

    /// Returns true if a byte of the segment is kept for the caller or for the next run.
    pub(super) fn has_kept(&self, segment: &ValueSegment) -> bool {
        let mut open = vec![*segment];
        while let Some(segment) = open.pop() {
            match segment.source {
                ValueSource::Computed(tensor) if (self.is_kept)(tensor) => return true,
                ValueSource::Composed(number) if self.composed[number as usize].has_kept => {
                    if self.is_whole(&segment) {
                        return true;
                    }
                    open.extend(self.parts(&segment));
                }
                _ => {}
            }
        }
        false
    }

    /// Returns true if the segment is all of its composed value.
    fn is_whole(&self, segment: &ValueSegment) -> bool {
        let ValueSource::Composed(number) = segment.source else { return false };
        let parts = &self.composed[number as usize].parts;
        segment.at == parts[0].from && segment.end - segment.from == parts[parts.len() - 1].end - segment.at
    }

    /// The parts of a segment at the positions of the segment; the segment itself if it is not composed.
    fn parts(&self, segment: &ValueSegment) -> impl DoubleEndedIterator<Item = ValueSegment> {
        let ContentSegment { from, end, source, at } = *segment;
        let (computed, parts) = match source {
            ValueSource::Computed(_) => (Some(*segment), &[][..]),
            ValueSource::Composed(number) => {
                let parts = &self.composed[number as usize].parts;
                (None, memory::meeting(parts, at, at + (end - from)))
            }
        };
        let cut = parts.iter().filter_map(move |part| part.within(at, at + (end - from)));
        let moved = cut.map(move |part| ContentSegment {
            from: from + (part.from - at),
            end: from + (part.end - at),
            ..part
        });
        computed.into_iter().chain(moved)
    }

    /// The origins of the bytes of a segment, ascending.
    fn origins(&self, segment: &ValueSegment) -> Vec<ContentSegment<TensorId>> {
        let (mut open, mut origins) = (vec![*segment], Vec::new());
        while let Some(segment) = open.pop() {
            match computed(&segment) {
                Some(origin) => origins.push(origin),
                None => open.extend(self.parts(&segment).rev()),
            }
        }
        origins
    }

    /// Makes the contents of `from..end` undefined.
    pub(super) fn clear(&mut self, from: u64, end: u64) {
        self.record_write(from, end);
        self.memory.clear(from, end);
    }

    /// Writes the bytes in `from..end` of a value that lies at the positions of the segment.
    pub(super) fn write(&mut self, segment: &ValueSegment, from: u64, end: u64) {
        let Some(segment) = segment.within(from, end) else { return };
        self.record_write(segment.from, segment.end);
        for origin in self.origins(&segment) {
            self.memory.write(origin);
        }
    }

    fn record_write(&mut self, from: u64, end: u64) {
        self.time += u32::from(std::mem::take(&mut self.has_found));
        if let Some(writes) = &mut self.writes {
            writes.record(from, end, self.time);
        }
    }

    /// The first position of a segment whose contents differ from the segment, and the tensor whose bytes
    /// are there, if any.
    pub(super) fn first_difference(&mut self, segment: &ValueSegment) -> Option<(u64, Option<TensorId>)> {
        let ValueSource::Composed(number) = segment.source else {
            return self.memory.first_difference(computed(segment));
        };
        if self.is_found(segment) {
            return None;
        }
        if !self.parts(segment).all(|part| self.is_found(&part)) {
            let difference = self.memory.first_difference(self.origins(segment));
            if difference.is_some() {
                return difference;
            }
        }
        if let Some(address) = segment.from.checked_sub(segment.at).filter(|_| self.is_whole(segment)) {
            self.composed[number as usize].found = Some((address, self.time));
            self.has_found = true;
        }
        None
    }

    /// Returns true if the positions of a segment hold it, by `M` for computed bytes, and by the last time
    /// for a composed value. False if the origins have to be compared.
    fn is_found(&self, segment: &ValueSegment) -> bool {
        let ValueSource::Composed(number) = segment.source else {
            return self.memory.first_difference(computed(segment)).is_none();
        };
        let Some((address, time)) = self.composed[number as usize].found else { return false };
        let Some(writes) = &self.writes else { return false };
        address.checked_add(segment.at) == Some(segment.from)
            && writes.latest(segment.from, segment.end) <= time
    }
}

/// The segment with its tensor as the source, if its bytes are computed.
fn computed(segment: &ValueSegment) -> Option<ContentSegment<TensorId>> {
    let ContentSegment { from, end, source, at } = *segment;
    let ValueSource::Computed(source) = source else { return None };
    Some(ContentSegment { from, end, source, at })
}

/// `W`: the time of the last write to each address. The addresses between neighbouring bounds are the leaves
/// of a binary tree, which is kept as an array: node `i` has the children `2i` and `2i + 1`.
struct LastWrites {
    /// Ascending.
    bounds: Vec<u64>,
    leaves: usize,
    /// By node: the time of the last write that covers the node, but not its parent.
    covering: Vec<u32>,
    /// By node: the time of the last write of those within the node.
    latest: Vec<u32>,
}

impl LastWrites {
    fn new(mut bounds: Vec<u64>) -> Self {
        bounds.extend([0, u64::MAX]);
        bounds.sort_unstable();
        bounds.dedup();
        bounds.shrink_to_fit();
        let leaves = bounds.len().next_power_of_two();
        Self { bounds, leaves, covering: vec![0; 2 * leaves], latest: vec![0; 2 * leaves] }
    }

    /// The leaves that contain `from..end`, which is not empty.
    fn leaves(&self, from: u64, end: u64) -> (usize, usize) {
        let first = self.bounds.partition_point(|&bound| bound <= from).saturating_sub(1);
        let end = self.bounds.partition_point(|&bound| bound < end);
        (first + self.leaves, end + self.leaves)
    }

    /// The nodes that make up a range of leaves.
    fn nodes((mut first, mut end): (usize, usize)) -> impl Iterator<Item = usize> {
        let levels = std::iter::from_fn(move || {
            if first >= end {
                return None;
            }
            let low = (first % 2 == 1).then_some(first);
            let high = (end % 2 == 1).then_some(end - 1);
            (first, end) = (first.div_ceil(2), end / 2);
            Some(low.into_iter().chain(high))
        });
        levels.flatten()
    }

    /// The nodes that contain the first or the last leaf of a range.
    fn ancestors((first, end): (usize, usize)) -> impl Iterator<Item = usize> {
        let above = |leaf: usize| {
            std::iter::successors(Some(leaf), |&node| Some(node / 2)).take_while(|&node| node > 0)
        };
        above(first).chain(above(end - 1))
    }

    /// Records a write at a time that is not before any recorded time.
    fn record(&mut self, from: u64, end: u64, time: u32) {
        if from >= end {
            return;
        }
        let range = self.leaves(from, end);
        for node in Self::nodes(range) {
            self.covering[node] = time;
            self.latest[node] = time;
        }
        for node in Self::ancestors(range) {
            self.latest[node] = time;
        }
    }

    /// The time of the last write to `from..end`; 0 if there is none.
    fn latest(&self, from: u64, end: u64) -> u32 {
        if from >= end {
            return 0;
        }
        let range = self.leaves(from, end);
        let within = Self::nodes(range).map(|node| self.latest[node]);
        let covering = Self::ancestors(range).map(|node| self.covering[node]);
        within.chain(covering).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
