//! Content aliases: byte ranges of different tensors that hold the same values.
//!
//! Views and concatenations without a copy are content aliases. This phase decides, in program
//! order, which of them can hold at the same time. An alias is dropped if it contradicts an alias
//! that was accepted earlier, a relative placement or an alignment. Dropping an alias is safe for
//! bounds because the bytes it covers are listed in [`ContentAliases::free`], and no bound counts them.
//! The phase costs O((tensors + source ranges) log tensors).

use std::collections::BTreeMap;
use std::ops::{Deref, Range};

use super::{AliasKind, Alignment, SharingLevel, in_force};
use crate::error::Error;
use crate::graph::{Graph, Permit};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::offset_union_find::OffsetUnionFind;
use crate::support::sorting::{sort_by_keys, with_key};

/// A range of a tensor's bytes together with the tensor that first writes these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceRange {
    /// Offset in the tensor, in bytes.
    pub(crate) from: u64,
    pub(crate) bytes: u64,
    pub(crate) source: TensorId,
    /// Offset in the source, in bytes.
    pub(crate) at: u64,
}

/// An alias: `tensor` may start `at` bytes after the start of `of`.
pub(crate) use crate::effects::Alias;

/// The content aliases of a graph that can hold at the same time.
///
/// Each tensor has at most one position in another tensor. No two accepted aliases contradict
/// each other or the graph's relative placements. Aliases of operators that are earlier in
/// program order take precedence.
#[derive(Clone, Debug)]
pub(crate) struct ContentAliases {
    pub(crate) source_ranges: SourceRanges,
    pub(crate) aliases: Vec<Alias>,
    /// By operator: the index ranges of its aliases in `aliases` and in `dropped`.
    of_operator: Vec<[Range<u32>; 2]>,
    /// Aliases that contradict an accepted alias.
    pub(crate) dropped: Vec<Alias>,
    /// Byte ranges `(tensor, start, end)` that a dropped alias covers. No bound may count these
    /// bytes, because another choice of aliases could share them.
    pub(crate) free: Vec<(TensorId, u64, u64)>,
    /// Permissions in force to overwrite an input, sorted by output, then input.
    overwrites: Vec<Permit>,
    pub(super) sharing: SharingLevel,
    alignment: Alignment,
    /// The distances that accepted aliases fix, while the aliases are collected.
    positions: OffsetUnionFind,
    /// Number of source ranges that may still be stored.
    ranges_left: usize,
}

/// Maximum number of stored source ranges. A chain of `n` concatenations has O(n^2) source ranges,
/// so an unlimited list would exhaust memory. Bounds ignore the bytes of outputs beyond this
/// limit, as they ignore the bytes of dropped aliases.
const MAX_SOURCE_RANGES: usize = 1 << 21;

/// Work units that one pass takes for each tensor.
const WORK_PER_TENSOR: usize = 16;

impl ContentAliases {
    /// Computes the content aliases within limits. If a limit is reached, only aliases that
    /// relative placements demand are returned, with the reason for stopping.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(crate) fn within(
        limits: &Limits,
        graph: &Graph,
        alignment: Alignment,
        sharing: SharingLevel,
    ) -> Result<(Self, Stop), Error> {
        match Self::new(graph, alignment, sharing, &mut Budget::new(limits, u64::MAX)) {
            Ok(contents) => Ok((contents, Stop::Finished)),
            Err(Stop::Cancelled) => Err(Error::Cancelled),
            Err(stop) => Ok((Self::unlimited(graph, alignment, SharingLevel::None), stop)),
        }
    }

    pub(crate) fn unlimited(graph: &Graph, alignment: impl Into<Alignment>, sharing: SharingLevel) -> Self {
        let contents = Self::new(graph, alignment, sharing, &mut Budget::new(&Limits::new(), u64::MAX));
        contents.expect("without limits, nothing stops it")
    }

    /// Computes the content aliases. O((tensors + source ranges) log tensors).
    pub(crate) fn new(
        graph: &Graph,
        alignment: impl Into<Alignment>,
        sharing: SharingLevel,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Stop> {
        let count = graph.tensors().len();
        // Poll between the passes: each pass over a million tensors takes milliseconds.
        budget.work(WORK_PER_TENSOR * count)?;
        let source_ranges = SourceRanges::default();
        budget.work(WORK_PER_TENSOR * count)?;
        let overwrites = overwrites(graph, sharing);
        budget.work(WORK_PER_TENSOR * count)?;
        let mut contents = Self {
            source_ranges,
            aliases: Vec::new(),
            of_operator: vec![[0..0, 0..0]; graph.operators().len()],
            dropped: Vec::new(),
            free: Vec::new(),
            overwrites,
            sharing,
            alignment: alignment.into(),
            positions: OffsetUnionFind::new(count),
            ranges_left: MAX_SOURCE_RANGES,
        };
        // Relative placements come first: they hold in every plan, so an alias that contradicts them can
        // never be used. Program order comes next. It is the order in which origins of bytes are defined,
        // so an alias never refers to contents that are resolved later.
        for placement in graph.relative_placements() {
            contents.positions.tie(placement.tensor, placement.of, placement.at);
        }
        for &id in graph.program_order() {
            let first = contents.lengths();
            let ranges_left = contents.ranges_left;
            contents.add(graph, id, sharing);
            let operator = graph.operator(id);
            let stored_ranges = ranges_left - contents.ranges_left;
            budget.charge(1 + operator.outputs().len() + 8 * operator.permits().len() + stored_ranges)?;
            let end = contents.lengths();
            contents.of_operator[id.index()] = [first[0]..end[0], first[1]..end[1]];
        }
        // Later stages need no distances.
        contents.positions = OffsetUnionFind::new(0);
        contents.aliases.shrink_to_fit();
        Ok(contents)
    }

    /// Drops what only bounds over orders need: source ranges and free bytes.
    pub(crate) fn without_ranges(self) -> Self {
        Self { source_ranges: SourceRanges::default(), free: Vec::new(), ..self }
    }

    /// Permissions in force to write this output over this input. O(log permissions).
    pub(super) fn overwrites(&self, input: TensorId, output: TensorId) -> &[Permit] {
        with_key(&self.overwrites, (output, input), |permit| (permit.output(), permit.input()))
    }

    /// The accepted and the dropped aliases of an operator.
    pub(super) fn of(&self, operator: OperatorId) -> [&[Alias]; 2] {
        // Both lists are filled operator by operator, so an operator's aliases are consecutive.
        let [held, dropped] = self.of_operator[operator.index()].clone();
        let range = |range: Range<u32>| range.start as usize..range.end as usize;
        [&self.aliases[range(held)], &self.dropped[range(dropped)]]
    }

    /// Numbers of accepted and of dropped aliases so far. A graph has fewer than 2^32 permissions.
    fn lengths(&self) -> [u32; 2] {
        [self.aliases.len() as u32, self.dropped.len() as u32]
    }

    /// Accepts or drops the content aliases that an operator permits.
    fn add(&mut self, graph: &Graph, operator: OperatorId, sharing: SharingLevel) {
        let permits = graph.operator(operator).permits().iter();
        let mut permits: Vec<&Permit> = permits.filter(|permit| in_force(graph, permit, sharing)).collect();
        // Sorted by output. Within an output, aliases that relative placement demands come first,
        // so that an optional alias never displaces them.
        sort_by_keys(&mut permits, |permit| {
            [permit.output().index() as u64, (!graph.is_forced(permit)).into()]
        });
        for &output in graph.operator(operator).outputs() {
            let of_output = with_key(&permits, output, |permit| permit.output());
            self.add_output(graph, operator, output, of_output);
        }
    }

    /// Accepts or drops the content aliases of one output.
    ///
    /// An alias is ignored if relative placement or alignment rules it out in every plan. It is
    /// dropped if its bytes overlap those of an accepted alias, or if the tensors already have a
    /// different distance. The bytes of dropped aliases become free. If a dropped alias overlaps
    /// an accepted one, all bytes of the output become free: a plan may use either of them.
    fn add_output(&mut self, graph: &Graph, operator: OperatorId, output: TensorId, permits: &[&Permit]) {
        let mut disjoint = DisjointAliases::default();
        let mut accepted: Vec<Alias> = Vec::new();
        let mut dropped: Vec<Alias> = Vec::new();
        for alias in permits.iter().filter_map(|permit| content_alias(graph, operator, permit)) {
            let conflict = disjoint.overlapping(graph, &alias);
            if !self.is_possible(graph, &alias) || conflict == Some(&alias) {
                continue;
            }
            // Tie the tensors only if the byte ranges are disjoint: a tie cannot be undone.
            let Alias { tensor, of, at, .. } = alias;
            if conflict.is_none() && self.positions.tie(tensor, of, at) {
                disjoint.add(graph, alias);
                accepted.push(alias);
            } else {
                dropped.push(alias);
            }
        }
        // Bytes of a dropped alias may be shared by another plan, and bytes without stored source ranges
        // are unknown. Marking them as free keeps bounds valid, at the price of weaker bounds.
        if dropped.iter().any(|alias| disjoint.overlapping(graph, alias).is_some())
            || !self.store_ranges(graph, output, &disjoint)
        {
            self.free.push((output, 0, graph.tensor(output).bytes()));
        } else {
            self.free.extend(
                dropped.iter().map(|alias| range(graph, alias)).map(|(from, end)| (output, from, end)),
            );
        }
        self.aliases.extend(accepted);
        self.dropped.extend(dropped);
    }

    /// Stores the source ranges of an output. Returns false if too few ranges are left.
    fn store_ranges(&mut self, graph: &Graph, output: TensorId, disjoint: &DisjointAliases) -> bool {
        let is_view = |alias: &Alias| alias.kind != AliasKind::Concat;
        let first = self.source_ranges.ranges.len();
        match disjoint.from(graph, 0).next() {
            None => return true,
            Some(view) if is_view(view) => self.source_ranges.view(graph, output, view.of, view.at),
            Some(_) => {
                // A lower bound on the number of ranges, checked before the list is allocated.
                let count = |alias: &Alias| 1 + self.source_ranges.of(graph, alias.tensor).len();
                if disjoint.from(graph, 0).map(count).sum::<usize>() > self.ranges_left {
                    return false;
                }
                let pieces = disjoint.from(graph, 0).map(|piece| (piece.at, piece.tensor));
                self.source_ranges.concat(graph, output, pieces);
            }
        }
        let count = self.source_ranges.ranges.len() - first;
        if count > self.ranges_left {
            self.source_ranges.ranges.truncate(first);
            return false;
        }
        // The limit counts the ranges beyond the first one of each tensor.
        self.ranges_left -= count - 1;
        self.source_ranges.assign(output, first);
        true
    }

    /// Returns true if relative placement and alignments allow the alias. The offsets of both
    /// tensors are multiples of the smaller alignment, so their distance must be one as well.
    fn is_possible(&self, graph: &Graph, alias: &Alias) -> bool {
        let Alias { tensor, of, at, .. } = *alias;
        let distance = graph.distance(tensor, of);
        let smaller = self.alignment(graph, of).min(self.alignment(graph, tensor));
        at.is_multiple_of(smaller) && distance.is_none_or(|distance| distance == i128::from(at))
    }

    pub(super) fn alignment(&self, graph: &Graph, id: TensorId) -> u64 {
        self.alignment.of(graph.tensor(id))
    }
}

/// Returns the permissions in force to overwrite an input, sorted by output, then input.
fn overwrites(graph: &Graph, sharing: SharingLevel) -> Vec<Permit> {
    let permits = graph.operators().iter().flat_map(crate::graph::Operator::permits);
    let concerned = |permit: &&Permit| {
        matches!(permit, Permit::InPlace { .. } | Permit::Overlap { .. }) && in_force(graph, permit, sharing)
    };
    let mut all: Vec<Permit> = permits.filter(concerned).copied().collect();
    sort_by_keys(&mut all, |permit| [permit.output().index() as u64, permit.input().index() as u64]);
    all
}

/// Returns the content alias of a permission. Returns none for permissions to overwrite, and for
/// aliases that are empty, exceed the containing tensor, or involve a constant or a variable.
fn content_alias(graph: &Graph, operator: OperatorId, permit: &Permit) -> Option<Alias> {
    let (tensor, of, at) = match *permit {
        Permit::View { input, output, at } => (output, input, at),
        Permit::ConcatSlice { input, output, at } => (input, output, at),
        Permit::InPlace { .. } | Permit::Overlap { .. } => return None,
    };
    let [bytes, of_bytes] = [tensor, of].map(|id| graph.tensor(id).bytes());
    let fits = bytes > 0 && at.checked_add(bytes).is_some_and(|end| end <= of_bytes);
    // Constants are outside of the arena, and variables change between reads.
    let both = [tensor, of].iter().all(|&id| graph.tensor(id).kind().is_activation());
    let kind = match permit {
        Permit::ConcatSlice { .. } => AliasKind::Concat,
        _ if bytes == of_bytes => AliasKind::View,
        _ => AliasKind::Slice,
    };
    (fits && both).then_some(Alias { operator, tensor, of, at, kind })
}

/// Returns the byte range of the output that an alias defines.
fn range(graph: &Graph, alias: &Alias) -> (u64, u64) {
    let from = if alias.kind == AliasKind::Concat { alias.at } else { 0 };
    (from, from + graph.tensor(alias.tensor).bytes())
}

/// Returns the tensor whose bytes an alias defines: the concatenation, or the view.
pub(super) fn output(alias: &Alias) -> TensorId {
    if alias.kind == AliasKind::Concat { alias.of } else { alias.tensor }
}

/// Aliases that define disjoint byte ranges of one output, ascending. Most outputs have one alias, which
/// needs no map.
#[derive(Clone, Debug, Default)]
pub(super) enum DisjointAliases {
    #[default]
    None,
    One(Alias),
    /// By the start of each range.
    Many(Box<BTreeMap<u64, Alias>>),
}

impl DisjointAliases {
    /// Returns the last alias whose byte range overlaps that of `alias`. O(log aliases).
    pub(super) fn overlapping(&self, graph: &Graph, alias: &Alias) -> Option<&Alias> {
        let (from, end) = range(graph, alias);
        let last = match self {
            Self::None => None,
            Self::One(only) => Some(only).filter(|only| range(graph, only).0 < end),
            Self::Many(ranges) => ranges.range(..end).next_back().map(|(_, last)| last),
        };
        last.filter(|last| from < range(graph, last).1)
    }

    /// Adds an alias whose byte range is disjoint from all others.
    pub(super) fn add(&mut self, graph: &Graph, alias: Alias) {
        let (from, _) = range(graph, &alias);
        match self {
            Self::None => *self = Self::One(alias),
            Self::One(only) => {
                let first = (range(graph, only).0, *only);
                *self = Self::Many(Box::new(BTreeMap::from([first, (from, alias)])));
            }
            Self::Many(ranges) => {
                ranges.insert(from, alias);
            }
        }
    }

    pub(super) fn remove(&mut self, graph: &Graph, alias: &Alias) {
        let (from, _) = range(graph, alias);
        match self {
            Self::One(only) if range(graph, only).0 == from => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(ranges) => {
                ranges.remove(&from);
            }
        }
    }

    /// Aliases whose byte ranges contain byte `at` or start after it, ascending.
    pub(super) fn from(&self, graph: &Graph, at: u64) -> impl Iterator<Item = &Alias> {
        let ends_after = |alias: &Alias| range(graph, alias).1 > at;
        let (only, ranges) = match self {
            Self::None => (None, None),
            Self::One(only) => (Some(only).filter(|only| ends_after(only)), None),
            Self::Many(ranges) => {
                // The ranges are disjoint, so at most one range starts before `at` and contains it.
                let covering = ranges.range(..=at).next_back().filter(|(_, covering)| ends_after(covering));
                let first = covering.map_or(at, |(&from, _)| from);
                (None, Some(ranges.range(first..).map(|(_, alias)| alias)))
            }
        };
        only.into_iter().chain(ranges.into_iter().flatten())
    }
}

/// By tensor: the source ranges of its bytes, ascending, without holes. Stores those of tensors with aliases only.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceRanges {
    ranges: Vec<SourceRange>,
    /// By tensor: where its ranges are in `ranges`; empty for tensors that are the source of their own bytes, as
    /// are those beyond the end of this list.
    spans: Vec<Range<u32>>,
}

/// The source ranges of one tensor.
pub(crate) enum RangesOf<'a> {
    Stored(&'a [SourceRange]),
    /// The tensor is the source of its own bytes.
    Whole(SourceRange),
    /// The tensor has no bytes.
    Empty,
}

impl Deref for RangesOf<'_> {
    type Target = [SourceRange];

    fn deref(&self) -> &[SourceRange] {
        match self {
            Self::Stored(ranges) => ranges,
            Self::Whole(range) => std::slice::from_ref(range),
            Self::Empty => &[],
        }
    }
}

impl SourceRanges {
    pub(crate) fn of(&self, graph: &Graph, tensor: TensorId) -> RangesOf<'_> {
        let bytes = graph.tensor(tensor).bytes();
        match self.spans.get(tensor.index()).filter(|span| !span.is_empty()) {
            Some(span) => RangesOf::Stored(&self.ranges[span.start as usize..span.end as usize]),
            None if bytes > 0 => RangesOf::Whole(SourceRange { from: 0, bytes, source: tensor, at: 0 }),
            None => RangesOf::Empty,
        }
    }

    /// Assigns the last ranges, from `first` on, to a tensor. There are fewer than 2^32 ranges, see
    /// [`MAX_SOURCE_RANGES`]: the limit counts all but one of each tensor.
    fn assign(&mut self, tensor: TensorId, first: usize) {
        if self.spans.len() <= tensor.index() {
            self.spans.resize(tensor.index() + 1, 0..0);
        }
        self.spans[tensor.index()] = first as u32..self.ranges.len() as u32;
    }

    /// Appends the source ranges of a view of `of` that starts at byte `at`, with offsets relative to `at`.
    fn view(&mut self, graph: &Graph, tensor: TensorId, of: TensorId, at: u64) {
        let viewed_end = at + graph.tensor(tensor).bytes();
        let whole = self.of(graph, of);
        let first = whole.partition_point(|range| range.from + range.bytes <= at);
        let count = whole[first..].iter().take_while(|range| range.from < viewed_end).count();
        for index in first..first + count {
            let range = self.of(graph, of)[index];
            let (from, end) = (range.from.max(at), (range.from + range.bytes).min(viewed_end));
            let (bytes, skipped) = (end - from, from - range.from);
            self.ranges.push(SourceRange { from: from - at, bytes, at: range.at + skipped, ..range });
        }
    }

    /// Appends the source ranges of a concatenation of `pieces`, which are ascending pairs of offset and
    /// tensor. The output is the source of bytes that belong to no piece.
    fn concat(&mut self, graph: &Graph, output: TensorId, pieces: impl Iterator<Item = (u64, TensorId)>) {
        let end = graph.tensor(output).bytes();
        let mut from = 0;
        for (at, piece) in pieces.chain([(end, output)]) {
            // Bytes between pieces belong to the output itself.
            if from < at {
                self.ranges.push(SourceRange { from, bytes: at - from, source: output, at: from });
            }
            if at < end {
                for index in 0..self.of(graph, piece).len() {
                    let range = self.of(graph, piece)[index];
                    self.ranges.push(SourceRange { from: range.from + at, ..range });
                }
                from = at + graph.tensor(piece).bytes();
            }
        }
    }
}
