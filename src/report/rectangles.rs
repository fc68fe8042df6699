//! The occupants of an arena as rectangles over time: the input of every report.

use crate::{Graph, Occupant, OperatorId, Placement, Plan, Problem, Residency, Solution, TensorKind};

/// The kind of a rectangle; each kind has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BufferKind {
    Input,
    Intermediate,
    Output,
    Variable,
    Scratch,
    /// In plans for several memories only: an arena holds no constants.
    Constant,
}

impl BufferKind {
    pub(super) const ALL: [Self; 6] =
        [Self::Input, Self::Intermediate, Self::Output, Self::Variable, Self::Scratch, Self::Constant];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Intermediate => "intermediate",
            Self::Variable => "variable",
            Self::Scratch => "scratch",
            Self::Constant => "constant",
        }
    }
}

/// A rectangle: its width is the live range, its height the size in bytes.
pub(super) struct Rectangle {
    pub name: String,
    pub kind: BufferKind,
    /// The operator that writes the tensor, or that uses the scratch.
    pub operator: Option<OperatorId>,
    pub place: Placement,
}

impl Rectangle {
    /// Returns whether the rectangle has no area.
    pub(super) fn is_empty(&self) -> bool {
        self.place.bytes == 0 || self.place.live.steps() == 0
    }

    /// Bytes times steps.
    pub(super) fn area(&self) -> u128 {
        u128::from(self.place.bytes) * u128::from(self.place.live.steps())
    }
}

/// The rectangles of a plan, each with its occupant.
pub(super) fn of_plan(graph: &Graph, plan: &Plan) -> (Vec<Rectangle>, Vec<Occupant>) {
    let named = |(occupant, place)| {
        let (name, kind) = name_and_kind(graph, occupant)?;
        let operator = match occupant {
            Occupant::Tensor(id) => graph.tensor(id).producer(),
            Occupant::Scratch(id) => Some(id),
        };
        Some((Rectangle { name, kind, operator, place }, occupant))
    };
    plan.placements().filter_map(named).unzip()
}

/// The rectangle of a residency interval; `None` if the graph has no such occupant.
pub(super) fn of_residency(graph: &Graph, residency: &Residency) -> Option<Rectangle> {
    let (name, kind) = name_and_kind(graph, residency.occupant)?;
    let is_constant =
        matches!(residency.occupant, Occupant::Tensor(id) if graph.tensor(id).kind() == TensorKind::Constant);
    let kind = if is_constant { BufferKind::Constant } else { kind };
    let place = Placement { offset: residency.offset, bytes: residency.bytes, live: residency.live };
    let operator = match residency.occupant {
        Occupant::Tensor(id) => graph.tensor(id).producer(),
        Occupant::Scratch(id) => Some(id),
    };
    Some(Rectangle { name, kind, operator, place })
}

/// Name and kind of an occupant; `None` if the graph has no such occupant. Plans from files can name
/// any.
pub(super) fn name_and_kind(graph: &Graph, occupant: Occupant) -> Option<(String, BufferKind)> {
    match occupant {
        Occupant::Tensor(id) => {
            let tensor = graph.tensors().get(id.index())?;
            let kind = match tensor.kind() {
                TensorKind::Input => BufferKind::Input,
                TensorKind::Variable => BufferKind::Variable,
                _ if tensor.is_output() => BufferKind::Output,
                _ => BufferKind::Intermediate,
            };
            Some((or_number(tensor.name(), id.index()), kind))
        }
        Occupant::Scratch(id) => {
            let operator = graph.operators().get(id.index())?;
            Some((format!("scratch of {}", or_number(operator.name(), id.index())), BufferKind::Scratch))
        }
    }
}

/// The type of an operator; empty if it has none, or there is no such operator.
pub(super) fn operator_type(graph: Option<&Graph>, id: OperatorId) -> &str {
    graph.and_then(|graph| graph.operators().get(id.index())).map_or("", |operator| operator.op_type())
}

/// The name of an operator, or its number; none if there is no such operator.
pub(super) fn operator_name(graph: Option<&Graph>, id: OperatorId) -> Option<String> {
    let operator = graph?.operators().get(id.index())?;
    Some(or_number(operator.name(), id.index()))
}

/// The name of a model, or a substitute if it has none.
pub(super) fn title(model: &str) -> &str {
    if model.is_empty() { "an unnamed model" } else { model }
}

/// A name, or the number of an unnamed item.
pub(super) fn or_number(name: &str, number: usize) -> String {
    if name.is_empty() { format!("#{number}") } else { name.to_owned() }
}

/// The rectangles of a solution, each with its buffer. A buffer with gaps has one rectangle for each
/// piece.
pub(super) fn of_solution(problem: &Problem, solution: &Solution) -> (Vec<Rectangle>, Vec<u32>) {
    let pieces = problem.ids().zip(&solution.offsets).flat_map(|(id, &offset)| {
        let buffer = problem.buffer(id);
        buffer.pieces().map(move |live| {
            let place = Placement { offset, bytes: buffer.size(), live };
            let name = or_number(&problem.name(id), id.index());
            (Rectangle { name, kind: BufferKind::Intermediate, operator: None, place }, id.index() as u32)
        })
    });
    pieces.unzip()
}
