//! The regions of a tiled plan: saving and cost of each.

use super::profile::{LivePoint, live_bytes};
use super::rectangles::or_number;
use crate::tiling::{OperatorOrigin, Region, TilingCost};
use crate::{Graph, OperatorId, PlanView, TilingView};

/// Saving and cost of a region.
pub(super) struct RegionFigures {
    /// Names of the first and the last operator.
    pub first: String,
    pub last: String,
    pub operators: usize,
    /// The axis of the first operator's first output.
    pub axis: usize,
    pub stripes: usize,
    /// `untiled` is the cost of the region's operators as a whole.
    pub cost: TilingCost,
    /// The most live bytes while the region's operators run in the untiled plan; none without one.
    pub untiled_bytes: Option<u64>,
    /// The most live bytes while the region runs.
    pub tiled_bytes: u64,
}

/// The figures of each region, by number. O(n log n) for n placements of both plans.
pub(super) fn region_figures(tiling: &TilingView<'_>) -> Vec<RegionFigures> {
    let plan = tiling.plan;
    let costs = plan.tiled.region_costs(tiling.untiled);
    let mut region_of = vec![None; tiling.untiled.operators().len()];
    for (number, region) in plan.tiling.regions.iter().enumerate() {
        region.operators.iter().for_each(|id| region_of[id.index()] = Some(number));
    }
    let count = plan.tiling.regions.len();
    let points = live_bytes(&PlanView::of_plan(&plan.tiled.graph, &plan.plan));
    let tiled = plan.plan.order.iter().map(|&id| region_of_tiled(tiling, &region_of, id));
    let tiled = most_live(&points, tiled, count);
    let untiled = tiling.untiled_plan.map(|untiled| {
        let points = live_bytes(&PlanView::of_plan(tiling.untiled, untiled));
        most_live(&points, untiled.order.iter().map(|id| region_of[id.index()]), count)
    });
    let figures = plan.tiling.regions.iter().enumerate().map(|(number, region)| RegionFigures {
        first: name(tiling.untiled, region.operators.first()),
        last: name(tiling.untiled, region.operators.last()),
        operators: region.operators.len(),
        axis: axis(tiling.untiled, region),
        stripes: region.stripes.len(),
        cost: costs.get(number).copied().unwrap_or_default(),
        untiled_bytes: untiled.as_ref().map(|most| most[number]),
        tiled_bytes: tiled[number],
    });
    figures.collect()
}

/// The region of an operator of the tiled graph; `region_of` lists the regions of the untiled operators.
pub(super) fn region_of_tiled(
    tiling: &TilingView<'_>,
    region_of: &[Option<usize>],
    id: OperatorId,
) -> Option<usize> {
    match tiling.plan.tiled.operators.get(id.index())? {
        OperatorOrigin::Tile { region, .. } => Some(*region),
        OperatorOrigin::Carry { tensor, .. } => {
            let producer = tiling.untiled.tensors().get(tensor.index())?.producer()?;
            region_of[producer.index()]
        }
        OperatorOrigin::Whole(_) | OperatorOrigin::Split { .. } | OperatorOrigin::Join { .. } => None,
    }
}

/// For each of `count` regions the most live bytes at its steps; `regions` are the regions of the steps.
fn most_live(points: &[LivePoint], regions: impl Iterator<Item = Option<usize>>, count: usize) -> Vec<u64> {
    let mut most = vec![0; count];
    for (step, region) in (0..).zip(regions) {
        let Some(region) = region else { continue };
        let at = points.partition_point(|point| point.step <= step);
        let live = at.checked_sub(1).map_or(0, |at| points[at].live);
        most[region] = live.max(most[region]);
    }
    most
}

fn name(graph: &Graph, id: Option<&OperatorId>) -> String {
    id.map_or_else(String::new, |id| or_number(graph.operator(*id).name(), id.index()))
}

fn axis(graph: &Graph, region: &Region) -> usize {
    let first = region.operators.first().zip(region.axes.first());
    let access = first.and_then(|(id, axis)| graph.operator(*id).access()?.axes().get(*axis));
    access.and_then(|axis| axis.outputs().first().copied()).unwrap_or(0)
}
