//! Reduction: optimal orders of trees of operators, in polynomial time (Liu, 1987).

use super::network::Network;
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::sort_by_keys;

/// A segment of a tree's order. Running other operators within a segment gains nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    pub(super) operators: Vec<u32>,
    /// The peak within the segment, relative to the bytes live before it.
    pub(super) hill: i128,
    /// The bytes live after the segment, relative to the bytes live before it.
    pub(super) net: i128,
}

impl Segment {
    /// The descent from the peak of the segment to its end, at least 0 and at most the sum of all
    /// sizes.
    fn descent(&self) -> u64 {
        u64::try_from(self.hill - self.net).unwrap_or(0)
    }
}

/// Finds the largest trees of a network with their optimal orders. In a tree, each operator except
/// the root has one successor, which reads all of its outputs, and all inputs from outside are live
/// throughout.
///
/// Decided: the order of the operators within each segment, and the order of the segments of a tree.
/// Pruned: all other orders of the tree. This is sound by Liu (1987): merge the segments of the
/// subtrees by descent, largest first, and append the root; then cut the result at the lowest
/// point after its highest peak, and so on for the rest. The order is optimal whatever runs in
/// between, because operators outside of the tree add the same bytes to every step of the tree.
///
/// O(n^2 log n) at worst; for balanced trees, linear time and a sort for each level.
pub(super) fn trees(network: &Network, budget: &mut Budget<'_>) -> Result<Vec<Vec<Segment>>, Stop> {
    let count = network.operator_count();
    if network.first > 0 || network.paddings.any {
        return Ok(Vec::new());
    }
    let mut orders: Vec<Option<Vec<Segment>>> = (0..count).map(|_| None).collect();
    for operator in 0..count {
        let below = network.before.row(operator);
        let is_tree = below.iter().all(|&child| {
            orders[child as usize].is_some()
                && network.after.row(child).len() == 1
                && reads_all(network, operator, child)
        });
        let is_internal =
            |tensor: &u32| below.iter().any(|&child| network.writes.row(child).contains(tensor));
        // Early tensors are freed within a step, which the segments do not model.
        if !is_tree
            || !network.reads.row(operator).iter().all(is_internal)
            || !network.early.row(operator).is_empty()
        {
            continue;
        }
        let mut merged: Vec<Segment> =
            below.iter().flat_map(|&child| orders[child as usize].take().unwrap_or_default()).collect();
        budget.work(64 * merged.len())?;
        // The sort is stable, so the segments of one child keep their order: their descents do not
        // increase.
        let mut positions: Vec<usize> = (0..merged.len()).collect();
        sort_by_keys(&mut positions, |&position| [!merged[position].descent(), 0]);
        let mut merged: Vec<Segment> =
            positions.into_iter().map(|position| std::mem::take(&mut merged[position])).collect();
        let written = network.bytes(network.writes.row(operator));
        // The root of a tree is the only reader of its inputs, so all of them die at its step.
        let added = network.added_bytes(operator, written, |tensor| !network.live_at_end[tensor as usize]);
        merged.push(Segment {
            operators: vec![operator],
            hill: added.into(),
            net: i128::from(written) - i128::from(network.bytes(network.reads.row(operator))),
        });
        orders[operator as usize] = Some(cut_into_segments(&merged, budget)?);
    }
    // Subtrees were taken by the trees that contain them.
    let complete = orders.into_iter().flatten();
    Ok(complete
        .filter(|order| order.iter().map(|segment| segment.operators.len()).sum::<usize>() > 1)
        .collect())
}

/// Returns true if an operator is the only reader of all outputs of its child, and none of them is
/// a graph output.
fn reads_all(network: &Network, operator: u32, child: u32) -> bool {
    let reads =
        |tensor: &u32| network.readers.row(*tensor) == [operator] && !network.live_at_end[*tensor as usize];
    network.writes.row(child).iter().all(reads)
}

/// Cuts an order into segments: each ends at the lowest point after the highest peak of the rest.
fn cut_into_segments(steps: &[Segment], budget: &mut Budget<'_>) -> Result<Vec<Segment>, Stop> {
    let mut cut = Vec::new();
    let mut rest = steps;
    while !rest.is_empty() {
        budget.work(4 * rest.len())?;
        let (mut level, mut highest, mut lowest, mut end) = (0, i128::MIN, i128::MAX, 0);
        for (index, step) in rest.iter().enumerate() {
            // Of equal peaks the last one counts, so that the lowest point is sought after it.
            if level + step.hill >= highest {
                (highest, lowest) = (level + step.hill, i128::MAX);
            }
            level += step.net;
            if level <= lowest {
                (lowest, end) = (level, index + 1);
            }
        }
        let (segment, others) = rest.split_at(end);
        cut.push(Segment {
            operators: segment.iter().flat_map(|step| step.operators.iter().copied()).collect(),
            hill: highest,
            net: lowest,
        });
        rest = others;
    }
    Ok(cut)
}
