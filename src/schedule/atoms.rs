//! Atoms: the smallest ranges of bytes that the same tensors hold.
//!
//! If tensors may share contents, a bound must count each shared byte once. So the bytes of each
//! source tensor are cut at the ends of all ranges that other tensors may share and of all ranges
//! that outputs may overwrite. The pieces are the atoms. They take the role of tensors in the search
//! for orders: an atom is live while any tensor that holds it is live.

use super::{Result, Scheduler};
use crate::effects::{Reuse, reuses};
use crate::sharing::{ContentAliases, SourceRange, SourceRanges, concerns};
use crate::support::ids::TensorId;
use crate::support::limits::{Budget, Limits};
use crate::support::rows::Rows;

/// A range of bytes of one source tensor that the same tensors hold.
#[derive(Clone, Debug)]
pub(super) struct Atom {
    /// The tensor whose producer first writes these bytes.
    pub(super) source: TensorId,
    /// Length in bytes, rounded up.
    length: u64,
    /// The length, or 0 if no bound may count these bytes.
    pub(super) bytes: u64,
    /// Bytes that rounding added to a tensor that ends with this atom.
    pub(super) padding: u64,
    /// True if an operator that runs reads a tensor that holds these bytes.
    pub(super) is_read: bool,
    /// True if a tensor that holds these bytes is an output.
    pub(super) is_output: bool,
}

/// The atoms of a graph.
pub(super) struct Atoms {
    /// All atoms, by source tensor and offset.
    pub(super) list: Vec<Atom>,
    /// By tensor: its atoms, ascending.
    of_tensor: Rows,
}

impl Atoms {
    /// Cuts the tensors of a graph into atoms of whole cells of `unit` bytes. O(n log n) for n source
    /// ranges, if no tensor has very many of them.
    ///
    /// # Errors
    /// [`Stop::Cancelled`](crate::Stop::Cancelled).
    pub(super) fn new(scheduler: &Scheduler<'_>, unit: u64) -> Result<Self> {
        let &Scheduler { graph, default_alignment, sharing, ref limits, .. } = scheduler;
        let contents = |limits: &Limits| {
            let budget = &mut Budget::new(limits, u64::MAX);
            ContentAliases::new(graph, default_alignment, sharing, budget)
        };
        // Without sharing, every tensor is a single atom.
        let contents = if concerns(graph, sharing) { Some(contents(limits)?) } else { None };
        let unshared = SourceRanges::new(graph);
        let ranges = contents.as_ref().map_or(&unshared, |contents| &contents.source_ranges);
        let of_tensor: Vec<&[SourceRange]> = graph.tensor_ids().map(|id| ranges.of(id)).collect();
        // By source: the positions of cuts. A range that does not start at a cell shares its first
        // cell with the preceding range. Sizes near 2^64 belong to constants, which are not in the
        // arena, so their rounding does not matter.
        let up = |bytes: u64| bytes.checked_next_multiple_of(unit).unwrap_or(u64::MAX);
        let start = |range: &SourceRange| up(range.at);
        let end = |range: &SourceRange| up(range.at + range.bytes);
        let mut cuts: Vec<Vec<u64>> =
            graph.tensors().iter().map(|tensor| vec![0, up(tensor.bytes())]).collect();
        let mut insert = |tensor: TensorId, cut: u64| {
            let source_cuts = &mut cuts[tensor.index()];
            if let Err(position) = source_cuts.binary_search(&cut) {
                source_cuts.insert(position, cut);
            }
        };
        limits.check_cancelled()?;
        for range in of_tensor.iter().copied().flatten() {
            // Cut at both ends of each range that several tensors share: within an atom, all bytes belong
            // to the same tensors.
            insert(range.source, start(range));
            insert(range.source, end(range));
        }
        limits.check_cancelled()?;
        for Reuse { input, region, .. } in graph.operator_ids().flat_map(|id| reuses(graph, id, sharing)) {
            // The region of a reuse begins or ends with the input.
            let cut = if region.start > 0 { region.start } else { region.end };
            let within = |range: &&SourceRange| range.from < cut && cut < range.from + range.bytes;
            if let Some(range) = of_tensor[input.index()].iter().find(within) {
                insert(range.source, up(range.at + (cut - range.from)));
            }
        }
        let free = contents.as_ref().map_or(&[][..], |contents| &contents.free);
        for &(tensor, from, end) in free {
            insert(tensor, up(from));
            insert(tensor, up(end));
        }
        limits.check_cancelled()?;
        let mut list = Vec::new();
        let mut first = Vec::with_capacity(cuts.len());
        for (source, cuts) in graph.tensor_ids().zip(&cuts) {
            first.push(list.len() as u32);
            list.extend(cuts.windows(2).map(|pair| Atom {
                source,
                length: pair[1] - pair[0],
                bytes: pair[1] - pair[0],
                padding: 0,
                is_read: false,
                is_output: false,
            }));
        }
        let atoms = |range: &SourceRange| {
            let source = range.source.index();
            let atom_at =
                |cut: u64| first[source] + cuts[source].partition_point(|&other| other < cut) as u32;
            atom_at(start(range))..atom_at(end(range)).min(first[source] + cuts[source].len() as u32 - 1)
        };
        limits.check_cancelled()?;
        for (tensor, tensor_ranges) in graph.tensors().iter().zip(&of_tensor) {
            let runs = |id: &crate::support::ids::OperatorId| !graph.operator(*id).is_folded();
            let is_read = tensor.readers().iter().any(runs);
            for range in *tensor_ranges {
                for atom in atoms(range) {
                    let atom = &mut list[atom as usize];
                    atom.is_read |= is_read;
                    atom.is_output |= tensor.is_output();
                }
                if let Some(last) = atoms(range).last() {
                    let padding = &mut list[last as usize].padding;
                    *padding = (end(range) - range.at - range.bytes).max(*padding);
                }
            }
        }
        // Bytes of dropped aliases may be shared by some plan, so no bound may count them.
        for &(source, from, end) in free {
            for atom in atoms(&SourceRange { from, bytes: end - from, source, at: from }) {
                (list[atom as usize].bytes, list[atom as usize].padding) = (0, 0);
            }
        }
        let of_tensor = Rows::new(of_tensor.iter().map(|ranges| ranges.iter().flat_map(atoms)));
        Ok(Self { list, of_tensor })
    }

    /// The atoms of a tensor, in the order of their bytes.
    pub(super) fn of(&self, tensor: TensorId) -> &[u32] {
        self.of_tensor.row(tensor.index() as u32)
    }

    /// The atoms that hold bytes `from..end` of a tensor.
    pub(super) fn within(&self, tensor: TensorId, from: u64, end: u64) -> Vec<u32> {
        let mut at = 0;
        let holds = |&atom: &u32| {
            let start = at;
            at += self.list[atom as usize].length;
            start < end && from < at
        };
        self.of(tensor).iter().copied().filter(holds).collect()
    }

    /// The atoms whose bytes the tensor's own producer writes.
    pub(super) fn first_in(&self, tensor: TensorId) -> impl Iterator<Item = u32> {
        self.of(tensor).iter().copied().filter(move |&atom| self.list[atom as usize].source == tensor)
    }
}
