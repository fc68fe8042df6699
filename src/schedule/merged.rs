//! Operators that a reduction merges into one.

use super::network::Network;
use super::savings::Saving;
use super::trees::Segment;
use crate::support::rows::Rows;
use crate::support::sorting::unique;

/// One or more operators that a reduction merges into one.
#[derive(Clone, Debug, Default)]
pub(super) struct MergedOperator {
    /// Operators of the original network in the order in which they run. Empty if they have been
    /// moved to another merged operator.
    pub(super) sequence: Vec<u32>,
    pub(super) reads: Vec<u32>,
    /// See [`Network::early`].
    pub(super) early: Vec<u32>,
    pub(super) writes: Vec<u32>,
    /// Predecessors in the original network. Members of `sequence` are ignored.
    pub(super) before: Vec<u32>,
    pub(super) savings: Vec<Saving>,
    pub(super) transient: u64,
    pub(super) padding: u64,
}

impl MergedOperator {
    /// A single operator without changes.
    pub(super) fn single(network: &Network, operator: u32) -> Self {
        Self {
            sequence: vec![operator],
            reads: network.reads.row(operator).to_vec(),
            early: network.early.row(operator).to_vec(),
            writes: network.writes.row(operator).to_vec(),
            before: network.before.row(operator).to_vec(),
            savings: network.savings.of(operator),
            transient: network.transient[operator as usize],
            padding: network.paddings.transient[operator as usize],
        }
    }

    /// A segment of the optimal order of a tree, which runs after the previous segment.
    pub(super) fn segment(network: &Network, segment: Segment, previous: Option<u32>) -> Self {
        let members = unique(segment.operators.iter().copied());
        let is_member = |operator: u32| members.binary_search(&operator).is_ok();
        let of_all = |rows: &Rows| -> Vec<u32> {
            unique(members.iter().flat_map(|&member| rows.row(member)).copied())
        };
        let (mut reads, mut writes) = (of_all(&network.reads), of_all(&network.writes));
        let is_internal = |tensor: u32| network.readers.row(tensor).iter().all(|&reader| is_member(reader));
        reads.retain(|tensor| writes.binary_search(tensor).is_err());
        writes.retain(|&tensor| network.live_at_end[tensor as usize] || !is_internal(tensor));
        // The hill is relative to the bytes before the segment. A step counts inputs as live before it
        // and outputs as added, so the rest is transient.
        let internal = segment.hill + i128::from(network.bytes(&reads)) - i128::from(network.bytes(&writes));
        Self {
            sequence: segment.operators,
            // The segment is the only reader of its inputs, and they may die before the hill.
            early: reads.clone(),
            reads,
            writes,
            before: of_all(&network.before).into_iter().chain(previous).collect(),
            savings: Vec::new(),
            transient: u64::try_from(internal).unwrap_or(0),
            padding: 0,
        }
    }
}
