//! The goal of a tiling.

/// The goal of a tiling: the least memory within a cost, or the least cost within a capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TilingGoal {
    /// The arena must fit this many bytes at the least extra cost. None for the smallest arena.
    pub capacity: Option<u64>,
    /// Extra cost allowed, in parts per million of the cost of the untiled graph.
    pub max_extra_ppm: u64,
}

impl TilingGoal {
    /// The smallest arena, without extra cost.
    #[must_use]
    pub fn least_memory() -> Self {
        Self::default()
    }

    /// The least extra cost with an arena of at most `bytes`.
    #[must_use]
    pub fn fit(bytes: u64) -> Self {
        Self { capacity: Some(bytes), max_extra_ppm: u64::MAX, ..Self::default() }
    }

    /// Allows extra cost, in parts per million of the cost of the untiled graph.
    #[must_use]
    pub fn max_extra_ppm(mut self, parts: u64) -> Self {
        self.max_extra_ppm = parts;
        self
    }

    /// Extra cost allowed for a graph of this cost.
    pub(crate) fn max_extra(&self, cost: u64) -> u64 {
        parts_of(cost, self.max_extra_ppm)
    }
}

/// The parts per million of a cost.
pub(crate) fn parts_of(cost: u64, ppm: u64) -> u64 {
    u64::try_from(u128::from(cost) * u128::from(ppm) / 1_000_000).unwrap_or(u64::MAX)
}
