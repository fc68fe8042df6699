//! The two graphs of a check, and the rows of their tensors.

use std::ops::Range;

use crate::graph::{Graph, Outside, Permit, RowMap, RowsRead, Tensor, TensorKind};
use crate::support::ids::{OperatorId, TensorId};
use crate::tiling::TiledGraph;
use crate::verify::Rule;
use crate::verify::violation::ViolationCollector;

pub(super) struct Check<'a> {
    pub(super) graph: &'a Graph,
    pub(super) tiled: &'a TiledGraph,
    pub(super) violations: &'a mut ViolationCollector,
}

impl Check<'_> {
    pub(super) fn wrong(&mut self, rule: Rule, id: OperatorId, problem: impl AsRef<str>) {
        let name = self.tiled.graph.operator(id).name();
        self.violations.add(rule, format!("operator `{name}` of the tiled graph {}", problem.as_ref()));
    }

    /// The rows of a tensor: those of its label, or all along `axis`.
    pub(super) fn rows(&self, id: TensorId, axis: usize) -> Range<u64> {
        let origin = &self.tiled.tensors[id.index()];
        let all = || {
            self.graph.tensor(origin.tensor).shape().and_then(|shape| shape.get(axis)).copied().unwrap_or(0)
        };
        origin.rows.clone().unwrap_or_else(|| 0..all())
    }

    pub(super) fn of(&self, id: TensorId) -> TensorId {
        self.tiled.tensors[id.index()].tensor
    }

    pub(super) fn is_whole(&self, id: TensorId) -> bool {
        self.tiled.tensors[id.index()].rows.is_none()
    }

    /// The rows and the tensor of the untiled graph that a label states, for messages.
    pub(super) fn label_text(&self, id: TensorId) -> String {
        let origin = &self.tiled.tensors[id.index()];
        let name = self.graph.tensor(origin.tensor).name();
        match &origin.rows {
            None => format!("all rows of tensor `{name}`"),
            Some(rows) => format!("rows {}..{} of tensor `{name}`", rows.start, rows.end),
        }
    }

    /// A permission with the labels of its tensors, for messages.
    pub(super) fn permit_text(&self, permit: Permit) -> String {
        let [input, output] = [permit.input(), permit.output()].map(|id| self.label_text(id));
        match permit {
            Permit::InPlace { .. } => format!("permission to write {output} over {input}"),
            Permit::View { at, .. } => {
                format!("permission to take {output} as a view of {input} at byte {at}")
            }
            Permit::ConcatSlice { at, .. } => {
                format!("permission to have {input} at byte {at} of {output}")
            }
            Permit::Overlap { .. } => format!("permission to have {output} overlap {input}"),
        }
    }

    pub(super) fn row_bytes(&self, tensor: TensorId, axis: usize) -> u64 {
        let tensor = self.graph.tensor(tensor);
        tensor.bytes() / tensor.shape().map_or(1, |shape| shape[axis].max(1))
    }

    /// True for a graph input that must not be overwritten, and for parts of one.
    pub(super) fn is_kept_input(&self, id: TensorId) -> bool {
        let tensor = self.graph.tensor(self.of(id));
        tensor.kind() != TensorKind::Intermediate && !tensor.is_overwritable()
    }
}

/// True if all axes outside of this one in memory have one entry.
pub(super) fn rows_follow_each_other(tensor: &Tensor, axis: usize) -> bool {
    let (Some(shape), Some(order)) = (tensor.shape(), tensor.memory_order()) else { return false };
    order.iter().take_while(|&&outer| outer != axis).all(|&outer| shape[outer] == 1)
}

/// The rows of an input with `count` rows that output rows `rows` read by a map, row by row at both ends.
pub(super) fn asked(map: RowMap, rows: &Range<u64>, count: u64) -> RowsRead {
    if rows.is_empty() || count == 0 {
        return RowsRead { rows: 0..0, before: 0, after: 0 };
    }
    let (numerator, denominator, first, last) = map.numbers();
    let quotient = |row: u64, term: i64| {
        let (product, divisor) =
            (i128::from(row) * i128::from(numerator) + i128::from(term), i128::from(denominator));
        let (quotient, rest) = (product / divisor, product % divisor);
        if rest < 0 { quotient - 1 } else { quotient }
    };
    let (lowest, highest) = (quotient(rows.start, first), quotient(rows.end - 1, last));
    let count = i128::from(count);
    let number = |rows: i128| u64::try_from(rows).unwrap_or(0);
    if map.outside() == Outside::Edge {
        let [from, to] = [lowest, highest].map(|row| row.max(0).min(count - 1));
        return RowsRead { rows: number(from)..number(to) + 1, before: 0, after: 0 };
    }
    // Rows below zero, within, and from `count` on.
    let within = |row: i128| row.max(0).min(count);
    let all = highest + 1 - lowest;
    RowsRead {
        rows: number(within(lowest))..number(within(highest + 1)),
        before: number((-lowest).min(all)),
        after: number((highest + 1 - count).min(all)),
    }
}
