//! The contents of a picture of a plan, independent of its format.

use std::ops::Range;

use super::rectangles::{self, Rectangle};
use crate::{AliasKind, Graph, LiveRange, Occupant, OperatorId, Placement, Plan, Problem, Solution, Status};

pub(super) struct Scene<'a> {
    pub model: &'a str,
    /// Source of names and types of operators.
    pub graph: Option<&'a Graph>,
    pub rectangles: Vec<Rectangle>,
    pub shared: Vec<SceneAlias>,
    /// Rectangles that cause the lower bound.
    pub causes: Vec<u32>,
    /// Number of buffers; one with gaps counts once.
    pub buffers: usize,
    /// Number of steps of the order; buffers may live longer.
    pub steps: u32,
    pub order: &'a [OperatorId],
    pub arena: u64,
    pub bound: u64,
    pub capacity: Option<u64>,
    pub reserved: &'a [Range<u64>],
    pub gap: f64,
    pub status: Status,
    pub strategy: &'a str,
    /// The step of the lower bound's certificate, if there are causes.
    pub peak: Option<u32>,
}

/// Two rectangles that share memory while both are live.
pub(super) struct SceneAlias {
    pub tensor: u32,
    pub of: u32,
    pub kind: AliasKind,
    pub operator: OperatorId,
    /// The bytes and steps that both cover.
    pub common: Placement,
}

impl<'a> Scene<'a> {
    pub(super) fn of_plan(graph: &'a Graph, plan: &'a Plan) -> Self {
        let (rectangles, occupants) = rectangles::of_plan(graph, plan);
        let rows = OccupantRows::new(&occupants);
        let causes: Vec<u32> = plan.lower_bound.causes.iter().filter_map(|&cause| rows.of(cause)).collect();
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
        let live = rows.filter(|(_, (buffer, rectangle))| {
            is_cause[**buffer as usize] && rectangle.place.live.contains(bound.step)
        });
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

    /// Number of steps in the picture: at least one.
    pub(super) fn all_steps(&self) -> u32 {
        let drawn = self.rectangles.iter().filter(|rectangle| !rectangle.is_empty());
        drawn.map(|rectangle| rectangle.place.live.end).fold(self.steps.max(1), u32::max)
    }

    /// The name of an operator, or its number; none if there is no such operator.
    pub(super) fn operator_name(&self, id: OperatorId) -> Option<String> {
        rectangles::operator_name(self.graph, id)
    }

    /// The type of an operator; empty if it has none.
    pub(super) fn operator_type(&self, id: OperatorId) -> &'a str {
        rectangles::operator_type(self.graph, id)
    }

    /// The operator at a step: its name, and its type in parentheses unless the name contains it.
    pub(super) fn runs_at(&self, step: u32) -> Option<String> {
        let &id = self.order.get(step as usize)?;
        let name = self.operator_name(id)?;
        Some(match self.operator_type(id) {
            op_type if name.contains(op_type) => name,
            op_type => format!("{name} ({op_type})"),
        })
    }
}

/// A kind of sharing, as text between the names of the two tensors.
pub(super) fn alias_text(kind: AliasKind) -> &'static str {
    match kind {
        AliasKind::View => "is a view of",
        AliasKind::Slice => "is a slice of",
        AliasKind::Concat => "is written in place into",
        AliasKind::InPlace => "is written over",
        AliasKind::Overlap => "overlaps the end of",
    }
}

/// Returns whether both tensors hold the same bytes; otherwise one is written over the other.
pub(super) fn same_bytes(kind: AliasKind) -> bool {
    matches!(kind, AliasKind::View | AliasKind::Slice | AliasKind::Concat)
}

/// The rectangle of each occupant.
struct OccupantRows {
    tensors: Vec<u32>,
    scratch: Vec<u32>,
}

impl OccupantRows {
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
        let row = match occupant {
            Occupant::Tensor(id) => self.tensors.get(id.index()),
            Occupant::Scratch(id) => self.scratch.get(id.index()),
        };
        row.copied().filter(|&row| row != u32::MAX)
    }
}

/// The aliases between drawn tensors.
fn shared(plan: &Plan, rectangles: &[Rectangle], rows: &OccupantRows) -> Vec<SceneAlias> {
    let aliases = plan.aliases.iter().filter_map(|alias| {
        let tensor = rows.of(Occupant::Tensor(alias.tensor))?;
        let of = rows.of(Occupant::Tensor(alias.of))?;
        let common = common(rectangles[tensor as usize].place, rectangles[of as usize].place);
        Some(SceneAlias { tensor, of, kind: alias.kind, operator: alias.operator, common })
    });
    aliases.collect()
}

fn common(first: Placement, second: Placement) -> Placement {
    let offset = first.offset.max(second.offset);
    let start = first.live.start.max(second.live.start);
    let live = LiveRange { start, end: first.live.end.min(second.live.end).max(start) };
    Placement { offset, bytes: first.end().min(second.end()).saturating_sub(offset), live }
}
