//! What the page is told, as compact JSON: columns, not rows.

use serde::{Serialize, Serializer};

use crate::report::palette::{KINDS, OTHER, Swatch, TYPES, Types};
use crate::report::scene::{same_bytes, words};
use crate::report::text::percent;
use crate::report::{Kind, Scene, profile};
use crate::{Graph, Liveness, Plan};

/// Bytes. From 2^53 on as text: a reader that takes numbers for floating-point ones would
/// change them.
#[derive(Clone, Copy)]
pub(super) struct Bytes(u64);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 < 1 << 53 { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

#[derive(Serialize)]
pub(super) struct Data {
    model: String,
    figures: Figures,
    kinds: Vec<&'static str>,
    /// Types of operators, those first whose tensors take most bytes over time.
    types: Vec<String>,
    colours: Colours,
    buffers: Buffers,
    /// A memory each; buffers say in which they lie.
    pools: Vec<Pool>,
    shares: Vec<Share>,
    /// Words for how memory is shared, and whether both hold the same bytes.
    hows: Vec<(&'static str, bool)>,
    /// None for buffers without a graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    steps: u32,
    buffers: usize,
    no_reuse: Bytes,
    gap: String,
    status: String,
    strategy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_arena: Option<Bytes>,
}

#[derive(Serialize)]
struct Colours {
    kinds: [Vec<&'static str>; 2],
    types: [Vec<&'static str>; 2],
    other: [&'static str; 2],
}

/// By rectangle.
#[derive(Default, Serialize)]
struct Buffers {
    name: Vec<String>,
    kind: Vec<u8>,
    /// -1: made by no operator, or by one without a type.
    #[serde(rename = "type")]
    op_type: Vec<i64>,
    /// The operator that makes it, as in `order.names`; -1: none.
    operator: Vec<i64>,
    bytes: Vec<Bytes>,
    offset: Vec<Bytes>,
    start: Vec<u32>,
    end: Vec<u32>,
    /// Empty if there is only one pool.
    pool: Vec<u8>,
}

/// A memory, and what is known of how full it is.
#[derive(Serialize)]
struct Pool {
    name: String,
    bytes: Bytes,
    bound: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<Bytes>,
    reserved: Vec<[Bytes; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak: Option<u32>,
    /// Rectangles that cause the bound.
    causes: Vec<u32>,
    live: Live,
    /// The same in the order of the file, without sharing.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Live>,
}

/// Live bytes from each of these steps on.
#[derive(Default, Serialize)]
struct Live {
    step: Vec<u32>,
    bytes: Vec<Bytes>,
}

impl Live {
    fn add(&mut self, step: u32, bytes: u64) {
        if self.bytes.last().is_none_or(|last| last.0 != bytes) {
            self.step.push(step);
            self.bytes.push(Bytes(bytes));
        }
    }
}

/// Numbers: operator, tensor, the other one, how.
type Share = (usize, u32, u32, u8);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
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
        data.order = Some(order(scene, graph, plan));
        let before = Liveness::new(graph, graph.file_order(), plan.alignment, plan.variables);
        data.pools[0].before = before.ok().map(|before| {
            let mut live = Live::default();
            for (step, bytes) in (0..).zip(before.live_bytes().into_iter().chain([0])) {
                live.add(step, bytes);
            }
            live
        });
        data
    }

    pub(super) fn of_scene(scene: &Scene) -> Self {
        let types = Types::new(scene);
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
        let shares = shares(scene, &mut hows);
        Self {
            model: scene.title().to_owned(),
            figures,
            kinds: Kind::ALL.map(Kind::name).to_vec(),
            buffers: buffers(scene, &types),
            types: types.names,
            colours: Colours { kinds: both(&KINDS), types: both(&TYPES), other: [OTHER.light, OTHER.dark] },
            pools: vec![pool(scene)],
            shares,
            hows,
            order: None,
        }
    }
}

fn both(swatches: &[Swatch]) -> [Vec<&'static str>; 2] {
    [swatches.iter().map(|one| one.light).collect(), swatches.iter().map(|one| one.dark).collect()]
}

fn buffers(scene: &Scene, types: &Types) -> Buffers {
    let mut buffers = Buffers::default();
    let number = |id: crate::OperatorId| i64::from(id.index() as u32);
    for (one, op_type) in scene.rectangles.iter().zip(&types.of) {
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
    let mut live = Live::default();
    for point in profile::of(&scene.rectangles) {
        live.add(point.step, point.live);
    }
    Pool {
        name: "arena".to_owned(),
        bytes: Bytes(scene.arena),
        bound: Bytes(scene.bound),
        capacity: scene.capacity.map(Bytes),
        reserved: scene.reserved.iter().map(|range| [Bytes(range.start), Bytes(range.end)]).collect(),
        peak: scene.peak,
        causes: scene.causes.clone(),
        live,
        before: None,
    }
}

fn shares(scene: &Scene, hows: &mut Vec<(&'static str, bool)>) -> Vec<Share> {
    let one = |one: &crate::report::scene::Shared| {
        let entry = (words(one.how), same_bytes(one.how));
        let how = hows.iter().position(|&known| known == entry).unwrap_or_else(|| {
            hows.push(entry);
            hows.len() - 1
        });
        (one.operator.index(), one.tensor, one.of, how as u8)
    };
    scene.shared.iter().map(one).collect()
}

fn order(scene: &Scene, graph: &Graph, plan: &Plan) -> Order {
    let mut type_names: Vec<&str> = graph.operators().iter().map(crate::Operator::op_type).collect();
    type_names.sort_unstable();
    type_names.dedup();
    let number = |name: &str| type_names.binary_search(&name).map_or(-1, |place| i64::from(place as u32));
    let known = |id: &crate::OperatorId| id.index() < graph.operators().len();
    Order {
        names: graph.operator_ids().filter_map(|id| scene.operator_name(id)).collect(),
        types: graph.operators().iter().map(|one| number(one.op_type())).collect(),
        plan: plan.order.iter().filter(|id| known(id)).map(|id| id.index()).collect(),
        file: graph.file_order().iter().map(|id| id.index()).collect(),
        type_names: type_names.into_iter().map(str::to_owned).collect(),
    }
}
