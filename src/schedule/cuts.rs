//! Lower bounds on the peak by minimum cuts: bytes that must be live when an operator runs.

use super::execution_state::step_bytes;
use super::network::Network;
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::sort_by_keys;

/// An infinite capacity: more than any sum of sizes.
const UNBOUNDED: u64 = u64::MAX / 4;

/// The goal and the budget of [`cut_bound`].
#[derive(Clone, Copy)]
pub(super) struct CutGoal<'a> {
    /// The incumbent order.
    pub(super) order: &'a [u32],
    /// The bound need not exceed this number of bytes.
    pub(super) enough: u64,
    /// Maximum number of edge visits over all operators: about 200 million take a second.
    pub(super) max_work: u64,
}

/// Edge visits between two polls of the limits.
const WORK_AT_ONCE: u64 = 1 << 17;

/// Computes a lower bound on the peak of every order. Returns the bound and the edge visits spent.
///
/// When operator `v` runs, all its ancestors have run and none of its descendants has. Any set of
/// other operators that is closed under predecessors may have run as well. The minimum of the bytes
/// live after such a set is a minimum cut that separates executed from pending operators: a tensor
/// crosses the cut if its writer has run and a reader has not. The cut plus the bytes that `v` adds
/// is a lower bound for the step of `v` in any order, so the maximum over all operators bounds
/// every peak.
///
/// Each operator takes one maximum flow (Dinitz, 1970). Operators with the largest steps in the
/// incumbent order come first. The set executed before `v` in that order is one of the sets above,
/// so the cut of `v` does not exceed the step of `v` there: operators with steps at or below the bound
/// so far cannot raise it and are skipped. The largest padding is subtracted, as for the
/// largest step. A flow that is stopped early is below the minimum cut, so the bound stays valid.
///
/// A flow costs O(V^2 E) at worst, in practice a few passes over the edges.
pub(super) fn cut_bound(
    network: &Network,
    goal: CutGoal<'_>,
    budget: &mut Budget<'_>,
) -> Result<(u64, u64), Stop> {
    // A capacity that might be mistaken for an infinite one would make the cut meaningless.
    let total = network.sizes.iter().copied().fold(0, u64::saturating_add);
    if total >= UNBOUNDED {
        return Ok((0, 0));
    }
    // About half a microsecond for each operator and pass.
    let work = 256 * network.operator_count() as usize;
    budget.work(work)?;
    let mut flow = CutNetwork::new(network, goal.max_work);
    budget.work(work)?;
    let steps = step_bytes(network, goal.order);
    budget.work(work)?;
    let mut operators = goal.order.to_vec();
    sort_by_keys(&mut operators, |&operator| [!steps[operator as usize], operator.into()]);
    let mut best = 0;
    budget.charge(flow.to.len())?;
    for operator in operators {
        // Operators come in descending order of their steps, so all others are below the bound, too.
        if flow.work > goal.max_work || best >= goal.enough.min(steps[operator as usize]) {
            break;
        }
        let live = flow.min_live_bytes(network, operator, budget)?;
        // The inputs of the operator are live before it, so the cut contains them already.
        let (added, _) = network.step_bytes(operator);
        best = best.max((added + live).saturating_sub(network.padding_at(operator)));
    }
    Ok((best, flow.work))
}

/// A flow network with residual capacities. Nodes are operators, then tensors, then source and sink.
/// The edges that leave a node are consecutive.
struct CutNetwork {
    /// By node: its first edge. The last entry is the number of edges.
    first: Vec<u32>,
    to: Vec<u32>,
    /// By edge: the reverse edge.
    back: Vec<u32>,
    /// By edge: the residual capacity.
    capacity: Vec<u64>,
    /// By edge: the capacity without flow and without forced operators.
    clean: Vec<u64>,
    /// By operator: the edges that force it to the executed side and to the pending side.
    forcing: Vec<[u32; 2]>,
    /// By node: distance from the source in the residual graph.
    level: Vec<u32>,
    /// By node: the first edge that may still lead to the sink in this phase.
    next: Vec<u32>,
    /// Edge visits so far.
    work: u64,
    /// Maximum number of edge visits.
    max_work: u64,
}

impl CutNetwork {
    fn new(network: &Network, max_work: u64) -> Self {
        let edges = Self::edges(network);
        let nodes = (network.operator_count() + network.tensor_count() + 2) as usize;
        let mut first = vec![0u32; nodes + 1];
        for &(from, to, _) in &edges {
            first[from as usize + 1] += 1;
            first[to as usize + 1] += 1;
        }
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        let mut free = first.clone();
        let mut take_slot = |node: u32| {
            let edge = free[node as usize];
            free[node as usize] += 1;
            edge
        };
        let count = 2 * edges.len();
        let (mut to, mut back, mut clean) = (vec![0; count], vec![0; count], vec![0; count]);
        let mut forcing = vec![[0; 2]; network.operator_count() as usize];
        for (number, &(from, end, capacity)) in edges.iter().enumerate() {
            let (edge, other) = (take_slot(from), take_slot(end));
            (to[edge as usize], to[other as usize]) = (end, from);
            (back[edge as usize], back[other as usize]) = (other, edge);
            clean[edge as usize] = capacity;
            if let Some(forcing) = forcing.get_mut(number / 2) {
                forcing[number % 2] = edge;
            }
        }
        let (capacity, level, next) = (Vec::new(), Vec::new(), Vec::new());
        Self { first, to, back, capacity, clean, forcing, level, next, work: 0, max_work }
    }

    /// Lists edges as (from, to, capacity). The first two edges of each operator are those that
    /// force it to a side; their capacity is 0 until it is forced.
    ///
    /// The source side holds executed operators, and tensors all of whose readers are executed. An
    /// edge of infinite capacity leads from an operator to each predecessor (a predecessor of an
    /// executed operator is executed) and from a tensor to each reader. An edge with the tensor's
    /// size leads from its writer to the tensor: it is cut if the tensor is live.
    fn edges(network: &Network) -> Vec<(u32, u32, u64)> {
        let (operators, tensors) = (network.operator_count(), network.tensor_count());
        let (source, sink) = (operators + tensors, operators + tensors + 1);
        let mut edges = Vec::new();
        for operator in 0..operators {
            edges.extend([(source, operator, 0), (operator, sink, 0)]);
        }
        for operator in 0..operators {
            edges.extend(network.before.row(operator).iter().map(|&before| (operator, before, UNBOUNDED)));
            for &tensor in network.writes.row(operator) {
                let end = if network.live_at_end[tensor as usize] { sink } else { operators + tensor };
                edges.push((operator, end, network.sizes[tensor as usize]));
            }
        }
        for &tensor in &network.live_at_start {
            let end = if network.live_at_end[tensor as usize] { sink } else { operators + tensor };
            edges.push((source, end, network.sizes[tensor as usize]));
        }
        for tensor in 0..tensors {
            let readers = network.readers.row(tensor).iter();
            edges.extend(readers.map(|&reader| (operators + tensor, reader, UNBOUNDED)));
        }
        edges
    }

    fn node_count(&self) -> usize {
        self.first.len() - 1
    }

    /// The edges that leave a node.
    fn edges_of(&self, node: u32) -> std::ops::Range<usize> {
        self.first[node as usize] as usize..self.first[node as usize + 1] as usize
    }

    /// The minimum of the bytes live before an operator runs, without bytes that are live throughout.
    /// If the flow exceeds the budget, returns its value so far: no cut is below any flow.
    fn min_live_bytes(
        &mut self,
        network: &Network,
        operator: u32,
        budget: &mut Budget<'_>,
    ) -> Result<u64, Stop> {
        self.capacity.clone_from(&self.clean);
        self.work += (self.clean.len() + self.node_count()) as u64;
        // Force the operator itself to the pending side: the cut is the moment before it runs. Then
        // force its ancestors to the executed side and its descendants to the pending side.
        let mut force = |operator: u32, after: bool| {
            self.capacity[self.forcing[operator as usize][usize::from(after)] as usize] = UNBOUNDED;
        };
        force(operator, true);
        for (rows, after) in [(&network.before, false), (&network.after, true)] {
            let mut visited = vec![false; network.operator_count() as usize];
            let mut pending = vec![operator];
            while let Some(at) = pending.pop() {
                for &other in rows.row(at) {
                    if !std::mem::replace(&mut visited[other as usize], true) {
                        force(other, after);
                        pending.push(other);
                    }
                }
            }
        }
        let source = network.operator_count() + network.tensor_count();
        let (mut total, mut counted) = (0, self.work);
        budget.charge(self.clean.len())?;
        // Each phase computes a blocking flow, after which the distance to the sink has grown. So the
        // number of phases is at most the number of nodes.
        while self.work <= self.max_work && self.find_levels(source) {
            self.next.clone_from(&self.first);
            loop {
                let (pushed, is_done) = self.push(source);
                total += pushed;
                budget.charge((self.work - counted) as usize)?;
                counted = self.work;
                if is_done || self.work > self.max_work {
                    break;
                }
            }
        }
        Ok(total)
    }

    /// Computes the level of each node by breadth-first search over edges with residual capacity.
    /// Returns true if the sink is reachable.
    fn find_levels(&mut self, source: u32) -> bool {
        self.level.clear();
        self.level.resize(self.node_count(), u32::MAX);
        self.level[source as usize] = 0;
        let mut queue = vec![source];
        let mut first = 0;
        while let Some(&node) = queue.get(first) {
            first += 1;
            for edge in self.edges_of(node) {
                let to = self.to[edge];
                self.work += 1;
                if self.capacity[edge] > 0 && self.level[to as usize] == u32::MAX {
                    self.level[to as usize] = self.level[node as usize] + 1;
                    queue.push(to);
                }
            }
        }
        self.level[source as usize + 1] < u32::MAX
    }

    /// Pushes flow along shortest paths until none is left or [`WORK_AT_ONCE`] is spent. Returns the
    /// flow pushed, and true if no path is left.
    fn push(&mut self, source: u32) -> (u64, bool) {
        let sink = source + 1;
        let enough = self.work + WORK_AT_ONCE;
        let mut total = 0;
        // Edges of the current path from the source.
        let mut path: Vec<u32> = Vec::new();
        loop {
            let node = path.last().map_or(source, |&edge| self.to[edge as usize]);
            self.work += 1;
            if node == sink {
                let room = path.iter().map(|&edge| self.capacity[edge as usize]).min().unwrap_or(0);
                total += room;
                for &edge in &path {
                    self.capacity[edge as usize] -= room;
                    self.capacity[self.back[edge as usize] as usize] += room;
                }
                self.work += 2 * path.len() as u64;
                // Continue from the first saturated edge: the path up to it has capacity left.
                let full = path.iter().position(|&edge| self.capacity[edge as usize] == 0);
                path.truncate(full.unwrap_or(0));
                if self.work > enough {
                    return (total, false);
                }
                continue;
            }
            let leads = |&edge: &usize| {
                let to = self.to[edge] as usize;
                self.capacity[edge] > 0 && self.level[to] == self.level[node as usize].wrapping_add(1)
            };
            let edges = self.edges_of(node);
            let mut remaining = self.next[node as usize] as usize..edges.end;
            self.work += 1;
            if let Some(edge) = remaining.find(leads) {
                self.next[node as usize] = edge as u32;
                path.push(edge as u32);
                continue;
            }
            // A dead end: retreat, and never try the edge to it again in this phase.
            self.next[node as usize] = edges.end as u32;
            let Some(edge) = path.pop() else { return (total, true) };
            let before = self.to[self.back[edge as usize] as usize];
            self.next[before as usize] += 1;
        }
    }
}
