//! Node orders and renumbering: an order of all nodes of a file from the order of a plan, and the plan in the
//! ids of the reordered file.

use std::collections::HashMap;
use std::sync::Arc;

use super::OnnxError;
use crate::support::text_list::TextList;
use crate::{BodyPlan, Graph, LinkedTensor, Occupant, OperatorId, Plan, PlanNesting, Stop, TensorId};

/// An order of all nodes: those of `order`, and each folded node right before the first node that needs it, or
/// at the end if none does. O(nodes + edges).
pub(super) fn all_nodes(graph: &Graph, order: &[OperatorId]) -> Result<Vec<usize>, OnnxError> {
    let count = graph.operators().len();
    if let Some(unknown) = order.iter().find(|operator| operator.index() >= count) {
        return Err(OnnxError::Wrong(format!("the order names operator {unknown} of {count}")));
    }
    let mut nodes = NodeOrder { graph, emitted: vec![false; count], order: Vec::with_capacity(count) };
    for &operator in order {
        nodes.emit(operator);
    }
    for operator in graph.operator_ids().filter(|&id| graph.operator(id).is_folded()) {
        nodes.emit(operator);
    }
    Ok(nodes.order)
}

/// Depth-first search that emits each node after the folded producers of its inputs.
struct NodeOrder<'g> {
    graph: &'g Graph,
    emitted: Vec<bool>,
    order: Vec<usize>,
}

impl NodeOrder<'_> {
    /// Emits an operator after the folded operators that it needs. Iterative, as chains of folded operators may
    /// have any length.
    fn emit(&mut self, operator: OperatorId) {
        let mut stack = vec![(operator, false)];
        while let Some((next, is_ready)) = stack.pop() {
            if self.emitted[next.index()] {
                continue;
            }
            if is_ready {
                self.emitted[next.index()] = true;
                self.order.push(next.index());
                continue;
            }
            stack.push((next, true));
            // Reversed, so that the first input is popped first.
            let inputs = self.graph.operator(next).inputs().iter().rev();
            let producers = inputs.filter_map(|&input| self.graph.tensor(input).producer());
            let folded = producers.filter(|&producer| self.graph.operator(producer).is_folded());
            stack.extend(folded.map(|producer| (producer, false)));
        }
    }
}

/// The names of a graph's tensors and its bodies. With them, a plan is moved to the reordered graph after the graph
/// itself is dropped, as two graphs take much memory.
pub(super) struct TensorNames {
    tensors: TextList,
    /// The operators with bodies, ascending.
    bodies: Vec<(OperatorId, Vec<Arc<Graph>>)>,
}

impl TensorNames {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut tensors = TextList::with_capacity(graph.tensors().len());
        graph.tensors().iter().for_each(|tensor| tensors.push(tensor.name()));
        let with_bodies = graph.iter_operators().filter(|(_, operator)| !operator.bodies().is_empty());
        Self { tensors, bodies: with_bodies.map(|(id, operator)| (id, operator.bodies().to_vec())).collect() }
    }

    fn body(&self, operator: OperatorId, number: usize) -> Result<&Graph, OnnxError> {
        let of_operator = self.bodies.binary_search_by_key(&operator, |(id, _)| *id);
        let body = of_operator.ok().and_then(|at| self.bodies[at].1.get(number));
        body.map(|body| &**body).ok_or_else(|| no_body(operator, number))
    }
}

/// The plan in the ids of a graph whose operators are reordered: operator `i` of the new graph is operator
/// `order[i]` of the old one, and tensors keep their names.
pub(super) fn moved(
    mut plan: Plan,
    old: &TensorNames,
    new: &Graph,
    order: &[usize],
) -> Result<Plan, OnnxError> {
    let ids = IdMap::new(old, new, order)?;
    // The statistics of the search are no part of a plan document.
    let bodies = std::mem::take(&mut plan.bodies);
    let mut moved = Plan { nodes: 0, stop: Stop::Finished, ..plan };
    for operator in &mut moved.order {
        *operator = ids.operator(*operator)?;
    }
    moved.tensors = ids.by_tensor(&moved.tensors)?;
    moved.scratch = ids.by_operator(&moved.scratch)?;
    for cause in &mut moved.lower_bound.causes {
        *cause = ids.occupant(*cause)?;
    }
    if let Some(objects) = &mut moved.objects {
        objects.of_tensor = ids.by_tensor(&objects.of_tensor)?;
        objects.of_scratch = ids.by_operator(&objects.of_scratch)?;
        for PlanNesting { guest, host, .. } in &mut objects.nestings {
            (*guest, *host) = (ids.occupant(*guest)?, ids.occupant(*host)?);
        }
    }
    for alias in &mut moved.aliases {
        alias.operator = ids.operator(alias.operator)?;
        (alias.tensor, alias.of) = (ids.tensor(alias.tensor)?, ids.tensor(alias.of)?);
    }
    for BodyPlan { operator, body: number, plan, mut linked } in bodies {
        let old = old.body(operator, number)?;
        let order = all_nodes(old, &plan.order)?;
        let operator = ids.operator(operator)?;
        let plan = self::moved(plan, &TensorNames::of(old), body(new, operator, number)?, &order)?;
        for LinkedTensor { tensor, .. } in &mut linked {
            *tensor = ids.tensor(*tensor)?;
        }
        moved.bodies.push(BodyPlan { operator, body: number, plan, linked });
    }
    moved.bodies.sort_by_key(|body| (body.operator, body.body));
    // Sorted by tensor, as in a plan document.
    moved.aliases.sort_by_key(|alias| alias.tensor);
    Ok(moved)
}

/// A body of an operator, by its number.
pub(super) fn body(graph: &Graph, operator: OperatorId, number: usize) -> Result<&Graph, OnnxError> {
    let body = graph.operators().get(operator.index()).and_then(|operator| operator.bodies().get(number));
    body.map(|body| &**body).ok_or_else(|| no_body(operator, number))
}

fn no_body(operator: OperatorId, number: usize) -> OnnxError {
    OnnxError::Wrong(format!("the plan names body {number} of operator {operator}, which the graph lacks"))
}

/// New ids by old ids.
struct IdMap {
    operators: Vec<OperatorId>,
    tensors: Vec<Option<TensorId>>,
}

impl IdMap {
    fn new(old: &TensorNames, new: &Graph, order: &[usize]) -> Result<Self, OnnxError> {
        let mut operators = vec![OperatorId::new(0); order.len()];
        for (index, &operator) in order.iter().enumerate() {
            operators[operator] = OperatorId::new(index);
        }
        let by_name: HashMap<&str, TensorId> =
            new.tensor_ids().map(|id| (new.tensor(id).name(), id)).collect();
        let same_counts = by_name.len() == old.tensors.len() && operators.len() == new.operators().len();
        let tensors: Vec<_> = old.tensors.iter().map(|name| by_name.get(name).copied()).collect();
        if !same_counts || tensors.contains(&None) {
            return Err(OnnxError::Wrong("the file with reordered nodes has other tensors".to_owned()));
        }
        Ok(Self { operators, tensors })
    }

    fn operator(&self, old: OperatorId) -> Result<OperatorId, OnnxError> {
        let new = self.operators.get(old.index()).copied();
        new.ok_or_else(|| OnnxError::Wrong(format!("the plan names operator {old}, which the graph lacks")))
    }

    fn tensor(&self, old: TensorId) -> Result<TensorId, OnnxError> {
        let new = self.tensors.get(old.index()).copied().flatten();
        new.ok_or_else(|| OnnxError::Wrong(format!("the plan names tensor {old}, which the graph lacks")))
    }

    fn occupant(&self, old: Occupant) -> Result<Occupant, OnnxError> {
        Ok(match old {
            Occupant::Tensor(id) => Occupant::Tensor(self.tensor(id)?),
            Occupant::Scratch(id) => Occupant::Scratch(self.operator(id)?),
        })
    }

    fn by_tensor<T: Clone>(&self, old: &[Option<T>]) -> Result<Vec<Option<T>>, OnnxError> {
        let mut new = vec![None; self.tensors.len()];
        for (index, value) in old.iter().enumerate() {
            new[self.tensor(TensorId::new(index))?.index()].clone_from(value);
        }
        Ok(new)
    }

    fn by_operator<T: Clone>(&self, old: &[Option<T>]) -> Result<Vec<Option<T>>, OnnxError> {
        let mut new = vec![None; self.operators.len()];
        for (index, value) in old.iter().enumerate() {
            new[self.operator(OperatorId::new(index))?.index()].clone_from(value);
        }
        Ok(new)
    }
}
