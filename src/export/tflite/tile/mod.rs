//! Tiled models: regions of operators that an unmodified runtime runs stripe by stripe.
//!
//! Rows are copied by `SLICE` and `CONCATENATION`, and padding becomes `PAD`, or wrong rows are cut off. The memory of
//! these copies counts: the written model is planned like any other, and a tiling is kept only if its head is smaller.

mod draft;
mod file;
mod network;
mod search;
mod stripes;

use super::calls::Calls;
use super::runtime_network::RuntimeNetwork;
use super::scratch::{Scratch, sums};
use super::{CONTROL_DEPENDENCIES, TfliteError, TflitePlan, has_metadata, plan};
use crate::import::{Fold, ImportOptions, tflite};
use crate::tiling::{TilingGoal, parts_of};
use crate::{Effort, Planner, SharingLevel};
use draft::{Draft, DraftKind};
use network::TileNetwork;
use search::{FoundTiling, Least, TileSearch};
use stripes::TileRegion;

/// A planned model in which regions of operators run stripe by stripe.
///
/// Example: [`tile`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TiledTflite {
    /// The model and its plan. [`runtime_head_bytes`](TflitePlan::runtime_head_bytes) is that of the tiled model.
    pub planned: TflitePlan,
    /// The regions, in the order in which they run.
    pub regions: Vec<TfliteRegion>,
    /// Cost of all operators of the model without tiling, in multiply-accumulates.
    pub untiled_cost: u64,
    /// Cost of the rows that are computed again.
    pub extra_cost: u64,
    /// Number of operators in the first subgraph before and after tiling.
    pub operators: [usize; 2],
    /// Operator types that the model did not have, which the application has to register.
    pub added_types: Vec<&'static str>,
}

/// A region of a tiled model.
///
/// Example: [`tile`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TfliteRegion {
    /// Operators of the model without tiling, by their positions in the first subgraph.
    pub operators: Vec<usize>,
    /// The axis that is split.
    pub axis: usize,
    /// Number of stripes.
    pub stripes: u64,
    /// True if rows that two stripes need are kept by the first one, false if the second one computes them again.
    pub is_carried: bool,
}

/// The memory that tiling makes small.
///
/// Example: [`tile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TfliteMeasure {
    /// The estimated arena ([`TflitePlan::estimated_arena_bytes`]): each tile needs records in the tail, too.
    #[default]
    Arena,
    /// The head alone.
    Head,
}

impl TfliteMeasure {
    fn bytes(self, plan: &TflitePlan) -> u64 {
        match self {
            Self::Arena => plan.estimated_arena_bytes,
            Self::Head => plan.head_bytes,
        }
    }
}

/// Number of tilings of an order whose arenas are planned.
const MAX_PLANS: usize = 6;

/// Budgets of extra cost that are tried, in parts per million.
const LEVELS: [u64; 10] = [0, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 300_000, 500_000, 1_000_000];

/// Budget of a goal without one.
const MAX_LEVEL: u64 = 2_000_000;

/// Plans a model in which regions of operators run stripe by stripe, so that their large tensors never exist as a whole.
/// `untiled` is the plan of the model without tiling ([`plan`](super::plan())). None if no tiling within the goal's cost
/// has a smaller arena or head by `measure`, or the model cannot be tiled.
///
/// Integer kernels compute the same outputs from the written model, bit for bit. The operators of regions are replaced by
/// one for each stripe; `SLICE`, `PAD` and `CONCATENATION` supply their rows. If the planner shares memory up to
/// [`SharingLevel::InPlace`], results of regions may be written piece by piece (`DYNAMIC_UPDATE_SLICE`). Constants are
/// shared; other subgraphs, variables, signatures and metadata stay as they are. Measured scratch of an operator counts
/// for each of its stripes.
///
/// ```no_run
/// use plimsoll::Planner;
/// use plimsoll::export::tflite::{self, Scratch, TfliteMeasure};
/// use plimsoll::tiling::TilingGoal;
///
/// # fn main() -> Result<(), tflite::TfliteError> {
/// let model = std::fs::read("person.tflite").unwrap();
/// let (planner, scratch) = (Planner::new(), Scratch::reference());
/// let untiled = tflite::plan("person", &model, planner.clone(), &scratch)?;
/// let goal = TilingGoal::least_memory().max_extra_ppm(50_000);
/// let tiled = tflite::tile("person", &model, &planner, &scratch, &untiled, (&goal, TfliteMeasure::Arena))?;
/// let smallest = tiled.map_or(untiled, |tiled| tiled.planned);
/// std::fs::write("tiled.tflite", &smallest.bytes).unwrap();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`plan`](super::plan()).
pub fn tile(
    name: &str,
    bytes: &[u8],
    planner: &Planner,
    scratch: &Scratch,
    untiled: &TflitePlan,
    (goal, measure): (&TilingGoal, TfliteMeasure),
) -> Result<Option<TiledTflite>, TfliteError> {
    let model = tflite::model(bytes)?;
    if has_metadata(model, CONTROL_DEPENDENCIES) {
        return Ok(None);
    }
    let network = RuntimeNetwork::new(bytes, model)?;
    let calls = Calls::new(&network)?;
    let options = ImportOptions { fold: Fold::None, ..ImportOptions::default() };
    let graph = tflite::from_bytes(name, bytes, &options)?.graph;
    let (Some(first), Some(subgraph)) =
        (model.subgraphs().and_then(|list| list.iter().next()), network.subgraphs.first())
    else {
        return Ok(None);
    };
    if calls.is_repeated.first() != Some(&false) {
        return Ok(None);
    }
    let requests = scratch.requests(&network)?;
    let own_scratch = sums(&requests.each);
    let tiles = TileNetwork::new(&graph, subgraph, &own_scratch[0], (bytes, first));
    let mut orders = vec![(0..subgraph.operators.len()).collect::<Vec<usize>>()];
    if orders[0] != untiled.layout.orders[0] {
        orders.push(untiled.layout.orders[0].clone());
    }
    let updates = planner.sharing_level() >= SharingLevel::InPlace;
    let most = goal.max_extra_ppm.min(MAX_LEVEL);
    let budget = parts_of(tiles.cost, most);
    let search =
        |order: &Vec<usize>| TileSearch::new(&tiles, order, updates, (budget, planner.chosen_effort()));
    let searches: Vec<TileSearch<'_>> = orders.iter().map(search).collect();
    let writer = TiledWriter { name, bytes, scratch, network: &network, tiles: &tiles, first };
    let quick = planner.clone().effort(Effort::Quick);
    let mut judge = Judge { writer, planner: quick, untiled, measure, best: None, tried: Vec::new() };
    match (goal.capacity, measure) {
        (Some(capacity), _) => judge.fit(&searches, capacity, (tiles.cost, most))?,
        (None, TfliteMeasure::Arena) => judge.arenas(&searches, budget)?,
        (None, TfliteMeasure::Head) => judge.heads(&searches, (tiles.cost, most), 0)?,
    }
    judge.finish(&searches, planner)
}

/// Plans tilings and keeps the best one.
struct Judge<'a> {
    writer: TiledWriter<'a>,
    planner: Planner,
    untiled: &'a TflitePlan,
    measure: TfliteMeasure,
    /// With the order and the tiling of it.
    best: Option<(TiledTflite, usize, FoundTiling)>,
    tried: Vec<(usize, Vec<TileRegion>)>,
}

impl Judge<'_> {
    /// The least memory so far.
    fn least(&self) -> &TflitePlan {
        self.best.as_ref().map_or(self.untiled, |best| &best.0.planned)
    }

    /// Plans a tiling of an order, once.
    fn offer(
        &mut self,
        (number, search): (usize, &TileSearch<'_>),
        found: FoundTiling,
    ) -> Result<(), TfliteError> {
        let is_known = |(of, regions): &(usize, Vec<TileRegion>)| *of == number && *regions == found.regions;
        if found.regions.is_empty() || self.tried.iter().any(is_known) {
            return Ok(());
        }
        self.tried.push((number, found.regions.clone()));
        let Some(tiled) = self.writer.tiled(search, &found, &self.planner)? else { return Ok(()) };
        if self.measure.bytes(&tiled.planned) < self.measure.bytes(self.least()) {
            self.best = Some((tiled, number, found));
        }
        Ok(())
    }

    /// Tries the tilings with the smallest arenas, by live bytes.
    fn arenas(&mut self, searches: &[TileSearch<'_>], max_extra: u64) -> Result<(), TfliteError> {
        for (number, search) in searches.iter().enumerate() {
            // Labels are few, so a budget may hide a tiling without extra cost.
            for budget in [0, max_extra] {
                for found in search.small_arenas(budget).into_iter().take(MAX_PLANS) {
                    self.offer((number, search), found)?;
                }
            }
        }
        Ok(())
    }

    /// Tries the tilings with the smallest heads within each budget, until the head fits `capacity` bytes.
    fn heads(
        &mut self,
        searches: &[TileSearch<'_>],
        (cost, most): (u64, u64),
        capacity: u64,
    ) -> Result<(), TfliteError> {
        for level in LEVELS.into_iter().filter(|&level| level < most).chain([most]) {
            for (number, search) in searches.iter().enumerate() {
                let below = self.least().head_bytes;
                if let Some(found) = search.least_bytes(parts_of(cost, level), below) {
                    self.offer((number, search), found)?;
                }
            }
            if self.least().head_bytes <= capacity {
                break;
            }
        }
        Ok(())
    }

    /// Tries the cheapest tilings whose heads fit `capacity` bytes, or the smallest heads if none fits.
    fn fit(
        &mut self,
        searches: &[TileSearch<'_>],
        capacity: u64,
        (cost, most): (u64, u64),
    ) -> Result<(), TfliteError> {
        self.measure = TfliteMeasure::Head;
        // A plan may need a little more than the live bytes.
        for eighths in [32, 31, 30, 28] {
            for (number, search) in searches.iter().enumerate() {
                let live = capacity / 32 * eighths;
                if let Some(found) = search.cheapest_path(live, parts_of(cost, most), Least::Extra) {
                    self.offer((number, search), found)?;
                }
            }
            if self.least().head_bytes <= capacity {
                return Ok(());
            }
        }
        self.heads(searches, (cost, most), capacity)
    }

    /// The best tiling, planned in full.
    fn finish(
        self,
        searches: &[TileSearch<'_>],
        planner: &Planner,
    ) -> Result<Option<TiledTflite>, TfliteError> {
        let Some((quick, number, found)) = self.best else { return Ok(None) };
        let full = self.writer.tiled(&searches[number], &found, planner)?;
        Ok(full.filter(|full| full.planned.head_bytes <= quick.planned.head_bytes).or(Some(quick)))
    }
}

/// Writes and plans tilings of a model.
struct TiledWriter<'a> {
    name: &'a str,
    bytes: &'a [u8],
    scratch: &'a Scratch,
    network: &'a RuntimeNetwork,
    tiles: &'a TileNetwork<'a>,
    first: tflite::schema::SubGraph<'a>,
}

impl TiledWriter<'_> {
    /// The planned model of a tiling.
    fn tiled(
        &self,
        search: &TileSearch<'_>,
        found: &FoundTiling,
        planner: &Planner,
    ) -> Result<Option<TiledTflite>, TfliteError> {
        let Some(draft) = search.draft(&found.regions) else { return Ok(None) };
        let written = self.written(&draft)?;
        let scratch = self.scratch.moved(&origins(&draft));
        let tiled = plan(self.name, &written, planner.clone(), &scratch)?;
        let subgraph = &self.network.subgraphs[0];
        let types: Vec<&str> =
            subgraph.operators.iter().map(|operator| operator.read.op_type.as_str()).collect();
        let region = |region: &TileRegion| TfliteRegion {
            operators: region.operators.clone(),
            axis: region.axis,
            stripes: region.cut.stripes.unsigned_abs(),
            is_carried: region.cut.is_carried,
        };
        Ok(Some(TiledTflite {
            planned: tiled,
            regions: found.regions.iter().map(region).collect(),
            untiled_cost: self.tiles.cost,
            extra_cost: draft.extra,
            operators: [subgraph.operators.len(), draft.operators.len()],
            added_types: file::added_types(&draft, &types),
        }))
    }

    fn written(&self, draft: &Draft) -> Result<Vec<u8>, TfliteError> {
        let model = tflite::model(self.bytes)?;
        let tensors = &self.network.subgraphs[0].tensors;
        let shapes: Vec<Option<Vec<u64>>> = tensors.iter().map(|tensor| tensor.shape.clone()).collect();
        let types: Vec<_> = tensors.iter().map(|tensor| tensor.element_type).collect();
        let names = file::names(self.first);
        file::write(self.bytes, model, (draft, &names), &shapes, &types)
    }
}

/// For each operator of a draft, the operator of the model that it runs.
fn origins(draft: &Draft) -> Vec<Option<usize>> {
    let origin = |kind: &DraftKind| match kind {
        DraftKind::Whole(operator) | DraftKind::Tile { operator, .. } => Some(*operator),
        _ => None,
    };
    draft.operators.iter().map(|operator| origin(&operator.kind)).collect()
}
