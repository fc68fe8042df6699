//! The cuts of a segment that are worth choosing.
//!
//! **What is pruned.** Cuts that exceed a limit in bytes, in the measure that asks; cuts of which one of two stripes
//! does ([`Estimator::sample`]); in a segment of more than [`LONG_LENGTH`] operators, cuts into fewer stripes than such
//! a one, as they have larger tiles. Cuts of more extra cost than the rung of the search. Cuts that another one with
//! the same kind of halo beats in bytes and cost.

use super::cost::{Estimate, Estimator, Most, Sample};
use super::measure::Measure;
use super::region::TilingCost;
use super::rows::Cut;
use super::segment::TilingSegment;

/// Largest number of tiles in a region.
pub(super) const MAX_TILES: u64 = 6_000;

/// Number of operators of a segment from which on few stripe counts are evaluated.
const LONG_LENGTH: u64 = 12;

/// The part of its bytes by which a cut into fewer stripes may need less, as numbers of rows are rounded.
const ROUNDING: u64 = 8;

/// Cost of a path: extra operations first, then bytes moved.
pub(super) type PathCost = (u64, u64);

pub(super) fn path_cost(cost: &TilingCost) -> PathCost {
    (cost.extra, cost.copied_bytes.saturating_add(cost.constant_bytes))
}

/// The kind of all halos of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halo {
    Carried,
    Recomputed,
}

/// The kinds of halo that regions of a path may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halos {
    All,
    Recomputed,
}

impl Halos {
    pub(super) fn kinds(self) -> &'static [Halo] {
        match self {
            Self::All => &[Halo::Carried, Halo::Recomputed],
            Self::Recomputed => &[Halo::Recomputed],
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variant {
    pub(super) cut: Cut,
    pub(super) estimate: Estimate,
}

impl Variant {
    pub(super) fn cost(&self) -> PathCost {
        path_cost(&self.estimate.cost)
    }
}

/// A segment whose cuts are asked for, with limits.
#[derive(Clone, Copy)]
pub(super) struct CutQuery<'s> {
    pub(super) segment: &'s TilingSegment,
    pub(super) halo: Halo,
    /// Bytes that are live when the segment starts.
    pub(super) before: u64,
    pub(super) most: Most,
}

/// The cuts of a segment with one kind of halo that are worth choosing, by ascending cost.
#[derive(Default)]
pub(super) struct SegmentCuts {
    /// By measure: cuts of more bytes may be missing.
    within: [u64; 3],
    /// Cuts with more extra cost are missing.
    rung: u64,
    /// True if a higher rung may have further cuts.
    may_have_more: bool,
    list: Vec<Variant>,
}

impl SegmentCuts {
    /// True if the list has all cuts within some bytes and a rung that are worth choosing.
    pub(super) fn is_complete(&self, measure: Measure, bytes: u64, rung: u64) -> bool {
        bytes <= self.within[measure as usize] && (rung <= self.rung || !self.may_have_more)
    }

    /// Notes that no cut within some bytes and a rung is added.
    pub(super) fn close(&mut self, measure: Measure, bytes: u64, rung: u64) {
        if rung > self.rung {
            self.rung = rung;
            if std::mem::take(&mut self.may_have_more) {
                self.within = [0; 3];
            }
        }
        // Bytes in a later measure are no fewer.
        for within in &mut self.within[measure as usize..] {
            *within = bytes.max(*within);
        }
    }

    /// The cheapest cut within some bytes.
    pub(super) fn cheapest(&self, measure: Measure, bytes: u64) -> Option<(usize, &Variant)> {
        let fits = self.list.iter().enumerate();
        let fits = fits.filter(|(_, variant)| variant.estimate.bytes(measure) <= bytes);
        fits.min_by_key(|(_, variant)| (variant.cost(), variant.cut.total))
    }

    pub(super) fn variant(&self, number: usize) -> &Variant {
        &self.list[number]
    }

    /// Adds the cuts of a ladder of stripe counts that are within limits, the most stripes first.
    pub(super) fn evaluate(&mut self, query: CutQuery<'_>, estimator: &mut Estimator) {
        let CutQuery { segment, before, most, .. } = query;
        self.close(most.measure, 0, most.extra);
        (estimator.was_too_costly, estimator.least_exceeding) = (false, u64::MAX);
        let least = segment.least_ends(most.measure, before).unwrap_or(before);
        if least > most.bytes {
            estimator.least_exceeding = least;
        } else {
            self.evaluate_ladder(query, estimator);
        }
        self.may_have_more |= estimator.was_too_costly;
        self.close(most.measure, most.bytes.max(estimator.least_exceeding - 1), most.extra);
    }

    fn evaluate_ladder(&mut self, query: CutQuery<'_>, estimator: &mut Estimator) {
        let CutQuery { segment, halo, before, most } = query;
        let mut all = std::mem::take(&mut self.list);
        let ladder: Vec<u64> = stripe_counts(segment, halo == Halo::Carried).collect();
        let is_long = segment.operators.len() as u64 > LONG_LENGTH;
        for &stripes in ladder.iter().rev() {
            if all.iter().any(|known| known.cut.total.unsigned_abs() == stripes) {
                continue;
            }
            let cut = cut(segment, stripes, halo == Halo::Carried);
            let sample = estimator.sample(segment, &cut, before, most);
            let lowest = estimator.least_exceeding - estimator.least_exceeding / ROUNDING;
            match sample {
                Sample::TooLarge if is_long => break,
                // Tiles of fewer stripes are larger, but for rounding.
                Sample::TooLarge if lowest > most.bytes => {
                    estimator.least_exceeding = lowest;
                    break;
                }
                Sample::TooLarge | Sample::TooCostly => {}
                Sample::Within => {
                    let estimate = estimator.estimate(segment, &cut, before, most);
                    all.extend(estimate.map(|estimate| Variant { cut, estimate }));
                }
            }
        }
        all.sort_by_key(|variant| (variant.cost(), variant.cut.total));
        for variant in all {
            if !self.list.iter().any(|cheaper| variant.estimate.is_beaten_by(&cheaper.estimate)) {
                self.list.push(variant);
            }
        }
    }
}

/// The numbers of stripes in the family.
pub(crate) fn stripe_counts(segment: &TilingSegment, carries: bool) -> impl Iterator<Item = u64> + use<> {
    let length = segment.operators.len() as u64;
    let rows = if carries { segment.most_rows } else { segment.exit_rows };
    ladder(rows.min(MAX_TILES / length), u64::from(length > LONG_LENGTH))
}

/// A cut into equal stripes. Rows that are not contiguous in memory cannot be carried.
pub(crate) fn cut(segment: &TilingSegment, stripes: u64, carries: bool) -> Cut {
    let by_operator = segment.operators.iter().map(|operator| carries && operator.is_contiguous);
    Cut::equal(segment, stripes, by_operator.collect())
}

/// Stripe counts up to one row in each stripe: each at most half as many again as the one before, and
/// `step` times as many again in long segments.
fn ladder(rows: u64, step: u64) -> impl Iterator<Item = u64> {
    let next = move |&stripes: &u64| {
        (stripes < rows).then(|| (stripes + stripes / 2 + stripes * step).max(stripes + 1).min(rows))
    };
    std::iter::successors((rows >= 2).then_some(2), next)
}
