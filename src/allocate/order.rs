//! Orders in which greedy strategies place buffers.

use super::timeline::Timeline;
use crate::problem::Problem;
use crate::support::ids::BufferId;

/// An order, named by its keys, most significant first. Keys descend unless the variant says
/// "earlier"; ties go by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Size, then earlier start.
    SizeStart,
    /// Size, then later start.
    SizeLateStart,
    /// Size, then later end.
    SizeEnd,
    /// Size, then number of live sections.
    SizeLength,
    /// Size, then load of the fullest section, then number of live sections.
    SizeBreadthLength,
    /// Buffers live at all times, then size, then start (TensorFlow Lite).
    ThroughoutSizeStart,
    /// Load of the fullest section, then that section (earlier first), then size.
    BreadthSize,
    /// Load of the fullest section, then area, then number of live sections.
    LoadAreaLength,
    /// Load of the fullest section, then number of live sections, then area.
    LoadLengthArea,
    /// Buffers live at the peak by number of live sections, then the others by size.
    PeakLengthSize,
    /// Buffers live at the peak by size, then the others by number of conflicts.
    PeakSizeConflict,
    /// Number of conflicts, then size.
    ConflictSize,
    /// Area (size times number of live sections), then number of live sections.
    AreaLength,
    /// Number of live sections, then size.
    LengthSize,
    /// Number of live sections, then load of the fullest section, then area.
    LengthLoadArea,
    /// Earlier start, then later end.
    StartEnd,
    /// Earlier start, then size.
    StartSize,
    /// Later end, then later start: [`Order::StartEnd`] backwards in time.
    EndStart,
}

/// Data for the sort keys, computed once for all orders.
pub(super) struct Orders<'a> {
    problem: &'a Problem,
    pub(super) timeline: Timeline,
    /// Buffers to place: without fixed offset and of positive size.
    free: Vec<BufferId>,
    /// For each buffer: load and index of its fullest section, the earliest of equal ones.
    fullest: Vec<(u64, u32)>,
    /// Largest load.
    peak: u64,
    /// For each buffer: number of buffers that are live at the same time.
    conflicts: Vec<u32>,
}

impl<'a> Orders<'a> {
    /// Computes the data in O(n log n).
    pub(super) fn new(problem: &'a Problem) -> Self {
        let timeline = Timeline::new(problem);
        let free = problem.movable();
        let fullest = fullest_sections(problem, &timeline);
        let conflicts = conflict_counts(&timeline);
        let peak = fullest.iter().map(|&(load, _)| load).max().unwrap_or(0);
        Self { problem, timeline, free, fullest, peak, conflicts }
    }

    /// Buffers to place, in the given order.
    pub(super) fn sorted(&self, order: Order) -> Vec<BufferId> {
        let mut keyed: Vec<([u128; 3], BufferId)> =
            self.free.iter().map(|&id| (self.key(order, id), id)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, id)| id).collect()
    }

    /// Sort key. Keys ascend, so descending values are subtracted from their maximum.
    fn key(&self, order: Order, id: BufferId) -> [u128; 3] {
        let down = |value: u64| u128::from(u64::MAX - value);
        let up = u128::from;
        let buffer = self.problem.buffer(id);
        let live = buffer.live();
        let (first, end) = self.timeline.sections[id.index()];
        let length = down((end - first).into());
        let area = u128::MAX - u128::from(buffer.size()) * u128::from(end - first);
        let (load, fullest) = self.fullest[id.index()];
        let at_peak = load == self.peak;
        let (size, load) = (down(buffer.size()), down(load));
        let conflicts = down(self.conflicts[id.index()].into());
        let throughout = first == 0 && end as usize == self.timeline.section_count();
        match order {
            Order::SizeStart => [size, up(live.start), 0],
            Order::SizeLateStart => [size, down(live.start.into()), 0],
            Order::SizeEnd => [size, down(live.end.into()), 0],
            Order::SizeLength => [size, length, 0],
            Order::SizeBreadthLength => [size, load, length],
            Order::ThroughoutSizeStart if throughout => [0, 0, 0],
            Order::PeakLengthSize if at_peak => [0, length, size],
            Order::ThroughoutSizeStart | Order::PeakLengthSize => [1, size, up(live.start)],
            Order::BreadthSize => [load, up(fullest), size],
            Order::LoadAreaLength => [load, area, length],
            Order::LoadLengthArea => [load, length, area],
            Order::PeakSizeConflict if at_peak => [0, size, up(live.start)],
            Order::PeakSizeConflict => [1, conflicts, size],
            Order::ConflictSize => [conflicts, size, 0],
            Order::AreaLength => [area, length, 0],
            Order::LengthSize => [length, size, 0],
            Order::LengthLoadArea => [length, load, area],
            Order::StartEnd => [up(live.start), down(live.end.into()), 0],
            Order::StartSize => [up(live.start), size, 0],
            Order::EndStart => [down(live.end.into()), up(live.start), 0],
        }
    }
}

/// Number of conflicts of each buffer: buffers that start before it ends, minus those that end
/// before it starts, minus itself.
fn conflict_counts(timeline: &Timeline) -> Vec<u32> {
    let sections = &timeline.sections;
    let mut started_before = vec![0u32; timeline.section_count() + 1];
    let mut ended_by = vec![0u32; timeline.section_count() + 1];
    for &(first, end) in sections {
        started_before[(first + 1) as usize] += 1;
        ended_by[end as usize] += 1;
    }
    for section in 1..started_before.len() {
        started_before[section] += started_before[section - 1];
        ended_by[section] += ended_by[section - 1];
    }
    let count = |&(first, end): &(u32, u32)| started_before[end as usize] - ended_by[first as usize] - 1;
    sections.iter().map(count).collect()
}

/// Load and index of each buffer's fullest section, by a sparse table of range maxima.
fn fullest_sections(problem: &Problem, timeline: &Timeline) -> Vec<(u64, u32)> {
    let loads = timeline.loads(problem);
    let fuller = |a: u32, b: u32| if loads[b as usize] > loads[a as usize] { b } else { a };
    // Entry i of level k is the fullest of the 2^k sections from i on.
    let mut levels: Vec<Vec<u32>> = vec![(0..loads.len() as u32).collect()];
    let mut width = 1;
    while width * 2 <= loads.len() {
        let last = &levels[levels.len() - 1];
        levels.push(last.iter().zip(&last[width..]).map(|(&a, &b)| fuller(a, b)).collect());
        width *= 2;
    }
    let fullest = |&(first, end): &(u32, u32)| {
        let level = (end - first).ilog2();
        let row = &levels[level as usize];
        let section = fuller(row[first as usize], row[(end - (1 << level)) as usize]);
        (loads[section as usize], section)
    };
    timeline.sections.iter().map(fullest).collect()
}
