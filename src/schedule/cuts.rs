//! Bounds on the peak by cuts: what must be live when an operator runs.

use super::cursor::step_bytes;
use super::network::Network;
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

/// More than any sum of sizes.
const UNBOUNDED: u64 = u64::MAX / 4;

/// An order, and how far a bound is raised.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) order: &'a [u32],
    /// A bound of so many bytes is as good as any higher one.
    pub(super) enough: u64,
    /// No more edges are looked at, over all operators: about 200 million in a second.
    pub(super) most_work: u64,
}

/// Edges between two looks at the limits.
const WORK_AT_ONCE: u64 = 1 << 17;

/// A peak that no order stays below, and the edges looked at for it.
///
/// When operator `v` runs, all that it waits for has run, and nothing that waits for it;
/// of the others any may have run that leaves the set closed. The least bytes that are live
/// after such a set are a minimum cut: from the operators that have run to those that have
/// not, a tensor counts if its writer has run and a reader has not. With what `v` writes and
/// needs for itself, that bounds every order; the most over all operators is the result.
///
/// A maximum flow for each operator (Dinitz, 1970), those with the largest steps in the known
/// order first, as far as the work lasts. What has run before `v` there is such a set, so that no
/// cut of `v` is above that step: operators with steps below the bound so far are not looked at.
/// Of what is rounded up, the most is taken off, as with the largest step.
///
/// # Errors
/// Why it must stop.
pub(super) fn cut_bound(
    network: &Network,
    known: Known<'_>,
    meter: &mut Meter<'_>,
) -> Result<(u64, u64), Stop> {
    let total = network.sizes.iter().copied().fold(0, u64::saturating_add);
    if total >= UNBOUNDED {
        return Ok((0, 0));
    }
    // About half a microsecond for each operator and pass.
    let work = 256 * network.operator_count() as usize;
    meter.work(work)?;
    let mut flow = Flow::new(network, known.most_work);
    meter.work(work)?;
    let steps = step_bytes(network, known.order);
    meter.work(work)?;
    let mut operators = known.order.to_vec();
    sort_by_keys(&mut operators, |&operator| [!steps[operator as usize], operator.into()]);
    let mut best = 0;
    meter.charge(flow.to.len())?;
    for operator in operators {
        if flow.work > known.most_work || best >= known.enough.min(steps[operator as usize]) {
            break;
        }
        let live = flow.least_live(network, operator, meter)?;
        // What the operator reads is live before it.
        let (own, _) = network.step_bytes(operator);
        best = best.max((own + live).saturating_sub(network.padding_at(operator)));
    }
    Ok((best, flow.work))
}

/// Edges that leave a node lie one after the other.
struct Flow {
    /// By node: its first edge; then the end of all.
    first: Vec<u32>,
    to: Vec<u32>,
    /// By edge: the one that goes back.
    back: Vec<u32>,
    capacity: Vec<u64>,
    /// Capacities without any flow, and without what is forced.
    clean: Vec<u64>,
    /// By operator: the edges that force it before and after.
    forcing: Vec<[u32; 2]>,
    level: Vec<u32>,
    next: Vec<u32>,
    /// Edges that were looked at, and at most so many.
    work: u64,
    most_work: u64,
}

/// Nodes are operators, then tensors, then both ends.
impl Flow {
    fn new(network: &Network, most_work: u64) -> Self {
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
        let mut place = |node: u32| {
            let edge = free[node as usize];
            free[node as usize] += 1;
            edge
        };
        let count = 2 * edges.len();
        let (mut to, mut back, mut clean) = (vec![0; count], vec![0; count], vec![0; count]);
        let mut forcing = vec![[0; 2]; network.operator_count() as usize];
        for (number, &(from, end, capacity)) in edges.iter().enumerate() {
            let (edge, other) = (place(from), place(end));
            (to[edge as usize], to[other as usize]) = (end, from);
            (back[edge as usize], back[other as usize]) = (other, edge);
            clean[edge as usize] = capacity;
            if let Some(forcing) = forcing.get_mut(number / 2) {
                forcing[number % 2] = edge;
            }
        }
        let (capacity, level, next) = (Vec::new(), Vec::new(), Vec::new());
        Self { first, to, back, capacity, clean, forcing, level, next, work: 0, most_work }
    }

    /// Edges with their ends and capacities. The first two of each operator force it.
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
                let end = if network.stays[tensor as usize] { sink } else { operators + tensor };
                edges.push((operator, end, network.sizes[tensor as usize]));
            }
        }
        for &tensor in &network.present {
            let end = if network.stays[tensor as usize] { sink } else { operators + tensor };
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

    /// The least bytes live before an operator runs, without what is live throughout. Of a flow
    /// that takes too long, as much as was found: no cut is below any flow.
    fn least_live(&mut self, network: &Network, operator: u32, meter: &mut Meter<'_>) -> Result<u64, Stop> {
        self.capacity.clone_from(&self.clean);
        self.work += (self.clean.len() + self.node_count()) as u64;
        let mut force = |operator: u32, after: bool| {
            self.capacity[self.forcing[operator as usize][usize::from(after)] as usize] = UNBOUNDED;
        };
        force(operator, true);
        for (rows, after) in [(&network.before, false), (&network.after, true)] {
            let mut known = vec![false; network.operator_count() as usize];
            let mut open = vec![operator];
            while let Some(at) = open.pop() {
                for &other in rows.row(at) {
                    if !std::mem::replace(&mut known[other as usize], true) {
                        force(other, after);
                        open.push(other);
                    }
                }
            }
        }
        let source = network.operator_count() + network.tensor_count();
        let (mut total, mut counted) = (0, self.work);
        meter.charge(self.clean.len())?;
        while self.work <= self.most_work && self.find_levels(source) {
            self.next.clone_from(&self.first);
            loop {
                let (pushed, is_done) = self.push(source);
                total += pushed;
                meter.charge((self.work - counted) as usize)?;
                counted = self.work;
                if is_done || self.work > self.most_work {
                    break;
                }
            }
        }
        Ok(total)
    }

    /// How many edges with room lead to each node; whether the sink is reached.
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

    /// Pushes flow along shortest ways until there is none, or for a while; returns how much, and
    /// whether there is none.
    fn push(&mut self, source: u32) -> (u64, bool) {
        let sink = source + 1;
        let enough = self.work + WORK_AT_ONCE;
        let mut total = 0;
        // Edges of the way so far.
        let mut way: Vec<u32> = Vec::new();
        loop {
            let node = way.last().map_or(source, |&edge| self.to[edge as usize]);
            self.work += 1;
            if node == sink {
                let room = way.iter().map(|&edge| self.capacity[edge as usize]).min().unwrap_or(0);
                total += room;
                for &edge in &way {
                    self.capacity[edge as usize] -= room;
                    self.capacity[self.back[edge as usize] as usize] += room;
                }
                self.work += 2 * way.len() as u64;
                let full = way.iter().position(|&edge| self.capacity[edge as usize] == 0);
                way.truncate(full.unwrap_or(0));
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
            let mut left = self.next[node as usize] as usize..edges.end;
            self.work += 1;
            if let Some(edge) = left.find(leads) {
                self.next[node as usize] = edge as u32;
                way.push(edge as u32);
                continue;
            }
            self.next[node as usize] = edges.end as u32;
            let Some(edge) = way.pop() else { return (total, true) };
            let before = self.to[self.back[edge as usize] as usize];
            self.next[before as usize] += 1;
        }
    }
}
