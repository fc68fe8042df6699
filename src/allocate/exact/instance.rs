//! The input of the exact search: sections, their items and the conflicts between items, in
//! flat arrays.
//!
//! Only the sections matter for feasibility, not the steps: a packing is valid if no two items
//! of a section overlap. Steps at which items only start or only end belong to the section of
//! the largest live set next to them, so the number of sections is at most the number of items
//! with gap-free live ranges.

use std::collections::HashMap;

use crate::problem::{Buffer, LiveRange, Problem};
use crate::support::events::{Event, events};
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Stop};
use crate::support::rows::Rows;
use crate::support::sorting::{Keyed, sort_by_keys, sort_keyed};

/// Maximum number of (item, section) pairs, and of conflicting pairs: about 200 MB. Larger
/// problems are not searched.
const MAX_PAIRS: usize = 1 << 23;

/// Range of offsets of a fixed item, which conflicting items must avoid.
#[derive(Clone, Copy, Debug)]
pub(super) struct FixedSpan {
    pub(super) offset: u64,
    pub(super) top: u64,
}

/// An item that shares sections with the item of the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct ItemConflict {
    pub(super) item: u32,
    /// Number of shared sections.
    pub(super) sections: u32,
}

/// Items, sections and conflicts of a problem.
///
/// All offsets are multiples of `unit`, the smallest alignment, so sizes are rounded up to
/// it. This loses no packing: if an item ends between two multiples of `unit`, no item can
/// start before the next one. Only the topmost item may end at its true size, so `last_offset`
/// uses the true size.
#[derive(Clone, Debug)]
pub(super) struct ExactInstance {
    pub(super) unit: u64,
    /// Buffer of each item.
    pub(super) ids: Vec<BufferId>,
    /// Size of each item in bytes, rounded up to `unit`.
    pub(super) sizes: Vec<u64>,
    /// Bytes added by the rounding.
    pub(super) paddings: Vec<u64>,
    pub(super) alignments: Vec<u64>,
    /// Fixed offset of each item, or `u64::MAX`.
    pub(super) fixed: Vec<u64>,
    /// Number of steps for which each item is live.
    pub(super) steps: Vec<u64>,
    /// Sections of each item, ascending.
    pub(super) sections: Rows,
    /// Sections of each item as ranges `(first, end)`, `end` exclusive.
    pub(super) runs: Rows<(u32, u32)>,
    /// Items of each section.
    pub(super) members: Rows,
    /// Conflicts of each item, ascending by the size of the conflicting item.
    pub(super) conflicts: Rows<ItemConflict>,
    /// Fixed items that conflict with each item, ascending by offset.
    pub(super) obstacles: Rows<FixedSpan>,
    /// Live bytes of each section, with rounded sizes.
    pub(super) loads: Vec<u64>,
    /// For each section: the number of items that are live before it and in it or after it.
    pub(super) crossing: Vec<u32>,
    /// Smallest rounded size.
    pub(super) smallest: u64,
    /// Class of each item; items of a class have the same sizes, alignment, fixed offset and
    /// sections, so exchanging them maps packings to packings.
    pub(super) classes: Vec<u32>,
}

impl ExactInstance {
    /// Builds the instance of the given buffers, or returns `None` if it exceeds `MAX_PAIRS`.
    /// Linear in the number of (item, section) pairs and of conflicting pairs.
    pub(super) fn new(
        problem: &Problem,
        ids: Vec<BufferId>,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Self>, Stop> {
        let buffers: Vec<&Buffer> = ids.iter().map(|&id| problem.buffer(id)).collect();
        // The number of pairs is checked before the arrays are built, so a large problem costs no more
        // than the sum of its section ranges.
        let unit = buffers.iter().map(|buffer| buffer.alignment()).min().unwrap_or(1);
        let sizes: Vec<u64> = buffers.iter().map(|buffer| buffer.size().next_multiple_of(unit)).collect();
        let section_starts = section_starts(&buffers);
        let section = |step: u32| section_starts.partition_point(|&cut| cut <= step) as u32 - 1;
        let range = |piece: LiveRange| section(piece.start)..section(piece.end - 1) + 1;
        let pieces = || buffers.iter().map(|buffer| buffer.pieces().map(range));
        if pieces().flatten().map(|range| range.len()).sum::<usize>() > MAX_PAIRS {
            return Ok(None);
        }
        let sections = Rows::metered(pieces().map(Iterator::flatten), budget)?;
        let members = transposed(&sections, section_starts.len(), budget)?;
        let load = |section| members.row(section).iter().map(|&item| sizes[item as usize]).sum();
        let loads = (0..section_starts.len() as u32).map(load).collect();
        let runs = runs(&sections, budget)?;
        let Some(conflicts) = conflicts(&runs, &members, &sizes, budget)? else { return Ok(None) };
        let mut instance = Self {
            unit,
            crossing: crossing(&sections, section_starts.len()),
            smallest: sizes.iter().copied().min().unwrap_or(0),
            classes: Vec::new(),
            paddings: sizes.iter().zip(&buffers).map(|(size, buffer)| size - buffer.size()).collect(),
            sizes,
            alignments: buffers.iter().map(|buffer| buffer.alignment()).collect(),
            fixed: buffers.iter().map(|buffer| buffer.fixed_offset().unwrap_or(u64::MAX)).collect(),
            steps: buffers.iter().map(|buffer| steps(buffer)).collect(),
            runs,
            sections,
            members,
            conflicts,
            obstacles: Rows::default(),
            loads,
            ids,
        };
        instance.obstacles = instance.find_obstacles(budget)?;
        instance.classes = instance.find_classes();
        Ok(Some(instance))
    }

    /// Height of a packing in bytes, with the true sizes.
    pub(super) fn height(&self, offsets: &[u64]) -> u64 {
        let sizes = self.sizes.iter().zip(&self.paddings);
        let tops = sizes.zip(offsets).map(|((size, padding), offset)| offset + size - padding);
        tops.max().unwrap_or(0)
    }

    pub(super) fn item_count(&self) -> u32 {
        self.sizes.len() as u32
    }

    pub(super) fn section_count(&self) -> u32 {
        self.loads.len() as u32
    }

    /// Last aligned offset at which an item ends within `capacity`; `None` if the item is
    /// larger than the capacity.
    pub(super) fn last_offset(&self, item: u32, capacity: u64) -> Option<u64> {
        let item = item as usize;
        let last = capacity.checked_sub(self.sizes[item] - self.paddings[item])?;
        Some(last & !(self.alignments[item] - 1))
    }

    /// Index of the pair (`item`, `section`) in the rows of `sections`. The item must be in the
    /// section.
    #[inline]
    pub(super) fn entry(&self, item: u32, section: u32) -> usize {
        let mut entry = self.sections.start(item);
        for &(first, end) in self.runs.row(item) {
            if section < end {
                return (entry + section - first) as usize;
            }
            entry += end - first;
        }
        entry as usize
    }

    /// Sections that contain both items.
    #[inline]
    pub(super) fn shared_sections(&self, first: u32, second: u32) -> impl Iterator<Item = u32> + '_ {
        let runs = self.runs.row(first).iter();
        runs.flat_map(move |a| self.runs.row(second).iter().flat_map(move |b| a.0.max(b.0)..a.1.min(b.1)))
    }

    fn find_classes(&self) -> Vec<u32> {
        let alike = |item: u32| {
            let at = item as usize;
            let sizes = (self.sizes[at], self.paddings[at], self.alignments[at], self.fixed[at]);
            (sizes, self.runs.row(item))
        };
        let mut first = HashMap::new();
        (0..self.item_count()).map(|item| *first.entry(alike(item)).or_insert(item)).collect()
    }

    fn find_obstacles(&self, budget: &mut Budget<'_>) -> Result<Rows<FixedSpan>, Stop> {
        if self.fixed.iter().all(|&offset| offset == u64::MAX) {
            return Rows::metered((0..self.item_count()).map(|_| []), budget);
        }
        let of_item = |item: u32| {
            let fixed =
                self.conflicts.row(item).iter().filter(|other| self.fixed[other.item as usize] < u64::MAX);
            let mut row: Vec<FixedSpan> = fixed
                .map(|other| {
                    let other = other.item as usize;
                    FixedSpan { offset: self.fixed[other], top: self.fixed[other] + self.sizes[other] }
                })
                .collect();
            sort_by_keys(&mut row, |obstacle| [obstacle.offset, 0]);
            row
        };
        Rows::metered((0..self.item_count()).map(of_item), budget)
    }
}

fn steps(buffer: &Buffer) -> u64 {
    buffer.pieces().map(|piece| u64::from(piece.steps())).sum()
}

fn runs(sections: &Rows, budget: &mut Budget<'_>) -> Result<Rows<(u32, u32)>, Stop> {
    let row = |item: u32| {
        let runs = sections.row(item).chunk_by(|&a, &b| a + 1 == b);
        runs.map(|run| (run[0], run[run.len() - 1] + 1)).collect::<Vec<_>>()
    };
    Rows::metered((0..sections.count()).map(row), budget)
}

fn crossing(sections: &Rows, count: usize) -> Vec<u32> {
    let mut crossing = vec![0; count];
    for item in 0..sections.count() {
        let row = sections.row(item);
        (row[0] + 1..=row[row.len() - 1]).for_each(|section| crossing[section as usize] += 1);
    }
    crossing
}

/// First steps of the sections: each step at which a buffer starts and the preceding event is
/// an end. Between such steps the live sets only grow and then only shrink, so the set at the
/// turning point contains all others and is the section.
fn section_starts(buffers: &[&Buffer]) -> Vec<u32> {
    let pieces = buffers.iter().flat_map(|buffer| buffer.pieces());
    let mut section_starts = Vec::new();
    let mut ended = true;
    for Event { step, starts, .. } in events(pieces.map(|piece| (piece.start, piece.end))) {
        if starts && ended {
            section_starts.push(step);
        }
        ended = !starts;
    }
    section_starts
}

fn transposed(rows: &Rows, columns: usize, budget: &mut Budget<'_>) -> Result<Rows, Stop> {
    let mut turned: Vec<Vec<u32>> = vec![Vec::new(); columns];
    for number in 0..rows.count() {
        for &column in rows.row(number) {
            turned[column as usize].push(number);
        }
        budget.charge(rows.row(number).len())?;
    }
    Rows::metered(turned, budget)
}

/// Conflicts of all items, or `None` if there are more than `MAX_PAIRS`. An item conflicts
/// with a run of another if it is live in the first section of the run or begins within it, so
/// every conflict is found without comparing pairs of items.
fn conflicts(
    runs: &Rows<(u32, u32)>,
    members: &Rows,
    sizes: &[u64],
    budget: &mut Budget<'_>,
) -> Result<Option<Rows<ItemConflict>>, Stop> {
    // `common[other]` counts the sections shared with the current item. A pair is listed at its first
    // count, so the lists need no search for duplicates. Sorting by size lets the propagation stop at the first
    // item that is too large.
    let starting_runs = runs_by_first_section(runs, members.count() as usize, budget)?;
    let mut common = vec![0; sizes.len()];
    let mut rows = Rows::default();
    let mut neighbours: Vec<Keyed> = Vec::new();
    for item in 0..sizes.len() as u32 {
        neighbours.clear();
        let mut meet = |other: u32, sections: u32| {
            if common[other as usize] == 0 {
                neighbours.push(([sizes[other as usize], 0], other.into()));
            }
            common[other as usize] += sections;
        };
        for &(first, end) in runs.row(item) {
            for &other in members.row(first).iter().filter(|&&other| other != item) {
                let run = runs.row(other).iter().find(|run| run.0 <= first && first < run.1);
                meet(other, run.map_or(0, |run| run.1.min(end) - first));
            }
            for section in first + 1..end {
                starting_runs
                    .row(section)
                    .iter()
                    .for_each(|&(other, until)| meet(other, until.min(end) - section));
            }
        }
        sort_keyed(&mut neighbours);
        rows.push(neighbours.iter().map(|&(_, other)| {
            let sections = std::mem::take(&mut common[other as usize]);
            ItemConflict { item: other as u32, sections }
        }));
        let length = runs.row(item).iter().map(|run| (run.1 - run.0) as usize).sum::<usize>();
        budget.charge(length + 8 * neighbours.len())?;
        if rows.len() > MAX_PAIRS {
            return Ok(None);
        }
    }
    Ok(Some(rows))
}

/// For each section: the items with a run that begins there, and the end of the run.
fn runs_by_first_section(
    runs: &Rows<(u32, u32)>,
    sections: usize,
    budget: &mut Budget<'_>,
) -> Result<Rows<(u32, u32)>, Stop> {
    let mut starting_runs: Vec<Vec<(u32, u32)>> = vec![Vec::new(); sections];
    for item in 0..runs.count() {
        for &(first, end) in runs.row(item) {
            starting_runs[first as usize].push((item, end));
        }
    }
    Rows::metered(starting_runs, budget)
}
