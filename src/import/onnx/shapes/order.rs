//! An order in which every node comes after those that it needs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::import::onnx::messages::Node;
use crate::import::onnx::names::NameTable;
use crate::import::onnx::subgraphs::outer_names;

/// Places of the nodes; that of the file as far as it can be. Nodes that wait for each other
/// in a circle are left out, with all that need them.
pub(super) fn order(nodes: &[Node], names: &NameTable) -> Vec<usize> {
    let mut writers = vec![u32::MAX; names.len()];
    for (place, node) in nodes.iter().enumerate().rev() {
        for number in node.output().iter().filter_map(|name| names.get(name)) {
            writers[number] = place as u32;
        }
    }
    if let Some(order) = of_the_file(nodes, names, &writers) {
        return order;
    }
    let mut waiting = vec![0_u32; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        for writer in read(node, names).map(|number| writers[number]).filter(|&writer| writer != u32::MAX) {
            waiting[place] += 1;
            readers[writer as usize].push(place as u32);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|&place| waiting[place] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.push(place);
        for &reader in &readers[place] {
            let reader = reader as usize;
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    order
}

/// Numbers of the tensors that a node or a body of it reads.
fn read<'n>(node: &'n Node, names: &'n NameTable) -> impl Iterator<Item = usize> + 'n {
    node.input().iter().chain(outer_names(node)).filter_map(|name| names.get(name))
}

/// The order of the file, if every node comes after those that it needs, as ONNX demands.
fn of_the_file(nodes: &[Node], names: &NameTable, writers: &[u32]) -> Option<Vec<usize>> {
    let is_early = |(place, node): (usize, &Node)| {
        read(node, names).all(|number| writers[number] == u32::MAX || (writers[number] as usize) < place)
    };
    nodes.iter().enumerate().all(is_early).then(|| (0..nodes.len()).collect())
}
