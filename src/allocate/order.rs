//! The orders in which buffers may be placed.

use super::timeline::Timeline;
use crate::ids::BufferId;
use crate::problem::Problem;

/// Named by the keys that decide, the first one first. All but starts and ends
/// descend; what still ties goes by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Size, then the earlier start.
    SizeStart,
    /// Size, then the later start.
    SizeLateStart,
    /// Size, then the later end.
    SizeEnd,
    /// Size, then length of life.
    SizeLength,
    /// Size, then the fullest section, then length of life.
    SizeBreadthLength,
    /// Those that live throughout, then size, then start: TensorFlow Lite's.
    ThroughoutSizeStart,
    /// The fullest section (the earliest of those), then size.
    BreadthSize,
    /// Load of the fullest section, then area, then length of life.
    LoadAreaLength,
    /// Load of the fullest section, then length of life, then area.
    LoadLengthArea,
    /// Those that live where the load is greatest by length of life, then the others
    /// by size.
    PeakLengthSize,
    /// Those that live where the load is greatest by size, then the others by how many
    /// they meet.
    PeakSizeConflict,
    /// How many others it meets, then size.
    ConflictSize,
    /// Size times length of life, then length.
    AreaLength,
    /// Length of life, then size.
    LengthSize,
    /// Length of life, then load of the fullest section, then area.
    LengthLoadArea,
    /// The earlier start, then the later end.
    StartEnd,
    /// The earlier start, then size.
    StartSize,
    /// The later end, then the later start: [`Order::StartEnd`] backwards in
    /// time.
    EndStart,
}

/// What the keys need to know, computed once for all orders.
pub(super) struct Orders<'a> {
    problem: &'a Problem,
    pub(super) timeline: Timeline,
    /// Buffers to be placed: not fixed, and larger than nothing.
    free: Vec<BufferId>,
    /// Of each buffer: load and number of its fullest section, the earliest of
    /// those.
    fullest: Vec<(u64, u32)>,
    /// The greatest load.
    peak: u64,
    /// Of each buffer: how many others it meets in time.
    conflicts: Vec<u32>,
}

impl<'a> Orders<'a> {
    /// O(n log n).
    pub(super) fn new(problem: &'a Problem) -> Self {
        let timeline = Timeline::new(problem);
        let is_free = |id: &BufferId| {
            let buffer = problem.buffer(*id);
            buffer.fixed_offset().is_none() && buffer.size() > 0
        };
        let free = problem.ids().filter(is_free).collect();
        let fullest = fullest_sections(problem, &timeline);
        let conflicts = conflict_counts(&timeline);
        let peak = fullest.iter().map(|&(load, _)| load).max().unwrap_or(0);
        Self { problem, timeline, free, fullest, peak, conflicts }
    }

    /// The buffers to be placed, in this order.
    pub(super) fn sorted(&self, order: Order) -> Vec<BufferId> {
        let mut keyed: Vec<([u128; 3], BufferId)> =
            self.free.iter().map(|&id| (self.key(order, id), id)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, id)| id).collect()
    }

    /// Ascending, so what is to descend is subtracted from its maximum.
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

/// How many others each buffer meets in time: those that start before it ends,
/// less those that end before it starts, less itself.
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

/// Load and number of each buffer's fullest section, by a table of maxima over
/// ranges of 2^k sections.
fn fullest_sections(problem: &Problem, timeline: &Timeline) -> Vec<(u64, u32)> {
    let loads = timeline.loads(problem);
    let fuller = |a: u32, b: u32| if loads[b as usize] > loads[a as usize] { b } else { a };
    // The fullest of as many sections as a power of two, from each on.
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
