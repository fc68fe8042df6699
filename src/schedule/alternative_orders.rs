//! Alternative orders of the same peak, for use if offsets do not reach the peak of the first order.

use std::borrow::Cow;

use super::beam::beam;
use super::independent_ranges::independent_ranges;
use super::network::Network;
use super::subproblem::SubproblemBuilder;
use super::{MAX_BUILT_AGAIN, MAX_SEARCHED, Schedule, Scheduler};
use crate::graph::Graph;
use crate::support::ids::OperatorId;
use crate::support::limits::{Budget, Limits, Stop};

/// Width of the beam.
const WIDTH: usize = 8;

/// Maximum number of nodes for each order.
const NODES: u64 = 400_000;

pub(crate) struct AlternativeOrders<'a> {
    graph: &'a Graph,
    /// The maximum peak of an order.
    peak: u64,
    builder: SubproblemBuilder,
    limits: &'a Limits,
    parts: Vec<OrderPart>,
}

/// An independent subproblem: a range of operators.
struct OrderPart {
    from: u32,
    to: u32,
    /// The network of a range of more than [`MAX_BUILT_AGAIN`] operators; others are built for each order.
    network: Option<Network>,
}

impl<'a> AlternativeOrders<'a> {
    /// Splits the network of a scheduler. `known` is the schedule whose peak the orders may not
    /// exceed. Linear in the graph.
    ///
    /// # Errors
    /// [`Stop::Cancelled`].
    pub(crate) fn new(scheduler: &'a Scheduler<'a>, known: &Schedule) -> Result<Self, Stop> {
        let network = scheduler.network()?;
        let mut builder = SubproblemBuilder::new(&network);
        let limits = &scheduler.limits;
        let part = |(from, to)| {
            let is_kept = to - from > MAX_BUILT_AGAIN;
            let network = is_kept.then(|| builder.subproblem(from, to, limits)).transpose()?;
            Ok(OrderPart { from, to, network })
        };
        let parts = independent_ranges(&network).into_iter().map(part).collect::<Result<_, Stop>>()?;
        Ok(Self { graph: scheduler.graph, peak: known.peak, builder, limits, parts })
    }

    /// Searches for an order with at most the same peak by a beam search with random ties. Returns
    /// the order, if one is found, the nodes spent and the reason for stopping.
    pub(crate) fn drawn(&mut self, seed: u64, limits: &Limits) -> (Option<Vec<OperatorId>>, u64, Stop) {
        let mut budget = Budget::new(limits, NODES);
        let (order, stop) = match self.draw(seed, &mut budget) {
            Ok(order) => (order, Stop::Finished),
            Err(stop) => (None, stop),
        };
        (order, budget.nodes(), stop)
    }

    fn draw(&mut self, seed: u64, budget: &mut Budget<'_>) -> Result<Option<Vec<OperatorId>>, Stop> {
        let mut order: Vec<OperatorId> = Vec::with_capacity(self.graph.program_order().len());
        for &OrderPart { from, to, ref network } in &self.parts {
            if to - from > MAX_SEARCHED {
                return Ok(None);
            }
            let network = match network {
                Some(network) => Cow::Borrowed(network),
                None => Cow::Owned(self.builder.subproblem(from, to, self.limits)?),
            };
            let Some((_, found)) = beam(&network, WIDTH, self.peak + 1, seed, budget)? else {
                return Ok(None);
            };
            let found = found.into_iter().map(|operator| (from + operator) as usize);
            order.extend(found.map(|operator| self.graph.program_order()[operator]));
        }
        Ok(Some(order))
    }
}
