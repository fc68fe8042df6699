//! Tilings of least memory within a cost, and of least cost within a memory.
//!
//! **Family.** Regions are contiguous segments of one order, cut into equal stripes; all halos of a
//! region are carried, or all are recomputed.
//!
//! **What is decided.** A path over the positions of the order: each edge is an operator that runs as a
//! whole, or a segment with a cut. An edge exists if its live bytes are within a capacity. The
//! cheapest path is the tiling of least cost; the least capacity that has a path within the budget is
//! found by bisection (a minimax path). Both are optimal in the family, up to the ladder of
//! stripe counts and the cap on the length of a segment. The formulation is that of msf-CNN (arXiv
//! 2505.11483), for graphs instead of chains.
//!
//! **What is pruned.** Segments that contain no operator above the capacity: running their operators
//! as a whole costs nothing extra. Segments that start or end where more bytes are live than the
//! capacity: these bytes are live in the segment as well.
//!
//! **Cost.** Each segment is evaluated once: O(stripes x (operators + edges)) for each cut. Up to
//! [`MAX_LENGTH`] segments start at each position.

use std::ops::Range;

use super::cost::{Estimate, Estimator, Most};
use super::ordered_graph::{OrderedGraph, Position};
use super::region::{Region, Tiling, TilingCost};
use super::rows::{Cut, Tiles};
use super::segment::TilingSegment;
use crate::error::Result;
use crate::support::limits::Limits;

/// Largest number of operators in a region.
const MAX_LENGTH: usize = 160;

/// Largest number of tiles in a region.
const MAX_TILES: u64 = 6_000;

/// A tiling and what it needs according to the estimate.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) tiling: Tiling,
    pub(crate) bytes: u64,
    pub(crate) cost: TilingCost,
}

/// The search over one order.
pub(crate) struct TilingSearch<'a, 'g> {
    net: &'a OrderedGraph<'g>,
    /// Live bytes at each step if every operator runs as a whole, and between steps.
    steps: Vec<u64>,
    between: Vec<u64>,
    /// By first position and length: the cuts of a segment.
    segments: Vec<Vec<Option<Cuts>>>,
    estimator: Estimator,
    /// Extra cost that a path may have.
    max_extra: u64,
    limits: &'a Limits,
}

/// The cuts of a segment worth choosing, by descending bytes and ascending cost.
struct Cuts {
    /// Cuts with more bytes are missing.
    within: u64,
    list: Vec<Variant>,
}

#[derive(Clone, Debug)]
struct Variant {
    stripes: u64,
    carries: bool,
    estimate: Estimate,
}

/// A path over all positions. The bisection compares paths; only the best one becomes a tiling.
struct TilingPath {
    /// Positions and cuts of the segments, in order.
    segments: Vec<(Range<Position>, Variant)>,
    /// Live bytes at the largest step.
    bytes: u64,
    cost: TilingCost,
}

/// Cost of a path: extra operations first, then bytes moved.
type PathCost = (u64, u64);

#[derive(Clone, Copy)]
struct PathStep {
    cost: PathCost,
    from: Position,
    /// The variant of the segment; none if one operator runs as a whole.
    variant: Option<u32>,
}

impl<'a, 'g> TilingSearch<'a, 'g> {
    /// A search for tilings whose extra cost is at most `max_extra`.
    pub(crate) fn new(net: &'a OrderedGraph<'g>, max_extra: u64, limits: &'a Limits) -> Self {
        let (steps, between) = net.loads();
        let segments = steps.iter().map(|_| Vec::new()).collect();
        Self { net, steps, between, segments, estimator: Estimator::default(), max_extra, limits }
    }

    /// Live bytes at the largest step if every operator runs as a whole.
    pub(crate) fn untiled_bytes(&self) -> u64 {
        self.steps.iter().copied().max().unwrap_or(0)
    }

    /// The tiling of least memory whose extra cost is at most `max_extra`.
    ///
    /// Small capacities come first: few segments start and end where so few bytes are live.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub(crate) fn least_bytes(&mut self, max_extra: u64) -> Result<Option<Found>> {
        let mut high = self.untiled_bytes();
        let mut low = self.least_possible();
        let (mut best, mut step) = (None, low / 4 + 1);
        while low < high {
            let capacity = match best {
                None => low.saturating_add(step).min(high - 1),
                Some(_) => low + (high - low) / 2,
            };
            match self.cheapest_path(capacity)?.filter(|path| path.cost.extra <= max_extra) {
                Some(path) => {
                    high = path.bytes.min(capacity);
                    best = Some(path);
                }
                None => (low, step) = (capacity + 1, step + step / 2),
            }
        }
        Ok(best.map(|path| self.found(path)))
    }

    /// Bytes below which no tiling of the family gets: live bytes at steps that cannot be split.
    fn least_possible(&self) -> u64 {
        let whole =
            self.net.operators.iter().zip(&self.steps).filter(|(operator, _)| operator.axis.is_none());
        let ends = [self.between.first(), self.between.last()].into_iter().flatten();
        whole.map(|(_, &load)| load).chain(ends.copied()).max().unwrap_or(0)
    }

    /// The tiling of least extra cost within `capacity` bytes.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub(crate) fn least_cost(&mut self, capacity: u64) -> Result<Option<Found>> {
        let path = self.cheapest_path(capacity)?;
        Ok(path.map(|path| self.found(path)))
    }

    /// The cheapest path within `capacity` bytes; none if there is no path.
    fn cheapest_path(&mut self, capacity: u64) -> Result<Option<TilingPath>> {
        let count = self.steps.len();
        let mut best: Vec<Option<PathStep>> = vec![None; count + 1];
        if self.between[0] > capacity {
            return Ok(None);
        }
        best[0] = Some(PathStep { cost: (0, 0), from: 0, variant: None });
        for start in 0..count {
            let Some(PathStep { cost, .. }) = best[start] else { continue };
            self.limits.check_cancelled()?;
            let from = start as Position;
            if self.steps[start] <= capacity {
                offer(&mut best[start + 1], PathStep { cost, from, variant: None });
            }
            self.extend(from, cost, capacity, &mut best);
        }
        Ok(best[count].is_some().then(|| self.followed(&best)))
    }

    /// Offers all segments that start at a position.
    fn extend(&mut self, start: Position, cost: PathCost, capacity: u64, best: &mut [Option<PathStep>]) {
        let mut is_hot = false;
        let from = start as usize;
        for (end, slot) in best.iter_mut().enumerate().take(from + MAX_LENGTH + 1).skip(from + 1) {
            if self.net.operators[end - 1].axis.is_none() {
                break;
            }
            is_hot |= self.steps[end - 1] > capacity;
            if !is_hot || self.between[end] > capacity {
                continue;
            }
            let cuts = self.cuts(start..end as Position, capacity);
            let fits = cuts.iter().enumerate().filter(|(_, cut)| cut.estimate.bytes <= capacity);
            let cheapest = fits.min_by_key(|(_, cut)| (path_cost(&cut.estimate.cost), cut.stripes));
            if let Some((variant, cut)) = cheapest {
                let own = path_cost(&cut.estimate.cost);
                let cost = (cost.0.saturating_add(own.0), cost.1.saturating_add(own.1));
                offer(slot, PathStep { cost, from: start, variant: Some(variant as u32) });
            }
        }
    }

    /// The cuts of a segment within `capacity` bytes, and perhaps further ones.
    fn cuts(&mut self, span: Range<Position>, capacity: u64) -> &[Variant] {
        let (start, length) = (span.start as usize, span.len());
        let row = &mut self.segments[start];
        if row.len() < length {
            row.resize_with(length, || None);
        }
        let slot = &mut row[length - 1];
        if slot.as_ref().is_none_or(|cuts| cuts.within < capacity) {
            let before = self.between[start];
            // The next capacities may be a little larger.
            let within = capacity.saturating_add(capacity / 4);
            let most = Most { bytes: within, extra: self.max_extra };
            let segment = TilingSegment::new(self.net, span);
            let list = segment
                .map_or_else(Vec::new, |segment| variants(&segment, before, most, &mut self.estimator));
            *slot = Some(Cuts { within, list });
        }
        &slot.as_ref().expect("it was computed").list
    }

    /// Follows the path back.
    fn followed(&self, best: &[Option<PathStep>]) -> TilingPath {
        let mut segments = Vec::new();
        let (mut bytes, mut cost) =
            (0, TilingCost { untiled: self.net.total_cost(), ..TilingCost::default() });
        let mut end = best.len() - 1;
        while end > 0 {
            let step = best[end].expect("the path is complete");
            let start = step.from as usize;
            match step.variant {
                None => bytes = bytes.max(self.steps[start]),
                Some(variant) => {
                    let cuts = self.segments[start][end - start - 1].as_ref().expect("it was computed");
                    let chosen = &cuts.list[variant as usize];
                    bytes = bytes.max(chosen.estimate.bytes);
                    cost = cost.plus(&chosen.estimate.cost);
                    segments.push((step.from..end as Position, chosen.clone()));
                }
            }
            end = start;
        }
        segments.reverse();
        TilingPath { segments, bytes, cost }
    }

    /// The tiling of a path.
    fn found(&self, path: TilingPath) -> Found {
        let TilingPath { segments, bytes, cost } = path;
        let regions = segments.into_iter().map(|(span, variant)| self.region(span, &variant)).collect();
        Found { tiling: Tiling { order: self.net.order.clone(), regions }, bytes, cost }
    }

    fn region(&self, span: Range<Position>, variant: &Variant) -> Region {
        let segment = TilingSegment::new(self.net, span.clone()).expect("it has cuts");
        let mut tiles = Tiles::default();
        tiles.compute(&segment, &variant.cut(&segment));
        let range = span.start as usize..span.end as usize;
        let axis =
            |operator: &super::ordered_graph::OrderedOperator| operator.axis.expect("the segment is split");
        Region {
            operators: self.net.order[range.clone()].to_vec(),
            axes: self.net.operators[range].iter().map(axis).collect(),
            stripes: tiles.stripes().map(<[_]>::to_vec).collect(),
        }
    }
}

impl Variant {
    fn cut(&self, segment: &TilingSegment) -> Cut {
        cut(segment, self.stripes, self.carries)
    }
}

impl TilingCost {
    fn plus(mut self, other: &Self) -> Self {
        self.extra = self.extra.saturating_add(other.extra);
        self.copied_bytes = self.copied_bytes.saturating_add(other.copied_bytes);
        self.constant_bytes = self.constant_bytes.saturating_add(other.constant_bytes);
        self
    }
}

fn path_cost(cost: &TilingCost) -> PathCost {
    (cost.extra, cost.copied_bytes.saturating_add(cost.constant_bytes))
}

fn offer(best: &mut Option<PathStep>, step: PathStep) {
    if best.is_none_or(|best| step.cost < best.cost) {
        *best = Some(step);
    }
}

/// A cut into equal stripes. Rows that are not contiguous in memory cannot be carried.
fn cut(segment: &TilingSegment, stripes: u64, carries: bool) -> Cut {
    let carried = segment.operators.iter().map(|operator| carries && operator.is_contiguous);
    Cut::equal(segment, stripes, carried.collect())
}

/// Evaluates a ladder of stripe counts with both kinds of halo; keeps the cuts that no other cut
/// beats in bytes and cost.
fn variants(segment: &TilingSegment, before: u64, most: Most, estimator: &mut Estimator) -> Vec<Variant> {
    let mut all = Vec::new();
    let max_stripes = MAX_TILES / segment.operators.len() as u64;
    for (carries, rows) in [(true, segment.most_rows), (false, segment.exit_rows)] {
        for stripes in ladder(rows.min(max_stripes)) {
            let cut = cut(segment, stripes, carries);
            let Some(estimate) = estimator.estimate(segment, &cut, before, most) else { continue };
            all.push(Variant { stripes, carries, estimate });
        }
    }
    all.sort_by_key(|cut| (path_cost(&cut.estimate.cost), cut.estimate.bytes, cut.stripes));
    let mut least = u64::MAX;
    all.retain(|cut| {
        let is_wanted = cut.estimate.bytes < least;
        least = least.min(cut.estimate.bytes);
        is_wanted
    });
    all
}

/// Stripe counts: each at most half as many again as the one before, and one row in each stripe.
fn ladder(rows: u64) -> impl Iterator<Item = u64> {
    let next =
        move |&stripes: &u64| (stripes < rows).then(|| (stripes + stripes / 2).max(stripes + 1).min(rows));
    std::iter::successors((rows >= 2).then_some(2), next)
}
