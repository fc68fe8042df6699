//! Compression of time to the steps at which buffers start to be live.

use std::collections::BTreeMap;

use crate::problem::{Buffer, LiveRange, Problem};
use crate::support::events::Loads;
use crate::support::ids::BufferId;
use crate::support::sorting::unique;

/// Live ranges as ranges of sections. Section `k` begins at the `k`-th distinct start of a
/// piece. Two buffers are live at the same time if and only if they share a section: the later
/// of their starts begins a section that both contain.
#[derive(Debug)]
pub(super) struct Timeline {
    /// First step of each section, ascending.
    starts: Vec<u32>,
    /// Range `(first, end)` of sections of each buffer, gaps included.
    pub(super) sections: Vec<(u32, u32)>,
    /// For buffers with gaps: the range of sections of each piece.
    gapped: BTreeMap<BufferId, Vec<(u32, u32)>>,
}

impl Timeline {
    /// Builds the timeline in O(n log n).
    pub(super) fn new(problem: &Problem) -> Self {
        let pieces = problem.buffers().iter().flat_map(Buffer::pieces);
        let starts = unique(pieces.map(|piece| piece.start));
        let section = |step: u32| starts.partition_point(|&start| start < step) as u32;
        let range = |live: LiveRange| (section(live.start), section(live.end));
        let sections = problem.buffers().iter().map(|buffer| range(buffer.live())).collect();
        let gapped = problem.ids().filter(|&id| !problem.buffer(id).gaps().is_empty());
        let gapped = gapped.map(|id| (id, problem.buffer(id).pieces().map(range).collect())).collect();
        Self { starts, sections, gapped }
    }

    /// Ranges of sections in which a buffer is live, one for each piece.
    #[inline]
    pub(super) fn pieces(&self, id: BufferId) -> &[(u32, u32)] {
        match self.gapped.get(&id) {
            Some(pieces) => pieces,
            None => std::slice::from_ref(&self.sections[id.index()]),
        }
    }

    pub(super) fn section_count(&self) -> usize {
        self.starts.len()
    }

    /// Live bytes in each section, gaps included.
    pub(super) fn loads(&self, problem: &Problem) -> Vec<u64> {
        let mut loads = Loads::new(self.section_count());
        for (buffer, &sections) in problem.buffers().iter().zip(&self.sections) {
            loads.add(sections, buffer.size());
        }
        loads.by_step()
    }
}
