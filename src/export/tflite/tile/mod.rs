//! Tiled models: regions of operators that an unmodified runtime runs stripe by stripe.
//!
//! Rows are copied by `SLICE` and `CONCATENATION`, and padding becomes `PAD`, or wrong rows are cut off. The memory of
//! these copies counts: the written model is planned like any other, and a tiling is kept only if its head is smaller.

mod file;
mod network;

use std::iter;

use super::calls::Calls;
use super::runtime_network::RuntimeNetwork;
use super::scratch::{Scratch, sums};
use super::{CONTROL_DEPENDENCIES, TfliteError, TflitePlan, has_metadata, plan};
use crate::export::tile::{
    DraftJudge, DraftKind, FoundTiling, MAX_LEVEL, TileNetwork, TileRegion, TileSearch, TiledDraft,
    TilingWriter,
};
use crate::import::{Fold, ImportOptions, tflite};
use crate::tiling::{TilingGoal, parts_of};
use crate::{Planner, ScheduleMode, SharingLevel, Status};

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

/// Plans a model in which regions of operators run stripe by stripe, so that their large tensors never exist as a whole.
/// `untiled` is the plan of the model without tiling ([`plan`](super::plan())). None if no tiling within the goal's cost
/// has a smaller arena or head by `measure`, or the model cannot be tiled.
///
/// Integer kernels compute the same outputs from the written model, bit for bit. The operators of regions are replaced by
/// one for each stripe; `SLICE`, `PAD` and `CONCATENATION` supply their rows. If the planner shares memory up to
/// [`SharingLevel::InPlace`], results of regions may be written piece by piece (`DYNAMIC_UPDATE_SLICE`); with
/// [`SharingLevel::All`], slices and concatenations of rows need no memory, and tensors die row by row. Constants are
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
    let level = planner.sharing_level();
    let network_at = |level| network::network(&graph, subgraph, &own_scratch[0], (bytes, first), level);
    let tiles = network_at(level);
    // Plans may use fewer aliases than the search counts on, so tilings of less sharing are tried, too.
    let with_copies = tiles.rules.shares_rows.then(|| network_at(SharingLevel::InPlace));
    let mut orders = vec![(0..subgraph.operators.len()).collect::<Vec<usize>>()];
    if orders[0] != untiled.layout.orders[0] {
        orders.push(untiled.layout.orders[0].clone());
    }
    let updates = level >= SharingLevel::InPlace;
    let most = goal.max_extra_ppm.min(MAX_LEVEL);
    let budget = parts_of(tiles.cost, most);
    let mut searches = Vec::new();
    for order in &orders {
        for tiles in iter::once(&tiles).chain(&with_copies) {
            let options = (budget, planner.chosen_effort());
            searches.push(TileSearch::new(tiles, order, updates, options, planner.chosen_limits()));
        }
    }
    let measure = if goal.capacity.is_some() { TfliteMeasure::Head } else { measure };
    let writer = TiledWriter { name, bytes, scratch, network: &network, tiles: &tiles, first, measure };
    let mut judge = DraftJudge::new(writer, &searches, planner, measure.bytes(untiled));
    match (goal.capacity, measure) {
        (Some(capacity), _) => judge.fit(capacity, (tiles.cost, most))?,
        (None, TfliteMeasure::Arena) => judge.arenas(budget)?,
        (None, TfliteMeasure::Head) => judge.heads((tiles.cost, most), 0)?,
    }
    if tiles.rules.shares_rows {
        judge.refine(budget, planner.chosen_effort())?;
    }
    judge.finish(planner)
}

/// Writes and plans tilings of a model.
struct TiledWriter<'a> {
    name: &'a str,
    bytes: &'a [u8],
    scratch: &'a Scratch,
    network: &'a RuntimeNetwork,
    tiles: &'a TileNetwork,
    first: tflite::schema::SubGraph<'a>,
    measure: TfliteMeasure,
}

impl TilingWriter for TiledWriter<'_> {
    type Tiled = TiledTflite;
    type Error = TfliteError;

    fn bytes(&self, tiled: &TiledTflite) -> u64 {
        self.measure.bytes(&tiled.planned)
    }

    fn counts_all_bytes(&self) -> bool {
        !self.tiles.rules.shares_rows
    }

    fn tiled(
        &self,
        search: &TileSearch<'_>,
        found: &FoundTiling,
        planner: &Planner,
    ) -> Result<Option<TiledTflite>, TfliteError> {
        let Some(draft) = search.draft(&found.regions) else { return Ok(None) };
        let written = self.written(&draft)?;
        let scratch = self.scratch.moved(&origins(&draft));
        let tiled = self.planned(&written, planner, &scratch)?;
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
}

impl TiledWriter<'_> {
    /// Plans a written model. Where rows of exits lie over dead rows of entries, stripes must run one after the other, but
    /// an order of fewest live bytes may mix them. So the order of the draft is planned as well.
    fn planned(
        &self,
        written: &[u8],
        planner: &Planner,
        scratch: &Scratch,
    ) -> Result<TflitePlan, TfliteError> {
        let found = plan(self.name, written, planner.clone(), scratch)?;
        let is_late = planner.chosen_limits().poll().is_err();
        if !self.tiles.rules.shares_rows || found.plan.status == Status::Optimal || is_late {
            return Ok(found);
        }
        let drafted = plan(self.name, written, planner.clone().order(ScheduleMode::Program), scratch)?;
        let is_better = self.measure.bytes(&drafted) < self.measure.bytes(&found);
        Ok(if is_better { drafted } else { found })
    }

    fn written(&self, draft: &TiledDraft) -> Result<Vec<u8>, TfliteError> {
        let model = tflite::model(self.bytes)?;
        let tensors = &self.network.subgraphs[0].tensors;
        let shapes: Vec<Option<Vec<u64>>> = tensors.iter().map(|tensor| tensor.shape.clone()).collect();
        let types: Vec<_> = tensors.iter().map(|tensor| tensor.element_type).collect();
        let names = file::names(self.first);
        file::write(self.bytes, model, (draft, &names), &shapes, &types)
    }
}

/// For each operator of a draft, the operator of the model that it runs.
fn origins(draft: &TiledDraft) -> Vec<Option<usize>> {
    let origin = |kind: &DraftKind| match kind {
        DraftKind::Whole(operator) | DraftKind::Tile { operator, .. } => Some(*operator),
        _ => None,
    };
    draft.operators.iter().map(|operator| origin(&operator.kind)).collect()
}
