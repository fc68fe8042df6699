//! Orders in which operators run late, so that regions are contiguous.
//!
//! An order of low peak runs an operator early if its result is small. Between a large tensor and its
//! reader, such operators interrupt a region. In a late order, an operator runs directly before its
//! first reader.

use crate::graph::{Graph, TensorKind};
use crate::support::ids::{OperatorId, TensorId};

/// The operators that run late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// Operators whose outputs have more bytes than the inputs that they read last.
    Expanding,
    /// All operators that another one reads from.
    All,
}

/// The order, changed so that some operators run directly before their first readers. None if the graph
/// orders operators by other means than tensors.
///
/// O(operators + edges).
pub(crate) fn late_order(graph: &Graph, order: &[OperatorId], late: Late) -> Option<Vec<OperatorId>> {
    let is_free = |id: &OperatorId| {
        let node = graph.operator(*id);
        let mut tensors = node.inputs().iter().chain(node.outputs());
        node.runs_after().is_empty() && tensors.all(|&id| graph.tensor(id).kind() != TensorKind::Variable)
    };
    if !graph.relative_placements().is_empty() || !order.iter().all(is_free) {
        return None;
    }
    let position = positions(graph, order);
    let mut result = Vec::with_capacity(order.len());
    let mut has_run = vec![false; graph.operators().len()];
    let mut pending: Vec<OperatorId> = Vec::new();
    for (at, &id) in order.iter().enumerate() {
        let is_late = match late {
            Late::All => has_reader(graph, id),
            Late::Expanding => has_reader(graph, id) && expands(graph, &position, id, at),
        };
        if is_late {
            continue;
        }
        // Producers that wait run first, depth first, each before its first reader.
        pending.push(id);
        while let Some(&next) = pending.last() {
            let inputs = graph.operator(next).inputs().iter();
            let mut waiting: Vec<OperatorId> = inputs
                .filter_map(|&input| graph.tensor(input).producer())
                .filter(|producer| !has_run[producer.index()] && position[producer.index()] < order.len())
                .collect();
            if waiting.is_empty() || has_run[next.index()] {
                pending.pop();
                if !std::mem::replace(&mut has_run[next.index()], true) {
                    result.push(next);
                }
            } else {
                waiting.reverse();
                pending.append(&mut waiting);
            }
        }
    }
    (result.len() == order.len()).then_some(result)
}

/// By operator: its position; the number of operators if it is not in the order.
fn positions(graph: &Graph, order: &[OperatorId]) -> Vec<usize> {
    let mut position = vec![order.len(); graph.operators().len()];
    for (at, id) in order.iter().enumerate() {
        position[id.index()] = at;
    }
    position
}

fn has_reader(graph: &Graph, id: OperatorId) -> bool {
    graph.operator(id).outputs().iter().any(|&output| !graph.tensor(output).readers().is_empty())
}

/// True if an operator adds more live bytes than it frees.
fn expands(graph: &Graph, position: &[usize], id: OperatorId, at: usize) -> bool {
    let node = graph.operator(id);
    let bytes = |ids: &mut dyn Iterator<Item = TensorId>| {
        ids.map(|id| graph.tensor(id).bytes()).fold(0, u64::saturating_add)
    };
    let added = bytes(&mut node.outputs().iter().copied());
    let dies = |input: &TensorId| {
        let tensor = graph.tensor(*input);
        let is_activation = matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate);
        let is_last = tensor.readers().iter().all(|reader| position[reader.index()] <= at);
        is_activation && is_last && !tensor.is_needed_at_end()
    };
    added > bytes(&mut node.inputs().iter().copied().filter(dies))
}

#[cfg(test)]
mod tests {
    use super::{Late, late_order};
    use crate::graph::{Graph, TensorSpec};

    #[test]
    fn operators_run_directly_before_their_readers() {
        let mut net = Graph::builder("two branches");
        let x = net.input("x", TensorSpec::bytes(4));
        let [large, small, small_2, y] = [("large", 90), ("small", 2), ("small_2", 1), ("y", 3)]
            .map(|(name, bytes)| net.tensor(name, TensorSpec::bytes(bytes)));
        let expand = net.operator("expand").reads([x]).writes([large]).id();
        let first = net.operator("first").reads([x]).writes([small]).id();
        let second = net.operator("second").reads([small]).writes([small_2]).id();
        let last = net.operator("last").reads([small_2, large]).writes([y]).id();
        net.output(y);
        let net = net.build().unwrap();
        let late = |late| late_order(&net, net.program_order(), late).unwrap();
        assert_eq!(late(Late::Expanding), [first, second, expand, last]);
        assert_eq!(late(Late::All), [first, second, expand, last]);
    }
}
