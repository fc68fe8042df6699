//! The data of the page as compact JSON: columns, not rows.

use serde::{Serialize, Serializer};

use crate::report::palette::{COPIES, KINDS, OTHER, OperatorTypes, Swatch, TYPES};
use crate::report::rectangles::operator_name;
use crate::report::scene::{alias_text, same_bytes};
use crate::report::text::percent;
use crate::report::{BufferKind, Rectangle, Scene, profile};
use crate::{AliasKind, Graph, Liveness, OperatorId, Plan};

/// A number of bytes. From 2^53 on it is written as text, which JavaScript numbers would round.
#[derive(Clone, Copy)]
pub(super) struct JsonBytes(pub u64);

impl Serialize for JsonBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 < 1 << 53 { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

#[derive(Serialize)]
pub(super) struct PageData {
    pub model: String,
    pub figures: PageFigures,
    pub kinds: Vec<&'static str>,
    /// Operator types, in descending order of the bytes of their tensors times steps.
    pub types: Vec<String>,
    pub colours: PageColours,
    pub buffers: BufferColumns,
    /// One entry for each memory; `buffers.pool` refers to it.
    pub pools: Vec<PoolData>,
    pub shares: Vec<ShareRow>,
    /// Texts for kinds of sharing, and whether both tensors hold the same bytes.
    pub hows: Vec<(&'static str, bool)>,
    /// None for buffers without a graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderData>,
    /// Cost and transfers of a plan for several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementData>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageFigures {
    pub steps: u32,
    pub buffers: usize,
    pub no_reuse: JsonBytes,
    pub gap: String,
    pub status: String,
    pub strategy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_arena: Option<JsonBytes>,
}

#[derive(Serialize)]
pub(super) struct PageColours {
    kinds: [Vec<&'static str>; 2],
    types: [Vec<&'static str>; 2],
    other: [&'static str; 2],
    copies: [Vec<&'static str>; 2],
}

impl PageColours {
    pub(super) fn new() -> Self {
        let other = [OTHER.light, OTHER.dark];
        Self { kinds: both(&KINDS), types: both(&TYPES), other, copies: both(&COPIES) }
    }
}

/// Columns with an entry for each rectangle.
#[derive(Default, Serialize)]
pub(super) struct BufferColumns {
    pub name: Vec<String>,
    pub kind: Vec<u8>,
    /// Index into `types`; -1 if no operator makes it, or one without a type.
    #[serde(rename = "type")]
    pub op_type: Vec<i64>,
    /// Index into `order.names` of the operator that makes it; -1 if there is none.
    pub operator: Vec<i64>,
    pub bytes: Vec<JsonBytes>,
    pub offset: Vec<JsonBytes>,
    pub start: Vec<u32>,
    pub end: Vec<u32>,
    /// Empty if there is only one pool, as are the columns below.
    pub pool: Vec<u8>,
    /// Number of the occupant: residency intervals of one tensor or scratch have the same number.
    pub of: Vec<u32>,
    /// Offset at which the map shows it: its offset, except in the backing store, where data that is
    /// resident throughout is left out. None if no map shows it.
    pub at: Vec<Option<JsonBytes>>,
}

/// A memory and its use.
#[derive(Serialize)]
pub(super) struct PoolData {
    pub name: String,
    /// Size of the arena, or used bytes of the pool.
    pub bytes: JsonBytes,
    /// None for a plan for several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<JsonBytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<JsonBytes>,
    pub reserved: Vec<[JsonBytes; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<u32>,
    /// Rectangles that cause the lower bound.
    pub causes: Vec<u32>,
    pub live: ByteSeries,
    /// Live bytes in program order, without sharing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<ByteSeries>,
    /// Traffic of a run, for a plan for several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficData>,
}

/// Traffic of a memory in bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrafficData {
    pub read: JsonBytes,
    pub written: JsonBytes,
    /// By step: bytes that operators access in place, and bytes that transfers move.
    pub in_place: ByteSeries,
    pub copied: ByteSeries,
    /// Heights in the map at which offsets are left out.
    pub cuts: Vec<JsonBytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlacementData {
    pub cost: JsonBytes,
    pub bound: JsonBytes,
    pub floor: JsonBytes,
    pub preloaded: JsonBytes,
    pub copies: TransferColumns,
}

/// Transfers by column, in the order of execution.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransferColumns {
    /// Number of the tensor, as in `buffers.of`.
    pub of: Vec<u32>,
    pub step: Vec<u32>,
    pub due: Vec<u32>,
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    pub bytes: Vec<JsonBytes>,
    /// Rectangle of the source; -1 if there is none.
    pub from_row: Vec<i64>,
    /// Rectangle of the destination; -1 if there is none.
    pub to_row: Vec<i64>,
}

/// A step function: a number of bytes from each of these steps on.
#[derive(Default, Serialize)]
pub(super) struct ByteSeries {
    step: Vec<u32>,
    bytes: Vec<JsonBytes>,
}

impl ByteSeries {
    /// The function with these values at the steps, and 0 after the last.
    pub(super) fn of_steps(bytes: &[u64]) -> Self {
        let mut live = Self::default();
        for (step, &bytes) in (0..).zip(bytes.iter().chain([&0])) {
            live.add(step, bytes);
        }
        live
    }

    pub(super) fn of_rectangles<'a>(rectangles: impl IntoIterator<Item = &'a Rectangle>) -> Self {
        let mut live = Self::default();
        for point in profile::points_of(rectangles) {
            live.add(point.step, point.live);
        }
        live
    }

    fn add(&mut self, step: u32, bytes: u64) {
        if self.bytes.last().is_none_or(|last| last.0 != bytes) {
            self.step.push(step);
            self.bytes.push(JsonBytes(bytes));
        }
    }
}

/// A pair of tensors that share memory: operator, tensor, the tensor whose memory it shares, and the
/// index of the kind in `hows`.
pub(super) type ShareRow = (usize, u32, u32, u8);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderData {
    /// Names of all operators, by id.
    names: Vec<String>,
    types: Vec<i64>,
    type_names: Vec<String>,
    plan: Vec<usize>,
    file: Vec<usize>,
}

impl PageData {
    pub(super) fn of_plan(scene: &Scene, graph: &Graph, plan: &Plan, file_arena: Option<u64>) -> Self {
        let mut data = Self::of_scene(scene);
        data.figures.file_arena = file_arena.map(JsonBytes);
        data.order = Some(order(graph, &plan.order));
        let before =
            Liveness::new(&plan.flattened(graph), graph.program_order(), plan.alignment, plan.variables);
        data.pools[0].before = before.ok().map(|before| ByteSeries::of_steps(&before.live_bytes()));
        data
    }

    pub(super) fn of_scene(scene: &Scene) -> Self {
        let types = OperatorTypes::new(scene.graph, &scene.rectangles);
        let sizes = scene.rectangles.iter().map(|rectangle| rectangle.place.bytes);
        let figures = PageFigures {
            steps: scene.all_steps(),
            buffers: scene.buffers,
            no_reuse: JsonBytes(sizes.fold(0, u64::saturating_add)),
            gap: percent(scene.gap),
            status: scene.status.to_string(),
            strategy: scene.strategy.to_owned(),
            file_arena: None,
        };
        let mut hows = Vec::new();
        let shares = scene.shared.iter();
        let shares =
            shares.map(|share| alias_row((share.operator, share.tensor, share.of, share.kind), &mut hows));
        let shares = shares.collect();
        Self {
            model: scene.title().to_owned(),
            figures,
            kinds: BufferKind::ALL.map(BufferKind::name).to_vec(),
            buffers: buffers(&scene.rectangles, &types),
            types: types.names,
            colours: PageColours::new(),
            pools: vec![pool(scene)],
            shares,
            hows,
            order: None,
            placement: None,
        }
    }
}

fn both(swatches: &[Swatch]) -> [Vec<&'static str>; 2] {
    [
        swatches.iter().map(|swatch| swatch.light).collect(),
        swatches.iter().map(|swatch| swatch.dark).collect(),
    ]
}

pub(super) fn buffers(rectangles: &[Rectangle], types: &OperatorTypes) -> BufferColumns {
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

fn pool(scene: &Scene) -> PoolData {
    PoolData {
        name: "arena".to_owned(),
        bytes: JsonBytes(scene.arena),
        bound: Some(JsonBytes(scene.bound)),
        capacity: scene.capacity.map(JsonBytes),
        reserved: scene.reserved.iter().map(|range| [JsonBytes(range.start), JsonBytes(range.end)]).collect(),
        peak: scene.peak,
        causes: scene.causes.clone(),
        live: ByteSeries::of_rectangles(&scene.rectangles),
        before: None,
        traffic: None,
    }
}

/// The row of an alias. Adds its kind to `hows` if it is not there yet.
pub(super) fn alias_row(
    (operator, tensor, of, how): (OperatorId, u32, u32, AliasKind),
    hows: &mut Vec<(&'static str, bool)>,
) -> ShareRow {
    let entry = (alias_text(how), same_bytes(how));
    let how = hows.iter().position(|&kind| kind == entry).unwrap_or_else(|| {
        hows.push(entry);
        hows.len() - 1
    });
    (operator.index(), tensor, of, how as u8)
}

pub(super) fn order(graph: &Graph, order: &[OperatorId]) -> OrderData {
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
