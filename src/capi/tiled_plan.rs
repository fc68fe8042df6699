//! Plans of graphs whose regions run stripe by stripe.

use std::ffi::c_char;
use std::ops::Range;
use std::sync::Arc;

use super::boundary::{
    Failure, copy_list, copy_text, create, free, give, guard, mutable, number_or_none, reference,
};
use super::export::{exported, write_text};
use super::graph::plimsoll_graph;
use super::options::plimsoll_options;
use super::plan::{PlanSource, options_or_default, plimsoll_plan};
use super::pool_plan::plimsoll_pool_plan;
use super::record_size::{Record, copy_records, write};
use super::records::{
    plimsoll_region, plimsoll_tile, plimsoll_tile_read, plimsoll_tiled_operator, plimsoll_tiled_tensor,
    plimsoll_tiling_figures,
};
use super::status::{
    PLIMSOLL_ERROR_UNSUPPORTED, PLIMSOLL_EXPORT_C, PLIMSOLL_NO_INDEX, PLIMSOLL_NONE, PLIMSOLL_TILED_CARRY,
    PLIMSOLL_TILED_JOIN, PLIMSOLL_TILED_SPLIT, PLIMSOLL_TILED_TILE, PLIMSOLL_TILED_WHOLE,
};
use crate::tiling::{OperatorOrigin, TiledGraph, Tiling, TilingCost, TilingGoal};
use crate::verify::{verify_tiled_plan, verify_tiled_pools};
use crate::{Graph, OperatorId, Plan, PlanView, PoolPlan, RowsRead, TensorId, TiledPlan, TiledPoolPlan};

/// A verified plan of a graph in which regions of operators run stripe by stripe: regions, the tiled
/// graph, and the plan of that graph for one arena or for several memories. Immutable; any number of
/// threads may use it at the same time.
pub struct plimsoll_tiled_plan {
    graph: Arc<Graph>,
    plan: TiledPlanOf,
    alignment: u64,
}

/// A tiled plan, and the plan without tiling, which a tiled plan from a document lacks.
#[allow(clippy::large_enum_variant)] // one for each handle
enum TiledPlanOf {
    Arena(TiledPlan, Option<Plan>),
    Pools(TiledPoolPlan, PoolPlan),
}

impl TiledPlanOf {
    fn tiling(&self) -> (&Tiling, &TiledGraph, &TilingCost) {
        match self {
            Self::Arena(plan, _) => (&plan.tiling, &plan.tiled, &plan.cost),
            Self::Pools(plan, _) => (&plan.tiling, &plan.tiled, &plan.cost),
        }
    }

    /// Bytes of the arena, or used bytes of the first pool, with and without tiling.
    fn bytes(&self) -> [u64; 2] {
        let used = |plan: &PoolPlan| plan.used.first().copied().unwrap_or(0);
        match self {
            Self::Arena(plan, untiled) => {
                [plan.plan.arena_bytes, untiled.as_ref().map_or(0, |untiled| untiled.arena_bytes)]
            }
            Self::Pools(plan, untiled) => [used(&plan.plan), used(untiled)],
        }
    }

    fn view<'a>(&'a self, graph: &'a Graph) -> PlanView<'a> {
        match self {
            Self::Arena(plan, untiled) => PlanView::of_tiled(graph, plan, untiled.as_ref()),
            Self::Pools(plan, untiled) => PlanView::of_tiled_pools(graph, plan, Some(untiled)),
        }
    }
}

/// The graph of a plan; an error for a plan of a problem.
pub(super) fn graph_to_tile(plan: &plimsoll_plan) -> Result<&Arc<Graph>, Failure> {
    match &plan.source {
        PlanSource::Graph(graph) => Ok(graph),
        PlanSource::Problem(_) => Err(Failure::argument("a plan of a problem has no operators to tile")),
    }
}

/// The goal of a capacity, PLIMSOLL_NONE for none, and a limit of extra cost.
pub(super) fn tiling_goal(capacity: u64, max_extra_ppm: u64) -> TilingGoal {
    let goal = number_or_none(capacity).map_or_else(TilingGoal::least_memory, TilingGoal::fit);
    goal.max_extra_ppm(max_extra_ppm)
}

/// Tiles the graph of a plan, if that takes less memory than the plan: regions of operators run stripe by
/// stripe, so that their large tensors never exist as a whole. The operators' access maps
/// (`plimsoll_graph_set_access`) state what is possible. `options` should be those of the plan; NULL
/// for the defaults.
///
/// `capacity` is the size in bytes that the arena must fit at the least extra cost, or PLIMSOLL_NONE for the
/// smallest arena. `max_extra_ppm` is the extra cost allowed for rows that are computed again, in parts per
/// million of the cost of the graph: 50000 for 5 %, UINT64_MAX for any.
///
/// `tiled` receives NULL if no tiling within these limits takes less memory than the plan; that is no
/// error. The arena of a tiled plan may exceed `capacity`; compare `plimsoll_plan_arena_bytes`. Free the tiled plan
/// with `plimsoll_tiled_plan_free`. PLIMSOLL_ERROR_ARGUMENT for a plan of a problem.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_plan_tile(
    plan: *const plimsoll_plan,
    options: *const plimsoll_options,
    capacity: u64,
    max_extra_ppm: u64,
    tiled: *mut *mut plimsoll_tiled_plan,
) -> i32 {
    guard(|| {
        let plan = unsafe { reference(plan, "plan") }?;
        let out = unsafe { mutable(tiled, "tiled") }?;
        let graph = graph_to_tile(plan)?;
        let options = unsafe { options_or_default(options) }?;
        let goal = tiling_goal(capacity, max_extra_ppm);
        options.log(&format!("tiling `{}`", graph.name()));
        let found = options.planner()?.tile(graph, &plan.plan, &goal)?;
        let Some(found) = found else {
            *out = std::ptr::null_mut();
            return Ok(());
        };
        options.log(&format!("tiled `{}`: {} bytes", graph.name(), found.plan.arena_bytes));
        let plan = TiledPlanOf::Arena(found, Some(plan.plan.clone()));
        give(out, plimsoll_tiled_plan { graph: Arc::clone(graph), plan, alignment: options.alignment() });
        Ok(())
    })
}

/// Tiles the graph of a plan for several memories, if a run then costs less: tiles live on chip, and every
/// stripe reads the constants of its operators again, which counts as traffic. `options` should be those of the
/// plan; NULL for the defaults. `max_extra_ppm` as for `plimsoll_plan_tile`.
///
/// `tiled` receives NULL if no tiling within the limit costs less than the plan; that is no error.
/// `plimsoll_tiled_plan_pool_plan` gives the plan of the tiled graph. Free the tiled plan with
/// `plimsoll_tiled_plan_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pool_plan_tile(
    plan: *const plimsoll_pool_plan,
    options: *const plimsoll_options,
    max_extra_ppm: u64,
    tiled: *mut *mut plimsoll_tiled_plan,
) -> i32 {
    guard(|| {
        let plimsoll_pool_plan { graph, plan } = unsafe { reference(plan, "plan") }?;
        let out = unsafe { mutable(tiled, "tiled") }?;
        let options = unsafe { options_or_default(options) }?;
        let goal = TilingGoal::least_memory().max_extra_ppm(max_extra_ppm);
        options.log(&format!("tiling `{}` for several memories", graph.name()));
        let Some(found) = options.planner()?.place_tiles(graph, plan, &goal)? else {
            *out = std::ptr::null_mut();
            return Ok(());
        };
        options.log(&format!("tiled `{}`: cost {}", graph.name(), found.plan.cost));
        let plan = TiledPlanOf::Pools(found, plan.clone());
        give(out, plimsoll_tiled_plan { graph: Arc::clone(graph), plan, alignment: options.alignment() });
        Ok(())
    })
}

impl plimsoll_tiled_plan {
    /// A tiled plan from a document.
    #[cfg(feature = "json")]
    pub(super) fn read(graph: Arc<Graph>, plan: TiledPlan) -> Self {
        let alignment = plan.plan.alignment;
        Self { graph, plan: TiledPlanOf::Arena(plan, None), alignment }
    }
}

unsafe fn tiling_of<'a>(
    plan: *const plimsoll_tiled_plan,
) -> Result<(&'a Tiling, &'a TiledGraph, &'a TilingCost), Failure> {
    Ok(unsafe { reference(plan, "plan") }?.plan.tiling())
}

/// Writes cost and sizes of a tiled plan. For several memories, the arena is the used part of the first one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_figures(
    plan: *const plimsoll_tiled_plan,
    figures: *mut plimsoll_tiling_figures,
    record_size: usize,
) -> i32 {
    guard(|| {
        let plan = &unsafe { reference(plan, "plan") }?.plan;
        let (tiling, tiled, cost) = plan.tiling();
        let [arena_bytes, untiled_arena_bytes] = plan.bytes();
        let record = plimsoll_tiling_figures {
            arena_bytes,
            untiled_arena_bytes,
            untiled_cost: cost.untiled,
            extra_cost: cost.extra,
            copied_bytes: cost.copied_bytes,
            constant_bytes: cost.constant_bytes,
            regions: tiling.regions.len() as u32,
            operators: tiled.operators.len() as u32,
            tensors: tiled.tensors.len() as u32,
            unused: 0,
        };
        unsafe { write(&record, figures, record_size, "figures") }
    })
}

/// Creates a plan from the plan of the tiled graph: offsets, order and bounds have the indices of that graph
/// (`plimsoll_tiled_plan_operators`, `plimsoll_tiled_plan_tensors`). Its status and bounds are about orders,
/// sharing and offsets of the tiled graph, not about tilings. Free it with `plimsoll_plan_free`.
/// PLIMSOLL_ERROR_ARGUMENT for a tiled plan for several memories.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_plan(
    plan: *const plimsoll_tiled_plan,
    tiled_graph_plan: *mut *mut plimsoll_plan,
) -> i32 {
    let of_arena = || {
        let tiled = unsafe { reference(plan, "plan") }?;
        let TiledPlanOf::Arena(plan, _) = &tiled.plan else {
            let message = "the tiled plan is for several memories; use plimsoll_tiled_plan_pool_plan";
            return Err(Failure::argument(message));
        };
        let graph = Arc::new(plan.tiled.graph.clone());
        Ok(plimsoll_plan::of_graph(graph, plan.plan.clone(), tiled.alignment))
    };
    unsafe { create(tiled_graph_plan, "tiled_graph_plan", of_arena) }
}

/// Creates a plan for several memories from that of the tiled graph: residency intervals, transfers and order
/// have the indices of that graph. Free it with `plimsoll_pool_plan_free`. PLIMSOLL_ERROR_ARGUMENT for a
/// tiled plan for one arena.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_pool_plan(
    plan: *const plimsoll_tiled_plan,
    pool_plan: *mut *mut plimsoll_pool_plan,
) -> i32 {
    let of_pools = || {
        let TiledPlanOf::Pools(plan, _) = &unsafe { reference(plan, "plan") }?.plan else {
            return Err(Failure::argument("the tiled plan is for one arena; use plimsoll_tiled_plan_plan"));
        };
        Ok(plimsoll_pool_plan { graph: Arc::new(plan.tiled.graph.clone()), plan: plan.plan.clone() })
    };
    unsafe { create(pool_plan, "pool_plan", of_pools) }
}

/// Creates a built graph from the tiled graph, for names and sizes. Free it with `plimsoll_graph_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_graph(
    plan: *const plimsoll_tiled_plan,
    graph: *mut *mut plimsoll_graph,
) -> i32 {
    let tiled = || Ok(plimsoll_graph::of_built(Arc::new(unsafe { tiling_of(plan) }?.1.graph.clone())));
    unsafe { create(graph, "graph", tiled) }
}

/// Copies out the regions, in the order in which they run.
///
/// `count` receives the number of regions. With NULL for `regions` only `count` is written; if `capacity` is
/// less than `count`, too, and the call returns PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_regions(
    plan: *const plimsoll_tiled_plan,
    regions: *mut plimsoll_region,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let mut first_tile = 0;
        Ok(unsafe { tiling_of(plan) }?.0.regions.iter().map(move |region| {
            let (operators, stripes) = (region.operators.len() as u32, region.stripes.len() as u32);
            let record = plimsoll_region { first_tile, stripes, operators, unused: 0 };
            first_tile += u64::from(operators) * u64::from(stripes);
            record
        }))
    };
    unsafe { copy_records(regions, record_size, capacity, count, listed) }
}

/// Copies out the tiles of all regions: by region, by stripe, and by operator in the order in which a stripe runs
/// them. A tile without rows does not run. `count` as for `plimsoll_tiled_plan_regions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_tiles(
    plan: *const plimsoll_tiled_plan,
    tiles: *mut plimsoll_tile,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let mut records = Vec::new();
        for (number, region) in unsafe { tiling_of(plan) }?.0.regions.iter().enumerate() {
            for (stripe, of_stripe) in region.stripes.iter().enumerate() {
                for ((operator, &axis), tile) in region.operators.iter().zip(&region.axes).zip(of_stripe) {
                    records.push(plimsoll_tile {
                        start: tile.computed.start,
                        end: tile.computed.end,
                        carried: tile.carried,
                        operator_: operator.index() as u32,
                        axis: axis as u32,
                        region: number as u32,
                        stripe: stripe as u32,
                    });
                }
            }
        }
        Ok(records)
    };
    unsafe { copy_records(tiles, record_size, capacity, count, listed) }
}

/// Copies out the operators of the tiled graph by index. The order of the plan says when they run. `count` as for
/// `plimsoll_tiled_plan_regions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_operators(
    plan: *const plimsoll_tiled_plan,
    operators: *mut plimsoll_tiled_operator,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let (_, tiled, _) = unsafe { tiling_of(plan) }?;
        let (mut first_operand, mut first_read) = (0, 0);
        let nodes = tiled.graph.operators().iter().zip(&tiled.operators);
        Ok(nodes.map(move |(node, origin)| {
            let mut record = operator_of(origin);
            (record.input_count, record.output_count) =
                (node.inputs().len() as u32, node.outputs().len() as u32);
            (record.first_operand, record.first_read) = (first_operand, first_read);
            first_operand += record.input_count + record.output_count;
            first_read += record.read_count;
            record
        }))
    };
    unsafe { copy_records(operators, record_size, capacity, count, listed) }
}

/// The record of an operator without its operands.
fn operator_of(origin: &OperatorOrigin) -> plimsoll_tiled_operator {
    let mut record = plimsoll_tiled_operator {
        action: PLIMSOLL_TILED_WHOLE,
        axis: PLIMSOLL_NO_INDEX,
        region: PLIMSOLL_NO_INDEX,
        stripe: PLIMSOLL_NO_INDEX,
        ..Record::DEFAULT
    };
    let (action, tensor, axis) = match origin {
        OperatorOrigin::Whole(id) => {
            record.index = id.index() as u32;
            return record;
        }
        OperatorOrigin::Tile { operator, region, stripe, axis, rows, reads } => {
            (record.action, record.index) = (PLIMSOLL_TILED_TILE, operator.index() as u32);
            (record.region, record.stripe) = (*region as u32, *stripe as u32);
            (record.start, record.end, record.axis) = (rows.start, rows.end, *axis as u32);
            record.read_count = reads.len() as u32;
            return record;
        }
        OperatorOrigin::Split { tensor, axis } => (PLIMSOLL_TILED_SPLIT, tensor, axis),
        OperatorOrigin::Carry { tensor, axis, rows } => {
            (record.start, record.end) = (rows.start, rows.end);
            (PLIMSOLL_TILED_CARRY, tensor, axis)
        }
        OperatorOrigin::Join { tensor, axis } => (PLIMSOLL_TILED_JOIN, tensor, axis),
    };
    (record.action, record.index, record.axis) = (action, tensor.index() as u32, *axis as u32);
    record
}

/// Copies out the inputs, then the outputs, of each operator of the tiled graph, as indices of tensors of that graph:
/// those of an operator begin at its `first_operand`. `count` as for `plimsoll_tiled_plan_regions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_operands(
    plan: *const plimsoll_tiled_plan,
    tensors: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let nodes = unsafe { tiling_of(plan) }?.1.graph.operators();
        let operands = nodes.iter().flat_map(|node| node.inputs().iter().chain(node.outputs()));
        Ok(operands.map(|id| id.index() as u32))
    };
    unsafe { copy_list(tensors, capacity, count, listed) }
}

/// Copies out the rows that tiles read: those of an operator begin at its `first_read`, one for each input of the operator that
/// it is a tile of. `count` as for `plimsoll_tiled_plan_regions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_reads(
    plan: *const plimsoll_tiled_plan,
    reads: *mut plimsoll_tile_read,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let graph = &unsafe { reference(plan, "plan") }?.graph;
        let (_, tiled, _) = unsafe { tiling_of(plan) }?;
        let mut records = Vec::new();
        for (index, origin) in tiled.operators.iter().enumerate() {
            let OperatorOrigin::Tile { operator, reads, .. } = origin else { continue };
            let inputs = graph.operator(*operator).inputs();
            for (input, (&tensor, read)) in inputs.iter().zip(reads).enumerate() {
                let id = OperatorId::new(index);
                records.push(read_of(tiled, id, input, tensor, read.as_ref()));
            }
        }
        Ok(records)
    };
    unsafe { copy_records(reads, record_size, capacity, count, listed) }
}

/// The rows of `tensor`, a tensor of the untiled graph, that a tile reads.
fn read_of(
    tiled: &TiledGraph,
    tile: OperatorId,
    input: usize,
    tensor: TensorId,
    read: Option<&RowsRead>,
) -> plimsoll_tile_read {
    let inputs = tiled.graph.operator(tile).inputs();
    let rows = read.map_or(0..PLIMSOLL_NONE, |read| read.rows.clone());
    let holds_first = |id: &&TensorId| {
        let origin = &tiled.tensors[id.index()];
        let has = |part: &Range<u64>| part.contains(&rows.start);
        origin.tensor == tensor && origin.rows.as_ref().is_none_or(has)
    };
    let part = inputs.iter().find(holds_first).filter(|_| !rows.is_empty());
    plimsoll_tile_read {
        start: rows.start,
        end: rows.end,
        before: read.map_or(0, |read| read.before),
        after: read.map_or(0, |read| read.after),
        input: input as u32,
        tensor: part.map_or(PLIMSOLL_NO_INDEX, |id| id.index() as u32),
    }
}

/// Copies out the tensors of the tiled graph by index: which rows of which tensor of the graph they hold. `count` as for
/// `plimsoll_tiled_plan_regions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_tensors(
    plan: *const plimsoll_tiled_plan,
    tensors: *mut plimsoll_tiled_tensor,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let origins = unsafe { tiling_of(plan) }?.1.tensors.iter();
        Ok(origins.map(|origin| {
            let rows = origin.rows.clone().unwrap_or(0..PLIMSOLL_NONE);
            let tensor = origin.tensor.index() as u32;
            plimsoll_tiled_tensor {
                start: rows.start,
                end: rows.end,
                tensor,
                carried: origin.is_carried.into(),
            }
        }))
    };
    unsafe { copy_records(tensors, record_size, capacity, count, listed) }
}

/// Verifies a tiled plan again, with code that shares nothing with the planner: that the tiled graph computes what the
/// graph computes if its access maps are true, and the plan of the tiled graph. The library has already verified
/// every tiled plan once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_verify(plan: *const plimsoll_tiled_plan) -> i32 {
    guard(|| {
        let tiled = unsafe { reference(plan, "plan") }?;
        match &tiled.plan {
            TiledPlanOf::Arena(plan, _) => verify_tiled_plan(&tiled.graph, plan)?,
            TiledPlanOf::Pools(plan, _) => verify_tiled_pools(&tiled.graph, plan)?,
        }
        Ok(())
    })
}

impl plimsoll_tiled_plan {
    fn exported(&self, format: i32) -> Result<String, Failure> {
        if format == PLIMSOLL_EXPORT_C {
            return Err(Failure::new(
                PLIMSOLL_ERROR_UNSUPPORTED,
                "C code of a tiled plan is not supported: its tables have no rows of tiles; use PLIMSOLL_EXPORT_JSON",
            ));
        }
        exported(&self.plan.view(&self.graph), Some(self.alignment), format)
    }
}

/// Copies out a tiled plan as text, like `plimsoll_plan_export`. PLIMSOLL_ERROR_UNSUPPORTED for C code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_export(
    plan: *const plimsoll_tiled_plan,
    format: i32,
    text: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let exported = unsafe { reference(plan, "plan") }?.exported(format)?;
        unsafe { copy_text(&exported, text, capacity, size) }
    })
}

/// Writes a tiled plan to a file, like `plimsoll_plan_write`. PLIMSOLL_ERROR_UNSUPPORTED for C code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_write(
    plan: *const plimsoll_tiled_plan,
    format: i32,
    path: *const c_char,
) -> i32 {
    guard(|| {
        let exported = unsafe { reference(plan, "plan") }?.exported(format)?;
        unsafe { write_text(path, &exported) }
    })
}

/// Frees a tiled plan; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_tiled_plan_free(plan: *mut plimsoll_tiled_plan) {
    unsafe { free(plan) };
}
