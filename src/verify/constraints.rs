//! Rules D1 and D2: tensors lie at the distances that the graph demands.
//!
//! *State*: the placement of each tensor in the arena, with the size and the live range that the graph
//! demands.
//!
//! *Claim*:
//!
//! - **D1**: for each relative placement of `t` at `d` bytes after `u`, if both are in the arena:
//!   `offset(t) = offset(u) + d`.
//! - **D2**: for each pair `t`, `u` that must be kept apart, if both are in the arena:
//!   `live(t)` and `live(u)` do not meet, or `range(t)` and `range(u)` do not meet.
//!
//! A tensor outside of the arena, such as a constant, meets no demand and breaks none. Complexity:
//! O(tensors + demands).

use super::geometry::PlacedRectangle;
use super::{Rule, ViolationCollector};
use crate::graph::{Graph, Occupant, RelativePlacement};
use crate::support::ids::TensorId;

/// Checks D1 and D2. The rectangles have required sizes and live ranges, and planned offsets.
pub(super) fn check(
    graph: &Graph,
    rectangles: &[PlacedRectangle<Occupant>],
    violations: &mut ViolationCollector,
) {
    if graph.relative_placements().is_empty() && graph.kept_apart().is_empty() {
        return;
    }
    let mut of_tensor = vec![None; graph.tensors().len()];
    for rectangle in rectangles {
        if let Occupant::Tensor(id) = rectangle.of {
            of_tensor[id.index()] = Some(rectangle);
        }
    }
    let name = |id: TensorId| graph.tensor(id).name();
    for &RelativePlacement { tensor, of, at } in graph.relative_placements() {
        let (Some(placed), Some(reference)) = (of_tensor[tensor.index()], of_tensor[of.index()]) else {
            continue;
        };
        if reference.offset.checked_add(at) != Some(placed.offset) {
            let (tensor, of) = (name(tensor), name(of));
            let message = format!(
                "tensor `{tensor}` lies at {}, not {at} bytes after tensor `{of}`, which lies at {}",
                placed.offset, reference.offset
            );
            violations.add(Rule::RelativePlacement, message);
        }
    }
    for &[first, second] in graph.kept_apart() {
        let (Some(a), Some(b)) = (of_tensor[first.index()], of_tensor[second.index()]) else { continue };
        let meet = a.offset < b.offset.saturating_add(b.bytes) && b.offset < a.offset.saturating_add(a.bytes);
        if meet && a.bytes > 0 && b.bytes > 0 && a.live.overlaps(b.live) {
            let (first, second) = (name(first), name(second));
            let message = format!("tensors `{first}` and `{second}` share memory but must be kept apart");
            violations.add(Rule::KeptApart, message);
        }
    }
}
