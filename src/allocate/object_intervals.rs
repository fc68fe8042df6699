//! Input and output of the strategies for shared objects.

use super::Allocation;
use super::timeline::Timeline;
use crate::error::{Error, Refusal, Result};
use crate::problem::{Objects, Problem};
use crate::support::arithmetic::align_up;
use crate::support::ids::BufferId;
use crate::support::sorting::sort_by_keys;

/// A tensor that needs an object: its size and its range of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ObjectInterval {
    pub(super) size: u64,
    pub(super) first: u32,
    pub(super) end: u32,
}

/// A problem for shared objects: all buffers of positive size, with sizes rounded up to their
/// alignment.
pub(super) struct ObjectProblem<'a> {
    problem: &'a Problem,
    pub(super) ids: Vec<BufferId>,
    pub(super) intervals: Vec<ObjectInterval>,
    pub(super) sections: u32,
}

impl<'a> ObjectProblem<'a> {
    /// Builds the problem in O(n log n).
    ///
    /// # Errors
    /// [`Error::Refused`] for buffers with fixed offsets or gaps.
    pub(super) fn new(strategy: &str, problem: &'a Problem) -> Result<Self> {
        let refusal = |id: BufferId| {
            let named = || problem.named_buffer(id);
            match (problem.buffer(id).fixed_offset(), problem.buffer(id).gaps()) {
                (Some(_), _) => Some(Refusal::FixedOffset { buffer: named() }),
                (None, []) => None,
                _ => Some(Refusal::Gaps { buffer: named() }),
            }
        };
        if let Some(reason) = problem.ids().find_map(refusal) {
            return Err(Error::Refused { strategy: strategy.to_owned(), reason });
        }
        let timeline = Timeline::new(problem);
        let ids: Vec<BufferId> = problem.filled().collect();
        let interval = |id: &BufferId| {
            let buffer = problem.buffer(*id);
            let (first, end) = timeline.sections[id.index()];
            ObjectInterval { size: align_up(buffer.size(), buffer.alignment()), first, end }
        };
        let intervals = ids.iter().map(interval).collect();
        Ok(Self { problem, ids, intervals, sections: timeline.section_count() as u32 })
    }

    pub(super) fn lay_out(&self, sharing: &ObjectSharing) -> Allocation {
        lay_out(self.problem, &self.ids, sharing)
    }

    /// Height of the arena that holds the objects: their sizes, plus padding for alignment.
    pub(super) fn height(&self, sharing: &ObjectSharing) -> u64 {
        let starts = starts(self.problem, &self.ids, sharing);
        starts.iter().zip(&sharing.sizes).map(|(start, size)| start + size).max().unwrap_or(0)
    }
}

/// Object index of a tensor without an object.
pub(super) const OUTSIDE: u32 = u32::MAX;

/// An assignment of intervals to objects, with the sizes of the objects.
#[derive(Clone, Debug)]
pub(super) struct ObjectSharing {
    pub(super) object: Vec<u32>,
    /// Given objects first, with their given sizes, then the opened ones.
    pub(super) sizes: Vec<u64>,
}

impl ObjectSharing {
    /// Total value of the intervals that are in an object.
    pub(super) fn value(&self, values: &[u64]) -> u64 {
        let kept = self.object.iter().zip(values).filter(|(object, _)| **object != OUTSIDE);
        kept.map(|(_, value)| value).sum()
    }
}

/// Start of each object. Objects lie one after the other, those of large alignment first, which
/// avoids padding if their sizes are multiples of their alignments.
fn starts(problem: &Problem, shared: &[BufferId], sharing: &ObjectSharing) -> Vec<u64> {
    let mut alignments = vec![1; sharing.sizes.len()];
    for (id, &object) in shared.iter().zip(&sharing.object).filter(|(_, object)| **object != OUTSIDE) {
        let alignment = &mut alignments[object as usize];
        *alignment = problem.buffer(*id).alignment().max(*alignment);
    }
    let mut order: Vec<usize> = (0..sharing.sizes.len()).collect();
    sort_by_keys(&mut order, |&object| [!alignments[object], 0]);
    let mut starts = vec![0; sharing.sizes.len()];
    let mut top = 0;
    for object in order {
        starts[object] = align_up(top, alignments[object]);
        top = starts[object] + sharing.sizes[object];
    }
    starts
}

fn lay_out(problem: &Problem, shared: &[BufferId], sharing: &ObjectSharing) -> Allocation {
    let starts = starts(problem, shared, sharing);
    let mut offsets = vec![0; problem.buffers().len()];
    let mut of_buffer = vec![None; problem.buffers().len()];
    for (id, &object) in shared.iter().zip(&sharing.object).filter(|(_, object)| **object != OUTSIDE) {
        offsets[id.index()] = starts[object as usize];
        of_buffer[id.index()] = Some(object);
    }
    let objects = Objects::new(of_buffer, sharing.sizes.clone(), starts);
    Allocation { objects: Some(objects), ..Allocation::new(offsets) }
}
