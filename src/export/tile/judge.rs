//! Plans tilings and keeps the best one.

use super::search::{FoundTiling, Least, TileSearch};
use super::stripes::TileRegion;
use crate::tiling::parts_of;
use crate::{Effort, Planner};

/// Writes and plans tilings of a model.
pub(in crate::export) trait TilingWriter {
    /// A written model with its plan.
    type Tiled;
    type Error;

    /// Writes and plans a tiling; none if it cannot be written.
    fn tiled(
        &self,
        search: &TileSearch<'_>,
        found: &FoundTiling,
        planner: &Planner,
    ) -> Result<Option<Self::Tiled>, Self::Error>;

    /// The planner of tilings that are only compared.
    fn quick(&self, planner: &Planner) -> Planner {
        planner.clone().effort(Effort::Quick)
    }

    /// The memory that tiling makes small.
    fn bytes(&self, tiled: &Self::Tiled) -> u64;

    /// True if plans need at least the live bytes of the search, false if they may share memory that the search
    /// counts.
    fn counts_all_bytes(&self) -> bool;
}

/// Number of tilings of an order whose arenas are planned.
const MAX_PLANS: usize = 6;

/// Budgets of extra cost that are tried, in parts per million.
const LEVELS: [u64; 10] = [0, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 300_000, 500_000, 1_000_000];

/// Number of tilings that [`Judge::refine`] plans.
fn most_refined(effort: Effort) -> usize {
    match effort {
        Effort::Quick => 4,
        Effort::Default => 16,
        Effort::Thorough => 64,
    }
}

/// Budget of a goal without one.
pub(in crate::export) const MAX_LEVEL: u64 = 2_000_000;

/// Plans tilings with little effort, and the best one in full.
pub(in crate::export) struct DraftJudge<'s, W: TilingWriter> {
    writer: W,
    searches: &'s [TileSearch<'s>],
    planner: Planner,
    /// The least memory so far.
    least: u64,
    /// With the order and the tiling of it.
    best: Option<(W::Tiled, usize, FoundTiling)>,
    tried: Vec<(usize, Vec<TileRegion>)>,
}

impl<'s, W: TilingWriter> DraftJudge<'s, W> {
    /// `untiled` is the memory without tiling.
    pub(in crate::export) fn new(
        writer: W,
        searches: &'s [TileSearch<'s>],
        planner: &Planner,
        untiled: u64,
    ) -> Self {
        let planner = writer.quick(planner);
        Self { writer, searches, planner, least: untiled, best: None, tried: Vec::new() }
    }

    /// True after the deadline or a cancellation: the best tiling so far counts.
    fn is_late(&self) -> bool {
        self.planner.chosen_limits().poll().is_err()
    }

    /// Plans a tiling of an order, once.
    fn offer(&mut self, number: usize, found: FoundTiling) -> Result<(), W::Error> {
        let is_known = |(of, regions): &(usize, Vec<TileRegion>)| *of == number && *regions == found.regions;
        if found.regions.is_empty() || self.tried.iter().any(is_known) || self.is_late() {
            return Ok(());
        }
        self.tried.push((number, found.regions.clone()));
        let tiled = self.writer.tiled(&self.searches[number], &found, &self.planner)?;
        let Some(tiled) = tiled else { return Ok(()) };
        let bytes = self.writer.bytes(&tiled);
        if bytes < self.least {
            self.least = bytes;
            self.best = Some((tiled, number, found));
        }
        Ok(())
    }

    /// Tries the tilings with the smallest arenas, by live bytes and records.
    pub(in crate::export) fn arenas(&mut self, max_extra: u64) -> Result<(), W::Error> {
        for (number, search) in self.searches.iter().enumerate() {
            // Labels are few, so a budget may hide a tiling without extra cost.
            for budget in [0, max_extra] {
                for found in search.small_arenas(budget).into_iter().take(MAX_PLANS) {
                    self.offer(number, found)?;
                }
            }
        }
        Ok(())
    }

    /// Tries the tilings with the fewest live bytes within each budget, until one fits `capacity` bytes.
    pub(in crate::export) fn heads(
        &mut self,
        (cost, most): (u64, u64),
        capacity: u64,
    ) -> Result<(), W::Error> {
        for level in LEVELS.into_iter().filter(|&level| level < most).chain([most]) {
            for (number, search) in self.searches.iter().enumerate() {
                let below = if self.writer.counts_all_bytes() { self.least } else { search.untiled_bytes() };
                if let Some(found) = search.least_bytes(parts_of(cost, level), below) {
                    self.offer(number, found)?;
                }
            }
            if self.least <= capacity {
                break;
            }
        }
        Ok(())
    }

    /// Tries the cheapest tilings that fit `capacity` bytes, or those of the fewest live bytes if none fits.
    pub(in crate::export) fn fit(&mut self, capacity: u64, (cost, most): (u64, u64)) -> Result<(), W::Error> {
        // A plan may need a little more than the live bytes.
        for parts in [32, 31, 30, 28] {
            for (number, search) in self.searches.iter().enumerate() {
                let live = capacity / 32 * parts;
                if let Some(found) = search.cheapest_path(live, parts_of(cost, most), Least::Extra) {
                    self.offer(number, found)?;
                }
            }
            if self.least <= capacity {
                return Ok(());
            }
        }
        self.heads((cost, most), capacity)
    }

    /// Cuts the regions of the best tiling into more stripes while its memory becomes smaller, within `max_extra`: all
    /// regions, then one after the other. The search counts live bytes. Where rows of an exit lie over dead rows of an
    /// entry, stripes of fewer rows also need less distance between the two, and distances of consecutive regions add up.
    pub(in crate::export) fn refine(&mut self, max_extra: u64, effort: Effort) -> Result<(), W::Error> {
        let most = self.tried.len() + most_refined(effort);
        if let Some((_, number, found)) = &self.best {
            let (number, found) = (*number, found.clone());
            // The first and the last finer cut of each region.
            for is_last in [false, true] {
                let mut finer = found.clone();
                for region in &mut finer.regions {
                    let mut cuts = self.searches[number].finer(region).into_iter();
                    let cut = if is_last { cuts.next_back() } else { cuts.next() };
                    *region = cut.unwrap_or_else(|| region.clone());
                }
                self.offer_within(number, finer, max_extra)?;
            }
        }
        let (mut region, mut since_better) = (0, 0);
        while let Some((_, number, found)) = &self.best {
            let (number, found, before) = (*number, found.clone(), self.least);
            if since_better == found.regions.len() || self.tried.len() >= most || self.is_late() {
                break;
            }
            region = (region + 1) % found.regions.len();
            for cut in self.searches[number].finer(&found.regions[region]) {
                let mut finer = found.clone();
                finer.regions[region] = cut;
                self.offer_within(number, finer, max_extra)?;
            }
            since_better = if self.least < before { 0 } else { since_better + 1 };
        }
        Ok(())
    }

    /// Plans a tiling if its extra cost is at most `max_extra`.
    fn offer_within(&mut self, number: usize, found: FoundTiling, max_extra: u64) -> Result<(), W::Error> {
        let draft = self.searches[number].draft(&found.regions);
        if draft.is_some_and(|draft| draft.extra <= max_extra) { self.offer(number, found) } else { Ok(()) }
    }

    /// The best tiling, planned in full.
    pub(in crate::export) fn finish(self, planner: &Planner) -> Result<Option<W::Tiled>, W::Error> {
        let is_late = self.is_late();
        let Some((quick, number, found)) = self.best else { return Ok(None) };
        if is_late {
            return Ok(Some(quick));
        }
        let full = self.writer.tiled(&self.searches[number], &found, planner)?;
        let is_best = |full: &W::Tiled| self.writer.bytes(full) <= self.writer.bytes(&quick);
        Ok(full.filter(is_best).or(Some(quick)))
    }
}
