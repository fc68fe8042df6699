//! Bytes of inputs that an operator may overwrite with its outputs.

use std::ops::Range;

use super::level::{Sharing, in_force};
use super::saving::Seat;
use crate::graph::{Graph, Permit, Side};
use crate::ids::{OperatorId, TensorId};

/// A permission to write an output over bytes of an input that dies at the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reuse {
    pub(crate) input: TensorId,
    pub(crate) output: TensorId,
    /// Every byte of the input that the output may cover, over all distances that the
    /// permission allows.
    pub(crate) region: Range<u64>,
    /// No distance lets the two have more bytes in common.
    pub(crate) most: u64,
    pub(crate) seat: Seat,
}

/// All reuses that an operator's permissions allow at this level. Whether the input dies at the
/// operator, and whether it may be overwritten at all, depends on more than the operator.
pub(crate) fn reuses(
    graph: &Graph,
    operator: OperatorId,
    sharing: Sharing,
) -> impl Iterator<Item = Reuse> + '_ {
    graph.operator(operator).permits().iter().filter_map(move |permit| reuse_of(graph, permit, sharing))
}

/// What one permission allows to overwrite at this level; none if it says something else, or
/// leaves no byte to share.
fn reuse_of(graph: &Graph, permit: &Permit, sharing: Sharing) -> Option<Reuse> {
    let (input, output) = (permit.input(), permit.output());
    let [room, written] = [input, output].map(|id| graph.tensor(id).bytes());
    let (region, seat) = match *permit {
        _ if !in_force(graph, permit, sharing) => return None,
        Permit::InPlace { .. } if written <= room => (0..written, Seat::SameStart),
        // The output starts in the last bytes of the input. Where the permission covers more
        // than the output has, it may lie anywhere among these.
        Permit::Overlap { bytes, lower: Side::Input, .. } => {
            (room.saturating_sub(bytes)..room, Seat::InputBelow)
        }
        // The output ends in the first bytes of the input.
        Permit::Overlap { bytes, lower: Side::Output, .. } => {
            (0..bytes.min(room).min(written), Seat::OutputBelow)
        }
        _ => return None,
    };
    let most = (region.end - region.start).min(written);
    (most > 0).then_some(Reuse { input, output, region, most, seat })
}
