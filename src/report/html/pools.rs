//! The data of the page for a plan for several memories.

use std::collections::BTreeMap;

use super::data::{
    BufferColumns, ByteSeries, JsonBytes, PageColours, PageData, PageFigures, PlacementData, PoolData,
    TrafficData, TransferColumns, alias_row, buffers, order,
};
use crate::Occupant;
use crate::report::BufferKind;
use crate::report::palette::OperatorTypes;
use crate::report::pooled::{PoolScene, traffic};
use crate::report::text::gap_text;

impl PageData {
    pub(super) fn of_pools(scene: &PoolScene) -> Self {
        let plan = scene.plan;
        let types = OperatorTypes::new(Some(scene.graph), &scene.rectangles);
        let numbers = OccupantNumbers::new(&scene.occupants);
        let mut hows = Vec::new();
        let shares = scene.shared.iter();
        let shares =
            shares.map(|share| alias_row((share.operator, share.tensor, share.of, share.kind), &mut hows));
        let shares = shares.collect();
        let sizes = scene.rectangles.iter().map(|rectangle| rectangle.place.bytes);
        let status = match (plan.all_fits(), plan.is_optimal()) {
            (true, _) => "all",
            (_, true) => "optimal",
            _ => "feasible",
        };
        Self {
            model: scene.title().to_owned(),
            figures: PageFigures {
                steps: scene.steps,
                buffers: numbers.0.len(),
                no_reuse: JsonBytes(sizes.fold(0, u64::saturating_add)),
                gap: gap_text(plan),
                status: status.to_owned(),
                strategy: String::new(),
                file_arena: None,
            },
            kinds: BufferKind::ALL.map(BufferKind::name).to_vec(),
            buffers: buffer_columns(scene, &types, &numbers),
            types: types.names,
            colours: PageColours::new(),
            pools: pools(scene),
            shares,
            hows,
            order: Some(order(scene.graph, &plan.order)),
            placement: Some(PlacementData {
                cost: JsonBytes(plan.cost),
                bound: JsonBytes(plan.lower_bound),
                floor: JsonBytes(plan.unavoidable_cost),
                preloaded: JsonBytes(plan.preloaded),
                copies: copies(scene, &numbers),
            }),
        }
    }
}

/// Numbers of all occupants, in the order of the rectangles.
struct OccupantNumbers(BTreeMap<(bool, usize), u32>);

impl OccupantNumbers {
    fn new(occupants: &[Occupant]) -> Self {
        let mut numbers = BTreeMap::new();
        for &occupant in occupants {
            let next = numbers.len() as u32;
            numbers.entry(Self::key(occupant)).or_insert(next);
        }
        Self(numbers)
    }

    fn key(occupant: Occupant) -> (bool, usize) {
        match occupant {
            Occupant::Tensor(id) => (false, id.index()),
            Occupant::Scratch(id) => (true, id.index()),
        }
    }

    fn of(&self, occupant: Occupant) -> Option<u32> {
        self.0.get(&Self::key(occupant)).copied()
    }
}

fn buffer_columns(scene: &PoolScene, types: &OperatorTypes, numbers: &OccupantNumbers) -> BufferColumns {
    let mut buffers = buffers(&scene.rectangles, types);
    buffers.pool = scene.pools.iter().map(|&pool| pool as u8).collect();
    buffers.of = scene.occupants.iter().filter_map(|&occupant| numbers.of(occupant)).collect();
    buffers.at = scene.shown_at.iter().map(|at| at.map(JsonBytes)).collect();
    buffers
}

fn pools(scene: &PoolScene) -> Vec<PoolData> {
    let plan = scene.plan;
    let traffic_by_pool = traffic::by_step(scene.graph, plan);
    let list = plan.pools.list().iter().zip(traffic_by_pool).enumerate();
    let data = |(number, (pool, by_step)): (usize, (&crate::Pool, traffic::StepTraffic))| {
        let total = plan.traffic.get(number).copied().unwrap_or_default();
        let cuts = if number == scene.backing_store() { scene.cuts.clone() } else { Vec::new() };
        PoolData {
            name: pool.name().to_owned(),
            bytes: JsonBytes(plan.used.get(number).copied().unwrap_or(0)),
            bound: None,
            capacity: pool.bytes().map(JsonBytes),
            reserved: Vec::new(),
            peak: None,
            causes: Vec::new(),
            live: ByteSeries::of_rectangles(scene.rows_of(number).map(|row| &scene.rectangles[row])),
            before: None,
            traffic: Some(TrafficData {
                read: JsonBytes(total.read),
                written: JsonBytes(total.written),
                in_place: ByteSeries::of_steps(&by_step.in_place),
                copied: ByteSeries::of_steps(&by_step.copied),
                cuts: cuts.into_iter().map(JsonBytes).collect(),
            }),
        }
    };
    list.map(data).collect()
}

/// The transfers of tensors with a number.
fn copies(scene: &PoolScene, numbers: &OccupantNumbers) -> TransferColumns {
    let mut copies = TransferColumns::default();
    for scene_transfer in &scene.copies {
        let transfer = scene_transfer.route.transfer;
        let Some(of) = numbers.of(Occupant::Tensor(transfer.tensor)) else { continue };
        copies.of.push(of);
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
