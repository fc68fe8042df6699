//! A region of the untiled graph: who reads which rows of which tensor.

use std::collections::BTreeMap;

use super::graph_maker::invalid;
use crate::error::Result;
use crate::graph::{Graph, RowsRead, TensorKind, TileAxis};
use crate::support::ids::{OperatorId, TensorId};
use crate::tiling::region::{Region, Tile};

/// The operators of a region and the axes along which its tensors are split.
pub(super) struct RegionReads<'r, 'g> {
    pub(super) graph: &'g Graph,
    pub(super) number: usize,
    pub(super) region: &'r Region,
    /// Operators of the region by id, with their numbers in it.
    numbers: Vec<(OperatorId, usize)>,
    /// The axis along which the region splits a tensor: that of its producer, or that of its first reader.
    axes: BTreeMap<TensorId, usize>,
}

impl<'r, 'g> RegionReads<'r, 'g> {
    /// O(n log n) for the operators and edges of the region, and O(tiles).
    pub(super) fn new(graph: &'g Graph, number: usize, region: &'r Region) -> Result<Self> {
        let mut numbers: Vec<(OperatorId, usize)> = region.operators.iter().copied().zip(0..).collect();
        numbers.sort_unstable();
        for (&id, &axis) in region.operators.iter().zip(&region.axes) {
            let node = graph.operator(id);
            if node.access().is_none_or(|access| axis >= access.axes().len()) {
                return Err(invalid(format!(
                    "operator `{}` of region {number} cannot be split along the axis",
                    node.name()
                )));
            }
        }
        let mut reads = Self { graph, number, region, numbers, axes: BTreeMap::new() };
        reads.check_tiles()?;
        reads.find_axes();
        Ok(reads)
    }

    /// Checks the rows of all tiles before any of them is added, as a tile keeps rows for the next stripe.
    fn check_tiles(&self) -> Result<()> {
        for (stripe, tiles) in self.region.stripes.iter().enumerate() {
            if tiles.len() != self.region.operators.len() {
                return Err(invalid(format!(
                    "stripe {stripe} of region {} has not one tile for each operator",
                    self.number
                )));
            }
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

    fn find_axes(&mut self) {
        for operator in 0..self.region.operators.len() {
            let (node, axis) = (self.graph.operator(self.region.operators[operator]), self.axis(operator));
            for (&input, map) in node.inputs().iter().zip(axis.inputs()) {
                if let Some((axis, _)) = map {
                    self.axes.entry(input).or_insert(*axis);
                }
            }
        }
        for operator in 0..self.region.operators.len() {
            let (node, axis) = (self.graph.operator(self.region.operators[operator]), self.axis(operator));
            self.axes.extend(node.outputs().iter().copied().zip(axis.outputs().iter().copied()));
        }
    }

    pub(super) fn axis(&self, operator: usize) -> &'g TileAxis {
        let node = self.graph.operator(self.region.operators[operator]);
        &node.access().expect("it was checked").axes()[self.region.axes[operator]]
    }

    /// The axis along which the region splits a tensor.
    pub(super) fn axis_of(&self, tensor: TensorId) -> usize {
        self.axes.get(&tensor).copied().unwrap_or(0)
    }

    /// The number of an operator in the region.
    fn number_of(&self, id: OperatorId) -> Option<usize> {
        let at = self.numbers.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        Some(self.numbers[at].1)
    }

    /// The operator of the region that writes a tensor, and which of its outputs the tensor is.
    pub(super) fn producer(&self, tensor: TensorId) -> Option<(usize, usize)> {
        let id = self.graph.tensor(tensor).producer()?;
        let operator = self.number_of(id)?;
        let output = self.graph.operator(id).outputs().iter().position(|&output| output == tensor)?;
        Some((operator, output))
    }

    /// The rows that an input of a tile needs; none if all of it is read.
    pub(super) fn rows(
        &self,
        operator: usize,
        input: usize,
        rows: &std::ops::Range<u64>,
    ) -> Option<RowsRead> {
        let (axis, map) = self.axis(operator).inputs().get(input).copied().flatten()?;
        let tensor = self.graph.operator(self.region.operators[operator]).inputs()[input];
        let shape = self.graph.tensor(tensor).shape()?;
        Some(map.reads(rows.clone(), shape[axis]))
    }

    /// The producers whose tiles no later operator of the stripe reads, each with the operator that reads
    /// its tile last: in the order of these operators, at last those without one.
    pub(super) fn last_readers(&self, stripe: usize) -> Vec<(Option<usize>, usize)> {
        let count = self.region.operators.len();
        let mut last = vec![count; count];
        for (operator, tile) in self.region.stripes[stripe].iter().enumerate() {
            if !tile.computed.is_empty() {
                for &input in self.graph.operator(self.region.operators[operator]).inputs() {
                    if let Some((producer, _)) = self.producer(input) {
                        last[producer] = operator;
                    }
                }
            }
        }
        let mut leaving: Vec<(usize, usize)> = last.into_iter().zip(0..).collect();
        leaving.sort_unstable();
        leaving.into_iter().map(|(last, producer)| ((last < count).then_some(last), producer)).collect()
    }

    /// Tensors from before the region that die in it row by row, each with the ends of its parts: for
    /// each stripe, the first row that a later stripe reads. `has_run` tells which operators outside of the region
    /// have run.
    ///
    /// O(stripes x edges).
    pub(super) fn dying_entries(&self, has_run: impl Fn(OperatorId) -> bool) -> BTreeMap<TensorId, Vec<u64>> {
        let mut ends = BTreeMap::new();
        for (operator, &id) in self.region.operators.iter().enumerate() {
            for (at, &input) in self.graph.operator(id).inputs().iter().enumerate() {
                let tensor = self.graph.tensor(input);
                let is_activation = matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate);
                let by_rows = self.axis(operator).inputs().get(at).copied().flatten().is_some();
                if is_activation && by_rows && self.producer(input).is_none() && !tensor.is_needed_at_end() {
                    ends.entry(input).or_insert_with(Vec::new);
                }
            }
        }
        ends.retain(|&tensor, _| self.dies_by_rows(tensor, &has_run));
        self.find_ends(&mut ends);
        ends
    }

    /// True if nothing but operators of the region reads the tensor from now on, by rows along one axis.
    fn dies_by_rows(&self, tensor: TensorId, has_run: impl Fn(OperatorId) -> bool) -> bool {
        let axis = self.axis_of(tensor);
        let reads_by_rows = |operator: usize, id: OperatorId| {
            let node = self.graph.operator(id);
            let inputs = node.inputs().iter().enumerate().filter(|(_, input)| **input == tensor);
            let maps = self.axis(operator).inputs();
            let mut maps = inputs.map(|(at, _)| maps.get(at).copied().flatten());
            maps.all(|map| map.is_some_and(|(own, _)| own == axis))
        };
        self.graph.tensor(tensor).readers().iter().all(|&reader| match self.number_of(reader) {
            None => has_run(reader),
            Some(operator) => reads_by_rows(operator, reader),
        })
    }

    fn find_ends(&self, ends: &mut BTreeMap<TensorId, Vec<u64>>) {
        let rows = |tensor: TensorId| {
            self.graph.tensor(tensor).shape().map_or(0, |shape| shape[self.axis_of(tensor)])
        };
        // By entry: the first row that the stripes so far read, from the last stripe on.
        let mut first: BTreeMap<TensorId, u64> = ends.keys().map(|&tensor| (tensor, rows(tensor))).collect();
        for stripe in (0..self.region.stripes.len()).rev() {
            for (tensor, ends) in &mut *ends {
                ends.push(first[tensor]);
            }
            for (operator, tile) in self.region.stripes[stripe].iter().enumerate() {
                let inputs = self.graph.operator(self.region.operators[operator]).inputs();
                for (at, input) in inputs.iter().enumerate() {
                    let Some(first) = first.get_mut(input) else { continue };
                    let read = self.rows(operator, at, &tile.computed);
                    if let Some(read) = read.filter(|read| !read.rows.is_empty()) {
                        *first = read.rows.start.min(*first);
                    }
                }
            }
        }
        for ends in ends.values_mut() {
            ends.retain(|&end| end > 0);
            ends.sort_unstable();
            ends.dedup();
        }
    }
}
