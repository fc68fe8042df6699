//! Which operator runs when: orders of a low peak, and how low any can be.

mod absorb;
mod all;
mod atoms;
mod beam;
mod cursor;
mod cuts;
mod greedy;
mod network;
mod others;
mod parting;
mod postpone;
mod reduce;
mod rows;
mod saves;
mod search;
mod segments;
mod trees;
mod twins;
mod walk;

use beam::beam;
use cursor::peak;
use cuts::{Known, cut_bound};
use greedy::Greedy;
use network::Network;
pub(crate) use others::Others;
use parting::Parting;
use reduce::Reduced;
pub(crate) use rows::Rows;
use search::search;
use segments::segments;

use std::cell::OnceCell;

use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::{Limits, Meter, Stop};
use crate::occupant::Variables;
use crate::sharing::Sharing;

/// The result of a phase that may have to stop.
type Result<T> = std::result::Result<T, Stop>;

/// Which order a [`Planner`](crate::Planner) gives to a graph's operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ordering {
    /// That of the file.
    File,
    /// The best that can be found quickly; for most networks one that is proven.
    #[default]
    Auto,
    /// One of the least peak, with proof, as far as the limits and memory reach.
    Optimal,
}

/// An order, its peak, and how low the peak of any order can be.
///
/// A peak is the most bytes that are live at a step, as [`lower_bound`](crate::lower_bound)
/// counts them at the least alignment there is: no arena for the order is smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// The operators that run.
    pub order: Vec<OperatorId>,
    /// The peak in bytes.
    pub peak: u64,
    /// The peak of the file's order.
    pub file_peak: u64,
    /// No order has a lower peak, so none has a smaller arena.
    pub lower_bound: u64,
    /// Nodes of the search: sets of operators that it left, and more for those that took long.
    pub nodes: u64,
    /// Why the search stopped.
    pub stop: Stop,
    /// No other order can be run.
    pub(crate) is_only_order: bool,
}

impl Schedule {
    /// Whether no order has a lower peak.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.peak == self.lower_bound
    }
}

/// How far to go.
#[derive(Clone, Copy)]
struct Effort {
    nodes: u64,
    /// Of beams, one after the other.
    widths: &'static [usize],
    /// Edges that cuts look at, of all parts.
    cuts: u64,
    /// Whether only cuts raise the bound, and no orders are sought.
    bounds_only: bool,
}

impl Effort {
    /// Returns true if the caller asked for the optimum.
    fn is_patient(&self) -> bool {
        self.widths.len() > 2
    }
}

impl Ordering {
    fn effort(self) -> Effort {
        match self {
            Self::File => Effort { nodes: 0, widths: &[], cuts: 0, bounds_only: false },
            Self::Auto => Effort { nodes: 400_000, widths: &[4, 32], cuts: 40_000_000, bounds_only: false },
            Self::Optimal => {
                Effort { nodes: 10_000_000, widths: &[4, 32, 256], cuts: 200_000_000, bounds_only: false }
            }
        }
    }
}

/// No more operators are searched than this, but for the first beam's, no more for each.
const MOST_SEARCHED: u32 = 20_000;

/// With more operators, only the first beam looks for orders unless the optimum is asked for.
const MOST_IN_SEVERAL_BEAMS: u32 = 5_000;

/// So much work counts as a node of its own.
const WORK_OF_A_NODE: u64 = 1024;

/// Counts nodes, and work. Few networks are so wide, or have operators of so many tensors, that
/// a set takes more than the work of a node.
fn spend(meter: &mut Meter<'_>, nodes: u64, work: u64) -> Result<()> {
    meter.spend_on(nodes + work / WORK_OF_A_NODE, work)
}

/// Searches for orders of one graph, at one level of sharing.
pub(crate) struct Scheduler<'a> {
    graph: &'a Graph,
    default_alignment: u64,
    variables: Variables,
    sharing: Sharing,
    /// Of these, only cancellation counts.
    limits: Limits,
    /// Made when it is first needed.
    network: OnceCell<Network>,
}

impl<'a> Scheduler<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        default_alignment: u64,
        variables: Variables,
        sharing: Sharing,
        limits: &Limits,
    ) -> Self {
        let limits = limits.clone().cancel_only();
        Self { graph, default_alignment, variables, sharing, limits, network: OnceCell::new() }
    }

    pub(crate) fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// Linear in the graph, but for tensors in many pieces.
    ///
    /// # Errors
    /// [`Stop::Cancelled`], as every function that needs the network.
    fn network(&self) -> Result<&Network> {
        if self.network.get().is_none() {
            let Self { graph, default_alignment, variables, sharing, .. } = *self;
            let made = Network::new(graph, default_alignment, variables, sharing, &self.limits)?;
            // Nobody else sets it.
            let _ = self.network.set(made);
        }
        Ok(self.network.get().expect("it was made"))
    }

    /// The network without rounding to cells, if the other one has rounded something.
    fn plain_network(&self) -> Result<Option<Network>> {
        let Self { graph, default_alignment, variables, sharing, ref limits, .. } = *self;
        if !self.network()?.paddings.any {
            return Ok(None);
        }
        Network::in_cells(graph, 1, default_alignment, variables, (sharing, limits)).map(Some)
    }

    /// An order.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] before there is any other order than that of
    /// the program.
    pub(crate) fn schedule(&self, ordering: Ordering, limits: &Limits) -> Result<Schedule> {
        let network = self.network()?;
        let effort = ordering.effort();
        let mut meter = Meter::new(limits, 4 * effort.nodes);
        let mut parts = Parts::new(network, &self.limits)?;
        let mut stop = parts.improve(effort, &mut meter).err().unwrap_or(Stop::Finished);
        let mut bound = parts.bound();
        if parts.worst().is_some()
            && let Some(plain) = self.plain_network()?
        {
            // What is rounded up is taken off bounds as a whole, so that those that count bytes as
            // they are may be higher. They hold at any alignment.
            let mut plain = Parts::new(&plain, &self.limits)?;
            if plain.bound() <= bound {
                let is_large = network.operator_count() > MOST_IN_SEVERAL_BEAMS && !effort.is_patient();
                if is_large {
                    // The search for orders is the most of the work, and has been done.
                    plain.adopt(&parts);
                }
                let effort = Effort { bounds_only: is_large, ..effort };
                stop = stop.max(plain.improve(effort, &mut meter).err().unwrap_or(Stop::Finished));
            }
            bound = bound.max(plain.bound());
        }
        self.go_on_if_large(network)?;
        let order: Vec<u32> = parts
            .list
            .iter()
            .flat_map(|part| part.order.iter().map(|&operator| part.from + operator))
            .collect();
        let file: Vec<u32> = (0..network.operator_count()).collect();
        let peak = peak(network, &order);
        self.go_on_if_large(network)?;
        let file_peak = cursor::peak(network, &file);
        self.go_on_if_large(network)?;
        debug_assert!(peak <= file_peak);
        Ok(Schedule {
            order: order.into_iter().map(|operator| self.graph.file_order()[operator as usize]).collect(),
            peak,
            file_peak,
            lower_bound: bound.min(peak),
            nodes: meter.nodes(),
            stop: if bound >= peak { Stop::Finished } else { stop },
            is_only_order: parts.list.iter().all(|part| part.order.len() < 2),
        })
    }

    /// To add up the steps of a large network takes longer than a cancelled call may.
    fn go_on_if_large(&self, network: &Network) -> Result<()> {
        if network.operator_count() > MOST_IN_SEVERAL_BEAMS { self.limits.go_on() } else { Ok(()) }
    }

    /// The most bytes live at a step of this order, as in [`Schedule::peak`]: with all the
    /// sharing that may be done there, no arena is smaller. Linear in the graph.
    pub(crate) fn load(&self, order: &[OperatorId]) -> Result<u64> {
        let mut number = vec![0; self.graph.operators().len()];
        for (place, id) in (0..).zip(self.graph.file_order()) {
            number[id.index()] = place;
        }
        Ok(peak(self.network()?, &order.iter().map(|id| number[id.index()]).collect::<Vec<u32>>()))
    }

    /// The bytes of the largest step of a single operator: a load that no order stays below, found
    /// without a search. O(operators + edges).
    pub(crate) fn largest_step(&self) -> Result<u64> {
        let bytes = largest_step(self.network()?);
        // Without rounding, there is no padding to take off.
        Ok(self.plain_network()?.map_or(bytes, |plain| bytes.max(largest_step(&plain))))
    }
}

/// A range of operators that all orders run together.
struct Part {
    from: u32,
    network: Network,
    /// Numbered from 0.
    order: Vec<u32>,
    peak: u64,
    /// No order has a lower peak.
    bound: u64,
}

struct Parts {
    list: Vec<Part>,
}

impl Parts {
    fn new(network: &Network, limits: &Limits) -> Result<Self> {
        let mut parting = Parting::new(network);
        let part = |(from, to)| {
            let network = parting.part(from, to, limits)?;
            limits.go_on()?;
            let order: Vec<u32> = (0..to - from).collect();
            let peak = peak(&network, &order);
            let bound = if order.len() < 2 { peak } else { largest_step(&network).min(peak) };
            Ok(Part { from, network, order, peak, bound })
        };
        Ok(Self { list: segments(network).into_iter().map(part).collect::<Result<_>>()? })
    }

    /// Takes the orders of the same parts in a network with other sizes.
    fn adopt(&mut self, other: &Self) {
        for (own, other) in self.list.iter_mut().zip(&other.list) {
            if (own.from, own.order.len()) == (other.from, other.order.len()) {
                own.offer(peak(&own.network, &other.order), other.order.clone());
            }
        }
    }

    fn bound(&self) -> u64 {
        self.list.iter().map(|part| part.bound).max().unwrap_or(u64::MAX)
    }

    /// The part of the highest peak, as long as that is not proven.
    fn worst(&self) -> Option<usize> {
        let bound = self.bound();
        let open = (0..self.list.len()).filter(|&part| self.list[part].peak > bound);
        open.max_by_key(|&part| self.list[part].peak)
    }

    /// Lowers the peak and raises the bound, until they meet. The parts with the highest
    /// peaks come first; the others then only have to stay below what those need.
    fn improve(&mut self, mut effort: Effort, meter: &mut Meter<'_>) -> Result<()> {
        if effort.widths.is_empty() {
            return Ok(());
        }
        meter.work(0)?;
        if self.list.iter().any(|part| part.network.operator_count() > MOST_SEARCHED) {
            // An edge of a large network is not in the cache.
            effort.cuts /= 4;
        }
        let mut settled = vec![false; self.list.len()];
        while let Some(worst) = self.worst().filter(|&worst| !settled[worst]) {
            let bound = self.bound();
            settled[worst] = true;
            self.list[worst].improve(bound, &mut effort, meter)?;
        }
        Ok(())
    }
}

impl Part {
    /// As far as `enough`.
    fn improve(&mut self, enough: u64, effort: &mut Effort, meter: &mut Meter<'_>) -> Result<()> {
        if effort.bounds_only {
            return self.only_raise_by_cuts(effort, meter);
        }
        for greedy in Greedy::ALL {
            let order = greedy.order(&self.network, meter)?;
            self.offer(peak(&self.network, &order), order);
            if self.peak <= enough {
                return Ok(());
            }
        }
        let reduced = Reduced::new(&self.network, meter)?;
        if reduced.network.operator_count() > MOST_SEARCHED {
            return self.only_raise_by_cuts(effort, meter);
        }
        let mut stop = Stop::Finished;
        let is_large = reduced.network.operator_count() > MOST_IN_SEVERAL_BEAMS && !effort.is_patient();
        let (beams, nodes) =
            if is_large { (1, effort.nodes / 4) } else { (effort.widths.len(), effort.nodes) };
        for (turn, &width) in effort.widths[..beams].iter().enumerate() {
            meter.best = self.peak;
            let found = if is_large {
                let mut own = meter.of_question(nodes);
                let found = beam(&reduced.network, width, self.peak, 0, &mut own);
                meter.start_at(meter.nodes() + own.nodes());
                found
            } else {
                beam(&reduced.network, width, self.peak, 0, meter)
            };
            match found {
                Ok(Some((_, order))) => {
                    let order = reduced.expand(&order);
                    self.offer(peak(&self.network, &order), order);
                }
                Ok(None) => {}
                Err(Stop::Nodes) if is_large => stop = Stop::Nodes,
                Err(stop) => return Err(stop),
            }
            if self.peak <= enough {
                return Ok(());
            }
            if turn == 0 {
                // The search of a large network ends on a straight way, or not at all.
                let most = if is_large { reduced.network.operator_count().into() } else { nodes };
                let mut own = meter.of_question(most.min(meter.remaining() / 4 * 3));
                let searched = search(&reduced.network, self.bound.max(enough), self.peak, &mut own);
                meter.start_at(meter.nodes() + own.nodes());
                if searched.bound > enough {
                    self.bound = self.bound.max(searched.bound.min(self.peak));
                }
                if let Some((_, order)) = searched.found {
                    let order = reduced.expand(&order);
                    self.offer(peak(&self.network, &order), order);
                }
                if searched.stop == Stop::Finished {
                    return Ok(());
                }
                stop = searched.stop;
                if stop != Stop::Nodes {
                    return Err(stop);
                }
                self.raise_by_cuts(effort, meter)?;
            }
        }
        if stop == Stop::Finished { Ok(()) } else { Err(stop) }
    }

    /// With no search for orders.
    fn only_raise_by_cuts(&mut self, effort: &mut Effort, meter: &mut Meter<'_>) -> Result<()> {
        self.raise_by_cuts(effort, meter)?;
        if self.peak <= self.bound { Ok(()) } else { Err(Stop::Nodes) }
    }

    fn raise_by_cuts(&mut self, effort: &mut Effort, meter: &mut Meter<'_>) -> Result<()> {
        let known = Known { order: &self.order, enough: self.peak, most_work: effort.cuts };
        let (bound, work) = cut_bound(&self.network, known, meter)?;
        effort.cuts = effort.cuts.saturating_sub(work);
        self.bound = self.bound.max(bound.min(self.peak));
        Ok(())
    }

    fn offer(&mut self, peak: u64, order: Vec<u32>) {
        if peak < self.peak {
            (self.peak, self.order) = (peak, order);
        }
    }
}

/// The largest step of a single operator: what it reads and writes, what it needs for
/// itself, what is live throughout.
fn largest_step(network: &Network) -> u64 {
    let steps = (0..network.operator_count()).map(|operator| {
        let (own, read) = network.step_bytes(operator);
        (own + read).saturating_sub(network.padding_at(operator))
    });
    steps.max().unwrap_or(network.base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::TensorSpec;

    /// Operators that read some of what is there, drawn by a seed.
    fn drawn(seed: u64) -> Graph {
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
                    let place = if k == 0 { 0 } else { below(tensors.len() as u64) };
                    tensors[usize::try_from(place).expect("a small number")]
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
            let graph = drawn(seed);
            for alignment in [1, 8] {
                let mut meter = Meter::new(&limits, u64::MAX);
                let scheduler = Scheduler::new(&graph, alignment, Variables::Arena, Sharing::None, &limits);
                let network = scheduler.network().expect("no limit").clone();
                let best = scheduler.schedule(Ordering::Optimal, &limits).expect("no limit");
                let order: Vec<u32> = (0..network.operator_count()).collect();
                let known = Known { order: &order, enough: u64::MAX, most_work: 200_000_000 };
                let (bound, _) = cut_bound(&network, known, &mut meter).expect("no limit");
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
            let graph = drawn(seed);
            let scheduler = Scheduler::new(&graph, 8, Variables::Arena, Sharing::None, &limits);
            let best = scheduler.schedule(Ordering::Optimal, &limits).expect("no limit");
            let mut parts = Parts::new(scheduler.network().expect("no limit"), &limits).expect("no limit");
            let orders: Vec<Vec<u32>> = parts.list.iter().map(|part| part.order.clone()).collect();
            let before = parts.bound();
            let effort = Effort { bounds_only: true, ..Ordering::Auto.effort() };
            // Stopped for want of nodes, as it searches no orders, unless the bound is reached.
            let _ = parts.improve(effort, &mut Meter::new(&limits, u64::MAX));
            assert!(parts.list.iter().map(|part| &part.order).eq(&orders), "seed {seed}");
            assert!(parts.bound() <= best.peak, "seed {seed}: {} above {}", parts.bound(), best.peak);
            raised += usize::from(parts.bound() > before);
        }
        assert!(raised > 20, "{raised} of 100");
    }

    /// Chains side by side, each as long as the next.
    fn chains(count: usize, length: usize) -> Graph {
        let mut net = Graph::builder("chains");
        let x = net.input("x", TensorSpec::bytes(64));
        for chain in 0..count {
            let mut last = x;
            for place in 0..length {
                let bytes = 16 * (1 + (7 * chain + 5 * place) % 11) as u64;
                let written = net.tensor(format!("t{chain}_{place}"), TensorSpec::bytes(bytes));
                net.operator(format!("op{chain}_{place}")).reads([last]).writes([written]);
                last = written;
            }
            net.output(last);
        }
        net.build().expect("a network")
    }

    #[test]
    fn a_beam_gives_up_early_where_its_nodes_are_too_few() {
        let limits = Limits::new();
        let graph = chains(20, 10);
        let scheduler = Scheduler::new(&graph, 1, Variables::Arena, Sharing::None, &limits);
        let network = scheduler.network().expect("no limit");
        let run = |nodes: u64| {
            let mut meter = Meter::new(&limits, nodes);
            let found = beam(network, 8, u64::MAX, 0, &mut meter);
            (found, meter.nodes())
        };
        let (found, all) = run(u64::MAX);
        let found = found.expect("no limit").expect("an order");
        assert_eq!(run(2 * all).0, Ok(Some(found)), "enough nodes");
        let (stopped, spent) = run(all / 8);
        assert_eq!(stopped, Err(Stop::Nodes));
        assert!(spent < all / 16, "{spent} of {} nodes were spent before it gave up", all / 8);
    }
}
