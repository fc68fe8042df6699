//! Offsets for items that are not rectangles: rigid groups of buffers at fixed distances, and
//! pairs of buffers that may partially overlap.
//!
//! An item is called a *shape*. Its *frame* is the bounding buffer: size, alignment and fixed
//! offset of the shape as a whole. Its pieces are the rectangles that it occupies.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;

use crate::problem::{Buffer, LiveRange, Problem};
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Stop};
use crate::support::random::{AsItIs, Keys, Random};
use crate::support::rows::Rows;
use crate::support::sorting::{sort_by_keys, unique};

/// Maximum number of conflicts between pieces.
const MAX_CONFLICTS: usize = 4_000_000;

/// Maximum number of pairs of live pieces that are tested for conflicts: a tenth of a second.
const MAX_TESTED_PAIRS: usize = 30_000_000;

/// Steps of a pair of pieces, and of a conflict that is sorted among others.
const WORK_OF_A_PAIR: usize = 4;
const WORK_OF_A_CONFLICT: usize = 8;

/// Maximum number of shapes for the exhaustive search.
const MAX_EXHAUSTIVE: usize = 12;

/// Maximum number of offsets above one shape that the exhaustive search tries.
const MAX_OFFSETS: u64 = 256;

/// Budget for finding lower offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackingEffort {
    /// Nodes of the exhaustive search.
    nodes: u64,
    /// Work of the local search, in conflicts visited.
    work: u64,
}

impl PackingEffort {
    /// A few milliseconds.
    pub(crate) const QUICK: Self = Self { nodes: 10_000, work: 2_000_000 };
    /// A fraction of a second.
    pub(crate) const FULL: Self = Self { nodes: 200_000, work: 40_000_000 };
}

/// One rectangle of a shape: a contiguous piece of the live range of one buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) shape: u32,
    /// Byte range within the shape: `from..end`.
    pub(crate) from: u64,
    pub(crate) end: u64,
    pub(crate) live: LiveRange,
    /// The buffer that occupies the piece.
    pub(crate) buffer: BufferId,
}

/// A permitted partial overlap: the end of `lower` may reach `bytes` bytes into `upper`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) lower: BufferId,
    pub(crate) upper: BufferId,
    pub(crate) bytes: u64,
}

/// A range of forbidden distances: the offset of the row's shape minus that of `other` must not be
/// strictly between `above` and `below`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ForbiddenRange {
    other: u32,
    above: i64,
    below: i64,
}

/// Shapes to pack, with their conflicts; the frames are the buffers of a problem.
pub(crate) struct Shapes<'a> {
    frames: &'a Problem,
    /// By shape.
    conflicts: Rows<ForbiddenRange>,
}

/// Result of packing.
pub(crate) struct Packed {
    pub(crate) offsets: Vec<u64>,
    pub(crate) height: u64,
    /// True if the height is proven minimal, or at most the sufficient height.
    pub(crate) is_least: bool,
    pub(crate) nodes: u64,
    pub(crate) stop: Stop,
}

/// A key for a pair of shapes, another one for each pair, whose bits are mixed.
fn pair_key(first: u32, second: u32) -> u128 {
    let pair = u64::from(first) << 32 | u64::from(second);
    u128::from(pair.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32))
}

impl<'a> Shapes<'a> {
    /// Computes the conflicts; `None` if there are too many or sizes are too large.
    pub(crate) fn new(
        frames: &'a Problem,
        pieces: &[Piece],
        reaches: &[Reach],
        budget: &mut Budget<'_>,
    ) -> Result<Option<Self>, Stop> {
        let sizes =
            frames.buffers().iter().map(|frame| u128::from(frame.size()) + u128::from(frame.alignment()));
        let fixed = frames.buffers().iter().filter_map(Buffer::fixed_offset).max().unwrap_or(0);
        let reserved = frames.reserved().last().map_or(0, |range| range.end);
        if sizes.sum::<u128>() + u128::from(fixed) + u128::from(reserved) > 1 << 60 {
            return Ok(None);
        }
        // A sweep over the pieces by start finds all pairs of pieces that are live at the same time.
        // Each pair forbids an interval of distances between the two shapes, reduced by permitted
        // overlaps.
        let reaches = Reaches::new(reaches);
        let mut order: Vec<u32> = (0..pieces.len() as u32).collect();
        sort_by_keys(&mut order, |&piece| [pieces[piece as usize].live.start.into(), 0]);
        let mut rows: Vec<Vec<ForbiddenRange>> = vec![Vec::new(); frames.buffers().len()];
        // Pieces of two shapes often forbid the same distances again and again. The last range of each
        // pair of shapes is extended in place, so that rows stay short.
        let mut last_range: HashMap<u128, u32, BuildHasherDefault<AsItIs>> = HashMap::default();
        let mut live: Vec<u32> = Vec::new();
        let (mut count, mut tested) = (0, 0);
        for number in order {
            let piece = &pieces[number as usize];
            // Live pieces of the same shape are visited below without counting as conflicts.
            tested += live.len();
            if tested > MAX_TESTED_PAIRS {
                return Ok(None);
            }
            budget.work(WORK_OF_A_PAIR * (1 + live.len()))?;
            live.retain(|&other| pieces[other as usize].live.end > piece.live.start);
            for &other in &live {
                let other = &pieces[other as usize];
                if other.shape == piece.shape {
                    continue;
                }
                count += 2;
                if count > MAX_CONFLICTS {
                    return Ok(None);
                }
                let above = other.from.cast_signed() - piece.end.cast_signed() + reaches.of(piece, other);
                let below = other.end.cast_signed() - piece.from.cast_signed() - reaches.of(other, piece);
                if above >= below - 1 {
                    continue;
                }
                // Each pair is recorded once, in the row of the shape with the smaller number.
                let mut range = ForbiddenRange { other: other.shape, above, below };
                let mut shape = piece.shape;
                if other.shape < shape {
                    range = ForbiddenRange { other: shape, above: -below, below: -above };
                    shape = other.shape;
                }
                let row = &mut rows[shape as usize];
                match last_range.entry(pair_key(shape, range.other)) {
                    Entry::Occupied(mut last) => {
                        let known = &mut row[*last.get() as usize];
                        if known.above < range.below && range.above < known.below {
                            known.above = known.above.min(range.above);
                            known.below = known.below.max(range.below);
                        } else {
                            last.insert(row.len() as u32);
                            row.push(range);
                        }
                    }
                    Entry::Vacant(slot) => {
                        slot.insert(row.len() as u32);
                        row.push(range);
                    }
                }
            }
            if piece.from < piece.end {
                live.push(number);
            }
        }
        let mut conflicts = Rows::default();
        for mut row in both_ways(rows) {
            budget.work(WORK_OF_A_CONFLICT * (1 + row.len()))?;
            sort_by_keys(&mut row, |range| [range.other.into(), (range.above + (1 << 62)).cast_unsigned()]);
            // Overlapping intervals of one pair of shapes are joined, so a row has disjoint intervals
            // in order.
            row.dedup_by(|next, last| {
                let meet = next.other == last.other && next.above < last.below;
                if meet {
                    last.below = last.below.max(next.below);
                }
                meet
            });
            conflicts.push(row);
        }
        Ok(Some(Self { frames, conflicts }))
    }

    fn row(&self, shape: u32) -> &[ForbiddenRange] {
        self.conflicts.row(shape)
    }

    fn count(&self) -> usize {
        self.conflicts.count() as usize
    }

    fn frame(&self, shape: u32) -> &'a Buffer {
        self.frames.buffer(BufferId::new(shape as usize))
    }

    /// Lowest offset of a shape of at least `from`, given the offsets of placed shapes. Fixed
    /// shapes return their fixed offset.
    fn lowest(&self, shape: u32, from: u64, offsets: &[Option<u64>], blocked: &mut Vec<(i64, i64)>) -> u64 {
        let frame = self.frame(shape);
        if let Some(fixed) = frame.fixed_offset() {
            return fixed;
        }
        blocked.clear();
        for conflict in self.row(shape) {
            if let Some(offset) = offsets[conflict.other as usize] {
                blocked.push((offset.cast_signed() + conflict.above, offset.cast_signed() + conflict.below));
            }
        }
        let size = frame.size().cast_signed();
        blocked.extend(
            self.frames
                .reserved()
                .iter()
                .map(|range| (range.start.cast_signed() - size, range.end.cast_signed())),
        );
        blocked.sort_unstable();
        let mut offset = from.next_multiple_of(frame.alignment()).cast_signed();
        for &(above, below) in &*blocked {
            if above >= offset {
                break;
            }
            if below > offset {
                offset = below.cast_unsigned().next_multiple_of(frame.alignment()).cast_signed();
            }
        }
        offset.cast_unsigned()
    }

    /// Places shapes in an order, each as low as possible, fixed ones first. Returns the height.
    ///
    /// # Errors
    /// The reason for stopping; some shapes then have no offsets.
    fn place(
        &self,
        order: &[u32],
        offsets: &mut [Option<u64>],
        blocked: &mut Vec<(i64, i64)>,
        budget: &mut Budget<'_>,
    ) -> Result<u64, Stop> {
        offsets.fill(None);
        let mut height = 0;
        for fixed in [true, false] {
            let is_next = |&&shape: &&u32| self.frame(shape).fixed_offset().is_some() == fixed;
            for &shape in order.iter().filter(is_next) {
                budget.work(WORK_OF_A_CONFLICT * (1 + self.row(shape).len()))?;
                let offset = self.lowest(shape, 0, offsets, blocked);
                offsets[shape as usize] = Some(offset);
                height = height.max(offset + self.frame(shape).size());
            }
        }
        Ok(height)
    }

    /// Packs the shapes, starting from known offsets, until the height is at most `sufficient`.
    pub(crate) fn pack(
        &self,
        initial: &[u64],
        sufficient: u64,
        effort: PackingEffort,
        budget: &mut Budget<'_>,
    ) -> Packed {
        let mut best = Packed::stopped(initial, self.frames, Stop::Finished);
        // Phase 1: greedy placement in five orders, then local search over orders. Phase 2: with few
        // shapes, an exhaustive search with a node limit of its own.
        let before = budget.nodes();
        if let Err(stop) = self.improve(&mut best, sufficient, effort.work, budget) {
            best.stop = stop;
        } else if best.height > sufficient && self.count() <= MAX_EXHAUSTIVE {
            let mut search_budget = budget.of_question(effort.nodes);
            match Exhaustive::new(self, &mut best).run(&mut search_budget) {
                Ok(done) => best.is_least = done,
                // Only the node limit of this search was reached, not that of the caller.
                Err(Stop::Nodes) if search_budget.nodes() < budget.remaining() => {}
                Err(stop) => best.stop = stop,
            }
            budget.start_at(budget.nodes() + search_budget.nodes());
        }
        best.is_least |= best.height <= sufficient;
        best.nodes = budget.nodes() - before;
        best
    }

    /// Searches for offsets below a height. The flag says that the search was complete: then
    /// the offsets are minimal, or without offsets, none exist.
    pub(crate) fn below(
        &self,
        height: u64,
        budget: &mut Budget<'_>,
    ) -> Result<(Option<Vec<u64>>, bool), Stop> {
        let mut best =
            Packed { offsets: Vec::new(), height, is_least: false, nodes: 0, stop: Stop::Finished };
        let done = Exhaustive::new(self, &mut best).run(budget)?;
        Ok(((best.height < height).then_some(best.offsets), done))
    }

    fn improve(
        &self,
        best: &mut Packed,
        sufficient: u64,
        mut left: u64,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        let (mut offsets, mut blocked) = (vec![None; self.count()], Vec::new());
        let cost = self.conflicts.len() as u64 + 8 * self.count() as u64;
        let mut current: Option<(u64, Vec<u32>)> = None;
        for order in self.orders(&best.offsets) {
            budget.spend(1)?;
            left = left.saturating_sub(cost);
            let height = self.place(&order, &mut offsets, &mut blocked, budget)?;
            best.offer(height, &offsets);
            if best.height <= sufficient {
                return Ok(());
            }
            if current.as_ref().is_none_or(|current| height < current.0) {
                current = Some((height, order));
            }
        }
        // Local search: the order changes by one move at a time, and a change is kept if the height
        // does not rise.
        let Some((mut height, mut order)) = current else { return Ok(()) };
        let mut random = Random::new(self.count() as u64);
        let mut highest: Vec<u32> = Vec::new();
        while left >= cost && order.len() > 1 {
            budget.spend(1)?;
            left -= cost;
            // The offsets may belong to an order that was rejected, so they are computed again.
            self.place(&order, &mut offsets, &mut blocked, budget)?;
            highest.clear();
            let is_highest = |&shape: &u32| {
                offsets[shape as usize].is_some_and(|offset| offset + self.frame(shape).size() == height)
            };
            highest.extend(order.iter().copied().filter(is_highest));
            let mut tries = 0;
            let before = order.clone();
            loop {
                // Moves one of the highest shapes, or one of its conflicts, to an earlier position.
                let mut moved = highest[random.below(highest.len())];
                let row = self.row(moved);
                if !row.is_empty() && random.below(3) == 0 {
                    moved = row[random.below(row.len())].other;
                }
                let position = order.iter().position(|&shape| shape == moved).unwrap_or(0);
                let to = random.below(position + 1);
                order[to..=position].rotate_right(1);
                budget.spend(1)?;
                left = left.saturating_sub(cost);
                let new_height = self.place(&order, &mut offsets, &mut blocked, budget)?;
                if new_height <= height {
                    height = new_height;
                    best.offer(height, &offsets);
                    break;
                }
                order.clone_from(&before);
                tries += 1;
                if left < cost || tries > 4 * self.count() {
                    return Ok(());
                }
            }
            if best.height <= sufficient {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Orders by known offset, size, area and start, and the latest first among shapes of similar size: where each large
    /// shape grows over the dead bytes of an earlier one, the latest one is the lowest.
    fn orders(&self, initial: &[u64]) -> [Vec<u32>; 5] {
        let frame = |shape: u32| self.frame(shape);
        let by_two = |key: &dyn Fn(u32) -> [u64; 2]| {
            let mut order: Vec<u32> = (0..self.count() as u32).collect();
            sort_by_keys(&mut order, |&shape| key(shape));
            order
        };
        let by = |key: &dyn Fn(u32) -> u64| by_two(&|shape| [key(shape), 0]);
        [
            by(&|shape| initial[shape as usize]),
            by(&|shape| !frame(shape).size()),
            by(&|shape| !frame(shape).size().saturating_mul(frame(shape).live().steps().into())),
            by(&|shape| frame(shape).live().start.into()),
            by_two(&|shape| {
                [frame(shape).size().leading_zeros().into(), !u64::from(frame(shape).live().start)]
            }),
        ]
    }
}

/// Adds the ranges of each row to the rows of the other shapes.
fn both_ways(mut rows: Vec<Vec<ForbiddenRange>>) -> Vec<Vec<ForbiddenRange>> {
    for shape in 0..rows.len() {
        // Rows of larger numbers are not yet extended by this one.
        for at in 0..rows[shape].len() {
            let ForbiddenRange { other, above, below } = rows[shape][at];
            if other as usize > shape {
                rows[other as usize].push(ForbiddenRange {
                    other: shape as u32,
                    above: -below,
                    below: -above,
                });
            }
        }
    }
    rows
}

/// How far buffers may reach into others: by lower buffer, the upper buffers and bytes, ascending.
struct Reaches(Rows<(BufferId, u64)>);

impl Reaches {
    fn new(reaches: &[Reach]) -> Self {
        let mut sorted: Vec<(BufferId, BufferId, u64)> =
            reaches.iter().map(|reach| (reach.lower, reach.upper, reach.bytes)).collect();
        sorted.sort_unstable();
        let count = sorted.last().map_or(0, |last| last.0.index() + 1);
        let pairs = sorted.into_iter().map(|(lower, upper, bytes)| (lower.index() as u32, (upper, bytes)));
        Self(Rows::of_sorted(count, pairs))
    }

    /// Bytes that a piece may reach into another one from below. Of several permissions for one
    /// pair, the widest counts: the last.
    fn of(&self, lower: &Piece, upper: &Piece) -> i64 {
        let lower = lower.buffer.index() as u32;
        if lower >= self.0.count() {
            return 0;
        }
        let own = self.0.row(lower);
        let last = own[..own.partition_point(|reach| reach.0 <= upper.buffer)].last();
        last.filter(|reach| reach.0 == upper.buffer).map_or(0, |reach| reach.1.cast_signed())
    }
}

impl Packed {
    /// The packing that is known, if a limit is met before a better one is sought.
    pub(crate) fn stopped(offsets: &[u64], frames: &Problem, stop: Stop) -> Self {
        Self { offsets: offsets.to_vec(), height: frames.height(offsets), is_least: false, nodes: 0, stop }
    }

    fn offer(&mut self, height: u64, offsets: &[Option<u64>]) {
        if height < self.height {
            self.height = height;
            self.offsets = offsets.iter().map(|offset| offset.unwrap_or(0)).collect();
        }
    }
}

/// Exhaustive search over packings in which each shape lies right above the floor, a reserved
/// range or a shape placed before. Every set of placed shapes with their offsets is visited once.
///
/// Completeness: consider a packing with the smallest sum of offsets, and let `A` be the largest
/// alignment. No set of shapes can be lowered by `A`. So some order exists in which each shape,
/// lowered by `A`, would reach below the floor, into a reserved range or into an earlier shape;
/// otherwise the shapes after some prefix of the order could be lowered together. Hence each shape
/// lies less than `A` above one of these.
///
/// If all alignments are equal, there is one such offset above each. One offset also suffices for
/// mixed alignments if `below` is positive for all conflicts, as for rectangles: a shape that
/// cannot be lowered by its own alignment lies on another one, at its offset plus `below` or more,
/// so an order by offsets exists. Otherwise, each multiple of the shape's alignment within `A` is
/// tried, after a search without these has found good packings.
struct Exhaustive<'s, 'a> {
    shapes: &'s Shapes<'a>,
    best: &'s mut Packed,
    offsets: Vec<Option<u64>>,
    /// Range above the floor or another shape within which offsets are tried.
    span: u64,
    visited: Keys,
    blocked: Vec<(i64, i64)>,
}

impl<'s, 'a> Exhaustive<'s, 'a> {
    fn new(shapes: &'s Shapes<'a>, best: &'s mut Packed) -> Self {
        let offsets = shapes.frames.buffers().iter().map(Buffer::fixed_offset).collect();
        Self { shapes, best, offsets, span: 1, visited: Keys::default(), blocked: Vec::new() }
    }

    /// Runs the search. Returns true if the best packing is proven minimal.
    fn run(&mut self, budget: &mut Budget<'_>) -> Result<bool, Stop> {
        let fixed = self.offsets.iter().zip(self.shapes.frames.buffers());
        let top = fixed.filter_map(|(offset, frame)| Some((*offset)? + frame.size())).max().unwrap_or(0);
        self.descend(0, top, budget)?;
        let alignments = || self.shapes.frames.buffers().iter().map(Buffer::alignment);
        let coarsest = alignments().max().unwrap_or(1);
        let finest = alignments().min().unwrap_or(1);
        if finest == coarsest || self.shapes.conflicts.entries().iter().all(|conflict| conflict.below > 0) {
            return Ok(true);
        }
        if coarsest / finest > MAX_OFFSETS {
            return Ok(false);
        }
        self.span = coarsest;
        self.visited = Keys::default();
        self.descend(0, top, budget)?;
        Ok(true)
    }

    fn descend(&mut self, key: u128, top: u64, budget: &mut Budget<'_>) -> Result<(), Stop> {
        budget.spend_on(1, 64 * self.offsets.len() as u64)?;
        // Branch and bound: the height never falls as shapes are added.
        if top >= self.best.height {
            return Ok(());
        }
        if self.offsets.iter().all(Option::is_some) {
            let offsets = std::mem::take(&mut self.offsets);
            self.best.offer(top, &offsets);
            self.offsets = offsets;
            return Ok(());
        }
        for shape in 0..self.offsets.len() as u32 {
            if self.offsets[shape as usize].is_some() {
                continue;
            }
            for offset in self.offsets_above(shape) {
                let end = offset + self.shapes.frame(shape).size();
                // The hash of a set of placed shapes is the exclusive or of their tokens, so it does
                // not depend on the order of placement: each set is visited once.
                let mark = Random::new(Random::new(shape.into()).next() ^ offset).key();
                let next = key ^ mark;
                if end < self.best.height && self.visited.insert(next) {
                    self.offsets[shape as usize] = Some(offset);
                    let done = self.descend(next, top.max(end), budget);
                    self.offsets[shape as usize] = None;
                    done?;
                }
            }
        }
        Ok(())
    }

    /// Offsets of a shape on the floor or on a placed shape, or within the span above it.
    fn offsets_above(&mut self, shape: u32) -> Vec<u64> {
        let (shapes, frame) = (self.shapes, self.shapes.frame(shape));
        let placed = shapes.row(shape).iter().filter_map(|conflict| {
            Some(self.offsets[conflict.other as usize]?.cast_signed() + conflict.below)
        });
        let reserved = shapes.frames.reserved().iter().map(|range| range.end.cast_signed());
        let above = |from: i64| {
            let end = (from + self.span.cast_signed()).max(1).cast_unsigned();
            let first = from.max(0).cast_unsigned().next_multiple_of(frame.alignment());
            // With a span of 1, only the lowest offset remains.
            (first..end.max(first + 1)).step_by(frame.alignment() as usize)
        };
        let mut from = unique(placed.chain(reserved).chain([0]).flat_map(above));
        from.retain(|&offset| shapes.lowest(shape, offset, &self.offsets, &mut self.blocked) == offset);
        from
    }
}
