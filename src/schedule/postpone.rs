//! Reduction: operators that may run right before their only successor.

use super::merged::MergedOperator;
use super::network::Network;
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::unique;

/// Merges operators into their only successor if running right before it costs nothing in any order.
///
/// Decided: `v` runs immediately before its only successor `w`. Pruned: all orders in which other
/// operators run in between. This is sound for the following reasons. Let `v` write `K` bytes and
/// free at most `F <= K` bytes: its inputs that `w` does not read. In any order, move `v` later, to
/// the step before `w`. Each step in between loses `K` bytes and keeps at most `F` bytes, so it does
/// not grow. The new step of `v` takes the bytes live before `w` in the old order, minus `K`, plus
/// `F`, plus `K` and the transient bytes `T(v)`. This is at most the old step of `w` if `F + T(v)` is
/// at most the bytes that `w` adds. So both become one operator with the step of `w`. If other
/// operators read a freed tensor as well, `v` may be its last reader or not; [`Network::early`] lists
/// such tensors.
///
/// Two cases are excluded. The padding of a rounded-up tensor may be beyond the end of the arena
/// before the move and not after it. Inputs without a reader are live at the first step only, so the
/// identity of the first operator matters.
///
/// Costs O(tensors of the operator) for each operator that stays, and O(tensors of the two operators) for each
/// one that moves.
pub(super) fn postpone(network: &Network, budget: &mut Budget<'_>) -> Result<Vec<MergedOperator>, Stop> {
    let count = network.operator_count();
    let mut parts: Vec<MergedOperator> =
        (0..count).map(|operator| MergedOperator::single(network, operator)).collect();
    // Computed once for each operator, as an operator may have many predecessors and many permissions.
    let max_saved: Vec<u64> =
        (0..count).map(|operator| network.savings.max_bytes(operator, &network.sizes)).collect();
    let overwritten = network.savings.overwritten_by_operator();
    for operator in 0..count {
        let &[next] = network.after.row(operator) else { continue };
        let (moved, target) = (&parts[operator as usize], &parts[next as usize]);
        let overwrites = |tensor: u32| overwritten.binary_search(&(next, tensor)).is_ok();
        let Some(freed) = freed_by(network, (moved, operator), (target, next), overwrites) else { continue };
        budget.work(64 + moved.reads.len() + target.reads.len().min(MOST_CHARGED) + target.early.len())?;
        let (written, max_freed) = (network.bytes(&moved.writes), network.bytes(&freed));
        // A lower bound on what the successor adds at its step: its outputs and transient bytes, less
        // tensors that die before the fullest moment and less all possible savings.
        let max_saved = network.bytes(&target.early) + max_saved[next as usize];
        let bytes_added = (network.bytes(&target.writes) + target.transient).saturating_sub(max_saved);
        if max_freed <= written && max_freed + moved.transient <= bytes_added {
            let moved = std::mem::take(&mut parts[operator as usize]);
            prepend(&mut parts[next as usize], moved, &freed, written);
        }
    }
    Ok(parts)
}

/// Largest number of reads of a successor that count as work. Only a move visits all of them.
const MOST_CHARGED: usize = 1 << 12;

/// Prepends an operator to its successor.
fn prepend(target: &mut MergedOperator, moved: MergedOperator, freed: &[u32], written: u64) {
    let after = std::mem::replace(&mut target.sequence, moved.sequence);
    target.sequence.extend(after);
    target.reads.retain(|tensor| !moved.writes.contains(tensor));
    target.reads = unique([std::mem::take(&mut target.reads), moved.reads].concat());
    target.before.extend(moved.before);
    // Tensors that the successor reads as well do not die before its step.
    target.early.extend(moved.early.into_iter().filter(|tensor| freed.contains(tensor)));
    target.early.extend(freed);
    target.early = unique(std::mem::take(&mut target.early));
    // The outputs of the moved operator are internal now, and live during the step only.
    target.transient += written;
}

/// Returns the tensors that an operator may free before its successor runs, or none if the operator
/// must not be moved. `overwrites` tells which tensors the successor may overwrite.
fn freed_by(
    network: &Network,
    (part, operator): (&MergedOperator, u32),
    (target, next): (&MergedOperator, u32),
    overwrites: impl Fn(u32) -> bool,
) -> Option<Vec<u32>> {
    let has_padding = |operator: u32| {
        let paddings = &network.paddings;
        let row = network.writes.row(operator).iter().chain(network.reads.row(operator));
        paddings.transient[operator as usize] > 0
            || row.map(|&tensor| paddings.tensors[tensor as usize]).any(|padding| padding > 0)
    };
    let is_live_at_end = |tensor: u32| network.live_at_end[tensor as usize];
    // The successor must be the only reader of the operator's outputs.
    let read_by_others = |&tensor: &u32| network.readers.row(tensor) != [next];
    if network.first > 0
        || network.writes.row(operator).iter().any(|&tensor| overwrites(tensor))
        || network.writes.row(operator).iter().any(read_by_others)
        || (network.paddings.any && (has_padding(operator) || has_padding(next)))
        || network.writes.row(operator).iter().any(|&tensor| is_live_at_end(tensor))
    {
        return None;
    }
    // `target.reads` lists all tensors that the operators merged into `next` read and do not write
    // themselves.
    let read_by_next = |tensor: u32| target.reads.binary_search(&tensor).is_ok();
    Some(
        part.reads
            .iter()
            .copied()
            .filter(|&tensor| !is_live_at_end(tensor) && !read_by_next(tensor))
            .collect(),
    )
}
