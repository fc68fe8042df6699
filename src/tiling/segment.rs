//! A contiguous part of the order as dense arrays, for the search.

use std::ops::Range;

use super::measure::Measure;
use super::ordered_graph::{OrderedGraph, OrderedOperator, Position, RowLink};
use crate::graph::RowMap;
use crate::support::ids::TensorId;

/// A contiguous part of the order whose operators can run stripe by stripe together.
pub(crate) struct TilingSegment {
    pub(crate) span: Range<Position>,
    pub(crate) operators: Vec<SegmentOperator>,
    pub(crate) links: Vec<SegmentLink>,
    /// Tensors from before the segment that nothing reads after it, and that are read by rows only:
    /// they die row by row.
    pub(crate) entries: Vec<TensorId>,
    /// By entry: its bytes.
    pub(crate) entry_bytes: Vec<u64>,
    /// By entry: bytes of a row.
    entry_row_bytes: Vec<u64>,
    /// Bytes of all exits.
    pub(crate) all_exit_bytes: u64,
    /// Rows of the exit with the most rows, and of the operator with the most rows.
    pub(crate) exit_rows: u64,
    pub(crate) most_rows: u64,
    /// Cost of all operators, each run once.
    pub(crate) cost: u64,
}

pub(crate) struct SegmentOperator {
    pub(crate) rows: u64,
    pub(crate) row_cost: u64,
    /// Bytes of a row of all outputs.
    pub(crate) row_bytes: u64,
    pub(crate) constant_bytes: u64,
    pub(crate) scratch: u64,
    /// True if an output is read after the segment, or never: then it exists as a whole.
    pub(crate) is_exit: bool,
    pub(crate) has_one_output: bool,
    /// True if rows can be carried: consecutive rows of the outputs are consecutive in memory.
    pub(crate) is_contiguous: bool,
    /// Its inputs, in [`TilingSegment::links`].
    pub(crate) links: Range<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// An operator of the segment, by its number there.
    Operator(u32),
    /// One of [`TilingSegment::entries`].
    Entry(u32),
    /// A tensor that exists as a whole while the segment runs.
    Whole,
}

pub(crate) struct SegmentLink {
    pub(crate) source: Source,
    /// None only for tensors from before the segment.
    pub(crate) map: Option<RowMap>,
    /// Rows of the tensor, and bytes of a row.
    pub(crate) rows: u64,
    pub(crate) row_bytes: u64,
    /// Bytes of a row of the output that may be written over the rows read; 0 if none may.
    pub(crate) over_row_bytes: u64,
}

impl TilingSegment {
    /// The segment of these positions; none if its operators cannot run stripe by stripe together.
    /// O(operators + edges).
    pub(crate) fn new(net: &OrderedGraph<'_>, span: Range<Position>) -> Option<Self> {
        if !can_tile(net, &span) {
            return None;
        }
        let entries = dying_entries(net, &span);
        let mut segment = Self {
            entry_bytes: entries.iter().map(|&id| net.tensor(id).bytes).collect(),
            entry_row_bytes: entries.iter().map(|&id| net.tensor(id).row_bytes).collect(),
            entries,
            all_exit_bytes: 0,
            span: span.clone(),
            operators: Vec::with_capacity(span.len()),
            links: Vec::new(),
            exit_rows: 0,
            most_rows: 0,
            cost: 0,
        };
        for position in span {
            segment.add(net, position);
        }
        (segment.exit_rows > 0).then_some(segment)
    }

    fn add(&mut self, net: &OrderedGraph<'_>, position: Position) {
        let operator = &net.operators[position as usize];
        let first = self.links.len() as u32;
        for link in &operator.inputs {
            let link = self.link(net, operator, *link);
            self.links.push(link);
        }
        let is_exit = is_exit(net, operator, position, self.span.end);
        if is_exit {
            self.exit_rows = self.exit_rows.max(operator.rows);
            self.all_exit_bytes += operator.outputs.iter().map(|&id| net.tensor(id).bytes).sum::<u64>();
        }
        self.most_rows = self.most_rows.max(operator.rows);
        self.cost = self.cost.saturating_add(operator.row_cost.saturating_mul(operator.rows));
        self.operators.push(SegmentOperator {
            rows: operator.rows,
            row_cost: operator.row_cost,
            row_bytes: operator.outputs.iter().map(|&id| net.tensor(id).row_bytes).sum(),
            constant_bytes: operator.constant_bytes,
            scratch: operator.scratch,
            is_exit,
            has_one_output: operator.outputs.len() == 1,
            is_contiguous: operator.outputs.iter().all(|&id| net.tensor(id).is_contiguous),
            links: first..self.links.len() as u32,
        });
    }

    fn link(&self, net: &OrderedGraph<'_>, operator: &OrderedOperator, link: RowLink) -> SegmentLink {
        let tensor = net.tensor(link.tensor);
        let producer = tensor.producer().filter(|&producer| producer >= self.span.start);
        let entry = || self.entries.iter().position(|&entry| entry == link.tensor);
        let source = match producer {
            Some(producer) => Source::Operator(producer - self.span.start),
            None => entry().map_or(Source::Whole, |entry| Source::Entry(entry as u32)),
        };
        let over = link.over.filter(|_| net.is_overwritable(link.tensor));
        let over_row_bytes = over.map_or(0, |output| net.tensor(operator.outputs[output as usize]).row_bytes);
        SegmentLink { source, map: link.map, rows: tensor.rows, row_bytes: tensor.row_bytes, over_row_bytes }
    }

    /// The exit with the most bytes, of operators with one output.
    pub(crate) fn largest_exit(&self) -> Option<usize> {
        let exits = self.operators.iter().enumerate().filter(|(_, node)| node.is_exit && node.has_one_output);
        exits.map(|(at, _)| at).max_by_key(|&at| (self.exit_bytes(at), std::cmp::Reverse(at)))
    }

    /// Bytes of the outputs of an operator.
    pub(crate) fn exit_bytes(&self, operator: usize) -> u64 {
        self.operators[operator].rows * self.operators[operator].row_bytes
    }

    /// The bytes below the tiles of any cut, at least; none if the measure has no places. `before` bytes are live when
    /// the segment starts, entries included.
    pub(crate) fn least_ends(&self, measure: Measure, before: u64) -> Option<u64> {
        match measure {
            Measure::LiveBytes => None,
            Measure::FixedPlaces => {
                let lead = self.largest_exit().map_or(0, |lead| self.exit_bytes(lead));
                let entries = self.entry_bytes.iter().sum::<u64>();
                Some(before + lead.saturating_sub(entries) + self.all_exit_bytes - lead)
            }
            Measure::WholeEnds => Some(before + self.all_exit_bytes),
        }
    }

    pub(crate) fn entry_row_bytes(&self, entry: usize) -> u64 {
        self.entry_row_bytes[entry]
    }

    /// Finds the operators whose tiles can lie in an exit: an operator writes the exit, or another such
    /// tile, over all of them, and nothing else reads them.
    pub(crate) fn find_hosted(&self, is_hosted: &mut Vec<bool>) {
        let mut readers = vec![0u32; self.operators.len()];
        for link in &self.links {
            if let Source::Operator(producer) = link.source {
                readers[producer as usize] += 1;
            }
        }
        is_hosted.clear();
        is_hosted.resize(self.operators.len(), false);
        for operator in (0..self.operators.len()).rev() {
            let node = &self.operators[operator];
            if !node.has_one_output || !(node.is_exit || is_hosted[operator]) {
                continue;
            }
            let hosts =
                |link: &&SegmentLink| link.map == Some(RowMap::SAME) && link.over_row_bytes == link.row_bytes;
            // Only one input can lie at the output's place.
            let host = self.links_of(operator).iter().find(hosts);
            if let Some(SegmentLink { source: Source::Operator(producer), .. }) = host {
                let producer = *producer as usize;
                let inner = &self.operators[producer];
                is_hosted[producer] = readers[producer] == 1 && !inner.is_exit && inner.has_one_output;
            }
        }
    }

    pub(crate) fn links_of(&self, operator: usize) -> &[SegmentLink] {
        let links = &self.operators[operator].links;
        &self.links[links.start as usize..links.end as usize]
    }
}

/// True if an output of the operator is read at `end` or later, or never.
fn is_exit(net: &OrderedGraph<'_>, operator: &OrderedOperator, position: Position, end: Position) -> bool {
    operator.outputs.iter().any(|&output| {
        let last = net.tensor(output).last;
        last >= end || last == position
    })
}

/// True if all operators of a span can be split, along the axes along which their inputs from
/// within the span are, and the rows of all exits are contiguous in memory.
fn can_tile(net: &OrderedGraph<'_>, span: &Range<Position>) -> bool {
    span.clone().all(|position| {
        let operator = &net.operators[position as usize];
        let is_internal = |link: &RowLink| {
            net.tensor(link.tensor).producer().is_some_and(|producer| producer >= span.start)
        };
        let are_contiguous = || operator.outputs.iter().all(|&id| net.tensor(id).is_contiguous);
        let are_split = operator.outputs.iter().all(|&id| net.tensor(id).axis.is_some());
        operator.axis.is_some()
            && are_split
            && (!is_exit(net, operator, position, span.end) || are_contiguous())
            && operator.inputs.iter().all(|link| link.map.is_some() || !is_internal(link))
    })
}

fn dying_entries(net: &OrderedGraph<'_>, span: &Range<Position>) -> Vec<TensorId> {
    let operators = &net.operators[span.start as usize..span.end as usize];
    let links = || operators.iter().flat_map(|operator| &operator.inputs);
    let mut entries: Vec<TensorId> = links()
        .filter(|link| {
            let tensor = net.tensor(link.tensor);
            tensor.born <= span.start && tensor.last < span.end && tensor.is_contiguous
        })
        .map(|link| link.tensor)
        .collect();
    entries.sort_unstable();
    entries.dedup();
    entries.retain(|&id| links().filter(|link| link.tensor == id).all(|link| link.map.is_some()));
    entries
}
