//! Memory and cost of a segment that is cut into stripes.

use super::measure::Measure;
use super::region::{Tile, TilingCost};
use super::rows::{Cut, StripeMaker};
use super::segment::{SegmentLink, Source, TilingSegment};

/// Memory and cost of a segment that is cut into stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// The memory at the largest step, by each measure.
    live_bytes: u64,
    fixed_bytes: u64,
    whole_bytes: u64,
    pub(crate) cost: TilingCost,
}

impl Estimate {
    pub(crate) fn bytes(&self, measure: Measure) -> u64 {
        match measure {
            Measure::LiveBytes => self.live_bytes,
            Measure::FixedPlaces => self.fixed_bytes,
            Measure::WholeEnds => self.whole_bytes,
        }
    }

    /// True if another estimate is not larger in anything.
    pub(crate) fn is_beaten_by(&self, other: &Self) -> bool {
        other.live_bytes <= self.live_bytes
            && other.fixed_bytes <= self.fixed_bytes
            && other.whole_bytes <= self.whole_bytes
    }
}

/// The limits of an estimate: cuts that exceed them are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    /// The measure of the bytes.
    pub(crate) measure: Measure,
    pub(crate) bytes: u64,
    pub(crate) extra: u64,
}

/// Computes estimates; keeps its memory between calls.
#[derive(Default)]
pub(crate) struct Estimator {
    /// Number of tiles visited so far.
    pub(crate) work: u64,
    /// True if an estimate has exceeded the extra cost; the caller resets it.
    pub(crate) was_too_costly: bool,
    /// The least bytes for which an estimate has exceeded its limit; the caller resets it.
    pub(crate) least_exceeding: u64,
    maker: StripeMaker,
    /// The tiles of the current stripe and of the next one.
    now: Vec<Tile>,
    next: Vec<Tile>,
    state: WalkState,
}

/// The state of each operator and entry during the walk through the stripes of a segment.
#[derive(Default)]
struct WalkState {
    /// By operator: the operator that reads its tile last in the current stripe.
    last_reader: Vec<u32>,
    /// By operator: bytes of its tile that are live.
    live_of: Vec<u64>,
    /// By operator: end of the rows that are computed.
    done: Vec<u64>,
    /// By operator: true if its tiles lie in an exit, which an operator writes over them.
    is_hosted: Vec<bool>,
    /// By entry: rows before this one are dead.
    dead: Vec<u64>,
    /// By entry: the operator that reads last, in the current stripe, rows that die in the stripe.
    last_of_entry: Vec<u32>,
    /// By entry: the most bytes by which the largest exit was ahead of the entry's dead rows.
    ahead_of_entry: Vec<u64>,
}

/// The result of a look at two stripes of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    TooLarge,
    TooCostly,
    Within,
}

const NONE: u32 = u32::MAX;

/// Number of stripes from which on a look at two of them is worth its time.
const LEAST_SAMPLED: usize = 6;

impl Estimator {
    /// Computes the memory of each step of a segment and its cost. `before` bytes are live when it
    /// starts, entries included.
    ///
    /// Entries that nothing reads later die row by row; exits grow row by row; a tile is live from its
    /// operator to its last reader in the stripe, and its carried rows until the next stripe.
    ///
    /// None if the extra cost exceeds `most`, or the bytes do during the walk.
    ///
    /// O(stripes x (operators + edges)).
    pub(crate) fn estimate(
        &mut self,
        segment: &TilingSegment,
        cut: &Cut,
        before: u64,
        most: Most,
    ) -> Option<Estimate> {
        let Self { work, was_too_costly, least_exceeding, maker, now, next, state } = self;
        maker.start(segment);
        let mut walk = StripeWalk::new(segment, state, before);
        let ends = segment.least_ends(most.measure, before);
        let mut has_tiles = maker.advance(segment, cut, now);
        while has_tiles {
            *work += now.len() as u64;
            has_tiles = maker.advance(segment, cut, next);
            if !has_tiles {
                next.clear();
            }
            walk.run(&Stripe { now, next, needed: &maker.entry_needed });
            std::mem::swap(now, next);
            let reached = walk.least_bytes(ends);
            if reached > most.bytes {
                *least_exceeding = reached.min(*least_exceeding);
                return None;
            }
            if walk.cost.extra > most.extra {
                *was_too_costly = true;
                return None;
            }
        }
        let entries = segment.entry_bytes.iter().sum::<u64>();
        let live_bytes = walk.live.peak;
        let fixed_bytes = live_bytes.max(before - entries + walk.fixed_places() + walk.tiles.peak);
        let whole_bytes = fixed_bytes.max(before + segment.all_exit_bytes + walk.tiles.peak);
        Some(Estimate { live_bytes, fixed_bytes, whole_bytes, cost: walk.cost })
    }

    /// The estimate, after a look at two stripes.
    pub(crate) fn estimate_quickly(
        &mut self,
        segment: &TilingSegment,
        cut: &Cut,
        before: u64,
        most: Most,
    ) -> Option<Estimate> {
        match self.sample(segment, cut, before, most) {
            Sample::Within => self.estimate(segment, cut, before, most),
            Sample::TooLarge | Sample::TooCostly => None,
        }
    }

    /// Looks at two stripes: the first one of a full pipeline and the last one. If one needs more bytes than the
    /// limit, the whole cut does, too. One large stripe stands for all stripes before, which leaves the same rows.
    /// Stripes compute nearly equal numbers of rows again: a cut is too costly if a quarter of its stripes
    /// with the extra cost of the first one are.
    ///
    /// O(operators + edges).
    pub(crate) fn sample(&mut self, segment: &TilingSegment, cut: &Cut, before: u64, most: Most) -> Sample {
        let (count, filling) = (cut.ends.len(), cut.ends.partition_point(|&end| end < 1));
        if count < LEAST_SAMPLED {
            return Sample::Within;
        }
        for at in [filling + 1, count - 1].into_iter().filter(|&at| at < count) {
            let (bytes, extra) = self.stripe(segment, cut, (before, most.measure), at);
            if bytes > most.bytes {
                self.least_exceeding = self.least_exceeding.min(bytes);
                return Sample::TooLarge;
            }
            let quarter = (count - filling) as u64 / 4;
            if at == filling + 1 && extra.saturating_mul(quarter) > most.extra {
                self.was_too_costly = true;
                return Sample::TooCostly;
            }
        }
        Sample::Within
    }

    /// The least bytes of a cut, given one stripe, and the stripe's extra cost. O(operators + edges).
    fn stripe(
        &mut self,
        segment: &TilingSegment,
        cut: &Cut,
        (before, measure): (u64, Measure),
        at: usize,
    ) -> (u64, u64) {
        let Self { work, maker, now, next, state, .. } = self;
        maker.start_before(segment, at - 1);
        let mut walk = StripeWalk::new(segment, state, before);
        *work += 2 * segment.operators.len() as u64;
        maker.advance(segment, cut, now);
        for _ in 0..2 {
            if !maker.advance(segment, cut, next) {
                next.clear();
            }
            (walk.live.peak, walk.tiles.peak) = (0, 0);
            walk.run(&Stripe { now, next, needed: &maker.entry_needed });
            std::mem::swap(now, next);
        }
        (walk.least_bytes(segment.least_ends(measure, before)), walk.cost.extra)
    }
}

impl WalkState {
    fn start(&mut self, segment: &TilingSegment) {
        let (operators, entries) = (segment.operators.len(), segment.entries.len());
        for list in [&mut self.live_of, &mut self.done] {
            list.clear();
            list.resize(operators, 0);
        }
        for list in [&mut self.dead, &mut self.ahead_of_entry] {
            list.clear();
            list.resize(entries, 0);
        }
        segment.find_hosted(&mut self.is_hosted);
    }

    fn find_last_readers(&mut self, segment: &TilingSegment, stripe: &Stripe<'_>) {
        self.last_reader.clear();
        self.last_reader.resize(stripe.now.len(), NONE);
        self.last_of_entry.clear();
        self.last_of_entry.resize(segment.entries.len(), NONE);
        for (operator, tile) in stripe.now.iter().enumerate().filter(|(_, tile)| !tile.computed.is_empty()) {
            for link in segment.links_of(operator) {
                match link.source {
                    Source::Operator(producer) => self.last_reader[producer as usize] = operator as u32,
                    // Only readers of rows that die in the stripe matter.
                    Source::Entry(entry) => {
                        let (entry, read) = (entry as usize, link.reads(tile));
                        if read.start < stripe.needed[entry] && self.dead[entry] < read.end {
                            self.last_of_entry[entry] = operator as u32;
                        }
                    }
                    Source::Whole => {}
                }
            }
        }
    }
}

impl SegmentLink {
    /// The rows of the input that a tile reads.
    pub(crate) fn reads(&self, tile: &Tile) -> std::ops::Range<u64> {
        self.map.map_or(0..self.rows, |map| map.reads(tile.computed.clone(), self.rows).rows)
    }
}

/// One stripe during the walk.
struct Stripe<'a> {
    now: &'a [Tile],
    /// The tiles of the next stripe; none after the last one.
    next: &'a [Tile],
    /// By entry: the first row that a later stripe reads.
    needed: &'a [u64],
}

impl Stripe<'_> {
    /// Rows that the next stripe takes over from a tile.
    fn carried(&self, producer: usize) -> u64 {
        self.next.get(producer).map_or(0, |tile| tile.carried)
    }
}

/// Bytes during the walk, and the most of them.
#[derive(Clone, Copy, Default)]
struct Lane {
    bytes: u64,
    peak: u64,
}

impl Lane {
    fn reach(&mut self, scratch: u64, saving: u64) {
        self.peak = self.peak.max((self.bytes + scratch).saturating_sub(saving));
    }
}

struct StripeWalk<'a> {
    segment: &'a TilingSegment,
    state: &'a mut WalkState,
    /// The exit that grows into entries, if places are fixed.
    lead: Option<usize>,
    /// Live bytes.
    live: Lane,
    /// Live bytes of tiles that lie in no fixed place.
    tiles: Lane,
    cost: TilingCost,
}

impl<'a> StripeWalk<'a> {
    fn new(segment: &'a TilingSegment, state: &'a mut WalkState, before: u64) -> Self {
        state.start(segment);
        Self {
            segment,
            state,
            lead: segment.largest_exit(),
            live: Lane { bytes: before, peak: before },
            tiles: Lane::default(),
            cost: TilingCost { untiled: segment.cost, ..TilingCost::default() },
        }
    }
}

impl StripeWalk<'_> {
    /// The height of exits and dying entries: the largest exit starts at 0; entries are stacked in the
    /// order in which it reaches them; other exits lie beside.
    fn fixed_places(&self) -> u64 {
        let lead = self.lead.map_or(0, |lead| self.segment.exit_bytes(lead));
        let others = self.segment.all_exit_bytes - lead;
        let entries = self.state.ahead_of_entry.iter().zip(&self.segment.entry_bytes);
        let top = match self.segment.entries.len() {
            0 => 0,
            1 => self.state.ahead_of_entry[0] + self.segment.entry_bytes[0],
            _ => {
                let mut entries: Vec<(u64, u64)> = entries.map(|(&at, &bytes)| (at, bytes)).collect();
                entries.sort_unstable();
                entries.iter().fold(0, |top, &(at, bytes)| at.max(top) + bytes)
            }
        };
        top.max(lead) + others
    }

    /// The bytes that the whole walk needs at least, given the stripes so far.
    fn least_bytes(&self, ends: Option<u64>) -> u64 {
        self.live.peak.max(ends.map_or(0, |ends| ends + self.tiles.peak))
    }

    fn run(&mut self, stripe: &Stripe<'_>) {
        self.state.find_last_readers(self.segment, stripe);
        for (operator, tile) in stripe.now.iter().enumerate() {
            if tile.computed.is_empty() {
                continue;
            }
            let node = &self.segment.operators[operator];
            let rows = tile.computed.end - tile.computed.start;
            self.count_cost(operator, tile);
            let bytes = node.row_bytes * rows;
            self.live.bytes += bytes;
            self.state.live_of[operator] += bytes;
            if self.lead == Some(operator) {
                self.note_growth(operator, stripe);
            }
            self.live.reach(node.scratch, self.saving(operator, tile, stripe, Measure::LiveBytes));
            let mut saving = 0;
            if self.is_apart(operator) {
                self.tiles.bytes += bytes;
                saving = self.saving(operator, tile, stripe, Measure::FixedPlaces);
            }
            self.tiles.reach(node.scratch, saving);
            self.release(operator, stripe);
        }
        self.release_unread(stripe);
    }

    /// True if the operator's tiles lie in no fixed place.
    fn is_apart(&self, operator: usize) -> bool {
        !self.segment.operators[operator].is_exit && !self.state.is_hosted[operator]
    }

    fn count_cost(&mut self, operator: usize, tile: &Tile) {
        let node = &self.segment.operators[operator];
        let done = &mut self.state.done[operator];
        let again = tile.computed.end.min(*done).saturating_sub(tile.computed.start);
        self.cost.extra = self.cost.extra.saturating_add(node.row_cost.saturating_mul(again));
        if *done > 0 {
            self.cost.constant_bytes = self.cost.constant_bytes.saturating_add(node.constant_bytes);
        }
        *done = tile.computed.end.max(*done);
    }

    /// Records how far the largest exit is ahead of the dead rows of each entry.
    fn note_growth(&mut self, operator: usize, stripe: &Stripe<'_>) {
        let node = &self.segment.operators[operator];
        let grown = self.state.done[operator] * node.row_bytes;
        for entry in 0..self.segment.entries.len() {
            let links = self.segment.links_of(operator).iter();
            let link = links.clone().find(|link| link.source == Source::Entry(entry as u32));
            // A row that is written over the entry is not ahead of it.
            let is_over = link.is_some_and(|link| link.over_row_bytes > 0)
                && self.state.last_of_entry[entry] == operator as u32;
            let bytes = self.segment.entry_bytes[entry];
            let row_bytes = self.segment.entry_row_bytes(entry);
            let dead = if is_over { stripe.needed[entry] } else { self.state.dead[entry] };
            let dead = dead.saturating_mul(row_bytes).min(bytes);
            // The exit may grow past an entry that is dead.
            let ahead = if dead == bytes { 0 } else { grown.saturating_sub(dead) };
            let most = &mut self.state.ahead_of_entry[entry];
            *most = ahead.max(*most);
        }
    }

    /// The most bytes that an output tile can share with rows that die at the step. The rows that it reads
    /// must lie in one part, which is no smaller.
    fn saving(&self, operator: usize, tile: &Tile, stripe: &Stripe<'_>, measure: Measure) -> u64 {
        let rows = tile.computed.end - tile.computed.start;
        let of_link = |link: &SegmentLink| {
            let dying = self.dying(link, operator, stripe, measure)?;
            let read = link.reads(tile);
            let is_within = dying.start <= read.start && read.end <= dying.end;
            let bytes = link.over_row_bytes * rows;
            let room = dying.end.saturating_sub(dying.start) * link.row_bytes;
            (is_within && bytes <= room).then_some(bytes)
        };
        let links = self.segment.links_of(operator).iter().filter(|link| link.over_row_bytes > 0);
        links.filter_map(of_link).max().unwrap_or(0)
    }

    /// The rows of an input that die at the step.
    fn dying(
        &self,
        link: &SegmentLink,
        reader: usize,
        stripe: &Stripe<'_>,
        measure: Measure,
    ) -> Option<std::ops::Range<u64>> {
        match link.source {
            Source::Whole => None,
            Source::Operator(producer) => {
                let producer = producer as usize;
                let is_last = self.state.last_reader[producer] == reader as u32;
                let is_tile = (measure == Measure::LiveBytes || self.is_apart(producer))
                    && !self.segment.operators[producer].is_exit
                    && stripe.carried(producer) == 0;
                (is_last && is_tile).then(|| stripe.now[producer].computed.clone())
            }
            Source::Entry(entry) => {
                let is_last = self.state.last_of_entry[entry as usize] == reader as u32;
                let needed = stripe.needed[entry as usize].min(link.rows);
                (is_last && measure == Measure::LiveBytes).then(|| self.state.dead[entry as usize]..needed)
            }
        }
    }

    /// Frees what the operator reads last: tiles, except for carried rows, and rows of entries.
    fn release(&mut self, operator: usize, stripe: &Stripe<'_>) {
        for link in self.segment.links_of(operator) {
            match link.source {
                Source::Whole => {}
                Source::Operator(producer) => {
                    let producer = producer as usize;
                    let is_last = self.state.last_reader[producer] == operator as u32;
                    if is_last && !self.segment.operators[producer].is_exit {
                        self.leave_carried(producer, stripe);
                        // Another link to the same tile finds nothing to free.
                        self.state.last_reader[producer] = NONE;
                    }
                }
                Source::Entry(entry) => {
                    if self.state.last_of_entry[entry as usize] == operator as u32 {
                        let first = stripe.needed[entry as usize].min(link.rows);
                        let dead = &mut self.state.dead[entry as usize];
                        self.live.bytes -= link.row_bytes * first.saturating_sub(*dead);
                        *dead = first.max(*dead);
                    }
                }
            }
        }
    }

    /// Reduces tiles that nothing reads in the stripe to the rows that later stripes read. The other
    /// tiles are reduced already.
    fn release_unread(&mut self, stripe: &Stripe<'_>) {
        for operator in 0..self.segment.operators.len() {
            if self.state.live_of[operator] > 0 && !self.segment.operators[operator].is_exit {
                self.leave_carried(operator, stripe);
            }
        }
    }

    /// Reduces a tile to the rows that the next stripe takes over.
    fn leave_carried(&mut self, producer: usize, stripe: &Stripe<'_>) {
        let left = stripe.carried(producer) * self.segment.operators[producer].row_bytes;
        let is_apart = self.is_apart(producer);
        let live = &mut self.state.live_of[producer];
        if left < *live {
            self.cost.copied_bytes = self.cost.copied_bytes.saturating_add(left);
        }
        self.live.bytes = self.live.bytes - *live + left;
        if is_apart {
            self.tiles.bytes = self.tiles.bytes - *live + left;
        }
        *live = left;
    }
}
