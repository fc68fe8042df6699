//! Reduction: an order for identical operators (symmetry breaking).

use super::closure::{MAX_CLOSURE, descendants};
use super::network::Network;
use super::savings::Saving;
use crate::support::sorting::{Keyed, sort_keyed};

/// Adds dependencies between identical operators, so that the search visits one order of them only.
///
/// Decided: `a` runs before `b`. Pruned: orders in which `b` runs before `a`. This is sound for the
/// following reasons. Let `a` and `b` read the same tensors, have the same predecessors, write the
/// same sizes and have the same transient bytes, and let all successors of `b` be descendants of
/// `a`. Exchange `a` and `b` in an order in which `b` runs first: all successors of either still run
/// after it, and every step has the same bytes as before. A chain of such pairs can be sorted by
/// exchanging neighbours.
///
/// O(n log n) for the sort by hash, plus the transitive closure if any hashes are equal.
pub(super) fn order_twins(network: &mut Network) {
    let count = network.operator_count();
    if count > MAX_CLOSURE {
        return;
    }
    let hash = |operator: u32| {
        let fold = |hash: u64, &part: &u64| (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let first = network.after.row(operator).iter().min().copied();
        let first = first.map_or(u64::MAX, u64::from);
        ([signature(network, operator).iter().fold(0, fold), first], u64::from(operator))
    };
    // Identical operators become neighbours when sorted by hash. The first successor is the second
    // key, so that the operator with the earlier successor comes first and the condition on
    // descendants tends to hold.
    let mut ranked: Vec<Keyed> = (0..count).map(hash).collect();
    sort_keyed(&mut ranked);
    let have_same_hash = |pair: &&[Keyed]| pair[0].0[0] == pair[1].0[0];
    if !ranked.windows(2).any(|pair| have_same_hash(&pair)) {
        return;
    }
    let later = descendants(network);
    let mut dependencies: Vec<(u32, u32)> = Vec::new();
    for pair in ranked.windows(2).filter(have_same_hash) {
        let (a, b) = (pair[0].1 as u32, pair[1].1 as u32);
        let same_successors = network.after.row(a) == network.after.row(b);
        let is_before_successors =
            || network.after.row(b).iter().all(|&next| later[a as usize][next as usize]);
        // Equal hashes may be a collision, so compare the signatures.
        if signature(network, a) == signature(network, b) && (same_successors || is_before_successors()) {
            dependencies.push((b, a));
        }
    }
    if dependencies.is_empty() {
        return;
    }
    dependencies.extend(network.dependencies());
    network.set_dependencies(dependencies);
}

/// A list of numbers that is equal for identical operators: their inputs, predecessors, savings and
/// sizes.
fn signature(network: &Network, operator: u32) -> Vec<u64> {
    let paddings = &network.paddings;
    let mut key = vec![network.transient[operator as usize], paddings.transient[operator as usize]];
    for row in [network.reads.row(operator), network.early.row(operator), network.before.row(operator)] {
        key.push(row.len() as u64);
        key.extend(row.iter().map(|&entry| u64::from(entry)));
    }
    for Saving { pair, overwritten } in network.savings.of(operator) {
        key.extend([pair.output.into(), pair.input.into(), pair.start as u64]);
        key.extend([pair.max_bytes, pair.output_bytes, pair.input_bytes, overwritten.len() as u64]);
        key.extend(overwritten.iter().map(|&entry| u64::from(entry)));
    }
    let of_tensor = |&tensor: &u32| {
        let index = tensor as usize;
        [network.sizes[index], paddings.tensors[index], u64::from(network.live_at_end[index])]
    };
    let mut written: Vec<[u64; 3]> = network.writes.row(operator).iter().map(of_tensor).collect();
    written.sort_unstable();
    key.extend(written.into_iter().flatten());
    key
}
