//! Dependencies between operators, stored in a petgraph graph.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::is_cyclic_directed;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef};

use super::placement_constraints::PlacementConstraints;
use super::{Operator, Tensor, TensorKind, states};
use crate::error::{Error, Result};
use crate::support::ids::OperatorId;

/// Limit of visited operators and compared readers when the edges of all states together form a cycle.
const MAX_STATE_WORK: usize = 10_000_000;

/// A directed graph with one node for each operator and an edge from each operator to the operators
/// that must run after it, together with one topological order.
#[derive(Clone, Debug)]
pub(super) struct Dependencies {
    edges: DiGraph<(), (), u32>,
    pub(super) program_order: Vec<OperatorId>,
}

impl Dependencies {
    /// Collects the dependencies of a graph: data flow, control dependencies, the order of accesses to
    /// variables, and the order that states and relative placements demand.
    ///
    /// # Errors
    /// [`Error::Cycle`] if the operators depend on each other in a cycle.
    pub(super) fn new(
        operators: &[Operator],
        tensors: &[Tensor],
        constraints: &PlacementConstraints,
    ) -> Result<Self> {
        let mut edges = DiGraph::with_capacity(operators.len(), operators.len() * 2);
        for _ in operators {
            edges.add_node(());
        }
        for (after, operator) in operators.iter().enumerate() {
            for &input in &operator.inputs {
                let tensor = &tensors[input.index()];
                if tensor.kind == TensorKind::Intermediate
                    && let Some(before) = tensor.producer
                {
                    edges.add_edge(node(before), NodeIndex::new(after), ());
                }
            }
            for &before in operator.runs_after() {
                edges.add_edge(node(before), NodeIndex::new(after), ());
            }
        }
        let mut program_order = lowest_id_first(&edges).map_err(|cycle| name_cycle(&cycle, operators))?;
        if chain_variables(&mut edges, &program_order, operators, tensors) {
            // Every new edge follows the order just found, so no cycle can arise.
            program_order = lowest_id_first(&edges).map_err(|cycle| name_cycle(&cycle, operators))?;
        }
        if read_states_first(&mut edges, operators, tensors, constraints) {
            program_order = lowest_id_first(&edges).map_err(|cycle| name_cycle(&cycle, operators))?;
        }
        // These edges follow the order as well, and leave it valid.
        for (before, after) in constraints.order_pairs(&program_order, operators.len(), tensors) {
            edges.add_edge(node(before), node(after), ());
        }
        Ok(Self { edges, program_order })
    }

    /// All dependencies as pairs (before, after).
    pub(super) fn pairs(&self) -> impl Iterator<Item = (OperatorId, OperatorId)> + '_ {
        let references = self.edges.edge_references();
        references.map(|edge| (id(edge.source()), id(edge.target())))
    }

    /// Removes folded operators from the order, and their edges from the graph.
    pub(super) fn remove_folded(&mut self, operators: &[Operator]) {
        self.program_order.retain(|id| !operators[id.index()].folded);
        self.edges.retain_edges(|edges, edge| {
            let ends = edges.edge_endpoints(edge);
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

/// Adds edges between operators that access the same variable, in the given order: reading and
/// writing state does not commute, and kernels may update state that they list as an input only.
/// Returns true if the graph has variables.
fn chain_variables(
    edges: &mut DiGraph<(), (), u32>,
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
                edges.add_edge(node(before), node(user), ());
            }
        }
    }
    true
}

/// Adds edges from the readers of old states to the writers of new states. Leaves out the edges of states of which
/// a reader depends on the writer: such a state has no plan. Returns true if the graph has new edges.
fn read_states_first(
    edges: &mut DiGraph<(), (), u32>,
    operators: &[Operator],
    tensors: &[Tensor],
    constraints: &PlacementConstraints,
) -> bool {
    let before = edges.edge_count();
    for (writer, readers) in states::writers(operators, tensors, constraints) {
        for reader in readers {
            edges.add_edge(node(reader), node(writer), ());
        }
    }
    if edges.edge_count() == before || !is_cyclic_directed(&*edges) {
        return edges.edge_count() > before;
    }
    edges.retain_edges(|_, edge| edge.index() < before);
    let mut work = MAX_STATE_WORK;
    for (writer, readers) in states::writers(operators, tensors, constraints) {
        let readers: Vec<_> = readers.map(node).collect();
        let mut search = Dfs::new(&*edges, node(writer));
        let mut depends = false;
        while let Some(found) = search.next(&*edges) {
            depends |= readers.contains(&found);
            work = work.saturating_sub(1 + readers.len());
        }
        if work == 0 {
            break;
        }
        if !depends {
            for reader in readers {
                edges.add_edge(reader, node(writer), ());
            }
        }
    }
    edges.edge_count() > before
}

/// Computes a topological order by Kahn's algorithm. Among ready operators, the one with the lowest
/// id runs first, so operators keep the order in which they were added if that order is valid.
/// O((operators + edges) log operators).
///
/// # Errors
/// The nodes of a cycle.
fn lowest_id_first(edges: &DiGraph<(), (), u32>) -> Result<Vec<OperatorId>, Vec<NodeIndex<u32>>> {
    let mut predecessors_left: Vec<u32> = vec![0; edges.node_count()];
    for edge in edges.edge_references() {
        predecessors_left[edge.target().index()] += 1;
    }
    let all = 0..edges.node_count();
    let mut ready: BinaryHeap<Reverse<usize>> =
        all.filter(|&node| predecessors_left[node] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(edges.node_count());
    while let Some(Reverse(next)) = ready.pop() {
        order.push(OperatorId::new(next));
        for after in edges.neighbors_directed(NodeIndex::new(next), Outgoing) {
            predecessors_left[after.index()] -= 1;
            if predecessors_left[after.index()] == 0 {
                ready.push(Reverse(after.index()));
            }
        }
    }
    if order.len() == edges.node_count() { Ok(order) } else { Err(find_cycle(edges, &predecessors_left)) }
}

/// Finds a cycle among the operators that never became ready. Each of them waits for another one, so
/// a walk to predecessors must reach a node for the second time.
fn find_cycle(edges: &DiGraph<(), (), u32>, predecessors_left: &[u32]) -> Vec<NodeIndex<u32>> {
    let is_blocked = |node: &NodeIndex<u32>| predecessors_left[node.index()] > 0;
    let mut walk: Vec<NodeIndex<u32>> = Vec::new();
    let mut walk_position = vec![usize::MAX; predecessors_left.len()];
    let mut at = edges.node_indices().find(is_blocked);
    while let Some(node) = at {
        if walk_position[node.index()] != usize::MAX {
            let mut cycle = walk.split_off(walk_position[node.index()]);
            cycle.reverse();
            let lowest = (0..cycle.len()).min_by_key(|&i| cycle[i]).unwrap_or(0);
            cycle.rotate_left(lowest);
            return cycle;
        }
        walk_position[node.index()] = walk.len();
        walk.push(node);
        at = edges.neighbors_directed(node, Incoming).filter(is_blocked).min();
    }
    walk
}

fn name_cycle(cycle: &[NodeIndex<u32>], operators: &[Operator]) -> Error {
    let named = cycle.iter().map(|&node| operators[node.index()].named(id(node)));
    Error::Cycle { operators: named.collect() }
}
