//! The peak of a plan: the step at which most memory is in use, and the tensors responsible.

use plimsoll::report::{LivePoint, live_bytes};
use plimsoll::{Graph, Occupant, Operator, OperatorId, Plan, PlanView};
use serde::Serialize;

use crate::fit::kind_of;

/// First step at which the most bytes of the arena are in use.
#[derive(Serialize)]
pub struct PeakStep {
    pub step: u32,
    pub operator: String,
    pub op_type: String,
    /// Bytes in use; bytes that several tensors share count once.
    pub bytes: u64,
    /// Live tensors and scratch, the largest first.
    pub live: Vec<LiveBuffer>,
    #[serde(skip)]
    pub id: OperatorId,
}

/// A tensor or scratch that is live at the peak.
#[derive(Serialize)]
pub struct LiveBuffer {
    pub name: String,
    pub kind: &'static str,
    pub bytes: u64,
    /// True if the peak's operator reads or writes it.
    pub used: bool,
    #[serde(skip)]
    pub occupant: Occupant,
}

impl PeakStep {
    /// The peak of a plan; none for a plan without operators.
    pub fn of(graph: &Graph, plan: &Plan) -> Option<Self> {
        let view = PlanView::of_plan(graph, plan);
        let points = live_bytes(&view).into_iter().filter(|point| (point.step as usize) < plan.order.len());
        // The last of several maxima in reverse order is the first one.
        let LivePoint { step, live: bytes, .. } = points.rev().max_by_key(|point| point.live)?;
        let id = *plan.order.get(step as usize)?;
        let operator = graph.operator(id);
        let placements =
            plan.placements().filter(|(_, placement)| placement.live.contains(step) && placement.bytes > 0);
        let mut live: Vec<LiveBuffer> = placements
            .map(|(occupant, placement)| LiveBuffer::of(graph, operator, occupant, placement.bytes))
            .collect();
        // A stable sort keeps equal entries in the order of their ids.
        live.sort_by_key(|buffer| std::cmp::Reverse(buffer.bytes));
        let (name, op_type) = (operator.name().to_owned(), operator.op_type().to_owned());
        Some(Self { step, operator: name, op_type, bytes, live, id })
    }
}

impl LiveBuffer {
    fn of(graph: &Graph, operator: &Operator, occupant: Occupant, bytes: u64) -> Self {
        let (name, kind, used) = match occupant {
            Occupant::Tensor(id) => {
                let tensor = graph.tensor(id);
                let kind = kind_of(tensor);
                (tensor.name(), kind, operator.inputs().contains(&id) || operator.outputs().contains(&id))
            }
            Occupant::Scratch(id) => (graph.operator(id).name(), "workspace", true),
            _ => unreachable!("an occupant is a tensor or scratch"),
        };
        Self { name: name.to_owned(), kind, bytes, used, occupant }
    }
}
