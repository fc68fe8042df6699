//! Table of tensor names, numbered by first mention.

use std::hash::{BuildHasher, RandomState};

use super::graph::OnnxGraph;
use super::subgraphs;

/// Marks a free slot; no tensor has this number.
const EMPTY: u32 = u32::MAX;

/// Hash table of tensor names with linear probing. It takes half the memory of a map of the standard library,
/// which matters as a file may have a million names of a few letters.
#[derive(Default)]
pub(super) struct NameTable<'m> {
    hasher: RandomState,
    /// Tensor numbers, each at the first free slot from the hash of its name on. At most half of the slots
    /// are used.
    slots: Vec<u32>,
    names: Vec<&'m str>,
}

impl<'m> NameTable<'m> {
    /// Numbers the inputs, outputs and all tensors that nodes mention, in the order of first mention. A name
    /// that occurs only in an initializer or a declaration is not a tensor of the graph.
    pub(super) fn of(graph: &'m OnnxGraph) -> Self {
        let mut table = Self::default();
        graph.input.iter().for_each(|input| table.add(&input.name));
        for node in &graph.node {
            node.input().iter().for_each(|name| table.add(name));
            for name in subgraphs::outer_names(node) {
                table.add(name);
            }
            node.output().iter().for_each(|name| table.add(name));
        }
        graph.output.iter().for_each(|output| table.add(&output.name));
        table.names.shrink_to_fit();
        table
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn name(&self, number: usize) -> &'m str {
        self.names[number]
    }

    /// The number of a tensor; none for unknown names, and for the empty name, which stands for an absent
    /// optional tensor.
    pub(super) fn get(&self, name: &str) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let number = self.slots[self.slot(name)];
        (number != EMPTY).then_some(number as usize)
    }

    fn add(&mut self, name: &'m str) {
        if name.is_empty() {
            return;
        }
        if self.names.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let slot = self.slot(name);
        if self.slots[slot] == EMPTY {
            // The number fits: a message has at most 2 GiB, and a name takes at least three bytes of it.
            self.slots[slot] = self.names.len() as u32;
            self.names.push(name);
        }
    }

    fn grow(&mut self) {
        self.slots = vec![EMPTY; (self.slots.len() * 2).max(16)];
        for number in 0..self.names.len() {
            let slot = self.slot(self.names[number]);
            self.slots[slot] = number as u32;
        }
    }

    /// The slot of a name, or the free slot for it.
    fn slot(&self, name: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(name) as usize & mask;
        while self.slots[slot] != EMPTY && self.names[self.slots[slot] as usize] != name {
            slot = (slot + 1) & mask;
        }
        slot
    }
}
