//! The graph of a tiling, as data.

use std::ops::Range;

use crate::graph::{Graph, RowsRead};
use crate::support::ids::{OperatorId, TensorId};

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
        /// Number of the region in [`Tiling::regions`](super::Tiling::regions).
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
