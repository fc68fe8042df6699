//! Rule W9: regions, stripes and cost of a tiled plan are those of its tiled graph.
//!
//! - Every tile of the tiled graph computes the rows that its region states for its operator and stripe, along the
//!   axis that the region states; every tile with rows in a region is in the tiled graph, once.
//! - The extra cost is that of all rows of the tiles of an operator beyond the rows that it has, summed over the
//!   operators of a region. Copied bytes are those of carried rows. An operator reads its constants again in each
//!   tile after its first.
//!
//! The rules W1 to W8 hold already, so that all ids and axes of the tiled graph exist.

use std::collections::BTreeMap;

use super::Rule;
use super::violation::ViolationCollector;
use crate::graph::{Graph, Operator, TensorKind};
use crate::support::ids::{OperatorId, TensorId};
use crate::tiling::{OperatorOrigin, TiledGraph, Tiling, TilingCost};

pub(super) fn check(
    graph: &Graph,
    (tiling, tiled): (&Tiling, &TiledGraph),
    stated: TilingCost,
    violations: &mut ViolationCollector,
) {
    check_tiles(graph, (tiling, tiled), violations);
    let counted = cost(graph, tiled);
    if counted != stated {
        violations.add(
            Rule::TileRegion,
            format!("the plan states {}, but its tiled graph has {}", text(&stated), text(&counted)),
        );
    }
}

fn text(cost: &TilingCost) -> String {
    format!(
        "{} extra operations beyond {}, {} copied bytes and {} bytes of constants read again",
        cost.extra, cost.untiled, cost.copied_bytes, cost.constant_bytes
    )
}

fn check_tiles(graph: &Graph, (tiling, tiled): (&Tiling, &TiledGraph), violations: &mut ViolationCollector) {
    // By region, stripe and operator: axis and rows.
    let mut stated = BTreeMap::new();
    for (number, region) in tiling.regions.iter().enumerate() {
        for (stripe, tiles) in region.stripes.iter().enumerate() {
            for ((operator, axis), tile) in region.operators.iter().zip(&region.axes).zip(tiles) {
                if !tile.computed.is_empty() {
                    stated.insert((number, stripe, *operator), (*axis, tile.computed.clone()));
                }
            }
        }
    }
    for (at, origin) in tiled.operators.iter().enumerate() {
        let OperatorOrigin::Tile { operator, region, stripe, axis, rows, .. } = origin else { continue };
        if stated.remove(&(*region, *stripe, *operator)) != Some((*axis, rows.clone())) {
            let name = tiled.graph.operator(OperatorId::new(at)).name();
            violations.add(
                Rule::TileRegion,
                format!(
                    "operator `{name}` of the tiled graph computes rows {}..{} along axis {axis}, which stripe \
                     {stripe} of region {region} does not state for it",
                    rows.start, rows.end
                ),
            );
        }
    }
    if let Some(((region, stripe, operator), (_, rows))) = stated.pop_first() {
        let name = graph.operators().get(operator.index()).map_or("", Operator::name);
        violations.add(
            Rule::TileRegion,
            format!(
                "stripe {stripe} of region {region} states rows {}..{} of operator `{name}`, which no operator of \
                 the tiled graph computes",
                rows.start, rows.end
            ),
        );
    }
}

/// Sums over the tiles of one operator.
struct OperatorTiles {
    region: usize,
    count: u64,
    rows: u128,
    axis: usize,
}

/// The cost of a tiled graph that satisfies the rules W1 to W8.
fn cost(graph: &Graph, tiled: &TiledGraph) -> TilingCost {
    let mut operators: BTreeMap<OperatorId, OperatorTiles> = BTreeMap::new();
    let mut copied = 0u128;
    for origin in &tiled.operators {
        match origin {
            OperatorOrigin::Tile { operator, region, axis, rows, .. } => {
                let entry = operators.entry(*operator);
                let entry =
                    entry.or_insert(OperatorTiles { region: *region, count: 0, rows: 0, axis: *axis });
                entry.count += 1;
                entry.rows += u128::from(rows.end - rows.start);
            }
            OperatorOrigin::Carry { tensor, axis, rows } => {
                let whole = graph.tensor(*tensor);
                let count = whole.shape().map_or(1, |shape| shape[*axis].max(1));
                copied += u128::from(whole.bytes() / count) * u128::from(rows.end - rows.start);
            }
            OperatorOrigin::Whole(_) | OperatorOrigin::Split { .. } | OperatorOrigin::Join { .. } => {}
        }
    }
    // By region: cost of its tiles, and of its operators as a whole.
    let mut regions: BTreeMap<usize, (u128, u128)> = BTreeMap::new();
    let mut constants = 0u128;
    for (&id, tiles) in &operators {
        let node = graph.operator(id);
        let region = regions.entry(tiles.region).or_default();
        let mut row = 0u128;
        for (at, &output) in node.outputs().iter().enumerate() {
            let axis = node.access().map_or(0, |access| access.axes()[tiles.axis].outputs()[at]);
            let rows = graph.tensor(output).shape().map_or(1, |shape| shape[axis].max(1));
            row = row.saturating_add(output_cost(graph, node, output) / u128::from(rows));
        }
        region.0 = region.0.saturating_add(row.saturating_mul(tiles.rows));
        region.1 = region.1.saturating_add(operator_cost(graph, node));
        let constant = |id: &&TensorId| graph.tensor(**id).kind() == TensorKind::Constant;
        let bytes = node.inputs().iter().filter(constant).map(|&id| u128::from(graph.tensor(id).bytes()));
        constants += bytes.sum::<u128>() * u128::from(tiles.count - 1);
    }
    let run = graph.operators().iter().filter(|node| !node.is_folded());
    let sum = |sums: &mut dyn Iterator<Item = u128>| {
        u64::try_from(sums.fold(0, u128::saturating_add)).unwrap_or(u64::MAX)
    };
    TilingCost {
        untiled: sum(&mut run.map(|node| operator_cost(graph, node))),
        // Rows that no tile needs make up for rows computed twice in the same region.
        extra: sum(&mut regions.values().map(|(tiled, whole)| tiled.saturating_sub(*whole))),
        copied_bytes: sum(&mut [copied].into_iter()),
        constant_bytes: sum(&mut [constants].into_iter()),
    }
}

/// Cost of an operator that runs as a whole.
fn operator_cost(graph: &Graph, node: &Operator) -> u128 {
    node.outputs().iter().map(|&output| output_cost(graph, node, output)).fold(0, u128::saturating_add)
}

/// Cost of all elements of an output.
fn output_cost(graph: &Graph, node: &Operator, output: TensorId) -> u128 {
    let per_element = node.access().map_or(0, |access| u128::from(access.cost_per_element()));
    let shape = graph.tensor(output).shape().unwrap_or(&[0]);
    shape.iter().fold(per_element, |product, &dim| product.saturating_mul(u128::from(dim)))
}
