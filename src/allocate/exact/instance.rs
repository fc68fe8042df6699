//! A problem as the exact search sees it: sections, members, conflicts, in flat
//! arrays.

use std::collections::HashMap;

use crate::ids::BufferId;
use crate::limits::{Meter, Stop};
use crate::problem::{Buffer, LiveRange, Problem};
use crate::sorting::{Keyed, sort_by_keys, sort_keyed};

/// No instance has more pairs, of item and section or of items that conflict: about
/// 200 MB.
const MOST_PAIRS: usize = 1 << 23;

/// Rows of different lengths, in one array.
#[derive(Clone, Debug)]
pub(super) struct Rows<T> {
    starts: Vec<u32>,
    entries: Vec<T>,
}

impl<T: Copy> Rows<T> {
    fn new(
        rows: impl Iterator<Item = impl IntoIterator<Item = T>>,
        meter: &mut Meter<'_>,
    ) -> Result<Self, Stop> {
        let mut built = Self { starts: vec![0], entries: Vec::new() };
        for row in rows {
            let before = built.entries.len();
            built.entries.extend(row);
            built.starts.push(built.entries.len() as u32);
            meter.charge(1 + built.entries.len() - before)?;
        }
        Ok(built)
    }

    #[inline]
    pub(super) fn row(&self, number: u32) -> &[T] {
        let number = number as usize;
        &self.entries[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    pub(super) fn start(&self, number: u32) -> u32 {
        self.starts[number as usize]
    }

    pub(super) fn entry_count(&self) -> usize {
        self.entries.len()
    }
}

/// What lies where it must, as others have to avoid it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Obstacle {
    pub(super) offset: u64,
    pub(super) top: u64,
}

/// One that shares sections with another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conflict {
    pub(super) item: u32,
    /// How many sections both are in.
    pub(super) sections: u32,
}

/// Items are the buffers that take room; sections the maximal sets of items
/// that are live at one time. Two items conflict if they share a section.
///
/// All offsets are multiples of `unit`, the least alignment, so sizes are
/// rounded up to it; `last_offset` of an item uses its true size.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) unit: u64,
    /// The buffer that each item is.
    pub(super) ids: Vec<BufferId>,
    /// Size in bytes, rounded up.
    pub(super) sizes: Vec<u64>,
    /// What the rounding added.
    pub(super) paddings: Vec<u64>,
    pub(super) alignments: Vec<u64>,
    /// The offset that it must have, or `u64::MAX`.
    pub(super) fixed: Vec<u64>,
    /// How long it is live.
    pub(super) steps: Vec<u64>,
    /// Sections of each item, ascending.
    pub(super) sections: Rows<u32>,
    /// The same as ranges: first, and one past the last.
    pub(super) runs: Rows<(u32, u32)>,
    /// Items of each section.
    pub(super) members: Rows<u32>,
    /// By size, ascending.
    pub(super) conflicts: Rows<Conflict>,
    /// What lies fixed and conflicts, by offset.
    pub(super) obstacles: Rows<Obstacle>,
    /// Live bytes of each section, rounded up.
    pub(super) loads: Vec<u64>,
    /// By section: how many items are live in it or after it, and before it.
    pub(super) crossing: Vec<u32>,
    /// The least size.
    pub(super) smallest: u64,
    /// Items that are alike in everything have the same number.
    pub(super) classes: Vec<u32>,
}

impl Instance {
    /// Of these buffers of a problem; none if it would be too large. Linear in the
    /// pairs of item and section, and in the pairs of items that conflict.
    ///
    /// # Errors
    /// Why it must stop before it is done.
    pub(super) fn new(
        problem: &Problem,
        ids: Vec<BufferId>,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Self>, Stop> {
        let buffers: Vec<&Buffer> = ids.iter().map(|&id| problem.buffer(id)).collect();
        let unit = buffers.iter().map(|buffer| buffer.alignment()).min().unwrap_or(1);
        let sizes: Vec<u64> = buffers.iter().map(|buffer| buffer.size().next_multiple_of(unit)).collect();
        let cuts = cuts(&buffers);
        let section = |step: u32| cuts.partition_point(|&cut| cut <= step) as u32 - 1;
        let range = |piece: LiveRange| section(piece.start)..section(piece.end - 1) + 1;
        let pieces = || buffers.iter().map(|buffer| buffer.pieces().map(range));
        if pieces().flatten().map(|range| range.len()).sum::<usize>() > MOST_PAIRS {
            return Ok(None);
        }
        let sections = Rows::new(pieces().map(Iterator::flatten), meter)?;
        let members = transposed(&sections, cuts.len(), meter)?;
        let load = |section| members.row(section).iter().map(|&item| sizes[item as usize]).sum();
        let loads = (0..cuts.len() as u32).map(load).collect();
        let runs = runs(&sections, meter)?;
        let Some(conflicts) = conflicts(&runs, &members, &sizes, meter)? else { return Ok(None) };
        let mut instance = Self {
            unit,
            crossing: crossing(&sections, cuts.len()),
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
            obstacles: Rows { starts: vec![0], entries: Vec::new() },
            loads,
            ids,
        };
        instance.obstacles = instance.find_obstacles(meter)?;
        instance.classes = instance.find_classes();
        Ok(Some(instance))
    }

    /// Where these offsets reach to.
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

    /// The last offset at which an item ends within `capacity`; none if it is
    /// larger than that.
    pub(super) fn last_offset(&self, item: u32, capacity: u64) -> Option<u64> {
        let item = item as usize;
        let last = capacity.checked_sub(self.sizes[item] - self.paddings[item])?;
        Some(last & !(self.alignments[item] - 1))
    }

    /// The number of a section in the rows of all items: that of `item`, which is in it.
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

    /// Sections that two items are both in.
    #[inline]
    pub(super) fn shared_sections(&self, one: u32, other: u32) -> impl Iterator<Item = u32> + '_ {
        let runs = self.runs.row(one).iter();
        runs.flat_map(move |a| self.runs.row(other).iter().flat_map(move |b| a.0.max(b.0)..a.1.min(b.1)))
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

    fn find_obstacles(&self, meter: &mut Meter<'_>) -> Result<Rows<Obstacle>, Stop> {
        if self.fixed.iter().all(|&offset| offset == u64::MAX) {
            return Rows::new((0..self.item_count()).map(|_| []), meter);
        }
        let of_item = |item: u32| {
            let fixed =
                self.conflicts.row(item).iter().filter(|other| self.fixed[other.item as usize] < u64::MAX);
            let mut row: Vec<Obstacle> = fixed
                .map(|other| {
                    let other = other.item as usize;
                    Obstacle { offset: self.fixed[other], top: self.fixed[other] + self.sizes[other] }
                })
                .collect();
            sort_by_keys(&mut row, |obstacle| [obstacle.offset, 0]);
            row
        };
        Rows::new((0..self.item_count()).map(of_item), meter)
    }
}

fn steps(buffer: &Buffer) -> u64 {
    buffer.pieces().map(|piece| u64::from(piece.steps())).sum()
}

fn runs(sections: &Rows<u32>, meter: &mut Meter<'_>) -> Result<Rows<(u32, u32)>, Stop> {
    let row = |item: u32| {
        let runs = sections.row(item).chunk_by(|&a, &b| a + 1 == b);
        runs.map(|run| (run[0], run[run.len() - 1] + 1)).collect::<Vec<_>>()
    };
    Rows::new((0..sections.starts.len() as u32 - 1).map(row), meter)
}

fn crossing(sections: &Rows<u32>, count: usize) -> Vec<u32> {
    let mut crossing = vec![0; count];
    for item in 0..sections.starts.len() as u32 - 1 {
        let row = sections.row(item);
        (row[0] + 1..=row[row.len() - 1]).for_each(|section| crossing[section as usize] += 1);
    }
    crossing
}

/// Where sections begin: at a start that follows an end. What starts before the
/// next end only adds to what is live.
fn cuts(buffers: &[&Buffer]) -> Vec<u32> {
    let mut events: Vec<(u32, bool)> = Vec::with_capacity(buffers.len() * 2);
    for buffer in buffers {
        for piece in buffer.pieces() {
            events.push((piece.start, true));
            events.push((piece.end, false));
        }
    }
    sort_by_keys(&mut events, |&(step, starts)| [step.into(), starts.into()]);
    let mut cuts = Vec::new();
    let mut ended = true;
    for (step, starts) in events {
        if starts && ended {
            cuts.push(step);
        }
        ended = !starts;
    }
    cuts
}

fn transposed(rows: &Rows<u32>, columns: usize, meter: &mut Meter<'_>) -> Result<Rows<u32>, Stop> {
    let mut turned: Vec<Vec<u32>> = vec![Vec::new(); columns];
    for number in 0..rows.starts.len() as u32 - 1 {
        for &column in rows.row(number) {
            turned[column as usize].push(number);
        }
        meter.charge(rows.row(number).len())?;
    }
    Rows::new(turned.into_iter(), meter)
}

/// None if they are too many. What meets a run is live where it begins, or begins
/// within it.
fn conflicts(
    runs: &Rows<(u32, u32)>,
    members: &Rows<u32>,
    sizes: &[u64],
    meter: &mut Meter<'_>,
) -> Result<Option<Rows<Conflict>>, Stop> {
    let begin = beginning(runs, members.starts.len() - 1, meter)?;
    let mut common = vec![0; sizes.len()];
    let mut rows = Rows { starts: vec![0], entries: Vec::new() };
    let mut others: Vec<Keyed> = Vec::new();
    for item in 0..sizes.len() as u32 {
        others.clear();
        let mut meet = |other: u32, sections: u32| {
            if common[other as usize] == 0 {
                others.push(([sizes[other as usize], 0], other.into()));
            }
            common[other as usize] += sections;
        };
        for &(first, end) in runs.row(item) {
            for &other in members.row(first).iter().filter(|&&other| other != item) {
                let run = runs.row(other).iter().find(|run| run.0 <= first && first < run.1);
                meet(other, run.map_or(0, |run| run.1.min(end) - first));
            }
            for section in first + 1..end {
                begin.row(section).iter().for_each(|&(other, until)| meet(other, until.min(end) - section));
            }
        }
        sort_keyed(&mut others);
        for &(_, other) in &others {
            let sections = std::mem::take(&mut common[other as usize]);
            rows.entries.push(Conflict { item: other as u32, sections });
        }
        rows.starts.push(rows.entries.len() as u32);
        let length = runs.row(item).iter().map(|run| (run.1 - run.0) as usize).sum::<usize>();
        meter.charge(length + 8 * others.len())?;
        if rows.entries.len() > MOST_PAIRS {
            return Ok(None);
        }
    }
    Ok(Some(rows))
}

/// By section: the items of which a run begins there, and where it ends.
fn beginning(
    runs: &Rows<(u32, u32)>,
    sections: usize,
    meter: &mut Meter<'_>,
) -> Result<Rows<(u32, u32)>, Stop> {
    let mut begin: Vec<Vec<(u32, u32)>> = vec![Vec::new(); sections];
    for item in 0..runs.starts.len() as u32 - 1 {
        for &(first, end) in runs.row(item) {
            begin[first as usize].push((item, end));
        }
    }
    Rows::new(begin.into_iter(), meter)
}
