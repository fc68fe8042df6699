//! Classes of tensors that hold the same contents wherever they have bytes in common.
//!
//! Members of one class never conflict, so the check of a merge skips them. Without classes, a chain
//! of n concatenations would compare O(n^2) pairs of tensors that hold the same contents.

use crate::support::ids::TensorId;

/// A partition of the tensors of rigid groups into classes. All tensors of a class are in one rigid
/// group and hold the same contents wherever they have bytes in common.
#[derive(Clone, Debug, Default)]
pub(super) struct ContentClasses {
    /// The parent of each tensor in the tree of its class. Classes are joined by size, so that a path
    /// has O(log n) tensors although no path is compressed.
    parent: Vec<u32>,
    /// By representative.
    classes: Vec<ContentClass>,
}

#[derive(Clone, Copy, Debug)]
struct ContentClass {
    /// Number of tensors.
    count: u32,
    /// The smallest range that contains all tensors, as offsets from the start of the representative.
    extent: (i128, i128),
}

impl ContentClasses {
    /// Puts each tensor, given by its size in bytes, into a class of its own.
    pub(super) fn new(sizes: impl Iterator<Item = u64>) -> Self {
        let class = |bytes: u64| ContentClass { count: 1, extent: (0, bytes.into()) };
        let classes: Vec<ContentClass> = sizes.map(class).collect();
        Self { parent: (0..classes.len() as u32).collect(), classes }
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
        mut one: (TensorId, i128),
        mut other: (TensorId, i128),
        same: (i128, i128),
    ) {
        let extent = |(id, at): (TensorId, i128)| {
            let (from, end) = self.classes[id.index()].extent;
            (from + at, end + at)
        };
        let extents = [extent(one), extent(other)];
        let common = (extents[0].0.max(extents[1].0), extents[0].1.min(extents[1].1));
        let is_same = common.0 >= common.1 || (same.0 <= common.0 && common.1 <= same.1);
        if one.0 == other.0 || !is_same {
            return;
        }
        if self.classes[one.0.index()].count < self.classes[other.0.index()].count {
            (one, other) = (other, one);
        }
        self.parent[other.0.index()] = one.0.index() as u32;
        let added = self.classes[other.0.index()].count;
        let joined = &mut self.classes[one.0.index()];
        joined.count += added;
        let (from, end) = (extents[0].0.min(extents[1].0), extents[0].1.max(extents[1].1));
        joined.extent = (from - one.1, end - one.1);
    }
}
