//! Atoms: the smallest ranges of bytes that the same tensors hold.
//!
//! If tensors may share contents, a bound must count each shared byte once. So the bytes of each
//! source tensor are cut at the ends of all ranges that other tensors may share and of all ranges
//! that outputs may overwrite. The pieces are the atoms. They take the role of tensors in the search
//! for orders: an atom is live while any tensor that holds it is live.
//!
//! n slices of slices of one tensor hold O(n^2) atoms. If tensors hold too many, every k-th cut of a
//! source remains, and a tensor holds the atoms that lie within its bytes. This keeps bounds valid:
//! they then count fewer live bytes, and an output that overwrites a part of an atom counts as if it
//! overwrote the atom whole.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Result, Scheduler};
use crate::effects::{Reuse, reuses};
use crate::graph::{Graph, Tensor};
use crate::sharing::{ContentAliases, SharingLevel, SourceRange, SourceRanges, concerns};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::Budget;
use crate::support::rows::Rows;

/// A range of bytes of one source tensor that the same tensors hold.
#[derive(Clone, Debug)]
pub(super) struct Atom {
    /// The tensor whose producer first writes these bytes.
    pub(super) source: TensorId,
    /// The length in bytes, rounded up, or 0 if no bound may count these bytes.
    pub(super) bytes: u64,
    /// Bytes that rounding added to a tensor that ends with this atom.
    pub(super) padding: u64,
    /// True if an operator that runs reads a tensor that holds these bytes.
    pub(super) is_read: bool,
    /// True if a tensor that holds these bytes is an output.
    pub(super) is_needed_at_end: bool,
}

/// The atoms of a graph.
pub(super) struct Atoms<'a> {
    graph: &'a Graph,
    /// All atoms, by source tensor and offset.
    pub(super) list: Vec<Atom>,
    /// By tensor: its atoms, ascending.
    of_tensor: Rows,
    ranges: SourceRanges,
    cuts: Cuts,
}

/// Maximum number of atoms that all tensors hold, counted once for the tensor and once for each reader.
const MAX_HELD_ATOMS: usize = 1 << 20;

impl<'a> Atoms<'a> {
    /// Cuts the tensors of a graph into atoms of whole cells of `unit` bytes. O(n log n) for n source
    /// ranges.
    ///
    /// # Errors
    /// [`Stop::Cancelled`](crate::Stop::Cancelled).
    pub(super) fn new(scheduler: &Scheduler<'a>, unit: u64) -> Result<Self> {
        Self::within_room(scheduler, unit, MAX_HELD_ATOMS)
    }

    pub(super) fn within_room(scheduler: &Scheduler<'a>, unit: u64, most_held: usize) -> Result<Self> {
        let &Scheduler { graph, default_alignment, sharing, ref limits, .. } = scheduler;
        // Without sharing, every tensor is a single atom.
        let (ranges, free) = if concerns(graph, sharing) {
            let budget = &mut Budget::new(limits, u64::MAX);
            let contents = ContentAliases::new(graph, default_alignment, sharing, budget)?;
            (contents.source_ranges, contents.free)
        } else {
            (SourceRanges::default(), Vec::new())
        };
        limits.check_cancelled()?;
        let mut cuts = Cuts::new(graph, sharing, &ranges, &free, unit);
        limits.check_cancelled()?;
        let held = |(id, tensor): (TensorId, &Tensor)| {
            let atoms: usize = ranges.of(graph, id).iter().map(|range| cuts.atoms(range).len()).sum();
            atoms.saturating_mul(1 + tensor.readers().len())
        };
        let held = graph.iter_tensors().map(held).fold(0, usize::saturating_add);
        if held > most_held {
            cuts.thin(held.div_ceil(most_held));
        }
        limits.check_cancelled()?;
        let mut list = cuts.list(graph);
        for (id, tensor) in graph.iter_tensors() {
            let runs = |id: &OperatorId| !graph.operator(*id).is_folded();
            let is_read = tensor.readers().iter().any(runs);
            for range in ranges.of(graph, id).iter() {
                for atom in cuts.atoms(range) {
                    let atom = &mut list[atom as usize];
                    atom.is_read |= is_read;
                    atom.is_needed_at_end |= tensor.is_needed_at_end();
                }
                if let Some(last) = cuts.atoms(range).last() {
                    let padding = &mut list[last as usize].padding;
                    *padding = (cuts.up(range.at + range.bytes) - range.at - range.bytes).max(*padding);
                }
            }
        }
        // Bytes of dropped aliases may be shared by some plan, so no bound may count them.
        for &(source, from, end) in &free {
            for atom in cuts.touched(source, cuts.up(from), cuts.up(end)) {
                (list[atom as usize].bytes, list[atom as usize].padding) = (0, 0);
            }
        }
        let of_tensor = Rows::new(graph.tensor_ids().map(|id| {
            ranges.of(graph, id).iter().flat_map(|range| cuts.atoms(range)).collect::<SmallVec<[u32; 1]>>()
        }));
        Ok(Self { graph, list, of_tensor, ranges, cuts })
    }

    /// The atoms of a tensor, in the order of their bytes.
    pub(super) fn of(&self, tensor: TensorId) -> &[u32] {
        self.of_tensor.row(tensor.index() as u32)
    }

    /// The atoms of which bytes `from..end` of a tensor are a part or the whole. Linear in the source
    /// ranges of the tensor.
    pub(super) fn touched(&self, tensor: TensorId, from: u64, end: u64) -> Vec<u32> {
        let mut at: u64 = 0;
        let mut touched = Vec::new();
        for range in self.ranges.of(self.graph, tensor).iter() {
            let (start, source_end) = self.cuts.cells(range);
            let stop = at.saturating_add(source_end - start);
            if from.max(at) < end.min(stop) {
                let [first, last] = [from.max(at), end.min(stop)].map(|cell| start + (cell - at));
                touched.extend(self.cuts.touched(range.source, first, last));
            }
            at = stop;
        }
        touched
    }

    /// The atoms whose bytes the tensor's own producer writes.
    pub(super) fn first_in(&self, tensor: TensorId) -> impl Iterator<Item = u32> {
        self.of(tensor).iter().copied().filter(move |&atom| self.list[atom as usize].source == tensor)
    }
}

/// The positions at which source tensors are cut into atoms.
struct Cuts {
    /// By tensor: the positions, ascending, with the start and the end.
    of_source: Rows<u64>,
    /// By tensor: the number of its first atom.
    first: Vec<u32>,
    unit: u64,
}

impl Cuts {
    /// Cuts at both ends of each range that several tensors share, so that all bytes of an atom belong
    /// to the same tensors; at the ends of regions that outputs may overwrite; and at the ends of the
    /// ranges in `free`. O(n log n).
    fn new(
        graph: &Graph,
        sharing: SharingLevel,
        ranges: &SourceRanges,
        free: &[(TensorId, u64, u64)],
        unit: u64,
    ) -> Self {
        let mut cuts = Self { of_source: Rows::default(), first: Vec::new(), unit };
        let mut all: Vec<(u32, u64)> = Vec::new();
        let mut insert = |tensor: TensorId, at: u64| all.push((tensor.index() as u32, cuts.up(at)));
        for (id, tensor) in graph.iter_tensors() {
            insert(id, 0);
            insert(id, tensor.bytes());
            for range in ranges.of(graph, id).iter() {
                insert(range.source, range.at);
                insert(range.source, range.at + range.bytes);
            }
        }
        for Reuse { input, region, .. } in graph.operator_ids().flat_map(|id| reuses(graph, id, sharing)) {
            // The region of a reuse begins or ends with the input.
            let cut = if region.start > 0 { region.start } else { region.end };
            let of_input = ranges.of(graph, input);
            let below = of_input.partition_point(|range| range.from < cut);
            if let Some(range) = of_input[..below].last()
                && cut < range.from + range.bytes
            {
                insert(range.source, range.at + (cut - range.from));
            }
        }
        for &(tensor, from, end) in free {
            insert(tensor, from);
            insert(tensor, end);
        }
        all.sort_unstable();
        all.dedup();
        cuts.set(Rows::of_sorted(graph.tensors().len(), all));
        cuts
    }

    fn set(&mut self, of_source: Rows<u64>) {
        let mut next = 0;
        let mut first = |source: u32| {
            let first = next;
            next += of_source.row(source).len().saturating_sub(1) as u32;
            first
        };
        self.first = (0..of_source.count()).map(&mut first).collect();
        self.of_source = of_source;
    }

    /// Keeps every `step`-th cut of each source, with the first and the last one.
    fn thin(&mut self, step: usize) {
        let kept = |source: u32| {
            let row = self.of_source.row(source);
            let is_kept = move |&(place, _): &(usize, &u64)| place % step == 0 || place + 1 == row.len();
            row.iter().enumerate().filter(is_kept).map(|(_, &cut)| cut)
        };
        self.set(Rows::new((0..self.of_source.count()).map(kept)));
    }

    /// The atoms between the cuts, none of which is read or an output yet.
    fn list(&self, graph: &Graph) -> Vec<Atom> {
        let atoms = |source: TensorId| {
            let atom = move |pair: &[u64]| Atom {
                source,
                bytes: pair[1] - pair[0],
                padding: 0,
                is_read: false,
                is_needed_at_end: false,
            };
            self.row(source).windows(2).map(atom)
        };
        graph.tensor_ids().flat_map(atoms).collect()
    }

    fn row(&self, source: TensorId) -> &[u64] {
        self.of_source.row(source.index() as u32)
    }

    /// Rounds up to whole cells. Sizes near 2^64 belong to constants, which are not in the arena, so
    /// their rounding does not matter.
    fn up(&self, bytes: u64) -> u64 {
        bytes.checked_next_multiple_of(self.unit).unwrap_or(u64::MAX)
    }

    /// The cells of a range in its source. A range that does not start at a cell shares its first cell
    /// with the preceding range.
    fn cells(&self, range: &SourceRange) -> (u64, u64) {
        (self.up(range.at), self.up(range.at + range.bytes))
    }

    /// The atoms that lie within a range.
    fn atoms(&self, range: &SourceRange) -> Range<u32> {
        let (from, end) = self.cells(range);
        let (row, first) = (self.row(range.source), self.first[range.source.index()]);
        let start = first + row.partition_point(|&cut| cut < from) as u32;
        let end = first + row.partition_point(|&cut| cut <= end).saturating_sub(1) as u32;
        start..end.max(start)
    }

    /// The atoms of which bytes `from..end` of a source are a part or the whole.
    fn touched(&self, source: TensorId, from: u64, end: u64) -> Range<u32> {
        let (row, first) = (self.row(source), self.first[source.index()]);
        let start = row.partition_point(|&cut| cut <= from).saturating_sub(1);
        let end = row.partition_point(|&cut| cut < end).min(row.len().saturating_sub(1));
        first + start as u32..first + end.max(start) as u32
    }
}
