//! Rules W5, W6 and W7 for operators that move or name rows.

use std::ops::Range;

use super::check::{Check, rows_follow_each_other};
use crate::graph::Permit;
use crate::support::ids::{OperatorId, TensorId};
use crate::verify::Rule;

impl Check<'_> {
    /// W5 and W7.
    pub(super) fn carry(&mut self, id: OperatorId, tensor: TensorId, axis: usize, rows: &Range<u64>) {
        let new = self.tiled.graph.operator(id);
        let is_right = matches!(new.outputs(), [output] if self.of(*output) == tensor && self.rows(*output, axis) == *rows && !self.is_whole(*output));
        if !is_right {
            let name = self.graph.tensor(tensor).name();
            let problem = format!("does not write rows {}..{} of tensor `{name}`", rows.start, rows.end);
            return self.wrong(Rule::TileCarry, id, problem);
        }
        self.holds_rows(id, Rule::TileCarry, tensor, axis, rows);
        for permit in self.tiled.graph.operator(id).permits().to_vec() {
            // Rows move down, in ascending order.
            let is_down = matches!(permit, Permit::InPlace { .. })
                && self.rows(permit.input(), axis).start <= rows.start;
            if !is_down || self.is_kept_input(permit.input()) {
                let problem = format!("has a {}, but does not move rows down", self.permit_text(permit));
                self.wrong(Rule::TilePermit, id, problem);
            }
        }
    }

    /// W6 and W7.
    pub(super) fn split(&mut self, id: OperatorId, tensor: TensorId, axis: usize) {
        let new = self.tiled.graph.operator(id);
        let [whole] = new.inputs() else {
            return self.wrong(Rule::TilePlace, id, "does not read one tensor");
        };
        let is_right = self.of(*whole) == tensor && self.is_whole(*whole);
        self.parts_lie_in(id, is_right, tensor, axis, *whole, new.outputs());
        let views = |permit: &Permit| match *permit {
            Permit::View { input, output, at } => {
                input == *whole && at == self.rows(output, axis).start * self.row_bytes(tensor, axis)
            }
            _ => false,
        };
        if let Some(&wrong) = new.permits().iter().find(|permit| !views(permit)) {
            let problem = format!("has a {}, which is not the place of these rows", self.permit_text(wrong));
            self.wrong(Rule::TilePermit, id, problem);
        }
    }

    /// W6 and W7.
    pub(super) fn join(&mut self, id: OperatorId, tensor: TensorId, axis: usize) {
        let new = self.tiled.graph.operator(id);
        let [output] = new.outputs() else {
            return self.wrong(Rule::TilePlace, id, "does not write one tensor");
        };
        let is_right = self.of(*output) == tensor;
        self.parts_lie_in(id, is_right, tensor, axis, *output, new.inputs());
        let mut parts: Vec<Range<u64>> = new.inputs().iter().map(|&part| self.rows(part, axis)).collect();
        parts.sort_unstable_by_key(|rows| rows.start);
        let all = self.rows(*output, axis);
        let mut next = all.start;
        for rows in &parts {
            if rows.start != next {
                break;
            }
            next = rows.end;
        }
        if next != all.end || parts.iter().any(|rows| rows.start >= next) {
            let name = self.graph.tensor(tensor).name().to_owned();
            self.wrong(
                Rule::TilePlace,
                id,
                format!(
                    "joins parts of tensor `{name}` in which row {next} of {} is missing or occurs twice",
                    all.end
                ),
            );
        }
        let row = self.row_bytes(tensor, axis);
        let pieces = |permit: &Permit| match *permit {
            Permit::ConcatSlice { input, output, at } => {
                let before = self.rows(input, axis).start.checked_sub(all.start);
                output == new.outputs()[0] && before.is_some_and(|rows| at == rows * row)
            }
            _ => false,
        };
        if let Some(&wrong) = new.permits().iter().find(|permit| !pieces(permit)) {
            let problem = format!("has a {}, which is not the place of these rows", self.permit_text(wrong));
            self.wrong(Rule::TilePermit, id, problem);
        }
    }

    /// Parts of one tensor lie where it has these rows, in every plan.
    fn parts_lie_in(
        &mut self,
        id: OperatorId,
        is_right: bool,
        tensor: TensorId,
        axis: usize,
        whole: TensorId,
        parts: &[TensorId],
    ) {
        let rank = self
            .graph
            .tensors()
            .get(tensor.index())
            .and_then(|tensor| tensor.shape())
            .map_or(0, <[u64]>::len);
        if !is_right || axis >= rank {
            let name = self.graph.tensor(tensor).name();
            let problem = format!("names parts of {}, but states tensor `{name}`", self.label_text(whole));
            return self.wrong(Rule::TilePlace, id, problem);
        }
        let row = self.row_bytes(tensor, axis);
        let start = self.rows(whole, axis).start;
        let lies = |part: &TensorId| {
            let rows = i128::from(self.rows(*part, axis).start) - i128::from(start);
            let distance = rows * i128::from(row);
            self.of(*part) == tensor && self.tiled.graph.distance(*part, whole) == Some(distance)
        };
        if !rows_follow_each_other(self.graph.tensor(tensor), axis) {
            let name = self.graph.tensor(tensor).name().to_owned();
            let problem = format!("splits rows of tensor `{name}` that do not follow each other in memory");
            self.wrong(Rule::TilePlace, id, problem);
        } else if let Some(&part) = parts.iter().find(|part| !lies(part)) {
            let [part, whole] = [part, whole].map(|id| self.label_text(id));
            let problem = format!("has {part}, which need not lie where {whole} have them");
            self.wrong(Rule::TilePlace, id, problem);
        }
    }
}
