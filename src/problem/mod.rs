//! Geometry: buffers with sizes and live ranges, to be placed at offsets.

mod bound;
mod choice;
mod infeasible;
mod objects;
mod solution;
mod status;

pub use bound::{LowerBound, lower_bound};
pub(crate) use bound::{bound_of_cells, bound_of_load};
pub use choice::Choice;
pub use infeasible::InfeasibleCore;
pub use objects::{Nesting, Objects};
pub use solution::Solution;
pub use status::Status;
pub(crate) use status::gap;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, FixedBuffer, Named, Result, Subject};
use crate::support::events::{Event, events, join_ranges};
use crate::support::ids::BufferId;
use crate::support::sorting::sort_by_keys;
use crate::support::text_list::TextList;

/// Half-open range of steps `[start, end)` at which the contents of a buffer are needed.
///
/// Example: [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LiveRange {
    /// First step.
    pub start: u32,
    /// Step after the last one.
    pub end: u32,
}

impl LiveRange {
    /// The pieces of the range between these gaps: one more than there are gaps.
    pub(crate) fn without(self, gaps: &[Self]) -> impl Iterator<Item = Self> + use<'_> {
        let starts = std::iter::once(self.start).chain(gaps.iter().map(|gap| gap.end));
        let ends = gaps.iter().map(|gap| gap.start).chain(std::iter::once(self.end));
        starts.zip(ends).map(|(start, end)| Self { start, end })
    }

    /// Returns whether the ranges have a common step.
    #[inline]
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Returns whether the range contains `step`.
    #[inline]
    #[must_use]
    pub fn contains(self, step: u32) -> bool {
        self.start <= step && step < self.end
    }

    /// Number of steps; 0 for a range that ends before it starts.
    #[must_use]
    pub fn steps(self) -> u32 {
        self.end.saturating_sub(self.start)
    }
}

impl From<Range<u32>> for LiveRange {
    fn from(range: Range<u32>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

impl fmt::Display for LiveRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A rectangle of a [`Problem`]: its width is the live range, its height the size. A strategy
/// chooses the offset, unless it is fixed. A buffer with gaps is several rectangles at one
/// offset.
///
/// Example: [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    size: u64,
    live: LiveRange,
    alignment: u64,
    fixed_offset: Option<u64>,
    gaps: Box<[LiveRange]>,
}

impl Buffer {
    /// Creates a buffer of `size` bytes that is live in the given half-open range of steps, with
    /// alignment 1 and without a fixed offset.
    #[must_use]
    pub fn new(size: u64, live: impl Into<LiveRange>) -> Self {
        Self { size, live: live.into(), alignment: 1, fixed_offset: None, gaps: Box::default() }
    }

    /// Requires the offset to be a multiple of `alignment`, a power of two.
    #[must_use]
    pub fn align(mut self, alignment: u64) -> Self {
        self.alignment = alignment;
        self
    }

    /// Fixes the offset.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.fixed_offset = Some(offset);
        self
    }

    /// Adds a gap: steps at which other buffers may use the memory. After the gap, the buffer is
    /// live again at its offset, with new contents. A gap must lie strictly inside the live range
    /// and must not touch another gap.
    #[must_use]
    pub fn gap(mut self, steps: impl Into<LiveRange>) -> Self {
        let mut gaps = std::mem::take(&mut self.gaps).into_vec();
        gaps.push(steps.into());
        self.with_gaps(gaps)
    }

    /// Replaces all gaps; they may be given in any order.
    #[must_use]
    pub fn with_gaps<R: Into<LiveRange>>(mut self, gaps: impl IntoIterator<Item = R>) -> Self {
        let mut gaps: Vec<LiveRange> = gaps.into_iter().map(Into::into).collect();
        sort_by_keys(&mut gaps, |gap| [gap.start.into(), 0]);
        self.gaps = gaps.into();
        self
    }

    /// Size in bytes, possibly 0.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Live range from the first to the last step, gaps included.
    #[inline]
    #[must_use]
    pub fn live(&self) -> LiveRange {
        self.live
    }

    /// Gaps in ascending order.
    #[inline]
    #[must_use]
    pub fn gaps(&self) -> &[LiveRange] {
        &self.gaps
    }

    /// Pieces of the live range between its gaps: one more than there are gaps.
    pub fn pieces(&self) -> impl Iterator<Item = LiveRange> + '_ {
        self.live.without(&self.gaps)
    }

    /// Returns whether the buffer is live at `step`, gaps excluded.
    #[must_use]
    pub fn is_live_at(&self, step: u32) -> bool {
        self.live.contains(step) && !self.gaps.iter().any(|gap| gap.contains(step))
    }

    /// Alignment in bytes: a power of two that divides the offset.
    #[inline]
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Fixed offset, if any.
    #[inline]
    #[must_use]
    pub fn fixed_offset(&self) -> Option<u64> {
        self.fixed_offset
    }
}

impl Buffer {
    /// First gap that is empty, not strictly inside the live range, or touching the gap before.
    fn first_invalid_gap(&self) -> Option<LiveRange> {
        let mut before = self.live.start;
        self.gaps.iter().copied().find(|gap| {
            let is_invalid = gap.start <= before || gap.start >= gap.end || gap.end >= self.live.end;
            before = gap.end;
            is_invalid
        })
    }
}

/// Input of offset allocation: buffers, and optionally a capacity and reserved ranges.
///
/// ```
/// use plimsoll::{Buffer, Planner, Problem};
///
/// let buffers = vec![Buffer::new(100, 0..2), Buffer::new(60, 1..4), Buffer::new(40, 2..4)];
/// let solution = Planner::new().solve(&Problem::new(buffers)?)?;
/// assert_eq!(solution.height, 160);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    // Never modified, so clones with another capacity or other reserved ranges share them.
    buffers: Arc<[Buffer]>,
    names: Arc<TextList>,
    capacity: Option<u64>,
    reserved: Vec<Range<u64>>,
    /// By buffer: a suggested offset. Empty without hints.
    hints: Arc<[Option<u64>]>,
}

impl Problem {
    /// Checks the buffers and creates a problem. Buffer `i` of the list gets id `i`.
    ///
    /// O(n log n) time.
    ///
    /// # Errors
    /// The first error found: [`Error::EmptyLiveRange`], [`Error::Gap`], [`Error::Alignment`],
    /// [`Error::FixedMisaligned`], [`Error::FixedOverlap`],
    /// [`Error::TotalOverflow`], [`Error::TooMany`].
    pub fn new(buffers: Vec<Buffer>) -> Result<Self> {
        Self::named(buffers, Vec::new())
    }

    /// Like [`new`](Self::new), with the names of the buffers for messages. Empty `names` count as
    /// no names.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`Error::NameCount`].
    pub fn named(buffers: Vec<Buffer>, names: Vec<String>) -> Result<Self> {
        Self::with_names(buffers, names.into_iter().collect())
    }

    /// Like [`named`](Self::named), with names that are in a list already.
    pub(crate) fn with_names(buffers: Vec<Buffer>, names: TextList) -> Result<Self> {
        if buffers.len() >= BufferId::MAX_COUNT {
            return Err(Error::TooMany { what: "buffers", max: BufferId::MAX_COUNT - 1 });
        }
        if !names.is_empty() && names.len() != buffers.len() {
            return Err(Error::NameCount { expected: buffers.len(), got: names.len() });
        }
        let (buffers, names) = (buffers.into(), Arc::new(names));
        let hints = Arc::default();
        let problem = Self { buffers, names, capacity: None, reserved: Vec::new(), hints };
        problem.check_each()?;
        problem.check_total()?;
        problem.check_fixed()?;
        Ok(problem)
    }

    /// Sets or removes the capacity in bytes.
    #[must_use]
    pub fn with_capacity(mut self, bytes: Option<u64>) -> Self {
        self.capacity = bytes;
        self
    }

    /// Replaces the reserved ranges: bytes of the arena that no buffer may use. The height of an
    /// arena includes the reserved ranges below its topmost buffer.
    ///
    /// O((n + r) log (n + r)) time.
    ///
    /// # Errors
    /// [`Error::Reserved`] for an empty range, [`Error::FixedReserved`] if a fixed buffer overlaps a
    /// range, [`Error::TotalOverflow`].
    pub fn with_reserved(mut self, ranges: impl IntoIterator<Item = Range<u64>>) -> Result<Self> {
        let mut ranges: Vec<(u64, u64)> = ranges.into_iter().map(|range| (range.start, range.end)).collect();
        if let Some(&(start, end)) = ranges.iter().find(|range| range.0 >= range.1) {
            return Err(Error::Reserved { start, end });
        }
        join_ranges(&mut ranges);
        self.reserved = ranges.into_iter().map(|(start, end)| start..end).collect();
        self.check_total()?;
        self.check_reserved()?;
        Ok(self)
    }

    /// Replaces the hints: an offset that each buffer should have if the arena is no larger for it, such as that
    /// in an earlier solution. Buffers without an entry have none. The strategies `auto` and `exact` of
    /// [`Planner::solve`](crate::Planner::solve) start from the hints, and keep them if no smaller arena is found;
    /// other strategies ignore them.
    #[must_use]
    pub fn with_hints(mut self, hints: impl IntoIterator<Item = Option<u64>>) -> Self {
        let hints: Vec<Option<u64>> = hints.into_iter().take(self.buffers.len()).collect();
        self.hints = if hints.iter().any(Option::is_some) { hints.into() } else { Arc::default() };
        self
    }

    /// The hint of a buffer, if there is one.
    #[must_use]
    pub fn hint(&self, id: BufferId) -> Option<u64> {
        self.hints.get(id.index()).copied().flatten()
    }

    /// True if a buffer has a hint.
    pub(crate) fn has_hints(&self) -> bool {
        !self.hints.is_empty()
    }

    /// Reserved ranges, ascending and disjoint; adjacent ones are joined.
    #[must_use]
    pub fn reserved(&self) -> &[Range<u64>] {
        &self.reserved
    }

    /// Buffers by id.
    #[inline]
    #[must_use]
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// The buffer with this id.
    ///
    /// # Panics
    /// If the id does not belong to this problem.
    #[inline]
    #[must_use]
    pub fn buffer(&self, id: BufferId) -> &Buffer {
        &self.buffers[id.index()]
    }

    /// Ids of all buffers, ascending.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = BufferId> + use<> {
        (0..self.buffers.len()).map(BufferId::new)
    }

    /// All buffers with their ids.
    ///
    /// ```
    /// use plimsoll::{Buffer, Problem};
    ///
    /// let problem = Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(4, 1..3)])?;
    /// let sizes: Vec<_> = problem.iter().map(|(id, buffer)| (id.index(), buffer.size())).collect();
    /// assert_eq!(sizes, [(0, 8), (1, 4)]);
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (BufferId, &Buffer)> {
        self.buffers.iter().enumerate().map(|(index, buffer)| (BufferId::new(index), buffer))
    }

    /// Ids of the buffers of positive size, ascending. Others overlap nothing.
    pub(crate) fn filled(&self) -> impl Iterator<Item = BufferId> + '_ {
        self.ids().filter(|&id| self.buffer(id).size > 0)
    }

    /// Ids of the buffers that a strategy places, ascending: those of positive size without a fixed offset.
    pub(crate) fn movable(&self) -> Vec<BufferId> {
        self.filled().filter(|&id| self.buffer(id).fixed_offset.is_none()).collect()
    }

    /// The fixed offset of each buffer, or 0.
    pub(crate) fn fixed_offsets(&self) -> Vec<u64> {
        self.buffers.iter().map(|buffer| buffer.fixed_offset.unwrap_or(0)).collect()
    }

    /// Height of the arena that these offsets need: the end of the topmost buffer.
    pub(crate) fn height(&self, offsets: &[u64]) -> u64 {
        let ends =
            self.buffers.iter().zip(offsets).map(|(buffer, offset)| offset.saturating_add(buffer.size));
        ends.max().unwrap_or(0)
    }

    /// Capacity in bytes, if there is one.
    #[must_use]
    pub fn capacity(&self) -> Option<u64> {
        self.capacity
    }

    /// Name of a buffer, or its number if it has no name.
    #[must_use]
    pub fn name(&self, id: BufferId) -> String {
        self.names.get(id.index()).map_or_else(|| id.to_string(), str::to_owned)
    }

    /// Describes a buffer for messages: name, size, offset and live range.
    #[must_use]
    pub fn describe(&self, id: BufferId, offset: u64) -> String {
        let buffer = self.buffer(id);
        format!("`{}` ({} bytes at {offset}, live {})", self.name(id), buffer.size, buffer.live)
    }

    /// The id and the name of a buffer, for errors.
    pub(crate) fn named_buffer(&self, id: BufferId) -> Named<BufferId> {
        Named::new(id, self.name(id))
    }

    fn fixed_buffer(&self, id: BufferId, offset: u64) -> FixedBuffer {
        let Buffer { size, live, .. } = *self.buffer(id);
        FixedBuffer { buffer: self.named_buffer(id), bytes: size, offset, live: live.start..live.end }
    }

    fn check_each(&self) -> Result<()> {
        for (id, buffer) in self.iter() {
            let LiveRange { start, end } = buffer.live;
            if start >= end {
                return Err(Error::EmptyLiveRange { buffer: self.named_buffer(id), start, end });
            }
            if let Some(gap) = buffer.first_invalid_gap() {
                let (buffer, live) = (self.named_buffer(id), buffer.live.start..buffer.live.end);
                return Err(Error::Gap { buffer, gap: gap.start..gap.end, live });
            }
            let alignment = buffer.alignment;
            if !alignment.is_power_of_two() {
                return Err(Error::Alignment { subject: Subject::Buffer(self.named_buffer(id)), alignment });
            }
            if let Some(offset) = buffer.fixed_offset
                && offset % alignment != 0
            {
                let subject = Subject::Buffer(self.named_buffer(id));
                return Err(Error::FixedMisaligned { subject, offset, alignment });
            }
        }
        Ok(())
    }

    /// Checks that no offset computed by a strategy can overflow. Every such offset is the end of
    /// a stack of buffers and padding, possibly on top of a fixed buffer or a reserved range, so
    /// the sum of all these bounds it, and inner loops need no checks.
    fn check_total(&self) -> Result<()> {
        let fixed = self.buffers.iter().filter_map(|buffer| buffer.fixed_offset);
        let reserved = self.reserved.last().map_or(0, |range| range.end);
        let mut total: u64 = fixed.max().unwrap_or(0).max(reserved);
        for (id, buffer) in self.iter() {
            let overflow = || Error::TotalOverflow {
                buffer: self.named_buffer(id),
                bytes: buffer.size,
                alignment: buffer.alignment,
            };
            for part in [buffer.alignment - 1, buffer.size] {
                total = total.checked_add(part).ok_or_else(overflow)?;
            }
        }
        Ok(())
    }

    fn check_reserved(&self) -> Result<()> {
        for id in self.filled() {
            let buffer = self.buffer(id);
            let Some(offset) = buffer.fixed_offset else { continue };
            let index = self.reserved.partition_point(|range| range.end <= offset);
            if let Some(range) = self.reserved.get(index).filter(|range| range.start < offset + buffer.size) {
                let buffer = self.fixed_buffer(id, offset);
                return Err(Error::FixedReserved { buffer, start: range.start, end: range.end });
            }
        }
        Ok(())
    }

    fn check_fixed(&self) -> Result<()> {
        let placed = self.filled().filter_map(|id| Some((id, self.buffer(id).fixed_offset?)));
        let clash = first_overlap(placed.flat_map(|(id, offset)| {
            let buffer = self.buffer(id);
            buffer.pieces().map(move |piece| (id, offset, offset + buffer.size, piece))
        }));
        match clash {
            None => Ok(()),
            Some((first, second)) => {
                let at = |id: BufferId| self.fixed_buffer(id, self.buffer(id).fixed_offset.unwrap_or(0));
                Err(Error::FixedOverlap { first: at(first), second: at(second) })
            }
        }
    }
}

/// Finds a pair of rectangles that overlap in time and space, by a sweep over time with the live
/// rectangles sorted by offset.
fn first_overlap(
    rectangles: impl Iterator<Item = (BufferId, u64, u64, LiveRange)>,
) -> Option<(BufferId, BufferId)> {
    use std::collections::BTreeMap;

    let rectangles: Vec<_> = rectangles.collect();
    let mut live: BTreeMap<u64, (u64, BufferId)> = BTreeMap::new();
    for Event { starts, range, .. } in events(rectangles.iter().map(|&(.., piece)| (piece.start, piece.end)))
    {
        let (id, offset, end, _) = rectangles[range];
        if !starts {
            live.remove(&offset);
            continue;
        }
        let below = live.range(..end).next_back();
        if let Some((_, &(top, other))) = below
            && top > offset
        {
            return Some((other, id));
        }
        live.insert(offset, (end, id));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_buffer() {
        let named = |buffer| Problem::named(vec![buffer], vec!["conv1".into()]).unwrap_err().to_string();
        assert_eq!(
            named(Buffer::new(8, 5..5)),
            "buffer `conv1`: live range 5..5 is empty (ranges are half-open)"
        );
        assert_eq!(
            named(Buffer::new(8, 0..1).align(12)),
            "buffer `conv1`: alignment 12 is not a power of two"
        );
        assert_eq!(named(Buffer::new(8, 0..1).align(0)), "buffer `conv1`: alignment 0 is not a power of two");
        assert_eq!(
            named(Buffer::new(8, 0..1).align(16).at(24)),
            "buffer `conv1` is fixed at 24, which is not a multiple of its alignment 16"
        );
    }

    #[test]
    fn fixed_buffers_may_not_overlap() {
        let buffers = vec![Buffer::new(64, 0..4).at(32), Buffer::new(16, 3..5).at(80)];
        let text = Problem::new(buffers).unwrap_err().to_string();
        assert_eq!(
            text,
            "buffer `0` (64 bytes at 32, live 0..4) is fixed over buffer `1` (16 bytes at 80, live 3..5)"
        );
        let apart = vec![Buffer::new(64, 0..4).at(32), Buffer::new(16, 4..5).at(80)];
        assert!(Problem::new(apart).is_ok());
    }

    #[test]
    fn totals_stay_below_64_bits() {
        assert!(Problem::new(vec![Buffer::new(u64::MAX, 0..1)]).is_ok());
        let two = vec![Buffer::new(u64::MAX, 0..1), Buffer::new(1, 1..2)];
        assert!(matches!(Problem::new(two), Err(Error::TotalOverflow { bytes: 1, .. })));
        let fixed = vec![Buffer::new(2, 0..1).at(u64::MAX - 1)];
        assert!(matches!(Problem::new(fixed), Err(Error::TotalOverflow { .. })));
    }
}
