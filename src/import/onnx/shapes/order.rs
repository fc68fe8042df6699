//! An order in which every node comes after those that it needs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::import::onnx::messages::Node;
use crate::import::onnx::subgraphs::outer_names;

/// Places of the nodes; that of the file as far as it can be. Nodes that wait for each other
/// in a circle are left out, with all that need them.
pub(super) fn order(nodes: &[Node]) -> Vec<usize> {
    let mut writers: HashMap<&str, usize> = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        for name in node.output().iter().filter(|name| !name.is_empty()) {
            writers.entry(name).or_insert(place);
        }
    }
    let mut waiting = vec![0_usize; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        let names = node.input().iter().chain(outer_names(node));
        for writer in names.filter_map(|name| writers.get(name)) {
            waiting[place] += 1;
            readers[*writer].push(place);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|&place| waiting[place] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.push(place);
        for &reader in &readers[place] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    order
}
