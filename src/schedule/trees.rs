//! Trees of operators, put into the best order in polynomial time.

use super::network::Network;
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

/// A stretch of a tree's order that is run at once: nothing is gained by running others
/// in between.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    pub(super) operators: Vec<u32>,
    /// The most bytes within, above what is live before it.
    pub(super) hill: i128,
    /// Bytes live after it, above what is live before it.
    pub(super) net: i128,
}

impl Segment {
    /// At least 0, and no more than all sizes together.
    fn fall(&self) -> u64 {
        u64::try_from(self.hill - self.net).unwrap_or(0)
    }
}

/// The largest trees: each operator but the root is read by one other of the tree alone,
/// and nothing comes from outside but what is live throughout.
///
/// The order of a tree that needs least, whatever else runs in between (Liu, 1987): the
/// orders of the subtrees, each cut into segments, merged by how far each segment falls
/// from its hill, the deepest fall first; then the root. The first segment of the result
/// ends at the lowest point after its highest hill, and so on with the rest. What another
/// operator, outside of the tree, takes adds to every step alike, so an order that is no
/// higher at any depth is no worse there either.
///
/// O(n^2 log n) at worst; linear and a sort for each level of a balanced tree.
///
/// # Errors
/// Why it must stop.
pub(super) fn trees(network: &Network, meter: &mut Meter<'_>) -> Result<Vec<Vec<Segment>>, Stop> {
    let count = network.operator_count();
    if network.first > 0 || network.paddings.any {
        return Ok(Vec::new());
    }
    let mut orders: Vec<Option<Vec<Segment>>> = (0..count).map(|_| None).collect();
    for operator in 0..count {
        let below = network.before.row(operator);
        let whole = below.iter().all(|&child| {
            orders[child as usize].is_some()
                && network.after.row(child).len() == 1
                && reads_all(network, operator, child)
        });
        let own = |tensor: &u32| below.iter().any(|&child| network.writes.row(child).contains(tensor));
        if !whole || !network.reads.row(operator).iter().all(own) || !network.early.row(operator).is_empty() {
            continue;
        }
        let mut merged: Vec<Segment> =
            below.iter().flat_map(|&child| orders[child as usize].take().unwrap_or_default()).collect();
        meter.work(64 * merged.len())?;
        // What ties stays in its order, so that those of one child do.
        let mut places: Vec<usize> = (0..merged.len()).collect();
        sort_by_keys(&mut places, |&place| [!merged[place].fall(), 0]);
        let mut merged: Vec<Segment> =
            places.into_iter().map(|place| std::mem::take(&mut merged[place])).collect();
        let written = network.bytes(network.writes.row(operator));
        // All that it reads dies.
        let own = network.own_bytes(operator, written, |tensor| !network.stays[tensor as usize]);
        merged.push(Segment {
            operators: vec![operator],
            hill: own.into(),
            net: i128::from(written) - i128::from(network.bytes(network.reads.row(operator))),
        });
        orders[operator as usize] = Some(canonical(&merged, meter)?);
    }
    // What is a part of a larger tree was taken by that.
    let whole = orders.into_iter().flatten();
    Ok(whole.filter(|order| order.iter().map(|segment| segment.operators.len()).sum::<usize>() > 1).collect())
}

/// Whether all that a child writes is read by its parent, and does not stay.
fn reads_all(network: &Network, operator: u32, child: u32) -> bool {
    let reads = |tensor: &u32| network.readers.row(*tensor) == [operator] && !network.stays[*tensor as usize];
    network.writes.row(child).iter().all(reads)
}

/// Cut where it pays to stop: at the lowest point after the highest hill of what is left.
fn canonical(steps: &[Segment], meter: &mut Meter<'_>) -> Result<Vec<Segment>, Stop> {
    let mut cut = Vec::new();
    let mut rest = steps;
    while !rest.is_empty() {
        meter.work(4 * rest.len())?;
        let (mut level, mut highest, mut lowest, mut end) = (0, i128::MIN, i128::MAX, 0);
        for (place, step) in rest.iter().enumerate() {
            if level + step.hill >= highest {
                (highest, lowest) = (level + step.hill, i128::MAX);
            }
            level += step.net;
            if level <= lowest {
                (lowest, end) = (level, place + 1);
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
