//! All that a picture of a plan shows, whatever draws it.

use std::ops::Range;

use super::rectangles::{self, Rectangle};
use crate::{Graph, How, LiveRange, Occupant, OperatorId, Placement, Plan, Problem, Solution, Status};

pub(super) struct Scene<'a> {
    pub model: &'a str,
    /// Where names and types of operators are.
    pub graph: Option<&'a Graph>,
    pub rectangles: Vec<Rectangle>,
    pub shared: Vec<Shared>,
    /// Rectangles that cause the lower bound.
    pub causes: Vec<u32>,
    /// What has gaps counts once.
    pub buffers: usize,
    /// At least; buffers may live longer.
    pub steps: u32,
    pub order: &'a [OperatorId],
    pub arena: u64,
    pub bound: u64,
    pub capacity: Option<u64>,
    pub reserved: &'a [Range<u64>],
    pub gap: f64,
    pub status: Status,
    pub strategy: &'a str,
    /// The step at which the causes are live, if they are known.
    pub peak: Option<u32>,
}

/// One rectangle lies in the memory of another while both are needed.
pub(super) struct Shared {
    pub tensor: u32,
    pub of: u32,
    pub how: How,
    pub operator: OperatorId,
    /// What both cover.
    pub common: Placement,
}

impl<'a> Scene<'a> {
    pub(super) fn of_plan(graph: &'a Graph, plan: &'a Plan) -> Self {
        let (rectangles, occupants) = rectangles::of_plan(graph, plan);
        let rows = Rows::new(&occupants);
        let causes: Vec<u32> = plan.lower_bound.causes.iter().filter_map(|&one| rows.of(one)).collect();
        Self {
            model: graph.name(),
            graph: Some(graph),
            shared: shared(plan, &rectangles, &rows),
            peak: (!causes.is_empty()).then_some(plan.lower_bound.step),
            causes,
            buffers: plan.placements().count(),
            steps: plan.order.len() as u32,
            order: &plan.order,
            arena: plan.arena_bytes,
            bound: plan.bound(),
            capacity: plan.capacity,
            reserved: &plan.reserved,
            gap: plan.gap(),
            status: plan.status,
            strategy: &plan.strategy,
            rectangles,
        }
    }

    pub(super) fn of_solution(name: &'a str, problem: &'a Problem, solution: &'a Solution) -> Self {
        let (rectangles, buffers) = rectangles::of_solution(problem, solution);
        let bound = &solution.lower_bound;
        let mut is_cause = vec![false; problem.buffers().len()];
        for id in bound.buffers.iter().filter(|id| id.index() < problem.buffers().len()) {
            is_cause[id.index()] = true;
        }
        let rows = (0..rectangles.len() as u32).zip(buffers.iter().zip(&rectangles));
        let live = rows
            .filter(|(_, (buffer, one))| is_cause[**buffer as usize] && one.place.live.contains(bound.step));
        let causes: Vec<u32> = live.map(|(row, _)| row).collect();
        Self {
            model: name,
            graph: None,
            shared: Vec::new(),
            peak: (!causes.is_empty()).then_some(bound.step),
            causes,
            buffers: problem.buffers().len(),
            steps: 0,
            order: &[],
            arena: solution.height,
            bound: bound.bytes,
            capacity: problem.capacity(),
            reserved: problem.reserved(),
            gap: solution.gap(),
            status: solution.status,
            strategy: &solution.strategy,
            rectangles,
        }
    }

    pub(super) fn title(&self) -> &str {
        rectangles::title(self.model)
    }

    /// Steps that the picture reaches: at least one.
    pub(super) fn all_steps(&self) -> u32 {
        let drawn = self.rectangles.iter().filter(|one| !one.is_empty());
        drawn.map(|one| one.place.live.end).fold(self.steps.max(1), u32::max)
    }

    /// The name of an operator, or its number; none if there is no such operator.
    pub(super) fn operator_name(&self, id: OperatorId) -> Option<String> {
        rectangles::operator_name(self.graph, id)
    }

    /// The type of an operator; empty if it has none.
    pub(super) fn operator_type(&self, id: OperatorId) -> &'a str {
        rectangles::operator_type(self.graph, id)
    }

    /// What runs at a step: its name, and its type in parentheses unless the name has it.
    pub(super) fn runs_at(&self, step: u32) -> Option<String> {
        let &id = self.order.get(step as usize)?;
        let name = self.operator_name(id)?;
        Some(match self.operator_type(id) {
            op_type if name.contains(op_type) => name,
            op_type => format!("{name} ({op_type})"),
        })
    }
}

/// How a tensor shares memory with another one, in words that go between their names.
pub(super) fn words(how: How) -> &'static str {
    match how {
        How::View => "is a view of",
        How::Slice => "is a slice of",
        How::Concat => "is made in its place in",
        How::InPlace => "is written over",
        How::Overlap => "overlaps the end of",
    }
}

/// Whether both hold the same bytes; else one is written over the other.
pub(super) fn same_bytes(how: How) -> bool {
    matches!(how, How::View | How::Slice | How::Concat)
}

/// Rectangles by occupant.
struct Rows {
    tensors: Vec<u32>,
    scratch: Vec<u32>,
}

impl Rows {
    fn new(occupants: &[Occupant]) -> Self {
        let mut rows = Self { tensors: Vec::new(), scratch: Vec::new() };
        for (row, occupant) in occupants.iter().enumerate() {
            let (list, index) = match occupant {
                Occupant::Tensor(id) => (&mut rows.tensors, id.index()),
                Occupant::Scratch(id) => (&mut rows.scratch, id.index()),
            };
            list.resize(list.len().max(index + 1), u32::MAX);
            list[index] = row as u32;
        }
        rows
    }

    fn of(&self, occupant: Occupant) -> Option<u32> {
        let found = match occupant {
            Occupant::Tensor(id) => self.tensors.get(id.index()),
            Occupant::Scratch(id) => self.scratch.get(id.index()),
        };
        found.copied().filter(|&row| row != u32::MAX)
    }
}

/// What is shared between tensors that are drawn, each with what both cover.
fn shared(plan: &Plan, rectangles: &[Rectangle], rows: &Rows) -> Vec<Shared> {
    let both = plan.shares.iter().filter_map(|share| {
        let tensor = rows.of(Occupant::Tensor(share.tensor))?;
        let of = rows.of(Occupant::Tensor(share.of))?;
        let common = common(rectangles[tensor as usize].place, rectangles[of as usize].place);
        Some(Shared { tensor, of, how: share.how, operator: share.operator, common })
    });
    both.collect()
}

fn common(one: Placement, other: Placement) -> Placement {
    let offset = one.offset.max(other.offset);
    let start = one.live.start.max(other.live.start);
    let live = LiveRange { start, end: one.live.end.min(other.live.end).max(start) };
    Placement { offset, bytes: one.end().min(other.end()).saturating_sub(offset), live }
}
