//! The data of the page as compact JSON: columns, not rows.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::report::palette::{COPIES, KINDS, OTHER, ROLES, Swatch, TYPES, TypePalette};
use crate::report::rectangles::operator_name;
use crate::report::regions::{TilingRole, region_figures, region_steps, untiled_live};
use crate::report::scene::{alias_text, live_in_program_order, same_bytes};
use crate::report::text::{gap_text, percent};
use crate::report::{BufferKind, Rectangle, Scene, profile, traffic};
use crate::{Graph, Occupant, OperatorId, Plan, PlanView, PoolPlan, TilingView, ViewedPlan};

/// A number of bytes. From 2^53 on it is written as text, which JavaScript numbers would round.
#[derive(Clone, Copy)]
struct JsonBytes(u64);

impl Serialize for JsonBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 < 1 << 53 { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

#[derive(Serialize)]
pub(super) struct PageData<'a> {
    model: String,
    figures: PageFigures,
    kinds: Vec<&'static str>,
    /// Operator types, in descending order of the bytes of their tensors times steps.
    types: Vec<String>,
    colours: PageColours,
    buffers: BufferColumns<'a>,
    /// One entry for each memory; `buffers.pool` refers to it.
    pools: Vec<PoolData>,
    shares: Vec<ShareRow>,
    /// Texts for kinds of sharing, and whether both tensors hold the same bytes.
    hows: Vec<(&'static str, bool)>,
    /// None for buffers without a graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderData<'a>>,
    /// Cost and transfers of a plan for several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<PlacementData>,
    /// None for a plan without a tiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    tiling: Option<TilingData>,
}

/// The tiling of a plan.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TilingData {
    #[serde(skip_serializing_if = "Option::is_none")]
    untiled_arena: Option<JsonBytes>,
    /// Extra cost of rows that are computed again, and that cost as a part of the network's.
    extra: JsonBytes,
    extra_part: String,
    copied: JsonBytes,
    constants: JsonBytes,
    roles: [&'static str; TilingRole::NAMES.len()],
    /// Colours of the roles, light and dark.
    colours: [Vec<&'static str>; 2],
    /// By rectangle, the number of its role.
    role_of: Vec<u8>,
    regions: Vec<RegionData>,
}

/// A region of a tiling.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegionData {
    /// First step, and end (exclusive).
    steps: [u32; 2],
    /// First step of each stripe.
    stripes: Vec<u32>,
    first: String,
    last: String,
    operators: usize,
    axis: usize,
    extra: JsonBytes,
    /// The most live bytes while it runs, with and without tiling.
    live: JsonBytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    untiled_live: Option<JsonBytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageFigures {
    steps: u32,
    buffers: usize,
    no_reuse: JsonBytes,
    gap: String,
    status: String,
    strategy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_arena: Option<JsonBytes>,
}

#[derive(Serialize)]
struct PageColours {
    kinds: [Vec<&'static str>; 2],
    types: [Vec<&'static str>; 2],
    other: [&'static str; 2],
    copies: [Vec<&'static str>; 2],
}

impl PageColours {
    fn new() -> Self {
        let other = [OTHER.light, OTHER.dark];
        Self { kinds: both(&KINDS), types: both(&TYPES), other, copies: both(&COPIES) }
    }
}

/// Columns with an entry for each rectangle.
#[derive(Default, Serialize)]
struct BufferColumns<'a> {
    name: Vec<Cow<'a, str>>,
    kind: Vec<u8>,
    /// Index into `types`; -1 if no operator makes it, or one without a type.
    #[serde(rename = "type")]
    op_type: Vec<i64>,
    /// Index into `order.names` of the operator that makes it; -1 if there is none.
    operator: Vec<i64>,
    bytes: Vec<JsonBytes>,
    offset: Vec<JsonBytes>,
    start: Vec<u32>,
    end: Vec<u32>,
    /// Empty if there is only one pool, as are the columns below.
    pool: Vec<u8>,
    /// Number of the occupant: residency intervals of one tensor or scratch have the same number.
    of: Vec<u32>,
    /// Offset at which the map shows it: its offset, except in the backing store, where data that is
    /// resident throughout is left out. None if no map shows it.
    at: Vec<Option<JsonBytes>>,
}

/// A memory and its use.
#[derive(Serialize)]
struct PoolData {
    name: String,
    /// Size of the arena, or used bytes of the pool.
    bytes: JsonBytes,
    /// None for a plan for several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<JsonBytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<JsonBytes>,
    reserved: Vec<[JsonBytes; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak: Option<u32>,
    /// Rectangles that cause the lower bound.
    causes: Vec<u32>,
    live: ByteSeries,
    /// Live bytes in program order, without sharing; of a tiled plan, live bytes of the untiled plan at the same
    /// operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<ByteSeries>,
    /// Traffic of a run, for a plan for several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<TrafficData>,
}

/// Traffic of a memory in bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrafficData {
    read: JsonBytes,
    written: JsonBytes,
    /// By step: bytes that operators access in place, and bytes that transfers move.
    in_place: ByteSeries,
    copied: ByteSeries,
    /// Heights in the map at which offsets are left out.
    cuts: Vec<JsonBytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlacementData {
    cost: JsonBytes,
    bound: JsonBytes,
    floor: JsonBytes,
    preloaded: JsonBytes,
    copies: TransferColumns,
}

/// Transfers by column, in the order of execution.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct TransferColumns {
    /// Number of the tensor, as in `buffers.of`.
    of: Vec<u32>,
    step: Vec<u32>,
    due: Vec<u32>,
    from: Vec<u8>,
    to: Vec<u8>,
    bytes: Vec<JsonBytes>,
    /// Rectangle of the source; -1 if there is none.
    from_row: Vec<i64>,
    /// Rectangle of the destination; -1 if there is none.
    to_row: Vec<i64>,
}

/// A step function: a number of bytes from each of these steps on.
#[derive(Default, Serialize)]
struct ByteSeries {
    step: Vec<u32>,
    bytes: Vec<JsonBytes>,
}

impl ByteSeries {
    /// The function with these values at the steps, and 0 after the last.
    fn of_steps(bytes: &[u64]) -> Self {
        let (step, bytes) = profile::changes(bytes).map(|(step, bytes)| (step, JsonBytes(bytes))).unzip();
        Self { step, bytes }
    }

    fn of_rectangles<'a>(rectangles: impl IntoIterator<Item = &'a Rectangle<'a>>) -> Self {
        let mut live = Self::default();
        for point in profile::points_of(rectangles) {
            // Points at which only the highest end changes are left out.
            if live.bytes.last().is_none_or(|last| last.0 != point.live) {
                live.step.push(point.step);
                live.bytes.push(JsonBytes(point.live));
            }
        }
        live
    }
}

/// A pair of tensors that share memory: operator, tensor, the tensor whose memory it shares, and the
/// index of the kind in `hows`.
type ShareRow = (usize, u32, u32, u8);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderData<'a> {
    /// Names of all operators, by id.
    names: Vec<Cow<'a, str>>,
    types: Vec<i64>,
    type_names: Vec<String>,
    plan: Vec<usize>,
    file: Vec<usize>,
}

impl<'a> PageData<'a> {
    /// `before` are the live bytes for comparison, see [`live_before`].
    pub(super) fn new(scene: &Scene<'a>, before: Option<&[u64]>) -> Self {
        let view = scene.view;
        // First, as series of bytes need the most memory while they are computed.
        let pools = match &view.plan {
            ViewedPlan::Arena(plan) => vec![arena(scene, plan, before)],
            ViewedPlan::Pools(plan) => pools(scene, plan),
        };
        let all: Vec<&Rectangle> = scene.rectangles.iter().collect();
        let types = TypePalette::new(view.graph, &all);
        let numbers = occupant_numbers(scene);
        let mut buffers = buffers(&all, &types);
        let (gap, status, strategy) = match &view.plan {
            ViewedPlan::Arena(plan) => (percent(plan.gap()), plan.status.to_string(), plan.strategy.clone()),
            ViewedPlan::Pools(plan) => {
                buffers.pool = all.iter().map(|rectangle| rectangle.memory as u8).collect();
                buffers.of.clone_from(&numbers);
                buffers.at = all.iter().map(|rectangle| rectangle.shown_at.map(JsonBytes)).collect();
                let status = match (plan.all_fits(), plan.is_optimal()) {
                    (true, _) => "all",
                    (_, true) => "optimal",
                    _ => "feasible",
                };
                (gap_text(plan), status.to_owned(), String::new())
            }
        };
        let sizes = all.iter().map(|rectangle| rectangle.place.bytes);
        let figures = PageFigures {
            steps: scene.steps,
            buffers: numbers.last().map_or(0, |&last| last as usize + 1),
            no_reuse: JsonBytes(sizes.fold(0, u64::saturating_add)),
            gap,
            status,
            strategy,
            file_arena: view.program_order_arena.map(JsonBytes),
        };
        let (shares, hows) = shares(scene);
        Self {
            model: scene.title().to_owned(),
            figures,
            kinds: BufferKind::ALL.map(BufferKind::name).to_vec(),
            buffers,
            types: types.names,
            colours: PageColours::new(),
            pools,
            shares,
            hows,
            order: view.graph.map(|graph| order(graph, view.order())),
            placement: match &view.plan {
                ViewedPlan::Arena(_) => None,
                ViewedPlan::Pools(plan) => Some(PlacementData {
                    cost: JsonBytes(plan.cost),
                    bound: JsonBytes(plan.lower_bound),
                    floor: JsonBytes(plan.unavoidable_cost),
                    preloaded: JsonBytes(plan.preloaded),
                    copies: copies(scene, &numbers),
                }),
            },
            tiling: view.tiling.as_ref().map(|tiling| TilingData::new(view, tiling, &scene.rectangles)),
        }
    }
}

impl TilingData {
    fn new(view: &PlanView<'_>, tiling: &TilingView<'_>, rectangles: &[Rectangle]) -> Self {
        let cost = &tiling.cost;
        let part = if cost.untiled == 0 { 0.0 } else { cost.extra as f64 / cost.untiled as f64 };
        let role = |rectangle: &Rectangle| TilingRole::of(tiling, rectangle.operator).number() as u8;
        let figures = region_figures(view, tiling);
        let regions = region_steps(tiling).into_iter().filter_map(|region| {
            let figures = figures.get(region.number)?;
            Some(RegionData {
                steps: [region.steps.start, region.steps.end],
                stripes: region.stripes,
                first: figures.first.clone(),
                last: figures.last.clone(),
                operators: figures.operators,
                axis: figures.axis,
                extra: JsonBytes(figures.cost.extra),
                live: JsonBytes(figures.tiled_bytes),
                untiled_live: figures.untiled_bytes.map(JsonBytes),
            })
        });
        Self {
            untiled_arena: tiling.untiled_plan.map(|plan| JsonBytes(plan.arena_bytes)),
            extra: JsonBytes(cost.extra),
            extra_part: percent(part),
            copied: JsonBytes(cost.copied_bytes),
            constants: JsonBytes(cost.constant_bytes),
            roles: TilingRole::NAMES,
            colours: both(&ROLES),
            role_of: rectangles.iter().map(role).collect(),
            regions: regions.collect(),
        }
    }
}

/// The number of each rectangle's occupant. Rectangles of one occupant follow each other.
fn occupant_numbers(scene: &Scene) -> Vec<u32> {
    let groups = scene.rectangles.chunk_by(|a, b| a.occupant == b.occupant);
    (0..).zip(groups).flat_map(|(number, group)| group.iter().map(move |_| number)).collect()
}

fn both(swatches: &[Swatch]) -> [Vec<&'static str>; 2] {
    [
        swatches.iter().map(|swatch| swatch.light).collect(),
        swatches.iter().map(|swatch| swatch.dark).collect(),
    ]
}

fn buffers<'a>(rectangles: &[&Rectangle<'a>], types: &TypePalette) -> BufferColumns<'a> {
    let mut buffers = BufferColumns::default();
    let number = |id: OperatorId| i64::from(id.index() as u32);
    for (rectangle, op_type) in rectangles.iter().zip(&types.of_row) {
        buffers.name.push(rectangle.name.clone());
        buffers.kind.push(BufferKind::ALL.iter().position(|&kind| kind == rectangle.kind).unwrap_or(0) as u8);
        buffers.op_type.push(op_type.map_or(-1, i64::from));
        buffers.operator.push(rectangle.operator.map_or(-1, number));
        buffers.bytes.push(JsonBytes(rectangle.place.bytes));
        buffers.offset.push(JsonBytes(rectangle.place.offset));
        buffers.start.push(rectangle.place.live.start);
        buffers.end.push(rectangle.place.live.end);
    }
    buffers
}

fn arena(scene: &Scene, plan: &Plan, before: Option<&[u64]>) -> PoolData {
    PoolData {
        name: "arena".to_owned(),
        bytes: JsonBytes(plan.arena_bytes),
        bound: Some(JsonBytes(plan.bound())),
        capacity: plan.capacity.map(JsonBytes),
        reserved: plan.reserved.iter().map(|range| [JsonBytes(range.start), JsonBytes(range.end)]).collect(),
        peak: scene.peak,
        causes: scene.causes.clone(),
        live: ByteSeries::of_rectangles(&scene.rectangles),
        before: before.map(ByteSeries::of_steps),
        traffic: None,
    }
}

/// Live bytes of an arena for comparison: in program order, or without tiling.
pub(super) fn live_before(view: &PlanView<'_>) -> Option<Vec<u64>> {
    match (&view.plan, &view.tiling) {
        (ViewedPlan::Pools(_), _) => None,
        (_, Some(tiling)) => untiled_live(tiling),
        (_, None) => live_in_program_order(view),
    }
}

fn pools(scene: &Scene, plan: &PoolPlan) -> Vec<PoolData> {
    let traffic_by_pool = scene.view.graph.map_or_else(Vec::new, |graph| traffic::by_step(graph, plan));
    let list = plan.pools.list().iter().zip(traffic_by_pool).enumerate();
    let data = |(number, (pool, by_step)): (usize, (&crate::Pool, traffic::StepTraffic))| {
        let total = plan.traffic.get(number).copied().unwrap_or_default();
        let is_backing_store = number == plan.pools.backing_store_id().index();
        let cuts = scene.cuts.iter().filter(|_| is_backing_store);
        PoolData {
            name: pool.name().to_owned(),
            bytes: JsonBytes(plan.used.get(number).copied().unwrap_or(0)),
            bound: None,
            capacity: pool.bytes().map(JsonBytes),
            reserved: Vec::new(),
            peak: None,
            causes: Vec::new(),
            live: ByteSeries::of_rectangles(scene.of_memory(number)),
            before: None,
            traffic: Some(TrafficData {
                read: JsonBytes(total.read),
                written: JsonBytes(total.written),
                in_place: ByteSeries::of_steps(&by_step.in_place),
                copied: ByteSeries::of_steps(&by_step.copied),
                cuts: cuts.copied().map(JsonBytes).collect(),
            }),
        }
    };
    list.map(data).collect()
}

/// The transfers of tensors with a number.
fn copies(scene: &Scene, numbers: &[u32]) -> TransferColumns {
    let mut copies = TransferColumns::default();
    for scene_transfer in &scene.copies {
        let transfer = scene_transfer.route.transfer;
        let row = scene.view.rows_of(Occupant::Tensor(transfer.tensor)).next();
        let Some(row) = row else { continue };
        copies.of.push(numbers[row]);
        copies.step.push(transfer.step);
        copies.due.push(transfer.due);
        copies.from.push(transfer.from.index() as u8);
        copies.to.push(transfer.to.index() as u8);
        copies.bytes.push(JsonBytes(transfer.bytes));
        copies.from_row.push(scene_transfer.from.map_or(-1, i64::from));
        copies.to_row.push(scene_transfer.to.map_or(-1, i64::from));
    }
    copies
}

/// The shares, and the kinds that occur: texts, and whether both tensors hold the same bytes.
fn shares(scene: &Scene) -> (Vec<ShareRow>, Vec<(&'static str, bool)>) {
    let mut hows = Vec::new();
    let shares = scene.aliases.iter().map(|share| {
        let entry = (alias_text(share.kind), same_bytes(share.kind));
        let how = hows.iter().position(|&kind| kind == entry).unwrap_or_else(|| {
            hows.push(entry);
            hows.len() - 1
        });
        (share.operator.index(), share.tensor, share.of, how as u8)
    });
    (shares.collect(), hows)
}

fn order<'a>(graph: &'a Graph, order: &[OperatorId]) -> OrderData<'a> {
    let mut type_names: Vec<&str> = graph.operators().iter().map(crate::Operator::op_type).collect();
    type_names.sort_unstable();
    type_names.dedup();
    let number = |name: &str| type_names.binary_search(&name).map_or(-1, |index| i64::from(index as u32));
    let exists = |id: &OperatorId| id.index() < graph.operators().len();
    OrderData {
        names: graph.operator_ids().filter_map(|id| operator_name(Some(graph), id)).collect(),
        types: graph.operators().iter().map(|operator| number(operator.op_type())).collect(),
        plan: order.iter().filter(|id| exists(id)).map(|id| id.index()).collect(),
        file: graph.program_order().iter().map(|id| id.index()).collect(),
        type_names: type_names.into_iter().map(str::to_owned).collect(),
    }
}
