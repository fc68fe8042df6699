//! Reduction: operators that cost nothing right after their only predecessor.

use super::merged::MergedOperator;
use super::network::Network;
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::unique;

/// Merges operators into their only predecessor if running right after it costs nothing in any
/// order. Typical cases are activation functions in place and views.
///
/// Decided: the operator runs immediately after its predecessor (the host). Pruned: all orders in
/// which other operators run in between. This is sound for the following reasons. The step takes
/// no more bytes than are live before it, because the operator writes its outputs in place of
/// inputs, and it leaves no more bytes live. In any order, moving the operator forward to the
/// step after its host raises no other step. The overwritten inputs die at the step in any order,
/// because the operator is their only reader.
///
/// Operators that free a rounded-up tensor are left alone: the padding of that tensor may have
/// been beyond the end of the arena.
///
/// Costs O(tensors of the operator and its host) for each operator.
pub(super) fn absorb(network: &Network, budget: &mut Budget<'_>) -> Result<Vec<MergedOperator>, Stop> {
    let count = network.operator_count();
    let mut parts: Vec<MergedOperator> = Vec::with_capacity(count as usize);
    for operator in 0..count {
        // Listing the tensors of an operator takes about a microsecond.
        budget.work(512)?;
        parts.push(MergedOperator::single(network, operator));
    }
    let mut into: Vec<u32> = (0..count).collect();
    for operator in 0..count {
        // The predecessor may itself have moved into an earlier host.
        let &[before] = network.before.row(operator) else { continue };
        budget.work(64)?;
        let host = into[before as usize];
        let host_part = &parts[host as usize];
        let dies_here = |tensor: u32| {
            network.readers.row(tensor) == [operator]
                && !network.live_at_end[tensor as usize]
                && host_part.writes.binary_search(&tensor).is_ok()
        };
        // The host must not overwrite a tensor that the operator still reads.
        let host_overwrites =
            |tensor: &u32| host_part.savings.iter().any(|saving| saving.overwritten.contains(tensor));
        let written = network.bytes(network.writes.row(operator));
        let dying: Vec<u32> =
            network.reads.row(operator).iter().copied().filter(|&tensor| dies_here(tensor)).collect();
        // Two conditions: the step adds nothing to the bytes live before it, and the outputs are not
        // larger than the inputs that die. The second one keeps the level after the step.
        let costs = network.added_bytes(operator, written, dies_here) > 0 || written > network.bytes(&dying);
        if costs
            || network.reads_padded(operator)
            || network.reads.row(operator).iter().any(host_overwrites)
            || network.first > 0
            || network.paddings.transient[operator as usize] > 0
        {
            continue;
        }
        let moved = std::mem::take(&mut parts[operator as usize]);
        append(network, &mut parts[host as usize], moved, &dying);
        into[operator as usize] = host;
    }
    Ok(parts)
}

/// Appends an operator to its host, which has written the tensors `dying` at the step.
fn append(network: &Network, host: &mut MergedOperator, moved: MergedOperator, dying: &[u32]) {
    let before = network.bytes(&host.writes);
    host.writes.retain(|tensor| !dying.contains(tensor));
    host.writes.extend(moved.writes);
    host.writes = unique(std::mem::take(&mut host.writes));
    // Tensors that no longer appear as written were live at the step, so they count as transient.
    let now = network.bytes(&host.writes);
    host.transient += before - now;
    let is_internal = |tensor: &u32| dying.contains(tensor) || host.writes.contains(tensor);
    let reads: Vec<u32> = moved.reads.into_iter().filter(|tensor| !is_internal(tensor)).collect();
    host.reads = unique([std::mem::take(&mut host.reads), reads].concat());
    host.sequence.extend(moved.sequence);
    host.before.extend(moved.before);
}
