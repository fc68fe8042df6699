//! Tensors as the sharing of objects sees them, and what it results in.

use super::Allocation;
use super::occupancy::align_up;
use super::timeline::Timeline;
use crate::error::{Error, Result};
use crate::ids::BufferId;
use crate::objects::Objects;
use crate::problem::Problem;
use crate::sorting::sort_by_keys;

/// What needs an object: its size, and the sections at which it is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) size: u64,
    pub(super) first: u32,
    pub(super) end: u32,
}

/// What shares objects: all buffers but those of 0 bytes, sizes rounded up to
/// their alignment.
pub(super) struct Shared<'a> {
    problem: &'a Problem,
    pub(super) ids: Vec<BufferId>,
    pub(super) intervals: Vec<Interval>,
    pub(super) sections: u32,
}

impl<'a> Shared<'a> {
    /// O(n log n).
    ///
    /// # Errors
    /// [`Error::Refused`] for buffers with fixed offsets or gaps.
    pub(super) fn new(strategy: &str, problem: &'a Problem) -> Result<Self> {
        let why = |id: BufferId| {
            let (buffer, name) = (problem.buffer(id), problem.name(id));
            let reason = match (buffer.fixed_offset(), buffer.gaps()) {
                (Some(_), _) => {
                    format!(
                        "`{name}` has a fixed offset, but a shared object lies where there is room for it"
                    )
                }
                (None, []) => return None,
                _ => format!("`{name}` has gaps, but has a shared object for itself from start to end"),
            };
            Some(format!("buffer {reason}"))
        };
        if let Some(reason) = problem.ids().find_map(why) {
            return Err(Error::Refused { strategy: strategy.to_owned(), reason });
        }
        let timeline = Timeline::new(problem);
        let ids: Vec<BufferId> = problem.ids().filter(|&id| problem.buffer(id).size() > 0).collect();
        let interval = |id: &BufferId| {
            let buffer = problem.buffer(*id);
            let (first, end) = timeline.sections[id.index()];
            Interval { size: align_up(buffer.size(), buffer.alignment()), first, end }
        };
        let intervals = ids.iter().map(interval).collect();
        Ok(Self { problem, ids, intervals, sections: timeline.section_count() as u32 })
    }

    pub(super) fn lay_out(&self, sharing: &Sharing) -> Allocation {
        lay_out(self.problem, &self.ids, sharing)
    }

    /// Where the objects end: their sum, and what is left free for alignment.
    pub(super) fn height(&self, sharing: &Sharing) -> u64 {
        let starts = starts(self.problem, &self.ids, sharing);
        starts.iter().zip(&sharing.sizes).map(|(start, size)| start + size).max().unwrap_or(0)
    }
}

/// The object of what has none.
pub(super) const OUTSIDE: u32 = u32::MAX;

/// Which object each interval shares, and how large the objects are.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    pub(super) object: Vec<u32>,
    /// The given ones first, as large as they are; then those opened.
    pub(super) sizes: Vec<u64>,
}

/// Objects one after the other, those of large alignment first, so that there
/// is no padding between objects of sizes that are multiples of theirs.
fn starts(problem: &Problem, shared: &[BufferId], sharing: &Sharing) -> Vec<u64> {
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

fn lay_out(problem: &Problem, shared: &[BufferId], sharing: &Sharing) -> Allocation {
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
