//! Operators that cost nothing right after the one that they wait for.

use super::network::Network;
use super::reduce::Part;
use crate::limits::{Meter, Stop};
use crate::sorting::unique;

/// Puts operators right after the only one that they wait for, where that costs nothing in
/// any order: the step takes no more than what is live before it, as what it writes is
/// written in place, and leaves no more live. Activations after what they read, views.
///
/// Right after the other one, such an operator may run at once: whatever order an optimum
/// has, moving it to the front raises nothing. What it is written over must die at its step
/// in any order: it alone reads that.
///
/// Where what it frees was rounded up, that may have hung over the end of the arena; then it
/// is left alone.
///
/// # Errors
/// Why it must stop.
pub(super) fn absorb(network: &Network, meter: &mut Meter<'_>) -> Result<Vec<Part>, Stop> {
    let count = network.operator_count();
    let mut parts: Vec<Part> = Vec::with_capacity(count as usize);
    for operator in 0..count {
        // To list the tensors of an operator takes about a microsecond.
        meter.work(512)?;
        parts.push(Part::single(network, operator));
    }
    let mut into: Vec<u32> = (0..count).collect();
    for operator in 0..count {
        let &[before] = network.before.row(operator) else { continue };
        meter.work(64)?;
        let host = into[before as usize];
        let there = &parts[host as usize];
        let own = |tensor: u32| {
            network.readers.row(tensor) == [operator]
                && !network.stays[tensor as usize]
                && there.writes.binary_search(&tensor).is_ok()
        };
        // The host may not write over what this one still reads.
        let over = |tensor: &u32| there.saves.iter().any(|save| save.needs.contains(tensor));
        let written = network.bytes(network.writes.row(operator));
        let dying: Vec<u32> =
            network.reads.row(operator).iter().copied().filter(|&tensor| own(tensor)).collect();
        let costs = network.own_bytes(operator, written, own) > 0 || written > network.bytes(&dying);
        let padded = network.paddings.any
            && network
                .reads
                .row(operator)
                .iter()
                .any(|&tensor| network.paddings.tensors[tensor as usize] > 0);
        if costs
            || padded
            || network.reads.row(operator).iter().any(over)
            || network.first > 0
            || network.paddings.transient[operator as usize] > 0
        {
            continue;
        }
        let moved = std::mem::take(&mut parts[operator as usize]);
        put(network, &mut parts[host as usize], moved, &dying);
        into[operator as usize] = host;
    }
    Ok(parts)
}

/// Puts a part after another one, which has written what dies there.
fn put(network: &Network, host: &mut Part, moved: Part, dying: &[u32]) {
    let before = network.bytes(&host.writes);
    host.writes.retain(|tensor| !dying.contains(tensor));
    host.writes.extend(moved.writes);
    host.writes = unique(std::mem::take(&mut host.writes));
    // What was written and is no more took room at the step.
    let now = network.bytes(&host.writes);
    host.transient += before - now;
    let there = |tensor: &u32| dying.contains(tensor) || host.writes.contains(tensor);
    let reads: Vec<u32> = moved.reads.into_iter().filter(|tensor| !there(tensor)).collect();
    host.reads = unique([std::mem::take(&mut host.reads), reads].concat());
    host.sequence.extend(moved.sequence);
    host.before.extend(moved.before);
}
