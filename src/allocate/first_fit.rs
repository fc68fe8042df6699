//! First fit by start, as one sweep over time.

use super::Allocation;
use super::holes::Holes;
use super::occupancy::{Fit, Occupancy, Request};
use super::timeline::Timeline;
use crate::problem::Problem;
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::{in_time, sort_by_keys};

/// Work per buffer in steps of inner loops, to decide when to poll for cancellation.
const WORK_EACH: usize = 256;

/// Computes the first plan: places each buffer, in order of start, at the lowest offset at which
/// it overlaps no buffer placed before. Of buffers with the same start, the one that ends last
/// goes first. Avoids reserved ranges and fixed buffers.
///
/// Only cancellation stops it, by token or progress callback, so a plan with reuse exists at any
/// other limit.
///
/// O(n log n) time and O(n) space if no buffer is fixed or has gaps. Fixed buffers that start
/// later and pieces after gaps are found in an [`Occupancy`], which in the worst case takes time
/// linear in their number for each buffer.
///
/// # Errors
/// [`Stop::Cancelled`].
pub(crate) fn first_fit(problem: &Problem, limits: &Limits) -> Result<Vec<u64>, Stop> {
    let limits = limits.clone().cancel_only();
    let mut budget = Budget::new(&limits, u64::MAX);
    budget.work(0)?;
    let mut sweep = Sweep::new(problem, &mut budget)?;
    for id in births(problem) {
        sweep.advance(problem.buffer(id).live().start);
        sweep.place(id);
        budget.work(WORK_EACH)?;
    }
    Ok(sweep.offsets)
}

/// First fit by start; if the call is cancelled, an allocation without reuse.
pub(super) fn first_allocation(problem: &Problem, limits: &Limits) -> crate::error::Result<Allocation> {
    match first_fit(problem, limits) {
        Ok(offsets) => Ok(Allocation::new(offsets)),
        Err(stop) => Ok(Allocation { stop, ..super::Strategy::allocate(&super::Naive, problem, limits)? }),
    }
}

/// Buffers to place, in the order of placement.
fn births(problem: &Problem) -> Vec<BufferId> {
    let mut births = problem.movable();
    sort_by_keys(&mut births, |&id| {
        let live = problem.buffer(id).live();
        [live.start.into(), !u64::from(live.end)]
    });
    births
}

/// Starts or ends of live pieces in the order of time, without buffers of size zero.
struct Moments {
    moments: Vec<(u32, BufferId)>,
    next: usize,
}

impl Moments {
    fn new(moments: impl Iterator<Item = (u32, BufferId)>) -> Self {
        let moments = in_time(moments.map(|(step, id)| (step, id.index() as u32)));
        Self { moments: moments.map(|(step, number)| (step, BufferId::new(number))).collect(), next: 0 }
    }

    /// Takes the next entry that is not after `step`.
    fn until(&mut self, step: u32) -> Option<BufferId> {
        let &(moment, id) = self.moments.get(self.next)?;
        (moment <= step).then(|| {
            self.next += 1;
            id
        })
    }
}

/// State of the sweep at the current step.
///
/// Buffers that are live at the current step do not overlap, so the holes describe them
/// completely. A buffer that starts now can only overlap buffers that are live now, and pieces
/// that start later of buffers which already have an offset; `later` holds these.
struct Sweep<'a> {
    problem: &'a Problem,
    holes: Holes,
    ends: Moments,
    /// Pieces with an offset before they start: those of fixed buffers, and those after gaps.
    known: Moments,
    later: Option<(Timeline, Occupancy)>,
    offsets: Vec<u64>,
}

impl<'a> Sweep<'a> {
    fn new(problem: &'a Problem, budget: &mut Budget<'_>) -> Result<Self, Stop> {
        let is_fixed = |id: BufferId| problem.buffer(id).fixed_offset().is_some();
        let pieces =
            || problem.filled().flat_map(|id| problem.buffer(id).pieces().map(move |piece| (piece, id)));
        let is_known = |start: u32, id: BufferId| is_fixed(id) || start > problem.buffer(id).live().start;
        let known = pieces().map(|(piece, id)| (piece.start, id)).filter(|&(start, id)| is_known(start, id));
        let mut holes = Holes::new(problem.buffers().iter().map(crate::problem::Buffer::alignment));
        for range in problem.reserved() {
            holes.take(range.start, range.end - range.start);
            budget.work(WORK_EACH)?;
        }
        let mut sweep = Self {
            problem,
            holes,
            ends: Moments::new(pieces().map(|(piece, id)| (piece.end, id))),
            known: Moments::new(known),
            later: None,
            offsets: problem.fixed_offsets(),
        };
        sweep.keep_for_later(budget)?;
        Ok(sweep)
    }

    /// Prepares `later`, unless all fixed buffers start at the first step.
    fn keep_for_later(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let problem = self.problem;
        let first = problem.buffers().iter().map(|buffer| buffer.live().start).min().unwrap_or(0);
        if !self.known.moments.iter().any(|&(start, _)| start > first) {
            return Ok(());
        }
        self.later = Some((Timeline::new(problem), Occupancy::default()));
        for id in problem.filled() {
            if problem.buffer(id).fixed_offset().is_some() {
                self.add_later(id);
                budget.work(WORK_EACH)?;
            }
        }
        Ok(())
    }

    fn add_later(&mut self, id: BufferId) {
        let (offset, size) = (self.offsets[id.index()], self.problem.buffer(id).size());
        if let Some((timeline, occupancy)) = &mut self.later {
            for &piece in timeline.pieces(id) {
                occupancy.insert(piece, offset, size);
            }
        }
    }

    /// Advances to a step. Ends are processed before starts, so that memory is reused at once.
    fn advance(&mut self, step: u32) {
        loop {
            // A piece that starts and ends in between is allocated and freed.
            let begins = self.known.moments.get(self.known.next).map_or(u32::MAX, |&(start, _)| start);
            if let Some(id) = self.ends.until(step.min(begins)) {
                self.holes.give_back(self.offsets[id.index()], self.problem.buffer(id).size());
            } else if let Some(id) = self.known.until(step) {
                self.holes.take(self.offsets[id.index()], self.problem.buffer(id).size());
            } else {
                return;
            }
        }
    }

    fn place(&mut self, id: BufferId) {
        let buffer = self.problem.buffer(id);
        let (size, alignment) = (buffer.size(), buffer.alignment());
        let mut offset = 0;
        // Both structures only raise the offset, so the loop ends at the lowest common one.
        loop {
            // A hole always exists at the top: `Problem::new` checked the totals.
            offset = self.holes.lowest(size, alignment, offset).unwrap_or(offset);
            let Some((timeline, occupancy)) = &mut self.later else { break };
            let request = Request { pieces: timeline.pieces(id), size, alignment };
            let later = occupancy.find_from(request, Fit::Lowest, offset);
            if later == offset {
                break;
            }
            offset = later;
        }
        self.offsets[id.index()] = offset;
        self.holes.take(offset, size);
        if !buffer.gaps().is_empty() {
            self.add_later(id);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::allocate::greedy::{Greedy, Placer};
    use crate::allocate::order::Orders;
    use crate::allocate::reserved::with_obstacles;
    use crate::problem::Buffer;
    use crate::support::random::Random;

    /// Mixed alignments and sizes, zero among them; some fixed, some with gaps, some ranges
    /// reserved.
    pub(in crate::allocate) fn drawn(random: &mut Random) -> Problem {
        let (count, steps) = (random.below(60), 1 + random.below(40));
        let alignments = 1 + random.below(4);
        let mut buffers: Vec<Buffer> = Vec::new();
        for _ in 0..count {
            let start = random.below(steps) as u32;
            let end = start + 1 + random.below(steps) as u32;
            let alignment = 1 << (2 * random.below(alignments));
            let mut buffer = Buffer::new(random.below(20) as u64, start..end).align(alignment);
            if random.below(4) == 0 && end - start > 2 {
                buffer = buffer.gap(start + 1..end - 1);
            }
            if random.below(6) == 0 {
                let fixed = buffer.clone().at(random.below(60) as u64 * alignment);
                buffers.push(fixed);
                if Problem::new(buffers.clone()).is_ok() {
                    continue;
                }
                buffers.pop();
            }
            buffers.push(buffer);
        }
        let problem = Problem::new(buffers).unwrap();
        let range = |_| {
            let start = random.below(100) as u64;
            start..start + 1 + random.below(9) as u64
        };
        let ranges: Vec<_> = (0..1).map(range).collect();
        problem.clone().with_reserved(ranges).unwrap_or(problem)
    }

    #[test]
    fn offsets_are_those_of_the_occupancy() {
        let (mut random, limits) = (Random::new(7), Limits::new());
        for case in 0..4000 {
            let problem = drawn(&mut random);
            let whole = with_obstacles(&problem, problem.reserved()).unwrap();
            let orders = Orders::new(&whole);
            let mut placer = Placer::new(&whole, &orders);
            let (order, fit) = Greedy::first_fit().choices();
            placer.place(order, fit, (u64::MAX, u64::MAX), &mut Budget::new(&limits, u64::MAX)).unwrap();
            let offsets = first_fit(&problem, &limits).unwrap();
            assert_eq!(offsets[..], placer.offsets[..offsets.len()], "case {case}: {problem:?}");
        }
    }

    #[test]
    fn only_cancellation_stops_it() {
        let problem = drawn(&mut Random::new(1));
        let limits = Limits::new().nodes(0).deadline(std::time::Instant::now());
        assert!(first_fit(&problem, &limits).is_ok());
        let told = limits.clone().progress(|_| std::ops::ControlFlow::Break(()));
        assert!(first_fit(&problem, &told).is_ok(), "there is no progress to report yet");
        let token = crate::support::limits::CancelToken::new();
        token.cancel();
        assert_eq!(first_fit(&problem, &limits.cancel(token)), Err(Stop::Cancelled));
    }
}
