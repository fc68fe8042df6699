//! Byte ranges of inputs that an operator may overwrite with its outputs.

use std::ops::Range;

use super::level::{SharingLevel, in_force};
use super::saving::RelativeStart;
use crate::graph::{Graph, Permit, Side};
use crate::support::ids::{OperatorId, TensorId};

/// A permission to write an output over bytes of an input that dies at the operator's step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reuse {
    pub(crate) input: TensorId,
    pub(crate) output: TensorId,
    /// The bytes of the input that the output may cover, over all distances that the permission
    /// allows.
    pub(crate) region: Range<u64>,
    /// Maximum number of common bytes, over all distances that the permission allows.
    pub(crate) max_bytes: u64,
    pub(crate) start: RelativeStart,
}

/// Lists the reuses that an operator's permissions allow at a level of sharing.
///
/// The caller must check that the input dies at the operator and may be overwritten at all: this
/// depends on the rest of the graph.
pub(crate) fn reuses(
    graph: &Graph,
    operator: OperatorId,
    sharing: SharingLevel,
) -> impl Iterator<Item = Reuse> + '_ {
    graph.operator(operator).permits().iter().filter_map(move |permit| reuse_of(graph, permit, sharing))
}

/// Returns the reuse of one permission; none if the permission is not in force, is not one to
/// overwrite, or leaves no byte to share.
fn reuse_of(graph: &Graph, permit: &Permit, sharing: SharingLevel) -> Option<Reuse> {
    let (input, output) = (permit.input(), permit.output());
    let [room, written] = [input, output].map(|id| graph.tensor(id).bytes());
    let (region, start) = match *permit {
        _ if !in_force(graph, permit, sharing) => return None,
        Permit::InPlace { .. } if written <= room => (0..written, RelativeStart::SameStart),
        // The output starts in the last `bytes` bytes of the input. An output that is smaller may
        // be anywhere within them.
        Permit::Overlap { bytes, lower: Side::Input, .. } => {
            (room.saturating_sub(bytes)..room, RelativeStart::InputBelow)
        }
        // The output ends in the first bytes of the input.
        Permit::Overlap { bytes, lower: Side::Output, .. } => {
            (0..bytes.min(room).min(written), RelativeStart::OutputBelow)
        }
        _ => return None,
    };
    let max_bytes = (region.end - region.start).min(written);
    (max_bytes > 0).then_some(Reuse { input, output, region, max_bytes, start })
}
