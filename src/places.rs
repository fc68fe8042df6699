//! Places of things relative to each other, as a union-find that remembers distances.

use crate::ids::TensorId;

/// Places of tensors relative to each other.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    parent: Vec<u32>,
    /// Bytes from the parent's start; the root's own: 0.
    at: Vec<i128>,
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self { parent: (0..count as u32).collect(), at: vec![0; count] }
    }

    pub(crate) fn len(&self) -> usize {
        self.parent.len()
    }

    /// The root of a tensor's group, and how far from its start the tensor's is.
    pub(crate) fn find(&mut self, tensor: usize) -> (usize, i128) {
        let (mut root, mut distance) = (tensor, 0);
        while self.parent[root] as usize != root {
            distance += self.at[root];
            root = self.parent[root] as usize;
        }
        let (mut place, mut rest) = (tensor, distance);
        while self.parent[place] as usize != place {
            let next = self.parent[place] as usize;
            let own = self.at[place];
            (self.parent[place], self.at[place]) = (root as u32, rest);
            rest -= own;
            place = next;
        }
        (root, distance)
    }

    /// One tensor is so many bytes into another; whether that is so or may be.
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
