//! The tiles of one region, stripe by stripe.

use std::collections::BTreeMap;
use std::ops::Range;

use super::graph_maker::{Part, TiledGraphMaker, invalid};
use super::region_reads::RegionReads;
use crate::error::Result;
use crate::graph::{Graph, Permit, RowsRead, TensorKind};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::sorting::each_once;
use crate::tiling::ordered_graph::may_split;
use crate::tiling::region::{Region, Tile};
use crate::tiling::tiled_graph::OperatorOrigin;

/// The tensors of one region while its stripes are made.
pub(super) struct RegionMaker<'m, 'g> {
    maker: &'m mut TiledGraphMaker<'g>,
    region: &'m Region,
    reads: RegionReads<'m, 'g>,
    /// Entries that are split into parts.
    entries: BTreeMap<TensorId, Vec<Part>>,
    /// By operator and output: the parts that exist in the current stripe. Those of exits stay.
    parts: Vec<Vec<Vec<Part>>>,
}

impl<'m, 'g> RegionMaker<'m, 'g> {
    pub(super) fn new(maker: &'m mut TiledGraphMaker<'g>, number: usize, region: &'m Region) -> Result<Self> {
        let reads = RegionReads::new(maker.graph, number, region)?;
        let outputs = |&id: &OperatorId| vec![Vec::new(); maker.graph.operator(id).outputs().len()];
        let parts = region.operators.iter().map(outputs).collect();
        Ok(Self { maker, region, reads, entries: BTreeMap::new(), parts })
    }

    fn graph(&self) -> &'g Graph {
        self.maker.graph
    }

    fn is_exit(&self, tensor: TensorId) -> bool {
        self.maker.whole[tensor.index()].is_some()
    }

    pub(super) fn run(mut self) -> Result<()> {
        self.split_entries()?;
        for stripe in 0..self.region.stripes.len() {
            let mut leaving = self.reads.last_readers(stripe).into_iter().peekable();
            for operator in 0..self.region.operators.len() {
                let tile = &self.region.stripes[stripe][operator];
                if !tile.computed.is_empty() {
                    self.tile(stripe, operator)?;
                }
                while let Some((_, producer)) = leaving.next_if(|&(last, _)| last == Some(operator)) {
                    self.leave(producer, stripe)?;
                }
            }
            for (_, producer) in leaving {
                self.leave(producer, stripe)?;
            }
        }
        self.join_exits()
    }

    /// Adds one operator on the rows of its tile.
    fn tile(&mut self, stripe: usize, operator: usize) -> Result<()> {
        let id = self.region.operators[operator];
        let node = self.graph().operator(id);
        let rows = self.region.stripes[stripe][operator].computed.clone();
        let carried = self.region.stripes[stripe][operator].carried;
        let (mut inputs, mut reads, mut permits) = (Vec::new(), Vec::new(), Vec::new());
        let outputs = self.outputs(operator, &rows, carried)?;
        for (at, &input) in node.inputs().iter().enumerate() {
            let read = self.reads.rows(operator, at, &rows);
            let parts = self.sources(input, read.as_ref(), stripe)?;
            if let Some(read) = &read {
                permits.extend(self.permits(operator, input, &read.rows, &parts, &outputs));
            }
            inputs.extend(parts.iter().map(|part| part.id));
            reads.push(read);
        }
        let inputs: Vec<TensorId> = each_once(&inputs).collect();
        let origin = OperatorOrigin::Tile {
            operator: id,
            region: self.reads.number,
            stripe,
            axis: self.region.axes[operator],
            rows: rows.clone(),
            reads,
        };
        let name = format!("{}/rows_{}_{}", node.name(), rows.start, rows.end);
        let scratch = node.scratch_bytes();
        let added =
            self.maker.add_operator(name, origin).op_type(node.op_type()).reads(inputs).writes(outputs);
        let ran = added.scratch(scratch).permits(permits).id();
        self.maker.ran[id.index()] = Some(ran);
        Ok(())
    }

    /// Adds the parts that a tile writes. Carried rows come directly before them.
    fn outputs(&mut self, operator: usize, rows: &Range<u64>, carried: u64) -> Result<Vec<TensorId>> {
        let node = self.graph().operator(self.region.operators[operator]);
        let mut outputs = Vec::new();
        for (at, &output) in node.outputs().iter().enumerate() {
            let axis = self.reads.axis(operator).outputs()[at];
            let is_all = self.graph().tensor(output).shape().is_some_and(|shape| *rows == (0..shape[axis]));
            if self.is_exit(output) && is_all {
                let id = self.maker.whole(output)?;
                self.parts[operator][at].push(Part { rows: rows.clone(), id });
                outputs.push(id);
                continue;
            }
            let part = self.maker.add_part(output, axis, rows.clone(), false)?;
            outputs.push(part.id);
            if carried > 0 {
                let start = rows.start - carried;
                let parts = &self.parts[operator][at];
                let is_kept = parts.first().is_some_and(|first| first.rows.start <= start);
                let Some(before) = parts.last().filter(|last| is_kept && last.rows.end == rows.start) else {
                    return Err(invalid(format!(
                        "rows {start}..{} of tensor `{}` are carried, but were not kept",
                        rows.start,
                        self.graph().tensor(output).name()
                    )));
                };
                let bytes = (rows.start - before.rows.start) * self.row_bytes(output, axis);
                self.maker.place(part.id, before.id, bytes);
            }
            self.parts[operator][at].push(part);
        }
        Ok(outputs)
    }

    fn row_bytes(&self, tensor: TensorId, axis: usize) -> u64 {
        let tensor = self.graph().tensor(tensor);
        tensor.bytes() / tensor.shape().map_or(1, |shape| shape[axis].max(1))
    }

    /// The parts of a tensor that hold rows that a tile reads.
    fn sources(&self, input: TensorId, read: Option<&RowsRead>, stripe: usize) -> Result<Vec<Part>> {
        let whole = |rows: Range<u64>| Ok(vec![Part { rows, id: self.maker.whole(input)? }]);
        let Some(read) = read else {
            return match self.reads.producer(input) {
                None => whole(0..u64::MAX),
                Some(_) => Err(invalid(format!(
                    "tensor `{}` is read as a whole in its own region",
                    self.graph().tensor(input).name()
                ))),
            };
        };
        if read.rows.is_empty() {
            // All rows read are padding.
            return Ok(Vec::new());
        }
        let parts = match self.reads.producer(input) {
            Some((operator, output)) => &self.parts[operator][output],
            None => match self.entries.get(&input) {
                Some(parts) => parts,
                None => return whole(0..u64::MAX),
            },
        };
        // Parts ascend. Those of exits that do not are refused when they are joined.
        let first = parts.partition_point(|part| part.rows.end <= read.rows.start);
        let needed = parts[first..].iter().take_while(|part| part.rows.start < read.rows.end);
        let needed: Vec<Part> = needed.cloned().collect();
        let mut next = read.rows.start;
        for part in &needed {
            if part.rows.start > next {
                break;
            }
            next = next.max(part.rows.end);
        }
        if next < read.rows.end {
            return Err(invalid(format!(
                "stripe {stripe} of region {} reads rows {}..{} of tensor `{}`, but row {next} does not exist then",
                self.reads.number,
                read.rows.start,
                read.rows.end,
                self.graph().tensor(input).name()
            )));
        }
        Ok(needed)
    }

    /// The permissions of an operator that hold for parts of its tensors.
    fn permits(
        &self,
        operator: usize,
        input: TensorId,
        read: &Range<u64>,
        parts: &[Part],
        outputs: &[TensorId],
    ) -> Vec<Permit> {
        let node = self.graph().operator(self.region.operators[operator]);
        let [part] = parts else { return Vec::new() };
        let is_part = self.maker.tensors[part.id.index()].rows.is_some();
        let mut permits = Vec::new();
        for permit in node.permits().iter().filter(|permit| permit.input() == input) {
            let Some(at) = node.outputs().iter().position(|&output| output == permit.output()) else {
                continue;
            };
            let output = outputs[at];
            let [room, bytes] = [part.id, output].map(|id| self.part_bytes(id));
            match *permit {
                // The first row read is not below the first row written.
                Permit::InPlace { .. } if bytes <= room && self.may_overwrite(input, is_part) => {
                    permits.push(Permit::InPlace { input: part.id, output });
                }
                Permit::View { at: 0, .. } if is_part && part.rows.start <= read.start => {
                    let axis =
                        self.maker.tensors[part.id.index()].rows.as_ref().map(|rows| rows.end - rows.start);
                    let row = room / axis.unwrap_or(1).max(1);
                    let at = (read.start - part.rows.start) * row;
                    if (read.end - read.start) * row == bytes {
                        permits.push(Permit::View { input: part.id, output, at });
                    }
                }
                _ => {}
            }
        }
        permits
    }

    /// True if tiles may be written over parts of a tensor. A whole tensor of which a tile reads a part
    /// must stay for the other stripes.
    fn may_overwrite(&self, tensor: TensorId, is_part: bool) -> bool {
        let tensor = self.graph().tensor(tensor);
        is_part && (tensor.kind() == TensorKind::Intermediate || tensor.is_overwritable())
    }

    fn part_bytes(&self, id: TensorId) -> u64 {
        let origin = &self.maker.tensors[id.index()];
        let tensor = self.graph().tensor(origin.tensor);
        match &origin.rows {
            None => tensor.bytes(),
            Some(rows) => {
                let axis = self.reads.axis_of(origin.tensor);
                self.row_bytes(origin.tensor, axis) * (rows.end - rows.start)
            }
        }
    }

    /// After the last read of a tile in a stripe: keeps the rows that the next stripe carries.
    fn leave(&mut self, operator: usize, stripe: usize) -> Result<()> {
        let outputs = self.graph().operator(self.region.operators[operator]).outputs();
        let next: Option<&Tile> = self.region.stripes.get(stripe + 1).map(|tiles| &tiles[operator]);
        for (at, &output) in outputs.iter().enumerate() {
            if self.is_exit(output) {
                continue;
            }
            let parts = std::mem::take(&mut self.parts[operator][at]);
            let Some(next) = next.filter(|next| next.carried > 0) else { continue };
            let rows = next.computed.start - next.carried..next.computed.start;
            self.parts[operator][at] = self.carry(operator, at, output, rows, parts)?;
        }
        Ok(())
    }

    /// Keeps rows of a tile for later stripes. If earlier rows die, a `Carry` moves the kept rows to the
    /// place of the first one.
    fn carry(
        &mut self,
        operator: usize,
        at: usize,
        tensor: TensorId,
        rows: Range<u64>,
        mut parts: Vec<Part>,
    ) -> Result<Vec<Part>> {
        let axis = self.reads.axis(operator).outputs()[at];
        let held = parts.first().zip(parts.last()).map(|(first, last)| first.rows.start..last.rows.end);
        let Some(held) = held.filter(|held| held.start <= rows.start && held.end == rows.end) else {
            return Err(invalid(format!(
                "rows {}..{} of tensor `{}` are carried, but do not exist in the stripe before",
                rows.start,
                rows.end,
                self.graph().tensor(tensor).name()
            )));
        };
        if held.start == rows.start {
            return Ok(parts);
        }
        if parts[0].rows.end - parts[0].rows.start < rows.end - rows.start {
            // The kept rows overwrite several parts.
            let all = self.maker.add_part(tensor, axis, held, false)?;
            self.join_parts(tensor, axis, &all, &parts);
            parts = vec![all];
        }
        let first = &parts[0];
        let kept = self.maker.add_part(tensor, axis, rows.clone(), true)?;
        self.maker.place(kept.id, first.id, 0);
        let permit = Permit::InPlace { input: first.id, output: kept.id };
        let inputs = parts.iter().filter(|part| part.rows.end > rows.start || part.id == first.id);
        let inputs: Vec<TensorId> = inputs.map(|part| part.id).collect();
        let name = format!("carry {}/rows_{}_{}", self.graph().tensor(tensor).name(), rows.start, rows.end);
        let origin = OperatorOrigin::Carry { tensor, axis, rows };
        let added = self.maker.add_operator(name, origin).op_type("Carry");
        let _ = added.reads(inputs).writes([kept.id]).permits([permit]);
        Ok(vec![kept])
    }

    /// Adds a `Join` of parts, each at its place in `all`.
    fn join_parts(&mut self, tensor: TensorId, axis: usize, all: &Part, parts: &[Part]) -> OperatorId {
        let row = self.row_bytes(tensor, axis);
        let at = |part: &Part| (part.rows.start - all.rows.start) * row;
        for part in parts {
            self.maker.place(part.id, all.id, at(part));
        }
        let permit = |part: &Part| Permit::ConcatSlice { input: part.id, output: all.id, at: at(part) };
        let permits: Vec<Permit> = parts.iter().map(permit).collect();
        let origin = &self.maker.tensors[all.id.index()];
        let part = origin.rows.as_ref().map(|rows| format!("/rows_{}_{}", rows.start, rows.end));
        let name = format!("join {}{}", self.graph().tensor(tensor).name(), part.unwrap_or_default());
        let added = self.maker.add_operator(name, OperatorOrigin::Join { tensor, axis }).op_type("Join");
        added.reads(parts.iter().map(|part| part.id)).writes([all.id]).permits(permits).id()
    }

    /// Splits the entries that die in the region into parts by the stripe that reads them last.
    fn split_entries(&mut self) -> Result<()> {
        let maker = &self.maker;
        for (tensor, ends) in self.reads.dying_entries(|id| maker.ran[id.index()].is_some()) {
            let axis = self.reads.axis_of(tensor);
            let old = self.graph().tensor(tensor);
            let is_splittable = old.has_contiguous_rows(axis)
                && may_split(old, axis, self.maker.is_constrained[tensor.index()]);
            if ends.len() < 2 || !is_splittable {
                continue;
            }
            let whole = self.maker.whole(tensor)?;
            let (mut parts, mut permits, mut start) = (Vec::new(), Vec::new(), 0);
            for end in ends {
                let part = self.maker.add_part(tensor, axis, start..end, false)?;
                let at = start * self.row_bytes(tensor, axis);
                self.maker.place(part.id, whole, at);
                permits.push(Permit::View { input: whole, output: part.id, at });
                parts.push(part);
                start = end;
            }
            let name = format!("split {}", self.graph().tensor(tensor).name());
            let outputs: Vec<TensorId> = parts.iter().map(|part| part.id).collect();
            let added =
                self.maker.add_operator(name, OperatorOrigin::Split { tensor, axis }).op_type("Split");
            let _ = added.reads([whole]).writes(outputs).permits(permits);
            self.entries.insert(tensor, parts);
        }
        Ok(())
    }

    /// Names the exits once all of their rows exist.
    fn join_exits(&mut self) -> Result<()> {
        for operator in 0..self.region.operators.len() {
            let id = self.region.operators[operator];
            for (at, &output) in self.graph().operator(id).outputs().iter().enumerate() {
                if self.is_exit(output) {
                    self.join(operator, at, output)?;
                }
            }
        }
        Ok(())
    }

    fn join(&mut self, operator: usize, at: usize, tensor: TensorId) -> Result<()> {
        let parts = std::mem::take(&mut self.parts[operator][at]);
        let whole = self.maker.whole(tensor)?;
        if let [part] = parts.as_slice()
            && part.id == whole
        {
            return Ok(());
        }
        let axis = self.reads.axis(operator).outputs()[at];
        if !self.graph().tensor(tensor).has_contiguous_rows(axis) {
            let name = self.graph().tensor(tensor).name();
            return Err(invalid(format!(
                "rows of tensor `{name}` along axis {axis} are not contiguous in memory"
            )));
        }
        let mut next = 0;
        for part in &parts {
            if part.rows.start != next {
                return Err(invalid(format!(
                    "row {next} of tensor `{}` is computed twice or not at all",
                    self.graph().tensor(tensor).name()
                )));
            }
            next = part.rows.end;
        }
        if self.graph().tensor(tensor).shape().is_none_or(|shape| shape[axis] != next) {
            return Err(invalid(format!(
                "rows of tensor `{}` from {next} on are never computed",
                self.graph().tensor(tensor).name()
            )));
        }
        let all = Part { rows: 0..next, id: whole };
        let ran = self.join_parts(tensor, axis, &all, &parts);
        self.maker.ran[self.region.operators[operator].index()] = Some(ran);
        Ok(())
    }
}
