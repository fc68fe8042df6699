//! Scheduling: finds an order of operators with a low peak, and lower bounds on the peak of any order.
//!
//! 1. [`Network`] is the graph in flat arrays. Its tensors are atoms, so shared bytes count once.
//! 2. The network is split into subproblems at operators that no order can move. The subproblem with
//!    the highest peak is improved first; the others need not go below its peak.
//! 3. For a subproblem: greedy orders, reductions that preserve an optimal order, a beam search for
//!    an incumbent, an exact best-first search, and minimum cuts as lower bounds if the search
//!    stops early.
//!
//! See `docs/order.md` for the theory. Every step is deterministic.

mod absorb;
mod alternative_orders;
mod atoms;
mod beam;
mod closure;
mod cuts;
mod enumeration;
mod execution_state;
mod greedy;
mod independent_ranges;
mod merged;
mod network;
mod postpone;
mod ready_cursor;
mod reduce;
mod savings;
mod search;
mod subproblem;
mod trees;
mod twins;

pub(crate) use alternative_orders::AlternativeOrders;
use beam::beam;
use cuts::{CutGoal, cut_bound};
use execution_state::{peak, peak_within};
use greedy::GreedyRule;
use independent_ranges::independent_ranges;
use network::Network;
use reduce::ReducedNetwork;
use search::search;
use subproblem::SubproblemBuilder;

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::graph::{Graph, Variables};
use crate::sharing::SharingLevel;
use crate::support::ids::OperatorId;
use crate::support::limits::{Budget, Limits, Stop};

/// The result of a phase that may be stopped.
type Result<T> = std::result::Result<T, Stop>;

/// The mode in which a [`Planner`](crate::Planner) chooses the order of a graph's operators.
///
/// Example: [`Schedule`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScheduleMode {
    /// Program order: the order of the source model.
    Program,
    /// The best order that a short search finds; for most networks it is proven optimal.
    #[default]
    Auto,
    /// An order of minimum peak with a proof, as far as limits and memory allow.
    Optimal,
}

/// An order, its peak, and a lower bound on the peak of any order.
///
/// The peak is the maximum number of bytes live at a step, as [`lower_bound`](crate::lower_bound)
/// counts them at the smallest alignment in the graph. No arena for the order is smaller.
///
/// ```
/// use plimsoll::{Graph, Planner, ScheduleMode, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let [a, b, c] = ["a", "b", "c"].map(|name| net.tensor(name, TensorSpec::bytes(8)));
/// net.operator("one").writes([a]);
/// net.operator("two").reads([a]).writes([b]);
/// net.operator("three").reads([b]).writes([c]);
/// net.output(c);
/// let planner = Planner::new().alignment(8).order(ScheduleMode::Optimal);
/// let schedule = planner.schedule(&net.build()?)?;
/// assert_eq!((schedule.peak, schedule.is_optimal()), (16, true));
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// The operators that run, in order.
    pub order: Vec<OperatorId>,
    /// The peak in bytes.
    pub peak: u64,
    /// The peak of program order in bytes.
    pub program_peak: u64,
    /// A lower bound in bytes on the peak of every order, and so on the arena of every order.
    pub lower_bound: u64,
    /// Search nodes spent. An expanded set of operators is a node; sets that take long count as
    /// several.
    pub nodes: u64,
    /// The reason why the search stopped.
    pub stop: Stop,
    /// True if the dependencies allow one order only.
    pub(crate) is_only_order: bool,
}

impl Schedule {
    /// Returns true if no order has a lower peak.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.peak == self.lower_bound
    }
}

/// The budget of a search for orders.
#[derive(Clone, Copy)]
struct ScheduleEffort {
    /// Nodes of the exact search in each subproblem.
    nodes: u64,
    /// Widths of the beam searches that run one after the other.
    widths: &'static [usize],
    /// Edge visits of minimum cuts, over all subproblems.
    cuts: u64,
    /// True if only minimum cuts raise the bound and no orders are searched.
    bounds_only: bool,
}

impl ScheduleEffort {
    /// Returns true if the caller asked for the optimum.
    fn wants_optimum(&self) -> bool {
        self.widths.len() > 2
    }
}

impl ScheduleMode {
    fn effort(self) -> ScheduleEffort {
        match self {
            Self::Program => ScheduleEffort { nodes: 0, widths: &[], cuts: 0, bounds_only: false },
            Self::Auto => {
                ScheduleEffort { nodes: 400_000, widths: &[4, 32], cuts: 40_000_000, bounds_only: false }
            }
            Self::Optimal => ScheduleEffort {
                nodes: 10_000_000,
                widths: &[4, 32, 256],
                cuts: 200_000_000,
                bounds_only: false,
            },
        }
    }
}

/// Maximum number of operators of a subproblem for the searches. Larger ones get greedy orders and
/// minimum cuts only.
const MAX_SEARCHED: u32 = 20_000;

/// Up to this number of operators, all beam widths run. Larger subproblems get the first width only,
/// unless the caller asks for the optimum.
const MAX_IN_SEVERAL_BEAMS: u32 = 5_000;

/// Above this number of operators, the exact search of a subproblem gets a quarter of its nodes, unless the
/// caller asks for the optimum: an expansion takes longer, and few of these searches finish.
const MAX_AT_FULL_EFFORT: u32 = 2_000;

/// Up to this number of tensors, the network of a graph is kept for all phases.
const MAX_KEPT: usize = 50_000;

/// Units of work that count as one more node.
const WORK_OF_A_NODE: u64 = 1024;

/// Charges nodes and work to the budget. In few networks does a set take more work than a node
/// includes: if thousands of operators are ready at once, or have thousands of tensors.
fn charge_nodes(budget: &mut Budget<'_>, nodes: u64, work: u64) -> Result<()> {
    budget.spend_on(nodes + work / WORK_OF_A_NODE, work)
}

/// Searches for orders of one graph at one level of sharing.
pub(crate) struct Scheduler<'a> {
    graph: &'a Graph,
    default_alignment: u64,
    variables: Variables,
    sharing: SharingLevel,
    /// Limits on building the network; only cancellation applies.
    limits: Limits,
    /// The network, if a phase before has built it.
    network: OnceCell<Network>,
}

impl<'a> Scheduler<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        default_alignment: u64,
        variables: Variables,
        sharing: SharingLevel,
        limits: &Limits,
    ) -> Self {
        let limits = limits.clone().cancel_only();
        Self { graph, default_alignment, variables, sharing, limits, network: OnceCell::new() }
    }

    pub(crate) fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// The network for one phase. That of a large graph is not kept: the phases in between need the memory, and
    /// building it again takes a small part of their time.
    fn network_of_phase(&self) -> Result<Cow<'_, Network>> {
        if self.network.get().is_none() && self.graph.tensors().len() > MAX_KEPT {
            return Network::new(self, network::unit(self)).map(Cow::Owned);
        }
        self.network().map(Cow::Borrowed)
    }

    /// Returns the network, and builds it on the first call. Linear in the graph, except for
    /// tensors with many source ranges.
    ///
    /// # Errors
    /// [`Stop::Cancelled`], as for every function that needs the network.
    fn network(&self) -> Result<&Network> {
        if self.network.get().is_none() {
            let network = Network::new(self, network::unit(self))?;
            // `OnceCell` is not shared between threads, so the cell is still empty.
            let _ = self.network.set(network);
        }
        Ok(self.network.get().expect("it was made"))
    }

    /// The network without rounding sizes to alignment, if rounding changes any size of `network`.
    fn plain_network(&self, network: &Network) -> Result<Option<Network>> {
        if network.paddings.any { Network::new(self, 1).map(Some) } else { Ok(None) }
    }

    /// Searches for an order of low peak.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] if the call is cancelled before it has found any order.
    pub(crate) fn schedule(&self, mode: ScheduleMode, limits: &Limits) -> Result<Schedule> {
        let network = &*self.network_of_phase()?;
        let effort = mode.effort();
        let mut budget = Budget::new(limits, 4 * effort.nodes);
        // First on rounded sizes, which the arena of aligned tensors needs.
        let mut parts = Subproblems::new(network, &self.limits)?;
        let mut stop = parts.improve(effort, &mut budget).err().unwrap_or(Stop::Finished);
        let mut bound = parts.bound();
        if parts.highest().is_some()
            && let Some(plain) = self.plain_network(network)?
        {
            // Bounds on rounded sizes subtract the largest padding, so bounds on the sizes without
            // rounding may be higher. The latter hold at any alignment, so the maximum is valid.
            let mut plain = Subproblems::new(&plain, &self.limits)?;
            if plain.bound() <= bound {
                let is_large = network.operator_count() > MAX_IN_SEVERAL_BEAMS && !effort.wants_optimum();
                if is_large {
                    // The search for orders dominates the cost; take the orders that are found already.
                    plain.adopt(&parts, &mut Budget::new(&self.limits, u64::MAX))?;
                }
                let effort = ScheduleEffort { bounds_only: is_large, ..effort };
                stop = stop.max(plain.improve(effort, &mut budget).err().unwrap_or(Stop::Finished));
            }
            bound = bound.max(plain.bound());
        }
        let file: Vec<u32> = (0..network.operator_count()).collect();
        let order = parts.order(&file);
        let limits = self.limits_if_large(network);
        let mut polls = Budget::new(&limits, u64::MAX);
        let peak = peak_within(network, &order, &mut polls)?;
        let program_peak = peak_within(network, &file, &mut polls)?;
        debug_assert!(peak <= program_peak);
        Ok(Schedule {
            order: order.into_iter().map(|operator| self.graph.program_order()[operator as usize]).collect(),
            peak,
            program_peak,
            lower_bound: bound.min(peak),
            nodes: budget.nodes(),
            stop: if bound >= peak { Stop::Finished } else { stop },
            is_only_order: parts.list.is_empty(),
        })
    }

    /// Limits on computing the peak of an order. For a large network this would delay the return of a
    /// cancelled call; for a small one, a cancelled call returns its order with the peak.
    fn limits_if_large(&self, network: &Network) -> Limits {
        let is_large = network.operator_count() > MAX_IN_SEVERAL_BEAMS;
        if is_large { self.limits.clone() } else { Limits::new() }
    }

    /// Computes the peak of an order, as in [`Schedule::peak`]: a lower bound on the arena for this
    /// order under any choice of aliases. Linear in the graph.
    pub(crate) fn load(&self, order: &[OperatorId]) -> Result<u64> {
        let number = self.graph.positions_in(self.graph.program_order());
        let order: Vec<u32> = order.iter().map(|id| number[id.index()]).collect();
        let network = self.network_of_phase()?;
        peak_within(&network, &order, &mut Budget::new(&self.limits_if_large(&network), u64::MAX))
    }

    /// Computes the largest step of a single operator: a lower bound on the peak of every order that
    /// needs no search. O(operators + edges).
    pub(crate) fn largest_step(&self) -> Result<u64> {
        let network = self.network_of_phase()?;
        let bytes = largest_step(&network);
        // Without rounding, no padding has to be subtracted, so the step may be larger.
        Ok(self.plain_network(&network)?.map_or(bytes, |plain| bytes.max(largest_step(&plain))))
    }
}

/// Up to this number of operators, the network of a subproblem is not kept but built again when it is needed: a
/// graph may have a million small subproblems, of which few are ever improved.
const MAX_BUILT_AGAIN: u32 = 64;

/// A range of operators that every order runs together, with its incumbent order and bound.
struct ScheduleSubproblem {
    /// The first operator.
    from: u32,
    /// The network of a subproblem of more than [`MAX_BUILT_AGAIN`] operators.
    network: Option<Network>,
    /// The incumbent order, with operators numbered from 0.
    order: Vec<u32>,
    /// The peak of the incumbent order in bytes.
    peak: u64,
    /// A lower bound on the peak of every order.
    bound: u64,
}

/// The independent subproblems of a network.
struct Subproblems<'a> {
    builder: SubproblemBuilder<'a>,
    limits: &'a Limits,
    /// The subproblems of several operators.
    list: Vec<ScheduleSubproblem>,
    /// The highest peak of a subproblem of a single operator, which has a single order; none without any.
    single_peak: Option<u64>,
}

impl<'a> Subproblems<'a> {
    /// Splits a network. The incumbent of each subproblem is program order.
    fn new(network: &'a Network, limits: &'a Limits) -> Result<Self> {
        let builder = SubproblemBuilder::new(network);
        let mut parts = Self { builder, limits, list: Vec::new(), single_peak: None };
        for (from, to) in independent_ranges(network) {
            let network = parts.builder.subproblem(from, to, limits)?;
            limits.check_cancelled()?;
            let order: Vec<u32> = (0..to - from).collect();
            let peak = peak_within(&network, &order, &mut Budget::new(limits, u64::MAX))?;
            if order.len() < 2 {
                parts.single_peak = parts.single_peak.max(Some(peak));
                continue;
            }
            let bound = largest_step(&network).min(peak);
            let network = Some(network).filter(|_| order.len() > MAX_BUILT_AGAIN as usize);
            parts.list.push(ScheduleSubproblem { from, network, order, peak, bound });
        }
        Ok(parts)
    }

    /// The program order `file` with the incumbent orders of all subproblems.
    fn order(&self, file: &[u32]) -> Vec<u32> {
        let mut order = file.to_vec();
        for part in &self.list {
            for (position, operator) in (part.from as usize..).zip(&part.order) {
                order[position] = part.from + operator;
            }
        }
        order
    }

    /// Takes over the orders of the same subproblems in a network with other sizes.
    ///
    /// # Errors
    /// The reason to stop.
    fn adopt(&mut self, other: &Self, budget: &mut Budget<'_>) -> Result<()> {
        for (target, source) in self.list.iter_mut().zip(&other.list) {
            if (target.from, target.order.len()) == (source.from, source.order.len()) {
                let network = target.network(&mut self.builder, self.limits)?;
                let peak = peak_within(&network, &source.order, budget)?;
                target.keep(network);
                target.offer(peak, source.order.clone());
            }
        }
        Ok(())
    }

    /// The lower bound for the whole network: the maximum over subproblems, since the peak of an order
    /// is at least the peak of each part of it.
    fn bound(&self) -> u64 {
        self.list.iter().map(|part| part.bound).chain(self.single_peak).max().unwrap_or(u64::MAX)
    }

    /// The subproblem with the highest peak, unless that peak equals the bound.
    fn highest(&self) -> Option<usize> {
        let bound = self.bound();
        let open = (0..self.list.len()).filter(|&part| self.list[part].peak > bound);
        open.max_by_key(|&part| self.list[part].peak)
    }

    /// Lowers the peak and raises the bound until they meet or the budget is spent. Each round
    /// improves the subproblem with the highest peak until its peak is at most the bound of the
    /// whole: a lower peak would not lower the maximum over all subproblems.
    fn improve(&mut self, mut effort: ScheduleEffort, budget: &mut Budget<'_>) -> Result<()> {
        if effort.widths.is_empty() {
            return Ok(());
        }
        budget.work(0)?;
        if self.list.iter().any(|part| part.order.len() > MAX_SEARCHED as usize) {
            // Edges of a large network do not fit the cache, so a visit takes several times longer.
            effort.cuts /= 4;
        }
        let mut settled = vec![false; self.list.len()];
        while let Some(highest) = self.highest().filter(|&highest| !settled[highest]) {
            let bound = self.bound();
            settled[highest] = true;
            let part = &mut self.list[highest];
            let network = part.network(&mut self.builder, self.limits)?;
            part.improve(&network, bound, &mut effort, budget)?;
            part.keep(network);
        }
        Ok(())
    }
}

impl ScheduleSubproblem {
    /// Takes the network out, or builds it again.
    fn network(&mut self, builder: &mut SubproblemBuilder<'_>, limits: &Limits) -> Result<Network> {
        let to = self.from + self.order.len() as u32;
        self.network.take().map_or_else(|| builder.subproblem(self.from, to, limits), Ok)
    }

    /// Puts the network back.
    fn keep(&mut self, network: Network) {
        self.network = Some(network).filter(|_| self.order.len() > MAX_BUILT_AGAIN as usize);
    }

    /// Improves the subproblem until its peak is at most `enough` or is proven optimal.
    fn improve(
        &mut self,
        network: &Network,
        enough: u64,
        effort: &mut ScheduleEffort,
        budget: &mut Budget<'_>,
    ) -> Result<()> {
        if effort.bounds_only {
            return self.only_raise_by_cuts(network, effort, budget);
        }
        // 1. Cheap incumbents. If one of them meets the bound, no search is needed.
        for greedy in GreedyRule::ALL {
            let order = greedy.order(network, budget)?;
            self.offer(peak_within(network, &order, budget)?, order);
            if self.peak <= enough {
                return Ok(());
            }
        }
        // 2. Reductions. The searches run on the reduced network; orders are expanded before they are
        // compared, because peaks of the reduced network may be higher.
        let reduced = ReducedNetwork::new(network, budget)?;
        if reduced.network.operator_count() > MAX_SEARCHED {
            return self.only_raise_by_cuts(network, effort, budget);
        }
        let mut stop = Stop::Finished;
        let is_large = reduced.network.operator_count() > MAX_IN_SEVERAL_BEAMS && !effort.wants_optimum();
        let has_all_nodes = reduced.network.operator_count() <= MAX_AT_FULL_EFFORT || effort.wants_optimum();
        let nodes = if has_all_nodes { effort.nodes } else { effort.nodes / 4 };
        let beams = if is_large { 1 } else { effort.widths.len() };
        // 3. Searches: the narrow beam, then the exact search with its incumbent, then wider beams if the
        // exact search has run out of nodes.
        for (turn, &width) in effort.widths[..beams].iter().enumerate() {
            budget.best = self.peak;
            let found = if is_large {
                let mut sub_budget = budget.of_question(nodes);
                let found = beam(&reduced.network, width, self.peak, 0, &mut sub_budget);
                budget.start_at(budget.nodes() + sub_budget.nodes());
                found
            } else {
                beam(&reduced.network, width, self.peak, 0, budget)
            };
            match found {
                Ok(Some((_, order))) => {
                    let order = reduced.expand(&order);
                    self.offer(peak(network, &order), order);
                }
                Ok(None) => {}
                Err(Stop::Nodes) if is_large => stop = Stop::Nodes,
                Err(stop) => return Err(stop),
            }
            if self.peak <= enough {
                return Ok(());
            }
            if turn == 0 {
                // The exact search of a large network either dives straight to a proven optimum or
                // does not finish, so more nodes than operators are of no use.
                let node_limit = if is_large { reduced.network.operator_count().into() } else { nodes };
                let mut sub_budget = budget.of_question(node_limit.min(budget.remaining() / 4 * 3));
                let searched = search(&reduced.network, self.bound.max(enough), self.peak, &mut sub_budget);
                budget.start_at(budget.nodes() + sub_budget.nodes());
                if searched.bound > enough {
                    self.bound = self.bound.max(searched.bound.min(self.peak));
                }
                if let Some((_, order)) = searched.found {
                    let order = reduced.expand(&order);
                    self.offer(peak(network, &order), order);
                }
                if searched.stop == Stop::Finished {
                    return Ok(());
                }
                stop = searched.stop;
                if stop != Stop::Nodes {
                    return Err(stop);
                }
                self.raise_by_cuts(network, effort, budget)?;
            }
        }
        if stop == Stop::Finished { Ok(()) } else { Err(stop) }
    }

    /// Raises the bound by minimum cuts, without a search for orders.
    fn only_raise_by_cuts(
        &mut self,
        network: &Network,
        effort: &mut ScheduleEffort,
        budget: &mut Budget<'_>,
    ) -> Result<()> {
        self.raise_by_cuts(network, effort, budget)?;
        if self.peak <= self.bound { Ok(()) } else { Err(Stop::Nodes) }
    }

    /// Raises the bound by minimum cuts within the remaining edge visits.
    fn raise_by_cuts(
        &mut self,
        network: &Network,
        effort: &mut ScheduleEffort,
        budget: &mut Budget<'_>,
    ) -> Result<()> {
        // A bound above the incumbent peak is impossible, so the peak is the goal.
        let goal = CutGoal { order: &self.order, enough: self.peak, max_work: effort.cuts };
        let (bound, work) = cut_bound(network, goal, budget)?;
        effort.cuts = effort.cuts.saturating_sub(work);
        self.bound = self.bound.max(bound.min(self.peak));
        Ok(())
    }

    /// Replaces the incumbent if the peak is lower.
    fn offer(&mut self, peak: u64, order: Vec<u32>) {
        if peak < self.peak {
            (self.peak, self.order) = (peak, order);
        }
    }
}

/// The largest step of a single operator: its inputs, outputs and scratch buffer, less what it may save,
/// plus the bytes that are live throughout.
fn largest_step(network: &Network) -> u64 {
    let steps = (0..network.operator_count()).map(|operator| {
        let (added, read) = network.step_bytes(operator);
        (added + read).saturating_sub(network.padding_at(operator))
    });
    steps.max().unwrap_or(network.base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::TensorSpec;

    /// A random graph whose operators read random earlier tensors.
    fn random_graph(seed: u64) -> Graph {
        let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |count: u64| {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            bits % count
        };
        let mut net = Graph::builder("drawn");
        let mut tensors = vec![net.input("x", TensorSpec::bytes(9))];
        for k in 0..12 {
            let reads: Vec<_> = (0..=below(3))
                .map(|_| {
                    let index = if k == 0 { 0 } else { below(tensors.len() as u64) };
                    tensors[usize::try_from(index).expect("a small number")]
                })
                .collect();
            let written = net.tensor(format!("t{k}"), TensorSpec::bytes(1 + below(30)));
            net.operator(format!("op{k}")).reads(reads).writes([written]).scratch(below(2) * 7);
            if below(6) == 0 {
                net.output(written);
            }
            tensors.push(written);
        }
        net.build().expect("a network")
    }

    #[test]
    fn cuts_bound_from_below_and_are_sharper_than_steps() {
        let limits = Limits::new();
        let (mut sharper, mut exact) = (0, 0);
        for seed in 1..=300 {
            let graph = random_graph(seed);
            for alignment in [1, 8] {
                let mut budget = Budget::new(&limits, u64::MAX);
                let scheduler =
                    Scheduler::new(&graph, alignment, Variables::Arena, SharingLevel::None, &limits);
                let network = scheduler.network().expect("no limit").clone();
                let best = scheduler.schedule(ScheduleMode::Optimal, &limits).expect("no limit");
                let order: Vec<u32> = (0..network.operator_count()).collect();
                let goal = CutGoal { order: &order, enough: u64::MAX, max_work: 200_000_000 };
                let (bound, _) = cut_bound(&network, goal, &mut budget).expect("no limit");
                assert!(best.is_optimal());
                assert!(bound <= best.peak, "seed {seed}: {bound} above {}", best.peak);
                let step = largest_step(&network);
                assert!(bound >= step, "seed {seed}: {bound} below {step}");
                sharper += usize::from(bound > step);
                exact += usize::from(bound == best.peak);
            }
        }
        assert!(sharper > 300 && exact > 200, "{sharper} sharper, {exact} exact of 600");
    }

    #[test]
    fn a_pass_for_bounds_alone_keeps_the_orders() {
        let limits = Limits::new();
        let mut raised = 0;
        for seed in 1..=100 {
            let graph = random_graph(seed);
            let scheduler = Scheduler::new(&graph, 8, Variables::Arena, SharingLevel::None, &limits);
            let best = scheduler.schedule(ScheduleMode::Optimal, &limits).expect("no limit");
            let mut parts =
                Subproblems::new(scheduler.network().expect("no limit"), &limits).expect("no limit");
            let orders: Vec<Vec<u32>> = parts.list.iter().map(|part| part.order.clone()).collect();
            let before = parts.bound();
            let effort = ScheduleEffort { bounds_only: true, ..ScheduleMode::Auto.effort() };
            // Stopped for want of nodes, as it searches no orders, unless the bound is reached.
            let _ = parts.improve(effort, &mut Budget::new(&limits, u64::MAX));
            assert!(parts.list.iter().map(|part| &part.order).eq(&orders), "seed {seed}");
            assert!(parts.bound() <= best.peak, "seed {seed}: {} above {}", parts.bound(), best.peak);
            raised += usize::from(parts.bound() > before);
        }
        assert!(raised > 20, "{raised} of 100");
    }

    /// Parallel chains of the same length.
    fn chains(count: usize, length: usize) -> Graph {
        let mut builder = Graph::builder("chains");
        let x = builder.input("x", TensorSpec::bytes(64));
        for chain in 0..count {
            let mut last = x;
            for link in 0..length {
                let bytes = 16 * (1 + (7 * chain + 5 * link) % 11) as u64;
                let next = builder.tensor(format!("t{chain}_{link}"), TensorSpec::bytes(bytes));
                builder.operator(format!("op{chain}_{link}")).reads([last]).writes([next]);
                last = next;
            }
            builder.output(last);
        }
        builder.build().expect("a network")
    }

    #[test]
    fn a_beam_gives_up_early_where_its_nodes_are_too_few() {
        let limits = Limits::new();
        let graph = chains(20, 10);
        let scheduler = Scheduler::new(&graph, 1, Variables::Arena, SharingLevel::None, &limits);
        let network = scheduler.network().expect("no limit");
        let run = |nodes: u64| {
            let mut budget = Budget::new(&limits, nodes);
            let found = beam(network, 8, u64::MAX, 0, &mut budget);
            (found, budget.nodes())
        };
        let (found, all) = run(u64::MAX);
        let found = found.expect("no limit").expect("an order");
        assert_eq!(run(2 * all).0, Ok(Some(found)), "enough nodes");
        let (stopped, spent) = run(all / 8);
        assert_eq!(stopped, Err(Stop::Nodes));
        assert!(spent < all / 16, "{spent} of {} nodes were spent before it gave up", all / 8);
    }
}
