//! Access maps of the operators of files: which rows of its inputs an operator reads for rows of its outputs.
//!
//! The rules here know shapes and numbers, no formats. Each importer has a table that leads from operator types and
//! attributes to a rule. A map may list more rows than an operator reads, never fewer.
#![allow(dead_code)] // builds with one importer use a part

mod layout;
mod products;
mod resize;
mod window;

use std::collections::HashSet;
use std::sync::Arc;

pub(super) use layout::{
    blocks_to_depth, concatenation, depth_to_blocks, flattened, joined, kept, packed, padded, permuted,
    reshaped, selected, sliced, split,
};
pub(super) use products::{ConvolutionAccess, MatrixProduct, convolution, matrix_product, pooling};
pub(super) use resize::{Coordinates, Interpolation, Resampling, Rounding, Scale, resampled};
pub(super) use window::{AccessWindow, same_padding};

use crate::graph::{AccessMap, GraphBuilder, Outside, RowMap, TileAxis};
use crate::support::arithmetic::gcd;
use crate::support::ids::OperatorId;

/// Limit of axes of an operator with an access map.
const MAX_RANK: usize = 8;

/// Limit of inputs and outputs of an operator with an access map, so that maps take little memory.
const MAX_TENSORS: usize = 256;

/// The rows of one input: its position, its axis, and the map.
pub(super) type InputRows = (usize, usize, RowMap);

/// The shapes of the tensors of an operator, by position in the file; none for absent tensors and unknown shapes.
pub(super) struct OperatorShapes<'s> {
    pub(super) inputs: Vec<Option<&'s [u64]>>,
    pub(super) outputs: Vec<Option<&'s [u64]>>,
    /// True if the last axis holds the channels of an image, false if the second one does.
    pub(super) channels_last: bool,
}

impl<'s> OperatorShapes<'s> {
    /// The shape of an input.
    pub(super) fn input(&self, position: usize) -> Option<&'s [u64]> {
        self.inputs.get(position).copied().flatten()
    }

    /// The shape of the first output.
    pub(super) fn output(&self) -> Option<&'s [u64]> {
        self.outputs.first().copied().flatten()
    }

    /// The axes of a tensor in the order of preference: spatial axes, batch, channels. Of less than four axes, the
    /// last one counts as the channels.
    pub(super) fn order(&self, rank: usize) -> Vec<usize> {
        let channels = if self.channels_last || rank < 4 { rank.saturating_sub(1) } else { 1 };
        let spatial = (1..rank).filter(|&axis| axis != channels);
        let batch = (channels != 0 && rank > 0).then_some(0);
        spatial.chain(batch).chain((rank > 0).then_some(channels)).collect()
    }

    /// Axis `at` of all outputs. Inputs without rows are read as a whole.
    pub(super) fn axis(&self, at: usize, rows: impl IntoIterator<Item = InputRows>) -> TileAxis {
        let mut inputs = vec![None; self.inputs.len()];
        for (input, axis, map) in rows {
            if let Some(place) = inputs.get_mut(input) {
                *place = Some((axis, map));
            }
        }
        TileAxis::new(vec![at; self.outputs.len()], inputs)
    }

    /// The rows that elementwise operators read of `inputs`, which broadcast to the first output. An input of
    /// extent 1 along the axis is read as a whole.
    pub(super) fn broadcast(&self, at: usize, inputs: impl IntoIterator<Item = usize>) -> Vec<InputRows> {
        let Some(output) = self.output() else { return Vec::new() };
        let rows = |input: usize| {
            let shape = self.input(input)?;
            let axis = at.checked_sub(output.len().checked_sub(shape.len())?)?;
            (shape[axis] == output[at]).then_some((input, axis, RowMap::SAME))
        };
        inputs.into_iter().filter_map(rows).collect()
    }

    /// Elementwise operators, whose `inputs` broadcast to the outputs.
    pub(super) fn elementwise(&self, inputs: impl IntoIterator<Item = usize>) -> Vec<TileAxis> {
        self.broadcast_along(|_| true, inputs)
    }

    /// Operators that are elementwise along some axes, such as normalizations.
    pub(super) fn broadcast_along(
        &self,
        is_split: impl Fn(usize) -> bool,
        inputs: impl IntoIterator<Item = usize>,
    ) -> Vec<TileAxis> {
        let inputs: Vec<usize> = inputs.into_iter().collect();
        let rank = self.output().map_or(0, <[u64]>::len);
        let axes = self.order(rank).into_iter().filter(|&axis| is_split(axis));
        axes.map(|axis| self.axis(axis, self.broadcast(axis, inputs.iter().copied()))).collect()
    }
}

/// A row map; none if a number is beyond the limits.
fn row_map(
    [numerator, denominator]: [i128; 2],
    [first, last]: [i128; 2],
    outside: Outside,
) -> Option<RowMap> {
    let common = gcd(u64::try_from(numerator).ok()?, u64::try_from(denominator).ok()?);
    let divisor = i128::from(common.max(1));
    let term = |term: i128| i64::try_from(term.div_euclid(divisor)).ok();
    let factor = |factor: i128| u32::try_from(factor / divisor).ok();
    Some(RowMap::new(factor(numerator)?, factor(denominator)?, term(first)?, term(last)?, outside))
}

/// Adds access maps to the operators of a graph. Equal maps are stored once.
#[derive(Default)]
pub(super) struct AccessMaps {
    known: HashSet<Arc<AccessMap>>,
}

/// Returns whether a rule may look at an operator: its tensors are few enough.
pub(super) fn is_small(inputs: usize, outputs: usize) -> bool {
    outputs > 0 && inputs + outputs <= MAX_TENSORS
}

impl AccessMaps {
    /// States the access map of an operator that the builder has.
    ///
    /// `axes` are by position in the file, `present` tells for the inputs and outputs of the file whether the operator
    /// has them. Axes that are not worth a map are dropped: those of one row, those that do not exist, and those beyond
    /// the limits of [`RowMap`].
    pub(super) fn state(
        &mut self,
        builder: &mut GraphBuilder,
        id: OperatorId,
        (cost, axes): (u64, Vec<TileAxis>),
        [inputs, outputs]: [&[bool]; 2],
    ) {
        let axes = axes.iter().map(|axis| present(axis, inputs, outputs));
        let axes: Vec<TileAxis> = axes.filter(|axis| builder.can_split(id, axis)).collect();
        if axes.is_empty() && cost <= 1 {
            return;
        }
        let map = AccessMap::new(cost, axes);
        let shared = self.known.get(&map).cloned().unwrap_or_else(|| {
            let shared = Arc::new(map);
            self.known.insert(Arc::clone(&shared));
            shared
        });
        if let Some(operator) = builder.operator_mut(id) {
            operator.access(shared);
        }
    }
}

/// An axis without the tensors that are absent.
fn present(axis: &TileAxis, inputs: &[bool], outputs: &[bool]) -> TileAxis {
    let outputs = axis.outputs().iter().zip(outputs).filter(|(_, is_present)| **is_present);
    let inputs = axis.inputs().iter().zip(inputs).filter(|(_, is_present)| **is_present);
    let mut inputs: Vec<_> = inputs.map(|(rows, _)| *rows).collect();
    while inputs.last().is_some_and(Option::is_none) {
        inputs.pop();
    }
    TileAxis::new(outputs.map(|(axis, _)| *axis), inputs)
}

/// True if no rank exceeds the limit.
pub(super) fn has_small_ranks(shapes: &OperatorShapes<'_>) -> bool {
    shapes.inputs.iter().chain(&shapes.outputs).flatten().all(|shape| shape.len() <= MAX_RANK)
}
