//! What lies in an arena, as rectangles over time: the matter of every report.

use crate::{Graph, Occupant, OperatorId, Placement, Plan, Problem, Solution, Stay, TensorKind};

/// What a rectangle holds; each has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Intermediate,
    Output,
    Variable,
    Scratch,
    /// In pools only: one arena holds none.
    Constant,
}

impl Kind {
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

/// One rectangle: as wide as its live range, as high as its size.
pub(super) struct Rectangle {
    pub name: String,
    pub kind: Kind,
    /// The operator that writes it, or works in it.
    pub operator: Option<OperatorId>,
    pub place: Placement,
}

impl Rectangle {
    /// Whether there is anything to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.place.bytes == 0 || self.place.live.steps() == 0
    }

    /// Bytes times steps.
    pub(super) fn area(&self) -> u128 {
        u128::from(self.place.bytes) * u128::from(self.place.live.steps())
    }
}

/// With the occupant that each is of.
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

/// A place in a pool; none of what the graph does not have.
pub(super) fn of_stay(graph: &Graph, stay: &Stay) -> Option<Rectangle> {
    let (name, kind) = name_and_kind(graph, stay.occupant)?;
    let is_constant =
        matches!(stay.occupant, Occupant::Tensor(id) if graph.tensor(id).kind() == TensorKind::Constant);
    let kind = if is_constant { Kind::Constant } else { kind };
    let place = Placement { offset: stay.offset, bytes: stay.bytes, live: stay.live };
    let operator = match stay.occupant {
        Occupant::Tensor(id) => graph.tensor(id).producer(),
        Occupant::Scratch(id) => Some(id),
    };
    Some(Rectangle { name, kind, operator, place })
}

/// None of what the graph does not have: plans from elsewhere may name anything.
pub(super) fn name_and_kind(graph: &Graph, occupant: Occupant) -> Option<(String, Kind)> {
    match occupant {
        Occupant::Tensor(id) => {
            let tensor = graph.tensors().get(id.index())?;
            let kind = match tensor.kind() {
                TensorKind::Input => Kind::Input,
                TensorKind::Variable => Kind::Variable,
                _ if tensor.is_output() => Kind::Output,
                _ => Kind::Intermediate,
            };
            Some((or_number(tensor.name(), id.index()), kind))
        }
        Occupant::Scratch(id) => {
            let operator = graph.operators().get(id.index())?;
            Some((format!("scratch of {}", or_number(operator.name(), id.index())), Kind::Scratch))
        }
    }
}

/// The type of an operator; empty if it has none, or there is no such operator.
pub(super) fn operator_type(graph: Option<&Graph>, id: OperatorId) -> &str {
    graph.and_then(|graph| graph.operators().get(id.index())).map_or("", |one| one.op_type())
}

/// The name of an operator, or its number; none if there is no such operator.
pub(super) fn operator_name(graph: Option<&Graph>, id: OperatorId) -> Option<String> {
    let operator = graph?.operators().get(id.index())?;
    Some(or_number(operator.name(), id.index()))
}

/// The name of a model, if it has one.
pub(super) fn title(model: &str) -> &str {
    if model.is_empty() { "an unnamed model" } else { model }
}

/// A name, or the number of what has none.
pub(super) fn or_number(name: &str, number: usize) -> String {
    if name.is_empty() { format!("#{number}") } else { name.to_owned() }
}

/// One for each piece of what has gaps, with the buffer that it is of.
pub(super) fn of_solution(problem: &Problem, solution: &Solution) -> (Vec<Rectangle>, Vec<u32>) {
    let placed = problem.ids().zip(&solution.offsets).flat_map(|(id, &offset)| {
        let buffer = problem.buffer(id);
        buffer.pieces().map(move |live| {
            let place = Placement { offset, bytes: buffer.size(), live };
            let name = or_number(&problem.name(id), id.index());
            (Rectangle { name, kind: Kind::Intermediate, operator: None, place }, id.index() as u32)
        })
    });
    placed.unzip()
}
