//! What the page is told, as compact JSON: columns, not rows.

use serde::{Serialize, Serializer};

use crate::report::palette::{COPIES, KINDS, OTHER, Swatch, TYPES, Types};
use crate::report::rectangles::operator_name;
use crate::report::scene::{same_bytes, words};
use crate::report::text::percent;
use crate::report::{Kind, Rectangle, Scene, profile};
use crate::{Graph, How, Liveness, OperatorId, Plan};

/// Bytes. From 2^53 on as text: a reader that takes numbers for floating-point ones would
/// change them.
#[derive(Clone, Copy)]
pub(super) struct Bytes(pub u64);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 < 1 << 53 { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

#[derive(Serialize)]
pub(super) struct Data {
    pub model: String,
    pub figures: Figures,
    pub kinds: Vec<&'static str>,
    /// Types of operators, those first whose tensors take most bytes over time.
    pub types: Vec<String>,
    pub colours: Colours,
    pub buffers: Buffers,
    /// A memory each; buffers say in which they lie.
    pub pools: Vec<Pool>,
    pub shares: Vec<Share>,
    /// Words for how memory is shared, and whether both hold the same bytes.
    pub hows: Vec<(&'static str, bool)>,
    /// None for buffers without a graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// What is copied between memories, and what that costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub steps: u32,
    pub buffers: usize,
    pub no_reuse: Bytes,
    pub gap: String,
    pub status: String,
    pub strategy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_arena: Option<Bytes>,
}

#[derive(Serialize)]
pub(super) struct Colours {
    kinds: [Vec<&'static str>; 2],
    types: [Vec<&'static str>; 2],
    other: [&'static str; 2],
    copies: [Vec<&'static str>; 2],
}

impl Colours {
    pub(super) fn new() -> Self {
        let other = [OTHER.light, OTHER.dark];
        Self { kinds: both(&KINDS), types: both(&TYPES), other, copies: both(&COPIES) }
    }
}

/// By rectangle.
#[derive(Default, Serialize)]
pub(super) struct Buffers {
    pub name: Vec<String>,
    pub kind: Vec<u8>,
    /// -1: made by no operator, or by one without a type.
    #[serde(rename = "type")]
    pub op_type: Vec<i64>,
    /// The operator that makes it, as in `order.names`; -1: none.
    pub operator: Vec<i64>,
    pub bytes: Vec<Bytes>,
    pub offset: Vec<Bytes>,
    pub start: Vec<u32>,
    pub end: Vec<u32>,
    /// Empty if there is only one pool, like those below.
    pub pool: Vec<u8>,
    /// Places of one tensor, or of one workspace, have the same number.
    pub of: Vec<u32>,
    /// Where the map shows it: its offset, but at home, where what is there throughout is left
    /// out. None if no map shows it.
    pub at: Vec<Option<Bytes>>,
}

/// A memory, and what is known of how full it is.
#[derive(Serialize)]
pub(super) struct Pool {
    pub name: String,
    /// The arena, or what is used.
    pub bytes: Bytes,
    /// None where there are several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Bytes>,
    pub reserved: Vec<[Bytes; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<u32>,
    /// Rectangles that cause the bound.
    pub causes: Vec<u32>,
    pub live: Live,
    /// The same in the order of the file, without sharing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Live>,
    /// What a run moves, where there are several memories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

/// Bytes that go through a memory.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Traffic {
    pub read: Bytes,
    pub written: Bytes,
    /// By step: those that operators read and write, and those that are copied.
    pub in_place: Live,
    pub copied: Live,
    /// Heights of the map at which offsets are left out.
    pub cuts: Vec<Bytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Placement {
    pub cost: Bytes,
    pub bound: Bytes,
    pub floor: Bytes,
    pub preloaded: Bytes,
    pub copies: Copies,
}

/// By copy, in the order in which they are done.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Copies {
    /// The number of the tensor, as in `buffers.of`.
    pub of: Vec<u32>,
    pub step: Vec<u32>,
    pub due: Vec<u32>,
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    pub bytes: Vec<Bytes>,
    /// Rectangles; -1: none.
    pub from_row: Vec<i64>,
    pub to_row: Vec<i64>,
}

/// Bytes from each of these steps on.
#[derive(Default, Serialize)]
pub(super) struct Live {
    step: Vec<u32>,
    bytes: Vec<Bytes>,
}

impl Live {
    /// Of each step, and none after the last.
    pub(super) fn of_steps(bytes: &[u64]) -> Self {
        let mut live = Self::default();
        for (step, &bytes) in (0..).zip(bytes.iter().chain([&0])) {
            live.add(step, bytes);
        }
        live
    }

    pub(super) fn of_rectangles<'a>(rectangles: impl IntoIterator<Item = &'a Rectangle>) -> Self {
        let mut live = Self::default();
        for point in profile::of(rectangles) {
            live.add(point.step, point.live);
        }
        live
    }

    fn add(&mut self, step: u32, bytes: u64) {
        if self.bytes.last().is_none_or(|last| last.0 != bytes) {
            self.step.push(step);
            self.bytes.push(Bytes(bytes));
        }
    }
}

/// Numbers: operator, tensor, the other one, how.
pub(super) type Share = (usize, u32, u32, u8);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    /// Of all operators, by id.
    names: Vec<String>,
    types: Vec<i64>,
    type_names: Vec<String>,
    plan: Vec<usize>,
    file: Vec<usize>,
}

impl Data {
    pub(super) fn of_plan(scene: &Scene, graph: &Graph, plan: &Plan, file_arena: Option<u64>) -> Self {
        let mut data = Self::of_scene(scene);
        data.figures.file_arena = file_arena.map(Bytes);
        data.order = Some(order(graph, &plan.order));
        let before =
            Liveness::new(&plan.flattened(graph), graph.file_order(), plan.alignment, plan.variables);
        data.pools[0].before = before.ok().map(|before| Live::of_steps(&before.live_bytes()));
        data
    }

    pub(super) fn of_scene(scene: &Scene) -> Self {
        let types = Types::new(scene.graph, &scene.rectangles);
        let all = scene.rectangles.iter().map(|one| one.place.bytes);
        let figures = Figures {
            steps: scene.all_steps(),
            buffers: scene.buffers,
            no_reuse: Bytes(all.fold(0, u64::saturating_add)),
            gap: percent(scene.gap),
            status: scene.status.to_string(),
            strategy: scene.strategy.to_owned(),
            file_arena: None,
        };
        let mut hows = Vec::new();
        let all_shares = scene.shared.iter();
        let shares =
            all_shares.map(|one| share((one.operator, one.tensor, one.of, one.how), &mut hows)).collect();
        Self {
            model: scene.title().to_owned(),
            figures,
            kinds: Kind::ALL.map(Kind::name).to_vec(),
            buffers: buffers(&scene.rectangles, &types),
            types: types.names,
            colours: Colours::new(),
            pools: vec![pool(scene)],
            shares,
            hows,
            order: None,
            placement: None,
        }
    }
}

fn both(swatches: &[Swatch]) -> [Vec<&'static str>; 2] {
    [swatches.iter().map(|one| one.light).collect(), swatches.iter().map(|one| one.dark).collect()]
}

pub(super) fn buffers(rectangles: &[Rectangle], types: &Types) -> Buffers {
    let mut buffers = Buffers::default();
    let number = |id: OperatorId| i64::from(id.index() as u32);
    for (one, op_type) in rectangles.iter().zip(&types.of) {
        buffers.name.push(one.name.clone());
        buffers.kind.push(Kind::ALL.iter().position(|&kind| kind == one.kind).unwrap_or(0) as u8);
        buffers.op_type.push(op_type.map_or(-1, i64::from));
        buffers.operator.push(one.operator.map_or(-1, number));
        buffers.bytes.push(Bytes(one.place.bytes));
        buffers.offset.push(Bytes(one.place.offset));
        buffers.start.push(one.place.live.start);
        buffers.end.push(one.place.live.end);
    }
    buffers
}

fn pool(scene: &Scene) -> Pool {
    Pool {
        name: "arena".to_owned(),
        bytes: Bytes(scene.arena),
        bound: Some(Bytes(scene.bound)),
        capacity: scene.capacity.map(Bytes),
        reserved: scene.reserved.iter().map(|range| [Bytes(range.start), Bytes(range.end)]).collect(),
        peak: scene.peak,
        causes: scene.causes.clone(),
        live: Live::of_rectangles(&scene.rectangles),
        before: None,
        traffic: None,
    }
}

/// `hows` gets the words that it has not.
pub(super) fn share(
    (operator, tensor, of, how): (OperatorId, u32, u32, How),
    hows: &mut Vec<(&'static str, bool)>,
) -> Share {
    let entry = (words(how), same_bytes(how));
    let how = hows.iter().position(|&known| known == entry).unwrap_or_else(|| {
        hows.push(entry);
        hows.len() - 1
    });
    (operator.index(), tensor, of, how as u8)
}

pub(super) fn order(graph: &Graph, order: &[OperatorId]) -> Order {
    let mut type_names: Vec<&str> = graph.operators().iter().map(crate::Operator::op_type).collect();
    type_names.sort_unstable();
    type_names.dedup();
    let number = |name: &str| type_names.binary_search(&name).map_or(-1, |place| i64::from(place as u32));
    let known = |id: &OperatorId| id.index() < graph.operators().len();
    Order {
        names: graph.operator_ids().filter_map(|id| operator_name(Some(graph), id)).collect(),
        types: graph.operators().iter().map(|one| number(one.op_type())).collect(),
        plan: order.iter().filter(|id| known(id)).map(|id| id.index()).collect(),
        file: graph.file_order().iter().map(|id| id.index()).collect(),
        type_names: type_names.into_iter().map(str::to_owned).collect(),
    }
}
