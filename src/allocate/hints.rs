//! Offsets that start from hints, such as the offsets of an earlier solution.

use std::collections::BTreeMap;

use super::{Allocation, Greedy, Strategy, allocate_around};
use crate::error::Result;
use crate::problem::{Buffer, Problem};
use crate::support::ids::BufferId;
use crate::support::limits::{Limits, Stop};

/// Above this number of buffers, only first fit places those without a hint.
const MOST_BY_SIZE: usize = 20_000;

/// Keeps buffers at their hints where that is possible, and places the others around them: the better of
/// greedy by size and first fit.
///
/// Of two buffers whose hints overlap, the one that starts first keeps its hint; of those that start at one step,
/// the larger one. O(n log n) besides the greedy strategies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hinted;

impl Strategy for Hinted {
    fn name(&self) -> &'static str {
        "previous"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        let kept = kept(problem);
        let at_hint = |(id, buffer): (BufferId, &Buffer)| match kept[id.index()] {
            Some(offset) => buffer.clone().at(offset),
            None => buffer.clone(),
        };
        let names = problem.ids().map(|id| problem.name(id)).collect();
        let fixed = Problem::named(problem.iter().map(at_hint).collect(), names)
            .and_then(|fixed| fixed.with_reserved(problem.reserved().iter().cloned()));
        // Hints may be so large that sums of offsets and sizes overflow.
        let fixed = fixed.unwrap_or_else(|_| problem.clone());
        let first = allocate_around(&fixed, &Greedy::first_fit(), limits)?;
        if first.stop == Stop::Cancelled || problem.buffers().len() > MOST_BY_SIZE {
            return Ok(first);
        }
        let by_size = allocate_around(&fixed, &Greedy::by_size(), limits)?;
        let is_lower = problem.height(&by_size.offsets) < problem.height(&first.offsets);
        Ok(if is_lower && by_size.stop != Stop::Cancelled { by_size } else { first })
    }
}

/// By buffer without a fixed offset: its hint, if it keeps it.
fn kept(problem: &Problem) -> Vec<Option<u64>> {
    let mut kept: Vec<Option<u64>> = problem.ids().map(|id| possible(problem, id)).collect();
    // By step: ends before starts, fixed buffers before others, then large ones first.
    let mut events: Vec<(u32, bool, bool, u64, BufferId)> = Vec::new();
    for id in problem.filled() {
        let buffer = problem.buffer(id);
        let is_fixed = buffer.fixed_offset().is_some();
        if is_fixed || kept[id.index()].is_some() {
            for piece in buffer.pieces() {
                events.push((piece.start, true, !is_fixed, !buffer.size(), id));
                events.push((piece.end, false, !is_fixed, !buffer.size(), id));
            }
        }
    }
    events.sort_unstable();
    // Buffers that are live, by offset: disjoint.
    let mut live: BTreeMap<u64, (u64, BufferId)> = BTreeMap::new();
    for (_, starts, is_hinted, _, id) in events {
        let offset = if is_hinted { kept[id.index()] } else { problem.buffer(id).fixed_offset() };
        let Some(offset) = offset else { continue };
        if !starts {
            if live.get(&offset).is_some_and(|&(_, own)| own == id) {
                live.remove(&offset);
            }
            continue;
        }
        let end = offset + problem.buffer(id).size();
        while let Some((&other_start, &(other_end, other))) = live.range(..end).next_back()
            && other_end > offset
        {
            if is_hinted {
                kept[id.index()] = None;
                break;
            }
            kept[other.index()] = None;
            live.remove(&other_start);
        }
        if !is_hinted || kept[id.index()].is_some() {
            live.insert(offset, (end, id));
        }
    }
    kept
}

/// The hint of a buffer, if the buffer alone may be there.
fn possible(problem: &Problem, id: BufferId) -> Option<u64> {
    let (buffer, offset) = (problem.buffer(id), problem.hint(id)?);
    let end = offset.checked_add(buffer.size())?;
    let range = problem.reserved().partition_point(|range| range.end <= offset);
    let is_reserved = problem.reserved().get(range).is_some_and(|range| range.start < end);
    let is_possible = buffer.fixed_offset().is_none() && offset.is_multiple_of(buffer.alignment());
    (is_possible && !is_reserved).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::{Hinted, kept};
    use crate::allocate::Strategy;
    use crate::problem::{Buffer, Problem};
    use crate::support::limits::Limits;
    use crate::support::random::Random;
    use crate::verify::verify_offsets;

    #[test]
    fn hints_that_fit_are_kept_and_others_are_not() {
        let buffers = vec![
            Buffer::new(8, 0..4).at(8),
            Buffer::new(8, 0..2),
            Buffer::new(8, 1..3),
            Buffer::new(4, 0..4).align(8),
            Buffer::new(8, 3..5),
        ];
        let hints = [None, Some(0), Some(12), Some(20), Some(16)];
        let problem = Problem::new(buffers).unwrap().with_hints(hints);
        assert_eq!(kept(&problem), [None, Some(0), None, None, Some(16)]);
        let reserved = problem.with_reserved(std::iter::once(18..19)).unwrap();
        assert_eq!(kept(&reserved), [None, Some(0), None, None, None]);
    }

    #[test]
    fn offsets_around_random_hints_are_right_and_good_hints_stay() {
        let mut random = Random::new(3);
        let mut all_kept = 0;
        for round in 0..500 {
            let buffers: Vec<Buffer> = (0..=random.below(20))
                .map(|_| {
                    let start = random.below(10) as u32;
                    let buffer =
                        Buffer::new(random.below(40) as u64, start..start + 1 + random.below(6) as u32);
                    buffer.align(1 << random.below(4))
                })
                .collect();
            let problem = Problem::new(buffers).unwrap();
            let hints: Vec<Option<u64>> = if round % 2 == 0 {
                problem.ids().map(|_| (random.below(3) > 0).then(|| random.below(80) as u64)).collect()
            } else {
                let right = crate::allocate::Greedy::by_size().allocate(&problem, &Limits::new()).unwrap();
                right.offsets.into_iter().map(Some).collect()
            };
            let hinted = problem.clone().with_hints(hints.iter().copied());
            let offsets = Hinted.allocate(&hinted, &Limits::new()).unwrap().offsets;
            assert!(verify_offsets(&problem, &offsets, problem.height(&offsets)).is_ok(), "round {round}");
            if round % 2 == 1 {
                let is_kept =
                    |id| problem.buffer(id).size() == 0 || Some(offsets[id.index()]) == hints[id.index()];
                assert!(problem.ids().all(is_kept), "round {round}");
                all_kept += 1;
            }
        }
        assert_eq!(all_kept, 250);
    }
}
