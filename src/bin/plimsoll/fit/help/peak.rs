//! Where a plan needs the most, and for what.

use plimsoll::{Graph, Occupant, Operator, OperatorId, Plan};
use serde::Serialize;

use crate::fit::kind_of;

/// The step at which most of the arena is in use; the first of them.
#[derive(Serialize)]
pub struct Peak {
    pub step: u32,
    pub operator: String,
    pub op_type: String,
    /// Bytes in use, those that several tensors share counted once.
    pub bytes: u64,
    /// Everything that is live there, the largest first.
    pub live: Vec<Live>,
    #[serde(skip)]
    pub id: OperatorId,
}

/// A tensor or workspace that is live at the peak.
#[derive(Serialize)]
pub struct Live {
    pub name: String,
    pub kind: &'static str,
    pub bytes: u64,
    /// Whether the peak's operator reads or writes it.
    pub used: bool,
    #[serde(skip)]
    pub occupant: Occupant,
}

impl Peak {
    /// None if nothing runs.
    pub fn of(graph: &Graph, plan: &Plan) -> Option<Self> {
        let (step, bytes) = fullest(plan)?;
        let id = *plan.order.get(step as usize)?;
        let operator = graph.operator(id);
        let there = plan.placements().filter(|(_, place)| place.live.contains(step) && place.bytes > 0);
        let mut live: Vec<Live> =
            there.map(|(occupant, place)| Live::of(graph, operator, occupant, place.bytes)).collect();
        // Stable, so that equal ones stay in the order of their ids.
        live.sort_by_key(|one| std::cmp::Reverse(one.bytes));
        let (name, op_type) = (operator.name().to_owned(), operator.op_type().to_owned());
        Some(Self { step, operator: name, op_type, bytes, live, id })
    }
}

impl Live {
    fn of(graph: &Graph, at: &Operator, occupant: Occupant, bytes: u64) -> Self {
        let (name, kind, used) = match occupant {
            Occupant::Tensor(id) => {
                let tensor = graph.tensor(id);
                let kind = kind_of(tensor);
                (tensor.name(), kind, at.inputs().contains(&id) || at.outputs().contains(&id))
            }
            Occupant::Scratch(id) => (graph.operator(id).name(), "workspace", true),
            _ => unreachable!("there are tensors and workspaces"),
        };
        Self { name: name.to_owned(), kind, bytes, used, occupant }
    }
}

/// The first step at which the most bytes of the arena are in use, and how many.
///
/// O(places log places + live ranges together).
fn fullest(plan: &Plan) -> Option<(u32, u64)> {
    let mut places: Vec<_> = plan.placements().map(|(_, place)| place).collect();
    places.sort_by_key(|place| (place.live.start, place.offset, place.bytes));
    let mut next = places.iter().peekable();
    let mut live: Vec<_> = Vec::new();
    let mut best = None;
    for step in 0..plan.order.len() as u32 {
        live.retain(|place: &plimsoll::Placement| place.live.contains(step));
        let before = live.len();
        while let Some(place) = next.next_if(|place| place.live.start <= step) {
            live.push(*place);
        }
        if live.len() > before {
            live.sort_by_key(|place| (place.offset, place.bytes));
            let (mut bytes, mut end) = (0, 0);
            for place in &live {
                bytes += place.end().saturating_sub(place.offset.max(end));
                end = end.max(place.end());
            }
            if best.is_none_or(|(_, most)| bytes > most) {
                best = Some((step, bytes));
            }
        }
    }
    best
}
