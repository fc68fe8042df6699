//! Tilings of least memory within a cost, and of least cost within a memory.
//!
//! **Family.** Regions are contiguous segments of one order, cut into equal stripes; all halos of a
//! region are carried, or all are recomputed.
//!
//! **What is decided.** A path over the positions of the order: each edge is an operator that runs as a
//! whole, or a segment with a cut. An edge exists if its memory, by one of three measures
//! ([`Measure`]), is within a capacity. The cheapest path is the tiling of least cost; the least
//! capacity that has a path within the budget is found by bisection (a minimax path). Both are optimal
//! in the family, up to the ladder of stripe counts, the cap on the length of a segment and, in large
//! graphs, the positions where segments may start and end ([`Boundaries`]). The
//! formulation is that of msf-CNN (arXiv 2505.11483), for graphs instead of chains.
//!
//! **What is pruned.** Segments that contain no operator above the capacity: running their operators
//! as a whole costs nothing extra. Segments that start or end where more bytes are live than the
//! capacity: these bytes are live in the segment as well. Segments whose start is no cheaper to reach than their end.
//! Cuts of a segment that exceed the capacity or the rung above the budget ([`RUNGS`], [`SegmentCuts`]).
//!
//! **Nested budgets.** Rungs and work depend on the calls so far only, so that calls in the order of their budgets give
//! the same results whatever budgets follow.
//!
//! **Cost.** O(operators + edges) for each cut of each segment that is pruned early, O(stripes x (operators + edges))
//! for the others. Small capacities are tried first, as few segments start and
//! end where so few bytes are live. After [`MAX_WORK`] tiles, only short segments are evaluated.

use std::ops::Range;

use super::boundaries::Boundaries;
use super::cost::{Estimator, Most};
use super::goal::parts_of;
use super::measure::Measure;
use super::ordered_graph::{OrderedGraph, Position};
use super::region::{Region, Tiling, TilingCost};
use super::rows::{Cut, Tiles};
use super::segment::TilingSegment;
use super::segment_cuts::{CutQuery, Halo, Halos, MAX_TILES, PathCost, SegmentCuts, Variant, path_cost};
use crate::error::Result;
use crate::support::ids::OperatorId;
use crate::support::limits::Limits;

/// Largest number of operators in a region.
const MAX_LENGTH: usize = 160;

/// Number of tiles that a search evaluates at each rung before it evaluates segments of at most
/// [`SHORT_LENGTH`] operators only. Segments of medium length are left out earlier.
const MAX_WORK: u64 = 16_000_000;
const SHORT_LENGTH: usize = 16;

/// Extra cost up to which cuts are evaluated, in parts per million of the cost of the graph.
const RUNGS: [u64; 2] = [0, 300_000];

/// Number of times that the largest segment of a path is improved, and of cuts tried each time.
const MAX_IMPROVEMENTS: usize = 12;
const MAX_CUTS: usize = 16;

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
    boundaries: Boundaries,
    /// By first position and length: the cuts of a segment, by kind of halo.
    segments: Vec<Vec<[SegmentCuts; 2]>>,
    estimator: Estimator,
    /// True if the work limit has left out a segment.
    has_left_out: bool,
    /// Cuts of more extra cost are not evaluated: one of [`RUNGS`]. It rises with the budgets of the calls.
    rung: u64,
    improvements: Vec<Improvement>,
    limits: &'a Limits,
}

/// A path before and after it was improved, for which no cut was too costly.
struct Improvement {
    measure: Measure,
    before: TilingPath,
    after: TilingPath,
}

/// A path over all positions. The bisection compares paths; only the best ones become tilings.
#[derive(Clone)]
pub(crate) struct TilingPath {
    /// Positions and cuts of the segments, in order.
    segments: Vec<(Range<Position>, Variant)>,
    /// The memory at the largest step.
    pub(crate) bytes: u64,
    pub(crate) cost: TilingCost,
}

/// The order of paths.
#[derive(Clone, Copy, PartialEq)]
enum PathOrder {
    /// By extra cost: enough to know whether a path exists.
    ExtraCost,
    /// By cost; of paths of equal cost, those whose last segments are long.
    Cost,
}

impl PathOrder {
    /// True if a path may replace another one.
    fn admits(self, cost: PathCost, other: PathCost) -> bool {
        match self {
            Self::ExtraCost => cost.0 < other.0,
            Self::Cost => cost <= other,
        }
    }
}

#[derive(Clone, Copy)]
struct PathStep {
    cost: PathCost,
    from: Position,
    /// The kind of halo of the segment and its variant; none if one operator runs as a whole.
    variant: Option<(Halo, u32)>,
}

impl<'a, 'g> TilingSearch<'a, 'g> {
    pub(crate) fn new(net: &'a OrderedGraph<'g>, limits: &'a Limits) -> Self {
        let (steps, between) = net.loads();
        let segments = steps.iter().map(|_| Vec::new()).collect();
        let boundaries = Boundaries::new(net, &steps, &between);
        let estimator = Estimator::default();
        let (has_left_out, rung, improvements) = (false, 0, Vec::new());
        Self {
            net,
            steps,
            between,
            boundaries,
            segments,
            estimator,
            has_left_out,
            rung,
            improvements,
            limits,
        }
    }

    pub(crate) fn order(&self) -> &[OperatorId] {
        &self.net.order
    }

    /// True if the search has left out no segment so far.
    pub(crate) fn is_complete(&self) -> bool {
        !self.has_left_out
    }

    /// Live bytes at the largest step if every operator runs as a whole.
    pub(crate) fn untiled_bytes(&self) -> u64 {
        self.steps.iter().copied().max().unwrap_or(0)
    }

    /// The path of least memory, below `below` bytes, whose extra cost is at most `max_extra`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub(crate) fn least_bytes(
        &mut self,
        (measure, halos): (Measure, Halos),
        max_extra: u64,
        below: u64,
    ) -> Result<Option<TilingPath>> {
        let mut high = self.untiled_bytes().min(below);
        let mut low = self.least_possible();
        let (mut best, mut step) = (None, low / 4 + 1);
        while low < high {
            let capacity = match best {
                None => low.saturating_add(step).min(high - 1),
                Some(_) => low + (high - low) / 2,
            };
            if let Some(path) = self.path((measure, halos), capacity, max_extra, PathOrder::ExtraCost)? {
                high = path.bytes.min(capacity);
                best = Some(high);
            } else {
                (low, step) = (capacity + 1, step + step / 2);
            }
        }
        let Some(bytes) = best else { return Ok(None) };
        self.path((measure, halos), bytes, max_extra, PathOrder::Cost)
    }

    /// Bytes below which no tiling of the family gets: live bytes at steps that cannot be split.
    fn least_possible(&self) -> u64 {
        let whole =
            self.net.operators.iter().zip(&self.steps).filter(|(operator, _)| operator.axis.is_none());
        let ends = [self.between.first(), self.between.last()].into_iter().flatten();
        whole.map(|(_, &load)| load).chain(ends.copied()).max().unwrap_or(0)
    }

    /// The cheapest path within `capacity` bytes; none if there is none whose extra cost is at most
    /// `max_extra`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub(crate) fn cheapest_path(
        &mut self,
        family: (Measure, Halos),
        capacity: u64,
        max_extra: u64,
    ) -> Result<Option<TilingPath>> {
        self.path(family, capacity, max_extra, PathOrder::Cost)
    }

    /// A path within `capacity` bytes that is the least in an order; none if there is none whose extra cost is at most
    /// `max_extra`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    fn path(
        &mut self,
        family: (Measure, Halos),
        capacity: u64,
        max_extra: u64,
        order: PathOrder,
    ) -> Result<Option<TilingPath>> {
        self.climb(max_extra);
        let count = self.steps.len();
        let mut best: Vec<Option<PathStep>> = vec![None; count + 1];
        if self.between[0] > capacity {
            return Ok(None);
        }
        best[0] = Some(PathStep { cost: (0, 0), from: 0, variant: None });
        for end in 1..=count {
            self.limits.check_cancelled()?;
            if let Some(PathStep { cost, .. }) = best[end - 1].filter(|_| self.steps[end - 1] <= capacity) {
                best[end] = Some(PathStep { cost, from: end as Position - 1, variant: None });
            }
            if self.between[end] <= capacity && self.boundaries.ends(end, capacity) {
                self.close(end, family, (capacity, max_extra, order), &mut best);
            }
        }
        Ok(best[count].map(|_| self.followed(family.0, &best)))
    }

    /// Prepares for a budget: cuts up to the rung above it are evaluated, so that the results of a call do
    /// not depend on the budgets of later calls.
    fn climb(&mut self, max_extra: u64) {
        let total = self.net.total_cost();
        let rungs = RUNGS.iter().map(|&ppm| parts_of(total, ppm));
        let rung = rungs.into_iter().find(|&rung| rung >= max_extra).unwrap_or(u64::MAX);
        if rung > self.rung {
            self.rung = rung;
            self.estimator.work = 0;
        }
    }

    /// Offers the segments that end at a position, the shortest first. A segment is evaluated only if the path to its
    /// start is cheaper than the best path to its end.
    fn close(
        &mut self,
        end: usize,
        (measure, halos): (Measure, Halos),
        (capacity, max_extra, order): (u64, u64, PathOrder),
        best: &mut [Option<PathStep>],
    ) {
        let mut is_hot = false;
        for start in (end.saturating_sub(MAX_LENGTH)..end).rev() {
            if self.net.operators[start].axis.is_none() {
                break;
            }
            is_hot |= self.steps[start] > capacity;
            let Some(PathStep { cost, .. }) = best[start] else { continue };
            let is_open = best[end].is_none_or(|step| order.admits(cost, step.cost));
            if !is_hot || !is_open || !self.boundaries.starts(start, capacity) {
                continue;
            }
            let Some((variant, own)) = self.cheapest_cut(start..end, (measure, halos), capacity, order)
            else {
                continue;
            };
            let cost = (cost.0.saturating_add(own.0), cost.1.saturating_add(own.1));
            if cost.0 <= max_extra && best[end].is_none_or(|step| order.admits(cost, step.cost)) {
                let from = start as Position;
                best[end] = Some(PathStep { cost, from, variant: Some(variant) });
            }
        }
    }

    /// The cheapest cut of a segment within `capacity` bytes.
    fn cheapest_cut(
        &mut self,
        span: Range<usize>,
        (measure, halos): (Measure, Halos),
        capacity: u64,
        order: PathOrder,
    ) -> Option<((Halo, u32), PathCost)> {
        let mut best: Option<((Halo, u32), (PathCost, i64))> = None;
        for &halo in halos.kinds() {
            if best.is_some_and(|(_, (cost, _))| order == PathOrder::ExtraCost && cost.0 == 0) {
                break;
            }
            if let Some((number, variant)) =
                self.cuts(span.clone(), halo, measure, capacity).cheapest(measure, capacity)
            {
                let rank = (variant.cost(), variant.cut.total);
                if best.is_none_or(|(_, other)| rank < other) {
                    best = Some(((halo, number as u32), rank));
                }
            }
        }
        best.map(|(variant, (cost, _))| (variant, cost))
    }

    /// The cuts of a segment within `capacity` bytes, and perhaps further ones.
    fn cuts(&mut self, span: Range<usize>, halo: Halo, measure: Measure, capacity: u64) -> &SegmentCuts {
        let (start, length) = (span.start, span.len());
        let row = &mut self.segments[start];
        if row.len() < length {
            row.resize_with(length, Default::default);
        }
        let cuts = &mut row[length - 1][halo as usize];
        if cuts.is_complete(measure, capacity, self.rung) {
            return cuts;
        }
        // The next capacities may be a little larger.
        let most = Most { measure, bytes: capacity.saturating_add(capacity / 4), extra: self.rung };
        if length > longest(self.estimator.work) {
            self.has_left_out = true;
            cuts.close(measure, most.bytes, self.rung);
        } else if let Some(segment) = TilingSegment::new(self.net, start as Position..span.end as Position) {
            let query = CutQuery { segment: &segment, halo, before: self.between[start], most };
            cuts.evaluate(query, &mut self.estimator);
        } else {
            cuts.close(Measure::LiveBytes, u64::MAX, u64::MAX);
        }
        cuts
    }

    /// Follows the path back.
    fn followed(&self, measure: Measure, best: &[Option<PathStep>]) -> TilingPath {
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
                    let (halo, number) = variant;
                    let cuts = &self.segments[start][end - start - 1][halo as usize];
                    let chosen = cuts.variant(number as usize);
                    bytes = bytes.max(chosen.estimate.bytes(measure));
                    cost = cost.plus(&chosen.estimate.cost);
                    segments.push((step.from..end as Position, chosen.clone()));
                }
            }
            end = start;
        }
        segments.reverse();
        TilingPath { segments, bytes, cost }
    }

    /// Improves the segment that needs the most memory, as long as a cut with less memory is found: other
    /// numbers of stripes, or another kind of halo for one operator.
    pub(crate) fn improve(&mut self, path: &mut TilingPath, measure: Measure, max_extra: u64) {
        let is_known =
            |known: &&Improvement| known.measure == measure && known.before.segments == path.segments;
        if let Some(known) = self.improvements.iter().find(is_known) {
            *path = known.after.clone();
            return;
        }
        let before = path.clone();
        self.estimator.was_too_costly = false;
        self.improve_anew(path, measure, max_extra);
        if !self.estimator.was_too_costly {
            self.improvements.push(Improvement { measure, before, after: path.clone() });
        }
    }

    fn improve_anew(&mut self, path: &mut TilingPath, measure: Measure, max_extra: u64) {
        for _ in 0..MAX_IMPROVEMENTS {
            let of_segment = |(_, variant): &(Range<Position>, Variant)| variant.estimate.bytes(measure);
            let Some(at) = path.segments.iter().position(|segment| of_segment(segment) == path.bytes) else {
                return;
            };
            let (span, variant) = &path.segments[at];
            let before = self.between[span.start as usize];
            let others = path.cost.extra - variant.estimate.cost.extra;
            let segment = TilingSegment::new(self.net, span.clone()).expect("it has cuts");
            let most = Most { measure, bytes: path.bytes, extra: max_extra.saturating_sub(others) };
            let better = neighbours(&segment, &variant.cut).filter_map(|cut| {
                let estimate = self.estimator.estimate_quickly(&segment, &cut, before, most)?;
                Some(Variant { cut, estimate })
            });
            let least = better
                .min_by_key(|variant| (variant.estimate.bytes(measure), path_cost(&variant.estimate.cost)));
            let Some(least) = least.filter(|variant| variant.estimate.bytes(measure) < path.bytes) else {
                return;
            };
            path.segments[at].1 = least;
            self.sum(path, measure);
        }
    }

    /// Computes memory and cost of a path again.
    fn sum(&self, path: &mut TilingPath, measure: Measure) {
        let mut inside = vec![false; self.steps.len()];
        path.bytes = 0;
        path.cost = TilingCost { untiled: self.net.total_cost(), ..TilingCost::default() };
        for (span, variant) in &path.segments {
            inside[span.start as usize..span.end as usize].fill(true);
            path.bytes = path.bytes.max(variant.estimate.bytes(measure));
            path.cost = path.cost.plus(&variant.estimate.cost);
        }
        let whole = self.steps.iter().zip(&inside).filter(|(_, inside)| !**inside).map(|(&load, _)| load);
        path.bytes = path.bytes.max(whole.max().unwrap_or(0));
    }

    /// The tiling of a path.
    pub(crate) fn found(&self, path: TilingPath) -> Found {
        let TilingPath { segments, bytes, cost } = path;
        let regions = segments.into_iter().map(|(span, variant)| self.region(span, &variant)).collect();
        Found { tiling: Tiling { order: self.net.order.clone(), regions }, bytes, cost }
    }

    fn region(&self, span: Range<Position>, variant: &Variant) -> Region {
        let segment = TilingSegment::new(self.net, span.clone()).expect("it has cuts");
        let tiles = Tiles::new(&segment, &variant.cut);
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

/// The largest number of operators of a segment that is evaluated after so much work.
fn longest(work: u64) -> usize {
    match work {
        0..QUARTER => MAX_LENGTH,
        QUARTER..HALF => 4 * SHORT_LENGTH,
        HALF..MAX_WORK => 2 * SHORT_LENGTH,
        _ => SHORT_LENGTH,
    }
}

const QUARTER: u64 = MAX_WORK / 4;
const HALF: u64 = MAX_WORK / 2;

impl TilingCost {
    fn plus(mut self, other: &Self) -> Self {
        self.extra = self.extra.saturating_add(other.extra);
        self.copied_bytes = self.copied_bytes.saturating_add(other.copied_bytes);
        self.constant_bytes = self.constant_bytes.saturating_add(other.constant_bytes);
        self
    }
}

/// Cuts that differ from a cut in the number of stripes, or in the halo of one operator with many bytes
/// in a row.
fn neighbours(segment: &TilingSegment, cut: &Cut) -> impl Iterator<Item = Cut> {
    let stripes = cut.total.unsigned_abs();
    let rows = if cut.carried.contains(&true) { segment.most_rows } else { segment.exit_rows };
    let most = rows.min(MAX_TILES / segment.operators.len() as u64);
    let counts =
        [stripes * 2, stripes * 4 / 3, stripes * 8 / 7, stripes * 7 / 8, stripes * 3 / 4, stripes / 2];
    let counts = counts.into_iter().filter(move |&other| other != stripes && (2..=most).contains(&other));
    let mut wide: Vec<usize> = (0..segment.operators.len()).collect();
    wide.retain(|&at| segment.operators[at].is_contiguous && !segment.operators[at].is_exit);
    wide.sort_by_key(|&at| std::cmp::Reverse(segment.operators[at].row_bytes));
    wide.truncate(MAX_CUTS - counts.clone().count());
    let flipped = move |at: usize| {
        let mut carried = cut.carried.clone();
        carried[at] = !carried[at];
        Cut::equal(segment, stripes, carried)
    };
    let others = counts.map(move |other| Cut::equal(segment, other, cut.carried.clone()));
    others.chain(wide.into_iter().map(flipped))
}
