//! The rows of a plan as rectangles over time, and names for people.

use std::borrow::Cow;

use crate::{Graph, LiveRange, Occupant, OperatorId, Placement, PlanView, TensorKind, ViewRow, ViewedPlan};

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
pub(super) struct Rectangle<'a> {
    pub name: Cow<'a, str>,
    pub kind: BufferKind,
    /// The operator that writes the tensor, or that uses the scratch.
    pub operator: Option<OperatorId>,
    pub occupant: Occupant,
    /// Index of the memory; 0 for an arena.
    pub memory: usize,
    pub place: Placement,
    /// The offset at which the map shows it: its own, except in the backing store. None if no map shows it.
    pub shown_at: Option<u64>,
}

impl<'a> Rectangle<'a> {
    /// The rectangle of a row's live range, or of a piece of it between gaps.
    pub(super) fn new(view: &PlanView<'_>, row: &'a ViewRow<'_>, live: LiveRange) -> Self {
        let is_in_pools = matches!(view.plan, ViewedPlan::Pools(_));
        let (kind, operator) = match (row.occupant, view.graph) {
            (Occupant::Scratch(id), _) => (BufferKind::Scratch, Some(id)),
            (Occupant::Tensor(_), None) => (BufferKind::Intermediate, None),
            (Occupant::Tensor(id), Some(graph)) => {
                let tensor = graph.tensor(id);
                let kind = match tensor.kind() {
                    TensorKind::Input => BufferKind::Input,
                    TensorKind::Variable => BufferKind::Variable,
                    TensorKind::Constant if is_in_pools => BufferKind::Constant,
                    _ if tensor.is_output() => BufferKind::Output,
                    _ => BufferKind::Intermediate,
                };
                (kind, tensor.producer())
            }
        };
        let (name, place) = (row_name(row), Placement { live, ..row.place });
        let mut rectangle = Self {
            name,
            kind,
            operator,
            occupant: row.occupant,
            memory: row.memory.index(),
            place,
            shown_at: None,
        };
        rectangle.shown_at = (!rectangle.is_empty()).then_some(place.offset);
        rectangle
    }

    /// Returns whether the rectangle has no area.
    pub(super) fn is_empty(&self) -> bool {
        self.place.bytes == 0 || self.place.live.steps() == 0
    }

    /// Bytes times steps.
    pub(super) fn area(&self) -> u128 {
        u128::from(self.place.bytes) * u128::from(self.place.live.steps())
    }

    /// The placement at which a map shows it.
    pub(super) fn shown(&self) -> Placement {
        Placement { offset: self.shown_at.unwrap_or(self.place.offset), ..self.place }
    }
}

/// The name of a row, or its number.
pub(super) fn row_name<'a>(row: &'a ViewRow<'_>) -> Cow<'a, str> {
    let name = name_or_number(&row.name, row.index());
    if row.is_scratch() { Cow::Owned(format!("scratch of {name}")) } else { name }
}

/// The name of a tensor, or its number.
pub(super) fn tensor_name(graph: &Graph, index: usize) -> String {
    or_number(graph.tensors().get(index).map_or("", |tensor| tensor.name()), index)
}

/// The type of an operator; empty if it has none, or there is no such operator.
pub(super) fn operator_type(graph: Option<&Graph>, id: OperatorId) -> &str {
    graph.and_then(|graph| graph.operators().get(id.index())).map_or("", |operator| operator.op_type())
}

/// The name of an operator, or its number; none if there is no such operator.
pub(super) fn operator_name(graph: Option<&Graph>, id: OperatorId) -> Option<Cow<'_, str>> {
    let operator = graph?.operators().get(id.index())?;
    Some(name_or_number(operator.name(), id.index()))
}

/// A name, or the number of an unnamed item.
pub(super) fn or_number(name: &str, number: usize) -> String {
    name_or_number(name, number).into_owned()
}

fn name_or_number(name: &str, number: usize) -> Cow<'_, str> {
    if name.is_empty() { Cow::Owned(format!("#{number}")) } else { Cow::Borrowed(name) }
}
