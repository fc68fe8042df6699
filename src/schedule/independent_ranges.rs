//! Decomposition at operators that stand at the same step in every order.

use super::network::Network;

/// Splits a network into ranges `[from, to)` of operators that every order runs one range after the
/// other. A range ends with an operator of which every other operator is an ancestor or a
/// descendant.
///
/// Correctness: all operators before `v` are ancestors of `v` if each of them has a successor that
/// is not after `v`, because following first successors leads to `v`. Symmetrically, all operators
/// after `v` are descendants if each of them has a predecessor that is not before `v`. Both are
/// checked by running maxima and minima. Linear in the graph.
pub(super) fn independent_ranges(network: &Network) -> Vec<(u32, u32)> {
    let count = network.operator_count();
    // `after[v]`: the minimum, over operators from `v` on, of their last predecessor plus one.
    // `latest`: the maximum, over operators before `v`, of their first successor.
    let mut after: Vec<u32> = vec![u32::MAX; count as usize + 1];
    for operator in (0..count).rev() {
        // An operator without predecessors could run first, so it is no descendant of any other.
        let last = network.before.row(operator).iter().copied().max();
        let earliest = last.map_or(0, |last| last + 1);
        after[operator as usize] = after[operator as usize + 1].min(earliest);
    }
    let mut latest = 0;
    let mut ranges = Vec::new();
    let mut from = 0;
    for operator in 0..count {
        let follows_all_earlier = latest <= operator;
        // All later operators have a predecessor at `operator` or after it.
        let precedes_all_later = after[operator as usize + 1] > operator;
        if follows_all_earlier && precedes_all_later {
            ranges.push((from, operator + 1));
            from = operator + 1;
        }
        let first = network.after.row(operator).iter().copied().min().unwrap_or(count);
        latest = latest.max(first);
    }
    if from < count {
        ranges.push((from, count));
    }
    ranges
}
