//! An order of nodes in which every node comes after the producers of its inputs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::import::onnx::graph::OnnxNode;
use crate::import::onnx::names::NameTable;
use crate::import::onnx::subgraphs::outer_names;

/// Indices of the nodes in a topological order, the smallest ready index first. Nodes of a cycle, and nodes
/// that depend on a cycle, are left out. O(n log n) in nodes and inputs; O(n) if the file is sorted, as ONNX
/// demands.
pub(super) fn order(nodes: &[OnnxNode], names: &NameTable) -> Vec<usize> {
    let mut writers = vec![u32::MAX; names.len()];
    for (index, node) in nodes.iter().enumerate().rev() {
        for number in node.output().iter().filter_map(|name| names.get(name)) {
            writers[number] = index as u32;
        }
    }
    if let Some(order) = program_order(nodes, names, &writers) {
        return order;
    }
    let mut waiting = vec![0_u32; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for writer in read(node, names).map(|number| writers[number]).filter(|&writer| writer != u32::MAX) {
            waiting[index] += 1;
            readers[writer as usize].push(index as u32);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|&index| waiting[index] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            let reader = reader as usize;
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    order
}

/// Numbers of the tensors that a node or one of its bodies reads.
fn read<'n>(node: &'n OnnxNode, names: &'n NameTable) -> impl Iterator<Item = usize> + 'n {
    node.input().iter().chain(outer_names(node)).filter_map(|name| names.get(name))
}

/// The order of the file, if every node comes after the producers of its inputs.
fn program_order(nodes: &[OnnxNode], names: &NameTable, writers: &[u32]) -> Option<Vec<usize>> {
    let is_sorted = |(index, node): (usize, &OnnxNode)| {
        read(node, names).all(|number| writers[number] == u32::MAX || (writers[number] as usize) < index)
    };
    nodes.iter().enumerate().all(is_sorted).then(|| (0..nodes.len()).collect())
}
