//! The rows of every tile of a segment.
//!
//! Exits advance by equal steps. A producer advances as far as its readers need. If the halo of an
//! operator is carried, the operator also runs *ahead* of readers that have not begun: the first
//! stripes advance only the operators close to the entries, so that no tile has more rows than a step
//! and a halo (a pipeline that fills). The progress of readers that have not begun is negative.

use std::ops::Range;

use super::region::Tile;
use super::segment::{SegmentLink, SegmentOperator, Source, TilingSegment};

/// How a segment is cut into stripes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Progress at the end of each stripe, ascending, in parts of `total`. The last end is `total`.
    /// Each exit advances to this share of its rows. Negative progress, and fractions of rows, advance
    /// carried operators ahead of the exits.
    pub(crate) ends: Vec<i64>,
    /// The progress of a complete segment.
    pub(crate) total: i64,
    /// By operator: whether the halo of its outputs is carried from stripe to stripe and not computed
    /// again.
    pub(crate) carried: Vec<bool>,
}

/// Progress in rows, in units of 1 / [`ONE`].
type Progress = i64;
const ONE: Progress = 1 << 10;

/// Maximum progress that is propagated, either way: beyond all rows of any tensor.
const FARTHEST: Progress = ONE << 50;

/// The tiles of a segment: for each stripe, those of all operators in order. Stripes in which
/// nothing runs are left out.
#[derive(Debug)]
pub(crate) struct Tiles {
    count: usize,
    flat: Vec<Tile>,
}

/// Computes the tiles of one stripe after another; keeps its memory between segments.
#[derive(Debug, Default)]
pub(crate) struct StripeMaker {
    /// Number of stripes that are done.
    stripe: usize,
    /// By operator.
    progress: Vec<TileProgress>,
    /// By entry: the first row that the last stripe or a later one reads; `u64::MAX` if none does.
    pub(crate) entry_needed: Vec<u64>,
}

/// State of one operator while stripes are computed.
#[derive(Clone, Debug, Default)]
struct TileProgress {
    /// The rows that readers in the current stripe need, if any: first and end.
    needed: Option<(u64, u64)>,
    /// The end of rows that readers need at their progress; [`-FARTHEST`](FARTHEST) if none does.
    ahead: Progress,
    /// End of the rows that earlier stripes have computed.
    done: u64,
    /// End of the rows that readers need in any stripe. An exit needs all of its rows.
    end: u64,
    /// The first row that this stripe or a later one reads; `u64::MAX` if none does.
    kept_from: u64,
}

impl Cut {
    /// A cut into `stripes` equal steps. If halos are carried, further stripes before them fill the
    /// pipeline.
    pub(crate) fn equal(segment: &TilingSegment, stripes: u64, carried: Vec<bool>) -> Self {
        let total = i64::try_from(stripes).unwrap_or(i64::MAX);
        let before = if carried.contains(&true) { filling(segment, total) } else { 0 };
        Self { ends: (1 - before..=total).collect(), total, carried }
    }
}

/// Number of steps before the first one after which no operator has begun.
fn filling(segment: &TilingSegment, total: i64) -> i64 {
    let at = |end: i64| {
        let mut ahead = vec![-FARTHEST; segment.operators.len()];
        for (operator, node) in segment.operators.iter().enumerate().rev() {
            ahead[operator] = ahead[operator].max(own_progress(node, end, total));
            for link in segment.links_of(operator) {
                if let Source::Operator(producer) = link.source {
                    let needed = link.progress(ahead[operator]);
                    ahead[producer as usize] = ahead[producer as usize].max(needed);
                }
            }
        }
        ahead
    };
    let (zero, one) = (at(0), at(1));
    let steps = zero.iter().zip(&one).map(|(&zero, &one)| {
        let step = one - zero;
        // Each step advances by at least a row of the smallest exit in `total` steps.
        if zero <= 0 || step <= 0 { 0 } else { zero / step + 1 }
    });
    steps.max().unwrap_or(0).min(MAX_FILLING * total)
}

/// Maximum number of stripes that fill the pipeline, for each step.
const MAX_FILLING: i64 = 4;

/// The progress of an exit at the end of a stripe.
fn own_progress(operator: &SegmentOperator, end: i64, total: i64) -> Progress {
    if operator.is_exit {
        let rows = i64::try_from(operator.rows).ok().and_then(|rows| rows.checked_mul(ONE));
        let progress = if let Some(share) = rows.and_then(|rows| rows.checked_mul(end)) {
            share.div_euclid(total)
        } else {
            let share = i128::from(operator.rows) * i128::from(ONE) * i128::from(end);
            Progress::try_from(share.div_euclid(i128::from(total))).unwrap_or(-FARTHEST)
        };
        progress.clamp(1 - FARTHEST, FARTHEST)
    } else {
        -FARTHEST
    }
}

impl SegmentLink {
    /// The end of the rows that a reader needs at its progress.
    fn progress(&self, reader: Progress) -> Progress {
        let Some(map) = self.map.filter(|_| reader > -FARTHEST) else { return -FARTHEST };
        let (numerator, denominator, _, last) = map.numbers();
        let row = (reader - ONE).saturating_mul(i64::from(numerator)).saturating_add(last * ONE);
        let needed = if denominator == 1 { row } else { row.div_euclid(i64::from(denominator)) };
        needed.saturating_add(ONE).clamp(1 - FARTHEST, FARTHEST)
    }

    /// The rows that a reader needs for some of its rows; none if it needs no row, or not only rows.
    fn needed(&self, reader: Range<u64>) -> Option<Range<u64>> {
        let rows = self.map?.reads(reader, self.rows).rows;
        (!rows.is_empty()).then_some(rows)
    }
}

impl Tiles {
    pub(crate) fn new(segment: &TilingSegment, cut: &Cut) -> Self {
        let (mut maker, mut flat, mut stripe) = (StripeMaker::default(), Vec::new(), Vec::new());
        maker.start(segment);
        while maker.advance(segment, cut, &mut stripe) {
            flat.append(&mut stripe);
        }
        Self { count: segment.operators.len(), flat }
    }

    pub(crate) fn stripes(&self) -> impl ExactSizeIterator<Item = &[Tile]> {
        self.flat.chunks_exact(self.count)
    }
}

impl StripeMaker {
    /// Prepares for a segment.
    pub(crate) fn start(&mut self, segment: &TilingSegment) {
        self.stripe = 0;
        self.progress.clear();
        self.progress.resize(segment.operators.len(), TileProgress::default());
        self.entry_needed.clear();
        self.entry_needed.resize(segment.entries.len(), 0);
        self.find_ends(segment);
    }

    /// Finds the end of the rows that are ever needed, of each operator. An operator that has computed them
    /// is finished: it keeps no rows of its inputs alive.
    fn find_ends(&mut self, segment: &TilingSegment) {
        for (operator, node) in segment.operators.iter().enumerate().rev() {
            let progress = &mut self.progress[operator];
            if node.is_exit {
                progress.end = node.rows;
            }
            let end = progress.end;
            for link in segment.links_of(operator) {
                if let (Source::Operator(producer), Some(needed)) = (link.source, link.needed(0..end)) {
                    let producer = &mut self.progress[producer as usize];
                    producer.end = producer.end.max(needed.end);
                }
            }
        }
    }

    /// Prepares for a segment of which one stripe does the work of all stripes up to one of them.
    pub(crate) fn start_before(&mut self, segment: &TilingSegment, stripe: usize) {
        self.start(segment);
        self.stripe = stripe;
    }

    /// Computes the tiles of the next stripe in which an operator runs, from the exits backwards. False
    /// if there is none.
    ///
    /// - An exit exists as a whole, so that no row of it is computed twice: its tile begins where the one
    ///   before ended, and ends at its progress or where a reader in the segment needs it to.
    /// - The tile of an operator with a carried halo begins where the one before ended, too. The rows
    ///   that readers still need are carried.
    /// - Any other tile has the rows that its readers in the stripe need.
    ///
    /// O(operators + edges) for each stripe of the cut.
    pub(crate) fn advance(&mut self, segment: &TilingSegment, cut: &Cut, tiles: &mut Vec<Tile>) -> bool {
        let mut runs = false;
        while !runs {
            self.find_kept_rows(segment, cut);
            let Some(&end) = cut.ends.get(self.stripe) else { return false };
            self.stripe += 1;
            tiles.clear();
            tiles.resize(segment.operators.len(), Tile::default());
            for operator in (0..segment.operators.len()).rev() {
                let node = &segment.operators[operator];
                let progress = &mut self.progress[operator];
                progress.ahead = progress.ahead.max(own_progress(node, end, cut.total));
                let tile = progress.tile(node, cut.carried[operator]);
                runs |= !tile.computed.is_empty();
                self.need(segment, operator, &tile);
                tiles[operator] = tile;
            }
        }
        true
    }

    /// Finds the first row of each tensor that is still needed.
    fn find_kept_rows(&mut self, segment: &TilingSegment, cut: &Cut) {
        for progress in &mut self.progress {
            (progress.kept_from, progress.ahead) = (u64::MAX, -FARTHEST);
        }
        self.entry_needed.fill(u64::MAX);
        for operator in (0..segment.operators.len()).rev() {
            let node = &segment.operators[operator];
            let progress = &self.progress[operator];
            // Rows that are computed again begin where a reader needs them.
            let is_kept = node.is_exit || cut.carried[operator];
            let next = if is_kept { progress.done } else { progress.kept_from };
            let end = progress.end;
            if next >= end {
                continue;
            }
            for link in segment.links_of(operator) {
                let first = match link.source {
                    Source::Operator(producer) => &mut self.progress[producer as usize].kept_from,
                    Source::Entry(entry) => &mut self.entry_needed[entry as usize],
                    Source::Whole => continue,
                };
                *first = (*first).min(link.needed(next..end).map_or(u64::MAX, |rows| rows.start));
            }
        }
    }

    /// Adds the rows that a tile reads to those that their producers must supply.
    fn need(&mut self, segment: &TilingSegment, operator: usize, tile: &Tile) {
        let ahead = self.progress[operator].ahead;
        for link in segment.links_of(operator) {
            let Source::Operator(producer) = link.source else { continue };
            let producer = &mut self.progress[producer as usize];
            producer.ahead = producer.ahead.max(link.progress(ahead));
            if tile.computed.is_empty() {
                continue;
            }
            if let Some(read) = link.needed(tile.computed.clone()) {
                let (low, high) = producer.needed.unwrap_or((read.start, read.end));
                producer.needed = Some((low.min(read.start), high.max(read.end)));
            }
        }
    }
}

impl TileProgress {
    /// The tile of the current stripe.
    fn tile(&mut self, operator: &SegmentOperator, is_carried: bool) -> Tile {
        let (needed, done) = (self.needed.take(), self.done);
        if !operator.is_exit && !is_carried {
            let (start, end) = needed.unwrap_or((done, done));
            self.done = done.max(end);
            return Tile { computed: start..end, carried: 0 };
        }
        let ahead = self.ahead.div_euclid(ONE).max(0).cast_unsigned().min(self.end);
        self.done = needed.map_or(ahead, |(_, end)| ahead.max(end)).max(done);
        let carried = if operator.is_exit { 0 } else { done - self.kept_from.min(done) };
        Tile { computed: done..self.done, carried }
    }
}
