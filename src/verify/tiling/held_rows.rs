//! The rows that the inputs of an operator hold.

use std::ops::Range;

use super::check::{Check, rows_follow_each_other};
use crate::support::ids::{OperatorId, TensorId};
use crate::verify::Rule;

impl Check<'_> {
    /// The inputs hold these rows, in parts that follow each other in memory.
    pub(super) fn holds_rows(
        &mut self,
        id: OperatorId,
        rule: Rule,
        tensor: TensorId,
        axis: usize,
        rows: &Range<u64>,
    ) {
        let inputs = self.tiled.graph.operator(id).inputs();
        let mut parts: Vec<(Range<u64>, TensorId)> = inputs
            .iter()
            .filter(|&&new| self.of(new) == tensor)
            .map(|&new| (self.rows(new, axis), new))
            .collect();
        parts.sort_unstable_by_key(|(rows, id)| (rows.start, rows.end, *id));
        parts.dedup();
        parts.retain(|(part, _)| part.start < rows.end && rows.start < part.end);
        let mut next = rows.start;
        let mut before: Option<&(Range<u64>, TensorId)> = None;
        for part in &parts {
            if part.0.start > next {
                break;
            }
            if let Some(before) = before
                && !self.follows(before, part, tensor, axis)
            {
                let name = self.tiled.graph.tensor(part.1).name().to_owned();
                return self.wrong(
                    Rule::TilePlace,
                    id,
                    format!("reads `{name}`, which need not follow the rows before it in memory"),
                );
            }
            next = next.max(part.0.end);
            before = Some(part);
        }
        if next < rows.end {
            let name = self.graph.tensor(tensor).name().to_owned();
            self.wrong(
                rule,
                id,
                format!(
                    "needs rows {}..{} of tensor `{name}`, but row {next} is in none of its inputs",
                    rows.start, rows.end
                ),
            );
        }
    }

    /// True if the graph demands that two parts lie as far apart as their rows.
    fn follows(
        &self,
        one: &(Range<u64>, TensorId),
        other: &(Range<u64>, TensorId),
        tensor: TensorId,
        axis: usize,
    ) -> bool {
        let distance = i128::from(other.0.start - one.0.start) * i128::from(self.row_bytes(tensor, axis));
        rows_follow_each_other(self.graph.tensor(tensor), axis)
            && self.tiled.graph.distance(other.1, one.1) == Some(distance)
    }
}
