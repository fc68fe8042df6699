//! Who must run before whom, held in petgraph.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::ties::Ties;
use super::{Operator, Tensor, TensorKind};
use crate::error::{Error, Result};
use crate::ids::OperatorId;

/// A directed graph with one node for each operator, an edge from each operator
/// to those that must wait for it, and one order that respects them all.
#[derive(Clone, Debug)]
pub(super) struct Dependencies {
    waits: DiGraph<(), (), u32>,
    pub(super) file_order: Vec<OperatorId>,
}

impl Dependencies {
    pub(super) fn new(operators: &[Operator], tensors: &[Tensor], ties: &Ties) -> Result<Self> {
        let mut waits = DiGraph::with_capacity(operators.len(), operators.len() * 2);
        for _ in operators {
            waits.add_node(());
        }
        for (after, operator) in operators.iter().enumerate() {
            for &input in &operator.inputs {
                let tensor = &tensors[input.index()];
                if tensor.kind == TensorKind::Intermediate
                    && let Some(before) = tensor.producer
                {
                    waits.add_edge(node(before), NodeIndex::new(after), ());
                }
            }
            for &before in operator.runs_after() {
                waits.add_edge(node(before), NodeIndex::new(after), ());
            }
        }
        let mut file_order = lowest_id_first(&waits).map_err(|cycle| name_cycle(&cycle, operators))?;
        if chain_variables(&mut waits, &file_order, operators, tensors) {
            // Every chain follows the order just found, so no cycle can appear.
            file_order = lowest_id_first(&waits).map_err(|cycle| name_cycle(&cycle, operators))?;
        }
        // Neither can these, which follow it as well.
        for (before, after) in ties.waits(&file_order, operators.len(), tensors) {
            waits.add_edge(node(before), node(after), ());
        }
        Ok(Self { waits, file_order })
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (OperatorId, OperatorId)> + '_ {
        let edges = self.waits.edge_references();
        edges.map(|edge| (id(edge.source()), id(edge.target())))
    }

    /// Takes folded operators out of the order, and their edges with them.
    pub(super) fn forget_folded(&mut self, operators: &[Operator]) {
        self.file_order.retain(|id| !operators[id.index()].folded);
        self.waits.retain_edges(|waits, edge| {
            let ends = waits.edge_endpoints(edge);
            ends.is_some_and(|(from, to)| !operators[from.index()].folded && !operators[to.index()].folded)
        });
    }
}

fn node(id: OperatorId) -> NodeIndex<u32> {
    NodeIndex::new(id.index())
}

fn id(node: NodeIndex<u32>) -> OperatorId {
    OperatorId::new(node.index())
}

/// Operators that touch the same variable keep their order: reading and
/// writing state does not commute, and kernels update state behind an input.
fn chain_variables(
    waits: &mut DiGraph<(), (), u32>,
    order: &[OperatorId],
    operators: &[Operator],
    tensors: &[Tensor],
) -> bool {
    if tensors.iter().all(|tensor| tensor.kind != TensorKind::Variable) {
        return false;
    }
    let mut last_user: Vec<Option<OperatorId>> = vec![None; tensors.len()];
    for &user in order {
        let operator = &operators[user.index()];
        for tensor in operator.inputs.iter().chain(&operator.outputs) {
            if tensors[tensor.index()].kind != TensorKind::Variable {
                continue;
            }
            if let Some(before) = last_user[tensor.index()].replace(user)
                && before != user
            {
                waits.add_edge(node(before), node(user), ());
            }
        }
    }
    true
}

/// Kahn's algorithm, always running the ready operator of the lowest id: the
/// identity where that is a valid order. On a cycle, the nodes of one.
fn lowest_id_first(waits: &DiGraph<(), (), u32>) -> Result<Vec<OperatorId>, Vec<NodeIndex<u32>>> {
    let mut missing: Vec<u32> = vec![0; waits.node_count()];
    for edge in waits.edge_references() {
        missing[edge.target().index()] += 1;
    }
    let all = 0..waits.node_count();
    let mut ready: BinaryHeap<Reverse<usize>> = all.filter(|&node| missing[node] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(waits.node_count());
    while let Some(Reverse(next)) = ready.pop() {
        order.push(OperatorId::new(next));
        for after in waits.neighbors_directed(NodeIndex::new(next), Outgoing) {
            missing[after.index()] -= 1;
            if missing[after.index()] == 0 {
                ready.push(Reverse(after.index()));
            }
        }
    }
    if order.len() == waits.node_count() { Ok(order) } else { Err(cycle_among(waits, &missing)) }
}

/// Walks backwards among operators that never became ready: each waits for
/// another of them, so the walk must meet itself.
fn cycle_among(waits: &DiGraph<(), (), u32>, missing: &[u32]) -> Vec<NodeIndex<u32>> {
    let stuck = |node: &NodeIndex<u32>| missing[node.index()] > 0;
    let mut walk: Vec<NodeIndex<u32>> = Vec::new();
    let mut place = vec![usize::MAX; missing.len()];
    let mut at = waits.node_indices().find(stuck);
    while let Some(node) = at {
        if place[node.index()] != usize::MAX {
            let mut cycle = walk.split_off(place[node.index()]);
            cycle.reverse();
            let lowest = (0..cycle.len()).min_by_key(|&i| cycle[i]).unwrap_or(0);
            cycle.rotate_left(lowest);
            return cycle;
        }
        place[node.index()] = walk.len();
        walk.push(node);
        at = waits.neighbors_directed(node, Incoming).filter(stuck).min();
    }
    walk
}

fn name_cycle(cycle: &[NodeIndex<u32>], operators: &[Operator]) -> Error {
    let names = cycle.iter().map(|node| operators[node.index()].name.to_string());
    Error::Cycle { operators: names.collect() }
}
