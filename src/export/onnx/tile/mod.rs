//! Tiled models: regions of operators that every ONNX runtime runs stripe by stripe.
//!
//! Rows are copied by `Slice` and `Concat`, and operators get the padding of their stripe. The memory of these copies
//! counts: the written model is imported and planned like any other, and a tiling is kept only if its arena is smaller.

mod check;
mod file;
mod messages;
mod names;
mod network;
mod node;
mod window;

use std::borrow::Cow;

use super::wire::WireModel;
use super::{OnnxError, inlined, write};
use crate::export::tile::{
    DraftJudge, FoundTiling, MAX_LEVEL, TileNetwork, TileRegion, TileSearch, TiledDraft, TilingWriter,
};
use crate::import::{self, ImportError, ImportOptions};
use crate::tiling::{TilingGoal, parts_of};
use crate::{Effort, Graph, OperatorId, Plan, Planner, ScheduleMode};
use names::UniqueNames;
use network::TileSource;
use node::TileNode;

/// A planned model in which regions of operators run stripe by stripe.
///
/// Example: [`tile`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TiledOnnx {
    /// The model, with its plan in the metadata ([`check`](super::check())).
    pub bytes: Vec<u8>,
    /// The graph of the model.
    pub graph: Graph,
    /// The plan of this graph.
    pub plan: Plan,
    /// The import options of the model: symbolic dimensions have become numbers.
    pub options: ImportOptions,
    /// The regions, in the order in which they run.
    pub regions: Vec<OnnxRegion>,
    /// Cost of all operators of the model without tiling, in multiply-accumulates.
    pub untiled_cost: u64,
    /// Cost of the rows that are computed again.
    pub extra_cost: u64,
    /// Number of operators that run, before and after tiling.
    pub operators: [usize; 2],
}

/// A region of a tiled model.
///
/// Example: [`tile`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnnxRegion {
    /// Operators of the graph without tiling.
    pub operators: Vec<OperatorId>,
    /// The axis that is split.
    pub axis: usize,
    /// Number of stripes.
    pub stripes: u64,
    /// True if rows that two stripes need are kept by the first one, false if the second one computes them again.
    pub is_carried: bool,
}

/// The first version of the standard operators that the writer supports.
const FIRST_VERSION: i64 = 7;

/// Plans a model in which regions of operators run stripe by stripe, so that their large tensors never exist as a whole.
/// `graph` is the model, imported with `options`, and `untiled` its plan by `planner`. None if no tiling within the goal's
/// cost has a smaller arena, or the model cannot be tiled: it has operators before version 7.
///
/// The operators of regions are replaced by one for each stripe, with the padding of the stripe; `Slice` and `Concat`
/// supply their rows. Initializers, external data, other nodes and metadata stay as they are. Integer kernels compute
/// the same outputs, bit for bit; kernels for floating-point numbers may choose another algorithm for another shape.
///
/// The result has been imported again and verified: its shapes, and the rows that each of its nodes reads and writes.
///
/// ```
/// use plimsoll::Planner;
/// use plimsoll::export::onnx;
/// use plimsoll::import::{self, ImportOptions};
/// use plimsoll::tiling::TilingGoal;
///
/// let model = std::fs::read("examples/models/squeezenet1_1.onnx")?;
/// let (planner, options) = (Planner::new(), ImportOptions::default());
/// let graph = import::onnx_from_bytes("squeezenet", &model, &options)?.graph;
/// let untiled = planner.plan(&graph)?;
/// let goal = TilingGoal::least_memory().max_extra_ppm(20_000);
/// let tiled = onnx::tile("squeezenet", &model, &planner, (&graph, &untiled), &goal, &options)?;
/// assert!(tiled.is_some_and(|tiled| tiled.plan.arena_bytes < untiled.arena_bytes));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`OnnxError`] if the model cannot be rewritten or planned, or if a check of the written file fails.
pub fn tile(
    name: &str,
    bytes: &[u8],
    planner: &Planner,
    (graph, untiled): (&Graph, &Plan),
    goal: &TilingGoal,
    options: &ImportOptions,
) -> Result<Option<TiledOnnx>, OnnxError> {
    let bytes = inlined(name, bytes, graph, options)?;
    let model = WireModel::read(&bytes)?;
    let version = import::onnx_standard_version(&bytes)?;
    let nodes = TileNode::of_graph(&bytes, model.graph())?;
    if version < FIRST_VERSION || nodes.len() != graph.operators().len() {
        return Ok(None);
    }
    let types = if options.floats_as.is_some() {
        let options = ImportOptions { floats_as: None, ..options.clone() };
        Cow::Owned(import::onnx_from_bytes(name, &bytes, &options)?.graph)
    } else {
        Cow::Borrowed(graph)
    };
    let source = TileSource { graph, types: &types, nodes: &nodes, options, version };
    let network = source.network(untiled, planner.sharing_level());
    let indices = |order: &[OperatorId]| order.iter().map(|id| id.index()).collect::<Vec<usize>>();
    let mut orders = vec![indices(graph.program_order())];
    let own_order = indices(&untiled.order);
    if own_order != orders[0] {
        orders.push(own_order);
    }
    let most = goal.max_extra_ppm.min(MAX_LEVEL);
    let effort = planner.chosen_effort();
    let budget = (parts_of(network.cost, most), effort);
    let search =
        |order: &Vec<usize>| TileSearch::new(&network, order, false, budget, planner.chosen_limits());
    let searches: Vec<TileSearch<'_>> = orders.iter().map(search).collect();
    let taken = UniqueNames::of_graph(&bytes, model.graph())?;
    let writer = OnnxTiler { name, bytes: &bytes, source: &source, network: &network, taken };
    let mut judge = DraftJudge::new(writer, &searches, planner, untiled.arena_bytes);
    match goal.capacity {
        Some(capacity) => judge.fit(capacity, (network.cost, most))?,
        None => judge.heads((network.cost, most), 0)?,
    }
    let best = judge.finish(planner)?;
    best.map(|best| best.with_plan(name, &bytes, &source)).transpose()
}

/// Writes and plans tilings of a model.
struct OnnxTiler<'a> {
    name: &'a str,
    bytes: &'a [u8],
    source: &'a TileSource<'a>,
    network: &'a TileNetwork,
    /// The names of the model.
    taken: UniqueNames,
}

/// A tiled model before its plan is added.
struct DraftedOnnx {
    tiled: TiledOnnx,
    draft: TiledDraft,
    names: Vec<String>,
}

impl TilingWriter for OnnxTiler<'_> {
    type Tiled = DraftedOnnx;
    type Error = OnnxError;

    /// Stripes are drafted in an order of low memory, and a search for a better one takes longer than all else.
    fn quick(&self, planner: &Planner) -> Planner {
        planner.clone().effort(Effort::Quick).order(ScheduleMode::Program)
    }

    fn bytes(&self, tiled: &DraftedOnnx) -> u64 {
        tiled.tiled.plan.arena_bytes
    }

    fn counts_all_bytes(&self) -> bool {
        false
    }

    fn tiled(
        &self,
        search: &TileSearch<'_>,
        found: &FoundTiling,
        planner: &Planner,
    ) -> Result<Option<DraftedOnnx>, OnnxError> {
        let Some(draft) = search.draft(&found.regions) else { return Ok(None) };
        let nodes = file::nodes(self.source, &draft, self.taken.clone())?;
        let bytes = file::model(self.bytes, self.source, (&draft, &nodes))?;
        let (graph, options) = imported(self.name, &bytes, self.source.options)?;
        let plan = planner.plan(&graph)?;
        let tiled = TiledOnnx {
            bytes,
            graph,
            plan,
            options,
            regions: found.regions.iter().map(region).collect(),
            untiled_cost: self.network.cost,
            extra_cost: draft.extra,
            operators: [self.source.graph.program_order().len(), draft.operators.len()],
        };
        Ok(Some(DraftedOnnx { tiled, draft, names: nodes.names }))
    }
}

fn region(region: &TileRegion) -> OnnxRegion {
    OnnxRegion {
        operators: region.operators.iter().map(|&id| OperatorId::new(id)).collect(),
        axis: region.axis,
        stripes: region.cut.stripes.unsigned_abs(),
        is_carried: region.cut.is_carried,
    }
}

/// The graph of a tiled model, and options without the dimensions that have become numbers.
fn imported(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<(Graph, ImportOptions), OnnxError> {
    let mut options = options.clone();
    loop {
        match import::onnx_from_bytes(name, bytes, &options) {
            Err(ImportError::UnknownDimension { name, .. }) if options.dims.remove(&name).is_some() => {}
            result => return Ok((result?.graph, options)),
        }
    }
}

impl DraftedOnnx {
    /// The model with its plan, verified.
    fn with_plan(self, name: &str, bytes: &[u8], source: &TileSource<'_>) -> Result<TiledOnnx, OnnxError> {
        let Self { mut tiled, draft, names } = self;
        tiled.bytes = write(name, &tiled.bytes, &tiled.graph, &tiled.plan, &tiled.options)?;
        let checked = super::check(name, &tiled.bytes)?;
        (tiled.graph, tiled.plan) = (checked.graph, checked.plan);
        let tiles = check::stated_tiles(&draft, &names);
        check::verify(source, &tiled.bytes, &tiled.graph, &tiles)?;
        check::same_rest(bytes, &tiled.bytes)?;
        Ok(tiled)
    }
}
