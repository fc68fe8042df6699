//! Where a plan needs the most, and for what.

use plimsoll::{Graph, Occupant, Operator, OperatorId, Placement, Plan};
use serde::Serialize;

use super::covered::Covered;
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
/// O(n log n) for n places.
fn fullest(plan: &Plan) -> Option<(u32, u64)> {
    let mut starts: Vec<_> = plan.placements().map(|(_, place)| place).collect();
    starts.sort_by_key(|place| place.live.start);
    let mut ends = starts.clone();
    ends.sort_by_key(|place| place.live.end);
    let bytes = |place: &Placement| place.offset..place.end();
    let mut covered = Covered::new(starts.iter().map(bytes));
    let (mut starts, mut ends) = (starts.iter().peekable(), ends.iter().peekable());
    let mut best = None;
    while let Some(step) = starts.peek().map(|place| place.live.start)
        && (step as usize) < plan.order.len()
    {
        while let Some(place) = ends.next_if(|place| place.live.end <= step) {
            covered.change(bytes(place), false);
        }
        while let Some(place) = starts.next_if(|place| place.live.start == step) {
            covered.change(bytes(place), true);
        }
        if best.is_none_or(|(_, most)| covered.bytes() > most) {
            best = Some((step, covered.bytes()));
        }
    }
    best
}
