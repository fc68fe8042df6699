//! Rules W3 and W4: the rows that a tile reads and writes.

use std::ops::Range;

use super::check::{Check, asked};
use crate::graph::{Operator, RowsRead, TileAxis};
use crate::support::ids::{OperatorId, TensorId};
use crate::verify::Rule;

impl Check<'_> {
    /// W3, W4 and W7.
    pub(super) fn tile(
        &mut self,
        id: OperatorId,
        old: OperatorId,
        axis: usize,
        rows: &Range<u64>,
        reads: &[Option<RowsRead>],
    ) {
        let node = self.graph.operators().get(old.index());
        let Some((node, axis)) = node.and_then(|node| Some((node, node.access()?.axes().get(axis)?))) else {
            return self.wrong(Rule::TileWrite, id, "is a tile of an operator that cannot be split so");
        };
        self.tile_writes(id, node, axis, rows);
        if reads.len() != node.inputs().len() {
            return self.wrong(
                Rule::TileRead,
                id,
                format!("states {} reads for {} inputs", reads.len(), node.inputs().len()),
            );
        }
        for (at, (&input, stated)) in node.inputs().iter().zip(reads).enumerate() {
            match axis.inputs().get(at).copied().flatten() {
                None => self.reads_whole(id, input, stated.as_ref()),
                Some((own, map)) => {
                    let count = self.graph.tensor(input).shape().map_or(0, |shape| shape[own]);
                    let asked = asked(map, rows, count);
                    if stated.as_ref() != Some(&asked) {
                        let name = self.graph.tensor(input).name().to_owned();
                        self.wrong(Rule::TileRead, id, format!("states to read {stated:?} of tensor `{name}`, but rows {}..{} ask for {asked:?}", rows.start, rows.end));
                    }
                    self.holds_rows(id, Rule::TileRead, input, own, &asked.rows);
                }
            }
        }
        let permits = self.tiled.graph.operator(id).permits().to_vec();
        for permit in permits {
            if !self.is_permitted(id, node, axis, rows, permit) {
                let (permit, name) = (self.permit_text(permit), node.name());
                let problem = format!("has a {permit}, which operator `{name}` does not give for these rows");
                self.wrong(Rule::TilePermit, id, problem);
            }
        }
        let is_known = |input: &TensorId| node.inputs().contains(&self.of(*input));
        if !self.tiled.graph.operator(id).inputs().iter().all(is_known)
            || self.tiled.graph.operator(id).scratch_bytes() < node.scratch_bytes()
        {
            self.wrong(
                Rule::TileRead,
                id,
                format!("reads a tensor that operator `{}` does not read, or lacks scratch", node.name()),
            );
        }
    }

    fn tile_writes(&mut self, id: OperatorId, node: &Operator, axis: &TileAxis, rows: &Range<u64>) {
        let outputs = self.tiled.graph.operator(id).outputs();
        if outputs.len() != node.outputs().len() || rows.is_empty() {
            let problem = format!(
                "does not write rows {}..{} of the outputs of operator `{}`",
                rows.start,
                rows.end,
                node.name()
            );
            return self.wrong(Rule::TileWrite, id, problem);
        }
        let mut written = outputs.iter().zip(node.outputs()).zip(axis.outputs());
        let wrong =
            written.find(|&((&new, &old), &axis)| self.of(new) != old || self.rows(new, axis) != *rows);
        if let Some(((&new, &old), _)) = wrong {
            let (label, name) = (self.label_text(new), self.graph.tensor(old).name());
            let problem =
                format!("writes {label} instead of rows {}..{} of tensor `{name}`", rows.start, rows.end);
            self.wrong(Rule::TileWrite, id, problem);
        }
    }

    fn reads_whole(&mut self, id: OperatorId, input: TensorId, stated: Option<&RowsRead>) {
        let inputs = self.tiled.graph.operator(id).inputs();
        let is_read = inputs.iter().any(|&new| self.of(new) == input && self.is_whole(new));
        if !is_read || stated.is_some() {
            let name = self.graph.tensor(input).name().to_owned();
            self.wrong(Rule::TileRead, id, format!("must read all of tensor `{name}`"));
        }
    }
}
