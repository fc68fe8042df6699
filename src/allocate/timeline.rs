//! Time, reduced to the moments at which something starts to live.

use crate::problem::{Buffer, Problem};

/// Live ranges in sections: section `k` begins where the `k`-th different start
/// lies. Two buffers meet in time if and only if they share a section, since
/// the later of the two starts is a section that both contain.
#[derive(Debug)]
pub(super) struct Timeline {
    /// The first step of each section, ascending.
    starts: Vec<u32>,
    /// First and one past the last section of each buffer.
    pub(super) sections: Vec<(u32, u32)>,
}

impl Timeline {
    /// O(n log n).
    pub(super) fn new(problem: &Problem) -> Self {
        let live = || problem.buffers().iter().map(Buffer::live);
        let mut starts: Vec<u32> = live().map(|range| range.start).collect();
        starts.sort_unstable();
        starts.dedup();
        let section = |step: u32| starts.partition_point(|&start| start < step) as u32;
        let sections = live().map(|range| (section(range.start), section(range.end))).collect();
        Self { starts, sections }
    }

    pub(super) fn section_count(&self) -> usize {
        self.starts.len()
    }

    /// Live bytes in each section.
    pub(super) fn loads(&self, problem: &Problem) -> Vec<u64> {
        let mut changes = vec![(0u64, 0u64); self.section_count() + 1];
        for (buffer, &(first, end)) in problem.buffers().iter().zip(&self.sections) {
            changes[first as usize].0 += buffer.size();
            changes[end as usize].1 += buffer.size();
        }
        let mut live = 0;
        let loads = changes[..self.section_count()].iter().map(|(born, died)| {
            live = live + born - died;
            live
        });
        loads.collect()
    }
}
