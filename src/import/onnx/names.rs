//! The names of a graph's tensors, numbered by first mention.

use std::hash::{BuildHasher, RandomState};

use super::messages::Graph;
use super::subgraphs;

/// No tensor has this number.
const EMPTY: u32 = u32::MAX;

/// Tensors by name. A map of the standard library takes twice the memory, and a file may have a
/// million names of a few letters.
#[derive(Default)]
pub(super) struct NameTable<'m> {
    hasher: RandomState,
    /// Numbers, each at the first free slot from its name's hash on; at most half are used.
    slots: Vec<u32>,
    names: Vec<&'m str>,
}

impl<'m> NameTable<'m> {
    /// Of all tensors that are inputs or that nodes mention, in order of first mention. What is
    /// only described is no tensor of the graph.
    pub(super) fn of(graph: &'m Graph) -> Self {
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

    /// None if it is no tensor of the graph, as the empty name, which stands for an optional tensor
    /// that is absent.
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
            // Messages are at most 2 GiB, and a name takes three bytes of that.
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

    /// The slot of this name, or the free one where it would be.
    fn slot(&self, name: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(name) as usize & mask;
        while self.slots[slot] != EMPTY && self.names[self.slots[slot] as usize] != name {
            slot = (slot + 1) & mask;
        }
        slot
    }
}
