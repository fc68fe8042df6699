//! The graph of a tiling keeps what the untiled graph demands of places.
//!
//! *W10*: whole tensors keep alignment and fixed offset. A tensor with a fixed offset, a relative placement or a tensor
//! that it is kept apart from exists as a whole only, and the tiled graph has the same placements and pairs. Parts of other
//! tensors have the alignment that the tensor states; a part may lie at any byte only if the tensor states no
//! alignment and the part lies at a fixed distance behind the start of another one.
//!
//! Nothing here is shared with `tiling`. O(n log n) for n tensors and constraints of both graphs.

use std::collections::BTreeSet;

use crate::graph::Graph;
use crate::support::ids::TensorId;
use crate::tiling::TiledGraph;
use crate::verify::Rule;
use crate::verify::violation::ViolationCollector;

pub(super) fn check(graph: &Graph, tiled: &TiledGraph, violations: &mut ViolationCollector) {
    let old = |id: TensorId| tiled.tensors[id.index()].tensor;
    let is_whole = |id: TensorId| tiled.tensors[id.index()].rows.is_none();
    let placed: BTreeSet<TensorId> = tiled
        .graph
        .relative_placements()
        .iter()
        .filter(|placement| placement.at > 0)
        .map(|placement| placement.tensor)
        .collect();
    let constrained = constrained(graph);
    for id in tiled.graph.tensor_ids() {
        let (new, tensor) = (tiled.graph.tensor(id), graph.tensor(old(id)));
        let is_right = if is_whole(id) {
            new.alignment() == tensor.alignment() && new.fixed_offset() == tensor.fixed_offset()
        } else {
            let may_be_unaligned = tensor.alignment().is_none() && placed.contains(&id);
            !constrained.contains(&old(id))
                && new.fixed_offset().is_none()
                && (new.alignment() == tensor.alignment() || may_be_unaligned && new.alignment() == Some(1))
        };
        if !is_right {
            violations.add(
                Rule::TileConstraint,
                format!(
                    "tensor `{}` of the tiled graph has not the alignment or place that tensor `{}` demands",
                    new.name(),
                    tensor.name()
                ),
            );
        }
    }
    let placements = tiled.graph.relative_placements().iter();
    let kept: BTreeSet<(TensorId, TensorId, u64)> = placements
        .filter(|placement| is_whole(placement.tensor) && is_whole(placement.of))
        .map(|placement| (old(placement.tensor), old(placement.of), placement.at))
        .collect();
    for placement in graph.relative_placements() {
        if !kept.contains(&(placement.tensor, placement.of, placement.at)) {
            missing(graph, "placement", [placement.tensor, placement.of], violations);
        }
    }
    let pairs = tiled.graph.kept_apart().iter().filter(|pair| pair.iter().all(|&id| is_whole(id)));
    let apart: BTreeSet<[TensorId; 2]> = pairs.map(|&pair| sorted(pair.map(old))).collect();
    for &pair in graph.kept_apart() {
        if !apart.contains(&sorted(pair)) {
            missing(graph, "separation", pair, violations);
        }
    }
}

fn sorted(mut pair: [TensorId; 2]) -> [TensorId; 2] {
    pair.sort_unstable();
    pair
}

/// Tensors of the untiled graph that must not be split.
fn constrained(graph: &Graph) -> BTreeSet<TensorId> {
    let mut ids: BTreeSet<TensorId> =
        graph.tensor_ids().filter(|&id| graph.tensor(id).fixed_offset().is_some()).collect();
    ids.extend(graph.relative_placements().iter().flat_map(|placement| [placement.tensor, placement.of]));
    ids.extend(graph.kept_apart().iter().flatten());
    ids
}

fn missing(graph: &Graph, what: &str, pair: [TensorId; 2], violations: &mut ViolationCollector) {
    let [one, other] = pair.map(|id| graph.tensor(id).name());
    violations.add(
        Rule::TileConstraint,
        format!("the tiled graph lacks the {what} of tensors `{one}` and `{other}`"),
    );
}
