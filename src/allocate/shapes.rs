//! Offsets for things that are no rectangles: groups of buffers at fixed distances, and
//! pairs that may overlap in part.

use crate::ids::BufferId;
use crate::limits::{Meter, Stop};
use crate::problem::{LiveRange, Problem};
use crate::random::{Keys, Random};
use crate::sorting::{sort_by_keys, sort_keyed};

/// No more conflicts between pieces are looked at.
const MOST_CONFLICTS: usize = 4_000_000;

/// Pairs of pieces that are live at once, of one shape or of two, that are looked at for conflicts:
/// a tenth of a second.
const MOST_LOOKED_AT: usize = 30_000_000;

/// Steps for a pair of pieces, and for a conflict that is sorted among others.
const WORK_OF_A_PAIR: usize = 4;
const WORK_OF_A_CONFLICT: usize = 8;

/// No more shapes are packed by exhaustive search.
const FEW: usize = 12;

/// No more places above one shape are tried by exhaustive search.
const MOST_PLACES: u64 = 256;

/// How hard to look for lower offsets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackingEffort {
    /// Of the exhaustive search.
    nodes: u64,
    /// Of the local search: looks at conflicts.
    work: u64,
}

impl PackingEffort {
    /// A few milliseconds.
    pub(crate) const QUICK: Self = Self { nodes: 10_000, work: 2_000_000 };
    /// A fraction of a second.
    pub(crate) const FULL: Self = Self { nodes: 200_000, work: 40_000_000 };
}

/// A part of a shape: a buffer's piece of its live range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) shape: u32,
    /// Bytes of the shape.
    pub(crate) from: u64,
    pub(crate) end: u64,
    pub(crate) live: LiveRange,
    /// Whose it is.
    pub(crate) buffer: BufferId,
}

/// The first buffer may reach so many bytes into the second one from below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) lower: BufferId,
    pub(crate) upper: BufferId,
    pub(crate) bytes: u64,
}

/// Offsets whose difference (the first's less the other's) is strictly between these are
/// not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Conflict {
    other: u32,
    above: i64,
    below: i64,
}

/// What is to be packed: the shapes' frames are the buffers of a problem.
pub(crate) struct Shapes<'a> {
    frames: &'a Problem,
    /// By shape: the first of its conflicts.
    starts: Vec<u32>,
    conflicts: Vec<Conflict>,
}

/// What was found.
pub(crate) struct Packed {
    pub(crate) offsets: Vec<u64>,
    pub(crate) height: u64,
    /// Whether no offsets need less.
    pub(crate) is_least: bool,
    pub(crate) nodes: u64,
    pub(crate) stop: Stop,
}

impl<'a> Shapes<'a> {
    /// None if there are too many conflicts, or too large sizes.
    ///
    /// # Errors
    /// Why the search must stop.
    pub(crate) fn new(
        frames: &'a Problem,
        pieces: &[Piece],
        reaches: &[Reach],
        meter: &mut Meter<'_>,
    ) -> Result<Option<Self>, Stop> {
        let sizes =
            frames.buffers().iter().map(|frame| u128::from(frame.size()) + u128::from(frame.alignment()));
        let fixed =
            frames.buffers().iter().filter_map(crate::problem::Buffer::fixed_offset).max().unwrap_or(0);
        let reserved = frames.reserved().last().map_or(0, |range| range.end);
        if sizes.sum::<u128>() + u128::from(fixed) + u128::from(reserved) > 1 << 60 {
            return Ok(None);
        }
        let reaches = Reaches::new(reaches);
        let mut order: Vec<u32> = (0..pieces.len() as u32).collect();
        sort_by_keys(&mut order, |&piece| [pieces[piece as usize].live.start.into(), 0]);
        let mut rows: Vec<Vec<Conflict>> = vec![Vec::new(); frames.buffers().len()];
        let mut live: Vec<u32> = Vec::new();
        let (mut count, mut looked_at) = (0, 0);
        for number in order {
            let piece = &pieces[number as usize];
            // Pieces of one shape have no conflicts, so that many of them are not counted below.
            looked_at += live.len();
            if looked_at > MOST_LOOKED_AT {
                return Ok(None);
            }
            meter.work(WORK_OF_A_PAIR * (1 + live.len()))?;
            live.retain(|&other| pieces[other as usize].live.end > piece.live.start);
            for &other in &live {
                let other = &pieces[other as usize];
                if other.shape == piece.shape {
                    continue;
                }
                count += 2;
                if count > MOST_CONFLICTS {
                    return Ok(None);
                }
                let above = other.from.cast_signed() - piece.end.cast_signed() + reaches.of(piece, other);
                let below = other.end.cast_signed() - piece.from.cast_signed() - reaches.of(other, piece);
                if above < below - 1 {
                    rows[piece.shape as usize].push(Conflict { other: other.shape, above, below });
                    rows[other.shape as usize].push(Conflict {
                        other: piece.shape,
                        above: -below,
                        below: -above,
                    });
                }
            }
            if piece.from < piece.end {
                live.push(number);
            }
        }
        let (mut starts, mut conflicts) = (vec![0], Vec::new());
        for mut row in rows {
            meter.work(WORK_OF_A_CONFLICT * (1 + row.len()))?;
            sort_by_keys(&mut row, |one| [one.other.into(), (one.above + (1 << 62)).cast_unsigned()]);
            row.dedup_by(|next, last| {
                let meet = next.other == last.other && next.above < last.below;
                if meet {
                    last.below = last.below.max(next.below);
                }
                meet
            });
            conflicts.extend(row);
            starts.push(conflicts.len() as u32);
        }
        Ok(Some(Self { frames, starts, conflicts }))
    }

    fn row(&self, shape: u32) -> &[Conflict] {
        &self.conflicts[self.starts[shape as usize] as usize..self.starts[shape as usize + 1] as usize]
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The lowest place of a shape at or above `from`, given those that have one.
    fn lowest(&self, shape: u32, from: u64, offsets: &[Option<u64>], blocked: &mut Vec<(i64, i64)>) -> u64 {
        let frame = self.frames.buffer(BufferId::new(shape as usize));
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
        let mut place = from.next_multiple_of(frame.alignment()).cast_signed();
        for &(above, below) in &*blocked {
            if above >= place {
                break;
            }
            if below > place {
                place = below.cast_unsigned().next_multiple_of(frame.alignment()).cast_signed();
            }
        }
        place.cast_unsigned()
    }

    /// Each in turn as low as it can be; the height.
    ///
    /// # Errors
    /// Why the search must stop; some shapes then have no offsets.
    fn place(
        &self,
        order: &[u32],
        offsets: &mut [Option<u64>],
        blocked: &mut Vec<(i64, i64)>,
        meter: &mut Meter<'_>,
    ) -> Result<u64, Stop> {
        offsets.fill(None);
        let is_fixed =
            |shape: u32| self.frames.buffer(BufferId::new(shape as usize)).fixed_offset().is_some();
        let mut height = 0;
        for fixed in [true, false] {
            for &shape in order.iter().filter(|&&shape| is_fixed(shape) == fixed) {
                meter.work(WORK_OF_A_CONFLICT * (1 + self.row(shape).len()))?;
                let offset = self.lowest(shape, 0, offsets, blocked);
                offsets[shape as usize] = Some(offset);
                height = height.max(offset + self.frames.buffer(BufferId::new(shape as usize)).size());
            }
        }
        Ok(height)
    }

    /// Packs as low as can be found, down to `enough`: a few orders, then moves of what is
    /// highest, then, if there are few, all of them. Starts from what is known.
    pub(crate) fn pack(
        &self,
        known: &[u64],
        enough: u64,
        effort: PackingEffort,
        meter: &mut Meter<'_>,
    ) -> Packed {
        let mut best = Packed::stopped(known, self.frames, Stop::Finished);
        let before = meter.nodes();
        if let Err(stop) = self.improve(&mut best, enough, effort.work, meter) {
            best.stop = stop;
        } else if best.height > enough && self.count() <= FEW {
            let mut own = meter.of_question(effort.nodes);
            match Exhaustive::new(self, &mut best).run(&mut own) {
                Ok(done) => best.is_least = done,
                // Out of its own nodes, not of those that there are.
                Err(Stop::Nodes) if own.nodes() < meter.remaining() => {}
                Err(stop) => best.stop = stop,
            }
            meter.start_at(meter.nodes() + own.nodes());
        }
        best.is_least |= best.height <= enough;
        best.nodes = meter.nodes() - before;
        best
    }

    /// Offsets below a height, if there are any; and whether, if not, that is proven, or if
    /// so, that none are lower.
    ///
    /// # Errors
    /// Why it must stop.
    pub(crate) fn below(&self, height: u64, meter: &mut Meter<'_>) -> Result<(Option<Vec<u64>>, bool), Stop> {
        let mut best =
            Packed { offsets: Vec::new(), height, is_least: false, nodes: 0, stop: Stop::Finished };
        let done = Exhaustive::new(self, &mut best).run(meter)?;
        Ok(((best.height < height).then_some(best.offsets), done))
    }

    fn improve(
        &self,
        best: &mut Packed,
        enough: u64,
        mut left: u64,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        let (mut offsets, mut blocked) = (vec![None; self.count()], Vec::new());
        let cost = self.conflicts.len() as u64 + 8 * self.count() as u64;
        let mut current: Option<(u64, Vec<u32>)> = None;
        for order in self.orders(&best.offsets) {
            meter.spend(1)?;
            left = left.saturating_sub(cost);
            let height = self.place(&order, &mut offsets, &mut blocked, meter)?;
            best.offer(height, &offsets);
            if best.height <= enough {
                return Ok(());
            }
            if current.as_ref().is_none_or(|known| height < known.0) {
                current = Some((height, order));
            }
        }
        let Some((mut height, mut order)) = current else { return Ok(()) };
        let mut random = Random::new(self.count() as u64);
        let mut highest: Vec<u32> = Vec::new();
        while left >= cost && order.len() > 1 {
            meter.spend(1)?;
            left -= cost;
            // Offsets are those of the order, or of one that was given up.
            self.place(&order, &mut offsets, &mut blocked, meter)?;
            highest.clear();
            highest.extend(order.iter().copied().filter(|&shape| {
                let size = self.frames.buffer(BufferId::new(shape as usize)).size();
                offsets[shape as usize].is_some_and(|offset| offset + size == height)
            }));
            let mut tries = 0;
            let before = order.clone();
            loop {
                // The highest, or one in its way, goes to an earlier turn.
                let mut moved = highest[random.below(highest.len())];
                let row = self.row(moved);
                if !row.is_empty() && random.below(3) == 0 {
                    moved = row[random.below(row.len())].other;
                }
                let place = order.iter().position(|&shape| shape == moved).unwrap_or(0);
                let to = random.below(place + 1);
                order[to..=place].rotate_right(1);
                meter.spend(1)?;
                left = left.saturating_sub(cost);
                let found = self.place(&order, &mut offsets, &mut blocked, meter)?;
                if found <= height {
                    height = found;
                    best.offer(height, &offsets);
                    break;
                }
                order.clone_from(&before);
                tries += 1;
                if left < cost || tries > 4 * self.count() {
                    return Ok(());
                }
            }
            if best.height <= enough {
                return Ok(());
            }
        }
        Ok(())
    }

    /// By known offsets, by size, by area, by start.
    fn orders(&self, known: &[u64]) -> [Vec<u32>; 4] {
        let frame = |shape: u32| self.frames.buffer(BufferId::new(shape as usize));
        let by = |keys: &dyn Fn(u32) -> u64| {
            let mut keyed: Vec<_> =
                (0..self.count() as u32).map(|shape| ([keys(shape), 0], u64::from(shape))).collect();
            sort_keyed(&mut keyed);
            keyed.into_iter().map(|(_, shape)| shape as u32).collect()
        };
        [
            by(&|shape| known[shape as usize]),
            by(&|shape| !frame(shape).size()),
            by(&|shape| !frame(shape).size().saturating_mul(frame(shape).live().steps().into())),
            by(&|shape| frame(shape).live().start.into()),
        ]
    }
}

/// How far buffers may reach into others.
struct Reaches {
    /// By lower buffer: the first of its permissions.
    starts: Vec<usize>,
    /// Upper buffers and bytes, ascending for each lower buffer.
    list: Vec<(BufferId, u64)>,
}

impl Reaches {
    fn new(reaches: &[Reach]) -> Self {
        let mut sorted: Vec<(BufferId, BufferId, u64)> =
            reaches.iter().map(|reach| (reach.lower, reach.upper, reach.bytes)).collect();
        sorted.sort_unstable();
        let count = sorted.last().map_or(0, |last| last.0.index() + 1);
        let mut starts = vec![0; count + 1];
        for reach in &sorted {
            starts[reach.0.index() + 1] += 1;
        }
        for place in 0..count {
            starts[place + 1] += starts[place];
        }
        Self { starts, list: sorted.into_iter().map(|(_, upper, bytes)| (upper, bytes)).collect() }
    }

    /// Bytes that a piece may reach into another one from below. Of several permissions for one
    /// pair, the widest counts: the last.
    fn of(&self, lower: &Piece, upper: &Piece) -> i64 {
        let from = lower.buffer.index();
        let Some(&[start, end]) = self.starts.get(from..from + 2) else { return 0 };
        let own = &self.list[start..end];
        let last = own[..own.partition_point(|reach| reach.0 <= upper.buffer)].last();
        last.filter(|reach| reach.0 == upper.buffer).map_or(0, |reach| reach.1.cast_signed())
    }
}

impl Packed {
    /// The packing that is known, if a limit is met before a better one is sought.
    pub(crate) fn stopped(offsets: &[u64], frames: &Problem, stop: Stop) -> Self {
        let ends = offsets.iter().zip(frames.buffers()).map(|(offset, frame)| offset + frame.size());
        let height = ends.max().unwrap_or(0);
        Self { offsets: offsets.to_vec(), height, is_least: false, nodes: 0, stop }
    }

    fn offer(&mut self, height: u64, offsets: &[Option<u64>]) {
        if height < self.height {
            self.height = height;
            self.offsets = offsets.iter().map(|offset| offset.unwrap_or(0)).collect();
        }
    }
}

/// All ways of putting shapes on the floor or on others. Sets of places are looked at once.
///
/// In a packing whose sum of offsets is least, no set of shapes can be lowered by `A`, the largest
/// alignment. So there is an order in which each shape, lowered by `A`, would reach below the floor,
/// into what is reserved or into a shape before it: the first shapes of the order do not hold all
/// others up otherwise. A shape then lies less than `A` above one of these.
///
/// Where all alignments are the same, that is one offset above each. It is also enough where
/// alignments differ, if `below` is above 0 for all conflicts, as it is for rectangles: a shape that
/// cannot be lowered by its own alignment lies on another one, at its offset plus `below` or more, so
/// that an order by offsets will do. Else each multiple of the shape's alignment within `A` is tried,
/// after a search without these has found good packings.
struct Exhaustive<'s, 'a> {
    shapes: &'s Shapes<'a>,
    best: &'s mut Packed,
    offsets: Vec<Option<u64>>,
    /// How far above the floor or another shape places are tried.
    span: u64,
    seen: Keys,
    blocked: Vec<(i64, i64)>,
}

impl<'s, 'a> Exhaustive<'s, 'a> {
    fn new(shapes: &'s Shapes<'a>, best: &'s mut Packed) -> Self {
        let offsets = shapes.frames.buffers().iter().map(crate::problem::Buffer::fixed_offset).collect();
        Self { shapes, best, offsets, span: 1, seen: Keys::default(), blocked: Vec::new() }
    }

    /// Whether what was found is proven to be lowest.
    fn run(&mut self, meter: &mut Meter<'_>) -> Result<bool, Stop> {
        let fixed = self.offsets.iter().zip(self.shapes.frames.buffers());
        let top = fixed.filter_map(|(offset, frame)| Some((*offset)? + frame.size())).max().unwrap_or(0);
        self.descend(0, top, meter)?;
        let alignments = || self.shapes.frames.buffers().iter().map(crate::problem::Buffer::alignment);
        let coarsest = alignments().max().unwrap_or(1);
        let finest = alignments().min().unwrap_or(1);
        if finest == coarsest || self.shapes.conflicts.iter().all(|conflict| conflict.below > 0) {
            return Ok(true);
        }
        if coarsest / finest > MOST_PLACES {
            return Ok(false);
        }
        self.span = coarsest;
        self.seen = Keys::default();
        self.descend(0, top, meter)?;
        Ok(true)
    }

    fn descend(&mut self, key: u128, top: u64, meter: &mut Meter<'_>) -> Result<(), Stop> {
        meter.spend_on(1, 64 * self.offsets.len() as u64)?;
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
            for place in self.places(shape) {
                let end = place + self.shapes.frames.buffer(BufferId::new(shape as usize)).size();
                let mark = Random::new(Random::new(shape.into()).next() ^ place).key();
                let next = key ^ mark;
                if end < self.best.height && self.seen.insert(next) {
                    self.offsets[shape as usize] = Some(place);
                    let done = self.descend(next, top.max(end), meter);
                    self.offsets[shape as usize] = None;
                    done?;
                }
            }
        }
        Ok(())
    }

    /// Where a shape can lie on the floor or on something, or less than the span above it.
    fn places(&mut self, shape: u32) -> Vec<u64> {
        let (shapes, frame) = (self.shapes, self.shapes.frames.buffer(BufferId::new(shape as usize)));
        let placed = shapes.row(shape).iter().filter_map(|conflict| {
            Some(self.offsets[conflict.other as usize]?.cast_signed() + conflict.below)
        });
        let reserved = shapes.frames.reserved().iter().map(|range| range.end.cast_signed());
        let above = |from: i64| {
            let end = (from + self.span.cast_signed()).max(1).cast_unsigned();
            let first = from.max(0).cast_unsigned().next_multiple_of(frame.alignment());
            // Where the span is 1, the lowest place.
            (first..end.max(first + 1)).step_by(frame.alignment() as usize)
        };
        let mut from: Vec<u64> = placed.chain(reserved).chain([0]).flat_map(above).collect();
        from.sort_unstable();
        from.dedup();
        from.retain(|&place| shapes.lowest(shape, place, &self.offsets, &mut self.blocked) == place);
        from
    }
}
