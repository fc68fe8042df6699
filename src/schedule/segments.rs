//! Operators that no order can move take a schedule apart.

use super::network::Network;

/// Ranges `[from, to)` of operators, in an order in which they can run, such that all
/// before a range run before it in any order, and all after it after. An operator of
/// which every other is an ancestor or a descendant ends a range.
///
/// What comes before operator `v` is its ancestors alone if each of those has a
/// successor no later than `v`: following the first successors leads to `v`. The same
/// from the other side. Linear in the graph.
pub(super) fn segments(network: &Network) -> Vec<(u32, u32)> {
    let count = network.operator_count();
    // The latest first successor of what is before; the earliest last predecessor after.
    let mut after: Vec<u32> = vec![u32::MAX; count as usize + 1];
    for operator in (0..count).rev() {
        // What waits for nobody could run before all others.
        let last = network.before.row(operator).iter().copied().max();
        let earliest = last.map_or(0, |last| last + 1);
        after[operator as usize] = after[operator as usize + 1].min(earliest);
    }
    let mut latest = 0;
    let mut segments = Vec::new();
    let mut from = 0;
    for operator in 0..count {
        let pinned_by_past = latest <= operator;
        // All later ones have a predecessor at `operator` or after it.
        let pinned_by_future = after[operator as usize + 1] > operator;
        if pinned_by_past && pinned_by_future {
            segments.push((from, operator + 1));
            from = operator + 1;
        }
        let first = network.after.row(operator).iter().copied().min().unwrap_or(count);
        latest = latest.max(first);
    }
    if from < count {
        segments.push((from, count));
    }
    segments
}
