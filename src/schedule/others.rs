//! Further orders, for offsets that do not reach the peak of the best one known.

use super::beam::beam;
use super::network::Network;
use super::parting::Parting;
use super::segments::segments;
use super::{MOST_SEARCHED, Schedule};
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::{Limits, Meter};
use crate::occupant::Variables;
use crate::sharing::Sharing;

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
    limits: Limits,
}

impl<'a> Others<'a> {
    /// Linear in the graph.
    pub(crate) fn new(
        graph: &'a Graph,
        known: &Schedule,
        default_alignment: u64,
        variables: Variables,
        sharing: Sharing,
        limits: &Limits,
    ) -> Self {
        let network = Network::new(graph, default_alignment, variables, sharing);
        let mut parting = Parting::new(&network);
        let ranges = segments(&network).into_iter();
        let parts = ranges.map(|(from, to)| (from, parting.part(from, to))).collect();
        Self { graph, peak: known.peak, parts, limits: limits.clone().at_most(NODES) }
    }

    /// An order of the same peak or less, drawn by a seed, if one is found.
    pub(crate) fn drawn(&self, seed: u64) -> Option<Vec<OperatorId>> {
        let mut meter = Meter::new(&self.limits, NODES);
        let mut order: Vec<OperatorId> = Vec::with_capacity(self.graph.file_order().len());
        for (from, part) in &self.parts {
            if part.operator_count() > MOST_SEARCHED {
                return None;
            }
            let (_, found) = beam(part, WIDTH, self.peak + 1, seed, &mut meter).ok()??;
            let found = found.into_iter().map(|operator| (from + operator) as usize);
            order.extend(found.map(|operator| self.graph.file_order()[operator]));
        }
        Some(order)
    }
}
