//! The rows of every tile of a segment.

use super::region::Tile;
use super::segment::{SegmentOperator, Source, TilingSegment};

/// How a segment is cut into stripes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Ends of the stripes, ascending, in rows of the exit with the most rows. The last end is the number of
    /// its rows. Exits with fewer rows are cut in proportion.
    pub(crate) ends: Vec<u64>,
    /// By operator: whether the halo of its outputs is carried from stripe to stripe and not computed
    /// again.
    pub(crate) carried: Vec<bool>,
}

/// The tiles of a segment: for each stripe, those of all operators in order.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    count: usize,
    flat: Vec<Tile>,
    progress: Vec<TileProgress>,
}

/// State of one operator while stripes are computed.
#[derive(Clone, Debug, Default)]
struct TileProgress {
    /// The rows that readers in the current stripe need, if any: first and end.
    needed: Option<(u64, u64)>,
    /// End of the rows that earlier stripes have computed.
    done: u64,
}

impl Tiles {
    pub(crate) fn stripe(&self, stripe: usize) -> &[Tile] {
        &self.flat[stripe * self.count..(stripe + 1) * self.count]
    }

    pub(crate) fn stripes(&self) -> impl ExactSizeIterator<Item = &[Tile]> {
        self.flat.chunks_exact(self.count)
    }

    /// Computes the tiles of a segment, from its exits backwards in each stripe.
    ///
    /// An exit exists as a whole, so that no row of it is computed twice: its tile begins where the one
    /// before ended, and ends where its own part ends or where a reader in the segment needs it to.
    /// Any other tile has the rows that its readers in the stripe need. If the operator's halo is
    /// carried and the previous stripe has the first of them, only the others are computed.
    ///
    /// O(stripes x (operators + edges)).
    pub(crate) fn compute(&mut self, segment: &TilingSegment, cut: &Cut) {
        self.count = segment.operators.len();
        self.flat.clear();
        self.progress.clear();
        self.progress.resize(self.count, TileProgress::default());
        self.flat.resize(self.count * cut.ends.len(), Tile::default());
        let total = *cut.ends.last().expect("a cut has stripes");
        for (stripe, &end) in cut.ends.iter().enumerate() {
            for operator in (0..self.count).rev() {
                let before = stripe.checked_sub(1).map(|before| &self.flat[before * self.count + operator]);
                let node = &segment.operators[operator];
                let own_end = (u128::from(node.rows) * u128::from(end) / u128::from(total)) as u64;
                let progress = &mut self.progress[operator];
                let tile = progress.tile(node, own_end, before.filter(|_| cut.carried[operator]));
                self.need(segment, operator, &tile);
                self.flat[stripe * self.count + operator] = tile;
            }
        }
    }

    /// Adds the rows that a tile reads to those that their producers must supply.
    fn need(&mut self, segment: &TilingSegment, operator: usize, tile: &Tile) {
        for link in segment.links_of(operator) {
            let (Source::Operator(producer), Some(map)) = (link.source, link.map) else { continue };
            let read = map.reads(tile.computed.clone(), link.rows).rows;
            if !read.is_empty() {
                let needed = &mut self.progress[producer as usize].needed;
                let (low, high) = needed.unwrap_or((read.start, read.end));
                *needed = Some((low.min(read.start), high.max(read.end)));
            }
        }
    }
}

impl TileProgress {
    /// The tile of the current stripe. `own_end` is the end of the stripe's part if the operator is an
    /// exit; `before` is the tile of the previous stripe if the halo is carried.
    fn tile(&mut self, operator: &SegmentOperator, own_end: u64, before: Option<&Tile>) -> Tile {
        let (needed, done) = (self.needed.take(), self.done);
        if operator.is_exit {
            self.done = needed.map_or(own_end, |(_, end)| own_end.max(end)).max(done);
            return Tile { computed: done..self.done, carried: 0 };
        }
        let Some((start, end)) = needed else { return Tile { computed: done..done, carried: 0 } };
        self.done = done.max(end);
        let left =
            before.map(Tile::rows).filter(|left| left.start <= start && start < left.end && left.end <= end);
        let from = left.map_or(start, |left| left.end);
        Tile { computed: from..end, carried: from - start }
    }
}
