//! The regions of a tiled plan: saving and cost of each, their steps, and the colours of their stripes.

use super::profile::{LivePoint, live_bytes, live_in_first_memory};
use super::rectangles::or_number;
use crate::tiling::{OperatorOrigin, Region, TilingCost};
use crate::{Graph, LiveRange, OperatorId, PlanView, TilingView};

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

/// The figures of each region, by number. With several memories, live bytes are those of the first one.
/// O(n log n) for n placements of both plans.
pub(super) fn region_figures(view: &PlanView<'_>, tiling: &TilingView<'_>) -> Vec<RegionFigures> {
    let costs = tiling.tiled.region_costs(tiling.untiled);
    let mut region_of = vec![None; tiling.untiled.operators().len()];
    for (number, region) in tiling.tiling.regions.iter().enumerate() {
        region.operators.iter().for_each(|id| region_of[id.index()] = Some(number));
    }
    let count = tiling.tiling.regions.len();
    let tiled = tiling.order.iter().map(|&id| region_of_tiled(tiling, &region_of, id));
    let tiled = most_live(&live_in_first_memory(view), tiled, count);
    let arena = tiling.untiled_plan.map(|plan| PlanView::of_plan(tiling.untiled, plan));
    let pools = || tiling.untiled_pools.map(|plan| PlanView::of_pools(tiling.untiled, plan));
    let untiled = arena.or_else(pools).map(|view| {
        let regions = view.order().iter().map(|id| region_of[id.index()]);
        most_live(&live_in_first_memory(&view), regions, count)
    });
    let figures = tiling.tiling.regions.iter().enumerate().map(|(number, region)| RegionFigures {
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
fn region_of_tiled(tiling: &TilingView<'_>, region_of: &[Option<usize>], id: OperatorId) -> Option<usize> {
    match tiling.tiled.operators.get(id.index())? {
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
        most[region] = live_at(points, step).max(most[region]);
    }
    most
}

/// Live bytes at a step.
fn live_at(points: &[LivePoint], step: u32) -> u64 {
    let at = points.partition_point(|point| point.step <= step);
    at.checked_sub(1).map_or(0, |at| points[at].live)
}

fn name(graph: &Graph, id: Option<&OperatorId>) -> String {
    id.map_or_else(String::new, |id| or_number(graph.operator(*id).name(), id.index()))
}

fn axis(graph: &Graph, region: &Region) -> usize {
    let first = region.operators.first().zip(region.axes.first());
    let access = first.and_then(|(id, axis)| graph.operator(*id).access()?.axes().get(*axis));
    access.and_then(|axis| axis.outputs().first().copied()).unwrap_or(0)
}

/// Number of colours for stripes, which follow each other in turn.
pub(super) const STRIPE_COLOURS: usize = 4;

/// The part of an operator of a tiled graph, and of the tensors that it writes, in the tiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TilingRole {
    /// Runs as a whole, or completes a tensor.
    Whole,
    /// Names rows of a tensor from before a region.
    Entry,
    /// Keeps rows for the next stripe.
    Carried,
    /// A tile of the stripe of this number.
    Stripe(usize),
}

impl TilingRole {
    /// All roles, with their names; stripes in turn.
    pub(super) const NAMES: [&'static str; STRIPE_COLOURS + 3] = [
        "stripes 1, 5, \u{2026}",
        "stripes 2, 6, \u{2026}",
        "stripes 3, 7, \u{2026}",
        "stripes 4, 8, \u{2026}",
        "carried rows",
        "rows of entries",
        "whole tensors",
    ];

    /// The role of an operator of the tiled graph; that of tensors without an operator is [`Self::Whole`].
    pub(super) fn of(tiling: &TilingView<'_>, operator: Option<OperatorId>) -> Self {
        match operator.and_then(|id| tiling.tiled.operators.get(id.index())) {
            Some(OperatorOrigin::Tile { stripe, .. }) => Self::Stripe(*stripe),
            Some(OperatorOrigin::Carry { .. }) => Self::Carried,
            Some(OperatorOrigin::Split { .. }) => Self::Entry,
            Some(OperatorOrigin::Whole(_) | OperatorOrigin::Join { .. }) | None => Self::Whole,
        }
    }

    /// Position in [`Self::NAMES`].
    pub(super) fn number(self) -> usize {
        match self {
            Self::Stripe(stripe) => stripe % STRIPE_COLOURS,
            Self::Carried => STRIPE_COLOURS,
            Self::Entry => STRIPE_COLOURS + 1,
            Self::Whole => STRIPE_COLOURS + 2,
        }
    }
}

/// The steps of a region in the plan of the tiled graph.
pub(super) struct RegionSteps {
    pub number: usize,
    pub steps: LiveRange,
    /// First step of each stripe that runs.
    pub stripes: Vec<u32>,
}

/// The steps of each region that runs, by their start.
pub(super) fn region_steps(tiling: &TilingView<'_>) -> Vec<RegionSteps> {
    let mut regions: Vec<RegionSteps> = Vec::new();
    let mut last = None;
    for (step, id) in (0..).zip(tiling.order) {
        let Some(OperatorOrigin::Tile { region, stripe, .. }) = tiling.tiled.operators.get(id.index()) else {
            continue;
        };
        let at = regions.iter().position(|other| other.number == *region).unwrap_or_else(|| {
            let steps = LiveRange { start: step, end: step };
            regions.push(RegionSteps { number: *region, steps, stripes: Vec::new() });
            regions.len() - 1
        });
        regions[at].steps.end = step + 1;
        if last.replace((*region, *stripe)) != Some((*region, *stripe)) {
            regions[at].stripes.push(step);
        }
    }
    regions
}

/// For each step of the tiled plan, the live bytes of the untiled plan while it runs the same operator; none without
/// an untiled plan.
pub(super) fn untiled_live(tiling: &TilingView<'_>) -> Option<Vec<u64>> {
    let untiled = tiling.untiled_plan?;
    let points = live_bytes(&PlanView::of_plan(tiling.untiled, untiled));
    let mut step_of = vec![None; tiling.untiled.operators().len()];
    for (step, id) in (0..).zip(&untiled.order) {
        step_of[id.index()] = Some(step);
    }
    let mut live = 0;
    let of_step = |id: &OperatorId| {
        let operator = match tiling.tiled.operators.get(id.index()) {
            Some(OperatorOrigin::Whole(operator) | OperatorOrigin::Tile { operator, .. }) => Some(operator),
            _ => None,
        };
        if let Some(step) = operator.and_then(|operator| step_of[operator.index()]) {
            live = live_at(&points, step);
        }
        live
    };
    Some(tiling.order.iter().map(of_step).collect())
}
