//! Further orders, for offsets that do not reach the peak of the best one known.

use super::beam::beam;
use super::network::Network;
use super::parting::Parting;
use super::segments::segments;
use super::{MOST_SEARCHED, Schedule, Scheduler};
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::{Limits, Meter, Stop};

/// Of the beam.
const WIDTH: usize = 8;

/// Nodes for each order.
const NODES: u64 = 400_000;

pub(crate) struct Others<'a> {
    graph: &'a Graph,
    /// No order may have a higher peak.
    peak: u64,
    /// Each with its first operator.
    parts: Vec<(u32, Network)>,
}

impl<'a> Others<'a> {
    /// Linear in the graph.
    ///
    /// # Errors
    /// [`Stop::Cancelled`].
    pub(crate) fn new(scheduler: &Scheduler<'a>, known: &Schedule) -> Result<Self, Stop> {
        let network = scheduler.network()?;
        let mut parting = Parting::new(network);
        let ranges = segments(network).into_iter();
        let part = |(from, to)| Ok((from, parting.part(from, to, &scheduler.limits)?));
        let parts = ranges.map(part).collect::<Result<_, Stop>>()?;
        Ok(Self { graph: scheduler.graph, peak: known.peak, parts })
    }

    /// An order of the same peak or less, drawn by a seed, if one is found; the nodes it took, and
    /// why the search stopped.
    pub(crate) fn drawn(&self, seed: u64, limits: &Limits) -> (Option<Vec<OperatorId>>, u64, Stop) {
        let mut meter = Meter::new(limits, NODES);
        let (order, stop) = match self.draw(seed, &mut meter) {
            Ok(order) => (order, Stop::Finished),
            Err(stop) => (None, stop),
        };
        (order, meter.nodes(), stop)
    }

    fn draw(&self, seed: u64, meter: &mut Meter<'_>) -> Result<Option<Vec<OperatorId>>, Stop> {
        let mut order: Vec<OperatorId> = Vec::with_capacity(self.graph.file_order().len());
        for (from, part) in &self.parts {
            if part.operator_count() > MOST_SEARCHED {
                return Ok(None);
            }
            let Some((_, found)) = beam(part, WIDTH, self.peak + 1, seed, meter)? else { return Ok(None) };
            let found = found.into_iter().map(|operator| (from + operator) as usize);
            order.extend(found.map(|operator| self.graph.file_order()[operator]));
        }
        Ok(Some(order))
    }
}
