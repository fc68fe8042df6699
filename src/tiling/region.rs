//! A tiling as data.

use std::ops::Range;

use crate::support::ids::OperatorId;

/// Regions of a graph that run stripe by stripe. The regions have no operator in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tiling {
    /// The order in which the operators of the untiled graph run. The operators of a region are
    /// consecutive.
    pub order: Vec<OperatorId>,
    /// The regions, in the order in which they run.
    pub regions: Vec<Region>,
}

/// Consecutive operators that run stripe by stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The operators, in the order in which each stripe runs them.
    pub operators: Vec<OperatorId>,
    /// For each operator, the index of the axis that is split, in
    /// [`AccessMap::axes`](crate::AccessMap::axes).
    pub axes: Vec<usize>,
    /// For each stripe and each operator, the tile of its outputs.
    pub stripes: Vec<Vec<Tile>>,
}

/// The rows of an operator's outputs in one stripe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tile {
    /// The rows that the operator computes. Empty if it does not run in this stripe.
    pub computed: Range<u64>,
    /// Number of rows directly before `computed` that the previous stripe has left.
    pub carried: u64,
}

impl Tile {
    /// The rows that readers in the same stripe find: the carried ones and the computed ones.
    #[must_use]
    pub fn rows(&self) -> Range<u64> {
        self.computed.start - self.carried..self.computed.end
    }
}

/// The cost of a tiling beyond the untiled graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct TilingCost {
    /// Cost of all operators of the untiled graph, in the unit of
    /// [`AccessMap::cost_per_element`](crate::AccessMap::cost_per_element).
    pub untiled: u64,
    /// Cost of rows that are computed again.
    pub extra: u64,
    /// Bytes of carried rows that are copied.
    pub copied_bytes: u64,
    /// Bytes of constants that stripes after the first read again.
    pub constant_bytes: u64,
}
