//! Rule 1: the order can be run.

use bitvec::vec::BitVec;

use super::{Found, Violation};
use crate::graph::{Graph, TensorKind};
use crate::ids::OperatorId;

/// The step of each operator by id (of folded ones: none), if the order names
/// each of those that run exactly once.
pub(super) fn check(graph: &Graph, order: &[OperatorId], found: &mut Found) -> Option<Vec<Option<u32>>> {
    let steps = steps(graph, order, found)?;
    check_producers(graph, order, &steps, found);
    check_after(graph, order, &steps, found);
    check_variables(graph, order, &steps, found);
    Some(steps)
}

fn steps(graph: &Graph, order: &[OperatorId], found: &mut Found) -> Option<Vec<Option<u32>>> {
    let count = graph.operators().len();
    let mut seen: BitVec = BitVec::repeat(false, count);
    let mut steps = vec![None; count];
    let mut whole = true;
    for (step, &id) in order.iter().enumerate() {
        let wrong = match graph.operators().get(id.index()) {
            None => Some(format!("step {step} names operator {id}, but the graph has {count} operators")),
            Some(operator) if operator.is_folded() => {
                Some(format!("step {step} runs operator `{}`, which is folded away", operator.name()))
            }
            Some(operator) if seen[id.index()] => {
                Some(format!("step {step} runs operator `{}` again", operator.name()))
            }
            Some(_) => None,
        };
        if let Some(text) = wrong {
            found.add(Violation::Order(text));
            whole = false;
        } else {
            seen.set(id.index(), true);
            steps[id.index()] = Some(step as u32);
        }
    }
    for (id, operator) in graph.operators().iter().enumerate() {
        if !operator.is_folded() && !seen[id] {
            found.add(Violation::Order(format!("operator `{}` never runs", operator.name())));
            whole = false;
        }
    }
    whole.then_some(steps)
}

fn check_producers(graph: &Graph, order: &[OperatorId], steps: &[Option<u32>], found: &mut Found) {
    for (step, &id) in order.iter().enumerate() {
        for &input in graph.operator(id).inputs() {
            let tensor = graph.tensor(input);
            if tensor.kind() != TensorKind::Intermediate {
                continue;
            }
            let written = tensor.producer().and_then(|producer| steps[producer.index()]);
            if written.is_none_or(|written| written as usize >= step) {
                found.add(Violation::Order(format!(
                    "operator `{}` at step {step} reads tensor `{}`, which is not yet written",
                    graph.operator(id).name(),
                    tensor.name()
                )));
            }
        }
    }
}

fn check_after(graph: &Graph, order: &[OperatorId], steps: &[Option<u32>], found: &mut Found) {
    for (step, &id) in order.iter().enumerate() {
        for &before in graph.operator(id).runs_after() {
            if steps[before.index()].is_some_and(|early| early as usize >= step) {
                found.add(Violation::Order(format!(
                    "operator `{}` at step {step} must run after operator `{}`",
                    graph.operator(id).name(),
                    graph.operator(before).name()
                )));
            }
        }
    }
}

/// Operators on the same variable run in the order in which the file has them.
fn check_variables(graph: &Graph, order: &[OperatorId], steps: &[Option<u32>], found: &mut Found) {
    let mut place = vec![0; graph.operators().len()];
    for (index, id) in graph.file_order().iter().enumerate() {
        place[id.index()] = index;
    }
    let mut last_user: Vec<Option<OperatorId>> = vec![None; graph.tensors().len()];
    for &id in order {
        let operator = graph.operator(id);
        for &tensor in operator.inputs().iter().chain(operator.outputs()) {
            if graph.tensor(tensor).kind() != TensorKind::Variable {
                continue;
            }
            let before = last_user[tensor.index()].replace(id);
            if let Some(before) = before.filter(|before| place[before.index()] > place[id.index()]) {
                found.add(Violation::Order(format!(
                    "operator `{}` at step {} uses variable `{}` before operator `{}`, against the file's order",
                    graph.operator(before).name(),
                    steps[before.index()].unwrap_or(0),
                    graph.tensor(tensor).name(),
                    operator.name()
                )));
            }
        }
    }
}
