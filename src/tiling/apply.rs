//! The graph of a tiling: an ordinary graph, and the origin of each of its tensors and operators.
//!
//! | part of the tiling | in the graph |
//! | --- | --- |
//! | operator of a region, in one stripe | an operator that reads and writes parts of tensors |
//! | exit: a tensor that is read after its region | one part for each stripe, each at its place in the tensor, and a `Join` that does nothing |
//! | entry that dies in the region | a `Split` that does nothing, and parts that die one after the other |
//! | carried rows | a `Carry` that moves the last rows of a tile to its start; the next stripe's rows follow them. Nothing moves while all rows are needed |
//!
//! Parts lie where the tensor has these rows ([`RelativePlacement`](crate::RelativePlacement)), so joins and
//! splits cost nothing at any level of sharing.

use std::ops::Range;

use super::ordered_graph::{constrained_tensors, may_split};
use super::region::{Region, Tile, Tiling};
use crate::error::{Error, Result};
use crate::graph::{Graph, GraphBuilder, Permit, RowsRead, TensorKind, TensorSpec, TileAxis};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::sorting::each_once;

/// The graph of a tiling.
#[derive(Clone, Debug)]
pub struct TiledGraph {
    /// An ordinary graph. Its program order runs regions stripe by stripe.
    pub graph: Graph,
    /// The origin of each tensor of the graph.
    pub tensors: Vec<TensorOrigin>,
    /// The origin of each operator of the graph.
    pub operators: Vec<OperatorOrigin>,
}

/// The rows that a tensor of a tiled graph holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorOrigin {
    /// The tensor of the untiled graph.
    pub tensor: TensorId,
    /// The rows of it; none for the whole tensor.
    pub rows: Option<Range<u64>>,
    /// True for rows that a [`OperatorOrigin::Carry`] has kept for a later stripe.
    pub is_carried: bool,
}

/// The operation of an operator of a tiled graph.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorOrigin {
    /// An operator of the untiled graph, as a whole.
    Whole(OperatorId),
    /// An operator of the untiled graph, on rows of its outputs.
    Tile {
        /// The operator.
        operator: OperatorId,
        /// Number of the region in [`Tiling::regions`].
        region: usize,
        /// Number of the stripe.
        stripe: usize,
        /// The axis that is split, in the access map of the operator.
        axis: usize,
        /// The rows of the outputs that it computes.
        rows: Range<u64>,
        /// For each input of the untiled operator, the rows that it reads, and rows of padding
        /// before and after them; none for an input that is read as a whole.
        reads: Vec<Option<RowsRead>>,
    },
    /// Names rows of a tensor that die one after the other. Nothing is executed.
    Split {
        /// The tensor of the untiled graph.
        tensor: TensorId,
        /// The axis of its rows.
        axis: usize,
    },
    /// Keeps rows of a tile for the next stripe: moves them, ascending, to the start of the tile.
    Carry {
        /// The tensor of the untiled graph.
        tensor: TensorId,
        /// The axis of its rows.
        axis: usize,
        /// The rows.
        rows: Range<u64>,
    },
    /// Names a tensor, or consecutive rows of it, whose parts have all been computed. Nothing is
    /// executed.
    Join {
        /// The tensor of the untiled graph.
        tensor: TensorId,
        /// The axis of its rows.
        axis: usize,
    },
}

/// Makes the graph of a tiling. O(stripes x (operators + edges)).
///
/// # Errors
/// [`Error::Tiling`] if the tiling does not belong to the graph, or if a tile reads rows that do not
/// exist when it runs; errors of [`GraphBuilder::build`].
pub fn apply(graph: &Graph, tiling: &Tiling) -> Result<TiledGraph> {
    graph.check_order(&tiling.order)?;
    let mut maker = TiledGraphMaker::new(graph, tiling)?;
    let mut position = 0;
    let mut regions = tiling.regions.iter().enumerate().peekable();
    while position < tiling.order.len() {
        let id = tiling.order[position];
        let next = regions.next_if(|(_, region)| region.operators.first() == Some(&id));
        match next {
            None => {
                maker.whole_operator(id)?;
                position += 1;
            }
            Some((number, region)) => {
                let end = position + region.operators.len();
                if tiling.order.get(position..end) != Some(region.operators.as_slice()) {
                    return Err(invalid(format!(
                        "the operators of region {number} are not consecutive in the order"
                    )));
                }
                RegionMaker::new(&mut maker, number, region)?.run()?;
                position = end;
            }
        }
    }
    if let Some((number, _)) = regions.next() {
        return Err(invalid(format!(
            "region {number} does not start where it is in the order, or overlaps another"
        )));
    }
    maker.finish()
}

fn invalid(problem: String) -> Error {
    Error::Tiling { problem }
}

/// The graph that is made, and which of its tensors stand for a tensor of the untiled graph.
struct TiledGraphMaker<'g> {
    graph: &'g Graph,
    builder: GraphBuilder,
    /// By tensor of the untiled graph: the whole tensor, once it is needed.
    whole: Vec<Option<TensorId>>,
    is_constrained: Vec<bool>,
    tensors: Vec<TensorOrigin>,
    operators: Vec<OperatorOrigin>,
    /// By operator of the untiled graph: the operator that runs last for it.
    ran: Vec<Option<OperatorId>>,
}

/// A tensor of the tiled graph and the rows that it has.
#[derive(Clone, Debug)]
struct Part {
    rows: Range<u64>,
    id: TensorId,
}

impl<'g> TiledGraphMaker<'g> {
    fn new(graph: &'g Graph, tiling: &Tiling) -> Result<Self> {
        let mut is_split = vec![false; graph.tensors().len()];
        for (number, region) in tiling.regions.iter().enumerate() {
            let last = region.operators.last();
            let end =
                last.and_then(|id| tiling.order.iter().position(|other| other == id)).map_or(0, |at| at + 1);
            let mut inside = region.operators.clone();
            inside.sort_unstable();
            if end == 0 || region.axes.len() != region.operators.len() {
                return Err(invalid(format!("region {number} has no operators, or not one axis for each")));
            }
            for &id in &region.operators {
                let dies_inside = |output: &TensorId| {
                    let tensor = graph.tensor(*output);
                    let is_inside = |reader: &OperatorId| inside.binary_search(reader).is_ok();
                    !tensor.is_output()
                        && !tensor.readers().is_empty()
                        && tensor.readers().iter().all(is_inside)
                };
                // The outputs of an operator have the same rows in every stripe, so one exit makes all
                // of them exits.
                let outputs = graph.operator(id).outputs();
                if outputs.iter().all(dies_inside) {
                    for output in outputs {
                        is_split[output.index()] = true;
                    }
                }
            }
        }
        let mut maker = Self {
            graph,
            builder: Graph::builder(graph.name()),
            whole: vec![None; graph.tensors().len()],
            is_constrained: constrained_tensors(graph),
            tensors: Vec::new(),
            operators: Vec::new(),
            ran: vec![None; graph.operators().len()],
        };
        for id in graph.tensor_ids().filter(|id| !is_split[id.index()]) {
            maker.add_whole(id);
        }
        maker.copy_constraints();
        Ok(maker)
    }

    fn add_whole(&mut self, id: TensorId) {
        let tensor = self.graph.tensor(id);
        let new = self.builder.add_tensor(tensor.name(), tensor.kind(), tensor.spec.clone());
        self.tensors.push(TensorOrigin { tensor: id, rows: None, is_carried: false });
        if tensor.is_output() {
            self.builder.output(new);
        }
        if tensor.is_overwritable() {
            self.builder.overwritable(new);
        }
        self.whole[id.index()] = Some(new);
    }

    fn copy_constraints(&mut self) {
        for placement in self.graph.relative_placements() {
            let both = (self.whole[placement.tensor.index()], self.whole[placement.of.index()]);
            if let (Some(tensor), Some(of)) = both {
                self.builder.place_at(tensor, of, placement.at);
            }
        }
        for [one, other] in self.graph.kept_apart() {
            if let (Some(one), Some(other)) = (self.whole[one.index()], self.whole[other.index()]) {
                self.builder.keep_apart(one, other);
            }
        }
    }

    fn whole(&self, id: TensorId) -> Result<TensorId> {
        self.whole[id.index()].ok_or_else(|| {
            invalid(format!(
                "tensor `{}` is read as a whole, but exists in parts only",
                self.graph.tensor(id).name()
            ))
        })
    }

    /// Adds a tensor with some rows of a tensor of the untiled graph along an axis. It has the alignment of that tensor.
    fn add_part(&mut self, of: TensorId, axis: usize, rows: Range<u64>, is_carried: bool) -> Result<Part> {
        let tensor = self.graph.tensor(of);
        if !may_split(tensor, axis, self.is_constrained[of.index()]) {
            return Err(invalid(format!(
                "tensor `{}` cannot be split: its place or the alignment of its rows is given",
                tensor.name()
            )));
        }
        let (Some(element), Some(shape)) = (tensor.element_type(), tensor.shape()) else {
            return Err(invalid(format!("tensor `{}` has no shape and cannot be split", tensor.name())));
        };
        let mut shape = shape.to_vec();
        shape[axis] = rows.end - rows.start;
        let mut spec = TensorSpec::shaped(element, shape);
        if let Some(alignment) = tensor.alignment() {
            spec = spec.align(alignment);
        }
        if let Some(order) = tensor.stated_memory_order().and_then(|_| tensor.memory_order()) {
            spec = spec.memory_order(order);
        }
        let name = format!(
            "{}/rows_{}_{}{}",
            tensor.name(),
            rows.start,
            rows.end,
            if is_carried { "_kept" } else { "" }
        );
        let id = self.builder.add_tensor(name, TensorKind::Intermediate, spec);
        self.tensors.push(TensorOrigin { tensor: of, rows: Some(rows.clone()), is_carried });
        Ok(Part { rows, id })
    }

    /// Places a part relative to another tensor. Behind the start of that tensor it follows other rows without padding.
    fn place(&mut self, part: TensorId, of: TensorId, at: u64) {
        self.builder.place_at(part, of, at);
        if at > 0 {
            self.builder.align_to_bytes(part);
        }
    }

    fn add_operator(&mut self, name: String, origin: OperatorOrigin) -> crate::graph::OperatorBuilder<'_> {
        self.operators.push(origin);
        self.builder.operator(name)
    }

    fn whole_operator(&mut self, id: OperatorId) -> Result<()> {
        let node = self.graph.operator(id);
        let new = |ids: &[TensorId]| ids.iter().map(|&id| self.whole(id)).collect::<Result<Vec<_>>>();
        let (inputs, outputs) = (new(node.inputs())?, new(node.outputs())?);
        let permits: Vec<Permit> = node.permits().iter().filter_map(|&permit| self.renamed(permit)).collect();
        let after: Vec<OperatorId> = node.runs_after().iter().filter_map(|id| self.ran[id.index()]).collect();
        let bodies = node.bodies().to_vec();
        let scratch = node.extras.as_ref().map_or(0, |extras| extras.scratch_bytes);
        let (name, op_type) = (node.name().to_owned(), node.op_type().to_owned());
        let added = self.add_operator(name, OperatorOrigin::Whole(id)).op_type(op_type);
        let added =
            added.reads(inputs).writes(outputs).scratch(scratch).runs(bodies).after(after).permits(permits);
        let ran = added.id();
        self.ran[id.index()] = Some(ran);
        Ok(())
    }

    /// A permission between whole tensors.
    fn renamed(&self, permit: Permit) -> Option<Permit> {
        let input = self.whole[permit.input().index()]?;
        let output = self.whole[permit.output().index()]?;
        Some(match permit {
            Permit::InPlace { .. } => Permit::InPlace { input, output },
            Permit::View { at, .. } => Permit::View { input, output, at },
            Permit::ConcatSlice { at, .. } => Permit::ConcatSlice { input, output, at },
            Permit::Overlap { bytes, lower, .. } => Permit::Overlap { input, output, bytes, lower },
        })
    }

    fn finish(self) -> Result<TiledGraph> {
        let graph = self.builder.build()?;
        Ok(TiledGraph { graph, tensors: self.tensors, operators: self.operators })
    }
}

/// The tensors of one region while its stripes are made.
struct RegionMaker<'m, 'g> {
    maker: &'m mut TiledGraphMaker<'g>,
    number: usize,
    region: &'m Region,
    /// Operators of the region by id, with their numbers in it.
    numbers: Vec<(OperatorId, usize)>,
    /// Entries that are split into parts: tensor and parts.
    entries: Vec<(TensorId, Vec<Part>)>,
    /// By operator and output: the parts that exist in the current stripe. Those of exits stay.
    parts: Vec<Vec<Vec<Part>>>,
}

impl<'m, 'g> RegionMaker<'m, 'g> {
    fn new(maker: &'m mut TiledGraphMaker<'g>, number: usize, region: &'m Region) -> Result<Self> {
        let mut numbers: Vec<(OperatorId, usize)> = region.operators.iter().copied().zip(0..).collect();
        numbers.sort_unstable();
        let mut parts = Vec::new();
        for (at, &id) in region.operators.iter().enumerate() {
            let node = maker.graph.operator(id);
            let has_axis = node.access().is_some_and(|access| region.axes[at] < access.axes().len());
            if !has_axis {
                return Err(invalid(format!(
                    "operator `{}` of region {number} cannot be split along the axis",
                    node.name()
                )));
            }
            parts.push(vec![Vec::new(); node.outputs().len()]);
        }
        if let Some(stripe) = region.stripes.iter().position(|tiles| tiles.len() != region.operators.len()) {
            return Err(invalid(format!(
                "stripe {stripe} of region {number} has not one tile for each operator"
            )));
        }
        Ok(Self { maker, number, region, numbers, entries: Vec::new(), parts })
    }

    fn graph(&self) -> &'g Graph {
        self.maker.graph
    }

    fn axis(&self, operator: usize) -> &'g TileAxis {
        let node = self.graph().operator(self.region.operators[operator]);
        &node.access().expect("it was checked").axes()[self.region.axes[operator]]
    }

    /// The operator of the region that writes a tensor, and which of its outputs the tensor is.
    fn producer(&self, tensor: TensorId) -> Option<(usize, usize)> {
        let id = self.graph().tensor(tensor).producer()?;
        let at = self.numbers.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        let operator = self.numbers[at].1;
        let output = self.graph().operator(id).outputs().iter().position(|&output| output == tensor)?;
        Some((operator, output))
    }

    fn is_exit(&self, tensor: TensorId) -> bool {
        self.maker.whole[tensor.index()].is_some()
    }

    /// Checks the rows of all tiles before any of them is added, as a tile keeps rows for the next stripe.
    fn check_tiles(&self) -> Result<()> {
        for (stripe, tiles) in self.region.stripes.iter().enumerate() {
            let is_wrong =
                |tile: &&Tile| tile.computed.start < tile.carried || tile.computed.end < tile.computed.start;
            if let Some(tile) = tiles.iter().find(is_wrong) {
                return Err(invalid(format!(
                    "a tile of stripe {stripe} of region {} has rows {:?} and carries {}",
                    self.number, tile.computed, tile.carried
                )));
            }
        }
        Ok(())
    }

    fn run(mut self) -> Result<()> {
        self.check_tiles()?;
        self.split_entries()?;
        for stripe in 0..self.region.stripes.len() {
            let last = self.last_readers(stripe);
            for operator in 0..self.region.operators.len() {
                let tile = &self.region.stripes[stripe][operator];
                if !tile.computed.is_empty() {
                    self.tile(stripe, operator)?;
                }
                for producer in positions_of(&last, Some(operator)) {
                    self.leave(producer, stripe)?;
                }
            }
            for producer in positions_of(&last, None) {
                self.leave(producer, stripe)?;
            }
        }
        self.join_exits()
    }

    /// By operator: the operator of the stripe that reads its tile last.
    fn last_readers(&self, stripe: usize) -> Vec<Option<usize>> {
        let mut last = vec![None; self.region.operators.len()];
        for (operator, tile) in self.region.stripes[stripe].iter().enumerate() {
            if !tile.computed.is_empty() {
                for &input in self.graph().operator(self.region.operators[operator]).inputs() {
                    if let Some((producer, _)) = self.producer(input) {
                        last[producer] = Some(operator);
                    }
                }
            }
        }
        last
    }

    /// The rows that an input of a tile needs; none if all of it is read.
    fn rows_read(&self, operator: usize, input: usize, rows: &Range<u64>) -> Option<RowsRead> {
        let (axis, map) = self.axis(operator).inputs().get(input).copied().flatten()?;
        let tensor = self.graph().operator(self.region.operators[operator]).inputs()[input];
        let shape = self.graph().tensor(tensor).shape()?;
        Some(map.reads(rows.clone(), shape[axis]))
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
            let read = self.rows_read(operator, at, &rows);
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
            region: self.number,
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
            let axis = self.axis(operator).outputs()[at];
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
            return match self.producer(input) {
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
        let parts = match self.producer(input) {
            Some((operator, output)) => &self.parts[operator][output],
            None => match self.entries.iter().find(|entry| entry.0 == input) {
                Some((_, parts)) => parts,
                None => return whole(0..u64::MAX),
            },
        };
        let needed: Vec<Part> = parts
            .iter()
            .filter(|part| part.rows.start < read.rows.end && read.rows.start < part.rows.end)
            .cloned()
            .collect();
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
                self.number,
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
                let axis = self.axis_of(origin.tensor);
                self.row_bytes(origin.tensor, axis) * (rows.end - rows.start)
            }
        }
    }

    /// The axis along which the region splits a tensor.
    fn axis_of(&self, tensor: TensorId) -> usize {
        if let Some((operator, output)) = self.producer(tensor) {
            return self.axis(operator).outputs()[output];
        }
        let of_reader = |operator: usize| {
            let node = self.graph().operator(self.region.operators[operator]);
            let maps = node.inputs().iter().zip(self.axis(operator).inputs());
            maps.filter(|(input, _)| **input == tensor).find_map(|(_, map)| map.map(|(axis, _)| axis))
        };
        (0..self.region.operators.len()).find_map(of_reader).unwrap_or(0)
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
        let axis = self.axis(operator).outputs()[at];
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
        for tensor in self.dying_entries() {
            let axis = self.axis_of(tensor);
            let ends = self.ends_of_entry(tensor, axis);
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
            self.entries.push((tensor, parts));
        }
        Ok(())
    }

    /// Tensors from before the region that nothing but operators of the region reads from now on, by
    /// rows along one axis.
    fn dying_entries(&self) -> Vec<TensorId> {
        let mut entries = Vec::new();
        for (operator, &id) in self.region.operators.iter().enumerate() {
            let node = self.graph().operator(id);
            for (at, &input) in node.inputs().iter().enumerate() {
                let tensor = self.graph().tensor(input);
                let is_activation = matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate);
                let by_rows = self.axis(operator).inputs().get(at).copied().flatten().is_some();
                if is_activation && by_rows && self.producer(input).is_none() && !tensor.is_output() {
                    entries.push(input);
                }
            }
        }
        entries.sort_unstable();
        entries.dedup();
        entries.retain(|&tensor| self.dies_by_rows(tensor));
        entries
    }

    fn dies_by_rows(&self, tensor: TensorId) -> bool {
        let axis = self.axis_of(tensor);
        self.graph().tensor(tensor).readers().iter().all(|reader| {
            match self.numbers.binary_search_by_key(reader, |&(id, _)| id) {
                // An earlier operator outside of the region has run already.
                Err(_) => self.maker.ran[reader.index()].is_some(),
                Ok(at) => {
                    let operator = self.numbers[at].1;
                    let node = self.graph().operator(*reader);
                    let inputs = node.inputs().iter().enumerate().filter(|(_, input)| **input == tensor);
                    let maps = self.axis(operator).inputs();
                    inputs
                        .map(|(at, _)| maps.get(at).copied().flatten())
                        .all(|map| map.is_some_and(|(own, _)| own == axis))
                }
            }
        })
    }

    /// The ends of the parts of an entry: for each stripe, the first row that a later stripe reads.
    fn ends_of_entry(&self, tensor: TensorId, axis: usize) -> Vec<u64> {
        let count = self.graph().tensor(tensor).shape().map_or(0, |shape| shape[axis]);
        let mut first = count;
        let mut ends = vec![count];
        for stripe in (1..self.region.stripes.len()).rev() {
            for (operator, tile) in self.region.stripes[stripe].iter().enumerate() {
                let inputs = self.graph().operator(self.region.operators[operator]).inputs();
                for (at, _) in inputs.iter().enumerate().filter(|(_, input)| **input == tensor) {
                    let read = self.rows_read(operator, at, &tile.computed);
                    if let Some(read) = read.filter(|read| !read.rows.is_empty()) {
                        first = first.min(read.rows.start);
                    }
                }
            }
            ends.push(first);
        }
        ends.retain(|&end| end > 0);
        ends.sort_unstable();
        ends.dedup();
        ends
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
        let axis = self.axis(operator).outputs()[at];
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

fn positions_of(last: &[Option<usize>], reader: Option<usize>) -> Vec<usize> {
    (0..last.len()).filter(|&at| last[at] == reader).collect()
}
