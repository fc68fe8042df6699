//! The cost of each region of a tiled graph, counted from its operators.

use super::region::TilingCost;
use super::tiled_graph::{OperatorOrigin, TiledGraph};
use crate::graph::{Graph, Operator, Tensor, TensorKind, TileAxis};
use crate::support::ids::TensorId;

/// Sums of one region.
#[derive(Clone, Copy, Default)]
struct RegionSums {
    /// Cost of all tiles.
    tiled: u128,
    /// Cost of the operators when each of them runs as a whole.
    whole: u128,
    copied_bytes: u128,
    constant_bytes: u128,
}

impl TiledGraph {
    /// The cost of the tiling beyond the untiled graph. O(operators + edges).
    #[must_use]
    pub fn cost(&self, graph: &Graph) -> TilingCost {
        let run = graph.operators().iter().filter(|operator| !operator.is_folded());
        let untiled = run.map(|operator| whole_cost(graph, operator)).fold(0, u128::saturating_add);
        let cost = TilingCost { untiled: clamped(untiled), ..TilingCost::default() };
        self.region_costs(graph).iter().fold(cost, |cost, region| TilingCost {
            untiled: cost.untiled,
            extra: cost.extra.saturating_add(region.extra),
            copied_bytes: cost.copied_bytes.saturating_add(region.copied_bytes),
            constant_bytes: cost.constant_bytes.saturating_add(region.constant_bytes),
        })
    }

    /// The cost of each region, by number; [`TilingCost::untiled`] is that of the region's operators when each of
    /// them runs as a whole. O(operators + edges).
    #[must_use]
    pub fn region_costs(&self, graph: &Graph) -> Vec<TilingCost> {
        let mut region_of = vec![None; graph.operators().len()];
        let mut regions: Vec<RegionSums> = Vec::new();
        for origin in &self.operators {
            match origin {
                OperatorOrigin::Tile { operator, region, axis, rows, .. } => {
                    let node = graph.operator(*operator);
                    let Some(axis) = node.access().and_then(|access| access.axes().get(*axis)) else {
                        continue;
                    };
                    if regions.len() <= *region {
                        regions.resize(region + 1, RegionSums::default());
                    }
                    let sums = &mut regions[*region];
                    if region_of[operator.index()].replace(*region).is_none() {
                        sums.whole = sums.whole.saturating_add(whole_cost(graph, node));
                    } else {
                        sums.constant_bytes += u128::from(constant_bytes(graph, node));
                    }
                    let rows = u128::from(rows.end.saturating_sub(rows.start));
                    sums.tiled = sums.tiled.saturating_add(row_cost(graph, node, axis).saturating_mul(rows));
                }
                OperatorOrigin::Carry { tensor, axis, rows } => {
                    let producer = graph.tensor(*tensor).producer();
                    let Some(region) = producer.and_then(|id| region_of[id.index()]) else { continue };
                    let row = graph.tensor(*tensor).bytes() / rows_of(graph, *tensor, *axis);
                    regions[region].copied_bytes +=
                        u128::from(row) * u128::from(rows.end.saturating_sub(rows.start));
                }
                OperatorOrigin::Whole(_) | OperatorOrigin::Split { .. } | OperatorOrigin::Join { .. } => {}
            }
        }
        regions.into_iter().map(RegionSums::cost).collect()
    }
}

impl RegionSums {
    fn cost(self) -> TilingCost {
        TilingCost {
            untiled: clamped(self.whole),
            // Rows that no tile needs make up for rows that are computed twice.
            extra: clamped(self.tiled.saturating_sub(self.whole)),
            copied_bytes: clamped(self.copied_bytes),
            constant_bytes: clamped(self.constant_bytes),
        }
    }
}

fn clamped(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

/// Cost of an operator that runs as a whole; 0 without an access map.
fn whole_cost(graph: &Graph, node: &Operator) -> u128 {
    let each = node.access().map_or(0, |access| u128::from(access.cost_per_element()));
    let costs = node.outputs().iter().map(|&output| elements(graph, output).saturating_mul(each));
    costs.fold(0, u128::saturating_add)
}

/// Cost of one row of all outputs.
fn row_cost(graph: &Graph, node: &Operator, axis: &TileAxis) -> u128 {
    let each = node.access().map_or(0, |access| u128::from(access.cost_per_element()));
    let outputs = node.outputs().iter().zip(axis.outputs());
    let costs = outputs.map(|(&output, &axis)| {
        elements(graph, output).saturating_mul(each) / u128::from(rows_of(graph, output, axis))
    });
    costs.fold(0, u128::saturating_add)
}

/// Number of rows along an axis, at least 1.
fn rows_of(graph: &Graph, tensor: TensorId, axis: usize) -> u64 {
    graph.tensor(tensor).shape().and_then(|shape| shape.get(axis)).map_or(1, |&rows| rows.max(1))
}

fn elements(graph: &Graph, tensor: TensorId) -> u128 {
    let shape = graph.tensor(tensor).shape();
    let product =
        |shape: &[u64]| shape.iter().fold(1, |product, &dim| u128::saturating_mul(product, dim.into()));
    shape.map_or(0, product)
}

/// Bytes of the constants that an operator reads.
fn constant_bytes(graph: &Graph, node: &Operator) -> u64 {
    let inputs = node.inputs().iter().map(|&id| graph.tensor(id));
    let constants = inputs.filter(|tensor| tensor.kind() == TensorKind::Constant);
    constants.map(Tensor::bytes).fold(0, u64::saturating_add)
}
