//! From the operators that a plan runs to all nodes of the file, and a plan from one file's
//! numbers to the other's.

use std::collections::HashMap;

use super::OnnxError;
use crate::{BodyPlan, Graph, Occupant, OperatorId, Plan, PlanInside, PlanObjects, TensorId};

/// All nodes by number: those of `order`, and each that was folded away right before the first
/// that needs it, or at the end if none does. O(nodes + edges).
pub(super) fn all_nodes(graph: &Graph, order: &[OperatorId]) -> Result<Vec<usize>, OnnxError> {
    let count = graph.operators().len();
    if let Some(unknown) = order.iter().find(|operator| operator.index() >= count) {
        return Err(OnnxError::Wrong(format!("the order names operator {unknown} of {count}")));
    }
    let mut search = Search { graph, placed: vec![false; count], nodes: Vec::with_capacity(count) };
    for &operator in order {
        search.place(operator);
    }
    for operator in graph.operator_ids().filter(|&id| graph.operator(id).is_folded()) {
        search.place(operator);
    }
    Ok(search.nodes)
}

struct Search<'g> {
    graph: &'g Graph,
    placed: Vec<bool>,
    nodes: Vec<usize>,
}

impl Search<'_> {
    /// Places an operator after the folded ones that it needs. Without recursion: constants may
    /// be made in chains of any length.
    fn place(&mut self, operator: OperatorId) {
        let mut stack = vec![(operator, false)];
        while let Some((next, is_ready)) = stack.pop() {
            if self.placed[next.index()] {
                continue;
            }
            if is_ready {
                self.placed[next.index()] = true;
                self.nodes.push(next.index());
                continue;
            }
            stack.push((next, true));
            // The first is placed first.
            let inputs = self.graph.operator(next).inputs().iter().rev();
            let producers = inputs.filter_map(|&input| self.graph.tensor(input).producer());
            let folded = producers.filter(|&producer| self.graph.operator(producer).is_folded());
            stack.extend(folded.map(|producer| (producer, false)));
        }
    }
}

/// The plan of a graph in terms of the same with its operators in another order: the new
/// graph's first operator is the old one's `order[0]`, and so on; tensors are those of the same
/// name.
pub(super) fn moved(plan: &Plan, old: &Graph, new: &Graph, order: &[usize]) -> Result<Plan, OnnxError> {
    let numbers = Numbers::new(old, new, order)?;
    let mut moved = Plan::unplaced(new);
    moved.order = plan.order.iter().map(|&id| numbers.operator(id)).collect::<Result<_, _>>()?;
    for (index, place) in plan.tensors.iter().enumerate().filter(|(_, place)| place.is_some()) {
        moved.tensors[numbers.tensor(TensorId::new(index))?.index()].clone_from(place);
    }
    for (index, place) in plan.scratch.iter().enumerate().filter(|(_, place)| place.is_some()) {
        moved.scratch[numbers.operator(OperatorId::new(index))?.index()].clone_from(place);
    }
    (moved.arena_bytes, moved.alignment) = (plan.arena_bytes, plan.alignment);
    (moved.variables, moved.capacity) = (plan.variables, plan.capacity);
    moved.reserved.clone_from(&plan.reserved);
    moved.lower_bound = plan.lower_bound.clone();
    for cause in &mut moved.lower_bound.causes {
        *cause = numbers.occupant(*cause)?;
    }
    (moved.bound_over_orders, moved.status) = (plan.bound_over_orders, plan.status);
    moved.strategy.clone_from(&plan.strategy);
    moved.objects = plan.objects.as_ref().map(|objects| numbers.objects(objects)).transpose()?;
    moved.shares.clone_from(&plan.shares);
    for share in &mut moved.shares {
        share.operator = numbers.operator(share.operator)?;
        (share.tensor, share.of) = (numbers.tensor(share.tensor)?, numbers.tensor(share.of)?);
    }
    for one in &plan.bodies {
        let (old, order) = body(old, one.operator, one.body)
            .and_then(|body| Ok((body, all_nodes(body, &one.plan.order)?)))?;
        let operator = numbers.operator(one.operator)?;
        let plan = self::moved(&one.plan, old, body(new, operator, one.body)?, &order)?;
        moved.bodies.push(BodyPlan { operator, body: one.body, plan });
    }
    moved.bodies.sort_by_key(|one| (one.operator, one.body));
    // By tensor, as a document lists them.
    moved.shares.sort_by_key(|share| share.tensor);
    Ok(moved)
}

fn body(graph: &Graph, operator: OperatorId, number: usize) -> Result<&Graph, OnnxError> {
    let runs = graph.operators().get(operator.index()).and_then(|operator| operator.bodies().get(number));
    let wrong = || {
        OnnxError::Wrong(format!(
            "the plan is of body {number} of operator {operator}, which the graph lacks"
        ))
    };
    runs.map(|body| &**body).ok_or_else(wrong)
}

/// By old number: the new one.
struct Numbers {
    operators: Vec<OperatorId>,
    tensors: Vec<Option<TensorId>>,
}

impl Numbers {
    fn new(old: &Graph, new: &Graph, order: &[usize]) -> Result<Self, OnnxError> {
        let mut operators = vec![OperatorId::new(0); order.len()];
        for (place, &operator) in order.iter().enumerate() {
            operators[operator] = OperatorId::new(place);
        }
        let by_name: HashMap<&str, TensorId> =
            new.tensor_ids().map(|id| (new.tensor(id).name(), id)).collect();
        let same_counts = by_name.len() == old.tensors().len() && operators.len() == new.operators().len();
        let tensors: Vec<_> =
            old.tensors().iter().map(|tensor| by_name.get(tensor.name()).copied()).collect();
        if !same_counts || tensors.contains(&None) {
            return Err(OnnxError::Wrong(
                "with its nodes in another order, the file has other tensors".to_owned(),
            ));
        }
        Ok(Self { operators, tensors })
    }

    fn operator(&self, old: OperatorId) -> Result<OperatorId, OnnxError> {
        let known = self.operators.get(old.index()).copied();
        known.ok_or_else(|| OnnxError::Wrong(format!("the plan names operator {old}, which the graph lacks")))
    }

    fn tensor(&self, old: TensorId) -> Result<TensorId, OnnxError> {
        let known = self.tensors.get(old.index()).copied().flatten();
        known.ok_or_else(|| OnnxError::Wrong(format!("the plan names tensor {old}, which the graph lacks")))
    }

    fn occupant(&self, old: Occupant) -> Result<Occupant, OnnxError> {
        Ok(match old {
            Occupant::Tensor(id) => Occupant::Tensor(self.tensor(id)?),
            Occupant::Scratch(id) => Occupant::Scratch(self.operator(id)?),
        })
    }

    fn objects(&self, old: &PlanObjects) -> Result<PlanObjects, OnnxError> {
        let mut objects = old.clone();
        objects.of_tensor = vec![None; self.tensors.len()];
        objects.of_scratch = vec![None; self.operators.len()];
        for (index, object) in old.of_tensor.iter().enumerate() {
            objects.of_tensor[self.tensor(TensorId::new(index))?.index()] = *object;
        }
        for (index, object) in old.of_scratch.iter().enumerate() {
            objects.of_scratch[self.operator(OperatorId::new(index))?.index()] = *object;
        }
        for PlanInside { guest, host, .. } in &mut objects.inside {
            (*guest, *host) = (self.occupant(*guest)?, self.occupant(*host)?);
        }
        Ok(objects)
    }
}
