//! Classes of tensors that hold the same contents wherever they have bytes in common.
//!
//! Members of one class never conflict, so the check of a merge skips them. Without classes, a chain
//! of n concatenations would compare O(n^2) pairs of tensors that hold the same contents.

use std::collections::BTreeMap;

use crate::graph::Graph;
use crate::support::ids::TensorId;

/// A partition of the tensors of rigid groups into classes. All tensors of a class are in one rigid
/// group and hold the same contents wherever they have bytes in common.
#[derive(Clone, Debug, Default)]
pub(super) struct ContentClasses {
    /// The parent of each tensor in the tree of its class. Classes are joined by size, so that a path
    /// has O(log n) tensors although no path is compressed.
    parent: Vec<u32>,
    /// By representative: the classes of several tensors.
    joined: BTreeMap<TensorId, ContentClass>,
}

#[derive(Clone, Copy, Debug)]
struct ContentClass {
    /// Number of tensors.
    count: u32,
    /// The smallest range that contains all tensors, as offsets from the start of the representative.
    extent: (i128, i128),
}

impl ContentClasses {
    /// Puts each of `count` tensors into a class of its own.
    pub(super) fn new(count: usize) -> Self {
        Self { parent: (0..count as u32).collect(), joined: BTreeMap::new() }
    }

    /// Returns the representative of a tensor's class. O(log n).
    pub(super) fn find(&self, tensor: TensorId) -> TensorId {
        let mut root = tensor.index();
        while self.parent[root] as usize != root {
            root = self.parent[root] as usize;
        }
        TensorId::new(root)
    }

    /// Joins the classes of two tensors that hold the same contents in a range of bytes, unless the
    /// classes also have other bytes in common, whose contents may differ. `one` and `other` are the
    /// representatives with the offsets of their starts; all offsets count from one byte.
    pub(super) fn join(
        &mut self,
        graph: &Graph,
        mut one: (TensorId, i128),
        mut other: (TensorId, i128),
        same: (i128, i128),
    ) {
        if one.0 == other.0 {
            return;
        }
        let class = |(id, at): (TensorId, i128)| {
            let single = ContentClass { count: 1, extent: (0, graph.tensor(id).bytes().into()) };
            let ContentClass { count, extent: (from, end) } = self.joined.get(&id).copied().unwrap_or(single);
            ContentClass { count, extent: (from + at, end + at) }
        };
        let classes = [class(one), class(other)];
        let [(from, end), (other_from, other_end)] = classes.map(|class| class.extent);
        let common = (from.max(other_from), end.min(other_end));
        if common.0 < common.1 && !(same.0 <= common.0 && common.1 <= same.1) {
            return;
        }
        if classes[0].count < classes[1].count {
            (one, other) = (other, one);
        }
        self.parent[other.0.index()] = one.0.index() as u32;
        self.joined.remove(&other.0);
        let extent = (from.min(other_from) - one.1, end.max(other_end) - one.1);
        self.joined.insert(one.0, ContentClass { count: classes[0].count + classes[1].count, extent });
    }
}
