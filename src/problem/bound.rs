//! Lower bounds on the arena, with the buffers that cause them.

use crate::problem::{Buffer, LiveRange, Problem};
use crate::support::events::{Event, events};
use crate::support::ids::BufferId;
use crate::support::sorting::unique;

/// A lower bound on the arena, with a certificate.
///
/// The certificate of `certified` can be checked by hand: all `buffers` are live at `step`, so
/// they lie on top of each other in some order. Let `a` be the smallest of their alignments. Each
/// buffer occupies a multiple of `a` bytes, except the topmost one, whose padding is outside the
/// arena. For a single buffer with a fixed offset, the arena reaches at least to its end. Reserved
/// ranges that the stack reaches add whole multiples of `a`, where `a` may be any power of two
/// that divides all alignments.
///
/// Example: [`lower_bound`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LowerBound {
    /// Lower bound in bytes.
    pub bytes: u64,
    /// Lower bound in bytes that `buffers` certify. If `bytes` is larger, an exhaustive search has
    /// proven the difference, for which there is no short certificate.
    pub certified: u64,
    /// A step at which all `buffers` are live.
    pub step: u32,
    /// Buffers of the certificate, ascending by id.
    pub buffers: Vec<BufferId>,
}

/// Computes a lower bound: the maximum load over time with padding, or the end of the highest
/// fixed buffer.
///
/// For each alignment `a` in use, the buffers aligned to `a` or more that are live at one step
/// occupy `sum(size rounded up to a) - largest padding` bytes. The bound is the maximum over all
/// steps and alignments. With alignment 1 it is the load (Garey & Johnson, SR2).
///
/// O(k n log n) time for k distinct alignments, O(n) space.
///
/// ```
/// use plimsoll::{Buffer, Problem, lower_bound};
///
/// let bound = lower_bound(&Problem::new(vec![Buffer::new(8, 0..2), Buffer::new(4, 1..3)])?);
/// assert_eq!((bound.bytes, bound.step, bound.buffers.len()), (12, 1, 2));
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[must_use]
pub fn lower_bound(problem: &Problem) -> LowerBound {
    let mut best = highest_fixed(problem);
    for alignment in alignments(problem) {
        let (bytes, step) = stacked_load(problem, alignment);
        if bytes > best.bytes {
            best = LowerBound { bytes, certified: bytes, step, buffers: Vec::new() };
            let live = problem.ids().filter(|&id| {
                let buffer = problem.buffer(id);
                buffer.size() > 0 && buffer.alignment() >= alignment && buffer.is_live_at(step)
            });
            best.buffers.extend(live);
        }
    }
    best
}

/// Lower bound of a problem in which at least `bytes` bytes are live at some step. It counts the
/// smallest alignment, the reserved ranges and the highest fixed buffer.
pub(crate) fn bound_of_load(problem: &Problem, bytes: u64) -> u64 {
    let unit = alignments(problem).first().copied().unwrap_or(1);
    // `bytes` may lack the padding `p` of the topmost buffer, unlike the load `x` in `stacked_load`.
    // That is sound, since lifted(x - p) <= lifted(x) - p.
    lifted(problem, bytes, unit).max(highest_fixed(problem).bytes)
}

/// Lower bound of a problem in which buffers that occupy `bytes` bytes in whole cells of `cell` bytes
/// are live at some step. The topmost buffer may leave `padding` bytes of its last cell free.
///
/// Reserved ranges count in the same cells: padding may lie in a reserved range, so a range that is
/// smaller than a cell need not raise the stack.
pub(crate) fn bound_of_cells(problem: &Problem, bytes: u64, padding: u64, cell: u64) -> u64 {
    lifted(problem, bytes, cell) - padding
}

fn highest_fixed(problem: &Problem) -> LowerBound {
    let mut best = LowerBound::default();
    for (id, buffer) in problem.iter() {
        if let Some(offset) = buffer.fixed_offset()
            && offset + buffer.size() > best.bytes
        {
            let bytes = offset + buffer.size();
            best = LowerBound { bytes, certified: bytes, step: buffer.live().start, buffers: vec![id] };
        }
    }
    best
}

/// Distinct alignments of buffers of positive size, ascending.
fn alignments(problem: &Problem) -> Vec<u64> {
    let filled = problem.buffers().iter().filter(|buffer| buffer.size() > 0);
    unique(filled.map(Buffer::alignment))
}

/// The step with the largest load of buffers aligned to `alignment` or more, and that load with
/// the padding between the buffers.
fn stacked_load(problem: &Problem, alignment: u64) -> (u64, u32) {
    let counts = |buffer: &&Buffer| buffer.size() > 0 && buffer.alignment() >= alignment;
    let counted = problem.buffers().iter().filter(counts);
    let pieces: Vec<(LiveRange, u64)> =
        counted.flat_map(|buffer| buffer.pieces().map(|piece| (piece, buffer.size()))).collect();
    let mut load: u64 = 0;
    let mut paddings = LivePaddings::default();
    let mut best = (0, 0);
    for Event { step, starts, range } in events(pieces.iter().map(|(piece, _)| (piece.start, piece.end))) {
        let size = pieces[range].1;
        let padding = padding(size, alignment);
        if !starts {
            load -= size + padding;
            paddings.remove(padding);
            continue;
        }
        load += size + padding;
        paddings.add(padding);
        let stacked = lifted(problem, load, alignment) - paddings.largest();
        if stacked > best.0 {
            best = (stacked, step);
        }
    }
    best
}

/// Lowest end of `bytes` bytes that are distributed over the arena outside the reserved ranges.
/// A cell of `alignment` bytes counts as reserved if all of it is.
fn lifted(problem: &Problem, bytes: u64, alignment: u64) -> u64 {
    let mut end = bytes;
    for range in problem.reserved() {
        let (first, last) = (range.start + padding(range.start, alignment), range.end & !(alignment - 1));
        if range.start >= end {
            break;
        }
        if first < end {
            end += last.saturating_sub(first);
        }
    }
    end
}

fn padding(size: u64, alignment: u64) -> u64 {
    size.wrapping_neg() & (alignment - 1)
}

/// Multiset of the paddings of live buffers, without zeros.
#[derive(Default)]
struct LivePaddings(std::collections::BTreeMap<u64, u32>);

impl LivePaddings {
    fn add(&mut self, padding: u64) {
        if padding > 0 {
            *self.0.entry(padding).or_insert(0) += 1;
        }
    }

    fn remove(&mut self, padding: u64) {
        if let Some(count) = self.0.get_mut(&padding) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&padding);
            }
        }
    }

    fn largest(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(&padding, _)| padding)
    }
}
