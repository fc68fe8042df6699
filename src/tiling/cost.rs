//! Memory and cost of a segment that is cut into stripes.

use super::region::{Tile, TilingCost};
use super::rows::{Cut, Tiles};
use super::segment::{SegmentLink, Source, TilingSegment};

/// Memory and cost of a segment that is cut into stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// The maximum number of live bytes at a step, less the bytes that permissions save.
    pub(crate) bytes: u64,
    pub(crate) cost: TilingCost,
}

/// The limits of an estimate: cuts that exceed them are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) bytes: u64,
    pub(crate) extra: u64,
}

/// Computes estimates; keeps its memory between calls.
#[derive(Default)]
pub(crate) struct Estimator {
    tiles: Tiles,
    /// By operator: the operator that reads its tile last in the current stripe.
    last_reader: Vec<u32>,
    /// By operator: bytes of its tile that are live.
    live_of: Vec<u64>,
    /// By entry: rows before this one are dead.
    dead: Vec<u64>,
    /// By entry: the operator that reads it last in the current stripe.
    last_of_entry: Vec<u32>,
    /// By stripe and entry: the first row that the stripe or a later one reads.
    first_needed: Vec<u64>,
    /// By operator: end of the rows that are computed.
    done: Vec<u64>,
}

const NONE: u32 = u32::MAX;

impl Estimator {
    /// Computes the live bytes of each step of a segment and its cost. `before` bytes are live when it
    /// starts, entries included.
    ///
    /// Entries that nothing reads later die row by row; exits grow row by row; a tile is live from its
    /// operator to its last reader in the stripe, and its carried rows until the next stripe.
    ///
    /// None if the bytes or the extra cost exceed `most`.
    ///
    /// O(stripes x (operators + edges)).
    pub(crate) fn estimate(
        &mut self,
        segment: &TilingSegment,
        cut: &Cut,
        before: u64,
        most: Most,
    ) -> Option<Estimate> {
        let mut tiles = std::mem::take(&mut self.tiles);
        tiles.compute(segment, cut);
        self.prepare(segment, &tiles, tiles.len());
        let mut walk = StripeWalk {
            segment,
            tiles: &tiles,
            stripes: tiles.len(),
            state: self,
            live: before,
            peak: before,
            cost: TilingCost { untiled: segment.cost, ..TilingCost::default() },
        };
        let is_within = (0..tiles.len()).all(|stripe| {
            walk.run(stripe);
            walk.peak <= most.bytes && walk.cost.extra <= most.extra
        });
        let estimate = Estimate { bytes: walk.peak, cost: walk.cost };
        self.tiles = tiles;
        is_within.then_some(estimate)
    }

    fn prepare(&mut self, segment: &TilingSegment, tiles: &Tiles, stripes: usize) {
        let entries = segment.entries.len();
        self.live_of.clear();
        self.live_of.resize(segment.operators.len(), 0);
        self.done.clear();
        self.done.resize(segment.operators.len(), 0);
        self.dead.clear();
        self.dead.resize(entries, 0);
        self.first_needed.clear();
        self.first_needed.resize((stripes + 1) * entries, u64::MAX);
        if entries == 0 {
            return;
        }
        for stripe in (0..stripes).rev() {
            let (now, later) = self.first_needed.split_at_mut((stripe + 1) * entries);
            let now = &mut now[stripe * entries..];
            now.copy_from_slice(&later[..entries]);
            for (operator, tile) in tiles.stripe(stripe).iter().enumerate() {
                for link in segment.links_of(operator) {
                    if let Source::Entry(entry) = link.source {
                        let read = link.reads(tile);
                        if !read.is_empty() {
                            now[entry as usize] = now[entry as usize].min(read.start);
                        }
                    }
                }
            }
        }
    }

    fn find_last_readers(&mut self, segment: &TilingSegment, tiles: &[Tile]) {
        self.last_reader.clear();
        self.last_reader.resize(tiles.len(), NONE);
        self.last_of_entry.clear();
        self.last_of_entry.resize(segment.entries.len(), NONE);
        for (operator, _) in tiles.iter().enumerate().filter(|(_, tile)| !tile.computed.is_empty()) {
            for link in segment.links_of(operator) {
                match link.source {
                    Source::Operator(producer) => self.last_reader[producer as usize] = operator as u32,
                    Source::Entry(entry) => self.last_of_entry[entry as usize] = operator as u32,
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

struct StripeWalk<'a> {
    segment: &'a TilingSegment,
    tiles: &'a Tiles,
    stripes: usize,
    state: &'a mut Estimator,
    live: u64,
    peak: u64,
    cost: TilingCost,
}

impl StripeWalk<'_> {
    fn run(&mut self, stripe: usize) {
        let tiles = self.tiles.stripe(stripe);
        self.state.find_last_readers(self.segment, tiles);
        for (operator, tile) in tiles.iter().enumerate() {
            if tile.computed.is_empty() {
                continue;
            }
            let node = &self.segment.operators[operator];
            let rows = tile.computed.end - tile.computed.start;
            let done = &mut self.state.done[operator];
            let again = tile.computed.end.min(*done).saturating_sub(tile.computed.start);
            self.cost.extra = self.cost.extra.saturating_add(node.row_cost.saturating_mul(again));
            let is_first = *done == 0;
            *done = tile.computed.end.max(*done);
            if !is_first {
                self.cost.constant_bytes = self.cost.constant_bytes.saturating_add(node.constant_bytes);
            }
            self.live += node.row_bytes * rows;
            self.state.live_of[operator] += node.row_bytes * rows;
            let saving = self.saving(operator, tile, stripe);
            self.peak = self.peak.max((self.live + node.scratch).saturating_sub(saving));
            self.release(operator, stripe);
        }
        self.release_unread(stripe);
    }

    /// Reduces tiles that nothing reads in the stripe to the rows that later stripes read. The other
    /// tiles are reduced already.
    fn release_unread(&mut self, stripe: usize) {
        for operator in 0..self.segment.operators.len() {
            let is_live = self.state.live_of[operator] > 0;
            if is_live && !self.segment.operators[operator].is_exit {
                self.leave_carried(operator, stripe);
            }
        }
    }

    /// The most bytes that an output tile can share with rows that die at the step.
    fn saving(&self, operator: usize, tile: &Tile, stripe: usize) -> u64 {
        let rows = tile.computed.end - tile.computed.start;
        let of_link = |link: &SegmentLink| {
            let dying = self.dying(link, operator, stripe)?;
            let read = link.reads(tile);
            // An output overwrites from the first row that it reads on.
            let is_below = read.start >= dying.start;
            let common = dying.end.min(read.end).saturating_sub(read.start);
            is_below.then(|| (link.over_row_bytes * rows).min(common * link.row_bytes))
        };
        let links = self.segment.links_of(operator).iter().filter(|link| link.over_row_bytes > 0);
        links.filter_map(of_link).max().unwrap_or(0)
    }

    /// The rows of an input that die at the step.
    fn dying(&self, link: &SegmentLink, reader: usize, stripe: usize) -> Option<std::ops::Range<u64>> {
        match link.source {
            Source::Whole => None,
            Source::Operator(producer) => {
                let producer = producer as usize;
                let is_last = self.state.last_reader[producer] == reader as u32;
                let is_tile =
                    !self.segment.operators[producer].is_exit && self.carried(producer, stripe) == 0;
                (is_last && is_tile).then(|| self.tiles.stripe(stripe)[producer].computed.clone())
            }
            Source::Entry(entry) => {
                let is_last = self.state.last_of_entry[entry as usize] == reader as u32;
                is_last
                    .then(|| self.state.dead[entry as usize]..self.first_needed(entry, stripe).min(link.rows))
            }
        }
    }

    /// Rows that the next stripe takes over from a tile.
    fn carried(&self, producer: usize, stripe: usize) -> u64 {
        if stripe + 1 < self.stripes { self.tiles.stripe(stripe + 1)[producer].carried } else { 0 }
    }

    /// The first row of an entry that a stripe after this one reads.
    fn first_needed(&self, entry: u32, stripe: usize) -> u64 {
        self.state.first_needed[(stripe + 1) * self.segment.entries.len() + entry as usize]
    }

    /// Frees what the operator reads last: tiles, except for carried rows, and rows of entries.
    fn release(&mut self, operator: usize, stripe: usize) {
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
                        let first = self.first_needed(entry, stripe).min(link.rows);
                        let dead = &mut self.state.dead[entry as usize];
                        self.live -= link.row_bytes * first.saturating_sub(*dead);
                        *dead = first.max(*dead);
                    }
                }
            }
        }
    }

    /// Reduces a tile to the rows that the next stripe takes over.
    fn leave_carried(&mut self, producer: usize, stripe: usize) {
        let left = self.carried(producer, stripe) * self.segment.operators[producer].row_bytes;
        if left < self.state.live_of[producer] {
            self.cost.copied_bytes = self.cost.copied_bytes.saturating_add(left);
        }
        let live = &mut self.state.live_of[producer];
        self.live = self.live - *live + left;
        *live = left;
    }
}
