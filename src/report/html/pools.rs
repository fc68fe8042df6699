//! What the page is told of a plan for several memories.

use std::collections::BTreeMap;

use super::data::{
    Buffers, Bytes, Colours, Copies, Data, Figures, Live, Placement, Pool, Traffic, buffers, order, share,
};
use crate::Occupant;
use crate::report::Kind;
use crate::report::palette::Types;
use crate::report::pooled::{PoolScene, traffic};
use crate::report::text::gap_text;

impl Data {
    pub(super) fn of_pools(scene: &PoolScene) -> Self {
        let plan = scene.plan;
        let types = Types::new(Some(scene.graph), &scene.rectangles);
        let numbers = Numbers::new(&scene.occupants);
        let mut hows = Vec::new();
        let all_shares = scene.shared.iter();
        let shares =
            all_shares.map(|one| share((one.operator, one.tensor, one.of, one.how), &mut hows)).collect();
        let all = scene.rectangles.iter().map(|one| one.place.bytes);
        let status = match (plan.all_fits(), plan.is_optimal()) {
            (true, _) => "all",
            (_, true) => "optimal",
            _ => "feasible",
        };
        Self {
            model: scene.title().to_owned(),
            figures: Figures {
                steps: scene.steps,
                buffers: numbers.0.len(),
                no_reuse: Bytes(all.fold(0, u64::saturating_add)),
                gap: gap_text(plan),
                status: status.to_owned(),
                strategy: String::new(),
                file_arena: None,
            },
            kinds: Kind::ALL.map(Kind::name).to_vec(),
            buffers: placed(scene, &types, &numbers),
            types: types.names,
            colours: Colours::new(),
            pools: pools(scene),
            shares,
            hows,
            order: Some(order(scene.graph, &plan.order)),
            placement: Some(Placement {
                cost: Bytes(plan.cost),
                bound: Bytes(plan.lower_bound),
                floor: Bytes(plan.floor),
                preloaded: Bytes(plan.preloaded),
                copies: copies(scene, &numbers),
            }),
        }
    }
}

/// Numbers of all that has a place, in the order of the rectangles.
struct Numbers(BTreeMap<(bool, usize), u32>);

impl Numbers {
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

fn placed(scene: &PoolScene, types: &Types, numbers: &Numbers) -> Buffers {
    let mut buffers = buffers(&scene.rectangles, types);
    buffers.pool = scene.pools.iter().map(|&pool| pool as u8).collect();
    buffers.of = scene.occupants.iter().filter_map(|&occupant| numbers.of(occupant)).collect();
    buffers.at = scene.shown_at.iter().map(|at| at.map(Bytes)).collect();
    buffers
}

fn pools(scene: &PoolScene) -> Vec<Pool> {
    let plan = scene.plan;
    let moved = traffic::by_step(scene.graph, plan);
    let list = plan.pools.list().iter().zip(moved).enumerate();
    let one = |(number, (pool, moved)): (usize, (&crate::Pool, traffic::Moved))| {
        let total = plan.traffic.get(number).copied().unwrap_or_default();
        let cuts = if number == scene.home() { scene.cuts.clone() } else { Vec::new() };
        Pool {
            name: pool.name().to_owned(),
            bytes: Bytes(plan.used.get(number).copied().unwrap_or(0)),
            bound: None,
            capacity: pool.bytes().map(Bytes),
            reserved: Vec::new(),
            peak: None,
            causes: Vec::new(),
            live: Live::of_rectangles(scene.rows_of(number).map(|row| &scene.rectangles[row])),
            before: None,
            traffic: Some(Traffic {
                read: Bytes(total.read),
                written: Bytes(total.written),
                in_place: Live::of_steps(&moved.in_place),
                copied: Live::of_steps(&moved.copied),
                cuts: cuts.into_iter().map(Bytes).collect(),
            }),
        }
    };
    list.map(one).collect()
}

/// Those of tensors that have a place.
fn copies(scene: &PoolScene, numbers: &Numbers) -> Copies {
    let mut copies = Copies::default();
    for one in &scene.copies {
        let transfer = one.route.transfer;
        let Some(of) = numbers.of(Occupant::Tensor(transfer.tensor)) else { continue };
        copies.of.push(of);
        copies.step.push(transfer.step);
        copies.due.push(transfer.due);
        copies.from.push(transfer.from.index() as u8);
        copies.to.push(transfer.to.index() as u8);
        copies.bytes.push(Bytes(transfer.bytes));
        copies.from_row.push(one.from.map_or(-1, i64::from));
        copies.to_row.push(one.to.map_or(-1, i64::from));
    }
    copies
}
