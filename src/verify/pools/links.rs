//! Rule N3 in plans for several memories; [`links`](crate::verify::links) has the rule.

use std::collections::BTreeMap;

use super::places::ResidencyIndex;
use super::{Rule, ViolationCollector};
use crate::graph::{Graph, Occupant};
use crate::plan::PoolPlan;
use crate::support::ids::{OperatorId, PoolId, TensorId};
use crate::verify::links::{LinkedPlan, check_operators};

/// Checks N3. `graph` has its bodies; `steps` are those of its operators.
pub(super) fn check(
    graph: &Graph,
    plan: &PoolPlan,
    residencies: &ResidencyIndex<'_>,
    steps: &[Option<u32>],
    violations: &mut ViolationCollector,
) {
    // By operator: the pool in which it accesses the first linked tensor.
    let mut pools: BTreeMap<OperatorId, PoolId> = BTreeMap::new();
    // By linked input: the step of the operator that may overwrite it.
    let mut overwritten: BTreeMap<TensorId, u32> = BTreeMap::new();
    for body in &plan.bodies {
        let Some(step) = steps[body.operator.index()] else { continue };
        let first =
            body.linked.first().and_then(|first| residencies.operand(step, Occupant::Tensor(first.tensor)));
        pools.extend(first.map(|residency| (body.operator, residency.pool)));
        let inputs = graph.operator(body.operator).inputs();
        let linked = body.linked.iter().map(|linked| linked.tensor).filter(|id| inputs.contains(id));
        overwritten.extend(linked.map(|id| (id, step)));
    }
    let offset = |id: OperatorId, occupant: Occupant| {
        let residency = residencies.operand(steps[id.index()]?, occupant)?;
        (pools.get(&id) == Some(&residency.pool)).then_some(residency.offset)
    };
    let (bodies, aliases, alignment) = (&*plan.bodies, &*plan.aliases, plan.alignment);
    check_operators(graph, LinkedPlan { bodies, aliases, alignment, steps, offset: &offset }, violations);
    for transfer in &plan.transfers {
        if overwritten.get(&transfer.tensor).is_some_and(|&step| transfer.due > step) {
            let name = graph.tensor(transfer.tensor).name();
            let message = format!(
                "a transfer of the linked input `{name}` is due after its operator, at step {}",
                transfer.due
            );
            violations.add(Rule::LinkedTensors, message);
        }
    }
}
