//! Rules O1 to O4: the operators run in an order that the graph allows.
//!
//! *State*: `step`, a partial function from operators to steps; empty at first.
//!
//! *Transition*: position `k` of the order adds `o_k -> k`, if `o_k` exists, is not folded and has no step.
//!
//! *Claim*, with `R` the set of all operators that are not folded:
//!
//! - **O1**: every transition is possible, and at the end `step` is defined on all of `R`. So `step` is a
//!   bijection from `R` to `0 .. |R|`.
//! - **O2**: for each intermediate tensor `t` and each reader `r` of `t` in `R`: `t` has a producer `p`,
//!   and `step(p) < step(r)`.
//! - **O3**: for each `o` in `R` and each `p` in `R` that `o` runs after: `step(p) < step(o)`.
//! - **O4**: for each variable `v`, the operators of `R` that read or write `v` are in the same order by
//!   `step` as in program order. Only neighbours by `step` are compared, as order is transitive.
//!
//! O2 to O4 are checked only if O1 holds. Complexity: O(operators + edges).

use bitvec::vec::BitVec;

use super::{Rule, ViolationCollector};
use crate::graph::{Graph, TensorKind};
use crate::support::ids::OperatorId;

/// Checks O1 to O4. Returns the step of each operator by id, `None` for folded operators; nothing if O1
/// does not hold.
pub(super) fn check(
    graph: &Graph,
    order: &[OperatorId],
    violations: &mut ViolationCollector,
) -> Option<Vec<Option<u32>>> {
    let steps = steps(graph, order, violations)?;
    let check = OrderCheck { graph, order, steps: &steps };
    check.check_producers(violations);
    check.check_after(violations);
    check.check_variables(violations);
    Some(steps)
}

/// Checks O1.
fn steps(
    graph: &Graph,
    order: &[OperatorId],
    violations: &mut ViolationCollector,
) -> Option<Vec<Option<u32>>> {
    let count = graph.operators().len();
    let mut seen: BitVec = BitVec::repeat(false, count);
    let mut steps = vec![None; count];
    let mut holds = true;
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
        if let Some(message) = wrong {
            violations.add(Rule::OperatorOnce, message);
            holds = false;
        } else {
            seen.set(id.index(), true);
            steps[id.index()] = Some(step as u32);
        }
    }
    for (id, operator) in graph.operators().iter().enumerate() {
        if !operator.is_folded() && !seen[id] {
            violations.add(Rule::OperatorOnce, format!("operator `{}` never runs", operator.name()));
            holds = false;
        }
    }
    holds.then_some(steps)
}

/// A graph with an order that satisfies O1.
struct OrderCheck<'a> {
    graph: &'a Graph,
    order: &'a [OperatorId],
    steps: &'a [Option<u32>],
}

impl OrderCheck<'_> {
    /// Checks O2.
    fn check_producers(&self, violations: &mut ViolationCollector) {
        let Self { graph, order, steps } = *self;
        for (step, &id) in order.iter().enumerate() {
            for &input in graph.operator(id).inputs() {
                let tensor = graph.tensor(input);
                if tensor.kind() != TensorKind::Intermediate {
                    continue;
                }
                let written = tensor.producer().and_then(|producer| steps[producer.index()]);
                if written.is_none_or(|written| written as usize >= step) {
                    let message = format!(
                        "operator `{}` at step {step} reads tensor `{}`, which is not yet written",
                        graph.operator(id).name(),
                        tensor.name()
                    );
                    violations.add(Rule::ProducerFirst, message);
                }
            }
        }
    }

    /// Checks O3.
    fn check_after(&self, violations: &mut ViolationCollector) {
        let Self { graph, order, steps } = *self;
        for (step, &id) in order.iter().enumerate() {
            for &before in graph.operator(id).runs_after() {
                if steps[before.index()].is_some_and(|early| early as usize >= step) {
                    let message = format!(
                        "operator `{}` at step {step} must run after operator `{}`",
                        graph.operator(id).name(),
                        graph.operator(before).name()
                    );
                    violations.add(Rule::RunsAfter, message);
                }
            }
        }
    }

    /// Checks O4.
    fn check_variables(&self, violations: &mut ViolationCollector) {
        let Self { graph, order, steps } = *self;
        let mut program_position = vec![0; graph.operators().len()];
        for (index, id) in graph.program_order().iter().enumerate() {
            program_position[id.index()] = index;
        }
        let position = |id: &OperatorId| program_position[id.index()];
        let mut last_user: Vec<Option<OperatorId>> = vec![None; graph.tensors().len()];
        for id in order {
            let operator = graph.operator(*id);
            for &tensor in operator.inputs().iter().chain(operator.outputs()) {
                if graph.tensor(tensor).kind() != TensorKind::Variable {
                    continue;
                }
                let before = last_user[tensor.index()].replace(*id);
                if let Some(before) = before.filter(|before| position(before) > position(id)) {
                    let message = format!(
                        "operator `{}` at step {} uses variable `{}` before operator `{}`, against program order",
                        graph.operator(before).name(),
                        steps[before.index()].unwrap_or(0),
                        graph.tensor(tensor).name(),
                        operator.name()
                    );
                    violations.add(Rule::VariableOrder, message);
                }
            }
        }
    }
}
