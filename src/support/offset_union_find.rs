//! Union-find with offsets: tensors at fixed distances from each other.

use crate::support::ids::TensorId;

/// A partition of tensors into rigid groups. Within a group, the distance of any two tensors is
/// fixed.
#[derive(Clone, Debug)]
pub(crate) struct OffsetUnionFind {
    parent: Vec<u32>,
    /// Offset from the parent in bytes; 0 for roots.
    at: Vec<i128>,
}

impl OffsetUnionFind {
    /// Puts each of `count` tensors into a group of its own.
    pub(crate) fn new(count: usize) -> Self {
        Self { parent: (0..count as u32).collect(), at: vec![0; count] }
    }

    /// Number of tensors.
    pub(crate) fn len(&self) -> usize {
        self.parent.len()
    }

    /// Returns the root of a tensor's group and the tensor's offset from the root. Compresses the
    /// path: amortized O(log n).
    pub(crate) fn find(&mut self, tensor: usize) -> (usize, i128) {
        let (mut root, mut distance) = (tensor, 0);
        while self.parent[root] as usize != root {
            distance += self.at[root];
            root = self.parent[root] as usize;
        }
        let (mut node, mut rest) = (tensor, distance);
        while self.parent[node] as usize != node {
            let next = self.parent[node] as usize;
            let step = self.at[node];
            (self.parent[node], self.at[node]) = (root as u32, rest);
            rest -= step;
            node = next;
        }
        (root, distance)
    }

    /// Fixes the offset of `tensor` from the start of `of`. Returns false, and changes nothing, if the
    /// two are in one group and have another distance.
    pub(crate) fn tie(&mut self, tensor: TensorId, of: TensorId, at: u64) -> bool {
        let (inner, outer) = (self.find(tensor.index()), self.find(of.index()));
        let distance = outer.1 + i128::from(at) - inner.1;
        if inner.0 == outer.0 {
            return distance == 0;
        }
        self.parent[inner.0] = outer.0 as u32;
        self.at[inner.0] = distance;
        true
    }
}
