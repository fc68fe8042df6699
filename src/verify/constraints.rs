//! Rule 9: what the graph demands of places in relation to each other.

use super::geometry::Rectangle;
use super::{Found, Violation};
use crate::graph::{Graph, RelativePlacement};
use crate::ids::TensorId;
use crate::occupant::Occupant;

/// With places as they are, and true sizes and live ranges.
pub(super) fn check(graph: &Graph, rectangles: &[Rectangle<Occupant>], found: &mut Found) {
    if graph.relative_placements().is_empty() && graph.kept_apart().is_empty() {
        return;
    }
    let mut place = vec![None; graph.tensors().len()];
    for rectangle in rectangles {
        if let Occupant::Tensor(id) = rectangle.of {
            place[id.index()] = Some(rectangle);
        }
    }
    let name = |id: TensorId| graph.tensor(id).name();
    for &RelativePlacement { tensor, of, at } in graph.relative_placements() {
        let (Some(own), Some(other)) = (place[tensor.index()], place[of.index()]) else { continue };
        if other.offset.checked_add(at) != Some(own.offset) {
            let (tensor, of) = (name(tensor), name(of));
            let text = format!(
                "tensor `{tensor}` lies at {}, not {at} bytes after tensor `{of}`, which lies at {}",
                own.offset, other.offset
            );
            found.add(Violation::Constraint(text));
        }
    }
    for &[one, other] in graph.kept_apart() {
        let (Some(a), Some(b)) = (place[one.index()], place[other.index()]) else { continue };
        let meet = a.offset < b.offset.saturating_add(b.bytes) && b.offset < a.offset.saturating_add(a.bytes);
        if meet && a.bytes > 0 && b.bytes > 0 && a.live.overlaps(b.live) {
            let (one, other) = (name(one), name(other));
            let text = format!("tensors `{one}` and `{other}` share memory but must be kept apart");
            found.add(Violation::Constraint(text));
        }
    }
}
