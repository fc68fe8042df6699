//! The text of an infeasible core.

use super::bytes;
use super::lines::SummaryLines;
use crate::report::rectangles::or_number;
use crate::{BufferId, Graph, InfeasibleCore, Occupant, Problem};

/// Describes the infeasible core of a graph. A graph with bodies must be
/// [flattened](crate::Plan::flattened) by the plan.
#[must_use]
pub fn core_of_graph(graph: &Graph, core: &InfeasibleCore<Occupant>) -> String {
    let member = |&occupant: &Occupant| match occupant {
        Occupant::Tensor(id) => {
            let tensor = graph.tensors().get(id.index())?;
            Some((or_number(tensor.name(), id.index()), tensor.bytes()))
        }
        Occupant::Scratch(id) => {
            let operator = graph.operators().get(id.index())?;
            let name = or_number(operator.name(), id.index());
            Some((format!("scratch of {name}"), operator.scratch_bytes()))
        }
    };
    core_text(core, core.members.iter().filter_map(member).collect())
}

/// Describes the infeasible core of a problem.
#[must_use]
pub fn core_of_problem(problem: &Problem, core: &InfeasibleCore<BufferId>) -> String {
    let exist = core.members.iter().filter(|id| id.index() < problem.buffers().len());
    let members = exist.map(|&id| (or_number(&problem.name(id), id.index()), problem.buffer(id).size()));
    core_text(core, members.collect())
}

fn core_text<T>(core: &InfeasibleCore<T>, members: Vec<(String, u64)>) -> String {
    let mut lines = SummaryLines::default();
    let (missing, needed) = (bytes(core.missing()), bytes(core.needed));
    let (subject, remedy) = match (members.as_slice(), core.irreducible) {
        ([_], _) => ("this buffer alone needs".to_owned(), ""),
        (_, true) => (format!("these {} need", members.len()), "; without any one of them, the others fit"),
        (_, false) => (format!("these {} need", members.len()), "; a part of them may already be too large"),
    };
    lines.line("infeasible", format!("{subject} {needed}, {missing} more than the capacity{remedy}"));
    lines.list(members);
    lines.text
}
