//! Tensors cut where others share parts of them.

use super::Result;
use super::rows::Rows;
use crate::effects::{Reuse, reuses};
use crate::graph::Graph;
use crate::ids::TensorId;
use crate::limits::{Limits, Meter};
use crate::sharing::{Contents, Sharing, SourceRange, SourceRanges, concerns};

/// Bytes that the same tensors hold, of one tensor's contents.
#[derive(Clone, Debug)]
pub(super) struct Atom {
    /// The tensor in which they are first written.
    pub(super) source: TensorId,
    /// Rounded up.
    length: u64,
    /// The same, or nothing if no bound may count them.
    pub(super) bytes: u64,
    /// What rounding added to a tensor that ends here.
    pub(super) padding: u64,
    /// Whether an operator that runs reads a tensor that holds them.
    pub(super) is_read: bool,
    /// Whether a tensor that holds them is an output.
    pub(super) is_output: bool,
}

pub(super) struct Atoms {
    pub(super) list: Vec<Atom>,
    of_tensor: Rows,
}

impl Atoms {
    /// # Errors
    /// [`Stop::Cancelled`](crate::Stop::Cancelled).
    pub(super) fn new(
        graph: &Graph,
        default_alignment: u64,
        (sharing, limits): (Sharing, &Limits),
        unit: u64,
    ) -> Result<Self> {
        let contents = |limits: &Limits| {
            let meter = &mut Meter::new(limits, u64::MAX);
            Contents::new(graph, default_alignment, sharing, meter)
        };
        let contents = if concerns(graph, sharing) { Some(contents(limits)?) } else { None };
        let plain = SourceRanges::new(graph);
        let stretches = contents.as_ref().map_or(&plain, |contents| &contents.source_ranges);
        let of_tensor: Vec<&[SourceRange]> = graph.tensor_ids().map(|id| stretches.of(id)).collect();
        // By source: where stretches of it begin and end.
        // What does not begin at a cell shares its first one with what is before it. Sizes near 2^64
        // are of what is not in the arena: no matter how these are rounded.
        let up = |bytes: u64| bytes.checked_next_multiple_of(unit).unwrap_or(u64::MAX);
        let start = |stretch: &SourceRange| up(stretch.at);
        let end = |stretch: &SourceRange| up(stretch.at + stretch.bytes);
        let mut cuts: Vec<Vec<u64>> =
            graph.tensors().iter().map(|tensor| vec![0, up(tensor.bytes())]).collect();
        let mut insert = |tensor: TensorId, cut: u64| {
            let own = &mut cuts[tensor.index()];
            if let Err(place) = own.binary_search(&cut) {
                own.insert(place, cut);
            }
        };
        limits.go_on()?;
        for stretch in of_tensor.iter().copied().flatten() {
            insert(stretch.source, start(stretch));
            insert(stretch.source, end(stretch));
        }
        limits.go_on()?;
        for Reuse { input, region, .. } in graph.operator_ids().flat_map(|id| reuses(graph, id, sharing)) {
            // The region of a reuse begins or ends with the input.
            let cut = if region.start > 0 { region.start } else { region.end };
            let within = |stretch: &&SourceRange| stretch.from < cut && cut < stretch.from + stretch.bytes;
            if let Some(stretch) = of_tensor[input.index()].iter().find(within) {
                insert(stretch.source, up(stretch.at + (cut - stretch.from)));
            }
        }
        let free = contents.as_ref().map_or(&[][..], |contents| &contents.free);
        for &(tensor, from, end) in free {
            insert(tensor, up(from));
            insert(tensor, up(end));
        }
        limits.go_on()?;
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
        let atoms = |stretch: &SourceRange| {
            let source = stretch.source.index();
            let place = |cut: u64| first[source] + cuts[source].partition_point(|&other| other < cut) as u32;
            place(start(stretch))..place(end(stretch)).min(first[source] + cuts[source].len() as u32 - 1)
        };
        limits.go_on()?;
        for (tensor, own) in graph.tensors().iter().zip(&of_tensor) {
            let runs = |id: &crate::ids::OperatorId| !graph.operator(*id).is_folded();
            let is_read = tensor.readers().iter().any(runs);
            for stretch in *own {
                for atom in atoms(stretch) {
                    let atom = &mut list[atom as usize];
                    atom.is_read |= is_read;
                    atom.is_output |= tensor.is_output();
                }
                if let Some(last) = atoms(stretch).last() {
                    let padding = &mut list[last as usize].padding;
                    *padding = (end(stretch) - stretch.at - stretch.bytes).max(*padding);
                }
            }
        }
        for &(source, from, end) in free {
            for atom in atoms(&SourceRange { from, bytes: end - from, source, at: from }) {
                (list[atom as usize].bytes, list[atom as usize].padding) = (0, 0);
            }
        }
        let of_tensor = Rows::new(of_tensor.iter().map(|own| own.iter().flat_map(atoms)));
        Ok(Self { list, of_tensor })
    }

    /// Where the contents of a tensor are.
    pub(super) fn of(&self, tensor: TensorId) -> &[u32] {
        self.of_tensor.row(tensor.index() as u32)
    }

    /// Those of them that hold bytes `from..end` of it.
    pub(super) fn within(&self, tensor: TensorId, from: u64, end: u64) -> Vec<u32> {
        let mut at = 0;
        let holds = |&atom: &u32| {
            let start = at;
            at += self.list[atom as usize].length;
            start < end && from < at
        };
        self.of(tensor).iter().copied().filter(holds).collect()
    }

    /// What of it no tensor held before.
    pub(super) fn first_in(&self, tensor: TensorId) -> impl Iterator<Item = u32> {
        self.of(tensor).iter().copied().filter(move |&atom| self.list[atom as usize].source == tensor)
    }
}
